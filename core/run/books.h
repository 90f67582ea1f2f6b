/*
 * books.h - the bookkeeping tables `_sync_*`, as ordinary tables of the sink.
 *
 * Column names, order and kinds stand in one list here; the enumerators are positions in the tables. Every
 * table begins with row_id and project, and holds the rows of all projects of the database.
 */
#ifndef DVSI_RUN_BOOKS_H
#define DVSI_RUN_BOOKS_H

#include "data/batch.h"
#include "data/schema.h"
#include "plugin/host.h"

/* clang-format off */
/* X(enumerator, name, kind) */
#define DVSI_COUNT_COLUMNS(X, T)                                                                        \
    X(T##_PROCESSED, "rows_processed", DVS_INT64) X(T##_CREATED, "rows_created", DVS_INT64)             \
    X(T##_UPDATED, "rows_updated", DVS_INT64) X(T##_DELETED, "rows_deleted", DVS_INT64)                 \
    X(T##_UNCHANGED, "rows_unchanged", DVS_INT64) X(T##_SKIPPED, "rows_skipped", DVS_INT64)             \
    X(T##_ROW_ERRORS, "row_errors", DVS_INT64) X(T##_CONFLICTS, "conflicts", DVS_INT64)

#define DVSI_RUNS_COLUMNS(X)                                                                            \
    X(RUNS_ROW_ID, "row_id", DVS_INT64) X(RUNS_PROJECT, "project", DVS_TEXT)                            \
    X(RUNS_RUN_ID, "run_id", DVS_TEXT) X(RUNS_STATUS, "status", DVS_TEXT)                               \
    X(RUNS_TRIGGER, "trigger", DVS_TEXT) X(RUNS_STARTED_AT, "started_at", DVS_TIMESTAMP)                \
    X(RUNS_COMPLETED_AT, "completed_at", DVS_TIMESTAMP) DVSI_COUNT_COLUMNS(X, RUNS)                     \
    X(RUNS_ERROR_MESSAGE, "error_message", DVS_TEXT) X(RUNS_HOST, "host", DVS_TEXT)                     \
    X(RUNS_PID, "pid", DVS_INT64)
#define DVSI_LOG_COLUMNS(X)                                                                             \
    X(LOG_ROW_ID, "row_id", DVS_INT64) X(LOG_PROJECT, "project", DVS_TEXT)                              \
    X(LOG_RUN_ID, "run_id", DVS_TEXT) X(LOG_ENTITY, "entity", DVS_TEXT)                                 \
    X(LOG_SOURCE, "source", DVS_TEXT) X(LOG_MODE, "mode", DVS_TEXT)                                     \
    X(LOG_REASON, "reason", DVS_TEXT) X(LOG_STATUS, "status", DVS_TEXT)                                 \
    X(LOG_STARTED_AT, "started_at", DVS_TIMESTAMP) X(LOG_COMPLETED_AT, "completed_at", DVS_TIMESTAMP)   \
    DVSI_COUNT_COLUMNS(X, LOG) X(LOG_ERROR_MESSAGE, "error_message", DVS_TEXT)
/* One row a `from` entry. The columns behind records_count belong to an unfinished read: counts up to its
 * position, the highest row ids then (of the data table, of offers, of lineage), whether it is a first load
 * (the table has no key index yet), and what was there when it first began. */
#define DVSI_STATE_COLUMNS(X)                                                                           \
    X(STATE_ROW_ID, "row_id", DVS_INT64) X(STATE_PROJECT, "project", DVS_TEXT)                          \
    X(STATE_ENTITY, "entity", DVS_TEXT) X(STATE_SOURCE, "source", DVS_TEXT)                             \
    X(STATE_STATE, "state", DVS_TEXT) X(STATE_CURSOR, "cursor", DVS_BYTES)                              \
    X(STATE_CURSOR_KIND, "cursor_kind", DVS_TEXT) X(STATE_POSITION, "position", DVS_BYTES)              \
    X(STATE_READ_MODE, "read_mode", DVS_TEXT) X(STATE_READ_STARTED_AT, "read_started_at", DVS_TIMESTAMP) \
    X(STATE_WATERMARK, "watermark", DVS_TIMESTAMP) X(STATE_FINGERPRINT, "fingerprint", DVS_TEXT)        \
    X(STATE_LAST_SYNC_TIME, "last_sync_time", DVS_TIMESTAMP)                                            \
    X(STATE_LAST_FULL_AT, "last_full_at", DVS_TIMESTAMP) X(STATE_RECORDS_COUNT, "records_count", DVS_INT64) \
    X(STATE_FIRST_LOAD, "first_load", DVS_BOOL) X(STATE_START_ROW_ID, "start_row_id", DVS_INT64)        \
    X(STATE_START_ACTIVE, "start_active", DVS_INT64) X(STATE_HIGH_ROW_ID, "high_row_id", DVS_INT64)     \
    X(STATE_HIGH_LINEAGE, "high_lineage_id", DVS_INT64) X(STATE_UNIDENTIFIED, "unidentified", DVS_INT64)
#define DVSI_TABLES_COLUMNS(X)                                                                          \
    X(TABLES_ROW_ID, "row_id", DVS_INT64) X(TABLES_PROJECT, "project", DVS_TEXT)                        \
    X(TABLES_TABLE_NAME, "table_name", DVS_TEXT) X(TABLES_ENTITY, "entity", DVS_TEXT)                   \
    X(TABLES_CREATED_RUN_ID, "created_run_id", DVS_TEXT) X(TABLES_DEFINITION, "definition", DVS_JSON)
#define DVSI_SCHEMA_COLUMNS(X)                                                                          \
    X(SCHEMA_ROW_ID, "row_id", DVS_INT64) X(SCHEMA_PROJECT, "project", DVS_TEXT)                        \
    X(SCHEMA_ENTITY, "entity", DVS_TEXT) X(SCHEMA_FIELD, "field", DVS_TEXT)                             \
    X(SCHEMA_POSITION, "position", DVS_INT64) X(SCHEMA_TYPE, "type", DVS_TEXT)                          \
    X(SCHEMA_SOURCE, "source", DVS_TEXT) X(SCHEMA_PLUGIN, "plugin", DVS_TEXT)                           \
    X(SCHEMA_SOURCE_ENTITY, "source_entity", DVS_TEXT) X(SCHEMA_SOURCE_FIELD, "source_field", DVS_TEXT) \
    X(SCHEMA_IS_KEY, "is_key", DVS_BOOL) X(SCHEMA_FIRST_SEEN, "first_seen", DVS_TIMESTAMP)              \
    X(SCHEMA_LAST_SEEN, "last_seen", DVS_TIMESTAMP)
#define DVSI_ERRORS_COLUMNS(X)                                                                          \
    X(ERRORS_ROW_ID, "row_id", DVS_INT64) X(ERRORS_PROJECT, "project", DVS_TEXT)                        \
    X(ERRORS_RUN_ID, "run_id", DVS_TEXT) X(ERRORS_ENTITY, "entity", DVS_TEXT)                           \
    X(ERRORS_SOURCE, "source", DVS_TEXT) X(ERRORS_ROW_NUMBER, "row_number", DVS_INT64)                  \
    X(ERRORS_SOURCE_KEY, "source_key", DVS_TEXT) X(ERRORS_KEY, "key", DVS_TEXT)                         \
    X(ERRORS_FIELD, "field", DVS_TEXT) X(ERRORS_SEVERITY, "severity", DVS_TEXT)                         \
    X(ERRORS_MESSAGE, "message", DVS_TEXT) X(ERRORS_RECORD, "record", DVS_TEXT)                         \
    X(ERRORS_FIRST_SEEN, "first_seen", DVS_TIMESTAMP) X(ERRORS_LAST_SEEN, "last_seen", DVS_TIMESTAMP)   \
    X(ERRORS_ATTEMPTS, "attempts", DVS_INT64) X(ERRORS_CLOSED_AT, "closed_at", DVS_TIMESTAMP)           \
    X(ERRORS_CELLS, "cells", DVS_JSON)
#define DVSI_OFFERS_COLUMNS(X)                                                                          \
    X(OFFERS_OFFER_ID, "offer_id", DVS_INT64) X(OFFERS_PROJECT, "project", DVS_TEXT)                    \
    X(OFFERS_ENTITY, "entity", DVS_TEXT) X(OFFERS_SOURCE, "source", DVS_TEXT)                           \
    X(OFFERS_SOURCE_KEY, "source_key", DVS_TEXT) X(OFFERS_KEY, "key", DVS_TEXT)                         \
    X(OFFERS_FIELDS, "fields", DVS_JSON) X(OFFERS_MODIFIED_AT, "modified_at", DVS_TIMESTAMP)            \
    X(OFFERS_VERSION, "version", DVS_TEXT) X(OFFERS_PENDING, "pending", DVS_BOOL)                       \
    X(OFFERS_RUN_ID, "run_id", DVS_TEXT) X(OFFERS_SEEN_AT, "seen_at", DVS_TIMESTAMP)                    \
    X(OFFERS_RAW, "raw", DVS_JSON)
/* Keys that are to be looked at when the read has ended: tombstones, and keys that an offer left. */
#define DVSI_DELETES_COLUMNS(X)                                                                         \
    X(DELETES_ROW_ID, "row_id", DVS_INT64) X(DELETES_PROJECT, "project", DVS_TEXT)                      \
    X(DELETES_ENTITY, "entity", DVS_TEXT) X(DELETES_SOURCE, "source", DVS_TEXT)                         \
    X(DELETES_KEY, "key", DVS_TEXT) X(DELETES_SEEN_AT, "seen_at", DVS_TIMESTAMP)
/* The seen-set of a complete read in progress: bit i of chunk c is row id (or offer id) c * 65536 + i. */
#define DVSI_SEEN_COLUMNS(X)                                                                            \
    X(SEEN_ROW_ID, "row_id", DVS_INT64) X(SEEN_PROJECT, "project", DVS_TEXT)                            \
    X(SEEN_ENTITY, "entity", DVS_TEXT) X(SEEN_SOURCE, "source", DVS_TEXT)                               \
    X(SEEN_CHUNK, "chunk", DVS_INT64) X(SEEN_BITS, "bits", DVS_BYTES)
#define DVSI_LINEAGE_COLUMNS(X)                                                                         \
    X(LINEAGE_ROW_ID, "row_id", DVS_INT64) X(LINEAGE_PROJECT, "project", DVS_TEXT)                      \
    X(LINEAGE_RUN_ID, "run_id", DVS_TEXT) X(LINEAGE_ENTITY, "entity", DVS_TEXT)                         \
    X(LINEAGE_KEY, "key", DVS_TEXT) X(LINEAGE_OP, "op", DVS_TEXT)                                       \
    X(LINEAGE_SOURCE, "source", DVS_TEXT) X(LINEAGE_SOURCE_ENTITY, "source_entity", DVS_TEXT)           \
    X(LINEAGE_CHANGES, "changes", DVS_JSON) X(LINEAGE_CHANGED_AT, "changed_at", DVS_TIMESTAMP)
/* closed_at is NULL while a conflict is open. The values are JSON, large ones as in the lineage. */
#define DVSI_CONFLICTS_COLUMNS(X)                                                                       \
    X(CONFLICTS_ID, "id", DVS_INT64) X(CONFLICTS_PROJECT, "project", DVS_TEXT)                          \
    X(CONFLICTS_ENTITY, "entity", DVS_TEXT) X(CONFLICTS_KEY, "key", DVS_TEXT)                           \
    X(CONFLICTS_FIELD, "field", DVS_TEXT) X(CONFLICTS_KIND, "kind", DVS_TEXT)                           \
    X(CONFLICTS_WINNER_SOURCE, "winner_source", DVS_TEXT) X(CONFLICTS_WINNER_VALUE, "winner_value", DVS_JSON) \
    X(CONFLICTS_LOSER_SOURCE, "loser_source", DVS_TEXT) X(CONFLICTS_LOSER_VALUE, "loser_value", DVS_JSON) \
    X(CONFLICTS_RULE, "rule", DVS_TEXT) X(CONFLICTS_STATUS, "status", DVS_TEXT)                         \
    X(CONFLICTS_FIRST_RUN_ID, "first_run_id", DVS_TEXT) X(CONFLICTS_LAST_RUN_ID, "last_run_id", DVS_TEXT) \
    X(CONFLICTS_FIRST_SEEN, "first_seen", DVS_TIMESTAMP) X(CONFLICTS_LAST_SEEN, "last_seen", DVS_TIMESTAMP) \
    X(CONFLICTS_SEEN_COUNT, "seen_count", DVS_INT64) X(CONFLICTS_CLOSED_AT, "closed_at", DVS_TIMESTAMP)
/* Values are exact. */
#define DVSI_PINS_COLUMNS(X)                                                                            \
    X(PINS_ROW_ID, "row_id", DVS_INT64) X(PINS_PROJECT, "project", DVS_TEXT)                            \
    X(PINS_ENTITY, "entity", DVS_TEXT) X(PINS_KEY, "key", DVS_TEXT)                                     \
    X(PINS_FIELD, "field", DVS_TEXT) X(PINS_VALUE, "value", DVS_JSON)                                   \
    X(PINS_KEPT, "kept", DVS_TEXT) X(PINS_CONFLICT_ID, "conflict_id", DVS_INT64)                        \
    X(PINS_PINNED_AT, "pinned_at", DVS_TIMESTAMP)
#define DVSI_LOCKS_COLUMNS(X)                                                                           \
    X(LOCKS_ROW_ID, "row_id", DVS_INT64) X(LOCKS_PROJECT, "project", DVS_TEXT)                          \
    X(LOCKS_RUN_ID, "run_id", DVS_TEXT) X(LOCKS_HOST, "host", DVS_TEXT)                                 \
    X(LOCKS_BOOT_ID, "boot_id", DVS_TEXT) X(LOCKS_PID, "pid", DVS_INT64)                                \
    X(LOCKS_ACQUIRED_AT, "acquired_at", DVS_TIMESTAMP) X(LOCKS_HEARTBEAT_AT, "heartbeat_at", DVS_TIMESTAMP) \
    X(LOCKS_CANCEL_REQUESTED, "cancel_requested", DVS_BOOL)
#define DVSI_PLUGIN_STATE_COLUMNS(X)                                                                    \
    X(PLUGIN_STATE_ROW_ID, "row_id", DVS_INT64) X(PLUGIN_STATE_PROJECT, "project", DVS_TEXT)            \
    X(PLUGIN_STATE_SOURCE, "source", DVS_TEXT) X(PLUGIN_STATE_KEY, "key", DVS_TEXT)                     \
    X(PLUGIN_STATE_BYTES, "bytes", DVS_BYTES)
/* What a diff found, in its temporary database only. `part` 0: creates and updates, 1: deletes. */
#define DVSI_CHANGES_COLUMNS(X)                                                                         \
    X(CHANGES_ROW_ID, "row_id", DVS_INT64) X(CHANGES_PROJECT, "project", DVS_TEXT)                      \
    X(CHANGES_ENTITY, "entity", DVS_TEXT) X(CHANGES_PART, "part", DVS_INT64)                            \
    X(CHANGES_KEY, "key", DVS_TEXT) X(CHANGES_LINE, "line", DVS_TEXT)
/* What a plan needs beside the changes, in the temporary database of a diff that saves one. */
#define DVSI_KEPT_COLUMNS(X)                                                                            \
    X(KEPT_ROW_ID, "row_id", DVS_INT64) X(KEPT_PROJECT, "project", DVS_TEXT)                            \
    X(KEPT_ENTITY, "entity", DVS_TEXT) X(KEPT_SOURCE, "source", DVS_TEXT)                               \
    X(KEPT_PART, "part", DVS_INT64) X(KEPT_KEY, "key", DVS_TEXT) X(KEPT_LINE, "line", DVS_TEXT)

/* Keys and row ids of a table without a key index, in the temporary database of a diff. */
#define DVSI_ROWS_COLUMNS(X)                                                                            \
    X(ROWS_ROW_ID, "row_id", DVS_INT64) X(ROWS_PROJECT, "project", DVS_TEXT)                            \
    X(ROWS_ENTITY, "entity", DVS_TEXT) X(ROWS_KEY, "key", DVS_TEXT) X(ROWS_ROW, "row", DVS_INT64)
/* clang-format on */

#define DVSI_BOOK_ENUM(enumerator, name, kind) DVSI_##enumerator,
enum { DVSI_RUNS_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_RUNS };
enum { DVSI_LOG_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_LOG };
enum { DVSI_STATE_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_STATE };
enum { DVSI_TABLES_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_TABLES };
enum { DVSI_SCHEMA_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_SCHEMA };
enum { DVSI_ERRORS_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_ERRORS };
enum { DVSI_OFFERS_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_OFFERS };
enum { DVSI_DELETES_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_DELETES };
enum { DVSI_SEEN_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_SEEN };
enum { DVSI_LINEAGE_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_LINEAGE };
enum { DVSI_CONFLICTS_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_CONFLICTS };
enum { DVSI_PINS_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_PINS };
enum { DVSI_LOCKS_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_LOCKS };
enum { DVSI_PLUGIN_STATE_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_PLUGIN_STATE };
enum { DVSI_CHANGES_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_CHANGES };
enum { DVSI_KEPT_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_KEPT };
enum { DVSI_ROWS_COLUMNS(DVSI_BOOK_ENUM) DVSI_N_ROWS };
#define DVSI_BOOK_MAX_COLUMNS 32

typedef enum dvsi_book {
    DVSI_BOOK_RUNS,
    DVSI_BOOK_LOG,
    DVSI_BOOK_STATE,
    DVSI_BOOK_TABLES,
    DVSI_BOOK_SCHEMA,
    DVSI_BOOK_ERRORS,
    DVSI_BOOK_OFFERS,
    DVSI_BOOK_DELETES,
    DVSI_BOOK_SEEN,
    DVSI_BOOK_LINEAGE,
    DVSI_BOOK_CONFLICTS,
    DVSI_BOOK_PINS,
    DVSI_BOOK_LOCKS,
    DVSI_BOOK_PLUGIN_STATE,
    DVSI_BOOK_IN_SINK, /* how many of the above live in every sink */
    DVSI_BOOK_CHANGES = DVSI_BOOK_IN_SINK,
    DVSI_BOOK_KEPT,
    DVSI_BOOK_ROWS,
    DVSI_BOOK_COUNT
} dvsi_book;

typedef struct dvsi_books {
    dvsi_sink *sink;
    const char *project;
    dvsi_schema schemas[DVSI_BOOK_COUNT];
    dvs_table tables[DVSI_BOOK_COUNT];
    uint32_t exists[DVSI_BOOK_COUNT];
    int64_t next_id[DVSI_BOOK_COUNT]; /* 0: ask the sink, others may have written since */
    uint32_t offers_empty;            /* there were none when dvsi_books_create looked */
    uint32_t offers_bare;             /* ... and they have no indexes since (offers_load.c) */
} dvsi_books;

/* An id for a dvs_table, unique in this process. */
uint64_t dvsi_table_id(void);

/* Looks which of the tables are there. Texts must outlive the books. Needs a transaction. */
int32_t dvsi_books_open(dvsi_books *books, dvsi_sink *sink, const char *project, dvs_error *err);
/* Makes those of the first `n` that are missing, with indexes and the view field_lineage. In a transaction.
 * The index of the lineage is left out when there is no lineage yet, and those of the offers when there are
 * none: dvsi_books_index adds them after a load. */
int32_t dvsi_books_create(dvsi_books *books, dvsi_book n, dvs_error *err);
int32_t dvsi_books_index(dvsi_books *books, dvs_error *err);
int32_t dvsi_books_index_lineage(dvsi_books *books, dvs_error *err);
/* Of the offers' indexes those of the keys alone; and all of them away. */
int32_t dvsi_books_index_offers(dvsi_books *books, dvs_error *err);
int32_t dvsi_books_unindex_offers(dvsi_books *books, dvs_error *err);
/* A new transaction: forget what others may have changed. */
void dvsi_books_begin(dvsi_books *books);
void dvsi_books_close(dvsi_books *books);

/* Texts in their rows: NULL stands for NULL. */
dvs_cell dvsi_text_or_null(const char *text);
int dvsi_cell_says(const dvs_cell *cell, const char *text); /* is it this text? */

/* A comparison for the calls below. */
dvs_where dvsi_where(uint32_t column, uint32_t op, dvs_cell value);

/* One more than the highest row id of any table (column 0). */
int32_t dvsi_sink_next_id(dvsi_sink *sink, const dvs_table *table, int64_t *next, dvs_error *err);
/* The next row id of a table (or offer id), counting up. */
int32_t dvsi_books_next_id(dvsi_books *books, dvsi_book book, int64_t *id, dvs_error *err);
/* Inserts `n_rows` rows of all columns; ids and project are filled in. *first is the first id (may be
 * NULL). */
int32_t dvsi_books_insert(dvsi_books *books, dvsi_book book, dvs_cell *rows, uint32_t n_rows, int64_t *first,
                          dvs_error *err);
/* Sets columns of one row. */
int32_t dvsi_books_update(dvsi_books *books, dvsi_book book, int64_t row_id, const uint32_t *columns,
                          const dvs_cell *cells, uint32_t n_cells, dvs_error *err);
int32_t dvsi_books_delete(dvsi_books *books, dvsi_book book, const int64_t *row_ids, uint32_t n,
                          dvs_error *err);
/* The project's rows for which the conditions hold, whole, in order of row id (descending: newest first), at
 * most `limit` (0: all), appended to `rows` (reset by this call). Nothing when the table is not there. */
int32_t dvsi_books_find(dvsi_books *books, dvsi_book book, const dvs_where *where, uint32_t n_where,
                        int descending, uint64_t limit, dvsi_batch *rows, dvs_error *err);
int32_t dvsi_books_delete_where(dvsi_books *books, dvsi_book book, const dvs_where *where, uint32_t n_where,
                                uint64_t *deleted, dvs_error *err);
int32_t dvsi_books_count(dvsi_books *books, dvsi_book book, const dvs_where *where, uint32_t n_where,
                         uint64_t *count, dvs_error *err);

#endif
