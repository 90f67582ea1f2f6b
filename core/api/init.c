/* init.c - dvs_init: a project file from a source's own streams. */
#include <string.h>

#include "api/init.h"
#include "api/report.h"
#include "base/error.h"
#include "plugin/settings.h"

/* The settings by way of the project parser, so that they mean here what they will mean in the file. */
static int32_t resolve(dvsi_init *init, dvsi_project **project, const dvs_settings **settings, dvs_error *err)
{
    dvsi_buf text = {0};
    dvsi_problems problems = {0};
    int32_t status = DVS_OK;
    const char *file = init->options->file != NULL ? init->options->file : "project.yaml";
    dvsi_init_head(init, 1, &text);
    dvsi_buf_puts(&text, "entities: [none]\n");
    *settings = NULL;
    if (text.failed)
        status = dvsi_error_no_memory(err);
    else
        *project = dvsi_project_parse(file, text.data, text.length, DVSI_PROJECT_INTERPOLATE, &problems);
    if (status == DVS_OK && *project != NULL) {
        const char *path = dvsi_arena_printf(&init->arena, "sources.%s", init->name);
        *settings = dvsi_settings_resolve(&init->arena, init->plugin->source.options,
                                          init->plugin->source.n_options, &(*project)->sources[0], file,
                                          path != NULL ? path : "sources", (*project)->directory, &problems);
    }
    if (status == DVS_OK &&
        *settings == NULL) { /* the text's lines are nobody's: a setting's name says where */
        const dvsi_problem *first = problems.first;
        status = first != NULL ? dvsi_error_set(err, DVS_E_CONFIG, "%s: %s",
                                                first->path[0] != '\0' ? first->path : file, first->message)
                               : dvsi_error_no_memory(err);
    }
    dvsi_problems_free(&problems);
    dvsi_buf_free(&text);
    return status;
}

/* A setting that the plugin does not have would be left out silently otherwise. */
static int32_t check_settings(const dvsi_init *init, dvs_error *err)
{
    for (uint32_t i = 0; i < init->options->n_settings; i++) {
        const char *setting = init->options->settings[i];
        size_t length = strcspn(setting, "=");
        int known = 0;
        if (setting[length] == '\0')
            return dvsi_error_set(err, DVS_E_USAGE, "\"%s\" is no setting: write NAME=VALUE", setting);
        if (strpbrk(setting, "\n\r") != NULL)
            return dvsi_error_set(err, DVS_E_USAGE, "the setting %.*s has a line break in it", (int)length,
                                  setting);
        for (uint32_t k = 0; k < init->plugin->source.n_options && !known; k++)
            known = strlen(init->plugin->source.options[k].name) == length &&
                    strncmp(init->plugin->source.options[k].name, setting, length) == 0;
        if (!known)
            return dvsi_error_set(
                err, DVS_E_CONFIG, "plugin \"%s\" has no setting \"%.*s\": see `dvsync plugins info %s`",
                init->plugin->name, (int)(length < 100 ? length : 100), setting, init->plugin->name);
    }
    return DVS_OK;
}

static int is_asked_for(const dvsi_init *init, const dvsi_stream *stream)
{
    const dvs_init_options *options = init->options;
    for (uint32_t i = 0; i < options->n_entities; i++)
        if (strcmp(options->entities[i], stream->name) == 0 ||
            (stream->alias != NULL && strcmp(options->entities[i], stream->alias) == 0))
            return 1;
    return 0;
}

static int32_t check_entities(const dvsi_init *init, const dvsi_stream *streams, uint32_t n, dvs_error *err)
{
    for (uint32_t i = 0; i < init->options->n_entities; i++) {
        const char *wanted = init->options->entities[i];
        int found = 0;
        for (uint32_t k = 0; k < n && !found; k++)
            found = strcmp(streams[k].name, wanted) == 0 ||
                    (streams[k].alias != NULL && strcmp(streams[k].alias, wanted) == 0);
        if (!found)
            return dvsi_error_set(err, DVS_E_NOT_FOUND, "the source has no stream \"%s\"", wanted);
    }
    return DVS_OK;
}

