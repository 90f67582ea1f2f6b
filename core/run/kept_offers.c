/*
 * kept_offers.c - a comparison makes the offers anew in its temporary database. Those of the sink that a sync
 * would leave alone are taken over: of a record that fails, whose source has last said that; and all of an
 * entity of which only changes, or only what is referred to, are read. There the keys that wait in the sink
 * are taken over, too.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "map/record_json.h"
#include "run/changes.h"
#include "run/gather.h"
#include "run/row_errors.h"
#include "run/run.h"

#define COPIED_AT_ONCE 64u
#define COPIED_BYTES ((size_t)1 << 20) /* rows may be large: then fewer at once */

/* The offer of a source's record, whole; rows is empty when there is none. A load that was broken off may
 * have left several (offers_load.c): the last stands. */
static int32_t find(const dvsi_feed *feed, dvsi_books *books, const char *source_key, dvsi_batch *rows,
                    dvs_error *err)
{
    static const uint32_t key_columns[4] = {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_SOURCE,
                                            DVSI_OFFERS_SOURCE_KEY};
    const dvs_cell key[4] = {dvsi_cell_text(books->project), dvsi_cell_text(feed->target->entity->name),
                             dvsi_cell_text(feed->from->label), dvsi_cell_text(source_key)};
    uint32_t columns[DVSI_N_OFFERS];
    for (uint32_t i = 0; i < DVSI_N_OFFERS; i++)
        columns[i] = i;
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = DVSI_N_OFFERS,
                         .table = &books->tables[DVSI_BOOK_OFFERS],
                         .columns = columns,
                         .key_columns = key_columns,
                         .n_key_columns = 4,
                         .n_keys = 1,
                         .keys = key,
                         .only_null = -1};
    dvsi_batch_reset(rows, DVSI_N_OFFERS);
    return dvsi_sink_read(books->sink, &lookup, rows, err);
}

/* Not one of a former definition. 1 or 0; -1 when memory is out. */
static int is_readable(dvsi_feed *feed, const dvs_cell *fields)
{
    const dvsi_target *target = feed->target;
    dvsi_arena *arena = &feed->run->batch_arena;
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)target->n_fields + 1, sizeof *cells);
    if (cells == NULL)
        return -1;
    return fields->kind == DVS_JSON &&
           dvsi_record_read_json(arena, target->schema.columns + 1, target->n_plain, fields->v.text,
                                 fields->length, cells) == 0;
}

static int32_t keep(dvsi_feed *feed, const char *source_key, dvsi_batch *kept, dvsi_batch *made,
                    dvs_error *err)
{
    dvsi_run *run = feed->run;
    int32_t status = find(feed, &run->books, source_key, kept, err);
    if (status != DVS_OK || kept->n_rows == 0)
        return status;
    dvs_cell row[DVSI_N_OFFERS];
    memcpy(row, dvsi_batch_cells(kept, kept->n_rows - 1), sizeof row);
    status = find(feed, &run->notes, source_key, made, err);
    if (status != DVS_OK || made->n_rows != 0) /* an earlier delivery of it came through */
        return status;
    const int readable = is_readable(feed, &row[DVSI_OFFERS_FIELDS]);
    if (readable <= 0)
        return readable == 0 ? DVS_OK : dvsi_error_no_memory(err);
    return dvsi_books_insert(&run->notes, DVSI_BOOK_OFFERS, row, 1, NULL, err);
}

int32_t dvsi_offers_keep(dvsi_feed *feed, const dvsi_record_error *errors, uint32_t n, dvs_error *err)
{
    dvsi_run *run = feed->run;
    if (n == 0 || !run->dry || !dvsi_feed_gathers(feed) || run->books.sink == NULL ||
        !run->books.exists[DVSI_BOOK_OFFERS])
        return DVS_OK;
    dvsi_batch *kept = dvsi_batch_new(DVSI_N_OFFERS);
    dvsi_batch *made = dvsi_batch_new(DVSI_N_OFFERS);
    int32_t status = kept == NULL || made == NULL ? dvsi_error_no_memory(err) : dvsi_scratch_open(run, err);
    if (status == DVS_OK)
        status = dvsi_offers_index(run, err);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        if (errors[i].source_key != NULL)
            status = keep(feed, errors[i].source_key, kept, made, err);
    dvsi_batch_free(kept);
    dvsi_batch_free(made);
    return status;
}

