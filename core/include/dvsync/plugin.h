/*
 * dvsync/plugin.h - the border between dvsync and its plugins. C11 and C++11, no other header needed.
 *
 * A plugin is a shared object that exports one symbol:
 *
 *     const dvs_plugin *dvs_plugin_v1(void);
 *
 * It describes a source (something records are read from), a sink (something they are written to) or
 * both. The plugin knows one system and no policy: keys, authority, conflicts, lineage, history,
 * deletes, schema rules and bookkeeping are the host's, and reach a sink as ordinary tables and rows.
 *
 * THE RULES THAT HOLD EVERYWHERE
 *
 * Versions.  The major version is in the symbol's name. Within it, structs and tables only grow at
 *   their end. Every struct that crosses the border starts with struct_size, set by whoever owns the
 *   storage, and arrays of structs come with a stride. Read a later field only if DVS_HAS() says that
 *   it is there. Fields and `reserved` that you do not know are zero.
 * Ownership.  Nobody frees anything that crosses the border. What the host passes to a slot is valid
 *   until the slot returns, unless the slot says otherwise; what a plugin pushes through the host
 *   table is copied before the call returns. Objects (dvs_source, dvs_reader, dvs_sink, dvs_writer)
 *   are made and closed by the plugin's slots; a slot that fails leaves its out pointer NULL.
 * Threads.  A dvs_source may be used by several threads at once and locks itself. A dvs_reader, a
 *   dvs_sink and a dvs_writer are used by one thread at a time, not always the same. `interrupt` is the
 *   one slot that may be called while another slot of the same object runs. A plugin may run threads
 *   of its own, but calls the host only inside a slot, on the thread on which the host called it.
 * Errors.  A slot returns a status of error.h. On failure it fills *err (never NULL) with status,
 *   scope and a one-line message for the user: what failed, where, why, what to do; no secrets.
 * Waiting.  A slot that waits for longer than 100 ms polls host->cancelled() and then returns
 *   DVS_E_CANCELLED.
 * Manners.  No exit, abort, setlocale, signal handler, exception or longjmp across the border. No
 *   mutable globals; host->once() guards initialisation of process-wide libraries. The plugin is never
 *   unloaded.
 * Text.  All text is UTF-8 without NUL bytes; names end in NUL. Nothing depends on the locale.
 */
#ifndef DVSYNC_PLUGIN_H
#define DVSYNC_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DVS_ABI_MAJOR 1u
#define DVS_ABI_MINOR 0u

/* True when the struct behind `p` is long enough to hold `field`. */
#define DVS_HAS(p, type, field) \
    ((p)->struct_size >= offsetof(type, field) + sizeof(((const type *)0)->field))

#if defined(__GNUC__)
#define DVS_EXPORT __attribute__((visibility("default")))
#else
#define DVS_EXPORT
#endif

/* ---------------------------------------------------------------------------------------------------
 * Cells: one value of one record.
 */

#define DVS_ABSENT 0    /* the source did not deliver the field: no opinion, not NULL             */
#define DVS_NULL 1      /* the field is empty                                                     */
#define DVS_BOOL 2      /* v.i64: 0 or 1                                                          */
#define DVS_INT64 3     /* v.i64                                                                  */
#define DVS_DOUBLE 4    /* v.f64: finite; -0.0 equals 0.0                                         */
#define DVS_DECIMAL 5   /* v.text: [+-]digits[.digits][(e|E)[+-]digits], exact, at most 1000 digits */
#define DVS_TEXT 6      /* v.text: UTF-8, no NUL                                                  */
#define DVS_BYTES 7     /* v.bytes                                                                */
#define DVS_DATE 8      /* v.i64: days since 1970-01-01, years 0001 to 9999                       */
#define DVS_TIMESTAMP 9 /* v.i64: microseconds since 1970-01-01T00:00:00Z, years 0001 to 9999     */
#define DVS_UUID 10     /* v.bytes: the 16 bytes in the order in which they are printed; length 16 */
#define DVS_JSON 11     /* v.text: one JSON value (RFC 8259)                                      */
#define DVS_KIND_COUNT 12

