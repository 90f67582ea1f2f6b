/*
 * twice.c - keys that a source delivers more than once in one complete read. The record delivered last
 * stands, but writing each in turn would change the row to and fro at every sync. So such keys are
 * remembered, as open warnings in _sync_errors, and at the next complete read their records wait until its
 * end, when the last one is taken. While they wait they are kept with the warning, as stored with the
 * position: a read that goes on has them again.
 */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/row_errors.h"
#include "run/run.h"
#include "run/twice.h"

#define SAYS "the source gave this key more than once; the record delivered last stands"
#define MOST_KEYS 10000u             /* that wait in memory; ... */
#define MOST_BYTES ((size_t)4 << 20) /* ... records of more are written as they come */

struct dvsi_twice {
    UT_hash_handle hh;
    int64_t row_id;       /* of the warning */
    uint32_t n_delivered; /* in this read */
    uint32_t failed;      /* a later delivery than the one that waits */
    uint32_t dirty;       /* other than what is stored */
    uint32_t stored;      /* with the warning */
    uint64_t number;
    dvs_cell *cells; /* of the last delivery, as the source gave them, with their bytes behind them; NULL:
                        none waits */
    size_t size;
    char key[];
};

void dvsi_twice_clear(dvsi_feed *feed)
{
    struct dvsi_twice *entry = NULL;
    struct dvsi_twice *next = NULL;
    HASH_ITER(hh, feed->twice, entry, next)
    {
        HASH_DEL(feed->twice, entry);
        free(entry->cells);
        free(entry);
    }
    feed->twice_bytes = 0;
}

static struct dvsi_twice *find_entry(const dvsi_feed *feed, const char *key, size_t length)
{
    struct dvsi_twice *entry = NULL;
    HASH_FIND(hh, feed->twice, key, length, entry);
    return entry;
}

static struct dvsi_twice *add_entry(dvsi_feed *feed, const dvs_cell *key, int64_t row_id)
{
    struct dvsi_twice *entry = calloc(1, sizeof *entry + key->length + 1);
    if (entry == NULL)
        return NULL;
    memcpy(entry->key, key->v.text, key->length);
    entry->row_id = row_id;
    HASH_ADD(hh, feed->twice, key, key->length, entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return NULL;
    }
    return entry;
}

/* A copy of one cell; its bytes go to *room. */
static dvs_cell copy_cell(const dvs_cell *cell, char **room)
{
    dvs_cell copy = *cell;
    if (cell->length != 0) {
        memcpy(*room, cell->v.bytes, cell->length);
        copy.v.text = *room;
        *room += cell->length;
    }
    return copy;
}

/* Keeps the source's cells in place of earlier ones; entry->cells stays NULL when there is no room for
 * them. */
static int32_t keep_cells(dvsi_feed *feed, struct dvsi_twice *entry, const dvs_cell *cells, dvs_error *err)
{
    uint32_t n = feed->mapping->wanted.n_columns;
    size_t size = ((size_t)n + 1) * sizeof *entry->cells;
    for (uint32_t i = 0; i < n; i++)
        size += cells[i].length;
    feed->twice_bytes -= entry->size;
    free(entry->cells);
    entry->cells = NULL;
    entry->size = 0;
    entry->dirty = 1;
    if (size > MOST_BYTES - feed->twice_bytes)
        return DVS_OK;
    entry->cells = malloc(size);
    if (entry->cells == NULL)
        return dvsi_error_no_memory(err);
    entry->size = size;
    feed->twice_bytes += size;
    char *room = (char *)(entry->cells + n + 1);
    for (uint32_t i = 0; i < n; i++)
        entry->cells[i] = copy_cell(&cells[i], &room);
    return DVS_OK;
}

/* What was stored with the position. */
static int32_t take_stored(dvsi_feed *feed, struct dvsi_twice *entry, const dvs_cell *row, dvs_error *err)
{
    const dvsi_mapping *mapping = feed->mapping;
    const dvs_cell *text = &row[DVSI_ERRORS_CELLS];
    const dvs_cell *raw = &row[DVSI_ERRORS_RECORD];
    dvsi_arena *arena = &feed->run->batch_arena;
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)mapping->wanted.n_columns + 1, sizeof *cells);
    if (cells == NULL)
        return dvsi_error_no_memory(err);
    if (dvsi_mapping_record_parse(mapping, arena, text->v.text, text->length, cells) != 0)
        return dvsi_error_set(err, DVS_E_CORRUPT,
                              "a record of entity \"%s\" in table \"_sync_errors\" cannot be read",
                              feed->target->entity->name);
    if (mapping->raw >= 0 && raw->kind == DVS_TEXT)
        cells[mapping->raw] = dvsi_cell_json_n(raw->v.text, raw->length);
    entry->number =
        row[DVSI_ERRORS_ROW_NUMBER].kind == DVS_INT64 ? (uint64_t)row[DVSI_ERRORS_ROW_NUMBER].v.i64 : 0;
    entry->n_delivered = 1;
    int32_t status = keep_cells(feed, entry, cells, err);
    entry->dirty = entry->cells == NULL;
    entry->stored = 1;
    return status;
}

