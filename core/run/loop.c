/* loop.c - the writer: takes what the readers post, until all feeds have ended. */
#include <string.h>

#include "base/error.h"
#include "run/run.h"

#define COMMIT_AFTER_US INT64_C(1000000)
#define COMMIT_AFTER_WRITES 2048u  /* rows; a huge transaction does not scale */
#define COMMIT_AFTER_ROWS 16384u   /* read and found unchanged: what a kill may cost to read again */
#define LINGER_US INT64_C(20000) /* how long an open transaction waits for more */
#define WAIT_US INT64_C(100000)
#define PROGRESS_EVERY_US INT64_C(200000)

static void fail_feed(dvsi_feed *feed, const dvs_error *err)
{
    dvsi_target *target = feed->target;
    if (feed->phase == DVSI_FEED_FAILED)
        return;
    feed->phase = DVSI_FEED_FAILED;
    feed->error = *err;
    feed->ended_at = dvsi_clock_now();
    feed->dirty = 1;
    target->error = *err;
    if (err->status != DVS_E_CANCELLED)
        dvsi_run_note(feed->run, "error", target->entity->name, feed->from->label, 0, NULL, NULL, "%s", err->message);
    dvsi_feed_quit(feed);
}

static void commit(dvsi_run *run)
{
    dvs_error err = DVS_ERROR_INIT;
    if (run->fatal.status == 0 && dvsi_run_commit(run, &err) != DVS_OK)
        dvsi_run_fail(run, &err);
}

static int32_t prepare_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    int32_t status = dvsi_target_prepare(feed->target, err);
    return status == DVS_OK ? dvsi_plan_feed(feed, err) : status;
}

static int32_t restart_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_plan_restart(feed, err);
}

/* What the records up to here are worth: a position that the next commit stores. */
static int32_t take_checkpoint(dvsi_feed *feed, const dvs_checkpoint *checkpoint)
{
    dvsi_feed_state *s = &feed->state;
    dvs_error err = DVS_ERROR_INIT;
    int failed = 0;
    if (checkpoint->type == DVS_CHECKPOINT_END) {
        feed->has_end = 1;
        feed->end_complete = checkpoint->complete;
        feed->end_kind = checkpoint->token_kind;
        feed->end_watermark = checkpoint->watermark;
        failed = dvsi_state_set_bytes(&feed->end_token, &feed->end_length,
                                      checkpoint->token != NULL ? (const void *)checkpoint->token : "",
                                      (size_t)checkpoint->token_length);
    } else if ((feed->stream_flags & DVS_STREAM_RESUME) != 0) {
        failed = dvsi_state_set_bytes(&s->position, &s->position_length,
                                      checkpoint->token != NULL ? (const void *)checkpoint->token : "",
                                      (size_t)checkpoint->token_length);
        s->has_position = 1;
        if (!feed->run->dry) {
            int64_t id = 0;
            int32_t status = DVS_OK;
            if (feed->state.first_load) {
                status = dvsi_target_next_id(feed->target, &id, &err);
                s->high_row_id = id - 1;
                feed->target->next_id--;
            }
            if (status == DVS_OK && feed->state.first_load) {
                status = dvsi_books_next_id(&feed->run->books, DVSI_BOOK_LINEAGE, &id, &err);
                s->high_lineage = id - 1;
                feed->run->books.next_id[DVSI_BOOK_LINEAGE]--;
            }
            if (status != DVS_OK) {
                feed->error = err;
                return status;
            }
        }
    }
    return failed ? dvsi_error_no_memory(&feed->error) : DVS_OK;
}

static void take_work(dvsi_feed *feed, dvsi_work *work)
{
    dvsi_run *run = feed->run;
    const dvsi_batch *batch = work->batch;
    int32_t status = DVS_OK;
    uint32_t covered = batch->has_checkpoint ? work->checkpoint_records : 0;
    if (feed->phase != DVSI_FEED_READING || run->fatal.status != 0)
        return;
    feed->counts.processed += work->n_records;
    feed->state.unidentified += work->unidentified;
    feed->dirty = 1;
    if (work->n_errors != 0)
        status = dvsi_step_errors(feed, work);
    if (status == DVS_OK)
        status = dvsi_step_records(feed, work, 0, covered);
    /* With `stop`, the next run must meet the bad record again. */
    int stops = work->n_errors != 0 && run->project->options.stop_on_row_error;
    if (status == DVS_OK && batch->has_checkpoint && !stops)
        status = take_checkpoint(feed, &batch->checkpoint);
    if (status == DVS_OK)
        status = dvsi_step_records(feed, work, covered, work->n_records);
    if (status == DVS_OK && run->options->row_limit == 0) /* a trial may see a copy that a later one stands for */
        status = dvsi_step_mended(feed, work);
    run->transaction_rows += work->n_records;
    if (status == DVS_OK && stops) {
        dvsi_error_set(&feed->error, DVS_E_DATA, "stopped at a row error (on_row_error: stop): %s", work->errors[0].message);
        status = DVS_E_DATA;
    }
    if (status != DVS_OK) {
        dvs_error err = feed->error;
        fail_feed(feed, &err);
    }
}

/* The unfinished read is over without its end: the guard stopped it. The cursor stays where it was. */
static int32_t give_up_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    feed->state.has_position = 0;
    feed->state.read_mode = 0;
    feed->state.start_active = -1;
    return dvsi_seen_forget(&feed->run->books, feed->target->entity->name, feed->from->label, err);
}