/* Cell flags. */
#define DVS_CELL_MISTYPED 1 /* from a sink only: the stored value does not fit the column's kind; the
                             * cell has the kind that was found, and differs from every value */
#define DVS_CELL_SECRET 2   /* in settings only: the value must not be shown anywhere */

typedef struct dvs_cell {
    uint8_t kind; /* DVS_ABSENT ... */
    uint8_t flags;
    uint16_t reserved;
    uint32_t length; /* bytes behind v.text or v.bytes; text need not end in NUL */
    union {
        int64_t i64;
        double f64;
        const char *text;
        const uint8_t *bytes;
    } v;
} dvs_cell; /* 16 bytes; all zero is ABSENT */

/* ---------------------------------------------------------------------------------------------------
 * Columns and streams: how a plugin describes what it has, and the host what it wants.
 */

#define DVS_COLUMN_KEY 1u      /* part of the record's identity, see key_position                   */
#define DVS_COLUMN_NULLABLE 2u /* may be NULL                                                       */
#define DVS_COLUMN_VERSION 4u  /* grows with every change of the record (a row version)             */
#define DVS_COLUMN_MODIFIED 8u /* DVS_TIMESTAMP of the record's last change                         */
#define DVS_COLUMN_SECURED 16u /* may be hidden from us: then ABSENT, never NULL                    */
#define DVS_COLUMN_RAW 32u     /* DVS_JSON: the whole record as the source gave it; at most one     */
#define DVS_COLUMN_ROW_ID 64u  /* sinks: the DVS_INT64 row number that the host gives to each row   */
#define DVS_COLUMN_UNTYPED 128u /* sources: the system has no types; the project may choose one      */

/* One code of an option set (enumeration) and its label in one language. */
typedef struct dvs_choice {
    uint32_t struct_size;
    int32_t language; /* Windows language code, 0: none */
    int64_t code;
    int64_t state; /* for status codes, the state they belong to; else INT64_MIN */
    const char *label;
} dvs_choice;

typedef struct dvs_column {
    uint32_t struct_size;
    uint32_t kind;         /* DVS_BOOL ... DVS_JSON */
    uint32_t flags;        /* DVS_COLUMN_ */
    uint32_t key_position; /* 1, 2, ... for the columns of the key, in order; 0 for the others */
    uint32_t max_length;   /* of text, in characters; 0: not known */
    uint32_t n_targets;    /* streams that a reference may point to */
    uint32_t n_choices;
    uint32_t choice_stride;
    const char *name;
    const char *native_type; /* the system's own name for the type, for messages; may be NULL */
    const char *const *targets;
    const dvs_choice *choices;
} dvs_column;

/* What a stream can do. */
#define DVS_STREAM_COMPLETE 1u   /* complete reads: a record that is missing from one does not exist */
#define DVS_STREAM_CURSOR 2u     /* polled cursor: new and changed records since, but no deletes     */
#define DVS_STREAM_DELTA 4u      /* delta: changes since, deletes included as tombstones             */
#define DVS_STREAM_RESUME 8u     /* gives position checkpoints and starts from them                  */
#define DVS_STREAM_FETCH 16u     /* records by key                                                   */
#define DVS_STREAM_KEY_ORDER 32u /* complete reads deliver in the order of the key                   */

typedef struct dvs_stream {
    uint32_t struct_size;
    uint32_t flags;
    int64_t rows;      /* about how many records; -1: not known */
    const char *name;  /* what the project's `entity:` says */
    const char *alias; /* another name that is accepted; NULL: none */
    const char *doc;   /* one line; may be NULL */
} dvs_stream;

/* ---------------------------------------------------------------------------------------------------
 * Settings: a plugin describes its options, the host reads them from the project, checks, defaults and
 * interpolates them, keeps secrets out of every output, and hands over values.
 */

