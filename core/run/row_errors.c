/*
 * row_errors.c - records that could not be used, in _sync_errors: one open row per record and field. A
 * comparison has a copy of the open ones in its temporary database, and does to it what a sync does to those
 * of the sink.
 */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "run/changes.h"
#include "run/deletes.h"
#include "run/row_errors.h"
#include "run/run.h"
#include "run/saved.h"

#define RETRY_ROWS 256u
#define RECORD_MAX ((size_t)1 << 20) /* bytes of a record that are kept */

/* Where the open errors are. */
static dvsi_books *books_of(const dvsi_feed *feed)
{
    return feed->run->dry ? &feed->run->notes : &feed->run->books;
}

uint32_t dvsi_row_errors_where(const dvsi_feed *feed, const char *severity, dvs_where where[4])
{
    where[0] = dvsi_where(DVSI_ERRORS_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name));
    where[1] = dvsi_where(DVSI_ERRORS_SOURCE, DVS_OP_EQ, dvsi_cell_text(feed->from->label));
    where[2] = dvsi_where(DVSI_ERRORS_CLOSED_AT, DVS_OP_IS_NULL, dvsi_cell_null());
    where[3] = dvsi_where(DVSI_ERRORS_SEVERITY, DVS_OP_EQ, dvsi_text_or_null(severity));
    return severity != NULL ? 4 : 3;
}

static int32_t close_row(dvsi_feed *feed, int64_t row_id, dvs_error *err)
{
    static const uint32_t column = DVSI_ERRORS_CLOSED_AT;
    dvs_cell now = dvsi_cell_timestamp(feed->run->started_at);
    return dvsi_books_update(books_of(feed), DVSI_BOOK_ERRORS, row_id, &column, &now, 1, err);
}

/* Is it among this run's row errors? */
static int is_counted(const dvsi_feed *feed, const dvs_cell *run_id, const dvs_cell *last_seen)
{
    return dvsi_cell_says(run_id, feed->run->run_id) && last_seen->kind == DVS_TIMESTAMP &&
           last_seen->v.i64 >= feed->run->started_at;
}

/* An error that this run has raised is over: it is none of the run. Its key as it was noted then. */
static int32_t uncount(dvsi_feed *feed, const dvs_cell *key, const dvs_cell *source_key,
                       const dvs_cell *number, const dvs_cell *field, dvs_error *err)
{
    dvsi_arena *arena = &feed->run->batch_arena;
    const dvs_cell *name = key->kind == DVS_TEXT ? key : source_key;
    const char *name_text =
        name->kind == DVS_TEXT ? dvsi_arena_copy(arena, name->v.text, name->length) : NULL;
    const char *field_text =
        field->kind == DVS_TEXT ? dvsi_arena_copy(arena, field->v.text, field->length) : NULL;
    if ((name->kind == DVS_TEXT && name_text == NULL) || (field->kind == DVS_TEXT && field_text == NULL))
        return dvsi_error_no_memory(err);
    feed->counts.row_errors -= feed->counts.row_errors != 0;
    dvsi_run_unnote(feed, number != NULL && number->kind == DVS_INT64 ? (uint64_t)number->v.i64 : 0,
                    name_text, field_text);
    const dvs_cell *own = source_key->kind == DVS_TEXT ? source_key : key;
    return own->kind == DVS_TEXT ? dvsi_saved_mend(feed, own, err) : DVS_OK;
}

/* A failing record that has this key counts as present; when it moves on or comes through, nobody may have
 * the key. */
static int32_t look_again(dvsi_feed *feed, const dvs_cell *key, dvs_error *err)
{
    if (!dvsi_feed_gathers(feed) || key->kind != DVS_TEXT)
        return DVS_OK;
    const char *copy = dvsi_arena_copy(&feed->run->batch_arena, key->v.text, key->length);
    return copy != NULL ? dvsi_waiting_add(feed, &copy, 1, err) : dvsi_error_no_memory(err);
}

/* The open row of the same record and field: 0 when there is none. What this run has raised of the record
 * before is not counted any more. */
