/*
 * step.c - what the writer does, in steps under a savepoint of their own. A record that the sink refuses
 * becomes a row error, and the step is tried again without it.
 */
#include "base/error.h"
#include "run/gather.h"
#include "run/row_errors.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/step.h"
#include "run/twice.h"

/* An error that leaves the sink unusable for everybody. */
static int is_fatal(const dvs_error *err)
{
    switch (err->status) {
    case DVS_E_FENCED:
    case DVS_E_BUSY:
    case DVS_E_DISK_FULL:
    case DVS_E_READ_ONLY:
    case DVS_E_IO:
    case DVS_E_CORRUPT:
    case DVS_E_NO_MEMORY:
        return 1;
    default:
        return err->scope == DVS_SCOPE_SOURCE;
    }
}

/* Statuses that tell programs how they called us, or what we decided: a plugin in the middle of a run does
 * neither. */
static int is_ours(int32_t status)
{
    return status == DVS_E_USAGE || status == DVS_E_GUARD || status == DVS_E_LOCKED;
}

void dvsi_run_fail(dvsi_run *run, const dvs_error *err)
{
    dvsi_run_rollback(run);
    if (run->fatal.status == 0) {
        run->fatal = *err;
        if (is_ours(err->status))
            run->fatal.status = DVS_E_INTERNAL;
        dvsi_run_note(run, "error", NULL, NULL, 0, NULL, NULL, "%s", err->message);
    }
}

static void save_counts(dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        target->feeds[f].saved = target->feeds[f].counts;
        target->feeds[f].saved_errors = target->feeds[f].open_errors;
    }
}

static void restore_counts(dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        target->feeds[f].counts = target->feeds[f].saved;
        target->feeds[f].open_errors = target->feeds[f].saved_errors;
    }
}

/* Runs one step under a savepoint. A failure undoes the step and ends the feed, or the run: also when
 * transaction or savepoint are no longer what they should be. */
int32_t dvsi_step(dvsi_feed *feed, dvsi_step_fn *step, dvsi_work *work)
{
    dvsi_run *run = feed->run;
    dvs_error err = DVS_ERROR_INIT;
    dvs_error second = DVS_ERROR_INIT;
    int32_t status = dvsi_run_begin(run, &err);
    int saved = 0;
    save_counts(feed->target);
    const uint64_t n_waiting = feed->target->n_waiting;
    const uint32_t empty = run->notes.offers_empty;
    const uint32_t bare = run->notes.offers_bare;
    if (status == DVS_OK && !run->dry) {
        status = dvsi_sink_savepoint(run->sink, &err);
        saved = status == DVS_OK;
    }
    int lost = status != DVS_OK;
    dvsi_arena_reset(&run->batch_arena);
    if (status == DVS_OK)
        status = step(feed, work, &err);
    int keep = status == DVS_OK || (status == DVS_E_GUARD && feed->target->guarded);
    if (saved && !keep && dvsi_sink_rollback_to(run->sink, &second) != DVS_OK)
        err = second, lost = 1;
    if (saved && !lost && dvsi_sink_release(run->sink, &second) != DVS_OK)
        err = second, status = second.status, keep = 0, lost = 1;
    if (saved && !keep) {
        restore_counts(feed->target);
        feed->target->n_waiting = n_waiting;
        run->notes.offers_empty = empty;
        run->notes.offers_bare = bare;
        feed->target->next_id = 0;
        dvsi_books_begin(&run->books);
        dvsi_books_begin(&run->notes);
    }
    feed->error = status != DVS_OK ? err : feed->error;
    if (!keep && (lost || is_fatal(&err)))
        dvsi_run_fail(run, &err);
    return status;
}

static int32_t errors_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_row_errors_add(feed, work->errors, work->n_errors, err);
}

int32_t dvsi_step_errors(dvsi_feed *feed, dvsi_work *work)
{
    return dvsi_step(feed, errors_step, work);
}