#define DVS_OPTION_TEXT 1u   /* value: DVS_TEXT                                                       */
#define DVS_OPTION_INT 2u    /* value: DVS_INT64, between min and max                                 */
#define DVS_OPTION_BOOL 3u   /* value: DVS_BOOL                                                       */
#define DVS_OPTION_PATH 4u   /* value: DVS_TEXT, made absolute against the project file's folder      */
#define DVS_OPTION_CHOICE 5u /* value: DVS_TEXT, one of `choices`                                     */
#define DVS_OPTION_LIST 6u   /* pairs: values DVS_TEXT, keys ""                                       */
#define DVS_OPTION_MAP 7u    /* pairs: keys and values text; with `choices`, the allowed values       */

#define DVS_OPTION_REQUIRED 1u
#define DVS_OPTION_SECRET 2u /* never shown anywhere                          */
#define DVS_OPTION_IDENTITY 4u /* another value means another system or other data (documentation) */

typedef struct dvs_option {
    uint32_t struct_size;
    uint32_t type;  /* DVS_OPTION_ */
    uint32_t flags; /* DVS_OPTION_REQUIRED ... */
    uint32_t reserved;
    int64_t min; /* DVS_OPTION_INT; both 0: no limit */
    int64_t max;
    const char *name;          /* [a-z][a-z0-9_]* */
    const char *default_value; /* as it would stand in the project; NULL: none, the setting is left out; LIST
                                * and MAP have none */
    const char *choices;       /* "a|b|c" or NULL */
    const char *doc;           /* one line */
} dvs_option;

typedef struct dvs_pair {
    const char *key;
    const char *value;
} dvs_pair;

typedef struct dvs_setting {
    uint32_t struct_size;
    uint32_t n_pairs;
    const char *name;
    dvs_cell value; /* ABSENT for LIST and MAP; text ends in NUL */
    const dvs_pair *pairs;
} dvs_setting;

/* All settings that have a value, given or default. Valid as long as the object they opened. */
typedef struct dvs_settings {
    uint32_t struct_size;
    uint32_t n_settings;
    uint32_t stride;
    uint32_t reserved;
    const dvs_setting *settings;
} dvs_settings;

/* ---------------------------------------------------------------------------------------------------
 * The host table: what a plugin may call. Passed to open(); valid until the object is closed.
 */

typedef struct dvs_out dvs_out; /* where pushed things go; valid until the slot that got it returns */

#define DVS_LOG_ERROR 0
#define DVS_LOG_WARN 1
#define DVS_LOG_INFO 2
#define DVS_LOG_DEBUG 3

/* Answers of put_row and put_error. */
#define DVS_PUT_OK 0        /* taken; go on                                                           */
#define DVS_PUT_FULL 1      /* taken; return DVS_OK from the slot now (a checkpoint may still be put) */
#define DVS_PUT_ROW_ERROR 2 /* the row was refused and noted as a row error; go on                    */
#define DVS_PUT_CANCELLED 3 /* return DVS_E_CANCELLED now                                             */
#define DVS_PUT_FATAL 4     /* the contract was broken or memory is out: return DVS_E_ABI now         */

#define DVS_ROW_TOMBSTONE 1u /* the record was deleted; key columns are set, the others ABSENT */

typedef struct dvs_row {
    uint32_t struct_size;
    uint32_t flags;   /* DVS_ROW_ */
    uint32_t n_cells; /* as many as columns were asked for */
    uint32_t reserved;
    uint64_t number; /* pull: the record's number in the source (line, position), from 1, 0: none;
                      * sink read: index of the key that the row answers */
    const dvs_cell *cells; /* in the order in which the columns were asked for */
} dvs_row;

/* A record that the plugin itself could not turn into a row. The read goes on behind it. */
typedef struct dvs_row_error {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t number;        /* as in dvs_row                                              */
    const char *source_key; /* the record's key as text, if it can be told; else NULL     */
    const char *field;      /* column at fault; NULL: the whole record                    */
    const char *message;    /* what is wrong, one line                                    */
    const char *record;     /* the record as received, any bytes; NULL: not known         */
    uint64_t record_length; /* bytes                                                      */
    const dvs_cell *cells;  /* what of the record is usable, as in dvs_row, the rest ABSENT: the host finds
                             * the record's key in it, so that a complete read knows that the record
                             * exists; NULL: nothing is usable */
    uint32_t n_cells;
    uint32_t reserved2;
} dvs_row_error;

