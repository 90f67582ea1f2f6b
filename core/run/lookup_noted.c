/*
 * lookup_noted.c - a diff of a table whose first load was broken off: it has no key index yet, and nothing is
 * written to the sink. The keys of its rows are noted in the temporary database, once, and looked up there.
 */
#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "run/changes.h"
#include "run/rows.h"
#include "run/run.h"

#define ROWS_AT_ONCE 2048u

typedef struct noting {
    dvsi_feed *feed;
    dvsi_batch *page;
    uint32_t *columns; /* row id, then the key's */
    int64_t last;
    dvsi_arena arena; /* of the page's keys */
    dvsi_buf text;
} noting;

static int32_t read_page(noting *n, dvs_error *err)
{
    static const uint32_t row_id = 0;
    const dvsi_target *t = n->feed->target;
    const dvs_where behind = dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(n->last));
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &t->table,
                     .columns = n->columns,
                     .n_columns = t->n_key + 1,
                     .n_where = 1,
                     .where = &behind,
                     .where_stride = sizeof behind,
                     .order = &row_id,
                     .n_order = 1,
                     .limit = ROWS_AT_ONCE};
    dvsi_batch_reset(n->page, t->n_key + 1);
    return dvsi_sink_scan(n->feed->run->sink, &scan, n->page, err);
}

static int32_t note_page(noting *n, dvs_error *err)
{
    const dvsi_target *t = n->feed->target;
    uint32_t n_rows = 0;
    dvsi_arena_reset(&n->arena);
    dvs_cell *rows = dvsi_arena_calloc(&n->arena, (size_t)n->page->n_rows + 1, DVSI_N_ROWS * sizeof *rows);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n->page->n_rows; i++) {
        const dvs_cell *cells = dvsi_batch_cells(n->page, i);
        n->last = cells[0].v.i64;
        dvsi_buf_clear(&n->text);
        if (dvsi_key_canonical(&n->text, cells + 1, t->n_key) != NULL)
            continue; /* edited by hand: it is no record's */
        const char *key =
            n->text.failed ? NULL : dvsi_arena_copy(&n->arena, dvsi_buf_text(&n->text), n->text.length);
        if (key == NULL)
            return dvsi_error_no_memory(err);
        dvs_cell *row = rows + (size_t)n_rows++ * DVSI_N_ROWS;
        row[DVSI_ROWS_ENTITY] = dvsi_cell_text(t->entity->name);
        row[DVSI_ROWS_KEY] = dvsi_cell_text(key);
        row[DVSI_ROWS_ROW] = dvsi_cell_int64(n->last);
    }
    return dvsi_books_insert(&n->feed->run->notes, DVSI_BOOK_ROWS, rows, n_rows, NULL, err);
}

int32_t dvsi_lookup_note(dvsi_feed *feed, dvs_error *err)
{
    const dvsi_target *t = feed->target;
    noting n = {.feed = feed, .last = INT64_MIN};
    if (feed->run->sink == NULL || !t->exists)
        return DVS_OK;
    n.page = dvsi_batch_new(t->n_key + 1);
    n.columns = dvsi_arena_calloc(&feed->run->batch_arena, (size_t)t->n_key + 1, sizeof *n.columns);
    int32_t status =
        n.page == NULL || n.columns == NULL ? dvsi_error_no_memory(err) : dvsi_scratch_open(feed->run, err);
    for (uint32_t k = 0; k < t->n_key && status == DVS_OK; k++)
        n.columns[k + 1] = t->key_columns[k];
    for (uint32_t got = ROWS_AT_ONCE; got == ROWS_AT_ONCE && status == DVS_OK;) {
        status = read_page(&n, err);
        got = n.page->n_rows;
        if (status == DVS_OK)
            status = note_page(&n, err);
    }
    feed->rows_noted = status == DVS_OK;
    dvsi_batch_free(n.page);
    dvsi_arena_free(&n.arena);
    dvsi_buf_free(&n.text);
    return status;
}

int32_t dvsi_lookup_noted(dvsi_feed *feed, const char *const *keys, uint32_t n, int64_t *ids, dvs_error *err)
{
    static const uint32_t column = DVSI_ROWS_ROW;
    static const uint32_t key_columns[3] = {DVSI_ROWS_PROJECT, DVSI_ROWS_ENTITY, DVSI_ROWS_KEY};
    dvsi_books *notes = &feed->run->notes;
    dvs_lookup lookup = {.table = &notes->tables[DVSI_BOOK_ROWS],
                         .columns = &column,
                         .n_columns = 1,
                         .key_columns = key_columns,
                         .only_null = -1};
    dvsi_batch *rows = dvsi_batch_new(1);
    int32_t status =
        rows == NULL ? dvsi_error_no_memory(err) : dvsi_keys_read(feed, notes, &lookup, keys, n, rows, err);
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++) {
        const int64_t id = dvsi_batch_cells(rows, r)[0].v.i64;
        int64_t *last = &ids[rows->rows[r].number];
        *last = id > *last ? id : *last; /* of several rows of a key a sync leaves the last */
    }
    dvsi_batch_free(rows);
    return status;
}
