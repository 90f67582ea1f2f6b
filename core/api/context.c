/* context.c - contexts, projects, reports: what everything else of the library hangs on. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/error.h"
#include "config/discover.h"
#include "data/json.h"

const char *dvs_version(void)
{
    return DVS_VERSION_STRING;
}

dvs_error *dvsi_api_error(dvs_error *err, dvs_error *local)
{
    if (err == NULL) {
        memset(local, 0, sizeof *local);
        local->struct_size = sizeof *local;
        return local;
    }
    dvsi_error_clear(err);
    return err;
}

int32_t dvs_context_new(const dvs_context_options *options, dvs_context **context, dvs_error *err)
{
    dvs_error local;
    dvs_context_options all = DVS_CONTEXT_OPTIONS_INIT;
    err = dvsi_api_error(err, &local);
    *context = NULL;
    if (options != NULL) {
        if (options->struct_size < sizeof options->struct_size)
            return dvsi_error_set(err, DVS_E_USAGE, "dvs_context_options.struct_size is not set");
        memcpy(&all, options, options->struct_size < sizeof all ? options->struct_size : sizeof all);
    }
    dvs_context *made = calloc(1, sizeof *made);
    if (made == NULL)
        return dvsi_error_no_memory(err);
    made->log = (dvsi_log){all.log, all.log_context, all.log_level};
    made->registry = dvsi_registry_new(all.plugin_paths, all.n_plugin_paths);
    if (made->registry == NULL) {
        free(made);
        return dvsi_error_no_memory(err);
    }
    *context = made;
    return DVS_OK;
}

void dvs_context_free(dvs_context *context)
{
    if (context == NULL)
        return;
    dvsi_registry_free(context->registry);
    free(context);
}

/* ---- Reports ---- */

int32_t dvsi_api_report(dvsi_buf *json, int exit_code, dvs_report **report, dvs_error *err)
{
    *report = calloc(1, sizeof **report);
    char *text = dvsi_buf_take(json);
    if (*report == NULL || text == NULL) {
        free(text);
        free(*report);
        *report = NULL;
        return dvsi_error_no_memory(err);
    }
    (*report)->json = text;
    (*report)->exit_code = exit_code;
    return DVS_OK;
}

const char *dvs_report_json(const dvs_report *report)
{
    return report->json;
}

int dvs_report_exit_code(const dvs_report *report)
{
    return report->exit_code;
}

void dvs_report_free(dvs_report *report)
{
    if (report == NULL)
        return;
    free(report->json);
    free(report);
}

static void add_about(dvsi_buf *out, const char *name, const char *text)
{
    dvsi_buf_printf(out, ",\"%s\":", name);
    if (text != NULL)
        dvsi_json_string(out, text, strlen(text));
    else
        dvsi_buf_puts(out, "null");
}

void dvsi_api_problems(dvsi_buf *out, const dvsi_problems *problems)
{
    static const char *const severities[] = {"error", "warning", "info"};
    dvsi_buf_puts(out, "\"problems\":[");
    for (const dvsi_problem *p = problems->first; p != NULL; p = p->next) {
        dvsi_buf_printf(out, "%s{\"severity\":\"%s\",\"file\":", p != problems->first ? "," : "",
                        severities[p->severity]);
        dvsi_json_string(out, p->file, strlen(p->file));
        dvsi_buf_printf(out, ",\"line\":%u,\"column\":%u,\"path\":", p->line, p->column);
        dvsi_json_string(out, p->path, strlen(p->path));
        add_about(out, "check", p->about.check);
        add_about(out, "entity", p->about.entity);
        add_about(out, "source", p->about.source);
        add_about(out, "field", p->about.field);
        dvsi_buf_puts(out, ",\"message\":");
        dvsi_json_string(out, p->message, strlen(p->message));
        dvsi_buf_putc(out, '}');
    }
    dvsi_buf_putc(out, ']');
}

