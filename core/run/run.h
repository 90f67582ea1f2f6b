/*
 * run.h - one sync or diff, from opening the sources to the last commit. Shared by the files of this room only,
 * except for what stands under "For the room above".
 *
 * A run has one target per entity and one feed per `from` entry of it. Each feed reads and maps on a thread of
 * its own and posts its work to a bounded queue; everything else happens on the caller's thread, the writer.
 */
#ifndef DVSI_RUN_RUN_H
#define DVSI_RUN_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "config/project.h"
#include "data/json.h"
#include "dvsync/dvsync.h"
#include "map/mapping.h"
#include "plugin/host.h"
#include "reconcile/merge.h"
#include "reconcile/record.h"
#include "run/books.h"
#include "run/seen.h"
#include "run/work.h"

typedef struct dvsi_run dvsi_run;
typedef struct dvsi_target dvsi_target;
typedef struct dvsi_feed dvsi_feed;
typedef struct dvsi_sweep dvsi_sweep;
typedef struct dvsi_follow dvsi_follow;

/* ---- What an earlier run recorded of an entity (definition.c) ---- */

typedef struct dvsi_definition_field {
    const char *name;
    uint32_t kind;
    uint32_t explicit_type;
} dvsi_definition_field;

/* A source's column as it was last described. */
typedef struct dvsi_definition_column {
    uint32_t kind; /* 0: not recorded */
    uint32_t nullable;
    uint32_t key_position;
} dvsi_definition_column;

typedef struct dvsi_definition_source {
    const char *label;
    const char *entity; /* what the project's `entity:` said then; another stream has other columns */
    const char **columns;
    const dvsi_definition_column *details; /* of each column */
    const dvsi_json *links; /* see references.h; NULL: not recorded */
    uint32_t n_columns;
} dvsi_definition_source;

typedef struct dvsi_definition {
    int64_t row_id; /* in _sync_tables; 0: nothing is recorded */
    const char *table_name;
    const char **key;
    uint32_t n_key;
    uint32_t explicit_key; /* the project named it */
    const char *history;
    dvsi_definition_field *fields;
    uint32_t n_fields;
    dvsi_definition_source *sources; /* their columns, for the schema rule */
    uint32_t n_sources;
} dvsi_definition;

/* ---- One `from` entry ---- */

typedef enum dvsi_feed_phase {
    DVSI_FEED_WAITING,   /* no thread yet */
    DVSI_FEED_PREPARING, /* describing, mapping */
    DVSI_FEED_PREPARED,  /* waits for the other feeds of its entity */
    DVSI_FEED_READY,     /* planned; waits for a place among those that read */
    DVSI_FEED_READING,
    DVSI_FEED_READ,      /* to its end; waits for the other feeds of its entity */
    DVSI_FEED_DONE,
    DVSI_FEED_FAILED
} dvsi_feed_phase;

typedef struct dvsi_feed_state { /* the row of _sync_state */
    int64_t row_id;
    uint8_t *cursor; /* malloc()ed; NULL: none */
    size_t cursor_length;
    uint32_t cursor_kind; /* DVS_TOKEN_ */
    uint8_t *position;
    size_t position_length;
    uint32_t has_position;
    uint32_t read_mode; /* DVS_READ_, of the unfinished read */
    int64_t read_started_at;
    int64_t watermark;    /* INT64_MIN: none */
    int64_t last_full_at; /* 0: never */
    int64_t last_sync_time;
    uint32_t first_load;
    int64_t start_row_id; /* highest row id (offer id) when the read first began */
    int64_t start_active; /* active rows then; -1: not counted */
    int64_t high_row_id;
    int64_t high_lineage;
    int64_t unidentified;
    int64_t records_count;
    char fingerprint[65];
} dvsi_feed_state;

struct dvsi_feed {
    dvsi_run *run;
    dvsi_target *target;
    const dvsi_from *from;
    dvsi_source *source;
    const char *stream; /* the source's own name for it */
    const char *identity;
    uint32_t stream_flags;
    dvsi_schema columns; /* as described */
    dvsi_mapping *mapping; /* NULL: the source failed before it could be made */
    uint32_t *field_of;    /* of an entity that gathers: the entity's field for each of the mapping */
    dvsi_feed_phase phase;
    dvs_error error;