#define DVS_CHECKPOINT_POSITION 1u /* all rows put so far are done: a read can go on from here      */
#define DVS_CHECKPOINT_END 2u      /* the read has ended; token is the next cursor, empty if none   */

#define DVS_TOKEN_NONE 0u
#define DVS_TOKEN_CURSOR 1u
#define DVS_TOKEN_DELTA 2u

typedef struct dvs_checkpoint {
    uint32_t struct_size;
    uint32_t type;       /* DVS_CHECKPOINT_ */
    uint32_t token_kind; /* with END: DVS_TOKEN_; which mode the token starts */
    uint32_t complete;   /* with END: 1 when every record that exists was delivered, however the read
                          * began (a delta may answer with everything) */
    uint64_t token_length;
    const uint8_t *token; /* opaque to the host; at most 1 MB */
    int64_t watermark;    /* the moment (as DVS_TIMESTAMP) up to which changes are surely in; for
                           * display only; INT64_MIN: not known */
} dvs_checkpoint;

typedef struct dvs_bytes {
    const uint8_t *data; /* NULL: there is nothing */
    uint64_t length;
} dvs_bytes;

typedef struct dvs_host dvs_host;
struct dvs_host {
    uint32_t struct_size;
    uint32_t abi_minor; /* the host's DVS_ABI_MINOR */

    /* A line for the log; `level` is DVS_LOG_. */
    void (*log)(const dvs_host *host, int32_t level, const char *message);
    /* 1 when the run was asked to stop. Cheap; poll it in every wait and every long loop. */
    int32_t (*cancelled)(const dvs_host *host);
    /* The time of day, in microseconds since 1970 UTC. */
    int64_t (*now)(const dvs_host *host);
    /* Calls init() unless some plugin of this process did so under the same name; the status that init
     * returned, then and later. For libraries with process-wide initialisation. */
    int32_t (*once)(const dvs_host *host, const char *name, int32_t (*init)(void));
    /* Small things that a source keeps between runs (a metadata version, an organisation id). A plugin
     * must work when they are empty. state_get: the bytes are valid until the next state_get or the end of
     * the slot. `key` has 1 to 200 bytes.
     * state_put: stored with the run's next commit; at most 1 MB; NULL data removes the key. */
    int32_t (*state_get)(const dvs_host *host, const char *key, dvs_bytes *value);
    int32_t (*state_put)(const dvs_host *host, const char *key, const void *data, uint64_t length);

    /* Pushing. Each answers DVS_PUT_, and copies what it is given. */
    int32_t (*put_text)(const dvs_host *host, dvs_out *out, const char *text);
    int32_t (*put_stream)(const dvs_host *host, dvs_out *out, const dvs_stream *stream);
    int32_t (*put_column)(const dvs_host *host, dvs_out *out, const dvs_column *column);
    int32_t (*put_row)(const dvs_host *host, dvs_out *out, const dvs_row *row);
    int32_t (*put_error)(const dvs_host *host, dvs_out *out, const dvs_row_error *error);
    int32_t (*put_checkpoint)(const dvs_host *host, dvs_out *out, const dvs_checkpoint *checkpoint);
    /* How far a read has come, in any unit (bytes, rows); total 0: not known. For display only. */
    void (*put_progress)(const dvs_host *host, dvs_out *out, uint64_t done, uint64_t total);
};

/* ---------------------------------------------------------------------------------------------------
 * A source.
 */

typedef struct dvs_source dvs_source;
typedef struct dvs_reader dvs_reader;

#define DVS_OP_EQ 1u
#define DVS_OP_NE 2u
#define DVS_OP_LT 3u
#define DVS_OP_LE 4u
#define DVS_OP_GT 5u
#define DVS_OP_GE 6u
#define DVS_OP_IS_NULL 7u
#define DVS_OP_NOT_NULL 8u

