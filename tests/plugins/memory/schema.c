/* schema.c - tables, columns, indexes and views. Every change is an operation of the journal, applied at
 * once. */
#include "memory.h"

#include <stdlib.h>
#include <strings.h>

/* Applies the operation that stands in redo from `start` on, and forgets it if it fails. */
static int32_t apply_from(dvs_writer *writer, size_t start, dvs_error *err)
{
    memory_buf *redo = &writer->redo;
    int32_t status;
    if (redo->failed)
        return memory_no_memory(err);
    status = memory_apply(&writer->sink->db, redo->data + start, redo->length - start, err);
    if (status != DVS_OK)
        redo->length = start;
    return status;
}

static int32_t create_table(dvs_writer *writer, const dvs_table *table, dvs_error *err)
{
    size_t start = writer->redo.length;
    uint32_t i;
    if (table->n_columns == 0 || memory_as_column(table, 0)->kind != DVS_INT64)
        return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the first column of table %s is no int64 row id",
                        table->name);
    for (i = 1; i < table->n_columns; i++) {
        uint32_t j;
        for (j = 0; j < i; j++) {
            if (strcasecmp(memory_as_column(table, i)->name, memory_as_column(table, j)->name) == 0)
                return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "table %s has two columns %s",
                                table->name, memory_as_column(table, i)->name);
        }
    }
    memory_put_u8(&writer->redo, MEMORY_OP_CREATE_TABLE);
    memory_put_text(&writer->redo, table->name);
    memory_put_u32(&writer->redo, table->n_columns);
    for (i = 0; i < table->n_columns; i++)
        memory_put_column(&writer->redo, memory_as_column(table, i));
    return apply_from(writer, start, err);
}

static int32_t apply_change(dvs_writer *writer, const dvs_change *change, dvs_error *err)
{
    memory_buf *redo = &writer->redo;
    size_t start = redo->length;
    if (change->type == DVS_CHANGE_CREATE_TABLE)
        return create_table(writer, change->table, err);
    if (change->type < DVS_CHANGE_CREATE_TABLE || change->type > DVS_CHANGE_RENAME_TABLE)
        return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host asked for the unknown change %u",
                        change->type);
    memory_put_u8(redo, (uint8_t)change->type); /* the operations have the numbers of the changes */
    memory_put_text(redo, change->table->name);
    if (change->type == DVS_CHANGE_DROP_COLUMN || change->type == DVS_CHANGE_RENAME_COLUMN ||
        change->type == DVS_CHANGE_RENAME_TABLE)
        memory_put_text(redo, change->name);
    if (change->type == DVS_CHANGE_ADD_COLUMN || change->type == DVS_CHANGE_RENAME_COLUMN)
        memory_put_column(redo, change->column);
    return apply_from(writer, start, err);
}

static const dvs_change *change_at(const dvs_change *changes, uint32_t i, uint32_t stride)
{
    return (const dvs_change *)(const void *)((const char *)changes + (size_t)i * stride);
}

static json_t *changes_json(const dvs_change *changes, uint32_t n, uint32_t stride)
{
    static const char *const NAMES[] = {
        "?", "create_table", "add_column", "drop_column", "rename_column", "drop_table", "rename_table"};
    json_t *list = json_array();
    uint32_t i;
    for (i = 0; i < n; i++) {
        const dvs_change *c = change_at(changes, i, stride);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s?,s:s?}", "type",
                                              c->type <= DVS_CHANGE_RENAME_TABLE ? NAMES[c->type] : NAMES[0],
                                              "table", c->table->name, "column",
                                              c->column != NULL ? c->column->name : NULL, "name", c->name));
    }
    return list;
}

int32_t memory_slot_apply_schema(dvs_writer *writer, const dvs_change *changes, uint32_t n, uint32_t stride,
                                 dvs_error *err)
{
    const char *table = n > 0 ? changes->table->name : NULL;
    int32_t status = memory_enter(writer->sink, "apply_schema", table, err);
    uint32_t i;
    if (status == DVS_OK)
        status = memory_may_write(writer, err);
    for (i = 0; status == DVS_OK && i < n; i++)
        status = apply_change(writer, change_at(changes, i, stride), err);
    return memory_leave(writer->sink, "apply_schema", table,
                        json_pack("{s:o}", "changes", changes_json(changes, n, stride)), status, err);
}

