/* saved_keep.c - what a diff keeps for its plan while it goes on, in its temporary database. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/number.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/changes.h"
#include "run/saved.h"
#include "run/saved_parts.h"

static int32_t add(dvsi_feed *feed, uint32_t part, const char *key, const dvsi_buf *line, dvs_error *err)
{
    dvs_cell row[DVSI_N_KEPT] = {{0}};
    int32_t status = dvsi_scratch_open(feed->run, err);
    row[DVSI_KEPT_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_KEPT_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_KEPT_PART] = dvsi_cell_int64(part);
    row[DVSI_KEPT_KEY] = dvsi_cell_text(key);
    row[DVSI_KEPT_LINE] =
        line != NULL ? dvsi_cell_text_n(dvsi_buf_text(line), line->length) : dvsi_cell_null();
    if (status == DVS_OK && line != NULL && line->failed)
        status = dvsi_error_no_memory(err);
    return status == DVS_OK ? dvsi_books_insert(&feed->run->notes, DVSI_BOOK_KEPT, row, 1, NULL, err)
                            : status;
}

/* {"entity":...,"source":...,"number":n,"record":{...},"raw":"..."} */
static void put_record(const dvsi_feed *feed, const dvsi_record *record, dvsi_buf *line)
{
    char digits[DVSI_INT64_SIZE];
    dvsi_saved_line(line, feed->target->entity->name);
    dvsi_buf_puts(line, ",\"source\":");
    dvsi_json_string(line, feed->from->label, strlen(feed->from->label));
    dvsi_buf_puts(line, ",\"number\":");
    dvsi_buf_add(line, digits, dvsi_number_from_int64(digits, (int64_t)record->number));
    dvsi_buf_puts(line, ",\"record\":");
    dvsi_mapping_record_json(feed->mapping, record->source, line);
    if (feed->mapping->raw >= 0 && record->source[feed->mapping->raw].kind == DVS_JSON) {
        const dvs_cell *raw = &record->source[feed->mapping->raw];
        dvsi_buf_puts(line, ",\"raw\":");
        dvsi_json_string(line, raw->v.text, raw->length);
    }
    dvsi_buf_puts(line, "}\n");
}

void dvsi_saved_line(dvsi_buf *line, const char *entity)
{
    dvsi_buf_puts(line, "{\"entity\":");
    dvsi_json_string(line, entity, strlen(entity));
}

int32_t dvsi_saved_keep(dvsi_feed *feed, const dvsi_record *record, const char *key, dvs_error *err)
{
    dvsi_buf line = {0};
    if (!feed->run->saving)
        return DVS_OK;
    if (record == NULL || dvsi_feed_gathers(feed))
        return add(feed, DVSI_KEPT_LOOKS, key, NULL, err);
    if (record->source == NULL)
        return dvsi_error_set(err, DVS_E_UNSUPPORTED,
                              "entity \"%s\": a change of record %s cannot be saved in a plan",
                              feed->target->entity->name, key);
    put_record(feed, record, &line);
    int32_t status = add(feed, DVSI_KEPT_RECORDS, key, &line, err);
    dvsi_buf_free(&line);
    return status;
}

static void put_text(dvsi_buf *line, const char *name, const char *text, size_t length)
{
    if (text == NULL)
        return;
    dvsi_buf_printf(line, ",\"%s\":", name);
    dvsi_json_string(line, text, length);
}