/* One comparison of a filter; several are joined by AND. NULL meets no comparison but IS_NULL. The value has the column's
 * kind. Whoever applies one lets every record through whose value, as it would be put, meets it; letting more through is
 * fine. Text comes with EQ alone. */
typedef struct dvs_condition {
    uint32_t struct_size;
    uint32_t op; /* DVS_OP_ */
    const char *column;
    dvs_cell value;
} dvs_condition;

#define DVS_READ_FULL 1u   /* everything that exists                                  */
#define DVS_READ_CURSOR 2u /* what changed since `token`, a cursor of DVS_TOKEN_CURSOR */
#define DVS_READ_DELTA 3u  /* what changed since `token`, a cursor of DVS_TOKEN_DELTA  */

typedef struct dvs_read {
    uint32_t struct_size;
    uint32_t mode; /* DVS_READ_ */
    const char *stream;
    const char *const *columns; /* the columns wanted, by name: read no others */
    uint32_t n_columns;
    uint32_t resume; /* 1: `token` is a position of an unfinished read in this mode: go on behind it */
    const uint8_t *token;
    uint64_t token_length;
    const dvs_condition *conditions; /* may be ignored: the host looks at every row again */
    uint32_t n_conditions;
    uint32_t condition_stride;
    uint64_t row_limit; /* the host will stop after so many rows; 0: no limit */
    int64_t started_at; /* when this read first began (as DVS_TIMESTAMP), on a resume the first start */
} dvs_read;

/* A request for records by key. Each key is n_key cells, in the order of key_position. */
typedef struct dvs_fetch {
    uint32_t struct_size;
    uint32_t n_columns;
    const char *stream;
    const char *const *columns;
    const dvs_cell *keys; /* n_keys times n_key cells */
    uint32_t n_keys;
    uint32_t n_key;
} dvs_fetch;

typedef struct dvs_source_api {
    uint32_t struct_size;
    uint32_t n_options;
    uint32_t option_stride;
    uint32_t reserved;
    const dvs_option *options;

    /* Required. Makes a source from settings. Cheap: checks the settings against each other, but does
     * not connect. Errors: DVS_E_CONFIG, naming the setting. */
    int32_t (*open)(const dvs_host *host, const dvs_settings *settings, dvs_source **source,
                    dvs_error *err);
    /* Required. Frees a source; its readers are closed before. Never called with NULL. */
    void (*close)(dvs_source *source);
    /* Required. Puts one text that names the system behind the source (a URL with organisation id, a
     * real path): positions and cursors are valid as long as it stays the same. */
    int32_t (*identity)(dvs_source *source, dvs_out *out, dvs_error *err);
    /* Required. Puts every stream there is, in an order that does not change by itself. */
    int32_t (*streams)(dvs_source *source, dvs_out *out, dvs_error *err);
    /* Required. Puts the columns of one stream. Names are unique without regard to case. DVS_E_NOT_FOUND
     * when there is no such stream. */
    int32_t (*describe)(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err);
    /* Required. Begins a read. DVS_E_RESUME when the token is refused: the host then starts in full. */
    int32_t (*start)(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err);
    /* Required. Puts some rows, errors and checkpoints, and returns DVS_OK; DVS_END after the last, with
     * an END checkpoint put before. A call that puts nothing is allowed, not 1,000 in a row. Order is the
     * source's; a later row of the same key stands for the earlier one. A failed pull ends the reader.
     * DVS_E_CHANGED when what was read so far is no longer true: the host reads once more from the start. */
    int32_t (*pull)(dvs_reader *reader, dvs_out *out, dvs_error *err);
    /* Required. Ends a read, finished or not. Never called with NULL. */
    void (*stop)(dvs_reader *reader);
    /* Optional, any thread. Makes a waiting pull return soon. Never blocks. */
    void (*interrupt)(dvs_reader *reader);
    /* Optional (DVS_STREAM_FETCH). Puts the records that exist among the keys asked for. */
    int32_t (*fetch)(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err);
    /* Optional. Tries connection and rights without reading records; for `validate`. */
    int32_t (*check)(dvs_source *source, dvs_error *err);
} dvs_source_api;

