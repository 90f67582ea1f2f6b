/*
 * deletes.c - the rows whose records are gone: found, counted for the guard, deleted. First those that a
 * complete read did not meet, then those whose keys wait in _sync_deletes; page by page, so that one that the
 * sink refuses to give up does not keep the others. Its key goes on waiting.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "reconcile/guard.h"
#include "run/conflicts.h"
#include "run/deletes.h"
#include "run/row_errors.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/write.h"

#define SCAN_ROWS 2048u
#define WAITING_KEYS 1024u

enum { PART_MISSING, PART_WAITING, PART_END };

static void begin(dvsi_sweep *d, int missing)
{
    d->missing = (uint32_t)missing;
    d->part = missing ? PART_MISSING : PART_WAITING;
    d->last_row = INT64_MIN;
    d->n_keys = 0;
    dvsi_buf_clear(&d->last_key);
}

int dvsi_deletes_done(const dvsi_sweep *d)
{
    return d->part == PART_END;
}

void dvsi_deletes_free(dvsi_sweep *d)
{
    dvsi_buf_free(&d->last_key);
    dvsi_work_free(d->page);
    memset(d, 0, sizeof *d);
}

/* The canonical key of a stored row, or NULL when memory is out. */
static const char *stored_key(dvsi_feed *feed, dvsi_arena *arena, const dvs_cell *cells, dvsi_buf *text)
{
    dvsi_buf_clear(text);
    if (dvsi_key_canonical(text, cells, feed->target->n_key) != NULL) {
        dvsi_buf_clear(text); /* edited by hand: shown as it is */
        for (uint32_t k = 0; k < feed->target->n_key; k++)
            dvsi_cell_canonical(text, &cells[k]);
    }
    return text->failed ? NULL : dvsi_arena_copy(arena, dvsi_buf_text(text), text->length);
}

/* Up to this row id a row that the read did not meet is gone. */
static int64_t highest(const dvsi_feed *feed)
{
    return dvsi_feed_gathers(feed) ? INT64_MAX : feed->state.start_row_id;
}

static void add_row(dvsi_work *page, const char *key, int64_t row_id)
{
    dvsi_record *record = &page->records[page->n_records++];
    memset(record, 0, sizeof *record);
    record->key = key;
    record->key_length = (uint32_t)strlen(key);
    record->row_id = row_id;
}

/* Which of the keys a failing record of any source of the entity has. */
static int32_t find_failing(dvsi_target *target, const char *const *keys, uint32_t n, uint8_t *failing,
                            dvs_error *err)
{
    uint8_t *here = dvsi_arena_calloc(&target->run->batch_arena, (size_t)n + 1, 1);
    int32_t status = here != NULL ? DVS_OK : dvsi_error_no_memory(err);
    memset(failing, 0, n);
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        status = dvsi_row_errors_failing(&target->feeds[f], keys, n, here, err);
        for (uint32_t i = 0; i < n && status == DVS_OK; i++)
            failing[i] |= here[i];
    }
    return status;
}

/* Without the records whose keys a failing record has: it counts as present. */
static int32_t spare_failing(dvsi_feed *feed, dvsi_work *page, dvs_error *err)
{
    dvsi_arena *arena = &feed->run->batch_arena;
    const char **keys = dvsi_arena_calloc(arena, (size_t)page->n_records + 1, sizeof *keys);
    uint8_t *failing = dvsi_arena_calloc(arena, (size_t)page->n_records + 1, 1);
    if (keys == NULL || failing == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < page->n_records; i++)
        keys[i] = page->records[i].key;
    int32_t status = find_failing(feed->target, keys, page->n_records, failing, err);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < page->n_records && status == DVS_OK; i++)
        if (!failing[i])
            page->records[kept++] = page->records[i];
    page->n_records = status == DVS_OK ? kept : 0;
    return status;
}

