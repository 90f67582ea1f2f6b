/* utf8.c - see utf8.h. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8_table.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Eight bytes at once: none is NUL or above 0x7f. */
static int all_ascii(uint64_t word)
{
    return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

static uint64_t eight(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof word);
    return word;
}

/* The first and the last four bytes; in between they may overlap. */
static uint64_t four_and_four(const char *text, size_t length)
{
    uint32_t low, high;

    memcpy(&low, text, sizeof low);
    memcpy(&high, text + length - sizeof high, sizeof high);
    return (uint64_t)high << 32 | low;
}

/* Bytes from `text` on that surely are ASCII and not NUL. Most texts are short and plain: they take a step or
 * two, the last of which looks at some bytes again rather than at each alone. */
static size_t ascii_run(const char *text, size_t length)
{
    size_t at = 0;

#if defined(__SSE2__)
    for (; length - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text + at));
        unsigned bad = (unsigned)_mm_movemask_epi8(_mm_or_si128(v, _mm_cmpeq_epi8(v, _mm_setzero_si128())));

        if (bad != 0)
            return at + (size_t)__builtin_ctz(bad);
    }
#endif
    for (; length - at >= 8; at += 8) {
        if (!all_ascii(eight(text + at)))
            return at;
    }
    if (length >= 8)
        return all_ascii(eight(text + length - 8)) ? length : at;
    if (length >= 4)
        return all_ascii(four_and_four(text, length)) ? length : 0;
    return 0;
}

/* The character at text[0..left), left > 0: its length in bytes and its code point; 0 when it is invalid. */
static size_t decode(const unsigned char *text, size_t left, uint32_t *code)
{
    unsigned lead = text[0];

    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4 || left < 2 || (text[1] & 0xc0) != 0x80)
        return 0;
    if (lead < 0xe0) {
        *code = (lead & 0x1f) << 6 | (text[1] & 0x3fu);
        return 2;
    }
    if (left < 3 || (text[2] & 0xc0) != 0x80)
        return 0;
    if (lead < 0xf0) {
        *code = (lead & 0x0f) << 12 | (text[1] & 0x3fu) << 6 | (text[2] & 0x3fu);
        return *code < 0x800 || (*code >= 0xd800 && *code <= 0xdfff) ? 0 : 3;
    }
    if (left < 4 || (text[3] & 0xc0) != 0x80)
        return 0;
    *code = (lead & 0x07) << 18 | (text[1] & 0x3fu) << 12 | (text[2] & 0x3fu) << 6 | (text[3] & 0x3fu);
    return *code < 0x10000 || *code > 0x10ffff ? 0 : 4;
}

size_t dvsi_utf8_valid(const char *text, size_t length)
{
    size_t at = 0;

    for (;;) {
        uint32_t code;
        size_t n;

        if (at == length)
            return at; /* also when there is no text at all */
        at += ascii_run(text + at, length - at);
        while (at < length && (unsigned char)text[at] < 0x80) {
            if (text[at] == '\0')
                return at;
            at++;
        }
        /* Text that is not ASCII mostly goes on so. */
        while (at < length && (unsigned char)text[at] >= 0x80) {
            n = decode((const unsigned char *)text + at, length - at, &code);
            if (n == 0)
                return at;
            at += n;
        }
    }
}

/* Characters that would change how the text around them is shown, or that cannot be seen. */
static int is_hidden(uint32_t code)
{
    return (code >= 0x80 && code <= 0x9f) || code == 0xad || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
           (code >= 0xe0000 && code <= 0xe007f);
}

/* Writes how one character is shown, at most 10 bytes; returns how many. n: its bytes, 0 if invalid. */
static size_t show_one(char out[10], const char *text, size_t n, uint32_t code)
{
    static const char hex[] = "0123456789abcdef";
    unsigned byte = (unsigned char)text[0];

    if (n == 1 && (code == '\n' || code == '\t' || code == '\r')) {
        out[0] = '\\';
        out[1] = code == '\n' ? 'n' : code == '\t' ? 't' : 'r';
        return 2;
    }
    if (n == 0 || (n == 1 && (code < 0x20 || code == 0x7f))) {
        out[0] = '\\';
        out[1] = 'x';
        out[2] = hex[byte >> 4];
        out[3] = hex[byte & 15];
        return 4;
    }
    if (n > 1 && is_hidden(code)) {
        size_t digits = code > 0xffff ? 8 : 4;

        out[0] = '\\';
        out[1] = code > 0xffff ? 'U' : 'u';
        for (size_t i = 0; i < digits; i++)
            out[2 + i] = hex[code >> (4 * (digits - 1 - i)) & 15];
        return 2 + digits;
    }
    memcpy(out, text, n);
    return n;
}

void dvsi_utf8_show(dvsi_buf *out, const char *text, size_t length, size_t most)
{
    size_t at = 0, shown = 0;

    while (at < length) {
        char one[10];
        uint32_t code = 0;
        size_t n = decode((const unsigned char *)text + at, length - at, &code);
        size_t size = show_one(one, text + at, n, code);

        if (most != 0 && size > most - shown) {
            dvsi_buf_puts(out, "\xe2\x80\xa6");
            return;
        }
        dvsi_buf_add(out, one, size);
        shown += size;
        at += n == 0 ? 1 : n;
    }
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

int dvsi_utf8_casecmp(const char *a, const char *b)
{
    while (*a != '\0' && (*a == *b || lower(*a) == lower(*b))) {
        a++;
        b++;
    }
    return lower(*a) - lower(*b);
}

static int in_table(const struct code_range *table, size_t count, uint32_t code)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (code > table[middle].last)
            low = middle + 1;
        else if (code < table[middle].first)
            high = middle;
        else
            return 1;
    }
    return 0;
}

size_t dvsi_utf8_width(const char *text, size_t length)
{
    size_t at = 0, width = 0;

    while (at < length) {
        uint32_t code = 0;
        size_t n = decode((const unsigned char *)text + at, length - at, &code);

        at += n == 0 ? 1 : n;
        if (n <= 1)
            width++;
        else if (in_table(wide_codes, sizeof wide_codes / sizeof wide_codes[0], code))
            width += 2;
        else if (!in_table(zero_codes, sizeof zero_codes / sizeof zero_codes[0], code))
            width++;
    }
    return width;
}
