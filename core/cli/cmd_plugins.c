/* cmd_plugins.c - `plugins`: what is installed, and what each can be told. */
#include "cli/render.h"

int dvsi_cli_plugins(dvsi_cli *cli)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;

    if (dvs_plugins(cli->context, &report, &err))
        return dvsi_cli_fail(cli, &err);
    return dvsi_cli_report(cli, report, dvsi_cli_render_plugins);
}

int dvsi_cli_plugin_info(dvsi_cli *cli)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;

    if (dvs_plugin_info(cli->context, cli->args.operands[0], &report, &err))
        return dvsi_cli_fail(cli, &err);
    return dvsi_cli_report(cli, report, dvsi_cli_render_plugin);
}
