/* cmd_sync.c - `sync`: one project, or with --all every one of the directory. */
#include <stdlib.h>
#include <string.h>

#include "cli/compare.h"
#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/signals.h"

/* A document on one line. Outside of strings, where it cannot be, a newline is mere layout. */
static void put_line(dvsi_cli *cli, const char *json)
{
    char *text = strdup(json);

    for (char *at = text; at && *at; at++) {
        if (*at == '\n' && at[1] != '\0')
            *at = ' ';
    }
    dvsi_cli_put_json(cli, text ? text : json);
    free(text);
}

static int print_json(dvsi_cli *cli, dvs_project *project, const dvs_result *result)
{
    const char *json = dvs_result_json(result);
    char *more = NULL;
    int code = 0;

    if (dvsi_cli_verifies(cli, dvs_result_exit_code(result)))
        json = more = dvsi_cli_with_verify(cli, project, json, 1, &code);
    if (cli->args.all && json)
        put_line(cli, json);
    else
        dvsi_cli_put_json(cli, json);
    free(more);
    return code;
}

static int print_result(dvsi_cli *cli, dvs_project *project, const dvs_result *result)
{
    const char *json = dvs_result_json(result);
    json_t *document;

    if (cli->args.json)
        return print_json(cli, project, result);
    document = dvsi_cli_json_load(json);
    if (!document) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "the library's result could not be read");
        return DVSI_CLI_EXIT_FAILED;
    }
    dvsi_cli_render_sync(cli, document);
    json_decref(document);
    return dvsi_cli_verifies(cli, dvs_result_exit_code(result)) ? dvsi_cli_print_verify(cli, project) : 0;
}

static int sync_project(dvsi_cli *cli, dvs_project *project, dvs_error *err)
{
    dvsi_cli_progress *progress = dvsi_cli_progress_new(cli);
    dvs_sync_options options = DVS_SYNC_OPTIONS_INIT;
    dvs_result *result = NULL;
    int32_t status;
    int code;

    dvsi_cli_sync_options(cli, progress, &options);
    dvsi_cli_signals_project(project);
    status = dvs_sync(project, &options, &result, err);
    dvsi_cli_signals_project(NULL);
    dvsi_cli_progress_free(progress);
    if (status)
        return dvsi_cli_fail(cli, err);
    code = dvsi_cli_exit_worse(print_result(cli, project, result), dvs_result_exit_code(result));
    dvs_result_free(result);
    return code;
}

/* With --all --json, a project that gave no result has a document as well. */
static void put_failure(dvsi_cli *cli, const json_t *project, const char *message, int code)
{
    json_t *document;
    char *text;

    if (!cli->args.json || cli->args.dry_run)
        return;
    document =
        json_pack("{s:O?, s:O?, s:n, s:s, s:i, s:[], s:[{s:n, s:n, s:n, s:n, s:n, s:s, s:s}]}", "project",
                  json_object_get(project, "name"), "file", json_object_get(project, "file"), "run_id",
                  "status", "failed", "exit_code", code, "entities", "errors", "entity", "source", "row",
                  "key", "field", "severity", "error", "message", message);
    text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    if (text)
        dvsi_cli_put_json(cli, text);
    free(text);
    json_decref(document);
}

/* One project of the list; the exit code. */
static int sync_listed(dvsi_cli *cli, const json_t *listed)
{
    const char *name = dvsi_cli_json_text(listed, "name", NULL);
    const char *file = dvsi_cli_json_text(listed, "file", "");
    dvs_project *project = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int code;

    if (!name || json_is_false(json_object_get(listed, "valid"))) {
        const char *error = dvsi_cli_json_text(listed, "error", "it is no valid project");
        const char *place = strstr(error, file) == error ? "" : file; /* most errors begin with it */

        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "%s%s%s", place, *place ? ": " : "", error);
        put_failure(cli, listed, error, DVSI_CLI_EXIT_CONFIG);
        return DVSI_CLI_EXIT_CONFIG;
    }
    code = dvsi_cli_open(cli, name, &project);
    if (code) {
        put_failure(cli, listed, "the project could not be opened; see `validate`", code);
        return code;
    }
    if (cli->args.dry_run) {
        code = dvsi_cli_compare(cli, project);
    } else {
        code = sync_project(cli, project, &err);
        if (err.status)
            put_failure(cli, listed, err.message, code);
    }
    dvs_project_free(project);
    dvsi_cli_flush(&cli->out);
    return code;
}

static int sync_all(dvsi_cli *cli)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    json_t *document;
    const json_t *listed;
    size_t i;
    int code = 0;

    if (dvs_list(cli->context, dvsi_cli_directory(cli), &report, &err))
        return dvsi_cli_fail(cli, &err);
    document = dvsi_cli_json_load(dvs_report_json(report));
    dvs_report_free(report);
    if (json_array_size(json_object_get(document, "projects")) == 0) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "no project was found in %s; give --directory",
                     dvsi_cli_directory(cli));
        code = DVSI_CLI_EXIT_CONFIG;
    }
    json_array_foreach(json_object_get(document, "projects"), i, listed)
    {
        if (dvsi_cli_interrupted())
            break;
        if (i > 0 && !cli->args.json)
            dvsi_cli_put(&cli->out, "\n");
        code = dvsi_cli_exit_worse(code, sync_listed(cli, listed));
    }
    json_decref(document);
    return dvsi_cli_interrupted() ? dvsi_cli_interrupted() : code;
}

static int check(dvsi_cli *cli)
{
    const dvsi_cli_args *args = &cli->args;
    const char *wrong = NULL;

    if (args->rebuild && args->entities.n_items == 0)
        wrong = "--rebuild needs --entity: the entities whose tables are to be made anew";
    else if (args->rebuild && args->row_limit.given)
        wrong = "--rebuild reads everything; leave out --row-limit";
    else if (args->rebuild && args->dry_run)
        wrong = "--rebuild cannot be previewed; leave out --dry-run";
    else if (args->plan && (args->all || args->dry_run || args->full || args->rebuild ||
                            args->force_overwrite || args->row_limit.given || args->entities.n_items != 0))
        wrong = "--plan carries out what one project's diff has saved; leave out --all, --dry-run, --entity, "
                "--full, "
                "--rebuild, --row-limit and --force-overwrite";
    if (wrong)
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "%s", wrong);
    return wrong ? DVSI_CLI_EXIT_USAGE : 0;
}

int dvsi_cli_sync(dvsi_cli *cli)
{
    dvs_project *project = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int code = check(cli);

    if (code)
        return code;
    if (!cli->args.all) {
        code = dvsi_cli_open(cli, NULL, &project);
        if (code)
            return code;
    }
    dvsi_cli_signals_catch(cli->console.json || cli->args.quiet);
    if (cli->args.all)
        code = sync_all(cli);
    else
        code = cli->args.dry_run ? dvsi_cli_compare(cli, project) : sync_project(cli, project, &err);
    dvs_project_free(project);
    return code;
}
