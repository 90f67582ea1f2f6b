/* scan.c - scan and missing: many rows, in order. */
#include "memory.h"

#include <stdlib.h>

typedef struct found {
    memory_row **rows;
    size_t n;
    size_t capacity;
} found;

/* How rows are ordered: by `columns` as stored, the row with the higher id first among equals (the contract
 * says nothing about those, so nobody shall come to rely on it). */
typedef struct order {
    const uint32_t *columns;
    uint32_t n;
    int descending;
} order;

static int compare(const void *x, const void *y, void *context)
{
    const memory_row *a = *(memory_row *const *)x, *b = *(memory_row *const *)y;
    const order *o = context;
    uint32_t i;
    for (i = 0; i < o->n; i++) {
        int result = memory_cell_compare(&a->cells[o->columns[i]], &b->cells[o->columns[i]]);
        if (result != 0)
            return o->descending ? -result : result;
    }
    return a->id > b->id ? -1 : a->id < b->id;
}

static int add(found *f, memory_row *row)
{
    if (f->n == f->capacity) {
        size_t capacity = f->capacity != 0 ? f->capacity * 2 : 256;
        memory_row **rows = realloc(f->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return -1;
        f->rows = rows;
        f->capacity = capacity;
    }
    f->rows[f->n++] = row;
    return 0;
}

static void swap(memory_row **a, memory_row **b)
{
    memory_row *c = *a;
    *a = *b;
    *b = c;
}

/* With a limit only the first so many are kept, in a heap with the last of them on top. */
static int add_limited(found *f, memory_row *row, uint64_t limit, order *o)
{
    size_t at, child;
    if (f->n < limit) {
        if (add(f, row) != 0)
            return -1;
        for (at = f->n - 1; at > 0 && compare(&f->rows[at], &f->rows[(at - 1) / 2], o) > 0; at = (at - 1) / 2)
            swap(&f->rows[at], &f->rows[(at - 1) / 2]);
        return 0;
    }
    if (compare(&row, &f->rows[0], o) >= 0)
        return 0;
    f->rows[0] = row;
    for (at = 0; (child = at * 2 + 1) < f->n; at = child) {
        if (child + 1 < f->n && compare(&f->rows[child + 1], &f->rows[child], o) > 0)
            child++;
        if (compare(&f->rows[child], &f->rows[at], o) <= 0)
            break;
        swap(&f->rows[child], &f->rows[at]);
    }
    return 0;
}

/* The part of the table in which the conditions on the row id can hold. */
static void bounds(const memory_binding *b, const dvs_scan *s, size_t *from, size_t *to)
{
    uint32_t i;
    int unused;
    *from = 0;
    *to = b->table->n_rows;
    for (i = 0; i < s->n_where; i++) {
        const dvs_where *w =
            (const dvs_where *)(const void *)((const char *)s->where + (size_t)i * s->where_stride);
        size_t place;
        if (b->map[w->column] != 0 || w->op == DVS_OP_NE || w->op >= DVS_OP_IS_NULL)
            continue;
        place = memory_row_find(b->table, w->value.v.i64, &unused);
        if (w->op >= DVS_OP_GT || w->op == DVS_OP_EQ)
            *from = place > *from ? place : *from;
        if (w->op <= DVS_OP_LE)
            *to = place + 1 < *to ? place + 1 : *to;
    }
}

/* By row id, which is how they stand; without an order, backwards. */
static int32_t collect_as_stored(const dvs_sink *sink, const memory_binding *b, const dvs_scan *s, found *f,
                                 dvs_error *err)
{
    int backwards = s->n_order == 0 || (s->flags & DVS_SCAN_DESCENDING) != 0;
    size_t from, to, i;
    bounds(b, s, &from, &to);
    for (i = from; i < to && (s->limit == 0 || f->n < s->limit); i++) {
        memory_row *row = b->table->rows[backwards ? to - 1 - (i - from) : i];
        if (memory_interrupted(sink, i))
            return memory_cancelled(err);
        if (memory_where_holds(b, s->where, s->n_where, s->where_stride, row) && add(f, row) != 0)
            return memory_no_memory(err);
    }
    return DVS_OK;
}

static int32_t collect(const dvs_sink *sink, const memory_binding *b, const dvs_scan *s, order *o, found *f,
                       dvs_error *err)
{
    memory_cursor cursor;
    memory_row *row;
    memory_cursor_open(&cursor, b, s->where, s->n_where, s->where_stride);
    if (cursor.index == NULL && (o->n == 0 || o->columns[0] == 0))
        return collect_as_stored(sink, b, s, f, err);
    while ((row = memory_cursor_next(&cursor)) != NULL) {
        if (memory_interrupted(sink, cursor.step))
            return memory_cancelled(err);
        if (!memory_where_holds(b, s->where, s->n_where, s->where_stride, row))
            continue;
        if ((s->limit > 0 ? add_limited(f, row, s->limit, o) : add(f, row)) != 0)
            return memory_no_memory(err);
    }
    if (f->n > 1)
        qsort_r(f->rows, f->n, sizeof *f->rows, compare, o);
    return DVS_OK;
}

static int32_t put_rows(dvs_writer *writer, const memory_binding *b, const dvs_scan *s, const found *f,
                        dvs_out *out, dvs_error *err)
{
    const dvs_host *host = writer->sink->host;
    dvs_cell *cells = calloc((size_t)s->n_columns + 1, sizeof *cells);
    int32_t status = DVS_OK, answer;
    uint32_t j;
    size_t i;
    if (cells == NULL)
        return memory_no_memory(err);
    for (i = 0; i < f->n; i++) {
        dvs_row row = {(uint32_t)sizeof row, 0, s->n_columns, 0, 0, cells};
        for (j = 0; j < s->n_columns; j++) {
            cells[j] = f->rows[i]->cells[b->map[s->columns[j]]];
            if (cells[j].kind != DVS_NULL && cells[j].kind != memory_as_column(b->as, s->columns[j])->kind)
                cells[j].flags = DVS_CELL_MISTYPED;
        }
        answer = host->put_row(host, out, &row);
        if (memory_interrupted(writer->sink, i)) {
            status = memory_cancelled(err);
            break;
        }
        if (answer != DVS_PUT_FULL && dvs_put_done(answer, &status, err))
            break;
    }
    free(cells);
    return status;
}

static int32_t check(const memory_binding *b, const dvs_scan *s, uint32_t *columns, dvs_error *err)
{
    uint32_t i;
    int32_t status = DVS_OK;
    for (i = 0; i < s->n_columns && status == DVS_OK; i++)
        status = memory_column_check(b, s->columns[i], err);
    for (i = 0; i < s->n_order && status == DVS_OK; i++)
        status = memory_column_check(b, s->order[i], err);
    if (status != DVS_OK)
        return status;
    for (i = 0; i < s->n_order; i++) {
        uint32_t kind = memory_as_column(b->as, s->order[i])->kind;
        if (kind != DVS_TEXT && kind != DVS_UUID && kind != DVS_INT64 && kind != DVS_DATE &&
            kind != DVS_TIMESTAMP)
            return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                            "the host asked for an order by column %u of table %s, which has none",
                            s->order[i], b->as->name);
        columns[i] = b->map[s->order[i]];
    }
    return memory_where_check(b, s->where, s->n_where, s->where_stride, err);
}

