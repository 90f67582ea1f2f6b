/* schema.c - tables and columns: changing them, and saying what is there. */
#include "sink_sqlite.h"

/* A column's declared type. It decides how SQLite converts what others write into it; a decimal's is left
 * out, so that integers, reals and texts all stay what they are. A STRICT table has names of its own. */
static const char *declared(const dvs_column *column, bool strict)
{
    if ((column->flags & DVS_COLUMN_ROW_ID) != 0)
        return " INTEGER PRIMARY KEY NOT NULL";
    switch (column->kind) {
    case DVS_BOOL:
        return strict ? " INTEGER" : " BOOLEAN";
    case DVS_INT64:
        return " INTEGER";
    case DVS_DOUBLE:
        return " REAL";
    case DVS_BYTES:
        return " BLOB";
    case DVS_DECIMAL:
        return strict ? " ANY" : "";
    default:
        return " TEXT";
    }
}

static void append_column(sqlite3_str *sql, const dvs_column *column, bool strict)
{
    sink_sqlite_sql_name(sql, column->name);
    sqlite3_str_appendall(sql, declared(column, strict));
}

static int32_t create_table(dvs_writer *writer, const dvs_table *table, dvs_error *err)
{
    sqlite3_str *sql = sqlite3_str_new(writer->sink->db);
    sqlite3_str_appendf(sql, "CREATE TABLE main.\"%w\"(", table->name);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        const dvs_column *column = sink_sqlite_column(table, i);
        if (i > 0)
            sqlite3_str_appendchar(sql, 1, ',');
        if (i == 0 && (column->flags & DVS_COLUMN_ROW_ID) == 0)
            sqlite3_str_appendf(sql, "\"%w\" INTEGER PRIMARY KEY NOT NULL", column->name);
        else
            append_column(sql, column, false);
    }
    sqlite3_str_appendchar(sql, 1, ')');
    return sink_sqlite_run(writer->sink, sql, err, "the table %s could not be made", table->name);
}

/* Not one that we made, then. */
static bool is_strict(sqlite3 *db, const char *table)
{
    static const char sql[] = "SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND strict";
    sqlite3_stmt *statement = NULL;
    bool strict = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
                  sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC) == SQLITE_OK &&
                  sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return strict; /* after an error the column is refused by SQLite */
}

static int32_t add_column(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    const char *table = change->table->name;
    sqlite3_str *sql;
    int32_t status = sink_sqlite_check_table(writer, change, err);
    if (status != DVS_OK)
        return status;
    if ((change->column->flags & DVS_COLUMN_ROW_ID) != 0)
        return sink_sqlite_add_row_id(writer, change, err);
    sql = sqlite3_str_new(writer->sink->db);
    sqlite3_str_appendf(sql, "ALTER TABLE main.\"%w\" ADD COLUMN ", table);
    append_column(sql, change->column, is_strict(writer->sink->db, table));
    return sink_sqlite_run(writer->sink, sql, err, "the column %s of %s could not be added",
                           change->column->name, table);
}

/* Views and triggers of others may name the column. They are not ours to drop, and the host gives another
 * column its name, so SQLite is not to look at them meanwhile. */
static int32_t drop_column(dvs_sink *sink, const char *table, const char *column, dvs_error *err)
{
    sqlite3_str *sql = sqlite3_str_new(sink->db);
    int32_t status;
    sqlite3_str_appendf(sql, "ALTER TABLE main.\"%w\" DROP COLUMN \"%w\"", table, column);
    sqlite3_db_config(sink->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, (int *)NULL);
    status = sink_sqlite_run(sink, sql, err, "the column %s of %s could not be dropped", column, table);
    sqlite3_db_config(sink->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0, (int *)NULL);
    return status;
}

/* SQLite renames no column while a view of somebody names one that is not there, such as the one whose name
 * it is to get: then a new column gets the values. */
