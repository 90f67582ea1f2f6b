/*
 * evolve.c - columns that become wider: a new column is added, filled with the old one's values by the core's
 * exact conversion, and takes its place and name. All in the transaction of the target's preparation: a kill
 * leaves the old table or the new one.
 */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "map/record_json.h"
#include "reconcile/record.h"
#include "run/schema_rule.h"

#define PAGE_ROWS 2048u
#define PAGE_ROWS_LARGE 64u /* of values that may be megabytes */

static const dvsi_widening *widening_of(const dvsi_target *target, const char *field)
{
    for (uint32_t i = 0; i < target->n_widenings; i++)
        if (dvsi_utf8_casecmp(target->widenings[i].field, field) == 0)
            return &target->widenings[i];
    return NULL;
}

/* The value as it will be; somebody may have written another kind into the column, which may fit the new
 * one. */
static const char *widen(dvsi_arena *arena, uint32_t to, const dvs_cell *in, dvs_cell *out)
{
    dvs_cell value = *in;
    value.flags = 0;
    return dvsi_cell_convert(arena, to, &value, out);
}

/* ---- The table ---- */

/* One column on its way. */
typedef struct copying {
    dvsi_target *target;
    const dvsi_widening *what;
    uint32_t position;  /* of the field in sync_hash */
    dvsi_schema schema; /* row id, the old column, the new one, sync_hash if the table has it */
    dvs_table table;
    int has_hash;
    dvsi_arena arena; /* of a page */
    dvsi_buf hash;
    dvsi_buf scratch;
} copying;

enum { COPY_ROW_ID, COPY_OLD, COPY_NEW, COPY_HASH };

/* A name that no column of the table has. */
static int new_name(const dvsi_schema *found, dvsi_buf *name)
{
    for (uint32_t i = 1; i != 0; i++) {
        dvsi_buf_clear(name);
        dvsi_buf_printf(name, "_sync_wider_%u", i);
        if (name->failed)
            return -1;
        if (dvsi_schema_find(found, dvsi_buf_text(name)) < 0)
            return 0;
    }
    return -1;
}

