/* finish.c - the end of a read, before its deletes and behind them: the cursor. */
#include "base/error.h"
#include "run/rebuild.h"
#include "run/row_errors.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/step.h"
#include "run/twice.h"

/* The next run starts where this read has ended. */
static int32_t move_cursor(dvsi_feed *feed, dvs_error *err)
{
    dvsi_feed_state *s = &feed->state;
    const int complete =
        feed->end_complete || feed->run->saved != NULL; /* a plan is made of a complete read */
    uint64_t active = 0;
    int32_t status = dvsi_target_active(feed->target, &active, err);
    if (status == DVS_OK)
        status = dvsi_seen_forget(&feed->run->books, feed->target->entity->name, feed->from->label, err);
    if (status == DVS_OK && complete)
        status = dvsi_row_errors_close_old(feed, err);
    if (status != DVS_OK)
        return status;
    if (feed->end_kind != DVS_TOKEN_NONE) {
        if (dvsi_state_set_bytes(&s->cursor, &s->cursor_length, feed->end_token, feed->end_length) != 0)
            return dvsi_error_no_memory(err);
        s->cursor_kind = feed->end_kind;
    } else if (feed->mode == DVS_READ_FULL || complete) {
        (void)dvsi_state_set_bytes(&s->cursor, &s->cursor_length, NULL, 0);
        s->cursor_kind = DVS_TOKEN_NONE;
    }
    if (complete)
        s->last_full_at = s->read_started_at;
    if (feed->end_watermark != INT64_MIN)
        s->watermark = feed->end_watermark;
    s->last_sync_time = feed->run->started_at;
    s->records_count = (int64_t)active;
    s->has_position = 0;
    s->read_mode = feed->target->passes && !feed->target->complete && s->cursor != NULL ? DVS_READ_FULL : 0;
    s->start_active = -1;
    s->unidentified = 0;
    return dvsi_state_store(feed, "completed", err);
}

/* An ordinary table from now on, also should the rest of the end fail. */
static int32_t end_first_load(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = dvsi_first_load_finish(feed, err);
    return status == DVS_OK ? dvsi_state_store(feed, "in_progress", err) : status;
}

/* Each feed of the entity that was read to its end. */
static int32_t each_read(dvsi_target *target, int32_t (*call)(dvsi_feed *feed, dvs_error *err),
                         dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++)
        if (target->feeds[f].phase == DVSI_FEED_READ)
            status = call(&target->feeds[f], err);
    return status;
}

static int32_t close_absent(dvsi_feed *feed, dvs_error *err)
{
    return feed->end_complete && feed->open_errors != 0 ? dvsi_row_errors_close_absent(feed, err) : DVS_OK;
}

static int32_t close_old(dvsi_feed *feed, dvs_error *err)
{
    return feed->end_complete && feed->open_errors != 0 ? dvsi_row_errors_close_old(feed, err) : DVS_OK;
}

/* What the sink refused of whole keys stands under whose record it was; that may be a source that failed. */
static int32_t close_settled(dvsi_target *target, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t f = 0; f < target->n_feeds && !target->keeps && status == DVS_OK; f++)
        if (target->feeds[f].open_errors != 0)
            status = dvsi_row_errors_close_settled(&target->feeds[f], err);
    return status;
}

int32_t dvsi_finish_begin(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err)
{
    dvsi_run *run = feed->run;
    int32_t status = dvsi_twice_finish(feed, err);
    if (status == DVS_OK && feed->state.first_load)
        status = end_first_load(feed, err);
    if (status != DVS_OK || run->options->row_limit != 0)
        return status;
    if (dvsi_feed_gathers(feed))
        status = each_read(feed->target, close_absent, err);
    return status == DVS_OK && !feed->target->keeps ? dvsi_deletes_plan(feed, deletes, err) : status;
}

int32_t dvsi_finish_end(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = DVS_OK;
    if (feed->run->options->row_limit != 0)
        return DVS_OK;
    if (feed->run->dry)
        return each_read(feed->target, close_old, err);
    if (dvsi_feed_gathers(feed))
        status = close_settled(feed->target, err);
    const int rewrote = feed->target->rewrites_raw && feed->target->complete && feed->run->saved == NULL;
    if (rewrote)
        dvsi_raw_done(feed->target);
    if (status == DVS_OK && feed->target->rebuilds)
        status = dvsi_rebuild_end(feed->target, err);
    else if (status == DVS_OK && rewrote)
        status = dvsi_definition_store(feed->target, err);
    return status == DVS_OK ? each_read(feed->target, move_cursor, err) : status;
}
