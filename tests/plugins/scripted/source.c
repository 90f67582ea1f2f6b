/* source.c - the plugin, its settings, and what it tells about itself. */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

static const dvs_option OPTIONS[] = {
    {sizeof(dvs_option), DVS_OPTION_PATH, DVS_OPTION_REQUIRED | DVS_OPTION_IDENTITY, 0, 0, 0, "script", NULL,
     NULL, "JSON file that describes the world; see tests/plugins/README.md"},
    {sizeof(dvs_option), DVS_OPTION_PATH, 0, 0, 0, 0, "log", NULL, NULL,
     "file to which every request is added as a line of JSON"},
    {sizeof(dvs_option), DVS_OPTION_TEXT, DVS_OPTION_SECRET, 0, 0, 0, "secret", NULL, NULL,
     "taken and never shown, for tests of secrets"},
};

static void stamp_of(const char *path, struct stat *stamp)
{
    memset(stamp, 0, sizeof *stamp);
    if (stat(path, stamp) != 0)
        memset(stamp, 0, sizeof *stamp);
}

static int same_stamp(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int32_t scripted_source_world(dvs_source *source, scripted_world **world, dvs_error *err)
{
    struct stat now;
    int32_t status = DVS_OK;
    pthread_mutex_lock(&source->mutex);
    stamp_of(source->path, &now);
    if (source->world == NULL || !same_stamp(&now, &source->stamp)) {
        scripted_world *fresh = NULL;
        status = scripted_world_load(source->path, &fresh, err);
        if (status == DVS_OK)
            status = testkit_events_set(source->events, json_object_get(fresh->root, "faults"), err);
        if (status == DVS_OK) {
            scripted_world_release(source->world);
            source->world = fresh;
            source->stamp = now;
        } else {
            scripted_world_release(fresh);
        }
    }
    if (status == DVS_OK) {
        atomic_fetch_add(&source->world->users, 1);
        *world = source->world;
    }
    pthread_mutex_unlock(&source->mutex);
    return status;
}

int32_t scripted_source_event(dvs_source *source, const char *slot, const char *name, dvs_error *err)
{
    testkit_call call = {slot, name, NULL, -1, 0};
    testkit_patience patience = {source->host, NULL, 0};
    return testkit_events_fire(source->events, &call, &patience, err);
}

int32_t scripted_source_stream(dvs_source *source, const char *name, scripted_world **world,
                               const scripted_stream **stream, dvs_error *err)
{
    int32_t status = scripted_source_world(source, world, err);
    if (status != DVS_OK)
        return status;
    *stream = scripted_world_find(*world, name);
    if (*stream == NULL)
        return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "the script has no stream %s", name);
    return DVS_OK;
}

static void source_close(dvs_source *source)
{
    dvs_error unused = DVS_ERROR_INIT;
    scripted_source_event(source, "close", NULL, &unused);
    testkit_log(source->events, json_pack("{s:s}", "slot", "close"));
    scripted_world_release(source->world);
    testkit_events_free(source->events);
    pthread_mutex_destroy(&source->mutex);
    free(source->path);
    free(source);
}

static testkit_events *events_beside(const char *path)
{
    char *directory = strdup(path), *slash = directory != NULL ? strrchr(directory, '/') : NULL;
    testkit_events *events;
    if (slash != NULL)
        *slash = '\0';
    events = directory != NULL ? testkit_events_new(slash != NULL ? directory : ".") : NULL;
    free(directory);
    return events;
}

static int32_t source_open(const dvs_host *host, const dvs_settings *settings, dvs_source **out,
                           dvs_error *err)
{
    const char *path = dvs_setting_text(settings, "script", NULL);
    dvs_source *source;
    scripted_world *world = NULL;
    int32_t status;
    if (path == NULL)
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "setting script is missing");
    source = calloc(1, sizeof *source);
    if (source == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    source->host = host;
    source->path = strdup(path);
    source->events = events_beside(path);
    if (source->path == NULL || source->events == NULL || pthread_mutex_init(&source->mutex, NULL) != 0) {
        testkit_events_free(source->events);
        free(source->path);
        free(source);
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    }
    status = testkit_events_log_to(source->events, dvs_setting_text(settings, "log", NULL), err);
    if (status == DVS_OK)
        status = scripted_source_world(source, &world, err);
    scripted_world_release(world);
    if (status == DVS_OK)
        status = scripted_source_event(source, "open", NULL, err);
    testkit_log_status(source->events, json_pack("{s:s}", "slot", "open"), status, err);
    if (status == DVS_OK) {
        *out = source;
    } else {
        scripted_world_release(source->world);
        testkit_events_free(source->events);
        pthread_mutex_destroy(&source->mutex);
        free(source->path);
        free(source);
    }
    return status;
}

