/* commands.h - the commands: each prints its result and answers the exit code. */
#ifndef DVSI_CLI_COMMANDS_H
#define DVSI_CLI_COMMANDS_H

#include "cli/args.h"

int dvsi_cli_list(dvsi_cli *cli);
int dvsi_cli_diff(dvsi_cli *cli);
int dvsi_cli_sync(dvsi_cli *cli);
int dvsi_cli_validate(dvsi_cli *cli);
int dvsi_cli_status(dvsi_cli *cli);
int dvsi_cli_history(dvsi_cli *cli);
int dvsi_cli_stats(dvsi_cli *cli);
int dvsi_cli_lineage(dvsi_cli *cli);
int dvsi_cli_conflicts(dvsi_cli *cli);
int dvsi_cli_resolve(dvsi_cli *cli);
int dvsi_cli_unpin(dvsi_cli *cli);
int dvsi_cli_verify(dvsi_cli *cli);
int dvsi_cli_init(dvsi_cli *cli);
int dvsi_cli_plugins(dvsi_cli *cli);
int dvsi_cli_plugin_info(dvsi_cli *cli);
int dvsi_cli_schema(dvsi_cli *cli);
int dvsi_cli_cancel(dvsi_cli *cli);
int dvsi_cli_help(dvsi_cli *cli);
int dvsi_cli_completion(dvsi_cli *cli);

#endif
