/*
 * together.c - what the feeds of an entity do together: they are planned when all are described, and the
 * entity is brought to its end when all have ended. One that failed is waited for no longer; the others go on
 * without it, as far as that is right.
 */
#include "base/error.h"
#include "run/conflicts.h"
#include "run/plan.h"
#include "run/run.h"
#include "run/saved.h"
#include "run/step.h"

static uint32_t count_phase(const dvsi_target *target, dvsi_feed_phase phase)
{
    uint32_t n = 0;
    for (uint32_t f = 0; f < target->n_feeds; f++)
        n += target->feeds[f].phase == phase;
    return n;
}

static dvsi_feed *first_of(dvsi_target *target, dvsi_feed_phase phase)
{
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].phase == phase)
            return &target->feeds[f];
    return NULL;
}

static void fail_all(dvsi_target *target, dvsi_feed_phase phase, const dvs_error *err)
{
    const char *noted = NULL;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        dvsi_feed *feed = &target->feeds[f];
        if (feed->phase != phase)
            continue;
        if (noted == NULL) {
            dvsi_feed_fail(feed, err);
        } else { /* it has been told */
            feed->phase = DVSI_FEED_FAILED;
            feed->error = *err;
            feed->ended_at = dvsi_clock_now();
            feed->dirty = 1;
        }
        noted = feed->from->label;
    }
}

/* ---- The beginning ---- */

static int32_t prepare_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    int32_t status = dvsi_target_prepare(feed->target, err);
    if (status == DVS_OK)
        status = dvsi_conflicts_begin(feed->target, err);
    return status == DVS_OK ? dvsi_plan_target(feed->target, err) : status;
}

/* All feeds are described, or have failed. */
static void prepare(dvsi_target *target)
{
    dvsi_run *run = target->run;
    dvsi_feed *first = first_of(target, DVSI_FEED_PREPARED);
    target->prepared = 1;
    if (first == NULL)
        return;
    int32_t status = run->fatal.status == 0 ? dvsi_step(first, prepare_step, NULL) : DVS_E_CANCELLED;
    dvs_error err = first->error;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        dvsi_feed *feed = &target->feeds[f];
        if (feed->phase != DVSI_FEED_PREPARED)
            continue;
        if (status == DVS_OK && run->saved == NULL && feed->mode != DVS_READ_FULL && feed->open_errors != 0) {
            status = dvsi_step_again(feed);
            err = feed->error;
        }
    }
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        dvsi_feed *feed = &target->feeds[f];
        if (feed->phase != DVSI_FEED_PREPARED)
            continue;
        if (status == DVS_OK) {
            feed->phase = DVSI_FEED_READY;
            continue;
        }
        feed->ended = 1;
        feed->frozen = 1;
        dvsi_queue_set_go(&run->queue, feed, 2);
    }
    if (status != DVS_OK)
        fail_all(target, DVSI_FEED_PREPARED, &err);
}

/* ---- The end ---- */

static int32_t give_up_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    dvsi_target *target = feed->target;
    int32_t status = DVS_OK;
    (void)work;
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        dvsi_feed_state *state = &target->feeds[f].state;
        if (target->feeds[f].phase != DVSI_FEED_READ)
            continue;
        state->has_position = 0;
        state->read_mode = target->passes ? DVS_READ_FULL : 0;
        state->start_active = -1;
        status = dvsi_seen_forget(&feed->run->books, target->entity->name, target->feeds[f].from->label, err);
    }
    return status;
}

/* The guard stopped it: the reads are over without their end, and the cursors stay where they were. */
static int give_up(dvsi_feed *first)
{
    return first->run->dry || dvsi_step(first, give_up_step, NULL) == DVS_OK;
}

/* Every source was read completely once: before that nothing can be told of any record. */
static const dvsi_feed *never_read(const dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        if (feed->phase == DVSI_FEED_FAILED && (feed->state.last_full_at == 0 || target->run->dry))
            return feed;
    }
    return NULL;
}

static int is_complete(const dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].phase != DVSI_FEED_READ || !target->feeds[f].end_complete)
            return 0;
    return 1;
}

static int32_t saved_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    (void)work;
    return dvsi_saved_apply(feed, err);
}

/* What was read is reconciled, or, when that cannot be, kept for the run in which it can. */
static int32_t end_reads(dvsi_feed *first)
{
    dvsi_target *target = first->target;
    target->complete = (uint32_t)is_complete(target);
    target->keeps = never_read(target) != NULL && target->run->options->row_limit == 0;
    if (target->keeps && target->run->dry)
        return DVS_OK; /* what cannot be compared is not shown */
    int32_t status = target->run->saved != NULL ? dvsi_step(first, saved_step, NULL) : DVS_OK;
    if (status == DVS_OK)
        status = dvsi_step_rest(first);
    return status == DVS_OK ? dvsi_step_finish(first) : status;
}

static void end_well(dvsi_target *target)
{
    dvsi_run *run = target->run;
    const dvsi_feed *failed = first_of(target, DVSI_FEED_FAILED);
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        dvsi_feed *feed = &target->feeds[f];
        if (feed->phase != DVSI_FEED_READ)
            continue;
        feed->phase = DVSI_FEED_DONE;
        feed->ended_at = dvsi_clock_now();
        feed->dirty = 1;
    }
    if (target->keeps) {
        target->error = never_read(target)->error;
        return;
    }
    run->finished++;
    if (failed == NULL)
        return;
    const char *reason = dvsi_arena_printf(&run->arena, "source \"%s\" failed", failed->from->label);
    target->partial = 1;
    target->partial_reason = reason != NULL ? reason : "a source failed";
}

static void end(dvsi_target *target)
{
    dvsi_run *run = target->run;
    dvsi_feed *first = first_of(target, DVSI_FEED_READ);
    target->ended = 1;
    if (first == NULL || run->fatal.status != 0) {
        const dvsi_feed *failed = first_of(target, DVSI_FEED_FAILED);
        if (target->error.status == 0 && failed != NULL)
            target->error = failed->error;
        return;
    }
    int32_t status = end_reads(first);
    dvs_error err = first->error;
    int given_up = status == DVS_E_GUARD && target->guarded && give_up(first);
    if (target->guarded && !given_up)
        err = first->error;
    if (status == DVS_OK) {
        end_well(target);
        return;
    }
    /* One that was stopped goes on in the next run, from where its reads are. */
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].phase == DVSI_FEED_READ)
            target->feeds[f].frozen = !given_up && status != DVS_E_CANCELLED;
    target->error = err;
    fail_all(target, DVSI_FEED_READ, &err);
}

static int any_cancelled(const dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].phase == DVSI_FEED_FAILED && target->feeds[f].error.status == DVS_E_CANCELLED)
            return 1;
    return 0;
}

int dvsi_together(dvsi_target *target)
{
    uint32_t failed = count_phase(target, DVSI_FEED_FAILED);
    int did = 0;
    if (!target->prepared && count_phase(target, DVSI_FEED_PREPARED) + failed == target->n_feeds) {
        prepare(target);
        did = 1;
    }
    failed = count_phase(target, DVSI_FEED_FAILED);
    if (!target->ended && count_phase(target, DVSI_FEED_READ) + failed == target->n_feeds) {
        if (failed != target->n_feeds && any_cancelled(target))
            return did; /* it goes on in the next run */
        end(target);
        did = 1;
    }
    return did;
}
