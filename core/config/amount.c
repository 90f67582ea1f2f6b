/* Limits and durations as they are written in projects and on the command line. */
#include "config/project.h"

#include <string.h>

#include "base/number.h"

int dvsi_limit_parse(const char *text, dvsi_limit *limit)
{
    size_t length = strlen(text);
    dvsi_limit read = {0};

    if (length == 0 || text[0] < '0' || text[0] > '9') /* no sign, no space */
        return -1;
    if (text[length - 1] == '%') {
        read.is_percent = 1;
        if (strspn(text, "0123456789.") != length - 1 ||
            dvsi_number_to_double(text, length - 1, &read.percent) || read.percent > 100)
            return -1;
    } else if (dvsi_number_to_int64(text, length, &read.count)) {
        return -1;
    }
    *limit = read;
    return 0;
}

int dvsi_duration_parse(const char *text, int64_t *micros)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    size_t length = strlen(text);
    int64_t count;

    if (strcmp(text, "0") == 0) {
        *micros = 0;
        return 0;
    }
    if (length < 2 || text[0] < '0' || text[0] > '9' || dvsi_number_to_int64(text, length - 1, &count))
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].unit != text[length - 1])
            continue;
        if (count > INT64_MAX / 1000000 / units[i].seconds)
            return -1;
        *micros = count * units[i].seconds * 1000000;
        return 0;
    }
    return -1;
}
