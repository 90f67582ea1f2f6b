/* scan.c - rows by conditions: scan, count, missing. */
#include "sink_sqlite.h"

#include <stdlib.h>

static const dvs_where *condition(const dvs_where *where, uint32_t i, uint32_t stride)
{
    return (const dvs_where *)(const void *)((const char *)where + (size_t)i * stride);
}

void sink_sqlite_where_key(dvs_writer *writer, const dvs_where *where, uint32_t n, uint32_t stride)
{
    sink_sqlite_key_number(&writer->key, n);
    for (uint32_t i = 0; i < n; i++) {
        sink_sqlite_key_number(&writer->key, condition(where, i, stride)->column);
        sink_sqlite_key_number(&writer->key, condition(where, i, stride)->op);
    }
}

/* Condition i has parameter i + 1, used or not. */
void sink_sqlite_where_sql(sqlite3_str *sql, const dvs_table *table, const dvs_where *where, uint32_t n,
                           uint32_t stride)
{
    static const char *const operators[] = {"", "=", "<>", "<", "<=", ">", ">=", " IS NULL", " IS NOT NULL"};
    for (uint32_t i = 0; i < n; i++) {
        const dvs_where *one = condition(where, i, stride);
        sqlite3_str_appendall(sql, i == 0 ? " WHERE " : " AND ");
        /* With a COLLATE, IS NOT NULL would not be the condition of a partial index to SQLite. */
        if (one->op == DVS_OP_IS_NULL || one->op == DVS_OP_NOT_NULL)
            sink_sqlite_sql_name(sql, sink_sqlite_column(table, one->column)->name);
        else
            sink_sqlite_sql_compared(sql, table, one->column);
        sqlite3_str_appendall(sql, one->op <= DVS_OP_NOT_NULL ? operators[one->op] : " unknown operator ");
        if (one->op >= DVS_OP_EQ && one->op <= DVS_OP_GE)
            sqlite3_str_appendf(sql, "?%u", i + 1);
    }
}

int32_t sink_sqlite_where_bind(dvs_writer *writer, sqlite3_stmt *statement, const dvs_table *table,
                               const dvs_where *where, uint32_t n, uint32_t stride, int first, dvs_error *err)
{
    if (sink_sqlite_room(writer, n) != 0)
        return sink_sqlite_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        const dvs_where *one = condition(where, i, stride);
        const dvs_column *column = sink_sqlite_column(table, one->column);
        const char *why;
        int rc;
        if (one->op < DVS_OP_EQ || one->op > DVS_OP_GE)
            continue;
        rc = sink_sqlite_bind(statement, first + (int)i, column->kind, &one->value, writer->bound[i], &why);
        if (rc == SQLITE_MISMATCH && why != NULL)
            return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_STREAM, "a condition on %s.%s %s",
                                    table->name, column->name, why);
        if (rc != SQLITE_OK)
            return sink_sqlite_failed(writer->sink, writer->sink->db, rc, err,
                                      "a condition on %s.%s could not be set", table->name, column->name);
    }
    return DVS_OK;
}

