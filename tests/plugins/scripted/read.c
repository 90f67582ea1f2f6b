/* read.c - the beginning and the end of a read. */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

static json_t *names_json(const dvs_read *read)
{
    json_t *names = json_array();
    uint32_t i;
    for (i = 0; i < read->n_columns; i++)
        json_array_append_new(names, json_string(read->columns[i]));
    return names;
}

static const dvs_condition *condition_at(const dvs_read *read, uint32_t i)
{
    return (const dvs_condition *)(const void *)((const char *)read->conditions +
                                                 (size_t)i * read->condition_stride);
}

static json_t *conditions_json(const dvs_read *read)
{
    json_t *list = json_array();
    uint32_t i;
    for (i = 0; i < read->n_conditions; i++) {
        const dvs_condition *c = condition_at(read, i);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:o}", "column", c->column, "op", testkit_op_name(c->op), "kind",
                            testkit_kind_name(c->value.kind), "value", testkit_cell_json(&c->value)));
    }
    return list;
}

static json_t *start_line(const dvs_read *read)
{
    json_t *token =
        read->token != NULL ? testkit_text_json(read->token, (size_t)read->token_length) : json_null();
    return json_pack("{s:s,s:s,s:s,s:o,s:b,s:o,s:I,s:o,s:I}", "slot", "start", "stream", read->stream, "mode",
                     scripted_mode_name(read->mode), "columns", names_json(read), "resume", read->resume != 0,
                     "token", token, "row_limit", (json_int_t)read->row_limit, "conditions",
                     conditions_json(read), "started_at", (json_int_t)read->started_at);
}

/* Counts the runs in the plugin's state, once for each source object, and logs how many there were. */
static void count_run(dvs_source *source)
{
    const dvs_host *host = source->host;
    dvs_bytes before = {NULL, 0};
    char text[24] = "";
    int32_t got, put;
    int64_t runs;
    int counted;
    pthread_mutex_lock(&source->mutex);
    counted = source->counted;
    source->counted = 1;
    pthread_mutex_unlock(&source->mutex);
    if (counted)
        return;
    got = host->state_get(host, "runs", &before);
    if (got == DVS_OK && before.data != NULL && before.length < sizeof text)
        memcpy(text, before.data, (size_t)before.length);
    runs = strtoll(text, NULL, 10);
    snprintf(text, sizeof text, "%lld", (long long)runs + 1);
    put = host->state_put(host, "runs", text, strlen(text));
    testkit_log(source->events, json_pack("{s:s,s:I,s:s,s:s}", "event", "runs", "before", (json_int_t)runs,
                                          "get", testkit_status_name(got), "put", testkit_status_name(put)));
}

static int32_t copy_conditions(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    uint32_t i;
    if (!scripted_member_true(reader->stream->spec, "apply_conditions") || read->n_conditions == 0)
        return DVS_OK;
    reader->wanted = calloc(read->n_conditions, sizeof *reader->wanted);
    if (reader->wanted == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    for (i = 0; i < read->n_conditions; i++) {
        const dvs_condition *from = condition_at(read, i);
        dvs_condition *to = &reader->wanted[reader->n_wanted++];
        char *name = strdup(from->column), *data = NULL;
        *to = *from;
        to->column = name;
        if (from->value.kind > DVS_DOUBLE && from->value.kind != DVS_DATE &&
            from->value.kind != DVS_TIMESTAMP) {
            data = malloc((size_t)from->value.length + 1);
            to->value.v.text = data;
            if (data != NULL)
                memcpy(data, from->value.v.text, from->value.length);
            else
                to->value = dvs_cell_make(DVS_NULL, 0);
        }
        if (name == NULL)
            return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    }
    return DVS_OK;
}

static int32_t find_columns(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    const scripted_stream *stream = reader->stream;
    uint32_t i;
    reader->columns = calloc((size_t)read->n_columns + 1, sizeof *reader->columns);
    reader->cells = calloc((size_t)read->n_columns + 1, sizeof *reader->cells);
    if (reader->columns == NULL || reader->cells == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    reader->n_columns = read->n_columns;
    for (i = 0; i < read->n_columns; i++) {
        reader->columns[i] = scripted_column_find(stream->columns, stream->n_columns, read->columns[i]);
        if (reader->columns[i] == NULL &&
            scripted_column_find(stream->described, stream->n_described, read->columns[i]) == NULL)
            return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "stream %s has no column %s", stream->name,
                            read->columns[i]);
    }
    return DVS_OK;
}

static int32_t prepare(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    const scripted_stream *stream = reader->stream;
    uint32_t needed = read->mode == DVS_READ_CURSOR  ? DVS_STREAM_CURSOR
                      : read->mode == DVS_READ_DELTA ? DVS_STREAM_DELTA
                                                     : 0;
    int everything = read->mode == DVS_READ_FULL || scripted_member_true(stream->spec, "delta_is_all");
    int32_t status;
    if ((stream->flags & needed) != needed)
        return dvs_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_STREAM, "stream %s has no %s reads", stream->name,
                        scripted_mode_name(read->mode));
    if (read->resume != 0 && (stream->flags & DVS_STREAM_RESUME) == 0)
        return dvs_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_STREAM, "stream %s cannot resume", stream->name);
    reader->mode = read->mode;
    reader->started_at = read->started_at;
    reader->patience.ignore_cancel = scripted_member_true(stream->spec, "ignore_cancel");
    status = find_columns(reader, read, err);
    if (status == DVS_OK)
        status = copy_conditions(reader, read, err);
    if (status == DVS_OK)
        status = scripted_token_open(reader, read, err);
    if (status == DVS_OK)
        status = scripted_items_collect(stream, read->mode, everything ? NULL : &reader->from, &reader->items,
                                        err);
    if (status == DVS_OK)
        scripted_token_skip(reader, read);
    return status;
}

