/* definition.c - what is recorded of an entity: key, types and the source's columns, in _sync_tables. */
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/definition.h"
#include "run/references.h"
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

static int read_columns(dvsi_arena *arena, const dvsi_json *object, dvsi_definition_source *source)
{
    if (object == NULL || object->type != DVSI_JSON_OBJECT)
        return -1;
    dvsi_definition_column *details = dvsi_arena_calloc(arena, object->length + 1, sizeof *details);
    source->columns = dvsi_arena_calloc(arena, object->length + 1, sizeof *source->columns);
    source->details = details;
    if (details == NULL || source->columns == NULL)
        return -1;
    for (const dvsi_json *item = object->first; item != NULL; item = item->next) {
        const dvsi_json *type = dvsi_json_get(item, "type");
        const dvsi_json *nullable = dvsi_json_get(item, "nullable");
        const dvsi_json *key = dvsi_json_get(item, "key");
        int kind = type != NULL && type->type == DVSI_JSON_STRING ? dvsi_kind_from_name(type->text) : -1;
        int64_t position = 0;
        if (key != NULL &&
            (key->type != DVSI_JSON_NUMBER || dvsi_number_to_int64(key->text, key->length, &position) != 0))
            return -1;
        details[source->n_columns] = (dvsi_definition_column){
            kind > 0 ? (uint32_t)kind : 0,
            nullable != NULL && nullable->type == DVSI_JSON_BOOL && nullable->length != 0,
            position > 0 && position <= DVSI_KEY_FIELDS ? (uint32_t)position : 0};
        source->columns[source->n_columns++] = item->name;
    }
    return 0;
}

/* {"label":{"entity":"stream","columns":{"name":{"type":"int64","nullable":true,"key":1},...}},...} */
static int read_sources(dvsi_arena *arena, const dvsi_json *object, dvsi_definition *out)
{
    if (object == NULL)
        return 0;
    if (object->type != DVSI_JSON_OBJECT)
        return -1;
    out->sources = dvsi_arena_calloc(arena, object->length + 1, sizeof *out->sources);
    if (out->sources == NULL)
        return -1;
    for (const dvsi_json *item = object->first; item != NULL; item = item->next) {
        dvsi_definition_source *source = &out->sources[out->n_sources++];
        const dvsi_json *entity = dvsi_json_get(item, "entity");
        source->label = item->name;
        source->entity = entity != NULL && entity->type == DVSI_JSON_STRING ? entity->text : NULL;
        source->links = dvsi_json_get(item, "links");
        if (read_columns(arena, dvsi_json_get(item, "columns"), source) != 0)
            return -1;
    }
    return 0;
}

const dvsi_definition_source *dvsi_definition_of(const dvsi_definition *definition, const char *label)
{
    for (uint32_t i = 0; i < definition->n_sources; i++)
        if (strcmp(definition->sources[i].label, label) == 0)
            return &definition->sources[i];
    return NULL;
}

const dvsi_definition_source *dvsi_definition_from(const dvsi_definition *definition, const dvsi_from *from)
{
    const dvsi_definition_source *known = dvsi_definition_of(definition, from->label);
    return known != NULL && known->entity != NULL && strcmp(known->entity, from->entity) == 0 ? known : NULL;
}

static int read_definition(dvsi_arena *arena, const dvs_cell *text, dvsi_definition *out)
{
    const char *problem = NULL;
    size_t offset = 0;
    char *copy = dvsi_arena_copy(arena, text->v.text, text->length);
    const dvsi_json *root =
        copy != NULL ? dvsi_json_parse(arena, copy, text->length, &problem, &offset) : NULL;
    if (root == NULL || root->type != DVSI_JSON_OBJECT)
        return -1;
    const dvsi_json *history = dvsi_json_get(root, "history");
    const dvsi_json *explicit_key = dvsi_json_get(root, "explicit_key");
    const dvsi_json *fields = dvsi_json_get(root, "fields");
    if (history == NULL || history->type != DVSI_JSON_STRING || fields == NULL ||
        fields->type != DVSI_JSON_OBJECT ||
        read_names(arena, dvsi_json_get(root, "key"), &out->key, &out->n_key) != 0 ||
        read_sources(arena, dvsi_json_get(root, "sources"), out) != 0)
        return -1;
    out->history = history->text;
    out->raw = dvsi_raw_read(dvsi_json_get(root, "raw"));
    out->explicit_key =
        explicit_key != NULL && explicit_key->type == DVSI_JSON_BOOL && explicit_key->length != 0;
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
            if (!dvsi_cell_says(&row[DVSI_TABLES_ENTITY], name) ||
                row[DVSI_TABLES_DEFINITION].kind <= DVS_NULL)
                continue;
            if (read_definition(&run->arena, &row[DVSI_TABLES_DEFINITION], definition) != 0)
                status =
                    dvsi_error_set(err, DVS_E_CORRUPT,
                                   "the definition of entity \"%s\" in table \"_sync_tables\" cannot be "
                                   "read: somebody edited it, "
                                   "or another version of dvsync wrote it; use that version, or a backup",
                                   name);
            definition->row_id = row[DVSI_TABLES_ROW_ID].v.i64;
        }
    }
    dvsi_batch_free(rows);
    return status;
}

