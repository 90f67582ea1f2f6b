/* lookup.c - finding the stored rows of a batch of records. */
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "data/cell.h"
#include "data/key.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/schema_rule.h"

/* What a lookup works on. */
typedef struct finder {
    dvsi_feed *feed;
    dvsi_target *target;
    dvsi_run *run;
    const dvsi_record *records;
    uint32_t n_records;
    const uint8_t *skip; /* records that do not count */
    int32_t *row_of;
    dvsi_buf text;
} finder;

#define GUESS_MORE                                                                                           \
    16u /* rows read beyond as many as there are records, for gaps and deleted rows; few when the            \
         * records are few, as they may be large */
#define GUESS_PAUSE 16u /* batches without guessing after one that went wrong */

/* The column that is NULL in current versions; -1: rows have no versions. */
static int32_t current_only(const dvsi_target *t)
{
    return t->lookup_deleted >= 0 ? t->valid_to : -1;
}

/* The canonical key of a stored row, for comparing with the records'. */
static const char *row_key(finder *u, const dvs_cell *row, size_t *length)
{
    const dvsi_target *t = u->target;
    dvs_cell key[16];
    dvsi_buf_clear(&u->text);
    for (uint32_t k = 0; k < t->n_key; k++)
        key[k] = row[t->field_at[t->key_columns[k] - 1]];
    if (dvsi_key_canonical(&u->text, key, t->n_key) != NULL || u->text.failed)
        return NULL;
    *length = u->text.length;
    return dvsi_buf_text(&u->text);
}

/*
 * A source mostly delivers its records in the order in which they were first loaded, which is that of the row
 * ids: reading the rows behind the one met last in one sweep is several times cheaper than looking each up by
 * its key. Rows that turn out to be other records' are ignored, so a wrong guess costs time and nothing else.
 */
static int32_t guess_rows(finder *u, uint32_t n_open, uint32_t *n_found, dvs_error *err)
{
    static const uint32_t row_id = 0;
    dvsi_target *t = u->target;
    dvsi_run *run = u->run;
    size_t size = 16;
    while (size < (size_t)u->n_records * 2)
        size *= 2;
    uint32_t *slots = dvsi_arena_calloc(&run->batch_arena, size, sizeof *slots); /* 1 + record */
    if (slots == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_records; i++) {
        if (u->skip[i])
            continue;
        size_t at = dvsi_hash64(u->records[i].key, u->records[i].key_length) & (size - 1);
        while (slots[at] != 0)
            at = (at + 1) & (size - 1);
        slots[at] = i + 1;
    }
    dvs_where behind[2] = {dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(u->feed->last_met))};
    uint32_t n_where = 1;
    if (current_only(t) >= 0)
        behind[n_where++] = dvsi_where((uint32_t)t->valid_to, DVS_OP_IS_NULL, dvsi_cell_null());
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &t->table,
                     .columns = t->lookup,
                     .n_columns = t->n_lookup,
                     .n_where = n_where,
                     .where = behind,
                     .order = &row_id,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = (uint64_t)n_open + (n_open < GUESS_MORE ? n_open : GUESS_MORE)};
    int32_t status = dvsi_sink_scan(run->sink, &scan, run->rows, err);
    for (uint32_t r = 0; status == DVS_OK && r < run->rows->n_rows; r++) {
        size_t length = 0;
        const char *key = row_key(u, dvsi_batch_cells(run->rows, r), &length);
        if (key == NULL)
            continue;
        for (size_t at = dvsi_hash64(key, length) & (size - 1); slots[at] != 0; at = (at + 1) & (size - 1)) {
            const dvsi_record *record = &u->records[slots[at] - 1];
            if (record->key_length != length || memcmp(record->key, key, length) != 0)
                continue;
            *n_found += u->row_of[slots[at] - 1] < 0;
            u->row_of[slots[at] - 1] = (int32_t)r;
            break;
        }
    }
    return status;
}

