/* report_list.c - dvs_list. */
#include <string.h>

#include "api/report.h"
#include "base/error.h"
#include "config/discover.h"

static int32_t fill(dvsi_view *view, const void *options, dvsi_buf *out, dvs_error *err)
{
    dvsi_report_state state;
    (void)options;
    int32_t status = dvsi_report_state_find(view, &state, err);
    if (state.reason != NULL && strcmp(state.name, "unknown") == 0) {
        char *text = dvsi_arena_printf(&view->run->arena, "unknown: %s", state.reason);
        dvsi_report_text(out, "state", text != NULL ? text : "unknown");
    } else {
        dvsi_report_text(out, "state", state.name);
    }
    if (state.last != NULL) {
        dvsi_out_name(out, "last_run");
        dvsi_out_open(out, '{');
        dvsi_report_run(out, view, state.last);
        dvsi_out_close(out, '}');
    } else {
        dvsi_report_null(out, "last_run");
    }
    dvsi_report_state_free(&state);
    return status;
}

/* Adds state and last_run to *members, or why the state is not known to *reason. */
static int32_t look(dvs_context *context, const dvsi_found *found, dvsi_buf *members, dvsi_buf *reason)
{
    dvsi_problems problems = {0};
    dvs_error err = DVS_ERROR_INIT;
    atomic_int stop;
    atomic_init(&stop, 0);
    int32_t status = DVS_E_CONFIG;
    dvsi_project *project = dvsi_project_read(found->file, DVSI_PROJECT_INTERPOLATE, &problems);
    if (project != NULL) {
        dvsi_view_request request = {project, context->registry, &context->log, &stop, DVS_SINK_READ_ONLY};
        status = dvsi_report_read(&request, fill, NULL, members, &err);
        if (status != DVS_OK)
            dvsi_buf_puts(reason, err.message);
    } else {
        const dvsi_problem *first = problems.first;
        while (first != NULL && first->severity != DVSI_PROBLEM_ERROR)
            first = first->next;
        dvsi_buf_puts(reason, first != NULL ? first->message : "the project cannot be used");
    }
    dvsi_project_free(project);
    dvsi_problems_free(&problems);
    return status;
}

static void put_found(dvs_context *context, const dvsi_found *found, dvsi_buf *out)
{
    dvsi_buf members = {0};
    dvsi_buf reason = {0};
    dvsi_buf_puts(&reason, "unknown: ");
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "name", found->name);
    dvsi_report_text(out, "file", found->file);
    dvsi_report_text(out, "sources", found->sources);
    dvsi_report_text(out, "sink", found->sink);
    dvsi_report_flag(out, "valid", found->error == NULL);
    dvsi_report_text(out, "error", found->error);
    if (found->error != NULL) {
        dvsi_report_null(out, "state");
        dvsi_report_null(out, "last_run");
    } else if (look(context, found, &members, &reason) == DVS_OK) {
        dvsi_out_raw(out, dvsi_buf_text(&members));
    } else {
        dvsi_report_text(out, "state", dvsi_buf_text(&reason));
        dvsi_report_null(out, "last_run");
    }
    dvsi_out_close(out, '}');
    if (members.failed || reason.failed)
        out->failed = 1;
    dvsi_buf_free(&members);
    dvsi_buf_free(&reason);
}

int32_t dvs_list(dvs_context *context, const char *directory, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_discovery found = {0};
    dvsi_buf json = {0};
    err = dvsi_api_error(err, &local);
    *report = NULL;
    int32_t status = dvsi_discover(directory, &found, err);
    if (status != DVS_OK && status != DVS_E_NO_MEMORY)
        status = dvsi_error_set(err, DVS_E_CONFIG, "%s", err->message);
    dvsi_buf_puts(&json, "{\"projects\":[");
    for (const dvsi_found *f = found.first; status == DVS_OK && f != NULL; f = f->next)
        put_found(context, f, &json);
    dvsi_buf_puts(&json, "]}");
    if (status == DVS_OK)
        status = dvsi_api_report(&json, 0, report, err);
    dvsi_buf_free(&json);
    dvsi_discovery_free(&found);
    return status;
}
