/* report_stats.c - dvs_stats. */
#include <string.h>

#include "api/report.h"
#include "base/error.h"
#include "data/cell.h"

typedef struct entity_stats {
    uint32_t counted; /* the table is ours and is there */
    uint64_t rows;
    uint64_t closed; /* deleted, or versions that do not hold any more */
    uint32_t has_versions;
    int64_t last_sync; /* INT64_MIN: never */
    int64_t last_full; /* of the `from` entry that is furthest behind */
    uint32_t cursor;
    uint64_t open_errors;
    uint64_t open_conflicts;
} entity_stats;

static int32_t count_rows(dvsi_view *view, const dvsi_target *target, entity_stats *stats, dvs_error *err)
{
    dvsi_run *run = view->run;
    dvsi_schema found = {0};
    dvsi_schema columns = {0};
    if (target->definition.row_id == 0)
        return DVS_OK;
    int32_t status = dvsi_sink_inspect(run->sink, target->entity->name, &found, err);
    if (status == DVS_E_NOT_FOUND) {
        dvsi_schema_free(&found);
        return DVS_OK; /* somebody dropped it */
    }
    stats->has_versions = strcmp(target->definition.history, "scd2") == 0;
    const char *mark = stats->has_versions ? "valid_to" : "deleted_at";
    int has_closed = dvsi_schema_find(&found, mark) >= 0;
    if (status == DVS_OK &&
        (dvsi_schema_put(&columns, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL ||
         (has_closed && dvsi_schema_put(&columns, mark, DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL)))
        status = dvsi_error_no_memory(err);
    dvs_table table = {.struct_size = (uint32_t)sizeof table,
                       .n_columns = columns.n_columns,
                       .column_stride = sizeof(dvs_column),
                       .id = dvsi_table_id(),
                       .name = target->entity->name,
                       .columns = columns.columns};
    dvs_where closed = dvsi_where(1, DVS_OP_NOT_NULL, dvsi_cell_null());
    if (status == DVS_OK)
        status = dvsi_sink_count(run->sink, &table, NULL, 0, &stats->rows, err);
    if (status == DVS_OK && has_closed)
        status = dvsi_sink_count(run->sink, &table, &closed, 1, &stats->closed, err);
    stats->counted = status == DVS_OK;
    dvsi_schema_free(&columns);
    dvsi_schema_free(&found);
    return status;
}

static int64_t time_of(const dvs_cell *cell)
{
    return cell->kind == DVS_TIMESTAMP ? cell->v.i64 : INT64_MIN;
}

static int32_t read_state(dvsi_view *view, const dvsi_entity *entity, entity_stats *stats, dvs_error *err)
{
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_STATE);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    stats->cursor = 1;
    stats->last_full = INT64_MAX;
    for (uint32_t f = 0; f < entity->n_from && status == DVS_OK; f++) {
        dvs_where where[2] = {
            dvsi_where(DVSI_STATE_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity->name)),
            dvsi_where(DVSI_STATE_SOURCE, DVS_OP_EQ, dvsi_cell_text(entity->from[f].label))};
        int64_t sync = INT64_MIN;
        int64_t full = INT64_MIN;
        uint32_t cursor = 0;
        status = dvsi_books_find(&view->run->books, DVSI_BOOK_STATE, where, 2, 0, 1, rows, err);
        if (status == DVS_OK && rows->n_rows != 0) {
            sync = time_of(&rows->cells[DVSI_STATE_LAST_SYNC_TIME]);
            full = time_of(&rows->cells[DVSI_STATE_LAST_FULL_AT]);
            cursor = rows->cells[DVSI_STATE_CURSOR].kind == DVS_BYTES;
        }
        stats->last_sync = sync > stats->last_sync ? sync : stats->last_sync;
        stats->last_full = full < stats->last_full ? full : stats->last_full;
        stats->cursor = stats->cursor && cursor;
    }
    dvsi_batch_free(rows);
    return status;
}

static int32_t count_errors(dvsi_view *view, const dvsi_entity *entity, entity_stats *stats, dvs_error *err)
{
    dvs_where where[3] = {dvsi_where(DVSI_ERRORS_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity->name)),
                          dvsi_where(DVSI_ERRORS_CLOSED_AT, DVS_OP_IS_NULL, dvsi_cell_null()),
                          dvsi_where(DVSI_ERRORS_SEVERITY, DVS_OP_EQ, dvsi_cell_text("error"))};
    return dvsi_books_count(&view->run->books, DVSI_BOOK_ERRORS, where, 3, &stats->open_errors, err);
}

