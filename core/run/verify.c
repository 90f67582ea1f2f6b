/*
 * verify.c - does every reference point to an active record?
 *
 * The hashes of the values that there are fill a set of bounded size; then every reference is looked up in
 * it. When the values do not fit at once, that is done several times, each time for a part of all hashes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "data/cell.h"
#include "data/key.h"
#include "run/references.h"

#ifndef DVSI_VERIFY_VALUES
#define DVSI_VERIFY_VALUES ((size_t)1 << 20) /* in the set at once */
#endif
#define PAGE_ROWS 5000
#define COLUMNS_MOST (DVSI_KEY_FIELDS + 3)

/* Some columns of a data table as it is in the sink: row id, field, key fields, what ends a row. */
typedef struct rows {
    dvsi_schema schema;
    dvs_table table;
    uint32_t kind; /* of the field */
    uint32_t n_key;
    uint32_t key[DVSI_KEY_FIELDS]; /* columns */
    int32_t closed;                /* column; -1: none */
    uint32_t columns[COLUMNS_MOST];
} rows;

typedef struct checker {
    dvsi_run *run;
    dvsi_arena *arena;
    const dvsi_reference *reference;
    dvsi_reference_check *check;
    rows from;
    rows *to;
    uint64_t *set; /* 0: free */
    size_t size;   /* a power of two */
    uint32_t part, n_parts;
    dvsi_buf text;
} checker;

/* The columns to read: 0 or -1. */
static int add_columns(rows *r, const dvsi_definition *d, const dvsi_definition_field *field,
                       const dvsi_schema *found)
{
    const char *mark = strcmp(d->history, "scd2") == 0 ? "valid_to" : "deleted_at";
    if (dvsi_schema_put(&r->schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL ||
        dvsi_schema_put(&r->schema, field->name, field->kind, DVS_COLUMN_NULLABLE) == NULL)
        return -1;
    for (uint32_t k = 0; k < d->n_key && k < DVSI_KEY_FIELDS; k++) {
        const dvsi_definition_field *key = dvsi_definition_field_of(d, d->key[k]);
        int at = dvsi_schema_find(&r->schema, d->key[k]);
        if (key == NULL)
            continue;
        r->key[r->n_key++] = at >= 0 ? (uint32_t)at : r->schema.n_columns;
        if (at < 0 && dvsi_schema_put(&r->schema, key->name, key->kind, DVS_COLUMN_NULLABLE) == NULL)
            return -1;
    }
    if (dvsi_schema_find(found, mark) < 0)
        return 0;
    r->closed = (int32_t)r->schema.n_columns;
    return dvsi_schema_put(&r->schema, mark, DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) != NULL ? 0 : -1;
}

/* Prepares reading a field of an entity's table. DVS_OK also when it cannot be, check->reason then says
 * why. */
static int32_t open_rows(checker *c, rows *r, dvsi_target *target, const char *field, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    const char *name = target->entity->name;
    const dvsi_definition_field *known = field != NULL ? dvsi_definition_field_of(d, field) : NULL;
    const char **reason = &c->check->reason;
    dvsi_schema found = {0};
    r->closed = -1;
    int32_t status = known != NULL ? dvsi_sink_inspect(c->run->sink, name, &found, err) : DVS_OK;
    if (d->row_id == 0) {
        *reason = dvsi_arena_printf(c->arena, "entity \"%s\" was not synced yet", name);
    } else if (field == NULL) {
        *reason = dvsi_arena_printf(c->arena,
                                    "entity \"%s\" has no single field that the reference could hold", name);
    } else if (known == NULL || status == DVS_E_NOT_FOUND ||
               (status == DVS_OK && dvsi_schema_find(&found, field) < 0)) {
        *reason = dvsi_arena_printf(c->arena, "table \"%s\" has no column \"%s\" yet: sync it", name, field);
        dvsi_error_clear(err);
    } else if (status == DVS_OK) {
        status = add_columns(r, d, known, &found) == 0 ? DVS_OK : dvsi_error_no_memory(err);
        r->kind = known->kind;
        r->table = (dvs_table){.struct_size = (uint32_t)sizeof r->table,
                               .n_columns = r->schema.n_columns,
                               .column_stride = sizeof(dvs_column),
                               .id = dvsi_table_id(),
                               .name = name,
                               .columns = r->schema.columns};
        for (uint32_t i = 0; i < r->schema.n_columns; i++)
            r->columns[i] = i;
        dvsi_schema_free(&found);
        return status;
    }
    dvsi_schema_free(&found);
    return *reason != NULL ? DVS_OK : err->status != DVS_OK ? err->status : dvsi_error_no_memory(err);
}

/* Which rows: active ones with a value, behind a row id. */
static uint32_t conditions(const rows *r, int64_t behind, dvs_where where[3])
{
    uint32_t n = 0;
    where[n++] = dvsi_where(1, DVS_OP_NOT_NULL, dvsi_cell_null());
    if (r->closed >= 0)
        where[n++] = dvsi_where((uint32_t)r->closed, DVS_OP_IS_NULL, dvsi_cell_null());
    if (behind != INT64_MIN)
        where[n++] = dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(behind));
    return n;
}

