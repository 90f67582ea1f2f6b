/*
 * saved_check.c - is a plan still true? Looked at under the lock and before anything is written: the project,
 * the newest run and the pins of each entity, and of each record of the plan what stands in the sink.
 */
#include <string.h>

#include "base/error.h"
#include "data/json.h"
#include "reconcile/guard.h"
#include "run/saved.h"

#define KEYS_AT_ONCE 64u

static int32_t stale(const dvsi_run *run, dvs_error *err, const char *why)
{
    return dvsi_error_set(err, DVS_E_GUARD,
                          "the plan %s no longer fits: %s. Nothing was done; make a new one with `dvsync "
                          "diff --plan`",
                          run->saved->path, why);
}

static int32_t check_entity(dvsi_run *run, const dvsi_target *target, const dvsi_saved_entity *entity,
                            dvs_error *err)
{
    const char *last_run = NULL;
    char pins[65];
    int32_t status = dvsi_saved_last_run(run, entity->name, &last_run, err);
    if (status == DVS_OK)
        status = dvsi_saved_pins(run, entity->name, pins, err);
    if (status == DVS_OK && strcmp(last_run, entity->last_run) != 0)
        status = stale(run, err, "a sync has run since it was made");
    if (status == DVS_OK && strcmp(pins, entity->pins) != 0)
        status = stale(run, err, "a conflict was resolved or unpinned since it was made");
    if (status == DVS_OK && entity->n_feeds != target->n_feeds)
        status = stale(run, err, "the project has changed since it was made");
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++)
        if (dvsi_saved_feed_of(&target->feeds[f]) == NULL)
            status = stale(run, err, "the project has changed since it was made");
    return status;
}

/* ---- Old values ---- */

typedef struct comparison {
    dvsi_run *run;
    const char *entity;
    dvsi_saved_rows rows;
    dvsi_arena arena;
    const char *keys[KEYS_AT_ONCE];
    const char *old[KEYS_AT_ONCE]; /* as the plan has them */
    int deleted[KEYS_AT_ONCE];
    uint32_t n;
} comparison;

static int32_t compare_page(comparison *c, dvs_error *err)
{
    dvsi_buf text = {0};
    int32_t status = dvsi_saved_rows_read(&c->rows, c->keys, c->n, err);
    for (uint32_t i = 0; i < c->n && status == DVS_OK; i++) {
        int deleted = 0;
        dvsi_buf_clear(&text);
        dvsi_saved_rows_put(&c->rows, i, &deleted, &text);
        if (text.failed)
            status = dvsi_error_no_memory(err);
        else if (deleted != c->deleted[i] || strcmp(dvsi_buf_text(&text), c->old[i]) != 0) {
            const char *why = dvsi_arena_printf(&c->run->arena,
                                                "record %s of entity \"%s\" has changed in the sink since it "
                                                "was made",
                                                c->keys[i], c->entity);
            status = stale(c->run, err, why != NULL ? why : "a record has changed in the sink");
        }
    }
    dvsi_buf_free(&text);
    dvsi_arena_reset(&c->arena);
    c->n = 0;
    return status;
}

static int32_t take_line(comparison *c, const dvsi_json *line, dvs_error *err)
{
    const dvsi_json *old = dvsi_json_get(line, "old");
    const dvsi_json *deleted = dvsi_json_get(line, "deleted");
    const char *key = dvsi_saved_text(line, "key");
    dvsi_buf text = {0};
    if (dvsi_json_get(line, "change") == NULL)
        return DVS_OK;
    if (old == NULL || key == NULL)
        return dvsi_error_set(err, DVS_E_DATA, "the plan %s has a change without its key or old values",
                              c->run->saved->path);
    dvsi_json_write(&text, old);
    c->keys[c->n] = dvsi_arena_strdup(&c->arena, key);
    c->old[c->n] = text.failed ? NULL : dvsi_arena_strdup(&c->arena, dvsi_buf_text(&text));
    c->deleted[c->n] = deleted != NULL && deleted->type == DVSI_JSON_BOOL && deleted->length != 0;
    int failed = c->keys[c->n] == NULL || c->old[c->n] == NULL;
    c->n++;
    dvsi_buf_free(&text);
    if (failed)
        return dvsi_error_no_memory(err);
    return c->n == KEYS_AT_ONCE || c->arena.used > DVSI_BATCH_BYTES ? compare_page(c, err) : DVS_OK;
}

static int32_t check_guard(comparison *c, const dvsi_saved_entity *entity, dvs_error *err)
{
    uint64_t active = 0;
    int32_t status = entity->deletes != 0 ? dvsi_saved_rows_active(&c->rows, &active, err) : DVS_OK;
    if (status != DVS_OK || entity->deletes == 0 ||
        dvsi_guard_allows(&c->run->max_delete, active, entity->deletes))
        return status;
    return dvsi_error_set(
        err, DVS_E_GUARD,
        "entity \"%s\": the plan %s would delete %llu of %llu active rows, more than "
        "max_delete allows; nothing was done. If this is right, run again with --max-delete %llu%s",
        entity->name, c->run->saved->path, (unsigned long long)entity->deletes, (unsigned long long)active,
        entity->deletes >= active ? 100ULL : (unsigned long long)entity->deletes,
        entity->deletes >= active ? "%" : "");
}

