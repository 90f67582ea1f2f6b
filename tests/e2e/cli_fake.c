/*
 * cli_fake.c - a libdvsync that answers what a test put into files, for tests of the command line alone.
 *
 * Built by test_cli.py and preloaded, so that the real program meets it in place of the real library. In the
 * folder $DVSYNC_FAKE: NAME.json is what the function NAME answers, NAME.exit its exit code, NAME.error
 * "STATUS MESSAGE" makes it fail. NAME is list, validate, open, status, history, clear, stats, verify,
 * lineage, plugins, info, schema, cancel, sync or diff; diff.json holds the summary and diff.lines the
 * changes. What was asked for is added to `calls`. With `wait` there, sync and diff run until they are
 * stopped; `wait` names the file that they make when they have begun.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dvsync/dvsync.h"

struct dvs_context {
    dvs_context_options options;
};
struct dvs_project {
    char *name;
    volatile sig_atomic_t stop;
};
struct dvs_report {
    char *json;
    int code;
};
struct dvs_result {
    char *json;
    int code;
};
struct dvs_diff {
    char *summary;
    char *lines;
    char *at;
    int code;
};

static char *slurp(const char *name, const char *suffix)
{
    char path[4096];
    const char *folder = getenv("DVSYNC_FAKE");
    FILE *file;
    char *text;
    size_t length;

    snprintf(path, sizeof(path), "%s/%s.%s", folder ? folder : ".", name, suffix);
    file = fopen(path, "rb");
    if (!file)
        return NULL;
    text = (char *)calloc(1, 1 << 20);
    length = fread(text, 1, (1 << 20) - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

__attribute__((format(printf, 1, 2))) static void called(const char *format, ...)
{
    char path[4096];
    const char *folder = getenv("DVSYNC_FAKE");
    FILE *file;
    va_list args;

    snprintf(path, sizeof(path), "%s/calls", folder ? folder : ".");
    file = fopen(path, "ab");
    if (!file)
        return;
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    fputc('\n', file);
    fclose(file);
}

static int code_of(const char *name)
{
    char *text = slurp(name, "exit");
    int code = text ? atoi(text) : 0;

    free(text);
    return code;
}

static int32_t failure(const char *name, dvs_error *err)
{
    char *text = slurp(name, "error");
    char *space = text ? strchr(text, ' ') : NULL;
    int32_t status = text ? (int32_t)atoi(text) : 0;

    if (text && err) {
        err->status = status;
        snprintf(err->message, sizeof(err->message), "%s", space ? space + 1 : "");
    }
    free(text);
    return status;
}

static int32_t answer(const char *name, dvs_report **report, dvs_error *err)
{
    int32_t status = failure(name, err);

    *report = NULL;
    if (status)
        return status;
    *report = (dvs_report *)calloc(1, sizeof(**report));
    (*report)->json = slurp(name, "json");
    (*report)->code = code_of(name);
    return 0;
}

const char *dvs_version(void)
{
    return "0.0.fake";
}

int32_t dvs_context_new(const dvs_context_options *options, dvs_context **context, dvs_error *err)
{
    (void)err;
    *context = (dvs_context *)calloc(1, sizeof(**context));
    (*context)->options = *options;
    for (uint32_t i = 0; i < options->n_plugin_paths; i++)
        called("path %s", options->plugin_paths[i]);
    for (int32_t level = 0; level <= options->log_level; level++) {
        char *text = slurp("log", level == 0   ? "fatal"
                                  : level == 1 ? "warning"
                                  : level == 2 ? "info"
                                               : "debug");

        if (text)
            options->log(options->log_context, level, text);
        free(text);
    }
    return 0;
}

void dvs_context_free(dvs_context *context)
{
    free(context);
}

const char *dvs_report_json(const dvs_report *report)
{
    return report->json ? report->json : "{}";
}

int dvs_report_exit_code(const dvs_report *report)
{
    return report->code;
}

void dvs_report_free(dvs_report *report)
{
    if (report)
        free(report->json);
    free(report);
}

static int32_t open_project(const char *name, dvs_project **project, dvs_report **problems, dvs_error *err)
{
    int32_t status = failure("open", err);
    char *bad = slurp("open", name);

    *project = NULL;
    if (bad && !status) { /* open.NAME: only this one cannot be opened */
        status = DVS_E_CONFIG;
        snprintf(err->message, sizeof(err->message), "%s", bad);
        err->status = status;
    }
    free(bad);
    if (status) {
        if (problems) {
            *problems = (dvs_report *)calloc(1, sizeof(**problems));
            (*problems)->json = slurp("open", "json");
        }
        return status;
    }
    *project = (dvs_project *)calloc(1, sizeof(**project));
    (*project)->name = strdup(name);
    return 0;
}

