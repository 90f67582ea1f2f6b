/* report_validate.c - dvs_validate: everything that is wrong with a project, at once. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/report_validate.h"
#include "base/error.h"
#include "config/discover.h"

#define MOST_ROWS 2000u

void dvsi_validation_add(dvsi_validation *v, int severity, const dvsi_node *node, const char *path,
                         const char *format, ...)
{
    dvsi_buf text = {0};
    va_list args;
    va_start(args, format);
    dvsi_buf_vprintf(&text, format, args);
    va_end(args);
    dvsi_problem_add(&v->problems, severity, v->project->file, node != NULL ? node->line : 0,
                     node != NULL ? node->column : 0, path, "%s", dvsi_buf_text(&text));
    v->n_warnings += severity == DVSI_PROBLEM_WARNING;
    v->n_infos += severity == DVSI_PROBLEM_INFO;
    dvsi_buf_free(&text);
}

void dvsi_validation_row(dvsi_validation *v, int severity, const char *check,
                         const dvsi_validation_place *place, const char *format, ...)
{
    dvsi_problem_about about = {check, place->entity, place->source, place->field};
    dvsi_buf text = {0};
    va_list args;
    va_start(args, format);
    dvsi_buf_vprintf(&text, format, args);
    va_end(args);
    dvsi_problem_add_about(
        &v->problems, severity, &about, v->project->file, place->node != NULL ? place->node->line : 0,
        place->node != NULL ? place->node->column : 0, place->path, "%s", dvsi_buf_text(&text));
    v->n_warnings += severity == DVSI_PROBLEM_WARNING;
    v->n_infos += severity == DVSI_PROBLEM_INFO;
    dvsi_buf_free(&text);
}

dvsi_validation_place dvsi_validation_at(dvsi_validation *v, const dvsi_target *target, const dvsi_feed *feed,
                                         const char *field)
{
    uint32_t e = (uint32_t)(target - v->targets);
    dvsi_validation_place place = {target->entity->node, NULL, target->entity->name, NULL, field};
    const dvsi_field *spec = feed != NULL && field != NULL ? dvsi_from_field(feed->from, field) : NULL;
    if (feed == NULL) {
        place.path = dvsi_arena_printf(&v->arena, "entities[%u]", e);
        return place;
    }
    place.source = feed->from->label;
    place.node = spec != NULL && spec->node != NULL ? spec->node : feed->from->node;
    place.path =
        dvsi_arena_printf(&v->arena, "entities[%u].from[%u]%s%s", e, (uint32_t)(feed - target->feeds),
                          spec != NULL ? ".fields." : "", spec != NULL ? spec->name : "");
    return place;
}

/* Makes v->targets, from what is recorded; 0, or -1 when memory is out. */
static int make_targets(dvsi_validation *v)
{
    const dvsi_project *project = v->project;
    v->run.project = project;
    v->targets = calloc((size_t)project->n_entities + 1, sizeof *v->targets);
    for (uint32_t e = 0; e < project->n_entities && v->targets != NULL; e++) {
        dvsi_target *target = &v->targets[e];
        const dvsi_entity *entity = &project->entities[e];
        target->run = &v->run;
        target->entity = entity;
        if (v->view != NULL)
            target->definition = v->view->run->targets[e].definition;
        target->feeds = dvsi_arena_calloc(&v->arena, (size_t)entity->n_from + 1, sizeof *target->feeds);
        if (target->feeds == NULL)
            return -1;
        for (uint32_t f = 0; f < entity->n_from; f++) {
            dvsi_feed *feed = &target->feeds[target->n_feeds++];
            feed->run = &v->run;
            feed->target = target;
            feed->from = &entity->from[f];
        }
    }
    return v->targets != NULL ? 0 : -1;
}

static void free_targets(dvsi_validation *v)
{
    for (uint32_t e = 0; v->targets != NULL && e < v->project->n_entities; e++) {
        for (uint32_t f = 0; f < v->targets[e].n_feeds; f++) {
            dvsi_mapping_free(v->targets[e].feeds[f].mapping);
            dvsi_schema_free(&v->targets[e].feeds[f].columns);
        }
        dvsi_expressions_free(v->targets[e].derived);
        dvsi_schema_free(&v->targets[e].schema);
    }
    free(v->targets);
    v->targets = NULL;
}

void dvsi_validation_refuse(dvsi_validation *v, const dvsi_node *node, const char *path, const char *message)
{
    dvsi_validation_add(v, DVSI_PROBLEM_ERROR, node, path, "%s", message);
    v->n_file_errors++;
}

