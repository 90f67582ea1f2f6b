/*
 * saved_offers.c - which offers of a feed a sync would change: those of the diff, in its temporary database,
 * against those in the sink, both in the order of the source's keys.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/gather.h"
#include "run/saved_parts.h"

#define AT_ONCE 256u

enum { SIDE_SOURCE_KEY, SIDE_KEY, SIDE_FIELDS, SIDE_MODIFIED_AT, SIDE_VERSION, SIDE_RAW, SIDE_COLUMNS };
static const uint32_t side_columns[SIDE_COLUMNS] = {DVSI_OFFERS_SOURCE_KEY, DVSI_OFFERS_KEY,
                                                    DVSI_OFFERS_FIELDS,     DVSI_OFFERS_MODIFIED_AT,
                                                    DVSI_OFFERS_VERSION,    DVSI_OFFERS_RAW};

/* One of the two, read a page at a time. */
typedef struct side {
    dvsi_books *books;
    dvsi_batch *rows;
    uint32_t at;
    dvsi_buf last;
    uint32_t more;
} side;

static const dvs_cell *key_at(const side *s, uint32_t at)
{
    return &dvsi_batch_cells(s->rows, at)[SIDE_SOURCE_KEY];
}

/* The last key of a page begins the next one, as more offers of it may lie there: a load that was broken off
 * may have left several, of which the last stands (offers_load.c). */
static int32_t end_page(side *s, dvs_error *err)
{
    uint32_t n = AT_ONCE - 1;
    while (n > 0 && dvsi_cell_equal(key_at(s, n - 1), key_at(s, AT_ONCE - 1)))
        n--;
    s->rows->n_rows = n != 0 ? n : AT_ONCE; /* so many of one key: they come from nowhere */
    const dvs_cell *key = key_at(s, s->rows->n_rows - 1);
    dvsi_buf_clear(&s->last);
    dvsi_buf_add(&s->last, key->v.text, key->length);
    return s->last.failed ? dvsi_error_no_memory(err) : DVS_OK;
}

static int32_t next_page(const dvsi_feed *feed, side *s, dvs_error *err)
{
    static const uint32_t order[2] = {DVSI_OFFERS_SOURCE_KEY, DVSI_OFFERS_OFFER_ID};
    dvs_where where[4] = {
        dvsi_where(DVSI_OFFERS_PROJECT, DVS_OP_EQ, dvsi_cell_text(feed->run->project->name)),
        dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
        dvsi_where(DVSI_OFFERS_SOURCE, DVS_OP_EQ, dvsi_cell_text(feed->from->label)),
        dvsi_where(DVSI_OFFERS_SOURCE_KEY, DVS_OP_GT, dvsi_cell_text_n(s->last.data, s->last.length))};
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &s->books->tables[DVSI_BOOK_OFFERS],
                     .columns = side_columns,
                     .n_columns = SIDE_COLUMNS,
                     .n_where = s->last.length != 0 ? 4 : 3,
                     .where = where,
                     .order = order,
                     .n_order = 2,
                     .where_stride = sizeof(dvs_where),
                     .limit = AT_ONCE};
    s->at = 0;
    dvsi_batch_reset(s->rows, SIDE_COLUMNS);
    int32_t status = dvsi_sink_scan(s->books->sink, &scan, s->rows, err);
    s->more = status == DVS_OK && s->rows->n_rows == AT_ONCE;
    return s->more ? end_page(s, err) : status;
}

/* The row in hand, of several with one key the last; NULL: no more. */
static int32_t peek(const dvsi_feed *feed, side *s, const dvs_cell **row, dvs_error *err)
{
    int32_t status = DVS_OK;
    if (s->at >= s->rows->n_rows && s->more)
        status = next_page(feed, s, err);
    while (status == DVS_OK && s->at + 1 < s->rows->n_rows &&
           dvsi_cell_equal(key_at(s, s->at), key_at(s, s->at + 1)))
        s->at++;
    *row = status == DVS_OK && s->at < s->rows->n_rows ? dvsi_batch_cells(s->rows, s->at) : NULL;
    return status;
}

static int32_t begin(const dvsi_feed *feed, side *s, dvsi_books *books, dvs_error *err)
{
    s->books = books;
    s->rows = dvsi_batch_new(SIDE_COLUMNS);
    if (s->rows == NULL)
        return dvsi_error_no_memory(err);
    return books->sink != NULL && books->exists[DVSI_BOOK_OFFERS] ? next_page(feed, s, err) : DVS_OK;
}

