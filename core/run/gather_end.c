/*
 * gather_end.c - the end of a read that gathers: offers that it did not meet go, and the keys that it touched
 * (after a complete read: all) are reconciled in key order, a page at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "map/record_json.h"
#include "reconcile/offers.h"
#include "run/changes.h"
#include "run/deletes.h"
#include "run/gather.h"
#include "run/rows.h"
#include "run/run.h"

#define OFFERS_AT_ONCE 1024u
#define WALKED_AT_ONCE 4096u
#define PAGE_BYTES ((size_t)1 << 20) /* of offers, then a page is full ... */
#define KEYS_AT_ONCE 16u             /* ... which is seen after so many keys at the latest */

/* Deletes offers; their keys wait. */
static int32_t drop(dvsi_feed *feed, const int64_t *gone, uint32_t n_gone, dvs_error *err)
{
    static const uint32_t key = DVSI_OFFERS_KEY;
    static const uint32_t id = DVSI_OFFERS_OFFER_ID;
    dvsi_run *run = feed->run;
    dvs_cell *ids = dvsi_arena_calloc(&run->batch_arena, (size_t)n_gone + 1, sizeof *ids);
    const char **keys = dvsi_arena_calloc(&run->batch_arena, (size_t)n_gone + 1, sizeof *keys);
    dvsi_batch *rows = dvsi_batch_new(1);
    int32_t status = rows == NULL || ids == NULL || keys == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t i = 0; i < n_gone && status == DVS_OK; i++)
        ids[i] = dvsi_cell_int64(gone[i]);
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 1,
                         .table = &run->notes.tables[DVSI_BOOK_OFFERS],
                         .columns = &key,
                         .key_columns = &id,
                         .n_key_columns = 1,
                         .n_keys = n_gone,
                         .keys = ids,
                         .only_null = -1};
    if (status == DVS_OK)
        status = dvsi_sink_read(run->notes.sink, &lookup, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        keys[i] = dvsi_arena_copy(&run->batch_arena, rows->cells[i].v.text, rows->cells[i].length);
        if (keys[i] == NULL)
            status = dvsi_error_no_memory(err);
    }
    if (status == DVS_OK)
        status = dvsi_books_delete(&run->notes, DVSI_BOOK_OFFERS, gone, n_gone, err);
    if (status == DVS_OK)
        status = dvsi_waiting_left(feed, keys, rows->n_rows, err);
    dvsi_batch_free(rows);
    return status;
}

/* The source's offers in the order of its keys, which is that of an index, so that walking them costs little:
 * those that were there when the read began and that it did not meet go. */
static int32_t drop_offers(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_buf last = {0};
    dvsi_batch *rows = dvsi_batch_new(2);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t n = WALKED_AT_ONCE; n == WALKED_AT_ONCE && status == DVS_OK;) {
        uint32_t n_gone = 0;
        dvsi_arena_reset(&run->batch_arena);
        int64_t *gone = dvsi_arena_calloc(&run->batch_arena, WALKED_AT_ONCE, sizeof *gone);
        status = gone == NULL ? dvsi_error_no_memory(err)
                              : dvsi_offers_walk(feed, DVS_OP_GT, &last, WALKED_AT_ONCE, rows, err);
        n = rows->n_rows;
        for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
            int64_t id = dvsi_batch_cells(rows, i)[0].v.i64;
            if (id <= feed->state.start_row_id && !dvsi_seen_has(&feed->seen, id))
                gone[n_gone++] = id;
        }
        if (status == DVS_OK && n_gone != 0)
            status = drop(feed, gone, n_gone, err);
    }
    dvsi_batch_free(rows);
    dvsi_buf_free(&last);
    return status;
}

/* What is read of an offer. */
enum {
    GOT_OFFER_ID,
    GOT_SOURCE,
    GOT_SOURCE_KEY,
    GOT_KEY,
    GOT_FIELDS,
    GOT_MODIFIED_AT,
    GOT_VERSION,
    GOT_PENDING,
    GOT_RAW,
    N_GOT
};
static const uint32_t got[N_GOT] = {DVSI_OFFERS_OFFER_ID, DVSI_OFFERS_SOURCE,  DVSI_OFFERS_SOURCE_KEY,
                                    DVSI_OFFERS_KEY,      DVSI_OFFERS_FIELDS,  DVSI_OFFERS_MODIFIED_AT,
                                    DVSI_OFFERS_VERSION,  DVSI_OFFERS_PENDING, DVSI_OFFERS_RAW};

