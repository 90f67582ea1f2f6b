/*
 * saved_source.c - a plan in the place of the sources: to the rest of the run it looks like a source that
 * gives a delta, the records of entities that stream, and at its end the cursor that the diff found.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "map/record_json.h"
#include "run/saved.h"

/* What open() is to know, handed over as the bytes of a setting. */
typedef struct link {
    const dvsi_saved *saved;
    const dvsi_saved_entity *entity;
    const dvsi_saved_feed *feed;
    const char *alias; /* what the project calls the stream */
} link;

struct dvs_source {
    const dvs_host *host;
    link link;
};

struct dvs_reader {
    dvs_source *source;
    dvsi_saved_lines lines;
    dvs_column *columns; /* those wanted */
    uint32_t n_columns;
    int32_t raw;
    uint32_t ended;
};

static int32_t saved_open(const dvs_host *host, const dvs_settings *settings, dvs_source **source,
                          dvs_error *err)
{
    *source = calloc(1, sizeof **source);
    if (*source == NULL)
        return dvsi_error_no_memory(err);
    (*source)->host = host;
    memcpy(&(*source)->link, settings->settings[0].value.v.bytes, sizeof(link));
    return DVS_OK;
}

static void saved_close(dvs_source *source)
{
    free(source);
}

static int32_t saved_identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    (void)err;
    return source->host->put_text(source->host, out, source->link.feed->identity) == DVS_PUT_OK ? DVS_OK
                                                                                                : DVS_E_ABI;
}

static int32_t saved_streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    const link *l = &source->link;
    dvs_stream stream = {.struct_size = (uint32_t)sizeof stream,
                         .flags = DVS_STREAM_COMPLETE | DVS_STREAM_DELTA,
                         .rows = -1,
                         .name = l->feed->stream,
                         .alias = strcmp(l->alias, l->feed->stream) != 0 ? l->alias : NULL};
    (void)err;
    return source->host->put_stream(source->host, out, &stream) == DVS_PUT_OK ? DVS_OK : DVS_E_ABI;
}

static int32_t saved_describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    const dvsi_schema *columns = &source->link.feed->columns;
    (void)stream;
    (void)err;
    for (uint32_t i = 0; i < columns->n_columns; i++)
        if (source->host->put_column(source->host, out, &columns->columns[i]) != DVS_PUT_OK)
            return DVS_E_ABI;
    return DVS_OK;
}

/* The columns wanted, of those that the plan recorded. */
static int32_t take_columns(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    const link *l = &reader->source->link;
    reader->columns = calloc((size_t)read->n_columns + 1, sizeof *reader->columns);
    reader->n_columns = read->n_columns;
    reader->raw = -1;
    if (reader->columns == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < read->n_columns; i++) {
        int at = dvsi_schema_find(&l->feed->columns, read->columns[i]);
        if (at < 0)
            return dvsi_error_set(err, DVS_E_SCHEMA, "the plan %s has no column \"%s\"", l->saved->path,
                                  read->columns[i]);
        reader->columns[i] = l->feed->columns.columns[at];
        if ((reader->columns[i].flags & DVS_COLUMN_RAW) != 0)
            reader->raw = (int32_t)i;
    }
    return DVS_OK;
}

static void saved_stop(dvs_reader *reader)
{
    if (reader == NULL)
        return;
    dvsi_saved_lines_free(&reader->lines);
    free(reader->columns);
    free(reader);
}

static int32_t saved_start(dvs_source *source, const dvs_read *read, dvs_reader **out, dvs_error *err)
{
    const link *l = &source->link;
    dvs_reader *reader = calloc(1, sizeof *reader);
    *out = NULL;
    if (reader == NULL)
        return dvsi_error_no_memory(err);
    reader->source = source;
    int32_t status = dvsi_saved_lines_of(l->saved, l->entity, DVSI_SAVED_OTHERS, &reader->lines, err);
    if (status == DVS_OK)
        status = take_columns(reader, read, err);
    if (status == DVS_OK)
        *out = reader;
    else
        saved_stop(reader);
    return status;
}

