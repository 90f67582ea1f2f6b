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
    int code =
        cli->args.markdown ? dvsi_cli_write_markdown(cli, cli->args.markdown, dvs_report_json(report)) : 0;
    return dvsi_cli_exit_worse(code, dvsi_cli_report(cli, report, dvsi_cli_render_validate));
}