static int32_t open_copying(copying *c, const dvsi_schema *found, dvs_error *err)
{
    dvsi_buf name = {0};
    int failed = new_name(found, &name) != 0 ||
                 dvsi_schema_put(&c->schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL ||
                 dvsi_schema_put(&c->schema, c->what->field, c->what->from, DVS_COLUMN_NULLABLE) == NULL ||
                 dvsi_schema_put(&c->schema, dvsi_buf_text(&name), c->what->to, DVS_COLUMN_NULLABLE) == NULL;
    c->has_hash = dvsi_schema_find(found, "sync_hash") >= 0;
    if (!failed && c->has_hash)
        failed = dvsi_schema_put(&c->schema, "sync_hash", DVS_BYTES, DVS_COLUMN_NULLABLE) == NULL;
    dvsi_buf_free(&name);
    c->table = (dvs_table){.struct_size = (uint32_t)sizeof(dvs_table),
                           .n_columns = c->schema.n_columns,
                           .column_stride = sizeof(dvs_column),
                           .id = dvsi_table_id(),
                           .name = c->target->table.name,
                           .columns = c->schema.columns};
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

static void close_copying(copying *c)
{
    dvsi_schema_free(&c->schema);
    dvsi_arena_free(&c->arena);
    dvsi_buf_free(&c->hash);
    dvsi_buf_free(&c->scratch);
}

/* sync_hash says who wrote the value by its canonical text: where that is another one now ("true" and "1"),
 * the field's bytes follow, unless somebody else wrote the value. 1 when *out is to be written. */
static int follow_hash(copying *c, const dvs_cell *hash, const dvs_cell *old, const dvs_cell *wider,
                       dvs_cell *out)
{
    if (hash->kind != DVS_BYTES || (old->flags & DVS_CELL_MISTYPED) != 0)
        return 0;
    uint32_t stored = dvsi_sync_hash_get(hash->v.bytes, hash->length, c->position);
    dvsi_buf_clear(&c->hash);
    dvsi_sync_hash_put(&c->hash, 0, old, &c->scratch);
    if (c->hash.failed || stored == 0 ||
        dvsi_sync_hash_get((const uint8_t *)c->hash.data, c->hash.length, 0) != stored)
        return c->hash.failed ? -1 : 0;
    dvsi_buf_clear(&c->hash);
    dvsi_buf_add(&c->hash, hash->v.bytes, hash->length);
    dvsi_sync_hash_put(&c->hash, c->position, wider, &c->scratch);
    if (c->hash.failed)
        return -1;
    if (c->hash.length == hash->length && memcmp(c->hash.data, hash->v.bytes, hash->length) == 0)
        return 0;
    const char *copy = dvsi_arena_copy(&c->arena, c->hash.data, c->hash.length);
    *out = dvsi_cell_bytes(copy, c->hash.length);
    return copy != NULL ? 1 : -1;
}

/* The rows of a page get the new column. */
static int32_t copy_page(copying *c, const dvsi_batch *rows, dvs_error *err)
{
    static const uint32_t columns[2] = {COPY_NEW, COPY_HASH};
    dvs_update *updates = dvsi_arena_calloc(&c->arena, (size_t)rows->n_rows + 1, sizeof *updates);
    dvs_cell *cells = dvsi_arena_calloc(&c->arena, (size_t)rows->n_rows * 2 + 1, sizeof *cells);
    uint32_t n = 0;
    if (updates == NULL || cells == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        dvs_cell *out = cells + (size_t)i * 2;
        if (row[1].kind == DVS_NULL)
            continue;
        const char *problem = widen(&c->arena, c->what->to, &row[1], &out[0]);
        if (problem == dvsi_cell_no_memory)
            return dvsi_error_no_memory(err);
        if (problem != NULL)
            return dvsi_error_set(
                err, DVS_E_SCHEMA,
                "table \"%s\": column \"%s\" cannot become %s: in the row with row_id %lld the value %s; put "
                "that value right, or say `type: %s` to keep the column",
                c->target->entity->name, c->what->field, dvsi_kind_name(c->what->to), (long long)row[0].v.i64,
                problem, dvsi_kind_name(c->what->from));
        int hashed = c->has_hash ? follow_hash(c, &row[2], &row[1], &out[0], &out[1]) : 0;
        if (hashed < 0)
            return dvsi_error_no_memory(err);
        updates[n++] =
            (dvs_update){(uint32_t)sizeof(dvs_update), hashed != 0 ? 2 : 1, row[0].v.i64, columns, out};
    }
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .table = &c->table,
                       .updates = updates,
                       .n_updates = n,
                       .update_stride = sizeof(dvs_update)};
    return n != 0 ? dvsi_sink_write(c->target->run->sink, &write, 0, err) : DVS_OK;
}

static int32_t copy_rows(copying *c, dvs_error *err)
{
    static const uint32_t columns[3] = {COPY_ROW_ID, COPY_OLD, COPY_HASH};
    static const uint32_t order = COPY_ROW_ID;
    dvsi_run *run = c->target->run;
    uint32_t n_columns = c->has_hash ? 3 : 2;
    int large = c->what->from == DVS_JSON || c->what->from == DVS_BYTES || c->what->from == DVS_DECIMAL;
    dvs_where behind = dvsi_where(COPY_ROW_ID, DVS_OP_GT, dvsi_cell_int64(INT64_MIN));
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &c->table,
                     .columns = columns,
                     .n_columns = n_columns,
                     .n_where = 1,
                     .where = &behind,
                     .order = &order,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = large ? PAGE_ROWS_LARGE : PAGE_ROWS};
    dvsi_batch *rows = dvsi_batch_new(n_columns);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (int more = 1; more && status == DVS_OK;) {
        dvsi_batch_reset(rows, n_columns);
        status = dvsi_sink_scan(run->sink, &scan, rows, err);
        if (status == DVS_OK && atomic_load(run->stop) != 0)
            status = dvsi_error_set(err, DVS_E_CANCELLED, "cancelled");
        if (status == DVS_OK)
            status = copy_page(c, rows, err);
        more = status == DVS_OK && rows->n_rows == scan.limit;
        if (more)
            behind.value = dvsi_cell_int64(dvsi_batch_cells(rows, rows->n_rows - 1)[0].v.i64);
        dvsi_arena_reset(&c->arena);
    }
    dvsi_batch_free(rows);
    return status;
}

/* The new column takes the old one's place. */
static int32_t swap_columns(copying *c, dvs_error *err)
{
    dvsi_sink *sink = c->target->run->sink;
    dvs_column named = c->schema.columns[COPY_NEW];
    dvs_change drop = {(uint32_t)sizeof drop, DVS_CHANGE_DROP_COLUMN, &c->table, NULL, c->what->field};
    dvs_change rename = {.struct_size = (uint32_t)sizeof rename,
                         .type = DVS_CHANGE_RENAME_COLUMN,
                         .table = &c->table,
                         .column = &named,
                         .name = c->schema.columns[COPY_NEW].name};
    named.name = c->what->field;
    int32_t status = dvsi_sink_apply_schema(sink, &drop, 1, err);
    return status == DVS_OK ? dvsi_sink_apply_schema(sink, &rename, 1, err) : status;
}

