/*
 * twice.c - keys that a source delivers more than once in one complete read. The record delivered last stands, but
 * writing each in turn would change the row to and fro at every sync. So such keys are remembered, as open warnings in
 * _sync_errors, and at the next complete read their records wait until its end, when the last one is taken.
 */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/run.h"

#define MOST_KEYS 10000u               /* that wait in memory; ... */
#define MOST_BYTES ((size_t)4 << 20) /* ... records of more are written as they come */

struct dvsi_twice {
    UT_hash_handle hh;
    int64_t row_id;       /* of the warning */
    uint32_t n_delivered; /* in this read */
    dvsi_record record;   /* the last one */
    dvs_cell *cells;      /* its fields and raw record, with their bytes behind them; NULL: written as it came */
    size_t size;
    char key[];
};

static uint32_t warnings_where(const dvsi_feed *feed, dvs_where where[4])
{
    where[0] = dvsi_where(DVSI_ERRORS_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name));
    where[1] = dvsi_where(DVSI_ERRORS_SOURCE, DVS_OP_EQ, dvsi_cell_text(feed->from->label));
    where[2] = dvsi_where(DVSI_ERRORS_CLOSED_AT, DVS_OP_IS_NULL, dvsi_cell_null());
    where[3] = dvsi_where(DVSI_ERRORS_SEVERITY, DVS_OP_EQ, dvsi_cell_text("warning"));
    return 4;
}

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

static int32_t add_entry(dvsi_feed *feed, const dvs_cell *key, int64_t row_id, dvs_error *err)
{
    struct dvsi_twice *entry = calloc(1, sizeof *entry + key->length + 1);
    if (entry == NULL)
        return dvsi_error_no_memory(err);
    memcpy(entry->key, key->v.text, key->length);
    entry->row_id = row_id;
    HASH_ADD(hh, feed->twice, key, key->length, entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return dvsi_error_no_memory(err);
    }
    return DVS_OK;
}

int32_t dvsi_twice_load(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where[4];
    uint32_t n_where = warnings_where(feed, where);
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_ERRORS);
    dvsi_twice_clear(feed);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(&feed->run->books, DVSI_BOOK_ERRORS, where, n_where, 0, MOST_KEYS, rows, err);
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        struct dvsi_twice *known = NULL;
        if (row[DVSI_ERRORS_KEY].kind != DVS_TEXT)
            continue;
        HASH_FIND(hh, feed->twice, row[DVSI_ERRORS_KEY].v.text, row[DVSI_ERRORS_KEY].length, known);
        if (known == NULL)
            status = add_entry(feed, &row[DVSI_ERRORS_KEY], row[DVSI_ERRORS_ROW_ID].v.i64, err);
    }
    dvsi_batch_free(rows);
    return status;
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

/* Keeps the record in place of an earlier one; entry->cells stays NULL when there is no room for it. */
static int32_t keep_record(dvsi_feed *feed, struct dvsi_twice *entry, const dvsi_record *record, dvs_error *err)
{
    uint32_t n = feed->target->n_fields;
    size_t size = ((size_t)n + 1) * sizeof *entry->cells;
    for (uint32_t i = 0; i < n; i++)
        size += record->fields[i].length;
    if (record->raw != NULL)
        size += record->raw->length;
    feed->twice_bytes -= entry->size;
    free(entry->cells);
    entry->cells = NULL;
    entry->size = 0;
    if (size > MOST_BYTES - feed->twice_bytes)
        return DVS_OK;
    entry->cells = malloc(size);
    if (entry->cells == NULL)
        return dvsi_error_no_memory(err);
    entry->size = size;
    feed->twice_bytes += size;
    char *room = (char *)(entry->cells + n + 1);
    for (uint32_t i = 0; i < n; i++)
        entry->cells[i] = copy_cell(&record->fields[i], &room);
    if (record->raw != NULL)
        entry->cells[n] = copy_cell(record->raw, &room);
    entry->record = (dvsi_record){.fields = entry->cells, .raw = record->raw != NULL ? &entry->cells[n] : NULL,
                                  .key = entry->key, .key_length = record->key_length, .number = record->number};
    return DVS_OK;
}

int32_t dvsi_twice_defer(dvsi_feed *feed, dvsi_record *records, uint32_t n, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; feed->twice != NULL && i < n && status == DVS_OK; i++) {
        struct dvsi_twice *entry = NULL;
        if (records[i].key == NULL || (records[i].flags & (DVSI_RECORD_FAILED | DVSI_RECORD_DEFERRED)) != 0)
            continue; /* deferred: this step is run again */
        HASH_FIND(hh, feed->twice, records[i].key, records[i].key_length, entry);
        if (entry == NULL)
            continue;
        entry->n_delivered++;
        status = keep_record(feed, entry, &records[i], err);
        if (entry->cells != NULL)
            records[i].flags |= DVSI_RECORD_DEFERRED;
    }
    return status;
}

int32_t dvsi_twice_finish(dvsi_feed *feed, dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_ERRORS_RUN_ID, DVSI_ERRORS_LAST_SEEN};
    dvsi_run *run = feed->run;
    struct dvsi_twice *entry = NULL;
    struct dvsi_twice *next = NULL;
    int32_t status = DVS_OK;
    HASH_ITER(hh, feed->twice, entry, next)
    {
        if (status != DVS_OK || entry->n_delivered == 0)
            continue;
        dvsi_arena_reset(&run->batch_arena);
        if (entry->cells != NULL)
            status = dvsi_upsert(feed, &entry->record, 1, err);
        /* Delivered once only, the warning grows old and is closed with the others. */
        dvs_cell cells[2] = {dvsi_cell_text(run->run_id), dvsi_cell_timestamp(run->started_at)};
        if (status == DVS_OK && entry->n_delivered > 1)
            status = dvsi_books_update(&run->books, DVSI_BOOK_ERRORS, entry->row_id, columns, cells, 2, err);
        if (entry->n_delivered > 1 && !feed->warned_duplicate) {
            feed->warned_duplicate = 1;
            dvsi_run_note(run, "warning", feed->target->entity->name, feed->from->label, 0, entry->key,
                          NULL, "the source gave this key more than once; the record delivered last stands");
        }
    }
    return status;
}

int32_t dvsi_twice_note(dvsi_feed *feed, const char *key, uint64_t number, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvs_where where[5];
    uint64_t known = 0;
    if (!feed->warned_duplicate)
        dvsi_run_note(run, "warning", feed->target->entity->name, feed->from->label, number, key, NULL,
                      "the source gave this key more than once; the record delivered last stands");
    feed->warned_duplicate = 1;
    if (run->dry || feed->mode != DVS_READ_FULL || feed->n_twice >= MOST_KEYS)
        return DVS_OK;
    uint32_t n = warnings_where(feed, where);
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
    row[DVSI_ERRORS_MESSAGE] = dvsi_cell_text("the source gave this key more than once; the record delivered last stands");
    row[DVSI_ERRORS_FIRST_SEEN] = row[DVSI_ERRORS_LAST_SEEN] = dvsi_cell_timestamp(run->started_at);
    row[DVSI_ERRORS_ATTEMPTS] = dvsi_cell_int64(1);
    feed->n_twice++;
    return dvsi_books_insert(&run->books, DVSI_BOOK_ERRORS, row, 1, NULL, err);
}