/* ---------------------------------------------------------------------------------------------------
 * A sink: tables of rows with transactions. It gives the host storage and decides nothing.
 */

typedef struct dvs_sink dvs_sink;
typedef struct dvs_writer dvs_writer;

#define DVS_SINK_READ_ONLY 1u /* change nothing: no byte of the database, no file beside it           */
#define DVS_SINK_CREATE 2u    /* make the database when it is not there; else DVS_E_NOT_FOUND          */
#define DVS_SINK_SCRATCH 4u   /* a temporary database, removed by the host: nothing need survive a crash */

typedef struct dvs_sink_open {
    uint32_t struct_size;
    uint32_t flags; /* DVS_SINK_ */
    const char *project;
    const dvs_settings *settings;
} dvs_sink_open;

/*
 * A table as the host sees it. `id` names this definition: equal ids are equal tables for the life of
 * the sink object, so prepared statements may be kept by it. Column 0 is the row id, an INT64 that the
 * host chooses for each row; it is the table's primary key. Identifiers may hold any characters, are
 * at most 200 bytes and are compared without regard to case (ASCII). In a sink that is opened with
 * DVS_SINK_READ_ONLY a table may describe columns that a sync would add: no request names these.
 */
typedef struct dvs_table {
    uint32_t struct_size;
    uint32_t n_columns;
    uint32_t column_stride;
    uint32_t reserved;
    uint64_t id;
    const char *name;
    const dvs_column *columns;
} dvs_table;

#define DVS_CHANGE_CREATE_TABLE 1u /* `table`, with all its columns; it must not exist */
#define DVS_CHANGE_ADD_COLUMN 2u   /* `column` of `table`, which exists without it; a ROW_ID column numbers
                                    * the rows that are there, from 1, and becomes the primary key */
#define DVS_CHANGE_DROP_COLUMN 3u  /* the column `name` of `table`                     */
#define DVS_CHANGE_RENAME_COLUMN 4u /* column `name` of `table` gets the name of `column` */
#define DVS_CHANGE_DROP_TABLE 5u   /* `table`, with its indexes                        */
#define DVS_CHANGE_RENAME_TABLE 6u /* `table` gets the name `name`                     */

typedef struct dvs_change {
    uint32_t struct_size;
    uint32_t type; /* DVS_CHANGE_ */
    const dvs_table *table;
    const dvs_column *column;
    const char *name;
} dvs_change;

#define DVS_INDEX_UNIQUE 1u

/* An index over columns of a table, by position. With only_null, over the rows in which that column is
 * NULL; with only_set, over those in which it is not; -1: no such limit. */
typedef struct dvs_index {
    uint32_t struct_size;
    uint32_t flags; /* DVS_INDEX_ */
    const char *name;
    const dvs_table *table;
    const uint32_t *columns;
    uint32_t n_columns;
    int32_t only_null;
    int32_t only_set;
    uint32_t reserved;
} dvs_index;

#define DVS_VIEW_CURRENT 1u       /* rows of `table` in which column `only_null` is NULL, all columns   */
#define DVS_VIEW_FIELD_LINEAGE 2u /* `field_lineage` over the `_sync_lineage` and `_sync_schema` tables */

typedef struct dvs_view {
    uint32_t struct_size;
    uint32_t type; /* DVS_VIEW_ */
    const char *name;
    const dvs_table *table;  /* the data table, or _sync_lineage                    */
    const dvs_table *table2; /* _sync_schema, for DVS_VIEW_FIELD_LINEAGE            */
    int32_t only_null;       /* column of `table`; -1: all rows                     */
    uint32_t reserved;
} dvs_view;

/* A lookup by key: for each key, the row (there is at most one in a unique key; else all of them). */
typedef struct dvs_lookup {
    uint32_t struct_size;
    uint32_t n_columns;
    const dvs_table *table;
    const uint32_t *columns;     /* columns wanted, by position                        */
    const uint32_t *key_columns; /* columns that are compared                          */
    uint32_t n_key_columns;
    uint32_t n_keys;
    const dvs_cell *keys; /* n_keys times n_key_columns, never NULL or ABSENT cells */
    int32_t only_null;    /* only rows in which this column is NULL; -1: all        */
    uint32_t reserved;
} dvs_lookup;

