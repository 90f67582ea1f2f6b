/*
 * adopt.c - tables that somebody else made: may they be used, and giving them a row id.
 *
 * SQLite cannot add a primary key to a table, so it is made anew: its rows are put aside, it is dropped, made
 * again from its own text with the row id in front, and filled. Views, triggers and foreign keys of other
 * tables name it and go on meaning it; a renamed table would take them along, or break checks that name the
 * table they are in.
 */
#include "sink_sqlite.h"

#define BIT(kind) (1u << (kind))
#define NAMED_TEXTS (BIT(DVS_DATE) | BIT(DVS_TIMESTAMP) | BIT(DVS_UUID))
#define TEXTS (NAMED_TEXTS | BIT(DVS_TEXT) | BIT(DVS_JSON))
#define WHOLE (BIT(DVS_BOOL) | BIT(DVS_INT64))
#define NUMBERS (BIT(DVS_DOUBLE) | BIT(DVS_DECIMAL))

/* Runs a query and frees its text; *found is the first column of its first row (sqlite3_free), NULL when
 * there is no row or it is NULL. */
static int32_t ask(dvs_sink *sink, const char *table, char *sql, char **found, dvs_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sql == NULL ? SQLITE_NOMEM : sqlite3_prepare_v2(sink->db, sql, -1, &statement, NULL);
    *found = NULL;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        *found = text != NULL ? sqlite3_mprintf("%s", text) : NULL;
        rc = *found != NULL ? SQLITE_DONE : SQLITE_NOMEM;
    }
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    return rc == SQLITE_DONE || rc == SQLITE_ROW
               ? DVS_OK
               : sink_sqlite_failed(sink, sink->db, rc, err, "the table %s could not be looked at", table);
}

#define REFUSE(...) sink_sqlite_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, __VA_ARGS__)

/* ---- May it be used? ---- */

/* The columns as the host sees them: "WITH host(name,kind) AS (VALUES ...)", of one row at least. */
static char *host_sql(const dvs_table *table)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, "WITH host(name,kind) AS (VALUES(NULL,0)");
    for (uint32_t i = 0; i < table->n_columns; i++)
        sqlite3_str_appendf(sql, ",(%Q,%u)", sink_sqlite_column(table, i)->name,
                            sink_sqlite_column(table, i)->kind);
    sqlite3_str_appendchar(sql, 1, ')');
    return sqlite3_str_finish(sql);
}

static int32_t check_type(dvs_sink *sink, const char *table, dvs_error *err)
{
    char *type;
    int32_t status =
        ask(sink, table, sqlite3_mprintf("SELECT type FROM pragma_table_list(%Q) WHERE schema='main'", table),
            &type, err);
    if (status == DVS_OK && type != NULL && strcmp(type, "table") != 0)
        status = REFUSE(
            "%.400s: %s is a %s%s, and dvsync can only write into a table; give the entity another name",
            sink->path, table, type, strcmp(type, "view") == 0 ? "" : " table");
    sqlite3_free(type);
    return status;
}

/* Column 0 is the primary key, and SQLite keeps it as a number. (INTEGER PRIMARY KEY DESC has an index and
 * may be NULL.) */
static int32_t check_row_id(dvs_sink *sink, const dvs_table *table, dvs_error *err)
{
    const char *row_id = sink_sqlite_column(table, 0)->name;
    char *found;
    int32_t status = ask(
        sink, table->name,
        sqlite3_mprintf("SELECT 1 FROM pragma_table_xinfo(%Q,'main') x WHERE name=%Q COLLATE NOCASE AND NOT("
                        "pk=1 AND type='INTEGER' COLLATE NOCASE AND (SELECT max(pk) FROM"
                        " pragma_table_xinfo(%Q,'main'))=1 AND (NOT EXISTS(SELECT 1 FROM"
                        " pragma_index_list(%Q,'main') WHERE origin='pk') OR (SELECT wr FROM"
                        " pragma_table_list(%Q) WHERE schema='main')))",
                        table->name, row_id, table->name, table->name, table->name),
        &found, err);
    if (status == DVS_OK && found != NULL)
        status = REFUSE(
            "%.400s: the column %s of %s is not its INTEGER PRIMARY KEY, by which dvsync finds the rows; "
            "rename that column, and dvsync adds its own",
            sink->path, row_id, table->name);
    sqlite3_free(found);
    return status;
}