/* Columns and key of an entity that is enabled. */
static int32_t look_at(dvsi_init *init, dvsi_source *source, dvsi_init_entity *entity, dvs_error *err)
{
    dvsi_schema schema = {0};
    dvsi_buf key = {0};
    int32_t status = dvsi_source_describe(source, entity->name, &schema, err);
    for (uint32_t position = 1; status == DVS_OK && position <= schema.n_columns; position++) {
        for (uint32_t i = 0; i < schema.n_columns; i++) {
            if (schema.columns[i].key_position != position)
                continue;
            dvsi_buf_puts(&key, position > 1 ? ", " : "");
            dvsi_buf_puts(&key, schema.columns[i].name);
        }
    }
    if (status == DVS_OK) {
        for (uint32_t i = 0; i < schema.n_columns; i++)
            entity->n_columns += (schema.columns[i].flags & DVS_COLUMN_RAW) == 0;
        entity->guessed = key.length == 0 && schema.n_columns != 0;
        if (entity->guessed)
            dvsi_buf_puts(&key, schema.columns[0].name);
        entity->key = key.failed ? NULL : dvsi_arena_strdup(&init->arena, dvsi_buf_text(&key));
        if (entity->key == NULL)
            status = dvsi_error_no_memory(err);
    }
    dvsi_buf_free(&key);
    dvsi_schema_free(&schema);
    return status;
}

static int32_t take_streams(dvsi_init *init, dvsi_source *source, dvs_error *err)
{
    dvsi_stream *streams = NULL;
    uint32_t n = 0;
    int32_t status = dvsi_source_streams(source, &init->arena, &streams, &n, err);
    if (status == DVS_OK)
        status = check_entities(init, streams, n, err);
    if (status != DVS_OK)
        return status;
    init->entities = dvsi_arena_calloc(&init->arena, (size_t)n + 1, sizeof *init->entities);
    if (init->entities == NULL)
        return dvsi_error_no_memory(err);
    init->n_entities = n;
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        dvsi_init_entity *entity = &init->entities[i];
        entity->name = streams[i].name;
        entity->enabled =
            init->options->n_entities != 0 ? is_asked_for(init, &streams[i]) : n <= DVSI_INIT_MANY;
        if (entity->enabled)
            status = look_at(init, source, entity, err);
    }
    return status;
}

static int32_t make_report(const dvsi_init *init, dvs_report **report, dvs_error *err)
{
    dvsi_buf yaml = {0};
    dvsi_buf json = {0};
    dvsi_init_file(init, &yaml);
    dvsi_out_open(&json, '{');
    dvsi_report_text(&json, "project", init->name);
    dvsi_report_text(&json, "plugin", init->plugin->name);
    dvsi_out_name(&json, "entities");
    dvsi_out_open(&json, '[');
    for (uint32_t i = 0; i < init->n_entities; i++) {
        const dvsi_init_entity *entity = &init->entities[i];
        dvsi_out_open(&json, '{');
        dvsi_report_text(&json, "name", entity->name);
        dvsi_report_flag(&json, "enabled", entity->enabled);
        dvsi_report_text(&json, "key", entity->key);
        dvsi_out_close(&json, '}');
    }
    dvsi_out_close(&json, ']');
    dvsi_report_text(&json, "yaml", dvsi_buf_text(&yaml));
    dvsi_out_close(&json, '}');
    int32_t status = yaml.failed ? dvsi_error_no_memory(err) : dvsi_api_report(&json, 0, report, err);
    dvsi_buf_free(&yaml);
    dvsi_buf_free(&json);
    return status;
}

int32_t dvs_init(dvs_context *context, const dvs_init_options *options, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_init init = {.options = options};
    dvsi_services services = {.log = &context->log};
    dvsi_project *project = NULL;
    const dvs_settings *settings = NULL;
    dvsi_source *source = NULL;
    err = dvsi_api_error(err, &local);
    *report = NULL;
    init.name = options->name != NULL ? options->name : options->plugin;
    int32_t status =
        dvsi_registry_load(context->registry, options->plugin, DVSI_PLUGIN_SOURCE, &init.plugin, err);
    if (status == DVS_OK)
        status = check_settings(&init, err);
    if (status == DVS_OK)
        status = resolve(&init, &project, &settings, err);
    if (status == DVS_OK)
        status = dvsi_source_open(init.plugin, init.name, settings, &services, &source, err);
    if (status == DVS_OK)
        status = take_streams(&init, source, err);
    if (status == DVS_OK)
        status = make_report(&init, report, err);
    dvsi_source_close(source);
    dvsi_project_free(project);
    dvsi_arena_free(&init.arena);
    return status;
}
