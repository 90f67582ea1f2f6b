/* apply.c - carrying out operations: those of the journal, and schema changes as they are made. */
#include "memory.h"

#include <stdlib.h>
#include <strings.h>

static int32_t corrupt(dvs_error *err)
{
    return dvs_fail(err, DVS_E_CORRUPT, DVS_SCOPE_SOURCE,
                    "the journal holds an operation that makes no sense");
}

static int32_t no_table(dvs_error *err, const char *name)
{
    return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "there is no table %s", name);
}

void memory_put_column(memory_buf *buf, const dvs_column *column)
{
    memory_put_text(buf, column->name);
    memory_put_u8(buf, (uint8_t)column->kind);
    memory_put_u32(buf, column->flags);
    memory_put_u32(buf, column->key_position);
    memory_put_u32(buf, column->max_length);
}

static void get_column(memory_bytes *bytes, memory_column *column)
{
    column->name = memory_get_text(bytes);
    column->kind = memory_get_u8(bytes);
    column->flags = memory_get_u32(bytes);
    column->key_position = memory_get_u32(bytes);
    column->max_length = memory_get_u32(bytes);
}

/* Indexes that lookups made: a schema change throws them away rather than moving their columns. */
static void drop_lookups(memory_table *table)
{
    uint32_t i, kept = 0;
    for (i = 0; i < table->n_indexes; i++) {
        if (table->indexes[i]->name == NULL)
            memory_index_free(table->indexes[i]);
        else
            table->indexes[kept++] = table->indexes[i];
    }
    table->n_indexes = kept;
}

static int name_taken(const memory_db *db, const char *name)
{
    memory_table *unused;
    return memory_db_table(db, name) != NULL || memory_db_view(db, name) != NULL ||
           memory_db_index(db, name, &unused) != NULL;
}

static int32_t create_table(memory_db *db, memory_bytes *bytes, dvs_error *err)
{
    memory_table *table = calloc(1, sizeof *table), **tables;
    uint32_t i, n;
    if (table == NULL)
        return memory_no_memory(err);
    table->name = memory_get_text(bytes);
    n = memory_get_u32(bytes);
    table->columns = n < 100000 ? calloc((size_t)n + 1, sizeof *table->columns) : NULL;
    if (table->columns != NULL)
        table->n_columns = n;
    for (i = 0; i < table->n_columns; i++)
        get_column(bytes, &table->columns[i]);
    if (bytes->bad || table->columns == NULL || n == 0) {
        memory_table_free(table);
        return corrupt(err);
    }
    if (name_taken(db, table->name)) {
        dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "%s exists already", table->name);
        memory_table_free(table);
        return DVS_E_SCHEMA;
    }
    tables = realloc(db->tables, (db->n_tables + 1) * sizeof *tables);
    if (tables == NULL) {
        memory_table_free(table);
        return memory_no_memory(err);
    }
    db->tables = tables;
    tables[db->n_tables++] = table;
    return DVS_OK;
}

/* Makes every row anew without the cell `drop`, or (-1) with one more, NULL. */
static int32_t reshape_rows(memory_table *table, int32_t drop, dvs_error *err)
{
    dvs_cell *cells = calloc((size_t)table->n_columns + 2, sizeof *cells);
    size_t i;
    uint32_t j, n = 0;
    if (cells == NULL)
        return memory_no_memory(err);
    for (i = 0; i < table->n_rows; i++) {
        memory_row *old = table->rows[i], *row;
        n = 0;
        for (j = 0; j < old->n_cells; j++) {
            if ((int32_t)j != drop)
                cells[n++] = old->cells[j];
        }
        if (drop < 0)
            cells[n++] = dvs_cell_make(DVS_NULL, 0);
        row = memory_row_new(cells, n);
        if (row == NULL) {
            free(cells);
            return memory_no_memory(err);
        }
        table->rows[i] = row;
        free(old);
    }
    free(cells);
    return DVS_OK;
}

/* After the rows were made anew, or a column moved: the indexes hold pointers to rows. */
static int32_t reindex(memory_table *table, int32_t dropped, dvs_error *err)
{
    uint32_t i, j;
    drop_lookups(table);
    for (i = 0; i < table->n_indexes; i++) {
        memory_index *old = table->indexes[i], *index;
        int32_t status;
        for (j = 0; dropped >= 0 && j < old->n_columns; j++)
            old->columns[j] -= (int32_t)old->columns[j] > dropped;
        if (dropped >= 0) {
            old->only_null -= old->only_null > dropped;
            old->only_set -= old->only_set > dropped;
        }
        index = memory_index_new(old->name, old->unique, old->columns, old->n_columns, old->only_null,
                                 old->only_set);
        if (index == NULL)
            return memory_no_memory(err);
        status = memory_index_build(index, table, err);
        if (status != DVS_OK) {
            memory_index_free(index);
            return status;
        }
        memory_index_free(old);
        table->indexes[i] = index;
    }
    return DVS_OK;
}

