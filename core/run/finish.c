/* finish.c - the end of a read: deletes, guard, cursor. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "reconcile/guard.h"
#include "run/run.h"

#define SCAN_ROWS 2048u
#define WAITING_KEYS 1024u

/* What a walk over the rows to be deleted does with each group of them. */
typedef int32_t take_fn(dvsi_feed *feed, const dvsi_delete *rows, uint32_t n, uint64_t *total, dvs_error *err);

static int32_t count_rows(dvsi_feed *feed, const dvsi_delete *rows, uint32_t n, uint64_t *total, dvs_error *err)
{
    (void)feed;
    (void)rows;
    (void)err;
    *total += n;
    return DVS_OK;
}

static int32_t delete_rows(dvsi_feed *feed, const dvsi_delete *rows, uint32_t n, uint64_t *total, dvs_error *err)
{
    *total += n;
    return dvsi_delete_rows(feed, rows, n, err);
}

/* The canonical key of a stored row, or NULL when what stands there is no key any more. */
static const char *stored_key(dvsi_feed *feed, const dvs_cell *cells, dvsi_buf *text)
{
    dvsi_buf_clear(text);
    if (dvsi_key_canonical(text, cells, feed->target->n_key) != NULL) {
        dvsi_buf_clear(text); /* edited by hand: shown as it is */
        for (uint32_t k = 0; k < feed->target->n_key; k++)
            dvsi_cell_canonical(text, &cells[k]);
    }
    return text->failed ? NULL : dvsi_arena_copy(&feed->run->batch_arena, dvsi_buf_text(text), text->length);
}

/* Active rows that were there when the read began, and that it did not meet. */
static int32_t walk_missing(dvsi_feed *feed, take_fn *take, uint64_t *total, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_target *t = feed->target;
    const dvsi_seen *met = dvsi_rows_met(feed);
    static const uint32_t row_id = 0;
    dvsi_buf text = {0};
    int64_t last = INT64_MIN;
    int64_t high = dvsi_feed_gathers(feed) ? INT64_MAX : feed->state.start_row_id;
    uint32_t *columns = dvsi_arena_calloc(&run->arena, (size_t)t->n_key + 1, sizeof *columns);
    dvsi_batch *rows = dvsi_batch_new(t->n_key + 1);
    int32_t status = columns == NULL || rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t k = 0; k < t->n_key && columns != NULL; k++)
        columns[k + 1] = t->key_columns[k];
    while (status == DVS_OK) {
        uint32_t n_where = 0;
        dvs_where where[3];
        where[n_where++] = dvsi_where(0, DVS_OP_LE, dvsi_cell_int64(high));
        if (last != INT64_MIN)
            where[n_where++] = dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(last));
        if (t->lookup_deleted >= 0)
            where[n_where++] = dvsi_where((uint32_t)t->deleted_at, DVS_OP_IS_NULL, dvsi_cell_null());
        dvs_scan scan = {(uint32_t)sizeof scan, 0, &t->table, columns, t->n_key + 1, n_where, where, &row_id, 1,
                         sizeof(dvs_where),     SCAN_ROWS};
        dvsi_batch_reset(rows, t->n_key + 1);
        dvsi_arena_reset(&run->batch_arena);
        status = dvsi_sink_scan(run->sink, &scan, rows, err);
        dvsi_delete *missing = dvsi_arena_calloc(&run->batch_arena, (size_t)rows->n_rows + 1, sizeof *missing);
        uint32_t n = 0;
        if (status == DVS_OK && missing == NULL)
            status = dvsi_error_no_memory(err);
        for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
            const dvs_cell *row = dvsi_batch_cells(rows, i);
            last = row[0].v.i64;
            if (dvsi_seen_has(met, last))
                continue;
            missing[n].row_id = last;
            missing[n].key = stored_key(feed, row + 1, &text);
            if (missing[n++].key == NULL)
                status = dvsi_error_no_memory(err);
        }
        if (status == DVS_OK && n != 0)
            status = take(feed, missing, n, total, err);
        if (rows->n_rows < SCAN_ROWS)
            break;
    }
    dvsi_buf_free(&text);
    dvsi_batch_free(rows);
    return status;
}

