/* follow.c - reading what is referred to: see follow.h. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "data/cell.h"
#include "run/follow_parts.h"
#include "run/plan.h"

int32_t dvsi_follow_new(dvsi_run *run, dvs_error *err)
{
    uint32_t n = 0;
    int any = 0;
    for (uint32_t e = 0; e < run->project->n_entities; e++)
        any |= run->project->entities[e].from[0].scope_referenced != 0;
    if (!any)
        return DVS_OK;
    run->follow = calloc(1, sizeof *run->follow);
    if (run->follow == NULL)
        return dvsi_error_no_memory(err);
    run->follow->followed =
        dvsi_arena_calloc(&run->follow->arena, (size_t)run->n_targets + 1, sizeof *run->follow->followed);
    if (run->follow->followed == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t t = 0; t < run->n_targets; t++)
        if (run->targets[t].feeds[0].from->scope_referenced)
            run->follow->followed[n++] = (dvsi_followed){.feed = &run->targets[t].feeds[0]};
    run->follow->n_followed = n;
    return DVS_OK;
}

void dvsi_follow_free(dvsi_follow *follow)
{
    if (follow == NULL)
        return;
    for (uint32_t i = 0; i < follow->n_followed; i++) {
        free(follow->followed[i].asked);
        free(follow->followed[i].keys);
        free(follow->followed[i].cursor);
        dvsi_arena_free(&follow->followed[i].arena);
    }
    dvsi_arena_free(&follow->all.arena);
    dvsi_arena_free(&follow->arena);
    free(follow);
}

int dvsi_follow_may_read(const dvsi_feed *feed)
{
    const dvsi_follow *f = feed->run->follow;
    if (f == NULL)
        return 1;
    return dvsi_follow_of(feed->run, feed) != NULL ? f->rooted != 0 : f->begun != 0;
}

/* ---- Keys that are wanted ---- */

static int grow_asked(dvsi_followed *f)
{
    size_t room = f->room == 0 ? 1024 : f->room * 2;
    uint64_t *more = calloc(room, sizeof *more);
    if (more == NULL)
        return -1;
    for (size_t i = 0; i < f->room; i++) {
        size_t at = f->asked[i] & (room - 1);
        for (; f->asked[i] != 0 && more[at] != 0; at = (at + 1) & (room - 1))
            ;
        if (f->asked[i] != 0)
            more[at] = f->asked[i];
    }
    free(f->asked);
    f->asked = more;
    f->room = room;
    return 0;
}

/* 1: it is new, 0: it was wanted before, -1: memory is out. */
static int note_asked(dvsi_followed *f, uint64_t hash)
{
    if (f->n_asked * 2 >= f->room && grow_asked(f) != 0)
        return -1;
    size_t at = hash & (f->room - 1);
    for (; f->asked[at] != 0; at = (at + 1) & (f->room - 1))
        if (f->asked[at] == hash)
            return 0;
    f->asked[at] = hash;
    f->n_asked++;
    return 1;
}

static int keep_key(dvsi_followed *f, const dvs_cell *key)
{
    if (f->n_keys == f->keys_room) {
        size_t room = f->keys_room == 0 ? 256 : f->keys_room * 2;
        dvs_cell *more = reallocarray(f->keys, room, sizeof *more);
        if (more == NULL)
            return -1;
        f->keys = more;
        f->keys_room = room;
    }
    return dvsi_cell_copy(&f->arena, key, &f->keys[f->n_keys++]);
}

