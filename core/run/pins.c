/*
 * pins.c - values that `conflicts resolve` pinned, in _sync_pins: read for the records that are reconciled,
 * gone with them.
 */
#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/conflicts.h"
#include "run/rows.h"

#define KEYS_AT_ONCE 256u

enum { PIN_ROW_ID, PIN_FIELD, PIN_VALUE, PIN_KEPT, PIN_CONFLICT, PIN_COLUMNS };
static const uint32_t pin_columns[PIN_COLUMNS] = {DVSI_PINS_ROW_ID, DVSI_PINS_FIELD, DVSI_PINS_VALUE,
                                                  DVSI_PINS_KEPT, DVSI_PINS_CONFLICT_ID};

int dvsi_pin_value(dvsi_arena *arena, const dvs_cell *value, dvs_cell *out)
{
    dvsi_buf text = {0};
    *out = dvsi_cell_null();
    if (value->kind <= DVS_NULL)
        return 0;
    dvsi_cell_json(&text, value);
    const char *copy = text.failed ? NULL : dvsi_arena_copy(arena, dvsi_buf_text(&text), text.length);
    *out = dvsi_cell_json_n(copy, text.length);
    dvsi_buf_free(&text);
    return copy != NULL ? 0 : -1;
}

int dvsi_pin_cell(dvsi_arena *arena, uint32_t kind, const dvs_cell *value, dvs_cell *out)
{
    *out = dvsi_cell_null();
    if (value->kind <= DVS_NULL)
        return 0;
    if (value->kind != DVS_JSON && value->kind != DVS_TEXT)
        return -1;
    if (kind != DVS_JSON)
        return dvsi_cell_from_json(arena, kind, value->v.text, value->length, out) != 0 ||
                       out->kind == DVS_NULL
                   ? -1
                   : 0;
    /* The JSON value null is a value, too. */
    if (dvsi_json_check(value->v.text, value->length) != NULL)
        return -1;
    const char *copy = dvsi_arena_copy(arena, value->v.text, value->length);
    *out = dvsi_cell_json_n(copy, value->length);
    return copy != NULL ? 0 : -1;
}

/* The pins of these keys; a row's number is its key's place. */
static int32_t read_rows(dvsi_feed *feed, const char *const *keys, uint32_t n, dvsi_batch *rows,
                         dvs_error *err)
{
    static const uint32_t key_columns[3] = {DVSI_PINS_PROJECT, DVSI_PINS_ENTITY, DVSI_PINS_KEY};
    dvsi_books *books = &feed->run->books;
    dvs_lookup lookup = {.table = &books->tables[DVSI_BOOK_PINS],
                         .columns = pin_columns,
                         .n_columns = PIN_COLUMNS,
                         .key_columns = key_columns,
                         .only_null = -1};
    dvsi_batch_reset(rows, PIN_COLUMNS);
    return dvsi_keys_read(feed, books, &lookup, keys, n, rows, err);
}

static uint32_t find_field(const dvsi_target *target, const dvs_cell *name)
{
    for (uint32_t i = 0; i < target->n_fields; i++)
        if (dvsi_same_name(name, target->names[i]))
            return i;
    return UINT32_MAX;
}

/* A pin was made of a value of another type than the field has now. */
static int32_t warn_unfit(dvsi_feed *feed, const char *key, uint32_t field, const dvs_cell *row,
                          dvs_error *err)
{
    dvsi_target *t = feed->target;
    const long long number = row[PIN_CONFLICT].kind == DVS_INT64 ? (long long)row[PIN_CONFLICT].v.i64 : 0;
    const int is_new = dvsi_seen_add(&t->unfit_pins, row[PIN_ROW_ID].v.i64);
    if (is_new < 0)
        return dvsi_error_no_memory(err);
    if (is_new)
        dvsi_run_note(
            feed->run, "warning", t->entity->name, NULL, 0, key, t->names[field],
            "the value that conflict %lld pinned is no %s, which the field is now, so it is not written; "
            "`conflicts unpin %lld` removes it",
            number, dvsi_kind_name(t->schema.columns[field + 1].kind), number);
    return DVS_OK;
}

