/* report.h - what the reporting functions share. */
#ifndef DVSI_API_REPORT_H
#define DVSI_API_REPORT_H

#include "api/api.h"
#include "config/json_out.h"
#include "run/view.h"

/* Writes a document from a view. Called again with an empty buffer when the database changed meanwhile. */
typedef int32_t dvsi_report_fn(dvsi_view *view, const void *options, dvsi_buf *out, dvs_error *err);

/* Opens the sink for reading, fills `out`, ends reading. */
int32_t dvsi_report_read(const dvsi_view_request *request, dvsi_report_fn *fill, const void *options,
                         dvsi_buf *out, dvs_error *err);
/* The request for a project, with a stop asked for earlier forgotten. */
dvsi_view_request dvsi_report_request(dvs_project *project, uint32_t flags);
/* dvsi_report_read as a report with exit code 0. `err` may be NULL, as the caller gave it. */
int32_t dvsi_report_make(dvs_project *project, dvsi_report_fn *fill, const void *options, dvs_report **report,
                         dvs_error *err);

/* Members of the object that is open. */
void dvsi_report_text(dvsi_buf *out, const char *name, const char *text); /* NULL: null */
void dvsi_report_int(dvsi_buf *out, const char *name, int64_t value);
void dvsi_report_double(dvsi_buf *out, const char *name, double value);
void dvsi_report_flag(dvsi_buf *out, const char *name, int value);
void dvsi_report_null(dvsi_buf *out, const char *name);
void dvsi_report_cell(dvsi_buf *out, const char *name, const dvs_cell *cell);
void dvsi_report_time(dvsi_buf *out, const char *name, int64_t at); /* INT64_MIN: null */

/* The eight counts of a run or a row of the log. */
void dvsi_report_counts(dvsi_buf *out, const dvs_cell *counts);
/* mode and reason of a row of the log as one text, "full: the project changed". */
void dvsi_report_mode(dvsi_buf *out, const dvs_cell *log_row);
/* run_id, status, trigger, started_at, completed_at, error_message of a row of _sync_runs. */
void dvsi_report_run(dvsi_buf *out, const dvsi_view *view, const dvs_cell *row);

/* What a project is doing. */
typedef struct dvsi_report_state {
    const char *name;     /* never_synced, idle, syncing, error, unknown */
    const char *reason;   /* NULL: none */
    dvsi_batch *runs;     /* of _sync_runs */
    const dvs_cell *last; /* the row of the last run that is over; NULL: none */
} dvsi_report_state;
/* *state is to be freed, whatever the status. */
int32_t dvsi_report_state_find(dvsi_view *view, dvsi_report_state *state, dvs_error *err);
void dvsi_report_state_free(dvsi_report_state *state);
/* Is it the sink that cannot be read, so that a report of many things can say so and go on? */
int dvsi_report_is_unknown(int32_t status);

/* The target of an entity. DVS_E_USAGE, with the nearest name, when the project has none of this name. */
int32_t dvsi_report_target(dvsi_view *view, const char *entity, dvsi_target **target, dvs_error *err);

#endif
