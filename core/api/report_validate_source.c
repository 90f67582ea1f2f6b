/* report_validate_source.c - sources, their connections, and the entities over their streams. */
#include <string.h>

#include "api/report_validate.h"
#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "map/mapping.h"
#include "plugin/settings.h"

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

/* What the table was made for against what the source has now. */
static void compare(source_check *c, const dvsi_entity *entity, const dvsi_from *from,
                    const dvsi_definition *d, const dvsi_mapping *mapping, const char *path)
{
    dvsi_validation *v = c->v;
    for (uint32_t i = 0; i < mapping->n_fields; i++)
        for (uint32_t k = 0; k < d->n_fields; k++) {
            const dvsi_map_field *field = &mapping->fields[i];
            if (dvsi_utf8_casecmp(field->name, d->fields[k].name) != 0 || field->kind == d->fields[k].kind ||
                field->is_gone)
                continue;
            dvsi_validation_add(v, DVSI_PROBLEM_ERROR, from->node, path,
                                "field \"%s\" of entity \"%s\" was of type %s and is now %s (schema: lock); "
                                "say `type: %s` to "
                                "convert it, or drop the table to load it anew",
                                field->name, entity->name, dvsi_kind_name(d->fields[k].kind),
                                dvsi_kind_name(field->kind), dvsi_kind_name(d->fields[k].kind));
        }
    for (uint32_t i = 0; i < mapping->n_new_columns && d->n_columns != 0; i++)
        dvsi_validation_add(v, DVSI_PROBLEM_WARNING, from->node, path,
                            "column \"%s\" is new at the source and is not synced (schema: lock)",
                            mapping->new_columns[i]);
    for (uint32_t i = 0; i < d->n_columns; i++) {
        int there = 0;
        for (uint32_t k = 0; k < mapping->n_all_columns && !there; k++)
            there = dvsi_utf8_casecmp(mapping->all_columns[k], d->columns[i]) == 0;
        if (!there)
            dvsi_validation_add(v, DVSI_PROBLEM_WARNING, from->node, path,
                                "column \"%s\" is gone at the source; the table keeps its values",
                                d->columns[i]);
    }
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

static void check_from(source_check *c, uint32_t at, uint32_t from_at)
{
    dvsi_validation *v = c->v;
    const dvsi_entity *entity = &v->project->entities[at];
    const dvsi_from *from = &entity->from[from_at];
    const dvsi_definition none = {0};
    const dvsi_definition *d = v->view != NULL ? &v->view->run->targets[at].definition : &none;
    dvsi_known_columns known = {d->columns, d->n_columns};
    dvsi_schema columns = {0};
    dvsi_mapping *mapping = NULL;
    dvs_error err = DVS_ERROR_INIT;
    const char *path = dvsi_arena_printf(&v->arena, "entities[%u].from[%u]", at, from_at);
    path = path != NULL ? path : "";
    const dvsi_stream *stream = find_stream(c, from, path);
    if (stream == NULL)
        return;
    if (dvsi_source_describe(c->source, stream->name, &columns, &err) != DVS_OK)
        error_at(v, from->node, path, &err);
    else if (dvsi_mapping_build(entity, from, &columns, &known, v->project->file, &mapping, &err) != DVS_OK)
        mapping_error(v, from, path, &err);
    else
        compare(c, entity, from, d, mapping, path);
    dvsi_mapping_free(mapping);
    dvsi_schema_free(&columns);
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
        for (uint32_t f = 0; f < v->project->entities[e].n_from; f++)
            if (v->project->entities[e].from[f].endpoint == endpoint)
                check_from(&c, e, f);
    dvsi_source_close(c.source);
}

void dvsi_validate_sources(dvsi_validation *v)
{
    for (uint32_t s = 0; s < v->project->n_sources; s++)
        check_source(v, &v->project->sources[s]);
}
