/*
 * gather.c - entities whose key is not the source's own. Each source record is kept as an offer in
 * _sync_offers, so that a tombstone or a changed key finds the record it belonged to. What becomes of the
 * offers when the read has ended stands in gather_end.c.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "map/record_json.h"
#include "run/changes.h"
#include "run/deletes.h"
#include "run/gather.h"
#include "run/rows.h"
#include "run/run.h"

void dvsi_target_fields_json(const dvsi_target *target, const dvs_cell *fields, dvsi_buf *out)
{
    dvsi_record_write_json(out, target->schema.columns + 1, target->n_fields, -1, fields);
}

/* A record's fields in the order of the entity's; those that its source does not give are ABSENT. */
static dvs_cell *entity_fields(const dvsi_feed *feed, const dvsi_record *record)
{
    dvs_cell *cells =
        dvsi_arena_calloc(&feed->run->batch_arena, (size_t)feed->target->n_fields + 1, sizeof *cells);
    for (uint32_t i = 0; cells != NULL && i < feed->mapping->n_fields; i++)
        cells[feed->field_of[i]] = record->fields[i];
    return cells;
}

/* What a record does not tell of the fields that its source gives, an earlier delivery has told. */
static int keep_earlier(const dvsi_feed *feed, const dvs_cell *stored, dvs_cell *cells)
{
    const dvsi_target *target = feed->target;
    uint32_t n_absent = 0;
    for (uint32_t i = 0; i < feed->mapping->n_fields; i++)
        n_absent += cells[feed->field_of[i]].kind == DVS_ABSENT;
    if (n_absent == 0 || stored == NULL || stored->kind != DVS_JSON)
        return 0;
    dvs_cell *before =
        dvsi_arena_calloc(&feed->run->batch_arena, (size_t)target->n_fields + 1, sizeof *before);
    if (before == NULL)
        return -1;
    if (dvsi_record_read_json(&feed->run->batch_arena, target->schema.columns + 1, target->n_plain,
                              stored->v.text, stored->length, before) != 0)
        return 0; /* of a former definition */
    for (uint32_t i = 0; i < feed->mapping->n_fields; i++) {
        uint32_t at = feed->field_of[i];
        if (cells[at].kind == DVS_ABSENT)
            cells[at] = before[at];
    }
    return 0;
}

/* Fields of a record as the JSON that an offer keeps. */
static int put_fields(dvsi_feed *feed, const dvsi_record *record, const dvs_cell *stored, dvsi_buf *text,
                      dvs_cell *out)
{
    dvs_cell *cells = entity_fields(feed, record);
    if (cells == NULL || keep_earlier(feed, stored, cells) != 0)
        return -1;
    dvsi_buf_clear(text);
    dvsi_target_fields_json(feed->target, cells, text);
    const char *copy =
        text->failed ? NULL : dvsi_arena_copy(&feed->run->batch_arena, text->data, text->length);
    *out = dvsi_cell_json_n(copy, text->length);
    return copy != NULL ? 0 : -1;
}

static dvs_cell version_text(dvsi_feed *feed, const dvsi_record *record, dvsi_buf *text)
{
    if (feed->mapping->version < 0 || record->source[feed->mapping->version].kind <= DVS_NULL)
        return dvsi_cell_null();
    dvsi_buf_clear(text);
    dvsi_cell_canonical(text, &record->source[feed->mapping->version]);
    return dvsi_cell_text_n(dvsi_arena_copy(&feed->run->batch_arena, dvsi_buf_text(text), text->length),
                            text->length);
}

/* The stored offers of these records' source keys: rows (offer_id, key, fields) with number = record. */
static int32_t find_offers(dvsi_feed *feed, const dvsi_record *records, const uint8_t *skip, uint32_t n,
                           int32_t *row_of, dvs_error *err)
{
    static const uint32_t columns[5] = {DVSI_OFFERS_OFFER_ID, DVSI_OFFERS_KEY, DVSI_OFFERS_FIELDS,
                                        DVSI_OFFERS_MODIFIED_AT, DVSI_OFFERS_VERSION};
    static const uint32_t key_columns[4] = {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_SOURCE,
                                            DVSI_OFFERS_SOURCE_KEY};
    dvsi_run *run = feed->run;
    dvs_cell *keys = dvsi_arena_calloc(&run->batch_arena, (size_t)n * 4 + 1, sizeof *keys);
    uint32_t *record_of = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *record_of);
    uint32_t n_keys = 0;
    if (keys == NULL || record_of == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        row_of[i] = -1;
        if (skip[i])
            continue;
        dvs_cell *key = keys + (size_t)n_keys * 4;
        key[0] = dvsi_cell_text(run->project->name);
        key[1] = dvsi_cell_text(feed->target->entity->name);
        key[2] = dvsi_cell_text(feed->from->label);
        key[3] = dvsi_cell_text_n(records[i].source_key, records[i].source_key_length);
        record_of[n_keys++] = i;
    }
    dvsi_batch_reset(run->rows, 5);
    if (n_keys == 0 || run->notes.offers_bare)
        return DVS_OK;
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 5,
                         .table = &run->notes.tables[DVSI_BOOK_OFFERS],
                         .columns = columns,
                         .key_columns = key_columns,
                         .n_key_columns = 4,
                         .n_keys = n_keys,
                         .keys = keys,
                         .only_null = -1};
    int32_t status = dvsi_sink_read(run->notes.sink, &lookup, run->rows, err);
    for (uint32_t r = 0; status == DVS_OK && r < run->rows->n_rows; r++)
        row_of[record_of[run->rows->rows[r].number]] = (int32_t)r;
    return status;
}

