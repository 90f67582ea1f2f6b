/*
 * read.c - rows by key.
 *
 * An index over random keys is larger than the cache, so that each lookup in it costs the reading of a page.
 * Two ways around that:
 *   Sources tell their records in much the same order each time. So the row wanted next is most often the
 *   one behind the last one found: where the key is unique, that row is looked at first, and the index only
 *   when it has another key.
 *   Where that fails, keys are looked up in their own order: each page of the index is read once a call.
 */
#include "sink_sqlite.h"

#include <stdlib.h>

/* Guesses that may fail, more than succeed, before a call gives up guessing. */
#define MISSES 16
#define SORT_FROM 32

int32_t sink_sqlite_put(dvs_writer *writer, sqlite3_stmt *statement, const uint32_t *kinds, uint32_t n,
                        uint64_t number, dvs_out *out, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    dvs_row row;
    int32_t status = DVS_OK;
    int32_t answer;
    for (uint32_t i = 0; i < n; i++) {
        if (sink_sqlite_cell(statement, (int)i, kinds[i], writer->read[i], &writer->cells[i]) != SQLITE_OK)
            return sink_sqlite_no_memory(err);
    }
    memset(&row, 0, sizeof row);
    row.struct_size = (uint32_t)sizeof row;
    row.n_cells = n;
    row.number = number;
    row.cells = writer->cells;
    answer = sink->host->put_row(sink->host, out, &row);
    if (answer != DVS_PUT_FULL) /* of a sink the host takes all that it asked for */
        dvs_put_done(answer, &status, err);
    return status;
}

/* Each row has its row id behind the columns wanted. `guess`: only the row whose id is given behind the
 * key. */
static sqlite3_stmt *lookup_statement(dvs_writer *writer, const dvs_lookup *lookup, bool guess,
                                      dvs_error *err)
{
    const dvs_table *table = lookup->table;
    sqlite3_stmt *statement;
    sqlite3_str *sql;
    sink_sqlite_key_begin(&writer->key, guess ? 'g' : 'k', table);
    sink_sqlite_key_numbers(&writer->key, lookup->columns, lookup->n_columns);
    sink_sqlite_key_numbers(&writer->key, lookup->key_columns, lookup->n_key_columns);
    sink_sqlite_key_number(&writer->key, (uint32_t)lookup->only_null);
    statement = sink_sqlite_cached(writer);
    if (statement != NULL)
        return statement;
    sql = sqlite3_str_new(writer->sink->db);
    sqlite3_str_appendall(sql, "SELECT ");
    sink_sqlite_sql_columns(sql, table, lookup->columns, lookup->n_columns);
    sqlite3_str_appendf(sql, ",\"%w\" FROM main.\"%w\" WHERE ", sink_sqlite_column(table, 0)->name,
                        table->name);
    for (uint32_t i = 0; i < lookup->n_key_columns; i++) {
        if (i > 0)
            sqlite3_str_appendall(sql, " AND ");
        sink_sqlite_sql_compared(sql, table, lookup->key_columns[i]);
        sqlite3_str_appendf(sql, "=?%u", i + 1);
    }
    if (lookup->only_null >= 0)
        sqlite3_str_appendf(sql, " AND \"%w\" IS NULL",
                            sink_sqlite_column(table, (uint32_t)lookup->only_null)->name);
    if (guess)
        sqlite3_str_appendf(sql, " AND \"%w\"=?%u", sink_sqlite_column(table, 0)->name,
                            lookup->n_key_columns + 1);
    return sink_sqlite_prepare(writer, sql, err);
}

static int32_t bind_key(dvs_writer *writer, sqlite3_stmt *statement, const dvs_lookup *lookup,
                        const dvs_cell *key, dvs_error *err)
{
    for (uint32_t i = 0; i < lookup->n_key_columns; i++) {
        const dvs_column *column = sink_sqlite_column(lookup->table, lookup->key_columns[i]);
        const char *why;
        int rc = sink_sqlite_bind(statement, (int)i + 1, column->kind, &key[i], writer->bound[i], &why);
        if (rc == SQLITE_MISMATCH && why != NULL)
            return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_STREAM, "a key for %s.%s %s",
                                    lookup->table->name, column->name, why);
        if (rc != SQLITE_OK)
            return sink_sqlite_failed(writer->sink, writer->sink->db, rc, err,
                                      "a key for %s.%s could not be set", lookup->table->name, column->name);
    }
    return DVS_OK;
}

/* A call of read. */
typedef struct reading {
    dvs_writer *writer;
    const dvs_lookup *lookup;
    sqlite3_stmt *by_index;
    sqlite3_stmt *by_guess; /* NULL: the key is not known to be unique */
    uint32_t *kinds;
    dvs_out *out;
    dvs_error *err;
} reading;

