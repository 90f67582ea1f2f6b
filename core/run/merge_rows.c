/*
 * merge_rows.c - a page of records made of offers against the table: found, merged by the project's rules,
 * written with what each value comes from, and what disagrees.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/changes.h"
#include "run/conflicts.h"
#include "run/deletes.h"
#include "run/follow.h"
#include "run/gather.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/write.h"

/* A page in hand. Everything lives in run->batch_arena. */
typedef struct merging {
    dvsi_writing writing;
    dvsi_feed *feed;
    dvsi_target *target;
    dvsi_run *run;
    const dvsi_work *work;
    dvsi_record *out; /* the records as they are written */
    int32_t *row_of;  /* per record: its row among run->rows, -1: none */
    const char **keys;
    dvsi_stored *stored;
    dvsi_merged *merged;
    dvsi_key_pins *pins; /* NULL: none */
    const char **gone;   /* keys with an active row, but no source that decides has them */
    uint32_t n_gone;
    const char **there;
    uint32_t n_there;
} merging;

static int make_room(merging *m)
{
    dvsi_arena *arena = &m->run->batch_arena;
    size_t n = (size_t)m->work->n_records + 1;
    m->out = dvsi_arena_calloc(arena, n, sizeof *m->out);
    m->keys = dvsi_arena_calloc(arena, n, sizeof *m->keys);
    m->stored = dvsi_arena_calloc(arena, n, sizeof *m->stored);
    m->merged = dvsi_arena_calloc(arena, n, sizeof *m->merged);
    m->gone = dvsi_arena_calloc(arena, n, sizeof *m->gone);
    m->there = dvsi_arena_calloc(arena, n, sizeof *m->there);
    if (m->out == NULL || m->keys == NULL || m->stored == NULL || m->merged == NULL || m->gone == NULL ||
        m->there == NULL)
        return -1;
    for (uint32_t i = 0; i < m->work->n_records; i++) {
        m->out[i] = m->work->records[i];
        m->keys[i] = m->work->records[i].key;
    }
    m->writing = (dvsi_writing){.feed = m->feed, .records = m->out, .n_records = m->work->n_records};
    return m->run->dry ? 0 : dvsi_write_room(&m->writing);
}

static const dvs_cell *row_of(const merging *m, uint32_t at)
{
    return m->row_of[at] >= 0 ? dvsi_batch_cells(m->run->rows, (uint32_t)m->row_of[at]) : NULL;
}

static int has_failed(const merging *m, uint32_t at)
{
    return (m->work->records[at].flags & DVSI_RECORD_FAILED) != 0;
}

/* ---- Merging ---- */

static int32_t refuse(uint32_t at, const char *field, const char *message, dvs_error *err)
{
    int32_t status = dvsi_error_set(err, DVS_E_DATA, "field \"%s\" %s", field, message);
    err->scope = DVS_SCOPE_ROW;
    err->row = at;
    return status;
}

/* The derived fields, of the record as it will be stored. */
static int32_t derive(const merging *m, uint32_t at, dvs_error *err)
{
    const dvsi_target *t = m->target;
    dvsi_arena *arena = &m->run->batch_arena;
    dvsi_merged *merged = &m->merged[at];
    dvsi_expression_error problem = {0};
    const uint32_t n = t->n_fields - t->n_plain;
    dvs_cell *values = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *values);
    if (values == NULL)
        return dvsi_error_no_memory(err);
    if (dvsi_expressions_eval(t->derived, merged->whole, arena, values, &problem) != 0)
        return refuse(at, t->names[t->n_plain + problem.at], problem.message, err);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t field = t->n_plain + i;
        if (merged->from[field] == DVSI_VOICE_PIN)
            continue;
        const char *wrong =
            dvsi_cell_convert(arena, t->fields[field].kind, &values[i], &merged->fields[field]);
        if (wrong != NULL)
            return refuse(at, t->names[field], wrong, err);
    }
    return DVS_OK;
}

static int store_row(const merging *m, uint32_t at)
{
    const dvsi_target *t = m->target;
    const dvs_cell *row = row_of(m, at);
    if (row == NULL)
        return 0;
    dvs_cell *room = dvsi_arena_calloc(&m->run->batch_arena, (size_t)t->n_fields + 1, sizeof *room);
    if (room == NULL)
        return -1;
    const dvs_cell *hash = t->lookup_hash >= 0 ? &row[t->lookup_hash] : NULL;
    m->stored[at].fields = dvsi_stored_fields(t, row, room);
    m->stored[at].deleted = t->lookup_deleted >= 0 && row[t->lookup_deleted].kind != DVS_NULL;
    if (hash != NULL && hash->kind == DVS_BYTES) {
        m->stored[at].sync_hash = hash->v.bytes;
        m->stored[at].hash_length = hash->length;
    }
    return 0;
}

