/* follow_find.c - who refers to what is to be followed. */
#include "run/follow_parts.h"

#include "base/error.h"
#include "base/utf8.h"
#include "data/json.h"

dvsi_followed *dvsi_follow_of(const dvsi_run *run, const dvsi_feed *feed)
{
    for (uint32_t i = 0; run->follow != NULL && i < run->follow->n_followed; i++)
        if (run->follow->followed[i].feed == feed)
            return &run->follow->followed[i];
    return NULL;
}

dvsi_followed *dvsi_follow_to(const dvsi_run *run, const dvsi_reference_to *to)
{
    for (uint32_t i = 0; i < run->follow->n_followed; i++) {
        dvsi_followed *f = &run->follow->followed[i];
        const char *key = dvsi_reference_own_key(f->feed->mapping);
        if (f->feed->target->entity == to->target->entity && key != NULL && to->field != NULL &&
            dvsi_utf8_casecmp(key, to->field) == 0)
            return f;
    }
    return NULL;
}

/* ---- What is known of every entity, as it is now ---- */

dvsi_target *dvsi_follow_target(const dvsi_run *run, const dvsi_entity *entity)
{
    for (uint32_t t = 0; t < run->n_targets; t++)
        if (run->targets[t].entity == entity)
            return &run->targets[t];
    return NULL;
}

static const dvsi_json *live_links(dvsi_arena *arena, const dvsi_feed *feed)
{
    const char *problem = NULL;
    size_t offset = 0;
    dvsi_buf text = {0};
    dvsi_references_record(feed, NULL, &text);
    char *copy = text.failed ? NULL : dvsi_arena_copy(arena, dvsi_buf_text(&text), text.length);
    size_t length = text.length;
    dvsi_buf_free(&text);
    return copy != NULL ? dvsi_json_parse(arena, copy, length, &problem, &offset) : NULL;
}

/* A definition as this run would record it. Feeds that could not be described keep what was recorded. 0 or
 * -1. */
static int define(dvsi_arena *arena, const dvsi_target *target, dvsi_definition *out)
{
    const dvsi_definition old = *out;
    const int is_there = target->exists && target->run->sink != NULL;
    *out = (dvsi_definition){.row_id = is_there ? 1 : 0, .history = target->valid_to >= 0 ? "scd2" : "none"};
    out->key = dvsi_arena_calloc(arena, (size_t)target->n_key + 1, sizeof *out->key);
    out->fields = dvsi_arena_calloc(arena, (size_t)target->n_fields + 1, sizeof *out->fields);
    out->sources = dvsi_arena_calloc(arena, (size_t)target->n_feeds + 1, sizeof *out->sources);
    if (out->key == NULL || out->fields == NULL || out->sources == NULL)
        return -1;
    for (uint32_t k = 0; k < target->n_key; k++)
        out->key[out->n_key++] = target->names[target->key_columns[k] - 1];
    for (uint32_t i = 0; i < target->n_fields; i++)
        out->fields[out->n_fields++] = (dvsi_definition_field){target->fields[i].name, target->fields[i].kind,
                                                               target->fields[i].explicit_type};
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        const dvsi_definition_source *known = dvsi_definition_of(&old, feed->from->label);
        dvsi_definition_source *source = &out->sources[out->n_sources++];
        source->label = feed->from->label;
        source->links = feed->mapping != NULL ? live_links(arena, feed) : known != NULL ? known->links : NULL;
        if (feed->mapping != NULL && source->links == NULL)
            return -1;
    }
    return 0;
}

/* Every entity of the project as a target of `all`: those of this run as they are now, the others as
 * recorded. */
static int32_t gather_definitions(dvsi_run *run, dvs_error *err)
{
    dvsi_follow *f = run->follow;
    dvsi_run *all = &f->all;
    int32_t status = DVS_OK;
    all->project = run->project;
    all->stop = run->stop;
    all->log = run->log;
    all->sink = run->sink;
    all->books = run->books;
    all->targets = dvsi_arena_calloc(&f->arena, (size_t)run->project->n_entities + 1, sizeof *all->targets);
    if (all->targets == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t e = 0; e < run->project->n_entities; e++) {
        all->targets[e].run = all;
        all->targets[e].entity = &run->project->entities[e];
        all->n_targets++;
    }
    if (run->sink != NULL)
        status = dvsi_definitions_load(all, err);
    for (uint32_t e = 0; e < all->n_targets && status == DVS_OK; e++) {
        const dvsi_target *now = dvsi_follow_target(run, all->targets[e].entity);
        if (now != NULL && now->prepared && now->names != NULL &&
            define(&f->arena, now, &all->targets[e].definition) != 0)
            status = dvsi_error_no_memory(err);
    }
    return status;
}

