/* cmd_schema.c - `schema`: the JSON Schema of a project file. */
#include "cli/session.h"

int dvsi_cli_schema(dvsi_cli *cli)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;

    if (dvs_schema(cli->context, &report, &err))
        return dvsi_cli_fail(cli, &err);
    return dvsi_cli_report(cli, report, NULL);
}