static int wants_raw(const dvsi_target *target)
{
    return target->entity->keep_raw && !target->run->dry;
}

static uint32_t n_got(const dvsi_target *target)
{
    return wants_raw(target) ? N_GOT : GOT_RAW;
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

/* An offer among those of its key. */
typedef struct ranked {
    const dvs_cell *row;
    const dvsi_feed *feed;
    dvsi_offer rank;
} ranked;

/* Whose offer it is; NULL: of a source that the project does not name. */
static const dvsi_feed *feed_of(const dvsi_target *target, const dvs_cell *label)
{
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (strlen(target->feeds[f].from->label) == label->length &&
            memcmp(target->feeds[f].from->label, label->v.text, label->length) == 0)
            return &target->feeds[f];
    return NULL;
}

static dvsi_offer precedence(const dvsi_feed *feed, dvsi_arena *arena, const dvs_cell *row)
{
    const dvsi_mapping *mapping = feed->mapping;
    dvsi_offer offer = {.priority = feed->from->endpoint->priority,
                        .listed = (uint32_t)(feed - feed->target->feeds),
                        .modified = row[GOT_MODIFIED_AT],
                        .version = row[GOT_VERSION],
                        .source_key = row[GOT_SOURCE_KEY].v.text,
                        .source_key_length = row[GOT_SOURCE_KEY].length};
    if (mapping != NULL && mapping->version >= 0) /* kept as text; numbers are compared as such */
        (void)dvsi_cell_convert(arena, mapping->wanted.columns[mapping->version].kind, &row[GOT_VERSION],
                                &offer.version);
    return offer;
}

static int compare_ranks(const void *a, const void *b)
{
    return dvsi_offer_compare(&((const ranked *)a)->rank, &((const ranked *)b)->rank);
}

/* The offers of one key in the order of precedence. */
static int32_t rank(const dvsi_target *target, dvsi_work *work, const uint32_t *order, uint32_t n,
                    ranked **all, uint32_t *n_all, dvs_error *err)
{
    *n_all = 0;
    *all = dvsi_arena_calloc(&work->arena, (size_t)n + 1, sizeof **all);
    if (*all == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        const dvs_cell *row = dvsi_batch_cells(work->batch, order[i]);
        const dvsi_feed *feed = feed_of(target, &row[GOT_SOURCE]);
        if (feed != NULL)
            (*all)[(*n_all)++] = (ranked){row, feed, precedence(feed, &work->arena, row)};
    }
    if (*n_all > 1)
        qsort(*all, *n_all, sizeof **all, compare_ranks);
    return DVS_OK;
}

static void warn_several(dvsi_feed *feed, dvsi_arena *arena, const dvs_cell *key)
{
    if (feed->warned_duplicate)
        return;
    feed->warned_duplicate = 1;
    dvsi_run_note(feed->run, "warning", feed->target->entity->name, feed->from->label, 0,
                  dvsi_arena_copy(arena, key->v.text, key->length), NULL,
                  "several records of the source have this key; the newest stands");
}

/* An offer's fields as the entity's. */
static int32_t read_fields(const dvsi_target *target, dvsi_work *work, const dvs_cell *text,
                           dvs_cell **fields, dvs_error *err)
{
    *fields = dvsi_arena_calloc(&work->arena, (size_t)target->n_fields + 1, sizeof **fields);
    if (*fields == NULL)
        return dvsi_error_no_memory(err);
    if (text->kind != DVS_JSON ||
        dvsi_record_read_json(&work->arena, target->schema.columns + 1, target->n_plain, text->v.text,
                              text->length, *fields) != 0)
        return dvsi_error_set(err, DVS_E_SCHEMA,
                              "an offer of entity \"%s\" in table \"_sync_offers\" cannot be read; run "
                              "`sync --full`",
                              target->entity->name);
    return DVS_OK;
}

/* What each source says, by the first of its records. */
static int32_t listen(dvsi_target *target, dvsi_work *work, const ranked *all, uint32_t n,
                      dvsi_record_offers *offers, dvs_error *err)
{
    dvsi_said *said = dvsi_arena_calloc(&work->arena, n, sizeof *said);
    const dvs_cell **raw = dvsi_arena_calloc(&work->arena, n, sizeof *raw);
    if (said == NULL || raw == NULL)
        return dvsi_error_no_memory(err);
    offers->said = said;
    offers->raw = raw;
    dvs_cell *fields = NULL;
    const dvs_cell *before = NULL;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t voice = (uint32_t)(all[i].feed - target->feeds);
        if (i > 0 && all[i].feed == all[i - 1].feed) {
            warn_several(&target->feeds[voice], &work->arena, &all[i].row[GOT_KEY]);
            continue;
        }
        /* Sources mostly agree: what says the same is read once. */
        const dvs_cell *text = &all[i].row[GOT_FIELDS];
        if (before == NULL || before->kind != text->kind || before->length != text->length ||
            memcmp(before->v.text, text->v.text, text->length) != 0) {
            int32_t status = read_fields(target, work, text, &fields, err);
            if (status != DVS_OK)
                return status;
        }
        before = text;
        raw[offers->n_said] = wants_raw(target) ? &all[i].row[GOT_RAW] : NULL;
        said[offers->n_said++] = (dvsi_said){.voice = voice, .fields = fields};
    }
    return DVS_OK;
}

