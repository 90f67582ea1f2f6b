/* run.c - the life of a run: open, lock, loop, close. */
#include "run/run.h"
#include "run/saved.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "plugin/settings.h"
#include "run/conflicts.h"
#include "run/execute.h"
#include "run/follow.h"
#include "run/rebuild.h"
#include "run/twice.h"

#define MOST_NOTES 1064u
#define KEPT_NOTES 64u

void dvsi_run_note(dvsi_run *run, const char *severity, const char *entity, const char *source, uint64_t row,
                   const char *key, const char *field, const char *format, ...)
{
    /* However many rows fail, there is room for what concerns more than one of them. */
    if (run->n_errors == MOST_NOTES ||
        (run->n_errors >= MOST_NOTES - KEPT_NOTES && (row != 0 || key != NULL))) {
        run->n_errors_dropped++;
        return;
    }
    if (run->errors == NULL)
        run->errors = calloc(MOST_NOTES, sizeof *run->errors);
    dvsi_buf text = {0};
    va_list args;
    va_start(args, format);
    dvsi_buf_vprintf(&text, format, args);
    va_end(args);
    const char *message = text.failed ? NULL : dvsi_arena_strdup(&run->arena, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
    if (run->errors == NULL || message == NULL)
        return; /* without memory nothing can be told; the failure itself travels up as a status */
    run->errors[run->n_errors++] =
        (dvsi_run_error){.entity = entity,
                         .source = source,
                         .key = key != NULL ? dvsi_arena_strdup(&run->arena, key) : NULL,
                         .field = field != NULL ? dvsi_arena_strdup(&run->arena, field) : NULL,
                         .row = row,
                         .severity = severity,
                         .message = message};
    dvsi_log_printf(run->log, DVS_LOG_INFO, "%s%s%s", entity != NULL ? entity : "",
                    entity != NULL ? ": " : "", message);
}

static int same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

static int is_of_feed(const dvsi_run_error *e, const dvsi_feed *feed)
{
    return (e->row != 0 || e->key != NULL) && strcmp(e->severity, "error") == 0 &&
           same_text(e->entity, feed->target->entity->name) && same_text(e->source, feed->from->label);
}

/* Of errors that are not there: there was no room for them. */
static void count_unshown(dvsi_run *run, uint64_t n)
{
    run->n_errors_dropped -= n < run->n_errors_dropped ? (uint32_t)n : run->n_errors_dropped;
}

void dvsi_run_unnote(dvsi_feed *feed, uint64_t row, const char *key, const char *field)
{
    dvsi_run *run = feed->run;
    for (uint32_t i = run->n_errors; i > 0; i--) {
        const dvsi_run_error *e = &run->errors[i - 1];
        if (!is_of_feed(e, feed) || !same_text(e->key, key) || (key == NULL && e->row != row) ||
            !same_text(e->field, field))
            continue;
        run->n_errors--;
        memmove(&run->errors[i - 1], &run->errors[i], (run->n_errors - (i - 1)) * sizeof *run->errors);
        return;
    }
    count_unshown(run, 1);
}

void dvsi_run_unnote_rows(dvsi_feed *feed)
{
    dvsi_run *run = feed->run;
    uint32_t n = 0;
    uint64_t n_gone = 0;
    for (uint32_t i = 0; i < run->n_errors; i++) {
        if (is_of_feed(&run->errors[i], feed))
            n_gone++;
        else
            run->errors[n++] = run->errors[i];
    }
    run->n_errors = n;
    count_unshown(run, feed->counts.row_errors > n_gone ? feed->counts.row_errors - n_gone : 0);
}

/* ---- Opening ---- */

static int32_t parse_options(dvsi_run *run, dvs_error *err)
{
    const dvs_sync_options *o = run->options;
    run->max_delete = run->project->options.max_delete;
    if (o->max_delete != NULL && dvsi_limit_parse(o->max_delete, &run->max_delete) != 0)
        return dvsi_error_set(err, DVS_E_USAGE,
                              "max_delete is \"%s\"; give a number of rows (20) or a share (20%%)",
                              o->max_delete);
    for (uint32_t i = 0; i < o->n_entities; i++) {
        const char **names =
            dvsi_arena_calloc(&run->arena, (size_t)run->project->n_entities + 1, sizeof *names);
        uint32_t found = 0;
        if (names == NULL)
            return dvsi_error_no_memory(err);
        for (uint32_t k = 0; k < run->project->n_entities; k++) {
            names[k] = run->project->entities[k].name;
            found += strcmp(names[k], o->entities[i]) == 0;
        }
        if (found != 0)
            continue;
        const char *near = dvsi_problem_nearest(o->entities[i], names);
        return dvsi_error_set(err, DVS_E_USAGE, "project \"%s\" has no entity \"%s\"%s%s%s",
                              run->project->name, o->entities[i], near != NULL ? "; did you mean \"" : "",
                              near != NULL ? near : "", near != NULL ? "\"?" : "");
    }
    return DVS_OK;
}

static int selected(const dvsi_run *run, const char *entity)
{
    if (run->saved != NULL)
        return dvsi_saved_find(run->saved, entity) != NULL;
    for (uint32_t i = 0; i < run->options->n_entities; i++)
        if (strcmp(run->options->entities[i], entity) == 0)
            return 1;
    return run->options->n_entities == 0;
}

/* Targets and feeds of the selected entities, in the project's order. */
static int32_t make_targets(dvsi_run *run, dvs_error *err)
{
    const dvsi_project *project = run->project;
    run->targets = calloc((size_t)project->n_entities + 1, sizeof *run->targets);
    if (run->targets == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t e = 0; e < project->n_entities; e++) {
        const dvsi_entity *entity = &project->entities[e];
        if (!selected(run, entity->name))
            continue;
        dvsi_target *target = &run->targets[run->n_targets++];
        target->run = run;
        target->entity = entity;
        target->feeds = calloc(entity->n_from, sizeof *target->feeds);
        if (target->feeds == NULL)
            return dvsi_error_no_memory(err);
        for (uint32_t f = 0; f < entity->n_from; f++) {
            dvsi_feed *feed = &target->feeds[target->n_feeds++];
            feed->run = run;
            feed->target = target;
            feed->from = &entity->from[f];
            feed->end_watermark = INT64_MIN;
            dvsi_state_clear(&feed->state);
        }
    }
    return DVS_OK;
}

static int needed(const dvsi_run *run, const dvsi_endpoint *endpoint)
{
    if (run->saved != NULL)
        return 0; /* a plan asks no source */
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++)
            if (run->targets[t].feeds[f].from->endpoint == endpoint)
                return 1;
    return 0;
}