static int32_t find_open(dvsi_feed *feed, const dvsi_record_error *error, dvsi_batch *rows, int64_t *row_id,
                         int64_t *attempts, dvs_error *err)
{
    dvs_where where[5];
    uint32_t n = dvsi_row_errors_where(feed, "error", where);
    /* The best name of the source's record that there is; its key in the entity may change. */
    if (error->source_key != NULL)
        where[n++] = dvsi_where(DVSI_ERRORS_SOURCE_KEY, DVS_OP_EQ, dvsi_cell_text(error->source_key));
    else if (error->key != NULL)
        where[n++] = dvsi_where(DVSI_ERRORS_KEY, DVS_OP_EQ, dvsi_cell_text(error->key));
    else
        where[n++] = dvsi_where(DVSI_ERRORS_ROW_NUMBER, DVS_OP_EQ, dvsi_cell_int64((int64_t)error->number));
    *row_id = 0;
    int32_t status = dvsi_books_find(books_of(feed), DVSI_BOOK_ERRORS, where, n, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (error->source_key == NULL && (!dvsi_cell_says(&row[DVSI_ERRORS_SOURCE_KEY], NULL) ||
                                          !dvsi_cell_says(&row[DVSI_ERRORS_KEY], error->key)))
            continue;
        if (!dvsi_cell_says(&row[DVSI_ERRORS_KEY], error->key))
            status = look_again(feed, &row[DVSI_ERRORS_KEY], err);
        int is_same =
            dvsi_cell_says(&row[DVSI_ERRORS_FIELD], error->field); /* else it fails in another field now */
        if (!is_same && error->key == NULL && error->source_key == NULL)
            continue;
        if (status == DVS_OK && is_counted(feed, &row[DVSI_ERRORS_RUN_ID], &row[DVSI_ERRORS_LAST_SEEN]))
            status = uncount(feed, &row[DVSI_ERRORS_KEY], &row[DVSI_ERRORS_SOURCE_KEY],
                             &row[DVSI_ERRORS_ROW_NUMBER], &row[DVSI_ERRORS_FIELD], err);
        if (status == DVS_OK && !is_same) {
            status = close_row(feed, row[DVSI_ERRORS_ROW_ID].v.i64, err);
            feed->open_errors -= feed->open_errors != 0;
        }
        if (status != DVS_OK || !is_same)
            continue;
        *row_id = row[DVSI_ERRORS_ROW_ID].v.i64;
        *attempts = row[DVSI_ERRORS_ATTEMPTS].kind == DVS_INT64 ? row[DVSI_ERRORS_ATTEMPTS].v.i64 : 0;
    }
    return status;
}

/* Text that fits into a column: cut at a character when it is very long. */
static dvs_cell record_cell(const char *text, size_t length)
{
    if (text == NULL)
        return dvsi_cell_null();
    if (length > RECORD_MAX)
        length = dvsi_utf8_valid(text, RECORD_MAX);
    return dvsi_cell_text_n(text, length);
}