typedef int32_t row_fn(checker *c, const rows *r, const dvs_cell *cells, dvs_error *err);

static int32_t each_row(checker *c, const rows *r, row_fn *take, dvs_error *err)
{
    static const uint32_t order = 0;
    dvs_where where[3];
    dvsi_batch *page = dvsi_batch_new(r->table.n_columns);
    int64_t behind = INT64_MIN;
    int32_t status = page != NULL ? DVS_OK : dvsi_error_no_memory(err);
    for (int more = 1; status == DVS_OK && more;) {
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = &r->table,
                         .columns = r->columns,
                         .n_columns = r->table.n_columns,
                         .where = where,
                         .n_where = conditions(r, behind, where),
                         .where_stride = sizeof *where,
                         .order = &order,
                         .n_order = 1,
                         .limit = PAGE_ROWS};
        dvsi_batch_reset(page, r->table.n_columns);
        status = dvsi_sink_scan(c->run->sink, &scan, page, err);
        if (status == DVS_OK && atomic_load(c->run->stop) != 0)
            status = dvsi_error_set(err, DVS_E_CANCELLED, "cancelled");
        for (uint32_t i = 0; i < page->n_rows && status == DVS_OK; i++) {
            const dvs_cell *cells = dvsi_batch_cells(page, i);
            behind = cells[0].v.i64;
            status = take(c, r, cells, err);
        }
        more = page->n_rows == PAGE_ROWS;
    }
    dvsi_batch_free(page);
    return status;
}

/* ---- The set ---- */

/* Of the value as one of that kind; 0: it is none. */
static uint64_t hash_as(checker *c, const dvs_cell *value, uint32_t kind)
{
    dvsi_arena arena = {0};
    dvs_cell converted = *value;
    const char *problem = value->kind != kind ? dvsi_cell_convert(&arena, kind, value, &converted) : NULL;
    uint64_t hash = 0;
    dvsi_buf_clear(&c->text);
    if (problem == NULL) {
        dvsi_cell_canonical(&c->text, &converted);
        hash = dvsi_hash64(dvsi_buf_text(&c->text), c->text.length);
        hash = hash != 0 ? hash : 1;
    }
    dvsi_arena_free(&arena);
    return hash;
}

static int in_part(const checker *c, uint64_t hash)
{
    return (hash >> 32) % c->n_parts == c->part;
}

static int32_t take_value(checker *c, const rows *r, const dvs_cell *cells, dvs_error *err)
{
    uint64_t hash = hash_as(c, &cells[1], cells[1].kind);
    (void)r;
    if (c->text.failed)
        return dvsi_error_no_memory(err);
    if (!in_part(c, hash))
        return DVS_OK;
    size_t at = hash & (c->size - 1), steps = 0;
    for (; c->set[at] != 0 && c->set[at] != hash; at = (at + 1) & (c->size - 1))
        if (++steps == c->size) /* more rows than were counted: another program writes */
            return dvsi_error_set(err, DVS_E_CHANGED, "table \"%s\" grew while it was read", r->table.name);
    c->set[at] = hash;
    return DVS_OK;
}

static int has(const checker *c, uint64_t hash)
{
    for (size_t at = hash & (c->size - 1); c->set[at] != 0; at = (at + 1) & (c->size - 1))
        if (c->set[at] == hash)
            return 1;
    return 0;
}

static void read_key(const rows *r, const dvs_cell *cells, dvs_cell key[DVSI_KEY_FIELDS])
{
    for (uint32_t k = 0; k < r->n_key; k++)
        key[k] = cells[r->key[k]];
}