/* SQLite converts what is written as the declared type says. A value that comes back as another one would be
 * written again by every sync, or be lost ("007"). */
static int32_t check_types(dvs_sink *sink, const dvs_table *table, const char *host, dvs_error *err)
{
    char *found;
    int32_t status =
        ask(sink, table->name,
            sqlite3_mprintf("%s SELECT printf('the column %%s of %%s, declared %%s,', x.name, l.name, x.type)"
                            " FROM pragma_table_list(%Q) l, pragma_table_xinfo(%Q,'main') x"
                            " JOIN host h ON h.name=x.name COLLATE NOCASE WHERE l.schema='main' AND NOT "
                            "x.hidden AND NOT (1<<h.kind) & "
                            "CASE WHEN x.type='' OR (l.strict AND x.type='ANY') THEN -1"
                            " WHEN x.type LIKE '%%INT%%' THEN iif(l.strict,%u,%u)"
                            " WHEN x.type LIKE '%%CHAR%%' OR x.type LIKE '%%CLOB%%' OR x.type LIKE "
                            "'%%TEXT%%' THEN iif(l.strict,%u,%u)"
                            " WHEN x.type LIKE '%%BLOB%%' THEN iif(l.strict,%u,-1)"
                            " WHEN x.type LIKE '%%REAL%%' OR x.type LIKE '%%FLOA%%' OR x.type LIKE "
                            "'%%DOUB%%' THEN iif(l.strict,%u,%u)"
                            " ELSE %u END LIMIT 1",
                            host, table->name, table->name, WHOLE,
                            WHOLE | NUMBERS | NAMED_TEXTS | BIT(DVS_BYTES), TEXTS, TEXTS | BIT(DVS_BYTES),
                            BIT(DVS_BYTES), BIT(DVS_DOUBLE), NUMBERS | NAMED_TEXTS | BIT(DVS_BYTES),
                            WHOLE | NUMBERS | NAMED_TEXTS | BIT(DVS_BYTES) | BIT(DVS_JSON)),
            &found, err);
    if (status == DVS_OK && found != NULL)
        status = REFUSE(
            "%.400s: %s cannot hold the field's values as they are (SQLite would store 1 as '1', or '007' "
            "as 7); say a `type:` on the field that goes with it, or declare the column otherwise",
            sink->path, found);
    sqlite3_free(found);
    return status;
}

static int32_t check_generated(dvs_sink *sink, const dvs_table *table, const char *host, dvs_error *err)
{
    char *found;
    int32_t status = ask(sink, table->name,
                         sqlite3_mprintf("%s SELECT x.name FROM pragma_table_xinfo(%Q,'main') x JOIN host h"
                                         " ON h.name=x.name COLLATE NOCASE WHERE x.hidden>0 LIMIT 1",
                                         host, table->name),
                         &found, err);
    if (status == DVS_OK && found != NULL)
        status = REFUSE(
            "%.400s: the column %s of %s is generated and cannot be written; leave that field out or give "
            "it another name",
            sink->path, found, table->name);
    sqlite3_free(found);
    return status;
}

int32_t sink_sqlite_check_table(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    const dvs_table *table = change->table;
    char *host = host_sql(table);
    int32_t status = host != NULL ? check_type(sink, table->name, err) : sink_sqlite_no_memory(err);
    if (status == DVS_OK && table->n_columns > 0)
        status = check_row_id(sink, table, err);
    if (status == DVS_OK)
        status = check_generated(sink, table, host, err);
    if (status == DVS_OK)
        status = check_types(sink, table, host, err);
    sqlite3_free(host);
    return status;
}

