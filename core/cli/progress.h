/* progress.h - what a sync or diff is doing: lines redrawn on a terminal, else a message every few
 * seconds. */
#ifndef DVSI_CLI_PROGRESS_H
#define DVSI_CLI_PROGRESS_H

#include "cli/session.h"

typedef struct dvsi_cli_progress dvsi_cli_progress;

/* NULL when none is wanted (--no-progress, --quiet) or memory is out; the others take NULL. */
dvsi_cli_progress *dvsi_cli_progress_new(dvsi_cli *cli);
/* Takes the lines away. */
void dvsi_cli_progress_free(dvsi_cli_progress *progress);
/* For dvs_sync_options.progress; the context is a dvsi_cli_progress. */
void dvsi_cli_progress_update(void *context, const dvs_progress *update);

#endif
