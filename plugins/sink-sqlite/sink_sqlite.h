/*
 * sink_sqlite.h - what the files of this plugin share.
 *
 * path.c network.c   where the file is, whether it may be used    transaction.c  begin, commit, savepoints
 * open.c             connections for writing, closing            schema.c       tables, columns, inspect
 * readonly.c copy.c  connections that change nothing             index.c view.c indexes, views
 * lock.c             the project's lock                          read.c unique.c  rows by key
 * checkpoint.c       the log into the file
 * adopt.c table_sql.c  tables that others made                  scan.c         rows by conditions
 * wait.c             busy handler, cancelling                    write.c        writing rows
 * error.c            SQLite's results as errors                  statement.c    the cache of statements
 * cell_in.c          cells to SQLite's values                    number.c time_text.c json.c utf8.c
 * cell_out.c         and back
 */
#ifndef SINK_SQLITE_H
#define SINK_SQLITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <sqlite3.h>

#include "dvsync/plugin_util.h"

/* ---- The sink ---- */

/* How the file is open. */
typedef enum sink_sqlite_mode {
    SINK_SQLITE_WRITE,     /* read and write                                                          */
    SINK_SQLITE_RO,        /* mode=ro                                                                 */
    SINK_SQLITE_QUIET,     /* read-write with query_only: leaves no -wal and -shm behind              */
    SINK_SQLITE_IMMUTABLE, /* immutable=1: nobody has it open, and we may not make files beside it    */
    SINK_SQLITE_COPY       /* a private copy in $TMPDIR                                               */
} sink_sqlite_mode;

/* What tells that a file is still the one that was looked at. */
typedef struct sink_sqlite_stamp {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
} sink_sqlite_stamp;

/* The database file and those beside it. */
typedef struct sink_sqlite_files {
    sink_sqlite_stamp database;
    sink_sqlite_stamp wal;
    sink_sqlite_stamp journal;
    bool has_shm;
} sink_sqlite_files;

typedef struct sink_sqlite_mover sink_sqlite_mover;

struct dvs_sink {
    const dvs_host *host;
    dvs_writer *writer; /* NULL: not made yet */
    sqlite3 *db;
    sink_sqlite_mover *mover; /* NULL: not open for writing, or no file that others may see */
    char *path;               /* real path */
    char *project;
    uint32_t flags; /* DVS_SINK_ */
    sink_sqlite_mode mode;
    sink_sqlite_files files; /* as they were when it was opened immutable or copied */
    int lock_fd;             /* -1: not locked */
    int64_t page_size;
    const char *synchronous;
    const char *journal_mode;
    int64_t busy_timeout_ms;

    /* Of the slot that runs (wait.c). */
    atomic_int interrupted;
    int64_t slot_started; /* monotonic, microseconds */
    bool cancellable;     /* a long statement of it may be broken off when the run is cancelled */
    int64_t wait_started; /* 0: not waited */
    int64_t waited_us;
    bool gave_up; /* stopped waiting because of cancelled() or interrupt */
};

/* ---- wait.c: time, waiting, cancelling ---- */

int64_t sink_sqlite_now(void); /* monotonic, microseconds */
void sink_sqlite_sleep(int64_t microseconds);
/* Begins a slot. Everything else of this file refers to the last one. */
void sink_sqlite_enter(dvs_sink *sink, bool cancellable);
/* True when the slot was interrupted or, being cancellable, the run is cancelled. */
bool sink_sqlite_stopped(dvs_sink *sink);
/* Puts the handlers on a connection. */
void sink_sqlite_set_handlers(dvs_sink *sink, sqlite3 *db);

/* ---- error.c ---- */

/* Like dvs_fail, with a message that surely is one line of valid UTF-8. */
int32_t sink_sqlite_fail(dvs_error *err, int32_t status, int32_t scope, const char *format, ...)
    DVS_UTIL_PRINTF(4, 5);
/* Fills *err from a result of SQLite: "PATH: what: why; what to do". */
int32_t sink_sqlite_failed(dvs_sink *sink, sqlite3 *db, int rc, dvs_error *err, const char *format, ...)
    DVS_UTIL_PRINTF(5, 6);
int32_t sink_sqlite_no_memory(dvs_error *err);
/* A system error's text, the same in every locale. */
const char *sink_sqlite_system_text(int code);

/* ---- path.c, network.c ---- */

