/*
 * store_time.h - moments, as microseconds since 1970 UTC, and their texts in the Web API.
 */
#ifndef SIM_STORE_TIME_H
#define SIM_STORE_TIME_H

#include <stddef.h>
#include <stdint.h>

#define SIM_SECOND INT64_C(1000000)
#define SIM_DAY (INT64_C(86400) * SIM_SECOND)

struct sim_moment {
    int64_t year;
    unsigned month, day, hour, minute, second;
    unsigned micro;
};

struct sim_moment sim_time_split(int64_t time);
/* 2024-03-15T10:20:30Z, or 2024-03-15: whole seconds, as the service gives them. `text`: 24 bytes. The
 * length. */
size_t sim_time_print(int64_t time, int date_only, char *text);
/* Either form; also a fraction of up to 7 digits and an offset. 0 or -1. */
int sim_time_parse(const char *text, size_t length, int64_t *time);

#endif