static int32_t add_column(memory_table *table, memory_bytes *bytes, dvs_error *err)
{
    memory_column column, *columns;
    int32_t status;
    memset(&column, 0, sizeof column);
    get_column(bytes, &column);
    if (bytes->bad) {
        free(column.name);
        return corrupt(err);
    }
    if (memory_column_find(table, column.name) >= 0) {
        dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "table %s already has a column %s", table->name,
                 column.name);
        free(column.name);
        return DVS_E_SCHEMA;
    }
    columns = realloc(table->columns, ((size_t)table->n_columns + 1) * sizeof *columns);
    if (columns == NULL) {
        free(column.name);
        return memory_no_memory(err);
    }
    table->columns = columns;
    status = reshape_rows(table, -1, err);
    columns[table->n_columns++] = column;
    return status == DVS_OK ? reindex(table, -1, err) : status;
}

static int index_uses(const memory_index *index, int32_t column)
{
    uint32_t i;
    for (i = 0; i < index->n_columns; i++) {
        if ((int32_t)index->columns[i] == column)
            return 1;
    }
    return index->only_null == column || index->only_set == column;
}

/* As in SQLite, a column that an index uses cannot be dropped. */
static int32_t drop_column(memory_table *table, const char *name, dvs_error *err)
{
    int32_t at = memory_column_find(table, name), status;
    uint32_t i;
    if (at < 0)
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "table %s has no column %s", table->name, name);
    drop_lookups(table);
    for (i = 0; i < table->n_indexes; i++) {
        if (index_uses(table->indexes[i], at))
            return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
                            "column %s of table %s is part of the index %s", name, table->name,
                            table->indexes[i]->name);
    }
    if (at == 0)
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "column %s is the row id of table %s", name,
                        table->name);
    status = reshape_rows(table, at, err);
    if (status != DVS_OK)
        return status;
    free(table->columns[at].name);
    memmove(&table->columns[at], &table->columns[at + 1],
            (table->n_columns - (uint32_t)at - 1) * sizeof *table->columns);
    table->n_columns--;
    return reindex(table, at, err);
}

static int32_t set_text(char **where, const char *text, dvs_error *err)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return memory_no_memory(err);
    free(*where);
    *where = copy;
    return DVS_OK;
}

static int32_t rename_column(memory_db *db, memory_table *table, const char *name, memory_bytes *bytes,
                             dvs_error *err)
{
    memory_column column;
    int32_t at = memory_column_find(table, name), other, status = DVS_OK;
    size_t i;
    memset(&column, 0, sizeof column);
    get_column(bytes, &column);
    other = column.name != NULL ? memory_column_find(table, column.name) : -1;
    if (bytes->bad)
        status = corrupt(err);
    else if (at < 0 || (other >= 0 && other != at))
        status =
            dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "table %s has no column %s, or a column %s already",
                     table->name, name, column.name);
    for (i = 0; status == DVS_OK && i < db->n_views; i++) {
        memory_view *view = db->views[i];
        if (strcasecmp(view->table, table->name) == 0 && strcasecmp(view->only_null, name) == 0)
            status = set_text(&view->only_null, column.name, err);
    }
    if (status == DVS_OK)
        status = set_text(&table->columns[at].name, column.name, err);
    free(column.name);
    return status;
}

static void drop_table(memory_db *db, memory_table *table)
{
    size_t i;
    for (i = 0; db->tables[i] != table; i++) {
    }
    memmove(&db->tables[i], &db->tables[i + 1], (db->n_tables - i - 1) * sizeof *db->tables);
    db->n_tables--;
    memory_table_free(table);
}

static int32_t rename_table(memory_db *db, memory_table *table, const char *name, dvs_error *err)
{
    int32_t status = DVS_OK;
    size_t i;
    if (strcasecmp(table->name, name) != 0 && name_taken(db, name))
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "%s exists already", name);
    for (i = 0; status == DVS_OK && i < db->n_views; i++) {
        memory_view *view = db->views[i];
        if (strcasecmp(view->table, table->name) == 0)
            status = set_text(&view->table, name, err);
        if (status == DVS_OK && strcasecmp(view->table2, table->name) == 0)
            status = set_text(&view->table2, name, err);
    }
    return status == DVS_OK ? set_text(&table->name, name, err) : status;
}