int32_t memory_scan(dvs_writer *writer, const dvs_scan *s, dvs_out *out, dvs_error *err)
{
    memory_binding b;
    found f = {NULL, 0, 0};
    uint32_t *columns = calloc((size_t)s->n_order + 1, sizeof *columns);
    order o = {columns, s->n_order, (s->flags & DVS_SCAN_DESCENDING) != 0};
    int32_t status = memory_enter(writer->sink, "scan", s->table->name, err);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK && columns == NULL)
        status = memory_no_memory(err);
    if (status == DVS_OK)
        status = memory_bind(writer, s->table, &b, err);
    if (status == DVS_OK)
        status = check(&b, s, columns, err);
    if (status == DVS_OK)
        status = collect(writer->sink, &b, s, &o, &f, err);
    if (status == DVS_OK)
        status = put_rows(writer, &b, s, &f, out, err);
    free(f.rows);
    free(columns);
    memory_unbind(&b);
    return memory_leave(writer->sink, "scan", s->table->name,
                        json_pack("{s:I,s:I,s:I,s:I,s:b}", "rows", (json_int_t)f.n, "where",
                                  (json_int_t)s->n_where, "order", (json_int_t)s->n_order, "limit",
                                  (json_int_t)s->limit, "descending", o.descending),
                        status, err);
}

