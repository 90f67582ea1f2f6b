/*
 * memory.h - a sink in plain C over tables in memory; for tests only. What is committed stands in one file, a
 * journal of transactions: a header line, then for each transaction
 *
 *     "TXN\n"  u32 CRC-32 of the payload  u64 length of the payload  payload
 *
 * in little-endian order, added by one write. A transaction whose bytes are not all there, or wrong, does not
 * count and is cut off by the next writer: so a commit is atomic, whenever the process is killed. The payload
 * is a row of operations (see MEMORY_OP_); memory_dump.py reads and writes the same.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <jansson.h>
#include <stdatomic.h>
#include <stddef.h>

#include "dvsync/plugin.h"
#include "dvsync/plugin_util.h"

#include "../common/events.h"
#include "../common/values.h"

/* ---- buf.c: bytes of the journal ---- */

typedef struct memory_buf {
    uint8_t *data;
    size_t length;
    size_t capacity;
    int failed; /* memory ran out; the content is useless */
} memory_buf;

void memory_put(memory_buf *buf, const void *data, size_t length);
void memory_put_u8(memory_buf *buf, uint8_t value);
void memory_put_u32(memory_buf *buf, uint32_t value);
void memory_put_u64(memory_buf *buf, uint64_t value);
void memory_put_text(memory_buf *buf, const char *text); /* NULL is written as "" */
void memory_put_cell(memory_buf *buf, const dvs_cell *cell);

typedef struct memory_bytes {
    const uint8_t *at;
    const uint8_t *end;
    int bad; /* something was missing; everything read since is zero */
} memory_bytes;

uint8_t memory_get_u8(memory_bytes *bytes);
uint32_t memory_get_u32(memory_bytes *bytes);
uint64_t memory_get_u64(memory_bytes *bytes);
char *memory_get_text(memory_bytes *bytes);    /* allocated; NULL when bad or memory is out */
dvs_cell memory_get_cell(memory_bytes *bytes); /* its bytes stay where they are */

uint32_t memory_crc(const void *data, size_t length);

/* ---- store.c: tables and rows ---- */

typedef struct memory_row {
    int64_t id;
    uint32_t n_cells;
    uint32_t dead;    /* marked by a delete that has not swept yet */
    dvs_cell cells[]; /* their bytes follow in the same allocation */
} memory_row;

typedef struct memory_column {
    char *name;
    uint32_t kind;
    uint32_t flags;
    uint32_t key_position;
    uint32_t max_length;
} memory_column;

typedef struct memory_entry memory_entry;
struct memory_entry {
    memory_entry *next;
    uint64_t hash;
    memory_row *row;
};

/* A hash of rows by some columns. Rows in which one of them is NULL are not in it. */
typedef struct memory_index {
    char *name; /* NULL: made for a lookup, no index of the database */
    uint32_t unique;
    uint32_t n_columns;
    uint32_t *columns;
    int32_t only_null; /* column that must be NULL; -1: none */
    int32_t only_set;
    memory_entry **buckets;
    size_t n_buckets;
    size_t n_entries;
} memory_index;

typedef struct memory_table {
    char *name;
    memory_column *columns;
    uint32_t n_columns;
    memory_row **rows; /* in the order of their ids */
    size_t n_rows;
    size_t capacity;
    memory_index **indexes;
    uint32_t n_indexes;
} memory_table;

typedef struct memory_view {
    char *name;
    uint32_t type;
    char *table;
    char *table2;    /* "": none */
    char *only_null; /* name of the column; "": none */
} memory_view;

typedef struct memory_db {
    memory_table **tables;
    size_t n_tables;
    memory_view **views;
    size_t n_views;
} memory_db;

void memory_db_clear(memory_db *db);
memory_table *memory_db_table(const memory_db *db, const char *name); /* NULL: none */
memory_view *memory_db_view(const memory_db *db, const char *name);
memory_index *memory_db_index(const memory_db *db, const char *name, memory_table **table);
int32_t memory_column_find(const memory_table *table, const char *name); /* -1: none */

int32_t memory_no_memory(dvs_error *err);
memory_row *memory_row_new(const dvs_cell *cells, uint32_t n_cells); /* a copy; cell 0 is the id */
/* The place of the row of this id, or where it would stand. */
size_t memory_row_find(const memory_table *table, int64_t id, int *found);
/* Each keeps the indexes right and answers DVS_E_DUPLICATE where one forbids it, the table then being as
 * before. insert and replace take the row, also when they fail. */