/* ---- Giving it a row id ---- */

typedef struct plan {
    dvs_sink *sink;
    const dvs_table *table;
    const char *row_id;
    char *strict;   /* not NULL: it is */
    char *numbers;  /* the column that numbers the rows until now, if there is one */
    char *not_null; /* a condition: the columns of its primary key have values; NULL: they need none */
    char *columns;  /* the list of those that are stored */
    char *order;    /* in which to copy the rows, if there is one */
    char *aside; /* temporary tables: its rows, and, with "_sql" behind, the texts of its indexes and triggers
                  */
    char *create;
} plan;

static void free_plan(plan *p)
{
    sqlite3_free(p->strict);
    sqlite3_free(p->numbers);
    sqlite3_free(p->not_null);
    sqlite3_free(p->columns);
    sqlite3_free(p->order);
    sqlite3_free(p->aside);
    sqlite3_free(p->create);
}

/* What a new row must have and dvsync would not give it. */
static int32_t check_filled(const plan *p, const char *host, dvs_error *err)
{
    const char *table = p->table->name;
    char *found;
    int32_t status;
    if (p->numbers != NULL) {
        status = ask(p->sink, table,
                     sqlite3_mprintf("%s SELECT 1 FROM host WHERE name=%Q COLLATE NOCASE", host, p->numbers),
                     &found, err);
        if (status == DVS_OK && found == NULL)
            status = REFUSE(
                "%.400s: %s numbers its rows in the column %s, which is no field of the entity and would "
                "be empty in new rows; rename it to %s, or give the entity such a field",
                p->sink->path, table, p->numbers, p->row_id);
        sqlite3_free(found);
        if (status != DVS_OK)
            return status;
    }
    status = ask(p->sink, table,
                 sqlite3_mprintf("%s SELECT x.name FROM pragma_table_xinfo(%Q,'main') x LEFT JOIN host h"
                                 " ON h.name=x.name COLLATE NOCASE WHERE x.\"notnull\" AND NOT x.hidden AND"
                                 " x.dflt_value IS NULL AND h.name IS NULL LIMIT 1",
                                 host, table),
                 &found, err);
    if (status == DVS_OK && found != NULL)
        status = REFUSE(
            "%.400s: the column %s of %s is NOT NULL and no field of the entity, so that no row could be "
            "inserted; give the column a default, or the entity such a field",
            p->sink->path, found, table);
    sqlite3_free(found);
    return status;
}

/* REFERENCES without a column means the primary key, which is about to be another one. */
static int32_t check_references(const plan *p, dvs_error *err)
{
    char *found;
    int32_t status =
        ask(p->sink, p->table->name,
            sqlite3_mprintf(
                "SELECT m.name FROM main.sqlite_schema m, pragma_foreign_key_list(m.name,'main') f"
                " WHERE m.type='table' AND f.\"table\"=%Q COLLATE NOCASE AND f.\"to\" IS NULL LIMIT 1",
                p->table->name),
            &found, err);
    if (status == DVS_OK && found != NULL)
        status = REFUSE(
            "%.400s: a foreign key of %s refers to %s without naming a column, and would then mean %s; name "
            "the column in it",
            p->sink->path, found, p->table->name, p->row_id);
    sqlite3_free(found);
    return status;
}

