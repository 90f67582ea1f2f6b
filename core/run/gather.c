/*
 * gather.c - entities whose key is not the source's own. Each source record is kept as an offer in _sync_offers, so
 * that a tombstone or a changed key finds the record it belonged to; when the read has ended, the keys that it
 * touched (after a complete read: all) are reconciled in key order.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "reconcile/offers.h"
#include "run/run.h"

#define OFFERS_AT_ONCE 1024u

/* Fields of a record as the JSON that an offer keeps. */
static int put_fields(dvsi_feed *feed, const dvsi_record *record, dvsi_buf *text, dvs_cell *out)
{
    dvsi_buf_clear(text);
    dvsi_buf_putc(text, '{');
    for (uint32_t i = 0, n = 0; i < feed->target->n_fields; i++) {
        if (record->fields[i].kind == DVS_ABSENT)
            continue;
        if (n++ != 0)
            dvsi_buf_putc(text, ',');
        dvsi_json_string(text, feed->target->names[i], strlen(feed->target->names[i]));
        dvsi_buf_putc(text, ':');
        dvsi_cell_json(text, &record->fields[i]);
    }
    dvsi_buf_putc(text, '}');
    const char *copy = text->failed ? NULL : dvsi_arena_copy(&feed->run->batch_arena, text->data, text->length);
    *out = dvsi_cell_json_n(copy, text->length);
    return copy != NULL ? 0 : -1;
}

static dvs_cell version_text(dvsi_feed *feed, const dvsi_record *record, dvsi_buf *text)
{
    if (feed->mapping->version < 0 || record->source[feed->mapping->version].kind <= DVS_NULL)
        return dvsi_cell_null();
    dvsi_buf_clear(text);
    dvsi_cell_canonical(text, &record->source[feed->mapping->version]);
    return dvsi_cell_text_n(dvsi_arena_copy(&feed->run->batch_arena, dvsi_buf_text(text), text->length), text->length);
}

/* The stored offers of these records' source keys: rows (offer_id, key, fields) with number = record. */
static int32_t find_offers(dvsi_feed *feed, const dvsi_record *records, const uint8_t *skip, uint32_t n, int32_t *row_of,
                           dvs_error *err)
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
    if (n_keys == 0)
        return DVS_OK;
    dvs_lookup lookup = {(uint32_t)sizeof lookup, 5, &run->notes.tables[DVSI_BOOK_OFFERS], columns, key_columns, 4,
                         n_keys,                  keys, -1, 0};
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

static int fill_offer(offer_batch *b, const dvsi_record *record, dvs_cell *row)
{
    dvsi_feed *feed = b->feed;
    const dvsi_mapping *mapping = feed->mapping;
    row[DVSI_OFFERS_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_OFFERS_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_OFFERS_SOURCE_KEY] = dvsi_cell_text_n(record->source_key, record->source_key_length);
    row[DVSI_OFFERS_KEY] = dvsi_cell_text_n(record->key, record->key_length);
    row[DVSI_OFFERS_MODIFIED_AT] = mapping->modified >= 0 && record->source[mapping->modified].kind == DVS_TIMESTAMP
                                       ? record->source[mapping->modified]
                                       : dvsi_cell_null();
    row[DVSI_OFFERS_VERSION] = version_text(feed, record, &b->text);
    row[DVSI_OFFERS_PENDING] = dvsi_cell_bool(1);
    row[DVSI_OFFERS_RUN_ID] = dvsi_cell_text(feed->run->run_id);
    row[DVSI_OFFERS_SEEN_AT] = dvsi_cell_timestamp(feed->run->started_at);
    row[DVSI_OFFERS_RAW] = record->raw != NULL ? *record->raw : dvsi_cell_null();
    return put_fields(feed, record, &b->text, &row[DVSI_OFFERS_FIELDS]);
}

