/* world.c - the script as a whole. */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t flag;
} CAPABILITIES[] = {
    {"complete", DVS_STREAM_COMPLETE}, {"cursor", DVS_STREAM_CURSOR}, {"delta", DVS_STREAM_DELTA},
    {"resume", DVS_STREAM_RESUME},     {"fetch", DVS_STREAM_FETCH},   {"key_order", DVS_STREAM_KEY_ORDER},
};

int64_t scripted_member_int(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

const char *scripted_member_text(const json_t *object, const char *name, const char *otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? json_string_value(value) : otherwise;
}

int scripted_member_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

static int32_t config(dvs_error *err, const scripted_stream *stream, const char *what)
{
    return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "streams.%s %s", stream->name, what);
}

static int32_t capabilities_load(scripted_stream *stream, dvs_error *err)
{
    json_t *list = json_object_get(stream->spec, "capabilities");
    size_t i, j;
    if (list == NULL)
        stream->flags = DVS_STREAM_COMPLETE;
    for (i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        for (j = 0; name != NULL && j < sizeof CAPABILITIES / sizeof CAPABILITIES[0]; j++) {
            if (strcmp(CAPABILITIES[j].name, name) == 0)
                break;
        }
        if (name == NULL || j == sizeof CAPABILITIES / sizeof CAPABILITIES[0])
            return config(err, stream, "has an unknown capability");
        stream->flags |= CAPABILITIES[j].flag;
    }
    return DVS_OK;
}

/* Known members of a stream: a misspelt one is a mistake of the test. */
static int member_known(const char *name)
{
    static const char *const KNOWN[] = {"columns",
                                        "describe",
                                        "rows",
                                        "tombstones",
                                        "capabilities",
                                        "generate",
                                        "alias",
                                        "doc",
                                        "about",
                                        "seq",
                                        "watermark",
                                        "generation",
                                        "page_size",
                                        "page_delay_ms",
                                        "end",
                                        "token",
                                        "checkpoint_every",
                                        "apply_conditions",
                                        "ignore_cancel",
                                        "watermark_time",
                                        "delta_is_all",
                                        "row_delay_us",
                                        "version_column",
                                        "modified_column"};
    size_t i;
    for (i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (strcmp(KNOWN[i], name) == 0)
            return 1;
    }
    return name[0] == '#';
}

static void flag_column(scripted_stream *stream, const char *member, uint32_t flag)
{
    const char *name = scripted_member_text(stream->spec, member, NULL);
    uint32_t i;
    for (i = 0; name != NULL && i < stream->n_columns; i++) {
        if (strcmp(stream->columns[i].info.name, name) == 0)
            stream->columns[i].info.flags |= flag;
    }
}

static int32_t stream_load(scripted_world *world, scripted_stream *stream, dvs_error *err)
{
    json_t *lie = json_object_get(stream->spec, "describe"), *member;
    const char *key;
    char where[300];
    int32_t status;
    if (!json_is_object(stream->spec))
        return config(err, stream, "is no object");
    json_object_foreach(stream->spec, key, member)
    {
        if (!member_known(key))
            return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "streams.%s has an unknown member %s",
                            stream->name, key);
    }
    snprintf(where, sizeof where, "streams.%s.columns", stream->name);
    status = scripted_columns_load(json_object_get(stream->spec, "columns"), where, &stream->columns,
                                   &stream->n_columns, err);
    if (status != DVS_OK)
        return status;
    flag_column(stream, "version_column", DVS_COLUMN_VERSION);
    flag_column(stream, "modified_column", DVS_COLUMN_MODIFIED);
    stream->described = stream->columns;
    stream->n_described = stream->n_columns;
    snprintf(where, sizeof where, "streams.%s.describe", stream->name);
    if (lie != NULL) {
        stream->described = NULL;
        status = scripted_columns_load(lie, where, &stream->described, &stream->n_described, err);
        if (status != DVS_OK)
            return status;
    }
    stream->rows = json_object_get(stream->spec, "rows");
    stream->tombstones = json_object_get(stream->spec, "tombstones");
    if ((stream->rows != NULL && !json_is_array(stream->rows)) ||
        (stream->tombstones != NULL && !json_is_array(stream->tombstones)))
        return config(err, stream, "has rows or tombstones that are no array");
    stream->seq_name = scripted_member_text(stream->spec, "seq", "seq");
    stream->generation =
        scripted_member_int(stream->spec, "generation", scripted_member_int(world->root, "generation", 1));
    status = capabilities_load(stream, err);
    if (status == DVS_OK && (member = json_object_get(stream->spec, "generate")) != NULL)
        status = scripted_generator_load(stream, member, err);
    return status;
}

static int32_t streams_load(scripted_world *world, dvs_error *err)
{
    json_t *streams = json_object_get(world->root, "streams"), *spec;
    const char *name;
    if (!json_is_object(streams))
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "streams is missing or no object");
    world->streams = calloc(json_object_size(streams) + 1, sizeof *world->streams);
    if (world->streams == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    json_object_foreach(streams, name, spec)
    {
        scripted_stream *stream = &world->streams[world->n_streams++];
        int32_t status;
        stream->name = name;
        stream->spec = spec;
        status = stream_load(world, stream, err);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

int32_t scripted_world_load(const char *path, scripted_world **out, dvs_error *err)
{
    scripted_world *world = calloc(1, sizeof *world);
    json_error_t problem;
    int32_t status;
    if (world == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    world->users = 1;
    world->root = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    if (world->root == NULL)
        status = dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "%d:%d: %s", problem.line, problem.column,
                          problem.text);
    else
        status = streams_load(world, err);
    if (status != DVS_OK) {
        char reason[DVS_ERROR_MESSAGE_SIZE];
        snprintf(reason, sizeof reason, "%s", err->message);
        scripted_world_release(world);
        return dvs_fail(err, status, DVS_SCOPE_SOURCE, "setting script: %s: %s", path, reason);
    }
    world->identity = scripted_member_text(world->root, "identity", "scripted");
    *out = world;
    return DVS_OK;
}

void scripted_world_release(scripted_world *world)
{
    size_t i;
    if (world == NULL || atomic_fetch_sub(&world->users, 1) > 1)
        return;
    for (i = 0; i < world->n_streams; i++) {
        scripted_stream *stream = &world->streams[i];
        if (stream->described != stream->columns)
            scripted_columns_free(stream->described, stream->n_described);
        scripted_columns_free(stream->columns, stream->n_columns);
        scripted_generator_free(&stream->generator);
    }
    free(world->streams);
    json_decref(world->root);
    free(world);
}

const scripted_stream *scripted_world_find(const scripted_world *world, const char *name)
{
    size_t i;
    for (i = 0; i < world->n_streams; i++) {
        const char *alias = scripted_member_text(world->streams[i].spec, "alias", NULL);
        if (strcmp(world->streams[i].name, name) == 0 || (alias != NULL && strcmp(alias, name) == 0))
            return &world->streams[i];
    }
    return NULL;
}
