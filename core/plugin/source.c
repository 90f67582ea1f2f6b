/* source.c - sources: each function calls one slot. */
#include "plugin/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A slot that succeeded must have made its object; returns the status to go on with. */
int32_t dvsi_made_object(const dvsi_plugin *plugin, const char *slot, const void *object, dvs_error *err)
{
    if (object != NULL)
        return DVS_OK;
    return dvsi_error_set(err, DVS_E_ABI, "plugin %s: slot %s succeeded but left its object NULL",
                          plugin->name, slot);
}

int32_t dvsi_source_open(const dvsi_plugin *plugin, const char *name, const dvs_settings *settings,
                         const dvsi_services *services, dvsi_source **source, dvs_error *err)
{
    dvsi_source *s;
    dvsi_frame frame;
    int32_t status;

    *source = NULL;
    if ((plugin->offers & DVSI_PLUGIN_SOURCE) == 0)
        return dvsi_error_set(err, DVS_E_UNSUPPORTED, "plugin %s offers no source", plugin->name);
    s = calloc(1, sizeof *s);
    if (s == NULL || (s->name = strdup(name)) == NULL) {
        free(s);
        return dvsi_error_no_memory(err);
    }
    s->api = &plugin->source;
    dvsi_guest_init(&s->guest, plugin, "source", s->name, settings, services);
    dvsi_frame_enter(&frame, &s->guest, "open", NULL);
    status = s->api->open(&s->guest.host, settings, &s->source, &frame.err);
    if (status != DVS_OK)
        s->source = NULL; /* whatever it left there */
    status = dvsi_frame_leave(&frame, status, err);
    if (status == DVS_OK)
        status = dvsi_made_object(plugin, "open", s->source, err);
    if (status != DVS_OK) {
        dvsi_source_close(s);
        return status;
    }
    *source = s;
    return DVS_OK;
}

void dvsi_source_close(dvsi_source *source)
{
    dvsi_frame frame;

    if (source == NULL)
        return;
    if (source->source != NULL) {
        dvsi_frame_enter(&frame, &source->guest, "close", NULL);
        source->api->close(source->source);
        dvsi_frame_leave_void(&frame);
    }
    dvsi_guest_last_word(&source->guest);
    free(source->name);
    free(source);
}

int32_t dvsi_source_identity(dvsi_source *source, dvsi_arena *arena, const char **identity, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_TEXT, .arena = arena};
    dvsi_frame frame;
    int32_t status;

    *identity = NULL;
    dvsi_frame_enter(&frame, &source->guest, "identity", &out);
    status = source->api->identity(source->source, &out, &frame.err);
    if (status == DVS_OK)
        dvsi_out_check_text(&frame);
    status = dvsi_frame_leave(&frame, status, err);
    if (status == DVS_OK)
        *identity = out.text;
    return status;
}

int32_t dvsi_source_streams(dvsi_source *source, dvsi_arena *arena, dvsi_stream **streams,
                            uint32_t *n_streams, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_STREAMS, .arena = arena};
    dvsi_frame frame;
    int32_t status;
    uint32_t n = 0;

    *streams = NULL;
    *n_streams = 0;
    dvsi_frame_enter(&frame, &source->guest, "streams", &out);
    status = source->api->streams(source->source, &out, &frame.err);
    if (status == DVS_OK)
        dvsi_out_check_streams(&frame);
    status = dvsi_frame_leave(&frame, status, err);
    if (status != DVS_OK)
        return status;
    *streams = dvsi_arena_calloc(arena, out.n_streams, sizeof **streams);
    if (*streams == NULL)
        return dvsi_error_no_memory(err);
    for (const dvsi_out_stream *s = out.first_stream; s != NULL; s = s->next)
        (*streams)[n++] = s->stream;
    *n_streams = n;
    return DVS_OK;
}

int32_t dvsi_source_describe(dvsi_source *source, const char *stream, dvsi_schema *schema, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_COLUMNS, .subject = stream, .schema = schema};
    dvsi_frame frame;
    int32_t status;

    dvsi_frame_enter(&frame, &source->guest, "describe", &out);
    status = source->api->describe(source->source, stream, &out, &frame.err);
    if (status == DVS_OK)
        dvsi_out_check_columns(&frame);
    return dvsi_frame_leave(&frame, status, err);
}

int32_t dvsi_column_names(dvsi_arena *arena, const dvsi_schema *schema, const char *const **names,
                          const dvs_column *const **columns)
{
    const char **n = dvsi_arena_calloc(arena, schema->n_columns, sizeof *n);
    const dvs_column **c = dvsi_arena_calloc(arena, schema->n_columns, sizeof *c);

    if (n == NULL || c == NULL)
        return DVS_E_NO_MEMORY;
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        c[i] = &schema->columns[i];
        n[i] = schema->columns[i].name;
    }
    *names = n;
    *columns = c;
    return DVS_OK;
}

int32_t dvsi_source_fetch(dvsi_source *source, const dvs_fetch *fetch, const dvsi_schema *schema,
                          dvsi_batch *batch, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_ROWS, .subject = fetch->stream, .batch = batch};
    dvs_fetch request = *fetch;
    dvsi_arena arena = {0};
    dvsi_frame frame;
    int32_t status;

    if (fetch->n_keys == 0)
        return DVS_OK;
    if (batch->n_columns != schema->n_columns)
        return dvsi_error_set(err, DVS_E_INTERNAL, "fetch of %s: batch of %u columns, schema of %u",
                              fetch->stream, (unsigned)batch->n_columns, (unsigned)schema->n_columns);
    request.struct_size = (uint32_t)sizeof request;
    request.n_columns = schema->n_columns;
    out.n_columns = schema->n_columns;
    out.max_rows = fetch->n_keys;
    if (dvsi_column_names(&arena, schema, &request.columns, &out.columns) != DVS_OK) {
        status = dvsi_error_no_memory(err);
    } else {
        dvsi_frame_enter(&frame, &source->guest, "fetch", &out);
        status = source->api->fetch(source->source, &request, &out, &frame.err);
        status = dvsi_frame_leave(&frame, status, err);
    }
    dvsi_arena_free(&arena);
    return status;
}

int32_t dvsi_source_check(dvsi_source *source, dvs_error *err)
{
    dvsi_frame frame;

    dvsi_frame_enter(&frame, &source->guest, "check", NULL);
    return dvsi_frame_leave(&frame, source->api->check(source->source, &frame.err), err);
}
