/* utf8.c - is it text? */
#include "sink_sqlite.h"

/* Length of the valid sequence of several bytes at `p`, 0 when there is none. RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF. */
static size_t sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    if (left < 2 || (p[1] & 0xc0) != 0x80)
        return 0;
    if (p[0] < 0xe0)
        return 2;
    if (left < 3 || (p[2] & 0xc0) != 0x80 || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
        return 0;
    if (p[0] < 0xf0)
        return 3;
    if (left < 4 || (p[3] & 0xc0) != 0x80 || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return 4;
}

/* Eight bytes at once: all are ASCII, none is NUL. */
static bool plain(uint64_t word)
{
    return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

static uint64_t eight(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* The first and the last four of at least four bytes. */
static uint64_t ends(const unsigned char *p, size_t length)
{
    uint32_t low, high;
    memcpy(&low, p, sizeof low);
    memcpy(&high, p + length - sizeof high, sizeof high);
    return (uint64_t)high << 32 | low;
}

/* Bytes that surely are ASCII and not NUL; the end is looked at with words that overlap what came before. */
static size_t plain_run(const unsigned char *p, size_t length)
{
    size_t i = 0;
    for (; length - i >= 8; i += 8) {
        if (!plain(eight(p + i)))
            return i;
    }
    if (length >= 8)
        return plain(eight(p + length - 8)) ? length : i;
    return length >= 4 && plain(ends(p, length)) ? length : 0;
}

bool sink_sqlite_utf8_valid(const void *text, size_t length)
{
    const unsigned char *p = text;
    size_t i = 0;
    while ((i += plain_run(p + i, length - i)) < length) {
        while (i < length && p[i] < 0x80) {
            if (p[i++] == 0)
                return false;
        }
        while (i < length && p[i] >= 0x80) {
            size_t n = sequence(p + i, length - i);
            if (n == 0)
                return false;
            i += n;
        }
    }
    return true;
}
