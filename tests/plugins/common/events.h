/*
 * events.h - what both test plugins have in common: a log of every call as JSON Lines, and events, by which a
 * test makes a slot fail, wait, hang or die at an exact point. README.md describes the format.
 */
#ifndef TESTKIT_EVENTS_H
#define TESTKIT_EVENTS_H

#include <jansson.h>
#include <stdatomic.h>

#include "dvsync/plugin.h"

typedef struct testkit_events testkit_events;

/* One call of one slot. */
typedef struct testkit_call {
    const char *slot;
    const char *name; /* of the stream or table; NULL: none */
    const char *mode; /* "full", "cursor", "delta"; NULL: none */
    int64_t rows;     /* pull: rows that this reader has delivered, when a row is due; else -1 */
    int after;        /* 1: the slot has done its work */
} testkit_call;

/* What ends a wait. */
typedef struct testkit_patience {
    const dvs_host *host;
    const atomic_int *interrupted; /* NULL: the slot cannot be interrupted */
    int ignore_cancel;
} testkit_patience;

/* `log` is a file or NULL; `directory` is where relative paths of the events start. NULL when memory is
 * out. */
testkit_events *testkit_events_new(const char *directory);
void testkit_events_free(testkit_events *events);
int32_t testkit_events_log_to(testkit_events *events, const char *path, dvs_error *err);
/* The events from now on: an array, or NULL for none. Counts start anew unless the array is equal to the one
 * before. */
int32_t testkit_events_set(testkit_events *events, json_t *list, dvs_error *err);
/* True when an event waits for rows of pull: only then rows need be shown to testkit_events_fire. */
int testkit_events_want_rows(testkit_events *events);

/* Lets the events happen that are due at this call. DVS_OK: go on; else return the status. Thread-safe. */
int32_t testkit_events_fire(testkit_events *events, const testkit_call *call,
                            const testkit_patience *patience, dvs_error *err);
/* Adds a line to the log, in one write. Takes `line`; NULL is fine. */
void testkit_log(testkit_events *events, json_t *line);
/* The same with the slot's status (and message, when it failed); returns status. */
int32_t testkit_log_status(testkit_events *events, json_t *line, int32_t status, const dvs_error *err);

/* Waits; DVS_OK, or DVS_E_CANCELLED when the wait was cut short. */
int32_t testkit_wait_ms(const testkit_patience *patience, int64_t ms, dvs_error *err);

#endif