/* Finds (with `create`, makes) the file and sets sink->path to its real path. */
int32_t sink_sqlite_find_file(dvs_sink *sink, const char *path, bool create, dvs_error *err);
sink_sqlite_stamp sink_sqlite_stamp_of(const char *path, const char *suffix);
sink_sqlite_files sink_sqlite_files_of(const char *path);
bool sink_sqlite_stamp_equal(const sink_sqlite_stamp *a, const sink_sqlite_stamp *b);
/* "PATH" + suffix, malloc; NULL when memory is out. */
char *sink_sqlite_join(const char *path, const char *suffix);
/* The folder of a path, malloc. */
char *sink_sqlite_parent(const char *path);
/* The name of the network file system that holds `path`, NULL when it is a local one or cannot be told. */
const char *sink_sqlite_network(const char *path);
/* The same from a file system's number, or a type as in /proc/self/mountinfo. */
const char *sink_sqlite_network_number(unsigned long f_type);
const char *sink_sqlite_network_type(const char *type);

/* ---- open.c, readonly.c, copy.c ---- */

/* Opens `name` (a path, or a URI) and sets up what needs no look into the file, so that none is taken; *db is
 * NULL on failure, *err filled. */
int32_t sink_sqlite_connect(dvs_sink *sink, const char *name, int flags, sqlite3 **db, dvs_error *err);
/* Reads the schema, which shows whether the file can be used, and bounds the memory. A SQLite result. */
int sink_sqlite_try(sqlite3 *db);
int sink_sqlite_exec(sqlite3 *db, const char *sql);
/* What a file from elsewhere must not be able to do to us, and we not to it. A SQLite result. */
int sink_sqlite_defend(sqlite3 *db);
/* Opens sink->path so that nothing is changed. */
int32_t sink_sqlite_open_read_only(dvs_sink *sink, dvs_error *err);
void sink_sqlite_close_read_only(dvs_sink *sink);
/* True when the file is not any more what an immutable connection or a copy shows. */
bool sink_sqlite_outdated(const dvs_sink *sink);
/* Copies the database behind `from`, with its -wal and -journal, and opens the copy as *db. */
int32_t sink_sqlite_open_copy(dvs_sink *sink, sqlite3 *from, sqlite3 **db, dvs_error *err);

/* ---- checkpoint.c ---- */

/* The log's file is not made smaller than this. */
#define SINK_SQLITE_WAL_KEPT_BYTES 67108864
/* Has the log of sink->db moved into the file from now on, mostly beside the writing; NULL when memory is
 * out. */
sink_sqlite_mover *sink_sqlite_mover_new(const dvs_sink *sink, int page_size);
/* Waits for what is being moved. sink->db must not commit any more. */
void sink_sqlite_mover_free(sink_sqlite_mover *mover);

/* ---- statement.c: prepared statements, kept by what they do ---- */

#define SINK_SQLITE_STATEMENTS 64

typedef struct sink_sqlite_entry {
    uint64_t hash;
    uint64_t used; /* 0: free */
    unsigned char *key;
    size_t length;
    sqlite3_stmt *statement;
    uint64_t checked; /* lookups: the transaction in which `unique` was found out */
    bool unique;      /* at most one row has such a key */
} sink_sqlite_entry;

/* What a statement does, as bytes: equal bytes are equal statements. */
typedef struct sink_sqlite_key {
    unsigned char *bytes;
    size_t length;
    size_t capacity;
    bool failed; /* memory is out */
} sink_sqlite_key;

void sink_sqlite_key_begin(sink_sqlite_key *key, char verb, const dvs_table *table);
void sink_sqlite_key_numbers(sink_sqlite_key *key, const uint32_t *numbers, uint32_t n);
void sink_sqlite_key_number(sink_sqlite_key *key, uint32_t number);
/* The statement kept under writer->key, or NULL. */
sqlite3_stmt *sink_sqlite_cached(dvs_writer *writer);
/* The entry of a statement that is in the cache. */
sink_sqlite_entry *sink_sqlite_entry_of(dvs_writer *writer, const sqlite3_stmt *statement);
/* Prepares `sql`, which it finishes and frees, and keeps it under writer->key. NULL: *err is filled. */
sqlite3_stmt *sink_sqlite_prepare(dvs_writer *writer, sqlite3_str *sql, dvs_error *err);
void sink_sqlite_forget_all(dvs_writer *writer);

/* SQL text: ` "name"` with quotes doubled; a list of columns by position; a column's COLLATE, if any. */
const dvs_column *sink_sqlite_column(const dvs_table *table, uint32_t position);
void sink_sqlite_sql_name(sqlite3_str *sql, const char *name);
void sink_sqlite_sql_columns(sqlite3_str *sql, const dvs_table *table, const uint32_t *columns, uint32_t n);
/* A column where it is compared or ordered: bytewise, whatever collation the table declares. */
void sink_sqlite_sql_compared(sqlite3_str *sql, const dvs_table *table, uint32_t position);
/* Runs SQL that returns nothing; finishes and frees `sql`. */
int32_t sink_sqlite_run(dvs_sink *sink, sqlite3_str *sql, dvs_error *err, const char *format, ...)
    DVS_UTIL_PRINTF(4, 5);

