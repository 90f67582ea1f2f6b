/* clock.h - times of day and ids that are made from them. */
#ifndef DVSI_BASE_CLOCK_H
#define DVSI_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t dvsi_clock_now(void);
/* Microseconds that only go up, for durations. */
int64_t dvsi_clock_monotonic(void);

#define DVSI_RUN_ID_SIZE 37
/* A UUID of version 7 as text: its order is the order in time. `now` as of dvsi_clock_now. 0 or -1. */
int dvsi_clock_uuid7(int64_t now, char out[DVSI_RUN_ID_SIZE]);

#endif