/* The first error of the list as *err, DVS_E_CONFIG. */
static int32_t first_problem(const dvsi_problems *problems, dvs_error *err)
{
    dvsi_arena arena = {0};
    const dvsi_problem *first = problems->first;
    while (first != NULL && first->severity != DVSI_PROBLEM_ERROR)
        first = first->next;
    const char *text = first != NULL ? dvsi_problem_text(&arena, first) : NULL;
    dvsi_error_set(err, DVS_E_CONFIG, "%s", text != NULL ? text : "the project cannot be used");
    dvsi_arena_free(&arena);
    return DVS_E_CONFIG;
}

/* ---- Projects ---- */

int32_t dvs_project_open_file(dvs_context *context, const char *file, dvs_project **project,
                              dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_problems problems = {0};
    int32_t status = DVS_OK;
    err = dvsi_api_error(err, &local);
    *project = NULL;
    if (report != NULL)
        *report = NULL;
    dvs_project *made = calloc(1, sizeof *made);
    if (made == NULL)
        return dvsi_error_no_memory(err);
    made->context = context;
    made->project = dvsi_project_read(file, DVSI_PROJECT_INTERPOLATE, &problems);
    if (made->project == NULL) {
        status = first_problem(&problems, err);
        dvsi_buf json = {0};
        dvsi_buf_putc(&json, '{');
        dvsi_api_problems(&json, &problems);
        dvsi_buf_putc(&json, '}');
        if (report != NULL && dvsi_api_report(&json, 78, report, err) != DVS_OK)
            status = DVS_E_NO_MEMORY;
        dvsi_buf_free(&json);
        dvs_project_free(made);
    } else {
        *project = made;
    }
    dvsi_problems_free(&problems);
    return status;
}

int32_t dvs_project_open(dvs_context *context, const char *directory, const char *name, dvs_project **project,
                         dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_discovery found = {0};
    const dvsi_found *match = NULL;
    const dvsi_found *unnamed = NULL; /* the first whose name could not be read */
    uint32_t n_matches = 0;
    err = dvsi_api_error(err, &local);
    *project = NULL;
    if (report != NULL)
        *report = NULL;
    int32_t status = dvsi_discover(directory, &found, err);
    if (status != DVS_OK) {
        dvsi_discovery_free(&found);
        return dvsi_error_set(err, DVS_E_CONFIG, "%s", err->message);
    }
    const char **names = dvsi_arena_calloc(&found.arena, (size_t)found.n_found + 1, sizeof *names);
    uint32_t n_names = 0;
    for (const dvsi_found *f = found.first; f != NULL; f = f->next) {
        if (f->name == NULL && unnamed == NULL)
            unnamed = f;
        if (f->name != NULL && names != NULL)
            names[n_names++] = f->name;
        if (f->name != NULL && strcmp(f->name, name) == 0) {
            match = f;
            n_matches++;
        }
    }
    if (n_matches == 1) {
        status = dvs_project_open_file(context, match->file, project, report, err);
    } else if (n_matches > 1) {
        status = dvsi_error_set(err, DVS_E_CONFIG,
                                "several projects in %s are called \"%s\", one of them in %s; choose one "
                                "with --config-file, or rename one",
                                directory, name, match->file);
    } else {
        const char *near = names != NULL ? dvsi_problem_nearest(name, names) : NULL;
        status = dvsi_error_set(
            err, DVS_E_CONFIG, "no project in %s is called \"%s\"%s%s%s%s%s%s; `dvsync list` shows them all",
            directory, name, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "", unnamed != NULL ? "; the name in " : "",
            unnamed != NULL ? unnamed->file : "", unnamed != NULL ? " could not be read" : "");
    }
    dvsi_discovery_free(&found);
    return status;
}

const char *dvs_project_name(const dvs_project *project)
{
    return project->project->name;
}

const char *dvs_project_file(const dvs_project *project)
{
    return project->project->file;
}

void dvs_project_free(dvs_project *project)
{
    if (project == NULL)
        return;
    dvsi_project_free(project->project);
    free(project);
}

void dvs_project_stop(dvs_project *project, int why)
{
    atomic_store(&project->stop, why);
}
