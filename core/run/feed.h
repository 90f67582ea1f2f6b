/*
 * feed.h - one `from` entry of an entity: how it is read, what is known of its state, what it has counted.
 *
 * A feed reads and maps on a thread of its own; the writer owns the rest of it.
 */
#ifndef DVSI_RUN_FEED_H
#define DVSI_RUN_FEED_H

#include <pthread.h>
#include <stdatomic.h>

#include "dvsync/dvsync.h"
#include "map/mapping.h"
#include "plugin/host.h"
#include "run/seen.h"

typedef struct dvsi_run dvsi_run;
typedef struct dvsi_target dvsi_target;
typedef struct dvsi_feed dvsi_feed;
typedef struct dvsi_sweep dvsi_sweep;

typedef enum dvsi_feed_phase {
    DVSI_FEED_WAITING,   /* no thread yet */
    DVSI_FEED_PREPARING, /* describing, mapping */
    DVSI_FEED_PREPARED,  /* waits for the other feeds of its entity */
    DVSI_FEED_READY,     /* planned; waits for a place among those that read */
    DVSI_FEED_READING,
    DVSI_FEED_READ, /* to its end; waits for the other feeds of its entity */
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
    dvsi_schema columns;   /* as described */
    dvsi_mapping *mapping; /* NULL: the source failed before it could be made */
    uint32_t *field_of;    /* the entity's field for each of the mapping */
    dvsi_feed_phase phase;
    dvs_error error;

    /* The plan, made by the writer for the reader. */
    uint32_t mode; /* DVS_READ_ */
    uint32_t resume;
    const char *reason;  /* why a full read: "first sync", "the project changed"; "" */
    uint32_t is_changed; /* the project, since the last run */
    uint32_t restarts;
    uint32_t changes; /* of these, because the source changed while it was read */

    pthread_t thread;
    uint32_t has_thread;
    uint32_t abandoned;  /* the thread did not return in time */
    uint32_t ended;      /* the thread says no more */
    atomic_int quit;     /* the writer gave the feed up */
    uint32_t go;         /* under the queue's lock: 1 start reading, 2 end */
    dvsi_reader *reader; /* under the queue's lock */
    dvsi_progress progress;
    atomic_uint_fast64_t rows; /* read so far */
    dvs_error thread_error;    /* the reader's own, until the writer takes it from a message */

    /* The writer's: how far it is. */
    dvsi_feed_state state;
    uint32_t dirty;        /* the state is to be stored with the next commit */
    uint32_t frozen;       /* a step failed half-way: what is stored is right, what is in memory is not */
    dvsi_seen seen;        /* rows (streaming) or offers (gathering) met in this read */
    dvsi_seen counted;     /* rows that this run's counts have in them, to count each once ... */
    dvsi_seen changed;     /* ... and those of them that it wrote */
    int64_t first_own_row; /* the first row id that this run can have given, in a first load */
    int64_t last_met;      /* row id of the record met last: the next ones probably follow it */
    uint32_t loads_offers; /* without a look at what there was (offers_load.c) */
    uint32_t rows_noted;   /* by their keys, as the table has no index for these */
    uint32_t no_guess;     /* batches to come in which the order of the source is not trusted */
    uint64_t seen_active;
    uint32_t seen_partly; /* resumed: seen_active does not count everything */
    uint32_t warned_duplicate;
    struct dvsi_twice *twice; /* keys known to come more than once; a hash table */
    uint32_t n_twice;         /* noted in this run */
    size_t twice_bytes;       /* that their records hold */

    /* The end of the read. */
    uint32_t has_end; /* the END checkpoint came */
    uint32_t end_complete;
    uint32_t end_kind;
    uint8_t *end_token;
    size_t end_length;
    int64_t end_watermark;
    dvsi_sweep *deletes; /* while the read is ended */

    /* Row errors and counts. */
    int64_t open_errors; /* open row errors when the read began, and since */
    int64_t error_at;    /* row id of the last of them that was mapped again */
    dvs_counts counts;
    dvs_counts saved; /* counts and open errors as they were when the step in hand began */
    int64_t saved_errors;
    dvs_counts committed; /* counts and log row as of the last commit */
    int64_t committed_log;
    int64_t log_row_id;
    int64_t started_at;
    int64_t ended_at;
};

int dvsi_feed_gathers(const dvsi_feed *feed); /* else its records go straight to the table */

/* A field of the feed's mapping (`plain`: that is not derived), by its name; NULL: none, or nothing is
 * described. */
dvsi_map_field *dvsi_feed_field(const dvsi_feed *feed, const char *name, int plain);
/* feed.c: its thread. */
int32_t dvsi_feed_launch(dvsi_feed *feed, dvs_error *err);
void dvsi_feeds_join(dvsi_run *run);
void dvsi_feed_fail(dvsi_feed *feed, const dvs_error *err); /* it ends here; the others of its entity go on */
void dvsi_feed_quit(dvsi_feed *feed);                       /* writer: the reader is to end soon */

/* state.c: its row of _sync_state. */
const char *dvsi_mode_name(uint32_t mode);                        /* DVS_READ_ */
int dvsi_state_read(dvsi_feed_state *state, const dvs_cell *row); /* 0 or -1 */
int32_t dvsi_state_load(dvsi_feed *feed, dvs_error *err);
int32_t dvsi_state_store(dvsi_feed *feed, const char *name, dvs_error *err);
void dvsi_state_clear(dvsi_feed_state *state);
int dvsi_state_set_bytes(uint8_t **to, size_t *to_length, const void *data, size_t length); /* 0 or -1 */

#endif
