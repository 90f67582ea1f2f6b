/* cmd_conflicts.c - `conflicts`, `conflicts resolve`, `conflicts unpin`. */
#include "cli/render.h"

int dvsi_cli_conflicts(dvsi_cli *cli)
{
    const dvsi_cli_args *args = &cli->args;
    dvs_conflicts_options options = DVS_CONFLICTS_OPTIONS_INIT;
    dvs_project *project = NULL;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int code;

    if (args->limit.value > UINT32_MAX) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "--limit is too large; 0 shows all conflicts");
        return DVSI_CLI_EXIT_USAGE;
    }
    code = dvsi_cli_open(cli, NULL, &project);
    if (code)
        return code;
    if (args->limit.given)
        options.limit = (uint32_t)args->limit.value;
    options.entity = args->entity;
    options.all = args->all;
    if (dvs_conflicts(project, &options, &report, &err))
        code = dvsi_cli_fail(cli, &err);
    else
        code = dvsi_cli_report(cli, report, dvsi_cli_render_conflicts);
    dvs_project_free(project);
    return code;
}

/* The id of a conflict, the command's only word. 0 or -1. */
static int read_id(const char *text, int64_t *id)
{
    *id = 0;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9' || *id > (INT64_MAX - 9) / 10)
            return -1;
        *id = *id * 10 + (*at - '0');
    }
    return *id > 0 ? 0 : -1;
}

/* `keep` NULL: unpin. */
static int decide(dvsi_cli *cli, const char *keep)
{
    dvs_project *project = NULL;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int64_t id;
    int32_t status;
    int code;

    if (read_id(cli->args.operands[0], &id)) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR,
                     "'%s' is no id of a conflict; `dvsync conflicts` lists them, such as 7",
                     cli->args.operands[0]);
        return DVSI_CLI_EXIT_USAGE;
    }
    code = dvsi_cli_open(cli, NULL, &project);
    if (code)
        return code;
    status = keep ? dvs_conflict_resolve(project, id, keep, &report, &err)
                  : dvs_conflict_unpin(project, id, &report, &err);
    code = status ? dvsi_cli_fail(cli, &err) : dvsi_cli_report(cli, report, dvsi_cli_render_conflict);
    dvs_project_free(project);
    return code;
}

int dvsi_cli_resolve(dvsi_cli *cli)
{
    if (!cli->args.keep) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR,
                     "whose value stays is said by --keep SOURCE or --keep sink");
        return DVSI_CLI_EXIT_USAGE;
    }
    return decide(cli, cli->args.keep);
}

int dvsi_cli_unpin(dvsi_cli *cli)
{
    return decide(cli, NULL);
}