static int32_t look_at_key(plan *p, dvs_error *err)
{
    dvs_sink *sink = p->sink;
    const char *table = p->table->name;
    int32_t status =
        ask(sink, table,
            sqlite3_mprintf("SELECT 1 FROM pragma_table_list(%Q) WHERE schema='main' AND strict", table),
            &p->strict, err);
    if (status == DVS_OK)
        status =
            ask(sink, table,
                sqlite3_mprintf("SELECT name FROM pragma_table_xinfo(%Q,'main') WHERE pk>0 AND NOT EXISTS("
                                "SELECT 1 FROM pragma_index_list(%Q,'main') WHERE origin='pk')",
                                table, table),
                &p->numbers, err);
    if (status == DVS_OK)
        status = ask(sink, table,
                     sqlite3_mprintf("SELECT group_concat(printf('\"%%w\" IS NOT NULL',name),' AND ') FROM"
                                     " pragma_table_xinfo(%Q,'main') WHERE pk>0 AND (\"notnull\" OR name=%Q)",
                                     table, p->numbers),
                     &p->not_null, err);
    return status;
}

/* The rowid under a name that no column takes, or the primary key. */
static char *order_sql(const char *table)
{
    return sqlite3_mprintf(
        "SELECT iif((SELECT wr FROM pragma_table_list(%Q) WHERE schema='main'),"
        "(SELECT group_concat(printf('\"%%w\"',name)) FROM (SELECT name FROM pragma_table_xinfo(%Q,'main') "
        "WHERE pk>0"
        " ORDER BY pk)),(SELECT column1 FROM (VALUES('rowid'),('oid'),('_rowid_')) WHERE column1 NOT IN"
        " (SELECT lower(name) FROM pragma_table_xinfo(%Q,'main')) LIMIT 1))",
        table, table, table);
}

static int32_t make_plan(plan *p, dvs_error *err)
{
    dvs_sink *sink = p->sink;
    const char *table = p->table->name;
    char *text = NULL;
    int32_t status = look_at_key(p, err);
    if (status == DVS_OK)
        status = ask(sink, table,
                     sqlite3_mprintf("SELECT group_concat(printf('\"%%w\"',name)) FROM (SELECT name FROM"
                                     " pragma_table_xinfo(%Q,'main') WHERE NOT hidden ORDER BY cid)",
                                     table),
                     &p->columns, err);
    if (status == DVS_OK)
        status = ask(sink, table, order_sql(table), &p->order, err);
    if (status == DVS_OK)
        status =
            ask(sink, table, sqlite3_mprintf("SELECT '_sync_adopt_' || hex(randomblob(8))"), &p->aside, err);
    if (status == DVS_OK)
        status = ask(
            sink, table,
            sqlite3_mprintf(
                "SELECT sql FROM main.sqlite_schema WHERE type='table' AND name=%Q COLLATE NOCASE", table),
            &text, err);
    if (status == DVS_OK && text == NULL)
        status = sink_sqlite_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "%.400s: has no table %s",
                                  sink->path, table);
    if (status == DVS_OK) {
        p->create = sink_sqlite_sql_with_row_id(sink->db, text, p->row_id, p->not_null, p->strict != NULL);
        status = p->create != NULL ? DVS_OK : sink_sqlite_no_memory(err);
    }
    sqlite3_free(text);
    return status;
}

static int32_t run(const plan *p, sqlite3_str *sql, const char *what, dvs_error *err)
{
    int32_t status = sink_sqlite_run(p->sink, sql, err, "the table %s could not be given the column %s: %s",
                                     p->table->name, p->row_id, what);
    if (status == DVS_E_DATA || status == DVS_E_DUPLICATE) { /* it is no row of ours that is at fault */
        err->status = status = DVS_E_SCHEMA;
        err->scope = DVS_SCOPE_STREAM;
    }
    return status;
}

static int32_t run_text(const plan *p, const char *whole, const char *what, dvs_error *err)
{
    sqlite3_str *sql = sqlite3_str_new(p->sink->db);
    sqlite3_str_appendall(sql, whole);
    return run(p, sql, what, err);
}

