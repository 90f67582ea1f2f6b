/* cmd_stats.c - `stats`: rows per entity, runs by status. */
#include "cli/render.h"

int dvsi_cli_stats(dvsi_cli *cli)
{
    return dvsi_cli_ask(cli, dvs_stats, dvsi_cli_render_stats);
}
