/* lock.c - one run of a project at a time: the sink's lock, and the fenced row in _sync_locks. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/run.h"

#define TEXT_SIZE 256

static void host_name(char out[TEXT_SIZE])
{
    if (gethostname(out, TEXT_SIZE - 1) != 0)
        snprintf(out, TEXT_SIZE, "unknown");
    out[TEXT_SIZE - 1] = '\0';
}

static void boot_id(char out[TEXT_SIZE])
{
    out[0] = '\0';
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL)
        return;
    if (fgets(out, TEXT_SIZE, file) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    fclose(file);
}

/* Who holds the lock, for the message; read beside the writer, who may have stopped in mid-transaction. */
int32_t dvsi_lock_held(dvsi_run *run, dvs_error *err)
{
    dvs_error ignored = DVS_ERROR_INIT;
    dvsi_sink *sink = NULL;
    dvsi_books books = {0};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_LOCKS);
    const char *name = run->project->name;
    dvsi_error_set(err, DVS_E_LOCKED, "another run of project \"%s\" is going on; nothing was done", name);
    if (rows != NULL &&
        dvsi_sink_open(run->sink_plugin, name, run->sink_settings, DVS_SINK_READ_ONLY, &run->services, &sink,
                       &ignored) == DVS_OK &&
        dvsi_sink_begin(sink, &ignored) == DVS_OK &&
        dvsi_books_open(&books, sink, name, &ignored) == DVS_OK &&
        dvsi_books_find(&books, DVSI_BOOK_LOCKS, NULL, 0, 1, 1, rows, &ignored) == DVS_OK &&
        rows->n_rows != 0 && rows->cells[DVSI_LOCKS_HOST].kind == DVS_TEXT &&
        rows->cells[DVSI_LOCKS_PID].kind == DVS_INT64)
        dvsi_error_set(err, DVS_E_LOCKED,
                       "another run of project \"%s\" is going on: pid %lld on host %.*s, run %.*s; nothing "
                       "was done. Wait "
                       "for it, or stop it with `dvsync cancel`",
                       name, (long long)rows->cells[DVSI_LOCKS_PID].v.i64,
                       (int)rows->cells[DVSI_LOCKS_HOST].length, rows->cells[DVSI_LOCKS_HOST].v.text,
                       (int)rows->cells[DVSI_LOCKS_RUN_ID].length, rows->cells[DVSI_LOCKS_RUN_ID].v.text);
    dvsi_books_close(&books);
    dvsi_sink_close(sink);
    dvsi_batch_free(rows);
    return DVS_E_LOCKED;
}

