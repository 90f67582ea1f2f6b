/* definition.c - what is recorded of an entity: key, types and the source's columns, in _sync_tables. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/run.h"

static const char *history_name(const dvsi_entity *entity)
{
    return entity->history == DVSI_HISTORY_SCD2 ? "scd2" : "none";
}

/* A JSON array of strings. */
static int read_names(dvsi_arena *arena, const dvsi_json *list, const char ***names, uint32_t *n)
{
    if (list == NULL || list->type != DVSI_JSON_ARRAY)
        return -1;
    *names = dvsi_arena_calloc(arena, list->length + 1, sizeof **names);
    if (*names == NULL)
        return -1;
    for (const dvsi_json *item = list->first; item != NULL; item = item->next) {
        if (item->type != DVSI_JSON_STRING)
            return -1;
        (*names)[(*n)++] = item->text;
    }
    return 0;
}

static int read_definition(dvsi_arena *arena, const dvs_cell *text, dvsi_definition *out)
{
    const char *problem = NULL;
    size_t offset = 0;
    char *copy = dvsi_arena_copy(arena, text->v.text, text->length);
    const dvsi_json *root = copy != NULL ? dvsi_json_parse(arena, copy, text->length, &problem, &offset) : NULL;
    if (root == NULL || root->type != DVSI_JSON_OBJECT)
        return -1;
    const dvsi_json *history = dvsi_json_get(root, "history");
    const dvsi_json *explicit_key = dvsi_json_get(root, "explicit_key");
    const dvsi_json *fields = dvsi_json_get(root, "fields");
    if (history == NULL || history->type != DVSI_JSON_STRING || fields == NULL || fields->type != DVSI_JSON_OBJECT ||
        read_names(arena, dvsi_json_get(root, "key"), &out->key, &out->n_key) != 0 ||
        read_names(arena, dvsi_json_get(root, "columns"), &out->columns, &out->n_columns) != 0)
        return -1;
    out->history = history->text;
    out->explicit_key = explicit_key != NULL && explicit_key->type == DVSI_JSON_BOOL && explicit_key->length != 0;
    out->fields = dvsi_arena_calloc(arena, fields->length + 1, sizeof *out->fields);
    if (out->fields == NULL)
        return -1;
    for (const dvsi_json *item = fields->first; item != NULL; item = item->next) {
        const dvsi_json *type = dvsi_json_get(item, "type");
        const dvsi_json *given = dvsi_json_get(item, "explicit");
        int kind = type != NULL && type->type == DVSI_JSON_STRING ? dvsi_kind_from_name(type->text) : -1;
        if (kind < 0)
            return -1;
        out->fields[out->n_fields++] = (dvsi_definition_field){
            item->name, (uint32_t)kind, given != NULL && given->type == DVSI_JSON_BOOL && given->length != 0};
    }
    return 0;
}

int32_t dvsi_definitions_load(dvsi_run *run, dvs_error *err)
{
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_TABLES);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_books_find(&run->books, DVSI_BOOK_TABLES, NULL, 0, 0, 0, rows, err);
    for (uint32_t i = 0; i < rows->n_rows && status == DVS_OK; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        for (uint32_t t = 0; t < run->n_targets; t++) {
            dvsi_definition *definition = &run->targets[t].definition;
            const char *name = run->targets[t].entity->name;
            if (row[DVSI_TABLES_ENTITY].kind != DVS_TEXT || row[DVSI_TABLES_DEFINITION].kind <= DVS_NULL ||
                strlen(name) != row[DVSI_TABLES_ENTITY].length ||
                memcmp(name, row[DVSI_TABLES_ENTITY].v.text, row[DVSI_TABLES_ENTITY].length) != 0)
                continue;
            if (read_definition(&run->arena, &row[DVSI_TABLES_DEFINITION], definition) != 0)
                status = dvsi_error_set(err, DVS_E_CORRUPT,
                                        "the definition of entity \"%s\" in table \"_sync_tables\" cannot be read", name);
            definition->row_id = row[DVSI_TABLES_ROW_ID].v.i64;
        }
    }
    dvsi_batch_free(rows);
    return status;
}

static int32_t refuse(const dvsi_target *target, const char *what, const char *was, const char *is, dvs_error *err)
{
    return dvsi_error_set(err, DVS_E_CONFIG,
                          "%s:%u:%u: entity \"%s\": the %s was %s and is now %s; a table cannot change it. Put it back, "
                          "or drop table \"%s\" and its row in \"_sync_tables\" to load it anew",
                          target->run->project->file, target->entity->node != NULL ? target->entity->node->line : 0,
                          target->entity->node != NULL ? target->entity->node->column : 0, target->entity->name, what,
                          was, is, target->entity->name);
}

static int32_t check_key(const dvsi_target *target, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    const dvsi_entity *entity = target->entity;
    int differs = entity->n_key != 0 && entity->n_key != d->n_key;
    for (uint32_t k = 0; k < entity->n_key && !differs; k++)
        differs = dvsi_utf8_casecmp(entity->key[k], d->key[k]) != 0;
    if (!differs && !(entity->n_key == 0 && d->explicit_key))
        return DVS_OK;
    dvsi_buf was = {0};
    dvsi_buf is = {0};
    for (uint32_t k = 0; k < d->n_key; k++)
        dvsi_buf_printf(&was, "%s%s", k != 0 ? ", " : "", d->key[k]);
    for (uint32_t k = 0; k < entity->n_key; k++)
        dvsi_buf_printf(&is, "%s%s", k != 0 ? ", " : "", entity->key[k]);
    int32_t status = refuse(target, "key", dvsi_buf_text(&was), entity->n_key != 0 ? dvsi_buf_text(&is) : "the source's own",
                            err);
    dvsi_buf_free(&was);
    dvsi_buf_free(&is);
    return status;
}

