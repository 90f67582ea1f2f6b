/* report_state.c - what a project is doing, from its runs and its lock. */

#include "api/report.h"
#include "base/error.h"
#include "data/cell.h"

int dvsi_report_is_unknown(int32_t status)
{
    return status != DVS_OK && status != DVS_E_CONFIG && status != DVS_E_NO_MEMORY &&
           status != DVS_E_CANCELLED && status != DVS_E_USAGE;
}

static const char *text_of(dvsi_view *view, const dvs_cell *cell)
{
    return cell->kind == DVS_TEXT ? dvsi_arena_copy(&view->run->arena, cell->v.text, cell->length) : NULL;
}

/* Without runs on record, the state of the entities tells whether anything was synced. */
static int32_t was_synced(dvsi_view *view, int *synced, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_STATE_LAST_SYNC_TIME, DVS_OP_NOT_NULL, dvsi_cell_null());
    uint64_t n = 0;
    int32_t status = dvsi_books_count(&view->run->books, DVSI_BOOK_STATE, &where, 1, &n, err);
    *synced = n != 0;
    return status;
}

/* An entity that failed in this run: "accounts: why"; NULL: none did. */
static int32_t failed_entity(dvsi_view *view, const dvs_cell *run_id, const char **reason, dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_LOG_RUN_ID, DVS_OP_EQ, *run_id),
                          dvsi_where(DVSI_LOG_STATUS, DVS_OP_EQ, dvsi_cell_text("failed"))};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_LOG);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(&view->run->books, DVSI_BOOK_LOG, where, 2, 0, 1, rows, err);
    if (status == DVS_OK && rows->n_rows != 0) {
        const char *entity = text_of(view, &rows->cells[DVSI_LOG_ENTITY]);
        const char *message = text_of(view, &rows->cells[DVSI_LOG_ERROR_MESSAGE]);
        *reason = dvsi_arena_printf(&view->run->arena, "%s: %s", entity != NULL ? entity : "?",
                                    message != NULL ? message : "failed");
        if (*reason == NULL)
            status = dvsi_error_no_memory(err);
    }
    dvsi_batch_free(rows);
    return status;
}

static int32_t judge(dvsi_view *view, dvsi_report_state *state, dvs_error *err)
{
    const dvs_cell *last = state->last;
    int32_t status = DVS_OK;
    int synced = 0;
    if (view->held) {
        state->name = "syncing";
    } else if (view->probe.status != DVS_OK) {
        state->name = "unknown";
        state->reason = view->probe.message;
    } else if (last == NULL) {
        status = was_synced(view, &synced, err);
        state->name = synced ? "idle" : "never_synced";
    } else if (dvsi_view_is_dead(view, last)) {
        state->name = "error";
        state->reason = "owner gone: the process of the last run ended without a word; the next sync goes on "
                        "from its last "
                        "commit";
    } else if (dvsi_cell_says(&last[DVSI_RUNS_STATUS], "failed")) {
        state->name = "error";
        state->reason = text_of(view, &last[DVSI_RUNS_ERROR_MESSAGE]);
        if (state->reason == NULL)
            state->reason = "the last run failed";
    } else {
        status = failed_entity(view, &last[DVSI_RUNS_RUN_ID], &state->reason, err);
        state->name = state->reason != NULL ? "error" : "idle";
    }
    return status;
}

int32_t dvsi_report_state_find(dvsi_view *view, dvsi_report_state *state, dvs_error *err)
{
    *state = (dvsi_report_state){.name = "never_synced"};
    if (view->run->sink == NULL)
        return DVS_OK;
    state->runs = dvsi_batch_new(DVSI_N_RUNS);
    if (state->runs == NULL)
        return dvsi_error_no_memory(err);
    /* Two: only one can be the one that is going on. */
    int32_t status = dvsi_books_find(&view->run->books, DVSI_BOOK_RUNS, NULL, 0, 1, 2, state->runs, err);
    for (uint32_t i = 0; status == DVS_OK && i < state->runs->n_rows && state->last == NULL; i++)
        if (!dvsi_view_is_running(view, dvsi_batch_cells(state->runs, i)))
            state->last = dvsi_batch_cells(state->runs, i);
    return status == DVS_OK ? judge(view, state, err) : status;
}

void dvsi_report_state_free(dvsi_report_state *state)
{
    dvsi_batch_free(state->runs);
    *state = (dvsi_report_state){0};
}