/* Puts the rows of one key; *found says whether there was one. */
static int32_t read_key(const reading *r, sqlite3_stmt *statement, uint32_t number, bool *found)
{
    dvs_writer *writer = r->writer;
    const dvs_lookup *lookup = r->lookup;
    const dvs_cell *key = lookup->keys + (size_t)number * lookup->n_key_columns;
    int32_t status = bind_key(writer, statement, lookup, key, r->err);
    int rc = SQLITE_DONE;
    *found = false;
    while (status == DVS_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        writer->guess_row = sqlite3_column_int64(statement, (int)lookup->n_columns) + 1;
        *found = true;
        status = sink_sqlite_put(writer, statement, r->kinds, lookup->n_columns, number, r->out, r->err);
    }
    if (status == DVS_OK && rc != SQLITE_DONE)
        status = sink_sqlite_failed(writer->sink, writer->sink->db, rc, r->err,
                                    "rows of %s could not be read", lookup->table->name);
    sqlite3_reset(statement);
    if (status == DVS_OK && number % 64 == 63 && sink_sqlite_stopped(writer->sink))
        status = sink_sqlite_fail(r->err, DVS_E_CANCELLED, DVS_SCOPE_SOURCE, "cancelled");
    return status;
}

/* In the order given, by guessing, as long as that pays. *done: keys that are done. */
static int32_t read_guessing(const reading *r, uint32_t *done)
{
    const dvs_lookup *lookup = r->lookup;
    uint32_t hits = 0, misses = 0;
    int32_t status = DVS_OK;
    uint32_t i;
    if (r->writer->guess_table != lookup->table->id)
        r->writer->guess_row = 1;
    r->writer->guess_table = lookup->table->id;
    for (i = 0; i < lookup->n_keys && status == DVS_OK && misses < hits + MISSES; i++) {
        bool found;
        sqlite3_bind_int64(r->by_guess, (int)lookup->n_key_columns + 1, r->writer->guess_row);
        status = read_key(r, r->by_guess, i, &found);
        hits += found;
        misses += !found;
        if (status == DVS_OK && !found)
            status = read_key(r, r->by_index, i, &found);
    }
    *done = i;
    return status;
}

static int compare_keys(const void *a, const void *b, void *context)
{
    const dvs_lookup *lookup = context;
    const dvs_cell *x = &lookup->keys[(size_t)(*(const uint32_t *)a) * lookup->n_key_columns];
    const dvs_cell *y = &lookup->keys[(size_t)(*(const uint32_t *)b) * lookup->n_key_columns];
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->kind == DVS_TEXT || x->kind == DVS_UUID || x->kind == DVS_DECIMAL) {
        uint32_t length = x->length < y->length ? x->length : y->length;
        int order = length > 0 ? memcmp(x->v.bytes, y->v.bytes, length) : 0;
        return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
    }
    return (x->v.i64 > y->v.i64) - (x->v.i64 < y->v.i64);
}

/* The keys from `first` on, in their own order. */
static int32_t read_sorted(const reading *r, uint32_t first)
{
    dvs_lookup lookup = *r->lookup;
    uint32_t n = lookup.n_keys - first;
    uint32_t *order = malloc(((size_t)n + 1) * sizeof *order);
    int32_t status = order != NULL ? DVS_OK : sink_sqlite_no_memory(r->err);
    for (uint32_t i = 0; order != NULL && i < n; i++)
        order[i] = first + i;
    if (order != NULL && n >= SORT_FROM)
        qsort_r(order, n, sizeof *order, compare_keys, &lookup);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        bool found;
        status = read_key(r, r->by_index, order[i], &found);
    }
    free(order);
    return status;
}

static int32_t prepare_reading(reading *r)
{
    const dvs_lookup *lookup = r->lookup;
    r->by_index = lookup_statement(r->writer, lookup, false, r->err);
    if (r->by_index == NULL)
        return r->err->status;
    if (sink_sqlite_unique(r->writer, sink_sqlite_entry_of(r->writer, r->by_index), lookup)) {
        r->by_guess = lookup_statement(r->writer, lookup, true, r->err);
        if (r->by_guess == NULL)
            return r->err->status;
    }
    r->kinds = malloc((size_t)lookup->n_columns * sizeof *r->kinds);
    if (r->kinds == NULL || sink_sqlite_room(r->writer, lookup->n_columns) != 0 ||
        sink_sqlite_room(r->writer, lookup->n_key_columns) != 0)
        return sink_sqlite_no_memory(r->err);
    for (uint32_t i = 0; i < lookup->n_columns; i++)
        r->kinds[i] = sink_sqlite_column(lookup->table, lookup->columns[i])->kind;
    return DVS_OK;
}

int32_t sink_sqlite_read(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err)
{
    reading r = {.writer = writer, .lookup = lookup, .out = out, .err = err};
    uint32_t done = 0;
    int32_t status;
    sink_sqlite_enter(writer->sink, true);
    if (lookup->n_keys == 0)
        return DVS_OK;
    if (lookup->n_key_columns == 0 || lookup->n_columns == 0)
        return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_STREAM, "a lookup in %s names no columns",
                                lookup->table->name);
    status = prepare_reading(&r);
    if (status == DVS_OK && r.by_guess != NULL)
        status = read_guessing(&r, &done);
    if (status == DVS_OK && done < lookup->n_keys)
        status = read_sorted(&r, done);
    if (r.by_index != NULL)
        sqlite3_clear_bindings(r.by_index); /* they point to the caller's bytes */
    if (r.by_guess != NULL)
        sqlite3_clear_bindings(r.by_guess);
    free(r.kinds);
    return status;
}
