/* timetext.c - see timetext.h. */
#include "data/timetext.h"

#define DAY_MICROS INT64_C(86400000000)

/* Days since 1970-01-01 of a date, and back, in the proleptic Gregorian calendar: years are counted from
 * March, so that the leap day is the last of its year, in eras of 400 years (146097 days). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t era, year_of_era, day_of_year;

    year -= month <= 2;
    era = year / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_of(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    unsigned shifted = (unsigned)(days + 719468); /* since 0000-03-01, positive for all dates in range */
    unsigned era = shifted / 146097;
    unsigned day_of_era = shifted % 146097;
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned from_march = (5 * day_of_year + 2) / 153;

    *day = day_of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static char *put2(char *out, unsigned value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
    return out + 2;
}

static char *put_date(char *out, int64_t days)
{
    unsigned year, month, day;

    date_of(days, &year, &month, &day);
    out = put2(out, year / 100);
    out = put2(out, year % 100);
    *out++ = '-';
    out = put2(out, month);
    *out++ = '-';
    return put2(out, day);
}

static int64_t between(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

size_t dvsi_date_format(int64_t days, char out[DVSI_DATE_SIZE])
{
    *put_date(out, between(days, DVSI_DATE_MIN, DVSI_DATE_MAX)) = '\0';
    return DVSI_DATE_SIZE - 1;
}

size_t dvsi_timestamp_format(int64_t micros, char out[DVSI_TIMESTAMP_SIZE])
{
    int64_t days, rest;
    unsigned seconds, fraction;
    char *to = out;

    micros = between(micros, DVSI_TIMESTAMP_MIN, DVSI_TIMESTAMP_MAX);
    days = micros / DAY_MICROS;
    rest = micros % DAY_MICROS;
    if (rest < 0) {
        rest += DAY_MICROS;
        days--;
    }
    seconds = (unsigned)(rest / 1000000);
    fraction = (unsigned)(rest % 1000000);
    to = put_date(to, days);
    *to++ = 'T';
    to = put2(to, seconds / 3600);
    *to++ = ':';
    to = put2(to, seconds / 60 % 60);
    *to++ = ':';
    to = put2(to, seconds % 60);
    *to++ = '.';
    to = put2(to, fraction / 10000);
    to = put2(to, fraction / 100 % 100);
    to = put2(to, fraction % 100);
    *to++ = 'Z';
    *to = '\0';
    return (size_t)(to - out);
}

/* Exactly two digits at *text; the number, or -1. */
static int take2(const char **text, const char *end)
{
    const char *at = *text;

    if (end - at < 2 || at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return -1;
    *text = at + 2;
    return (at[0] - '0') * 10 + (at[1] - '0');
}

static int take_char(const char **text, const char *end, char c)
{
    if (*text == end || **text != c)
        return 0;
    (*text)++;
    return 1;
}

static int take_date(const char **text, const char *end, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int century, year, month, day, length;

    if ((century = take2(text, end)) < 0 || (year = take2(text, end)) < 0 || !take_char(text, end, '-') ||
        (month = take2(text, end)) < 0 || !take_char(text, end, '-') || (day = take2(text, end)) < 0)
        return -1;
    year += century * 100;
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return -1;
    length = lengths[month - 1];
    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        length++;
    if (day > length)
        return -1;
    *days = days_of(year, (unsigned)month, (unsigned)day);
    return 0;
}

int dvsi_date_parse(const char *text, size_t length, int64_t *days)
{
    const char *end;
    int64_t value;

    if (length == 0)
        return -1;
    end = text + length;
    if (take_date(&text, end, &value) != 0 || text != end)
        return -1;
    *days = value;
    return 0;
}

/* "Z" or an offset; its minutes. 0 or -1. */
static int take_zone(const char **text, const char *end, int *minutes)
{
    int hour, minute = 0, minus;

    *minutes = 0;
    if (take_char(text, end, 'Z') || take_char(text, end, 'z'))
        return 0;
    minus = take_char(text, end, '-');
    if (!minus && !take_char(text, end, '+'))
        return -1;
    hour = take2(text, end);
    if (hour < 0 || hour > 23)
        return -1;
    if (*text < end) {
        take_char(text, end, ':');
        minute = take2(text, end);
        if (minute < 0 || minute > 59)
            return -1;
    }
    *minutes = (hour * 60 + minute) * (minus ? -1 : 1);
    return 0;
}

/* A fraction of any length behind its point, in microseconds. 0 or -1. */
static int take_fraction(const char **text, const char *end, int *micros)
{
    const char *at = *text;
    int unit = 100000;

    *micros = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        *micros += (*at - '0') * unit;
        unit /= 10;
    }
    if (at == *text)
        return -1;
    *text = at;
    return 0;
}

int dvsi_timestamp_parse(const char *text, size_t length, int64_t *micros)
{
    const char *end;
    int hour, minute, second = 0, fraction = 0, offset;
    int64_t days, value;

    if (length == 0)
        return -1;
    end = text + length;
    if (take_date(&text, end, &days) != 0)
        return -1;
    if (!take_char(&text, end, 'T') && !take_char(&text, end, 't') && !take_char(&text, end, ' '))
        return -1;
    if ((hour = take2(&text, end)) < 0 || hour > 23 || !take_char(&text, end, ':') ||
        (minute = take2(&text, end)) < 0 || minute > 59)
        return -1;
    if (take_char(&text, end, ':')) {
        if ((second = take2(&text, end)) < 0 || second > 60)
            return -1;
        if (take_char(&text, end, '.') && take_fraction(&text, end, &fraction) != 0)
            return -1;
    }
    if (take_zone(&text, end, &offset) != 0 || text != end)
        return -1;
    value = days * DAY_MICROS + ((int64_t)hour * 3600 + ((int64_t)minute - offset) * 60 + second) * 1000000 +
            fraction;
    if (value < DVSI_TIMESTAMP_MIN || value > DVSI_TIMESTAMP_MAX)
        return -1;
    *micros = value;
    return 0;
}