/* Which of the offers behind a record are to be marked as done. */
static int32_t note_pending(dvsi_work *work, const ranked *all, uint32_t n, dvsi_record *record,
                            dvsi_record_offers *offers, dvs_error *err)
{
    int64_t *pending = dvsi_arena_calloc(&work->arena, n, sizeof *pending);
    int64_t modified = INT64_MIN; /* the newest among the offers that changed */
    if (pending == NULL)
        return dvsi_error_no_memory(err);
    offers->pending = pending;
    for (uint32_t i = 0; i < n; i++) {
        const dvs_cell *row = all[i].row;
        if (row[GOT_PENDING].kind == DVS_NULL)
            continue;
        pending[offers->n_pending++] = row[GOT_OFFER_ID].v.i64;
        if (row[GOT_MODIFIED_AT].kind == DVS_TIMESTAMP && row[GOT_MODIFIED_AT].v.i64 > modified)
            modified = row[GOT_MODIFIED_AT].v.i64;
    }
    record->modified = modified;
    return DVS_OK;
}

/* A record of what the sources offer for one key. */
static int32_t make_record(dvsi_target *target, dvsi_work *work, const uint32_t *order, uint32_t n,
                           dvs_error *err)
{
    ranked *all = NULL;
    uint32_t n_all = 0;
    dvsi_record_offers *offers = dvsi_arena_calloc(&work->arena, 1, sizeof *offers);
    int32_t status =
        offers == NULL ? dvsi_error_no_memory(err) : rank(target, work, order, n, &all, &n_all, err);
    if (status != DVS_OK || n_all == 0)
        return status;
    dvsi_record *record = &work->records[work->n_records];
    const dvs_cell *key = &all[0].row[GOT_KEY];
    *record = (dvsi_record){.key = dvsi_arena_copy(&work->arena, key->v.text, key->length),
                            .key_length = key->length,
                            .offers = offers};
    if (record->key == NULL)
        return dvsi_error_no_memory(err);
    offers->best = all[0].row[GOT_OFFER_ID].v.i64;
    status = listen(target, work, all, n_all, offers, err);
    if (status == DVS_OK)
        status = note_pending(work, all, n_all, record, offers, err);
    record->fields = offers->said[0].fields; /* the key's, to find its row by */
    work->n_records++;
    return status;
}

/* The offers in work->batch, whose numbers are the order of their keys: a record of each key. */
static int32_t make_records(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    uint32_t n_rows = work->batch->n_rows;
    uint32_t *order = dvsi_arena_calloc(&work->arena, (size_t)n_rows + 1, sizeof *order);
    work->records = dvsi_arena_calloc(&work->arena, (size_t)n_rows + 1, sizeof *work->records);
    int32_t status = work->records == NULL || order == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t i = 0; i < n_rows && status == DVS_OK; i++)
        order[i] = i;
    if (status == DVS_OK && n_rows != 0)
        qsort_r(order, n_rows, sizeof *order, compare_numbers, work->batch);
    for (uint32_t i = 0; i < n_rows && status == DVS_OK;) {
        uint32_t end = i + 1;
        while (end < n_rows && work->batch->rows[order[end]].number == work->batch->rows[order[i]].number)
            end++;
        status = make_record(feed->target, work, order + i, end - i, err);
        i = end;
    }
    return status;
}

