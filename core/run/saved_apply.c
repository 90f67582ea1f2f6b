/*
 * saved_apply.c - before the end of an entity that a plan is about: its offers become those that the diff
 * found, and the keys that are to change wait to be looked at.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/conflicts.h"
#include "run/deletes.h"
#include "run/gather.h"
#include "run/saved.h"

typedef struct application {
    dvsi_feed *feed; /* any one of the entity's */
    dvsi_run *run;
    dvsi_arena arena;
    dvsi_batch *rows;
} application;

static int32_t damaged(const application *a, dvs_error *err)
{
    return dvsi_error_set(err, DVS_E_DATA, "the plan %s has a line that cannot be read", a->run->saved->path);
}

/* The stored offer of a source's key: its row in a->rows, if there is one. */
static int32_t find_offer(application *a, const char *label, const char *source_key, dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_OFFERS_OFFER_ID, DVSI_OFFERS_KEY};
    static const uint32_t key_columns[4] = {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_SOURCE,
                                            DVSI_OFFERS_SOURCE_KEY};
    dvsi_books *books = &a->run->books;
    dvs_cell key[4] = {dvsi_cell_text(books->project), dvsi_cell_text(a->feed->target->entity->name),
                       dvsi_cell_text(label), dvsi_cell_text(source_key)};
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 2,
                         .table = &books->tables[DVSI_BOOK_OFFERS],
                         .columns = columns,
                         .key_columns = key_columns,
                         .n_key_columns = 4,
                         .n_keys = 1,
                         .keys = key,
                         .only_null = -1};
    dvsi_batch_reset(a->rows, 2);
    return dvsi_sink_read(books->sink, &lookup, a->rows, err);
}

/* The key waits; `label`: the source that has left it, NULL: none in particular. */
static int32_t look(application *a, const char *key, size_t length, const char *label, dvs_error *err)
{
    dvsi_target *target = a->feed->target;
    dvsi_feed *feed = a->feed;
    const char *copy = dvsi_arena_copy(&a->run->batch_arena, key, length);
    for (uint32_t f = 0; f < target->n_feeds && label != NULL; f++)
        if (strcmp(target->feeds[f].from->label, label) == 0)
            feed = &target->feeds[f];
    if (copy == NULL)
        return dvsi_error_no_memory(err);
    return label != NULL ? dvsi_waiting_left(feed, &copy, 1, err) : dvsi_waiting_add(feed, &copy, 1, err);
}

/* A member as a cell of a kind; NULL when it is missing. 0 or -1. */
static int member_cell(application *a, const dvsi_json *line, const char *name, uint32_t kind, dvs_cell *out)
{
    const dvsi_json *member = dvsi_json_get(line, name);
    *out = dvsi_cell_null();
    return member != NULL ? dvsi_cell_from_value(&a->arena, kind, member, out) : 0;
}