/* Active rows of the given keys. */
static int32_t find_active(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvsi_delete **found, uint32_t *n_found,
                           dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_target *t = feed->target;
    dvsi_arena *arena = &run->batch_arena;
    const uint32_t columns[2] = {0, t->lookup_deleted >= 0 ? (uint32_t)t->deleted_at : 0};
    uint32_t kinds[16];
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)n_keys * t->n_key + 1, sizeof *cells);
    uint32_t *key_of = dvsi_arena_calloc(arena, (size_t)n_keys + 1, sizeof *key_of);
    *found = dvsi_arena_calloc(arena, (size_t)n_keys + 1, sizeof **found);
    *n_found = 0;
    if (cells == NULL || key_of == NULL || *found == NULL)
        return dvsi_error_no_memory(err);
    uint32_t n = 0;
    for (uint32_t k = 0; k < t->n_key && k < 16; k++)
        kinds[k] = t->schema.columns[t->key_columns[k]].kind;
    for (uint32_t i = 0; i < n_keys; i++)
        if (dvsi_key_parse(arena, keys[i], strlen(keys[i]), kinds, t->n_key, cells + (size_t)n * t->n_key) == 0)
            key_of[n++] = i;
    if (n == 0 || run->sink == NULL || !t->exists)
        return DVS_OK;
    dvs_lookup lookup = {(uint32_t)sizeof lookup, 2, &t->table, columns, t->key_columns, t->n_key, n, cells, -1, 0};
    dvsi_batch_reset(run->rows, 2);
    int32_t status = dvsi_sink_read(run->sink, &lookup, run->rows, err);
    int64_t *row_of = dvsi_arena_calloc(arena, (size_t)n_keys + 1, sizeof *row_of); /* 0: none; rows come in any order */
    if (status == DVS_OK && row_of == NULL)
        status = dvsi_error_no_memory(err);
    for (uint32_t r = 0; status == DVS_OK && r < run->rows->n_rows; r++) {
        const dvs_cell *row = dvsi_batch_cells(run->rows, r);
        if (t->lookup_deleted < 0 || row[1].kind == DVS_NULL)
            row_of[key_of[run->rows->rows[r].number]] = row[0].v.i64;
    }
    for (uint32_t i = 0; status == DVS_OK && i < n_keys; i++)
        if (row_of[i] != 0)
            (*found)[(*n_found)++] = (dvsi_delete){row_of[i], keys[i]};
    return status;
}

/* Active rows whose keys wait in _sync_deletes. */
static int32_t walk_waiting(dvsi_feed *feed, take_fn *take, uint64_t *total, dvs_error *err)
{
    dvsi_buf last = {0};
    int32_t status = DVS_OK;
    for (uint32_t n = WAITING_KEYS; n == WAITING_KEYS && status == DVS_OK;) {
        const char **keys = NULL;
        dvsi_delete *found = NULL;
        uint32_t n_found = 0;
        dvsi_arena_reset(&feed->run->batch_arena);
        status = dvsi_waiting_next(feed, last.length != 0 ? dvsi_buf_text(&last) : NULL, WAITING_KEYS,
                                   &feed->run->batch_arena, &keys, &n, err);
        if (status != DVS_OK || n == 0)
            break;
        dvsi_buf_clear(&last);
        dvsi_buf_puts(&last, keys[n - 1]);
        status = find_active(feed, keys, n, &found, &n_found, err);
        if (status == DVS_OK && n_found != 0)
            status = take(feed, found, n_found, total, err);
    }
    dvsi_buf_free(&last);
    return status;
}

static int32_t walk(dvsi_feed *feed, int missing, take_fn *take, uint64_t *total, dvs_error *err)
{
    /* A gathering pass that met every row covers the waiting keys; else they are all there is. */
    int32_t status = missing ? walk_missing(feed, take, total, err) : DVS_OK;
    if (status == DVS_OK && !(missing && dvsi_feed_gathers(feed)))
        status = walk_waiting(feed, take, total, err);
    return status;
}

