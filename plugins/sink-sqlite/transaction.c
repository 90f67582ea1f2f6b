/* transaction.c - the writer and its transactions. */
#include "sink_sqlite.h"

#include <stdlib.h>

/* A sync begins its next transaction right after each commit, and SQLite gives the write lock to whoever asks
 * at the right moment: without a gap now and then, another program (dvsync cancel, an editor) might wait for
 * ever. */
#define PAUSE_EVERY_US 200000
#define PAUSE_US 2000
#define FIRST_READ "SELECT count(*) FROM main.sqlite_schema"

int32_t sink_sqlite_writer(dvs_sink *sink, dvs_writer **out, dvs_error *err)
{
    dvs_writer *writer;
    *out = NULL;
    if (sink->writer != NULL)
        return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "%.400s: has its one writer already",
                                sink->path);
    writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return sink_sqlite_no_memory(err);
    writer->sink = sink;
    writer->last_pause = sink_sqlite_now();
    sink->writer = writer;
    *out = writer;
    return DVS_OK;
}

void sink_sqlite_close_writer(dvs_writer *writer)
{
    dvs_sink *sink = writer->sink;
    sink_sqlite_enter(sink, false);
    sink_sqlite_forget_all(writer);
    if (sqlite3_get_autocommit(sink->db) == 0)
        sink_sqlite_exec(sink->db, "ROLLBACK");
    sink->writer = NULL;
    free(writer->key.bytes);
    free(writer->cells);
    free(writer->read);
    free(writer->bound);
    free(writer);
}

int sink_sqlite_room(dvs_writer *writer, uint32_t n)
{
    void *bytes;
    if (n <= writer->room)
        return 0;
    bytes = realloc(writer->cells, (size_t)n * sizeof *writer->cells);
    if (bytes == NULL)
        return -1;
    writer->cells = bytes;
    bytes = realloc(writer->read, (size_t)n * sizeof *writer->read);
    if (bytes == NULL)
        return -1;
    writer->read = bytes;
    bytes = realloc(writer->bound, (size_t)n * sizeof *writer->bound);
    if (bytes == NULL)
        return -1;
    writer->bound = bytes;
    writer->room = n;
    return 0;
}

static int32_t run(dvs_writer *writer, const char *sql, const char *what, dvs_error *err)
{
    int rc = sink_sqlite_exec(writer->sink->db, sql);
    return rc == SQLITE_OK ? DVS_OK : sink_sqlite_failed(writer->sink, writer->sink->db, rc, err, "%s", what);
}

/*
 * After some errors (disk full, I/O, memory, interrupt) SQLite has rolled the whole transaction back by
 * itself. What follows would then be committed statement by statement.
 */
static int32_t check_alive(dvs_writer *writer, dvs_error *err)
{
    if (!writer->in_transaction)
        return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "%.400s: no transaction was begun",
                                writer->sink->path);
    if (sqlite3_get_autocommit(writer->sink->db) != 0)
        return sink_sqlite_fail(err, DVS_E_IO, DVS_SCOPE_SOURCE,
                                "%.400s: an earlier error undid the whole transaction; begin again",
                                writer->sink->path);
    return DVS_OK;
}

int32_t sink_sqlite_may_write(dvs_writer *writer, dvs_error *err)
{
    if (writer->sink->mode != SINK_SQLITE_WRITE)
        return sink_sqlite_fail(err, DVS_E_READ_ONLY, DVS_SCOPE_SOURCE, "%.400s: is open for reading only",
                                writer->sink->path);
    return check_alive(writer, err);
}

/* A connection that shows one moment of the file is made anew when the file has changed since. */
static int32_t renew(dvs_writer *writer, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    if (!sink_sqlite_outdated(sink))
        return DVS_OK;
    sink_sqlite_forget_all(writer);
    if (sink->db != NULL)
        sink_sqlite_close_read_only(sink);
    return sink_sqlite_open_read_only(sink, err);
}

