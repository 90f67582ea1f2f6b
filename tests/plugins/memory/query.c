/* query.c - finding rows: binding the host's tables to ours, conditions, and lookups by key. */
#include "memory.h"

#include <stdlib.h>

const dvs_column *memory_as_column(const dvs_table *as, uint32_t i)
{
    return (const dvs_column *)(const void *)((const char *)as->columns + (size_t)i * as->column_stride);
}

int32_t memory_cancelled(dvs_error *err)
{
    return dvs_fail(err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
}

int memory_interrupted(const dvs_sink *sink, size_t step)
{
    return step % 1024 == 0 && atomic_load(&sink->interrupted) != 0;
}

int32_t memory_bind(const dvs_writer *writer, const dvs_table *as, memory_binding *b, dvs_error *err)
{
    uint32_t i;
    memset(b, 0, sizeof *b);
    if (!writer->in_transaction) {
        int32_t status = memory_file_refresh(writer->sink, 0, err);
        if (status != DVS_OK)
            return status;
    }
    b->as = as;
    b->table = memory_db_table(&writer->sink->db, as->name);
    if (b->table == NULL)
        return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "there is no table %s", as->name);
    b->map = calloc((size_t)as->n_columns + 1, sizeof *b->map);
    if (b->map == NULL)
        return memory_no_memory(err);
    for (i = 0; i < as->n_columns; i++) {
        int32_t at = memory_column_find(b->table, memory_as_column(as, i)->name);
        b->map[i] = at >= 0 ? (uint32_t)at : MEMORY_NO_COLUMN;
        if (at < 0 && (writer->sink->flags & DVS_SINK_READ_ONLY) == 0)
            return memory_column_check(b, i, err);
    }
    return DVS_OK;
}

void memory_unbind(memory_binding *b)
{
    free(b->map);
}

int32_t memory_column_check(const memory_binding *b, uint32_t column, dvs_error *err)
{
    if (column >= b->as->n_columns)
        return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                        "the host asked for column %u of table %s, which has %u", column, b->as->name,
                        b->as->n_columns);
    if (b->map[column] == MEMORY_NO_COLUMN)
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "table %s has no column %s", b->as->name,
                        memory_as_column(b->as, column)->name);
    return DVS_OK;
}

static int32_t columns_check(const memory_binding *b, const uint32_t *columns, uint32_t n, dvs_error *err)
{
    uint32_t i;
    int32_t status = DVS_OK;
    for (i = 0; i < n && status == DVS_OK; i++)
        status = memory_column_check(b, columns[i], err);
    return status;
}

static int has_order(uint32_t kind)
{
    return kind == DVS_TEXT || kind == DVS_UUID || kind == DVS_INT64 || kind == DVS_DATE ||
           kind == DVS_TIMESTAMP;
}

static const dvs_where *where_at(const dvs_where *where, uint32_t i, uint32_t stride)
{
    return (const dvs_where *)(const void *)((const char *)where + (size_t)i * stride);
}

/* Strict, because a database would be lenient in ways of its own. */
int32_t memory_where_check(const memory_binding *b, const dvs_where *where, uint32_t n, uint32_t stride,
                           dvs_error *err)
{
    uint32_t i, kind;
    for (i = 0; i < n; i++) {
        const dvs_where *w = where_at(where, i, stride);
        int32_t status = memory_column_check(b, w->column, err);
        if (status != DVS_OK)
            return status;
        kind = memory_as_column(b->as, w->column)->kind;
        if (w->op < DVS_OP_EQ || w->op > DVS_OP_NOT_NULL)
            return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host asked for the unknown comparison %u",
                            w->op);
        if (w->op >= DVS_OP_IS_NULL)
            continue;
        if (w->value.kind != kind)
            return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                            "the host compares column %s of table %s, of kind %s, with %s",
                            memory_as_column(b->as, w->column)->name, b->as->name, testkit_kind_name(kind),
                            testkit_kind_name(w->value.kind));
        if (w->op >= DVS_OP_LT && !has_order(kind))
            return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                            "the host asked for an order of column %s, of kind %s",
                            memory_as_column(b->as, w->column)->name, testkit_kind_name(kind));
    }
    return DVS_OK;
}