static void take_end(dvsi_feed *feed)
{
    dvsi_run *run = feed->run;
    if (feed->phase != DVSI_FEED_READING || run->fatal.status != 0)
        return;
    int limited = run->options->row_limit != 0;
    dvs_error err = DVS_ERROR_INIT;
    if (!feed->has_end && !limited) {
        dvsi_error_set(&err, DVS_E_ABI, "the read ended without an END checkpoint");
        fail_feed(feed, &err);
        return;
    }
    int32_t status = dvsi_step_rest(feed);
    if (status == DVS_OK)
        status = dvsi_step_finish(feed);
    err = feed->error;
    int given_up = status == DVS_E_GUARD && feed->target->guarded && (run->dry || dvsi_step(feed, give_up_step, NULL) == DVS_OK);
    if (feed->target->guarded && !given_up)
        err = feed->error;
    if (status != DVS_OK) {
        feed->frozen = !given_up;
        fail_feed(feed, &err);
    } else {
        feed->phase = DVSI_FEED_DONE;
        feed->ended_at = dvsi_clock_now();
        feed->dirty = 1;
        run->finished++;
    }
    commit(run);
}

static void take_message(dvsi_run *run, const dvsi_message *message)
{
    dvsi_feed *feed = message->feed;
    int32_t status = DVS_OK;
    switch (message->type) {
    case DVSI_MESSAGE_PREPARED:
    case DVSI_MESSAGE_RESTART:
        if (message->type == DVSI_MESSAGE_RESTART)
            feed->error = feed->thread_error;
        status = feed->phase == DVSI_FEED_FAILED || run->fatal.status != 0
                     ? DVS_E_CANCELLED
                     : dvsi_step(feed, message->type == DVSI_MESSAGE_PREPARED ? prepare_step : restart_step, NULL);
        if (status == DVS_OK && message->type == DVSI_MESSAGE_PREPARED && !run->dry && feed->mode != DVS_READ_FULL &&
            feed->open_errors != 0)
            status = dvsi_step_again(feed);
        if (status != DVS_OK) {
            dvs_error err = feed->error;
            feed->ended = 1;
            feed->frozen = 1;
            fail_feed(feed, &err);
        } else {
            feed->phase = DVSI_FEED_READING;
        }
        commit(run);
        dvsi_queue_set_go(&run->queue, feed, status == DVS_OK ? 1 : 2);
        break;
    case DVSI_MESSAGE_WORK:
        take_work(feed, message->work);
        break;
    case DVSI_MESSAGE_END:
        feed->ended = 1;
        take_end(feed);
        break;
    case DVSI_MESSAGE_FAILED: {
        feed->ended = 1;
        fail_feed(feed, &feed->thread_error);
        break;
    }
    }
    dvsi_queue_recycle(&run->queue, message->work);
}

/* Starts threads for feeds that wait, as many as may run; how many run or wait. */
static uint32_t launch(dvsi_run *run)
{
    uint32_t running = 0;
    uint32_t waiting = 0;
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++)
            running += run->targets[t].feeds[f].phase != DVSI_FEED_WAITING && !run->targets[t].feeds[f].ended;
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++) {
            dvsi_feed *feed = &run->targets[t].feeds[f];
            dvs_error err = DVS_ERROR_INIT;
            if (feed->phase != DVSI_FEED_WAITING)
                continue;
            if (running >= (uint32_t)run->project->options.concurrency || run->fatal.status != 0) {
                waiting++;
                continue;
            }
            if (dvsi_feed_launch(feed, &err) != DVS_OK) {
                feed->ended = 1;
                fail_feed(feed, &err);
            } else {
                running++;
            }
        }
    return running + (run->fatal.status != 0 ? 0 : waiting);
}

static void report_progress(dvsi_run *run, int64_t *last, int always)
{
    int64_t now = dvsi_clock_monotonic();
    if (run->options->progress == NULL || (!always && now - *last < PROGRESS_EVERY_US))
        return;
    *last = now;
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++) {
            dvsi_feed *feed = &run->targets[t].feeds[f];
            if (feed->phase == DVSI_FEED_WAITING)
                continue;
            int64_t until = feed->ended_at != 0 ? feed->ended_at : dvsi_clock_now();
            dvs_progress progress = {.struct_size = (uint32_t)sizeof progress,
                                     .finished = feed->phase >= DVSI_FEED_DONE,
                                     .entity = feed->target->entity->name,
                                     .source = feed->from->label,
                                     .phase = feed->phase == DVSI_FEED_PREPARING ? "preparing" : "reading",
                                     .rows = feed->counts.processed,
                                     .done = atomic_load(&feed->progress.done),
                                     .total = atomic_load(&feed->progress.total),
                                     .elapsed_us = until - feed->started_at};
            run->options->progress(run->options->progress_context, &progress);
        }
}

void dvsi_run_loop(dvsi_run *run)
{
    int64_t last_progress = 0;
    while (atomic_load(run->stop) == 0 && launch(run) != 0 && run->fatal.status == 0) {
        dvsi_message message;
        int open = run->in_transaction && !run->dry;
        if (dvsi_queue_take(&run->queue, open ? LINGER_US : WAIT_US, &message)) {
            take_message(run, &message);
            if (run->in_transaction && (run->transaction_writes >= COMMIT_AFTER_WRITES ||
                                        run->transaction_rows >= COMMIT_AFTER_ROWS ||
                                        dvsi_clock_monotonic() - run->transaction_started >= COMMIT_AFTER_US))
                commit(run);
        } else if (open) {
            commit(run);
        }
        report_progress(run, &last_progress, 0);
    }
    commit(run);
    report_progress(run, &last_progress, 1);
}
