/*
 * embed.c - dvsync inside another program: opens a project, shows what a sync would change, syncs, and prints
 * what came of it.
 *
 *     cc -o embed embed.c $(pkg-config --cflags --libs libdvsync)
 *     ./embed PROJECT.yaml [PLUGIN_FOLDER]
 *
 * The folder is for plugins that are not installed. The exit code is that of `dvsync sync`.
 */
#include <dvsync/dvsync.h>

#include <inttypes.h>
#include <stdio.h>

#define CHANGES_SHOWN 5

/* The library is silent without this. It may be called from any thread; one fprintf is one line. */
static void print_log(void *context, int32_t level, const char *message)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    fprintf((FILE *)context, "%s: %s\n", level >= 0 && level <= 3 ? names[level] : "log", message);
}

static void print_progress(void *context, const dvs_progress *progress)
{
    fprintf((FILE *)context, "%s from %s: %s, %" PRIu64 " rows%s\n", progress->entity, progress->source,
            progress->phase, progress->rows, progress->finished ? ", done" : "");
}

static int report(const char *what, const dvs_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    switch (err->status) { /* the codes of the command line, as far as this program tells them apart */
    case DVS_E_CONFIG:
        return 78;
    case DVS_E_LOCKED:
        return 4;
    default:
        return 1;
    }
}

/* Prints the first changes and the summary; writes nothing to the sink. */
static int32_t show_diff(dvs_project *project, dvs_error *err)
{
    dvs_diff *diff = NULL;
    const char *line = NULL;
    int32_t status = dvs_diff_new(project, NULL, &diff, err);

    for (int i = 0; status == DVS_OK && i < CHANGES_SHOWN; i++) {
        status = dvs_diff_next(diff, &line, err);
        if (status != DVS_OK || line == NULL)
            break;
        printf("%s\n", line);
    }
    if (status == DVS_OK) {
        printf("drift: %s\n", dvs_diff_drift(diff) ? "yes" : "no");
        printf("%s\n", dvs_diff_summary_json(diff));
    }
    dvs_diff_free(diff);
    return status;
}

static void print_result(const dvs_result *result)
{
    const dvs_counts *totals = dvs_result_totals(result);

    printf("run: %s\n", dvs_result_run_id(result));
    printf("status: %s\n", dvs_result_status(result));
    printf("success: %s\n", dvs_result_success(result) ? "yes" : "no");
    printf("duration: %.3f s\n", (double)dvs_result_duration_us(result) / 1e6);
    printf("changes detected: %s\n", dvs_result_changes(result) ? "yes" : "no");
    printf("created %" PRIu64 ", updated %" PRIu64 ", deleted %" PRIu64 ", unchanged %" PRIu64
           ", row errors %" PRIu64 "\n",
           totals->created, totals->updated, totals->deleted, totals->unchanged, totals->row_errors);
    printf("errors: %" PRIu32 "\n", dvs_result_n_errors(result));
    for (uint32_t i = 0; i < dvs_result_n_errors(result); i++)
        printf("  %s\n", dvs_result_error(result, i));
}

int main(int argc, char **argv)
{
    dvs_context_options context_options = DVS_CONTEXT_OPTIONS_INIT;
    dvs_sync_options sync_options = DVS_SYNC_OPTIONS_INIT;
    dvs_error err = DVS_ERROR_INIT;
    dvs_context *context = NULL;
    dvs_project *project = NULL;
    dvs_result *result = NULL;
    int code;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s PROJECT.yaml [PLUGIN_FOLDER]\n", argv[0]);
        return 64;
    }
    context_options.log = print_log;
    context_options.log_context = stderr;
    context_options.log_level = 2; /* info */
    context_options.n_plugin_paths = argc == 3;
    context_options.plugin_paths = (const char *const *)&argv[2];
    sync_options.trigger = "embed";
    sync_options.progress = print_progress;
    sync_options.progress_context = stderr;

    if (dvs_context_new(&context_options, &context, &err) != DVS_OK) {
        code = report("context", &err);
        goto out;
    }
    if (dvs_project_open_file(context, argv[1], &project, NULL, &err) != DVS_OK) {
        code = report("project", &err);
        goto out;
    }
    printf("dvsync %s, project %s\n", dvs_version(), dvs_project_name(project));
    if (show_diff(project, &err) != DVS_OK) {
        code = report("diff", &err);
        goto out;
    }
    if (dvs_sync(project, &sync_options, &result, &err) != DVS_OK) {
        code = report("sync", &err);
        goto out;
    }
    print_result(result);
    code = dvs_result_exit_code(result);
out:
    dvs_result_free(result);
    dvs_project_free(project);
    dvs_context_free(context);
    return code;
}
