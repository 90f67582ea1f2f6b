/* mapping_build.c - from a project's `from` entry and a source's columns to a mapping. */
#include "map/mapping.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "map/mapping_parts.h"

typedef dvsi_map_builder builder;

static const char *const reserved_fields[] = {"row_id",   "sync_hash",  "sync_time",     "valid_from",
                                              "valid_to", "deleted_at", "json_response", NULL};

int32_t dvsi_map_project_error(const builder *b, const dvsi_node *node, const char *format, ...)
{
    dvsi_buf text = {0};
    va_list args;
    va_start(args, format);
    dvsi_buf_vprintf(&text, format, args);
    va_end(args);
    if (node != NULL)
        dvsi_error_set(b->err, DVS_E_CONFIG, "%s:%u:%u: %s", b->file, node->line, node->column,
                       dvsi_buf_text(&text));
    else
        dvsi_error_set(b->err, DVS_E_CONFIG, "%s: %s", b->file, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
    return DVS_E_CONFIG;
}

static int in_list(const char *const *names, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (dvsi_utf8_casecmp(names[i], name) == 0)
            return 1;
    return 0;
}

int32_t dvsi_map_want(builder *b, const dvs_column *column)
{
    int at = dvsi_schema_find(&b->mapping->wanted, column->name);
    if (at >= 0)
        return at;
    if (dvsi_schema_add(&b->mapping->wanted, column) == NULL)
        return -1;
    return (int32_t)b->mapping->wanted.n_columns - 1;
}

static int find_field(const dvsi_mapping *mapping, const char *name)
{
    for (uint32_t i = 0; i < mapping->n_fields; i++)
        if (dvsi_utf8_casecmp(mapping->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The next free field; there is room for one of each explicit field and source column. */
static dvsi_map_field *add_field(builder *b, const char *name)
{
    dvsi_map_field *field = &b->mapping->fields[b->mapping->n_fields++];
    field->name = dvsi_arena_strdup(&b->mapping->arena, name);
    field->input = field->expression = -1;
    return field->name != NULL ? field : NULL;
}

static int32_t add_static(builder *b, const dvsi_field *spec)
{
    dvsi_map_field *field = add_field(b, spec->name);
    if (field == NULL)
        return dvsi_error_no_memory(b->err);
    field->is_static = 1;
    field->explicit_type = spec->type >= 0;
    field->kind = spec->type >= 0 ? (uint32_t)spec->type : DVS_TEXT;
    dvs_cell text = dvsi_cell_text(spec->from);
    const char *problem = dvsi_cell_convert(&b->mapping->arena, field->kind, &text, &field->value);
    if (problem != NULL)
        return dvsi_map_project_error(b, spec->node, "the static value of field \"%s\" %s", spec->name,
                                      problem);
    return dvsi_cell_copy(&b->mapping->arena, &field->value, &field->value) == 0
               ? DVS_OK
               : dvsi_error_no_memory(b->err);
}

static int32_t add_column(builder *b, const char *name, const dvs_column *column, int type)
{
    dvsi_map_field *field = add_field(b, name);
    if (field == NULL)
        return dvsi_error_no_memory(b->err);
    field->from = dvsi_arena_strdup(&b->mapping->arena, column->name);
    field->input = dvsi_map_want(b, column);
    field->flags = column->flags;
    field->explicit_type = type >= 0;
    field->kind = type >= 0 ? (uint32_t)type : column->kind;
    return field->from != NULL && field->input >= 0 ? DVS_OK : dvsi_error_no_memory(b->err);
}

/* A mapped column that the source does not have: gone if an earlier run saw it, else a mistake. */
static int32_t add_missing(builder *b, const dvsi_field *spec)
{
    if (!in_list(b->known->names, b->known->n_names, spec->from)) {
        const char **names = dvsi_arena_calloc(&b->mapping->arena, b->source->n_columns + 1, sizeof *names);
        if (names == NULL)
            return dvsi_error_no_memory(b->err);
        for (uint32_t i = 0; i < b->source->n_columns; i++)
            names[i] = b->source->columns[i].name;
        const char *near = dvsi_problem_nearest(spec->from, names);
        return dvsi_map_project_error(
            b, spec->node, "stream \"%s\" of source \"%s\" has no column \"%s\"%s%s%s", b->from->entity,
            b->from->source, spec->from, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "");
    }
    dvsi_map_field *field = add_field(b, spec->name);
    if (field == NULL || (field->from = dvsi_arena_strdup(&b->mapping->arena, spec->from)) == NULL)
        return dvsi_error_no_memory(b->err);
    field->is_gone = 1;
    field->explicit_type = spec->type >= 0;
    field->kind = spec->type >= 0 ? (uint32_t)spec->type : DVS_TEXT;
    b->mapping->gone_columns[b->mapping->n_gone_columns++] = field->from;
    return DVS_OK;
}

static int32_t add_expression(builder *b, const char *name, const char *text, int type, int32_t number)
{
    dvsi_map_field *field = add_field(b, name);
    if (field == NULL || (field->text = dvsi_arena_strdup(&b->mapping->arena, text)) == NULL)
        return dvsi_error_no_memory(b->err);
    field->expression = number;
    field->explicit_type = type >= 0;
    field->kind = type >= 0 ? (uint32_t)type : DVS_TEXT;
    return DVS_OK;
}

/* The derived fields, behind all others. */
static int32_t add_derived(builder *b)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < b->entity->n_derived && status == DVS_OK; i++) {
        const dvsi_derived *spec = &b->entity->derived[i];
        if (find_field(b->mapping, spec->name) >= 0)
            return dvsi_map_project_error(
                b, spec->node, "field \"%s\" is derived and comes from the source, too: leave one out",
                spec->name);
        if (!b->mapping
                 ->gathers) /* else they are computed of the whole record, when it is made of its offers */
            status = add_expression(b, spec->name, spec->expr, spec->type, (int32_t)i);
    }
    return status;
}

static int32_t add_explicit(builder *b)
{
    for (uint32_t i = 0; i < b->from->n_fields; i++) {
        const dvsi_field *spec = &b->from->fields[i];
        int32_t status = DVS_OK;
        int at = spec->kind == DVSI_FIELD_FROM ? dvsi_schema_find(b->source, spec->from) : -1;
        if (spec->kind == DVSI_FIELD_EXCLUDE)
            continue;
        if (spec->kind == DVSI_FIELD_STATIC)
            status = add_static(b, spec);
        else if (spec->kind == DVSI_FIELD_EXPR)
            status =
                add_expression(b, spec->name, spec->from, spec->type, (int32_t)b->mapping->n_expressions++);
        else if (at >= 0)
            status = add_column(b, spec->name, &b->source->columns[at], spec->type);
        else
            status = add_missing(b, spec);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

static const dvsi_field *spec_of(const dvsi_from *from, const char *name)
{
    for (uint32_t i = 0; i < from->n_fields; i++)
        if (dvsi_utf8_casecmp(from->fields[i].name, name) == 0)
            return &from->fields[i];
    return NULL;
}

/* "*": the source's columns in its order, less the exceptions and those that the schema rule keeps out. */
static int32_t add_all(builder *b)
{
    for (uint32_t i = 0; i < b->source->n_columns; i++) {
        const dvs_column *column = &b->source->columns[i];
        if ((column->flags & DVS_COLUMN_RAW) != 0 || spec_of(b->from, column->name) != NULL)
            continue;
        if (b->entity->schema != DVSI_SCHEMA_EVOLVE && b->known->n_names != 0 &&
            !in_list(b->known->names, b->known->n_names, column->name)) {
            b->mapping->new_columns[b->mapping->n_new_columns++] =
                dvsi_arena_strdup(&b->mapping->arena, column->name);
            continue;
        }
        if (in_list(reserved_fields, 7, column->name))
            return dvsi_map_project_error(
                b, b->from->node,
                "column \"%s\" of stream \"%s\" has the name of a system column; rename it with "
                "`fields: {\"*\": true, %s: false, %s_value: %s}`",
                column->name, b->from->entity, column->name, column->name, column->name);
        int32_t status = add_column(b, column->name, column, -1);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

/* The columns that every read needs beside the mapped ones: the raw record, the source's own key, the
 * modification time and the version. */
static int32_t add_helpers(builder *b)
{
    dvsi_mapping *m = b->mapping;
    uint32_t n_key = 0;
    m->raw = m->modified = m->version = -1;
    for (uint32_t i = 0; i < b->source->n_columns; i++)
        n_key += b->source->columns[i].key_position != 0;
    m->source_key = dvsi_arena_calloc(&m->arena, n_key + 1, sizeof *m->source_key);
    if (m->source_key == NULL)
        return dvsi_error_no_memory(b->err);
    m->make_raw = b->entity->keep_raw;
    for (uint32_t i = 0; i < b->source->n_columns; i++)
        if ((b->source->columns[i].flags & DVS_COLUMN_RAW) != 0)
            m->make_raw = 0;
    for (uint32_t i = 0; i < b->source->n_columns; i++) {
        const dvs_column *column = &b->source->columns[i];
        int raw = (column->flags & DVS_COLUMN_RAW) != 0;
        int useful =
            column->key_position != 0 || (column->flags & (DVS_COLUMN_MODIFIED | DVS_COLUMN_VERSION)) != 0;
        if (raw ? !b->entity->keep_raw : !useful && !m->make_raw)
            continue;
        int32_t at = dvsi_map_want(b, column);
        if (at < 0)
            return dvsi_error_no_memory(b->err);
        if (raw)
            m->raw = at;
        if ((column->flags & DVS_COLUMN_MODIFIED) != 0)
            m->modified = at;
        if ((column->flags & DVS_COLUMN_VERSION) != 0)
            m->version = at;
        if (column->key_position != 0) {
            m->source_key[column->key_position - 1] = (uint32_t)at;
            m->n_source_key++;
        }
    }
    return DVS_OK;
}

/* The key: the project's, in entity fields, else the source's own, which must be mapped. */
static int32_t add_key(builder *b)
{
    dvsi_mapping *m = b->mapping;
    m->n_key = b->entity->n_key != 0 ? b->entity->n_key : m->n_source_key;
    if (m->n_key == 0)
        return dvsi_map_project_error(
            b, b->entity->node,
            "source \"%s\" declares no key for stream \"%s\": name the key fields of entity "
            "\"%s\" with `key: [...]`",
            b->from->source, b->from->entity, b->entity->name);
    if (m->n_key > DVSI_KEY_FIELDS || m->n_source_key > DVSI_KEY_FIELDS)
        return dvsi_map_project_error(b, b->entity->node, "the key of entity \"%s\" has more than %d fields",
                                      b->entity->name, DVSI_KEY_FIELDS);
    m->key = dvsi_arena_calloc(&m->arena, m->n_key, sizeof *m->key);
    if (m->key == NULL)
        return dvsi_error_no_memory(b->err);
    m->own_key = m->n_source_key == 0 || m->n_source_key == m->n_key;
    for (uint32_t k = 0; k < m->n_key; k++) {
        int at = -1;
        if (b->entity->n_key != 0) {
            at = find_field(m, b->entity->key[k]);
            if (at < 0)
                return dvsi_map_project_error(b, b->entity->node,
                                              "key field \"%s\" of entity \"%s\" is no field of it",
                                              b->entity->key[k], b->entity->name);
        } else {
            for (uint32_t i = 0; i < m->n_fields && at < 0; i++)
                if (m->fields[i].input == (int32_t)m->source_key[k])
                    at = (int)i;
            if (at < 0)
                return dvsi_map_project_error(
                    b, b->entity->node,
                    "column \"%s\" is part of the source's key, but no field of entity \"%s\" "
                    "takes it; map it, or choose another `key:`",
                    m->wanted.columns[m->source_key[k]].name, b->entity->name);
        }
        dvsi_map_field *field = &m->fields[at];
        if (!dvsi_kind_is_key(field->kind))
            return dvsi_map_project_error(b, b->entity->node,
                                          "key field \"%s\" is of type %s, which cannot be a key",
                                          field->name, dvsi_kind_name(field->kind));
        field->key_position = k + 1;
        m->key[k] = (uint32_t)at;
        if (m->n_source_key != 0 && (k >= m->n_source_key || field->input != (int32_t)m->source_key[k]))
            m->own_key = 0;
    }
    return DVS_OK;
}

static int says_reference(const builder *b)
{
    for (uint32_t i = 0; i < b->from->n_fields; i++)
        if (b->from->fields[i].kind != DVSI_FIELD_EXCLUDE && b->from->fields[i].authority == DVSI_REFERENCE)
            return 1;
    return 0;
}

static int32_t build(builder *b)
{
    dvsi_mapping *m = b->mapping;
    size_t most = (size_t)b->source->n_columns + b->from->n_fields + b->entity->n_derived + 1;
    m->fields = dvsi_arena_calloc(&m->arena, most, sizeof *m->fields);
    m->new_columns = dvsi_arena_calloc(&m->arena, most, sizeof *m->new_columns);
    m->gone_columns = dvsi_arena_calloc(&m->arena, most, sizeof *m->gone_columns);
    m->all_columns = dvsi_arena_calloc(&m->arena, most, sizeof *m->all_columns);
    if (m->fields == NULL || m->new_columns == NULL || m->gone_columns == NULL || m->all_columns == NULL)
        return dvsi_error_no_memory(b->err);
    for (uint32_t i = 0; i < b->source->n_columns; i++) {
        if ((b->source->columns[i].flags & DVS_COLUMN_RAW) != 0)
            continue;
        const char *name = dvsi_arena_strdup(&m->arena, b->source->columns[i].name);
        if (name == NULL)
            return dvsi_error_no_memory(b->err);
        m->all_columns[m->n_all_columns++] = name;
    }
    int32_t status = b->from->all_fields ? add_all(b) : DVS_OK;
    if (status == DVS_OK)
        status = add_explicit(b);
    if (status == DVS_OK)
        status = add_helpers(b);
    m->n_plain = m->n_fields;
    if (status == DVS_OK)
        status = add_key(b);
    m->gathers = !m->own_key || b->entity->n_from > 1 || says_reference(b);
    if (status == DVS_OK)
        status = add_derived(b);
    return status == DVS_OK ? dvsi_map_compile(b) : status;
}

int32_t dvsi_mapping_build(const dvsi_entity *entity, const dvsi_from *from, const dvsi_schema *source,
                           const dvsi_known_columns *known, const char *file, dvsi_mapping **mapping,
                           dvs_error *err)
{
    builder b = {entity, from, source, known, file, calloc(1, sizeof **mapping), err};
    *mapping = NULL;
    if (b.mapping == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = build(&b);
    if (status != DVS_OK)
        dvsi_mapping_free(b.mapping);
    else
        *mapping = b.mapping;
    return status;
}