/* Does this read prove which records are gone? Says why not in target->partial_reason. */
static int proves_missing(dvsi_feed *feed)
{
    dvsi_target *t = feed->target;
    if (!feed->end_complete || t->entity->deletes == DVSI_DELETES_IGNORE || feed->run->sink == NULL || !t->exists)
        return 0;
    if (feed->state.unidentified != 0) {
        t->partial = 1;
        t->partial_reason = "a record without a usable key was delivered, so nothing was deleted";
        dvsi_run_note(feed->run, "warning", t->entity->name, feed->from->label, 0, NULL, NULL, "%s", t->partial_reason);
        return 0;
    }
    for (uint32_t k = 0; k < t->n_key; k++)
        if (t->field_at[feed->mapping->key[k]] < 0) {
            t->partial = 1;
            t->partial_reason = "the table lacks a column of the key, so its rows could not be told apart";
            return 0;
        }
    if (!dvsi_feed_gathers(feed) && !feed->seen_partly && feed->state.start_active >= 0 &&
        feed->seen_active == (uint64_t)feed->state.start_active)
        return 0; /* every row that was active was met */
    return 1;
}

static int32_t apply_deletes(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_target *t = feed->target;
    uint64_t n = 0;
    uint64_t done = 0;
    uint64_t active = feed->state.start_active > 0 ? (uint64_t)feed->state.start_active : 0;
    if (t->entity->deletes == DVSI_DELETES_IGNORE)
        return dvsi_waiting_forget(feed, err);
    int missing = proves_missing(feed);
    if (!missing && feed->n_waiting == 0)
        return DVS_OK;
    int32_t status = walk(feed, missing, count_rows, &n, err);
    if (status == DVS_OK && n != 0 && (!run->dry || run->as_sync) && !dvsi_guard_allows(&run->max_delete, active, n)) {
        t->guarded = 1;
        char limit[64];
        if (run->max_delete.is_percent)
            snprintf(limit, sizeof limit, "%d %%", (int)run->max_delete.percent);
        else
            snprintf(limit, sizeof limit, "%lld", (long long)run->max_delete.count);
        return dvsi_error_set(err, DVS_E_GUARD,
                              "entity \"%s\": %llu of %llu active rows would be deleted, more than max_delete (%s) allows; "
                              "nothing was deleted. If this is right, run again with --max-delete %llu%s",
                              t->entity->name, (unsigned long long)n, (unsigned long long)active, limit,
                              n >= active ? 100ULL : (unsigned long long)n, n >= active ? "%" : "");
    }
    if (status == DVS_OK && n != 0)
        status = walk(feed, missing, delete_rows, &done, err);
    if (status == DVS_OK)
        status = dvsi_waiting_forget(feed, err);
    return status;
}

/* The next run starts where this read has ended. */
static int32_t move_cursor(dvsi_feed *feed, dvs_error *err)
{
    dvsi_feed_state *s = &feed->state;
    uint64_t active = 0;
    int32_t status = dvsi_target_active(feed->target, &active, err);
    if (status == DVS_OK)
        status = dvsi_seen_forget(&feed->run->books, feed->target->entity->name, feed->from->label, err);
    if (status == DVS_OK && feed->end_complete)
        status = dvsi_row_errors_close_old(feed, err);
    if (status != DVS_OK)
        return status;
    if (feed->end_kind != DVS_TOKEN_NONE) {
        if (dvsi_state_set_bytes(&s->cursor, &s->cursor_length, feed->end_token, feed->end_length) != 0)
            return dvsi_error_no_memory(err);
        s->cursor_kind = feed->end_kind;
    } else if (feed->mode == DVS_READ_FULL) {
        (void)dvsi_state_set_bytes(&s->cursor, &s->cursor_length, NULL, 0);
        s->cursor_kind = DVS_TOKEN_NONE;
    }
    if (feed->end_complete)
        s->last_full_at = s->read_started_at;
    if (feed->end_watermark != INT64_MIN)
        s->watermark = feed->end_watermark;
    s->last_sync_time = feed->run->started_at;
    s->records_count = (int64_t)active;
    s->has_position = 0;
    s->read_mode = 0;
    s->start_active = -1;
    s->unidentified = 0;
    return dvsi_state_store(feed, "completed", err);
}

int32_t dvsi_feed_finish(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    int32_t status = dvsi_twice_finish(feed, err);
    if (status == DVS_OK && feed->state.first_load)
        status = dvsi_first_load_finish(feed, err);
    if (status == DVS_OK && run->options->row_limit == 0)
        status = apply_deletes(feed, err);
    if (status == DVS_OK && !run->dry && run->options->row_limit == 0)
        status = move_cursor(feed, err);
    return status;
}