static int32_t take_offer(offer_batch *b, const dvsi_record *record, const dvs_cell *stored, dvs_error *err)
{
    dvsi_run *run = b->feed->run;
    dvs_cell row[DVSI_N_OFFERS] = {{0}};
    uint32_t columns[DVSI_N_OFFERS];
    if (stored != NULL && dvsi_seen_add(&b->feed->seen, stored[0].v.i64) < 0)
        return dvsi_error_no_memory(err);
    if ((record->flags & DVSI_RECORD_FAILED) != 0)
        return DVS_OK;
    if ((record->flags & DVSI_RECORD_TOMBSTONE) != 0) {
        if (stored == NULL)
            return DVS_OK;
        b->deletes[b->n_deletes++] = stored[0].v.i64;
        return leave_key(b, &stored[1]) == 0 ? DVS_OK : dvsi_error_no_memory(err);
    }
    if (fill_offer(b, record, row) != 0)
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
    if (!moved && !changed)
        return DVS_OK;
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
    dvsi_record *failed = dvsi_arena_calloc(&feed->run->batch_arena, (size_t)work->n_records + 1, sizeof *failed);
    if (failed == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < work->n_records; i++)
        if ((work->records[i].flags & DVSI_RECORD_FAILED) != 0 && work->records[i].key != NULL)
            failed[n++] = work->records[i];
    return dvsi_upsert(feed, failed, n, err);
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
        if (!skip[i])
            status = take_offer(&b, &work->records[i],
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
        status = dvsi_waiting_add(feed, b.left, b.n_left, err);
    if (status == DVS_OK)
        status = meet_failed(feed, work, err);
    run->transaction_writes += b.n_inserts + b.n_deletes;
    dvsi_buf_free(&b.text);
    return status;
}

/* ---- The end of the read ---- */

/* Deletes the offers for which the conditions hold and that were not met; their keys wait. */
static int32_t drop_offers(dvsi_feed *feed, uint32_t source_op, int64_t upto, const dvsi_seen *met, dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_OFFERS_OFFER_ID, DVSI_OFFERS_KEY};
    static const uint32_t order = DVSI_OFFERS_OFFER_ID;
    dvsi_run *run = feed->run;
    int64_t last = 0;
    dvsi_batch *rows = dvsi_batch_new(2);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t n = OFFERS_AT_ONCE; n == OFFERS_AT_ONCE && status == DVS_OK;) {
        dvs_where where[5] = {
            dvsi_where(DVSI_OFFERS_PROJECT, DVS_OP_EQ, dvsi_cell_text(run->project->name)),
            dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
            dvsi_where(DVSI_OFFERS_SOURCE, source_op, dvsi_cell_text(feed->from->label)),
            dvsi_where(DVSI_OFFERS_OFFER_ID, DVS_OP_GT, dvsi_cell_int64(last)),
            dvsi_where(DVSI_OFFERS_OFFER_ID, DVS_OP_LE, dvsi_cell_int64(upto))};
        dvs_scan scan = {(uint32_t)sizeof scan, 0, &run->notes.tables[DVSI_BOOK_OFFERS], columns, 2, 5, where, &order, 1,
                         sizeof(dvs_where),     OFFERS_AT_ONCE};
        dvsi_arena_reset(&run->batch_arena);
        dvsi_batch_reset(rows, 2);
        status = dvsi_sink_scan(run->notes.sink, &scan, rows, err);
        n = rows->n_rows;
        int64_t *gone = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *gone);
        const char **keys = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *keys);
        uint32_t n_gone = 0;
        if (status == DVS_OK && (gone == NULL || keys == NULL))
            status = dvsi_error_no_memory(err);
        for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
            const dvs_cell *row = dvsi_batch_cells(rows, i);
            last = row[0].v.i64;
            if (dvsi_seen_has(met, last))
                continue;
            gone[n_gone] = last;
            keys[n_gone] = dvsi_arena_copy(&run->batch_arena, row[1].v.text, row[1].length);
            if (keys[n_gone++] == NULL)
                status = dvsi_error_no_memory(err);
        }
        if (status == DVS_OK && n_gone != 0)
            status = dvsi_books_delete(&run->notes, DVSI_BOOK_OFFERS, gone, n_gone, err);
        if (status == DVS_OK)
            status = dvsi_waiting_add(feed, keys, n_gone, err);
    }
    dvsi_batch_free(rows);
    return status;
}

