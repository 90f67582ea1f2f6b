/* seen.c - the seen-set: chunks of 65,536 bits. */
#include "run/seen.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/error.h"
#include "data/cell.h"

#define CHUNK_BITS 65536
#define CHUNK_BYTES (CHUNK_BITS / 8)

struct dvsi_seen_chunk {
    int64_t number;
    int64_t row_id; /* of the stored chunk, 0: not stored */
    int dirty;
    UT_hash_handle hh;
    uint8_t bits[CHUNK_BYTES];
};

static struct dvsi_seen_chunk *find_chunk(const dvsi_seen *seen, int64_t number)
{
    struct dvsi_seen_chunk *chunk = NULL;
    HASH_FIND(hh, seen->chunks, &number, sizeof number, chunk);
    return chunk;
}

/* The chunk, made if need be; NULL when memory is out. */
static struct dvsi_seen_chunk *need_chunk(dvsi_seen *seen, int64_t number)
{
    if (seen->last != NULL && seen->last->number == number)
        return seen->last;
    struct dvsi_seen_chunk *chunk = find_chunk(seen, number);
    if (chunk == NULL) {
        chunk = calloc(1, sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        chunk->number = number;
        HASH_ADD(hh, seen->chunks, number, sizeof number, chunk);
        if (chunk->hh.tbl == NULL) { /* the table itself could not be made */
            free(chunk);
            return NULL;
        }
    }
    seen->last = chunk;
    return chunk;
}

int dvsi_seen_add(dvsi_seen *seen, int64_t id)
{
    if (id < 0)
        return 1; /* numbered by hand below zero: such a row is never a candidate for deletion by absence */
    struct dvsi_seen_chunk *chunk = need_chunk(seen, id / CHUNK_BITS);
    if (chunk == NULL)
        return -1;
    uint8_t *byte = &chunk->bits[(size_t)(id % CHUNK_BITS) / 8];
    uint8_t bit = (uint8_t)(1u << (id % 8));
    if ((*byte & bit) != 0)
        return 0;
    *byte |= bit;
    chunk->dirty = 1;
    return 1;
}

int dvsi_seen_has(const dvsi_seen *seen, int64_t id)
{
    if (id < 0)
        return 1;
    int64_t number = id / CHUNK_BITS;
    const struct dvsi_seen_chunk *chunk =
        seen->last != NULL && seen->last->number == number ? seen->last : find_chunk(seen, number);
    return chunk != NULL && ((chunk->bits[(size_t)(id % CHUNK_BITS) / 8] >> (id % 8)) & 1);
}

static int compare_chunks(const struct dvsi_seen_chunk *a, const struct dvsi_seen_chunk *b)
{
    return (a->number > b->number) - (a->number < b->number);
}

uint32_t dvsi_seen_list(dvsi_seen *seen, int64_t after, int64_t *ids, uint32_t most)
{
    uint32_t n = 0;
    HASH_SORT(seen->chunks, compare_chunks);
    for (const struct dvsi_seen_chunk *chunk = seen->chunks; chunk != NULL && n < most;
         chunk = chunk->hh.next) {
        const int64_t first = chunk->number * CHUNK_BITS;
        if (after - first >= CHUNK_BITS - 1)
            continue;
        for (uint32_t bit = after >= first ? (uint32_t)(after - first) + 1 : 0; bit < CHUNK_BITS && n < most;
             bit++) {
            if (chunk->bits[bit / 8] == 0)
                bit |= 7;
            else if (((chunk->bits[bit / 8] >> (bit % 8)) & 1) != 0)
                ids[n++] = first + bit;
        }
    }
    return n;
}

void dvsi_seen_clear(dvsi_seen *seen)
{
    struct dvsi_seen_chunk *chunk = NULL;
    struct dvsi_seen_chunk *next = NULL;
    HASH_ITER(hh, seen->chunks, chunk, next)
    {
        HASH_DEL(seen->chunks, chunk);
        free(chunk);
    }
    seen->last = NULL;
}

int32_t dvsi_seen_store(dvsi_seen *seen, dvsi_books *books, const char *entity, const char *source,
                        dvs_error *err)
{
    static const uint32_t bits_column = DVSI_SEEN_BITS;
    struct dvsi_seen_chunk *chunk = NULL;
    struct dvsi_seen_chunk *next = NULL;
    HASH_ITER(hh, seen->chunks, chunk, next)
    {
        int32_t status = DVS_OK;
        if (!chunk->dirty)
            continue;
        dvs_cell bits = dvsi_cell_bytes(chunk->bits, CHUNK_BYTES);
        if (chunk->row_id != 0) {
            status = dvsi_books_update(books, DVSI_BOOK_SEEN, chunk->row_id, &bits_column, &bits, 1, err);
        } else {
            dvs_cell row[DVSI_N_SEEN] = {{0}};
            row[DVSI_SEEN_ENTITY] = dvsi_cell_text(entity);
            row[DVSI_SEEN_SOURCE] = dvsi_cell_text(source);
            row[DVSI_SEEN_CHUNK] = dvsi_cell_int64(chunk->number);
            row[DVSI_SEEN_BITS] = bits;
            status = dvsi_books_insert(books, DVSI_BOOK_SEEN, row, 1, &chunk->row_id, err);
        }
        if (status != DVS_OK)
            return status;
        chunk->dirty = 0;
    }
    return DVS_OK;
}

int32_t dvsi_seen_load(dvsi_seen *seen, dvsi_books *books, const char *entity, const char *source,
                       dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_SEEN_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity)),
                          dvsi_where(DVSI_SEEN_SOURCE, DVS_OP_EQ, dvsi_cell_text(source))};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_SEEN);
    dvsi_seen_clear(seen);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(books, DVSI_BOOK_SEEN, where, 2, 0, 0, rows, err);
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (row[DVSI_SEEN_CHUNK].kind != DVS_INT64 || row[DVSI_SEEN_CHUNK].v.i64 < 0 ||
            row[DVSI_SEEN_BITS].kind != DVS_BYTES || row[DVSI_SEEN_BITS].length != CHUNK_BYTES) {
            status =
                dvsi_error_set(err, DVS_E_CORRUPT, "table \"_sync_seen\" was edited; the read begins again");
            break;
        }
        struct dvsi_seen_chunk *chunk = need_chunk(seen, row[DVSI_SEEN_CHUNK].v.i64);
        if (chunk == NULL) {
            status = dvsi_error_no_memory(err);
            break;
        }
        memcpy(chunk->bits, row[DVSI_SEEN_BITS].v.bytes, CHUNK_BYTES);
        chunk->row_id = row[DVSI_SEEN_ROW_ID].v.i64;
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_seen_forget(dvsi_books *books, const char *entity, const char *source, dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_SEEN_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity)),
                          dvsi_where(DVSI_SEEN_SOURCE, DVS_OP_EQ, dvsi_cell_text(source))};
    return dvsi_books_delete_where(books, DVSI_BOOK_SEEN, where, 2, NULL, err);
}
