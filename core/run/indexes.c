/* indexes.c - what stands beside an entity's table: its view, its indexes; and how many rows are active. */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/run.h"

int32_t dvsi_target_views(dvsi_target *target, dvs_error *err)
{
    dvsi_buf name = {0};
    dvsi_buf_printf(&name, "%s_current", target->entity->name);
    dvs_view view = {.struct_size = (uint32_t)sizeof view,
                     .type = DVS_VIEW_CURRENT,
                     .name = dvsi_buf_text(&name),
                     .table = &target->table,
                     .only_null = target->closed};
    int32_t status =
        name.failed ? dvsi_error_no_memory(err) : dvsi_sink_ensure_view(target->run->sink, &view, err);
    dvsi_buf_free(&name);
    return status;
}

typedef int32_t index_fn(dvsi_sink *sink, const dvs_index *index, dvs_error *err);

static int32_t one_index(dvsi_target *target, index_fn *call, const char *what, dvs_index *index,
                         dvs_error *err)
{
    dvsi_buf name = {0};
    dvsi_buf_printf(&name, "_sync_%s_%s", what, target->table.name);
    index->struct_size = (uint32_t)sizeof *index;
    index->name = dvsi_buf_text(&name);
    index->table = &target->table;
    int32_t status = name.failed ? dvsi_error_no_memory(err) : call(target->run->sink, index, err);
    dvsi_buf_free(&name);
    return status;
}

/* The unique index of the key, of versions among the current ones. */
static int32_t key_index(dvsi_target *target, index_fn *call, dvs_error *err)
{
    dvs_index key = {.flags = DVS_INDEX_UNIQUE,
                     .columns = target->key_columns,
                     .n_columns = target->n_key,
                     .only_null = target->valid_to,
                     .only_set = -1};
    return one_index(target, call, "key", &key, err);
}

/* The versions of a key, in their order. */
static int32_t version_index(dvsi_target *target, index_fn *call, dvs_error *err)
{
    uint32_t columns[DVSI_KEY_FIELDS + 1];
    uint32_t n = target->n_key < DVSI_KEY_FIELDS ? target->n_key : DVSI_KEY_FIELDS;
    memcpy(columns, target->key_columns, n * sizeof *columns);
    columns[n] = (uint32_t)target->valid_from;
    dvs_index versions = {
        .flags = DVS_INDEX_UNIQUE, .columns = columns, .n_columns = n + 1, .only_null = -1, .only_set = -1};
    return one_index(target, call, "history", &versions, err);
}

/* One that finds the rows that are not active, so that counting those that are does not read the table. */
static int32_t deleted_index(dvsi_target *target, index_fn *call, dvs_error *err)
{
    uint32_t column = (uint32_t)target->closed;
    dvs_index deleted = {.columns = &column, .n_columns = 1, .only_null = -1, .only_set = target->closed};
    return one_index(target, call, "deleted", &deleted, err);
}

static int32_t each_index(dvsi_target *target, index_fn *call, dvs_error *err)
{
    int32_t status = key_index(target, call, err);
    if (status == DVS_OK && target->valid_to >= 0)
        status = version_index(target, call, err);
    if (status == DVS_OK && target->closed >= 0)
        status = deleted_index(target, call, err);
    return status;
}

int32_t dvsi_target_indexes(dvsi_target *target, dvs_error *err)
{
    return each_index(target, dvsi_sink_ensure_index, err);
}

int32_t dvsi_target_no_indexes(dvsi_target *target, dvs_error *err)
{
    return each_index(target, dvsi_sink_drop_index, err);
}

int32_t dvsi_target_active(dvsi_target *target, uint64_t *active, dvs_error *err)
{
    uint64_t all = 0;
    uint64_t deleted = 0;
    int32_t status = DVS_OK;
    *active = 0;
    if (target->run->sink == NULL || !target->exists)
        return DVS_OK;
    /* Two counts that indexes answer, instead of one that reads the table. */
    status = dvsi_sink_count(target->run->sink, &target->table, NULL, 0, &all, err);
    if (status == DVS_OK && target->lookup_deleted >= 0) {
        dvs_where where = dvsi_where((uint32_t)target->closed, DVS_OP_NOT_NULL, dvsi_cell_null());
        status = dvsi_sink_count(target->run->sink, &target->table, &where, 1, &deleted, err);
    }
    *active = all - deleted;
    return status;
}
