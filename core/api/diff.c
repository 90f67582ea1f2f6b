/* diff.c - dvs_diff: a run that only looks, held until it is freed. */
#include <stdlib.h>

#include "api/api.h"
#include "api/options.h"
#include "base/error.h"
#include "run/execute.h"

struct dvs_diff {
    dvsi_run *run;
    dvsi_changes_cursor cursor;
    dvs_sync_options options; /* the run points to it */
    char *summary;
    int exit_code; /* as it was when the comparison ended */
};

int32_t dvs_diff_new(dvs_project *project, const dvs_sync_options *options, dvs_diff **diff, dvs_error *err)
{
    dvs_error local;
    err = dvsi_api_error(err, &local);
    *diff = NULL;
    dvs_diff *made = calloc(1, sizeof *made);
    if (made == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_api_sync_options(options, &made->options, err);
    if (status == DVS_OK) {
        dvsi_run_request request = {.project = project->project,
                                    .registry = project->context->registry,
                                    .log = &project->context->log,
                                    .options = &made->options,
                                    .stop = &project->stop,
                                    .diff = 1};
        atomic_store(&project->stop, 0);
        status = dvsi_run_execute(&request, &made->run, err);
    }
    if (status == DVS_OK) {
        dvsi_buf summary = {0};
        dvsi_run_summary_json(made->run, &summary);
        made->summary = dvsi_buf_take(&summary);
        made->exit_code = dvsi_run_exit_code(made->run);
        if (made->summary == NULL)
            status = dvsi_error_no_memory(err);
    }
    if (status == DVS_OK)
        *diff = made;
    else
        dvs_diff_free(made);
    return status;
}

int dvs_diff_exit_code(const dvs_diff *diff)
{
    return diff->exit_code;
}

int dvs_diff_drift(const dvs_diff *diff)
{
    return diff->run->n_changes != 0;
}

int32_t dvs_diff_next(dvs_diff *diff, const char **line, dvs_error *err)
{
    dvs_error local;
    return dvsi_changes_next(diff->run, &diff->cursor, line, dvsi_api_error(err, &local));
}

void dvs_diff_rewind(dvs_diff *diff)
{
    dvsi_changes_cursor_free(&diff->cursor);
}

const char *dvs_diff_summary_json(const dvs_diff *diff)
{
    return diff->summary;
}

void dvs_diff_free(dvs_diff *diff)
{
    if (diff == NULL)
        return;
    dvsi_changes_cursor_free(&diff->cursor);
    dvsi_run_free(diff->run);
    free(diff->summary);
    free(diff);
}