/* Sets what is stored of an entry; without cells, it is nothing. */
static int32_t store_entry(dvsi_feed *feed, struct dvsi_twice *entry, const dvs_cell *source, dvs_error *err)
{
    static const uint32_t columns[] = {DVSI_ERRORS_ROW_NUMBER, DVSI_ERRORS_RECORD, DVSI_ERRORS_CELLS};
    const dvsi_mapping *mapping = feed->mapping;
    dvs_cell cells[] = {dvsi_cell_int64((int64_t)entry->number), dvsi_cell_null(), dvsi_cell_null()};
    dvsi_buf text = {0};
    if (source != NULL) {
        dvsi_mapping_record_json(mapping, source, &text);
        cells[2] = dvsi_cell_json_n(dvsi_buf_text(&text), text.length);
        if (mapping->raw >= 0 && source[mapping->raw].kind == DVS_JSON)
            cells[1] = dvsi_cell_text_n(source[mapping->raw].v.text, source[mapping->raw].length);
    }
    int32_t status = text.failed ? dvsi_error_no_memory(err)
                                 : dvsi_books_update(&feed->run->books, DVSI_BOOK_ERRORS, entry->row_id,
                                                     columns, cells, sizeof columns / sizeof *columns, err);
    dvsi_buf_free(&text);
    entry->dirty = 0;
    entry->stored = source != NULL;
    return status;
}

/* The key came more than once in this read too: else the warning grows old and is closed with the others. */
static int32_t renew(dvsi_feed *feed, const struct dvsi_twice *entry, dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_ERRORS_RUN_ID, DVSI_ERRORS_LAST_SEEN};
    dvs_cell cells[2] = {dvsi_cell_text(feed->run->run_id), dvsi_cell_timestamp(feed->run->started_at)};
    return dvsi_books_update(&feed->run->books, DVSI_BOOK_ERRORS, entry->row_id, columns, cells, 2, err);
}

int32_t dvsi_twice_load(dvsi_feed *feed, int resume, dvs_error *err)
{
    dvs_where where[4];
    uint32_t n_where = dvsi_row_errors_where(feed, "warning", where);
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_ERRORS);
    dvsi_twice_clear(feed);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status =
        dvsi_books_find(&feed->run->books, DVSI_BOOK_ERRORS, where, n_where, 0, MOST_KEYS, rows, err);
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const dvs_cell *key = &row[DVSI_ERRORS_KEY];
        if (key->kind != DVS_TEXT || find_entry(feed, key->v.text, key->length) != NULL)
            continue;
        struct dvsi_twice *entry = add_entry(feed, key, row[DVSI_ERRORS_ROW_ID].v.i64);
        if (entry == NULL)
            status = dvsi_error_no_memory(err);
        else if (row[DVSI_ERRORS_CELLS].kind == DVS_JSON && resume)
            status = take_stored(feed, entry, row, err);
        else if (row[DVSI_ERRORS_CELLS].kind == DVS_JSON && feed->run->options->row_limit == 0)
            status = store_entry(feed, entry, NULL, err); /* of a read that was given up */
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_twice_defer(dvsi_feed *feed, dvsi_record *records, uint32_t n, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; feed->twice != NULL && i < n && status == DVS_OK; i++) {
        if (records[i].key == NULL || (records[i].flags & DVSI_RECORD_DEFERRED) != 0)
            continue; /* deferred: this step is run again */
        struct dvsi_twice *entry = find_entry(feed, records[i].key, records[i].key_length);
        if (entry == NULL)
            continue;
        entry->failed = (records[i].flags & DVSI_RECORD_FAILED) != 0;
        if (entry->failed || records[i].source == NULL)
            continue;
        entry->n_delivered++;
        entry->number = records[i].number;
        status = keep_cells(feed, entry, records[i].source, err);
        if (entry->cells != NULL)
            records[i].flags |= DVSI_RECORD_DEFERRED;
    }
    return status;
}