    /* The plan, made by the writer for the reader. */
    uint32_t mode; /* DVS_READ_ */
    uint32_t resume;
    const char *reason; /* why a full read: "first sync", "the project changed"; "" */
    uint32_t is_changed; /* the project, since the last run */
    uint32_t restarts;
    uint32_t changes; /* of these, because the source changed while it was read */

    pthread_t thread;
    uint32_t has_thread;
    uint32_t abandoned; /* the thread did not return in time */
    uint32_t ended;     /* the thread says no more */
    atomic_int quit;    /* the writer gave the feed up */
    uint32_t go;        /* under the queue's lock: 1 start reading, 2 end */
    dvsi_reader *reader; /* under the queue's lock */
    dvsi_progress progress;
    atomic_uint_fast64_t rows; /* read so far */

    /* The writer's. */
    dvsi_feed_state state;
    dvsi_seen seen;    /* rows (streaming) or offers (gathering) met in this read */
    dvsi_seen counted; /* rows that this run's counts have in them, to count each once ... */
    dvsi_seen changed; /* ... and those of them that it wrote */
    dvs_counts committed; /* counts and log row as of the last commit */
    int64_t committed_log;
    dvs_error thread_error; /* the reader's own, until the writer takes it from a message */
    int64_t first_own_row; /* the first row id that this run can have given, in a first load */
    int64_t last_met;  /* row id of the record met last: the next ones probably follow it */
    uint32_t no_guess; /* batches to come in which the order of the source is not trusted */
    uint64_t seen_active;
    uint32_t seen_partly; /* resumed: seen_active does not count everything */
    uint32_t dirty;    /* the state is to be stored with the next commit */
    uint32_t frozen;   /* a step failed half-way: what is stored is right, what is in memory is not */
    uint32_t warned_duplicate;
    struct dvsi_twice *twice; /* keys known to come more than once; a hash table */
    uint32_t n_twice;         /* noted in this run */
    size_t twice_bytes;       /* that their records hold */
    uint32_t has_end;  /* the END checkpoint came */
    uint32_t end_complete;
    uint32_t end_kind;
    uint8_t *end_token;
    size_t end_length;
    int64_t end_watermark;
    int64_t log_row_id;
    int64_t error_at;    /* how far they were mapped again */
    dvsi_sweep *deletes; /* while the read is ended */
    int64_t open_errors; /* open row errors when the read began, and since */
    dvs_counts counts;
    dvs_counts saved; /* counts and open errors as they were when the step in hand began */
    int64_t saved_errors;
    int64_t started_at;
    int64_t ended_at;
};

/* ---- One entity ---- */

/* A field of the entity: what its feeds agree on. */
typedef struct dvsi_target_field {
    const char *name;
    uint32_t kind;
    uint32_t explicit_type;
    uint32_t key_position; /* 1.. in the key, 0: none */
    uint32_t gone;         /* no source has the column any more */
} dvsi_target_field;

struct dvsi_target {
    dvsi_run *run;
    const dvsi_entity *entity;
    dvsi_definition definition;
    dvsi_feed *feeds;
    uint32_t n_feeds;
    uint32_t prepared; /* the table is there and the feeds are planned, or it was tried */
    uint32_t ended;    /* all feeds have ended, and what that means was done */
    uint32_t selected;
    uint32_t exists; /* the data table is there */
    uint32_t created; /* this run made it */
    const char *table_name; /* the entity's name; while the table is made anew, that of the one beside it */
    uint32_t rebuilds;      /* it is being made anew (rebuild.c) ... */
    int64_t rebuild_row;    /* ... in _sync_tables, until it is swapped in */
    uint32_t rebuild_copied; /* it has taken over what the old one held (rebuild_copy.c) */
    dvsi_definition former; /* of the table that it will replace */

