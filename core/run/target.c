/* target.c - the data table of an entity: made, extended, looked after. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "run/run.h"

void dvsi_target_free(dvsi_target *target)
{
    dvsi_schema_free(&target->schema);
    free(target->field_changes);
    target->field_changes = NULL;
}

int32_t dvsi_target_next_id(dvsi_target *target, int64_t *id, dvs_error *err)
{
    if (target->next_id == 0) {
        int32_t status = dvsi_sink_next_id(target->run->sink, &target->table, &target->next_id, err);
        if (status != DVS_OK)
            return status;
    }
    *id = target->next_id++;
    return DVS_OK;
}

/* Whose table is it? DVS_OK when we may use it. */
static int32_t check_owner(dvsi_target *target, dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_TABLES_ROW_ID, DVSI_TABLES_PROJECT};
    dvsi_books *books = &target->run->books;
    const char *name = target->entity->name;
    if (target->definition.row_id != 0)
        return DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(2);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = DVS_OK;
    if (books->exists[DVSI_BOOK_TABLES]) {
        dvs_where where = dvsi_where(DVSI_TABLES_TABLE_NAME, DVS_OP_EQ, dvsi_cell_text(name));
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan, .table = &books->tables[DVSI_BOOK_TABLES],
                         .columns = columns, .n_columns = 2, .n_where = 1, .where = &where,
                         .where_stride = sizeof where, .limit = 1};
        status = dvsi_sink_scan(books->sink, &scan, rows, err);
    }
    if (status == DVS_OK && rows->n_rows != 0 && rows->cells[1].kind == DVS_TEXT)
        status = dvsi_error_set(err, DVS_E_CONFIG,
                                "table \"%s\" belongs to project \"%.*s\"; give the entity another name or the project "
                                "another database",
                                name, (int)rows->cells[1].length, rows->cells[1].v.text);
    else if (status == DVS_OK && !target->entity->adopt)
        status = dvsi_error_set(err, DVS_E_CONFIG,
                                "table \"%s\" is there already and dvsync did not make it; say `adopt: true` on the "
                                "entity to take it over, or give the entity another name",
                                name);
    dvsi_batch_free(rows);
    return status;
}

/* A table that is there has the column by which we know its rows, or can be given it. */
static int32_t check_row_id(const dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    const char *name = target->entity->name;
    int at = dvsi_schema_find(found, "row_id");
    if (at >= 0 && (found->columns[at].flags & DVS_COLUMN_ROW_ID) == 0)
        return dvsi_error_set(err, DVS_E_SCHEMA,
                              "table \"%s\" has a column \"%s\" that does not number its rows (in SQLite: INTEGER PRIMARY "
                              "KEY); rename that column, and a sync adds its own",
                              name, found->columns[at].name);
    if (at < 0 && target->run->dry)
        return dvsi_error_set(err, DVS_E_SCHEMA, "table \"%s\" is not adopted yet: a sync does that, then it can be compared",
                              name);
    return DVS_OK;
}

static const dvsi_definition_field *recorded(const dvsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->definition.n_fields; i++)
        if (dvsi_utf8_casecmp(target->definition.fields[i].name, name) == 0)
            return &target->definition.fields[i];
    return NULL;
}

/* The rule `lock`: types stay, what is new or gone at the source is reported. */
static int32_t check_schema(dvsi_target *target, dvs_error *err)
{
    const dvsi_feed *feed = &target->feeds[0];
    dvsi_mapping *mapping = feed->mapping;
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        dvsi_map_field *field = &mapping->fields[i];
        const dvsi_definition_field *old = recorded(target, field->name);
        if (old == NULL)
            continue;
        if (field->is_gone)
            field->kind = old->kind;
        else if (field->kind != old->kind)
            return dvsi_error_set(err, DVS_E_SCHEMA,
                                  "entity \"%s\": field \"%s\" was of type %s and is now %s (schema: lock); say `type: %s` "
                                  "to convert it, or drop the table to load it anew",
                                  target->entity->name, field->name, dvsi_kind_name(old->kind),
                                  dvsi_kind_name(field->kind), dvsi_kind_name(old->kind));
    }
    if (mapping->n_new_columns != 0)
        dvsi_run_note(target->run, "warning", target->entity->name, feed->from->label, 0, NULL, mapping->new_columns[0],
                      "%u new column%s at the source, not synced (schema: lock); json_response has %s",
                      mapping->n_new_columns, mapping->n_new_columns != 1 ? "s" : "",
                      mapping->n_new_columns != 1 ? "them" : "it");
    for (uint32_t i = 0; i < target->definition.n_columns; i++) {
        const char *name = target->definition.columns[i];
        int there = 0;
        for (uint32_t k = 0; k < mapping->n_all_columns && !there; k++)
            there = dvsi_utf8_casecmp(mapping->all_columns[k], name) == 0;
        if (!there)
            dvsi_run_note(target->run, "warning", target->entity->name, feed->from->label, 0, NULL, name,
                          "the column is gone at the source; the table keeps its values");
    }
    return DVS_OK;
}

