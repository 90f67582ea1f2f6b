/* wait.c - waiting for other programs, and stopping when asked to. */
#include "sink_sqlite.h"

/* Another program's transaction is over in milliseconds as a rule, and a sync leaves it a gap of a
 * millisecond or two only (see commit): who looks rarely never gets in. SQLite's own handler sleeps up to
 * 100 ms. */
#define POLL_US 1000
/* A cancelled run still has its last words to write, so it waits a moment even then. */
#define CANCELLED_WAIT_US 300000
/* Statements shorter than this are never broken off because of cancelled(). */
#define LONG_STATEMENT_US 100000
/* Instructions of SQLite's machine between two looks: some tenths of a millisecond. */
#define PROGRESS_STEPS 20000

int64_t sink_sqlite_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void sink_sqlite_sleep(int64_t microseconds)
{
    struct timespec time = {.tv_sec = (time_t)(microseconds / 1000000),
                            .tv_nsec = (long)(microseconds % 1000000) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL); /* a signal may shorten it: no harm */
}

void sink_sqlite_enter(dvs_sink *sink, bool cancellable)
{
    atomic_store(&sink->interrupted, 0);
    sink->slot_started = sink_sqlite_now();
    sink->cancellable = cancellable;
    sink->wait_started = 0;
    sink->waited_us = 0;
    sink->gave_up = false;
}

bool sink_sqlite_stopped(dvs_sink *sink)
{
    if (atomic_load(&sink->interrupted))
        return true;
    return sink->cancellable && sink_sqlite_now() - sink->slot_started > LONG_STATEMENT_US &&
           sink->host->cancelled(sink->host);
}

/* SQLite calls these two on the thread that runs the statement, hence inside a slot. */
static int on_busy(void *context, int count)
{
    dvs_sink *sink = context;
    int64_t now = sink_sqlite_now();
    if (count == 0)
        sink->wait_started = now;
    sink->waited_us = now - sink->wait_started;
    if (atomic_load(&sink->interrupted) ||
        (sink->waited_us >= CANCELLED_WAIT_US && sink->host->cancelled(sink->host))) {
        sink->gave_up = true;
        return 0;
    }
    if (sink->waited_us >= sink->busy_timeout_ms * 1000)
        return 0;
    sink_sqlite_sleep(POLL_US);
    return 1;
}

static int on_progress(void *context)
{
    return sink_sqlite_stopped(context);
}

void sink_sqlite_set_handlers(dvs_sink *sink, sqlite3 *db)
{
    sqlite3_busy_handler(db, on_busy, sink);
    sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, sink);
}

/* Any thread. sqlite3_interrupt() reaches the statement that runs, the flag the loops between statements. */
void sink_sqlite_interrupt(dvs_sink *sink)
{
    atomic_store(&sink->interrupted, 1);
    sqlite3_interrupt(sink->db);
}
