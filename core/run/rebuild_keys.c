/*
 * rebuild_keys.c - what is kept by a record's key, when a table was made anew: conflicts and pins of records
 * that are not in it, because they are gone or have another key now, end with them.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "run/conflicts.h"
#include "run/rebuild.h"

#define ROWS_AT_ONCE 500u

/* Which of the keys name no active row: those are moved to the front; how many in *n_gone. */
static int32_t find_gone(dvsi_target *t, const char **keys, uint32_t n, uint32_t *n_gone, dvs_error *err)
{
    static const uint32_t column = 0;
    dvsi_arena *arena = &t->run->batch_arena;
    uint32_t kinds[DVSI_KEY_FIELDS];
    uint32_t n_cells = 0;
    uint8_t *there = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *there);
    uint32_t *key_of = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *key_of);
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)n * t->n_key + 1, sizeof *cells);
    dvsi_batch *rows = dvsi_batch_new(1);
    int32_t status =
        there == NULL || key_of == NULL || cells == NULL || rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t k = 0; k < t->n_key && k < DVSI_KEY_FIELDS; k++)
        kinds[k] = t->schema.columns[t->key_columns[k]].kind;
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        if (dvsi_key_parse(arena, keys[i], strlen(keys[i]), kinds, t->n_key,
                           cells + (size_t)n_cells * t->n_key) == 0)
            key_of[n_cells++] = i;
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 1,
                         .table = &t->table,
                         .columns = &column,
                         .key_columns = t->key_columns,
                         .n_key_columns = t->n_key,
                         .n_keys = n_cells,
                         .keys = cells,
                         .only_null = t->closed};
    if (status == DVS_OK && n_cells != 0)
        status = dvsi_sink_read(t->run->sink, &lookup, rows, err);
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++)
        there[key_of[rows->rows[r].number]] = 1;
    *n_gone = 0;
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        if (!there[i])
            keys[(*n_gone)++] = keys[i];
    dvsi_batch_free(rows);
    return status;
}

/* The entity's rows of a book, page by page; `key` is the column with the key. */
static int32_t end_book(dvsi_target *target, dvsi_book book, uint32_t entity, uint32_t key,
                        uint32_t n_columns, dvs_error *err)
{
    dvsi_run *run = target->run;
    dvsi_batch *rows = dvsi_batch_new(n_columns);
    int64_t last = INT64_MIN;
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t n = ROWS_AT_ONCE; n == ROWS_AT_ONCE && status == DVS_OK;) {
        const dvs_where where[2] = {dvsi_where(entity, DVS_OP_EQ, dvsi_cell_text(target->entity->name)),
                                    dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(last))};
        uint32_t n_gone = 0;
        dvsi_arena_reset(&run->batch_arena);
        status = dvsi_books_find(&run->books, book, where, 2, 0, ROWS_AT_ONCE, rows, err);
        n = status == DVS_OK ? rows->n_rows : 0;
        const char **keys = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *keys);
        if (keys == NULL && status == DVS_OK)
            status = dvsi_error_no_memory(err);
        for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
            const dvs_cell *row = dvsi_batch_cells(rows, i);
            last = row[0].v.i64;
            keys[i] = row[key].kind == DVS_TEXT
                          ? dvsi_arena_copy(&run->batch_arena, row[key].v.text, row[key].length)
                          : "";
            if (keys[i] == NULL)
                status = dvsi_error_no_memory(err);
        }
        if (status == DVS_OK)
            status = find_gone(target, keys, n, &n_gone, err);
        if (status == DVS_OK)
            status = dvsi_conflicts_gone(&target->feeds[0], keys, n_gone, err);
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_rebuild_keys(dvsi_target *target, dvs_error *err)
{
    int32_t status = DVS_OK;
    if (target->has_conflicts)
        status = end_book(target, DVSI_BOOK_CONFLICTS, DVSI_CONFLICTS_ENTITY, DVSI_CONFLICTS_KEY,
                          DVSI_N_CONFLICTS, err);
    if (status == DVS_OK && target->has_pins)
        status = end_book(target, DVSI_BOOK_PINS, DVSI_PINS_ENTITY, DVSI_PINS_KEY, DVSI_N_PINS, err);
    return status;
}
