/* pull.c - delivering rows. */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

typedef struct pull {
    dvs_reader *reader;
    dvs_out *out;
    dvs_error *err;
    int64_t tombstones;
    int64_t errors;
    json_t *checkpoints; /* the tokens given, for the log */
} pull;

/* As dvs_put_done, but a source that ignores cancel goes on. */
static int done(const pull *p, int32_t answer, int32_t *status)
{
    if (answer == DVS_PUT_CANCELLED && p->reader->patience.ignore_cancel)
        return 0;
    return dvs_put_done(answer, status, p->err);
}

static int holds(const dvs_condition *condition, const dvs_cell *cell)
{
    int order;
    if (condition->op == DVS_OP_IS_NULL || condition->op == DVS_OP_NOT_NULL)
        return (cell->kind == DVS_NULL) == (condition->op == DVS_OP_IS_NULL);
    order = scripted_cell_compare(cell, &condition->value);
    if (order == 2)
        return 0;
    switch (condition->op) {
    case DVS_OP_EQ:
        return order == 0;
    case DVS_OP_NE:
        return order != 0;
    case DVS_OP_LT:
        return order < 0;
    case DVS_OP_LE:
        return order <= 0;
    case DVS_OP_GT:
        return order > 0;
    case DVS_OP_GE:
        return order >= 0;
    default:
        return 1;
    }
}

/* 1 when the conditions let the row through, 0 when not, or a status from DVS_E_BASE on. */
static int32_t passes(dvs_reader *reader, const scripted_item *item, dvs_error *err)
{
    const scripted_stream *stream = reader->stream;
    uint32_t i;
    if (item->type == SCRIPTED_TOMBSTONE || item->type == SCRIPTED_GENERATED_TOMBSTONE)
        return 1;
    for (i = 0; i < reader->n_wanted; i++) {
        const scripted_column *column =
            scripted_column_find(stream->columns, stream->n_columns, reader->wanted[i].column);
        dvs_cell cell;
        int32_t status;
        if (column == NULL)
            continue;
        status = scripted_item_cell(&reader->scratch, stream, item, column, &cell, err);
        if (status != DVS_OK)
            return status;
        if (!holds(&reader->wanted[i], &cell))
            return 0;
    }
    return 1;
}

static json_t *row_of(const dvs_reader *reader, const scripted_item *item)
{
    return item->type == SCRIPTED_ROW ? json_array_get(reader->stream->rows, item->index) : NULL;
}

static int32_t put_error(pull *p, const scripted_item *item, const json_t *spec, int *full)
{
    const dvs_host *host = p->reader->source->host;
    const json_t *record = json_object_get(spec, "record");
    dvs_row_error error;
    int32_t status = DVS_OK, answer;
    memset(&error, 0, sizeof error);
    error.struct_size = (uint32_t)sizeof error;
    error.number = (uint64_t)scripted_member_int(spec, "number", item->number);
    error.source_key = scripted_member_text(spec, "key", NULL);
    error.field = scripted_member_text(spec, "field", NULL);
    error.message = scripted_member_text(spec, "message", "the record could not be read");
    error.record = json_string_value(record);
    error.record_length = json_string_length(record);
    p->errors++;
    answer = host->put_error(host, p->out, &error);
    *full |= answer == DVS_PUT_FULL;
    done(p, answer, &status);
    return status;
}

