/* compare.h - what `diff` and `sync` share. */
#ifndef DVSI_CLI_COMPARE_H
#define DVSI_CLI_COMPARE_H

#include "cli/progress.h"

/* The library's options from the command line. */
void dvsi_cli_sync_options(const dvsi_cli *cli, dvsi_cli_progress *progress, dvs_sync_options *options);
/* Compares a project (`diff`, or with --dry-run `sync`) and prints the changes; the exit code. */
int dvsi_cli_compare(dvsi_cli *cli, dvs_project *project);

/* --verify at their end: is it wanted, after what ended with this exit code? */
int dvsi_cli_verifies(const dvsi_cli *cli, int code);
/* As text; the exit code. */
int dvsi_cli_print_verify(dvsi_cli *cli, dvs_project *project);
/* `json` with the report as a member "verify" of its object, `depth` levels down (1: the outermost);
 * malloc()ed, NULL when memory is out. *code is the report's exit code. */
char *dvsi_cli_with_verify(dvsi_cli *cli, dvs_project *project, const char *json, unsigned depth, int *code);

#endif
