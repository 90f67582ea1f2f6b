/* json_read.h - looking into the library's reports; what is missing or of another kind is told apart from
 * nothing. */
#ifndef DVSI_CLI_JSON_READ_H
#define DVSI_CLI_JSON_READ_H

#include <jansson.h>

#include "base/buf.h"

/* Parses a document of the library; NULL when it is none. */
json_t *dvsi_cli_json_load(const char *text);
/* A member's text, or `otherwise` when it is missing or no string. */
const char *dvsi_cli_json_text(const json_t *object, const char *name, const char *otherwise);
/* A member's number, 0 when it is missing or none. */
json_int_t dvsi_cli_json_int(const json_t *object, const char *name);
int dvsi_cli_json_true(const json_t *object, const char *name);
/* Adds a value for people: text escaped and cut at `most` bytes (0: all); NULL or null as "-". */
void dvsi_cli_json_show(dvsi_buf *out, const json_t *value, size_t most);
/* The same as JSON would write it, text in quotes, null as null: for old and new values. */
void dvsi_cli_json_quote(dvsi_buf *out, const json_t *value, size_t most);
/* "2026-01-31T10:00:00.000000Z" without its fraction. */
void dvsi_cli_json_time(dvsi_buf *out, const json_t *value);
/* A number of seconds as "0.25s", "12.3s", "4m 05s", "2h 03m". */
void dvsi_cli_json_duration(dvsi_buf *out, const json_t *seconds);
void dvsi_cli_duration(dvsi_buf *out, int64_t milliseconds);

#endif
