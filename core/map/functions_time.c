/* functions_time.c - to_date and to_timestamp. */
#include "map/expression_parts.h"

#include <stdio.h>
#include <string.h>

#include "data/timetext.h"

#define HAS_YEAR 1u
#define HAS_MONTH 2u
#define HAS_DAY 4u
#define HAS_TIME 8u
#define HAS_ZONE 16u
#define HAS_EPOCH 32u
#define HAS_DATE (HAS_YEAR | HAS_MONTH | HAS_DAY)

typedef struct moment {
    int64_t epoch; /* seconds, of %s */
    int year, month, day, hour, minute, second, micros;
    int afternoon; /* -1: %p did not say */
    int offset;    /* minutes */
} moment;

static const char conversions[] = "YymdebBHIpMSfzs%";

/* What a format holds, or 0 when it is none. */
static uint32_t look_at_format(const dvsi_function_text *format)
{
    uint32_t has = 0;
    for (size_t i = 0; i < format->length; i++) {
        if (format->text[i] != '%')
            continue;
        if (++i == format->length || format->text[i] == '\0' || strchr(conversions, format->text[i]) == NULL)
            return 0;
        char c = format->text[i];
        has |= c == 'Y' || c == 'y' ? HAS_YEAR : 0;
        has |= c == 'm' || c == 'b' || c == 'B' ? HAS_MONTH : 0;
        has |= c == 'd' || c == 'e' ? HAS_DAY : 0;
        has |= strchr("HIpMSf", c) != NULL ? HAS_TIME : 0;
        has |= c == 'z' ? HAS_ZONE : 0;
        has |= c == 's' ? HAS_EPOCH : 0;
    }
    return has;
}

/* A number of `least` to `most` digits; -1: it is none. */
static int take_int(const char **at, const char *end, int least, int most)
{
    int value = 0, n = 0;
    for (; n < most && *at < end && **at >= '0' && **at <= '9'; n++)
        value = value * 10 + *(*at)++ - '0';
    return n >= least ? value : -1;
}

static int take_month(const char **at, const char *end)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int i = 0; i < 12; i++) {
        size_t length = strlen(names[i]), left = (size_t)(end - *at);
        if (left >= length && sqlite3_strnicmp(*at, names[i], (int)length) == 0)
            *at += length;
        else if (left >= 3 && sqlite3_strnicmp(*at, names[i], 3) == 0)
            *at += 3;
        else
            continue;
        return i + 1;
    }
    return -1;
}

/* A fraction of a second, one to nine digits, what lies beyond six is cut off; -1: it is none. */
static int take_micros(const char **at, const char *end)
{
    int value = 0, n = 0;
    for (; n < 9 && *at < end && **at >= '0' && **at <= '9'; n++, ++*at)
        value = n < 6 ? value * 10 + **at - '0' : value;
    for (int i = n; i < 6; i++)
        value *= 10;
    return n != 0 ? value : -1;
}

static int take_epoch(const char **at, const char *end, int64_t *seconds)
{
    int minus = *at < end && **at == '-';
    int n = 0;
    *seconds = 0;
    for (*at += minus; n < 12 && *at < end && **at >= '0' && **at <= '9'; n++)
        *seconds = *seconds * 10 + *(*at)++ - '0';
    *seconds = minus ? -*seconds : *seconds;
    return n != 0 ? 0 : -1;
}

/* Z, UTC, +hh, +hhmm, +hh:mm: how many bytes; 0: it is none. Timestamps know how offsets are written. */
static size_t take_offset(const char *at, size_t length, int *minutes)
{
    static const char base[] = "2000-01-01T00:00:00";
    char text[sizeof base + 6];
    int64_t utc = 0, shifted = 0;
    (void)dvsi_timestamp_parse("2000-01-01T00:00:00Z", 20, &utc);
    if (length >= 3 && sqlite3_strnicmp(at, "utc", 3) == 0) {
        *minutes = 0;
        return 3;
    }
    for (size_t n = length < 6 ? length : 6; n > 0; n--) {
        memcpy(text, base, sizeof base - 1);
        memcpy(text + sizeof base - 1, at, n);
        if (dvsi_timestamp_parse(text, sizeof base - 1 + n, &shifted) == 0) {
            *minutes = (int)((utc - shifted) / 60000000);
            return n;
        }
    }
    return 0;
}