static int32_t merge(const merging *m, uint32_t at, dvs_error *err)
{
    const dvsi_policy *policy = &m->target->policy;
    const dvsi_record_offers *offers = m->work->records[at].offers;
    const dvsi_key_pins *pins = m->pins != NULL ? &m->pins[at] : NULL;
    dvsi_merged *merged = &m->merged[at];
    dvsi_arena *arena = &m->run->batch_arena;
    if (store_row(m, at) != 0 || dvsi_merge_offers(policy, offers->said, offers->n_said, arena, merged) != 0)
        return dvsi_error_no_memory(err);
    dvsi_merge_record(policy, offers->said, &m->stored[at], pins != NULL ? pins->pins : NULL,
                      pins != NULL ? pins->n : 0, merged);
    int32_t status = merged->exists && m->target->derived != NULL ? derive(m, at, err) : DVS_OK;
    if (status == DVS_OK && dvsi_merge_compare(policy, offers->said, &m->stored[at], arena, merged) != 0)
        status = dvsi_error_no_memory(err);
    return status;
}

/* ---- Where it comes from ---- */

static dvsi_origin origin_of(const merging *m, uint32_t voice, uint32_t field)
{
    const dvsi_feed *feed = &m->target->feeds[voice];
    dvsi_origin origin = {.source = feed->from->label, .source_entity = feed->from->entity};
    const dvsi_field *spec = dvsi_from_field(feed->from, m->target->names[field]);
    if (spec != NULL)
        origin.from = spec->kind == DVSI_FIELD_FROM ? spec->from : NULL;
    else
        origin.from = m->target->names[field]; /* one of all the source's fields */
    return origin;
}

/* A pinned value is that of the source, or of the sink, that was kept. */
static dvsi_origin pinned_origin(const merging *m, uint32_t at, uint32_t field)
{
    const char *kept = "sink";
    for (uint32_t i = 0; m->pins != NULL && i < m->pins[at].n; i++)
        if (m->pins[at].pins[i].field == field)
            kept = m->pins[at].kept[i];
    for (uint32_t f = 0; f < m->target->n_feeds; f++)
        if (strcmp(m->target->feeds[f].from->label, kept) == 0)
            return origin_of(m, f, field);
    return (dvsi_origin){.source = kept};
}

static int set_origins(const merging *m, uint32_t at)
{
    const dvsi_target *t = m->target;
    const dvsi_merged *merged = &m->merged[at];
    dvsi_origin *origins = dvsi_arena_calloc(&m->run->batch_arena, (size_t)t->n_fields + 1, sizeof *origins);
    if (origins == NULL)
        return -1;
    const dvsi_from *own = t->feeds[merged->voice].from;
    origins[t->n_fields] = (dvsi_origin){.source = own->label, .source_entity = own->entity};
    for (uint32_t i = 0; i < t->n_fields; i++) {
        if (merged->from[i] == DVSI_VOICE_PIN)
            origins[i] = pinned_origin(m, at, i);
        else if (merged->from[i] < t->n_feeds && merged->from[i] != merged->voice)
            origins[i] = origin_of(m, merged->from[i], i);
    }
    m->out[at].own = &origins[t->n_fields];
    m->out[at].origins = origins;
    return 0;
}

/* {"crm":{...},"sheet":{...}}: what each source gave, in the project's order. */
static int set_raw(const merging *m, uint32_t at)
{
    const dvsi_target *t = m->target;
    const dvsi_record_offers *offers = m->work->records[at].offers;
    dvsi_arena *arena = &m->run->batch_arena;
    dvsi_buf text = {0};
    int n = 0;
    if (t->json_response < 0 || !t->entity->keep_raw || m->run->dry)
        return 0;
    if (t->n_feeds == 1) {
        m->out[at].raw = offers->raw[0];
        return 0;
    }
    for (uint32_t f = 0; f < t->n_feeds; f++)
        for (uint32_t i = 0; i < offers->n_said; i++) {
            if (offers->said[i].voice != f || offers->raw[i]->kind != DVS_JSON)
                continue;
            dvsi_buf_putc(&text, n++ == 0 ? '{' : ',');
            dvsi_json_string(&text, t->feeds[f].from->label, strlen(t->feeds[f].from->label));
            dvsi_buf_putc(&text, ':');
            dvsi_buf_add(&text, offers->raw[i]->v.text, offers->raw[i]->length);
        }
    if (n != 0)
        dvsi_buf_putc(&text, '}');
    dvs_cell *cell = dvsi_arena_calloc(arena, 1, sizeof *cell);
    const char *copy = text.failed ? NULL : dvsi_arena_copy(arena, dvsi_buf_text(&text), text.length);
    if (cell != NULL && copy != NULL)
        *cell = n != 0 ? dvsi_cell_json_n(copy, text.length) : dvsi_cell_null();
    m->out[at].raw = cell;
    dvsi_buf_free(&text);
    return cell != NULL && copy != NULL ? 0 : -1;
}