#define DVS_SCAN_DESCENDING 1u

/* Conditions of scan, count and delete_where: AND of comparisons by column position. */
typedef struct dvs_where {
    uint32_t struct_size;
    uint32_t column;
    uint32_t op; /* DVS_OP_; ordered comparisons are those of the storage: bytes for text and uuid,
                  * numbers for INT64, time for DATE and TIMESTAMP; not for the other kinds */
    uint32_t reserved;
    dvs_cell value;
} dvs_where;

typedef struct dvs_scan {
    uint32_t struct_size;
    uint32_t flags; /* DVS_SCAN_ */
    const dvs_table *table;
    const uint32_t *columns; /* columns wanted, by position */
    uint32_t n_columns;
    uint32_t n_where;
    const dvs_where *where;
    const uint32_t *order; /* columns of the order, as of dvs_where.op; DESCENDING turns all of them */
    uint32_t n_order;
    uint32_t where_stride;
    uint64_t limit; /* 0: none */
} dvs_scan;

/* A change of one row: only the columns named. */
typedef struct dvs_update {
    uint32_t struct_size;
    uint32_t n_cells;
    int64_t row_id;
    const uint32_t *columns; /* by position, ascending */
    const dvs_cell *cells;
} dvs_update;

/* Rows to write: first deletes, then updates, then inserts, each in the order given. */
typedef struct dvs_write {
    uint32_t struct_size;
    uint32_t n_inserts;
    const dvs_table *table;
    const dvs_cell *inserts; /* n_inserts times table->n_columns; ABSENT is stored as NULL */
    const dvs_update *updates;
    uint32_t n_updates;
    uint32_t update_stride;
    const int64_t *deletes; /* row ids; one that is not there is no error */
    uint32_t n_deletes;
    uint32_t reserved;
} dvs_write;

