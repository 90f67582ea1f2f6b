/* values.h - cells as text and JSON, for the test plugins, which may not use the core's functions. */
#ifndef TESTKIT_VALUES_H
#define TESTKIT_VALUES_H

#include <jansson.h>

#include "dvsync/plugin.h"

/* "text", "int64", ... as in project files; NULL and -1 for what is none. */
const char *testkit_kind_name(uint32_t kind);
int testkit_kind_from_name(const char *name);
const char *testkit_op_name(uint32_t op);
/* "ok", "network", ... and back; -1 when there is no such status. */
const char *testkit_status_name(int32_t status);
int32_t testkit_status_from_name(const char *name);

/* Each reads the whole text; 0 or -1. */
int testkit_date_parse(const char *text, size_t length, int64_t *days);
int testkit_timestamp_parse(const char *text, size_t length, int64_t *micros);
int testkit_uuid_parse(const char *text, size_t length, uint8_t out[16]);
/* `out` has room for length / 2 and length / 4 * 3 bytes. */
int testkit_hex_parse(const char *text, size_t length, uint8_t *out, size_t *n);
int testkit_base64_parse(const char *text, size_t length, uint8_t *out, size_t *n);

/* The value for a log line; text that is no UTF-8 and bytes as {"hex": …}. NULL when memory is out. */
json_t *testkit_cell_json(const dvs_cell *cell);
json_t *testkit_text_json(const void *data, size_t length);

#endif
