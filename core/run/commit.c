/* commit.c - transactions of a run: begin, and commit with everything that belongs to what was done. */
#include <string.h>

#include "data/cell.h"
#include "run/execute.h"
#include "run/run.h"
#include "run/twice.h"

int32_t dvsi_run_begin(dvsi_run *run, dvs_error *err)
{
    if (run->in_transaction || run->sink == NULL)
        return DVS_OK;
    int32_t status = dvsi_sink_begin(run->sink, err);
    if (status != DVS_OK) {
        dvs_error ignored = DVS_ERROR_INIT;
        (void)dvsi_sink_rollback(run->sink, &ignored); /* should it have begun all the same */
        return status;
    }
    run->in_transaction = 1;
    run->transaction_started = dvsi_clock_monotonic();
    run->transaction_rows = run->transaction_writes = 0;
    dvsi_books_begin(&run->books);
    if (!run->dry)
        dvsi_books_begin(&run->notes);
    for (uint32_t t = 0; t < run->n_targets; t++)
        run->targets[t].next_id = 0;
    return DVS_OK;
}

void dvsi_run_rollback(dvsi_run *run)
{
    dvs_error ignored = DVS_ERROR_INIT;
    if (!run->in_transaction || run->sink == NULL)
        return;
    (void)dvsi_sink_rollback(run->sink, &ignored);
    run->in_transaction = 0;
    for (uint32_t t = 0; t < run->n_targets && !run->dry; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++) {
            dvsi_feed *feed = &run->targets[t].feeds[f];
            feed->counts = feed->committed;
            feed->log_row_id = feed->committed_log;
        }
}

static const uint32_t log_columns[] = {DVSI_LOG_STATUS,    DVSI_LOG_COMPLETED_AT, DVSI_LOG_PROCESSED,
                                       DVSI_LOG_CREATED,   DVSI_LOG_UPDATED,      DVSI_LOG_DELETED,
                                       DVSI_LOG_UNCHANGED, DVSI_LOG_SKIPPED,      DVSI_LOG_ROW_ERRORS,
                                       DVSI_LOG_CONFLICTS, DVSI_LOG_ERROR_MESSAGE};

static void put_counts(dvs_cell *at, const dvs_counts *counts)
{
    const uint64_t values[] = {counts->processed, counts->created, counts->updated,    counts->deleted,
                               counts->unchanged, counts->skipped, counts->row_errors, counts->conflicts};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        at[i] = dvsi_cell_int64((int64_t)values[i]);
}

/* The feed's row of _sync_log. */
static int32_t store_log(dvsi_feed *feed, dvs_error *err)
{
    dvs_cell row[DVSI_N_LOG] = {{0}};
    dvs_cell cells[sizeof log_columns / sizeof *log_columns];
    const char *status = feed->phase == DVSI_FEED_DONE     ? "completed"
                         : feed->phase == DVSI_FEED_FAILED ? "failed"
                                                           : "running";
    if (feed->phase == DVSI_FEED_FAILED && feed->error.status == DVS_E_CANCELLED)
        status = "cancelled";
    row[DVSI_LOG_RUN_ID] = dvsi_cell_text(feed->run->run_id);
    row[DVSI_LOG_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_LOG_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_LOG_MODE] = dvsi_cell_text(dvsi_mode_name(feed->mode));
    row[DVSI_LOG_REASON] = dvsi_cell_text(feed->reason != NULL ? feed->reason : "");
    row[DVSI_LOG_STATUS] = dvsi_cell_text(status);
    row[DVSI_LOG_STARTED_AT] = dvsi_cell_timestamp(feed->started_at);
    row[DVSI_LOG_COMPLETED_AT] = feed->ended_at != 0 ? dvsi_cell_timestamp(feed->ended_at) : dvsi_cell_null();
    put_counts(&row[DVSI_LOG_PROCESSED], &feed->counts);
    row[DVSI_LOG_ERROR_MESSAGE] =
        feed->phase == DVSI_FEED_FAILED ? dvsi_cell_text(feed->error.message) : dvsi_cell_null();
    if (feed->log_row_id == 0)
        return dvsi_books_insert(&feed->run->books, DVSI_BOOK_LOG, row, 1, &feed->log_row_id, err);
    for (size_t i = 0; i < sizeof log_columns / sizeof *log_columns; i++)
        cells[i] = row[log_columns[i]];
    return dvsi_books_update(&feed->run->books, DVSI_BOOK_LOG, feed->log_row_id, log_columns, cells,
                             sizeof log_columns / sizeof *log_columns, err);
}

