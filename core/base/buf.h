/* buf.h - a growing byte string. */
#ifndef DVSI_BASE_BUF_H
#define DVSI_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty buffer. `data` ends in NUL (not counted) as soon as anything was added. When
 * memory runs out `failed` is set, the content stays as it was, and further additions do nothing: add
 * freely, test once. */
typedef struct dvsi_buf {
    char *data;
    size_t length;
    size_t capacity;
    int failed;
} dvsi_buf;

void dvsi_buf_add(dvsi_buf *buf, const void *data, size_t length);
void dvsi_buf_puts(dvsi_buf *buf, const char *text);
void dvsi_buf_putc(dvsi_buf *buf, char c);
/* Numbers are printed without regard to the locale by the functions of number.h, not here. */
void dvsi_buf_printf(dvsi_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void dvsi_buf_vprintf(dvsi_buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Room for `length` more bytes; where to write them, or NULL. Then add to `length` what was written. */
char *dvsi_buf_reserve(dvsi_buf *buf, size_t length);
/* The content as a NUL-terminated string ("" when empty); still the buffer's. */
const char *dvsi_buf_text(const dvsi_buf *buf);
/* Hands the content to the caller (free() it), leaves the buffer empty; NULL if it failed. */
char *dvsi_buf_take(dvsi_buf *buf);
void dvsi_buf_clear(dvsi_buf *buf); /* keeps the memory, forgets a failure */
void dvsi_buf_free(dvsi_buf *buf);

#endif