    dvsi_schema schema;
    dvs_table table;
    struct dvsi_widening *widenings; /* schema_rule.h: fields whose columns are of a narrower type yet */
    uint32_t n_widenings;
    uint32_t columns_changed; /* at a source, since it was recorded */
    dvsi_target_field *fields;
    uint32_t n_fields;   /* columns 1 .. n_fields are the fields; when it streams, in the order of the mapping */
    uint32_t n_plain;    /* the fields behind these are derived */
    const char **names;
    uint32_t *positions; /* in sync_hash */
    uint32_t *key_columns;
    uint32_t n_key;
    int32_t sync_hash; /* columns; -1: the table has none */
    int32_t sync_time;
    int32_t deleted_at;
    int32_t valid_from; /* history: scd2; both or none */
    int32_t valid_to;
    int32_t closed; /* deleted_at or valid_to: NULL in the rows that are active */
    int32_t json_response;
    uint32_t *lookup;    /* the columns that a lookup reads: row id, sync_hash and what ends a row if there, fields */
    uint32_t n_lookup;
    int32_t lookup_hash; /* positions in `lookup`, -1: not there */
    int32_t lookup_deleted; /* of `closed` */
    int32_t lookup_from;    /* of valid_from */
    uint32_t lookup_fields; /* position of the first field; those that the table lacks (diff) are left out */
    int32_t *field_at;      /* per field, its position in `lookup`, -1: not there */
    int64_t next_id; /* 0: ask the sink */
    uint64_t n_waiting; /* keys in _sync_deletes */
    /* Of an entity that gathers. */
    dvsi_policy policy; /* a voice is a feed */
    dvsi_expressions *derived; /* over the plain fields; NULL: there are none */
    dvsi_seen rows_met;        /* rows of the data table met in this run */
    dvsi_seen skipped;         /* records, by their first offer, that no source has that decides */
    int64_t *settled;          /* offers that are pending no more (settled.c) */
    size_t n_settled;
    size_t room_settled;
    uint32_t passes;           /* all feeds are to be read completely in one run */
    uint32_t complete;         /* and were */
    uint32_t keeps;            /* a source that failed was never read: offers are kept, and nothing is reconciled */
    uint32_t offers_part;      /* DVSI_OFFERS_: how far the offers were reconciled ... */
    dvsi_buf offers_at;        /* ... the last key */
    uint32_t guarded; /* stopped by the guard */
    uint32_t has_conflicts; /* there may be open ones in _sync_conflicts */
    uint32_t has_pins;      /* there are pinned values in _sync_pins */
    uint32_t partial; /* finished, but something could not be compared or deleted */
    const char *partial_reason;
    dvs_error error;  /* status not 0: the entity failed */
    uint64_t *field_changes; /* per field, for the summary of a diff */
};

/* ---- Messages from readers to the writer (queue.c) ---- */

typedef enum dvsi_message_type { DVSI_MESSAGE_PREPARED, DVSI_MESSAGE_WORK, DVSI_MESSAGE_RESTART, DVSI_MESSAGE_END,
                                 DVSI_MESSAGE_FAILED } dvsi_message_type;

typedef struct dvsi_message {
    struct dvsi_message *next;
    dvsi_message_type type;
    dvsi_feed *feed;
    dvsi_work *work;
} dvsi_message;

typedef struct dvsi_queue {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    pthread_cond_t writable; /* room, or a feed's go */
    dvsi_message *first;
    dvsi_message *last;
    size_t bytes;
    dvsi_work *spare[4]; /* used up, for the next reader that needs one */
    uint32_t n_spare;
    uint32_t closed; /* the writer takes nothing any more */
} dvsi_queue;

int dvsi_queue_init(dvsi_queue *queue);
void dvsi_queue_destroy(dvsi_queue *queue);
/* Readers: waits for room. 0, or -1 when the writer has closed the queue or memory is out; then the work stays the
 * caller's. */
int dvsi_queue_post(dvsi_queue *queue, dvsi_message_type type, dvsi_feed *feed, dvsi_work *work);
dvsi_work *dvsi_queue_spare(dvsi_queue *queue); /* a used or new one; NULL when memory is out */
/* Writer: the next message, or 0 after `wait_us`. */
int dvsi_queue_take(dvsi_queue *queue, int64_t wait_us, dvsi_message *message);
void dvsi_queue_recycle(dvsi_queue *queue, dvsi_work *work);
void dvsi_queue_close(dvsi_queue *queue);
/* Handshake: the reader waits for the writer's word; 1 go, 2 end. */
uint32_t dvsi_queue_wait_go(dvsi_queue *queue, dvsi_feed *feed);
void dvsi_feed_quit(dvsi_feed *feed); /* writer: the reader is to end soon */
void dvsi_queue_set_go(dvsi_queue *queue, dvsi_feed *feed, uint32_t go);

/* ---- The run ---- */