/* ---- Feeds ---- */

static void cannot_follow(dvsi_feed *feed, const char *why)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_error_set(&err, DVS_E_CONFIG, "scope: referenced cannot be used for entity \"%s\": %s",
                   feed->target->entity->name, why);
    feed->ended = 1;
    dvsi_feed_fail(feed, &err);
    dvsi_queue_set_go(&feed->run->queue, feed, 2);
}

const char *dvsi_follow_problem(const dvsi_feed *feed)
{
    if ((feed->stream_flags & DVS_STREAM_FETCH) == 0)
        return "its source does not give records by key; say scope: all";
    if (feed->mapping != NULL && dvsi_reference_own_key(feed->mapping) == NULL)
        return "the source's own key, which has to be a single column, must be mapped to a field";
    return NULL;
}

static int is_wanted(const dvsi_run *run, const dvsi_followed *followed)
{
    for (uint32_t i = 0; i < run->follow->n_references; i++)
        for (uint32_t k = 0; k < run->follow->references[i].n_to; k++)
            if (dvsi_follow_to(run, &run->follow->references[i].to[k]) == followed)
                return 1;
    return 0;
}

static void check_feed(const dvsi_run *run, dvsi_followed *followed)
{
    dvsi_feed *feed = followed->feed;
    followed->over = 1;
    if (feed->phase != DVSI_FEED_READY)
        return;
    const char *problem = dvsi_follow_problem(feed);
    if (problem != NULL)
        cannot_follow(feed, problem);
    else if (!is_wanted(run, followed))
        cannot_follow(feed, "no field refers to it; say refers_to where one does");
    else
        followed->over = 0;
    if (!followed->over)
        followed->kind = feed->mapping->wanted.columns[feed->mapping->source_key[0]].kind;
}

/* Fields of the feeds of this run that refer to something followed. 0 or -1. */
static int find_links(dvsi_run *run)
{
    dvsi_follow *f = run->follow;
    size_t most = 1;
    for (uint32_t i = 0; i < f->n_references; i++)
        most += (size_t)f->references[i].n_to * f->references[i].target->entity->n_from;
    f->links = dvsi_arena_calloc(&f->arena, most, sizeof *f->links);
    for (uint32_t i = 0; f->links != NULL && i < f->n_references; i++) {
        const dvsi_reference *reference = &f->references[i];
        const dvsi_target *target = dvsi_follow_target(run, reference->target->entity);
        for (uint32_t k = 0; target != NULL && k < reference->n_to; k++) {
            dvsi_followed *to = dvsi_follow_to(run, &reference->to[k]);
            for (uint32_t n = 0; to != NULL && n < target->n_feeds; n++) {
                const dvsi_mapping *mapping = target->feeds[n].mapping;
                for (uint32_t m = 0; mapping != NULL && m < mapping->n_fields; m++)
                    if (dvsi_utf8_casecmp(mapping->fields[m].name, reference->field) == 0)
                        f->links[f->n_links++] = (dvsi_follow_link){&target->feeds[n], m, to};
            }
        }
    }
    return f->links != NULL ? 0 : -1;
}

/* References of this run's entities into scopes that the run does not read, as they were not selected. */
static void report_unfollowed(dvsi_run *run)
{
    for (uint32_t i = 0; i < run->follow->n_references; i++) {
        const dvsi_reference *reference = &run->follow->references[i];
        if (dvsi_follow_target(run, reference->target->entity) == NULL)
            continue;
        for (uint32_t k = 0; k < reference->n_to; k++) {
            const dvsi_entity *to = reference->to[k].target->entity;
            if (to->from[0].scope_referenced && dvsi_follow_target(run, to) == NULL)
                dvsi_run_note(
                    run, "warning", reference->target->entity->name, NULL, 0, NULL, reference->field,
                    "references to entity \"%s\" were not followed: it is not among the entities of this run",
                    to->name);
        }
    }
}

int32_t dvsi_follow_find(dvsi_run *run, dvs_error *err)
{
    dvsi_follow *f = run->follow;
    int32_t status = gather_definitions(run, err);
    if (status == DVS_OK)
        status = dvsi_references_find(&f->all, &f->arena, &f->references, &f->n_references, err);
    if (status != DVS_OK)
        return status;
    report_unfollowed(run);
    for (uint32_t i = 0; i < f->n_followed; i++)
        check_feed(run, &f->followed[i]);
    return find_links(run) == 0 ? DVS_OK : dvsi_error_no_memory(err);
}