static int32_t store(dvsi_feed *feed, const dvsi_record_error *error, dvsi_batch *rows, dvs_error *err)
{
    static const uint32_t columns[] = {DVSI_ERRORS_RUN_ID,   DVSI_ERRORS_ROW_NUMBER, DVSI_ERRORS_KEY,
                                       DVSI_ERRORS_MESSAGE,  DVSI_ERRORS_RECORD,     DVSI_ERRORS_LAST_SEEN,
                                       DVSI_ERRORS_ATTEMPTS, DVSI_ERRORS_CELLS};
    dvsi_run *run = feed->run;
    int64_t row_id = 0;
    int64_t attempts = 0;
    dvs_cell now = dvsi_cell_timestamp(run->started_at);
    int32_t status = feed->open_errors != 0 ? find_open(feed, error, rows, &row_id, &attempts, err) : DVS_OK;
    if (status != DVS_OK)
        return status;
    feed->counts.row_errors++;
    dvs_cell record = dvsi_cell_null();
    dvs_cell kept = dvsi_cell_null();
    if (!run->dry) /* there nobody asks for it any more */
        record = record_cell(error->record, error->record_length);
    if (!run->dry && error->cells != NULL && error->cells_length <= RECORD_MAX)
        kept = dvsi_cell_json_n(error->cells, error->cells_length);
    if (row_id != 0) {
        dvs_cell cells[] = {dvsi_cell_text(run->run_id),
                            dvsi_cell_int64((int64_t)error->number),
                            dvsi_text_or_null(error->key),
                            dvsi_cell_text(error->message),
                            record,
                            now,
                            dvsi_cell_int64(attempts + 1),
                            kept};
        return dvsi_books_update(books_of(feed), DVSI_BOOK_ERRORS, row_id, columns, cells,
                                 sizeof columns / sizeof *columns, err);
    }
    dvs_cell row[DVSI_N_ERRORS] = {{0}};
    row[DVSI_ERRORS_RUN_ID] = dvsi_cell_text(run->run_id);
    row[DVSI_ERRORS_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_ERRORS_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_ERRORS_ROW_NUMBER] = dvsi_cell_int64((int64_t)error->number);
    row[DVSI_ERRORS_SOURCE_KEY] = dvsi_text_or_null(error->source_key);
    row[DVSI_ERRORS_KEY] = dvsi_text_or_null(error->key);
    row[DVSI_ERRORS_FIELD] = dvsi_text_or_null(error->field);
    row[DVSI_ERRORS_SEVERITY] = dvsi_cell_text("error");
    row[DVSI_ERRORS_MESSAGE] = dvsi_cell_text(error->message);
    row[DVSI_ERRORS_RECORD] = record;
    row[DVSI_ERRORS_FIRST_SEEN] = now;
    row[DVSI_ERRORS_LAST_SEEN] = now;
    row[DVSI_ERRORS_ATTEMPTS] = dvsi_cell_int64(1);
    row[DVSI_ERRORS_CELLS] = kept;
    feed->open_errors++;
    return dvsi_books_insert(books_of(feed), DVSI_BOOK_ERRORS, row, 1, NULL, err);
}

int32_t dvsi_row_errors_add(dvsi_feed *feed, const dvsi_record_error *errors, uint32_t n, dvs_error *err)
{
    int32_t status = DVS_OK;
    dvsi_batch *rows = n != 0 ? dvsi_batch_new(DVSI_N_ERRORS) : NULL;
    if (n != 0 && rows == NULL)
        return dvsi_error_no_memory(err);
    status = dvsi_offers_keep(feed, errors, n, err);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        if (feed->run->dry)
            status = dvsi_scratch_open(feed->run, err);
        if (status == DVS_OK)
            status = store(feed, &errors[i], rows, err);
        if (status == DVS_OK && feed->run->dry)
            status = dvsi_saved_fail(feed, &errors[i], err);
        dvsi_run_note(feed->run, "error", feed->target->entity->name, feed->from->label, errors[i].number,
                      errors[i].key != NULL ? errors[i].key : errors[i].source_key, errors[i].field, "%s",
                      errors[i].message);
    }
    dvsi_batch_free(rows);
    return status;
}

static int32_t close_rows(dvsi_feed *feed, const dvsi_batch *rows, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        status = close_row(feed, row[DVSI_ERRORS_ROW_ID].v.i64, err);
        feed->open_errors -= feed->open_errors != 0 && dvsi_cell_says(&row[DVSI_ERRORS_SEVERITY], "error");
    }
    return status;
}

/* Open errors of the feed whose `column` is one of the texts, whose index is the number of the row put. */
enum {
    FOUND_ROW_ID,
    FOUND_SEVERITY,
    FOUND_RUN_ID,
    FOUND_LAST_SEEN,
    FOUND_SOURCE_KEY,
    FOUND_KEY,
    FOUND_FIELD,
    FOUND_COLUMNS
};