int32_t dvs_project_open(dvs_context *context, const char *directory, const char *name, dvs_project **project,
                         dvs_report **problems, dvs_error *err)
{
    (void)context;
    called("open directory=%s name=%s", directory, name);
    return open_project(name, project, problems, err);
}

int32_t dvs_project_open_file(dvs_context *context, const char *file, dvs_project **project,
                              dvs_report **problems, dvs_error *err)
{
    (void)context;
    called("open file=%s", file);
    return open_project("file", project, problems, err);
}

const char *dvs_project_name(const dvs_project *project)
{
    return project->name;
}

const char *dvs_project_file(const dvs_project *project)
{
    return project->name;
}

void dvs_project_free(dvs_project *project)
{
    if (project)
        free(project->name);
    free(project);
}

void dvs_project_stop(dvs_project *project, int why)
{
    project->stop = why;
}

static void run(dvs_project *project, const char *what, const dvs_sync_options *o)
{
    static const dvs_sync_options none = DVS_SYNC_OPTIONS_INIT;
    char *begun = slurp("wait", "file");
    char *updates = slurp("progress", "count");
    const struct timespec moment = {0, 120000000};

    o = o ? o : &none;
    called("%s project=%s full=%u dry_run=%u row_limit=%llu max_delete=%s trigger=%s progress=%d", what,
           project->name, o->full, o->dry_run, (unsigned long long)o->row_limit,
           o->max_delete ? o->max_delete : "-", o->trigger ? o->trigger : "-", o->progress != NULL);
    for (uint32_t i = 0; i < o->n_entities; i++)
        called("entity %s", o->entities[i]);
    if (o->fail_on_conflict)
        called("fail on conflict");
    if (o->plan)
        called("plan %s", o->plan);
    if (o->force_overwrite)
        called("force overwrite");
    if (o->rebuild)
        called("rebuild");
    for (int i = 0; o->progress && updates && i < atoi(updates); i++) {
        dvs_progress p = {sizeof(p),   0,  "acc\x1bounts", "crm", "reading", (uint64_t)i * 1000,
                          (uint64_t)i, 10, i * 1200000};

        nanosleep(&moment, NULL);
        o->progress(o->progress_context, &p);
    }
    if (begun) {
        FILE *file = fopen(begun, "wb");

        if (file)
            fclose(file);
        while (!project->stop || access(begun, F_OK) == 0)
            nanosleep(&moment, NULL);
        called("stopped %d", (int)project->stop);
    }
    free(begun);
    free(updates);
}

int32_t dvs_sync(dvs_project *project, const dvs_sync_options *options, dvs_result **result, dvs_error *err)
{
    int32_t status = failure("sync", err);

    *result = NULL;
    if (status)
        return status;
    run(project, "sync", options);
    *result = (dvs_result *)calloc(1, sizeof(**result));
    (*result)->json = slurp("sync", "json");
    (*result)->code = project->stop == DVS_STOP_INTERRUPT ? 130 : project->stop ? 143 : code_of("sync");
    return 0;
}

int dvs_result_exit_code(const dvs_result *result)
{
    return result->code;
}

const char *dvs_result_json(const dvs_result *result)
{
    return result->json ? result->json : "{}";
}

void dvs_result_free(dvs_result *result)
{
    if (result)
        free(result->json);
    free(result);
}

int32_t dvs_diff_new(dvs_project *project, const dvs_sync_options *options, dvs_diff **diff, dvs_error *err)
{
    int32_t status = failure("diff", err);

    *diff = NULL;
    if (status)
        return status;
    run(project, "diff", options);
    *diff = (dvs_diff *)calloc(1, sizeof(**diff));
    (*diff)->summary = slurp("diff", "json");
    (*diff)->lines = slurp("diff", "lines");
    (*diff)->at = (*diff)->lines;
    (*diff)->code = code_of("diff");
    return 0;
}

int dvs_diff_exit_code(const dvs_diff *diff)
{
    return diff->code;
}