int32_t dvsi_follow_want(dvsi_followed *f, const dvs_cell *value, dvs_error *err)
{
    dvsi_arena arena = {0};
    dvsi_buf text = {0};
    dvs_cell key = *value;
    int failed = 0;
    if (f->over || value->kind <= DVS_NULL || (value->flags & DVS_CELL_MISTYPED) != 0)
        return DVS_OK;
    const char *problem = value->kind != f->kind ? dvsi_cell_convert(&arena, f->kind, value, &key) : NULL;
    if (problem == NULL) {
        dvsi_cell_canonical(&text, &key);
        uint64_t hash = dvsi_hash64(dvsi_buf_text(&text), text.length);
        int is_new = text.failed ? -1 : note_asked(f, hash != 0 ? hash : 1);
        failed = is_new < 0 || (is_new == 1 && keep_key(f, &key) != 0);
    } else {
        failed = problem == dvsi_cell_no_memory;
    }
    dvsi_buf_free(&text);
    dvsi_arena_free(&arena);
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* ---- The writer's side ---- */

/* The next keys to ask for, if there are any. Each list is a copy: the one of all keys may move while the
 * thread reads. */
static int32_t choose(dvsi_followed *f, dvs_error *err)
{
    size_t n = f->n_keys - f->next;
    n = n < DVSI_FOLLOW_KEYS ? n : DVSI_FOLLOW_KEYS;
    f->request_next = dvsi_arena_alloc(&f->arena, n * sizeof *f->request_next);
    if (f->request_next == NULL)
        return dvsi_error_no_memory(err);
    memcpy(f->request_next, f->keys + f->next, n * sizeof *f->request_next);
    f->n_request_next = (uint32_t)n;
    f->next += n;
    if (f->feed->mode == DVS_READ_FULL)
        return DVS_OK;
    int32_t status = dvsi_follow_known(f);
    if (status != DVS_OK)
        *err = f->feed->error;
    return status;
}

static void ask(dvsi_run *run, dvsi_followed *f)
{
    dvs_error err = DVS_ERROR_INIT;
    f->n_request_next = 0;
    while (f->n_request_next == 0 && f->next < f->n_keys)
        if (choose(f, &err) != DVS_OK) {
            dvsi_feed_fail(f->feed, &err);
            return;
        }
    if (f->n_request_next == 0)
        return;
    f->busy = 1;
    pthread_mutex_lock(&run->queue.lock);
    f->request = f->request_next;
    f->n_request = f->n_request_next;
    f->gone_as_tombstones = !run->follow->complete && f->feed->mode == DVS_READ_FULL;
    pthread_cond_broadcast(&run->queue.writable);
    pthread_mutex_unlock(&run->queue.lock);
}

static void finish(dvsi_run *run, dvsi_followed *f)
{
    dvsi_feed *feed = f->feed;
    if (feed->mode == DVS_READ_FULL) { /* else its END came with the changes */
        feed->has_end = 1;
        /* A table that is made anew holds what the others refer to now, though these are not read with it. */
        feed->end_complete = run->follow->complete || (feed->target->rebuilds && run->follow->whole);
        feed->end_kind = DVS_TOKEN_NONE;
        if (f->cursor != NULL &&
            dvsi_state_set_bytes(&feed->end_token, &feed->end_length, f->cursor, f->cursor_length) == 0) {
            feed->end_kind = DVS_TOKEN_CURSOR;
            feed->end_watermark = f->watermark;
        }
    }
    pthread_mutex_lock(&run->queue.lock);
    f->end = 1;
    pthread_cond_broadcast(&run->queue.writable);
    pthread_mutex_unlock(&run->queue.lock);
}

/* Is there something that it has not asked for yet, and may? */
static int has_more(const dvsi_run *run, const dvsi_followed *f)
{
    const uint64_t limit = run->options->row_limit;
    return !f->over && f->next < f->n_keys && (limit == 0 || f->next < limit);
}

/* Asks the feeds that wait: 1 when an answer is on its way. */
static int ask_all(dvsi_run *run)
{
    dvsi_follow *f = run->follow;
    int waits = 0;
    for (uint32_t i = 0; i < f->n_followed; i++) {
        dvsi_followed *one = &f->followed[i];
        if (!one->over && one->feed->phase == DVSI_FEED_READING && !one->busy && has_more(run, one))
            ask(run, one);
        if (!one->over && one->feed->phase == DVSI_FEED_FAILED) {
            one->over = 1;
            f->complete = f->whole = 0; /* what its records refer to is not known */
        }
        waits |= !one->over && (one->busy || one->feed->phase != DVSI_FEED_READING);
    }
    return waits;
}

/* When nobody has anything left to ask for, that was all. */
static void go_on(dvsi_run *run)
{
    dvsi_follow *f = run->follow;
    for (int more = 1; more;) {
        if (ask_all(run))
            return;
        more = 0; /* what one has in its table may have named keys of another */
        for (uint32_t i = 0; i < f->n_followed; i++)
            more |= has_more(run, &f->followed[i]);
    }
    for (uint32_t i = 0; i < f->n_followed; i++)
        if (!f->followed[i].over)
            finish(run, &f->followed[i]);
    f->ended = 1;
}

int dvsi_follow_step(dvsi_run *run)
{
    dvsi_follow *f = run->follow;
    if (f == NULL || f->ended || run->fatal.status != 0)
        return 0;
    if (!f->begun) {
        dvs_error err = DVS_ERROR_INIT;
        for (uint32_t t = 0; t < run->n_targets; t++)
            if (!run->targets[t].prepared)
                return 0;
        f->begun = 1;
        if (run->sink != NULL && dvsi_run_begin(run, &err) != DVS_OK) {
            dvsi_run_fail(run, &err);
            return 0;
        }
        if (dvsi_follow_find(run, &err) != DVS_OK)
            dvsi_run_fail(run, &err);
        for (uint32_t i = 0; i < f->n_followed; i++)
            (void)dvsi_together(f->followed[i].feed->target);
        return 1;
    }
    if (!f->rooted) {
        for (uint32_t t = 0; t < run->n_targets; t++)
            if (!run->targets[t].ended && dvsi_follow_of(run, &run->targets[t].feeds[0]) == NULL)
                return 0;
        dvsi_follow_roots(run);
        return 1;
    }
    go_on(run);
    return 0;
}

int32_t dvsi_follow_fields(const dvsi_feed *feed, const dvs_cell *fields, dvs_error *err)
{
    const dvsi_follow *f = feed->run->follow;
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < f->n_links && status == DVS_OK; i++)
        if (f->links[i].feed == feed)
            status = dvsi_follow_want(f->links[i].to, &fields[f->links[i].field], err);
    return status;
}

