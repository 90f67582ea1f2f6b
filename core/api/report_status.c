/* report_status.c - dvs_status. */
#include "api/report.h"
#include "base/error.h"
#include "data/cell.h"

static const dvs_cell none = {.kind = DVS_NULL};

/* Rows per second up to the last commit. */
static void put_rate(dvsi_buf *out, const dvs_cell *row, const dvs_cell *heartbeat)
{
    const dvs_cell *start = &row[DVSI_LOG_STARTED_AT];
    const dvs_cell *end =
        row[DVSI_LOG_COMPLETED_AT].kind == DVS_TIMESTAMP ? &row[DVSI_LOG_COMPLETED_AT] : heartbeat;
    const dvs_cell *rows = &row[DVSI_LOG_PROCESSED];
    if (start->kind != DVS_TIMESTAMP || end->kind != DVS_TIMESTAMP || rows->kind != DVS_INT64 ||
        end->v.i64 <= start->v.i64 || rows->v.i64 < 0) {
        dvsi_report_null(out, "rate");
        return;
    }
    double rate = (double)rows->v.i64 * 1e6 / (double)(end->v.i64 - start->v.i64);
    dvsi_report_int(out, "rate", (int64_t)(rate + 0.5));
}

static int32_t put_progress(dvsi_view *view, dvsi_buf *out, dvs_error *err)
{
    const dvs_cell *lock = view->lock->cells;
    dvs_where where = dvsi_where(DVSI_LOG_RUN_ID, DVS_OP_EQ, lock[DVSI_LOCKS_RUN_ID]);
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_LOG);
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
        dvsi_report_cell(out, "state", &row[DVSI_LOG_STATUS]);
        dvsi_report_cell(out, "rows", &row[DVSI_LOG_PROCESSED]);
        put_rate(out, row, &lock[DVSI_LOCKS_HEARTBEAT_AT]);
        dvsi_out_close(out, '}');
    }
    dvsi_out_close(out, ']');
    dvsi_batch_free(rows);
    return status;
}

static int32_t put_running(dvsi_view *view, dvsi_buf *out, dvs_error *err)
{
    if (!view->held || view->lock->n_rows == 0) {
        dvsi_report_null(out, "running");
        return DVS_OK;
    }
    const dvs_cell *lock = view->lock->cells;
    dvsi_out_name(out, "running");
    dvsi_out_open(out, '{');
    dvsi_report_cell(out, "run_id", &lock[DVSI_LOCKS_RUN_ID]);
    dvsi_report_cell(out, "pid", &lock[DVSI_LOCKS_PID]);
    dvsi_report_cell(out, "host", &lock[DVSI_LOCKS_HOST]);
    dvsi_report_cell(out, "started_at", &lock[DVSI_LOCKS_ACQUIRED_AT]);
    dvsi_report_cell(out, "heartbeat_at", &lock[DVSI_LOCKS_HEARTBEAT_AT]);
    int32_t status = put_progress(view, out, err);
    dvsi_out_close(out, '}');
    return status;
}

/* The mode of the last read of a `from` entry. */
static int32_t put_mode(dvsi_view *view, const char *entity, const char *source, dvsi_batch *rows,
                        dvsi_buf *out, dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_LOG_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity)),
                          dvsi_where(DVSI_LOG_SOURCE, DVS_OP_EQ, dvsi_cell_text(source))};
    int32_t status = dvsi_books_find(&view->run->books, DVSI_BOOK_LOG, where, 2, 1, 1, rows, err);
    if (status == DVS_OK && rows->n_rows != 0)
        dvsi_report_mode(out, rows->cells);
    else
        dvsi_report_null(out, "mode");
    return status;
}

