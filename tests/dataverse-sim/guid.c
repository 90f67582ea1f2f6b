#include <string.h>

#include "guid.h"
#include "percent.h"

/* Which byte of the text stands at each place of the order. */
static const uint8_t byte_at[16] = {10, 11, 12, 13, 14, 15, 8, 9, 7, 6, 5, 4, 3, 2, 1, 0};

int sim_guid_parse(const char *text, size_t length, struct sim_guid *guid)
{
    if (length == SIM_GUID_TEXT + 2 && text[0] == '{' && text[length - 1] == '}') {
        text++;
        length -= 2;
    }
    if (length != SIM_GUID_TEXT)
        return -1;
    uint8_t bytes[16];
    size_t n = 0;
    for (size_t i = 0; i < SIM_GUID_TEXT;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-')
                return -1;
            continue;
        }
        int high = sim_hex_digit(text[i]);
        int low = sim_hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        bytes[n++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    for (size_t i = 0; i < 16; i++)
        guid->order[i] = bytes[byte_at[i]];
    return 0;
}

void sim_guid_print(const struct sim_guid *guid, char text[SIM_GUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    for (size_t i = 0; i < 16; i++)
        bytes[byte_at[i]] = guid->order[i];
    char *at = text;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at = '\0';
}

int sim_guid_compare(const struct sim_guid *a, const struct sim_guid *b)
{
    return memcmp(a->order, b->order, sizeof a->order);
}

uint64_t sim_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t sim_hash(const void *bytes, size_t n, uint64_t seed)
{
    const unsigned char *at = bytes;
    uint64_t hash = 0xcbf29ce484222325u ^ sim_mix(seed);
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return sim_mix(hash);
}

struct sim_guid sim_guid_make(uint64_t seed, uint64_t table, uint64_t index)
{
    static const uint8_t nodes[4][3] = {
        {0x00, 0x0d, 0x3a}, {0x00, 0x22, 0x48}, {0x60, 0x45, 0xbd}, {0x7c, 0x1e, 0x52}};
    uint64_t a = sim_mix(seed ^ sim_mix(table ^ sim_mix(index)));
    uint64_t b = sim_mix(a ^ index);
    struct sim_guid guid;
    uint8_t *order = guid.order;
    memcpy(order, nodes[a & 3], 3);
    for (unsigned i = 0; i < 3; i++)
        order[3 + i] = (uint8_t)(a >> (8 + 8 * i));
    order[6] = (uint8_t)(0x80 | (a >> 32 & 0x3f));
    order[7] = (uint8_t)(a >> 40);
    order[8] = 0x11; /* version 1, years 2023 to 2025 */
    order[9] = (uint8_t)(0xed + (a >> 48) % 3);
    for (unsigned i = 0; i < 6; i++)
        order[10 + i] = (uint8_t)(b >> (8 * i));
    /* order[8] and [9] are text bytes 7 and 6: "11" stands behind, as in ...-ee11-... */
    return guid;
}
