#include "store_time.h"

/* Days since 1970-01-01 of a date of the Gregorian calendar, counted in eras of 400 years that begin in
 * March. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct sim_moment sim_time_split(int64_t time)
{
    struct sim_moment m;
    int64_t day = time / SIM_DAY;
    int64_t rest = time % SIM_DAY;
    if (rest < 0) {
        rest += SIM_DAY;
        day--;
    }
    m.micro = (unsigned)(rest % SIM_SECOND);
    int64_t seconds = rest / SIM_SECOND;
    m.hour = (unsigned)(seconds / 3600);
    m.minute = (unsigned)(seconds / 60 % 60);
    m.second = (unsigned)(seconds % 60);
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    m.day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
    m.month = (unsigned)(month < 10 ? month + 3 : month - 9);
    m.year = year + era * 400 + (m.month <= 2 ? 1 : 0);
    return m;
}

static char *digits(char *at, unsigned value, unsigned n)
{
    for (unsigned i = n; i > 0; i--) {
        at[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + n;
}

size_t sim_time_print(int64_t time, int date_only, char *text)
{
    struct sim_moment m = sim_time_split(time);
    char *at = digits(text, (unsigned)m.year, 4);
    *at++ = '-';
    at = digits(at, m.month, 2);
    *at++ = '-';
    at = digits(at, m.day, 2);
    if (!date_only) {
        *at++ = 'T';
        at = digits(at, m.hour, 2);
        *at++ = ':';
        at = digits(at, m.minute, 2);
        *at++ = ':';
        at = digits(at, m.second, 2);
        *at++ = 'Z';
    }
    *at = '\0';
    return (size_t)(at - text);
}

/* n digits at text[*at]; -1 when there are others. */
static int64_t number(const char *text, size_t length, size_t *at, size_t n)
{
    int64_t value = 0;
    if (length - *at < n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        char c = text[(*at)++];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    return value;
}

static int sign(const char *text, size_t length, size_t *at, char c)
{
    if (*at >= length || text[*at] != c)
        return -1;
    (*at)++;
    return 0;
}

static int clock_of(const char *text, size_t length, size_t *at, int64_t *time)
{
    int64_t hour = number(text, length, at, 2);
    if (sign(text, length, at, ':') != 0)
        return -1;
    int64_t minute = number(text, length, at, 2);
    int64_t second = 0;
    if (sign(text, length, at, ':') == 0)
        second = number(text, length, at, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return -1;
    *time += (hour * 3600 + minute * 60 + second) * SIM_SECOND;
    if (sign(text, length, at, '.') == 0) {
        int64_t unit = SIM_SECOND;
        size_t n = 0;
        for (; *at < length && text[*at] >= '0' && text[*at] <= '9'; n++) {
            unit /= 10;
            *time += unit * (text[(*at)++] - '0');
        }
        if (n == 0 || n > 7)
            return -1;
    }
    if (sign(text, length, at, 'Z') == 0)
        return 0;
    int64_t east = *at < length && text[*at] == '+' ? 1 : -1;
    if (*at >= length || (text[*at] != '+' && text[*at] != '-'))
        return -1;
    (*at)++;
    hour = number(text, length, at, 2);
    if (sign(text, length, at, ':') != 0)
        return -1;
    minute = number(text, length, at, 2);
    if (hour < 0 || hour > 14 || minute < 0 || minute > 59)
        return -1;
    *time -= east * (hour * 3600 + minute * 60) * SIM_SECOND;
    return 0;
}

int sim_time_parse(const char *text, size_t length, int64_t *time)
{
    static const unsigned char days_in[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    size_t at = 0;
    int64_t year = number(text, length, &at, 4);
    if (year < 1 || sign(text, length, &at, '-') != 0)
        return -1;
    int64_t month = number(text, length, &at, 2);
    if (month < 1 || month > 12 || sign(text, length, &at, '-') != 0)
        return -1;
    int64_t day = number(text, length, &at, 2);
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day < 1 || day > days_in[month - 1] || (month == 2 && day == 29 && !leap))
        return -1;
    *time = days_of(year, (unsigned)month, (unsigned)day) * SIM_DAY;
    if (at == length)
        return 0;
    if (sign(text, length, &at, 'T') != 0)
        return -1;
    return clock_of(text, length, &at, time) == 0 && at == length ? 0 : -1;
}
