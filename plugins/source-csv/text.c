/* text.c - UTF-8, names and texts for messages, a growing buffer. */
#include <stdlib.h>

#include "csv.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Bytes of the UTF-8 character at p (1 to 4), 0 when there is none; NUL is none. */
static size_t character(const unsigned char *p, size_t left)
{
    unsigned c = p[0];
    if (c < 0x80)
        return c != 0;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    size_t n = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (left < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    /* Overlong forms, surrogates, and what lies behind U+10FFFF. */
    if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F) || (c == 0xF0 && p[1] < 0x90) ||
        (c == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

/* How many bytes from `text` on surely are ASCII and not NUL. */
static inline size_t plain_length(const char *text, size_t length)
{
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= length; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        unsigned bad = (unsigned)_mm_movemask_epi8(_mm_or_si128(v, _mm_cmpeq_epi8(v, _mm_setzero_si128())));
        if (bad != 0)
            return i + (size_t)__builtin_ctz(bad);
    }
#endif
    while (i < length && (unsigned char)(text[i] - 1) < 0x7F)
        i++;
    return i;
}

size_t csv_text_check(const char *text, size_t length)
{
    size_t i = 0;
    while ((i += plain_length(text + i, length - i)) < length) {
        size_t n = character((const unsigned char *)text + i, length - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

const char *csv_text_show(char *out, size_t size, const char *text, size_t length)
{
    static const char hex[] = "0123456789abcdef";
    size_t o = 0;
    for (size_t i = 0; i < length;) {
        const unsigned char *p = (const unsigned char *)text + i;
        size_t n = character(p, length - i);
        if (o + 8 > size) { /* "...", and a NUL */
            memcpy(out + o, "...", 3);
            o += 3;
            break;
        }
        if (n == 0 || *p < 0x20 || *p == 0x7F) {
            out[o++] = '\\';
            out[o++] = 'x';
            out[o++] = hex[*p >> 4];
            out[o++] = hex[*p & 15];
            i++;
        } else {
            memcpy(out + o, p, n);
            o += n;
            i += n;
        }
    }
    out[o] = '\0';
    return out;
}

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

int csv_text_compare(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return (int)lower(*a) - (int)lower(*b);
}

uint64_t csv_text_hash(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

char *csv_buf_grow(csv_buf *buf, size_t more)
{
    if (more > SIZE_MAX / 4 - buf->length)
        return NULL;
    size_t need = buf->length + more;
    if (need > buf->capacity) {
        size_t capacity = need < 512 ? 1024 : need * 2;
        char *data = realloc(buf->data, capacity);
        if (data == NULL)
            return NULL;
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->length;
}

void csv_buf_trim(csv_buf *buf, size_t keep)
{
    if (buf->capacity > keep)
        csv_buf_free(buf);
}

void csv_buf_free(csv_buf *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof *buf);
}

int32_t csv_no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory while reading a CSV file");
}