/* One conversion; 0 or -1. */
static int take_part(char conversion, const char **at, const char *end, moment *m)
{
    size_t n;
    switch (conversion) {
    case 'Y':
        return (m->year = take_int(at, end, 4, 4)) < 0 ? -1 : 0;
    case 'y': /* as POSIX has it */
        if ((m->year = take_int(at, end, 2, 2)) < 0)
            return -1;
        m->year += m->year >= 69 ? 1900 : 2000;
        return 0;
    case 'm':
        return (m->month = take_int(at, end, 1, 2)) < 0 ? -1 : 0;
    case 'b':
    case 'B':
        return (m->month = take_month(at, end)) < 0 ? -1 : 0;
    case 'e':
        *at += *at < end && **at == ' ';
        return (m->day = take_int(at, end, 1, 2)) < 0 ? -1 : 0;
    case 'd':
        return (m->day = take_int(at, end, 1, 2)) < 0 ? -1 : 0;
    case 'I':
        m->hour = take_int(at, end, 1, 2);
        return m->hour < 1 || m->hour > 12 ? -1 : 0;
    case 'H':
        return (m->hour = take_int(at, end, 1, 2)) < 0 ? -1 : 0;
    case 'p':
        if (end - *at < 2 || (sqlite3_strnicmp(*at, "am", 2) != 0 && sqlite3_strnicmp(*at, "pm", 2) != 0))
            return -1;
        m->afternoon = **at == 'p' || **at == 'P';
        *at += 2;
        return 0;
    case 'M':
        return (m->minute = take_int(at, end, 1, 2)) < 0 ? -1 : 0;
    case 'S':
        return (m->second = take_int(at, end, 1, 2)) < 0 ? -1 : 0;
    case 'f':
        return (m->micros = take_micros(at, end)) < 0 ? -1 : 0;
    case 's':
        return take_epoch(at, end, &m->epoch);
    case 'z':
        n = take_offset(*at, (size_t)(end - *at), &m->offset);
        *at += n;
        return n != 0 ? 0 : -1;
    default: /* %% */
        return *at < end && *(*at)++ == '%' ? 0 : -1;
    }
}

static int read_by_format(const dvsi_function_text *x, const dvsi_function_text *format, moment *m)
{
    const char *at = x->text, *end = at + x->length;
    memset(m, 0, sizeof *m);
    m->afternoon = -1;
    for (size_t i = 0; i < format->length; i++) {
        if (format->text[i] != '%') {
            if (at == end || *at++ != format->text[i])
                return -1;
        } else if (take_part(format->text[++i], &at, end, m) != 0) {
            return -1;
        }
    }
    if (m->afternoon >= 0 && (m->hour < 1 || m->hour > 12))
        return -1;
    if (m->afternoon >= 0)
        m->hour = m->hour % 12 + 12 * m->afternoon;
    return at == end ? 0 : -1;
}

static void result_timestamp(sqlite3_context *context, const dvsi_function_text *x, int64_t micros)
{
    char text[DVSI_TIMESTAMP_SIZE];
    if (micros < DVSI_TIMESTAMP_MIN || micros > DVSI_TIMESTAMP_MAX)
        dvsi_function_fail(context, "to_timestamp", x, "is outside of the years 0001 to 9999");
    else
        sqlite3_result_text(context, text, (int)dvsi_timestamp_format(micros, text), SQLITE_TRANSIENT);
}

/* ---- to_date ---- */