/* Steps through the rows of a statement whose parameters are set, and resets it. */
static int32_t put_all(dvs_writer *writer, sqlite3_stmt *statement, const char *table, const uint32_t *kinds,
                       uint32_t n, dvs_out *out, dvs_error *err)
{
    uint64_t number = 0;
    int32_t status = DVS_OK;
    int rc = SQLITE_DONE;
    while (status == DVS_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        status = sink_sqlite_put(writer, statement, kinds, n, number++, out, err);
        if (status == DVS_OK && number % 64 == 0 && sink_sqlite_stopped(writer->sink))
            status = sink_sqlite_fail(err, DVS_E_CANCELLED, DVS_SCOPE_SOURCE, "cancelled");
    }
    if (status == DVS_OK && rc != SQLITE_DONE)
        status = sink_sqlite_failed(writer->sink, writer->sink->db, rc, err, "rows of %s could not be read",
                                    table);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

static sqlite3_stmt *scan_statement(dvs_writer *writer, const dvs_scan *scan, dvs_error *err)
{
    sqlite3_stmt *statement;
    sqlite3_str *sql;
    sink_sqlite_key_begin(&writer->key, 's', scan->table);
    sink_sqlite_key_numbers(&writer->key, scan->columns, scan->n_columns);
    sink_sqlite_key_numbers(&writer->key, scan->order, scan->n_order);
    sink_sqlite_key_number(&writer->key, scan->flags);
    sink_sqlite_where_key(writer, scan->where, scan->n_where, scan->where_stride);
    statement = sink_sqlite_cached(writer);
    if (statement != NULL)
        return statement;
    sql = sqlite3_str_new(writer->sink->db);
    sqlite3_str_appendall(sql, "SELECT ");
    sink_sqlite_sql_columns(sql, scan->table, scan->columns, scan->n_columns);
    sqlite3_str_appendf(sql, " FROM main.\"%w\"", scan->table->name);
    sink_sqlite_where_sql(sql, scan->table, scan->where, scan->n_where, scan->where_stride);
    for (uint32_t i = 0; i < scan->n_order; i++) {
        sqlite3_str_appendall(sql, i == 0 ? " ORDER BY " : ",");
        sink_sqlite_sql_compared(sql, scan->table, scan->order[i]);
        if ((scan->flags & DVS_SCAN_DESCENDING) != 0)
            sqlite3_str_appendall(sql, " DESC");
    }
    /* -1 is no limit. */
    sqlite3_str_appendf(sql, " LIMIT ?%u", scan->n_where + 1);
    return sink_sqlite_prepare(writer, sql, err);
}

int32_t sink_sqlite_scan(dvs_writer *writer, const dvs_scan *scan, dvs_out *out, dvs_error *err)
{
    sqlite3_stmt *statement;
    uint32_t *kinds;
    int32_t status;
    sink_sqlite_enter(writer->sink, true);
    if (scan->n_columns == 0)
        return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_STREAM, "a scan of %s names no columns",
                                scan->table->name);
    statement = scan_statement(writer, scan, err);
    if (statement == NULL)
        return err->status;
    kinds = malloc(scan->n_columns * sizeof *kinds);
    if (kinds == NULL || sink_sqlite_room(writer, scan->n_columns) != 0) {
        free(kinds);
        return sink_sqlite_no_memory(err);
    }
    for (uint32_t i = 0; i < scan->n_columns; i++)
        kinds[i] = sink_sqlite_column(scan->table, scan->columns[i])->kind;
    status = sink_sqlite_where_bind(writer, statement, scan->table, scan->where, scan->n_where,
                                    scan->where_stride, 1, err);
    if (status == DVS_OK) {
        int64_t limit = scan->limit == 0 || scan->limit > INT64_MAX ? -1 : (int64_t)scan->limit;
        sqlite3_bind_int64(statement, (int)scan->n_where + 1, limit);
        status = put_all(writer, statement, scan->table->name, kinds, scan->n_columns, out, err);
    } else {
        sqlite3_clear_bindings(statement);
    }
    free(kinds);
    return status;
}

int32_t sink_sqlite_count(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                          uint32_t n_where, uint32_t where_stride, uint64_t *count, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    sqlite3_stmt *statement;
    int32_t status;
    *count = 0;
    sink_sqlite_enter(sink, true);
    sink_sqlite_key_begin(&writer->key, 'c', table);
    sink_sqlite_where_key(writer, where, n_where, where_stride);
    statement = sink_sqlite_cached(writer);
    if (statement == NULL) {
        sqlite3_str *sql = sqlite3_str_new(sink->db);
        sqlite3_str_appendf(sql, "SELECT count(*) FROM main.\"%w\"", table->name);
        sink_sqlite_where_sql(sql, table, where, n_where, where_stride);
        statement = sink_sqlite_prepare(writer, sql, err);
        if (statement == NULL)
            return err->status;
    }
    status = sink_sqlite_where_bind(writer, statement, table, where, n_where, where_stride, 1, err);
    if (status == DVS_OK) {
        int rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
            *count = (uint64_t)sqlite3_column_int64(statement, 0);
        else
            status =
                sink_sqlite_failed(sink, sink->db, rc, err, "rows of %s could not be counted", table->name);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

int32_t sink_sqlite_missing(dvs_writer *writer, const dvs_table *table, uint32_t column,
                            const dvs_table *other, uint32_t other_column, uint64_t limit, dvs_out *out,
                            dvs_error *err)
{
    sqlite3_stmt *statement;
    uint32_t kinds[2] = {sink_sqlite_column(table, column)->kind, DVS_INT64};
    sink_sqlite_enter(writer->sink, true);
    sink_sqlite_key_begin(&writer->key, 'm', table);
    sink_sqlite_key_number(&writer->key, column);
    sink_sqlite_key_number(&writer->key, other_column);
    sink_sqlite_key_numbers(&writer->key, (const uint32_t *)(const void *)&other->id, 2);
    statement = sink_sqlite_cached(writer);
    if (statement == NULL) {
        const char *name = sink_sqlite_column(table, column)->name;
        const char *other_name = sink_sqlite_column(other, other_column)->name;
        sqlite3_str *sql = sqlite3_str_new(writer->sink->db);
        sqlite3_str_appendf(sql, "SELECT \"%w\", count(*) FROM main.\"%w\" WHERE \"%w\" IS NOT NULL AND ",
                            name, table->name, name);
        sink_sqlite_sql_compared(sql, table, column);
        sqlite3_str_appendf(
            sql, " NOT IN (SELECT \"%w\" FROM main.\"%w\" WHERE \"%w\" IS NOT NULL) GROUP BY 1 LIMIT ?1",
            other_name, other->name, other_name);
        statement = sink_sqlite_prepare(writer, sql, err);
        if (statement == NULL)
            return err->status;
    }
    if (sink_sqlite_room(writer, 2) != 0)
        return sink_sqlite_no_memory(err);
    sqlite3_bind_int64(statement, 1, limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit);
    return put_all(writer, statement, table->name, kinds, 2, out, err);
}
