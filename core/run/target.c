/* target.c - the data table of an entity: made, extended, looked after. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "config/keys.h"
#include "data/cell.h"
#include "run/rebuild.h"
#include "run/run.h"
#include "run/schema_rule.h"
#include "run/target.h"

void dvsi_target_free(dvsi_target *target)
{
    dvsi_expressions_free(target->derived);
    dvsi_seen_clear(&target->rows_met);
    dvsi_seen_clear(&target->skipped);
    dvsi_seen_clear(&target->unfit_pins);
    dvsi_buf_free(&target->offers_at);
    dvsi_seen_clear(&target->settled);
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

static char *name_in(dvsi_arena *arena, const dvs_cell *cell)
{
    return cell->kind == DVS_TEXT ? dvsi_arena_copy(arena, cell->v.text, cell->length)
                                  : dvsi_arena_copy(arena, "", 0);
}

/* One row (project, table_name, entity) of _sync_tables against the entity's table. */
static int32_t compare_owner(dvsi_run *run, const dvsi_entity *entity, const dvs_cell *row, dvs_error *err)
{
    const char *project = name_in(&run->arena, &row[0]);
    const char *table = name_in(&run->arena, &row[1]);
    const char *other = name_in(&run->arena, &row[2]);
    if (project == NULL || table == NULL || other == NULL)
        return dvsi_error_no_memory(err);
    if (dvsi_utf8_casecmp(table, entity->name) != 0)
        return DVS_OK;
    if (strcmp(project, run->project->name) != 0)
        return dvsi_error_set(err, DVS_E_CONFIG,
                              "table \"%s\" belongs to project \"%s\"; give the entity another name or the "
                              "project another database",
                              table, project);
    return dvsi_error_set(err, DVS_E_CONFIG,
                          "table \"%s\" is that of the entity \"%s\", and names compare without case; write "
                          "the entity's name the same way, or give it another one",
                          table, other);
}

int32_t dvsi_target_may_take(dvsi_run *run, const dvsi_entity *entity, dvs_error *err)
{
    static const uint32_t columns[3] = {DVSI_TABLES_PROJECT, DVSI_TABLES_TABLE_NAME, DVSI_TABLES_ENTITY};
    dvsi_books *books = &run->books;
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &books->tables[DVSI_BOOK_TABLES],
                     .columns = columns,
                     .n_columns = 3};
    dvsi_batch *rows = dvsi_batch_new(3);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = books->exists[DVSI_BOOK_TABLES] ? dvsi_sink_scan(books->sink, &scan, rows, err) : DVS_OK;
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++)
        status = compare_owner(run, entity, dvsi_batch_cells(rows, i), err);
    if (status == DVS_OK && !entity->adopt)
        status = dvsi_error_set(
            err, DVS_E_CONFIG,
            "table \"%s\" is there already and dvsync did not make it; say `adopt: true` on the "
            "entity to take it over, or give the entity another name",
            entity->name);
    dvsi_batch_free(rows);
    return status;
}

/* A table that is there has the column by which we know its rows, or can be given it. */
static int32_t check_row_id(const dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    const char *name = target->entity->name;
    int at = dvsi_schema_find(found, "row_id");
    if (at >= 0 && (found->columns[at].flags & DVS_COLUMN_ROW_ID) == 0)
        return dvsi_error_set(
            err, DVS_E_SCHEMA,
            "table \"%s\" has a column \"%s\" that does not number its rows (in SQLite: INTEGER PRIMARY "
            "KEY); rename that column, and a sync adds its own",
            name, found->columns[at].name);
    if (at < 0 && target->run->dry)
        return dvsi_error_set(err, DVS_E_SCHEMA,
                              "table \"%s\" is not adopted yet: a sync does that, then it can be compared",
                              name);
    return DVS_OK;
}

/* A table that is to be adopted can hold several versions of a record: its own key is not made of what these
 * have in common. */
static int32_t check_versions(const dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    uint32_t n_key = 0;
    uint32_t n_fields = 0;
    if (target->entity->history != DVSI_HISTORY_SCD2 || target->definition.row_id != 0)
        return DVS_OK;
    for (uint32_t i = 0; i < found->n_columns; i++) {
        if ((found->columns[i].flags & DVS_COLUMN_KEY) == 0)
            continue;
        n_key++;
        for (uint32_t k = 0; k < target->n_fields; k++)
            n_fields += dvsi_utf8_casecmp(target->fields[k].name, found->columns[i].name) == 0;
    }
    if (n_key == 0 || n_fields < n_key)
        return DVS_OK;
    return dvsi_error_set(
        err, DVS_E_CONFIG,
        "table \"%s\" has a primary key of its own, which leaves no room for several versions of a record "
        "(history: scd2); give the entity another name, or make the table without that key",
        target->entity->name);
}

