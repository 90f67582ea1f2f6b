/* session.h - what every command has: options, console, output, the library's context, a project. */
#ifndef DVSI_CLI_SESSION_H
#define DVSI_CLI_SESSION_H

#include <jansson.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/out.h"
#include "dvsync/dvsync.h"

#define DVSI_CLI_EXIT_FAILED 1
#define DVSI_CLI_EXIT_FOUND 2
#define DVSI_CLI_EXIT_PARTIAL 3
#define DVSI_CLI_EXIT_LOCKED 4
#define DVSI_CLI_EXIT_GUARD 5
#define DVSI_CLI_EXIT_USAGE 64
#define DVSI_CLI_EXIT_CONFIG 78
#define DVSI_CLI_EXIT_INTERRUPTED 130
#define DVSI_CLI_EXIT_TERMINATED 143

struct dvsi_cli {
    dvsi_cli_args args;
    const dvsi_cli_command *command;
    dvsi_cli_console console;
    dvsi_cli_out out;
    dvs_context *context;
};

/* The exit code for a failure of the library. */
int dvsi_cli_exit_of(const dvs_error *err);
/* Of two exit codes the one that counts: 130/143, 64, 78, 4, 5, 1, 3, 2, 0. */
int dvsi_cli_exit_worse(int a, int b);
/* Says what failed; the exit code. */
int dvsi_cli_fail(dvsi_cli *cli, const dvs_error *err);

/* Makes cli->context: plugin paths, log. 0, or an exit code after saying why. */
int dvsi_cli_start(dvsi_cli *cli);
/* Where projects are. */
const char *dvsi_cli_directory(const dvsi_cli *cli);
/* Opens a project, by --name or --config-file, or (name given) of the directory; all of its problems are
 * printed. 0, or the exit code. */
int dvsi_cli_open(dvsi_cli *cli, const char *name, dvs_project **project);

/* Prints a report: with --json as it is, else through `render`, which gets the parsed document. Frees the
 * report; the exit code. */
typedef void dvsi_cli_render_fn(dvsi_cli *cli, const json_t *document);
int dvsi_cli_report(dvsi_cli *cli, dvs_report *report, dvsi_cli_render_fn *render);
/* For commands that ask one question about one project. */
typedef int32_t dvsi_cli_ask_fn(dvs_project *project, dvs_report **report, dvs_error *err);
int dvsi_cli_ask(dvsi_cli *cli, dvsi_cli_ask_fn *ask, dvsi_cli_render_fn *render);
/* A document of the library on a line of its own. */
void dvsi_cli_put_json(dvsi_cli *cli, const char *json);

/* The directories where plugins are looked for, in order; a NULL-terminated list, to be freed with its
 * strings by dvsi_cli_paths_free. NULL when memory is out. */
char **dvsi_cli_plugin_paths(const dvsi_cli_args *args);
void dvsi_cli_paths_free(char **paths);

#endif
