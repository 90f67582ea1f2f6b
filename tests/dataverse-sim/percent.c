#include <stdlib.h>

#include "percent.h"

int sim_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *sim_percent_decode(const char *text, size_t n, int plus, size_t *length)
{
    char *decoded = malloc(n + 1);
    if (decoded == NULL)
        return NULL;
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        int high = text[i] == '%' && n - i > 2 ? sim_hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? sim_hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            decoded[to++] = (char)(high << 4 | low);
            i += 2;
        } else {
            decoded[to++] = plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    decoded[to] = '\0';
    if (length != NULL)
        *length = to;
    return decoded;
}