/* An offer's fields back as a record. */
static int32_t offer_record(dvsi_feed *feed, const dvs_cell *row, dvsi_record *record, dvs_error *err)
{
    dvsi_arena *arena = &feed->run->batch_arena;
    const char *problem = NULL;
    size_t offset = 0;
    dvsi_target *t = feed->target;
    dvsi_buf value = {0};
    dvs_cell *fields = dvsi_arena_calloc(arena, (size_t)t->n_fields + 1, sizeof *fields);
    const dvsi_json *object = row[DVSI_OFFERS_FIELDS].kind == DVS_JSON
                                  ? dvsi_json_parse(arena, row[DVSI_OFFERS_FIELDS].v.text,
                                                    row[DVSI_OFFERS_FIELDS].length, &problem, &offset)
                                  : NULL;
    int failed = object == NULL || fields == NULL;
    for (uint32_t i = 0; i < t->n_fields && !failed; i++) {
        const dvsi_json *member = dvsi_json_get(object, t->names[i]);
        if (member == NULL)
            continue;
        dvsi_buf_clear(&value);
        dvsi_json_write(&value, member);
        failed = value.failed || dvsi_cell_from_json(arena, t->schema.columns[i + 1].kind, dvsi_buf_text(&value),
                                                     value.length, &fields[i]) != 0;
    }
    dvsi_buf_free(&value);
    if (failed)
        return dvsi_error_set(err, DVS_E_SCHEMA, "an offer of entity \"%s\" in table \"_sync_offers\" cannot be read; run "
                              "`sync --full`", t->entity->name);
    memset(record, 0, sizeof *record);
    record->fields = fields;
    record->key = row[DVSI_OFFERS_KEY].v.text;
    record->key_length = row[DVSI_OFFERS_KEY].length;
    record->raw = &row[DVSI_OFFERS_RAW];
    return DVS_OK;
}

static dvsi_offer precedence(const dvsi_feed *feed, const dvs_cell *row)
{
    dvsi_offer offer = {.priority = feed->from->endpoint->priority, .modified = row[DVSI_OFFERS_MODIFIED_AT],
                        .version = row[DVSI_OFFERS_VERSION], .source_key = row[DVSI_OFFERS_SOURCE_KEY].v.text,
                        .source_key_length = row[DVSI_OFFERS_SOURCE_KEY].length};
    if (feed->mapping->version >= 0) /* kept as text; numbers are compared as such */
        (void)dvsi_cell_convert(&feed->run->batch_arena, feed->mapping->wanted.columns[feed->mapping->version].kind,
                                &row[DVSI_OFFERS_VERSION], &offer.version);
    return offer;
}

static int compare_numbers(const void *a, const void *b, void *rows)
{
    const dvsi_batch *batch = rows;
    uint32_t row_a = *(const uint32_t *)a;
    uint32_t row_b = *(const uint32_t *)b;
    uint64_t x = batch->rows[row_a].number;
    uint64_t y = batch->rows[row_b].number;
    return x != y ? (x > y) - (x < y) : (row_a > row_b) - (row_a < row_b);
}