/* ---- Writing ---- */

/* What it holds stands; perhaps not what is known of it. */
static int32_t leave_record(merging *m, uint32_t at, dvs_error *err)
{
    const dvs_cell *row = row_of(m, at);
    if (m->run->dry)
        return DVS_OK;
    if (m->target->rewrites_raw && set_raw(m, at) != 0)
        return dvsi_error_no_memory(err);
    if (m->merged[at].n_claimed != 0)
        return dvsi_write_claim(&m->writing, at, row, err);
    return m->target->rewrites_raw ? dvsi_write_raw(&m->writing, at, row, err) : DVS_OK;
}

static int32_t write_record(merging *m, uint32_t at, dvs_error *err)
{
    const dvsi_merged *merged = &m->merged[at];
    const dvs_cell *row = row_of(m, at);
    m->out[at].fields = merged->fields;
    m->out[at].merged = merged;
    if (m->run->dry && row != NULL) {
        int32_t status = dvsi_changes_reference(m->feed, &m->out[at], m->keys[at], m->stored[at].fields, err);
        if (status != DVS_OK)
            return status;
    }
    if (merged->op == DVSI_OP_NONE)
        return leave_record(m, at, err);
    if (set_origins(m, at) != 0 || set_raw(m, at) != 0)
        return dvsi_error_no_memory(err);
    if (m->run->dry)
        return dvsi_changes_add(m->feed, merged->op, &m->out[at], m->keys[at], m->stored[at].fields,
                                merged->changed, merged->n_changed, err);
    if (merged->op == DVSI_OP_CREATE)
        return dvsi_write_create(&m->writing, at, merged->changed, merged->n_changed, err);
    return dvsi_write_update(&m->writing, at, merged->op, row, m->stored[at].fields, merged->changed,
                             merged->n_changed, err);
}

/* No source that decides has it, and there is no row to delete. A key that is pending and waits, too, is
 * looked at twice. */
static int is_skipped(const merging *m, uint32_t at)
{
    const dvsi_merged *merged = &m->merged[at];
    return !merged->exists &&
           (merged->op == DVSI_OP_NONE || m->target->entity->deletes == DVSI_DELETES_IGNORE);
}

static void count(merging *m, uint32_t at)
{
    const dvsi_merged *merged = &m->merged[at];
    const dvsi_record_offers *offers = m->work->records[at].offers;
    dvs_counts *counts = &m->target->feeds[merged->exists ? merged->voice : offers->said[0].voice].counts;
    if (!merged->exists)
        counts->skipped += is_skipped(m, at) && !dvsi_seen_has(&m->target->skipped, offers->best);
    else if (merged->op == DVSI_OP_NONE)
        counts->unchanged++;
    else if (merged->op == DVSI_OP_CREATE)
        counts->created++;
    else
        counts->updated++;
}

static int32_t take(merging *m, uint32_t at, dvs_error *err)
{
    const dvsi_merged *merged = &m->merged[at];
    count(m, at);
    if (merged->exists)
        m->there[m->n_there++] = m->keys[at];
    else if (!is_skipped(m, at))
        m->gone[m->n_gone++] = m->keys[at];
    int32_t status = merged->exists && m->run->dry ? dvsi_follow_merged(m->feed, merged->whole, err) : DVS_OK;
    return status == DVS_OK && merged->exists ? write_record(m, at, err) : status;
}

