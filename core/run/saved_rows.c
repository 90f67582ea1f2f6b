/*
 * saved_rows.c - stored rows by key, by what earlier runs recorded of the entity: the same text for the same
 * row when the plan is made and when it is carried out.
 */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/key.h"
#include "map/record_json.h"
#include "run/saved.h"

static uint32_t kind_of(const dvsi_definition *d, const char *name)
{
    for (uint32_t i = 0; i < d->n_fields; i++)
        if (dvsi_utf8_casecmp(d->fields[i].name, name) == 0)
            return d->fields[i].kind;
    return DVS_TEXT;
}

/* A column of dvsync's own, if the table has it; -1: it has not. */
static int32_t add_column(dvsi_saved_rows *r, const dvsi_schema *found, const char *name, int *failed)
{
    if (dvsi_schema_find(found, name) < 0)
        return -1;
    *failed |= dvsi_schema_put(&r->schema, name, DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
    return (int32_t)r->schema.n_columns - 1;
}

static int32_t add_columns(dvsi_saved_rows *r, const dvsi_schema *found, dvs_error *err)
{
    const dvsi_definition *d = &r->target->definition;
    int failed = dvsi_schema_put(&r->schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL;
    for (uint32_t i = 0; i < d->n_fields && !failed; i++)
        if (dvsi_schema_find(found, d->fields[i].name) >= 0)
            failed = dvsi_schema_put(&r->schema, d->fields[i].name, d->fields[i].kind, DVS_COLUMN_NULLABLE) ==
                     NULL;
    r->n_columns = r->schema.n_columns;
    for (uint32_t k = 0; k < d->n_key && k < 16; k++) {
        int at = dvsi_schema_find(&r->schema, d->key[k]);
        r->readable &= at > 0;
        r->key[k] = at > 0 ? (uint32_t)at : 0;
    }
    r->deleted_at = add_column(r, found, "deleted_at", &failed);
    r->valid_to = add_column(r, found, "valid_to", &failed);
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

int32_t dvsi_saved_rows_open(dvsi_target *target, dvsi_saved_rows *r, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    dvsi_schema found = {0};
    *r = (dvsi_saved_rows){.target = target, .deleted_at = -1, .valid_to = -1};
    r->rows = dvsi_batch_new(1);
    if (r->rows == NULL)
        return dvsi_error_no_memory(err);
    if (target->run->sink == NULL || d->row_id == 0 || d->n_key == 0 || d->n_key > 16)
        return DVS_OK;
    int32_t status = dvsi_sink_inspect(target->run->sink, target->entity->name, &found, err);
    r->readable = status == DVS_OK;
    if (status == DVS_OK)
        status = add_columns(r, &found, err);
    else if (status == DVS_E_NOT_FOUND)
        status = DVS_OK;
    dvsi_schema_free(&found);
    r->table = (dvs_table){.struct_size = (uint32_t)sizeof(dvs_table),
                           .n_columns = r->schema.n_columns,
                           .column_stride = sizeof(dvs_column),
                           .id = dvsi_table_id(),
                           .name = target->entity->name,
                           .columns = r->schema.columns};
    return status;
}

int32_t dvsi_saved_rows_read(dvsi_saved_rows *r, const char *const *keys, uint32_t n, dvs_error *err)
{
    const dvsi_definition *d = &r->target->definition;
    uint32_t kinds[16];
    dvsi_arena arena = {0};
    uint32_t n_found = 0;
    dvsi_batch_reset(r->rows, r->schema.n_columns != 0 ? r->schema.n_columns : 1);
    if (!r->readable || n == 0)
        return DVS_OK;
    uint32_t *columns = dvsi_arena_calloc(&arena, r->schema.n_columns, sizeof *columns);
    uint32_t *key_of = dvsi_arena_calloc(&arena, n, sizeof *key_of);
    dvs_cell *cells = dvsi_arena_calloc(&arena, (size_t)n * d->n_key, sizeof *cells);
    int32_t status = columns == NULL || key_of == NULL || cells == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t i = 0; i < r->schema.n_columns && status == DVS_OK; i++)
        columns[i] = i;
    for (uint32_t k = 0; k < d->n_key; k++)
        kinds[k] = kind_of(d, d->key[k]);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        if (dvsi_key_parse(&arena, keys[i], strlen(keys[i]), kinds, d->n_key,
                           cells + (size_t)n_found * d->n_key) == 0)
            key_of[n_found++] = i;
    if (status == DVS_OK && n_found != 0) {
        dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                             .n_columns = r->schema.n_columns,
                             .table = &r->table,
                             .columns = columns,
                             .key_columns = r->key,
                             .n_key_columns = d->n_key,
                             .n_keys = n_found,
                             .keys = cells,
                             .only_null = r->valid_to};
        status = dvsi_sink_read(r->target->run->sink, &lookup, r->rows, err);
    }
    for (uint32_t i = 0; i < r->rows->n_rows && status == DVS_OK; i++)
        r->rows->rows[i].number = key_of[r->rows->rows[i].number];
    dvsi_arena_free(&arena);
    return status;
}

void dvsi_saved_rows_put(const dvsi_saved_rows *r, uint32_t i, int *deleted, dvsi_buf *out)
{
    *deleted = 0;
    for (uint32_t k = 0; k < r->rows->n_rows; k++) {
        const dvs_cell *row = dvsi_batch_cells(r->rows, k);
        if (r->rows->rows[k].number != i)
            continue;
        *deleted = r->deleted_at >= 0 && row[r->deleted_at].kind != DVS_NULL;
        dvsi_record_write_json(out, r->schema.columns + 1, r->n_columns - 1, -1, row + 1);
        return;
    }
    dvsi_buf_puts(out, "null");
}

int32_t dvsi_saved_rows_active(dvsi_saved_rows *r, uint64_t *active, dvs_error *err)
{
    int32_t column = r->valid_to >= 0 ? r->valid_to : r->deleted_at;
    *active = 0;
    if (!r->readable)
        return DVS_OK;
    dvs_where where = dvsi_where((uint32_t)(column >= 0 ? column : 0), DVS_OP_IS_NULL, dvsi_cell_null());
    return dvsi_sink_count(r->target->run->sink, &r->table, &where, column >= 0 ? 1 : 0, active, err);
}

void dvsi_saved_rows_close(dvsi_saved_rows *r)
{
    dvsi_batch_free(r->rows);
    dvsi_schema_free(&r->schema);
    memset(r, 0, sizeof *r);
}
