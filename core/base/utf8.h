/* utf8.h - checking and showing UTF-8. */
#ifndef DVSI_BASE_UTF8_H
#define DVSI_BASE_UTF8_H

#include <stddef.h>

#include "base/buf.h"

/* Length of the longest valid prefix: no overlong forms, surrogates, code points past 10FFFF, or NUL.
 * Equal to `length` when all of it is valid. */
size_t dvsi_utf8_valid(const char *text, size_t length);
/* Adds text for a human to read: control, escape and bidi characters and invalid bytes as \n, \t,
 * \x1b, \u202e; a backslash stays. At most `most` bytes of output (0: all), then "…". */
void dvsi_utf8_show(dvsi_buf *out, const char *text, size_t length, size_t most);
/* Compares ASCII letters without regard to case, as SQLite compares identifiers. */
int dvsi_utf8_casecmp(const char *a, const char *b);
/* Terminal columns a valid UTF-8 text takes (wide characters 2). */
size_t dvsi_utf8_width(const char *text, size_t length);

#endif