static int32_t note(checker *c, const rows *r, const dvs_cell *cells, dvs_error *err)
{
    dvs_cell key[DVSI_KEY_FIELDS];
    dvsi_buf text = {0};
    c->check->dangling++;
    if (c->check->n_samples == DVSI_REFERENCE_SAMPLES)
        return DVS_OK;
    read_key(r, cells, key);
    dvsi_reference_sample *sample = &c->check->samples[c->check->n_samples++];
    (void)dvsi_key_canonical(&text, key, r->n_key);
    sample->key = dvsi_arena_strdup(c->arena, dvsi_buf_text(&text));
    dvsi_buf_clear(&text);
    dvsi_cell_canonical(&text, &cells[1]);
    sample->value = dvsi_arena_strdup(c->arena, dvsi_buf_text(&text));
    int failed = text.failed || sample->key == NULL || sample->value == NULL;
    dvsi_buf_free(&text);
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* Of a value that is looked for in several forms, the part of the first form decides when it is looked for:
 * all forms of other parts would be missed. So with several parts all targets have one kind (see n_parts). */
static int32_t look_up(checker *c, const rows *r, const dvs_cell *cells, dvs_error *err)
{
    int mine = 0, found = 0;
    for (uint32_t i = 0; i < c->reference->n_to && !found; i++) {
        uint64_t hash = hash_as(c, &cells[1], c->to[i].kind);
        if (c->text.failed)
            return dvsi_error_no_memory(err);
        mine |= hash == 0 ? c->part == 0 : in_part(c, hash);
        found = hash != 0 && in_part(c, hash) && has(c, hash);
    }
    if (!mine)
        return DVS_OK;
    c->check->total++;
    return found ? DVS_OK : note(c, r, cells, err);
}

/* ---- One reference ---- */

static int32_t make_set(checker *c, dvs_error *err)
{
    uint64_t values = 0;
    int one_kind = 1;
    for (uint32_t i = 0; i < c->reference->n_to; i++) {
        dvs_where where[3];
        uint64_t count = 0;
        int32_t status = dvsi_sink_count(c->run->sink, &c->to[i].table, where,
                                         conditions(&c->to[i], INT64_MIN, where), &count, err);
        if (status != DVS_OK)
            return status;
        values += count;
        one_kind &= c->to[i].kind == c->to[0].kind;
    }
    c->n_parts = one_kind ? (uint32_t)(values / DVSI_VERIFY_VALUES) + 1 : 1;
    size_t most =
        (size_t)(values / c->n_parts) + (size_t)(values / c->n_parts / 4) + 1000; /* parts differ a little */
    for (c->size = 1024; c->size < most * 2;)
        c->size *= 2;
    c->set = malloc(c->size * sizeof *c->set);
    return c->set != NULL ? DVS_OK : dvsi_error_no_memory(err);
}

static int32_t verify(checker *c, dvs_error *err)
{
    int32_t status = open_rows(c, &c->from, c->reference->target, c->reference->field, err);
    for (uint32_t i = 0; i < c->reference->n_to && status == DVS_OK && c->check->reason == NULL; i++)
        status = open_rows(c, &c->to[i], c->reference->to[i].target, c->reference->to[i].field, err);
    if (status != DVS_OK || c->check->reason != NULL)
        return status;
    status = make_set(c, err);
    for (c->part = 0; c->part < c->n_parts && status == DVS_OK; c->part++) {
        memset(c->set, 0, c->size * sizeof *c->set);
        for (uint32_t i = 0; i < c->reference->n_to && status == DVS_OK; i++)
            status = each_row(c, &c->to[i], take_value, err);
        if (status == DVS_OK)
            status = each_row(c, &c->from, look_up, err);
    }
    return status;
}

int32_t dvsi_reference_verify(dvsi_run *run, const dvsi_reference *reference, dvsi_arena *arena,
                              dvsi_reference_check *check, dvs_error *err)
{
    checker c = {.run = run, .arena = arena, .reference = reference, .check = check};
    memset(check, 0, sizeof *check);
    c.to = calloc((size_t)reference->n_to + 1, sizeof *c.to);
    int32_t status = c.to != NULL ? verify(&c, err) : dvsi_error_no_memory(err);
    for (uint32_t i = 0; c.to != NULL && i < reference->n_to; i++)
        dvsi_schema_free(&c.to[i].schema);
    dvsi_schema_free(&c.from.schema);
    free(c.to);
    free(c.set);
    dvsi_buf_free(&c.text);
    return status;
}

/* ---- Values alone ---- */

typedef struct giver {
    checker c;
    dvsi_reference_fn *take;
    void *context;
} giver;

static int32_t give_value(checker *c, const rows *r, const dvs_cell *cells, dvs_error *err)
{
    giver *g = (giver *)(void *)c; /* its first member */
    dvs_cell key[DVSI_KEY_FIELDS];
    read_key(r, cells, key);
    return g->take(g->context, key, r->n_key, &cells[1], err);
}

int32_t dvsi_reference_each(dvsi_run *run, const dvsi_reference *reference, dvsi_reference_fn *take,
                            void *context, dvs_error *err)
{
    dvsi_arena arena = {0};
    dvsi_reference_check check = {0};
    giver g = {{.run = run, .arena = &arena, .reference = reference, .check = &check}, take, context};
    int32_t status = open_rows(&g.c, &g.c.from, reference->target, reference->field, err);
    if (status == DVS_OK && check.reason == NULL)
        status = each_row(&g.c, &g.c.from, give_value, err);
    dvsi_schema_free(&g.c.from.schema);
    dvsi_arena_free(&arena);
    return status;
}
