/*
 * time.c - dates and times as text. Accepted: RFC 3339 and what is near to it: 'T', 't' or a space between
 * date and time, seconds may be missing, a fraction of any length (cut off behind six digits), then Z, z or
 * an offset +hh:mm, +hhmm or +hh. A time without zone is refused: it would mean another moment on another
 * machine.
 */
#include "value.h"

static int digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads exactly `n` digits at *p; -1 when there are fewer. */
static int number(const char **p, const char *end, int n)
{
    int value = 0;
    if (end - *p < n)
        return -1;
    for (int i = 0; i < n; i++) {
        if (!digit((*p)[i]))
            return -1;
        value = value * 10 + ((*p)[i] - '0');
    }
    *p += n;
    return value;
}

static int skip(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return 0;
    (*p)++;
    return 1;
}

static int is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar (Howard Hinnant's days_from_civil). */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int read_date(const char **p, const char *end, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = number(p, end, 4);
    if (year < 1 || !skip(p, end, '-'))
        return -1;
    int month = number(p, end, 2);
    if (month < 1 || month > 12 || !skip(p, end, '-'))
        return -1;
    int day = number(p, end, 2);
    if (day < 1 || day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return -1;
    *days = days_of(year, month, day);
    return 0;
}

int plugin_time_date(const char *text, size_t length, int64_t *days)
{
    const char *p = text;
    const char *end = text + length;
    return read_date(&p, end, days) == 0 && p == end ? 0 : -1;
}

/* Microseconds since midnight. */
static int read_clock(const char **p, const char *end, int64_t *micros)
{
    int second = 0;
    int64_t fraction = 0;
    int hour = number(p, end, 2);
    if (hour < 0 || hour > 23 || !skip(p, end, ':'))
        return -1;
    int minute = number(p, end, 2);
    if (minute < 0 || minute > 59)
        return -1;
    if (skip(p, end, ':')) {
        second = number(p, end, 2);
        if (second < 0 || second > 60) /* 60: a leap second, the next minute's 0 */
            return -1;
        if (skip(p, end, '.')) {
            int64_t unit = 100000;
            if (*p == end || !digit(**p))
                return -1;
            for (; *p < end && digit(**p); (*p)++, unit /= 10)
                fraction += (**p - '0') * unit;
        }
    }
    *micros = ((hour * INT64_C(60) + minute) * 60 + second) * 1000000 + (second == 60 ? 0 : fraction);
    return 0;
}

/* The zone's distance from UTC in minutes. */
static int read_zone(const char **p, const char *end, int *minutes)
{
    *minutes = 0;
    if (skip(p, end, 'Z') || skip(p, end, 'z'))
        return 0;
    int sign = skip(p, end, '+') ? 1 : skip(p, end, '-') ? -1 : 0;
    if (sign == 0)
        return -1;
    int hour = number(p, end, 2);
    int minute = 0;
    if (hour < 0 || hour > 23)
        return -1;
    if (*p < end) {
        (void)skip(p, end, ':');
        minute = number(p, end, 2);
        if (minute < 0 || minute > 59)
            return -1;
    }
    *minutes = sign * (hour * 60 + minute);
    return 0;
}

int plugin_time_timestamp(const char *text, size_t length, int64_t *micros)
{
    const char *p = text;
    const char *end = text + length;
    int64_t days;
    int64_t time;
    int zone;
    if (read_date(&p, end, &days) != 0)
        return -1;
    if (!skip(&p, end, 'T') && !skip(&p, end, 't') && !skip(&p, end, ' '))
        return -1;
    if (read_clock(&p, end, &time) != 0 || read_zone(&p, end, &zone) != 0 || p != end)
        return -1;
    *micros = days * INT64_C(86400000000) + time - zone * INT64_C(60000000);
    /* Years 0001 to 9999, in UTC too. */
    return *micros >= INT64_C(-62135596800000000) && *micros <= INT64_C(253402300799999999) ? 0 : -1;
}