/* Reconciles offers, in the order of their keys, which their numbers are: of each key the first in precedence. */
static int32_t reconcile_offers(dvsi_feed *feed, dvsi_batch *rows, dvs_error *err)
{
    dvsi_run *run = feed->run;
    static const uint32_t pending = DVSI_OFFERS_PENDING;
    dvs_cell none = dvsi_cell_null();
    uint32_t n = 0;
    dvsi_record *records = dvsi_arena_calloc(&run->batch_arena, (size_t)rows->n_rows + 1, sizeof *records);
    uint32_t *order = dvsi_arena_calloc(&run->batch_arena, (size_t)rows->n_rows + 1, sizeof *order);
    int32_t status = records == NULL || order == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++)
        order[i] = i;
    if (status == DVS_OK && rows->n_rows != 0)
        qsort_r(order, rows->n_rows, sizeof *order, compare_numbers, rows);
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK;) {
        const dvs_cell *best = dvsi_batch_cells(rows, order[i]);
        uint32_t end = i + 1;
        for (; end < rows->n_rows; end++) {
            const dvs_cell *other = dvsi_batch_cells(rows, order[end]);
            if (!dvsi_cell_equal(&best[DVSI_OFFERS_KEY], &other[DVSI_OFFERS_KEY]))
                break;
            dvsi_offer a = precedence(feed, best);
            dvsi_offer b = precedence(feed, other);
            if (dvsi_offer_compare(&b, &a) < 0)
                best = other;
            if (!feed->warned_duplicate) {
                char *key = dvsi_arena_copy(&run->batch_arena, best[DVSI_OFFERS_KEY].v.text, best[DVSI_OFFERS_KEY].length);
                feed->warned_duplicate = 1;
                dvsi_run_note(run, "warning", feed->target->entity->name, feed->from->label, 0, key, NULL,
                              "several records of the source have this key; the newest stands");
            }
        }
        status = offer_record(feed, best, &records[n++], err);
        for (; i < end && status == DVS_OK; i++)
            if (dvsi_batch_cells(rows, order[i])[DVSI_OFFERS_PENDING].kind != DVS_NULL)
                status = dvsi_books_update(&run->notes, DVSI_BOOK_OFFERS, dvsi_batch_cells(rows, order[i])[0].v.i64,
                                           &pending, &none, 1, err);
    }
    return status == DVS_OK ? dvsi_upsert(feed, records, n, err) : status;
}

/* All offers of the keys, in key order, from `keys` (sorted). */
static int32_t offers_of(dvsi_feed *feed, const char *const *keys, uint32_t n_keys, dvsi_batch *rows, dvs_error *err)
{
    static const uint32_t key_columns[3] = {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_KEY};
    uint32_t columns[DVSI_N_OFFERS];
    dvsi_run *run = feed->run;
    dvs_cell *cells = dvsi_arena_calloc(&run->batch_arena, (size_t)n_keys * 3 + 1, sizeof *cells);
    if (cells == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < DVSI_N_OFFERS; i++)
        columns[i] = i;
    for (uint32_t i = 0; i < n_keys; i++) {
        cells[i * 3] = dvsi_cell_text(run->project->name);
        cells[i * 3 + 1] = dvsi_cell_text(feed->target->entity->name);
        cells[i * 3 + 2] = dvsi_cell_text(keys[i]);
    }
    dvs_lookup lookup = {(uint32_t)sizeof lookup, DVSI_N_OFFERS, &run->notes.tables[DVSI_BOOK_OFFERS], columns,
                         key_columns, 3, n_keys, cells, -1, 0};
    dvsi_batch_reset(rows, DVSI_N_OFFERS);
    return dvsi_sink_read(run->notes.sink, &lookup, rows, err);
}

/* The next keys that have offers (only pending ones, if so asked), in order, behind `last`, which moves on. */
static int32_t next_keys(dvsi_feed *feed, int pending, dvsi_buf *last, const char ***keys, uint32_t *n_keys, int *more,
                         dvs_error *err)
{
    static const uint32_t column = DVSI_OFFERS_KEY;
    dvsi_run *run = feed->run;
    dvs_where where[4];
    uint32_t n_where = 0;
    where[n_where++] = dvsi_where(DVSI_OFFERS_PROJECT, DVS_OP_EQ, dvsi_cell_text(run->project->name));
    where[n_where++] = dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name));
    if (last->length != 0)
        where[n_where++] = dvsi_where(DVSI_OFFERS_KEY, DVS_OP_GT, dvsi_cell_text_n(last->data, last->length));
    if (pending)
        where[n_where++] = dvsi_where(DVSI_OFFERS_PENDING, DVS_OP_NOT_NULL, dvsi_cell_null());
    dvs_scan scan = {(uint32_t)sizeof scan, 0, &run->notes.tables[DVSI_BOOK_OFFERS], &column, 1, n_where, where, &column, 1,
                     sizeof(dvs_where),     OFFERS_AT_ONCE};
    dvsi_batch *rows = dvsi_batch_new(1);
    *keys = dvsi_arena_calloc(&run->batch_arena, OFFERS_AT_ONCE + 1, sizeof **keys);
    *n_keys = 0;
    int32_t status = rows == NULL || *keys == NULL ? dvsi_error_no_memory(err)
                                                   : dvsi_sink_scan(run->notes.sink, &scan, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *key = &rows->cells[i];
        if (*n_keys != 0 && strlen((*keys)[*n_keys - 1]) == key->length &&
            memcmp((*keys)[*n_keys - 1], key->v.text, key->length) == 0)
            continue;
        (*keys)[*n_keys] = dvsi_arena_copy(&run->batch_arena, key->v.text, key->length);
        if ((*keys)[(*n_keys)++] == NULL)
            status = dvsi_error_no_memory(err);
    }
    *more = status == DVS_OK && rows->n_rows == OFFERS_AT_ONCE;
    if (status == DVS_OK && *n_keys != 0) {
        dvsi_buf_clear(last);
        dvsi_buf_puts(last, (*keys)[*n_keys - 1]);
    }
    dvsi_batch_free(rows);
    return status;
}