static int32_t find_by_text(dvsi_feed *feed, uint32_t column, const dvs_cell *texts, uint32_t n,
                            dvsi_batch *rows, dvs_error *err)
{
    static const uint32_t columns[FOUND_COLUMNS] = {
        DVSI_ERRORS_ROW_ID,     DVSI_ERRORS_SEVERITY, DVSI_ERRORS_RUN_ID, DVSI_ERRORS_LAST_SEEN,
        DVSI_ERRORS_SOURCE_KEY, DVSI_ERRORS_KEY,      DVSI_ERRORS_FIELD};
    const uint32_t key_columns[4] = {DVSI_ERRORS_PROJECT, DVSI_ERRORS_ENTITY, column, DVSI_ERRORS_SOURCE};
    dvsi_books *books = books_of(feed);
    dvs_cell *keys = dvsi_arena_calloc(&feed->run->batch_arena, (size_t)n * 4 + 1, sizeof *keys);
    if (keys == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        keys[i * 4] = dvsi_cell_text(books->project);
        keys[i * 4 + 1] = dvsi_cell_text(feed->target->entity->name);
        keys[i * 4 + 2] = texts[i];
        keys[i * 4 + 3] = dvsi_cell_text(feed->from->label);
    }
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = FOUND_COLUMNS,
                         .table = &books->tables[DVSI_BOOK_ERRORS],
                         .columns = columns,
                         .key_columns = key_columns,
                         .n_key_columns = 4,
                         .n_keys = n,
                         .keys = keys,
                         .only_null = DVSI_ERRORS_CLOSED_AT};
    dvsi_batch_reset(rows, FOUND_COLUMNS);
    return n != 0 ? dvsi_sink_read(books->sink, &lookup, rows, err) : DVS_OK;
}

static int32_t find_by_keys(dvsi_feed *feed, const char *const *keys, uint32_t n, dvsi_batch **rows,
                            dvs_error *err)
{
    dvs_cell *texts = dvsi_arena_calloc(&feed->run->batch_arena, n, sizeof *texts);
    *rows = dvsi_batch_new(FOUND_COLUMNS);
    if (texts == NULL || *rows == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++)
        texts[i] = dvsi_cell_text(keys[i]);
    return find_by_text(feed, DVSI_ERRORS_KEY, texts, n, *rows, err);
}

/* Closes the errors among the rows of find_by_text; they are no longer this run's. */
static int32_t close_found(dvsi_feed *feed, const dvsi_batch *rows, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (!dvsi_cell_says(&row[FOUND_SEVERITY], "error"))
            continue;
        status = close_row(feed, row[FOUND_ROW_ID].v.i64, err);
        feed->open_errors -= feed->open_errors != 0;
        if (status == DVS_OK && is_counted(feed, &row[FOUND_RUN_ID], &row[FOUND_LAST_SEEN]))
            status = uncount(feed, &row[FOUND_KEY], &row[FOUND_SOURCE_KEY], NULL, &row[FOUND_FIELD], err);
        if (status == DVS_OK)
            status = look_again(feed, &row[FOUND_KEY], err);
    }
    return status;
}