static int32_t count_conflicts(dvsi_view *view, const dvsi_entity *entity, entity_stats *stats,
                               dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_CONFLICTS_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity->name)),
                          dvsi_where(DVSI_CONFLICTS_CLOSED_AT, DVS_OP_IS_NULL, dvsi_cell_null())};
    return dvsi_books_count(&view->run->books, DVSI_BOOK_CONFLICTS, where, 2, &stats->open_conflicts, err);
}

static void put_count(dvsi_buf *out, const char *name, int known, uint64_t count)
{
    if (known)
        dvsi_report_int(out, name, (int64_t)count);
    else
        dvsi_report_null(out, name);
}

static int32_t put_entity(dvsi_view *view, const dvsi_target *target, int64_t *last_sync, dvsi_buf *out,
                          dvs_error *err)
{
    entity_stats stats = {.last_sync = INT64_MIN, .last_full = INT64_MIN};
    int32_t status = DVS_OK;
    int known = view->run->sink != NULL;
    if (known)
        status = count_rows(view, target, &stats, err);
    if (status == DVS_OK && known)
        status = read_state(view, target->entity, &stats, err);
    if (status == DVS_OK && known)
        status = count_errors(view, target->entity, &stats, err);
    if (status == DVS_OK && known)
        status = count_conflicts(view, target->entity, &stats, err);
    if (stats.last_sync > *last_sync)
        *last_sync = stats.last_sync;
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "entity", target->entity->name);
    put_count(out, "active", (int)stats.counted, stats.rows - stats.closed);
    /* Among versions, how many of those that are over were a record's last is not counted. */
    put_count(out, "deleted", stats.counted && !stats.has_versions, stats.closed);
    put_count(out, "versions", (int)stats.counted, stats.rows);
    dvsi_report_time(out, "last_sync_time", stats.last_sync);
    dvsi_report_time(out, "last_full_at", stats.last_full);
    dvsi_report_flag(out, "cursor", (int)stats.cursor);
    put_count(out, "row_errors_open", known, stats.open_errors);
    put_count(out, "conflicts_open", known, stats.open_conflicts);
    dvsi_out_close(out, '}');
    return status;
}

static int32_t put_runs(dvsi_view *view, dvsi_buf *out, dvs_error *err)
{
    static const char *const names[] = {"running", "completed", "partial", "failed", "cancelled"};
    enum { RUNNING = 0, FAILED = 3, N_NAMES = 5 };
    uint64_t counts[N_NAMES] = {0};
    int32_t status = DVS_OK;
    for (size_t i = 0; i < N_NAMES && status == DVS_OK && view->run->sink != NULL; i++) {
        dvs_where where = dvsi_where(DVSI_RUNS_STATUS, DVS_OP_EQ, dvsi_cell_text(names[i]));
        status = dvsi_books_count(&view->run->books, DVSI_BOOK_RUNS, &where, 1, &counts[i], err);
    }
    /* Open runs that nobody holds the lock for have failed, though none has written it down yet. */
    if (view->probe.status == DVS_OK) {
        uint64_t alive = view->held && view->lock->n_rows != 0 && counts[RUNNING] != 0;
        counts[FAILED] += counts[RUNNING] - alive;
        counts[RUNNING] = alive;
    }
    dvsi_out_name(out, "runs");
    dvsi_out_open(out, '{');
    for (size_t i = 0; i < N_NAMES; i++)
        if (counts[i] != 0)
            dvsi_report_int(out, names[i], (int64_t)counts[i]);
    dvsi_out_close(out, '}');
    return status;
}

static int32_t fill(dvsi_view *view, const void *options, dvsi_buf *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    int64_t last_sync = INT64_MIN;
    (void)options;
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", view->run->project->name);
    dvsi_out_name(out, "entities");
    dvsi_out_open(out, '[');
    for (uint32_t t = 0; t < view->run->n_targets && status == DVS_OK; t++)
        status = put_entity(view, &view->run->targets[t], &last_sync, out, err);
    dvsi_out_close(out, ']');
    if (status == DVS_OK)
        status = put_runs(view, out, err);
    dvsi_report_time(out, "last_sync", last_sync);
    dvsi_out_close(out, '}');
    return status;
}

int32_t dvs_stats(dvs_project *project, dvs_report **report, dvs_error *err)
{
    return dvsi_report_make(project, fill, NULL, report, err);
}
