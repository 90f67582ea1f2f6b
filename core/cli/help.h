/* help.h - usage, help and versions, from the option tables. */
#ifndef DVSI_CLI_HELP_H
#define DVSI_CLI_HELP_H

#include "cli/args.h"
#include "cli/out.h"

/* Help for a command, NULL: for dvsync as a whole. */
void dvsi_cli_print_help(dvsi_cli_out *out, const dvsi_cli_command *command);
/* `--version`: dvsync, its libraries, the plugins that it finds. The exit code. */
int dvsi_cli_version(dvsi_cli *cli);

#endif
