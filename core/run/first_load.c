/* first_load.c - filling an empty table without its key index, and putting things right afterwards. */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/twice.h"

#define SCAN_ROWS 2048u

int32_t dvsi_first_load_trim(dvsi_feed *feed, dvs_error *err)
{
    dvsi_target *t = feed->target;
    dvsi_books *books = &feed->run->books;
    uint64_t deleted = 0;
    dvs_where above = dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(feed->state.high_row_id));
    int32_t status = dvsi_sink_delete_where(feed->run->sink, &t->table, &above, 1, &deleted, err);
    if (status != DVS_OK)
        return status;
    feed->counts.created -=
        deleted < feed->counts.created ? deleted : feed->counts.created; /* of this run, if any */
    dvs_where where[2] = {
        dvsi_where(DVSI_LINEAGE_ROW_ID, DVS_OP_GT, dvsi_cell_int64(feed->state.high_lineage)),
        dvsi_where(DVSI_LINEAGE_ENTITY, DVS_OP_EQ, dvsi_cell_text(t->entity->name))};
    return dvsi_books_delete_where(books, DVSI_BOOK_LINEAGE, where, 2, &deleted, err);
}

/* The create rows of a key that was loaded several times: all but the newest go. */
static int32_t trim_lineage(dvsi_feed *feed, const char *key, dvs_error *err)
{
    dvsi_books *books = &feed->run->books;
    dvs_where where[4] = {
        dvsi_where(DVSI_LINEAGE_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
        dvsi_where(DVSI_LINEAGE_KEY, DVS_OP_EQ, dvsi_cell_text(key)),
        dvsi_where(DVSI_LINEAGE_OP, DVS_OP_EQ, dvsi_cell_text("create")),
        dvsi_where(DVSI_LINEAGE_CHANGED_AT, DVS_OP_GE, dvsi_cell_timestamp(feed->state.read_started_at))};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_LINEAGE);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(books, DVSI_BOOK_LINEAGE, where, 4, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i + 1 < rows->n_rows; i++)
        status = dvsi_books_delete(books, DVSI_BOOK_LINEAGE, &dvsi_batch_cells(rows, i)[0].v.i64, 1, err);
    dvsi_batch_free(rows);
    return status;
}

/* One row has a later one of the same key behind it: it goes, with the story of its creation. */
static int32_t drop_row(dvsi_feed *feed, int64_t row_id, const char *key, int differs, dvs_error *err)
{
    dvsi_target *t = feed->target;
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .table = &t->table,
                       .deletes = &row_id,
                       .n_deletes = 1,
                       .update_stride = sizeof(dvs_update)};
    int32_t status = dvsi_sink_write(feed->run->sink, &write, 0, err);
    if (status == DVS_OK)
        status = trim_lineage(feed, key, err);
    if (row_id >= feed->first_own_row && feed->counts.created != 0)
        feed->counts.created--; /* else an earlier, killed run has counted it */
    return status == DVS_OK && differs ? dvsi_twice_note(feed, key, 0, err) : status;
}

/* Deletes every row of `rows` (in the order of key and row id) that the next one has the key of. */
static int32_t drop_among(dvsi_feed *feed, const dvsi_batch *rows, dvs_error *err)
{
    dvsi_target *t = feed->target;
    dvsi_buf keys[2] = {{0}, {0}};
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const dvs_cell *before_row = dvsi_batch_cells(rows, i != 0 ? i - 1 : 0);
        dvsi_buf *key = &keys[i % 2];
        const dvsi_buf *before = &keys[(i + 1) % 2];
        dvsi_buf_clear(key);
        (void)dvsi_key_canonical(key, row, t->n_key);
        if (i != 0 && key->length != 0 && key->length == before->length &&
            memcmp(key->data, before->data, key->length) == 0)
            status = drop_row(feed, before_row[t->n_key].v.i64, dvsi_buf_text(key),
                              !dvsi_cell_equal(&row[t->n_key + 1], &before_row[t->n_key + 1]), err);
    }
    dvsi_buf_free(&keys[0]);
    dvsi_buf_free(&keys[1]);
    return status;
}