/* Puts a row as often as the script says; *full when the host wants no more. */
static int32_t put_row(pull *p, const scripted_item *item, int *full)
{
    dvs_reader *reader = p->reader;
    const dvs_host *host = reader->source->host;
    const json_t *spec = row_of(reader, item);
    int tombstone = item->type == SCRIPTED_TOMBSTONE || item->type == SCRIPTED_GENERATED_TOMBSTONE ||
                    scripted_member_true(spec, "$tombstone");
    int64_t times = 1 + scripted_member_int(spec, "$duplicate", 0);
    dvs_row row;
    uint32_t i;
    int32_t status = DVS_OK;
    memset(&row, 0, sizeof row);
    row.struct_size = (uint32_t)sizeof row;
    row.flags = tombstone ? DVS_ROW_TOMBSTONE : 0;
    row.n_cells = (uint32_t)scripted_member_int(spec, "$cells", reader->n_columns);
    row.number = item->type == SCRIPTED_TOMBSTONE ? 0 : (uint64_t)item->number;
    row.cells = reader->cells;
    if (row.n_cells > reader->n_columns)
        row.n_cells = reader->n_columns;
    for (i = 0; i < reader->n_columns; i++) {
        memset(&reader->cells[i], 0, sizeof reader->cells[i]);
        if (reader->columns[i] == NULL || (tombstone && reader->columns[i]->info.key_position == 0))
            continue;
        status = scripted_item_cell(&reader->scratch, reader->stream, item, reader->columns[i],
                                    &reader->cells[i], p->err);
        if (status != DVS_OK)
            return status;
    }
    while (times-- > 0 && status == DVS_OK) {
        int32_t answer = host->put_row(host, p->out, &row);
        reader->rows++;
        reader->in_pull++;
        p->tombstones += tombstone;
        *full |= answer == DVS_PUT_FULL;
        done(p, answer, &status);
    }
    return status;
}

static int32_t put_checkpoint(pull *p, dvs_checkpoint *checkpoint, const char *token)
{
    const dvs_host *host = p->reader->source->host;
    int32_t status = DVS_OK;
    checkpoint->struct_size = (uint32_t)sizeof *checkpoint;
    checkpoint->token = (const uint8_t *)token;
    checkpoint->token_length = token != NULL ? strlen(token) : 0;
    json_array_append_new(p->checkpoints, json_string(token != NULL ? token : ""));
    done(p, host->put_checkpoint(host, p->out, checkpoint), &status);
    return status;
}

