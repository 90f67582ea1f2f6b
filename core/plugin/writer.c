/* writer.c - what goes through a sink's writer: transactions, schema, rows. */
#include "plugin/sink.h"

#include "base/error.h"

/* Opens the writer unless there is one. */
static int32_t need_writer(dvsi_sink *sink, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status;

    if (sink->writer != NULL)
        return DVS_OK;
    dvsi_frame_enter(&frame, &sink->guest, "writer", NULL);
    status = sink->api->writer(sink->sink, &sink->writer, &frame.err);
    if (status != DVS_OK)
        sink->writer = NULL;
    status = dvsi_frame_leave(&frame, status, err);
    if (status == DVS_OK)
        status = dvsi_made_object(sink->guest.plugin, "writer", sink->writer, err);
    return status;
}

/* ---- Slots that take a writer and nothing else ---- */

typedef int32_t plain_slot(dvs_writer *writer, dvs_error *err);

static int32_t call_plain(dvsi_sink *sink, const char *slot, plain_slot *function, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, slot, NULL);
    return dvsi_frame_leave(&frame, function(sink->writer, &frame.err), err);
}

int32_t dvsi_sink_begin(dvsi_sink *sink, dvs_error *err)
{
    return call_plain(sink, "begin", sink->api->begin, err);
}

int32_t dvsi_sink_commit(dvsi_sink *sink, dvs_error *err)
{
    return call_plain(sink, "commit", sink->api->commit, err);
}

int32_t dvsi_sink_rollback(dvsi_sink *sink, dvs_error *err)
{
    return call_plain(sink, "rollback", sink->api->rollback, err);
}

int32_t dvsi_sink_savepoint(dvsi_sink *sink, dvs_error *err)
{
    return call_plain(sink, "savepoint", sink->api->savepoint, err);
}

int32_t dvsi_sink_rollback_to(dvsi_sink *sink, dvs_error *err)
{
    return call_plain(sink, "rollback_to", sink->api->rollback_to, err);
}

int32_t dvsi_sink_release(dvsi_sink *sink, dvs_error *err)
{
    return call_plain(sink, "release", sink->api->release, err);
}

/* ---- Schema ---- */

int32_t dvsi_sink_apply_schema(dvsi_sink *sink, const dvs_change *changes, uint32_t n, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, "apply_schema", NULL);
    status = sink->api->apply_schema(sink->writer, changes, n, (uint32_t)sizeof *changes, &frame.err);
    return dvsi_frame_leave(&frame, status, err);
}

int32_t dvsi_sink_ensure_index(dvsi_sink *sink, const dvs_index *index, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, "ensure_index", NULL);
    return dvsi_frame_leave(&frame, sink->api->ensure_index(sink->writer, index, &frame.err), err);
}

int32_t dvsi_sink_drop_index(dvsi_sink *sink, const dvs_index *index, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, "drop_index", NULL);
    return dvsi_frame_leave(&frame, sink->api->drop_index(sink->writer, index, &frame.err), err);
}

int32_t dvsi_sink_ensure_view(dvsi_sink *sink, const dvs_view *view, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, "ensure_view", NULL);
    return dvsi_frame_leave(&frame, sink->api->ensure_view(sink->writer, view, &frame.err), err);
}

/* ---- Rows out ---- */

static const dvs_column *column_of(const dvs_table *table, uint32_t position)
{
    return (const dvs_column *)(const void *)((const char *)table->columns +
                                              (size_t)position * table->column_stride);
}

/* Makes `out` ready for the columns at `positions` of `table`. */
static int32_t want_columns(dvsi_sink *sink, dvs_out *out, const dvs_table *table, const uint32_t *positions,
                            uint32_t n, const dvsi_batch *batch, dvs_error *err)
{
    const dvs_column **columns;

    if (batch->n_columns != n)
        return dvsi_error_set(err, DVS_E_INTERNAL, "rows of table %s: batch of %u columns, %u asked for",
                              table->name, (unsigned)batch->n_columns, (unsigned)n);
    dvsi_arena_reset(&sink->scratch);
    columns = dvsi_arena_calloc(&sink->scratch, n, sizeof *columns);
    if (columns == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        if (positions[i] >= table->n_columns)
            return dvsi_error_set(err, DVS_E_INTERNAL, "table %s has no column %u", table->name,
                                  (unsigned)positions[i]);
        columns[i] = column_of(table, positions[i]);
    }
    out->columns = columns;
    out->n_columns = n;
    return DVS_OK;
}

