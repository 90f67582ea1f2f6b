/* cmd_history.c - `history`: past runs, one of them in full, or none of them any more. */
#include "cli/render.h"

static int check(dvsi_cli *cli)
{
    const dvsi_cli_args *args = &cli->args;
    const char *wrong = NULL;

    if (!args->clear && args->keep_latest)
        wrong = "--keep-latest needs --clear";
    else if (!args->clear && args->older_than)
        wrong = "--older-than needs --clear";
    else if (args->clear && (args->run_id || args->limit.given))
        wrong = "--clear goes with --keep-latest and --older-than, not with --run or --limit";
    else if (args->run_id && args->limit.given)
        wrong = "--run shows one run; leave out --limit";
    else if (args->limit.value > UINT32_MAX)
        wrong = "--limit is too large; 0 shows all runs";
    if (wrong)
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "%s", wrong);
    return wrong ? DVSI_CLI_EXIT_USAGE : 0;
}

int dvsi_cli_history(dvsi_cli *cli)
{
    const dvsi_cli_args *args = &cli->args;
    dvs_history_options options = DVS_HISTORY_OPTIONS_INIT;
    dvs_project *project = NULL;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int32_t status;
    int code = check(cli);

    if (!code)
        code = dvsi_cli_open(cli, NULL, &project);
    if (code)
        return code;
    if (args->limit.given)
        options.limit = (uint32_t)args->limit.value;
    options.run_id = args->run_id;
    if (args->clear)
        status = dvs_history_clear(project, (int)args->keep_latest, args->older_than, &report, &err);
    else
        status = dvs_history(project, &options, &report, &err);
    if (status)
        code = dvsi_cli_fail(cli, &err);
    else
        code = dvsi_cli_report(cli, report,
                               args->clear    ? dvsi_cli_render_cleared
                               : args->run_id ? dvsi_cli_render_run
                                              : dvsi_cli_render_history);
    dvs_project_free(project);
    return code;
}
