/* upsert.c - a batch of records against the rows that are stored: read, reconcile, count; write.c writes. */
#include "base/error.h"
#include "data/cell.h"
#include "run/changes.h"
#include "run/edits.h"
#include "run/follow.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/schema_rule.h"
#include "run/twice.h"
#include "run/write.h"

/* A batch in hand. Everything lives in run->batch_arena. */
typedef struct upsert {
    dvsi_writing writing;
    dvsi_edits edits;
    dvsi_feed *feed;
    dvsi_target *target;
    dvsi_run *run;
    const dvsi_record *records;
    uint32_t n_records;
    uint8_t *skip;   /* superseded by a later record of the same key */
    int32_t *row_of; /* per record: its row among run->rows, -1: none */
    int64_t *met;    /* row ids for the seen-set, those of new rows aside */
    uint32_t n_met;
    int64_t *counted;
    uint32_t n_counted;
    dvs_counts counts;   /* what this batch adds */
    uint64_t met_active; /* rows active when the read began, met for the first time */
    uint32_t *changed;   /* room for one record's changed fields */
    dvs_cell *current;   /* room for one stored record */
    dvs_cell *whole;     /* and for one as it will be stored */
} upsert;

dvsi_seen *dvsi_rows_met(dvsi_feed *feed)
{
    return dvsi_feed_gathers(feed) ? &feed->target->rows_met : &feed->seen;
}

static int same_fields(const dvsi_record *a, const dvsi_record *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!dvsi_cell_equal(&a->fields[i], &b->fields[i]))
            return 0;
    return 1;
}

/* Of several records of one key in the batch, only the last stays. */
static int32_t drop_duplicates(upsert *u, dvs_error *err)
{
    const uint32_t no_fields = DVSI_RECORD_FAILED | DVSI_RECORD_DEFERRED;
    uint32_t *previous = NULL;
    int32_t status = DVS_OK;
    if (dvsi_records_last(&u->run->batch_arena, u->records, u->n_records, 0, &u->skip, &previous) != 0)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_records && status == DVS_OK; i++)
        if (previous[i] != 0 &&
            ((u->records[i].flags | u->records[previous[i] - 1].flags) & no_fields) == 0 &&
            !same_fields(&u->records[i], &u->records[previous[i] - 1], u->target->n_fields))
            status = dvsi_twice_note(u->feed, u->records[i].key, u->records[i].number, err);
    return status;
}

const dvs_cell *dvsi_stored_fields(const dvsi_target *t, const dvs_cell *row, dvs_cell *room)
{
    int as_will_be = t->n_widenings != 0 && t->run->dry;
    if (t->n_lookup == t->lookup_fields + t->n_fields && !as_will_be)
        return row + t->lookup_fields;
    for (uint32_t i = 0; i < t->n_fields; i++) {
        if (t->field_at[i] >= 0)
            room[i] = row[t->field_at[i]];
        else
            room[i] = dvsi_cell_null(); /* as it will be once a sync has added the column */
        if (as_will_be)
            dvsi_evolve_stored(t, i, &t->run->batch_arena, &room[i]);
    }
    return room;
}

/* In a diff a key that comes again takes back what was noted for it. */
static int32_t take_back(upsert *u, const dvsi_record *record, int has_row, int again, dvs_error *err)
{
    uint64_t removed = 0;
    if (has_row && !again)
        return DVS_OK;
    int32_t status = dvsi_changes_forget(u->feed, record->key, &removed, err);
    if (status != DVS_OK || (removed == 0 && !again))
        return status;
    if (removed != 0 && has_row)
        u->counts.updated--;
    else if (removed != 0)
        u->counts.created--;
    else
        u->counts.unchanged--;
    return DVS_OK;
}

static void count(upsert *u, dvsi_op op, int again, int changed_before)
{
    if (changed_before)
        return;
    if (again && op == DVSI_OP_NONE)
        return;
    if (again)
        u->counts.unchanged--;
    if (op == DVSI_OP_NONE)
        u->counts.unchanged++;
    else if (op == DVSI_OP_CREATE)
        u->counts.created++;
    else
        u->counts.updated++;
}

/* What the row will refer to: a field that the source did not deliver stays as it is stored. */
static int32_t follow(upsert *u, const dvsi_record *record, const dvs_cell *stored, dvs_error *err)
{
    for (uint32_t i = 0; i < u->target->n_fields; i++)
        u->whole[i] = record->fields[i].kind == DVS_ABSENT && stored != NULL ? stored[i] : record->fields[i];
    return dvsi_follow_merged(u->feed, u->whole, err);
}

