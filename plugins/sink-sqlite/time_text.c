/* time_text.c - dates, timestamps and uuids as the one text each of them has in the database. */
#include "sink_sqlite.h"

#define DAY_MICROS INT64_C(86400000000)
#define FIRST_DAY INT64_C(-719162) /* 0001-01-01 */
#define LAST_DAY INT64_C(2932896)  /* 9999-12-31 */

static void put(char *out, int64_t value, int digits)
{
    while (digits-- > 0) {
        out[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

static int get(const char *text, int digits, int64_t *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        *value = *value * 10 + (text[i] - '0');
    }
    return 0;
}

/* Howard Hinnant's civil calendar: years from March on, in eras of 400 years (146,097 days). Day 0 of the
 * first era used here is 0000-03-01, which is 719,468 days before 1970-01-01. */
int sink_sqlite_date_write(int64_t days, char *out)
{
    int64_t era, day, year, month;
    if (days < FIRST_DAY || days > LAST_DAY)
        return -1;
    days += 719468;
    era = days / 146097;
    day = days - era * 146097;
    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    month = month < 10 ? month + 3 : month - 9;
    put(out, era * 400 + year + (month <= 2), 4);
    out[4] = '-';
    put(out + 5, month, 2);
    out[7] = '-';
    put(out + 8, day + 1, 2);
    return 0;
}

int sink_sqlite_date_read(const char *text, size_t length, int64_t *days)
{
    static const int8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day, era;
    bool leap;
    if (length != SINK_SQLITE_DATE_LENGTH || get(text, 4, &year) != 0 || text[4] != '-' ||
        get(text + 5, 2, &month) != 0 || text[7] != '-' || get(text + 8, 2, &day) != 0)
        return -1;
    leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap))
        return -1;
    year -= month <= 2;
    era = year / 400;
    year -= era * 400;
    day += (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 - 1;
    *days = era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
    return 0;
}

int sink_sqlite_timestamp_write(int64_t micros, char *out)
{
    int64_t days = micros / DAY_MICROS;
    int64_t rest = micros % DAY_MICROS;
    if (rest < 0) {
        rest += DAY_MICROS;
        days--;
    }
    if (sink_sqlite_date_write(days, out) != 0)
        return -1;
    out[10] = 'T';
    put(out + 11, rest / 3600000000, 2);
    out[13] = ':';
    put(out + 14, rest / 60000000 % 60, 2);
    out[16] = ':';
    put(out + 17, rest / 1000000 % 60, 2);
    out[19] = '.';
    put(out + 20, rest % 1000000, 6);
    out[26] = 'Z';
    return 0;
}

int sink_sqlite_timestamp_read(const char *text, size_t length, int64_t *micros)
{
    int64_t days, hour, minute, second, fraction;
    if (length != SINK_SQLITE_TIMESTAMP_LENGTH || sink_sqlite_date_read(text, 10, &days) != 0 ||
        text[10] != 'T' || get(text + 11, 2, &hour) != 0 || text[13] != ':' ||
        get(text + 14, 2, &minute) != 0 || text[16] != ':' || get(text + 17, 2, &second) != 0 ||
        text[19] != '.' || get(text + 20, 6, &fraction) != 0 || text[26] != 'Z' || hour > 23 || minute > 59 ||
        second > 59)
        return -1;
    *micros = days * DAY_MICROS + ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
    return 0;
}

static bool is_dash(size_t position)
{
    return position == 8 || position == 13 || position == 18 || position == 23;
}

void sink_sqlite_uuid_write(const uint8_t *bytes, char *out)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < 16; i++) {
        if (is_dash(n))
            out[n++] = '-';
        out[n++] = hex[bytes[i] >> 4];
        out[n++] = hex[bytes[i] & 15];
    }
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sink_sqlite_uuid_read(const char *text, size_t length, uint8_t *bytes)
{
    size_t n = 0;
    if (length != SINK_SQLITE_UUID_LENGTH)
        return -1;
    for (size_t i = 0; i < 16; i++) {
        int high, low;
        if (is_dash(n) && text[n++] != '-')
            return -1;
        high = nibble(text[n++]);
        low = nibble(text[n++]);
        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}
