/* replay.c - operations on rows, as they stand in the journal. */
#include "memory.h"

#include <stdlib.h>

static int32_t corrupt(dvs_error *err, const char *what)
{
    return dvs_fail(err, DVS_E_CORRUPT, DVS_SCOPE_SOURCE, "the journal %s", what);
}

typedef struct replay {
    memory_db *db;
    memory_bytes bytes;
    memory_table *table; /* of the operation before: mostly the same */
    memory_table *unswept;
    dvs_cell *cells;
    uint32_t capacity;
} replay;

static void sweep(replay *r)
{
    if (r->unswept != NULL)
        memory_table_sweep(r->unswept);
    r->unswept = NULL;
}

static int32_t find_table(replay *r, dvs_error *err)
{
    char *name = memory_get_text(&r->bytes);
    if (name == NULL)
        return corrupt(err, "ends in an operation");
    if (r->table == NULL || strcmp(r->table->name, name) != 0)
        r->table = memory_db_table(r->db, name);
    free(name);
    if (r->table == NULL)
        return corrupt(err, "writes to a table that does not exist");
    if (r->unswept != NULL && r->unswept != r->table)
        sweep(r);
    return DVS_OK;
}

static int32_t room(replay *r, uint32_t n, dvs_error *err)
{
    dvs_cell *cells;
    if (n <= r->capacity)
        return DVS_OK;
    cells = realloc(r->cells, n * sizeof *cells);
    if (cells == NULL)
        return memory_no_memory(err);
    r->cells = cells;
    r->capacity = n;
    return DVS_OK;
}

static int32_t insert(replay *r, dvs_error *err)
{
    uint32_t i, n = memory_get_u32(&r->bytes);
    memory_row *row;
    int32_t status;
    sweep(r);
    if (n != r->table->n_columns)
        return corrupt(err, "holds a row of another width");
    status = room(r, n, err);
    if (status != DVS_OK)
        return status;
    for (i = 0; i < n; i++)
        r->cells[i] = memory_get_cell(&r->bytes);
    if (r->bytes.bad || r->cells[0].kind != DVS_INT64)
        return corrupt(err, "holds a row without an id");
    row = memory_row_new(r->cells, n);
    return row != NULL ? memory_row_insert(r->table, row, err) : memory_no_memory(err);
}

static int32_t update(replay *r, dvs_error *err)
{
    int64_t id = (int64_t)memory_get_u64(&r->bytes);
    uint32_t i, n = memory_get_u32(&r->bytes);
    int found;
    size_t place;
    memory_row *row;
    int32_t status;
    sweep(r);
    place = memory_row_find(r->table, id, &found);
    status = room(r, r->table->n_columns, err);
    if (status != DVS_OK)
        return status;
    if (!found)
        return corrupt(err, "updates a row that does not exist");
    memcpy(r->cells, r->table->rows[place]->cells, r->table->n_columns * sizeof *r->cells);
    for (i = 0; i < n && !r->bytes.bad; i++) {
        uint32_t column = memory_get_u32(&r->bytes);
        dvs_cell cell = memory_get_cell(&r->bytes);
        if (column >= r->table->n_columns)
            return corrupt(err, "updates a column that does not exist");
        r->cells[column] = cell;
    }
    if (r->bytes.bad)
        return corrupt(err, "ends in an operation");
    row = memory_row_new(r->cells, r->table->n_columns);
    return row != NULL ? memory_row_replace(r->table, place, row, err) : memory_no_memory(err);
}

static int32_t erase(replay *r, dvs_error *err)
{
    int found;
    size_t place = memory_row_find(r->table, (int64_t)memory_get_u64(&r->bytes), &found);
    if (r->bytes.bad)
        return corrupt(err, "ends in an operation");
    if (found && !r->table->rows[place]->dead) {
        memory_row_mark(r->table, place);
        r->unswept = r->table;
    }
    return DVS_OK;
}

int32_t memory_apply(memory_db *db, const uint8_t *data, size_t length, dvs_error *err)
{
    replay r = {db, {data, data + length, 0}, NULL, NULL, NULL, 0};
    int32_t status = DVS_OK;
    while (status == DVS_OK && r.bytes.at < r.bytes.end) {
        uint8_t op = memory_get_u8(&r.bytes);
        if (op == MEMORY_OP_INSERT || op == MEMORY_OP_UPDATE || op == MEMORY_OP_DELETE) {
            status = find_table(&r, err);
            if (status == DVS_OK)
                status = op == MEMORY_OP_INSERT   ? insert(&r, err)
                         : op == MEMORY_OP_UPDATE ? update(&r, err)
                                                  : erase(&r, err);
        } else {
            sweep(&r);
            r.table = NULL;
            status = memory_apply_schema(db, op, &r.bytes, err);
        }
    }
    sweep(&r);
    free(r.cells);
    return status;
}