static int32_t make_index(memory_table *table, memory_bytes *bytes, dvs_error *err)
{
    char *name = memory_get_text(bytes);
    uint32_t unique = memory_get_u8(bytes), columns[64], n = memory_get_u32(bytes), i;
    int32_t only_null, only_set, status = DVS_OK;
    memory_index *index = NULL;
    for (i = 0; i < n && i < 64; i++)
        columns[i] = memory_get_u32(bytes);
    only_null = (int32_t)memory_get_u32(bytes);
    only_set = (int32_t)memory_get_u32(bytes);
    if (bytes->bad || n == 0 || n > 64)
        status = dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "an index has 1 to 64 columns, not %u", n);
    for (i = 0; status == DVS_OK && i < n; i++) {
        if (columns[i] >= table->n_columns || only_null >= (int32_t)table->n_columns ||
            only_set >= (int32_t)table->n_columns)
            status = corrupt(err);
    }
    if (status == DVS_OK) {
        index = memory_index_new(name, unique, columns, n, only_null, only_set);
        status = index != NULL ? memory_index_build(index, table, err) : memory_no_memory(err);
    }
    if (status == DVS_OK && memory_table_attach(table, index) != 0)
        status = memory_no_memory(err);
    if (status != DVS_OK)
        memory_index_free(index);
    free(name);
    return status;
}

static void drop_index(memory_db *db, const char *name)
{
    memory_table *table = NULL;
    memory_index *index = memory_db_index(db, name, &table);
    uint32_t i;
    if (index == NULL)
        return;
    for (i = 0; table->indexes[i] != index; i++) {
    }
    memmove(&table->indexes[i], &table->indexes[i + 1], (table->n_indexes - i - 1) * sizeof *table->indexes);
    table->n_indexes--;
    memory_index_free(index);
}

/* Makes a view, or one of that name anew. */
static int32_t make_view(memory_db *db, const char *name, memory_bytes *bytes, dvs_error *err)
{
    memory_view *view = calloc(1, sizeof *view), *old = memory_db_view(db, name), **views;
    memory_table *unused;
    size_t i;
    if (view == NULL)
        return memory_no_memory(err);
    view->name = strdup(name);
    view->type = memory_get_u8(bytes);
    view->table = memory_get_text(bytes);
    view->table2 = memory_get_text(bytes);
    view->only_null = memory_get_text(bytes);
    if (view->name == NULL || bytes->bad) {
        memory_view_free(view);
        return corrupt(err);
    }
    if (memory_db_table(db, name) != NULL || memory_db_index(db, name, &unused) != NULL) {
        memory_view_free(view);
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "%s exists already and is no view", name);
    }
    for (i = 0; i < db->n_views && db->views[i] != old; i++) {
    }
    if (i == db->n_views) {
        views = realloc(db->views, (db->n_views + 1) * sizeof *views);
        if (views == NULL) {
            memory_view_free(view);
            return memory_no_memory(err);
        }
        db->views = views;
        db->n_views++;
    }
    memory_view_free(old);
    db->views[i] = view;
    return DVS_OK;
}

int32_t memory_apply_schema(memory_db *db, uint8_t op, memory_bytes *bytes, dvs_error *err)
{
    char *name, *other = NULL;
    memory_table *table;
    int32_t status = DVS_OK;
    if (op == MEMORY_OP_CREATE_TABLE)
        return create_table(db, bytes, err);
    name = memory_get_text(bytes); /* of the table, except for DROP_INDEX and VIEW */
    if (name == NULL)
        return corrupt(err);
    table = memory_db_table(db, name);
    if (op == MEMORY_OP_DROP_COLUMN || op == MEMORY_OP_RENAME_COLUMN || op == MEMORY_OP_RENAME_TABLE) {
        other = memory_get_text(bytes);
        if (other == NULL)
            status = corrupt(err);
    }
    if (status != DVS_OK)
        ;
    else if (op == MEMORY_OP_DROP_INDEX)
        drop_index(db, name);
    else if (op == MEMORY_OP_VIEW)
        status = make_view(db, name, bytes, err);
    else if (table == NULL)
        status = no_table(err, name);
    else if (op == MEMORY_OP_ADD_COLUMN)
        status = add_column(table, bytes, err);
    else if (op == MEMORY_OP_DROP_COLUMN)
        status = drop_column(table, other, err);
    else if (op == MEMORY_OP_RENAME_COLUMN)
        status = rename_column(db, table, other, bytes, err);
    else if (op == MEMORY_OP_DROP_TABLE)
        drop_table(db, table);
    else if (op == MEMORY_OP_RENAME_TABLE)
        status = rename_table(db, table, other, err);
    else
        status = op == MEMORY_OP_INDEX ? make_index(table, bytes, err) : corrupt(err);
    free(name);
    free(other);
    return status;
}
