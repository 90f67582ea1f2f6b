#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"

static int64_t machine(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t sim_clock_now(const struct sim_clock *clock)
{
    return machine() + atomic_load(&clock->offset);
}

void sim_clock_set(struct sim_clock *clock, int64_t now)
{
    atomic_store(&clock->offset, now - machine());
}

void sim_clock_advance(struct sim_clock *clock, int64_t microseconds)
{
    atomic_fetch_add(&clock->offset, microseconds);
}

int64_t sim_clock_mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct tm split(int64_t microseconds, int64_t *fraction)
{
    int64_t seconds = microseconds / 1000000;
    *fraction = microseconds % 1000000;
    if (*fraction < 0) {
        *fraction += 1000000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    memset(&tm, 0, sizeof tm);
    gmtime_r(&when, &tm);
    return tm;
}

void sim_clock_http(int64_t microseconds, char out[SIM_TIME_MAX])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t fraction;
    struct tm tm = split(microseconds, &fraction);
    snprintf(out, SIM_TIME_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + (ptrdiff_t)tm.tm_wday * 3,
             tm.tm_mday, months + (ptrdiff_t)tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
}

void sim_clock_iso(int64_t microseconds, char out[SIM_TIME_MAX])
{
    int64_t fraction;
    struct tm tm = split(microseconds, &fraction);
    snprintf(out, SIM_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(fraction / 1000));
}

int sim_clock_parse(const char *text, int64_t *microseconds)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    int parts[6] = {0};
    int part = 0;
    if (strlen(text) != sizeof form - 1)
        return -1;
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == 'd') {
            if (!isdigit((unsigned char)text[i]))
                return -1;
            parts[part] = parts[part] * 10 + (text[i] - '0');
        } else {
            if (text[i] != form[i])
                return -1;
            part++;
        }
    }
    if (parts[0] < 1970 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 || parts[2] > 31 || parts[3] > 23 ||
        parts[4] > 59 || parts[5] > 59)
        return -1;
    struct tm tm = {.tm_year = parts[0] - 1900,
                    .tm_mon = parts[1] - 1,
                    .tm_mday = parts[2],
                    .tm_hour = parts[3],
                    .tm_min = parts[4],
                    .tm_sec = parts[5]};
    *microseconds = (int64_t)timegm(&tm) * 1000000;
    return tm.tm_mday == parts[2] ? 0 : -1;
}
