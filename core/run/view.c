/* view.c - opening the sink for reports. */
#include "run/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "plugin/settings.h"
#include "run/execute.h"

#define MOST_LOOKS 5

static int32_t make_targets(dvsi_run *run, dvs_error *err)
{
    run->targets = calloc((size_t)run->project->n_entities + 1, sizeof *run->targets);
    if (run->targets == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t e = 0; e < run->project->n_entities; e++) {
        run->targets[e].run = run;
        run->targets[e].entity = &run->project->entities[e];
        run->n_targets++;
    }
    return DVS_OK;
}

static int32_t open_sink(dvsi_view *view, uint32_t flags, dvs_error *err)
{
    dvsi_run *run = view->run;
    const dvsi_endpoint *endpoint = &run->project->sink;
    const dvsi_plugin *plugin = NULL;
    const dvs_settings *settings = NULL;
    dvsi_problems problems = {0};
    int32_t status = dvsi_registry_load(run->registry, endpoint->plugin, DVSI_PLUGIN_SINK, &plugin, err);
    if (status != DVS_OK)
        return dvsi_error_set(err, DVS_E_CONFIG, "%s:%u:%u: sink: %s", run->project->file,
                              endpoint->node != NULL ? endpoint->node->line : 0,
                              endpoint->node != NULL ? endpoint->node->column : 0, err->message);
    settings =
        dvsi_settings_resolve(&run->settings_arena, plugin->sink.options, plugin->sink.n_options, endpoint,
                              run->project->file, "sink", run->project->directory, &problems);
    if (settings == NULL) {
        const char *text = problems.first != NULL ? dvsi_problem_text(&run->arena, problems.first) : NULL;
        status = dvsi_error_set(err, DVS_E_CONFIG, "%s", text != NULL ? text : "memory ran out");
    }
    dvsi_problems_free(&problems);
    if (status != DVS_OK)
        return status;
    run->sink_plugin = plugin;
    run->sink_settings = settings;
    status = dvsi_sink_open(plugin, run->project->name, settings, flags & ~DVSI_VIEW_LOCK, &run->services,
                            &run->sink, err);
    if (status == DVS_OK && (flags & DVSI_VIEW_LOCK) != 0) {
        status = dvsi_sink_lock(run->sink, err);
        run->locked = status == DVS_OK;
        return status == DVS_E_LOCKED ? dvsi_lock_held(run, err) : status;
    }
    if (status != DVS_E_NOT_FOUND)
        return status;
    view->missing = *err;
    return DVS_OK;
}

static int32_t begin(dvsi_run *run, dvs_error *err)
{
    dvsi_books_close(&run->books);
    int32_t status = dvsi_sink_begin(run->sink, err);
    run->in_transaction = status == DVS_OK;
    if (status == DVS_OK)
        status = dvsi_books_open(&run->books, run->sink, run->project->name, err);
    return status;
}

/* The newest run that has no end on record, as text in the run's arena; NULL: there is none. */
static int32_t find_open_run(dvsi_run *run, const char **run_id, dvs_error *err)
{
    dvs_where open = dvsi_where(DVSI_RUNS_STATUS, DVS_OP_EQ, dvsi_cell_text("running"));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_RUNS);
    *run_id = NULL;
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(&run->books, DVSI_BOOK_RUNS, &open, 1, 1, 1, rows, err);
    if (status == DVS_OK && rows->n_rows != 0 && rows->cells[DVSI_RUNS_RUN_ID].kind == DVS_TEXT) {
        *run_id = dvsi_arena_copy(&run->arena, rows->cells[DVSI_RUNS_RUN_ID].v.text,
                                  rows->cells[DVSI_RUNS_RUN_ID].length);
        status = *run_id != NULL ? DVS_OK : dvsi_error_no_memory(err);
    }
    dvsi_batch_free(rows);
    return status;
}

static void probe(dvsi_view *view)
{
    view->probe = (dvs_error)DVS_ERROR_INIT;
    int32_t status = dvsi_sink_lock_probe(view->run->sink, &view->probe);
    view->held = status == DVS_E_LOCKED;
    if (status == DVS_OK || status == DVS_E_LOCKED)
        view->probe.status = DVS_OK;
}