typedef struct dvsi_run_error {
    const char *entity; /* NULL: the run */
    const char *source;
    const char *key;
    const char *field;
    uint64_t row;
    const char *severity; /* "error", "warning" */
    const char *message;
} dvsi_run_error;

struct dvsi_run {
    const dvsi_project *project;
    const dvs_sync_options *options;
    dvsi_registry *registry;
    const dvsi_log *log;
    dvsi_services services;
    atomic_int *stop; /* not 0: end at the next checkpoint; DVS_STOP_ says why */
    int dry;          /* a diff: the sink is only read */
    int as_sync;      /* with dry: modes as a sync would choose them */
    dvsi_limit max_delete;

    const dvsi_plugin *sink_plugin;
    const dvs_settings *sink_settings;
    dvsi_sink *sink; /* NULL in a dry run without a database */
    dvsi_books books; /* in the sink */
    dvsi_sink *scratch; /* dry: temporary database for offers, waiting deletes and changes; NULL until needed */
    dvsi_books notes; /* where offers, waiting deletes and the seen-set are: books, or those of the scratch */
    char *scratch_path;
    dvsi_arena settings_arena;

    char run_id[DVSI_RUN_ID_SIZE];
    int64_t started_at;
    int64_t ended_at;
    int64_t run_row_id;
    int64_t lock_row_id;
    uint32_t locked;

    dvsi_source **sources; /* by the project's order; NULL: not needed or not to be opened */
    dvs_error *source_errors;
    dvsi_target *targets;
    uint32_t n_targets;
    dvsi_queue queue;
    uint32_t queue_ready;
    uint32_t in_transaction;
    int64_t transaction_started;
    uint64_t transaction_rows;
    uint64_t transaction_writes;

    dvsi_follow *follow; /* follow.h; NULL: no entity has `scope: referenced` */
    struct dvsi_plugin_notes *plugin_notes;
    dvsi_arena arena; /* messages, names: as long as the run */
    dvsi_arena batch_arena; /* for the batch in hand */
    dvsi_batch *rows;       /* rows read from the sink */
    dvsi_run_error *errors;
    uint32_t n_errors;
    uint32_t n_errors_dropped;
    dvs_error fatal; /* status not 0: the run itself failed */
    uint32_t finished; /* targets that finished */
    uint64_t n_changes; /* of a diff */
    struct dvsi_saved *saved; /* the plan that this sync carries out; NULL: none */
    uint32_t saving;          /* a diff that saves a plan */
    uint32_t unsaved;         /* and could not */
    uint64_t open_conflicts; /* at the end; counted when options->fail_on_conflict asks */
};

/* Notes an error or warning for the result; format gives the message. */
void dvsi_run_note(dvsi_run *run, const char *severity, const char *entity, const char *source, uint64_t row,
                   const char *key, const char *field, const char *format, ...)
    __attribute__((format(printf, 8, 9)));

/* definition.c */
int32_t dvsi_definitions_load(dvsi_run *run, dvs_error *err);
/* DVS_E_CONFIG when key, history or a type of the project is not what was recorded. */
int32_t dvsi_definition_check(const dvsi_target *target, dvs_error *err);
int32_t dvsi_definition_store(dvsi_target *target, dvs_error *err);
/* What is recorded of a source's columns; NULL: nothing. */
const dvsi_definition_source *dvsi_definition_of(const dvsi_definition *definition, const char *label);
/* The same for a `from` entry: nothing, when it names another stream now. */
const dvsi_definition_source *dvsi_definition_from(const dvsi_definition *definition, const dvsi_from *from);

/* A field that was recorded, by its name; NULL: none was. */
const dvsi_definition_field *dvsi_definition_field_of(const dvsi_definition *definition, const char *name);

/* fields.c: the fields of an entity, of those of its feeds. */
int32_t dvsi_fields_agree(dvsi_target *target, dvs_error *err); /* one type for each: the mappings convert to it */
int32_t dvsi_fields_make(dvsi_target *target, dvs_error *err);
int32_t dvsi_fields_derive(dvsi_target *target, const char *file, dvs_error *err); /* the same: its derived fields */
int32_t dvsi_fields_voices(dvsi_target *target, dvs_error *err); /* of an entity that gathers: who speaks for which */
const dvsi_field *dvsi_from_field(const dvsi_from *from, const char *name); /* what the project says of it, or NULL */