typedef struct dvs_sink_api {
    uint32_t struct_size;
    uint32_t n_options;
    uint32_t option_stride;
    uint32_t reserved;
    const dvs_option *options;

    /* Required. Opens the database; see DVS_SINK_. */
    int32_t (*open)(const dvs_host *host, const dvs_sink_open *request, dvs_sink **sink, dvs_error *err);
    /* Required. Frees a sink; its writer is closed before. What was committed is safe without it. */
    void (*close)(dvs_sink *sink);
    /* Required. Puts one text that names the database (a real path, a host and database name). */
    int32_t (*identity)(dvs_sink *sink, dvs_out *out, dvs_error *err);

    /* Required. Takes the project's lock for as long as the sink is open or until unlock; at once or
     * DVS_E_LOCKED, never waiting. It must end by itself when this process does. */
    int32_t (*lock)(dvs_sink *sink, dvs_error *err);
    /* Required. Gives it back. */
    void (*unlock)(dvs_sink *sink);
    /* Required. DVS_E_LOCKED when somebody (this process included) holds the lock, DVS_OK when nobody
     * does. Takes and changes nothing. */
    int32_t (*lock_probe)(dvs_sink *sink, dvs_error *err);

    /* Required. Puts the columns of a table or view as they are, DVS_E_NOT_FOUND when there is none. The
     * kinds are the nearest that the storage tells; the host knows better what it created. */
    int32_t (*inspect)(dvs_sink *sink, const char *table, dvs_out *out, dvs_error *err);
    /* Required. Makes the one writer of this sink; all that follows goes through it. */
    int32_t (*writer)(dvs_sink *sink, dvs_writer **writer, dvs_error *err);
    /* Required. Ends it; an open transaction is rolled back. */
    void (*close_writer)(dvs_writer *writer);

    /* Required. Transactions. Nothing is visible to others before commit. In a read-only sink begin
     * starts one consistent view of the data, commit and rollback end it. */
    int32_t (*begin)(dvs_writer *writer, dvs_error *err);
    int32_t (*commit)(dvs_writer *writer, dvs_error *err);
    int32_t (*rollback)(dvs_writer *writer, dvs_error *err);
    /* Required. One level of savepoint inside a transaction: set it, undo back to it (it stays set), or
     * forget it. */
    int32_t (*savepoint)(dvs_writer *writer, dvs_error *err);
    int32_t (*rollback_to)(dvs_writer *writer, dvs_error *err);
    int32_t (*release)(dvs_writer *writer, dvs_error *err);

    /* Required. Carries out schema changes, in order, inside the transaction. */
    int32_t (*apply_schema)(dvs_writer *writer, const dvs_change *changes, uint32_t n_changes,
                            uint32_t stride, dvs_error *err);
    /* Required. Makes an index or view unless one of that name is there; a view that is there with other
     * content is made anew. ensure_index: DVS_E_DUPLICATE when a unique one meets duplicates. drop_index: no error
     * when there is none of that name. */
    int32_t (*ensure_index)(dvs_writer *writer, const dvs_index *index, dvs_error *err);
    int32_t (*drop_index)(dvs_writer *writer, const dvs_index *index, dvs_error *err);
    int32_t (*ensure_view)(dvs_writer *writer, const dvs_view *view, dvs_error *err);

    /* Required. Put rows (read: row.number says for which key; several rows of one key follow one
     * another). Rows are put in no promised order by read, in that of `order` by scan. After
     * DVS_PUT_FULL: read and scan go on; the host takes all that it asked for. */
    int32_t (*read)(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err);
    int32_t (*scan)(dvs_writer *writer, const dvs_scan *scan, dvs_out *out, dvs_error *err);
    int32_t (*count)(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                     uint32_t n_where, uint32_t where_stride, uint64_t *count, dvs_error *err);
    /* Required. Writes rows. A row that the system cannot hold: DVS_E_DATA with DVS_SCOPE_ROW and err->row
     * its index among deletes, updates and inserts counted through; the host undoes to its savepoint. */
    int32_t (*write)(dvs_writer *writer, const dvs_write *write, dvs_error *err);
    /* Required. Deletes the rows for which all conditions hold; *deleted is how many. */
    int32_t (*delete_where)(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                            uint32_t n_where, uint32_t where_stride, uint64_t *deleted, dvs_error *err);

    /* Optional, any thread. Makes a running slot return soon with DVS_E_CANCELLED. Never blocks. */
    void (*interrupt)(dvs_sink *sink);
    /* Optional. Puts rows (value, count) of `column` in `table` that are no value of `other_column` in
     * `other`, at most `limit`; for reference integrity. */
    int32_t (*missing)(dvs_writer *writer, const dvs_table *table, uint32_t column,
                       const dvs_table *other, uint32_t other_column, uint64_t limit, dvs_out *out,
                       dvs_error *err);
    /* Optional. Like write with inserts only, into a table that was empty before this run and has no
     * index but the row id: the fastest way the system has. */
    int32_t (*load)(dvs_writer *writer, const dvs_write *write, dvs_error *err);
    /* Optional. The server's clock, as DVS_TIMESTAMP; sinks that several hosts share. */
    int32_t (*clock)(dvs_sink *sink, int64_t *now, dvs_error *err);
} dvs_sink_api;

/* ---------------------------------------------------------------------------------------------------
 * The handshake.
 */

typedef struct dvs_plugin {
    uint32_t struct_size;
    uint32_t abi_major; /* DVS_ABI_MAJOR of the header it was built with */
    uint32_t abi_minor;
    uint32_t reserved;
    const char *name;    /* [a-z][a-z0-9-]{0,31}, as in `plugin: NAME` */
    const char *version; /* the plugin's own */
    const char *doc;     /* one line */
    const dvs_source_api *source; /* NULL: none */
    const dvs_sink_api *sink;     /* NULL: none */
} dvs_plugin;

/* The one exported symbol. Returns static data, the same at every call, from any thread. */
DVS_EXPORT const dvs_plugin *dvs_plugin_v1(void);
typedef const dvs_plugin *(*dvs_plugin_entry)(void);

#ifdef __cplusplus
}
#endif

#endif
