/* report_validate_table.c - the fields of the entities against the tables in the sink. */

#include "api/report_validate.h"
#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"

static const char *const system_columns[] = {"row_id",   "sync_hash",  "sync_time",    "valid_from",
                                             "valid_to", "deleted_at", "json_response"};

static int is_system(const char *name)
{
    for (size_t i = 0; i < sizeof system_columns / sizeof *system_columns; i++)
        if (dvsi_utf8_casecmp(system_columns[i], name) == 0)
            return 1;
    return 0;
}

static const dvsi_definition_field *recorded_field(const dvsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->definition.n_fields; i++)
        if (dvsi_utf8_casecmp(target->definition.fields[i].name, name) == 0)
            return &target->definition.fields[i];
    return NULL;
}

/* Told already, as a column that is new at its source. */
static int is_told(const dvsi_target *target, const char *name)
{
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_mapping *mapping = target->feeds[f].mapping;
        const dvsi_definition_source *known =
            dvsi_definition_from(&target->definition, target->feeds[f].from);
        for (uint32_t i = 0; mapping != NULL && known != NULL && i < mapping->n_plain; i++) {
            const dvsi_map_field *field = &mapping->fields[i];
            int old = field->from == NULL || dvsi_utf8_casecmp(field->name, name) != 0;
            for (uint32_t k = 0; k < known->n_columns && !old; k++)
                old = dvsi_utf8_casecmp(known->columns[k], field->from) == 0;
            if (!old)
                return 1;
        }
    }
    return 0;
}

/* The kind that a sink tells of a column that was made for another: many store these as text. */
static int is_stored_as(uint32_t kind, uint32_t found)
{
    return kind == found || (found == DVS_TEXT && (kind == DVS_DATE || kind == DVS_TIMESTAMP ||
                                                   kind == DVS_UUID || kind == DVS_JSON));
}

static int is_number(uint32_t kind)
{
    return kind == DVS_BOOL || kind == DVS_INT64 || kind == DVS_DOUBLE || kind == DVS_DECIMAL;
}

/* A table that somebody else made may declare its columns otherwise. */
static int is_near(uint32_t kind, uint32_t found)
{
    return is_stored_as(kind, found) || found == DVS_DECIMAL || (is_number(kind) && is_number(found));
}

static void check_column(dvsi_validation *v, const dvsi_target *target, const dvsi_target_field *field,
                         const dvsi_schema *found)
{
    const dvsi_definition_field *old = recorded_field(target, field->name);
    const int strict = target->entity->schema == DVSI_SCHEMA_STRICT;
    const uint32_t kind = old != NULL ? old->kind : field->kind; /* a change of type is told elsewhere */
    const int at = dvsi_schema_find(found, field->name);
    dvsi_validation_place place = dvsi_validation_at(v, target, NULL, field->name);
    if (at < 0 && old == NULL && is_told(target, field->name))
        return;
    if (at < 0 && old == NULL) {
        dvsi_validation_row(v, DVSI_PROBLEM_INFO, "column_missing", &place,
                            "table \"%s\" has no column \"%s\" yet; the next sync adds it and fills it",
                            target->entity->name, field->name);
    } else if (at < 0) {
        dvsi_validation_row(v, strict ? DVSI_PROBLEM_ERROR : DVSI_PROBLEM_WARNING, "column_missing", &place,
                            "table \"%s\" has lost its column \"%s\"%s; %s", target->entity->name,
                            field->name, strict ? " (schema: strict)" : "",
                            strict
                                ? "put it back, or say `schema: lock` for one sync, which adds and fills it"
                                : "the next sync adds it and fills it");
    } else {
        const dvs_column *column = &found->columns[at];
        const char *native = column->native_type != NULL && column->native_type[0] != '\0'
                                 ? column->native_type
                                 : dvsi_kind_name(column->kind);
        if (target->entity->adopt ? !is_near(kind, column->kind) : !is_stored_as(kind, column->kind))
            dvsi_validation_row(
                v, DVSI_PROBLEM_WARNING, "type", &place,
                "column \"%s\" of table \"%s\" is declared %s, field \"%s\" is of type %s; the database may "
                "store its values as others. Declare it otherwise, or give the field a `type:` that fits",
                column->name, target->entity->name, native, field->name, dvsi_kind_name(kind));
        if ((column->flags & DVS_COLUMN_NULLABLE) == 0 && field->key_position == 0)
            dvsi_validation_row(v, DVSI_PROBLEM_WARNING, "nullability", &place,
                                "column \"%s\" of table \"%s\" may not be NULL; records without a value for "
                                "field \"%s\" become "
                                "row errors. Allow NULL, if that can be",
                                column->name, target->entity->name, field->name);
    }
}