/* The keys of the records that no row was found for, and which record each is of; how many in *n. */
static int32_t open_keys(finder *u, dvs_cell **keys, uint32_t **record_of, uint32_t *n, dvs_error *err)
{
    const dvsi_target *t = u->target;
    dvsi_arena *arena = &u->run->batch_arena;
    *record_of = dvsi_arena_calloc(arena, u->n_records, sizeof **record_of);
    *keys = dvsi_arena_calloc(arena, (size_t)u->n_records * t->n_key, sizeof **keys);
    *n = 0;
    if (*record_of == NULL || *keys == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_records; i++) {
        if (u->skip[i] || u->row_of[i] >= 0)
            continue;
        int possible = 1;
        for (uint32_t k = 0; k < t->n_key; k++) {
            dvs_cell *cell = &(*keys)[(size_t)*n * t->n_key + k];
            *cell = u->records[i].fields[t->key_columns[k] - 1];
            if (t->n_widenings != 0 && u->run->dry)
                possible &= dvsi_evolve_back(t, t->key_columns[k] - 1, arena, cell) == 0;
        }
        if (possible)
            (*record_of)[(*n)++] = i;
    }
    return DVS_OK;
}

/* Adds rows to those that were found: of key number i, record record_of[i]'s. */
static int32_t read_rows(finder *u, const uint32_t *key_columns, uint32_t n_key, const dvs_cell *keys,
                         const uint32_t *record_of, uint32_t n, int32_t only_null, dvs_error *err)
{
    dvsi_target *t = u->target;
    dvsi_run *run = u->run;
    uint32_t first = run->rows->n_rows;
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = t->n_lookup,
                         .table = &t->table,
                         .columns = t->lookup,
                         .key_columns = key_columns,
                         .n_key_columns = n_key,
                         .n_keys = n,
                         .keys = keys,
                         .only_null = only_null};
    int32_t status = dvsi_sink_read(run->sink, &lookup, run->rows, err);
    for (uint32_t r = first; r < run->rows->n_rows && status == DVS_OK; r++)
        if (run->rows->rows[r].number < n)
            u->row_of[record_of[run->rows->rows[r].number]] = (int32_t)r;
    return status;
}

/* Reads the rows of these ids, each of one record; 0: it has none. */
static int32_t read_by_id(finder *u, const int64_t *ids, uint32_t *record_of, uint32_t n, dvs_error *err)
{
    static const uint32_t row_id = 0;
    uint32_t n_ids = 0;
    dvs_cell *cells = dvsi_arena_calloc(&u->run->batch_arena, (size_t)n + 1, sizeof *cells);
    if (cells == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        if (ids[i] == 0)
            continue;
        record_of[n_ids] = record_of[i];
        cells[n_ids++] = dvsi_cell_int64(ids[i]);
    }
    return n_ids != 0 ? read_rows(u, &row_id, 1, cells, record_of, n_ids, -1, err) : DVS_OK;
}

/* The same for keys that were noted. */
static int32_t find_noted(finder *u, dvs_error *err)
{
    dvsi_arena *arena = &u->run->batch_arena;
    const char **keys = dvsi_arena_calloc(arena, u->n_records, sizeof *keys);
    uint32_t *record_of = dvsi_arena_calloc(arena, u->n_records, sizeof *record_of);
    int64_t *ids = dvsi_arena_calloc(arena, u->n_records, sizeof *ids);
    uint32_t n = 0;
    if (keys == NULL || record_of == NULL || ids == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_records; i++) {
        if (u->skip[i] || u->row_of[i] >= 0)
            continue;
        keys[n] = u->records[i].key;
        record_of[n++] = i;
    }
    int32_t status = dvsi_lookup_noted(u->feed, keys, n, ids, err);
    return status == DVS_OK ? read_by_id(u, ids, record_of, n, err) : status;
}

/* Looks up by key the records that no row was found for. */
static int32_t find_rows(finder *u, dvs_error *err)
{
    dvs_cell *keys = NULL;
    uint32_t *record_of = NULL;
    uint32_t n = 0;
    int32_t status = open_keys(u, &keys, &record_of, &n, err);
    if (status != DVS_OK || n == 0)
        return status;
    return read_rows(u, u->target->key_columns, u->target->n_key, keys, record_of, n, current_only(u->target),
                     err);
}

