/* compare.h - what `diff` and `sync` share. */
#ifndef DVSI_CLI_COMPARE_H
#define DVSI_CLI_COMPARE_H

#include "cli/progress.h"

/* The library's options from the command line. */
void dvsi_cli_sync_options(const dvsi_cli *cli, dvsi_cli_progress *progress, dvs_sync_options *options);
/* Compares a project (`diff`, or with --dry-run `sync`) and prints the changes; the exit code. */
int dvsi_cli_compare(dvsi_cli *cli, dvs_project *project);

#endif