/* ---- The writer ---- */

/* Bytes for a cell whose text is made here: the longest is a uuid. */
#define SINK_SQLITE_SCRATCH 40

struct dvs_writer {
    dvs_sink *sink;
    sink_sqlite_entry entries[SINK_SQLITE_STATEMENTS];
    uint64_t clock; /* of uses */
    sink_sqlite_key key;
    bool in_transaction;
    uint64_t transaction; /* counts them, from 1 */
    int64_t last_pause;   /* see commit */
    uint64_t guess_table; /* id of the table of the last lookup, */
    int64_t guess_row;    /* and the row that the next one may want (read.c) */
    /* Room for one row that is read, and for the texts of values that are bound. */
    dvs_cell *cells;
    char (*read)[SINK_SQLITE_SCRATCH];
    char (*bound)[SINK_SQLITE_SCRATCH];
    uint32_t room;
};

/* Makes room for n cells each. 0 or -1. Moves what is there: never while something is bound to it. */
int sink_sqlite_room(dvs_writer *writer, uint32_t n);

/* ---- cell_in.c, cell_out.c ---- */

/* Binds a cell to parameter `index` of a column of `kind`. `scratch` (SINK_SQLITE_SCRATCH) and the cell's
 * bytes must stay until the statement is reset. SQLITE_OK, or a result of SQLite; SQLITE_MISMATCH with *why
 * when the cell itself is at fault. */
int sink_sqlite_bind(sqlite3_stmt *statement, int index, uint32_t kind, const dvs_cell *cell, char *scratch,
                     const char **why);
/* Reads column `index` of the current row as `kind`. The cell's bytes stay until the next step. SQLITE_OK or
 * SQLITE_NOMEM. */
int sink_sqlite_cell(sqlite3_stmt *statement, int index, uint32_t kind, char *scratch, dvs_cell *cell);

/* ---- number.c, time_text.c, json.c, utf8.c: no locale anywhere ---- */

#define SINK_SQLITE_DIGITS 1000 /* of a decimal, written out */

typedef enum sink_sqlite_class {
    SINK_SQLITE_BAD,     /* no decimal number, or too long */
    SINK_SQLITE_INTEGER, /* whole, and an int64 */
    SINK_SQLITE_REAL,    /* the double's shortest text is this very number */
    SINK_SQLITE_TEXT     /* only text holds it */
} sink_sqlite_class;

typedef struct sink_sqlite_decimal {
    sink_sqlite_class as;
    int64_t integer;
    double real;
    size_t length; /* TEXT: of the canonical text */
    char text[SINK_SQLITE_DIGITS + 4];
} sink_sqlite_decimal;

/* How a decimal is stored. `out` is large: its text is written only for TEXT. */
void sink_sqlite_decimal_read(const char *text, size_t length, sink_sqlite_decimal *out);
/* Numbers as decimal text without a NUL, at most SINK_SQLITE_SCRATCH bytes; the length. `value` is finite. */
size_t sink_sqlite_text_of_double(double value, char *out);
size_t sink_sqlite_text_of_int64(int64_t value, char *out);

#define SINK_SQLITE_DATE_LENGTH 10
#define SINK_SQLITE_TIMESTAMP_LENGTH 27
#define SINK_SQLITE_UUID_LENGTH 36

/* 0, or -1 when out of range; write exactly *_LENGTH bytes. */
int sink_sqlite_date_write(int64_t days, char *out);
int sink_sqlite_timestamp_write(int64_t micros, char *out);
void sink_sqlite_uuid_write(const uint8_t *bytes, char *out);
/* Read exactly what the writers write and nothing else. 0 or -1. */
int sink_sqlite_date_read(const char *text, size_t length, int64_t *days);
int sink_sqlite_timestamp_read(const char *text, size_t length, int64_t *micros);
int sink_sqlite_uuid_read(const char *text, size_t length, uint8_t *bytes);

/* One JSON value (RFC 8259) and nothing else, at most 64 levels deep, no NUL or lone surrogate in it. The
 * text is valid UTF-8. */
bool sink_sqlite_json_valid(const char *text, size_t length);
/* Valid UTF-8 without NUL. */
bool sink_sqlite_utf8_valid(const void *text, size_t length);

/* ---- The slots ---- */