static int holds(uint32_t op, const dvs_cell *cell, const dvs_cell *value)
{
    int order;
    if (op == DVS_OP_IS_NULL || op == DVS_OP_NOT_NULL)
        return (cell->kind == DVS_NULL) == (op == DVS_OP_IS_NULL);
    if (cell->kind == DVS_NULL)
        return 0;
    order = memory_cell_compare(cell, value);
    switch (op) {
    case DVS_OP_EQ:
        return order == 0;
    case DVS_OP_NE:
        return order != 0;
    case DVS_OP_LT:
        return order < 0;
    case DVS_OP_LE:
        return order <= 0;
    case DVS_OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

int memory_where_holds(const memory_binding *b, const dvs_where *where, uint32_t n, uint32_t stride,
                       const memory_row *row)
{
    uint32_t i;
    for (i = 0; i < n; i++) {
        const dvs_where *w = where_at(where, i, stride);
        if (!holds(w->op, &row->cells[b->map[w->column]], &w->value))
            return 0;
    }
    return 1;
}

/* The value that the conditions give the stored column; NULL when they do not. */
static const dvs_cell *given(const memory_binding *b, const dvs_where *where, uint32_t n, uint32_t stride,
                             uint32_t column)
{
    uint32_t i;
    for (i = 0; i < n; i++) {
        const dvs_where *w = where_at(where, i, stride);
        if (w->op == DVS_OP_EQ && b->map[w->column] == column)
            return &w->value;
    }
    return NULL;
}

void memory_cursor_open(memory_cursor *cursor, const memory_binding *b, const dvs_where *where, uint32_t n,
                        uint32_t stride)
{
    uint32_t i, j;
    memset(cursor, 0, sizeof *cursor);
    cursor->table = b->table;
    for (i = 0; i < b->table->n_indexes && cursor->index == NULL; i++) {
        const memory_index *index = b->table->indexes[i];
        if (index->name == NULL || index->only_null >= 0 || index->only_set >= 0 || index->n_columns > 8)
            continue;
        for (j = 0; j < index->n_columns; j++) {
            const dvs_cell *value = given(b, where, n, stride, index->columns[j]);
            if (value == NULL)
                break;
            cursor->key[j] = *value;
        }
        if (j == index->n_columns)
            cursor->index = index;
    }
    if (cursor->index != NULL) {
        cursor->hash = memory_cells_hash(cursor->key, cursor->index->n_columns);
        cursor->next = memory_index_next(cursor->index, cursor->key, cursor->hash, NULL);
    }
}

memory_row *memory_cursor_next(memory_cursor *cursor)
{
    memory_entry *entry = cursor->next;
    if (cursor->index == NULL)
        return cursor->step < cursor->table->n_rows ? cursor->table->rows[cursor->step++] : NULL;
    cursor->step++;
    if (entry == NULL)
        return NULL;
    cursor->next = memory_index_next(cursor->index, cursor->key, cursor->hash, entry);
    return entry->row;
}

/* Puts one row; 1 when the slot must return *status. A FULL host takes the rest all the same. */
static int put(const dvs_writer *writer, dvs_out *out, const dvs_cell *cells, uint32_t n, uint64_t number,
               int32_t *status, dvs_error *err)
{
    const dvs_host *host = writer->sink->host;
    dvs_row row;
    int32_t answer;
    memset(&row, 0, sizeof row);
    row.struct_size = (uint32_t)sizeof row;
    row.n_cells = n;
    row.number = number;
    row.cells = cells;
    answer = host->put_row(host, out, &row);
    return answer != DVS_PUT_FULL && dvs_put_done(answer, status, err);
}

static void fill(const memory_binding *b, const uint32_t *columns, uint32_t n, const memory_row *row,
                 dvs_cell *cells)
{
    uint32_t i;
    for (i = 0; i < n; i++) {
        cells[i] = row->cells[b->map[columns[i]]];
        if (cells[i].kind != DVS_NULL && cells[i].kind != memory_as_column(b->as, columns[i])->kind)
            cells[i].flags = DVS_CELL_MISTYPED;
    }
}

static int32_t key_check(const memory_binding *b, const dvs_lookup *l, dvs_error *err)
{
    size_t i, n = (size_t)l->n_keys * l->n_key_columns;
    for (i = 0; i < n; i++) {
        const dvs_column *column = memory_as_column(b->as, l->key_columns[i % l->n_key_columns]);
        if (l->keys[i].kind != column->kind)
            return dvs_fail(
                err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host looks for %s in column %s, of kind %s",
                testkit_kind_name(l->keys[i].kind), column->name, testkit_kind_name(column->kind));
    }
    return DVS_OK;
}

static int32_t lookup_check(const memory_binding *b, const dvs_lookup *l, dvs_error *err)
{
    int32_t status = columns_check(b, l->columns, l->n_columns, err);
    if (status == DVS_OK)
        status = columns_check(b, l->key_columns, l->n_key_columns, err);
    if (status == DVS_OK && l->n_key_columns == 0)
        status =
            dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host asked for rows by a key without columns");
    if (status == DVS_OK && l->only_null >= 0)
        status = memory_column_check(b, (uint32_t)l->only_null, err);
    return status == DVS_OK ? key_check(b, l, err) : status;
}

/* Answers the last key first: the contract promises no order, so nobody shall come to rely on one. */
static int32_t lookup(dvs_writer *writer, const memory_binding *b, const dvs_lookup *l, memory_index *index,
                      dvs_cell *cells, dvs_out *out, dvs_error *err)
{
    uint32_t i;
    int32_t status = DVS_OK;
    for (i = l->n_keys; i-- > 0;) {
        const dvs_cell *key = l->keys + (size_t)i * l->n_key_columns;
        uint64_t hash = memory_cells_hash(key, l->n_key_columns);
        memory_entry *entry = NULL;
        if (memory_interrupted(writer->sink, i))
            return memory_cancelled(err);
        while ((entry = memory_index_next(index, key, hash, entry)) != NULL) {
            if (l->only_null >= 0 && entry->row->cells[b->map[l->only_null]].kind != DVS_NULL)
                continue;
            fill(b, l->columns, l->n_columns, entry->row, cells);
            if (put(writer, out, cells, l->n_columns, i, &status, err))
                return status;
        }
    }
    return DVS_OK;
}

int32_t memory_read(dvs_writer *writer, const dvs_lookup *l, dvs_out *out, dvs_error *err)
{
    memory_binding b;
    memory_index *index = NULL;
    uint32_t *columns = calloc((size_t)l->n_key_columns + 1, sizeof *columns), i;
    dvs_cell *cells = calloc((size_t)l->n_columns + 1, sizeof *cells);
    int32_t status = memory_enter(writer->sink, "read", l->table->name, err);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK && (columns == NULL || cells == NULL))
        status = memory_no_memory(err);
    if (status == DVS_OK)
        status = memory_bind(writer, l->table, &b, err);
    if (status == DVS_OK)
        status = lookup_check(&b, l, err);
    for (i = 0; status == DVS_OK && i < l->n_key_columns; i++)
        columns[i] = b.map[l->key_columns[i]];
    if (status == DVS_OK)
        status = memory_index_for(b.table, columns, l->n_key_columns, &index, err);
    if (status == DVS_OK)
        status = lookup(writer, &b, l, index, cells, out, err);
    free(columns);
    free(cells);
    memory_unbind(&b);
    return memory_leave(
        writer->sink, "read", l->table->name,
        json_pack("{s:I,s:I}", "keys", (json_int_t)l->n_keys, "columns", (json_int_t)l->n_columns), status,
        err);
}

int32_t memory_count(dvs_writer *writer, const dvs_table *table, const dvs_where *where, uint32_t n_where,
                     uint32_t where_stride, uint64_t *count, dvs_error *err)
{
    memory_binding b;
    memory_cursor cursor;
    memory_row *row;
    uint64_t n = 0;
    int32_t status = memory_enter(writer->sink, "count", table->name, err);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK)
        status = memory_bind(writer, table, &b, err);
    if (status == DVS_OK)
        status = memory_where_check(&b, where, n_where, where_stride, err);
    if (status == DVS_OK)
        memory_cursor_open(&cursor, &b, where, n_where, where_stride);
    while (status == DVS_OK && (row = memory_cursor_next(&cursor)) != NULL) {
        n += (uint64_t)memory_where_holds(&b, where, n_where, where_stride, row);
        if (memory_interrupted(writer->sink, cursor.step))
            status = memory_cancelled(err);
    }
    if (status == DVS_OK)
        *count = n;
    memory_unbind(&b);
    return memory_leave(writer->sink, "count", table->name, json_pack("{s:I}", "count", (json_int_t)n),
                        status, err);
}