static int32_t build_schema(dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    dvsi_schema *schema = &target->schema;
    const size_t n = target->n_fields;
    const dvsi_entity *entity = target->entity;
    int failed = dvsi_schema_put(schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL;
    target->names = dvsi_arena_calloc(&schema->arena, n + 1, sizeof *target->names);
    target->positions = dvsi_arena_calloc(&schema->arena, n + 1, sizeof *target->positions);
    target->lookup = dvsi_arena_calloc(&schema->arena, n + 4, sizeof *target->lookup);
    target->field_at = dvsi_arena_calloc(&schema->arena, n + 1, sizeof *target->field_at);
    target->field_changes = calloc(n + 1, sizeof *target->field_changes);
    if (failed || target->names == NULL || target->positions == NULL || target->lookup == NULL ||
        target->field_at == NULL || target->field_changes == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n && !failed; i++) {
        const dvs_column *column =
            dvsi_schema_put(schema, target->fields[i].name, target->fields[i].kind, DVS_COLUMN_NULLABLE);
        failed = column == NULL;
        target->names[i] = failed ? NULL : column->name;
    }
    target->sync_hash = (int32_t)schema->n_columns;
    failed = failed || dvsi_schema_put(schema, "sync_hash", DVS_BYTES, DVS_COLUMN_NULLABLE) == NULL;
    target->sync_time = (int32_t)schema->n_columns;
    failed = failed || dvsi_schema_put(schema, "sync_time", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
    target->deleted_at = target->valid_from = target->valid_to = target->json_response = -1;
    if (entity->history == DVSI_HISTORY_SCD2) {
        target->valid_from = (int32_t)schema->n_columns;
        failed = failed || dvsi_schema_put(schema, "valid_from", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
        target->valid_to = (int32_t)schema->n_columns;
        failed = failed || dvsi_schema_put(schema, "valid_to", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
    } else if (entity->deletes == DVSI_DELETES_SOFT || dvsi_schema_find(found, "deleted_at") >= 0) {
        target->deleted_at = (int32_t)schema->n_columns;
        failed = failed || dvsi_schema_put(schema, "deleted_at", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
    }
    target->closed = target->valid_to >= 0 ? target->valid_to : target->deleted_at;
    dvsi_raw_plan(target, found);
    if (entity->keep_raw ||
        (target->definition.raw != DVSI_RAW_NEVER && dvsi_schema_find(found, "json_response") >= 0)) {
        target->json_response = (int32_t)schema->n_columns;
        failed = failed || dvsi_schema_put(schema, "json_response", DVS_JSON, DVS_COLUMN_NULLABLE) == NULL;
    }
    target->table = (dvs_table){.struct_size = (uint32_t)sizeof(dvs_table),
                                .n_columns = schema->n_columns,
                                .column_stride = sizeof(dvs_column),
                                .id = dvsi_table_id(),
                                .name = target->table_name,
                                .columns = schema->columns};
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* Which columns a lookup reads: all that we compare, as far as the table has them. */
static void build_lookup(dvsi_target *target, const dvsi_schema *found)
{
    int sure = !target->run->dry; /* a sync adds what is missing */
    target->n_lookup = 0;
    target->lookup[target->n_lookup++] = 0;
    target->lookup_hash = target->lookup_deleted = target->lookup_from = -1;
    if (sure || dvsi_schema_find(found, "sync_hash") >= 0) {
        target->lookup_hash = (int32_t)target->n_lookup;
        target->lookup[target->n_lookup++] = (uint32_t)target->sync_hash;
    }
    if (target->closed >= 0 &&
        (sure || dvsi_schema_find(found, target->schema.columns[target->closed].name) >= 0)) {
        target->lookup_deleted = (int32_t)target->n_lookup;
        target->lookup[target->n_lookup++] = (uint32_t)target->closed;
    }
    if (target->valid_from >= 0 && (sure || dvsi_schema_find(found, "valid_from") >= 0)) {
        target->lookup_from = (int32_t)target->n_lookup;
        target->lookup[target->n_lookup++] = (uint32_t)target->valid_from;
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

/* A field as one feed maps it. */
typedef struct mapped_field {
    const dvsi_feed *feed;    /* of a derived field: one whose record it may be */
    uint32_t at;              /* in the entity */
    const char *source_field; /* NULL: computed or static */
} mapped_field;

/* The rows of _sync_schema, and the number that the next new field gets. */
typedef struct field_notes {
    dvsi_target *target;
    dvsi_batch *rows;
    int64_t next_position;
} field_notes;

static int is_same_mapping(const dvsi_target *target, const mapped_field *field, const dvs_cell *row)
{
    const dvsi_from *from = field->feed->from;
    return dvsi_cell_says(&row[DVSI_SCHEMA_TYPE], dvsi_kind_name(target->fields[field->at].kind)) &&
           dvsi_cell_says(&row[DVSI_SCHEMA_SOURCE], from->label) &&
           dvsi_cell_says(&row[DVSI_SCHEMA_PLUGIN], from->endpoint->plugin) &&
           dvsi_cell_says(&row[DVSI_SCHEMA_SOURCE_ENTITY], from->entity) &&
           dvsi_cell_says(&row[DVSI_SCHEMA_SOURCE_FIELD], field->source_field);
}

/* One mapping in _sync_schema: the same one seen again, or a new row. */
static int32_t note_mapping(field_notes *notes, const mapped_field *field, dvs_error *err)
{
    static const uint32_t last_seen = DVSI_SCHEMA_LAST_SEEN;
    dvsi_target *target = notes->target;
    dvsi_run *run = target->run;
    const dvsi_from *from = field->feed->from;
    const char *name = target->fields[field->at].name;
    dvs_cell now = dvsi_cell_timestamp(run->started_at);
    for (uint32_t i = 0; i < notes->rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(notes->rows, i);
        if (dvsi_cell_says(&row[DVSI_SCHEMA_FIELD], name) && is_same_mapping(target, field, row))
            return dvsi_books_update(&run->books, DVSI_BOOK_SCHEMA, row[DVSI_SCHEMA_ROW_ID].v.i64, &last_seen,
                                     &now, 1, err);
    }
    dvs_cell row[DVSI_N_SCHEMA] = {{0}};
    row[DVSI_SCHEMA_ENTITY] = dvsi_cell_text(target->entity->name);
    row[DVSI_SCHEMA_FIELD] = dvsi_cell_text(name);
    row[DVSI_SCHEMA_POSITION] = dvsi_cell_int64(target->positions[field->at]);
    row[DVSI_SCHEMA_TYPE] = dvsi_cell_text(dvsi_kind_name(target->fields[field->at].kind));
    row[DVSI_SCHEMA_SOURCE] = dvsi_cell_text(from->label);
    row[DVSI_SCHEMA_PLUGIN] = dvsi_cell_text(from->endpoint->plugin);
    row[DVSI_SCHEMA_SOURCE_ENTITY] = dvsi_cell_text(from->entity);
    row[DVSI_SCHEMA_SOURCE_FIELD] = dvsi_text_or_null(field->source_field);
    row[DVSI_SCHEMA_IS_KEY] = dvsi_cell_bool(target->fields[field->at].key_position != 0);
    row[DVSI_SCHEMA_FIRST_SEEN] = now;
    row[DVSI_SCHEMA_LAST_SEEN] = now;
    return dvsi_books_insert(&run->books, DVSI_BOOK_SCHEMA, row, 1, NULL, err);
}

int dvsi_same_name(const dvs_cell *cell, const char *name)
{
    char text[DVSI_KEYS_MOST_IDENT + 1];
    if (cell->kind != DVS_TEXT || cell->length >= sizeof text)
        return 0;
    memcpy(text, cell->v.text, cell->length);
    text[cell->length] = '\0';
    return dvsi_utf8_casecmp(text, name) == 0;
}

/* The place in sync_hash that a field was given once, or is given now. Names compare without case. */
static void place_field(field_notes *notes, uint32_t at)
{
    const char *name = notes->target->fields[at].name;
    int64_t position = -1;
    int is_exact = 0;
    for (uint32_t i = 0; i < notes->rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(notes->rows, i);
        int same = dvsi_cell_says(&row[DVSI_SCHEMA_FIELD], name);
        if (same || (!is_exact && dvsi_same_name(&row[DVSI_SCHEMA_FIELD], name)))
            position = row[DVSI_SCHEMA_POSITION].v.i64;
        is_exact |= same;
    }
    notes->target->positions[at] = (uint32_t)(position >= 0 ? position : notes->next_position++);
}

static int32_t note_mappings(field_notes *notes, dvs_error *err)
{
    dvsi_target *target = notes->target;
    int32_t status = DVS_OK;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        const dvsi_mapping *mapping = feed->mapping;
        for (uint32_t i = 0; mapping != NULL && i < mapping->n_plain && status == DVS_OK; i++) {
            mapped_field field = {feed, feed->field_of[i], mapping->fields[i].from};
            status = note_mapping(notes, &field, err);
        }
        for (uint32_t i = target->n_plain; mapping != NULL && i < target->n_fields && status == DVS_OK; i++) {
            mapped_field field = {feed, i, NULL};
            status = note_mapping(notes, &field, err);
        }
    }
    return status;
}

static int32_t note_fields(dvsi_target *target, dvs_error *err)
{
    dvsi_books *books = &target->run->books;
    dvs_where where = dvsi_where(DVSI_SCHEMA_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name));
    field_notes notes = {target, dvsi_batch_new(DVSI_N_SCHEMA), 0};
    if (notes.rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = target->run->sink != NULL
                         ? dvsi_books_find(books, DVSI_BOOK_SCHEMA, &where, 1, 0, 0, notes.rows, err)
                         : DVS_OK;
    for (uint32_t i = 0; i < notes.rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *position = &dvsi_batch_cells(notes.rows, i)[DVSI_SCHEMA_POSITION];
        if (position->kind != DVS_INT64 || position->v.i64 < 0 || position->v.i64 > 100000)
            status = dvsi_error_set(err, DVS_E_CORRUPT,
                                    "table \"_sync_schema\" was edited: a position of entity \"%s\" "
                                    "is no number from 0 to 100000",
                                    target->entity->name);
        else if (position->v.i64 >= notes.next_position)
            notes.next_position = position->v.i64 + 1;
    }
    for (uint32_t i = 0; i < target->n_fields && status == DVS_OK; i++)
        place_field(&notes, i);
    if (status == DVS_OK && !target->run->dry)
        status = note_mappings(&notes, err);
    dvsi_batch_free(notes.rows);
    return status;
}

int32_t dvsi_target_prepare(dvsi_target *target, dvs_error *err)
{
    dvsi_run *run = target->run;
    dvsi_schema found = {0};
    if (target->table_name == NULL)
        target->table_name = target->entity->name;
    int32_t status =
        run->sink != NULL ? dvsi_sink_inspect(run->sink, target->table_name, &found, err) : DVS_E_NOT_FOUND;
    target->exists = status == DVS_OK;
    if (status == DVS_E_NOT_FOUND)
        status = DVS_OK;
    if (status == DVS_OK && target->exists && target->definition.row_id == 0)
        status = dvsi_target_may_take(run, target->entity, err);
    if (status == DVS_OK && target->exists)
        status = check_row_id(target, &found, err);
    if (status == DVS_OK && target->exists)
        status = dvsi_schema_rule_check_table(target, &found, err);
    if (status == DVS_OK)
        status = dvsi_fields_agree(target, err);
    if (status == DVS_OK)
        status = dvsi_schema_rule_check(target, err);
    if (status == DVS_OK)
        status = dvsi_fields_make(target, err);
    if (status == DVS_OK && target->exists)
        status = check_versions(target, &found, err);
    if (status == DVS_OK)
        status = build_schema(target, &found, err);
    if (status == DVS_OK) {
        build_lookup(target, &found);
        status = note_fields(target, err);
        if (status == DVS_OK && dvsi_feed_gathers(&target->feeds[0]))
            status = dvsi_fields_voices(target, err);
        if (status == DVS_OK && target->exists)
            status = run->dry ? dvsi_evolve_pretend(target, err) : dvsi_evolve_table(target, &found, err);
        if (status == DVS_OK && !run->dry) {
            status = make_table(target, &found, err);
            if (status == DVS_OK)
                status =
                    target->rebuilds ? dvsi_rebuild_note(target, err) : dvsi_definition_store(target, err);
            if (status == DVS_OK && !target->rebuilds)
                status = dvsi_target_views(target, err);
            target->created = status == DVS_OK && !target->exists;
            if (status == DVS_OK)
                target->exists = 1;
        }
    }
    dvsi_schema_free(&found);
    return status;
}