/* The row id of each key's last version, in the order of the keys; 0: it has none. */
static int32_t last_versions(finder *u, const dvs_cell *keys, uint32_t n, int64_t *ids, dvs_error *err)
{
    const dvsi_target *t = u->target;
    const uint32_t columns[2] = {0, (uint32_t)t->valid_from};
    int64_t *begun = dvsi_arena_calloc(&u->run->batch_arena, n, sizeof *begun);
    dvsi_batch *rows = dvsi_batch_new(2);
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 2,
                         .table = &t->table,
                         .columns = columns,
                         .key_columns = t->key_columns,
                         .n_key_columns = t->n_key,
                         .n_keys = n,
                         .keys = keys,
                         .only_null = -1};
    int32_t status = begun == NULL || rows == NULL ? dvsi_error_no_memory(err)
                                                   : dvsi_sink_read(u->run->sink, &lookup, rows, err);
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++) {
        const dvs_cell *row = dvsi_batch_cells(rows, r);
        uint64_t at = rows->rows[r].number;
        int64_t from = row[1].kind == DVS_TIMESTAMP ? row[1].v.i64 : INT64_MIN;
        if (at >= n || (ids[at] != 0 && (from < begun[at] || (from == begun[at] && row[0].v.i64 < ids[at]))))
            continue;
        ids[at] = row[0].v.i64;
        begun[at] = from;
    }
    dvsi_batch_free(rows);
    return status;
}

/* Of records that have no current version, the last one: they are revived, if they have one. */
static int32_t find_closed(finder *u, dvs_error *err)
{
    dvs_cell *keys = NULL;
    uint32_t *record_of = NULL;
    uint32_t n = 0;
    int32_t status = open_keys(u, &keys, &record_of, &n, err);
    if (status != DVS_OK || n == 0)
        return status;
    int64_t *ids = dvsi_arena_calloc(&u->run->batch_arena, n, sizeof *ids);
    if (ids == NULL)
        return dvsi_error_no_memory(err);
    status = last_versions(u, keys, n, ids, err);
    return status == DVS_OK ? read_by_id(u, ids, record_of, n, err) : status;
}

int32_t dvsi_lookup_rows(dvsi_feed *feed, const dvsi_record *records, uint32_t n_records, const uint8_t *skip,
                         int32_t **row_of, dvs_error *err)
{
    finder all = {feed, feed->target, feed->run, records, n_records, skip, NULL, {0}};
    finder *u = &all;
    dvsi_run *run = feed->run;
    int32_t status = DVS_OK;
    uint32_t n_open = 0;
    uint32_t n_found = 0;
    *row_of = u->row_of = dvsi_arena_calloc(&run->batch_arena, u->n_records, sizeof *u->row_of);
    if (u->row_of == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_records; i++) {
        u->row_of[i] = -1;
        n_open += !u->skip[i];
    }
    dvsi_batch_reset(run->rows, u->target->n_lookup);
    if (n_open == 0 || run->sink == NULL || !u->target->exists || feed->state.first_load)
        return DVS_OK;
    for (uint32_t k = 0; k < u->target->n_key; k++)
        if (u->target->field_at[u->target->key_columns[k] - 1] < 0)
            return DVS_OK; /* a table without the key's columns holds none of the records */
    if (feed->mode == DVS_READ_FULL && !dvsi_feed_gathers(feed) && u->target->n_key <= 16) {
        if (feed->no_guess != 0) {
            feed->no_guess--;
        } else {
            status = guess_rows(u, n_open, &n_found, err);
            feed->no_guess = n_found < n_open / 2 ? GUESS_PAUSE : 0;
        }
    }
    if (status == DVS_OK && n_found < n_open)
        status = feed->rows_noted ? find_noted(u, err) : find_rows(u, err);
    if (status == DVS_OK && current_only(u->target) >= 0 &&
        !feed->rows_noted) /* a first load has but one of each */
        status = find_closed(u, err);
    for (uint32_t i = u->n_records; i > 0; i--)
        if (u->row_of[i - 1] >= 0) {
            feed->last_met = dvsi_batch_cells(run->rows, (uint32_t)u->row_of[i - 1])[0].v.i64;
            break;
        }
    dvsi_buf_free(&all.text);
    return status;
}

int32_t dvsi_keys_read(dvsi_feed *feed, dvsi_books *books, dvs_lookup *lookup, const char *const *keys,
                       uint32_t n, dvsi_batch *rows, dvs_error *err)
{
    dvs_cell *cells = dvsi_arena_calloc(&feed->run->batch_arena, (size_t)n * 3 + 1, sizeof *cells);
    if (cells == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        cells[i * 3] = dvsi_cell_text(books->project);
        cells[i * 3 + 1] = dvsi_cell_text(feed->target->entity->name);
        cells[i * 3 + 2] = dvsi_cell_text(keys[i]);
    }
    lookup->struct_size = (uint32_t)sizeof *lookup;
    lookup->n_key_columns = 3;
    lookup->n_keys = n;
    lookup->keys = cells;
    return dvsi_sink_read(books->sink, lookup, rows, err);
}