/* target.c: the data table. In a transaction. */
int32_t dvsi_target_prepare(dvsi_target *target, dvs_error *err);
/* rebuild.c: removes what a run has left behind that did not come to its end. In a transaction. */
int32_t dvsi_rebuild_clean(dvsi_run *run, dvs_error *err);
int32_t dvsi_rebuild_begin(dvsi_run *run, dvs_error *err); /* before the definitions are checked: which tables are made anew */
int32_t dvsi_rebuild_note(dvsi_target *target, dvs_error *err); /* the table beside the old one is there */
int32_t dvsi_rebuild_keys(dvsi_target *target, dvs_error *err); /* rebuild_keys.c: what is kept of records that are gone */
int32_t dvsi_rebuild_copy(dvsi_target *target, dvs_error *err); /* rebuild_copy.c: ... and has the old one's rows */
void dvsi_rebuild_state(dvs_cell *row); /* of a row of _sync_state: the next read is complete and begins at the start */
int32_t dvsi_rebuild_end(dvsi_target *target, dvs_error *err); /* swaps; DVS_E_GUARD when it would lose too many rows */
/* indexes.c: what stands beside it. */
int32_t dvsi_target_views(dvsi_target *target, dvs_error *err);
int32_t dvsi_target_indexes(dvsi_target *target, dvs_error *err);
int32_t dvsi_target_no_indexes(dvsi_target *target, dvs_error *err); /* for a first load */
int32_t dvsi_target_active(dvsi_target *target, uint64_t *active, dvs_error *err);
void dvsi_target_free(dvsi_target *target);
int32_t dvsi_target_next_id(dvsi_target *target, int64_t *id, dvs_error *err);

/* state.c */
const char *dvsi_mode_name(uint32_t mode); /* DVS_READ_ */
int dvsi_state_read(dvsi_feed_state *state, const dvs_cell *row); /* 0 or -1 */
int32_t dvsi_state_load(dvsi_feed *feed, dvs_error *err);
int32_t dvsi_state_store(dvsi_feed *feed, const char *name, dvs_error *err);
void dvsi_state_clear(dvsi_feed_state *state);
int dvsi_state_set_bytes(uint8_t **to, size_t *to_length, const void *data, size_t length); /* 0 or -1 */

/* strangers.c: before anything else of a feed. What belongs to labels that are no sources of its entity any more: their
 * state, what their reads needed, their offers and their open errors. In a transaction. */
int32_t dvsi_strangers_drop(dvsi_feed *feed, dvs_error *err);

/* plan.c: how the feeds that are prepared are read. In a transaction. */
int32_t dvsi_plan_target(dvsi_target *target, dvs_error *err);
/* The read begins again from the start, in full: the source refused the token, or changed while it was read. */
int32_t dvsi_plan_restart(dvsi_feed *feed, dvs_error *err);

/* loop.c: the writer. */
void dvsi_run_loop(dvsi_run *run);
void dvsi_feed_fail(dvsi_feed *feed, const dvs_error *err); /* it ends here; the others of its entity go on */

/* together.c: plans the feeds of an entity when all are described, and ends it when all have ended; 1: it did one of
 * them, which is to be committed. */
int dvsi_together(dvsi_target *target);
/* Between the pages of long work in the writer: commits when it is time to, and hears when the run is to stop
 * (DVS_E_CANCELLED). A plan goes on to its end. */
int32_t dvsi_run_pause(dvsi_run *run, dvs_error *err);

/* step.c: what the writer does, step by step. A step that fails is undone; feed->error says why, and whoever called
 * ends the feed. What leaves the sink unusable ends the run. */
