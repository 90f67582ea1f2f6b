/*
 * host.h - sources and sinks behind a fence: each function calls one slot of a plugin, having set the stage
 * for the host table, and checks what the plugin did. A plugin that breaks the contract of plugin.h (wrong
 * cell kind, invalid UTF-8, error without message, call from a foreign thread, lies about its columns) gives
 * an error that names plugin, slot and rule, never a crash.
 *
 * The objects may be used like the plugin's own (see "Threads" in plugin.h).
 */
#ifndef DVSI_PLUGIN_HOST_H
#define DVSI_PLUGIN_HOST_H

#include <stdatomic.h>

#include "base/log.h"
#include "data/batch.h"
#include "data/schema.h"
#include "plugin/registry.h"

/* What the host table needs from above. All zero works: silent, never cancelled, remembers nothing. */
typedef struct dvsi_services {
    const dvsi_log *log;
    const atomic_int *cancelled; /* not 0: stop */
    void *state;                 /* passed to the two below; called on the threads that call slots */
    int32_t (*state_get)(void *state, const char *source, const char *key, dvsi_arena *arena,
                         dvs_bytes *value);
    int32_t (*state_put)(void *state, const char *source, const char *key, const void *data, size_t length);
} dvsi_services;

/* Progress of a read, set by put_progress; read from any thread. */
typedef struct dvsi_progress {
    _Atomic uint64_t done;
    _Atomic uint64_t total;
} dvsi_progress;

/* ---- Sources ---- */

typedef struct dvsi_source dvsi_source;
typedef struct dvsi_reader dvsi_reader;

typedef struct dvsi_stream {
    uint32_t flags; /* DVS_STREAM_ */
    int64_t rows;
    const char *name;
    const char *alias;
    const char *doc;
} dvsi_stream;

/* `settings` and `services` must outlive the source; `name` is the source's name in the project. */
int32_t dvsi_source_open(const dvsi_plugin *plugin, const char *name, const dvs_settings *settings,
                         const dvsi_services *services, dvsi_source **source, dvs_error *err);
void dvsi_source_close(dvsi_source *source); /* NULL is fine */
/* Text in `arena`. */
int32_t dvsi_source_identity(dvsi_source *source, dvsi_arena *arena, const char **identity, dvs_error *err);
int32_t dvsi_source_streams(dvsi_source *source, dvsi_arena *arena, dvsi_stream **streams,
                            uint32_t *n_streams, dvs_error *err);
/* Checked: names unique and valid, kinds known, key positions 1..n without gaps, at most one RAW, MODIFIED,
 * VERSION. */
int32_t dvsi_source_describe(dvsi_source *source, const char *stream, dvsi_schema *schema, dvs_error *err);
/* `schema`: the columns asked for, in that order, with the kinds that describe gave; must outlive the
 * reader. read->columns are set from it. */
int32_t dvsi_source_start(dvsi_source *source, const dvs_read *read, const dvsi_schema *schema,
                          dvsi_progress *progress, dvsi_reader **reader, dvs_error *err);
/* Pulls once into `batch` (reset by the caller, n_columns of the schema). DVS_OK, DVS_END, or an error. Rows
 * that the checks refuse are in batch->errors. */
int32_t dvsi_reader_pull(dvsi_reader *reader, dvsi_batch *batch, dvs_error *err);
void dvsi_reader_interrupt(dvsi_reader *reader); /* any thread */
void dvsi_reader_stop(dvsi_reader *reader);      /* NULL is fine */
/*
 * A plugin that does not return cannot be ended from outside. Who asked a reader to stop (cancelled, then
 * dvsi_reader_interrupt) waits for its thread with a time limit; when that has passed and
 * dvsi_reader_slot still names a slot, dvsi_reader_overdue makes the error, and the thread is left
 * behind: from then on reader, source, and all they were given (settings, services, schema, batch) must
 * never be freed.
 */