/* The sink refused one record: it becomes a row error, and the others are tried again. */
static int32_t refuse_record(dvsi_feed *taking, dvsi_record *record)
{
    dvsi_target *target = taking->target;
    dvsi_feed *feed = record->offers != NULL ? &target->feeds[record->offers->said[0].voice] : taking;
    dvsi_buf cells = {0};
    char *message = dvsi_arena_strdup(&feed->run->arena, taking->error.message);
    if (record->source != NULL)
        dvsi_mapping_record_json(feed->mapping, record->source, &cells);
    else if (record->fields != NULL)
        dvsi_target_fields_json(target, record->fields, &cells);
    dvsi_record_error error = {.number = record->number,
                               .source_key = record->source_key,
                               .key = record->key,
                               .message = message != NULL ? message : "refused by the sink",
                               .record = cells.data,
                               .record_length = cells.length};
    if (record->source != NULL) { /* else its offers are kept, and stay pending */
        error.cells = cells.data;
        error.cells_length = cells.length;
    }
    if (record->raw != NULL && record->raw->kind == DVS_JSON) {
        error.record = record->raw->v.text;
        error.record_length = record->raw->length;
    }
    dvsi_work only = {.errors = &error, .n_errors = 1};
    record->flags |= DVSI_RECORD_FAILED;
    int32_t status = dvsi_step_errors(feed, &only);
    if (status != DVS_OK)
        taking->error = feed->error;
    dvsi_buf_free(&cells);
    return status;
}

/* A step failed because of one of its records, which can be told. */
static int is_refusal(const dvsi_feed *feed, const dvsi_work *work)
{
    const dvs_error *err = &feed->error;
    return (err->status == DVS_E_DATA || err->status == DVS_E_DUPLICATE) && err->scope == DVS_SCOPE_ROW &&
           err->row < work->n_records && (work->records[err->row].flags & DVSI_RECORD_FAILED) == 0;
}

/* Takes records in as few steps as they allow: behind one that is refused fewer at once, so that many
 * refusals do not each cost what all the others cost; then more again. */
static int32_t take(dvsi_feed *feed, dvsi_step_fn *step, dvsi_work *work, uint32_t from, uint32_t to)
{
    dvsi_work part = *work;
    uint32_t most = to - from;
    while (from < to) {
        part.records = work->records + from;
        part.n_records = to - from < most ? to - from : most;
        int32_t status = dvsi_step(feed, step, &part);
        if (status == DVS_OK) {
            from += part.n_records;
            most = most < to - from ? most * 2 : to - from;
        } else if (is_refusal(feed, &part)) {
            status = refuse_record(feed, &part.records[feed->error.row]);
            most = part.n_records > 4 ? part.n_records / 4 : 1;
        }
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

static int32_t records_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_feed_gathers(feed) ? dvsi_gather_work(feed, work, err) : dvsi_stream_work(feed, work, err);
}

int32_t dvsi_step_records(dvsi_feed *feed, dvsi_work *work, uint32_t from, uint32_t to)
{
    return take(feed, records_step, work, from, to);
}

/* What came through last is mended, also when an earlier record of the same key in this batch failed. */
static int32_t mended_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_row_errors_close_keys(feed, work->records, work->n_records, err);
}

int32_t dvsi_step_mended(dvsi_feed *feed, dvsi_work *work)
{
    return feed->open_errors != 0 ? dvsi_step(feed, mended_step, work) : DVS_OK;
}

/* Errors that are still open are mapped again before a read that does not deliver everything. */
static int32_t again_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_row_errors_again(feed, &feed->error_at, work, err);
}

int32_t dvsi_step_again(dvsi_feed *feed)
{
    dvsi_work *work = dvsi_work_new();
    int32_t status = work == NULL ? dvsi_error_no_memory(&feed->error) : DVS_OK;
    feed->error_at = 0;
    for (int more = 1; more && status == DVS_OK;) {
        const int64_t before = feed->error_at;
        status = dvsi_step(feed, again_step, work);
        more = status == DVS_OK && feed->error_at != before;
        if (more && work->n_errors != 0)
            status = dvsi_step_errors(feed, work);
        if (more && status == DVS_OK)
            status = dvsi_step_records(feed, work, 0, work->n_records);
        if (more && status == DVS_OK)
            status = dvsi_step_mended(feed, work);
    }
    dvsi_work_free(work);
    return status;
}

/* ---- What waits for the end of the read ---- */

static int32_t next_deferred_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_twice_records(feed, work, err);
}

static int32_t deferred_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_upsert(feed, work->records, work->n_records, err);
}