typedef int32_t dvsi_step_fn(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
int32_t dvsi_step(dvsi_feed *feed, dvsi_step_fn *step, dvsi_work *work);
void dvsi_run_fail(dvsi_run *run, const dvs_error *err);
int32_t dvsi_step_errors(dvsi_feed *feed, dvsi_work *work); /* the work's row errors */
/* The work's records; those that the sink refuses become row errors. */
int32_t dvsi_step_records(dvsi_feed *feed, dvsi_work *work, uint32_t from, uint32_t to);
int32_t dvsi_step_mended(dvsi_feed *feed, dvsi_work *work); /* they came through: their errors are closed */
int32_t dvsi_step_again(dvsi_feed *feed); /* the open errors are mapped and taken again */
int32_t dvsi_step_rest(dvsi_feed *feed);  /* the records that wait for the end of the read */
int32_t dvsi_step_finish(dvsi_feed *feed); /* deletes after the guard, cursor, state */

/* feed.c: reader threads. */
/* A field of the feed's mapping (`plain`: that is not derived), by its name; NULL: none, or nothing is described. */
dvsi_map_field *dvsi_feed_field(const dvsi_feed *feed, const char *name, int plain);
int32_t dvsi_feed_launch(dvsi_feed *feed, dvs_error *err);
void dvsi_feeds_join(dvsi_run *run);

/* upsert.c: records against the table. Of one key the last record of the call counts; tombstones are not for here,
 * failed records only mark their rows as met. DVS_E_DATA or _DUPLICATE with DVS_SCOPE_ROW: err->row is the record that the sink
 * refused; nothing is counted, and the caller goes back to its savepoint. */
int32_t dvsi_upsert(dvsi_feed *feed, const dvsi_record *records, uint32_t n_records, dvs_error *err);
/* lookup.c: reads the stored rows of the records into run->rows, the columns target->lookup of each: of versions the
 * current one, and when there is none the last. (*row_of)[i], in the batch arena, is the row of record i, -1: there is
 * none. */
int32_t dvsi_lookup_rows(dvsi_feed *feed, const dvsi_record *records, uint32_t n_records, const uint8_t *skip,
                         int32_t **row_of, dvs_error *err);
/* The fields of a stored row that a lookup found; in `room` (n_fields) where it has other columns than the entity. */
const dvs_cell *dvsi_stored_fields(const dvsi_target *target, const dvs_cell *row, dvs_cell *room);
/* lookup.c: adds the rows of a bookkeeping table that belong to these keys of the entity; a row's number is its key's place.
 * `lookup`: table, columns, the key columns (project, entity, key) and only_null; the rest is filled in. */
int32_t dvsi_keys_read(dvsi_feed *feed, dvsi_books *books, dvs_lookup *lookup, const char *const *keys, uint32_t n,
                       dvsi_batch *rows, dvs_error *err);
dvsi_seen *dvsi_rows_met(dvsi_feed *feed); /* which rows of the data table this read has met */
typedef struct dvsi_delete {
    int64_t row_id;
    const char *key;
    const dvsi_from *from; /* whose record it was, by the lineage; NULL: the feed's */
} dvsi_delete;
int32_t dvsi_delete_rows(dvsi_feed *feed, const dvsi_delete *rows, uint32_t n_rows, dvs_error *err);

/* stream.c, gather.c: what becomes of a feed's work. */
int32_t dvsi_stream_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
int32_t dvsi_gather_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
int dvsi_feed_gathers(const dvsi_feed *feed);
void dvsi_target_fields_json(const dvsi_target *target, const dvs_cell *fields, dvsi_buf *out); /* as in an offer */

/* gather_end.c: what becomes of the offers. Those that a complete read did not meet go; their keys wait. */
int32_t dvsi_gather_drop_missing(dvsi_feed *feed, dvs_error *err);
/* The next page of records made of offers, from feed->offers_part and offers_at, which move on. */
enum { DVSI_OFFERS_ALL, DVSI_OFFERS_WAITING, DVSI_OFFERS_END }; /* by their keys; then those of keys that wait */
int32_t dvsi_gather_next(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* merge_rows.c: writes such records and marks their offers as done; offers of failed ones are tried again at the next
 * end. */
int32_t dvsi_gather_settle(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* settled.c: the offers of such records, to be marked soon. Adding: 0, or -1 when memory is out. */
int dvsi_settled_add(dvsi_target *target, int64_t offer_id);
int dvsi_settled_full(const dvsi_target *target);
void dvsi_settled_sort(dvsi_target *target);
int32_t dvsi_settled_mark(dvsi_feed *feed, dvs_error *err); /* the last of them; again, until there are none */
/* deletes.c: the rows whose records are gone, a page at a time. */
struct dvsi_sweep {
    uint32_t missing; /* the read proves which rows are gone */
    uint32_t part;
    int64_t last_row;
    dvsi_buf last_key;
    dvsi_work *page;   /* its records are rows to delete */
    const char **keys; /* the page's keys among those that wait; keep[i]: it goes on waiting */
    uint8_t *keep;
    uint32_t n_keys;
};
/* Counts them; DVS_E_GUARD when they are too many. Then as begun. */
int32_t dvsi_deletes_plan(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
int dvsi_deletes_done(const dvsi_sweep *deletes);
int32_t dvsi_deletes_next(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
/* Deletes rows of the page. A refusal: as of dvsi_upsert. */
int32_t dvsi_deletes_write(dvsi_feed *feed, const dvsi_record *records, uint32_t n, dvs_error *err);
/* The page is done: of its keys only those of failing records and of refused deletes go on waiting. */
int32_t dvsi_deletes_settle(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
void dvsi_deletes_free(dvsi_sweep *deletes);

/* finish.c: the last steps of an entity, in one transaction, which is open: what stands before the deletes, the guard
 * included, and then cursor and state. */
int32_t dvsi_finish_begin(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
int32_t dvsi_finish_end(dvsi_feed *feed, dvs_error *err);
/* first_load.c: the table of a first load has no key index until its end. */
int32_t dvsi_first_load_trim(dvsi_feed *feed, dvs_error *err);   /* rows that no position covers go */
int32_t dvsi_first_load_finish(dvsi_feed *feed, dvs_error *err); /* of several rows of a key the last stays; index */
int32_t dvsi_first_load_close(dvsi_feed *feed, dvs_error *err);  /* it cannot go on: an ordinary table from now on */

/* waiting.c: keys that are to be looked at when the read has ended. */
int32_t dvsi_waiting_add(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err); /* sorts the keys */
/* The same for keys that the feed's source had and gave up: of several sources the row names the first in precedence. */
int32_t dvsi_waiting_left(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err);
int32_t dvsi_waiting_remove(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err); /* the same */
int32_t dvsi_waiting_forget(dvsi_feed *feed, dvs_error *err);
/* Which source gave the keys up: set from[i] where that is known. */
int32_t dvsi_waiting_sources(dvsi_feed *feed, const char *const *keys, uint32_t n_keys, const dvsi_from **from,
                             dvs_error *err);
/* The next keys after `after` (NULL: from the start), in key order; copied into `arena`. */
int32_t dvsi_waiting_next(dvsi_feed *feed, const char *after, uint32_t limit, dvsi_arena *arena, const char ***keys,
                          uint32_t *n_keys, dvs_error *err);

/* twice.c: keys that come more than once in a complete read of a streaming entity. */
/* At the start of such a read; when one goes on, with the records that waited for its end. */
int32_t dvsi_twice_load(dvsi_feed *feed, int resume, dvs_error *err);
/* Keeps the records of such keys until the end, and marks them. */
int32_t dvsi_twice_defer(dvsi_feed *feed, dvsi_record *records, uint32_t n, dvs_error *err);
int32_t dvsi_twice_store(dvsi_feed *feed, dvs_error *err); /* with the position: what waits */
int32_t dvsi_twice_records(dvsi_feed *feed, dvsi_work *work, dvs_error *err); /* at the end: what has waited */
int32_t dvsi_twice_finish(dvsi_feed *feed, dvs_error *err);
/* Such a key was met: one warning a run, and remembered for the next. */
int32_t dvsi_twice_note(dvsi_feed *feed, const char *key, uint64_t number, dvs_error *err);
void dvsi_twice_clear(dvsi_feed *feed);

/* row_errors.c */
int32_t dvsi_row_errors_add(dvsi_feed *feed, const dvsi_record_error *errors, uint32_t n, dvs_error *err);
/* Records that came through: their open errors are closed. */
int32_t dvsi_row_errors_close_keys(dvsi_feed *feed, const dvsi_record *records, uint32_t n, dvs_error *err);
/* A read begins again: open errors are old until it raises them once more. */
int32_t dvsi_row_errors_restart(dvsi_feed *feed, dvs_error *err);
int32_t dvsi_row_errors_close_old(dvsi_feed *feed, dvs_error *err);
/* Of a gathering entity, before its deletes: the errors of records that a complete read did not deliver. */
int32_t dvsi_row_errors_close_absent(dvsi_feed *feed, dvs_error *err);
/* Of a gathering entity, at its end: what the sink refused of whole keys, and does not any more. */
int32_t dvsi_row_errors_close_settled(dvsi_feed *feed, dvs_error *err);
/* Which of the keys a failing record of the source has: it counts as present. failing[i] is 1 or 0. */
int32_t dvsi_row_errors_failing(dvsi_feed *feed, const char *const *keys, uint32_t n, uint8_t *failing, dvs_error *err);
/* Keys whose records are gone for good, of an entity that streams. */
int32_t dvsi_row_errors_close_gone(dvsi_feed *feed, const char *const *keys, uint32_t n, dvs_error *err);
/* Maps the open errors again, a page at a time, from behind row id *last, which moves on as long as there are more. */
int32_t dvsi_row_errors_again(dvsi_feed *feed, int64_t *last, dvsi_work *work, dvs_error *err);
int32_t dvsi_row_errors_count(dvsi_feed *feed, int64_t *open, dvs_error *err);

/* changes.c: what a diff found. */
int32_t dvsi_changes_add(dvsi_feed *feed, dvsi_op op, const dvsi_record *record, const char *key,
                         const dvs_cell *current, const uint32_t *changed, uint32_t n_changed, dvs_error *err);
/* Of a record made of offers: reference fields that are left as they stand, though a source offers something else. */
int32_t dvsi_changes_reference(dvsi_feed *feed, const dvsi_record *record, const char *key, const dvs_cell *stored,
                               dvs_error *err);
int32_t dvsi_changes_forget(dvsi_feed *feed, const char *key, uint64_t *n_removed, dvs_error *err);
int32_t dvsi_scratch_open(dvsi_run *run, dvs_error *err);

/* commit.c */
int32_t dvsi_run_begin(dvsi_run *run, dvs_error *err);
int32_t dvsi_run_commit(dvsi_run *run, dvs_error *err); /* a failed one is rolled back */
void dvsi_run_rollback(dvsi_run *run);

/* lock.c */
int32_t dvsi_lock_take(dvsi_run *run, dvs_error *err);
int32_t dvsi_lock_held(dvsi_run *run, dvs_error *err); /* DVS_E_LOCKED, with who holds it */
/* In a transaction: DVS_E_FENCED when another run took over; sets *cancel when somebody asked us to stop. */
int32_t dvsi_lock_heartbeat(dvsi_run *run, int *cancel, dvs_error *err);
/* Our row goes, in the last transaction. */
int32_t dvsi_lock_remove(dvsi_run *run, dvs_error *err);
void dvsi_lock_release(dvsi_run *run);

/* plugin_notes.c: what sources keep between runs. */
int32_t dvsi_plugin_notes_load(dvsi_run *run, dvs_error *err);
int32_t dvsi_plugin_notes_store(dvsi_run *run, dvs_error *err);
void dvsi_plugin_notes_free(dvsi_run *run);

/* ---- For the room above ---- */

/* Everything a sync or diff is given. All pointers must outlive the run. */
typedef struct dvsi_run_request {
    const dvsi_project *project;
    dvsi_registry *registry;
    const dvsi_log *log;
    const dvs_sync_options *options; /* struct_size full */
    atomic_int *stop;
    int diff;
} dvsi_run_request;

/* Runs to the end. *run is set whenever there is something to report (free it), also with a status: then the run
 * could not begin, or failed as a whole. */
int32_t dvsi_run_execute(const dvsi_run_request *request, dvsi_run **run, dvs_error *err);
void dvsi_run_free(dvsi_run *run);
int dvsi_run_exit_code(const dvsi_run *run);
const char *dvsi_run_status(const dvsi_run *run); /* as in _sync_runs */
void dvsi_run_totals(const dvsi_run *run, dvs_counts *totals);
void dvsi_target_counts(const dvsi_target *target, dvs_counts *counts);
/* The documents of `sync --json` and the last line of `diff --json`. */
void dvsi_run_json(const dvsi_run *run, dvsi_buf *out);
void dvsi_run_summary_json(const dvsi_run *run, dvsi_buf *out);
/* The next lines of a diff, in order; cursors are the caller's, all zero at the start. NULL in *line: no more.
 * The line is valid until the next call. */
typedef struct dvsi_changes_cursor {
    uint32_t target;
    uint32_t part;
    int64_t last_row_id;
    char *last_key;
    dvsi_batch *rows;
    uint32_t at;
} dvsi_changes_cursor;
int32_t dvsi_changes_next(dvsi_run *run, dvsi_changes_cursor *cursor, const char **line, dvs_error *err);
void dvsi_changes_cursor_free(dvsi_changes_cursor *cursor);

#endif
