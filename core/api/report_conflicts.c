/* report_conflicts.c - dvs_conflicts, dvs_conflict_resolve, dvs_conflict_unpin. */
#include <string.h>

#include "api/report.h"
#include "base/error.h"
#include "data/cell.h"
#include "run/resolve.h"

#define ROWS_AT_ONCE 256u

/* ---- One conflict ---- */

/* What is pinned by it. */
static int32_t put_pin(dvsi_view *view, const dvs_cell *row, dvsi_buf *out, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_PINS_CONFLICT_ID, DVS_OP_EQ, row[DVSI_CONFLICTS_ID]);
    if (!dvsi_cell_says(&row[DVSI_CONFLICTS_STATUS], "resolved")) {
        dvsi_report_null(out, "pin");
        return DVS_OK;
    }
    dvsi_batch *pins = dvsi_batch_new(DVSI_N_PINS);
    int32_t status = pins == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_books_find(&view->run->books, DVSI_BOOK_PINS, &where, 1, 0, 1, pins, err);
    if (status == DVS_OK && pins->n_rows != 0) {
        dvsi_out_name(out, "pin");
        dvsi_out_open(out, '{');
        dvsi_report_cell(out, "value", &pins->cells[DVSI_PINS_VALUE]);
        dvsi_report_cell(out, "kept", &pins->cells[DVSI_PINS_KEPT]);
        dvsi_report_cell(out, "pinned_at", &pins->cells[DVSI_PINS_PINNED_AT]);
        dvsi_out_close(out, '}');
    } else if (status == DVS_OK) {
        dvsi_report_null(out, "pin");
    }
    dvsi_batch_free(pins);
    return status;
}

static int32_t put_conflict(dvsi_view *view, const dvs_cell *row, dvsi_buf *out, dvs_error *err)
{
    static const struct {
        const char *name;
        uint32_t column;
    } members[] = {{"id", DVSI_CONFLICTS_ID},
                   {"entity", DVSI_CONFLICTS_ENTITY},
                   {"key", DVSI_CONFLICTS_KEY},
                   {"field", DVSI_CONFLICTS_FIELD},
                   {"kind", DVSI_CONFLICTS_KIND},
                   {"winner_source", DVSI_CONFLICTS_WINNER_SOURCE},
                   {"winner_value", DVSI_CONFLICTS_WINNER_VALUE},
                   {"loser_source", DVSI_CONFLICTS_LOSER_SOURCE},
                   {"loser_value", DVSI_CONFLICTS_LOSER_VALUE},
                   {"rule", DVSI_CONFLICTS_RULE},
                   {"status", DVSI_CONFLICTS_STATUS},
                   {"first_run_id", DVSI_CONFLICTS_FIRST_RUN_ID},
                   {"last_run_id", DVSI_CONFLICTS_LAST_RUN_ID},
                   {"first_seen", DVSI_CONFLICTS_FIRST_SEEN},
                   {"last_seen", DVSI_CONFLICTS_LAST_SEEN},
                   {"seen_count", DVSI_CONFLICTS_SEEN_COUNT},
                   {"closed_at", DVSI_CONFLICTS_CLOSED_AT}};
    dvsi_out_open(out, '{');
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        dvsi_report_cell(out, members[i].name, &row[members[i].column]);
    int32_t status = put_pin(view, row, out, err);
    dvsi_out_close(out, '}');
    return status;
}

/* ---- The list ---- */

/* Conditions for what is listed; how many. */
static uint32_t listed(const dvs_conflicts_options *options, dvs_where where[3])
{
    uint32_t n = 0;
    if (options->entity != NULL)
        where[n++] = dvsi_where(DVSI_CONFLICTS_ENTITY, DVS_OP_EQ, dvsi_cell_text(options->entity));
    if (!options->all)
        where[n++] = dvsi_where(DVSI_CONFLICTS_CLOSED_AT, DVS_OP_IS_NULL, dvsi_cell_null());
    return n;
}

static int32_t put_list(dvsi_view *view, const dvs_conflicts_options *options, dvsi_batch *rows,
                        dvsi_buf *out, dvs_error *err)
{
    dvs_where where[3];
    uint64_t left = options->limit != 0 ? options->limit : UINT64_MAX;
    int64_t last = INT64_MAX;
    int32_t status = DVS_OK;
    for (int more = 1; more && status == DVS_OK;) {
        uint32_t n = listed(options, where);
        uint64_t page = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        where[n++] = dvsi_where(DVSI_CONFLICTS_ID, DVS_OP_LT, dvsi_cell_int64(last));
        status = dvsi_books_find(&view->run->books, DVSI_BOOK_CONFLICTS, where, n, 1, page, rows, err);
        for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
            last = dvsi_batch_cells(rows, i)[DVSI_CONFLICTS_ID].v.i64;
            status = put_conflict(view, dvsi_batch_cells(rows, i), out, err);
        }
        left -= rows->n_rows < left ? rows->n_rows : left;
        more = rows->n_rows == page && left != 0;
    }
    return status;
}