/*
 * The lock and the data cannot be looked at in one instant. A run is dead only when it was open in a view,
 * the lock was free after that, and the run is still open in a later view: one that lives holds the lock
 * until its end is on record. A transaction that writes keeps every run from ending, so there one look is
 * enough.
 */
static int32_t look(dvsi_view *view, uint32_t flags, dvs_error *err)
{
    dvsi_run *run = view->run;
    dvs_error ignored = DVS_ERROR_INIT;
    const char *before = NULL;
    if (run->locked)
        return begin(run, err); /* nobody runs */
    for (int i = 0;; i++) {
        const char *open = NULL;
        int32_t status = begin(run, err);
        if (status == DVS_OK)
            status = find_open_run(run, &open, err);
        if (status != DVS_OK)
            return status;
        probe(view);
        int same = open != NULL && before != NULL && strcmp(open, before) == 0;
        if (view->held || view->probe.status != DVS_OK || open == NULL || same ||
            flags != DVS_SINK_READ_ONLY || i == MOST_LOOKS)
            return DVS_OK;
        before = open;
        (void)dvsi_sink_rollback(run->sink, &ignored);
        run->in_transaction = 0;
    }
}

static int32_t fill(dvsi_view *view, const dvsi_view_request *request, dvs_error *err)
{
    dvsi_run *run = view->run;
    int32_t status = make_targets(run, err);
    if (status == DVS_OK)
        status = open_sink(view, request->flags, err);
    if (status != DVS_OK || run->sink == NULL)
        return status;
    status = look(view, request->flags, err);
    if (status == DVS_OK)
        status = dvsi_definitions_load(run, err);
    if (status == DVS_OK && view->held)
        status = dvsi_books_find(&run->books, DVSI_BOOK_LOCKS, NULL, 0, 1, 1, view->lock, err);
    return status;
}

int32_t dvsi_view_new(const dvsi_view_request *request, dvsi_view **out, dvs_error *err)
{
    dvsi_view *view = calloc(1, sizeof *view);
    dvsi_run *run = calloc(1, sizeof *run);
    dvsi_batch *lock = dvsi_batch_new(DVSI_N_LOCKS);
    *out = NULL;
    if (view == NULL || run == NULL || lock == NULL) {
        free(view);
        free(run);
        dvsi_batch_free(lock);
        return dvsi_error_no_memory(err);
    }
    run->project = request->project;
    run->registry = request->registry;
    run->log = request->log;
    run->stop = request->stop;
    run->services = (dvsi_services){.log = request->log, .cancelled = request->stop};
    run->dry = 1;
    view->run = run;
    view->lock = lock;
    int32_t status = fill(view, request, err);
    if (status == DVS_OK)
        *out = view;
    else
        dvsi_view_free(view);
    return status;
}

int32_t dvsi_view_end(dvsi_view *view, dvs_error *err)
{
    if (!view->run->in_transaction)
        return DVS_OK;
    int32_t status = dvsi_sink_commit(view->run->sink, err);
    if (status == DVS_OK)
        view->run->in_transaction = 0;
    return status;
}

void dvsi_view_free(dvsi_view *view)
{
    if (view == NULL)
        return;
    if (view->run->locked) {
        dvsi_run_rollback(view->run);
        dvsi_lock_release(view->run);
    }
    dvsi_run_free(view->run);
    dvsi_batch_free(view->lock);
    free(view);
}

int dvsi_view_is_running(const dvsi_view *view, const dvs_cell *row)
{
    const dvs_cell *id = &row[DVSI_RUNS_RUN_ID];
    if (!view->held || view->lock->n_rows == 0 || !dvsi_cell_says(&row[DVSI_RUNS_STATUS], "running"))
        return 0;
    return dvsi_cell_equal(id, &view->lock->cells[DVSI_LOCKS_RUN_ID]);
}

int dvsi_view_is_dead(const dvsi_view *view, const dvs_cell *row)
{
    return view->probe.status == DVS_OK && dvsi_cell_says(&row[DVSI_RUNS_STATUS], "running") &&
           !dvsi_view_is_running(view, row);
}
