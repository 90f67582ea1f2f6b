/* loop.c - the writer: takes what the readers post, until all feeds have ended. */
#include "base/error.h"
#include "run/follow.h"
#include "run/plan.h"
#include "run/run.h"
#include "run/saved.h"
#include "run/step.h"

#define COMMIT_AFTER_US INT64_C(1000000)
#define COMMIT_AFTER_WRITES 2048u /* rows; a huge transaction does not scale */
#define COMMIT_AFTER_ROWS 16384u  /* read and found unchanged: what a kill may cost to read again */
#define LINGER_US INT64_C(20000)  /* how long an open transaction waits for more */
#define WAIT_US INT64_C(100000)
#define PROGRESS_EVERY_US INT64_C(200000)

void dvsi_feed_fail(dvsi_feed *feed, const dvs_error *err)
{
    dvsi_target *target = feed->target;
    if (feed->phase == DVSI_FEED_FAILED)
        return;
    feed->phase = DVSI_FEED_FAILED;
    feed->error = *err;
    feed->ended_at = dvsi_clock_now();
    feed->dirty = 1;
    if (target->n_feeds == 1)
        target->error = *err;
    if (err->status != DVS_E_CANCELLED)
        dvsi_run_note(feed->run, "error", target->entity->name, feed->from->label, 0, NULL, NULL, "%s",
                      err->message);
    dvsi_feed_quit(feed);
}

static void commit(dvsi_run *run)
{
    dvs_error err = DVS_ERROR_INIT;
    if (run->saved != NULL && (run->fatal.status != 0 || !dvsi_saved_commits(run)))
        return;
    if (run->fatal.status == 0 && dvsi_run_commit(run, &err) != DVS_OK)
        dvsi_run_fail(run, &err);
}

/* Is the open transaction large or old enough? */
static int is_due(const dvsi_run *run)
{
    return run->in_transaction &&
           (run->transaction_writes >= COMMIT_AFTER_WRITES || run->transaction_rows >= COMMIT_AFTER_ROWS ||
            dvsi_clock_monotonic() - run->transaction_started >= COMMIT_AFTER_US);
}

int32_t dvsi_run_pause(dvsi_run *run, dvs_error *err)
{
    if (run->saved != NULL)
        return DVS_OK; /* all of an entity's plan, or nothing */
    if (atomic_load(run->stop) != 0)
        return dvsi_error_set(err, DVS_E_CANCELLED, "cancelled");
    if (is_due(run))
        commit(run);
    if (run->fatal.status != 0)
        *err = run->fatal;
    return run->fatal.status;
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
    status = dvsi_follow_filter(feed, work);
    covered = covered < work->checkpoint_records ? covered : work->checkpoint_records;
    feed->counts.processed += work->n_records;
    feed->state.unidentified += work->unidentified;
    feed->dirty = 1;
    if (status == DVS_OK && work->n_errors != 0)
        status = dvsi_step_errors(feed, work);
    if (status == DVS_OK)
        status = dvsi_step_records(feed, work, 0, covered);
    /* With `stop`, the next run must meet the bad record again. */
    int stops = work->n_errors != 0 && run->project->options.stop_on_row_error;
    if (status == DVS_OK && batch->has_checkpoint && !stops)
        status = take_checkpoint(feed, &batch->checkpoint);
    if (status == DVS_OK)
        status = dvsi_step_records(feed, work, covered, work->n_records);
    if (status == DVS_OK &&
        run->options->row_limit == 0) /* a trial may see a copy that a later one stands for */
        status = dvsi_step_mended(feed, work);
    if (status == DVS_OK)
        dvsi_follow_take(feed, work);
    run->transaction_rows += work->n_records;
    if (status == DVS_OK && stops) {
        dvsi_error_set(&feed->error, DVS_E_DATA, "stopped at a row error (on_row_error: stop): %s",
                       work->errors[0].message);
        status = DVS_E_DATA;
    }
    if (status != DVS_OK) {
        dvs_error err = feed->error;
        dvsi_feed_fail(feed, &err);
    }
}

static void take_end(dvsi_feed *feed)
{
    dvs_error err = DVS_ERROR_INIT;
    if (feed->phase != DVSI_FEED_READING || feed->run->fatal.status != 0)
        return;
    if (!feed->has_end && feed->run->options->row_limit == 0) {
        dvsi_error_set(&err, DVS_E_ABI, "the read ended without an END checkpoint");
        dvsi_feed_fail(feed, &err);
        return;
    }
    feed->phase = DVSI_FEED_READ;
    feed->dirty = 1;
}

/* Described and mapped. */
static void take_prepared(dvsi_feed *feed)
{
    if (feed->phase == DVSI_FEED_PREPARING && feed->run->fatal.status == 0) {
        feed->phase = DVSI_FEED_PREPARED;
    } else {
        feed->ended = 1;
        dvsi_queue_set_go(&feed->run->queue, feed, 2);
    }
}