typedef struct endpoint_plan {
    const dvsi_plugin *plugin;
    const dvs_settings *settings;
} endpoint_plan;

/* Loads an endpoint's plugin and checks its settings; mistakes go to `problems`. */
static void plan_endpoint(dvsi_run *run, const dvsi_endpoint *endpoint, uint32_t role, endpoint_plan *plan,
                          dvsi_problems *problems)
{
    dvs_error err = DVS_ERROR_INIT;
    char path[160];
    snprintf(path, sizeof path, role == DVSI_PLUGIN_SINK ? "sink" : "sources.%s", endpoint->name);
    if (dvsi_registry_load(run->registry, endpoint->plugin, role, &plan->plugin, &err) != DVS_OK) {
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, run->project->file,
                         endpoint->node != NULL ? endpoint->node->line : 0,
                         endpoint->node != NULL ? endpoint->node->column : 0, path, "%s", err.message);
        return;
    }
    const dvs_option *options =
        role == DVSI_PLUGIN_SINK ? plan->plugin->sink.options : plan->plugin->source.options;
    uint32_t n = role == DVSI_PLUGIN_SINK ? plan->plugin->sink.n_options : plan->plugin->source.n_options;
    plan->settings = dvsi_settings_resolve(&run->settings_arena, options, n, endpoint, run->project->file,
                                           path, run->project->directory, problems);
}

