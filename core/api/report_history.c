/* report_history.c - dvs_history: the list of runs, and one of them in full. */
#include <string.h>

#include "api/report.h"
#include "base/error.h"
#include "data/cell.h"

static void put_run(dvsi_buf *out, const dvsi_view *view, const dvs_cell *row)
{
    const dvs_cell *start = &row[DVSI_RUNS_STARTED_AT];
    const dvs_cell *end = &row[DVSI_RUNS_COMPLETED_AT];
    dvsi_report_run(out, view, row);
    if (start->kind == DVS_TIMESTAMP && end->kind == DVS_TIMESTAMP && end->v.i64 >= start->v.i64)
        dvsi_report_double(out, "duration_seconds", (double)(end->v.i64 - start->v.i64) / 1e6);
    else
        dvsi_report_null(out, "duration_seconds");
    dvsi_report_counts(out, &row[DVSI_RUNS_PROCESSED]);
    dvsi_report_cell(out, "host", &row[DVSI_RUNS_HOST]);
    dvsi_report_cell(out, "pid", &row[DVSI_RUNS_PID]);
}

static int32_t put_log(dvsi_view *view, const dvs_cell *run, dvsi_buf *out, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_LOG_RUN_ID, DVS_OP_EQ, run[DVSI_RUNS_RUN_ID]);
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_LOG);
    int dead = dvsi_view_is_dead(view, run);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(&view->run->books, DVSI_BOOK_LOG, &where, 1, 0, 0, rows, err);
    dvsi_out_name(out, "entities");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        dvsi_out_open(out, '{');
        dvsi_report_cell(out, "entity", &row[DVSI_LOG_ENTITY]);
        dvsi_report_cell(out, "source", &row[DVSI_LOG_SOURCE]);
        dvsi_report_mode(out, row);
        if (dead && dvsi_cell_says(&row[DVSI_LOG_STATUS], "running"))
            dvsi_report_text(out, "status", "failed (owner gone)");
        else
            dvsi_report_cell(out, "status", &row[DVSI_LOG_STATUS]);
        dvsi_report_cell(out, "started_at", &row[DVSI_LOG_STARTED_AT]);
        dvsi_report_cell(out, "completed_at", &row[DVSI_LOG_COMPLETED_AT]);
        dvsi_report_counts(out, &row[DVSI_LOG_PROCESSED]);
        dvsi_report_cell(out, "error_message", &row[DVSI_LOG_ERROR_MESSAGE]);
        dvsi_out_close(out, '}');
    }
    dvsi_out_close(out, ']');
    dvsi_batch_free(rows);
    return status;
}

static int32_t fill_one(dvsi_view *view, const char *run_id, dvsi_batch *rows, dvsi_buf *out, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_RUNS_RUN_ID, DVS_OP_EQ, dvsi_cell_text(run_id));
    int32_t status = DVS_OK;
    if (view->run->sink != NULL)
        status = dvsi_books_find(&view->run->books, DVSI_BOOK_RUNS, &where, 1, 0, 1, rows, err);
    if (status == DVS_OK && rows->n_rows == 0)
        return dvsi_error_set(err, DVS_E_NOT_FOUND,
                              "the history of project \"%s\" has no run %s; `dvsync history` lists the ids "
                              "of those that it has",
                              view->run->project->name, run_id);
    if (status != DVS_OK)
        return status;
    dvsi_out_name(out, "run");
    dvsi_out_open(out, '{');
    put_run(out, view, rows->cells);
    status = put_log(view, rows->cells, out, err);
    dvsi_out_close(out, '}');
    return status;
}

static int32_t fill_list(dvsi_view *view, uint32_t limit, dvsi_batch *rows, dvsi_buf *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    if (view->run->sink != NULL)
        status = dvsi_books_find(&view->run->books, DVSI_BOOK_RUNS, NULL, 0, 1, limit, rows, err);
    dvsi_out_name(out, "runs");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        dvsi_out_open(out, '{');
        put_run(out, view, dvsi_batch_cells(rows, i));
        dvsi_out_close(out, '}');
    }
    dvsi_out_close(out, ']');
    return status;
}

static int32_t fill(dvsi_view *view, const void *context, dvsi_buf *out, dvs_error *err)
{
    const dvs_history_options *options = context;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_RUNS);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", view->run->project->name);
    int32_t status = options->run_id != NULL ? fill_one(view, options->run_id, rows, out, err)
                                             : fill_list(view, options->limit, rows, out, err);
    dvsi_out_close(out, '}');
    dvsi_batch_free(rows);
    return status;
}

int32_t dvs_history(dvs_project *project, const dvs_history_options *options, dvs_report **report,
                    dvs_error *err)
{
    dvs_history_options all = DVS_HISTORY_OPTIONS_INIT;
    *report = NULL;
    if (options != NULL && options->struct_size < sizeof options->struct_size)
        return dvsi_error_set(err, DVS_E_USAGE, "dvs_history_options.struct_size is not set");
    if (options != NULL)
        memcpy(&all, options, options->struct_size < sizeof all ? options->struct_size : sizeof all);
    return dvsi_report_make(project, fill, &all, report, err);
}
