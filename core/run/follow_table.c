/*
 * follow_table.c - what is followed, on runs in which the source tells what changed: records that the table
 * has are kept up by that, and only what the table lacks is asked for by key. What changed of records that it
 * does not have is nothing.
 */
#include "run/follow_parts.h"

#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "run/changes.h"
#include "run/rows.h"
#include "run/step.h"

/* The rows of the records that are active, by dvsi_lookup_rows; those of others become -1. */
static int32_t find_active(dvsi_feed *feed, const dvsi_record *records, uint32_t n, int32_t **row_of,
                           dvs_error *err)
{
    dvsi_run *run = feed->run;
    const int32_t closed = feed->target->lookup_deleted;
    uint8_t *skip = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, 1);
    if (skip == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++)
        skip[i] = records[i].key == NULL || records[i].fields == NULL;
    int32_t status = dvsi_lookup_rows(feed, records, n, skip, row_of, err);
    for (uint32_t i = 0; i < n && status == DVS_OK && closed >= 0; i++)
        if ((*row_of)[i] >= 0 && dvsi_batch_cells(run->rows, (uint32_t)(*row_of)[i])[closed].kind != DVS_NULL)
            (*row_of)[i] = -1;
    return status;
}

static void drop_errors(dvsi_work *work, uint32_t n_kept)
{
    uint32_t n = 0;
    for (uint32_t e = 0; e < work->n_errors; e++) {
        int keep = work->errors[e].key == NULL;
        for (uint32_t i = 0; i < n_kept && !keep; i++)
            keep = work->records[i].key == work->errors[e].key;
        if (keep)
            work->errors[n++] = work->errors[e];
    }
    work->n_errors = n;
}

static int32_t filter_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    int32_t *row_of = NULL;
    uint32_t n = 0, covered = 0;
    int32_t status = find_active(feed, work->records, work->n_records, &row_of, err);
    if (status != DVS_OK)
        return status;
    for (uint32_t i = 0; i < work->n_records; i++) {
        if (work->records[i].key != NULL && row_of[i] < 0)
            continue;
        covered += i < work->checkpoint_records;
        work->records[n++] = work->records[i];
    }
    work->n_records = n;
    work->checkpoint_records = covered;
    drop_errors(work, n);
    return DVS_OK;
}

int32_t dvsi_follow_filter(dvsi_feed *feed, dvsi_work *work)
{
    if (feed->run->follow == NULL || feed->mode == DVS_READ_FULL || work->answers ||
        dvsi_follow_of(feed->run, feed) == NULL)
        return DVS_OK;
    return dvsi_step(feed, filter_step, work);
}

/* A record of which the key is known alone; -1 when the value is no key of the entity, 1 when memory is
 * out. */
static int make_record(dvsi_feed *feed, const dvs_cell *key, dvsi_record *record)
{
    const dvsi_target *target = feed->target;
    dvsi_arena *arena = &feed->run->batch_arena;
    const uint32_t at = target->key_columns[0] - 1;
    dvs_cell *fields = dvsi_arena_calloc(arena, target->n_fields, sizeof *fields);
    dvsi_buf text = {0};
    memset(record, 0, sizeof *record);
    if (fields == NULL)
        return 1;
    const char *problem = dvsi_cell_convert(arena, target->fields[at].kind, key, &fields[at]);
    if (problem == NULL)
        problem = dvsi_key_canonical(&text, &fields[at], 1);
    record->fields = fields;
    record->key =
        problem == NULL && !text.failed ? dvsi_arena_copy(arena, dvsi_buf_text(&text), text.length) : NULL;
    record->key_length = (uint32_t)text.length;
    int failed = text.failed || problem == dvsi_cell_no_memory;
    dvsi_buf_free(&text);
    return failed ? 1 : problem != NULL ? -1 : 0;
}

/* What a comparison has noted a change of has named its keys as that was noted; its row is as it was.
 * noted[i] is 1 or 0. */
static int32_t find_noted(dvsi_feed *feed, const dvsi_record *records, const int32_t *row_of, uint32_t n,
                          uint8_t *noted, dvs_error *err)
{
    dvsi_arena *arena = &feed->run->batch_arena;
    const char **keys = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *keys);
    uint32_t *at = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *at);
    uint8_t *found = dvsi_arena_calloc(arena, (size_t)n + 1, 1);
    uint32_t n_keys = 0;
    if (keys == NULL || at == NULL || found == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++)
        if (row_of[i] >= 0) {
            at[n_keys] = i;
            keys[n_keys++] = records[i].key;
        }
    int32_t status = n_keys != 0 ? dvsi_changes_noted(feed, keys, n_keys, found, err) : DVS_OK;
    for (uint32_t k = 0; k < n_keys; k++)
        noted[at[k]] = found[k];
    return status;
}

/* Of the next keys those that the table has name theirs from its rows; the others are to be asked for. */
static int32_t known_step(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_followed *f = dvsi_follow_of(run, feed);
    const uint32_t n = f->n_request_next;
    dvsi_record *records = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *records);
    dvs_cell *room = dvsi_arena_calloc(&run->batch_arena, (size_t)feed->target->n_fields + 1, sizeof *room);
    int32_t *row_of = NULL;
    uint8_t *noted = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, 1);
    uint32_t n_open = 0;
    (void)work;
    if (records == NULL || room == NULL || noted == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++)
        if (make_record(feed, &f->request_next[i], &records[i]) > 0)
            return dvsi_error_no_memory(err);
    int32_t status = find_active(feed, records, n, &row_of, err);
    if (status == DVS_OK && run->dry)
        status = find_noted(feed, records, row_of, n, noted, err);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        if (row_of[i] < 0) {
            f->request_next[n_open++] = f->request_next[i];
            continue;
        }
        if (noted[i])
            continue;
        const dvs_cell *stored =
            dvsi_stored_fields(feed->target, dvsi_batch_cells(run->rows, (uint32_t)row_of[i]), room);
        status = dvsi_follow_fields(feed, stored, err);
    }
    f->n_request_next = n_open;
    return status;
}

int32_t dvsi_follow_known(dvsi_followed *f)
{
    return dvsi_step(f->feed, known_step, NULL);
}
