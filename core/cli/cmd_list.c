/* cmd_list.c - `list`: every project of the directory. */
#include "cli/render.h"

int dvsi_cli_list(dvsi_cli *cli)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;

    if (dvs_list(cli->context, dvsi_cli_directory(cli), &report, &err))
        return dvsi_cli_fail(cli, &err);
    return dvsi_cli_report(cli, report, dvsi_cli_render_list);
}
