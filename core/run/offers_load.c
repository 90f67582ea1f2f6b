/*
 * offers_load.c - filling an empty table of offers without its indexes: source keys come in no order, and
 * each new offer would change a page of its own in every index. So nothing is looked up either. When
 * something must be found, the indexes are made, and of what a source gave more than once the last stays.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/deletes.h"
#include "run/gather.h"
#include "run/run.h"

#define SCAN_ROWS 2048u

/* Two offers of one source key: the later one, and what the earlier leaves behind. */
static int32_t drop_earlier(dvsi_feed *feed, int64_t earlier, int64_t later, dvs_error *err)
{
    static const uint32_t columns[4] = {DVSI_OFFERS_KEY, DVSI_OFFERS_FIELDS, DVSI_OFFERS_MODIFIED_AT,
                                        DVSI_OFFERS_VERSION};
    static const uint32_t id = DVSI_OFFERS_OFFER_ID;
    dvsi_run *run = feed->run;
    const dvs_cell ids[2] = {dvsi_cell_int64(earlier), dvsi_cell_int64(later)};
    const dvs_cell *rows[2] = {NULL, NULL};
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 4,
                         .table = &run->notes.tables[DVSI_BOOK_OFFERS],
                         .columns = columns,
                         .key_columns = &id,
                         .n_key_columns = 1,
                         .n_keys = 2,
                         .keys = ids,
                         .only_null = -1};
    dvsi_batch *found = dvsi_batch_new(4);
    int32_t status =
        found == NULL ? dvsi_error_no_memory(err) : dvsi_sink_read(run->notes.sink, &lookup, found, err);
    for (uint32_t r = 0; status == DVS_OK && r < found->n_rows; r++)
        rows[found->rows[r].number] = dvsi_batch_cells(found, r);
    if (status == DVS_OK && rows[0] != NULL && rows[1] != NULL) {
        int differ = 0;
        for (uint32_t i = 0; i < 4; i++)
            differ |= !dvsi_cell_equal(&rows[0][i], &rows[1][i]);
        const char *left = dvsi_arena_copy(&run->batch_arena, rows[0][0].v.text, rows[0][0].length);
        if (left == NULL)
            status = dvsi_error_no_memory(err);
        else if (differ)
            dvsi_gather_warn_twice(feed, 0, left);
        if (status == DVS_OK && !dvsi_cell_equal(&rows[0][0], &rows[1][0]))
            status = dvsi_waiting_left(feed, &left, 1, err);
    }
    dvsi_batch_free(found);
    return status == DVS_OK ? dvsi_books_delete(&run->notes, DVSI_BOOK_OFFERS, &earlier, 1, err) : status;
}

/* A page in the order of source key and offer id begins with the last row of the one before. */
static int32_t drop_among(dvsi_feed *feed, const dvsi_batch *rows, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 1; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *before = dvsi_batch_cells(rows, i - 1);
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (dvsi_cell_equal(&before[1], &row[1]))
            status = drop_earlier(feed, before[0].v.i64, row[0].v.i64, err);
    }
    return status;
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
    dvsi_batch *rows = dvsi_batch_new(2);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (int more = 1; more && status == DVS_OK;) {
        status = dvsi_offers_walk(feed, DVS_OP_GE, &last, SCAN_ROWS, rows, err);
        more = rows->n_rows == SCAN_ROWS;
        if (status == DVS_OK)
            status = drop_among(feed, rows, err);
    }
    dvsi_batch_free(rows);
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
