/*
 * expression_row.c - a virtual table of one row that never ends: every step of a statement over it computes
 * its results anew, of what the columns hold then, and starts and ends nothing.
 */
#include "map/expression_parts.h"

#include <string.h>

typedef struct row_vtab {
    sqlite3_vtab base;
    const dvsi_row_table *table;
} row_vtab;

typedef struct row_cursor {
    sqlite3_vtab_cursor base;
    const dvsi_row_table *table;
} row_cursor;

static int row_connect(sqlite3 *db, void *data, int argc, const char *const *argv, sqlite3_vtab **out,
                       char **error)
{
    const dvsi_row_table *table = data;
    dvsi_buf sql = {0};
    (void)argc;
    (void)argv;
    (void)error;
    dvsi_buf_puts(&sql, "CREATE TABLE x(");
    table->declare(table->engine, &sql);
    dvsi_buf_puts(&sql, ") WITHOUT ROWID");
    int status = sql.failed ? SQLITE_NOMEM : sqlite3_declare_vtab(db, dvsi_buf_text(&sql));
    dvsi_buf_free(&sql);
    row_vtab *vtab = status == SQLITE_OK ? sqlite3_malloc64(sizeof *vtab) : NULL;
    if (vtab == NULL)
        return status != SQLITE_OK ? status : SQLITE_NOMEM;
    memset(vtab, 0, sizeof *vtab);
    vtab->table = table;
    *out = &vtab->base;
    return SQLITE_OK;
}

static int row_disconnect(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);
    return SQLITE_OK;
}

static int row_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void)vtab;
    info->estimatedCost = 1;
    info->estimatedRows = 1;
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    row_cursor *cursor = sqlite3_malloc64(sizeof *cursor);
    if (cursor == NULL)
        return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    cursor->table = ((row_vtab *)vtab)->table;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
                         sqlite3_value **argv)
{
    (void)cursor;
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return 0;
}

static int cursor_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    const dvsi_row_table *table = ((row_cursor *)cursor)->table;
    if (column >= 0)
        table->column(table->engine, context, column);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
    (void)cursor;
    *id = 0;
    return SQLITE_OK;
}

static const sqlite3_module row_module = {.xConnect = row_connect,
                                          .xBestIndex = row_best_index,
                                          .xDisconnect = row_disconnect,
                                          .xDestroy = row_disconnect,
                                          .xOpen = cursor_open,
                                          .xClose = cursor_close,
                                          .xFilter = cursor_filter,
                                          .xNext = cursor_next,
                                          .xEof = cursor_eof,
                                          .xColumn = cursor_column,
                                          .xRowid = cursor_rowid};

int dvsi_row_table_add(sqlite3 *db, const char *name, dvsi_row_table *table)
{
    return sqlite3_create_module_v2(db, name, &row_module, table, NULL);
}
