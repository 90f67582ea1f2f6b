/* cmd_cancel.c - `cancel`: asks the running sync of a project to stop. */
#include "cli/render.h"

static int32_t ask(dvs_project *project, dvs_report **report, dvs_error *err)
{
    return dvs_cancel(project, 0, report, err);
}

static int32_t ask_and_wait(dvs_project *project, dvs_report **report, dvs_error *err)
{
    return dvs_cancel(project, -1, report, err);
}

int dvsi_cli_cancel(dvsi_cli *cli)
{
    return dvsi_cli_ask(cli, cli->args.wait ? ask_and_wait : ask, dvsi_cli_render_cancel);
}