static int32_t take_offer(application *a, const dvsi_json *line, const char *label, dvs_error *err)
{
    uint32_t columns[DVSI_N_OFFERS];
    const dvsi_json *raw = dvsi_json_get(line, "raw");
    const char *source_key = dvsi_saved_text(line, "source_key");
    const char *key = dvsi_saved_text(line, "key");
    dvs_cell row[DVSI_N_OFFERS] = {{0}};
    if (source_key == NULL || key == NULL ||
        member_cell(a, line, "modified_at", DVS_TIMESTAMP, &row[DVSI_OFFERS_MODIFIED_AT]) != 0 ||
        member_cell(a, line, "version", DVS_TEXT, &row[DVSI_OFFERS_VERSION]) != 0 ||
        member_cell(a, line, "offer", DVS_JSON, &row[DVSI_OFFERS_FIELDS]) != 0)
        return damaged(a, err);
    row[DVSI_OFFERS_ENTITY] = dvsi_cell_text(a->feed->target->entity->name);
    row[DVSI_OFFERS_SOURCE] = dvsi_cell_text(label);
    row[DVSI_OFFERS_SOURCE_KEY] = dvsi_cell_text(source_key);
    row[DVSI_OFFERS_KEY] = dvsi_cell_text(key);
    row[DVSI_OFFERS_PENDING] = dvsi_cell_bool(1);
    row[DVSI_OFFERS_RUN_ID] = dvsi_cell_text(a->run->run_id);
    row[DVSI_OFFERS_SEEN_AT] = dvsi_cell_timestamp(a->run->started_at);
    row[DVSI_OFFERS_RAW] = raw != NULL && raw->type == DVSI_JSON_STRING
                               ? dvsi_cell_json_n(raw->text, raw->length)
                               : dvsi_cell_null();
    int32_t status = find_offer(a, label, source_key, err);
    if (status != DVS_OK || a->rows->n_rows == 0)
        return status == DVS_OK ? dvsi_books_insert(&a->run->notes, DVSI_BOOK_OFFERS, row, 1, NULL, err)
                                : status;
    const dvs_cell *stored = a->rows->cells;
    if (!dvsi_cell_equal(&stored[1], &row[DVSI_OFFERS_KEY]))
        status = look(a, stored[1].v.text, stored[1].length, label, err);
    for (uint32_t i = 0; i < DVSI_N_OFFERS; i++)
        columns[i] = i;
    if (status == DVS_OK)
        status =
            dvsi_books_update(&a->run->notes, DVSI_BOOK_OFFERS, stored[0].v.i64, columns + DVSI_OFFERS_KEY,
                              row + DVSI_OFFERS_KEY, DVSI_N_OFFERS - DVSI_OFFERS_KEY, err);
    return status;
}

static int32_t take_gone(application *a, const char *source_key, const char *label, dvs_error *err)
{
    int32_t status = find_offer(a, label, source_key, err);
    if (status != DVS_OK || a->rows->n_rows == 0)
        return status;
    const dvs_cell *stored = a->rows->cells;
    status = look(a, stored[1].v.text, stored[1].length, label, err);
    return status == DVS_OK ? dvsi_books_delete(&a->run->notes, DVSI_BOOK_OFFERS, &stored[0].v.i64, 1, err)
                            : status;
}

static int32_t take_line(application *a, const dvsi_json *line, dvs_error *err)
{
    const char *label = dvsi_saved_text(line, "source");
    const char *gone = dvsi_saved_text(line, "gone");
    const char *waits = dvsi_saved_text(line, "look");
    const char *closed = dvsi_saved_text(line, "close");
    if (dvsi_json_get(line, "offer") != NULL)
        return label != NULL ? take_offer(a, line, label, err) : damaged(a, err);
    if (gone != NULL)
        return label != NULL ? take_gone(a, gone, label, err) : damaged(a, err);
    if (waits != NULL)
        return look(a, waits, strlen(waits), NULL, err);
    dvsi_key_clashes settled = {.key = closed};
    return closed != NULL ? dvsi_conflicts_settle(a->feed, &settled, 1, err) : DVS_OK;
}

int32_t dvsi_saved_apply(dvsi_feed *feed, dvs_error *err)
{
    const dvsi_saved_entity *entity = dvsi_saved_find(feed->run->saved, feed->target->entity->name);
    application a = {.feed = feed, .run = feed->run, .rows = dvsi_batch_new(2)};
    dvsi_saved_lines lines = {0};
    const dvsi_json *line = NULL;
    int32_t status = a.rows == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_saved_lines_of(feed->run->saved, entity, DVSI_SAVED_OTHERS, &lines, err);
    if (status == DVS_OK)
        status = dvsi_offers_index(feed->run, err);
    do {
        dvsi_arena_reset(&a.arena);
        dvsi_arena_reset(&feed->run->batch_arena);
        if (status == DVS_OK)
            status = dvsi_saved_next(&lines, &line, err);
        if (status == DVS_OK && line != NULL)
            status = take_line(&a, line, err);
    } while (status == DVS_OK && line != NULL);
    dvsi_saved_lines_free(&lines);
    dvsi_batch_free(a.rows);
    dvsi_arena_free(&a.arena);
    return status;
}