static int32_t widen_column(dvsi_target *target, const dvsi_widening *what, const dvsi_schema *found,
                            dvs_error *err)
{
    copying c = {.target = target, .what = what};
    int32_t status = open_copying(&c, found, err);
    for (uint32_t i = 0; i < target->n_fields; i++)
        if (dvsi_utf8_casecmp(target->fields[i].name, what->field) == 0)
            c.position = target->positions[i];
    dvs_change add = {.struct_size = (uint32_t)sizeof add,
                      .type = DVS_CHANGE_ADD_COLUMN,
                      .table = &c.table,
                      .column = status == DVS_OK ? &c.schema.columns[COPY_NEW] : NULL};
    if (status == DVS_OK)
        status = dvsi_sink_apply_schema(target->run->sink, &add, 1, err);
    if (status == DVS_OK)
        status = copy_rows(&c, err);
    if (status == DVS_OK)
        status = swap_columns(&c, err);
    close_copying(&c);
    return status;
}

/* ---- What is kept of the field's values elsewhere ---- */

/* The columns of the fields, as they were or as they are. */
static int make_fields(const dvsi_target *target, dvsi_schema *before, dvsi_schema *after)
{
    for (uint32_t i = 0; i < target->n_fields; i++) {
        const dvsi_widening *w = widening_of(target, target->fields[i].name);
        if (dvsi_schema_put(before, target->fields[i].name, w != NULL ? w->from : target->fields[i].kind,
                            0) == NULL ||
            dvsi_schema_put(after, target->fields[i].name, target->fields[i].kind, 0) == NULL)
            return -1;
    }
    return 0;
}

/* One offer's fields; 1 when *text holds others. What cannot be read or turned is left: it is read anew in
 * this run. */
static int widen_offer(const dvsi_target *target, dvsi_arena *arena, const dvsi_schema *before,
                       const dvsi_schema *after, const dvs_cell *fields, dvsi_buf *text)
{
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)target->n_fields + 1, sizeof *cells);
    if (cells == NULL)
        return -1;
    if (fields->kind <= DVS_NULL || dvsi_record_read_json(arena, before->columns, before->n_columns,
                                                          fields->v.text, fields->length, cells) != 0)
        return 0;
    for (uint32_t i = 0; i < target->n_fields; i++) {
        dvs_cell wider = cells[i];
        const char *problem = widen(arena, after->columns[i].kind, &cells[i], &wider);
        if (problem == dvsi_cell_no_memory)
            return -1;
        if (problem != NULL)
            return 0;
        cells[i] = wider;
    }
    dvsi_buf_clear(text);
    dvsi_record_write_json(text, after->columns, after->n_columns, -1, cells);
    if (text->failed)
        return -1;
    return text->length != fields->length || memcmp(text->data, fields->v.text, text->length) != 0;
}

/* Offers of sources that this run may not reach must go on being readable. */
static int32_t widen_offers(dvsi_target *target, const dvsi_schema *before, const dvsi_schema *after,
                            dvs_error *err)
{
    static const uint32_t column = DVSI_OFFERS_FIELDS;
    dvsi_books *books = &target->run->books;
    dvsi_arena arena = {0};
    dvsi_buf text = {0};
    dvs_where where[2] = {dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name)),
                          dvsi_where(DVSI_OFFERS_OFFER_ID, DVS_OP_GT, dvsi_cell_int64(INT64_MIN))};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_OFFERS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (int more = 1; more && status == DVS_OK;) {
        status = dvsi_books_find(books, DVSI_BOOK_OFFERS, where, 2, 0, PAGE_ROWS_LARGE, rows, err);
        for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
            const dvs_cell *row = dvsi_batch_cells(rows, i);
            int changed = widen_offer(target, &arena, before, after, &row[DVSI_OFFERS_FIELDS], &text);
            dvs_cell fields = dvsi_cell_json_n(dvsi_buf_text(&text), text.length);
            if (changed < 0)
                status = dvsi_error_no_memory(err);
            else if (changed > 0)
                status = dvsi_books_update(books, DVSI_BOOK_OFFERS, row[DVSI_OFFERS_OFFER_ID].v.i64, &column,
                                           &fields, 1, err);
            dvsi_arena_reset(&arena);
        }
        more = status == DVS_OK && rows->n_rows == PAGE_ROWS_LARGE;
        if (more)
            where[1].value =
                dvsi_cell_int64(dvsi_batch_cells(rows, rows->n_rows - 1)[DVSI_OFFERS_OFFER_ID].v.i64);
    }
    dvsi_batch_free(rows);
    dvsi_buf_free(&text);
    dvsi_arena_free(&arena);
    return status;
}

