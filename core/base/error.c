/* error.c - see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "dvsync/plugin.h" /* DVS_HAS */

/* Makes text that may have been cut at `length` bytes one line that ends in a whole character. */
static void tidy(char *text, size_t length)
{
    size_t back = length;

    while (back > 0 && length - back < 3 && ((unsigned char)text[back - 1] & 0xc0) == 0x80)
        back--;
    if (back > 0 && (unsigned char)text[back - 1] >= 0xc0) {
        unsigned char lead = (unsigned char)text[back - 1];
        size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

        if (length - (back - 1) < want)
            text[back - 1] = '\0';
    }
    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\r')
            *text = ' ';
    }
}

/* Bytes of *err that may be written; an error that nobody initialised counts as a whole one. */
static size_t writable(const dvs_error *err)
{
    return err->struct_size == 0 || err->struct_size > sizeof *err ? sizeof *err : err->struct_size;
}

static void put_message(dvs_error *err, const char *message)
{
    size_t size = writable(err), length;

    if (size <= offsetof(dvs_error, message))
        return;
    size -= offsetof(dvs_error, message);
    length = strlen(message);
    if (length >= size)
        length = size - 1;
    memcpy(err->message, message, length);
    err->message[length] = '\0';
    tidy(err->message, length);
}

int32_t dvsi_error_set(dvs_error *err, int32_t status, const char *format, ...)
{
    char message[DVS_ERROR_MESSAGE_SIZE]; /* apart, as the arguments may point into *err */
    dvs_error fresh = DVS_ERROR_INIT;
    va_list args;

    if (err == NULL)
        return status;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        message[0] = '\0';
    va_end(args);
    fresh.struct_size = err->struct_size != 0 ? err->struct_size : (uint32_t)sizeof *err;
    fresh.status = status;
    memcpy(err, &fresh,
           writable(err) < offsetof(dvs_error, message) ? writable(err) : offsetof(dvs_error, message));
    put_message(err, message);
    return status;
}

int32_t dvsi_error_no_memory(dvs_error *err)
{
    return dvsi_error_set(err, DVS_E_NO_MEMORY, "out of memory");
}

void dvsi_error_clear(dvs_error *err)
{
    if (err == NULL)
        return;
    memset(err, 0, sizeof *err);
    err->struct_size = (uint32_t)sizeof *err;
}