static int32_t build_schema(dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    const dvsi_mapping *mapping = target->feeds[0].mapping;
    dvsi_schema *schema = &target->schema;
    const dvsi_entity *entity = target->entity;
    int failed = dvsi_schema_put(schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL;
    target->n_fields = mapping->n_fields;
    target->n_key = mapping->n_key;
    target->names = dvsi_arena_calloc(&schema->arena, (size_t)mapping->n_fields + 1, sizeof *target->names);
    target->positions = dvsi_arena_calloc(&schema->arena, (size_t)mapping->n_fields + 1, sizeof *target->positions);
    target->key_columns = dvsi_arena_calloc(&schema->arena, mapping->n_key, sizeof *target->key_columns);
    target->lookup = dvsi_arena_calloc(&schema->arena, (size_t)mapping->n_fields + 3, sizeof *target->lookup);
    target->field_at = dvsi_arena_calloc(&schema->arena, (size_t)mapping->n_fields + 1, sizeof *target->field_at);
    target->field_changes = calloc((size_t)mapping->n_fields + 1, sizeof *target->field_changes);
    if (failed || target->names == NULL || target->positions == NULL || target->key_columns == NULL ||
        target->lookup == NULL || target->field_at == NULL || target->field_changes == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < mapping->n_fields && !failed; i++) {
        const dvs_column *column =
            dvsi_schema_put(schema, mapping->fields[i].name, mapping->fields[i].kind, DVS_COLUMN_NULLABLE);
        failed = column == NULL;
        target->names[i] = failed ? NULL : column->name;
    }
    for (uint32_t k = 0; k < mapping->n_key && !failed; k++)
        target->key_columns[k] = mapping->key[k] + 1;
    target->sync_hash = (int32_t)schema->n_columns;
    failed = failed || dvsi_schema_put(schema, "sync_hash", DVS_BYTES, DVS_COLUMN_NULLABLE) == NULL;
    target->sync_time = (int32_t)schema->n_columns;
    failed = failed || dvsi_schema_put(schema, "sync_time", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
    target->deleted_at = target->json_response = -1;
    if (entity->deletes == DVSI_DELETES_SOFT || dvsi_schema_find(found, "deleted_at") >= 0) {
        target->deleted_at = (int32_t)schema->n_columns;
        failed = failed || dvsi_schema_put(schema, "deleted_at", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
    }
    if (entity->keep_raw || dvsi_schema_find(found, "json_response") >= 0) {
        target->json_response = (int32_t)schema->n_columns;
        failed = failed || dvsi_schema_put(schema, "json_response", DVS_JSON, DVS_COLUMN_NULLABLE) == NULL;
    }
    target->table = (dvs_table){(uint32_t)sizeof(dvs_table), schema->n_columns, sizeof(dvs_column), 0,
                                dvsi_table_id(), entity->name, schema->columns};
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* Which columns a lookup reads: all that we compare, as far as the table has them. */
static void build_lookup(dvsi_target *target, const dvsi_schema *found)
{
    int sure = !target->run->dry; /* a sync adds what is missing */
    target->n_lookup = 0;
    target->lookup[target->n_lookup++] = 0;
    target->lookup_hash = target->lookup_deleted = -1;
    if (sure || dvsi_schema_find(found, "sync_hash") >= 0) {
        target->lookup_hash = (int32_t)target->n_lookup;
        target->lookup[target->n_lookup++] = (uint32_t)target->sync_hash;
    }
    if (target->deleted_at >= 0 && (sure || dvsi_schema_find(found, "deleted_at") >= 0)) {
        target->lookup_deleted = (int32_t)target->n_lookup;
        target->lookup[target->n_lookup++] = (uint32_t)target->deleted_at;
    }
    target->lookup_fields = target->n_lookup;
    for (uint32_t i = 0; i < target->n_fields; i++) {
        target->field_at[i] = -1;
        if (!sure && dvsi_schema_find(found, target->names[i]) < 0)
            continue;
        target->field_at[i] = (int32_t)target->n_lookup;
        target->lookup[target->n_lookup++] = i + 1;
    }
}

static int32_t make_table(dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    dvsi_sink *sink = target->run->sink;
    dvs_change change = {(uint32_t)sizeof change, DVS_CHANGE_CREATE_TABLE, &target->table, NULL, NULL};
    if (!target->exists)
        return dvsi_sink_apply_schema(sink, &change, 1, err);
    change.type = DVS_CHANGE_ADD_COLUMN;
    for (uint32_t i = 0; i < target->schema.n_columns; i++) {
        if (dvsi_schema_find(found, target->schema.columns[i].name) >= 0)
            continue;
        change.column = &target->schema.columns[i];
        int32_t status = dvsi_sink_apply_schema(sink, &change, 1, err);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

static dvs_cell text_or_null(const char *text)
{
    return text != NULL ? dvsi_cell_text(text) : dvsi_cell_null();
}

static int same_text(const dvs_cell *cell, const char *text)
{
    if (text == NULL || cell->kind != DVS_TEXT)
        return text == NULL && cell->kind == DVS_NULL;
    return strlen(text) == cell->length && memcmp(text, cell->v.text, cell->length) == 0;
}

/* One mapping in _sync_schema: the same one seen again, or a new row. */
static int32_t note_field(dvsi_target *target, const dvsi_batch *rows, uint32_t at, int64_t *next_position,
                          dvs_error *err)
{
    static const uint32_t last_seen = DVSI_SCHEMA_LAST_SEEN;
    dvsi_run *run = target->run;
    const dvsi_feed *feed = &target->feeds[0];
    const dvsi_map_field *field = &feed->mapping->fields[at];
    const dvs_cell *same = NULL;
    int64_t position = -1;
    for (uint32_t i = 0; i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (!same_text(&row[DVSI_SCHEMA_FIELD], field->name))
            continue;
        position = row[DVSI_SCHEMA_POSITION].v.i64;
        if (same_text(&row[DVSI_SCHEMA_TYPE], dvsi_kind_name(field->kind)) &&
            same_text(&row[DVSI_SCHEMA_SOURCE], feed->from->label) &&
            same_text(&row[DVSI_SCHEMA_PLUGIN], feed->from->endpoint->plugin) &&
            same_text(&row[DVSI_SCHEMA_SOURCE_ENTITY], feed->from->entity) &&
            same_text(&row[DVSI_SCHEMA_SOURCE_FIELD], field->from))
            same = row;
    }
    if (position < 0)
        position = (*next_position)++;
    target->positions[at] = (uint32_t)position;
    dvs_cell now = dvsi_cell_timestamp(run->started_at);
    if (same != NULL)
        return dvsi_books_update(&run->books, DVSI_BOOK_SCHEMA, same[DVSI_SCHEMA_ROW_ID].v.i64, &last_seen, &now, 1, err);
    dvs_cell row[DVSI_N_SCHEMA] = {{0}};
    row[DVSI_SCHEMA_ENTITY] = dvsi_cell_text(target->entity->name);
    row[DVSI_SCHEMA_FIELD] = dvsi_cell_text(field->name);
    row[DVSI_SCHEMA_POSITION] = dvsi_cell_int64(position);
    row[DVSI_SCHEMA_TYPE] = dvsi_cell_text(dvsi_kind_name(field->kind));
    row[DVSI_SCHEMA_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_SCHEMA_PLUGIN] = dvsi_cell_text(feed->from->endpoint->plugin);
    row[DVSI_SCHEMA_SOURCE_ENTITY] = dvsi_cell_text(feed->from->entity);
    row[DVSI_SCHEMA_SOURCE_FIELD] = text_or_null(field->from);
    row[DVSI_SCHEMA_IS_KEY] = dvsi_cell_bool(field->key_position != 0);
    row[DVSI_SCHEMA_FIRST_SEEN] = now;
    row[DVSI_SCHEMA_LAST_SEEN] = now;
    return dvsi_books_insert(&run->books, DVSI_BOOK_SCHEMA, row, 1, NULL, err);
}

static int32_t note_fields(dvsi_target *target, dvs_error *err)
{
    dvsi_books *books = &target->run->books;
    dvs_where where = dvsi_where(DVSI_SCHEMA_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_SCHEMA);
    int64_t next = 0;
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(books, DVSI_BOOK_SCHEMA, &where, 1, 0, 0, rows, err);
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *position = &dvsi_batch_cells(rows, i)[DVSI_SCHEMA_POSITION];
        if (position->kind != DVS_INT64 || position->v.i64 < 0 || position->v.i64 > 100000)
            status = dvsi_error_set(err, DVS_E_CORRUPT, "table \"_sync_schema\" was edited: a position of entity \"%s\" "
                                    "is no number from 0 to 100000", target->entity->name);
        else if (position->v.i64 >= next)
            next = position->v.i64 + 1;
    }
    for (uint32_t i = 0; i < target->n_fields && status == DVS_OK; i++)
        status = note_field(target, rows, i, &next, err);
    dvsi_batch_free(rows);
    return status;
}

static int32_t make_views(dvsi_target *target, dvs_error *err)
{
    dvsi_buf name = {0};
    dvsi_buf_printf(&name, "%s_current", target->entity->name);
    dvs_view view = {(uint32_t)sizeof view, DVS_VIEW_CURRENT, dvsi_buf_text(&name), &target->table, NULL,
                     target->deleted_at, 0};
    int32_t status = name.failed ? dvsi_error_no_memory(err) : dvsi_sink_ensure_view(target->run->sink, &view, err);
    dvsi_buf_free(&name);
    return status;
}

/* The unique index of the key, and one that finds the deleted rows, so that counting the active ones does not read
 * the table. */
typedef int32_t index_fn(dvsi_sink *sink, const dvs_index *index, dvs_error *err);

static int32_t each_index(dvsi_target *target, index_fn *call, dvs_error *err)
{
    dvsi_buf name = {0};
    dvsi_buf_printf(&name, "_sync_key_%s", target->entity->name);
    dvs_index key = {(uint32_t)sizeof key, DVS_INDEX_UNIQUE, dvsi_buf_text(&name), &target->table, target->key_columns,
                     target->n_key,        -1,               -1,                   0};
    int32_t status = name.failed ? dvsi_error_no_memory(err) : call(target->run->sink, &key, err);
    if (status == DVS_OK && target->deleted_at >= 0) {
        uint32_t column = (uint32_t)target->deleted_at;
        dvsi_buf_clear(&name);
        dvsi_buf_printf(&name, "_sync_deleted_%s", target->entity->name);
        dvs_index deleted = {(uint32_t)sizeof deleted, 0, dvsi_buf_text(&name), &target->table, &column, 1, -1,
                             target->deleted_at,       0};
        status = name.failed ? dvsi_error_no_memory(err) : call(target->run->sink, &deleted, err);
    }
    dvsi_buf_free(&name);
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
        dvs_where where = dvsi_where((uint32_t)target->deleted_at, DVS_OP_NOT_NULL, dvsi_cell_null());
        status = dvsi_sink_count(target->run->sink, &target->table, &where, 1, &deleted, err);
    }
    *active = all - deleted;
    return status;
}

int32_t dvsi_target_prepare(dvsi_target *target, dvs_error *err)
{
    dvsi_run *run = target->run;
    dvsi_schema found = {0};
    int32_t status = run->sink != NULL ? dvsi_sink_inspect(run->sink, target->entity->name, &found, err) : DVS_E_NOT_FOUND;
    target->exists = status == DVS_OK;
    if (status == DVS_E_NOT_FOUND)
        status = DVS_OK;
    if (status == DVS_OK && target->exists)
        status = check_owner(target, err);
    if (status == DVS_OK && target->exists)
        status = check_row_id(target, &found, err);
    if (status == DVS_OK)
        status = check_schema(target, err);
    if (status == DVS_OK)
        status = build_schema(target, &found, err);
    if (status == DVS_OK) {
        build_lookup(target, &found);
        if (!run->dry) {
            status = make_table(target, &found, err);
            if (status == DVS_OK)
                status = dvsi_definition_store(target, err);
            if (status == DVS_OK)
                status = note_fields(target, err);
            if (status == DVS_OK)
                status = make_views(target, err);
            target->created = status == DVS_OK && !target->exists;
            if (status == DVS_OK)
                target->exists = 1;
        }
    }
    dvsi_schema_free(&found);
    return status;
}