static void to_date(sqlite3_context *context, int n, sqlite3_value **args)
{
    dvsi_function_text x, format;
    char text[40];
    moment m;
    int64_t days;
    if (n == 2) {
        if (dvsi_function_null(context, 1, args + 1) || dvsi_function_text_of(context, args[1], &format) != 0)
            return;
        if (look_at_format(&format) != HAS_DATE) {
            dvsi_function_mistake(
                context, "to_date", &format,
                "is no format of a date: it needs year (%Y or %y), month (%m or %b) and day (%d or "
                "%e), and nothing else");
            return;
        }
    }
    if (dvsi_function_null(context, 1, args) || dvsi_function_text_of(context, args[0], &x) != 0)
        return;
    if (n == 1) {
        if (dvsi_date_parse(x.text, x.length, &days) != 0)
            dvsi_function_fail(context, "to_date", &x, "is no date (YYYY-MM-DD)");
        else
            sqlite3_result_text(context, text, (int)dvsi_date_format(days, text), SQLITE_TRANSIENT);
        return;
    }
    if (read_by_format(&x, &format, &m) == 0 &&
        dvsi_date_parse(text, (size_t)snprintf(text, sizeof text, "%04d-%02d-%02d", m.year, m.month, m.day),
                        &days) == 0)
        sqlite3_result_text(context, text, (int)dvsi_date_format(days, text), SQLITE_TRANSIENT);
    else
        dvsi_function_fail(context, "to_date", &x, "is no date of that format");
}

/* ---- to_timestamp ---- */

/* Format and zone, as far as they are there: 0, or -1 with a result. */
static int take_rules(sqlite3_context *context, int n, sqlite3_value **args, dvsi_function_text *format,
                      uint32_t *has, int *offset)
{
    dvsi_function_text zone;
    if (dvsi_function_null(context, n - 1, args + 1) || dvsi_function_text_of(context, args[1], format) != 0)
        return -1;
    *has = look_at_format(format);
    if (*has != HAS_EPOCH && ((*has & HAS_DATE) != HAS_DATE || (*has & HAS_EPOCH) != 0)) {
        dvsi_function_mistake(
            context, "to_timestamp", format,
            "is no format of a timestamp: it needs year (%Y or %y), month (%m or %b) and day (%d or "
            "%e), or %s alone");
        return -1;
    }
    if ((*has & (HAS_ZONE | HAS_EPOCH)) != 0 ? n == 3 : n == 2) {
        dvsi_function_mistake(
            context, "to_timestamp", format,
            n == 3 ? "has a zone of its own: leave the third argument out"
                   : "has no zone (%z): name it in a third argument, UTC or an offset such as +02:00");
        return -1;
    }
    if (n == 2)
        return 0;
    if (dvsi_function_text_of(context, args[2], &zone) != 0)
        return -1;
    if (zone.length == 0 || take_offset(zone.text, zone.length, offset) != zone.length) {
        dvsi_function_mistake(context, "to_timestamp", &zone, "is no zone: UTC, or an offset such as +02:00");
        return -1;
    }
    return 0;
}

static void to_timestamp(sqlite3_context *context, int n, sqlite3_value **args)
{
    dvsi_function_text x, format = {0};
    uint32_t has = 0;
    char text[120];
    moment m;
    int offset = 0;
    int64_t micros;
    if (n > 1 && take_rules(context, n, args, &format, &has, &offset) != 0)
        return;
    if (dvsi_function_null(context, 1, args) || dvsi_function_text_of(context, args[0], &x) != 0)
        return;
    if (n == 1) {
        if (dvsi_timestamp_parse(x.text, x.length, &micros) != 0)
            dvsi_function_fail(context, "to_timestamp", &x,
                               "is no timestamp with a time zone (YYYY-MM-DDThh:mm:ssZ)");
        else
            result_timestamp(context, &x, micros);
        return;
    }
    int failed = read_by_format(&x, &format, &m);
    if (failed == 0 && has == HAS_EPOCH) {
        result_timestamp(context, &x, m.epoch * 1000000);
        return;
    }
    size_t length = failed != 0
                        ? 0
                        : (size_t)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", m.year,
                                           m.month, m.day, m.hour, m.minute, m.second, m.micros);
    if (failed != 0 || dvsi_timestamp_parse(text, length, &micros) != 0)
        dvsi_function_fail(context, "to_timestamp", &x, "is no timestamp of that format");
    else
        result_timestamp(context, &x, micros - (int64_t)(n == 3 ? offset : m.offset) * 60000000);
}

int dvsi_functions_add_time(dvsi_expressions *e)
{
    int failed = 0;
    for (int n = 1; n <= 3; n++)
        failed |= dvsi_function_add(e, "to_timestamp", n, 0, to_timestamp);
    return failed != 0 || dvsi_function_add(e, "to_date", 1, 0, to_date) != 0 ||
                   dvsi_function_add(e, "to_date", 2, 0, to_date) != 0
               ? -1
               : 0;
}