/* How many there are of a status, of those that --entity leaves. */
static int32_t put_count(dvsi_view *view, const dvs_conflicts_options *options, const char *name,
                         dvsi_buf *out, dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_CONFLICTS_STATUS, DVS_OP_EQ, dvsi_cell_text(name)),
                          dvsi_where(DVSI_CONFLICTS_ENTITY, DVS_OP_EQ, dvsi_cell_text(options->entity))};
    uint64_t n = 0;
    int32_t status = view->run->sink != NULL ? dvsi_books_count(&view->run->books, DVSI_BOOK_CONFLICTS, where,
                                                                options->entity != NULL ? 2 : 1, &n, err)
                                             : DVS_OK;
    dvsi_report_int(out, name, (int64_t)n);
    return status;
}

static int32_t fill(dvsi_view *view, const void *context, dvsi_buf *out, dvs_error *err)
{
    const dvs_conflicts_options *options = context;
    dvsi_target *target = NULL;
    int32_t status =
        options->entity != NULL ? dvsi_report_target(view, options->entity, &target, err) : DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_CONFLICTS);
    if (status == DVS_OK && rows == NULL)
        status = dvsi_error_no_memory(err);
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", view->run->project->name);
    static const char *const states[] = {"open", "resolved", "closed"};
    for (uint32_t i = 0; i < 3 && status == DVS_OK; i++)
        status = put_count(view, options, states[i], out, err);
    dvsi_out_name(out, "conflicts");
    dvsi_out_open(out, '[');
    if (status == DVS_OK && view->run->sink != NULL)
        status = put_list(view, options, rows, out, err);
    dvsi_out_close(out, ']');
    dvsi_out_close(out, '}');
    dvsi_batch_free(rows);
    return status;
}

int32_t dvs_conflicts(dvs_project *project, const dvs_conflicts_options *options, dvs_report **report,
                      dvs_error *err)
{
    dvs_error local;
    dvs_conflicts_options all = DVS_CONFLICTS_OPTIONS_INIT;
    err = dvsi_api_error(err, &local);
    *report = NULL;
    if (options != NULL && options->struct_size < sizeof options->struct_size)
        return dvsi_error_set(err, DVS_E_USAGE, "dvs_conflicts_options.struct_size is not set");
    if (options != NULL)
        memcpy(&all, options, options->struct_size < sizeof all ? options->struct_size : sizeof all);
    return dvsi_report_make(project, fill, &all, report, err);
}

/* ---- Deciding one ---- */

/* The conflict as it is after the change. */
static int32_t put_result(dvsi_view *view, int64_t id, dvsi_buf *out, dvs_error *err)
{
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_CONFLICTS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : dvsi_conflict_find(view, id, rows, err);
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", view->run->project->name);
    dvsi_out_name(out, "conflict");
    if (status == DVS_OK)
        status = put_conflict(view, rows->cells, out, err);
    dvsi_out_close(out, '}');
    dvsi_batch_free(rows);
    return status;
}

/* `keep` NULL: the pin is taken away. */
static int32_t decide(dvs_project *project, int64_t id, const char *keep, dvs_report **report, dvs_error *err)
{
    dvsi_view *view = NULL;
    dvsi_buf json = {0};
    dvsi_view_request request = dvsi_report_request(project, DVSI_VIEW_LOCK);
    int32_t status = dvsi_view_new(&request, &view, err);
    if (status == DVS_OK && view->run->sink == NULL)
        status =
            dvsi_error_set(err, DVS_E_NOT_FOUND, "project \"%s\" was never synced, so it has no conflicts",
                           project->project->name);
    if (status == DVS_OK)
        status =
            keep != NULL ? dvsi_conflict_resolve(view, id, keep, err) : dvsi_conflict_unpin(view, id, err);
    if (status == DVS_OK)
        status = put_result(view, id, &json, err);
    if (status == DVS_OK)
        status = dvsi_view_end(view, err);
    if (status == DVS_OK)
        status = dvsi_api_report(&json, 0, report, err);
    dvsi_view_free(view);
    dvsi_buf_free(&json);
    return status;
}

int32_t dvs_conflict_resolve(dvs_project *project, int64_t id, const char *keep, dvs_report **report,
                             dvs_error *err)
{
    dvs_error local;
    err = dvsi_api_error(err, &local);
    *report = NULL;
    if (keep == NULL || *keep == '\0')
        return dvsi_error_set(err, DVS_E_USAGE,
                              "whose value is to be kept was not said: a source's name or \"sink\"");
    return decide(project, id, keep, report, err);
}

int32_t dvs_conflict_unpin(dvs_project *project, int64_t id, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    err = dvsi_api_error(err, &local);
    *report = NULL;
    return decide(project, id, NULL, report, err);
}