static int32_t open_sink(dvsi_run *run, const endpoint_plan *plan, dvs_error *err)
{
    uint32_t flags = run->dry ? DVS_SINK_READ_ONLY : DVS_SINK_CREATE;
    run->sink_plugin = plan->plugin;
    run->sink_settings = plan->settings;
    int32_t status = dvsi_sink_open(plan->plugin, run->project->name, plan->settings, flags, &run->services,
                                    &run->sink, err);
    if (run->dry && status == DVS_E_NOT_FOUND)
        return DVS_OK; /* nothing is there yet: everything is new */
    const char *identity = NULL;
    if (status == DVS_OK)
        status = dvsi_sink_identity(run->sink, &run->arena, &identity, err);
    if (status == DVS_OK)
        dvsi_log_printf(run->log, DVS_LOG_DEBUG, "sink: %s", identity);
    return status;
}

/* A source that cannot be opened fails its own entities only. */
static int32_t open_sources(dvsi_run *run, const endpoint_plan *plans, dvs_error *err)
{
    uint32_t n = run->project->n_sources;
    run->sources = calloc((size_t)n + 1, sizeof *run->sources);
    if (run->sources == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t s = 0; s < n; s++) {
        const dvsi_endpoint *endpoint = &run->project->sources[s];
        dvs_error failure = DVS_ERROR_INIT;
        if (!needed(run, endpoint))
            continue;
        int32_t status = dvsi_source_open(plans[s].plugin, endpoint->name, plans[s].settings, &run->services,
                                          &run->sources[s], &failure);
        if (status == DVS_E_CONFIG)
            return dvsi_error_set(err, DVS_E_CONFIG, "%s:%u:%u: sources.%s: %s", run->project->file,
                                  endpoint->node != NULL ? endpoint->node->line : 0,
                                  endpoint->node != NULL ? endpoint->node->column : 0, endpoint->name,
                                  failure.message);
        for (uint32_t t = 0; t < run->n_targets; t++)
            for (uint32_t f = 0; f < run->targets[t].n_feeds; f++) {
                dvsi_feed *feed = &run->targets[t].feeds[f];
                if (feed->from->endpoint != endpoint)
                    continue;
                feed->source = run->sources[s];
                if (status == DVS_OK)
                    continue;
                feed->phase = DVSI_FEED_FAILED;
                feed->ended = 1;
                feed->error = failure;
                dvsi_run_note(run, "error", run->targets[t].entity->name, endpoint->name, 0, NULL, NULL, "%s",
                              failure.message);
            }
    }
    return DVS_OK;
}

/* Locks a sync, or opens a diff's view of the sink; reads what earlier runs left. */
static int32_t open_books(dvsi_run *run, dvs_error *err)
{
    int32_t status = DVS_OK;
    if (!run->dry) {
        status = dvsi_lock_take(run, err);
        if (status == DVS_OK)
            run->notes = run->books;
    } else if (run->sink != NULL) {
        if (run->as_sync)
            status = dvsi_sink_lock_probe(run->sink, err);
        if (status == DVS_E_LOCKED)
            return dvsi_error_set(err, DVS_E_LOCKED,
                                  "a run of project \"%s\" is going on; what this sync would do cannot be "
                                  "told before it has ended",
                                  run->project->name);
        if (status == DVS_OK)
            status = dvsi_run_begin(run, err);
        if (status == DVS_OK)
            status = dvsi_books_open(&run->books, run->sink, run->project->name, err);
    }
    if (status != DVS_OK)
        return status;
    if (!run->dry)
        status = dvsi_run_begin(run, err);
    if (status == DVS_OK)
        status = dvsi_plugin_notes_load(run, err);
    if (status == DVS_OK && run->sink != NULL)
        status = dvsi_definitions_load(run, err);
    if (status == DVS_OK && run->sink != NULL)
        status = dvsi_rebuild_begin(run, err);
    for (uint32_t t = 0; t < run->n_targets && status == DVS_OK; t++)
        status = dvsi_definition_check(&run->targets[t], err);
    return status == DVS_OK && run->saved != NULL ? dvsi_saved_check(run, err) : status;
}

