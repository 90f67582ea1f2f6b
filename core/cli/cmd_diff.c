/* cmd_diff.c - `diff`: what a complete sync would change. */
#include "cli/compare.h"
#include "cli/signals.h"

int dvsi_cli_diff(dvsi_cli *cli)
{
    dvs_project *project = NULL;
    int code = dvsi_cli_open(cli, NULL, &project);

    if (code)
        return code;
    dvsi_cli_signals_catch(cli->console.json || cli->args.quiet);
    code = dvsi_cli_compare(cli, project);
    dvs_project_free(project);
    return code;
}
