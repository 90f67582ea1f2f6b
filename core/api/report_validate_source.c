/* report_validate_source.c - sources, their connections, and the entities over their streams. */
#include <string.h>

#include "api/report_validate.h"
#include "map/mapping.h"
#include "plugin/settings.h"
#include "run/follow.h"

typedef struct source_check {
    dvsi_validation *v;
    const dvsi_endpoint *endpoint;
    const char *path; /* "sources.crm" */
    dvsi_source *source;
    dvsi_stream *streams;
    uint32_t n_streams;
} source_check;

static void error_at(dvsi_validation *v, const dvsi_node *node, const char *path, const dvs_error *err)
{
    dvsi_validation_add(v, DVSI_PROBLEM_ERROR, node, path, "%s", err->message);
}

/* By name or alias; NULL after saying that there is none. */
static const dvsi_stream *find_stream(source_check *c, const dvsi_from *from, const char *path)
{
    const char **names = dvsi_arena_calloc(&c->v->arena, (size_t)c->n_streams + 1, sizeof *names);
    for (uint32_t i = 0; i < c->n_streams; i++) {
        const dvsi_stream *stream = &c->streams[i];
        if (strcmp(stream->name, from->entity) == 0 ||
            (stream->alias != NULL && strcmp(stream->alias, from->entity) == 0))
            return stream;
        if (names != NULL)
            names[i] = stream->name;
    }
    const char *near = names != NULL ? dvsi_problem_nearest(from->entity, names) : NULL;
    dvsi_validation_add(c->v, DVSI_PROBLEM_ERROR, from->node, path,
                        "source \"%s\" has no stream \"%s\"%s%s%s", c->endpoint->name, from->entity,
                        near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                        near != NULL ? "\"?" : "");
    return NULL;
}

/* "data/crm.yaml:12:5: ..." stands for a place of its own: an error of the mapping knows its line better than
 * we do. */
static void mapping_error(dvsi_validation *v, const dvsi_from *from, const char *path, const dvs_error *err)
{
    const char *file = v->project->file;
    size_t length = strlen(file);
    dvsi_node place = {0};
    const char *at = err->message + length;
    if (strncmp(err->message, file, length) != 0 || *at != ':') {
        error_at(v, from->node, path, err);
        return;
    }
    uint32_t *const numbers[] = {&place.line, &place.column};
    for (size_t i = 0; i < 2 && *at == ':'; i++)
        for (at++; *at >= '0' && *at <= '9' && *numbers[i] < 100000000; at++)
            *numbers[i] = *numbers[i] * 10 + (uint32_t)(*at - '0');
    dvsi_validation_add(v, DVSI_PROBLEM_ERROR, place.line != 0 ? &place : from->node, path, "%s",
                        strncmp(at, ": ", 2) == 0 ? at + 2 : err->message);
}

/* What an entity takes of the source: its columns and the mapping over them, as a run would make it. */
static void check_from(source_check *c, dvsi_target *target, dvsi_feed *feed)
{
    dvsi_validation *v = c->v;
    const dvsi_from *from = feed->from;
    const dvsi_definition_source *recorded = dvsi_definition_from(&target->definition, from);
    dvsi_known_columns known = {0};
    dvs_error err = DVS_ERROR_INIT;
    const char *path = dvsi_validation_at(v, target, feed, NULL).path;
    if (recorded != NULL)
        known = (dvsi_known_columns){recorded->columns, recorded->n_columns};
    path = path != NULL ? path : "";
    const dvsi_stream *stream = find_stream(c, from, path);
    if (stream == NULL)
        return;
    feed->stream = dvsi_arena_strdup(&v->arena, stream->name);
    feed->stream_flags = stream->flags;
    if (dvsi_source_describe(c->source, stream->name, &feed->columns, &err) != DVS_OK)
        error_at(v, from->node, path, &err);
    else if (dvsi_mapping_build(target->entity, from, &feed->columns, &known, v->project->file,
                                &feed->mapping, &err) != DVS_OK)
        mapping_error(v, from, path, &err);
    else if (from->scope_referenced && dvsi_follow_problem(feed) != NULL)
        dvsi_validation_add(v, DVSI_PROBLEM_ERROR, from->node, path, "scope: referenced cannot be used: %s",
                            dvsi_follow_problem(feed));
}

static void check_source(dvsi_validation *v, const dvsi_endpoint *endpoint)
{
    source_check c = {.v = v, .endpoint = endpoint};
    const dvsi_plugin *plugin = NULL;
    dvs_error err = DVS_ERROR_INIT;
    const char *path = dvsi_arena_printf(&v->arena, "sources.%s", endpoint->name);
    c.path = path != NULL ? path : "sources";
    if (dvsi_registry_load(v->context->registry, endpoint->plugin, DVSI_PLUGIN_SOURCE, &plugin, &err) !=
        DVS_OK) {
        dvsi_validation_refuse(v, endpoint->node, c.path, err.message);
        return;
    }
    uint32_t before = v->problems.n_errors;
    const dvs_settings *settings =
        dvsi_settings_resolve(&v->arena, plugin->source.options, plugin->source.n_options, endpoint,
                              v->project->file, c.path, v->project->directory, &v->problems);
    v->n_file_errors += v->problems.n_errors - before;
    if (settings == NULL)
        return;
    int32_t status = dvsi_source_open(plugin, endpoint->name, settings, &v->services, &c.source, &err);
    if (status == DVS_E_CONFIG) {
        dvsi_validation_refuse(v, endpoint->node, c.path, err.message);
        return;
    }
    if (status == DVS_OK)
        status = dvsi_source_check(c.source, &err);
    if (status == DVS_OK)
        status = dvsi_source_streams(c.source, &v->arena, &c.streams, &c.n_streams, &err);
    if (status != DVS_OK)
        error_at(v, endpoint->node, c.path, &err);
    for (uint32_t e = 0; e < v->project->n_entities && status == DVS_OK; e++)
        for (uint32_t f = 0; f < v->targets[e].n_feeds; f++)
            if (v->targets[e].feeds[f].from->endpoint == endpoint)
                check_from(&c, &v->targets[e], &v->targets[e].feeds[f]);
    dvsi_source_close(c.source);
}

void dvsi_validate_sources(dvsi_validation *v)
{
    for (uint32_t s = 0; s < v->project->n_sources; s++)
        check_source(v, &v->project->sources[s]);
}
