/* memory_fixture.h - the memory sink, and one table to play with. */
#ifndef MEMORY_FIXTURE_H
#define MEMORY_FIXTURE_H

#include "testplugins_fixture.h"

/* The columns of the table `t`, by position. */
enum { ROW_ID, PROJECT, KEY, NUMBER, DELETED, N_COLUMNS };

typedef struct table {
    dvsi_schema schema;
    dvs_table table;
} table;

UNUSED static void table_make(table *t, const char *name)
{
    memset(t, 0, sizeof *t);
    dvsi_schema_put(&t->schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID);
    dvsi_schema_put(&t->schema, "project", DVS_TEXT, 0);
    dvsi_schema_put(&t->schema, "key", DVS_TEXT, DVS_COLUMN_NULLABLE);
    dvsi_schema_put(&t->schema, "number", DVS_INT64, DVS_COLUMN_NULLABLE);
    dvsi_schema_put(&t->schema, "deleted_at", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE);
    t->table.struct_size = (uint32_t)sizeof t->table;
    t->table.n_columns = t->schema.n_columns;
    t->table.column_stride = (uint32_t)sizeof(dvs_column);
    t->table.id = 1;
    t->table.name = name;
    t->table.columns = t->schema.columns;
}

UNUSED static void table_free(table *t)
{
    dvsi_schema_free(&t->schema);
}

UNUSED static dvsi_sink *open_sink(fixture *f, uint32_t flags)
{
    dvsi_sink *sink = NULL;
    if (f->settings.n_settings == 0) {
        set_text(f, "path", in_folder(f, "memory"));
        set_text(f, "log", in_folder(f, "log"));
        set_cell(f, "busy_timeout_ms", dvsi_cell_int64(50));
    }
    OK(f, dvsi_sink_open(f->memory, "crm", &f->settings, flags, &f->services, &sink, &f->err));
    return sink;
}

UNUSED static void create_table(fixture *f, dvsi_sink *sink, const table *t)
{
    dvs_change change = {(uint32_t)sizeof change, DVS_CHANGE_CREATE_TABLE, &t->table, NULL, NULL};
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
}

UNUSED static void fill_row(dvs_cell *cells, int64_t id, const char *key, int64_t number)
{
    cells[ROW_ID] = dvsi_cell_int64(id);
    cells[PROJECT] = dvsi_cell_text("crm");
    cells[KEY] = dvsi_cell_text(key);
    cells[NUMBER] = dvsi_cell_int64(number);
    cells[DELETED] = dvsi_cell_null();
}

UNUSED static int32_t insert_row(fixture *f, dvsi_sink *sink, const table *t, int64_t id, const char *key,
                                 int64_t number)
{
    dvs_cell cells[N_COLUMNS];
    dvs_write write;
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &t->table;
    write.inserts = cells;
    write.n_inserts = 1;
    fill_row(cells, id, key, number);
    return dvsi_sink_write(sink, &write, 0, &f->err);
}

UNUSED static int32_t update_cell(fixture *f, dvsi_sink *sink, const table *t, int64_t id, uint32_t column,
                                  dvs_cell cell)
{
    dvs_update update = {(uint32_t)sizeof update, 1, id, &column, &cell};
    dvs_write write;
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &t->table;
    write.updates = &update;
    write.n_updates = 1;
    write.update_stride = (uint32_t)sizeof update;
    return dvsi_sink_write(sink, &write, 0, &f->err);
}

UNUSED static int32_t delete_row(fixture *f, dvsi_sink *sink, const table *t, int64_t id)
{
    dvs_write write;
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &t->table;
    write.deletes = &id;
    write.n_deletes = 1;
    return dvsi_sink_write(sink, &write, 0, &f->err);
}

/* All rows in the order of their ids, as one text: "1 crm a 10 null; ...". */
UNUSED static char *contents(fixture *f, dvsi_sink *sink, const table *t)
{
    static const uint32_t COLUMNS[] = {ROW_ID, PROJECT, KEY, NUMBER, DELETED}, ORDER[] = {ROW_ID};
    dvsi_batch *batch = dvsi_batch_new(N_COLUMNS);
    dvsi_buf buf = {0};
    dvs_scan scan;
    uint32_t i, j;
    memset(&scan, 0, sizeof scan);
    scan.struct_size = (uint32_t)sizeof scan;
    scan.table = &t->table;
    scan.columns = COLUMNS;
    scan.n_columns = N_COLUMNS;
    scan.order = ORDER;
    scan.n_order = 1;
    OK(f, dvsi_sink_scan(sink, &scan, batch, &f->err));
    for (i = 0; i < batch->n_rows; i++) {
        for (j = 0; j < N_COLUMNS; j++) {
            dvsi_cell_json(&buf, &dvsi_batch_cells(batch, i)[j]);
            dvsi_buf_puts(&buf, j + 1 < N_COLUMNS ? " " : "; ");
        }
    }
    dvsi_batch_free(batch);
    if (buf.length == 0)
        dvsi_buf_puts(&buf, "");
    return dvsi_buf_take(&buf);
}

UNUSED static void assert_contents(fixture *f, dvsi_sink *sink, const table *t, const char *expected)
{
    char *text = contents(f, sink, t);
    assert_string_equal(text != NULL ? text : "", expected);
    free(text);
}

UNUSED static uint64_t count_all(fixture *f, dvsi_sink *sink, const table *t)
{
    uint64_t n = 0;
    OK(f, dvsi_sink_count(sink, &t->table, NULL, 0, &n, &f->err));
    return n;
}

UNUSED static dvs_index an_index(const table *t, const char *name, uint32_t flags, const uint32_t *columns,
                                 uint32_t n)
{
    dvs_index index = {(uint32_t)sizeof index, flags, name, &t->table, columns, n, -1, -1, 0};
    return index;
}

#endif