static int32_t widen_pins(dvsi_target *target, const dvsi_widening *what, dvs_error *err)
{
    static const uint32_t column = DVSI_PINS_VALUE;
    dvsi_books *books = &target->run->books;
    dvsi_arena arena = {0};
    dvsi_buf text = {0};
    dvs_where where[2] = {dvsi_where(DVSI_PINS_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name)),
                          dvsi_where(DVSI_PINS_FIELD, DVS_OP_EQ, dvsi_cell_text(what->field))};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_PINS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err)
                                  : dvsi_books_find(books, DVSI_BOOK_PINS, where, 2, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const dvs_cell *pinned = &row[DVSI_PINS_VALUE];
        dvs_cell value = {0};
        if (pinned->kind <= DVS_NULL ||
            dvsi_cell_from_json(&arena, what->from, pinned->v.text, pinned->length, &value) != 0 ||
            widen(&arena, what->to, &value, &value) != NULL)
            continue;
        dvsi_buf_clear(&text);
        dvsi_cell_json(&text, &value);
        value = dvsi_cell_json_n(dvsi_buf_text(&text), text.length);
        status = text.failed ? dvsi_error_no_memory(err)
                             : dvsi_books_update(books, DVSI_BOOK_PINS, row[DVSI_PINS_ROW_ID].v.i64, &column,
                                                 &value, 1, err);
    }
    dvsi_batch_free(rows);
    dvsi_buf_free(&text);
    dvsi_arena_free(&arena);
    return status;
}

/* ---- All of it ---- */

static int32_t widen_fields(dvsi_target *target, const dvsi_schema *found, int *is_key, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < target->n_fields; i++)
        *is_key |= target->fields[i].key_position != 0 && widening_of(target, target->fields[i].name) != NULL;
    if (*is_key)
        status = dvsi_target_no_indexes(target, err);
    for (uint32_t i = 0; i < target->n_widenings && status == DVS_OK; i++) {
        const dvsi_widening *w = &target->widenings[i];
        if (dvsi_schema_find(found, w->field) >=
            0) /* else somebody dropped it, and it is added as it is to be */
            status = widen_column(target, w, found, err);
        if (status == DVS_OK)
            status = widen_pins(target, w, err);
    }
    return status;
}

int32_t dvsi_evolve_table(dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    dvsi_schema before = {0};
    dvsi_schema after = {0};
    int is_key = 0;
    if (target->n_widenings == 0)
        return DVS_OK;
    int32_t status = widen_fields(target, found, &is_key, err);
    if (status == DVS_OK && is_key) {
        status = dvsi_target_indexes(target, err);
        if (status == DVS_E_DUPLICATE) { /* an unfinished first load: its end makes them */
            dvsi_error_clear(err);
            status = DVS_OK;
        }
    }
    if (status == DVS_OK)
        status = make_fields(target, &before, &after) != 0 ? dvsi_error_no_memory(err)
                                                           : widen_offers(target, &before, &after, err);
    dvsi_schema_free(&before);
    dvsi_schema_free(&after);
    return status;
}

/* ---- A diff ---- */

int32_t dvsi_evolve_pretend(dvsi_target *target, dvs_error *err)
{
    if (target->n_widenings == 0)
        return DVS_OK;
    dvs_column *columns = dvsi_arena_calloc(&target->schema.arena, target->schema.n_columns, sizeof *columns);
    if (columns == NULL)
        return dvsi_error_no_memory(err);
    memcpy(columns, target->schema.columns, target->schema.n_columns * sizeof *columns);
    for (uint32_t i = 0; i < target->n_fields; i++) {
        const dvsi_widening *w = widening_of(target, target->fields[i].name);
        if (w != NULL)
            columns[i + 1].kind = w->from;
    }
    target->table.columns = columns;
    target->table.id = dvsi_table_id();
    return DVS_OK;
}

void dvsi_evolve_stored(const dvsi_target *target, uint32_t at, dvsi_arena *arena, dvs_cell *value)
{
    dvs_cell wider;
    uint32_t to = target->fields[at].kind;
    if (target->table.columns[at + 1].kind == to || value->kind <= DVS_NULL)
        return;
    if (widen(arena, to, value, &wider) == NULL)
        *value = wider;
}

int dvsi_evolve_back(const dvsi_target *target, uint32_t at, dvsi_arena *arena, dvs_cell *value)
{
    dvs_cell narrow;
    uint32_t to = target->table.columns[at + 1].kind;
    if (target->fields[at].kind == to || value->kind <= DVS_NULL)
        return 0;
    dvs_cell again;
    if (dvsi_cell_convert(arena, to, value, &narrow) != NULL ||
        dvsi_cell_convert(arena, target->fields[at].kind, &narrow, &again) != NULL ||
        !dvsi_cell_equal(&again, value))
        return -1; /* "007" is no number's text */
    *value = narrow;
    return 0;
}
