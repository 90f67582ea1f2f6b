/* waiting.c - keys that wait in _sync_deletes for the end of the read. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/changes.h"
#include "run/deletes.h"
#include "run/rows.h"
#include "run/run.h"

/* Rows of _sync_deletes for these keys: row id, and whose they are; their number is the key. */
static int32_t find(dvsi_feed *feed, const char *const *keys, uint32_t n_keys, dvsi_batch *rows,
                    dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_DELETES_ROW_ID, DVSI_DELETES_SOURCE};
    static const uint32_t key_columns[3] = {DVSI_DELETES_PROJECT, DVSI_DELETES_ENTITY, DVSI_DELETES_KEY};
    dvsi_books *notes = &feed->run->notes;
    dvs_lookup lookup = {.table = &notes->tables[DVSI_BOOK_DELETES],
                         .columns = columns,
                         .n_columns = 2,
                         .key_columns = key_columns,
                         .only_null = -1};
    return dvsi_keys_read(feed, notes, &lookup, keys, n_keys, rows, err);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the keys and drops those that are there twice; how many stay. */
static uint32_t sort_keys(const char **keys, uint32_t n)
{
    uint32_t kept = 0;
    qsort(keys, n, sizeof *keys, compare_keys);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(keys[kept - 1], keys[i]) != 0)
            keys[kept++] = keys[i];
    return kept;
}

/* Does a source stand before that of the label, which is NULL or of one that left? */
static int stands_before(const dvsi_from *from, const dvsi_entity *entity, const dvs_cell *label)
{
    for (uint32_t f = 0; f < entity->n_from; f++) {
        const dvsi_from *other = &entity->from[f];
        if (!dvsi_cell_says(label, other->label))
            continue;
        if (from->endpoint->priority != other->endpoint->priority)
            return from->endpoint->priority > other->endpoint->priority;
        return from < other;
    }
    return 1;
}

/* Of several sources that gave a key up, the row names the first in precedence, whichever came first. */
static int32_t name_source(dvsi_feed *feed, const dvs_cell *row, dvs_error *err)
{
    static const uint32_t column = DVSI_DELETES_SOURCE;
    const dvs_cell label = dvsi_cell_text(feed->from->label);
    if (feed->target->entity->n_from == 1 || dvsi_cell_says(&row[1], feed->from->label) ||
        !stands_before(feed->from, feed->target->entity, &row[1]))
        return DVS_OK;
    return dvsi_books_update(&feed->run->notes, DVSI_BOOK_DELETES, row[0].v.i64, &column, &label, 1, err);
}

static int32_t add_keys(dvsi_feed *feed, const char **keys, uint32_t n_keys, int given_up, dvs_error *err)
{
    dvsi_run *run = feed->run;
    if (n_keys == 0)
        return DVS_OK;
    n_keys = sort_keys(keys, n_keys);
    int32_t status = dvsi_scratch_open(run, err);
    dvsi_batch *rows = dvsi_batch_new(2);
    uint8_t *known = dvsi_arena_calloc(&run->batch_arena, n_keys, 1);
    dvs_cell *cells = dvsi_arena_calloc(&run->batch_arena, (size_t)n_keys * DVSI_N_DELETES, sizeof *cells);
    if (status == DVS_OK && (rows == NULL || cells == NULL || known == NULL))
        status = dvsi_error_no_memory(err);
    if (status == DVS_OK)
        status = find(feed, keys, n_keys, rows, err);
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++) {
        known[rows->rows[r].number] = 1;
        status = given_up ? name_source(feed, dvsi_batch_cells(rows, r), err) : DVS_OK;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_keys && status == DVS_OK; i++) {
        if (known[i])
            continue;
        dvs_cell *row = cells + (size_t)n++ * DVSI_N_DELETES;
        row[DVSI_DELETES_ENTITY] = dvsi_cell_text(feed->target->entity->name);
        row[DVSI_DELETES_SOURCE] = dvsi_cell_text(feed->from->label);
        row[DVSI_DELETES_KEY] = dvsi_cell_text(keys[i]);
        row[DVSI_DELETES_SEEN_AT] = dvsi_cell_timestamp(run->started_at);
    }
    if (status == DVS_OK)
        status = dvsi_books_insert(&run->notes, DVSI_BOOK_DELETES, cells, n, NULL, err);
    if (status == DVS_OK)
        feed->target->n_waiting += n;
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_waiting_add(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err)
{
    return add_keys(feed, keys, n_keys, 0, err);
}

