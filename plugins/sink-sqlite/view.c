/*
 * view.c - views.
 *
 * They are meant for every program that opens the file, most of which do not trust a schema: of the JSON
 * functions only json_each is allowed there.
 */
#include "sink_sqlite.h"

/* Stands in each view that names columns of a data table, so that it can be found again; sqlite3_free.
 * Nothing in the name may end the comment; that two names may give the same mark costs a view made anew. */
static char *mark_of(const char *table)
{
    char *mark = sqlite3_mprintf("/* dvsync: rows of %s */", table);
    char *end = mark != NULL ? mark + strlen(mark) - 2 : NULL;
    for (char *p = mark != NULL ? mark + 2 : NULL; p < end; p++) {
        if (*p == '*')
            *p = '+';
    }
    return mark;
}

static void current_sql(sqlite3_str *sql, const dvs_view *view)
{
    const dvs_table *table = view->table;
    char *mark = mark_of(table->name);
    sqlite3_str_appendf(sql, "\"%w\" AS %s SELECT ", view->name, mark != NULL ? mark : "");
    sqlite3_free(mark);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (i > 0)
            sqlite3_str_appendchar(sql, 1, ',');
        sink_sqlite_sql_name(sql, sink_sqlite_column(table, i)->name);
    }
    sqlite3_str_appendf(sql, " FROM \"%w\"", table->name);
    if (view->only_null >= 0)
        sqlite3_str_appendf(sql, " WHERE \"%w\" IS NULL",
                            sink_sqlite_column(table, (uint32_t)view->only_null)->name);
}

/*
 * Two kinds of rows. First the fields that stand in `changes`: {"field":{"old":…,"new":…}}, where "source",
 * "source_entity" and "from" are the record's own (or the mapping's of that time) unless given. Then, for
 * a create, the fields that do not stand there: those of the record's source that were mapped at the time;
 * their value is the row's own and not in the lineage.
 */
/* clang-format off */
#define MEMBER(name) "(SELECT j.value FROM json_each(c.value) j WHERE j.\"key\" = '" name "')"
#define SOURCE "coalesce(" MEMBER("source") ", l.source)"
#define SOURCE_ENTITY "coalesce(" MEMBER("source_entity") ", l.source_entity)"
/* The mapping was in use before and after that time. One that came back was not in use all the while: of several the
 * youngest is the right one. */
#define VALID(mapping) mapping ".first_seen <= l.changed_at AND " mapping ".last_seen >= l.changed_at"
/* One value of the mapping that fits best: the field's own before others of its source, one valid at the time
 * before older ones. (Outside a subquery of its own, ORDER BY would not see l and c.) */
#define MAPPING(value, condition)                                                                \
    "(SELECT v FROM (SELECT s." value " AS v, s.field = c.\"key\" AS own,"                       \
    " s.source_entity IS " SOURCE_ENTITY " AS fits, " VALID("s") " AS valid,"                    \
    " CASE WHEN " VALID("s") " THEN s.first_seen ELSE s.last_seen END AS seen"                   \
    " FROM \"%w\" s WHERE s.project = l.project AND s.entity = l.entity AND s.source = " SOURCE  \
    condition ") ORDER BY own DESC, fits DESC, valid DESC, seen DESC LIMIT 1)"

static const char lineage_part_changes[] =
    "SELECT l.entity AS entity_type, l.\"key\" AS entity_id, c.\"key\" AS field_name, "
    MAPPING("plugin", "") " AS source_type, "
    SOURCE " AS source_id, "
    SOURCE_ENTITY " || '.' || "
    "coalesce(" MEMBER("from") ", " MAPPING("source_field", " AND s.field = c.\"key\"") ") AS source_ref, "
    MEMBER("old") " AS previous_value, "
    MEMBER("new") " AS new_value, "
    "l.run_id AS sync_run_id, l.changed_at AS changed_at "
    "FROM \"%w\" l, json_each(l.changes) c";

static const char lineage_part_create[] =
    " UNION ALL SELECT l.entity, l.\"key\", s.field, s.plugin, s.source,"
    " coalesce(s.source_entity, l.source_entity) || '.' || s.source_field, NULL, NULL, l.run_id, l.changed_at"
    " FROM \"%w\" l JOIN \"%w\" s ON s.project = l.project AND s.entity = l.entity AND s.source = l.source"
    " AND " VALID("s")
    " AND (s.source_entity IS NULL OR l.source_entity IS NULL OR s.source_entity = l.source_entity)"
    " WHERE l.op = 'create'"
    " AND NOT EXISTS (SELECT 1 FROM json_each(l.changes) c WHERE c.\"key\" = s.field)"
    " AND NOT EXISTS (SELECT 1 FROM \"%w\" n WHERE n.project = s.project AND n.entity = s.entity AND n.field = s.field"
    " AND n.source = s.source AND n.source_entity IS s.source_entity AND " VALID("n")
    " AND n.first_seen > s.first_seen)";