/* The file of the project called `name`; in `arena`. */
static int32_t find_file(dvs_context *context, const char *directory, const char *name, dvsi_arena *arena,
                         const char **file, dvs_error *err)
{
    dvsi_discovery found = {0};
    dvs_project *project = NULL;
    uint32_t n = 0;
    *file = NULL;
    int32_t status = dvsi_discover(directory, &found, err);
    for (const dvsi_found *f = found.first; status == DVS_OK && f != NULL; f = f->next)
        if (f->name != NULL && strcmp(f->name, name) == 0 && n++ == 0)
            *file = dvsi_arena_strdup(arena, f->file);
    dvsi_discovery_free(&found);
    if (status == DVS_OK && n == 1)
        return *file != NULL ? DVS_OK : dvsi_error_no_memory(err);
    /* No such name, or several: opening it says so. */
    status = dvs_project_open(context, directory, name, &project, NULL, err);
    if (status == DVS_OK) {
        *file = dvsi_arena_strdup(arena, dvs_project_file(project));
        status = *file != NULL ? DVS_OK : dvsi_error_no_memory(err);
    }
    dvs_project_free(project);
    return status;
}

/* The name that a broken file tells, or NULL. */
static const char *name_in(dvsi_arena *arena, const char *file)
{
    dvsi_problems ignored = {0};
    const dvsi_node *root = dvsi_node_read(arena, file, &ignored);
    const dvsi_node *name = root != NULL && root->type == DVSI_NODE_MAP ? dvsi_node_get(root, "name") : NULL;
    dvsi_problems_free(&ignored);
    return name != NULL && name->type == DVSI_NODE_SCALAR && name->length != 0 &&
                   strstr(name->text, "${") == NULL
               ? name->text
               : NULL;
}

static int32_t finish(dvsi_validation *v, const char *name, dvs_report **report, dvs_error *err)
{
    dvsi_buf json = {0};
    int exit_code = v->n_file_errors != 0 ? 78 : v->problems.n_errors != 0 ? 2 : 0;
    dvsi_out_open(&json, '{');
    dvsi_report_text(&json, "project", name);
    dvsi_buf_putc(&json, ',');
    dvsi_api_problems(&json, &v->problems);
    dvsi_report_int(&json, "errors", v->problems.n_errors);
    dvsi_report_int(&json, "warnings", v->n_warnings);
    dvsi_report_int(&json, "infos", v->n_infos);
    dvsi_out_close(&json, '}');
    int32_t status = dvsi_api_report(&json, exit_code, report, err);
    dvsi_buf_free(&json);
    return status;
}

int32_t dvs_validate(dvs_context *context, const char *directory, const char *name, const char *file,
                     dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_validation v = {.context = context};
    dvsi_project *project = NULL;
    int32_t status = DVS_OK;
    err = dvsi_api_error(err, &local);
    *report = NULL;
    if ((name == NULL) == (file == NULL) || (name != NULL && directory == NULL))
        return dvsi_error_set(err, DVS_E_USAGE,
                              "a project is named by exactly one of a name in a directory and a file");
    atomic_init(&v.stop, 0);
    v.problems.most = MOST_ROWS;
    v.services = (dvsi_services){.log = &context->log, .cancelled = &v.stop};
    if (file == NULL)
        status = find_file(context, directory, name, &v.arena, &file, err);
    if (status == DVS_OK) {
        project = dvsi_project_read(file, DVSI_PROJECT_INTERPOLATE, &v.problems);
        v.n_file_errors = v.problems.n_errors;
        for (const dvsi_problem *p = v.problems.first; p != NULL; p = p->next) {
            v.n_warnings += p->severity == DVSI_PROBLEM_WARNING;
            v.n_infos += p->severity == DVSI_PROBLEM_INFO;
        }
        v.project = project;
        if (project != NULL) {
            dvsi_validate_sink(&v);
            if (make_targets(&v) != 0) {
                status = dvsi_error_no_memory(err);
            } else {
                dvsi_validate_sources(&v);
                dvsi_validate_schemas(&v);
                dvsi_validate_tables(&v);
                dvsi_validate_references(&v);
            }
        }
        if (status == DVS_OK)
            status = finish(&v,
                            project != NULL ? project->name
                            : name != NULL  ? name
                                            : name_in(&v.arena, file),
                            report, err);
    }
    if (project != NULL)
        free_targets(&v);
    dvsi_view_free(v.view);
    dvsi_project_free(project);
    dvsi_problems_free(&v.problems);
    dvsi_arena_free(&v.arena);
    return status;
}
