/* report_validate_sink.c - the sink of a project, and whether what is in it goes with the project. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/report_validate.h"
#include "dvsync/plugin_util.h"
#include "plugin/settings.h"

/* A sync can make what a path setting names, but not the folder that it is to lie in. */
static int lacks_folder(const dvsi_plugin *plugin, const dvs_settings *settings)
{
    for (uint32_t i = 0; i < plugin->sink.n_options; i++) {
        const dvs_option *option = &plugin->sink.options[i];
        const char *path =
            option->type == DVS_OPTION_PATH ? dvs_setting_text(settings, option->name, NULL) : NULL;
        const char *slash = path != NULL ? strrchr(path, '/') : NULL;
        struct stat st;
        dvsi_arena arena = {0};
        char *folder =
            slash != NULL && slash != path ? dvsi_arena_copy(&arena, path, (size_t)(slash - path)) : NULL;
        int lacks = folder != NULL && stat(folder, &st) != 0;
        dvsi_arena_free(&arena);
        if (lacks)
            return 1;
    }
    return 0;
}

/* What a sync would have to write, but may not: the file that makes out the sink, or its folder. NULL:
 * nothing. */
static const char *not_writable(dvsi_validation *v, const dvsi_plugin *plugin, const dvs_settings *settings)
{
    for (uint32_t i = 0; i < plugin->sink.n_options; i++) {
        const dvs_option *option = &plugin->sink.options[i];
        if (option->type != DVS_OPTION_PATH || (option->flags & DVS_OPTION_IDENTITY) == 0)
            continue;
        const char *path = dvs_setting_text(settings, option->name, NULL);
        const char *slash = path != NULL ? strrchr(path, '/') : NULL;
        const char *folder =
            slash != NULL && slash != path ? dvsi_arena_copy(&v->arena, path, (size_t)(slash - path)) : NULL;
        if (path != NULL && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
            return path;
        if (folder != NULL && faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) != 0)
            return folder;
    }
    return NULL;
}

/* The table of an entity that the project never synced. */
static int32_t check_table(dvsi_validation *v, const dvsi_entity *entity, const char *path, dvs_error *err)
{
    dvsi_schema found = {0};
    dvs_error refused = {0};
    int32_t status = dvsi_sink_inspect(v->view->run->sink, entity->name, &found, err);
    dvsi_schema_free(&found);
    if (status == DVS_E_NOT_FOUND)
        return DVS_OK;
    if (status != DVS_OK)
        return status;
    status = dvsi_target_may_take(v->view->run, entity, &refused);
    if (status == DVS_OK)
        return DVS_OK;
    if (status != DVS_E_CONFIG) {
        *err = refused;
        return status;
    }
    dvsi_validation_add(v, DVSI_PROBLEM_ERROR, entity->node, path, "%s", refused.message);
    v->n_file_errors++; /* a sync refuses the project */
    return DVS_OK;
}

/* Errors of the run's own checks begin with the place in the file, which a problem has already. */
static const char *without_place(const char *message, const char *file)
{
    size_t length = strlen(file);
    if (strncmp(message, file, length) != 0 || message[length] != ':')
        return message;
    const char *at = message + length + 1;
    at += strspn(at, "0123456789:");
    return *at == ' ' ? at + 1 : message;
}

static void check_tables(dvsi_validation *v)
{
    dvsi_run *run = v->view->run;
    for (uint32_t t = 0; t < run->n_targets; t++) {
        dvs_error err = DVS_ERROR_INIT;
        const dvsi_target *target = &run->targets[t];
        const char *path = dvsi_arena_printf(&v->arena, "entities[%u]", t);
        int32_t status = target->definition.row_id != 0
                             ? dvsi_definition_check(target, &err)
                             : check_table(v, target->entity, path != NULL ? path : "", &err);
        if (status == DVS_E_CONFIG)
            dvsi_validation_refuse(v, target->entity->node, path != NULL ? path : "",
                                   without_place(err.message, v->project->file));
        else if (status != DVS_OK)
            dvsi_validation_add(v, DVSI_PROBLEM_ERROR, target->entity->node, path != NULL ? path : "", "%s",
                                err.message);
    }
}

void dvsi_validate_sink(dvsi_validation *v)
{
    const dvsi_endpoint *endpoint = &v->project->sink;
    const dvsi_plugin *plugin = NULL;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_view_request request = {.project = v->project,
                                 .registry = v->context->registry,
                                 .log = &v->context->log,
                                 .stop = &v->stop,
                                 .flags = DVS_SINK_READ_ONLY};
    if (dvsi_registry_load(v->context->registry, endpoint->plugin, DVSI_PLUGIN_SINK, &plugin, &err) !=
        DVS_OK) {
        dvsi_validation_refuse(v, endpoint->node, "sink", err.message);
        return;
    }
    uint32_t before = v->problems.n_errors;
    const dvs_settings *settings =
        dvsi_settings_resolve(&v->arena, plugin->sink.options, plugin->sink.n_options, endpoint,
                              v->project->file, "sink", v->project->directory, &v->problems);
    v->n_file_errors += v->problems.n_errors - before;
    if (settings == NULL)
        return;
    int32_t status = dvsi_view_new(&request, &v->view, &err);
    if (status == DVS_E_CONFIG) {
        dvsi_validation_refuse(v, endpoint->node, "sink", err.message);
    } else if (status != DVS_OK) {
        dvsi_validation_add(v, DVSI_PROBLEM_ERROR, endpoint->node, "sink", "%s", err.message);
    } else if (v->view->run->sink == NULL) {
        dvsi_validation_add(v, lacks_folder(plugin, settings) ? DVSI_PROBLEM_ERROR : DVSI_PROBLEM_INFO,
                            endpoint->node, "sink", "%s", v->view->missing.message);
    } else {
        const char *path = not_writable(v, plugin, settings);
        if (path != NULL)
            dvsi_validation_add(
                v, DVSI_PROBLEM_WARNING, endpoint->node, "sink",
                "%s may not be written by this user, so a sync would fail; change its rights or sync as its "
                "owner",
                path);
        check_tables(v);
    }
}
