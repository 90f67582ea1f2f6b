/* uuid.c - see uuid.h. */
#include "data/uuid.h"

/* A dash stands before these bytes. */
static int after_dash(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void dvsi_uuid_format(const uint8_t uuid[16], char out[DVSI_UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < 16; i++) {
        if (after_dash(i))
            *out++ = '-';
        *out++ = hex[uuid[i] >> 4];
        *out++ = hex[uuid[i] & 15];
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int dvsi_uuid_parse(const char *text, size_t length, uint8_t uuid[16])
{
    uint8_t read[16];

    if (length == DVSI_UUID_TEXT + 2 && text[0] == '{' && text[length - 1] == '}') {
        text++;
        length -= 2;
    }
    if (length != DVSI_UUID_TEXT && length != 32)
        return -1;
    for (size_t i = 0; i < 16; i++) {
        int high, low;

        if (length == DVSI_UUID_TEXT && after_dash(i) && *text++ != '-')
            return -1;
        high = hex_value(*text++);
        low = hex_value(*text++);
        if (high < 0 || low < 0)
            return -1;
        read[i] = (uint8_t)(high << 4 | low);
    }
    for (size_t i = 0; i < 16; i++)
        uuid[i] = read[i];
    return 0;
}