static int32_t take_deferred(dvsi_feed *feed, dvsi_work *work)
{
    int32_t status = dvsi_step(feed, next_deferred_step, work);
    if (status == DVS_OK)
        status = take(feed, deferred_step, work, 0, work->n_records);
    return status == DVS_OK ? dvsi_step_mended(feed, work) : status;
}

static int32_t drop_missing_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_gather_drop_missing(feed, err);
}

static int32_t next_offers_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_gather_next(feed, work, err);
}

static int32_t settle_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_gather_settle(feed, work, err);
}

static int32_t index_offers_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_offers_index(feed->run, err);
}

static int32_t settled_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_settled_mark(feed, &feed->target->settled_at, err);
}

static int32_t mark_settled(dvsi_feed *feed)
{
    dvsi_target *target = feed->target;
    int32_t status = DVS_OK;
    while (status == DVS_OK && target->settled_at != INT64_MAX) {
        status = dvsi_step(feed, settled_step, NULL);
        if (status == DVS_OK)
            status = dvsi_run_pause(feed->run, &feed->error);
    }
    return status;
}

/* The entity's offers, when all its feeds have ended; `feed` is one that did so well. */
static int32_t take_offers(dvsi_feed *feed, dvsi_work *work)
{
    dvsi_target *target = feed->target;
    int32_t status = DVS_OK;
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++)
        if (target->feeds[f].phase == DVSI_FEED_READ) {
            status = dvsi_step(&target->feeds[f], drop_missing_step, NULL);
            feed->error = target->feeds[f].error;
        }
    target->offers_part = target->keeps ? DVSI_OFFERS_END : DVSI_OFFERS_ALL;
    dvsi_buf_clear(&target->offers_at);
    target->settled_at = 0;
    dvsi_seen_clear(&target->settled);
    if (status == DVS_OK)
        status = dvsi_step(feed, index_offers_step, NULL);
    while (status == DVS_OK && target->offers_part != DVSI_OFFERS_END) {
        status = dvsi_step(feed, next_offers_step, work);
        if (status == DVS_OK)
            status = take(feed, settle_step, work, 0, work->n_records);
        feed->run->transaction_rows += work->n_records;
        if (status == DVS_OK)
            status = dvsi_run_pause(feed->run, &feed->error);
    }
    return status == DVS_OK ? mark_settled(feed) : status;
}

int32_t dvsi_step_rest(dvsi_feed *feed)
{
    if (!dvsi_feed_gathers(feed) && feed->twice == NULL)
        return DVS_OK;
    dvsi_work *work = dvsi_work_new();
    int32_t status = work == NULL ? dvsi_error_no_memory(&feed->error) : DVS_OK;
    if (status == DVS_OK)
        status = dvsi_feed_gathers(feed) ? take_offers(feed, work) : take_deferred(feed, work);
    dvsi_work_free(work);
    return status;
}

/* ---- The end ---- */

static int32_t finish_begin_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_finish_begin(feed, feed->deletes, err);
}

static int32_t next_deletes_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_deletes_next(feed, feed->deletes, err);
}

static int32_t delete_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    return dvsi_deletes_write(feed, work->records, work->n_records, err);
}

static int32_t settle_deletes_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_deletes_settle(feed, feed->deletes, err);
}

static int32_t finish_end_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_finish_end(feed, err);
}

int32_t dvsi_step_finish(dvsi_feed *feed)
{
    dvsi_sweep deletes = {0};
    feed->deletes = &deletes;
    int32_t status = dvsi_step(feed, finish_begin_step, NULL);
    const int trial = feed->run->options->row_limit != 0;
    while (status == DVS_OK && !trial && !feed->target->keeps && !dvsi_deletes_done(&deletes)) {
        status = dvsi_step(feed, next_deletes_step, NULL);
        if (status == DVS_OK)
            status = take(feed, delete_step, deletes.page, 0, deletes.page->n_records);
        if (status == DVS_OK)
            status = dvsi_step(feed, settle_deletes_step, NULL);
    }
    if (status == DVS_OK)
        status = dvsi_step(feed, finish_end_step, NULL);
    feed->deletes = NULL;
    dvsi_deletes_free(&deletes);
    return status;
}
