/* cmd_status.c - `status`: the state of a project. */
#include "cli/render.h"

int dvsi_cli_status(dvsi_cli *cli)
{
    return dvsi_cli_ask(cli, dvs_status, dvsi_cli_render_status);
}