static int32_t bound_column(const memory_binding *b, int32_t column, int32_t *at, dvs_error *err)
{
    if (column >= (int32_t)b->as->n_columns)
        return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host indexes column %d of table %s", column,
                        b->as->name);
    *at = column < 0 ? -1 : (int32_t)b->map[column];
    return DVS_OK;
}

static int32_t make_index(dvs_writer *writer, const memory_binding *b, const dvs_index *index, dvs_error *err)
{
    memory_buf *redo = &writer->redo;
    size_t start = redo->length;
    int32_t only_null = -1, only_set = -1, at = -1, status;
    uint32_t i;
    memory_put_u8(redo, MEMORY_OP_INDEX);
    memory_put_text(redo, b->table->name);
    memory_put_text(redo, index->name);
    memory_put_u8(redo, (index->flags & DVS_INDEX_UNIQUE) != 0);
    memory_put_u32(redo, index->n_columns);
    status = bound_column(b, index->only_null, &only_null, err);
    if (status == DVS_OK)
        status = bound_column(b, index->only_set, &only_set, err);
    for (i = 0; status == DVS_OK && i < index->n_columns; i++) {
        status = bound_column(b, (int32_t)index->columns[i], &at, err);
        memory_put_u32(redo, (uint32_t)at);
    }
    if (status != DVS_OK) {
        redo->length = start;
        return status;
    }
    memory_put_u32(redo, (uint32_t)only_null);
    memory_put_u32(redo, (uint32_t)only_set);
    status = apply_from(writer, start, err);
    if (status != DVS_OK)
        err->scope = DVS_SCOPE_STREAM;
    return status;
}

int32_t memory_ensure_index(dvs_writer *writer, const dvs_index *index, dvs_error *err)
{
    memory_binding b;
    memory_table *unused;
    int made = 0;
    int32_t status = memory_enter(writer->sink, "ensure_index", index->table->name, err);
    memset(&b, 0, sizeof b);
    if (status == DVS_OK)
        status = memory_may_write(writer, err);
    if (status == DVS_OK)
        status = memory_bind(writer, index->table, &b, err);
    if (status == DVS_OK && memory_db_index(&writer->sink->db, index->name, &unused) == NULL) {
        made = 1;
        status = make_index(writer, &b, index, err);
    }
    memory_unbind(&b);
    return memory_leave(writer->sink, "ensure_index", index->table->name,
                        json_pack("{s:s,s:b,s:b}", "index", index->name, "unique",
                                  (index->flags & DVS_INDEX_UNIQUE) != 0, "made", made),
                        status, err);
}

int32_t memory_drop_index(dvs_writer *writer, const dvs_index *index, dvs_error *err)
{
    memory_table *unused;
    size_t start = writer->redo.length;
    int32_t status = memory_enter(writer->sink, "drop_index", index->table->name, err);
    if (status == DVS_OK)
        status = memory_may_write(writer, err);
    if (status == DVS_OK && memory_db_index(&writer->sink->db, index->name, &unused) != NULL) {
        memory_put_u8(&writer->redo, MEMORY_OP_DROP_INDEX);
        memory_put_text(&writer->redo, index->name);
        status = apply_from(writer, start, err);
    }
    return memory_leave(writer->sink, "drop_index", index->table->name,
                        json_pack("{s:s}", "index", index->name), status, err);
}

static int same_view(const memory_view *old, const dvs_view *view, const char *only_null)
{
    return old != NULL && old->type == view->type && strcasecmp(old->table, view->table->name) == 0 &&
           strcasecmp(old->table2, view->table2 != NULL ? view->table2->name : "") == 0 &&
           strcasecmp(old->only_null, only_null) == 0;
}

