/*
 * strangers.c - what is kept of sources that the project no longer names for an entity, or under another
 * label: it goes at once and together. A label that comes back finds nothing, neither a cursor without its
 * offers nor half a read.
 */
#include "base/error.h"
#include "data/cell.h"
#include "run/deletes.h"
#include "run/plan.h"
#include "run/rows.h"
#include "run/run.h"

#define ROWS_AT_ONCE 1024u

/* Where a table has what is needed here; `text` is the key of an offer. */
typedef struct place {
    dvsi_book book;
    uint32_t entity;
    uint32_t source;
    uint32_t text;
    int32_t open; /* only rows in which this column is NULL; -1: all */
} place;

/* What becomes of some of a table's rows. */
typedef int32_t take_fn(dvsi_feed *feed, const place *at, const int64_t *ids, const char **texts, uint32_t n,
                        dvs_error *err);

static int is_stranger(const dvsi_feed *feed, const dvs_cell *label)
{
    const dvsi_entity *entity = feed->target->entity;
    for (uint32_t i = 0; i < entity->n_from; i++)
        if (dvsi_cell_says(label, entity->from[i].label))
            return 0;
    return 1;
}

/* Hands out the entity's rows of strangers, a page at a time. */
static int32_t each_stranger(dvsi_feed *feed, const place *at, take_fn *take, dvs_error *err)
{
    static const uint32_t order = 0;
    dvsi_run *run = feed->run;
    dvsi_books *books = &run->books;
    const uint32_t columns[3] = {0, at->source, at->text};
    int64_t last = INT64_MIN;
    dvsi_batch *rows = dvsi_batch_new(3);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t n = ROWS_AT_ONCE; n == ROWS_AT_ONCE && status == DVS_OK;) {
        dvs_where where[4] = {dvsi_where(1, DVS_OP_EQ, dvsi_cell_text(books->project)),
                              dvsi_where(at->entity, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
                              dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(last)),
                              dvsi_where((uint32_t)at->open, DVS_OP_IS_NULL, dvsi_cell_null())};
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = &books->tables[at->book],
                         .columns = columns,
                         .n_columns = 3,
                         .n_where = at->open >= 0 ? 4 : 3,
                         .where = where,
                         .order = &order,
                         .n_order = 1,
                         .where_stride = sizeof(dvs_where),
                         .limit = ROWS_AT_ONCE};
        uint32_t n_taken = 0;
        dvsi_arena_reset(&run->batch_arena);
        dvsi_batch_reset(rows, 3);
        int64_t *ids = dvsi_arena_calloc(&run->batch_arena, ROWS_AT_ONCE, sizeof *ids);
        const char **texts = dvsi_arena_calloc(&run->batch_arena, ROWS_AT_ONCE, sizeof *texts);
        status = ids == NULL || texts == NULL ? dvsi_error_no_memory(err)
                                              : dvsi_sink_scan(books->sink, &scan, rows, err);
        n = rows->n_rows;
        for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
            const dvs_cell *row = dvsi_batch_cells(rows, i);
            last = row[0].v.i64;
            if (!is_stranger(feed, &row[1]))
                continue;
            texts[n_taken] = row[2].kind == DVS_TEXT
                                 ? dvsi_arena_copy(&run->batch_arena, row[2].v.text, row[2].length)
                                 : "";
            if (texts[n_taken] == NULL)
                status = dvsi_error_no_memory(err);
            ids[n_taken++] = last;
        }
        if (status == DVS_OK && n_taken != 0)
            status = take(feed, at, ids, texts, n_taken, err);
    }
    dvsi_batch_free(rows);
    return status;
}

static int32_t drop(dvsi_feed *feed, const place *at, const int64_t *ids, const char **texts, uint32_t n,
                    dvs_error *err)
{
    (void)texts;
    return dvsi_books_delete(&feed->run->books, at->book, ids, n, err);
}

/* The keys that lose an offer are looked at when the read has ended. */
static int32_t drop_offers(dvsi_feed *feed, const place *at, const int64_t *ids, const char **texts,
                           uint32_t n, dvs_error *err)
{
    int32_t status = dvsi_books_delete(&feed->run->books, at->book, ids, n, err);
    return status == DVS_OK ? dvsi_waiting_add(feed, texts, n, err) : status;
}

static int32_t close_errors(dvsi_feed *feed, const place *at, const int64_t *ids, const char **texts,
                            uint32_t n, dvs_error *err)
{
    static const uint32_t column = DVSI_ERRORS_CLOSED_AT;
    const dvs_cell now = dvsi_cell_timestamp(feed->run->started_at);
    int32_t status = DVS_OK;
    (void)texts;
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        status = dvsi_books_update(&feed->run->books, at->book, ids[i], &column, &now, 1, err);
    return status;
}

/* The states of strangers go; *n of them, the feed's own left out. A first load that one of them began has
 * left its table without the key's index: that is made up for. */
static int32_t drop_states(dvsi_feed *feed, uint32_t *n, int *is_new, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_STATE_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_STATE);
    int32_t status = rows == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_books_find(&feed->run->books, DVSI_BOOK_STATE, &where, 1, 0, 0, rows, err);
    *n = 0;
    *is_new = 1;
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const dvs_cell *label = &row[DVSI_STATE_SOURCE];
        if (!is_stranger(feed, label)) {
            *is_new &= !dvsi_cell_says(label, feed->from->label);
            continue;
        }
        dvsi_state_read(&feed->state, row);
        if (feed->state.first_load && !feed->target->created)
            status = dvsi_first_load_close(feed, err);
        dvsi_state_clear(&feed->state);
        if (status == DVS_OK)
            status =
                dvsi_books_delete(&feed->run->books, DVSI_BOOK_STATE, &row[DVSI_STATE_ROW_ID].v.i64, 1, err);
        ++*n;
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_strangers_drop(dvsi_feed *feed, dvs_error *err)
{
    static const place seen = {DVSI_BOOK_SEEN, DVSI_SEEN_ENTITY, DVSI_SEEN_SOURCE, DVSI_SEEN_SOURCE, -1};
    static const place deletes = {DVSI_BOOK_DELETES, DVSI_DELETES_ENTITY, DVSI_DELETES_SOURCE,
                                  DVSI_DELETES_SOURCE, -1};
    static const place offers = {DVSI_BOOK_OFFERS, DVSI_OFFERS_ENTITY, DVSI_OFFERS_SOURCE, DVSI_OFFERS_KEY,
                                 -1};
    static const place errors = {DVSI_BOOK_ERRORS, DVSI_ERRORS_ENTITY, DVSI_ERRORS_SOURCE, DVSI_ERRORS_SOURCE,
                                 DVSI_ERRORS_CLOSED_AT};
    uint32_t n = 0;
    int is_new = 0;
    int32_t status = drop_states(feed, &n, &is_new, err);
    /* A trial leaves no state, but offers and errors: a feed without one looks for them, too. */
    if (status != DVS_OK || (n == 0 && !is_new))
        return status;
    status = each_stranger(feed, &seen, drop, err);
    if (status == DVS_OK)
        status = each_stranger(feed, &errors, close_errors, err);
    /* Keys that wait are those of the whole entity, when it gathers. */
    if (status == DVS_OK && !dvsi_feed_gathers(feed))
        status = each_stranger(feed, &deletes, drop, err);
    if (status == DVS_OK)
        status = each_stranger(feed, &offers, dvsi_feed_gathers(feed) ? drop_offers : drop, err);
    return status;
}
