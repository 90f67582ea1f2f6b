/* unique.c - does a unique index say that a key has one row at most? */
#include "sink_sqlite.h"

/* The indexes that hold exactly the key's columns, over all rows or over those that the lookup is limited to
 * (?2: the end of such an index's text, as index.c writes it). Expressions have no name. */
static char *question(const dvs_lookup *lookup)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(
        sql, "SELECT 1 FROM pragma_index_list(?1, 'main') l LEFT JOIN main.sqlite_schema s ON s.name = l.name"
             " AND s.type = 'index' WHERE l.\"unique\" AND (NOT l.partial OR (?2 IS NOT NULL"
             " AND substr(s.sql, -length(?2)) = ?2)) AND NOT EXISTS (SELECT 1 FROM"
             " pragma_index_info(l.name, 'main') i WHERE i.name IS NULL OR lower(i.name) NOT IN (");
    for (uint32_t i = 0; i < lookup->n_key_columns; i++)
        sqlite3_str_appendf(sql, "%slower(%Q)", i > 0 ? "," : "",
                            sink_sqlite_column(lookup->table, lookup->key_columns[i])->name);
    sqlite3_str_appendall(sql, "))");
    return sqlite3_str_finish(sql);
}

static bool ask(dvs_writer *writer, const dvs_lookup *lookup)
{
    char *sql = question(lookup);
    char *limit = lookup->only_null < 0
                      ? NULL
                      : sqlite3_mprintf(" WHERE \"%w\" IS NULL",
                                        sink_sqlite_column(lookup->table, (uint32_t)lookup->only_null)->name);
    sqlite3_stmt *statement = NULL;
    bool unique = false;
    if (sql != NULL && sqlite3_prepare_v2(writer->sink->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_text(statement, 1, lookup->table->name, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(statement, 2, limit, -1, SQLITE_STATIC) == SQLITE_OK)
        unique = sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    sqlite3_free(limit);
    sqlite3_free(sql);
    return unique; /* after any error: it is only a question of speed */
}

/* Once a transaction: between two of them another program may have dropped the index. */
bool sink_sqlite_unique(dvs_writer *writer, sink_sqlite_entry *entry, const dvs_lookup *lookup)
{
    if (entry->checked != writer->transaction) {
        entry->unique = ask(writer, lookup);
        entry->checked = writer->transaction;
    }
    return entry->unique;
}
