/* write.c - writing and deleting rows. */
#include "memory.h"

#include <stdlib.h>

static void put_op(memory_buf *redo, uint8_t op, const memory_table *table)
{
    memory_put_u8(redo, op);
    memory_put_text(redo, table->name);
}

static int32_t row_failed(int32_t status, uint64_t row, dvs_error *err)
{
    if (err->scope == DVS_SCOPE_ROW)
        err->row = row;
    return status;
}

static int32_t cell_check(const memory_binding *b, uint32_t column, const dvs_cell *cell, dvs_error *err)
{
    const memory_column *stored = &b->table->columns[b->map[column]];
    if (cell->kind <= DVS_NULL || cell->kind == stored->kind)
        return DVS_OK;
    return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                    "the host writes %s into column %s of table %s, which is %s",
                    testkit_kind_name(cell->kind) != NULL ? testkit_kind_name(cell->kind) : "an unknown kind",
                    stored->name, b->table->name, testkit_kind_name(stored->kind));
}

static void delete_row(dvs_writer *writer, memory_table *table, size_t place)
{
    put_op(&writer->redo, MEMORY_OP_DELETE, table);
    memory_put_u64(&writer->redo, (uint64_t)table->rows[place]->id);
    memory_row_mark(table, place);
}

static void delete_rows(dvs_writer *writer, const memory_binding *b, const dvs_write *w)
{
    uint32_t i;
    for (i = 0; i < w->n_deletes; i++) {
        int found;
        size_t place = memory_row_find(b->table, w->deletes[i], &found);
        if (found && !b->table->rows[place]->dead)
            delete_row(writer, b->table, place);
    }
    if (w->n_deletes > 0)
        memory_table_sweep(b->table);
}

static int32_t update_check(const memory_binding *b, const dvs_update *u, dvs_error *err)
{
    uint32_t i;
    for (i = 0; i < u->n_cells; i++) {
        int32_t status;
        if (u->columns[i] >= b->as->n_columns || u->columns[i] == 0 ||
            (i > 0 && u->columns[i] <= u->columns[i - 1]))
            return dvs_fail(
                err, DVS_E_ABI, DVS_SCOPE_STREAM,
                "the host updates columns of table %s that are the row id, unknown or out of order",
                b->as->name);
        if (u->cells[i].kind == DVS_ABSENT)
            return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                            "the host updates column %s of table %s to ABSENT",
                            memory_as_column(b->as, u->columns[i])->name, b->as->name);
        status = cell_check(b, u->columns[i], &u->cells[i], err);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

static int32_t update_row(dvs_writer *writer, const memory_binding *b, const dvs_update *u, dvs_cell *cells,
                          dvs_error *err)
{
    int found;
    size_t place = memory_row_find(b->table, u->row_id, &found);
    memory_row *row;
    uint32_t i;
    int32_t status = update_check(b, u, err);
    if (status != DVS_OK)
        return status;
    if (!found)
        return dvs_fail(err, DVS_E_DATA, DVS_SCOPE_ROW, "table %s has no row %lld to update", b->table->name,
                        (long long)u->row_id);
    memcpy(cells, b->table->rows[place]->cells, b->table->n_columns * sizeof *cells);
    for (i = 0; i < u->n_cells; i++)
        cells[b->map[u->columns[i]]] = u->cells[i];
    row = memory_row_new(cells, b->table->n_columns);
    if (row == NULL)
        return memory_no_memory(err);
    status = memory_row_replace(b->table, place, row, err);
    if (status != DVS_OK)
        return status;
    put_op(&writer->redo, MEMORY_OP_UPDATE, b->table);
    memory_put_u64(&writer->redo, (uint64_t)u->row_id);
    memory_put_u32(&writer->redo, u->n_cells);
    for (i = 0; i < u->n_cells; i++) {
        memory_put_u32(&writer->redo, b->map[u->columns[i]]);
        memory_put_cell(&writer->redo, &u->cells[i]);
    }
    return DVS_OK;
}

static int32_t insert_row(dvs_writer *writer, const memory_binding *b, const dvs_cell *from, dvs_cell *cells,
                          dvs_error *err)
{
    memory_row *row;
    uint32_t i;
    int32_t status;
    for (i = 0; i < b->table->n_columns; i++)
        cells[i] = dvs_cell_make(DVS_NULL, 0);
    for (i = 0; i < b->as->n_columns; i++) {
        status = cell_check(b, i, &from[i], err);
        if (status != DVS_OK)
            return status;
        cells[b->map[i]] = from[i];
    }
    if (cells[0].kind != DVS_INT64)
        return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host inserts a row without id into table %s",
                        b->as->name);
    row = memory_row_new(cells, b->table->n_columns);
    if (row == NULL)
        return memory_no_memory(err);
    status = memory_row_insert(b->table, row, err);
    if (status != DVS_OK)
        return status;
    put_op(&writer->redo, MEMORY_OP_INSERT, b->table);
    memory_put_u32(&writer->redo, b->table->n_columns);
    for (i = 0; i < b->table->n_columns; i++)
        memory_put_cell(&writer->redo, &cells[i]);
    return DVS_OK;
}

static const dvs_update *update_at(const dvs_write *w, uint32_t i)
{
    return (const dvs_update *)(const void *)((const char *)w->updates + (size_t)i * w->update_stride);
}