int32_t dvsi_sink_read(dvsi_sink *sink, const dvs_lookup *lookup, dvsi_batch *batch, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_ROWS, .is_sink = 1, .batch = batch};
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status == DVS_OK)
        status = want_columns(sink, &out, lookup->table, lookup->columns, lookup->n_columns, batch, err);
    if (status != DVS_OK || lookup->n_keys == 0)
        return status;
    out.subject = lookup->table->name;
    out.max_number = lookup->n_keys;
    dvsi_frame_enter(&frame, &sink->guest, "read", &out);
    status = sink->api->read(sink->writer, lookup, &out, &frame.err);
    return dvsi_frame_leave(&frame, status, err);
}

int32_t dvsi_sink_scan(dvsi_sink *sink, const dvs_scan *scan, dvsi_batch *batch, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_ROWS, .is_sink = 1, .batch = batch};
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status == DVS_OK)
        status = want_columns(sink, &out, scan->table, scan->columns, scan->n_columns, batch, err);
    if (status != DVS_OK)
        return status;
    out.subject = scan->table->name;
    out.max_rows = scan->limit;
    dvsi_frame_enter(&frame, &sink->guest, "scan", &out);
    status = sink->api->scan(sink->writer, scan, &out, &frame.err);
    return dvsi_frame_leave(&frame, status, err);
}

int32_t dvsi_sink_missing(dvsi_sink *sink, const dvs_table *table, uint32_t column, const dvs_table *other,
                          uint32_t other_column, uint64_t limit, dvsi_batch *batch, dvs_error *err)
{
    static const dvs_column count = {
        .struct_size = (uint32_t)sizeof count, .kind = DVS_INT64, .name = "count"};
    const dvs_column *columns[2] = {NULL, &count};
    dvs_out out = {.kind = DVSI_OUT_ROWS, .is_sink = 1, .batch = batch, .columns = columns, .n_columns = 2};
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status != DVS_OK)
        return status;
    if (batch->n_columns != 2 || column >= table->n_columns || other_column >= other->n_columns)
        return dvsi_error_set(err, DVS_E_INTERNAL, "missing references of table %s: no such columns",
                              table->name);
    columns[0] = column_of(table, column);
    out.subject = table->name;
    out.max_rows = limit;
    dvsi_frame_enter(&frame, &sink->guest, "missing", &out);
    status = sink->api->missing(sink->writer, table, column, other, other_column, limit, &out, &frame.err);
    return dvsi_frame_leave(&frame, status, err);
}

int32_t dvsi_sink_count(dvsi_sink *sink, const dvs_table *table, const dvs_where *where, uint32_t n_where,
                        uint64_t *count, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    *count = 0;
    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, "count", NULL);
    status =
        sink->api->count(sink->writer, table, where, n_where, (uint32_t)sizeof *where, count, &frame.err);
    return dvsi_frame_leave(&frame, status, err);
}

/* ---- Rows in ---- */

int32_t dvsi_sink_write(dvsi_sink *sink, const dvs_write *write, int load, dvs_error *err)
{
    uint64_t n = (uint64_t)write->n_inserts + write->n_updates + write->n_deletes;
    int use_load = load && sink->guest.plugin->has_load;
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, use_load ? "load" : "write", NULL);
    frame.n_row_errors = n;
    status = (use_load ? sink->api->load : sink->api->write)(sink->writer, write, &frame.err);
    return dvsi_frame_leave(&frame, status, err);
}

int32_t dvsi_sink_delete_where(dvsi_sink *sink, const dvs_table *table, const dvs_where *where,
                               uint32_t n_where, uint64_t *deleted, dvs_error *err)
{
    dvsi_frame frame;
    int32_t status = need_writer(sink, err);

    *deleted = 0;
    if (status != DVS_OK)
        return status;
    dvsi_frame_enter(&frame, &sink->guest, "delete_where", NULL);
    status = sink->api->delete_where(sink->writer, table, where, n_where, (uint32_t)sizeof *where, deleted,
                                     &frame.err);
    return dvsi_frame_leave(&frame, status, err);
}