static int32_t reconcile(upsert *u, uint32_t at, dvs_error *err)
{
    dvsi_target *t = u->target;
    const dvsi_record *record = &u->records[at];
    const dvs_cell *row = u->row_of[at] >= 0 ? dvsi_batch_cells(u->run->rows, (uint32_t)u->row_of[at]) : NULL;
    int64_t id = row != NULL ? row[0].v.i64 : 0;
    int met = row != NULL && dvsi_seen_has(dvsi_rows_met(u->feed), id);
    int again = row != NULL && dvsi_seen_has(&u->feed->counted, id);
    int deleted = row != NULL && t->lookup_deleted >= 0 && row[t->lookup_deleted].kind != DVS_NULL;
    if (row != NULL)
        u->met[u->n_met++] = id;
    if (row != NULL && !met && !deleted && id <= u->feed->state.start_row_id)
        u->met_active++;
    if ((record->flags & (DVSI_RECORD_FAILED | DVSI_RECORD_DEFERRED)) != 0)
        return DVS_OK;
    uint32_t n_changed = 0;
    const dvs_cell *stored = row != NULL ? dvsi_stored_fields(t, row, u->current) : NULL;
    dvsi_op op = dvsi_reconcile_record(record->fields, stored, t->n_fields, deleted, u->changed, &n_changed);
    if (row != NULL)
        u->counted[u->n_counted++] = id;
    if (again && op != DVSI_OP_NONE && !dvsi_feed_gathers(u->feed)) {
        int32_t status = dvsi_twice_note(u->feed, record->key, record->number, err);
        if (status != DVS_OK)
            return status;
    }
    if (((n_changed != 0 && row != NULL) || t->has_conflicts) &&
        dvsi_edits_note(&u->edits, u->records, at, row, stored, u->changed, n_changed) != 0)
        return dvsi_error_no_memory(err);
    if (u->run->dry) {
        int32_t status = take_back(u, record, row != NULL, again, err);
        if (status == DVS_OK && op != DVSI_OP_NONE)
            status = dvsi_changes_add(u->feed, op, record, record->key, stored, u->changed, n_changed, err);
        if (status == DVS_OK && u->run->follow != NULL)
            status = follow(u, record, stored, err);
        count(u, op, 0, 0);
        return status;
    }
    count(u, op, again, row != NULL && dvsi_seen_has(&u->feed->changed, id));
    if (op == DVSI_OP_NONE)
        return t->rewrites_raw ? dvsi_write_raw(&u->writing, at, row, err) : DVS_OK;
    if (op == DVSI_OP_CREATE)
        return dvsi_write_create(&u->writing, at, u->changed, n_changed, err);
    return dvsi_write_update(&u->writing, at, op, row, stored, u->changed, n_changed, err);
}

static int make_room(upsert *u)
{
    dvsi_arena *arena = &u->run->batch_arena;
    const dvsi_target *t = u->target;
    size_t n = u->n_records;
    u->met = dvsi_arena_calloc(arena, n, sizeof *u->met);
    u->counted = dvsi_arena_calloc(arena, n, sizeof *u->counted);
    u->changed = dvsi_arena_calloc(arena, (size_t)t->n_fields + 1, sizeof *u->changed);
    u->current = dvsi_arena_calloc(arena, (size_t)t->n_fields + 1, sizeof *u->current);
    u->whole = dvsi_arena_calloc(arena, (size_t)t->n_fields + 1, sizeof *u->whole);
    if (u->met == NULL || u->counted == NULL || u->changed == NULL || u->current == NULL || u->whole == NULL)
        return -1;
    return u->run->dry ? 0 : dvsi_write_room(&u->writing);
}

/* The batch is written: now it counts. */
static int32_t settle(upsert *u, dvs_error *err)
{
    dvsi_feed *feed = u->feed;
    const dvsi_writing *w = &u->writing;
    if (!feed->state.first_load || u->run->dry) {
        for (uint32_t i = 0; i < u->n_met; i++)
            if (dvsi_seen_add(dvsi_rows_met(feed), u->met[i]) < 0)
                return dvsi_error_no_memory(err);
        for (uint32_t i = 0; i < w->n_made; i++)
            if (dvsi_seen_add(dvsi_rows_met(feed), w->made[i]) < 0)
                return dvsi_error_no_memory(err);
    }
    for (uint32_t i = 0; i < u->n_counted; i++)
        if (dvsi_seen_add(&feed->counted, u->counted[i]) < 0)
            return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < w->n_written; i++)
        if (dvsi_seen_add(&feed->changed, w->written[i]) < 0)
            return dvsi_error_no_memory(err);
    feed->seen_active += u->met_active;
    feed->counts.created += u->counts.created;
    feed->counts.updated += u->counts.updated;
    feed->counts.unchanged += u->counts.unchanged;
    return DVS_OK;
}

int32_t dvsi_upsert(dvsi_feed *feed, const dvsi_record *records, uint32_t n_records, dvs_error *err)
{
    upsert u = {.feed = feed,
                .target = feed->target,
                .run = feed->run,
                .n_records = n_records,
                .edits = {.feed = feed}};
    if (n_records == 0)
        return DVS_OK;
    int32_t status = dvsi_edits_pin(&u.edits, &records, n_records, err);
    u.records = records;
    u.writing = (dvsi_writing){.feed = feed, .records = records, .n_records = n_records};
    if (status == DVS_OK)
        status = make_room(&u) != 0 ? dvsi_error_no_memory(err) : drop_duplicates(&u, err);
    if (status == DVS_OK)
        status = dvsi_lookup_rows(feed, records, n_records, u.skip, &u.row_of, err);
    for (uint32_t i = 0; i < n_records && status == DVS_OK; i++)
        if (!u.skip[i])
            status = reconcile(&u, i, err);
    if (status == DVS_OK && !u.run->dry)
        status = dvsi_write_rows(&u.writing, err);
    if (status == DVS_OK)
        status = settle(&u, err);
    if (status == DVS_OK)
        status = dvsi_edits_settle(&u.edits, err);
    dvsi_write_end(&u.writing);
    return status;
}