static int32_t write_rows(dvs_writer *writer, const memory_binding *b, const dvs_write *w, dvs_error *err)
{
    dvs_cell *cells = calloc((size_t)b->table->n_columns + 1, sizeof *cells);
    uint32_t i;
    int32_t status = DVS_OK;
    if (cells == NULL)
        return memory_no_memory(err);
    delete_rows(writer, b, w);
    for (i = 0; status == DVS_OK && i < w->n_updates; i++) {
        status = update_row(writer, b, update_at(w, i), cells, err);
        if (status != DVS_OK)
            row_failed(status, (uint64_t)w->n_deletes + i, err);
    }
    for (i = 0; status == DVS_OK && i < w->n_inserts; i++) {
        status = insert_row(writer, b, w->inserts + (size_t)i * b->as->n_columns, cells, err);
        if (status != DVS_OK)
            row_failed(status, (uint64_t)w->n_deletes + w->n_updates + i, err);
    }
    free(cells);
    return status == DVS_OK && writer->redo.failed ? memory_no_memory(err) : status;
}

/* The names of the columns that are updated, each once. */
static json_t *updated_columns(const dvs_write *w)
{
    json_t *names = json_object();
    uint32_t i, j;
    for (i = 0; i < w->n_updates; i++) {
        const dvs_update *u = update_at(w, i);
        for (j = 0; j < u->n_cells; j++) {
            if (u->columns[j] < w->table->n_columns)
                json_object_set_new(names, memory_as_column(w->table, u->columns[j])->name, json_true());
        }
    }
    return names;
}

static int32_t leave(dvs_writer *writer, const char *slot, const dvs_write *w, int32_t status, dvs_error *err)
{
    return memory_leave(writer->sink, slot, w->table->name,
                        json_pack("{s:I,s:I,s:I,s:o}", "inserts", (json_int_t)w->n_inserts, "updates",
                                  (json_int_t)w->n_updates, "deletes", (json_int_t)w->n_deletes, "columns",
                                  updated_columns(w)),
                        status, err);
}

int32_t memory_write(dvs_writer *writer, const dvs_write *w, dvs_error *err)
{
    memory_binding b;
    int32_t status = memory_enter(writer->sink, "write", w->table->name, err);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK)
        status = memory_may_write(writer, err);
    if (status == DVS_OK)
        status = memory_bind(writer, w->table, &b, err);
    if (status == DVS_OK)
        status = write_rows(writer, &b, w, err);
    memory_unbind(&b);
    return leave(writer, "write", w, status, err);
}

int32_t memory_load(dvs_writer *writer, const dvs_write *w, dvs_error *err)
{
    memory_binding b;
    uint32_t i;
    int32_t status = memory_enter(writer->sink, "load", w->table->name, err);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK)
        status = memory_may_write(writer, err);
    if (status == DVS_OK && (w->n_updates > 0 || w->n_deletes > 0))
        status = dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host loads updates or deletes into table %s",
                          w->table->name);
    if (status == DVS_OK)
        status = memory_bind(writer, w->table, &b, err);
    for (i = 0; status == DVS_OK && i < b.table->n_indexes; i++) {
        if (b.table->indexes[i]->name != NULL)
            status = dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM,
                              "the host loads into table %s, which has the index %s", w->table->name,
                              b.table->indexes[i]->name);
    }
    if (status == DVS_OK)
        status = write_rows(writer, &b, w, err);
    memory_unbind(&b);
    return leave(writer, "load", w, status, err);
}

static int32_t delete_found(dvs_writer *writer, const memory_binding *b, const dvs_where *where,
                            uint32_t n_where, uint32_t where_stride, uint64_t *n, dvs_error *err)
{
    memory_cursor cursor;
    memory_row *row;
    memory_cursor_open(&cursor, b, where, n_where, where_stride);
    while ((row = memory_cursor_next(&cursor)) != NULL) {
        int unused;
        if (memory_interrupted(writer->sink, cursor.step))
            return memory_cancelled(err);
        if (!memory_where_holds(b, where, n_where, where_stride, row))
            continue;
        delete_row(writer, b->table, memory_row_find(b->table, row->id, &unused));
        (*n)++;
    }
    return DVS_OK;
}

int32_t memory_delete_where(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                            uint32_t n_where, uint32_t where_stride, uint64_t *deleted, dvs_error *err)
{
    memory_binding b;
    uint64_t n = 0;
    int32_t status = memory_enter(writer->sink, "delete_where", table->name, err);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK)
        status = memory_may_write(writer, err);
    if (status == DVS_OK)
        status = memory_bind(writer, table, &b, err);
    if (status == DVS_OK)
        status = memory_where_check(&b, where, n_where, where_stride, err);
    if (status == DVS_OK)
        status = delete_found(writer, &b, where, n_where, where_stride, &n, err);
    if (n > 0)
        memory_table_sweep(b.table);
    if (status == DVS_OK && writer->redo.failed)
        status = memory_no_memory(err);
    if (status == DVS_OK)
        *deleted = n;
    memory_unbind(&b);
    return memory_leave(writer->sink, "delete_where", table->name,
                        json_pack("{s:I,s:I}", "deletes", (json_int_t)n, "where", (json_int_t)n_where),
                        status, err);
}
