/*
 * value.h - text as typed cells, for sources whose systems give values as text. Strict: all of the text, no
 * blanks around it, nothing that depends on the locale. Compiled into each plugin that uses it.
 */
#ifndef PLUGIN_VALUE_H
#define PLUGIN_VALUE_H

#include <locale.h>
#include <stddef.h>
#include <stdint.h>

#include "dvsync/plugin.h"

/* The kind of a name ("int64"), 0 when there is none; and back. */
uint32_t plugin_value_kind(const char *name);
const char *plugin_value_kind_name(uint32_t kind);
#define PLUGIN_VALUE_KINDS "text|int64|double|decimal|bool|date|timestamp|uuid|json|bytes"
/* Reads `text` as `kind` into *cell. What does not stay in `text` is written to *scratch, which moves on; at
 * most length + 2 bytes (uuid: 16). 0, or -1 when it is no such value. `c_locale`: newlocale(LC_ALL_MASK,
 * "C"). */
int plugin_value_read(uint32_t kind, const char *text, size_t length, locale_t c_locale, char **scratch,
                      dvs_cell *cell);
/* What a value of `kind` looks like, for messages. */
const char *plugin_value_form(uint32_t kind);

/* Days, and microseconds, since 1970. 0, or -1. */
int plugin_time_date(const char *text, size_t length, int64_t *days);
int plugin_time_timestamp(const char *text, size_t length, int64_t *micros);

#endif