static int32_t store_feed(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = DVS_OK;
    /* After a rollback the last commit is the truth, and memory is ahead of it. */
    int limited = feed->run->options->row_limit != 0 || feed->frozen || feed->run->fatal.status != 0;
    if (!feed->dirty)
        return DVS_OK;
    limited |= feed->run->saved != NULL && feed->phase != DVSI_FEED_DONE; /* it is undone */
    limited |= feed->state.fingerprint[0] == '\0';                        /* it never came to a plan */
    if (!limited && feed->phase != DVSI_FEED_DONE)
        status = dvsi_state_store(feed, feed->phase == DVSI_FEED_FAILED ? "failed" : "in_progress", err);
    /* A position is worth nothing without the set of what was met up to it, and what waits for the end. */
    if (status == DVS_OK && !limited && feed->phase != DVSI_FEED_DONE &&
        feed->state.read_mode == DVS_READ_FULL && !feed->state.first_load)
        status = dvsi_seen_store(&feed->seen, &feed->run->books, feed->target->entity->name,
                                 feed->from->label, err);
    if (status == DVS_OK && !limited && feed->phase != DVSI_FEED_DONE &&
        feed->state.read_mode == DVS_READ_FULL)
        status = dvsi_twice_store(feed, err);
    if (status == DVS_OK)
        status = store_log(feed, err);
    if (status == DVS_OK)
        feed->dirty = 0;
    return status;
}

static int32_t store_run(dvsi_run *run, dvs_error *err)
{
    static const uint32_t columns[] = {DVSI_RUNS_STATUS,    DVSI_RUNS_COMPLETED_AT, DVSI_RUNS_PROCESSED,
                                       DVSI_RUNS_CREATED,   DVSI_RUNS_UPDATED,      DVSI_RUNS_DELETED,
                                       DVSI_RUNS_UNCHANGED, DVSI_RUNS_SKIPPED,      DVSI_RUNS_ROW_ERRORS,
                                       DVSI_RUNS_CONFLICTS, DVSI_RUNS_ERROR_MESSAGE};
    dvs_cell cells[sizeof columns / sizeof *columns];
    dvs_counts totals = {0};
    const char *message = NULL;
    dvsi_run_totals(run, &totals);
    if (run->fatal.status != 0)
        message = run->fatal.message;
    for (uint32_t t = 0; t < run->n_targets && message == NULL; t++)
        if (run->targets[t].error.status != 0 && run->targets[t].error.status != DVS_E_CANCELLED)
            message = run->targets[t].error.message;
    for (uint32_t i = 0; i < run->n_errors && message == NULL; i++)
        if (strcmp(run->errors[i].severity, "error") == 0)
            message = run->errors[i].message;
    cells[0] = dvsi_cell_text(run->ended_at != 0 ? dvsi_run_status(run) : "running");
    cells[1] = run->ended_at != 0 ? dvsi_cell_timestamp(run->ended_at) : dvsi_cell_null();
    put_counts(&cells[2], &totals);
    cells[10] = dvsi_cell_text(message);
    return dvsi_books_update(&run->books, DVSI_BOOK_RUNS, run->run_row_id, columns, cells,
                             sizeof columns / sizeof *columns, err);
}

int32_t dvsi_run_commit(dvsi_run *run, dvs_error *err)
{
    int cancel = 0;
    int32_t status = DVS_OK;
    if (!run->in_transaction)
        return DVS_OK;
    if (run->dry)
        return DVS_OK; /* one consistent view until the end */
    status = dvsi_lock_heartbeat(run, &cancel, err);
    for (uint32_t t = 0; t < run->n_targets && status == DVS_OK; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds && status == DVS_OK; f++)
            status = store_feed(&run->targets[t].feeds[f], err);
    if (status == DVS_OK)
        status = dvsi_plugin_notes_store(run, err);
    if (status == DVS_OK)
        status = store_run(run, err);
    if (status == DVS_OK && run->ended_at != 0)
        status = dvsi_lock_remove(run, err);
    if (status == DVS_OK)
        status = dvsi_sink_commit(run->sink, err);
    if (status != DVS_OK) {
        dvsi_run_rollback(run);
        return status;
    }
    run->in_transaction = 0;
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++) {
            dvsi_feed *feed = &run->targets[t].feeds[f];
            feed->committed = feed->counts;
            feed->committed_log = feed->log_row_id;
        }
    int none = 0;
    if (cancel)
        (void)atomic_compare_exchange_strong(run->stop, &none, DVS_STOP_TERMINATE);
    return DVS_OK;
}