static void take_restart(dvsi_feed *feed)
{
    dvsi_run *run = feed->run;
    int32_t status = DVS_E_CANCELLED;
    feed->error = feed->thread_error;
    if (feed->phase != DVSI_FEED_FAILED && run->fatal.status == 0)
        status = dvsi_step(feed, restart_step, NULL);
    if (status != DVS_OK) {
        dvs_error err = feed->error;
        feed->ended = 1;
        feed->frozen = 1;
        dvsi_feed_fail(feed, &err);
    }
    commit(run);
    dvsi_queue_set_go(&run->queue, feed, status == DVS_OK ? 1 : 2);
}

static void take_message(dvsi_run *run, const dvsi_message *message)
{
    dvsi_feed *feed = message->feed;
    switch (message->type) {
    case DVSI_MESSAGE_PREPARED:
        take_prepared(feed);
        break;
    case DVSI_MESSAGE_RESTART:
        take_restart(feed);
        break;
    case DVSI_MESSAGE_WORK:
        take_work(feed, message->work);
        break;
    case DVSI_MESSAGE_END:
        feed->ended = 1;
        take_end(feed);
        break;
    case DVSI_MESSAGE_FAILED:
        feed->ended = 1;
        dvsi_feed_fail(feed, &feed->thread_error);
        break;
    }
    dvsi_queue_recycle(&run->queue, message->work);
    if (dvsi_together(feed->target))
        commit(run);
}

/* Those that are planned read, and those that wait get a thread, as many as may run. */
static void launch_feed(dvsi_feed *feed, uint32_t *running)
{
    dvs_error err = DVS_ERROR_INIT;
    if (feed->phase == DVSI_FEED_READY) {
        feed->phase = DVSI_FEED_READING;
        dvsi_queue_set_go(&feed->run->queue, feed, 1);
        ++*running;
    } else if (dvsi_feed_launch(feed, &err) == DVS_OK) {
        ++*running;
    } else {
        feed->ended = 1;
        dvsi_feed_fail(feed, &err);
        if (dvsi_together(feed->target))
            commit(feed->run);
    }
}

static int is_running(const dvsi_feed *feed)
{
    return (feed->phase == DVSI_FEED_PREPARING || feed->phase >= DVSI_FEED_READING) && !feed->ended;
}

/* A plan is carried out entity by entity, as each has a transaction of its own. */
static int has_turn(const dvsi_run *run, uint32_t target)
{
    for (uint32_t t = 0; t < target && run->saved != NULL; t++)
        if (!run->targets[t].ended)
            return 0;
    return 1;
}

/* How many run or wait. Who is planned goes first, as others of its entity may wait for it. */
static uint32_t launch(dvsi_run *run)
{
    static const dvsi_feed_phase first_to_last[] = {DVSI_FEED_READY, DVSI_FEED_WAITING};
    uint32_t running = 0;
    uint32_t waiting = 0;
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++)
            running += (uint32_t)is_running(&run->targets[t].feeds[f]);
    for (size_t i = 0; i < sizeof first_to_last / sizeof *first_to_last; i++)
        for (uint32_t t = 0; t < run->n_targets; t++)
            for (uint32_t f = 0; f < run->targets[t].n_feeds; f++) {
                dvsi_feed *feed = &run->targets[t].feeds[f];
                if (feed->phase != first_to_last[i])
                    continue;
                int follows = feed->phase == DVSI_FEED_READY &&
                              feed->from->scope_referenced; /* they wait for each other */
                if ((running >= (uint32_t)run->project->options.concurrency && !follows) ||
                    run->fatal.status != 0 || !has_turn(run, t) ||
                    (feed->phase == DVSI_FEED_READY && !dvsi_follow_may_read(feed)))
                    waiting++;
                else
                    launch_feed(feed, &running);
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
                                     .phase = feed->phase < DVSI_FEED_READING ? "preparing" : "reading",
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
    for (uint32_t t = 0; t < run->n_targets; t++) /* whose sources could not be opened */
        if (dvsi_together(&run->targets[t]))
            commit(run);
    while (atomic_load(run->stop) == 0 && launch(run) != 0 && run->fatal.status == 0) {
        dvsi_message message;
        int open = run->in_transaction && !run->dry;
        if (dvsi_follow_step(run))
            commit(run);
        if (dvsi_queue_take(&run->queue, open ? LINGER_US : WAIT_US, &message)) {
            take_message(run, &message);
            if (is_due(run))
                commit(run);
        } else if (open) {
            commit(run);
        }
        report_progress(run, &last_progress, 0);
    }
    commit(run);
    report_progress(run, &last_progress, 1);
}
