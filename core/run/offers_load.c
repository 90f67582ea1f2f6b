/*
 * offers_load.c - filling an empty table of offers without its indexes: source keys come in no order, and
 * each new offer would change a page of its own in every index. So nothing is looked up either. When
 * something must be found, the indexes are made, and of what a source gave more than once the last stays.
 */
#include <stdlib.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/deletes.h"
#include "run/gather.h"
#include "run/run.h"

#define SCAN_ROWS 2048u

/* Offers that a later one of the same source key stands for: `gone` by `stands`. */
typedef struct doubles {
    dvsi_feed *feed;
    int64_t gone[SCAN_ROWS];
    int64_t stands[SCAN_ROWS];
    uint32_t n;
    dvsi_arena arena; /* of a page */
} doubles;

/* Reads columns of two lists of offers, the second behind the first, into rows[0 .. 2n-1]; NULL: not there.
 */
static int32_t read_both(doubles *d, uint32_t first, uint32_t n, const uint32_t *columns, uint32_t n_columns,
                         const dvs_cell **rows, dvsi_batch *found, dvs_error *err)
{
    static const uint32_t id = DVSI_OFFERS_OFFER_ID;
    dvsi_run *run = d->feed->run;
    dvs_cell *ids = dvsi_arena_calloc(&d->arena, (size_t)n * 2, sizeof *ids);
    if (ids == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = dvsi_cell_int64(d->gone[first + i]);
        ids[n + i] = dvsi_cell_int64(d->stands[first + i]);
        rows[i] = rows[n + i] = NULL;
    }
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = n_columns,
                         .table = &run->notes.tables[DVSI_BOOK_OFFERS],
                         .columns = columns,
                         .key_columns = &id,
                         .n_key_columns = 1,
                         .n_keys = n * 2,
                         .keys = ids,
                         .only_null = -1};
    dvsi_batch_reset(found, n_columns);
    int32_t status = dvsi_sink_read(run->notes.sink, &lookup, found, err);
    for (uint32_t r = 0; status == DVS_OK && r < found->n_rows; r++)
        rows[found->rows[r].number] = dvsi_batch_cells(found, r);
    return status;
}

/* One warning for the first that says something else. */
static int32_t warn(doubles *d, dvsi_batch *found, dvs_error *err)
{
    static const uint32_t columns[4] = {DVSI_OFFERS_KEY, DVSI_OFFERS_FIELDS, DVSI_OFFERS_MODIFIED_AT,
                                        DVSI_OFFERS_VERSION};
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < d->n && dvsi_gather_may_warn(d->feed) && status == DVS_OK; i++) {
        const dvs_cell *rows[2];
        int differ = 0;
        status = read_both(d, i, 1, columns, 4, rows, found, err);
        if (status != DVS_OK || rows[0] == NULL || rows[1] == NULL)
            continue;
        for (uint32_t c = 0; c < 4; c++)
            differ |= !dvsi_cell_equal(&rows[0][c], &rows[1][c]);
        const char *key = dvsi_arena_copy(&d->arena, rows[0][0].v.text, rows[0][0].length);
        if (key == NULL)
            return dvsi_error_no_memory(err);
        if (differ)
            dvsi_gather_warn_twice(d->feed, 0, key);
    }
    return status;
}

/* They go; keys that are not those of the offers that stand wait for the end of the read. */
static int32_t drop(doubles *d, dvsi_batch *found, dvs_error *err)
{
    static const uint32_t column = DVSI_OFFERS_KEY;
    dvsi_run *run = d->feed->run;
    uint32_t n_left = 0;
    const dvs_cell **rows = dvsi_arena_calloc(&d->arena, (size_t)d->n * 2, sizeof *rows);
    const char **left = dvsi_arena_calloc(&d->arena, d->n, sizeof *left);
    int32_t status = rows == NULL || left == NULL ? dvsi_error_no_memory(err) : warn(d, found, err);
    if (status == DVS_OK)
        status = read_both(d, 0, d->n, &column, 1, rows, found, err);
    for (uint32_t i = 0; i < d->n && status == DVS_OK; i++) {
        const dvs_cell *key = rows[i];
        if (key == NULL || rows[d->n + i] == NULL || dvsi_cell_equal(key, rows[d->n + i]))
            continue;
        left[n_left] = dvsi_arena_copy(&d->arena, key->v.text, key->length);
        if (left[n_left++] == NULL)
            status = dvsi_error_no_memory(err);
    }
    if (status == DVS_OK)
        status = dvsi_waiting_left(d->feed, left, n_left, err);
    return status == DVS_OK ? dvsi_books_delete(&run->notes, DVSI_BOOK_OFFERS, d->gone, d->n, err) : status;
}

/* A page in the order of source key and offer id begins with the last row of the one before. */
static int32_t drop_among(doubles *d, const dvsi_batch *rows, dvsi_batch *found, dvs_error *err)
{
    d->n = 0;
    dvsi_arena_reset(&d->arena);
    for (uint32_t i = 1; i < rows->n_rows; i++) {
        const dvs_cell *before = dvsi_batch_cells(rows, i - 1);
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (!dvsi_cell_equal(&before[1], &row[1]))
            continue;
        d->gone[d->n] = before[0].v.i64;
        d->stands[d->n++] = row[0].v.i64;
    }
    return d->n != 0 ? drop(d, found, err) : DVS_OK;
}

