/*
 * rebuild_copy.c - what a table that is made anew takes over from the old one. With the same key and the same
 * kind of history that is every row, former versions and deleted ones included: the complete read that
 * follows finds it there, and changes what differs. With another key or history nothing can be taken over:
 * the new table begins empty.
 */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "reconcile/record.h"
#include "run/rebuild.h"
#include "run/run.h"

#define FEW_ROWS 16u
#define MOST_ROWS 2048u
#define PAGE_BYTES ((size_t)1 << 20)

typedef struct copying {
    dvsi_target *target;
    dvsi_schema old; /* the columns that both tables have */
    dvs_table table;
    uint32_t *columns; /* 0, 1, ...: all of them */
    uint32_t *to;      /* per column, its place in the new table */
    int32_t hash;      /* place of sync_hash in `old`; -1: there is none */
    dvsi_batch *rows;
    dvsi_arena arena; /* for the page in hand */
    uint64_t n_lost;  /* values that do not fit their field's type any more */
    dvsi_buf text;
    dvsi_buf scratch;
} copying;

/* The same records under the same keys, kept in the same way? */
static int is_alike(const dvsi_target *t)
{
    const dvsi_definition *former = &t->former;
    int alike = former->n_key == t->n_key && (strcmp(former->history, "scd2") == 0) == (t->valid_to >= 0);
    for (uint32_t k = 0; k < t->n_key && alike; k++) {
        const dvsi_target_field *field = &t->fields[t->key_columns[k] - 1];
        const dvsi_definition_field *old = dvsi_definition_field_of(former, field->name);
        alike =
            dvsi_utf8_casecmp(former->key[k], field->name) == 0 && old != NULL && old->kind == field->kind;
    }
    return alike;
}

/* What both tables have, with the kinds of the old one. */
static int32_t match_columns(copying *c, const dvsi_schema *found, dvs_error *err)
{
    const dvsi_target *t = c->target;
    const uint32_t n_fields = t->n_fields;
    int failed = 0;
    c->columns = dvsi_arena_calloc(&c->old.arena, t->schema.n_columns, sizeof *c->columns);
    c->to = dvsi_arena_calloc(&c->old.arena, t->schema.n_columns, sizeof *c->to);
    c->hash = -1;
    if (c->columns == NULL || c->to == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < t->schema.n_columns && !failed; i++) {
        const dvs_column *column = &t->schema.columns[i];
        const dvsi_definition_field *field =
            i >= 1 && i <= n_fields ? dvsi_definition_field_of(&t->former, column->name) : NULL;
        int at = dvsi_schema_find(found, column->name);
        if (at < 0 || (i >= 1 && i <= n_fields && field == NULL))
            continue;
        if ((int32_t)i == t->sync_hash)
            c->hash = (int32_t)c->old.n_columns;
        c->columns[c->old.n_columns] = c->old.n_columns;
        c->to[c->old.n_columns] = i;
        failed = dvsi_schema_put(&c->old, found->columns[at].name, field != NULL ? field->kind : column->kind,
                                 column->flags) == NULL;
    }
    c->table = (dvs_table){.struct_size = (uint32_t)sizeof c->table,
                           .n_columns = c->old.n_columns,
                           .column_stride = sizeof(dvs_column),
                           .id = dvsi_table_id(),
                           .name = t->entity->name,
                           .columns = c->old.columns};
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* A value as the new column has it; NULL when it has no such value. 0, or -1 when memory is out. */
static int convert(copying *c, uint32_t kind, const dvs_cell *cell, dvs_cell *out)
{
    dvs_cell plain = *cell;
    *out = *cell;
    if (cell->kind <= DVS_NULL || (cell->kind == kind && (cell->flags & DVS_CELL_MISTYPED) == 0))
        return 0;
    plain.flags = 0;
    const char *problem = dvsi_cell_convert(&c->arena, kind, &plain, out);
    if (problem == NULL)
        return 0;
    c->n_lost++;
    *out = dvsi_cell_null();
    return problem == dvsi_cell_no_memory ? -1 : 0;
}

/* What we wrote in a field of another type now is what stands there. */
static int32_t renew_hash(copying *c, const dvs_cell *old, dvs_cell *row, dvs_error *err)
{
    const dvsi_target *t = c->target;
    const dvs_cell *hash = &old[c->hash];
    if (hash->kind != DVS_BYTES)
        return DVS_OK;
    dvsi_buf_clear(&c->text);
    dvsi_buf_add(&c->text, hash->v.bytes, hash->length);
    for (uint32_t i = 0; i < c->old.n_columns; i++) {
        uint32_t field = c->to[i] - 1;
        if (c->to[i] == 0 || field >= t->n_fields || c->old.columns[i].kind == t->fields[field].kind ||
            dvsi_sync_hash_get(hash->v.bytes, hash->length, t->positions[field]) == 0)
            continue;
        dvsi_sync_hash_put(&c->text, t->positions[field], &row[c->to[i]], &c->scratch);
    }
    const char *bytes =
        c->text.failed ? NULL : dvsi_arena_copy(&c->arena, dvsi_buf_text(&c->text), c->text.length);
    row[t->sync_hash] = dvsi_cell_bytes(bytes, c->text.length);
    return bytes != NULL ? DVS_OK : dvsi_error_no_memory(err);
}

static int32_t copy_page(copying *c, dvs_error *err)
{
    dvsi_target *t = c->target;
    dvsi_run *run = t->run;
    const uint32_t n = c->rows->n_rows;
    dvs_cell *rows = dvsi_arena_calloc(&c->arena, (size_t)n * t->table.n_columns + 1, sizeof *rows);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t r = 0; r < n && status == DVS_OK; r++) {
        const dvs_cell *old = dvsi_batch_cells(c->rows, r);
        dvs_cell *row = rows + (size_t)r * t->table.n_columns;
        for (uint32_t i = 0; i < c->old.n_columns && status == DVS_OK; i++)
            if (convert(c, t->schema.columns[c->to[i]].kind, &old[i], &row[c->to[i]]) != 0)
                status = dvsi_error_no_memory(err);
        if (status == DVS_OK && c->hash >= 0)
            status = renew_hash(c, old, row, err);
    }
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .n_inserts = n,
                       .table = &t->table,
                       .inserts = rows,
                       .update_stride = sizeof(dvs_update)};
    if (status == DVS_OK && n != 0)
        status = dvsi_sink_write(run->sink, &write, 1, err);
    if (status != DVS_OK && err->scope == DVS_SCOPE_ROW)
        err->scope = DVS_SCOPE_STREAM; /* there is no record that could do without */
    run->transaction_writes += n;
    return status;
}

