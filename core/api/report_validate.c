/* report_validate.c - dvs_validate: everything that is wrong with a project, at once. */
#include <stdarg.h>
#include <string.h>

#include "api/report_validate.h"
#include "base/error.h"
#include "config/discover.h"

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
            dvsi_validate_sources(&v);
        }
        status = finish(&v,
                        project != NULL ? project->name
                        : name != NULL  ? name
                                        : name_in(&v.arena, file),
                        report, err);
    }
    dvsi_view_free(v.view);
    dvsi_project_free(project);
    dvsi_problems_free(&v.problems);
    dvsi_arena_free(&v.arena);
    return status;
}