static int32_t source_identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    scripted_world *world = NULL;
    int32_t status = scripted_source_event(source, "identity", NULL, err);
    if (status == DVS_OK)
        status = scripted_source_world(source, &world, err);
    if (status == DVS_OK)
        dvs_put_done(source->host->put_text(source->host, out, world->identity), &status, err);
    scripted_world_release(world);
    return testkit_log_status(source->events, json_pack("{s:s}", "slot", "identity"), status, err);
}

static int64_t about(const scripted_stream *stream)
{
    int64_t rows = (int64_t)json_array_size(stream->rows) + (stream->generates ? stream->generator.count : 0);
    return scripted_member_int(stream->spec, "about", rows);
}

static int32_t source_streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    scripted_world *world = NULL;
    int32_t status = scripted_source_event(source, "streams", NULL, err);
    size_t i;
    if (status == DVS_OK)
        status = scripted_source_world(source, &world, err);
    for (i = 0; status == DVS_OK && i < world->n_streams; i++) {
        const scripted_stream *stream = &world->streams[i];
        dvs_stream info = {(uint32_t)sizeof info,
                           stream->flags,
                           about(stream),
                           stream->name,
                           scripted_member_text(stream->spec, "alias", NULL),
                           scripted_member_text(stream->spec, "doc", NULL)};
        if (dvs_put_done(source->host->put_stream(source->host, out, &info), &status, err))
            break;
    }
    scripted_world_release(world);
    return testkit_log_status(source->events, json_pack("{s:s}", "slot", "streams"), status, err);
}

static int32_t source_describe(dvs_source *source, const char *name, dvs_out *out, dvs_error *err)
{
    scripted_world *world = NULL;
    const scripted_stream *stream = NULL;
    int32_t status = scripted_source_event(source, "describe", name, err);
    uint32_t i;
    if (status == DVS_OK)
        status = scripted_source_stream(source, name, &world, &stream, err);
    for (i = 0; status == DVS_OK && i < stream->n_described; i++) {
        if (dvs_put_done(source->host->put_column(source->host, out, &stream->described[i].info), &status,
                         err))
            break;
    }
    scripted_world_release(world);
    return testkit_log_status(source->events, json_pack("{s:s,s:s}", "slot", "describe", "stream", name),
                              status, err);
}

static int32_t source_check(dvs_source *source, dvs_error *err)
{
    int32_t status = scripted_source_event(source, "check", NULL, err);
    return testkit_log_status(source->events, json_pack("{s:s}", "slot", "check"), status, err);
}

const char *scripted_mode_name(uint32_t mode)
{
    static const char *const NAMES[] = {"?", "full", "cursor", "delta"};
    return mode <= DVS_READ_DELTA ? NAMES[mode] : NAMES[0];
}

static const dvs_source_api SOURCE = {
    .struct_size = sizeof(dvs_source_api),
    .n_options = sizeof OPTIONS / sizeof OPTIONS[0],
    .option_stride = sizeof OPTIONS[0],
    .options = OPTIONS,
    .open = source_open,
    .close = source_close,
    .identity = source_identity,
    .streams = source_streams,
    .describe = source_describe,
    .start = scripted_start,
    .pull = scripted_pull,
    .stop = scripted_stop,
    .interrupt = scripted_interrupt,
    .fetch = scripted_fetch,
    .check = source_check,
};

static const dvs_plugin PLUGIN = {
    .struct_size = sizeof(dvs_plugin),
    .abi_major = DVS_ABI_MAJOR,
    .abi_minor = DVS_ABI_MINOR,
    .name = "scripted",
    .version = "1.0.0",
    .doc = "a source whose world is a JSON file, for tests",
    .source = &SOURCE,
};

const dvs_plugin *dvs_plugin_v1(void)
{
    return &PLUGIN;
}