/* What a batch changes among the offers. */
typedef struct offer_batch {
    dvsi_feed *feed;
    dvs_cell *inserts;
    uint32_t n_inserts;
    int64_t *deletes;
    uint32_t n_deletes;
    const char **left; /* keys that lost an offer */
    uint32_t n_left;
    dvsi_buf text;
} offer_batch;

static int leave_key(offer_batch *b, const dvs_cell *key)
{
    char *copy = dvsi_arena_copy(&b->feed->run->batch_arena, key->v.text, key->length);
    b->left[b->n_left++] = copy;
    return copy != NULL ? 0 : -1;
}

static int fill_offer(offer_batch *b, const dvsi_record *record, const dvs_cell *stored, dvs_cell *row)
{
    dvsi_feed *feed = b->feed;
    const dvsi_mapping *mapping = feed->mapping;
    row[DVSI_OFFERS_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_OFFERS_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_OFFERS_SOURCE_KEY] = dvsi_cell_text_n(record->source_key, record->source_key_length);
    row[DVSI_OFFERS_KEY] = dvsi_cell_text_n(record->key, record->key_length);
    row[DVSI_OFFERS_MODIFIED_AT] =
        mapping->modified >= 0 && record->source[mapping->modified].kind == DVS_TIMESTAMP
            ? record->source[mapping->modified]
            : dvsi_cell_null();
    row[DVSI_OFFERS_VERSION] = version_text(feed, record, &b->text);
    row[DVSI_OFFERS_PENDING] = dvsi_cell_bool(1);
    row[DVSI_OFFERS_RUN_ID] = dvsi_cell_text(feed->run->run_id);
    row[DVSI_OFFERS_SEEN_AT] = dvsi_cell_timestamp(feed->run->started_at);
    row[DVSI_OFFERS_RAW] =
        record->raw != NULL && (!feed->run->dry || feed->run->saving) ? *record->raw : dvsi_cell_null();
    return put_fields(feed, record, stored != NULL ? &stored[2] : NULL, &b->text, &row[DVSI_OFFERS_FIELDS]);
}

int dvsi_gather_may_warn(const dvsi_feed *feed)
{
    return feed->mode == DVS_READ_FULL && feed->mapping != NULL && feed->mapping->n_source_key == 0 &&
           !feed->warned_duplicate;
}

void dvsi_gather_warn_twice(dvsi_feed *feed, uint64_t number, const char *key)
{
    if (!dvsi_gather_may_warn(feed))
        return;
    feed->warned_duplicate = 1;
    dvsi_run_note(feed->run, "warning", feed->target->entity->name, feed->from->label, number, key, NULL,
                  "the source gave this key more than once; the record delivered last stands");
}