int32_t sink_sqlite_open(const dvs_host *host, const dvs_sink_open *request, dvs_sink **sink, dvs_error *err);
void sink_sqlite_close(dvs_sink *sink);
int32_t sink_sqlite_lock(dvs_sink *sink, dvs_error *err);
void sink_sqlite_unlock(dvs_sink *sink);
int32_t sink_sqlite_lock_probe(dvs_sink *sink, dvs_error *err);
int32_t sink_sqlite_inspect(dvs_sink *sink, const char *table, dvs_out *out, dvs_error *err);
int32_t sink_sqlite_writer(dvs_sink *sink, dvs_writer **writer, dvs_error *err);
void sink_sqlite_close_writer(dvs_writer *writer);
int32_t sink_sqlite_begin(dvs_writer *writer, dvs_error *err);
int32_t sink_sqlite_commit(dvs_writer *writer, dvs_error *err);
int32_t sink_sqlite_rollback(dvs_writer *writer, dvs_error *err);
int32_t sink_sqlite_savepoint(dvs_writer *writer, dvs_error *err);
int32_t sink_sqlite_rollback_to(dvs_writer *writer, dvs_error *err);
int32_t sink_sqlite_release(dvs_writer *writer, dvs_error *err);
/* What every slot that writes asks first: is this a sink for writing, and is its transaction still there? */
int32_t sink_sqlite_may_write(dvs_writer *writer, dvs_error *err);
int32_t sink_sqlite_apply_schema(dvs_writer *writer, const dvs_change *changes, uint32_t n_changes,
                                 uint32_t stride, dvs_error *err);
int32_t sink_sqlite_ensure_index(dvs_writer *writer, const dvs_index *index, dvs_error *err);
int32_t sink_sqlite_drop_index(dvs_writer *writer, const dvs_index *index, dvs_error *err);
int32_t sink_sqlite_ensure_view(dvs_writer *writer, const dvs_view *view, dvs_error *err);
/* adopt.c. Whether dvsync's rows can be in a table that is about to get a column: DVS_E_SCHEMA when it is a
 * view, has another primary key, or columns that would not hold the values. */
int32_t sink_sqlite_check_table(dvs_writer *writer, const dvs_change *change, dvs_error *err);
/* Makes the table anew with the change's ROW_ID column. */
int32_t sink_sqlite_add_row_id(dvs_writer *writer, const dvs_change *change, dvs_error *err);
/* table_sql.c. The text of a CREATE TABLE with a row id as first column and primary key, sqlite3_free; NULL
 * when memory is out. The old primary key becomes unique; not_null is the condition that its columns are set,
 * NULL when they need not be. */
char *sink_sqlite_sql_with_row_id(sqlite3 *db, const char *text, const char *row_id, const char *not_null,
                                  bool strict);
/* Drops the views of ensure_view that name columns of `table`, which is about to lose one. */
int32_t sink_sqlite_drop_views(dvs_writer *writer, const char *table, dvs_error *err);
int32_t sink_sqlite_read(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err);
int32_t sink_sqlite_scan(dvs_writer *writer, const dvs_scan *scan, dvs_out *out, dvs_error *err);
int32_t sink_sqlite_count(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                          uint32_t n_where, uint32_t where_stride, uint64_t *count, dvs_error *err);
int32_t sink_sqlite_write(dvs_writer *writer, const dvs_write *write, dvs_error *err);
int32_t sink_sqlite_load(dvs_writer *writer, const dvs_write *write, dvs_error *err);
int32_t sink_sqlite_delete_where(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                                 uint32_t n_where, uint32_t where_stride, uint64_t *deleted, dvs_error *err);
int32_t sink_sqlite_missing(dvs_writer *writer, const dvs_table *table, uint32_t column,
                            const dvs_table *other, uint32_t other_column, uint64_t limit, dvs_out *out,
                            dvs_error *err);
void sink_sqlite_interrupt(dvs_sink *sink);

/* Whether a unique index says that a lookup finds one row at most. */
bool sink_sqlite_unique(dvs_writer *writer, sink_sqlite_entry *entry, const dvs_lookup *lookup);
/* Puts the statement's current row, as the kinds say. DVS_OK: go on. */
int32_t sink_sqlite_put(dvs_writer *writer, sqlite3_stmt *statement, const uint32_t *kinds, uint32_t n,
                        uint64_t number, dvs_out *out, dvs_error *err);
/* Adds " WHERE ..." to SQL and the conditions' shape to writer->key; binds their values from parameter
 * `first` on. `where` is an array with a stride. */
void sink_sqlite_where_key(dvs_writer *writer, const dvs_where *where, uint32_t n, uint32_t stride);
void sink_sqlite_where_sql(sqlite3_str *sql, const dvs_table *table, const dvs_where *where, uint32_t n,
                           uint32_t stride);
int32_t sink_sqlite_where_bind(dvs_writer *writer, sqlite3_stmt *statement, const dvs_table *table,
                               const dvs_where *where, uint32_t n, uint32_t stride, int first,
                               dvs_error *err);

#endif