int32_t sink_sqlite_begin(dvs_writer *writer, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    int32_t status = DVS_OK;
    sink_sqlite_enter(sink, true);
    if (writer->in_transaction && sqlite3_get_autocommit(sink->db) == 0)
        return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "%.400s: a transaction is going on",
                                sink->path);
    writer->in_transaction = false;
    if (sink->mode == SINK_SQLITE_WRITE) {
        status = run(writer, "BEGIN IMMEDIATE", "a transaction could not be begun", err);
    } else {
        status = renew(writer, err);
        if (status == DVS_OK)
            status = run(writer, "BEGIN", "reading could not be begun", err);
        /* The view of the data is fixed by the first read, not by BEGIN. */
        if (status == DVS_OK && sink_sqlite_exec(sink->db, FIRST_READ) != SQLITE_OK) {
            status = sink_sqlite_failed(sink, sink->db, sqlite3_extended_errcode(sink->db), err,
                                        "reading could not be begun");
            sink_sqlite_exec(sink->db, "ROLLBACK");
        }
    }
    writer->in_transaction = status == DVS_OK;
    writer->transaction++;
    return status;
}

static int32_t end_reading(dvs_writer *writer, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    sink_sqlite_exec(sink->db, "ROLLBACK");
    if (sink_sqlite_outdated(sink))
        return sink_sqlite_fail(err, DVS_E_CHANGED, DVS_SCOPE_SOURCE,
                                "%.400s: was changed by another program while it was read; run again",
                                sink->path);
    return DVS_OK;
}

int32_t sink_sqlite_commit(dvs_writer *writer, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    int32_t status;
    int64_t now;
    sink_sqlite_enter(sink, false);
    status = check_alive(writer, err);
    if (status == DVS_OK && sink->mode == SINK_SQLITE_WRITE)
        status = run(writer, "COMMIT", "the transaction could not be committed", err);
    else if (status == DVS_OK)
        status = end_reading(writer, err);
    if (sqlite3_get_autocommit(sink->db) != 0)
        writer->in_transaction = false; /* else another commit may be tried, or a rollback */
    now = sink_sqlite_now();
    if (status == DVS_OK && sink->mode == SINK_SQLITE_WRITE && (sink->flags & DVS_SINK_SCRATCH) == 0 &&
        now - writer->last_pause > PAUSE_EVERY_US) {
        sink_sqlite_sleep(PAUSE_US);
        writer->last_pause = now;
    }
    return status;
}

/* Never fails when the transaction is gone already: that is what was wanted. */
int32_t sink_sqlite_rollback(dvs_writer *writer, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    int32_t status = DVS_OK;
    sink_sqlite_enter(sink, false);
    if (sqlite3_get_autocommit(sink->db) == 0)
        status = sink->mode == SINK_SQLITE_WRITE ? run(writer, "ROLLBACK", "the rollback failed", err)
                                                 : end_reading(writer, err);
    writer->in_transaction = false;
    return status;
}

static int32_t in_transaction(dvs_writer *writer, const char *sql, const char *what, dvs_error *err)
{
    int32_t status;
    sink_sqlite_enter(writer->sink, false);
    status = check_alive(writer, err);
    return status == DVS_OK ? run(writer, sql, what, err) : status;
}

int32_t sink_sqlite_savepoint(dvs_writer *writer, dvs_error *err)
{
    return in_transaction(writer, "SAVEPOINT dvsync", "a savepoint could not be set", err);
}

int32_t sink_sqlite_rollback_to(dvs_writer *writer, dvs_error *err)
{
    return in_transaction(writer, "ROLLBACK TO dvsync", "the rollback to the savepoint failed", err);
}

int32_t sink_sqlite_release(dvs_writer *writer, dvs_error *err)
{
    return in_transaction(writer, "RELEASE dvsync", "the savepoint could not be released", err);
}