static size_t length_of(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

int32_t dvsi_saved_fail(dvsi_feed *feed, const dvsi_record_error *error, dvs_error *err)
{
    char digits[DVSI_INT64_SIZE];
    dvsi_buf line = {0};
    if (!feed->run->saving)
        return DVS_OK;
    dvsi_saved_line(&line, feed->target->entity->name);
    put_text(&line, "source", feed->from->label, strlen(feed->from->label));
    dvsi_buf_puts(&line, ",\"number\":");
    dvsi_buf_add(&line, digits, dvsi_number_from_int64(digits, (int64_t)error->number));
    put_text(&line, "failed", error->message, length_of(error->message));
    put_text(&line, "source_key", error->source_key, length_of(error->source_key));
    put_text(&line, "field", error->field, length_of(error->field));
    put_text(&line, "received", error->record, error->record_length);
    const char *cells = error->cells != NULL ? error->cells : error->known;
    if (cells != NULL) {
        dvsi_buf_puts(&line, ",\"cells\":");
        dvsi_buf_add(&line, cells, error->cells != NULL ? error->cells_length : error->known_length);
    }
    dvsi_buf_puts(&line, "}\n");
    const char *name = error->source_key != NULL ? error->source_key : error->key;
    int32_t status = add(feed, DVSI_KEPT_FAILED, name != NULL ? name : "", &line, err);
    dvsi_buf_free(&line);
    return status;
}

int32_t dvsi_saved_mend(dvsi_feed *feed, const dvs_cell *name, dvs_error *err)
{
    dvs_where where[4] = {dvsi_where(DVSI_KEPT_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
                          dvsi_where(DVSI_KEPT_KEY, DVS_OP_EQ, *name),
                          dvsi_where(DVSI_KEPT_SOURCE, DVS_OP_EQ, dvsi_cell_text(feed->from->label)),
                          dvsi_where(DVSI_KEPT_PART, DVS_OP_EQ, dvsi_cell_int64(DVSI_KEPT_FAILED))};
    if (!feed->run->saving || feed->run->notes.sink == NULL)
        return DVS_OK;
    return dvsi_books_delete_where(&feed->run->notes, DVSI_BOOK_KEPT, where, 4, NULL, err);
}

int32_t dvsi_saved_look(dvsi_feed *feed, const char *key, dvs_error *err)
{
    if (!feed->run->saving)
        return DVS_OK;
    return add(feed, dvsi_feed_gathers(feed) ? DVSI_KEPT_LOOKS : DVSI_KEPT_CLOSES, key, NULL, err);
}

int32_t dvsi_saved_forget(dvsi_feed *feed, const char *key, dvs_error *err)
{
    dvs_where where[3] = {dvsi_where(DVSI_KEPT_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
                          dvsi_where(DVSI_KEPT_KEY, DVS_OP_EQ, dvsi_cell_text(key)),
                          dvsi_where(DVSI_KEPT_PART, DVS_OP_LT, dvsi_cell_int64(DVSI_KEPT_FAILED))};
    if (!feed->run->saving || feed->run->notes.sink == NULL)
        return DVS_OK;
    return dvsi_books_delete_where(&feed->run->notes, DVSI_BOOK_KEPT, where, 3, NULL, err);
}

int32_t dvsi_saved_restart(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(DVSI_KEPT_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
                          dvsi_where(DVSI_KEPT_SOURCE, DVS_OP_EQ, dvsi_cell_text(feed->from->label))};
    if (!feed->run->saving || feed->run->notes.sink == NULL)
        return DVS_OK;
    return dvsi_books_delete_where(&feed->run->notes, DVSI_BOOK_KEPT, where, 2, NULL, err);
}

/* ---- What tells whether a plan is still true ---- */

int32_t dvsi_saved_project(const dvsi_run *run, char hex[DVSI_SHA256_HEX], dvs_error *err)
{
    char buffer[4096];
    FILE *file = fopen(run->project->file, "re");
    dvsi_sha256 *sha = dvsi_sha256_new();
    int32_t status = DVS_OK;
    size_t n = 0;
    if (file == NULL)
        status = dvsi_error_set(err, DVS_E_IO, "the project file %s cannot be read: %s", run->project->file,
                                strerror(errno));
    else if (sha == NULL)
        status = dvsi_error_no_memory(err);
    while (status == DVS_OK && (n = fread(buffer, 1, sizeof buffer, file)) != 0)
        dvsi_sha256_add(sha, buffer, n);
    if (status == DVS_OK && ferror(file))
        status = dvsi_error_set(err, DVS_E_IO, "the project file %s cannot be read: %s", run->project->file,
                                strerror(errno));
    if (status == DVS_OK)
        dvsi_sha256_end(sha, hex);
    else
        dvsi_sha256_free(sha);
    if (file != NULL)
        fclose(file);
    return status;
}

int32_t dvsi_saved_pins(dvsi_run *run, const char *entity, char hex[DVSI_SHA256_HEX], dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_PINS_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity));
    dvsi_buf text = {0};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_PINS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    if (status == DVS_OK && run->sink != NULL)
        status = dvsi_books_find(&run->books, DVSI_BOOK_PINS, &where, 1, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        for (uint32_t c = DVSI_PINS_KEY; c < DVSI_N_PINS; c++) {
            dvsi_cell_json(&text, &row[c]);
            dvsi_buf_putc(&text, '\n');
        }
    }
    if (status == DVS_OK && text.failed)
        status = dvsi_error_no_memory(err);
    dvsi_hash_sha256(dvsi_buf_text(&text), text.length, hex);
    dvsi_buf_free(&text);
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_saved_last_run(dvsi_run *run, const char *entity, const char **run_id, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_LOG_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_LOG);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    *run_id = "";
    if (status == DVS_OK && run->sink != NULL)
        status = dvsi_books_find(&run->books, DVSI_BOOK_LOG, &where, 1, 1, 1, rows, err);
    if (status == DVS_OK && rows->n_rows != 0 && rows->cells[DVSI_LOG_RUN_ID].kind == DVS_TEXT) {
        *run_id = dvsi_arena_copy(&run->arena, rows->cells[DVSI_LOG_RUN_ID].v.text,
                                  rows->cells[DVSI_LOG_RUN_ID].length);
        if (*run_id == NULL)
            status = dvsi_error_no_memory(err);
    }
    dvsi_batch_free(rows);
    return status;
}