int32_t dvsi_row_errors_failing(dvsi_feed *feed, const char *const *keys, uint32_t n, uint8_t *failing,
                                dvs_error *err)
{
    memset(failing, 0, n);
    if (n == 0 || feed->open_errors == 0)
        return DVS_OK;
    dvsi_batch *rows = NULL;
    int32_t status = find_by_keys(feed, keys, n, &rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (dvsi_cell_says(&row[FOUND_SEVERITY], "error") && row[FOUND_SOURCE_KEY].kind == DVS_TEXT)
            failing[rows->rows[i].number] = 1;
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_row_errors_close_gone(dvsi_feed *feed, const char *const *keys, uint32_t n, dvs_error *err)
{
    if (n == 0 || feed->open_errors == 0)
        return DVS_OK;
    dvsi_batch *rows = NULL;
    int32_t status = find_by_keys(feed, keys, n, &rows, err);
    if (status == DVS_OK)
        status = close_found(feed, rows, err);
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_row_errors_close_keys(dvsi_feed *feed, const dvsi_record *records, uint32_t n, dvs_error *err)
{
    int gathers = dvsi_feed_gathers(feed);
    dvsi_arena *arena = &feed->run->batch_arena;
    dvs_cell *texts = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *texts);
    dvsi_record *alike =
        dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *alike); /* failed or not, the last one tells */
    uint8_t *skip = NULL;
    uint32_t *previous = NULL;
    dvsi_batch *rows = dvsi_batch_new(FOUND_COLUMNS);
    uint32_t n_texts = 0;
    int32_t status = texts == NULL || alike == NULL || rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        alike[i] = records[i];
        alike[i].flags = 0;
    }
    if (status == DVS_OK && dvsi_records_last(arena, alike, n, gathers, &skip, &previous) != 0)
        status = dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        const char *key = gathers ? records[i].source_key : records[i].key;
        if (!skip[i] && (records[i].flags & ~DVSI_RECORD_TOMBSTONE) == 0)
            texts[n_texts++] = dvsi_cell_text(key);
    }
    if (status == DVS_OK)
        status =
            find_by_text(feed, gathers ? DVSI_ERRORS_SOURCE_KEY : DVSI_ERRORS_KEY, texts, n_texts, rows, err);
    if (status == DVS_OK)
        status = close_found(feed, rows, err);
    dvsi_batch_free(rows);
    return status;
}

