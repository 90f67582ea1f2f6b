/* session.c - the library's context, projects and reports for the commands. */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/json_read.h"

int dvsi_cli_start(dvsi_cli *cli)
{
    dvs_context_options options = DVS_CONTEXT_OPTIONS_INIT;
    dvs_error err = DVS_ERROR_INIT;
    char **paths = dvsi_cli_plugin_paths(&cli->args);
    int code = 0;

    if (!paths) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "memory ran out");
        return DVSI_CLI_EXIT_FAILED;
    }
    while (paths[options.n_plugin_paths])
        options.n_plugin_paths++;
    options.plugin_paths = (const char *const *)paths;
    options.log = dvsi_cli_log;
    options.log_context = &cli->console;
    options.log_level = cli->console.level;
    if (dvs_context_new(&options, &cli->context, &err))
        code = dvsi_cli_fail(cli, &err);
    dvsi_cli_paths_free(paths);
    return code;
}

const char *dvsi_cli_directory(const dvsi_cli *cli)
{
    const char *variable = getenv("DVSYNC_DIRECTORY");
    struct stat status;

    if (cli->args.directory)
        return cli->args.directory;
    if (variable && *variable)
        return variable;
    return stat("configs", &status) == 0 && S_ISDIR(status.st_mode) ? "configs" : ".";
}

static int32_t level_of(const char *severity)
{
    return strcmp(severity, "error") == 0     ? DVSI_CLI_ERROR
           : strcmp(severity, "warning") == 0 ? DVSI_CLI_WARNING
                                              : DVSI_CLI_INFO;
}

/* "file:line:column: path: message", with what is there. */
static void say_problem(dvsi_cli *cli, const json_t *problem)
{
    const char *file = dvsi_cli_json_text(problem, "file", "");
    const char *path = dvsi_cli_json_text(problem, "path", "");
    json_int_t line = dvsi_cli_json_int(problem, "line");
    dvsi_buf text = {0};

    if (*file)
        dvsi_buf_puts(&text, file);
    if (*file && line > 0)
        dvsi_buf_printf(&text, ":%lld:%lld", (long long)line,
                        (long long)dvsi_cli_json_int(problem, "column"));
    if (*file)
        dvsi_buf_puts(&text, ": ");
    if (*path)
        dvsi_buf_printf(&text, "%s: ", path);
    dvsi_buf_puts(&text, dvsi_cli_json_text(problem, "message", "(no message)"));
    dvsi_cli_log(&cli->console, level_of(dvsi_cli_json_text(problem, "severity", "error")),
                 dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

/* All problems of a file that cannot be used; 0 when there was no error among them. */
static size_t say_problems(dvsi_cli *cli, const dvs_report *report)
{
    json_t *document = report ? dvsi_cli_json_load(dvs_report_json(report)) : NULL;
    const json_t *problem;
    size_t errors = 0;
    size_t i;

    json_array_foreach(json_object_get(document, "problems"), i, problem)
    {
        say_problem(cli, problem);
        if (strcmp(dvsi_cli_json_text(problem, "severity", "error"), "error") == 0)
            errors++;
    }
    json_decref(document);
    return errors;
}

int dvsi_cli_open(dvsi_cli *cli, const char *name, dvs_project **project)
{
    dvs_report *problems = NULL;
    dvs_error err = DVS_ERROR_INIT;
    const char *wanted = name ? name : cli->args.name;
    int32_t status;
    int code = 0;

    if (wanted)
        status = dvs_project_open(cli->context, dvsi_cli_directory(cli), wanted, project, &problems, &err);
    else
        status = dvs_project_open_file(cli->context, cli->args.config_file, project, &problems, &err);
    if (status) {
        code = dvsi_cli_exit_of(&err);
        if (say_problems(cli, problems) == 0)
            code = dvsi_cli_fail(cli, &err);
    } else {
        dvsi_cli_say(&cli->console, DVSI_CLI_INFO, "project %s from %s", dvs_project_name(*project),
                     dvs_project_file(*project));
    }
    dvs_report_free(problems);
    return code;
}

void dvsi_cli_put_json(dvsi_cli *cli, const char *json)
{
    size_t length = json ? strlen(json) : 0;

    while (length > 0 && json[length - 1] == '\n')
        length--;
    if (length > 0) {
        dvsi_buf_add(&cli->out.buffer, json, length);
        dvsi_cli_put(&cli->out, "\n");
    }
}

int dvsi_cli_report(dvsi_cli *cli, dvs_report *report, dvsi_cli_render_fn *render)
{
    int code = dvs_report_exit_code(report);
    const char *json = dvs_report_json(report);

    if (cli->args.json || !render) {
        dvsi_cli_put_json(cli, json);
    } else {
        json_t *document = dvsi_cli_json_load(json);

        if (document) {
            render(cli, document);
        } else {
            dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "the library's report could not be read");
            code = DVSI_CLI_EXIT_FAILED;
        }
        json_decref(document);
    }
    dvs_report_free(report);
    return code;
}

int dvsi_cli_ask(dvsi_cli *cli, dvsi_cli_ask_fn *ask, dvsi_cli_render_fn *render)
{
    dvs_project *project = NULL;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int code = dvsi_cli_open(cli, NULL, &project);

    if (code)
        return code;
    code = ask(project, &report, &err) ? dvsi_cli_fail(cli, &err) : dvsi_cli_report(cli, report, render);
    dvs_project_free(project);
    return code;
}