static int32_t put_aside(const plan *p, dvs_error *err)
{
    const char *table = p->table->name;
    sqlite3_str *sql = sqlite3_str_new(p->sink->db);
    sqlite3_str_appendf(sql, "CREATE TABLE temp.\"%w\" AS SELECT %s FROM main.\"%w\"", p->aside, p->columns,
                        table);
    if (p->order != NULL)
        sqlite3_str_appendf(sql, " ORDER BY %s", p->order);
    sqlite3_str_appendf(
        sql,
        "; CREATE TABLE temp.\"%w_sql\" AS SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL"
        " AND type IN ('index','trigger') AND tbl_name=%Q COLLATE NOCASE ORDER BY rowid",
        p->aside, table);
    sqlite3_str_appendf(sql, "; DROP TABLE main.\"%w\"", table);
    return run(p, sql, "its rows could not be put aside", err);
}

/* Each by itself: the schema keeps their texts to the last comment. */
static int32_t make_indexes_and_triggers(const plan *p, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (int i = 1; status == DVS_OK; i++) {
        char *one;
        status =
            ask(p->sink, p->table->name,
                sqlite3_mprintf("SELECT sql FROM temp.\"%w_sql\" WHERE rowid=%d", p->aside, i), &one, err);
        if (status != DVS_OK || one == NULL)
            break;
        status = run_text(p, one, "its indexes and triggers could not be made anew", err);
        sqlite3_free(one);
    }
    return status;
}

static int32_t rebuild(const plan *p, dvs_error *err)
{
    sqlite3_str *sql;
    int32_t status = put_aside(p, err);
    if (status == DVS_OK)
        status = run_text(p, p->create, "it could not be made anew", err);
    if (status == DVS_OK) {
        /* Without an index the rows come as they were put; SQLite numbers them from 1. */
        sql = sqlite3_str_new(p->sink->db);
        sqlite3_str_appendf(sql, "INSERT INTO main.\"%w\"(%s) SELECT * FROM temp.\"%w\"", p->table->name,
                            p->columns, p->aside);
        status = run(p, sql, "its rows could not be copied", err);
    }
    if (status == DVS_OK)
        status = make_indexes_and_triggers(p, err);
    if (status == DVS_OK) {
        sql = sqlite3_str_new(p->sink->db);
        sqlite3_str_appendf(sql, "DROP TABLE temp.\"%w\"; DROP TABLE temp.\"%w_sql\"", p->aside, p->aside);
        status = run(p, sql, "what was put aside could not be removed", err);
    }
    return status;
}

/* Rebuilds it under a savepoint, and with texts in double quotes allowed as in any program that made the
 * table. */
static int32_t rebuild_safely(const plan *p, dvs_error *err)
{
    sqlite3 *db = p->sink->db;
    int32_t status = run_text(p, "SAVEPOINT dvsync_adopt", "no savepoint", err);
    if (status != DVS_OK)
        return status;
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 1, (int *)NULL);
    status = rebuild(p, err);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
    if (status == DVS_OK)
        return run_text(p, "RELEASE dvsync_adopt", "no savepoint", err);
    if (sqlite3_get_autocommit(db) == 0) /* else the error has undone the whole transaction */
        sink_sqlite_exec(db, "ROLLBACK TO dvsync_adopt; RELEASE dvsync_adopt");
    return status;
}

int32_t sink_sqlite_add_row_id(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    plan p = {.sink = sink, .table = change->table, .row_id = change->column->name};
    char *host = host_sql(change->table);
    int32_t status;
    sink_sqlite_enter(sink, true); /* many rows take a while */
    status = host != NULL ? make_plan(&p, err) : sink_sqlite_no_memory(err);
    if (status == DVS_OK)
        status = check_filled(&p, host, err);
    if (status == DVS_OK)
        status = check_references(&p, err);
    if (status == DVS_OK)
        status = rebuild_safely(&p, err);
    if (status == DVS_OK && p.numbers != NULL) {
        char line[640];
        snprintf(line, sizeof line,
                 "table %s: SQLite no longer numbers new rows in the column %s; other programs must give it",
                 change->table->name, p.numbers);
        sink->host->log(sink->host, DVS_LOG_WARN, line);
    }
    sqlite3_free(host);
    free_plan(&p);
    return status;
}