static int32_t copy_rows(copying *c, dvs_error *err)
{
    static const uint32_t row_id = 0;
    dvsi_run *run = c->target->run;
    int64_t last = INT64_MIN;
    uint32_t limit = FEW_ROWS;
    int32_t status = DVS_OK;
    for (int more = 1; more && status == DVS_OK;) {
        dvs_where behind = dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(last));
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = &c->table,
                         .columns = c->columns,
                         .n_columns = c->old.n_columns,
                         .n_where = last != INT64_MIN,
                         .where = &behind,
                         .order = &row_id,
                         .n_order = 1,
                         .where_stride = sizeof(dvs_where),
                         .limit = limit};
        if (atomic_load(run->stop) != 0)
            return dvsi_error_set(err, DVS_E_CANCELLED, "stopped before its end");
        dvsi_arena_reset(&c->arena);
        dvsi_batch_reset(c->rows, c->old.n_columns);
        status = dvsi_sink_scan(run->sink, &scan, c->rows, err);
        if (status == DVS_OK)
            status = copy_page(c, err);
        more = status == DVS_OK && c->rows->n_rows == limit;
        if (more)
            last = dvsi_batch_cells(c->rows, c->rows->n_rows - 1)[0].v.i64;
        if (dvsi_batch_bytes(c->rows) >= PAGE_BYTES)
            limit = limit / 2 + 1;
        else if (limit < MOST_ROWS && dvsi_batch_bytes(c->rows) < PAGE_BYTES / 2)
            limit *= 2;
    }
    return status;
}

int32_t dvsi_rebuild_copy(dvsi_target *target, dvs_error *err)
{
    dvsi_run *run = target->run;
    dvsi_schema found = {0};
    copying c = {.target = target};
    if (!is_alike(target))
        return DVS_OK;
    int32_t status = dvsi_sink_inspect(run->sink, target->entity->name, &found, err);
    if (status == DVS_E_NOT_FOUND) { /* somebody has dropped it */
        dvsi_error_clear(err);
        dvsi_schema_free(&found);
        return DVS_OK;
    }
    if (status == DVS_OK)
        status = match_columns(&c, &found, err);
    if (status == DVS_OK && (c.rows = dvsi_batch_new(c.old.n_columns)) == NULL)
        status = dvsi_error_no_memory(err);
    if (status == DVS_OK && c.to[0] == 0 && c.old.n_columns != 0)
        status = copy_rows(&c, err);
    target->rebuild_copied = status == DVS_OK;
    if (status == DVS_OK && c.n_lost != 0)
        dvsi_run_note(run, "warning", target->entity->name, NULL, 0, NULL, NULL,
                      "%llu value%s of the old table had no place in "
                      "the new one, which has NULL for %s where the source does not say otherwise",
                      (unsigned long long)c.n_lost, c.n_lost != 1 ? "s" : "", c.n_lost != 1 ? "them" : "it");
    dvsi_batch_free(c.rows);
    dvsi_arena_free(&c.arena);
    dvsi_buf_free(&c.text);
    dvsi_buf_free(&c.scratch);
    dvsi_schema_free(&c.old);
    dvsi_schema_free(&found);
    return status;
}