/* The rows of records that are there, failing ones included. */
static int32_t meet(const merging *m, dvs_error *err)
{
    dvsi_seen *met = &m->target->rows_met;
    for (uint32_t i = 0; i < m->work->n_records; i++) {
        const dvs_cell *row = row_of(m, i);
        if (row != NULL && (has_failed(m, i) || m->merged[i].exists) && dvsi_seen_add(met, row[0].v.i64) < 0)
            return dvsi_error_no_memory(err);
        if (!has_failed(m, i) && is_skipped(m, i) &&
            dvsi_seen_add(&m->target->skipped, m->work->records[i].offers->best) < 0)
            return dvsi_error_no_memory(err);
    }
    for (uint32_t i = 0; i < m->writing.n_made; i++)
        if (dvsi_seen_add(met, m->writing.made[i]) < 0)
            return dvsi_error_no_memory(err);
    return DVS_OK;
}

static int32_t settle_conflicts(const merging *m, dvs_error *err)
{
    uint32_t n = 0;
    dvsi_key_clashes *all =
        dvsi_arena_calloc(&m->run->batch_arena, (size_t)m->work->n_records + 1, sizeof *all);
    if (all == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < m->work->n_records; i++) {
        const dvsi_merged *merged = &m->merged[i];
        if (has_failed(m, i))
            continue;
        all[n++] = (dvsi_key_clashes){.key = m->keys[i],
                                      .clashes = merged->n_clashes != 0 ? merged->clashes : NULL,
                                      .pins = m->pins != NULL ? &m->pins[i] : NULL,
                                      .n_clashes = merged->n_clashes,
                                      .claims = merged->n_claimed};
    }
    return dvsi_conflicts_settle(m->feed, all, n, err);
}

/* Offers that were reconciled are no longer pending; those of failed records are tried again. The last thing
 * of a step: none of it must be undone. */
static int32_t settle_offers(const merging *m, dvs_error *err)
{
    static const uint32_t column = DVSI_OFFERS_PENDING;
    const dvs_cell again = dvsi_cell_bool(1);
    dvsi_books *notes = &m->run->notes;
    int32_t status = DVS_OK;
    if (m->run->dry) /* they are forgotten with the run */
        return DVS_OK;
    for (uint32_t i = 0; i < m->work->n_records && status == DVS_OK; i++) {
        const dvsi_record_offers *offers = m->work->records[i].offers;
        if (has_failed(m, i) && offers->n_pending == 0)
            status = dvsi_books_update(notes, DVSI_BOOK_OFFERS, offers->best, &column, &again, 1, err);
    }
    for (uint32_t i = 0; i < m->work->n_records && status == DVS_OK; i++) {
        const dvsi_record_offers *offers = m->work->records[i].offers;
        for (uint32_t k = 0; k < offers->n_pending && !has_failed(m, i) && status == DVS_OK; k++)
            if (dvsi_settled_add(m->target, offers->pending[k]) != 0)
                status = dvsi_error_no_memory(err);
    }
    return status;
}

static int32_t take_all(merging *m, dvs_error *err)
{
    const uint32_t n = m->work->n_records;
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        if (!has_failed(m, i))
            status = merge(m, i, err);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        if (has_failed(m, i))
            m->there[m->n_there++] = m->keys[i];
        else
            status = take(m, i, err);
    }
    if (status == DVS_OK && !m->run->dry)
        status = dvsi_write_rows(&m->writing, err);
    if (status == DVS_OK)
        status = meet(m, err);
    if (status == DVS_OK)
        status = settle_conflicts(m, err);
    if (status == DVS_OK)
        status = dvsi_waiting_add(m->feed, m->gone, m->n_gone, err);
    if (status == DVS_OK) /* a record that a source still has is not to be deleted */
        status = dvsi_waiting_remove(m->feed, m->there, m->n_there, err);
    return status == DVS_OK ? settle_offers(m, err) : status;
}

int32_t dvsi_gather_settle(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    merging m = {.feed = feed, .target = feed->target, .run = feed->run, .work = work};
    if (work->n_records == 0)
        return DVS_OK;
    uint8_t *skip = dvsi_arena_calloc(&feed->run->batch_arena, work->n_records, 1);
    int32_t status = skip == NULL || make_room(&m) != 0 ? dvsi_error_no_memory(err) : DVS_OK;
    if (status == DVS_OK)
        status = dvsi_lookup_rows(feed, work->records, work->n_records, skip, &m.row_of, err);
    if (status == DVS_OK)
        status = dvsi_pins_read(feed, m.keys, work->n_records, &m.pins, err);
    if (status == DVS_OK)
        status = take_all(&m, err);
    dvsi_write_end(&m.writing);
    return status;
}
