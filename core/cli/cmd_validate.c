/* cmd_validate.c - `validate`: everything that is wrong with a project. */
#include "cli/render.h"

int dvsi_cli_validate(dvsi_cli *cli)
{
    const char *name = cli->args.name;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;

    if (dvs_validate(cli->context, name ? dvsi_cli_directory(cli) : NULL, name, cli->args.config_file,
                     &report, &err))
        return dvsi_cli_fail(cli, &err);
    return dvsi_cli_report(cli, report, dvsi_cli_render_validate);
}
