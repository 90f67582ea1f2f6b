/* report.c - what the reporting functions share. */
#include "api/report.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "data/cell.h"

#define MOST_TRIES 5

int32_t dvsi_report_read(const dvsi_view_request *request, dvsi_report_fn *fill, const void *options,
                         dvsi_buf *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (int i = 0; i < MOST_TRIES; i++) {
        dvsi_view *view = NULL;
        dvsi_buf_clear(out);
        status = dvsi_view_new(request, &view, err);
        if (status == DVS_OK)
            status = fill(view, options, out, err);
        if (status == DVS_OK)
            status = dvsi_view_end(view, err);
        dvsi_view_free(view);
        if (status != DVS_E_CHANGED)
            break;
    }
    return status;
}

dvsi_view_request dvsi_report_request(dvs_project *project, uint32_t flags)
{
    atomic_store(&project->stop, 0);
    return (dvsi_view_request){.project = project->project,
                               .registry = project->context->registry,
                               .log = &project->context->log,
                               .stop = &project->stop,
                               .flags = flags};
}

int32_t dvsi_report_make(dvs_project *project, dvsi_report_fn *fill, const void *options, dvs_report **report,
                         dvs_error *err)
{
    dvs_error local;
    dvsi_buf json = {0};
    dvsi_view_request request = dvsi_report_request(project, DVS_SINK_READ_ONLY);
    err = dvsi_api_error(err, &local);
    *report = NULL;
    int32_t status = dvsi_report_read(&request, fill, options, &json, err);
    if (status == DVS_OK)
        status = dvsi_api_report(&json, 0, report, err);
    dvsi_buf_free(&json);
    return status;
}

/* ---- Members ---- */

void dvsi_report_null(dvsi_buf *out, const char *name)
{
    dvsi_out_name(out, name);
    dvsi_out_raw(out, "null");
}

void dvsi_report_text(dvsi_buf *out, const char *name, const char *text)
{
    if (text != NULL)
        dvsi_out_member(out, name, text);
    else
        dvsi_report_null(out, name);
}

void dvsi_report_int(dvsi_buf *out, const char *name, int64_t value)
{
    char digits[DVSI_INT64_SIZE];
    dvsi_out_name(out, name);
    dvsi_buf_add(out, digits, dvsi_number_from_int64(digits, value));
}

void dvsi_report_double(dvsi_buf *out, const char *name, double value)
{
    char digits[DVSI_DOUBLE_SIZE];
    dvsi_out_name(out, name);
    dvsi_buf_add(out, digits, dvsi_number_from_double(digits, value));
}

void dvsi_report_flag(dvsi_buf *out, const char *name, int value)
{
    dvsi_out_name(out, name);
    dvsi_out_raw(out, value ? "true" : "false");
}

void dvsi_report_cell(dvsi_buf *out, const char *name, const dvs_cell *cell)
{
    dvsi_out_name(out, name);
    dvsi_cell_json(out, cell);
}

void dvsi_report_time(dvsi_buf *out, const char *name, int64_t at)
{
    dvs_cell cell = at != INT64_MIN ? dvsi_cell_timestamp(at) : dvsi_cell_null();
    dvsi_report_cell(out, name, &cell);
}

/* ---- Rows of the books ---- */

void dvsi_report_counts(dvsi_buf *out, const dvs_cell *counts)
{
    static const char *const names[] = {"rows_processed", "rows_created", "rows_updated", "rows_deleted",
                                        "rows_unchanged", "rows_skipped", "row_errors",   "conflicts"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        dvsi_report_int(out, names[i], counts[i].kind == DVS_INT64 ? counts[i].v.i64 : 0);
}

void dvsi_report_mode(dvsi_buf *out, const dvs_cell *row)
{
    const dvs_cell *mode = &row[DVSI_LOG_MODE];
    const dvs_cell *reason = &row[DVSI_LOG_REASON];
    dvsi_buf text = {0};
    if (mode->kind == DVS_TEXT)
        dvsi_buf_add(&text, mode->v.text, mode->length);
    if (mode->kind == DVS_TEXT && reason->kind == DVS_TEXT && reason->length != 0) {
        dvsi_buf_puts(&text, ": ");
        dvsi_buf_add(&text, reason->v.text, reason->length);
    }
    if (text.failed)
        out->failed = 1;
    dvs_cell cell =
        mode->kind == DVS_TEXT ? dvsi_cell_text_n(dvsi_buf_text(&text), text.length) : dvsi_cell_null();
    dvsi_report_cell(out, "mode", &cell);
    dvsi_buf_free(&text);
}

void dvsi_report_run(dvsi_buf *out, const dvsi_view *view, const dvs_cell *row)
{
    int dead = dvsi_view_is_dead(view, row);
    dvsi_report_cell(out, "run_id", &row[DVSI_RUNS_RUN_ID]);
    if (dead)
        dvsi_report_text(out, "status", "failed (owner gone)");
    else
        dvsi_report_cell(out, "status", &row[DVSI_RUNS_STATUS]);
    dvsi_report_cell(out, "trigger", &row[DVSI_RUNS_TRIGGER]);
    dvsi_report_cell(out, "started_at", &row[DVSI_RUNS_STARTED_AT]);
    dvsi_report_cell(out, "completed_at", &row[DVSI_RUNS_COMPLETED_AT]);
    if (dead && row[DVSI_RUNS_ERROR_MESSAGE].kind == DVS_NULL)
        dvsi_report_text(out, "error_message", "owner gone");
    else
        dvsi_report_cell(out, "error_message", &row[DVSI_RUNS_ERROR_MESSAGE]);
}

/* ---- Entities ---- */

int32_t dvsi_report_target(dvsi_view *view, const char *entity, dvsi_target **target, dvs_error *err)
{
    dvsi_run *run = view->run;
    const char **names = dvsi_arena_calloc(&run->arena, (size_t)run->n_targets + 1, sizeof *names);
    if (names == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t t = 0; t < run->n_targets; t++) {
        names[t] = run->targets[t].entity->name;
        if (strcmp(names[t], entity) == 0) {
            *target = &run->targets[t];
            return DVS_OK;
        }
    }
    const char *near = dvsi_problem_nearest(entity, names);
    return dvsi_error_set(err, DVS_E_USAGE, "project \"%s\" has no entity \"%s\"%s%s%s", run->project->name,
                          entity, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                          near != NULL ? "\"?" : "");
}