static int32_t replace_column(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    const char *table = change->table->name;
    sqlite3_str *sql = sqlite3_str_new(sink->db);
    int32_t status;
    sqlite3_str_appendf(sql, "ALTER TABLE main.\"%w\" ADD COLUMN ", table);
    append_column(sql, change->column, is_strict(sink->db, table));
    sqlite3_str_appendf(sql, "; UPDATE main.\"%w\" SET \"%w\" = \"%w\"", table, change->column->name,
                        change->name);
    status = sink_sqlite_run(sink, sql, err, "the column %s of %s could not be renamed", change->name, table);
    return status == DVS_OK ? drop_column(sink, table, change->name, err) : status;
}

static int32_t rename_column(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    sqlite3_str *sql = sqlite3_str_new(sink->db);
    char *text;
    int rc;
    sqlite3_str_appendf(sql, "ALTER TABLE main.\"%w\" RENAME COLUMN \"%w\" TO \"%w\"", change->table->name,
                        change->name, change->column->name);
    text = sqlite3_str_finish(sql);
    if (text == NULL)
        return sink_sqlite_no_memory(err);
    rc = sink_sqlite_exec(sink->db, text);
    sqlite3_free(text);
    return rc == SQLITE_OK ? DVS_OK : replace_column(writer, change, err);
}

static int32_t change_columns(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    int32_t status;
    if (change->type == DVS_CHANGE_RENAME_COLUMN)
        return rename_column(writer, change, err);
    status = sink_sqlite_drop_views(writer, change->table->name, err);
    return status == DVS_OK ? drop_column(writer->sink, change->table->name, change->name, err) : status;
}

static int32_t change_table(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    const char *table = change->table->name;
    sqlite3_str *sql;
    int32_t status;
    if (change->type == DVS_CHANGE_CREATE_TABLE)
        return create_table(writer, change->table, err);
    sql = sqlite3_str_new(writer->sink->db);
    if (change->type == DVS_CHANGE_DROP_TABLE) {
        sqlite3_str_appendf(sql, "DROP TABLE main.\"%w\"", table);
        return sink_sqlite_run(writer->sink, sql, err, "the table %s could not be dropped", table);
    }
    sqlite3_str_appendf(sql, "ALTER TABLE main.\"%w\" RENAME TO \"%w\"", table, change->name);
    /* The new name may be one that views of others use already: they are left as they are, and work again. */
    sqlite3_db_config(writer->sink->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, (int *)NULL);
    status = sink_sqlite_run(writer->sink, sql, err, "the table %s could not be renamed", table);
    sqlite3_db_config(writer->sink->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0, (int *)NULL);
    return status;
}

int32_t sink_sqlite_apply_schema(dvs_writer *writer, const dvs_change *changes, uint32_t n_changes,
                                 uint32_t stride, dvs_error *err)
{
    int32_t status;
    sink_sqlite_enter(writer->sink, false);
    status = sink_sqlite_may_write(writer, err);
    sink_sqlite_forget_all(writer); /* the same columns may now mean others */
    for (uint32_t i = 0; i < n_changes && status == DVS_OK; i++) {
        const dvs_change *change =
            (const dvs_change *)(const void *)((const char *)changes + (size_t)i * stride);
        switch (change->type) {
        case DVS_CHANGE_CREATE_TABLE:
        case DVS_CHANGE_DROP_TABLE:
        case DVS_CHANGE_RENAME_TABLE:
            status = change_table(writer, change, err);
            break;
        case DVS_CHANGE_ADD_COLUMN:
            status = add_column(writer, change, err);
            break;
        case DVS_CHANGE_DROP_COLUMN:
        case DVS_CHANGE_RENAME_COLUMN:
            status = change_columns(writer, change, err);
            break;
        default:
            status = sink_sqlite_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_STREAM,
                                      "the sqlite sink knows no schema change of type %u", change->type);
            break;
        }
    }
    return status;
}

/* ---- inspect ---- */

