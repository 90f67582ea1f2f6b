/* index.c - indexes. */
#include "sink_sqlite.h"

int32_t sink_sqlite_ensure_index(dvs_writer *writer, const dvs_index *index, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    sqlite3_str *sql;
    int32_t status;
    sink_sqlite_enter(sink, true); /* over many rows it takes a while */
    status = sink_sqlite_may_write(writer, err);
    if (status != DVS_OK)
        return status;
    sink_sqlite_forget_all(writer); /* what is known about unique keys goes with the statements */
    sql = sqlite3_str_new(sink->db);
    sqlite3_str_appendf(sql, "CREATE %sINDEX IF NOT EXISTS main.\"%w\" ON \"%w\"(",
                        (index->flags & DVS_INDEX_UNIQUE) != 0 ? "UNIQUE " : "", index->name,
                        index->table->name);
    for (uint32_t i = 0; i < index->n_columns; i++) {
        if (i > 0)
            sqlite3_str_appendchar(sql, 1, ',');
        sink_sqlite_sql_compared(sql, index->table, index->columns[i]);
    }
    sqlite3_str_appendchar(sql, 1, ')');
    if (index->only_null >= 0)
        sqlite3_str_appendf(sql, " WHERE \"%w\" IS NULL",
                            sink_sqlite_column(index->table, (uint32_t)index->only_null)->name);
    if (index->only_set >= 0)
        sqlite3_str_appendf(sql, " %s \"%w\" IS NOT NULL", index->only_null >= 0 ? "AND" : "WHERE",
                            sink_sqlite_column(index->table, (uint32_t)index->only_set)->name);
    status = sink_sqlite_run(sink, sql, err, "the index %s of %s could not be made", index->name,
                             index->table->name);
    if (status == DVS_E_DUPLICATE)
        return sink_sqlite_fail(
            err, DVS_E_DUPLICATE, DVS_SCOPE_STREAM,
            "%.400s: several rows of %s have the same key, so that its unique index %s cannot "
            "be made; remove all but one of them",
            sink->path, index->table->name, index->name);
    return status;
}

int32_t sink_sqlite_drop_index(dvs_writer *writer, const dvs_index *index, dvs_error *err)
{
    sqlite3_str *sql;
    int32_t status;
    sink_sqlite_enter(writer->sink, false);
    status = sink_sqlite_may_write(writer, err);
    if (status != DVS_OK)
        return status;
    sink_sqlite_forget_all(writer);
    sql = sqlite3_str_new(writer->sink->db);
    sqlite3_str_appendf(sql, "DROP INDEX IF EXISTS main.\"%w\"", index->name);
    return sink_sqlite_run(writer->sink, sql, err, "the index %s could not be dropped", index->name);
}
