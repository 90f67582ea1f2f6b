/* write.c - inserts, updates, deletes. */
#include "sink_sqlite.h"

typedef struct step {
    dvs_writer *writer;
    const dvs_table *table;
    uint64_t row; /* index of the row, as err->row counts */
    dvs_error *err;
} step;

static int32_t fail_cell(const step *s, const dvs_column *column, const char *why)
{
    s->err->row = s->row;
    return sink_sqlite_fail(s->err, DVS_E_DATA, DVS_SCOPE_ROW, "%s.%s: the value %s", s->table->name,
                            column->name, why);
}

static int32_t fail_row(const step *s, int rc, const char *what)
{
    s->err->row = s->row;
    return sink_sqlite_failed(s->writer->sink, s->writer->sink->db, rc, s->err, "a row of %s could not be %s",
                              s->table->name, what);
}

/* Binds one cell; `slot` numbers the scratch. */
static int32_t bind(const step *s, sqlite3_stmt *statement, int index, uint32_t position,
                    const dvs_cell *cell, uint32_t slot)
{
    const dvs_column *column = sink_sqlite_column(s->table, position);
    const char *why = NULL;
    int rc = sink_sqlite_bind(statement, index, column->kind, cell, s->writer->bound[slot], &why);
    if (rc == SQLITE_OK)
        return DVS_OK;
    if (rc == SQLITE_MISMATCH && why != NULL)
        return fail_cell(s, column, why);
    if (rc == SQLITE_TOOBIG)
        return fail_cell(s, column, "is larger than SQLite can hold here (256 MB)");
    return fail_row(s, rc, "written");
}

/* Runs a statement that writes one row. */
static int32_t run(const step *s, sqlite3_stmt *statement, const char *what)
{
    int rc = sqlite3_step(statement);
    int again = sqlite3_reset(statement);
    if (rc == SQLITE_DONE && again == SQLITE_OK)
        return DVS_OK;
    return fail_row(s, rc != SQLITE_DONE ? rc : again, what);
}

/* ---- Deletes ---- */

static int32_t write_deletes(step *s, const dvs_write *write)
{
    dvs_writer *writer = s->writer;
    sqlite3_stmt *statement;
    int32_t status = DVS_OK;
    if (write->n_deletes == 0)
        return DVS_OK;
    sink_sqlite_key_begin(&writer->key, 'd', write->table);
    statement = sink_sqlite_cached(writer);
    if (statement == NULL) {
        sqlite3_str *sql = sqlite3_str_new(writer->sink->db);
        sqlite3_str_appendf(sql, "DELETE FROM main.\"%w\" WHERE \"%w\"=?1", write->table->name,
                            sink_sqlite_column(write->table, 0)->name);
        statement = sink_sqlite_prepare(writer, sql, s->err);
        if (statement == NULL)
            return s->err->status;
    }
    for (uint32_t i = 0; i < write->n_deletes && status == DVS_OK; i++, s->row++) {
        sqlite3_bind_int64(statement, 1, write->deletes[i]);
        status = run(s, statement, "deleted");
        if (status != DVS_OK)
            return status;
    }
    return status;
}

/* ---- Updates ---- */

static sqlite3_stmt *update_statement(step *s, const dvs_update *update)
{
    dvs_writer *writer = s->writer;
    sqlite3_stmt *statement;
    sqlite3_str *sql;
    sink_sqlite_key_begin(&writer->key, 'u', s->table);
    sink_sqlite_key_numbers(&writer->key, update->columns, update->n_cells);
    statement = sink_sqlite_cached(writer);
    if (statement != NULL)
        return statement;
    sql = sqlite3_str_new(writer->sink->db);
    sqlite3_str_appendf(sql, "UPDATE main.\"%w\" SET ", s->table->name);
    for (uint32_t i = 0; i < update->n_cells; i++)
        sqlite3_str_appendf(sql, "%s\"%w\"=?%u", i > 0 ? "," : "",
                            sink_sqlite_column(s->table, update->columns[i])->name, i + 1);
    sqlite3_str_appendf(sql, " WHERE \"%w\"=?%u", sink_sqlite_column(s->table, 0)->name, update->n_cells + 1);
    return sink_sqlite_prepare(writer, sql, s->err);
}

static int32_t write_update(step *s, const dvs_update *update)
{
    sqlite3_stmt *statement = update_statement(s, update);
    int32_t status = DVS_OK;
    if (statement == NULL)
        return s->err->status;
    if (sink_sqlite_room(s->writer, update->n_cells) != 0)
        return sink_sqlite_no_memory(s->err);
    for (uint32_t i = 0; i < update->n_cells && status == DVS_OK; i++)
        status = bind(s, statement, (int)i + 1, update->columns[i], &update->cells[i], i);
    if (status == DVS_OK) {
        sqlite3_bind_int64(statement, (int)update->n_cells + 1, update->row_id);
        status = run(s, statement, "changed");
    }
    sqlite3_clear_bindings(statement); /* they point to the caller's bytes */
    if (status == DVS_OK && sqlite3_changes(s->writer->sink->db) == 0) {
        s->err->row = s->row;
        return sink_sqlite_fail(s->err, DVS_E_DATA, DVS_SCOPE_ROW, "%s: there is no row %lld to change",
                                s->table->name, (long long)update->row_id);
    }
    return status;
}