static int32_t refuse(const dvsi_target *target, const char *what, const char *was, const char *is,
                      dvs_error *err)
{
    return dvsi_error_set(
        err, DVS_E_CONFIG,
        "%s:%u:%u: entity \"%s\": the %s was %s and is now %s; a table cannot change it. Put it back, "
        "or run `sync --rebuild --entity %s`, which reads everything into a new table",
        target->run->project->file, target->entity->node != NULL ? target->entity->node->line : 0,
        target->entity->node != NULL ? target->entity->node->column : 0, target->entity->name, what, was, is,
        target->entity->name);
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
    int32_t status = refuse(target, "key", dvsi_buf_text(&was),
                            entity->n_key != 0 ? dvsi_buf_text(&is) : "the source's own", err);
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
static void add_fields(const dvsi_target *target, dvsi_buf *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < target->n_fields; i++, n++) {
        add_name(out, n, target->fields[i].name);
        dvsi_buf_printf(out, ":{\"type\":\"%s\",\"explicit\":%s}", dvsi_kind_name(target->fields[i].kind),
                        target->fields[i].explicit_type ? "true" : "false");
    }
    for (uint32_t k = 0; k < target->definition.n_fields; k++) {
        const dvsi_definition_field *old = &target->definition.fields[k];
        int mapped = 0;
        for (uint32_t i = 0; i < target->n_fields && !mapped; i++)
            mapped = dvsi_utf8_casecmp(target->fields[i].name, old->name) == 0;
        if (mapped)
            continue;
        add_name(out, n++, old->name);
        dvsi_buf_printf(out, ":{\"type\":\"%s\",\"explicit\":%s}", dvsi_kind_name(old->kind),
                        old->explicit_type ? "true" : "false");
    }
}

static void add_column(dvsi_buf *out, uint32_t at, const char *name, uint32_t kind, uint32_t nullable,
                       uint32_t key)
{
    add_name(out, at, name);
    dvsi_buf_printf(out, ":{\"type\":\"%s\"", kind > DVS_NULL ? dvsi_kind_name(kind) : "");
    if (nullable != 0)
        dvsi_buf_puts(out, ",\"nullable\":true");
    if (key != 0)
        dvsi_buf_printf(out, ",\"key\":%u", key);
    dvsi_buf_putc(out, '}');
}

static void add_described(dvsi_buf *out, uint32_t at, const dvs_column *column)
{
    add_column(out, at, column->name, column->kind, column->flags & DVS_COLUMN_NULLABLE,
               column->key_position);
}

static int in_names(const dvsi_definition_source *known, const char *name)
{
    for (uint32_t i = 0; known != NULL && i < known->n_columns; i++)
        if (dvsi_utf8_casecmp(known->columns[i], name) == 0)
            return 1;
    return 0;
}

/*
 * The columns of one source: what was known before, as described now, if it still is. Later ones are added,
 * but where
 * "*" means the columns that were known first (lock, strict).
 */
static void add_columns(const dvsi_feed *feed, const dvsi_definition_source *known, dvsi_buf *out)
{
    const dvsi_schema *now = &feed->columns;
    uint32_t n = 0;
    int takes_new =
        known == NULL || feed->target->entity->schema == DVSI_SCHEMA_EVOLVE || !feed->from->all_fields;
    for (uint32_t i = 0; known != NULL && i < known->n_columns; i++) {
        const dvsi_definition_column *was = &known->details[i];
        int at = feed->mapping != NULL ? dvsi_schema_find(now, known->columns[i]) : -1;
        if (at >= 0)
            add_described(out, n++, &now->columns[at]);
        else
            add_column(out, n++, known->columns[i], was->kind, was->nullable, was->key_position);
    }
    for (uint32_t i = 0; takes_new && feed->mapping != NULL && i < now->n_columns; i++)
        if ((now->columns[i].flags & DVS_COLUMN_RAW) == 0 && !in_names(known, now->columns[i].name))
            add_described(out, n++, &now->columns[i]);
}

static void add_sources(const dvsi_target *target, dvsi_buf *out)
{
    uint32_t n = 0;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        const dvsi_definition_source *known =
            feed->mapping != NULL ? dvsi_definition_from(&target->definition, feed->from)
                                  : dvsi_definition_of(&target->definition, feed->from->label);
        if (known == NULL && feed->mapping == NULL)
            continue;
        const char *entity =
            feed->mapping == NULL && known->entity != NULL ? known->entity : feed->from->entity;
        add_name(out, n++, feed->from->label);
        dvsi_buf_puts(out, ":{\"entity\":");
        dvsi_json_string(out, entity, strlen(entity));
        dvsi_buf_puts(out, ",\"columns\":{");
        add_columns(feed, known, out);
        dvsi_buf_puts(out, "},\"links\":");
        dvsi_references_record(feed, known != NULL ? known->links : NULL, out);
        dvsi_buf_putc(out, '}');
    }
}

int32_t dvsi_definition_store(dvsi_target *target, dvs_error *err)
{
    static const uint32_t column = DVSI_TABLES_DEFINITION;
    dvsi_definition *d = &target->definition;
    dvsi_books *books = &target->run->books;
    dvsi_buf text = {0};
    dvsi_buf_puts(&text, "{\"key\":[");
    for (uint32_t k = 0; k < target->n_key; k++)
        add_name(&text, k, target->names[target->key_columns[k] - 1]);
    dvsi_buf_printf(&text, "],\"explicit_key\":%s,\"history\":\"%s\",\"raw\":\"%s\",\"fields\":{",
                    target->entity->n_key != 0 ? "true" : "false", history_name(target->entity),
                    dvsi_raw_name(d->raw));
    add_fields(target, &text);
    dvsi_buf_puts(&text, "},\"sources\":{");
    add_sources(target, &text);
    dvsi_buf_puts(&text, "}}");
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

const dvsi_definition_field *dvsi_definition_field_of(const dvsi_definition *definition, const char *name)
{
    for (uint32_t i = 0; i < definition->n_fields; i++)
        if (dvsi_utf8_casecmp(definition->fields[i].name, name) == 0)
            return &definition->fields[i];
    return NULL;
}