/* Adds the offers of `n_keys` keys, whose first has the number `first`. */
static int32_t add_offers(dvsi_feed *feed, const char *const *keys, uint32_t first, uint32_t n_keys,
                          dvsi_batch *rows, dvs_error *err)
{
    static const uint32_t key_columns[3] = {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_KEY};
    dvsi_books *notes = &feed->run->notes;
    uint32_t before = rows->n_rows;
    dvs_lookup lookup = {.table = &notes->tables[DVSI_BOOK_OFFERS],
                         .columns = got,
                         .n_columns = n_got(feed->target),
                         .key_columns = key_columns,
                         .only_null = -1};
    int32_t status = dvsi_keys_read(feed, notes, &lookup, keys + first, n_keys, rows, err);
    for (uint32_t r = before; r < rows->n_rows; r++)
        rows->rows[r].number += first;
    return status;
}

/* All offers of the first keys, numbered as these: as many keys as a page holds, at least one. *n_keys is
 * then how many. An offer may be large, and there are many, so it is felt for how many go at once. */
static int32_t offers_of(dvsi_feed *feed, const char *const *keys, uint32_t *n_keys, dvsi_batch *rows,
                         dvs_error *err)
{
    uint32_t done = 0;
    int32_t status = DVS_OK;
    dvsi_batch_reset(rows, n_got(feed->target));
    for (uint32_t n = 1; done < *n_keys && dvsi_batch_bytes(rows) < PAGE_BYTES && status == DVS_OK;
         done += n) {
        size_t each = done != 0 ? dvsi_batch_bytes(rows) / done : 0; /* of a key so far */
        n = n * 2 < KEYS_AT_ONCE ? n * 2 : KEYS_AT_ONCE;
        if (done == 0 || each >= PAGE_BYTES / KEYS_AT_ONCE)
            n = 1;
        n = n < *n_keys - done ? n : *n_keys - done;
        status = add_offers(feed, keys, done, n, rows, err);
    }
    *n_keys = done;
    return status;
}

/* The next keys that have offers (only pending ones, if so asked), in order, behind `last`. */
static int32_t next_keys(dvsi_feed *feed, int pending, const dvsi_buf *last, const char ***keys,
                         uint32_t *n_keys, int *more, dvs_error *err)
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
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &run->notes.tables[DVSI_BOOK_OFFERS],
                     .columns = &column,
                     .n_columns = 1,
                     .n_where = n_where,
                     .where = where,
                     .order = &column,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = OFFERS_AT_ONCE};
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
    dvsi_batch_free(rows);
    return status;
}

/* The next keys that wait, and may still have an offer. */
static int32_t next_waiting(dvsi_feed *feed, const dvsi_buf *last, const char ***keys, uint32_t *n_keys,
                            int *more, dvs_error *err)
{
    int32_t status = dvsi_waiting_next(feed, last->length != 0 ? last->data : NULL, OFFERS_AT_ONCE,
                                       &feed->run->batch_arena, keys, n_keys, err);
    *more = status == DVS_OK && *n_keys == OFFERS_AT_ONCE;
    return status;
}

int32_t dvsi_gather_next(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    dvsi_buf *last = &feed->target->offers_at;
    const char **keys = NULL;
    uint32_t n_keys = 0;
    int more = 0;
    int32_t status = DVS_OK;
    dvsi_arena_reset(&work->arena);
    dvsi_batch_reset(work->batch, n_got(feed->target));
    work->n_records = work->n_errors = 0;
    if (feed->target->offers_part == DVSI_OFFERS_ALL)
        status = next_keys(feed, !feed->target->complete, last, &keys, &n_keys, &more, err);
    else if (feed->target->n_waiting != 0)
        status = next_waiting(feed, last, &keys, &n_keys, &more, err);
    uint32_t n_found = n_keys;
    if (status == DVS_OK && n_keys != 0)
        status = offers_of(feed, keys, &n_keys, work->batch, err);
    if (status == DVS_OK)
        status = make_records(feed, work, err);
    if (status != DVS_OK)
        return status;
    dvsi_buf_clear(last);
    if (more || n_keys < n_found)
        dvsi_buf_puts(last, keys[n_keys - 1]);
    else
        feed->target->offers_part++;
    return last->failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* A record that does not tell which it is may be behind any offer; but behind none of the former keys of a
 * table that is made anew, and takes nothing over. */
static int knows_missing(const dvsi_feed *feed)
{
    const dvsi_target *target = feed->target;
    return feed->end_complete && feed->run->options->row_limit == 0 &&
           (feed->state.unidentified == 0 || (target->rebuilds && !target->rebuild_copied));
}

int32_t dvsi_gather_drop_missing(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = dvsi_scratch_open(feed->run, err);
    if (status == DVS_OK && knows_missing(feed) && !feed->run->notes.offers_empty)
        status = drop_offers(feed, err);
    return status;
}