static int32_t open_run(dvsi_run *run, dvs_error *err)
{
    const dvsi_project *project = run->project;
    dvsi_problems problems = {0};
    endpoint_plan *plans = dvsi_arena_calloc(&run->arena, (size_t)project->n_sources + 1, sizeof *plans);
    int32_t status = plans == NULL ? dvsi_error_no_memory(err) : parse_options(run, err);
    if (status == DVS_OK)
        status = dvsi_saved_take(run, err);
    if (status != DVS_OK)
        return status;
    status = make_targets(run, err);
    if (status == DVS_OK)
        status = dvsi_follow_new(run, err);
    for (uint32_t s = 0; s < project->n_sources && status == DVS_OK; s++)
        if (needed(run, &project->sources[s]))
            plan_endpoint(run, &project->sources[s], DVSI_PLUGIN_SOURCE, &plans[s], &problems);
    if (status == DVS_OK)
        plan_endpoint(run, &project->sink, DVSI_PLUGIN_SINK, &plans[project->n_sources], &problems);
    if (status == DVS_OK && problems.n_errors != 0) {
        const char *text = dvsi_problem_text(&run->arena, problems.first);
        status = dvsi_error_set(err, DVS_E_CONFIG, "%s", text != NULL ? text : "the settings are wrong");
        for (const dvsi_problem *p = problems.first->next; p != NULL; p = p->next) {
            text = dvsi_problem_text(&run->arena, p);
            dvsi_run_note(run, "error", NULL, NULL, 0, NULL, NULL, "%s", text != NULL ? text : p->message);
        }
    }
    dvsi_problems_free(&problems);
    if (status == DVS_OK)
        status = open_sink(run, &plans[project->n_sources], err);
    if (status == DVS_OK)
        status = open_books(run, err);
    if (status == DVS_OK)
        status = run->saved != NULL ? dvsi_saved_sources(run, err) : open_sources(run, plans, err);
    if (status == DVS_E_USAGE) /* of a plugin: how we were called has been looked at */
        status = err->status = DVS_E_INTERNAL;
    return status;
}

/* ---- Closing ---- */

/* Feeds that did not come to their end were cancelled, or fell with the run. */
static void end_feeds(dvsi_run *run)
{
    for (uint32_t t = 0; t < run->n_targets; t++) {
        dvsi_target *target = &run->targets[t];
        for (uint32_t f = 0; f < target->n_feeds; f++) {
            dvsi_feed *feed = &target->feeds[f];
            if (feed->phase >= DVSI_FEED_DONE)
                continue;
            dvs_error cancelled = DVS_ERROR_INIT;
            dvsi_error_set(&cancelled, DVS_E_CANCELLED, "stopped before its end");
            feed->dirty = feed->phase == DVSI_FEED_READING || feed->phase == DVSI_FEED_READ;
            feed->phase = DVSI_FEED_FAILED;
            feed->error = run->fatal.status != 0 ? run->fatal : cancelled;
            feed->ended_at = dvsi_clock_now();
            target->error = feed->error;
        }
    }
}

static void close_books(dvsi_run *run)
{
    dvs_error err = DVS_ERROR_INIT;
    run->ended_at = dvsi_clock_now();
    if (run->saving && run->fatal.status == 0 && dvsi_saved_write(run, &err) != DVS_OK)
        dvsi_run_fail(run, &err);
    if (run->dry && run->fatal.status == 0 && run->options->fail_on_conflict &&
        dvsi_conflicts_remain(run, &run->open_conflicts, &err) != DVS_OK)
        dvsi_run_fail(run, &err);
    if (run->dry || run->run_row_id == 0 || run->fatal.status == DVS_E_FENCED)
        return;
    dvsi_run_rollback(run);
    int32_t status = dvsi_run_begin(run, &err);
    if (status == DVS_OK && run->options->fail_on_conflict)
        status = dvsi_conflicts_remain(run, &run->open_conflicts, &err);
    if (status == DVS_OK && atomic_load(run->stop) == 0) /* it may take a while; the next run makes it */
        status = dvsi_books_index(&run->books, &err);
    if (status == DVS_OK && atomic_load(run->stop) == 0 && run->options->rebuild)
        status = dvsi_rebuild_clean(run, &err);
    if (status == DVS_OK)
        status = dvsi_run_commit(run, &err);
    if (status != DVS_OK)
        dvsi_run_fail(run, &err);
}