/* Copies the rows of a book for which the conditions hold, in the order of a column, which is that of an
 * index. */
static int32_t copy_rows(dvsi_run *run, dvsi_book book, const dvs_where *where, uint32_t n_where,
                         uint32_t order, dvs_error *err)
{
    const dvs_table *table = &run->books.tables[book];
    uint32_t columns[DVSI_BOOK_MAX_COLUMNS];
    dvs_where all[4];
    dvsi_buf last = {0};
    dvsi_batch *rows = dvsi_batch_new(table->n_columns);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    memcpy(all, where, n_where * sizeof *where);
    for (uint32_t i = 0; i < table->n_columns; i++)
        columns[i] = i;
    uint32_t most = 1;
    for (int more = 1; more && status == DVS_OK;) {
        all[n_where] = dvsi_where(order, DVS_OP_GT, dvsi_cell_text_n(last.data, last.length));
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = table,
                         .columns = columns,
                         .n_columns = table->n_columns,
                         .n_where = n_where + (last.length != 0),
                         .where = all,
                         .order = &order,
                         .n_order = 1,
                         .where_stride = sizeof(dvs_where),
                         .limit = most};
        dvsi_batch_reset(rows, table->n_columns);
        status = dvsi_sink_scan(run->books.sink, &scan, rows, err);
        const uint32_t n = rows->n_rows;
        if (status != DVS_OK || n == 0)
            break;
        more = n == most;
        most = dvsi_batch_bytes(rows) > COPIED_BYTES ? 1 : most < COPIED_AT_ONCE ? most * 2 : most;
        const dvs_cell *end = &dvsi_batch_cells(rows, n - 1)[order];
        dvsi_buf_clear(&last);
        dvsi_buf_add(&last, end->v.text, end->length);
        status = last.failed ? dvsi_error_no_memory(err)
                             : dvsi_books_insert(&run->notes, book, rows->cells, n, NULL, err);
    }
    dvsi_batch_free(rows);
    dvsi_buf_free(&last);
    return status;
}

int32_t dvsi_notes_copy(dvsi_target *target, dvs_error *err)
{
    dvsi_run *run = target->run;
    const dvs_cell name = dvsi_cell_text(target->entity->name);
    const dvs_cell project = dvsi_cell_text(run->project->name);
    int32_t status = run->books.sink != NULL ? dvsi_scratch_open(run, err) : DVS_OK;
    if (run->books.sink == NULL || status != DVS_OK)
        return status;
    status = dvsi_offers_index(run, err);
    if (status == DVS_OK && run->books.exists[DVSI_BOOK_DELETES]) {
        const dvs_where where[2] = {dvsi_where(DVSI_DELETES_PROJECT, DVS_OP_EQ, project),
                                    dvsi_where(DVSI_DELETES_ENTITY, DVS_OP_EQ, name)};
        status = copy_rows(run, DVSI_BOOK_DELETES, where, 2, DVSI_DELETES_KEY, err);
    }
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        const dvs_cell label = dvsi_cell_text(feed->from->label);
        const dvs_where where[3] = {dvsi_where(DVSI_OFFERS_PROJECT, DVS_OP_EQ, project),
                                    dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, name),
                                    dvsi_where(DVSI_OFFERS_SOURCE, DVS_OP_EQ, label)};
        if (dvsi_feed_gathers(feed) && run->books.exists[DVSI_BOOK_OFFERS])
            status = copy_rows(run, DVSI_BOOK_OFFERS, where, 3, DVSI_OFFERS_SOURCE_KEY, err);
    }
    return status;
}