int32_t dvsi_twice_store(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (struct dvsi_twice *entry = feed->twice; entry != NULL && status == DVS_OK; entry = entry->hh.next) {
        if (!entry->dirty)
            continue;
        if (entry->cells != NULL || entry->stored)
            status = store_entry(feed, entry, entry->cells, err);
        if (status == DVS_OK && entry->n_delivered > 1)
            status = renew(feed, entry, err);
    }
    return status;
}

/* A record from its cells, mapped once more. */
static int make_record(dvsi_feed *feed, const struct dvsi_twice *entry, dvsi_arena *arena,
                       dvsi_record *record)
{
    const dvsi_mapping *mapping = feed->mapping;
    dvsi_map_error problem = {0};
    dvsi_buf text = {0};
    dvs_cell *fields = dvsi_arena_calloc(arena, (size_t)mapping->n_fields + 1, sizeof *fields);
    if (fields == NULL || dvsi_mapping_apply(mapping, entry->cells, arena, fields, &problem) != 0)
        return -1;
    *record = (dvsi_record){.fields = fields,
                            .source = entry->cells,
                            .key = entry->key,
                            .key_length = (uint32_t)entry->hh.keylen,
                            .number = entry->number,
                            .modified = dvsi_record_modified(mapping, entry->cells),
                            .flags = entry->failed ? DVSI_RECORD_STALE : 0};
    int failed = dvsi_record_raw(mapping, entry->cells, arena, &text, &record->raw) != 0;
    dvsi_buf_free(&text);
    return failed ? -1 : 0;
}

int32_t dvsi_twice_records(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    dvsi_arena_reset(&work->arena);
    work->n_records = work->n_errors = 0;
    work->records =
        dvsi_arena_calloc(&work->arena, (size_t)HASH_COUNT(feed->twice) + 1, sizeof *work->records);
    if (work->records == NULL)
        return dvsi_error_no_memory(err);
    for (const struct dvsi_twice *entry = feed->twice; entry != NULL; entry = entry->hh.next)
        if (entry->cells != NULL &&
            make_record(feed, entry, &work->arena, &work->records[work->n_records++]) != 0)
            return dvsi_error_no_memory(err);
    return DVS_OK;
}

int32_t dvsi_twice_finish(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (struct dvsi_twice *entry = feed->twice; entry != NULL && status == DVS_OK; entry = entry->hh.next) {
        if (entry->stored)
            status = store_entry(feed, entry, NULL, err);
        if (status != DVS_OK || entry->n_delivered < 2)
            continue;
        status = renew(feed, entry, err);
        if (!feed->warned_duplicate)
            dvsi_run_note(feed->run, "warning", feed->target->entity->name, feed->from->label, 0, entry->key,
                          NULL, SAYS);
        feed->warned_duplicate = 1;
    }
    return status;
}

int32_t dvsi_twice_note(dvsi_feed *feed, const char *key, uint64_t number, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvs_where where[5];
    uint64_t known = 0;
    if (!feed->warned_duplicate)
        dvsi_run_note(run, "warning", feed->target->entity->name, feed->from->label, number, key, NULL, SAYS);
    feed->warned_duplicate = 1;
    if (run->dry || feed->mode != DVS_READ_FULL || feed->n_twice >= MOST_KEYS)
        return DVS_OK;
    uint32_t n = dvsi_row_errors_where(feed, "warning", where);
    where[n++] = dvsi_where(DVSI_ERRORS_KEY, DVS_OP_EQ, dvsi_cell_text(key));
    int32_t status = dvsi_books_count(&run->books, DVSI_BOOK_ERRORS, where, n, &known, err);
    if (status != DVS_OK || known != 0)
        return status;
    dvs_cell row[DVSI_N_ERRORS] = {{0}};
    row[DVSI_ERRORS_RUN_ID] = dvsi_cell_text(run->run_id);
    row[DVSI_ERRORS_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_ERRORS_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_ERRORS_ROW_NUMBER] = dvsi_cell_int64((int64_t)number);
    row[DVSI_ERRORS_KEY] = dvsi_cell_text(key);
    row[DVSI_ERRORS_SEVERITY] = dvsi_cell_text("warning");
    row[DVSI_ERRORS_MESSAGE] = dvsi_cell_text(SAYS);
    row[DVSI_ERRORS_FIRST_SEEN] = row[DVSI_ERRORS_LAST_SEEN] = dvsi_cell_timestamp(run->started_at);
    row[DVSI_ERRORS_ATTEMPTS] = dvsi_cell_int64(1);
    feed->n_twice++;
    return dvsi_books_insert(&run->books, DVSI_BOOK_ERRORS, row, 1, NULL, err);
}