int32_t dvsi_offers_walk(dvsi_feed *feed, uint32_t op, dvsi_buf *last, uint32_t most, dvsi_batch *rows,
                         dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_OFFERS_OFFER_ID, DVSI_OFFERS_SOURCE_KEY};
    static const uint32_t order[2] = {DVSI_OFFERS_SOURCE_KEY, DVSI_OFFERS_OFFER_ID};
    dvsi_run *run = feed->run;
    const dvs_where where[4] = {
        dvsi_where(DVSI_OFFERS_PROJECT, DVS_OP_EQ, dvsi_cell_text(run->project->name)),
        dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
        dvsi_where(DVSI_OFFERS_SOURCE, DVS_OP_EQ, dvsi_cell_text(feed->from->label)),
        dvsi_where(DVSI_OFFERS_SOURCE_KEY, op, dvsi_cell_text_n(dvsi_buf_text(last), last->length))};
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &run->notes.tables[DVSI_BOOK_OFFERS],
                     .columns = columns,
                     .n_columns = 2,
                     .n_where = last->length != 0 ? 4 : 3,
                     .where = where,
                     .order = order,
                     .n_order = 2,
                     .where_stride = sizeof(dvs_where),
                     .limit = most};
    dvsi_batch_reset(rows, 2);
    int32_t status = dvsi_sink_scan(run->notes.sink, &scan, rows, err);
    if (status != DVS_OK || rows->n_rows == 0)
        return status;
    const dvs_cell *end = &dvsi_batch_cells(rows, rows->n_rows - 1)[1];
    dvsi_buf_clear(last);
    dvsi_buf_add(last, end->v.text, end->length);
    return last->failed ? dvsi_error_no_memory(err) : DVS_OK;
}

int32_t dvsi_offers_once(dvsi_feed *feed, dvs_error *err)
{
    dvsi_buf last = {0};
    doubles *d = calloc(1, sizeof *d);
    dvsi_batch *rows = dvsi_batch_new(2);
    dvsi_batch *found = dvsi_batch_new(4);
    int32_t status = d == NULL || rows == NULL || found == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    if (status == DVS_OK)
        d->feed = feed;
    for (int more = 1; more && status == DVS_OK;) {
        status = dvsi_offers_walk(feed, DVS_OP_GE, &last, SCAN_ROWS, rows, err);
        more = rows->n_rows == SCAN_ROWS;
        if (status == DVS_OK)
            status = drop_among(d, rows, found, err);
    }
    if (d != NULL)
        dvsi_arena_free(&d->arena);
    free(d);
    dvsi_batch_free(rows);
    dvsi_batch_free(found);
    dvsi_buf_free(&last);
    return status;
}

/* Does a record want to know what its source said of it before? */
static int looks_back(const dvsi_feed *feed, const dvsi_work *work)
{
    for (uint32_t i = 0; i < work->n_records; i++) {
        const dvsi_record *record = &work->records[i];
        if ((record->flags & DVSI_RECORD_FAILED) != 0)
            continue;
        if ((record->flags & DVSI_RECORD_TOMBSTONE) != 0)
            return 1;
        for (uint32_t f = 0; f < feed->mapping->n_fields; f++)
            if (record->fields[f].kind == DVS_ABSENT)
                return 1;
    }
    return 0;
}

int32_t dvsi_offers_begin(dvsi_feed *feed, const dvsi_work *work, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_books *notes = &run->notes;
    int64_t next = 1;
    int32_t status = DVS_OK;
    if (!notes->offers_empty)
        return DVS_OK;
    /* Only of a complete read that did not end the next run is told; of none in a trial, or by a plan. */
    if (feed->mode != DVS_READ_FULL || run->options->row_limit != 0 || run->saved != NULL ||
        looks_back(feed, work))
        return dvsi_offers_index(run, err);
    if (!notes->offers_bare) /* another project may have been quicker */
        status = dvsi_sink_next_id(notes->sink, &notes->tables[DVSI_BOOK_OFFERS], &next, err);
    if (status == DVS_OK && next != 1)
        return dvsi_offers_index(run, err);
    if (status == DVS_OK && !notes->offers_bare)
        status = dvsi_books_unindex_offers(notes, err);
    if (status == DVS_OK)
        notes->offers_bare = feed->loads_offers = 1;
    return status;
}

int32_t dvsi_offers_index(dvsi_run *run, dvs_error *err)
{
    dvsi_books *notes = &run->notes;
    if (notes->sink == NULL || !notes->offers_empty)
        return DVS_OK;
    int32_t status = dvsi_books_index_offers(notes, err);
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds && status == DVS_OK; f++)
            if (run->targets[t].feeds[f].loads_offers)
                status = dvsi_offers_once(&run->targets[t].feeds[f], err);
    if (status == DVS_OK)
        notes->offers_empty = notes->offers_bare = 0;
    return status;
}
