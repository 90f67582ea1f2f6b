/* utf8.c - is it text? */
#include "sink_sqlite.h"

/* Length of the valid sequence at `p`, 0 when there is none or a NUL. RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF. */
static size_t sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return p[0] != 0;
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

bool sink_sqlite_utf8_valid(const void *text, size_t length)
{
    const unsigned char *p = text;
    size_t i = 0;
    while (i < length) {
        uint64_t word;
        size_t n;
        if (length - i >= sizeof word) {
            /* Eight ASCII bytes at once, none of them NUL. */
            memcpy(&word, p + i, sizeof word);
            if (((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        n = sequence(p + i, length - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}
