/* statement.c - SQL text, and the statements that are kept prepared. */
#include "sink_sqlite.h"

#include <stdlib.h>

/* ---- What a statement does, as bytes ---- */

static void key_add(sink_sqlite_key *key, const void *data, size_t length)
{
    if (key->failed)
        return;
    if (key->capacity - key->length < length) {
        size_t capacity = (key->capacity + length) * 2;
        unsigned char *bytes = realloc(key->bytes, capacity);
        if (bytes == NULL) {
            key->failed = true;
            return;
        }
        key->bytes = bytes;
        key->capacity = capacity;
    }
    memcpy(key->bytes + key->length, data, length);
    key->length += length;
}

void sink_sqlite_key_begin(sink_sqlite_key *key, char verb, const dvs_table *table)
{
    key->length = 0;
    key->failed = false;
    key_add(key, &verb, 1);
    key_add(key, &table->id, sizeof table->id);
    /* The id says it all; the name makes a host's mistake an error instead of a write to another table. */
    key_add(key, table->name, strlen(table->name) + 1);
}

void sink_sqlite_key_numbers(sink_sqlite_key *key, const uint32_t *numbers, uint32_t n)
{
    key_add(key, &n, sizeof n);
    if (n > 0)
        key_add(key, numbers, (size_t)n * sizeof numbers[0]);
}

void sink_sqlite_key_number(sink_sqlite_key *key, uint32_t number)
{
    key_add(key, &number, sizeof number);
}

/* FNV-1a: only to skip the comparison of the bytes. */
static uint64_t hash_of(const sink_sqlite_key *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < key->length; i++)
        hash = (hash ^ key->bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

/* ---- The cache: the least recently used statement makes way ---- */

sqlite3_stmt *sink_sqlite_cached(dvs_writer *writer)
{
    uint64_t hash = hash_of(&writer->key);
    if (writer->key.failed)
        return NULL;
    for (size_t i = 0; i < SINK_SQLITE_STATEMENTS; i++) {
        sink_sqlite_entry *entry = &writer->entries[i];
        if (entry->used != 0 && entry->hash == hash && entry->length == writer->key.length &&
            memcmp(entry->key, writer->key.bytes, entry->length) == 0) {
            entry->used = ++writer->clock;
            return entry->statement;
        }
    }
    return NULL;
}

sink_sqlite_entry *sink_sqlite_entry_of(dvs_writer *writer, const sqlite3_stmt *statement)
{
    size_t i = 0;
    while (i + 1 < SINK_SQLITE_STATEMENTS && writer->entries[i].statement != statement)
        i++;
    return &writer->entries[i];
}

static void forget(sink_sqlite_entry *entry)
{
    sqlite3_finalize(entry->statement);
    free(entry->key);
    memset(entry, 0, sizeof *entry);
}

void sink_sqlite_forget_all(dvs_writer *writer)
{
    for (size_t i = 0; i < SINK_SQLITE_STATEMENTS; i++)
        forget(&writer->entries[i]);
}

static sink_sqlite_entry *free_entry(dvs_writer *writer)
{
    sink_sqlite_entry *oldest = &writer->entries[0];
    for (size_t i = 1; i < SINK_SQLITE_STATEMENTS; i++) {
        if (writer->entries[i].used < oldest->used)
            oldest = &writer->entries[i];
    }
    forget(oldest);
    return oldest;
}

sqlite3_stmt *sink_sqlite_prepare(dvs_writer *writer, sqlite3_str *sql, dvs_error *err)
{
    sqlite3 *db = writer->sink->db;
    char *text = sqlite3_str_finish(sql);
    unsigned char *key = writer->key.failed ? NULL : malloc(writer->key.length);
    sink_sqlite_entry *entry;
    sqlite3_stmt *statement = NULL;
    int rc;
    if (text == NULL || key == NULL) {
        sink_sqlite_no_memory(err);
        goto fail;
    }
    rc = sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (rc != SQLITE_OK) {
        sink_sqlite_failed(writer->sink, db, rc, err, "a statement could not be prepared");
        goto fail;
    }
    memcpy(key, writer->key.bytes, writer->key.length);
    entry = free_entry(writer);
    entry->hash = hash_of(&writer->key);
    entry->used = ++writer->clock;
    entry->key = key;
    entry->length = writer->key.length;
    entry->statement = statement;
    sqlite3_free(text);
    return statement;
fail:
    sqlite3_free(text);
    free(key);
    return NULL;
}

/* ---- SQL text ---- */

const dvs_column *sink_sqlite_column(const dvs_table *table, uint32_t position)
{
    return (const dvs_column *)(const void *)((const char *)table->columns +
                                              (size_t)position * table->column_stride);
}

void sink_sqlite_sql_name(sqlite3_str *sql, const char *name)
{
    sqlite3_str_appendf(sql, "\"%w\"", name);
}

void sink_sqlite_sql_columns(sqlite3_str *sql, const dvs_table *table, const uint32_t *columns, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            sqlite3_str_appendchar(sql, 1, ',');
        sink_sqlite_sql_name(sql, sink_sqlite_column(table, columns[i])->name);
    }
}

void sink_sqlite_sql_compared(sqlite3_str *sql, const dvs_table *table, uint32_t position)
{
    const dvs_column *column = sink_sqlite_column(table, position);
    sink_sqlite_sql_name(sql, column->name);
    switch (column->kind) {
    case DVS_DECIMAL:
    case DVS_TEXT:
    case DVS_DATE:
    case DVS_TIMESTAMP:
    case DVS_UUID:
    case DVS_JSON:
        sqlite3_str_appendall(sql, " COLLATE BINARY");
        break;
    default:
        break;
    }
}

int32_t sink_sqlite_run(dvs_sink *sink, sqlite3_str *sql, dvs_error *err, const char *format, ...)
{
    char what[320];
    char *text = sqlite3_str_finish(sql);
    va_list args;
    int rc;
    if (text == NULL)
        return sink_sqlite_no_memory(err);
    rc = sink_sqlite_exec(sink->db, text);
    sqlite3_free(text);
    if (rc == SQLITE_OK)
        return DVS_OK;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return sink_sqlite_failed(sink, sink->db, rc, err, "%s", what);
}
