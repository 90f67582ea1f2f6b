/*
 * follow_roots.c - the first keys: what active, current rows of the entities that are not followed refer to.
 *
 * A sync asks the tables when these entities have ended, a diff what they would hold after a sync: the
 * records for which it noted a change, as these were compared, and the rows for which it noted none. These
 * stay as they are, whether their records were met or not.
 */

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "run/changes.h"
#include "run/follow_parts.h"
#include "run/plan.h"
#include "run/step.h"

#define ROWS_AT_ONCE 256u

/* Rows of one reference that are looked up together among the changes that were noted. Keys and values are in
 * the batch arena, which is theirs. */
typedef struct roots {
    dvsi_followed *to;
    dvsi_feed *feed; /* of whose entity a diff notes changes; NULL: the table tells all */
    const char *keys[ROWS_AT_ONCE];
    dvs_cell values[ROWS_AT_ONCE];
    uint32_t n;
} roots;

static int32_t take_page(roots *r, dvs_error *err)
{
    uint8_t noted[ROWS_AT_ONCE] = {0};
    int32_t status = r->n != 0 ? dvsi_changes_noted(r->feed, r->keys, r->n, noted, err) : DVS_OK;
    for (uint32_t i = 0; i < r->n && status == DVS_OK; i++)
        if (!noted[i])
            status = dvsi_follow_want(r->to, &r->values[i], err);
    if (r->feed != NULL)
        dvsi_arena_reset(&r->feed->run->batch_arena);
    r->n = 0;
    return status;
}

static int32_t take_row(void *context, const dvs_cell *key, uint32_t n_key, const dvs_cell *value,
                        dvs_error *err)
{
    roots *r = context;
    dvsi_buf text = {0};
    if (r->feed == NULL)
        return dvsi_follow_want(r->to, value, err);
    dvsi_arena *arena = &r->feed->run->batch_arena;
    (void)dvsi_key_canonical(&text, key, n_key); /* one that somebody has edited has no change */
    r->keys[r->n] = text.failed ? NULL : dvsi_arena_copy(arena, dvsi_buf_text(&text), text.length);
    dvsi_buf_free(&text);
    if (r->keys[r->n] == NULL || dvsi_cell_copy(arena, value, &r->values[r->n]) != 0)
        return dvsi_error_no_memory(err);
    return ++r->n == ROWS_AT_ONCE ? take_page(r, err) : DVS_OK;
}

static int32_t take_reference(dvsi_run *run, const dvsi_reference *reference, const dvsi_target *now,
                              dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t k = 0; k < reference->n_to && status == DVS_OK; k++) {
        roots r = {.to = dvsi_follow_to(run, &reference->to[k]),
                   .feed = run->dry && now != NULL ? &now->feeds[0] : NULL};
        if (r.to == NULL)
            continue;
        status = dvsi_reference_each(&run->follow->all, reference, take_row, &r, err);
        if (status == DVS_OK)
            status = take_page(&r, err);
    }
    return status;
}

static int is_needed(const dvsi_run *run, const dvsi_reference *reference)
{
    for (uint32_t k = 0; k < reference->n_to; k++)
        if (dvsi_follow_to(run, &reference->to[k]) != NULL)
            return 1;
    return 0;
}

static int32_t roots_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_follow *f = run->follow;
    int32_t status = DVS_OK;
    (void)work;
    f->all.books = run->books;
    f->all.sink = run->sink;
    for (uint32_t i = 0; i < f->n_references && status == DVS_OK; i++) {
        const dvsi_reference *reference = &f->references[i];
        const dvsi_target *now = dvsi_follow_target(run, reference->target->entity);
        int is_followed = reference->target->entity->from[0].scope_referenced != 0;
        if (!is_needed(run, reference) || (is_followed && now != NULL))
            continue;
        if (now == NULL || now->error.status != 0 || !now->complete)
            f->complete = 0;
        if (now != NULL)
            f->whole &= now->error.status == 0 && now->complete;
        if (run->sink != NULL)
            status = take_reference(run, reference, now, err);
    }
    return status;
}

void dvsi_follow_roots(dvsi_run *run)
{
    dvsi_follow *f = run->follow;
    dvsi_feed *first = NULL;
    for (uint32_t i = 0; i < f->n_followed && first == NULL; i++)
        if (!f->followed[i].over)
            first = f->followed[i].feed;
    f->rooted = 1;
    f->complete = 1;
    for (uint32_t i = 0; i < f->n_followed; i++) {
        f->followed[i].busy = 1; /* until the thread says that it waits for keys */
        /* What the records of one that failed, or is not read completely, refer to is not all known. */
        f->complete &= !f->followed[i].over && f->followed[i].feed->mode == DVS_READ_FULL;
    }
    f->whole = f->complete;
    if (first == NULL || dvsi_step(first, roots_step, NULL) == DVS_OK)
        return;
    dvs_error err = first->error;
    for (uint32_t i = 0; i < f->n_followed; i++) {
        dvsi_feed *feed = f->followed[i].feed;
        if (f->followed[i].over)
            continue;
        f->followed[i].over = 1;
        feed->ended = 1;
        feed->frozen = 1;
        dvsi_feed_fail(feed, &err);
        dvsi_queue_set_go(&run->queue, feed, 2);
        (void)dvsi_together(feed->target);
    }
}