static int32_t start_event(dvs_source *source, const dvs_read *read, dvs_error *err)
{
    testkit_call call = {"start", read->stream, scripted_mode_name(read->mode), -1, 0};
    testkit_patience patience = {source->host, NULL, 0};
    return testkit_events_fire(source->events, &call, &patience, err);
}

int32_t scripted_start(dvs_source *source, const dvs_read *read, dvs_reader **out, dvs_error *err)
{
    dvs_reader *reader = NULL;
    int32_t status;
    count_run(source);
    status = start_event(source, read, err);
    if (status == DVS_OK) {
        reader = calloc(1, sizeof *reader);
        if (reader == NULL)
            status = dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    }
    if (status == DVS_OK) {
        reader->source = source;
        reader->patience.host = source->host;
        reader->patience.interrupted = &reader->interrupted;
        status = scripted_source_stream(source, read->stream, &reader->world, &reader->stream, err);
    }
    if (status == DVS_OK)
        status = prepare(reader, read, err);
    testkit_log_status(source->events, start_line(read), status, err);
    if (status != DVS_OK)
        scripted_reader_free(reader);
    else
        *out = reader;
    return status;
}

static void free_condition(dvs_condition *condition)
{
    uint8_t kind = condition->value.kind;
    const void *data = condition->value.v.bytes, *name = condition->column;
    if (kind > DVS_DOUBLE && kind != DVS_DATE && kind != DVS_TIMESTAMP)
        free((void *)(uintptr_t)data);
    free((void *)(uintptr_t)name);
}

void scripted_reader_free(dvs_reader *reader)
{
    uint32_t i;
    if (reader == NULL)
        return;
    for (i = 0; i < reader->n_wanted; i++)
        free_condition(&reader->wanted[i]);
    free(reader->wanted);
    free(reader->columns);
    free(reader->cells);
    free(reader->items.list);
    scripted_scratch_reset(&reader->scratch);
    json_decref(reader->token);
    scripted_world_release(reader->world);
    free(reader);
}

void scripted_stop(dvs_reader *reader)
{
    dvs_error unused = DVS_ERROR_INIT;
    scripted_source_event(reader->source, "stop", reader->stream->name, &unused);
    testkit_log(reader->source->events, json_pack("{s:s,s:s,s:I}", "slot", "stop", "stream",
                                                  reader->stream->name, "rows", (json_int_t)reader->rows));
    scripted_reader_free(reader);
}

void scripted_interrupt(dvs_reader *reader)
{
    atomic_store(&reader->interrupted, 1);
    testkit_log(reader->source->events,
                json_pack("{s:s,s:s}", "slot", "interrupt", "stream", reader->stream->name));
}
