/* batch.c - see batch.h. */
#include "data/batch.h"

#include <stdlib.h>
#include <string.h>

#include "data/cell.h"

dvsi_batch *dvsi_batch_new(uint32_t n_columns)
{
    dvsi_batch *batch = calloc(1, sizeof *batch);

    if (batch == NULL)
        return NULL;
    batch->n_columns = n_columns;
    batch->max_rows = DVSI_BATCH_ROWS;
    batch->max_bytes = DVSI_BATCH_BYTES;
    return batch;
}

void dvsi_batch_free(dvsi_batch *batch)
{
    if (batch == NULL)
        return;
    dvsi_arena_free(&batch->arena);
    free(batch->cells);
    free(batch->rows);
    free(batch);
}

void dvsi_batch_reset(dvsi_batch *batch, uint32_t n_columns)
{
    dvsi_arena_reset(&batch->arena);
    batch->n_columns = n_columns;
    batch->n_rows = 0;
    batch->errors = NULL;
    batch->last_error = NULL;
    batch->n_errors = 0;
    batch->has_checkpoint = 0;
    batch->checkpoint_rows = 0;
    batch->checkpoint_errors = 0;
    memset(&batch->checkpoint, 0, sizeof batch->checkpoint);
}

/* Room for one more row. 0 or -1. */
static int make_room(dvsi_batch *batch)
{
    size_t n_cells;

    if (batch->n_rows == batch->capacity) {
        uint32_t capacity = batch->capacity == 0 ? 64 : batch->capacity * 2;
        dvsi_batch_row *rows;

        if (batch->capacity > UINT32_MAX / 2)
            return -1;
        rows = realloc(batch->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return -1;
        batch->rows = rows;
        batch->capacity = capacity;
    }
    n_cells = ((size_t)batch->n_rows + 1) * batch->n_columns; /* two 32 bit numbers */
    if (n_cells > batch->cell_capacity || batch->cells == NULL) {
        size_t capacity = batch->cell_capacity == 0 ? 256 : batch->cell_capacity;
        dvs_cell *cells;

        while (capacity < n_cells) {
            if (capacity > SIZE_MAX / 2 / sizeof *cells)
                return -1;
            capacity *= 2;
        }
        cells = realloc(batch->cells, capacity * sizeof *cells);
        if (cells == NULL)
            return -1;
        batch->cells = cells;
        batch->cell_capacity = capacity;
    }
    return 0;
}

dvs_cell *dvsi_batch_add(dvsi_batch *batch, uint64_t number, uint32_t flags)
{
    dvs_cell *cells;
    dvsi_batch_row *row;

    if (make_room(batch) != 0)
        return NULL;
    cells = dvsi_batch_cells(batch, batch->n_rows);
    memset(cells, 0, batch->n_columns * sizeof *cells);
    row = &batch->rows[batch->n_rows++];
    row->number = number;
    row->flags = flags;
    row->reserved = 0;
    return cells;
}

void dvsi_batch_drop_last(dvsi_batch *batch)
{
    if (batch->n_rows > 0)
        batch->n_rows--;
    if (batch->checkpoint_rows > batch->n_rows)
        batch->checkpoint_rows = batch->n_rows;
}

/* NULL stays NULL. 0 or -1. */
static int copy_text(dvsi_batch *batch, const char *from, const char **to)
{
    *to = NULL;
    if (from == NULL)
        return 0;
    *to = dvsi_arena_strdup(&batch->arena, from);
    return *to != NULL ? 0 : -1;
}

/* The usable cells of a failed record, one for each column. 0 or -1. */
static int copy_cells(dvsi_batch *batch, const dvs_row_error *error, dvsi_batch_error *copy)
{
    dvs_cell *cells;

    if (!DVS_HAS(error, dvs_row_error, n_cells) || error->cells == NULL)
        return 0;
    cells = dvsi_arena_calloc(&batch->arena, batch->n_columns, sizeof *cells);
    if (cells == NULL)
        return -1;
    for (uint32_t i = 0; i < batch->n_columns && i < error->n_cells; i++) {
        if (dvsi_cell_copy(&batch->arena, &error->cells[i], &cells[i]) != 0)
            return -1;
    }
    copy->cells = cells;
    return 0;
}

int dvsi_batch_error_add(dvsi_batch *batch, const dvs_row_error *error)
{
    dvsi_batch_error *copy = dvsi_arena_calloc(&batch->arena, 1, sizeof *copy);

    if (copy == NULL)
        return -1;
    copy->number = error->number;
    copy->behind = batch->n_rows;
    if (copy_text(batch, error->source_key, &copy->source_key) != 0 ||
        copy_text(batch, error->field, &copy->field) != 0 ||
        copy_text(batch, error->message != NULL ? error->message : "", &copy->message) != 0)
        return -1;
    if (error->record != NULL) {
        copy->record = dvsi_arena_copy(&batch->arena, error->record, (size_t)error->record_length);
        if (copy->record == NULL)
            return -1;
        copy->record_length = (size_t)error->record_length;
    }
    if (copy_cells(batch, error, copy) != 0)
        return -1;
    if (batch->last_error != NULL)
        batch->last_error->next = copy;
    else
        batch->errors = copy;
    batch->last_error = copy;
    batch->n_errors++;
    return 0;
}

int dvsi_batch_checkpoint_set(dvsi_batch *batch, const dvs_checkpoint *checkpoint)
{
    size_t size = checkpoint->struct_size < sizeof *checkpoint ? checkpoint->struct_size : sizeof *checkpoint;
    size_t length = checkpoint->token != NULL ? (size_t)checkpoint->token_length : 0;
    char *token = dvsi_arena_copy(&batch->arena, checkpoint->token, length);

    if (token == NULL)
        return -1;
    memset(&batch->checkpoint, 0, sizeof batch->checkpoint);
    memcpy(&batch->checkpoint, checkpoint, size);
    batch->checkpoint.struct_size = (uint32_t)sizeof batch->checkpoint;
    batch->checkpoint.token = (const uint8_t *)token;
    batch->checkpoint.token_length = length;
    batch->has_checkpoint = 1;
    batch->checkpoint_rows = batch->n_rows;
    batch->checkpoint_errors = batch->n_errors;
    return 0;
}

int dvsi_batch_full(const dvsi_batch *batch)
{
    if (batch->n_rows == 0 && batch->n_errors == 0)
        return 0;
    return batch->n_rows >= batch->max_rows || dvsi_batch_bytes(batch) >= batch->max_bytes;
}

size_t dvsi_batch_bytes(const dvsi_batch *batch)
{
    return batch->arena.used + (size_t)batch->n_rows * batch->n_columns * sizeof(dvs_cell) +
           (size_t)batch->n_rows * sizeof(dvsi_batch_row);
}
