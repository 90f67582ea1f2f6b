/* batch.h - rows on their way from a source to the sink, with what was said between them. */
#ifndef DVSI_DATA_BATCH_H
#define DVSI_DATA_BATCH_H

#include "base/arena.h"
#include "dvsync/plugin.h"

#define DVSI_BATCH_BYTES (1u << 20) /* a batch is full with so many bytes ... */
#define DVSI_BATCH_ROWS 2048u       /* ... or so many rows */

typedef struct dvsi_batch_row {
    uint64_t number;
    uint32_t flags; /* DVS_ROW_ */
    uint32_t reserved;
} dvsi_batch_row;

/* A record that is no row: kept in _sync_errors. Texts in the batch's arena. */
typedef struct dvsi_batch_error dvsi_batch_error;
struct dvsi_batch_error {
    dvsi_batch_error *next;
    uint64_t number;
    uint32_t behind;        /* so many rows of the batch */
    const char *source_key; /* NULL: not identifiable */
    const char *field;      /* NULL: the whole record */
    const char *message;
    const char *record;
    size_t record_length;
    const dvs_cell *cells; /* the usable cells, n_columns of them, the rest ABSENT; NULL: none */
};

typedef struct dvsi_batch {
    dvsi_arena arena;
    uint32_t n_columns;
    uint32_t n_rows;
    uint32_t capacity; /* rows */
    uint32_t max_rows; /* full at so many */
    size_t max_bytes;
    dvs_cell *cells; /* n_rows times n_columns */
    dvsi_batch_row *rows;
    dvsi_batch_error *errors; /* in order */
    dvsi_batch_error *last_error;
    uint32_t n_errors;
    /* The last checkpoint, if has_checkpoint: what it covers are the first checkpoint_rows rows. */
    uint32_t has_checkpoint;
    uint32_t checkpoint_rows;
    uint32_t checkpoint_errors;
    dvs_checkpoint checkpoint; /* token in the arena */
    size_t cell_capacity;
} dvsi_batch;

dvsi_batch *dvsi_batch_new(uint32_t n_columns); /* NULL when memory is out */
void dvsi_batch_free(dvsi_batch *batch);
/* Empties it for reuse. */
void dvsi_batch_reset(dvsi_batch *batch, uint32_t n_columns);
/* Room for one more row: its cells, all ABSENT, or NULL when memory is out. */
dvs_cell *dvsi_batch_add(dvsi_batch *batch, uint64_t number, uint32_t flags);
/* Takes the row added last away again (its bytes stay in the arena until reset). */
void dvsi_batch_drop_last(dvsi_batch *batch);
/* Notes a row error; texts and cells (clean ones, n_columns of them) are copied. 0 or -1. */
int dvsi_batch_error_add(dvsi_batch *batch, const dvs_row_error *error);
int dvsi_batch_checkpoint_set(dvsi_batch *batch, const dvs_checkpoint *checkpoint);
int dvsi_batch_full(const dvsi_batch *batch);
size_t dvsi_batch_bytes(const dvsi_batch *batch);
static inline dvs_cell *dvsi_batch_cells(const dvsi_batch *batch, uint32_t row)
{
    return batch->cells + (size_t)row * batch->n_columns;
}

#endif