static int32_t put_position(pull *p, const scripted_item *last)
{
    char *token = scripted_position(p->reader, last);
    dvs_checkpoint checkpoint;
    int32_t status;
    if (token == NULL)
        return dvs_fail(p->err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    memset(&checkpoint, 0, sizeof checkpoint);
    checkpoint.type = DVS_CHECKPOINT_POSITION;
    checkpoint.watermark = INT64_MIN;
    status = put_checkpoint(p, &checkpoint, token);
    free(token);
    return status;
}

static uint32_t token_kind(const scripted_stream *stream)
{
    int cursor = strcmp(scripted_member_text(stream->spec, "token", "delta"), "cursor") == 0;
    if ((stream->flags & DVS_STREAM_DELTA) != 0 && (!cursor || (stream->flags & DVS_STREAM_CURSOR) == 0))
        return DVS_TOKEN_DELTA;
    return (stream->flags & DVS_STREAM_CURSOR) != 0 ? DVS_TOKEN_CURSOR : DVS_TOKEN_NONE;
}

/* The END checkpoint, with what "end" in the script changes about it. */
static int32_t put_end(pull *p)
{
    dvs_reader *reader = p->reader;
    const scripted_stream *stream = reader->stream;
    const json_t *end = json_object_get(stream->spec, "end");
    const char *time = scripted_member_text(stream->spec, "watermark_time", NULL), *given;
    int everything = reader->mode == DVS_READ_FULL || scripted_member_true(stream->spec, "delta_is_all");
    dvs_checkpoint checkpoint;
    char *token = NULL;
    int32_t status;
    if (scripted_member_true(end, "omit"))
        return DVS_OK;
    memset(&checkpoint, 0, sizeof checkpoint);
    checkpoint.type = DVS_CHECKPOINT_END;
    checkpoint.token_kind = (uint32_t)scripted_member_int(end, "token_kind", token_kind(stream));
    checkpoint.complete = (uint32_t)scripted_member_int(
        end, "complete", everything && (stream->flags & DVS_STREAM_COMPLETE) != 0);
    checkpoint.watermark = reader->started_at != 0 ? reader->started_at : INT64_MIN;
    if (time != NULL && testkit_timestamp_parse(time, strlen(time), &checkpoint.watermark) != 0)
        return dvs_fail(p->err, DVS_E_CONFIG, DVS_SCOPE_STREAM,
                        "the script's watermark_time is no timestamp");
    given = scripted_member_text(end, "token", NULL);
    if (given == NULL && checkpoint.token_kind != DVS_TOKEN_NONE &&
        !json_is_null(json_object_get(end, "token"))) {
        token = scripted_cursor(reader, checkpoint.token_kind);
        if (token == NULL)
            return dvs_fail(p->err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    }
    status = put_checkpoint(p, &checkpoint, token != NULL ? token : given);
    free(token);
    return status;
}

static int32_t row_event(dvs_reader *reader, dvs_error *err)
{
    testkit_call call = {"pull", reader->stream->name, scripted_mode_name(reader->mode), reader->rows, 0};
    if (reader->event_shown || !testkit_events_want_rows(reader->source->events))
        return DVS_OK;
    reader->event_shown = 1;
    return testkit_events_fire(reader->source->events, &call, &reader->patience, err);
}

static int32_t put_item(pull *p, const scripted_item *item, int *full)
{
    dvs_reader *reader = p->reader;
    const json_t *row = row_of(reader, item), *problem = json_object_get(row, "$error");
    int64_t every = scripted_member_int(reader->stream->spec, "checkpoint_every", 0);
    int32_t status = testkit_wait_ms(&reader->patience, scripted_member_int(row, "$delay_ms", 0), p->err);
    if (status == DVS_OK)
        status = passes(reader, item, p->err);
    if (status >= DVS_E_BASE)
        return status;
    if (problem != NULL)
        status = put_error(p, item, problem, full);
    else
        status = status == 1 ? put_row(p, item, full) : DVS_OK;
    scripted_scratch_reset(&reader->scratch);
    if (status != DVS_OK)
        return status;
    reader->at++;
    reader->event_shown = 0;
    if (every > 0 && ++reader->checkpointed >= every) {
        reader->checkpointed = 0;
        status = put_position(p, item);
    }
    return status;
}

static int32_t deliver(pull *p)
{
    dvs_reader *reader = p->reader;
    const dvs_host *host = reader->source->host;
    int64_t page = scripted_member_int(reader->stream->spec, "page_size", 0), in_page = 0;
    int64_t pause = scripted_member_int(reader->stream->spec, "row_delay_us", 0), slept = 0;
    int32_t status = testkit_wait_ms(&reader->patience,
                                     scripted_member_int(reader->stream->spec, "page_delay_ms", 0), p->err);
    while (status == DVS_OK) {
        int full = 0;
        status = row_event(reader, p->err);
        if (status != DVS_OK)
            break;
        if (reader->at == reader->items.n) {
            status = put_end(p);
            return status == DVS_OK ? DVS_END : status;
        }
        if (!reader->patience.ignore_cancel && host->cancelled(host))
            return dvs_fail(p->err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
        slept += pause;
        if (slept >= 5000) {
            status = testkit_wait_ms(&reader->patience, slept / 1000, p->err);
            slept %= 1000;
        }
        if (status == DVS_OK)
            status = put_item(p, &reader->items.list[reader->at], &full);
        host->put_progress(host, p->out, reader->at, reader->items.n);
        if (full || (page > 0 && ++in_page >= page))
            break;
    }
    return status;
}

int32_t scripted_pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    testkit_call call = {"pull", reader->stream->name, scripted_mode_name(reader->mode), -1, 0};
    pull p = {reader, out, err, 0, 0, json_array()};
    int32_t status = testkit_events_fire(reader->source->events, &call, &reader->patience, err);
    reader->in_pull = 0;
    if (status == DVS_OK)
        status = deliver(&p);
    scripted_scratch_reset(&reader->scratch);
    return testkit_log_status(
        reader->source->events,
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:o}", "slot", "pull", "stream", reader->stream->name, "mode",
                  scripted_mode_name(reader->mode), "rows", (json_int_t)reader->in_pull, "tombstones",
                  (json_int_t)p.tombstones, "errors", (json_int_t)p.errors, "checkpoints", p.checkpoints),
        status, err);
}