static int32_t damaged(const dvs_reader *reader, dvs_error *err)
{
    return dvsi_error_set(err, DVS_E_DATA, "the plan %s has a record that cannot be read",
                          reader->source->link.saved->path);
}

/* A record of this feed as a row. */
static int32_t put_record(dvs_reader *reader, const dvsi_json *line, const dvsi_json *record, dvs_out *out,
                          int32_t *answer, dvs_error *err)
{
    const dvs_host *host = reader->source->host;
    const dvsi_json *number = dvsi_json_get(line, "number");
    const dvsi_json *raw = dvsi_json_get(line, "raw");
    dvsi_arena arena = {0};
    dvsi_buf text = {0};
    dvs_cell *cells = dvsi_arena_calloc(&arena, (size_t)reader->n_columns + 1, sizeof *cells);
    int32_t status = cells == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    dvsi_json_write(&text, record);
    if (status == DVS_OK &&
        (text.failed || dvsi_record_read_json(&arena, reader->columns, reader->n_columns,
                                              dvsi_buf_text(&text), text.length, cells) != 0))
        status = damaged(reader, err);
    if (status == DVS_OK && reader->raw >= 0)
        cells[reader->raw] = raw != NULL && raw->type == DVSI_JSON_STRING
                                 ? dvsi_cell_json_n(raw->text, raw->length)
                                 : dvsi_cell_null();
    if (status == DVS_OK) {
        dvs_row row = {.struct_size = (uint32_t)sizeof row, .n_cells = reader->n_columns, .cells = cells};
        row.number =
            number != NULL && number->type == DVSI_JSON_NUMBER ? strtoull(number->text, NULL, 10) : 0;
        *answer = host->put_row(host, out, &row);
    }
    dvsi_buf_free(&text);
    dvsi_arena_free(&arena);
    return status;
}

/* One that failed when the plan was made. */
static int32_t put_failed(dvs_reader *reader, const dvsi_json *line, const char *message, dvs_out *out,
                          int32_t *answer, dvs_error *err)
{
    const dvs_host *host = reader->source->host;
    const dvsi_json *number = dvsi_json_get(line, "number");
    const dvsi_json *received = dvsi_json_get(line, "received");
    const dvsi_json *known = dvsi_json_get(line, "cells");
    dvs_row_error error = {.struct_size = (uint32_t)sizeof error,
                           .message = message,
                           .source_key = dvsi_saved_text(line, "source_key"),
                           .field = dvsi_saved_text(line, "field")};
    dvsi_arena arena = {0};
    dvsi_buf text = {0};
    int32_t status = DVS_OK;
    error.number = number != NULL && number->type == DVSI_JSON_NUMBER ? strtoull(number->text, NULL, 10) : 0;
    if (received != NULL && received->type == DVSI_JSON_STRING) {
        error.record = received->text;
        error.record_length = received->length;
    }
    if (known != NULL) {
        dvs_cell *cells = dvsi_arena_calloc(&arena, (size_t)reader->n_columns + 1, sizeof *cells);
        dvsi_json_write(&text, known);
        if (cells == NULL || text.failed)
            status = dvsi_error_no_memory(err);
        else if (dvsi_record_read_json(&arena, reader->columns, reader->n_columns, dvsi_buf_text(&text),
                                       text.length, cells) != 0)
            status = damaged(reader, err);
        error.cells = cells;
        error.n_cells = reader->n_columns;
    }
    if (status == DVS_OK)
        *answer = host->put_error(host, out, &error);
    dvsi_buf_free(&text);
    dvsi_arena_free(&arena);
    return status;
}

static int32_t put_end(dvs_reader *reader, dvs_out *out)
{
    const dvs_host *host = reader->source->host;
    const dvsi_saved_feed *feed = reader->source->link.feed;
    dvs_checkpoint end = {.struct_size = (uint32_t)sizeof end,
                          .type = DVS_CHECKPOINT_END,
                          .token_kind = feed->cursor_kind,
                          .token_length = feed->cursor_length,
                          .token = feed->cursor,
                          .watermark = INT64_MIN};
    reader->ended = 1;
    return host->put_checkpoint(host, out, &end) == DVS_PUT_OK ? DVS_END : DVS_E_ABI;
}