int32_t memory_row_insert(memory_table *table, memory_row *row, dvs_error *err);
int32_t memory_row_replace(memory_table *table, size_t place, memory_row *row, dvs_error *err);
/* Deletes in two steps, so that many cost one pass. */
void memory_row_mark(memory_table *table, size_t place);
void memory_table_sweep(memory_table *table);

void memory_table_free(memory_table *table);
void memory_view_free(memory_view *view);

/* ---- index.c ---- */

uint64_t memory_cells_hash(const dvs_cell *cells, uint32_t n);
int memory_cell_equal(const dvs_cell *a, const dvs_cell *b);
/* -1, 0, 1 in the order of the storage; NULL first. */
int memory_cell_compare(const dvs_cell *a, const dvs_cell *b);

memory_index *memory_index_new(const char *name, uint32_t unique, const uint32_t *columns, uint32_t n_columns,
                               int32_t only_null, int32_t only_set);
void memory_index_free(memory_index *index);
/* Fills it from the rows; DVS_E_DUPLICATE. */
int32_t memory_index_build(memory_index *index, const memory_table *table, dvs_error *err);
int32_t memory_index_add(memory_index *index, const memory_table *table, memory_row *row, dvs_error *err);
void memory_index_remove(memory_index *index, const memory_row *row);
/* The index over exactly these columns, all rows; made when there is none. */
int32_t memory_index_for(memory_table *table, const uint32_t *columns, uint32_t n, memory_index **index,
                         dvs_error *err);
/* The next row with this key behind `after` (NULL: the first); NULL: no more. */
memory_entry *memory_index_next(const memory_index *index, const dvs_cell *key, uint64_t hash,
                                const memory_entry *after);
int32_t memory_table_attach(memory_table *table, memory_index *index); /* 0, or -1: memory is out */

/* ---- apply.c, replay.c: operations, as they stand in the journal ---- */

#define MEMORY_OP_CREATE_TABLE 1u
#define MEMORY_OP_ADD_COLUMN 2u
#define MEMORY_OP_DROP_COLUMN 3u
#define MEMORY_OP_RENAME_COLUMN 4u
#define MEMORY_OP_DROP_TABLE 5u
#define MEMORY_OP_RENAME_TABLE 6u
#define MEMORY_OP_INDEX 7u
#define MEMORY_OP_DROP_INDEX 8u
#define MEMORY_OP_VIEW 9u
#define MEMORY_OP_INSERT 10u
#define MEMORY_OP_UPDATE 11u
#define MEMORY_OP_DELETE 12u

/* Carries out all operations in the bytes. */
int32_t memory_apply(memory_db *db, const uint8_t *data, size_t length, dvs_error *err);
/* Schema operations in one step; declared here for apply.c and schema.c. */
int32_t memory_apply_schema(memory_db *db, uint8_t op, memory_bytes *bytes, dvs_error *err);
void memory_put_column(memory_buf *buf, const dvs_column *column);

/* ---- The objects ---- */

struct dvs_sink {
    const dvs_host *host;
    char *path;
    char *project;
    char *lock_path;
    uint32_t flags;
    int fd;
    int lock_fd;
    memory_db db;
    uint64_t committed; /* bytes of the file that `db` holds */
    testkit_events *events;
    int has_clock;
    int64_t clock_skew_ms;
    int64_t busy_timeout_ms;
    atomic_int interrupted;
    testkit_patience patience;
    dvs_writer *writer; /* NULL: none is open */
};

struct dvs_writer {
    dvs_sink *sink;
    int in_transaction;
    int has_savepoint;
    size_t savepoint; /* length of redo when it was set */
    memory_buf redo;
};

/* ---- journal.c ---- */

int32_t memory_file_open(dvs_sink *sink, const char *path, dvs_error *err);
/* Takes in what others have committed; with the write lock, cuts off what a killed writer left. */
int32_t memory_file_refresh(dvs_sink *sink, int locked, dvs_error *err);
/* Back to what is committed, and then the first `length` bytes of redo. */
int32_t memory_file_rebuild(dvs_sink *sink, const memory_buf *redo, size_t length, dvs_error *err);
int32_t memory_file_append(dvs_sink *sink, const memory_buf *redo, dvs_error *err);
/* One writer of the file at a time, in the order in which they asked. */
int32_t memory_file_lock(dvs_sink *sink, dvs_error *err);
void memory_file_unlock(dvs_sink *sink);

