/* buf.c - see buf.h. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 64

/* Room for `length` more bytes and the NUL. 0 or -1. */
static int grow(dvsi_buf *buf, size_t length)
{
    size_t need, capacity;
    char *data;

    if (buf->failed)
        return -1;
    if (buf->capacity > buf->length && length < buf->capacity - buf->length)
        return 0;
    if (length >= (size_t)PTRDIFF_MAX - buf->length)
        goto fail;
    need = buf->length + length + 1;
    capacity = buf->capacity < BUF_FIRST ? BUF_FIRST : buf->capacity;
    while (capacity < need)
        capacity = capacity > (size_t)PTRDIFF_MAX / 2 ? need : capacity * 2;
    data = realloc(buf->data, capacity);
    if (data == NULL)
        goto fail;
    buf->data = data;
    buf->capacity = capacity;
    buf->data[buf->length] = '\0';
    return 0;
fail:
    buf->failed = 1;
    return -1;
}

void dvsi_buf_add(dvsi_buf *buf, const void *data, size_t length)
{
    if (grow(buf, length) != 0)
        return;
    if (length > 0)
        memcpy(buf->data + buf->length, data, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void dvsi_buf_puts(dvsi_buf *buf, const char *text)
{
    dvsi_buf_add(buf, text, strlen(text));
}

void dvsi_buf_putc(dvsi_buf *buf, char c)
{
    if (grow(buf, 1) != 0)
        return;
    buf->data[buf->length++] = c;
    buf->data[buf->length] = '\0';
}

void dvsi_buf_printf(dvsi_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    dvsi_buf_vprintf(buf, format, args);
    va_end(args);
}

void dvsi_buf_vprintf(dvsi_buf *buf, const char *format, va_list args)
{
    va_list again;
    int length;

    if (grow(buf, 0) != 0)
        return;
    va_copy(again, args);
    length = vsnprintf(buf->data + buf->length, buf->capacity - buf->length, format, args);
    if (length >= 0 && (size_t)length >= buf->capacity - buf->length) {
        buf->data[buf->length] = '\0';
        if (grow(buf, (size_t)length) == 0)
            length = vsnprintf(buf->data + buf->length, buf->capacity - buf->length, format, again);
    }
    va_end(again);
    if (buf->failed)
        return;
    if (length < 0) {
        buf->failed = 1;
        buf->data[buf->length] = '\0';
        return;
    }
    buf->length += (size_t)length;
}

/* Cleared, so that a NUL follows whatever the caller writes of it. */
char *dvsi_buf_reserve(dvsi_buf *buf, size_t length)
{
    if (grow(buf, length) != 0)
        return NULL;
    memset(buf->data + buf->length, 0, length + 1);
    return buf->data + buf->length;
}

const char *dvsi_buf_text(const dvsi_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *dvsi_buf_take(dvsi_buf *buf)
{
    char *data = NULL;

    if (grow(buf, 0) == 0) {
        data = buf->data;
        buf->data = NULL;
    }
    dvsi_buf_free(buf);
    return data;
}

void dvsi_buf_clear(dvsi_buf *buf)
{
    buf->length = 0;
    buf->failed = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void dvsi_buf_free(dvsi_buf *buf)
{
    if (buf == NULL)
        return;
    free(buf->data);
    memset(buf, 0, sizeof *buf);
}