static int32_t take_offer(offer_batch *b, const dvsi_record *record, const dvs_cell *stored, dvs_error *err)
{
    dvsi_run *run = b->feed->run;
    dvs_cell row[DVSI_N_OFFERS] = {{0}};
    uint32_t columns[DVSI_N_OFFERS];
    int is_new = stored != NULL ? dvsi_seen_add(&b->feed->seen, stored[0].v.i64) : 1;
    if (is_new < 0)
        return dvsi_error_no_memory(err);
    if ((record->flags & DVSI_RECORD_FAILED) != 0)
        return DVS_OK;
    if ((record->flags & DVSI_RECORD_TOMBSTONE) != 0) {
        if (stored == NULL)
            return DVS_OK;
        b->deletes[b->n_deletes++] = stored[0].v.i64;
        return leave_key(b, &stored[1]) == 0 ? DVS_OK : dvsi_error_no_memory(err);
    }
    if (fill_offer(b, record, stored, row) != 0)
        return dvsi_error_no_memory(err);
    if (stored == NULL) {
        memcpy(b->inserts + (size_t)b->n_inserts++ * DVSI_N_OFFERS, row, sizeof row);
        return DVS_OK;
    }
    int moved = !dvsi_cell_equal(&stored[1], &row[DVSI_OFFERS_KEY]);
    int changed = stored[2].length != row[DVSI_OFFERS_FIELDS].length ||
                  memcmp(stored[2].v.text, row[DVSI_OFFERS_FIELDS].v.text, stored[2].length) != 0 ||
                  !dvsi_cell_equal(&stored[3], &row[DVSI_OFFERS_MODIFIED_AT]) ||
                  !dvsi_cell_equal(&stored[4], &row[DVSI_OFFERS_VERSION]);
    if (!moved && !changed && !b->feed->target->rewrites_raw)
        return DVS_OK;
    if (!is_new)
        dvsi_gather_warn_twice(b->feed, record->number, record->key);
    if (moved && leave_key(b, &stored[1]) != 0)
        return dvsi_error_no_memory(err);
    for (uint32_t i = DVSI_OFFERS_KEY; i < DVSI_N_OFFERS; i++)
        columns[i] = i;
    return dvsi_books_update(&run->notes, DVSI_BOOK_OFFERS, stored[0].v.i64, columns + DVSI_OFFERS_KEY,
                             row + DVSI_OFFERS_KEY, DVSI_N_OFFERS - DVSI_OFFERS_KEY, err);
}

/* Rows of failed records exist at the source, whether or not there is an offer. */
static int32_t meet_failed(dvsi_feed *feed, const dvsi_work *work, dvs_error *err)
{
    uint32_t n = 0;
    dvsi_record *failed =
        dvsi_arena_calloc(&feed->run->batch_arena, (size_t)work->n_records + 1, sizeof *failed);
    if (failed == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < work->n_records; i++) {
        if ((work->records[i].flags & DVSI_RECORD_FAILED) == 0 || work->records[i].key == NULL)
            continue;
        failed[n] = work->records[i];
        failed[n].fields = entity_fields(feed, &work->records[i]);
        if (failed[n++].fields == NULL)
            return dvsi_error_no_memory(err);
    }
    return dvsi_upsert(feed, failed, n, err);
}

static int differ(const dvsi_feed *feed, const dvsi_record *a, const dvsi_record *b)
{
    if (((a->flags | b->flags) & (DVSI_RECORD_FAILED | DVSI_RECORD_TOMBSTONE)) != 0)
        return 0;
    for (uint32_t i = 0; i < feed->mapping->n_fields; i++)
        if (!dvsi_cell_equal(&a->fields[i], &b->fields[i]))
            return 1;
    return 0;
}

int32_t dvsi_gather_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_arena *arena = &run->batch_arena;
    offer_batch b = {.feed = feed};
    uint32_t n = work->n_records;
    uint8_t *skip = NULL;
    uint32_t *previous = NULL;
    int32_t *row_of = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *row_of);
    int32_t status = dvsi_scratch_open(run, err);
    if (status == DVS_OK)
        status = dvsi_offers_begin(feed, work, err);
    if (status != DVS_OK)
        return status;
    b.inserts = dvsi_arena_calloc(arena, (size_t)n * DVSI_N_OFFERS + 1, sizeof *b.inserts);
    b.deletes = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *b.deletes);
    b.left = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *b.left);
    if (row_of == NULL || b.inserts == NULL || b.deletes == NULL || b.left == NULL ||
        dvsi_records_last(arena, work->records, n, 1, &skip, &previous) != 0)
        return dvsi_error_no_memory(err);
    status = find_offers(feed, work->records, skip, n, row_of, err);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        if (previous[i] != 0 && differ(feed, &work->records[i], &work->records[previous[i] - 1]))
            dvsi_gather_warn_twice(feed, work->records[i].number, work->records[i].key);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        if (!skip[i])
            status =
                take_offer(&b, &work->records[i],
                           row_of[i] >= 0 ? dvsi_batch_cells(run->rows, (uint32_t)row_of[i]) : NULL, err);
    int64_t first = 0;
    if (status == DVS_OK && b.n_deletes != 0)
        status = dvsi_books_delete(&run->notes, DVSI_BOOK_OFFERS, b.deletes, b.n_deletes, err);
    if (status == DVS_OK)
        status = dvsi_books_insert(&run->notes, DVSI_BOOK_OFFERS, b.inserts, b.n_inserts, &first, err);
    for (uint32_t i = 0; i < b.n_inserts && status == DVS_OK; i++)
        if (dvsi_seen_add(&feed->seen, first + i) < 0)
            status = dvsi_error_no_memory(err);
    if (status == DVS_OK)
        status = dvsi_waiting_left(feed, b.left, b.n_left, err);
    if (status == DVS_OK)
        status = meet_failed(feed, work, err);
    run->transaction_writes += b.n_inserts + b.n_deletes;
    dvsi_buf_free(&b.text);
    return status;
}