/* ---- query.c ---- */

#define MEMORY_NO_COLUMN UINT32_MAX

/* A table of the host on the one that is stored: where each of its columns stands. A session that only reads
 * may describe columns that are not there; a request that names one is refused. */
typedef struct memory_binding {
    const dvs_table *as;
    memory_table *table;
    uint32_t *map;
} memory_binding;

/* Outside a transaction it first takes in what others have committed. */
int32_t memory_bind(const dvs_writer *writer, const dvs_table *as, memory_binding *binding, dvs_error *err);
void memory_unbind(memory_binding *binding);
const dvs_column *memory_as_column(const dvs_table *as, uint32_t i);
/* May a request name this column? */
int32_t memory_column_check(const memory_binding *b, uint32_t column, dvs_error *err);
int32_t memory_where_check(const memory_binding *b, const dvs_where *where, uint32_t n, uint32_t stride,
                           dvs_error *err);
int memory_where_holds(const memory_binding *b, const dvs_where *where, uint32_t n, uint32_t stride,
                       const memory_row *row);
int memory_interrupted(const dvs_sink *sink, size_t step);

/* Goes through the rows for which conditions can hold: by an index of the database that they name a key of,
 * else through all. The row that came last may be marked as deleted. */
typedef struct memory_cursor {
    const memory_table *table;
    const memory_index *index; /* NULL: all rows */
    dvs_cell key[8];
    uint64_t hash;
    memory_entry *next;
    size_t step;
} memory_cursor;

void memory_cursor_open(memory_cursor *cursor, const memory_binding *b, const dvs_where *where, uint32_t n,
                        uint32_t stride);
memory_row *memory_cursor_next(memory_cursor *cursor);
int32_t memory_cancelled(dvs_error *err);

int32_t memory_read(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err);
int32_t memory_scan(dvs_writer *writer, const dvs_scan *scan, dvs_out *out, dvs_error *err);
int32_t memory_count(dvs_writer *writer, const dvs_table *table, const dvs_where *where, uint32_t n_where,
                     uint32_t where_stride, uint64_t *count, dvs_error *err);
int32_t memory_missing(dvs_writer *writer, const dvs_table *table, uint32_t column, const dvs_table *other,
                       uint32_t other_column, uint64_t limit, dvs_out *out, dvs_error *err);

/* ---- write.c ---- */

int32_t memory_write(dvs_writer *writer, const dvs_write *write, dvs_error *err);
int32_t memory_load(dvs_writer *writer, const dvs_write *write, dvs_error *err);
int32_t memory_delete_where(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                            uint32_t n_where, uint32_t where_stride, uint64_t *deleted, dvs_error *err);

/* ---- schema.c ---- */

int32_t memory_slot_apply_schema(dvs_writer *writer, const dvs_change *changes, uint32_t n, uint32_t stride,
                                 dvs_error *err);
int32_t memory_ensure_index(dvs_writer *writer, const dvs_index *index, dvs_error *err);
int32_t memory_drop_index(dvs_writer *writer, const dvs_index *index, dvs_error *err);
int32_t memory_ensure_view(dvs_writer *writer, const dvs_view *view, dvs_error *err);
int32_t memory_inspect(dvs_sink *sink, const char *table, dvs_out *out, dvs_error *err);

/* ---- transaction.c ---- */

int32_t memory_writer_open(dvs_sink *sink, dvs_writer **writer, dvs_error *err);
void memory_writer_close(dvs_writer *writer);
int32_t memory_begin(dvs_writer *writer, dvs_error *err);
int32_t memory_commit(dvs_writer *writer, dvs_error *err);
int32_t memory_rollback(dvs_writer *writer, dvs_error *err);
int32_t memory_savepoint(dvs_writer *writer, dvs_error *err);
int32_t memory_rollback_to(dvs_writer *writer, dvs_error *err);
int32_t memory_release(dvs_writer *writer, dvs_error *err);
/* DVS_OK when the writer may change something now. */
int32_t memory_may_write(const dvs_writer *writer, dvs_error *err);

/* ---- sink.c: around every slot ---- */

/* Events before the slot's work; and after it, with the line for the log. */
int32_t memory_enter(dvs_sink *sink, const char *slot, const char *table, dvs_error *err);
int32_t memory_leave(dvs_sink *sink, const char *slot, const char *table, json_t *line, int32_t status,
                     dvs_error *err);

#endif
