/* compare.c - comparing, for `diff` and `sync --dry-run`. */
#include "cli/compare.h"

#include <stdlib.h>

#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/signals.h"

#define DEFAULT_LIMIT 100

void dvsi_cli_sync_options(const dvsi_cli *cli, dvsi_cli_progress *progress, dvs_sync_options *options)
{
    const dvsi_cli_args *args = &cli->args;

    options->n_entities = (uint32_t)args->entities.n_items;
    options->entities = args->entities.items;
    options->full = args->full;
    options->dry_run = args->dry_run;
    options->row_limit = args->row_limit.value;
    options->max_delete = args->max_delete;
    options->fail_on_conflict = args->fail_on_conflict;
    options->force_overwrite = args->force_overwrite;
    options->plan = args->plan;
    options->rebuild = args->rebuild;
    options->trigger = "cli";
    options->progress = progress ? dvsi_cli_progress_update : NULL;
    options->progress_context = progress;
}

/* The changes as text: all, or as many as are wanted. */
static int print_changes(dvsi_cli *cli, dvs_diff *diff, uint64_t *shown)
{
    uint64_t limit = cli->args.limit.given ? cli->args.limit.value : DEFAULT_LIMIT;
    dvs_error err = DVS_ERROR_INIT;
    const char *line = NULL;

    *shown = 0;
    while (!cli->args.summary && (limit == 0 || *shown < limit) && !cli->out.error &&
           !dvsi_cli_interrupted()) {
        if (dvs_diff_next(diff, &line, &err))
            return dvsi_cli_fail(cli, &err);
        if (!line)
            break;
        *shown += (uint64_t)dvsi_cli_render_change(cli, line);
    }
    return 0;
}

static int print_text(dvsi_cli *cli, dvs_project *project, dvs_diff *diff)
{
    json_t *summary = dvsi_cli_json_load(dvs_diff_summary_json(diff));
    uint64_t shown;
    int code = print_changes(cli, diff, &shown);

    if (!code && summary && !dvsi_cli_interrupted()) {
        dvsi_cli_render_diff(cli, summary, shown);
    } else if (!code && !dvsi_cli_interrupted()) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "the library's summary could not be read");
        code = DVSI_CLI_EXIT_FAILED;
    }
    json_decref(summary);
    if (!code && !dvsi_cli_interrupted() && dvsi_cli_verifies(cli, dvs_diff_exit_code(diff)))
        code = dvsi_cli_print_verify(cli, project);
    return code;
}

static int print_json(dvsi_cli *cli, dvs_project *project, dvs_diff *diff)
{
    dvs_error err = DVS_ERROR_INIT;
    const char *line = NULL;
    char *more = NULL;
    int code = 0;

    while (!cli->args.summary && !cli->out.error && !dvsi_cli_interrupted()) {
        if (dvs_diff_next(diff, &line, &err))
            return dvsi_cli_fail(cli, &err);
        if (!line)
            break;
        dvsi_cli_put_json(cli, line);
    }
    if (dvsi_cli_interrupted())
        return 0; /* a summary says that everything stands above it */
    if (dvsi_cli_verifies(cli, dvs_diff_exit_code(diff)))
        more = dvsi_cli_with_verify(cli, project, dvs_diff_summary_json(diff), 2, &code);
    dvsi_cli_put_json(cli, more ? more : dvs_diff_summary_json(diff));
    free(more);
    return code;
}

int dvsi_cli_compare(dvsi_cli *cli, dvs_project *project)
{
    dvsi_cli_progress *progress = dvsi_cli_progress_new(cli);
    dvs_sync_options options = DVS_SYNC_OPTIONS_INIT;
    dvs_error err = DVS_ERROR_INIT;
    dvs_diff *diff = NULL;
    int32_t status;
    int code;

    dvsi_cli_sync_options(cli, progress, &options);
    dvsi_cli_signals_project(project);
    status = dvs_diff_new(project, &options, &diff, &err);
    dvsi_cli_signals_project(NULL);
    dvsi_cli_progress_free(progress);
    if (status)
        return dvsi_cli_fail(cli, &err);
    code = cli->args.json ? print_json(cli, project, diff) : print_text(cli, project, diff);
    code = dvsi_cli_exit_worse(code, dvs_diff_exit_code(diff));
    if (dvsi_cli_interrupted()) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "interrupted before the comparison was printed in full");
        code = dvsi_cli_interrupted();
    }
    dvs_diff_free(diff);
    return code;
}