static int32_t put_from(dvsi_view *view, const dvsi_entity *entity, const dvsi_from *from, dvsi_batch *rows,
                        dvsi_buf *out, dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_STATE_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity->name)),
                          dvsi_where(DVSI_STATE_SOURCE, DVS_OP_EQ, dvsi_cell_text(from->label))};
    int32_t status = DVS_OK;
    const dvs_cell *row = NULL;
    if (view->run->sink != NULL)
        status = dvsi_books_find(&view->run->books, DVSI_BOOK_STATE, where, 2, 0, 1, rows, err);
    if (status == DVS_OK && rows->n_rows != 0)
        row = rows->cells;
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "entity", entity->name);
    dvsi_report_text(out, "source", from->label);
    if (row != NULL)
        dvsi_report_cell(out, "state", &row[DVSI_STATE_STATE]);
    else
        dvsi_report_text(out, "state", "pending");
    dvsi_report_cell(out, "last_sync_time", row != NULL ? &row[DVSI_STATE_LAST_SYNC_TIME] : &none);
    dvsi_report_cell(out, "last_full_at", row != NULL ? &row[DVSI_STATE_LAST_FULL_AT] : &none);
    dvsi_report_cell(out, "records_count", row != NULL ? &row[DVSI_STATE_RECORDS_COUNT] : &none);
    if (status == DVS_OK && view->run->sink != NULL)
        status = put_mode(view, entity->name, from->label, rows, out, err);
    else
        dvsi_report_null(out, "mode");
    dvsi_out_close(out, '}');
    return status;
}

static int32_t put_entities(dvsi_view *view, dvsi_buf *out, dvs_error *err)
{
    const dvsi_project *project = view->run->project;
    int32_t status = DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_STATE);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    dvsi_out_name(out, "entities");
    dvsi_out_open(out, '[');
    for (uint32_t e = 0; e < project->n_entities; e++)
        for (uint32_t f = 0; f < project->entities[e].n_from && status == DVS_OK; f++) {
            dvsi_batch_reset(rows, DVSI_N_STATE);
            status = put_from(view, &project->entities[e], &project->entities[e].from[f], rows, out, err);
        }
    dvsi_out_close(out, ']');
    dvsi_batch_free(rows);
    return status;
}

static int32_t fill(dvsi_view *view, const void *options, dvsi_buf *out, dvs_error *err)
{
    dvsi_report_state state;
    (void)options;
    int32_t status = dvsi_report_state_find(view, &state, err);
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", view->run->project->name);
    dvsi_report_text(out, "state", state.name);
    dvsi_report_text(out, "reason", state.reason);
    if (status == DVS_OK)
        status = put_running(view, out, err);
    if (state.last != NULL) {
        dvsi_out_name(out, "last_run");
        dvsi_out_open(out, '{');
        dvsi_report_run(out, view, state.last);
        dvsi_out_close(out, '}');
    } else {
        dvsi_report_null(out, "last_run");
    }
    if (status == DVS_OK)
        status = put_entities(view, out, err);
    dvsi_out_close(out, '}');
    dvsi_report_state_free(&state);
    return status;
}

int32_t dvs_status(dvs_project *project, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_buf json = {0};
    dvsi_view_request request = dvsi_report_request(project, DVS_SINK_READ_ONLY);
    err = dvsi_api_error(err, &local);
    *report = NULL;
    int32_t status = dvsi_report_read(&request, fill, NULL, &json, err);
    if (dvsi_report_is_unknown(status)) {
        dvsi_buf_clear(&json);
        dvsi_out_open(&json, '{');
        dvsi_report_text(&json, "project", project->project->name);
        dvsi_report_text(&json, "state", "unknown");
        dvsi_report_text(&json, "reason", err->message);
        dvsi_report_null(&json, "running");
        dvsi_report_null(&json, "last_run");
        dvsi_buf_puts(&json, ",\"entities\":[]}");
        status = DVS_OK;
    }
    if (status == DVS_OK)
        status = dvsi_api_report(&json, 0, report, err);
    dvsi_buf_free(&json);
    return status;
}