int dvs_diff_drift(const dvs_diff *diff)
{
    return diff->code == 2;
}

int32_t dvs_diff_next(dvs_diff *diff, const char **line, dvs_error *err)
{
    char *end = diff->at ? strchr(diff->at, '\n') : NULL;

    (void)err;
    *line = NULL;
    if (!end)
        return 0;
    *end = '\0';
    *line = diff->at;
    diff->at = end + 1;
    return 0;
}

const char *dvs_diff_summary_json(const dvs_diff *diff)
{
    return diff->summary ? diff->summary : "{}";
}

void dvs_diff_free(dvs_diff *diff)
{
    if (diff) {
        free(diff->summary);
        free(diff->lines);
    }
    free(diff);
}

int32_t dvs_list(dvs_context *context, const char *directory, dvs_report **report, dvs_error *err)
{
    (void)context;
    called("list directory=%s", directory);
    return answer("list", report, err);
}

int32_t dvs_validate(dvs_context *context, const char *directory, const char *name, const char *file,
                     dvs_report **report, dvs_error *err)
{
    (void)context;
    called("validate directory=%s name=%s file=%s", directory ? directory : "-", name ? name : "-",
           file ? file : "-");
    return answer("validate", report, err);
}

int32_t dvs_status(dvs_project *project, dvs_report **report, dvs_error *err)
{
    (void)project;
    return answer("status", report, err);
}

int32_t dvs_history(dvs_project *project, const dvs_history_options *options, dvs_report **report,
                    dvs_error *err)
{
    (void)project;
    called("history limit=%u run=%s", options->limit, options->run_id ? options->run_id : "-");
    return answer(options->run_id ? "run" : "history", report, err);
}

int32_t dvs_history_clear(dvs_project *project, int keep_latest, const char *older_than, dvs_report **report,
                          dvs_error *err)
{
    (void)project;
    called("clear keep_latest=%d older_than=%s", keep_latest, older_than ? older_than : "-");
    return answer("clear", report, err);
}

int32_t dvs_verify(dvs_project *project, dvs_report **report, dvs_error *err)
{
    (void)project;
    return answer("verify", report, err);
}

int32_t dvs_stats(dvs_project *project, dvs_report **report, dvs_error *err)
{
    (void)project;
    return answer("stats", report, err);
}

int32_t dvs_lineage(dvs_project *project, const dvs_lineage_options *options, dvs_report **report,
                    dvs_error *err)
{
    (void)project;
    called("lineage entity=%s field=%s history=%u", options->entity, options->field ? options->field : "-",
           options->history);
    for (uint32_t i = 0; i < options->n_keys; i++)
        called("key %s=%s", options->key_fields[i] ? options->key_fields[i] : "-", options->key_values[i]);
    return answer("lineage", report, err);
}

int32_t dvs_conflicts(dvs_project *project, const dvs_conflicts_options *options, dvs_report **report,
                      dvs_error *err)
{
    (void)project;
    called("conflicts limit=%u entity=%s all=%u", options->limit, options->entity ? options->entity : "-",
           options->all);
    return answer("conflicts", report, err);
}

int32_t dvs_conflict_resolve(dvs_project *project, int64_t id, const char *keep, dvs_report **report,
                             dvs_error *err)
{
    (void)project;
    called("resolve %lld keep=%s", (long long)id, keep);
    return answer("resolve", report, err);
}

int32_t dvs_conflict_unpin(dvs_project *project, int64_t id, dvs_report **report, dvs_error *err)
{
    (void)project;
    called("unpin %lld", (long long)id);
    return answer("unpin", report, err);
}

int32_t dvs_plugins(dvs_context *context, dvs_report **report, dvs_error *err)
{
    (void)context;
    return answer("plugins", report, err);
}

int32_t dvs_plugin_info(dvs_context *context, const char *name, dvs_report **report, dvs_error *err)
{
    (void)context;
    called("info %s", name);
    return answer("info", report, err);
}

int32_t dvs_schema(dvs_context *context, dvs_report **report, dvs_error *err)
{
    (void)context;
    return answer("schema", report, err);
}

int32_t dvs_cancel(dvs_project *project, int64_t wait_us, dvs_report **report, dvs_error *err)
{
    (void)project;
    called("cancel wait=%lld", (long long)wait_us);
    return answer("cancel", report, err);
}