/* Runs whose owner is gone: the kernel's lock was free, so nobody runs. */
static int32_t close_dead_runs(dvsi_run *run, dvs_error *err)
{
    static const uint32_t columns[] = {DVSI_RUNS_STATUS, DVSI_RUNS_COMPLETED_AT, DVSI_RUNS_ERROR_MESSAGE};
    static const uint32_t log_columns[] = {DVSI_LOG_STATUS, DVSI_LOG_COMPLETED_AT, DVSI_LOG_ERROR_MESSAGE};
    dvs_cell cells[3] = {dvsi_cell_text("failed"), dvsi_cell_timestamp(run->started_at),
                         dvsi_cell_text("owner gone")};
    dvs_where running = dvsi_where(DVSI_RUNS_STATUS, DVS_OP_EQ, dvsi_cell_text("running"));
    dvs_where log_running = dvsi_where(DVSI_LOG_STATUS, DVS_OP_EQ, dvsi_cell_text("running"));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_RUNS);
    int32_t status = rows == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_books_find(&run->books, DVSI_BOOK_RUNS, &running, 1, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        status = dvsi_books_update(&run->books, DVSI_BOOK_RUNS, dvsi_batch_cells(rows, i)[0].v.i64, columns,
                                   cells, 3, err);
    if (status == DVS_OK)
        status = dvsi_books_find(&run->books, DVSI_BOOK_LOG, &log_running, 1, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        status = dvsi_books_update(&run->books, DVSI_BOOK_LOG, dvsi_batch_cells(rows, i)[0].v.i64,
                                   log_columns, cells, 3, err);
    dvsi_batch_free(rows);
    return status;
}

static int32_t insert_rows(dvsi_run *run, dvs_error *err)
{
    char host[TEXT_SIZE];
    char boot[TEXT_SIZE];
    host_name(host);
    boot_id(boot);
    dvs_cell lock[DVSI_N_LOCKS] = {{0}};
    dvs_cell row[DVSI_N_RUNS] = {{0}};
    dvs_cell now = dvsi_cell_timestamp(run->started_at);
    lock[DVSI_LOCKS_RUN_ID] = row[DVSI_RUNS_RUN_ID] = dvsi_cell_text(run->run_id);
    lock[DVSI_LOCKS_HOST] = row[DVSI_RUNS_HOST] = dvsi_cell_text(host);
    lock[DVSI_LOCKS_PID] = row[DVSI_RUNS_PID] = dvsi_cell_int64(getpid());
    lock[DVSI_LOCKS_BOOT_ID] = dvsi_cell_text(boot);
    lock[DVSI_LOCKS_ACQUIRED_AT] = lock[DVSI_LOCKS_HEARTBEAT_AT] = now;
    lock[DVSI_LOCKS_CANCEL_REQUESTED] = dvsi_cell_bool(0);
    row[DVSI_RUNS_STATUS] = dvsi_cell_text("running");
    row[DVSI_RUNS_TRIGGER] = dvsi_cell_text(run->options->trigger != NULL ? run->options->trigger : "api");
    row[DVSI_RUNS_STARTED_AT] = now;
    for (uint32_t i = DVSI_RUNS_PROCESSED; i <= DVSI_RUNS_CONFLICTS; i++)
        row[i] = dvsi_cell_int64(0);
    int32_t status = dvsi_books_delete_where(&run->books, DVSI_BOOK_LOCKS, NULL, 0, NULL, err);
    if (status == DVS_OK)
        status = dvsi_books_insert(&run->books, DVSI_BOOK_LOCKS, lock, 1, &run->lock_row_id, err);
    if (status == DVS_OK)
        status = dvsi_books_insert(&run->books, DVSI_BOOK_RUNS, row, 1, &run->run_row_id, err);
    return status;
}

int32_t dvsi_lock_take(dvsi_run *run, dvs_error *err)
{
    int32_t status = dvsi_sink_lock(run->sink, err);
    if (status == DVS_E_LOCKED)
        return dvsi_lock_held(run, err);
    if (status != DVS_OK)
        return status;
    run->locked = 1;
    status = dvsi_run_begin(run, err);
    if (status == DVS_OK)
        status = dvsi_books_open(&run->books, run->sink, run->project->name, err);
    if (status == DVS_OK)
        status = dvsi_books_create(&run->books, DVSI_BOOK_IN_SINK, err);
    if (status == DVS_OK)
        status = close_dead_runs(run, err);
    if (status == DVS_OK)
        status = insert_rows(run, err);
    if (status == DVS_OK)
        status = dvsi_sink_commit(run->sink, err);
    if (status != DVS_OK)
        dvsi_run_rollback(run);
    run->in_transaction = 0;
    return status;
}

/* The time by the clock that all hosts share, if the sink has one. */
static int32_t sink_time(dvsi_run *run, int64_t *now, dvs_error *err)
{
    int32_t status = run->sink_plugin->has_clock ? dvsi_sink_clock(run->sink, now, err) : DVS_E_UNSUPPORTED;
    if (status != DVS_E_UNSUPPORTED)
        return status;
    *now = dvsi_clock_now();
    return DVS_OK;
}

int32_t dvsi_lock_heartbeat(dvsi_run *run, int *cancel, dvs_error *err)
{
    static const uint32_t column = DVSI_LOCKS_HEARTBEAT_AT;
    dvs_where ours = dvsi_where(DVSI_LOCKS_RUN_ID, DVS_OP_EQ, dvsi_cell_text(run->run_id));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_LOCKS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err)
                                  : dvsi_books_find(&run->books, DVSI_BOOK_LOCKS, &ours, 1, 0, 1, rows, err);
    if (status == DVS_OK && rows->n_rows == 0)
        status = dvsi_error_set(
            err, DVS_E_FENCED,
            "another run took over project \"%s\" (our row in \"_sync_locks\" is gone); this one stopped "
            "without writing",
            run->project->name);
    if (status == DVS_OK) {
        const dvs_cell *row = rows->cells;
        int64_t at = 0;
        status = sink_time(run, &at, err);
        dvs_cell now = dvsi_cell_timestamp(at);
        *cancel =
            row[DVSI_LOCKS_CANCEL_REQUESTED].kind == DVS_BOOL && row[DVSI_LOCKS_CANCEL_REQUESTED].v.i64 != 0;
        if (status == DVS_OK)
            status = dvsi_books_update(&run->books, DVSI_BOOK_LOCKS, row[0].v.i64, &column, &now, 1, err);
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_lock_remove(dvsi_run *run, dvs_error *err)
{
    return dvsi_books_delete(&run->books, DVSI_BOOK_LOCKS, &run->lock_row_id, 1, err);
}

void dvsi_lock_release(dvsi_run *run)
{
    if (run->locked)
        dvsi_sink_unlock(run->sink);
    run->locked = 0;
}