/* Active rows that were there when the read began, and that it did not meet. */
static int32_t next_missing(dvsi_feed *feed, dvsi_sweep *d, dvs_error *err)
{
    static const uint32_t row_id = 0;
    dvsi_run *run = feed->run;
    dvsi_target *t = feed->target;
    dvsi_work *page = d->page;
    const dvsi_seen *met = dvsi_rows_met(feed);
    dvsi_buf text = {0};
    uint32_t n_where = 0;
    dvs_where where[3];
    uint32_t *columns = dvsi_arena_calloc(&run->batch_arena, (size_t)t->n_key + 1, sizeof *columns);
    page->records = dvsi_arena_calloc(&page->arena, SCAN_ROWS, sizeof *page->records);
    if (columns == NULL || page->records == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t k = 0; k < t->n_key; k++)
        columns[k + 1] = t->key_columns[k];
    where[n_where++] = dvsi_where(0, DVS_OP_LE, dvsi_cell_int64(highest(feed)));
    if (d->last_row != INT64_MIN)
        where[n_where++] = dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(d->last_row));
    if (t->lookup_deleted >= 0)
        where[n_where++] = dvsi_where((uint32_t)t->closed, DVS_OP_IS_NULL, dvsi_cell_null());
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &t->table,
                     .columns = columns,
                     .n_columns = t->n_key + 1,
                     .n_where = n_where,
                     .where = where,
                     .order = &row_id,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = SCAN_ROWS};
    dvsi_batch_reset(page->batch, t->n_key + 1);
    int32_t status = dvsi_sink_scan(run->sink, &scan, page->batch, err);
    for (uint32_t i = 0; i < page->batch->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(page->batch, i);
        d->last_row = row[0].v.i64;
        if (dvsi_seen_has(met, d->last_row))
            continue;
        const char *key = stored_key(feed, &page->arena, row + 1, &text);
        if (key == NULL)
            status = dvsi_error_no_memory(err);
        else
            add_row(page, key, d->last_row);
    }
    if (page->batch->n_rows < SCAN_ROWS)
        d->part = PART_WAITING;
    dvsi_buf_free(&text);
    return status == DVS_OK && dvsi_feed_gathers(feed) ? spare_failing(feed, page, err) : status;
}

/* Active rows of the page's keys that are not kept. Those that the missing ones include were counted with
 * them; when they are still there, the sink has refused. */
static int32_t find_active(dvsi_feed *feed, dvsi_sweep *d, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_target *t = feed->target;
    dvsi_arena *arena = &run->batch_arena;
    const uint32_t columns[2] = {0, t->lookup_deleted >= 0 ? (uint32_t)t->closed : 0};
    uint32_t kinds[16];
    uint32_t n = 0;
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)d->n_keys * t->n_key + 1, sizeof *cells);
    uint32_t *key_of = dvsi_arena_calloc(arena, (size_t)d->n_keys + 1, sizeof *key_of);
    int64_t *row_of =
        dvsi_arena_calloc(arena, (size_t)d->n_keys + 1, sizeof *row_of); /* 0: none; rows come in any order */
    if (cells == NULL || key_of == NULL || row_of == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t k = 0; k < t->n_key && k < 16; k++)
        kinds[k] = t->schema.columns[t->key_columns[k]].kind;
    for (uint32_t i = 0; i < d->n_keys; i++)
        if (!d->keep[i] && dvsi_key_parse(arena, d->keys[i], strlen(d->keys[i]), kinds, t->n_key,
                                          cells + (size_t)n * t->n_key) == 0)
            key_of[n++] = i;
    if (n == 0 || run->sink == NULL || !t->exists)
        return DVS_OK;
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 2,
                         .table = &t->table,
                         .columns = columns,
                         .key_columns = t->key_columns,
                         .n_key_columns = t->n_key,
                         .n_keys = n,
                         .keys = cells,
                         .only_null = t->lookup_deleted >= 0 ? t->valid_to : -1};
    dvsi_batch_reset(d->page->batch, 2);
    int32_t status = dvsi_sink_read(run->sink, &lookup, d->page->batch, err);
    for (uint32_t r = 0; status == DVS_OK && r < d->page->batch->n_rows; r++) {
        const dvs_cell *row = dvsi_batch_cells(d->page->batch, r);
        if (t->lookup_deleted < 0 || row[1].kind == DVS_NULL)
            row_of[key_of[d->page->batch->rows[r].number]] = row[0].v.i64;
    }
    for (uint32_t i = 0; status == DVS_OK && i < d->n_keys; i++) {
        if (row_of[i] == 0)
            continue;
        if (d->missing && row_of[i] <= highest(feed) && !dvsi_seen_has(dvsi_rows_met(feed), row_of[i]))
            d->keep[i] = 1;
        else
            add_row(d->page, d->keys[i], row_of[i]);
    }
    return status;
}

static int32_t next_waiting(dvsi_feed *feed, dvsi_sweep *d, dvs_error *err)
{
    dvsi_work *page = d->page;
    int32_t status = dvsi_waiting_next(feed, d->last_key.length != 0 ? dvsi_buf_text(&d->last_key) : NULL,
                                       WAITING_KEYS, &page->arena, &d->keys, &d->n_keys, err);
    if (status == DVS_OK && d->n_keys < WAITING_KEYS)
        d->part = PART_END;
    if (status != DVS_OK || d->n_keys == 0)
        return status;
    dvsi_buf_clear(&d->last_key);
    dvsi_buf_puts(&d->last_key, d->keys[d->n_keys - 1]);
    d->keep = dvsi_arena_calloc(&page->arena, d->n_keys, 1);
    page->records = dvsi_arena_calloc(&page->arena, d->n_keys, sizeof *page->records);
    if (d->keep == NULL || page->records == NULL || d->last_key.failed)
        return dvsi_error_no_memory(err);
    if (dvsi_feed_gathers(feed))
        status = find_failing(feed->target, d->keys, d->n_keys, d->keep, err);
    return status == DVS_OK ? find_active(feed, d, err) : status;
}

