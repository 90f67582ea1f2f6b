/* execute.h - for the room above: a sync or diff from its options to its result. */
#ifndef DVSI_RUN_EXECUTE_H
#define DVSI_RUN_EXECUTE_H

#include <stdatomic.h>

#include "config/project.h"
#include "dvsync/dvsync.h"
#include "run/run.h"

/* Everything a sync or diff is given. All pointers must outlive the run. */
typedef struct dvsi_run_request {
    const dvsi_project *project;
    dvsi_registry *registry;
    const dvsi_log *log;
    const dvs_sync_options *options; /* struct_size full */
    atomic_int *stop;
    int diff;
} dvsi_run_request;

/* Runs to the end. *run is set whenever there is something to report (free it), also with a status: then the
 * run could not begin, or failed as a whole. */
int32_t dvsi_run_execute(const dvsi_run_request *request, dvsi_run **run, dvs_error *err);
void dvsi_run_free(dvsi_run *run);
int dvsi_run_exit_code(const dvsi_run *run);
const char *dvsi_run_status(const dvsi_run *run); /* as in _sync_runs */
void dvsi_run_totals(const dvsi_run *run, dvs_counts *totals);
void dvsi_target_counts(const dvsi_target *target, dvs_counts *counts);
/* The documents of `sync --json` and the last line of `diff --json`. */
void dvsi_run_json(const dvsi_run *run, dvsi_buf *out);
void dvsi_run_summary_json(const dvsi_run *run, dvsi_buf *out);
/* The next lines of a diff, in order; cursors are the caller's, all zero at the start. NULL in *line: no
 * more. The line is valid until the next call. */
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