/* clang-format on */

static void lineage_sql(sqlite3_str *sql, const dvs_view *view)
{
    const char *lineage = view->table->name;
    const char *schema = view->table2->name;
    sqlite3_str_appendf(sql, "\"%w\" AS ", view->name);
    sqlite3_str_appendf(sql, lineage_part_changes, schema, schema, lineage);
    sqlite3_str_appendf(sql, lineage_part_create, lineage, schema, schema);
}

/* *there: a view of this name is there; *same: with this very text. */
static int32_t look(dvs_sink *sink, const char *name, const char *text, bool *there, bool *same,
                    dvs_error *err)
{
    static const char sql[] = "SELECT sql = 'CREATE VIEW ' || ?2 FROM main.sqlite_schema WHERE type = 'view' "
                              "AND name = ?1 COLLATE NOCASE";
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(sink->db, sql, -1, &statement, NULL);
    *there = false;
    *same = false;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *there = true;
        *same = sqlite3_column_int(statement, 0) != 0;
    }
    sqlite3_finalize(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? DVS_OK
               : sink_sqlite_failed(sink, sink->db, rc, err, "the view %s could not be looked for", name);
}

static int32_t drop(dvs_sink *sink, const char *name, dvs_error *err)
{
    sqlite3_str *sql = sqlite3_str_new(sink->db);
    sqlite3_str_appendf(sql, "DROP VIEW main.\"%w\"", name);
    return sink_sqlite_run(sink, sql, err, "the view %s could not be replaced", name);
}

/* CREATE VIEW takes any text; whether it works shows when it is used. */
static int32_t check(dvs_sink *sink, const char *name, dvs_error *err)
{
    sqlite3_stmt *statement = NULL;
    char *sql = sqlite3_mprintf("SELECT * FROM main.\"%w\"", name);
    int rc = sql == NULL ? SQLITE_NOMEM : sqlite3_prepare_v2(sink->db, sql, -1, &statement, NULL);
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    return rc == SQLITE_OK ? DVS_OK
                           : sink_sqlite_failed(sink, sink->db, rc, err, "the view %s does not work", name);
}

int32_t sink_sqlite_ensure_view(dvs_writer *writer, const dvs_view *view, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    sqlite3_str *sql;
    char *text;
    bool there, same;
    int32_t status;
    sink_sqlite_enter(sink, false);
    status = sink_sqlite_may_write(writer, err);
    if (status != DVS_OK)
        return status;
    if (view->type != DVS_VIEW_CURRENT && view->type != DVS_VIEW_FIELD_LINEAGE)
        return sink_sqlite_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_STREAM,
                                "the sqlite sink knows no view of type %u", view->type);
    sql = sqlite3_str_new(sink->db);
    if (view->type == DVS_VIEW_CURRENT)
        current_sql(sql, view);
    else
        lineage_sql(sql, view);
    text = sqlite3_str_finish(sql);
    if (text == NULL)
        return sink_sqlite_no_memory(err);
    status = look(sink, view->name, text, &there, &same, err);
    if (status == DVS_OK && there && !same)
        status = drop(sink, view->name, err);
    if (status == DVS_OK && !same) {
        sql = sqlite3_str_new(sink->db);
        sqlite3_str_appendf(sql, "CREATE VIEW main.%s", text);
        status = sink_sqlite_run(sink, sql, err, "the view %s could not be made", view->name);
        if (status == DVS_OK)
            status = check(sink, view->name, err);
    }
    sqlite3_free(text);
    return status;
}

/* The name of one view that carries the mark of `table`, NULL when there is none. */
static int32_t find_marked(dvs_sink *sink, const char *table, char **name, dvs_error *err)
{
    static const char sql[] =
        "SELECT name FROM main.sqlite_schema WHERE type = 'view' AND instr(sql, ?1) > 0";
    sqlite3_stmt *statement = NULL;
    char *mark = mark_of(table);
    int rc = mark == NULL ? SQLITE_NOMEM : sqlite3_prepare_v2(sink->db, sql, -1, &statement, NULL);
    *name = NULL;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, mark, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *name = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(statement, 0));
        rc = *name != NULL ? SQLITE_DONE : SQLITE_NOMEM;
    }
    sqlite3_finalize(statement);
    sqlite3_free(mark);
    return rc == SQLITE_DONE
               ? DVS_OK
               : sink_sqlite_failed(sink, sink->db, rc, err, "the views of %s could not be found", table);
}

int32_t sink_sqlite_drop_views(dvs_writer *writer, const char *table, dvs_error *err)
{
    for (;;) {
        char *name;
        int32_t status = find_marked(writer->sink, table, &name, err);
        if (status != DVS_OK || name == NULL)
            return status;
        status = drop(writer->sink, name, err);
        sqlite3_free(name);
        if (status != DVS_OK)
            return status;
    }
}
