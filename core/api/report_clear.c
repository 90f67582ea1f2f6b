/* report_clear.c - dvs_history_clear: finished runs leave _sync_runs and _sync_log, and nothing else. */
#include <stdlib.h>
#include <string.h>

#include "api/report.h"
#include "base/clock.h"
#include "base/error.h"
#include "data/cell.h"

#define LOG_ROWS 4096u

typedef struct clear_list {
    int64_t *row_ids;     /* of _sync_runs */
    const char **run_ids; /* sorted */
    uint32_t n;
} clear_list;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* When a run ended; one that was killed has no end on record. */
static int64_t end_of(const dvs_cell *row)
{
    if (row[DVSI_RUNS_COMPLETED_AT].kind == DVS_TIMESTAMP)
        return row[DVSI_RUNS_COMPLETED_AT].v.i64;
    return row[DVSI_RUNS_STARTED_AT].kind == DVS_TIMESTAMP ? row[DVSI_RUNS_STARTED_AT].v.i64 : INT64_MIN;
}

/* Finished is what has an end, or what nobody can be working on: `view` holds the write lock, so a run that
 * lives holds the project's lock now. */
static int is_finished(const dvsi_view *view, const dvs_cell *row)
{
    return !dvsi_cell_says(&row[DVSI_RUNS_STATUS], "running") ||
           (view->probe.status == DVS_OK && !view->held);
}

static int32_t choose(dvsi_view *view, const dvsi_batch *rows, int keep_latest, int64_t before,
                      clear_list *list, dvs_error *err)
{
    dvsi_arena *arena = &view->run->arena;
    list->row_ids = dvsi_arena_calloc(arena, (size_t)rows->n_rows + 1, sizeof *list->row_ids);
    list->run_ids = dvsi_arena_calloc(arena, (size_t)rows->n_rows + 1, sizeof *list->run_ids);
    if (list->row_ids == NULL || list->run_ids == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const dvs_cell *id = &row[DVSI_RUNS_RUN_ID];
        if (!is_finished(view, row))
            continue;
        if (keep_latest) {
            keep_latest = 0;
            continue;
        }
        if (end_of(row) >= before)
            continue;
        list->row_ids[list->n] = row[DVSI_RUNS_ROW_ID].v.i64;
        list->run_ids[list->n] = id->kind == DVS_TEXT ? dvsi_arena_copy(arena, id->v.text, id->length) : "";
        if (list->run_ids[list->n++] == NULL)
            return dvsi_error_no_memory(err);
    }
    qsort(list->run_ids, list->n, sizeof *list->run_ids, by_text);
    return DVS_OK;
}

/* One page of the log behind *last; what belongs to a run of the list goes. */
static int32_t clear_log_page(dvsi_view *view, const clear_list *list, int64_t *last, dvsi_batch *rows,
                              dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_LOG_ROW_ID, DVSI_LOG_RUN_ID};
    static const uint32_t order = DVSI_LOG_ROW_ID;
    dvsi_books *books = &view->run->books;
    dvs_where where[2] = {dvsi_where(DVSI_LOG_PROJECT, DVS_OP_EQ, dvsi_cell_text(books->project)),
                          dvsi_where(DVSI_LOG_ROW_ID, DVS_OP_GT, dvsi_cell_int64(*last))};
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &books->tables[DVSI_BOOK_LOG],
                     .columns = columns,
                     .n_columns = 2,
                     .n_where = 2,
                     .where = where,
                     .order = &order,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = LOG_ROWS};
    dvsi_arena arena = {0};
    uint32_t n = 0;
    dvsi_batch_reset(rows, 2);
    int32_t status = dvsi_sink_scan(books->sink, &scan, rows, err);
    int64_t *gone = dvsi_arena_calloc(&arena, (size_t)rows->n_rows + 1, sizeof *gone);
    if (status == DVS_OK && gone == NULL)
        status = dvsi_error_no_memory(err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const char *id = row[1].kind == DVS_TEXT ? dvsi_arena_copy(&arena, row[1].v.text, row[1].length) : "";
        *last = row[0].v.i64;
        if (id == NULL)
            status = dvsi_error_no_memory(err);
        else if (bsearch(&id, list->run_ids, list->n, sizeof *list->run_ids, by_text) != NULL)
            gone[n++] = *last;
    }
    if (status == DVS_OK)
        status = dvsi_books_delete(books, DVSI_BOOK_LOG, gone, n, err);
    dvsi_arena_free(&arena);
    return status;
}

static int32_t clear(dvsi_view *view, int keep_latest, int64_t before, uint32_t *removed, dvs_error *err)
{
    clear_list list = {0};
    int64_t last = INT64_MIN;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_RUNS);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(&view->run->books, DVSI_BOOK_RUNS, NULL, 0, 1, 0, rows, err);
    if (status == DVS_OK)
        status = choose(view, rows, keep_latest, before, &list, err);
    if (status == DVS_OK)
        status = dvsi_books_delete(&view->run->books, DVSI_BOOK_RUNS, list.row_ids, list.n, err);
    if (status == DVS_OK && list.n != 0 && view->run->books.exists[DVSI_BOOK_LOG])
        do
            status = clear_log_page(view, &list, &last, rows, err);
        while (status == DVS_OK && rows->n_rows == LOG_ROWS);
    *removed = list.n;
    dvsi_batch_free(rows);
    return status;
}

int32_t dvs_history_clear(dvs_project *project, int keep_latest, const char *older_than, dvs_report **report,
                          dvs_error *err)
{
    dvs_error local;
    dvsi_view *view = NULL;
    dvsi_buf json = {0};
    int64_t age = 0;
    uint32_t removed = 0;
    err = dvsi_api_error(err, &local);
    *report = NULL;
    if (older_than != NULL && dvsi_duration_parse(older_than, &age) != 0)
        return dvsi_error_set(err, DVS_E_USAGE,
                              "the age is \"%s\"; give a number with s, m, h, d or w, such as 90d",
                              older_than);
    dvsi_view_request request = dvsi_report_request(project, 0);
    int32_t status = dvsi_view_new(&request, &view, err);
    if (status == DVS_OK && view->run->sink != NULL)
        status =
            clear(view, keep_latest, older_than != NULL ? dvsi_clock_now() - age : INT64_MAX, &removed, err);
    if (status == DVS_OK)
        status = dvsi_view_end(view, err);
    if (status == DVS_OK) {
        dvsi_out_open(&json, '{');
        dvsi_report_text(&json, "project", project->project->name);
        dvsi_report_int(&json, "removed", removed);
        dvsi_out_close(&json, '}');
        status = dvsi_api_report(&json, 0, report, err);
    }
    dvsi_view_free(view);
    dvsi_buf_free(&json);
    return status;
}