int32_t dvsi_waiting_left(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err)
{
    return add_keys(feed, keys, n_keys, 1, err);
}

int32_t dvsi_waiting_remove(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err)
{
    if (n_keys == 0 || feed->target->n_waiting == 0)
        return DVS_OK;
    n_keys = sort_keys(keys, n_keys);
    dvsi_batch *rows = dvsi_batch_new(2);
    int64_t *ids = dvsi_arena_calloc(&feed->run->batch_arena, n_keys, sizeof *ids);
    int32_t status =
        rows == NULL || ids == NULL ? dvsi_error_no_memory(err) : find(feed, keys, n_keys, rows, err);
    uint32_t n = 0;
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows && n < n_keys; r++)
        ids[n++] = dvsi_batch_cells(rows, r)[0].v.i64;
    if (status == DVS_OK)
        status = dvsi_books_delete(&feed->run->notes, DVSI_BOOK_DELETES, ids, n, err);
    if (status == DVS_OK)
        feed->target->n_waiting -= n < feed->target->n_waiting ? n : feed->target->n_waiting;
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_waiting_forget(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_DELETES_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name));
    feed->target->n_waiting = 0;
    if (feed->run->notes.sink == NULL)
        return DVS_OK;
    return dvsi_books_delete_where(&feed->run->notes, DVSI_BOOK_DELETES, &where, 1, NULL, err);
}

int32_t dvsi_waiting_sources(dvsi_feed *feed, const char *const *keys, uint32_t n_keys,
                             const dvsi_from **from, dvs_error *err)
{
    const dvsi_entity *entity = feed->target->entity;
    if (n_keys == 0 || feed->target->n_waiting == 0 || entity->n_from == 1)
        return DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(2);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : find(feed, keys, n_keys, rows, err);
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++) {
        const dvs_cell *label = &dvsi_batch_cells(rows, r)[1];
        for (uint32_t f = 0; f < entity->n_from; f++)
            if (dvsi_cell_says(label, entity->from[f].label))
                from[rows->rows[r].number] = &entity->from[f];
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_waiting_next(dvsi_feed *feed, const char *after, uint32_t limit, dvsi_arena *arena,
                          const char ***keys, uint32_t *n_keys, dvs_error *err)
{
    static const uint32_t column = DVSI_DELETES_KEY;
    dvsi_books *notes = &feed->run->notes;
    *n_keys = 0;
    *keys = dvsi_arena_calloc(arena, (size_t)limit + 1, sizeof **keys);
    dvsi_batch *rows = dvsi_batch_new(1);
    int32_t status = *keys == NULL || rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    if (status == DVS_OK && feed->target->n_waiting != 0 && notes->sink != NULL) {
        dvs_where where[3] = {
            dvsi_where(DVSI_DELETES_PROJECT, DVS_OP_EQ, dvsi_cell_text(notes->project)),
            dvsi_where(DVSI_DELETES_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
            dvsi_where(DVSI_DELETES_KEY, DVS_OP_GT, dvsi_cell_text(after != NULL ? after : ""))};
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = &notes->tables[DVSI_BOOK_DELETES],
                         .columns = &column,
                         .n_columns = 1,
                         .n_where = after != NULL ? 3 : 2,
                         .where = where,
                         .order = &column,
                         .n_order = 1,
                         .where_stride = sizeof(dvs_where),
                         .limit = limit};
        status = dvsi_sink_scan(notes->sink, &scan, rows, err);
    }
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++) {
        (*keys)[r] = dvsi_arena_copy(arena, rows->cells[r].v.text, rows->cells[r].length);
        if ((*keys)[r] == NULL)
            status = dvsi_error_no_memory(err);
        (*n_keys)++;
    }
    dvsi_batch_free(rows);
    return status;
}