/*
 * Walks the table in the order of (key, row id) and leaves of each key the last row. Pages begin at the first
 * key column's last value, so a page grows when it is full of one value; kinds that a sink need not order are
 * walked in one page.
 */
static int32_t drop_duplicates(dvsi_feed *feed, dvs_error *err)
{
    dvsi_target *t = feed->target;
    uint32_t columns[18];
    uint64_t limit = SCAN_ROWS;
    dvsi_arena last_arena = {0};
    dvs_cell last = {0};
    if (t->n_key > 16)
        return dvsi_error_set(err, DVS_E_CONFIG, "the key of entity \"%s\" has more than 16 fields",
                              t->entity->name);
    for (uint32_t k = 0; k < t->n_key; k++)
        columns[k] = t->key_columns[k];
    columns[t->n_key] = 0;
    columns[t->n_key + 1] = (uint32_t)t->sync_hash; /* tells whether the copies differ */
    uint32_t kind = t->schema.columns[columns[0]].kind;
    if (kind == DVS_DECIMAL || kind == DVS_BOOL)
        limit = 0;
    dvsi_batch *rows = dvsi_batch_new(t->n_key + 2);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (int more = 1; more && status == DVS_OK;) {
        dvs_where from = dvsi_where(columns[0], DVS_OP_GE, last);
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = &t->table,
                         .columns = columns,
                         .n_columns = t->n_key + 2,
                         .n_where = last.kind != DVS_ABSENT,
                         .where = &from,
                         .order = columns,
                         .n_order = t->n_key + 1,
                         .where_stride = sizeof(dvs_where),
                         .limit = limit};
        dvsi_batch_reset(rows, t->n_key + 2);
        status = dvsi_sink_scan(feed->run->sink, &scan, rows, err);
        if (status != DVS_OK)
            break;
        status = drop_among(feed, rows, err);
        more = limit != 0 && rows->n_rows == limit;
        if (!more)
            break;
        const dvs_cell *end = dvsi_batch_cells(rows, rows->n_rows - 1);
        if (last.kind != DVS_ABSENT && dvsi_cell_equal(&last, end))
            limit *= 2;
        dvsi_arena_reset(&last_arena);
        if (dvsi_cell_copy(&last_arena, end, &last) != 0)
            status = dvsi_error_no_memory(err);
    }
    dvsi_arena_free(&last_arena);
    dvsi_batch_free(rows);
    return status;
}

/* Many duplicates or few: an index of our own for the walk. */
static int32_t make_unique(dvsi_feed *feed, dvs_error *err)
{
    dvsi_target *t = feed->target;
    dvsi_buf name = {0};
    dvsi_buf_printf(&name, "_sync_load_%s", t->entity->name);
    dvs_index index = {.struct_size = (uint32_t)sizeof index,
                       .name = dvsi_buf_text(&name),
                       .table = &t->table,
                       .columns = t->key_columns,
                       .n_columns = t->n_key,
                       .only_null = -1,
                       .only_set = -1};
    int32_t status =
        name.failed ? dvsi_error_no_memory(err) : dvsi_books_index_lineage(&feed->run->books, err);
    if (status == DVS_OK)
        status = dvsi_sink_ensure_index(feed->run->sink, &index, err);
    if (status == DVS_OK)
        status = drop_duplicates(feed, err);
    if (status == DVS_OK)
        status = dvsi_sink_drop_index(feed->run->sink, &index, err);
    dvsi_buf_free(&name);
    return status;
}

int32_t dvsi_first_load_finish(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = dvsi_target_indexes(feed->target, err);
    if (status == DVS_E_DUPLICATE) {
        status = make_unique(feed, err);
        if (status == DVS_OK)
            status = dvsi_target_indexes(feed->target, err);
    }
    if (status == DVS_OK)
        feed->state.first_load = 0;
    return status;
}

int32_t dvsi_first_load_close(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = dvsi_first_load_trim(feed, err);
    return status == DVS_OK ? dvsi_first_load_finish(feed, err) : status;
}