static int32_t close_where(dvsi_feed *feed, const dvs_where *where, uint32_t n, dvs_error *err)
{
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_ERRORS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t got = RETRY_ROWS; got == RETRY_ROWS && status == DVS_OK;) {
        status = dvsi_books_find(books_of(feed), DVSI_BOOK_ERRORS, where, n, 0, RETRY_ROWS, rows, err);
        got = rows->n_rows;
        if (status == DVS_OK)
            status = close_rows(feed, rows, err);
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_row_errors_close_old(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where[5];
    uint32_t n = dvsi_row_errors_where(feed, NULL, where);
    /* What this read raised carries the start of one of its runs; those lie not before the read's own. */
    where[n++] =
        dvsi_where(DVSI_ERRORS_LAST_SEEN, DVS_OP_LT, dvsi_cell_timestamp(feed->state.read_started_at));
    return close_where(feed, where, n, err);
}

int32_t dvsi_row_errors_close_absent(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where[6];
    uint32_t n = dvsi_row_errors_where(feed, "error", where);
    where[n++] = dvsi_where(DVSI_ERRORS_SOURCE_KEY, DVS_OP_NOT_NULL, dvsi_cell_null());
    where[n++] =
        dvsi_where(DVSI_ERRORS_LAST_SEEN, DVS_OP_LT, dvsi_cell_timestamp(feed->state.read_started_at));
    return close_where(feed, where, n, err);
}

int32_t dvsi_row_errors_close_settled(dvsi_feed *feed, dvs_error *err)
{
    const dvs_cell none = dvsi_cell_null();
    dvs_where where[9];
    uint32_t n = dvsi_row_errors_where(feed, "error", where);
    /* They belong to a key, and not to a record or a field of the source. */
    where[n++] = dvsi_where(DVSI_ERRORS_KEY, DVS_OP_NOT_NULL, none);
    where[n++] = dvsi_where(DVSI_ERRORS_SOURCE_KEY, DVS_OP_IS_NULL, none);
    where[n++] = dvsi_where(DVSI_ERRORS_FIELD, DVS_OP_IS_NULL, none);
    where[n++] = dvsi_where(DVSI_ERRORS_CELLS, DVS_OP_IS_NULL, none);
    where[n++] = dvsi_where(DVSI_ERRORS_LAST_SEEN, DVS_OP_LT, dvsi_cell_timestamp(feed->run->started_at));
    return close_where(feed, where, n, err);
}

int32_t dvsi_row_errors_restart(dvsi_feed *feed, dvs_error *err)
{
    static const uint32_t column = DVSI_ERRORS_LAST_SEEN;
    dvs_cell before = dvsi_cell_timestamp(feed->run->started_at - 1);
    dvs_where where[6];
    int64_t last = 0;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_ERRORS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t got = RETRY_ROWS; got == RETRY_ROWS && status == DVS_OK;) {
        uint32_t n = dvsi_row_errors_where(feed, "error", where);
        where[n++] = dvsi_where(DVSI_ERRORS_ROW_ID, DVS_OP_GT, dvsi_cell_int64(last));
        status = dvsi_books_find(books_of(feed), DVSI_BOOK_ERRORS, where, n, 0, RETRY_ROWS, rows, err);
        got = rows->n_rows;
        for (uint32_t i = 0; i < got && status == DVS_OK; i++) {
            last = dvsi_batch_cells(rows, i)[0].v.i64;
            status = dvsi_books_update(books_of(feed), DVSI_BOOK_ERRORS, last, &column, &before, 1, err);
        }
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_row_errors_begin(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where[4];
    uint64_t count = 0;
    uint32_t n = dvsi_row_errors_where(feed, "error", where);
    int32_t status = feed->run->sink != NULL
                         ? dvsi_books_count(&feed->run->books, DVSI_BOOK_ERRORS, where, n, &count, err)
                         : DVS_OK;
    feed->open_errors = (int64_t)count;
    return status == DVS_OK && count != 0 && feed->run->dry ? dvsi_row_errors_copy(feed, err) : status;
}

/* Only the sink can tell whether it takes now what it has refused: in a comparison such an error stays. It
 * names no field, and its record, of row `at` of the batch, can be mapped. */
static void leave_open(dvsi_work *work, uint32_t at)
{
    for (uint32_t i = 0; i < work->n_records; i++)
        if (work->records[i].source == dvsi_batch_cells(work->batch, at) && work->records[i].flags == 0)
            work->records[i].flags = DVSI_RECORD_STALE;
}

int32_t dvsi_row_errors_again(dvsi_feed *feed, int64_t *last, dvsi_work *work, dvs_error *err)
{
    uint32_t refused[RETRY_ROWS];
    uint32_t n_refused = 0;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_ERRORS);
    dvs_where where[6];
    uint32_t n_where = dvsi_row_errors_where(feed, "error", where);
    where[n_where++] = dvsi_where(DVSI_ERRORS_CELLS, DVS_OP_NOT_NULL, dvsi_cell_null());
    where[n_where++] = dvsi_where(DVSI_ERRORS_ROW_ID, DVS_OP_GT, dvsi_cell_int64(*last));
    int32_t status = rows == NULL ? dvsi_error_no_memory(err)
                                  : dvsi_books_find(books_of(feed), DVSI_BOOK_ERRORS, where, n_where, 0,
                                                    RETRY_ROWS, rows, err);
    dvsi_batch_reset(work->batch, feed->mapping->wanted.n_columns);
    work->n_records = work->n_errors = 0;
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const dvs_cell *cells = &row[DVSI_ERRORS_CELLS];
        uint64_t number =
            row[DVSI_ERRORS_ROW_NUMBER].kind == DVS_INT64 ? (uint64_t)row[DVSI_ERRORS_ROW_NUMBER].v.i64 : 0;
        dvs_cell *out = dvsi_batch_add(work->batch, number, 0);
        *last = row[DVSI_ERRORS_ROW_ID].v.i64;
        if (out == NULL)
            status = dvsi_error_no_memory(err);
        else if (dvsi_mapping_record_parse(feed->mapping, &work->batch->arena, cells->v.text, cells->length,
                                           out) != 0)
            dvsi_batch_drop_last(
                work->batch); /* the schema has changed since: it waits for its next delivery */
        else if (feed->run->dry && row[DVSI_ERRORS_FIELD].kind <= DVS_NULL)
            refused[n_refused++] = work->batch->n_rows - 1;
    }
    if (status == DVS_OK && dvsi_work_map(work, feed->mapping) != 0)
        status = dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n_refused && status == DVS_OK; i++)
        leave_open(work, refused[i]);
    dvsi_batch_free(rows);
    return status;
}