static int32_t saved_pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    const char *label = reader->source->link.feed->label;
    for (;;) {
        const dvsi_json *line = NULL;
        int32_t status = dvsi_saved_next(&reader->lines, &line, err);
        if (status != DVS_OK)
            return status;
        if (line == NULL)
            return put_end(reader, out);
        const dvsi_json *record = dvsi_json_get(line, "record");
        const char *failed = dvsi_saved_text(line, "failed");
        const char *source = dvsi_saved_text(line, "source");
        int32_t answer = DVS_PUT_OK;
        if ((record == NULL && failed == NULL) || source == NULL || strcmp(source, label) != 0)
            continue;
        status = record != NULL ? put_record(reader, line, record, out, &answer, err)
                                : put_failed(reader, line, failed, out, &answer, err);
        if (status != DVS_OK)
            return status;
        if (answer == DVS_PUT_FULL)
            return DVS_OK;
        if (answer == DVS_PUT_CANCELLED)
            return DVS_E_CANCELLED;
        if (answer == DVS_PUT_FATAL)
            return DVS_E_ABI;
    }
}

static void saved_interrupt(dvs_reader *reader)
{
    (void)reader;
}

static int32_t saved_fetch(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err)
{
    (void)fetch;
    (void)out;
    return dvsi_error_set(err, DVS_E_UNSUPPORTED, "the plan %s has no records by key",
                          source->link.saved->path);
}

static int32_t saved_check(dvs_source *source, dvs_error *err)
{
    (void)source;
    (void)err;
    return DVS_OK;
}

static const dvsi_plugin plugin = {
    .path = "",
    .name = "plan",
    .version = "",
    .doc = "a saved plan",
    .offers = DVSI_PLUGIN_SOURCE,
    .source = {.struct_size = (uint32_t)sizeof(dvs_source_api),
               .option_stride = sizeof(dvs_option),
               .open = saved_open,
               .close = saved_close,
               .identity = saved_identity,
               .streams = saved_streams,
               .describe = saved_describe,
               .start = saved_start,
               .pull = saved_pull,
               .stop = saved_stop,
               .interrupt = saved_interrupt,
               .fetch = saved_fetch,
               .check = saved_check},
};

/* The source of one feed; its settings live as long as the plan. */
static int32_t open_feed(dvsi_run *run, dvsi_feed *feed, dvs_error *err)
{
    dvsi_saved *saved = run->saved;
    link *l = dvsi_arena_calloc(&saved->arena, 1, sizeof *l);
    dvs_setting *setting = dvsi_arena_calloc(&saved->arena, 1, sizeof *setting);
    dvs_settings *settings = dvsi_arena_calloc(&saved->arena, 1, sizeof *settings);
    if (l == NULL || setting == NULL || settings == NULL)
        return dvsi_error_no_memory(err);
    *l = (link){saved, dvsi_saved_find(saved, feed->target->entity->name), dvsi_saved_feed_of(feed),
                feed->from->entity};
    *setting = (dvs_setting){
        .struct_size = (uint32_t)sizeof *setting, .name = "plan", .value = dvsi_cell_bytes(l, sizeof *l)};
    *settings = (dvs_settings){.struct_size = (uint32_t)sizeof *settings,
                               .n_settings = 1,
                               .stride = sizeof *setting,
                               .settings = setting};
    int32_t status =
        dvsi_source_open(&plugin, feed->from->endpoint->name, settings, &run->services, &feed->source, err);
    if (status == DVS_OK)
        saved->sources[saved->n_sources++] = feed->source;
    return status;
}

int32_t dvsi_saved_sources(dvsi_run *run, dvs_error *err)
{
    size_t n = 0;
    int32_t status = DVS_OK;
    for (uint32_t t = 0; t < run->n_targets; t++)
        n += run->targets[t].n_feeds;
    run->sources = calloc((size_t)run->project->n_sources + 1, sizeof *run->sources);
    run->saved->sources = calloc(n + 1, sizeof *run->saved->sources);
    if (run->sources == NULL || run->saved->sources == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds && status == DVS_OK; f++)
            status = open_feed(run, &run->targets[t].feeds[f], err);
    return status;
}