/* The rows whose value is not NULL and not in the other table. */
static int32_t collect_missing(const dvs_sink *sink, const memory_binding *b, uint32_t column,
                               const memory_index *index, found *f, dvs_error *err)
{
    size_t i;
    for (i = 0; i < b->table->n_rows; i++) {
        const dvs_cell *value = &b->table->rows[i]->cells[b->map[column]];
        if (memory_interrupted(sink, i))
            return memory_cancelled(err);
        if (value->kind != DVS_NULL &&
            memory_index_next(index, value, memory_cells_hash(value, 1), NULL) == NULL &&
            add(f, b->table->rows[i]) != 0)
            return memory_no_memory(err);
    }
    return DVS_OK;
}

static int32_t put_missing(dvs_writer *writer, uint32_t column, uint64_t limit, found *f, dvs_out *out,
                           dvs_error *err)
{
    const dvs_host *host = writer->sink->host;
    order o = {&column, 1, 0};
    uint64_t values = 0;
    size_t i, next;
    int32_t status = DVS_OK;
    if (f->n > 1)
        qsort_r(f->rows, f->n, sizeof *f->rows, compare, &o);
    for (i = 0; i < f->n && (limit == 0 || values < limit); i = next, values++) {
        dvs_cell cells[2];
        dvs_row row = {(uint32_t)sizeof row, 0, 2, 0, 0, cells};
        int32_t answer;
        for (next = i + 1;
             next < f->n && memory_cell_equal(&f->rows[i]->cells[column], &f->rows[next]->cells[column]);
             next++) {
        }
        cells[0] = f->rows[i]->cells[column];
        cells[1] = dvs_cell_make(DVS_INT64, (int64_t)(next - i));
        answer = host->put_row(host, out, &row);
        if (answer != DVS_PUT_FULL && dvs_put_done(answer, &status, err))
            break;
    }
    return status;
}

int32_t memory_missing(dvs_writer *writer, const dvs_table *table, uint32_t column, const dvs_table *other,
                       uint32_t other_column, uint64_t limit, dvs_out *out, dvs_error *err)
{
    memory_binding a, b;
    memory_index *index = NULL;
    found f = {NULL, 0, 0};
    int32_t status = memory_enter(writer->sink, "missing", table->name, err);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK && (column >= table->n_columns || other_column >= other->n_columns))
        status = dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                          "the host asked for a column that table %s does not have",
                          column >= table->n_columns ? table->name : other->name);
    if (status == DVS_OK)
        status = memory_bind(writer, table, &a, err);
    if (status == DVS_OK)
        status = memory_bind(writer, other, &b, err);
    if (status == DVS_OK)
        status = memory_column_check(&a, column, err);
    if (status == DVS_OK)
        status = memory_column_check(&b, other_column, err);
    if (status == DVS_OK)
        status = memory_index_for(b.table, &b.map[other_column], 1, &index, err);
    if (status == DVS_OK)
        status = collect_missing(writer->sink, &a, column, index, &f, err);
    if (status == DVS_OK)
        status = put_missing(writer, a.map[column], limit, &f, out, err);
    free(f.rows);
    memory_unbind(&a);
    memory_unbind(&b);
    return memory_leave(writer->sink, "missing", table->name, json_pack("{s:s}", "other", other->name),
                        status, err);
}