static int32_t reconcile_keys(dvsi_feed *feed, int pending, dvs_error *err)
{
    dvsi_buf last = {0};
    dvsi_batch *offers = dvsi_batch_new(DVSI_N_OFFERS);
    int32_t status = offers == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (int more = 1; more && status == DVS_OK;) {
        const char **keys = NULL;
        uint32_t n_keys = 0;
        dvsi_arena_reset(&feed->run->batch_arena);
        status = next_keys(feed, pending, &last, &keys, &n_keys, &more, err);
        if (status == DVS_OK && n_keys != 0)
            status = offers_of(feed, keys, n_keys, offers, err);
        if (status == DVS_OK && n_keys != 0)
            status = reconcile_offers(feed, offers, err);
    }
    dvsi_buf_free(&last);
    dvsi_batch_free(offers);
    return status;
}

/* Keys that wait, but still have an offer, stay: they take what that offer says. */
static int32_t keep_offered(dvsi_feed *feed, dvs_error *err)
{
    dvsi_buf last = {0};
    dvsi_batch *offers = dvsi_batch_new(DVSI_N_OFFERS);
    int32_t status = offers == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t n = OFFERS_AT_ONCE; n == OFFERS_AT_ONCE && status == DVS_OK;) {
        const char **keys = NULL;
        dvsi_arena *arena = &feed->run->batch_arena;
        dvsi_arena_reset(arena);
        status = dvsi_waiting_next(feed, last.length != 0 ? last.data : NULL, OFFERS_AT_ONCE, arena, &keys, &n, err);
        if (status != DVS_OK || n == 0)
            break;
        dvsi_buf_clear(&last);
        dvsi_buf_puts(&last, keys[n - 1]);
        status = offers_of(feed, keys, n, offers, err);
        const char **kept = dvsi_arena_calloc(arena, (size_t)offers->n_rows + 1, sizeof *kept);
        if (status == DVS_OK && kept == NULL)
            status = dvsi_error_no_memory(err);
        for (uint32_t i = 0; status == DVS_OK && i < offers->n_rows; i++)
            kept[i] = keys[offers->rows[i].number]; /* a key with several offers more than once: no harm */
        if (status == DVS_OK && offers->n_rows != 0)
            status = reconcile_offers(feed, offers, err);
        if (status == DVS_OK)
            status = dvsi_waiting_remove(feed, kept, offers->n_rows, err);
    }
    dvsi_buf_free(&last);
    dvsi_batch_free(offers);
    return status;
}

int32_t dvsi_gather_drop_strangers(dvsi_feed *feed, dvs_error *err)
{
    const dvsi_seen none = {0};
    return drop_offers(feed, DVS_OP_NE, INT64_MAX, &none, err);
}

int32_t dvsi_gather_finish(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = dvsi_scratch_open(feed->run, err);
    if (status == DVS_OK && feed->end_complete && feed->state.unidentified == 0 && feed->run->options->row_limit == 0)
        status = drop_offers(feed, DVS_OP_EQ, feed->state.start_row_id, &feed->seen, err); /* not met: gone */
    if (status == DVS_OK)
        status = reconcile_keys(feed, !feed->end_complete, err);
    if (status == DVS_OK && feed->n_waiting != 0)
        status = keep_offered(feed, err);
    return status;
}