/* Rows of one page become pins; those of one key need not come together. */
static int32_t take_page(dvsi_feed *feed, const char *const *keys, const dvsi_batch *rows, uint32_t n,
                         dvsi_key_pins *pins, dvs_error *err)
{
    dvsi_target *t = feed->target;
    dvsi_arena *arena = &feed->run->batch_arena;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t room = 0;
        for (uint32_t r = 0; r < rows->n_rows; r++)
            room += rows->rows[r].number == i;
        dvsi_pin *list = room != 0 ? dvsi_arena_calloc(arena, room, sizeof *list) : NULL;
        const char **kept = room != 0 ? dvsi_arena_calloc(arena, room, sizeof *kept) : NULL;
        int64_t *decided = room != 0 ? dvsi_arena_calloc(arena, room, sizeof *decided) : NULL;
        if (room != 0 && (list == NULL || kept == NULL || decided == NULL))
            return dvsi_error_no_memory(err);
        pins[i].pins = list;
        pins[i].kept = kept;
        pins[i].decided = decided;
        for (uint32_t r = 0; r < rows->n_rows && room != 0; r++) {
            const dvs_cell *row = dvsi_batch_cells(rows, r);
            uint32_t field = rows->rows[r].number == i ? find_field(t, &row[PIN_FIELD]) : UINT32_MAX;
            uint32_t at = pins[i].n;
            if (field == UINT32_MAX)
                continue;
            if (dvsi_pin_cell(arena, t->schema.columns[field + 1].kind, &row[PIN_VALUE], &list[at].value) !=
                0) {
                int32_t status = warn_unfit(feed, keys[i], field, row, err);
                if (status != DVS_OK)
                    return status;
                continue;
            }
            list[at].field = field;
            kept[at] = row[PIN_KEPT].kind == DVS_TEXT
                           ? dvsi_arena_copy(arena, row[PIN_KEPT].v.text, row[PIN_KEPT].length)
                           : "";
            if (kept[at] == NULL)
                return dvsi_error_no_memory(err);
            decided[at] = row[PIN_CONFLICT].kind == DVS_INT64 ? row[PIN_CONFLICT].v.i64 : 0;
            pins[i].n++;
        }
    }
    return DVS_OK;
}

int32_t dvsi_pins_read(dvsi_feed *feed, const char *const *keys, uint32_t n, dvsi_key_pins **pins,
                       dvs_error *err)
{
    *pins = NULL;
    if (!feed->target->has_pins || n == 0)
        return DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(PIN_COLUMNS);
    *pins = dvsi_arena_calloc(&feed->run->batch_arena, n, sizeof **pins);
    int32_t status = rows == NULL || *pins == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t from = 0; from < n && status == DVS_OK; from += KEYS_AT_ONCE) {
        uint32_t page = n - from < KEYS_AT_ONCE ? n - from : KEYS_AT_ONCE;
        status = read_rows(feed, keys + from, page, rows, err);
        if (status == DVS_OK)
            status = take_page(feed, keys + from, rows, page, *pins + from, err);
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_pins_drop(dvsi_feed *feed, const char *const *keys, uint32_t n, dvs_error *err)
{
    static const uint32_t column = DVSI_CONFLICTS_STATUS;
    const dvs_cell closed = dvsi_cell_text("closed");
    dvsi_books *books = &feed->run->books;
    if (!feed->target->has_pins || n == 0 || feed->run->dry)
        return DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(PIN_COLUMNS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t from = 0; from < n && status == DVS_OK; from += KEYS_AT_ONCE) {
        status = read_rows(feed, keys + from, n - from < KEYS_AT_ONCE ? n - from : KEYS_AT_ONCE, rows, err);
        for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++) {
            const dvs_cell *row = dvsi_batch_cells(rows, r);
            status = dvsi_books_delete(books, DVSI_BOOK_PINS, &row[PIN_ROW_ID].v.i64, 1, err);
            if (status == DVS_OK && row[PIN_CONFLICT].kind == DVS_INT64)
                status = dvsi_books_update(books, DVSI_BOOK_CONFLICTS, row[PIN_CONFLICT].v.i64, &column,
                                           &closed, 1, err);
        }
    }
    dvsi_batch_free(rows);
    return status;
}