static int compare_keys(const dvs_cell *a, const dvs_cell *b)
{
    uint32_t n = a->length < b->length ? a->length : b->length;
    int order = n != 0 ? memcmp(a->v.text, b->v.text, n) : 0;
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* As an offer is told to have changed (gather.c). */
static int same(const dvs_cell *a, const dvs_cell *b)
{
    return dvsi_cell_equal(&a[SIDE_KEY], &b[SIDE_KEY]) && a[SIDE_FIELDS].length == b[SIDE_FIELDS].length &&
           memcmp(a[SIDE_FIELDS].v.text, b[SIDE_FIELDS].v.text, a[SIDE_FIELDS].length) == 0 &&
           dvsi_cell_equal(&a[SIDE_MODIFIED_AT], &b[SIDE_MODIFIED_AT]) &&
           dvsi_cell_equal(&a[SIDE_VERSION], &b[SIDE_VERSION]);
}

static void put(dvsi_buf *line, const char *name, const dvs_cell *cell)
{
    dvsi_buf_printf(line, ",\"%s\":", name);
    dvsi_cell_json(line, cell);
}

static void begin_line(const dvsi_feed *feed, dvsi_buf *line)
{
    dvsi_buf_clear(line);
    dvsi_saved_line(line, feed->target->entity->name);
    dvsi_buf_puts(line, ",\"source\":");
    dvsi_json_string(line, feed->from->label, strlen(feed->from->label));
}

static int32_t write_offer(const dvsi_feed *feed, const dvs_cell *row, dvsi_buf *line, dvsi_saved_out *out,
                           dvs_error *err)
{
    begin_line(feed, line);
    put(line, "source_key", &row[SIDE_SOURCE_KEY]);
    put(line, "key", &row[SIDE_KEY]);
    put(line, "modified_at", &row[SIDE_MODIFIED_AT]);
    put(line, "version", &row[SIDE_VERSION]);
    put(line, "offer", &row[SIDE_FIELDS]);
    if (row[SIDE_RAW].kind == DVS_JSON) {
        dvsi_buf_puts(line, ",\"raw\":");
        dvsi_json_string(line, row[SIDE_RAW].v.text, row[SIDE_RAW].length);
    }
    dvsi_buf_puts(line, "}\n");
    return line->failed ? dvsi_error_no_memory(err) : dvsi_saved_out_add(out, line->data, line->length, err);
}

static int32_t write_gone(const dvsi_feed *feed, const dvs_cell *row, dvsi_buf *line, dvsi_saved_out *out,
                          dvs_error *err)
{
    begin_line(feed, line);
    put(line, "gone", &row[SIDE_SOURCE_KEY]);
    dvsi_buf_puts(line, "}\n");
    return line->failed ? dvsi_error_no_memory(err) : dvsi_saved_out_add(out, line->data, line->length, err);
}

int32_t dvsi_saved_offers(dvsi_feed *feed, dvsi_saved_out *out, dvs_error *err)
{
    side now = {0};
    side before = {0};
    dvsi_buf line = {0};
    const dvs_cell *a = NULL;
    const dvs_cell *b = NULL;
    int32_t status = dvsi_offers_index(feed->run, err);
    if (status == DVS_OK)
        status = begin(feed, &now, &feed->run->notes, err);
    if (status == DVS_OK)
        status = begin(feed, &before, &feed->run->books, err);
    while (status == DVS_OK) {
        status = peek(feed, &now, &a, err);
        if (status == DVS_OK)
            status = peek(feed, &before, &b, err);
        if (status != DVS_OK || (a == NULL && b == NULL))
            break;
        int order = a == NULL ? 1 : b == NULL ? -1 : compare_keys(&a[SIDE_SOURCE_KEY], &b[SIDE_SOURCE_KEY]);
        if (order > 0)
            status = write_gone(feed, b, &line, out, err);
        else if (order < 0 || !same(a, b))
            status = write_offer(feed, a, &line, out, err);
        now.at += order <= 0;
        before.at += order >= 0;
    }
    dvsi_buf_free(&line);
    dvsi_buf_free(&now.last);
    dvsi_buf_free(&before.last);
    dvsi_batch_free(now.rows);
    dvsi_batch_free(before.rows);
    return status;
}