static int32_t check_values(dvsi_run *run, dvsi_target *target, const dvsi_saved_entity *entity,
                            dvs_error *err)
{
    dvsi_saved_lines lines = {0};
    const dvsi_json *line = NULL;
    comparison c = {.run = run, .entity = entity->name};
    int32_t status = dvsi_saved_rows_open(target, &c.rows, err);
    if (status == DVS_OK)
        status = dvsi_saved_lines_of(run->saved, entity, DVSI_SAVED_CHANGES, &lines, err);
    do {
        if (status == DVS_OK)
            status = dvsi_saved_next(&lines, &line, err);
        if (status == DVS_OK && line != NULL)
            status = take_line(&c, line, err);
    } while (status == DVS_OK && line != NULL);
    if (status == DVS_OK)
        status = compare_page(&c, err);
    if (status == DVS_OK && target->entity->deletes != DVSI_DELETES_IGNORE)
        status = check_guard(&c, entity, err);
    dvsi_saved_rows_close(&c.rows);
    dvsi_arena_free(&c.arena);
    dvsi_saved_lines_free(&lines);
    return status;
}

int32_t dvsi_saved_check(dvsi_run *run, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t t = 0; t < run->n_targets && status == DVS_OK; t++) {
        const dvsi_saved_entity *entity = dvsi_saved_find(run->saved, run->targets[t].entity->name);
        status = check_entity(run, &run->targets[t], entity, err);
        if (status == DVS_OK)
            status = check_values(run, &run->targets[t], entity, err);
    }
    return status;
}

/* ---- Taking it on ---- */

static int32_t check_options(const dvsi_run *run, dvs_error *err)
{
    const dvs_sync_options *o = run->options;
    const char *wrong = o->row_limit != 0    ? "row_limit"
                        : run->as_sync       ? "dry_run"
                        : run->dry           ? NULL
                        : o->n_entities != 0 ? "entities"
                        : o->full            ? "full"
                        : o->force_overwrite ? "force_overwrite"
                        : o->rebuild         ? "rebuild"
                                             : NULL;
    if (wrong == NULL)
        return DVS_OK;
    return dvsi_error_set(err, DVS_E_USAGE, "%s and a plan do not go together: %s", wrong,
                          run->dry ? "a plan is made of a complete comparison"
                                   : "a plan says itself what is done");
}

static int32_t check_entities(const dvsi_run *run, dvs_error *err)
{
    const dvsi_saved *s = run->saved;
    if (strcmp(s->project, run->project->name) != 0)
        return dvsi_error_set(err, DVS_E_CONFIG,
                              "the plan %s is for project \"%s\", not for \"%s\"; nothing was done", s->path,
                              s->project, run->project->name);
    for (uint32_t e = 0; e < s->n_entities; e++) {
        uint32_t p = 0;
        while (p < run->project->n_entities &&
               strcmp(run->project->entities[p].name, s->entities[e].name) != 0)
            p++;
        if (p == run->project->n_entities)
            return stale(run, err, "the project has changed since it was made");
    }
    return DVS_OK;
}

int32_t dvsi_saved_take(dvsi_run *run, dvs_error *err)
{
    char digest[65];
    if (run->options->plan == NULL)
        return DVS_OK;
    int32_t status = check_options(run, err);
    run->saving = status == DVS_OK && run->dry;
    if (status != DVS_OK || run->dry)
        return status;
    status = dvsi_saved_open(run->options->plan, &run->saved, err);
    if (status == DVS_OK)
        status = check_entities(run, err);
    if (status == DVS_OK)
        status = dvsi_saved_project(run, digest, err);
    if (status == DVS_OK && strcmp(digest, run->saved->project_digest) != 0)
        status = stale(run, err, "the project file has changed since it was made");
    if (status != DVS_OK || !run->saved->force_overwrite)
        return status;
    dvs_sync_options *options = dvsi_arena_alloc(&run->arena, sizeof *options);
    if (options == NULL)
        return dvsi_error_no_memory(err);
    *options = *run->options;
    options->force_overwrite = 1;
    run->options = options;
    return DVS_OK;
}

int dvsi_saved_commits(dvsi_run *run)
{
    for (uint32_t t = 0; t < run->n_targets; t++) {
        const dvsi_target *target = &run->targets[t];
        int begun = 0;
        for (uint32_t f = 0; f < target->n_feeds; f++)
            begun |= target->feeds[f].phase != DVSI_FEED_WAITING;
        if (begun && !target->ended)
            return 0;
        if (target->ended && target->error.status != 0) {
            dvsi_run_fail(run, &target->error);
            return 0;
        }
    }
    return 1;
}