/* The slot that this reader executes now, or NULL. Any thread. */
const char *dvsi_reader_slot(const dvsi_reader *reader);
/* DVS_OK when no slot runs; else DVS_E_ABI that names plugin, source, stream, slot and the time waited. */
int32_t dvsi_reader_overdue(const dvsi_reader *reader, int64_t waited_us, dvs_error *err);
/* Records by key, into `batch`; fetch->columns are set from `schema`. No more rows than keys. */
int32_t dvsi_source_fetch(dvsi_source *source, const dvs_fetch *fetch, const dvsi_schema *schema,
                          dvsi_batch *batch, dvs_error *err);
int32_t dvsi_source_check(dvsi_source *source, dvs_error *err); /* DVS_OK when it offers no check */

/* ---- Sinks ---- */

typedef struct dvsi_sink dvsi_sink; /* with its one writer, opened by the first call that needs it */

int32_t dvsi_sink_open(const dvsi_plugin *plugin, const char *project, const dvs_settings *settings,
                       uint32_t flags, const dvsi_services *services, dvsi_sink **sink, dvs_error *err);
void dvsi_sink_close(dvsi_sink *sink);
int32_t dvsi_sink_identity(dvsi_sink *sink, dvsi_arena *arena, const char **identity, dvs_error *err);
int32_t dvsi_sink_lock(dvsi_sink *sink, dvs_error *err);
void dvsi_sink_unlock(dvsi_sink *sink);
int32_t dvsi_sink_lock_probe(dvsi_sink *sink, dvs_error *err);
int32_t dvsi_sink_inspect(dvsi_sink *sink, const char *table, dvsi_schema *schema, dvs_error *err);
int32_t dvsi_sink_begin(dvsi_sink *sink, dvs_error *err);
int32_t dvsi_sink_commit(dvsi_sink *sink, dvs_error *err);
int32_t dvsi_sink_rollback(dvsi_sink *sink, dvs_error *err);
int32_t dvsi_sink_savepoint(dvsi_sink *sink, dvs_error *err);
int32_t dvsi_sink_rollback_to(dvsi_sink *sink, dvs_error *err);
int32_t dvsi_sink_release(dvsi_sink *sink, dvs_error *err);
/* `changes` with stride sizeof(dvs_change). */
int32_t dvsi_sink_apply_schema(dvsi_sink *sink, const dvs_change *changes, uint32_t n, dvs_error *err);
int32_t dvsi_sink_ensure_index(dvsi_sink *sink, const dvs_index *index, dvs_error *err);
int32_t dvsi_sink_drop_index(dvsi_sink *sink, const dvs_index *index, dvs_error *err);
int32_t dvsi_sink_ensure_view(dvsi_sink *sink, const dvs_view *view, dvs_error *err);
/* Rows are appended to `batch` (n_columns = the columns asked for; row.number as in plugin.h). There is no
 * limit but the caller's: a batch from a sink never is full. */
int32_t dvsi_sink_read(dvsi_sink *sink, const dvs_lookup *lookup, dvsi_batch *batch, dvs_error *err);
int32_t dvsi_sink_scan(dvsi_sink *sink, const dvs_scan *scan, dvsi_batch *batch, dvs_error *err);
int32_t dvsi_sink_count(dvsi_sink *sink, const dvs_table *table, const dvs_where *where, uint32_t n_where,
                        uint64_t *count, dvs_error *err);
/* Uses the load slot when `load` is set and the plugin has one. */
int32_t dvsi_sink_write(dvsi_sink *sink, const dvs_write *write, int load, dvs_error *err);
int32_t dvsi_sink_delete_where(dvsi_sink *sink, const dvs_table *table, const dvs_where *where,
                               uint32_t n_where, uint64_t *deleted, dvs_error *err);
/* Rows (value, count) into `batch` of two columns; DVS_E_UNSUPPORTED unless plugin->has_missing. */
int32_t dvsi_sink_missing(dvsi_sink *sink, const dvs_table *table, uint32_t column, const dvs_table *other,
                          uint32_t other_column, uint64_t limit, dvsi_batch *batch, dvs_error *err);
/* DVS_E_UNSUPPORTED unless plugin->has_clock. */
int32_t dvsi_sink_clock(dvsi_sink *sink, int64_t *now, dvs_error *err);
void dvsi_sink_interrupt(dvsi_sink *sink); /* any thread */

#endif