static int32_t write_updates(step *s, const dvs_write *write)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < write->n_updates && status == DVS_OK; i++) {
        const dvs_update *update = (const dvs_update *)(const void *)((const char *)write->updates +
                                                                      (size_t)i * write->update_stride);
        if (update->n_cells > 0)
            status = write_update(s, update);
        if (status == DVS_OK)
            s->row++;
    }
    return status;
}

/* ---- Inserts ---- */

static sqlite3_stmt *insert_statement(step *s)
{
    dvs_writer *writer = s->writer;
    sqlite3_stmt *statement;
    sqlite3_str *sql;
    sink_sqlite_key_begin(&writer->key, 'i', s->table);
    statement = sink_sqlite_cached(writer);
    if (statement != NULL)
        return statement;
    sql = sqlite3_str_new(writer->sink->db);
    sqlite3_str_appendf(sql, "INSERT INTO main.\"%w\"(", s->table->name);
    for (uint32_t i = 0; i < s->table->n_columns; i++)
        sqlite3_str_appendf(sql, "%s\"%w\"", i > 0 ? "," : "", sink_sqlite_column(s->table, i)->name);
    sqlite3_str_appendall(sql, ")VALUES(");
    for (uint32_t i = 0; i < s->table->n_columns; i++)
        sqlite3_str_appendf(sql, "%s?%u", i > 0 ? "," : "", i + 1);
    sqlite3_str_appendchar(sql, 1, ')');
    return sink_sqlite_prepare(writer, sql, s->err);
}

/* The very value that the row before had in this column, at the same address: its binding is still there.
 * Most values in the books are such, and NULLs. */
static bool is_bound(const dvs_cell *before, const dvs_cell *cell)
{
    return memcmp(before, cell, sizeof *cell) == 0;
}

static int32_t write_inserts(step *s, const dvs_write *write)
{
    uint32_t n = s->table->n_columns;
    const dvs_cell *cells = write->inserts;
    sqlite3_stmt *statement;
    int32_t status = DVS_OK;
    if (write->n_inserts == 0)
        return DVS_OK;
    statement = insert_statement(s);
    if (statement == NULL)
        return s->err->status;
    if (sink_sqlite_room(s->writer, n) != 0)
        return sink_sqlite_no_memory(s->err);
    for (uint32_t row = 0; row < write->n_inserts && status == DVS_OK; row++, cells += n) {
        const dvs_cell *before = row > 0 ? cells - n : NULL;
        /* SQLite would number the row itself. */
        if (cells[0].kind != DVS_INT64)
            status = fail_cell(s, sink_sqlite_column(s->table, 0), "must be given by the host");
        for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
            if (before == NULL || !is_bound(&before[i], &cells[i]))
                status = bind(s, statement, (int)i + 1, i, &cells[i], i);
        }
        if (status == DVS_OK)
            status = run(s, statement, "inserted");
        if (status == DVS_OK)
            s->row++;
    }
    sqlite3_clear_bindings(statement);
    return status;
}

/* ---- The slots ---- */

int32_t sink_sqlite_write(dvs_writer *writer, const dvs_write *write, dvs_error *err)
{
    step s = {writer, write->table, 0, err};
    int32_t status;
    sink_sqlite_enter(writer->sink, false);
    status = sink_sqlite_may_write(writer, err);
    if (status == DVS_OK)
        status = write_deletes(&s, write);
    if (status == DVS_OK)
        status = write_updates(&s, write);
    if (status == DVS_OK)
        status = write_inserts(&s, write);
    return status;
}

int32_t sink_sqlite_load(dvs_writer *writer, const dvs_write *write, dvs_error *err)
{
    step s = {writer, write->table, 0, err};
    int32_t status;
    sink_sqlite_enter(writer->sink, false);
    status = sink_sqlite_may_write(writer, err);
    return status == DVS_OK ? write_inserts(&s, write) : status;
}

int32_t sink_sqlite_delete_where(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                                 uint32_t n_where, uint32_t where_stride, uint64_t *deleted, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    sqlite3_stmt *statement;
    int32_t status;
    *deleted = 0;
    sink_sqlite_enter(sink, false);
    status = sink_sqlite_may_write(writer, err);
    if (status != DVS_OK)
        return status;
    sink_sqlite_key_begin(&writer->key, 'x', table);
    sink_sqlite_where_key(writer, where, n_where, where_stride);
    statement = sink_sqlite_cached(writer);
    if (statement == NULL) {
        sqlite3_str *sql = sqlite3_str_new(sink->db);
        sqlite3_str_appendf(sql, "DELETE FROM main.\"%w\"", table->name);
        sink_sqlite_where_sql(sql, table, where, n_where, where_stride);
        statement = sink_sqlite_prepare(writer, sql, err);
        if (statement == NULL)
            return err->status;
    }
    status = sink_sqlite_where_bind(writer, statement, table, where, n_where, where_stride, 1, err);
    if (status == DVS_OK) {
        int rc = sqlite3_step(statement);
        if (rc == SQLITE_DONE)
            *deleted = (uint64_t)sqlite3_changes64(sink->db);
        else
            status =
                sink_sqlite_failed(sink, sink->db, rc, err, "rows of %s could not be deleted", table->name);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}