static int32_t make_view(dvs_writer *writer, const dvs_view *view, int *made, dvs_error *err)
{
    memory_buf *redo = &writer->redo;
    size_t start = redo->length;
    const char *only_null = "";
    if (view->type != DVS_VIEW_CURRENT && view->type != DVS_VIEW_FIELD_LINEAGE)
        return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host asked for a view of the unknown type %u",
                        view->type);
    if (view->only_null >= (int32_t)view->table->n_columns ||
        (view->type == DVS_VIEW_FIELD_LINEAGE && view->table2 == NULL))
        return dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host asked for a view of what does not exist");
    if (memory_db_table(&writer->sink->db, view->table->name) == NULL ||
        (view->table2 != NULL && memory_db_table(&writer->sink->db, view->table2->name) == NULL))
        return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "a table of view %s does not exist",
                        view->name);
    if (view->only_null >= 0)
        only_null = memory_as_column(view->table, (uint32_t)view->only_null)->name;
    if (same_view(memory_db_view(&writer->sink->db, view->name), view, only_null))
        return DVS_OK;
    *made = 1;
    memory_put_u8(redo, MEMORY_OP_VIEW);
    memory_put_text(redo, view->name);
    memory_put_u8(redo, (uint8_t)view->type);
    memory_put_text(redo, view->table->name);
    memory_put_text(redo, view->table2 != NULL ? view->table2->name : "");
    memory_put_text(redo, only_null);
    return apply_from(writer, start, err);
}

int32_t memory_ensure_view(dvs_writer *writer, const dvs_view *view, dvs_error *err)
{
    int made = 0;
    int32_t status = memory_enter(writer->sink, "ensure_view", view->table->name, err);
    if (status == DVS_OK)
        status = memory_may_write(writer, err);
    if (status == DVS_OK)
        status = make_view(writer, view, &made, err);
    return memory_leave(writer->sink, "ensure_view", view->table->name,
                        json_pack("{s:s,s:b}", "view", view->name, "made", made), status, err);
}

static int32_t put_column(const dvs_sink *sink, dvs_out *out, const memory_column *column, dvs_error *err)
{
    dvs_column info;
    int32_t status = DVS_OK;
    memset(&info, 0, sizeof info);
    info.struct_size = (uint32_t)sizeof info;
    info.kind = column->kind;
    info.flags = column->flags & (DVS_COLUMN_NULLABLE | DVS_COLUMN_ROW_ID); /* the rest is the host's */
    info.max_length = column->max_length;
    info.name = column->name;
    info.native_type = testkit_kind_name(column->kind);
    dvs_put_done(sink->host->put_column(sink->host, out, &info), &status, err);
    return status;
}

static int32_t put_lineage_columns(const dvs_sink *sink, dvs_out *out, dvs_error *err)
{
    char names[][16] = {"entity_type", "entity_id",      "field_name", "source_type", "source_id",
                        "source_ref",  "previous_value", "new_value",  "sync_run_id", "changed_at"};
    int32_t status = DVS_OK;
    size_t i, n = sizeof names / sizeof names[0];
    for (i = 0; status == DVS_OK && i < n; i++) {
        memory_column column = {names[i], i == n - 1 ? DVS_TIMESTAMP : DVS_TEXT, DVS_COLUMN_NULLABLE, 0, 0};
        status = put_column(sink, out, &column, err);
    }
    return status;
}

static int32_t inspect(dvs_sink *sink, const char *name, dvs_out *out, dvs_error *err)
{
    const memory_table *table = memory_db_table(&sink->db, name);
    const memory_view *view = memory_db_view(&sink->db, name);
    int32_t status = DVS_OK;
    uint32_t i;
    if (view != NULL && view->type == DVS_VIEW_FIELD_LINEAGE)
        return put_lineage_columns(sink, out, err);
    if (view != NULL)
        table = memory_db_table(&sink->db, view->table);
    if (table == NULL)
        return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "there is no table or view %s", name);
    for (i = 0; status == DVS_OK && i < table->n_columns; i++)
        status = put_column(sink, out, &table->columns[i], err);
    return status;
}

int32_t memory_inspect(dvs_sink *sink, const char *table, dvs_out *out, dvs_error *err)
{
    int32_t status = memory_enter(sink, "inspect", table, err);
    if (status == DVS_OK && (sink->writer == NULL || !sink->writer->in_transaction))
        status = memory_file_refresh(sink, 0, err);
    if (status == DVS_OK)
        status = inspect(sink, table, out, err);
    return memory_leave(sink, "inspect", table, json_object(), status, err);
}