int32_t dvsi_follow_merged(const dvsi_feed *feed, const dvs_cell *fields, dvs_error *err)
{
    const dvsi_follow *f = feed->run->follow;
    int32_t status = DVS_OK;
    for (uint32_t i = 0; f != NULL && i < f->n_links && status == DVS_OK; i++) {
        const dvsi_feed *from = f->links[i].feed;
        if (from->target == feed->target && dvsi_follow_of(feed->run, from) == NULL)
            status = dvsi_follow_want(f->links[i].to, &fields[from->field_of[f->links[i].field]], err);
    }
    return status;
}

void dvsi_follow_take(dvsi_feed *feed, const dvsi_work *work)
{
    dvsi_run *run = feed->run;
    dvsi_follow *f = run->follow;
    dvs_error err = DVS_ERROR_INIT;
    if (f == NULL || !f->begun)
        return;
    dvsi_followed *self = dvsi_follow_of(run, feed);
    if (self == NULL)
        return; /* what refers to others is asked when it has ended: see follow_roots.c */
    self->busy = work->answers ? 0 : self->busy;
    if (work->n_errors != 0) /* what a failed record refers to is not known */
        f->complete = f->whole = 0;
    atomic_store(&feed->progress.total, self->n_keys);
    atomic_store(&feed->progress.done, self->next);
    for (uint32_t r = 0; r < work->n_records; r++) {
        const dvsi_record *record = &work->records[r];
        if (record->fields == NULL || (record->flags & (DVSI_RECORD_FAILED | DVSI_RECORD_TOMBSTONE)) != 0)
            continue;
        if (dvsi_follow_fields(feed, record->fields, &err) != DVS_OK) {
            dvsi_run_fail(run, &err);
            return;
        }
    }
}
