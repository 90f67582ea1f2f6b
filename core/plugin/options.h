/* options.h - option tables: made plain and checked once, at load, and values read by them. */
#ifndef DVSI_PLUGIN_OPTIONS_H
#define DVSI_PLUGIN_OPTIONS_H

#include "base/arena.h"
#include "base/buf.h"
#include "dvsync/plugin.h"

/* Copies a table of any stride into `arena`, as an array of dvs_option. DVS_E_ABI, `where` ("FILE: source
 * table of x") before the message, when it cannot be used. */
int32_t dvsi_options_take(dvsi_arena *arena, const char *where, const dvs_option *options, uint32_t n,
                          uint32_t stride, const dvs_option **taken, dvs_error *err);

/*
 * Reads one value: TEXT, INT, BOOL, PATH or CHOICE (PATH as it stands). The cell shares `text`, which ends in
 * NUL. 0, or -1 after adding to `why` what is wrong: "must be a whole number between 1 and 10"; never the
 * value itself.
 */
int dvsi_option_parse(const dvs_option *option, const char *text, size_t length, dvs_cell *value,
                      dvsi_buf *why);
/* True when `text` is one of "a|b|c". */
int dvsi_option_has_choice(const char *choices, const char *text);
/* Adds "a, b or c". */
void dvsi_option_list_choices(dvsi_buf *out, const char *choices);

#endif
