/* base64.c - see base64.h. */
#include "data/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void dvsi_base64_encode(dvsi_buf *out, const void *data, size_t length)
{
    const uint8_t *from = data;
    size_t size;
    char *to;

    if (length > (size_t)PTRDIFF_MAX / 2) {
        out->failed = 1;
        return;
    }
    size = (length + 2) / 3 * 4;
    to = dvsi_buf_reserve(out, size);
    if (to == NULL)
        return;
    for (; length >= 3; length -= 3, from += 3, to += 4) {
        to[0] = digits[from[0] >> 2];
        to[1] = digits[(from[0] & 3) << 4 | from[1] >> 4];
        to[2] = digits[(from[1] & 15) << 2 | from[2] >> 6];
        to[3] = digits[from[2] & 63];
    }
    if (length > 0) {
        unsigned second = length == 2 ? from[1] : 0;

        to[0] = digits[from[0] >> 2];
        to[1] = digits[(from[0] & 3u) << 4 | second >> 4];
        to[2] = length == 2 ? digits[(second & 15) << 2] : '=';
        to[3] = '=';
    }
    out->length += size;
}

/* 0 to 63, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

uint8_t *dvsi_base64_decode(dvsi_arena *arena, const char *text, size_t text_length, size_t *length)
{
    size_t padding = 0, size, at = 0;
    uint32_t bits = 0;
    uint8_t *out;

    *length = 0;
    if (text_length % 4 != 0)
        return NULL;
    if (text_length > 0 && text[text_length - 1] == '=')
        padding = text[text_length - 2] == '=' ? 2 : 1;
    size = text_length / 4 * 3 - padding;
    out = (uint8_t *)dvsi_arena_alloc(arena, size + 1);
    if (out == NULL) {
        *length = SIZE_MAX;
        return NULL;
    }
    for (size_t i = 0; i < text_length - padding; i++) {
        int value = value_of(text[i]);

        if (value < 0)
            return NULL;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 > 0) /* the second, third and fourth digit each complete a byte */
            out[at++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    if ((padding == 1 && (bits & 3) != 0) || (padding == 2 && (bits & 15) != 0))
        return NULL;
    out[size] = 0;
    *length = size;
    return out;
}
