/*
 * clock.h - the simulator's time: the machine's, moved by --time and by POST /sim/clock.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct sim_clock {
    _Atomic int64_t offset; /* microseconds to be added to the machine's time */
};

/* Microseconds since 1970 UTC, as the organisation sees them. */
int64_t sim_clock_now(const struct sim_clock *clock);
void sim_clock_set(struct sim_clock *clock, int64_t now);
void sim_clock_advance(struct sim_clock *clock, int64_t microseconds);
/* Milliseconds that really pass, from any beginning: for pauses and distances. */
int64_t sim_clock_mono_ms(void);

#define SIM_TIME_MAX 96 /* more than any time needs: the compiler counts what an int could print */
/* "Sat, 21 Nov 2026 14:30:00 GMT", whatever the locale. */
void sim_clock_http(int64_t microseconds, char out[SIM_TIME_MAX]);
/* "2026-11-21T14:30:00.123Z" */
void sim_clock_iso(int64_t microseconds, char out[SIM_TIME_MAX]);
/* Reads "2026-11-21T14:30:00Z". 0, or -1 when it is not of this form. */
int sim_clock_parse(const char *text, int64_t *microseconds);

#endif