static void check_extra(dvsi_validation *v, const dvsi_target *target, const dvs_column *column)
{
    dvsi_validation_place place = dvsi_validation_at(v, target, NULL, column->name);
    if (is_system(column->name))
        return;
    for (uint32_t i = 0; i < target->n_fields; i++)
        if (dvsi_utf8_casecmp(target->fields[i].name, column->name) == 0)
            return;
    const int ours = recorded_field(target, column->name) != NULL;
    dvsi_validation_row(
        v, DVSI_PROBLEM_INFO, "column_extra", &place,
        ours ? "column \"%s\" of table \"%s\" belongs to no field any more; it keeps its values. Drop it if "
               "nobody needs them"
             : "column \"%s\" of table \"%s\" is no field of the entity; dvsync leaves it alone",
        column->name, target->entity->name);
}

static void check_table(dvsi_validation *v, const dvsi_target *target)
{
    dvsi_schema found = {0};
    dvs_error err = DVS_ERROR_INIT;
    dvsi_validation_place place = dvsi_validation_at(v, target, NULL, NULL);
    int32_t status = dvsi_sink_inspect(v->view->run->sink, target->entity->name, &found, &err);
    if (status == DVS_E_NOT_FOUND && target->definition.row_id != 0)
        dvsi_validation_row(v, DVSI_PROBLEM_WARNING, "table_missing", &place,
                            "table \"%s\" is gone; the next sync makes it anew and reads everything",
                            target->entity->name);
    else if (status == DVS_E_NOT_FOUND)
        dvsi_validation_row(v, DVSI_PROBLEM_INFO, "table_missing", &place,
                            "table \"%s\" is not there yet; the first sync makes it", target->entity->name);
    else if (status != DVS_OK)
        dvsi_validation_row(v, DVSI_PROBLEM_ERROR, "table", &place, "%s", err.message);
    int ours =
        status == DVS_OK && (target->definition.row_id != 0 || target->entity->adopt); /* else refused */
    for (uint32_t i = 0; i < target->n_fields && ours; i++)
        check_column(v, target, &target->fields[i], &found);
    for (uint32_t i = 0; i < found.n_columns && ours && target->n_fields != 0; i++)
        check_extra(v, target, &found.columns[i]);
    dvsi_schema_free(&found);
}

/* Tables of ours whose entities are no longer in the project. */
static void check_left(dvsi_validation *v)
{
    dvsi_run *run = v->view->run;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_TABLES);
    int32_t status = rows == NULL ? dvsi_error_no_memory(&err)
                                  : dvsi_books_find(&run->books, DVSI_BOOK_TABLES, NULL, 0, 0, 0, rows, &err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        const char *name =
            row[DVSI_TABLES_ENTITY].kind == DVS_TEXT
                ? dvsi_arena_copy(&v->arena, row[DVSI_TABLES_ENTITY].v.text, row[DVSI_TABLES_ENTITY].length)
                : NULL;
        int there = name == NULL;
        for (uint32_t e = 0; e < v->project->n_entities && !there; e++)
            there = dvsi_utf8_casecmp(v->project->entities[e].name, name) == 0;
        dvsi_validation_place place = {NULL, "entities", name, NULL, NULL};
        if (!there)
            dvsi_validation_row(v, DVSI_PROBLEM_INFO, "table_extra", &place,
                                "table \"%s\" was made for entity \"%s\", which is no longer in the project; "
                                "dvsync leaves it "
                                "alone. Drop it if nobody needs it",
                                name, name);
    }
    if (status != DVS_OK)
        dvsi_validation_add(v, DVSI_PROBLEM_ERROR, NULL, "sink", "%s", err.message);
    dvsi_batch_free(rows);
}

void dvsi_validate_tables(dvsi_validation *v)
{
    if (v->view == NULL || v->view->run->sink == NULL)
        return;
    for (uint32_t e = 0; e < v->project->n_entities; e++)
        check_table(v, &v->targets[e]);
    check_left(v);
}
