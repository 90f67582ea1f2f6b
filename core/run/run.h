/*
 * run.h - one sync or diff, from opening the sources to the last commit.
 *
 * A run has one target per entity (target.h) and one feed per `from` entry of it (feed.h). Each feed reads
 * and maps on a thread of its own and posts its work (work.h) to a bounded queue (queue.h); everything else
 * happens on the caller's thread, the writer, step by step (step.h). What becomes of the work stands in
 * gather.h, rows.h and write.h, and at the end of a read in deletes.h; what is kept about all that in
 * books.h. The room above finds what it calls in execute.h, view.h, resolve.h and references.h.
 */
#ifndef DVSI_RUN_RUN_H
#define DVSI_RUN_RUN_H

#include <stdatomic.h>

#include "base/clock.h"
#include "config/project.h"
#include "dvsync/dvsync.h"
#include "plugin/host.h"
#include "run/books.h"
#include "run/feed.h"
#include "run/queue.h"
#include "run/target.h"

typedef struct dvsi_follow dvsi_follow;

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
    dvsi_sink *sink;  /* NULL in a dry run without a database */
    dvsi_books books; /* in the sink */
    /* Dry: temporary database for offers, waiting deletes and changes; NULL until needed. */
    dvsi_sink *scratch;
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
    dvsi_arena arena;       /* messages, names: as long as the run */
    dvsi_arena batch_arena; /* for the batch in hand */
    dvsi_batch *rows;       /* rows read from the sink */
    dvsi_run_error *errors;
    uint32_t n_errors;
    uint32_t n_errors_dropped;
    dvs_error fatal;          /* status not 0: the run itself failed */
    uint32_t finished;        /* targets that finished */
    uint64_t n_changes;       /* of a diff */
    struct dvsi_saved *saved; /* the plan that this sync carries out; NULL: none */
    uint32_t saving;          /* a diff that saves a plan */
    uint32_t unsaved;         /* and could not */
    uint64_t open_conflicts;  /* at the end; counted when options->fail_on_conflict asks */
};

/* Notes an error or warning for the result; format gives the message. */
void dvsi_run_note(dvsi_run *run, const char *severity, const char *entity, const char *source, uint64_t row,
                   const char *key, const char *field, const char *format, ...)
    __attribute__((format(printf, 8, 9)));
/* A record's error is over before the run is: it is not listed. `row` counts where the key is NULL. */
void dvsi_run_unnote(dvsi_feed *feed, uint64_t row, const char *key, const char *field);
/* The same for all of the feed's records that feed->counts counts. */
void dvsi_run_unnote_rows(dvsi_feed *feed);

/* loop.c: the writer. */
void dvsi_run_loop(dvsi_run *run);
/* Between the pages of long work in the writer: commits when it is time to, and hears when the run is to stop
 * (DVS_E_CANCELLED). A plan goes on to its end. */
int32_t dvsi_run_pause(dvsi_run *run, dvs_error *err);
/* step.c: the run is over; what was not committed is rolled back. */
void dvsi_run_fail(dvsi_run *run, const dvs_error *err);

/* commit.c: the sink's transaction. It is begun when the first step needs it. */
int32_t dvsi_run_begin(dvsi_run *run, dvs_error *err);
int32_t dvsi_run_commit(dvsi_run *run, dvs_error *err); /* a failed one is rolled back */
void dvsi_run_rollback(dvsi_run *run);

/* lock.c: one run of a project at a time. */
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

#endif