int32_t dvsi_run_execute(const dvsi_run_request *request, dvsi_run **out, dvs_error *err)
{
    dvsi_run *run = calloc(1, sizeof *run);
    *out = run;
    if (run == NULL)
        return dvsi_error_no_memory(err);
    run->project = request->project;
    run->options = request->options;
    run->registry = request->registry;
    run->log = request->log;
    run->stop = request->stop;
    run->dry = request->diff;
    run->as_sync = request->diff && request->options->dry_run;
    run->services = (dvsi_services){.log = request->log, .cancelled = request->stop};
    run->started_at = dvsi_clock_now();
    run->fatal = (dvs_error)DVS_ERROR_INIT;
    run->rows = dvsi_batch_new(1);
    if (run->rows == NULL || dvsi_queue_init(&run->queue) != 0 ||
        dvsi_clock_uuid7(run->started_at, run->run_id) != 0)
        return dvsi_error_no_memory(err);
    run->queue_ready = 1;
    int32_t status = open_run(run, err);
    if (status == DVS_OK) {
        dvsi_run_loop(run);
    } else {
        run->fatal = *err;
    }
    dvsi_feeds_join(run);
    end_feeds(run);
    close_books(run);
    if (run->sink != NULL)
        dvsi_lock_release(run);
    if (status == DVS_OK)
        dvsi_error_clear(err); /* what was tried in vain on the way is nobody's error */
    return status;
}

static int any_abandoned(const dvsi_run *run)
{
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++)
            if (run->targets[t].feeds[f].abandoned)
                return 1;
    return 0;
}

static void free_feed(dvsi_feed *feed)
{
    dvsi_state_clear(&feed->state);
    dvsi_seen_clear(&feed->seen);
    dvsi_seen_clear(&feed->counted);
    dvsi_twice_clear(feed);
    dvsi_seen_clear(&feed->changed);
    dvsi_mapping_free(feed->mapping);
    dvsi_schema_free(&feed->columns);
    free(feed->end_token);
}

void dvsi_run_free(dvsi_run *run)
{
    if (run == NULL)
        return;
    /* A thread that a plugin never gave back may still use what belongs to the sources: that stays. */
    int keep = any_abandoned(run);
    if (run->in_transaction)
        dvsi_run_rollback(run);
    dvsi_sink_close(run->scratch);
    if (run->scratch_path != NULL) {
        static const char *const files[] = {"diff.db", "diff.db-journal", "diff.db-wal", "diff.db-shm"};
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            char *path = dvsi_arena_printf(&run->arena, "%s/%s", run->scratch_path, files[i]);
            if (path != NULL)
                (void)unlink(path);
        }
        (void)rmdir(run->scratch_path);
        free(run->scratch_path);
    }
    if (run->dry)
        dvsi_books_close(&run->notes);
    dvsi_sink_close(run->sink);
    dvsi_books_close(&run->books);
    dvsi_batch_free(run->rows);
    dvsi_arena_free(&run->batch_arena);
    if (keep)
        return;
    for (uint32_t s = 0; run->sources != NULL && s < run->project->n_sources; s++)
        dvsi_source_close(run->sources[s]);
    for (uint32_t t = 0; t < run->n_targets; t++) {
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++)
            free_feed(&run->targets[t].feeds[f]);
        free(run->targets[t].feeds);
        dvsi_target_free(&run->targets[t]);
    }
    dvsi_saved_free(run->saved);
    free(run->targets);
    free(run->sources);
    dvsi_follow_free(run->follow);
    dvsi_plugin_notes_free(run);
    if (run->queue_ready)
        dvsi_queue_destroy(&run->queue);
    dvsi_arena_free(&run->settings_arena);
    dvsi_arena_free(&run->arena);
    free(run->errors);
    free(run);
}