int32_t dvsi_deletes_next(dvsi_feed *feed, dvsi_sweep *d, dvs_error *err)
{
    if (d->page == NULL && (d->page = dvsi_work_new()) == NULL)
        return dvsi_error_no_memory(err);
    dvsi_arena_reset(&d->page->arena);
    d->page->n_records = d->n_keys = 0;
    return d->part == PART_MISSING ? next_missing(feed, d, err) : next_waiting(feed, d, err);
}

int32_t dvsi_deletes_write(dvsi_feed *feed, const dvsi_record *records, uint32_t n, dvs_error *err)
{
    dvsi_arena *arena = &feed->run->batch_arena;
    dvsi_delete *rows = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *rows);
    uint32_t *record_of = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *record_of);
    const char **keys = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *keys);
    const dvsi_from **from = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *from);
    uint32_t n_rows = 0;
    if (rows == NULL || record_of == NULL || keys == NULL || from == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        if ((records[i].flags & DVSI_RECORD_FAILED) != 0)
            continue; /* refused: this step is run again */
        record_of[n_rows] = i;
        keys[n_rows] = records[i].key;
        rows[n_rows++] = (dvsi_delete){records[i].row_id, records[i].key, NULL};
    }
    int32_t status = dvsi_waiting_sources(feed, keys, n_rows, from, err);
    for (uint32_t i = 0; i < n_rows; i++)
        rows[i].from = from[i];
    if (status == DVS_OK)
        status = dvsi_delete_rows(feed, rows, n_rows, err);
    if (status != DVS_OK && err->scope == DVS_SCOPE_ROW && err->row < n_rows)
        err->row = record_of[err->row];
    return status == DVS_OK ? dvsi_conflicts_gone(feed, keys, n_rows, err) : status;
}

int32_t dvsi_deletes_settle(dvsi_feed *feed, dvsi_sweep *d, dvs_error *err)
{
    dvsi_arena *arena = &feed->run->batch_arena;
    const dvsi_work *page = d->page;
    size_t most = (size_t)page->n_records + d->n_keys + 1;
    const char **refused = dvsi_arena_calloc(arena, most, sizeof *refused);
    const char **done = dvsi_arena_calloc(arena, most, sizeof *done);
    uint32_t n_refused = 0;
    uint32_t n_done = 0;
    uint32_t at = 0;
    if (refused == NULL || done == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < page->n_records; i++) {
        const dvsi_record *record = &page->records[i];
        while (at < d->n_keys && d->keys[at] != record->key)
            at++;
        if ((record->flags & DVSI_RECORD_FAILED) == 0)
            continue;
        refused[n_refused++] = record->key;
        if (at < d->n_keys)
            d->keep[at] = 1;
    }
    for (uint32_t i = 0; i < d->n_keys; i++)
        if (!d->keep[i])
            done[n_done++] = d->keys[i];
    int32_t status = d->n_keys == 0 ? dvsi_waiting_add(feed, refused, n_refused, err) : DVS_OK;
    if (status == DVS_OK && !dvsi_feed_gathers(feed))
        status = dvsi_row_errors_close_gone(feed, done, n_done, err);
    if (status == DVS_OK) /* also of a record whose row somebody else has deleted */
        status = dvsi_conflicts_gone(feed, done, n_done, err);
    return status == DVS_OK ? dvsi_waiting_remove(feed, done, n_done, err) : status;
}

/* The first feed that delivered a record of which not even a key is known. */
static const dvsi_feed *unidentified(const dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].phase == DVSI_FEED_READ && target->feeds[f].state.unidentified != 0)
            return &target->feeds[f];
    return NULL;
}

/* Rows that were active when the reads first began. */
static uint64_t active_then(const dvsi_target *target)
{
    int64_t most = 0;
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].phase == DVSI_FEED_READ && target->feeds[f].state.start_active > most)
            most = target->feeds[f].state.start_active;
    return (uint64_t)most;
}