int32_t dvsi_definition_check(const dvsi_target *target, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    if (d->row_id == 0)
        return DVS_OK;
    int32_t status = check_key(target, err);
    if (status == DVS_OK && strcmp(d->history, history_name(target->entity)) != 0)
        status = refuse(target, "history", d->history, history_name(target->entity), err);
    for (uint32_t f = 0; f < target->entity->n_from; f++) {
        const dvsi_from *from = &target->entity->from[f];
        for (uint32_t i = 0; i < from->n_fields && status == DVS_OK; i++)
            for (uint32_t k = 0; k < d->n_fields && status == DVS_OK; k++)
                if (from->fields[i].type >= 0 && (uint32_t)from->fields[i].type != d->fields[k].kind &&
                    dvsi_utf8_casecmp(from->fields[i].name, d->fields[k].name) == 0) {
                    dvsi_buf what = {0};
                    dvsi_buf_printf(&what, "type of field \"%s\"", d->fields[k].name);
                    status = refuse(target, dvsi_buf_text(&what), dvsi_kind_name(d->fields[k].kind),
                                    dvsi_kind_name((uint32_t)from->fields[i].type), err);
                    dvsi_buf_free(&what);
                }
    }
    return status;
}

static void add_name(dvsi_buf *out, uint32_t at, const char *name)
{
    if (at != 0)
        dvsi_buf_putc(out, ',');
    dvsi_json_string(out, name, strlen(name));
}

/* Fields that are recorded, but no longer mapped, stay recorded: their columns are still there. */
static void add_fields(const dvsi_target *target, const dvsi_mapping *mapping, dvsi_buf *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < mapping->n_fields; i++, n++) {
        add_name(out, n, mapping->fields[i].name);
        dvsi_buf_printf(out, ":{\"type\":\"%s\",\"explicit\":%s}", dvsi_kind_name(mapping->fields[i].kind),
                        mapping->fields[i].explicit_type ? "true" : "false");
    }
    for (uint32_t k = 0; k < target->definition.n_fields; k++) {
        const dvsi_definition_field *old = &target->definition.fields[k];
        int mapped = 0;
        for (uint32_t i = 0; i < mapping->n_fields && !mapped; i++)
            mapped = dvsi_utf8_casecmp(mapping->fields[i].name, old->name) == 0;
        if (mapped)
            continue;
        add_name(out, n++, old->name);
        dvsi_buf_printf(out, ":{\"type\":\"%s\",\"explicit\":%s}", dvsi_kind_name(old->kind),
                        old->explicit_type ? "true" : "false");
    }
}

int32_t dvsi_definition_store(dvsi_target *target, dvs_error *err)
{
    static const uint32_t column = DVSI_TABLES_DEFINITION;
    const dvsi_mapping *mapping = target->feeds[0].mapping;
    dvsi_definition *d = &target->definition;
    dvsi_books *books = &target->run->books;
    dvsi_buf text = {0};
    dvsi_buf_puts(&text, "{\"key\":[");
    for (uint32_t k = 0; k < mapping->n_key; k++)
        add_name(&text, k, mapping->fields[mapping->key[k]].name);
    dvsi_buf_printf(&text, "],\"explicit_key\":%s,\"history\":\"%s\",\"fields\":{",
                    target->entity->n_key != 0 ? "true" : "false", history_name(target->entity));
    add_fields(target, mapping, &text);
    dvsi_buf_puts(&text, "},\"columns\":[");
    /* The columns known at the first sync stay the ones that "*" means: later ones are new for ever. */
    uint32_t n = d->row_id != 0 ? d->n_columns : mapping->n_all_columns;
    for (uint32_t i = 0; i < n; i++)
        add_name(&text, i, d->row_id != 0 ? d->columns[i] : mapping->all_columns[i]);
    dvsi_buf_puts(&text, "]}");
    int32_t status = text.failed ? dvsi_error_no_memory(err) : DVS_OK;
    dvs_cell value = dvsi_cell_json_n(dvsi_buf_text(&text), text.length);
    if (status == DVS_OK && d->row_id != 0) {
        status = dvsi_books_update(books, DVSI_BOOK_TABLES, d->row_id, &column, &value, 1, err);
    } else if (status == DVS_OK) {
        dvs_cell row[DVSI_N_TABLES] = {{0}};
        row[DVSI_TABLES_TABLE_NAME] = dvsi_cell_text(target->entity->name);
        row[DVSI_TABLES_ENTITY] = dvsi_cell_text(target->entity->name);
        row[DVSI_TABLES_CREATED_RUN_ID] = dvsi_cell_text(target->run->run_id);
        row[DVSI_TABLES_DEFINITION] = value;
        status = dvsi_books_insert(books, DVSI_BOOK_TABLES, row, 1, &d->row_id, err);
    }
    dvsi_buf_free(&text);
    return status;
}