static bool has(const char *type, const char *word)
{
    size_t length = strlen(word);
    for (; *type != '\0'; type++) {
        if (sqlite3_strnicmp(type, word, (int)length) == 0)
            return true;
    }
    return false;
}

/* The nearest kind for a declared type; the order matters ("TIMESTAMP" before "TIME", "POINT" is an INT as in
 * SQLite's own rules). */
static uint32_t nearest_kind(const char *type)
{
    static const struct {
        const char *word;
        uint32_t kind;
    } words[] = {
        {"BOOL", DVS_BOOL},           {"INT", DVS_INT64},          {"CHAR", DVS_TEXT},
        {"CLOB", DVS_TEXT},           {"TEXT", DVS_TEXT},          {"BLOB", DVS_BYTES},
        {"BINARY", DVS_BYTES},        {"REAL", DVS_DOUBLE},        {"FLOA", DVS_DOUBLE},
        {"DOUB", DVS_DOUBLE},         {"DEC", DVS_DECIMAL},        {"NUM", DVS_DECIMAL},
        {"TIMESTAMP", DVS_TIMESTAMP}, {"DATETIME", DVS_TIMESTAMP}, {"DATE", DVS_DATE},
        {"UUID", DVS_UUID},           {"GUID", DVS_UUID},          {"UNIQUEIDENTIFIER", DVS_UUID},
        {"JSON", DVS_JSON},
    };
    if (type[0] == '\0')
        return DVS_DECIMAL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has(type, words[i].word))
            return words[i].kind;
    }
    return DVS_TEXT;
}

static int32_t put_columns(dvs_sink *sink, sqlite3_stmt *statement, const char *table, dvs_out *out,
                           dvs_error *err)
{
    uint32_t n = 0;
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        dvs_column column;
        int32_t status = DVS_OK;
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *type = (const char *)sqlite3_column_text(statement, 1);
        int position = sqlite3_column_int(statement, 3);
        if (name == NULL)
            return sink_sqlite_no_memory(err);
        memset(&column, 0, sizeof column);
        column.struct_size = (uint32_t)sizeof column;
        column.name = name;
        column.native_type = type != NULL ? type : "";
        column.kind = nearest_kind(column.native_type);
        column.flags = sqlite3_column_int(statement, 2) == 0 && position == 0 ? DVS_COLUMN_NULLABLE : 0;
        if (position > 0 && sqlite3_column_int(statement, 4) == 1 &&
            sqlite3_stricmp(column.native_type, "INTEGER") == 0) {
            column.flags |= DVS_COLUMN_ROW_ID; /* an alias of the rowid */
        } else if (position > 0) {
            column.flags |= DVS_COLUMN_KEY;
            column.key_position = (uint32_t)position;
        }
        n++;
        if (dvs_put_done(sink->host->put_column(sink->host, out, &column), &status, err))
            return status;
    }
    if (rc != SQLITE_DONE)
        return sink_sqlite_failed(sink, sink->db, rc, err, "the columns of %s could not be read", table);
    if (n == 0)
        return sink_sqlite_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "%.400s: has no table %s", sink->path,
                                table);
    return DVS_OK;
}

int32_t sink_sqlite_inspect(dvs_sink *sink, const char *table, dvs_out *out, dvs_error *err)
{
    /* hidden = 1 are columns of virtual tables that SELECT * does not show. */
    static const char sql[] = "SELECT name, type, \"notnull\", pk, sum(pk > 0) OVER () "
                              "FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid";
    sqlite3_stmt *statement = NULL;
    int32_t status;
    int rc;
    sink_sqlite_enter(sink, true);
    rc = sqlite3_prepare_v2(sink->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    status = rc == SQLITE_OK
                 ? put_columns(sink, statement, table, out, err)
                 : sink_sqlite_failed(sink, sink->db, rc, err, "the columns of %s could not be read", table);
    sqlite3_finalize(statement);
    return status;
}