/* Why a read that was complete does not tell which records are gone; NULL: it does. */
static const char *hides_missing(const dvsi_target *t)
{
    if (unidentified(t) != NULL)
        return "a record without a usable key was delivered, so nothing was deleted";
    for (uint32_t k = 0; k < t->n_key; k++)
        if (t->field_at[t->key_columns[k] - 1] < 0)
            return "the table lacks a column of the key, so its rows could not be told apart";
    return NULL;
}

/* Are there rows, maybe, that the read proves to be without a record? */
static int proves_missing(dvsi_feed *feed, const char **why_not)
{
    dvsi_target *t = feed->target;
    *why_not = NULL;
    if (!t->complete || feed->run->sink == NULL || !t->exists)
        return 0;
    *why_not = hides_missing(t);
    if (*why_not != NULL)
        return 0;
    return dvsi_feed_gathers(feed) || feed->seen_partly || feed->state.start_active < 0 ||
           feed->seen_active !=
               (uint64_t)feed->state.start_active; /* else every row that was active was met */
}

static int32_t refuse(dvsi_feed *feed, uint64_t n, uint64_t active, dvs_error *err)
{
    dvsi_run *run = feed->run;
    char limit[64];
    feed->target->guarded = 1;
    if (run->max_delete.is_percent)
        snprintf(limit, sizeof limit, "%d %%", (int)run->max_delete.percent);
    else
        snprintf(limit, sizeof limit, "%lld", (long long)run->max_delete.count);
    return dvsi_error_set(
        err, DVS_E_GUARD,
        "entity \"%s\": %llu of %llu active rows would be deleted, more than max_delete (%s) allows; "
        "nothing was deleted. If this is right, run again with --max-delete %llu%s",
        feed->target->entity->name, (unsigned long long)n, (unsigned long long)active, limit,
        n >= active ? 100ULL : (unsigned long long)n, n >= active ? "%" : "");
}

/* Nothing is deleted, but what was in conflict about the records that are gone is over. */
static int32_t end_ignored(dvsi_feed *feed, dvsi_sweep *d, dvs_error *err)
{
    const char *why_not = NULL;
    int32_t status = DVS_OK;
    if (feed->run->dry || (!feed->target->has_conflicts && !feed->target->has_pins))
        return DVS_OK;
    begin(d, proves_missing(feed, &why_not));
    while (status == DVS_OK && d->part != PART_END) {
        uint32_t n = 0;
        dvsi_arena_reset(&feed->run->batch_arena);
        status = dvsi_deletes_next(feed, d, err);
        if (status != DVS_OK)
            return status;
        const uint32_t n_rows = d->n_keys == 0 ? d->page->n_records : 0; /* else they are rows of the keys */
        const char **gone =
            dvsi_arena_calloc(&feed->run->batch_arena, (size_t)d->n_keys + n_rows + 1, sizeof *gone);
        if (gone == NULL)
            return dvsi_error_no_memory(err);
        for (uint32_t i = 0; i < d->n_keys; i++)
            if (!d->keep[i])
                gone[n++] = d->keys[i];
        for (uint32_t i = 0; i < n_rows; i++)
            gone[n++] = d->page->records[i].key;
        status = dvsi_conflicts_gone(feed, gone, n, err);
    }
    return status;
}

int32_t dvsi_deletes_plan(dvsi_feed *feed, dvsi_sweep *d, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_target *t = feed->target;
    const char *why_not = NULL;
    uint64_t n = 0;
    uint64_t active = active_then(t);
    if (t->entity->deletes == DVSI_DELETES_IGNORE) {
        int32_t ended = end_ignored(feed, d, err);
        d->part = PART_END;
        return ended == DVS_OK ? dvsi_waiting_forget(feed, err) : ended;
    }
    int missing = proves_missing(feed, &why_not);
    if (why_not != NULL) {
        t->partial = 1;
        t->partial_reason = why_not;
        const dvsi_feed *blamed = unidentified(t) != NULL ? unidentified(t) : feed;
        dvsi_run_note(run, "warning", t->entity->name, blamed->from->label, 0, NULL, NULL, "%s", why_not);
    }
    begin(d, missing);
    if (!missing && t->n_waiting == 0)
        d->part = PART_END;
    int32_t status = DVS_OK;
    while (status == DVS_OK && d->part != PART_END) {
        dvsi_arena_reset(&run->batch_arena);
        status = dvsi_deletes_next(feed, d, err);
        if (status == DVS_OK)
            n += d->page->n_records;
    }
    if (status == DVS_OK && n != 0 && (!run->dry || run->as_sync) &&
        !dvsi_guard_allows(&run->max_delete, active, n))
        return refuse(feed, n, active, err);
    if (status == DVS_OK && (n != 0 || t->n_waiting != 0))
        begin(d, missing);
    return status;
}
