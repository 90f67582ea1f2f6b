/* mapping_compile.c - the expressions of a mapping. */
#include "map/mapping_parts.h"

#include <string.h>

#include "base/error.h"
#include "map/pushdown.h"

/* A set of expressions on its way. */
typedef struct compilation {
    const dvsi_map_builder *b;
    dvsi_arena *arena;
    const char **names; /* what the expressions may name */
    uint32_t n_names;
    const char **texts;
    const dvsi_node **nodes; /* for messages */
    const char **owners;     /* "where", or the field */
    uint32_t n;
} compilation;

static int begin(compilation *c, const dvsi_map_builder *b, dvsi_arena *arena, uint32_t most_names,
                 uint32_t most_texts)
{
    memset(c, 0, sizeof *c);
    c->b = b;
    c->arena = arena;
    c->names = dvsi_arena_calloc(arena, (size_t)most_names + 1, sizeof *c->names);
    c->texts = dvsi_arena_calloc(arena, (size_t)most_texts + 1, sizeof *c->texts);
    c->nodes = dvsi_arena_calloc(arena, (size_t)most_texts + 1, sizeof(*c->nodes));
    c->owners = dvsi_arena_calloc(arena, (size_t)most_texts + 1, sizeof *c->owners);
    return c->names == NULL || c->texts == NULL || c->nodes == NULL || c->owners == NULL ? -1 : 0;
}

static void add(compilation *c, const char *text, const dvsi_node *node, const char *owner)
{
    c->texts[c->n] = text;
    c->nodes[c->n] = node;
    c->owners[c->n++] = owner;
}

/* A misspelt name gets the nearest that there is. */
static int32_t refuse(const compilation *c, const dvsi_expression_error *error)
{
    static const char unknown[] = "no such column: ";
    const char *near = NULL;
    if (strncmp(error->message, unknown, sizeof unknown - 1) == 0)
        near = dvsi_problem_nearest(error->message + sizeof unknown - 1, c->names);
    return dvsi_map_project_error(c->b, c->nodes[error->at], "%s: %s%s%s%s", c->owners[error->at],
                                  error->message, near != NULL ? "; did you mean \"" : "",
                                  near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static int32_t compile(const compilation *c, dvsi_expressions **out)
{
    dvsi_expression_error error = {0};
    int32_t status = dvsi_expressions_new(c->names, c->n_names, c->texts, c->n, c->arena, out, &error);
    if (status == DVS_E_CONFIG)
        return refuse(c, &error);
    if (status == DVS_E_NO_MEMORY)
        return dvsi_error_no_memory(c->b->err);
    return status == DVS_OK
               ? DVS_OK
               : dvsi_error_set(c->b->err, status, "expressions cannot be evaluated: %s", error.message);
}

static const char *owner_of(dvsi_arena *arena, const char *field)
{
    const char *owner = dvsi_arena_printf(arena, "field \"%s\"", field);
    return owner != NULL ? owner : "field";
}

static const dvsi_node *node_of(const dvsi_map_builder *b, const char *name)
{
    for (uint32_t i = 0; i < b->from->n_fields; i++)
        if (strcmp(b->from->fields[i].name, name) == 0)
            return b->from->fields[i].node;
    for (uint32_t i = 0; i < b->entity->n_derived; i++)
        if (strcmp(b->entity->derived[i].name, name) == 0)
            return b->entity->derived[i].node;
    return b->from->node;
}

/* Over the source's columns; those that are named are read. */
static int32_t compile_over_source(dvsi_map_builder *b, compilation *c, dvsi_expressions **out)
{
    const dvsi_schema *source = b->source;
    for (uint32_t i = 0; i < source->n_columns; i++)
        c->names[c->n_names++] = source->columns[i].name;
    int32_t status = compile(c, out);
    for (uint32_t i = 0; i < source->n_columns && status == DVS_OK; i++)
        for (uint32_t k = 0; k < c->n; k++) {
            if (!dvsi_expressions_uses(*out, k, i))
                continue;
            int32_t at = dvsi_map_want(b, &source->columns[i]);
            if (at < 0)
                return dvsi_error_no_memory(b->err);
            dvsi_expressions_place(*out, i, (uint32_t)at);
        }
    return status;
}

/* A column that may be hidden makes `where` fail for its records, and the source must not leave them out. */
static int uses_secured(const dvsi_map_builder *b)
{
    for (uint32_t i = 0; i < b->source->n_columns; i++)
        if ((b->source->columns[i].flags & DVS_COLUMN_SECURED) != 0 &&
            dvsi_expressions_uses(b->mapping->where, 0, i))
            return 1;
    return 0;
}

static int32_t compile_where(dvsi_map_builder *b)
{
    dvsi_mapping *m = b->mapping;
    const dvsi_node *node = dvsi_node_get(b->from->node, "where");
    compilation c;
    if (begin(&c, b, &m->arena, b->source->n_columns, 1) != 0 ||
        (m->where_text = dvsi_arena_strdup(&m->arena, b->from->where)) == NULL)
        return dvsi_error_no_memory(b->err);
    add(&c, m->where_text, node != NULL ? node : b->from->node, "where");
    int32_t status = compile_over_source(b, &c, &m->where);
    if (status == DVS_OK && !uses_secured(b) &&
        dvsi_pushdown(&m->arena, m->where_text, b->source, &m->conditions, &m->n_conditions) != 0)
        return dvsi_error_no_memory(b->err);
    return status;
}

static int32_t compile_fields(dvsi_map_builder *b)
{
    dvsi_mapping *m = b->mapping;
    compilation c;
    if (begin(&c, b, &m->arena, b->source->n_columns, m->n_expressions) != 0)
        return dvsi_error_no_memory(b->err);
    for (uint32_t i = 0; i < m->n_plain; i++)
        if (m->fields[i].expression >= 0)
            add(&c, m->fields[i].text, node_of(b, m->fields[i].name), owner_of(&m->arena, m->fields[i].name));
    return compile_over_source(b, &c, &m->expressions);
}

/* Over the entity's own fields, those aside whose column is gone: no value of theirs will come. */
static int32_t compile_derived(dvsi_map_builder *b)
{
    dvsi_mapping *m = b->mapping;
    uint32_t *fields = dvsi_arena_calloc(&m->arena, (size_t)m->n_plain + 1, sizeof *fields);
    compilation c;
    if (fields == NULL || begin(&c, b, &m->arena, m->n_plain, m->n_fields) != 0)
        return dvsi_error_no_memory(b->err);
    for (uint32_t i = 0; i < m->n_plain; i++) {
        fields[c.n_names] = i;
        if (!m->fields[i].is_gone)
            c.names[c.n_names++] = m->fields[i].name;
    }
    for (uint32_t i = m->n_plain; i < m->n_fields; i++)
        add(&c, m->fields[i].text, node_of(b, m->fields[i].name), owner_of(&m->arena, m->fields[i].name));
    int32_t status = compile(&c, &m->derived);
    m->derived_from = fields;
    m->n_derived_from = c.n_names;
    for (uint32_t i = 0; i < c.n_names && status == DVS_OK; i++)
        dvsi_expressions_place(m->derived, i, fields[i]);
    return status;
}

int32_t dvsi_derived_compile(const dvsi_entity *entity, const char *const *names, uint32_t n_names,
                             const char *file, dvsi_arena *arena, dvsi_expressions **out, dvs_error *err)
{
    const dvsi_map_builder b = {.entity = entity, .from = &entity->from[0], .file = file, .err = err};
    compilation c;
    if (begin(&c, &b, arena, n_names, entity->n_derived) != 0)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n_names; i++)
        c.names[c.n_names++] = names[i];
    for (uint32_t i = 0; i < entity->n_derived; i++)
        add(&c, entity->derived[i].expr, entity->derived[i].node, owner_of(arena, entity->derived[i].name));
    return compile(&c, out);
}

int32_t dvsi_map_compile(dvsi_map_builder *b)
{
    int32_t status = b->from->where != NULL ? compile_where(b) : DVS_OK;
    if (status == DVS_OK && b->mapping->n_expressions != 0)
        status = compile_fields(b);
    if (status == DVS_OK && b->mapping->n_fields != b->mapping->n_plain)
        status = compile_derived(b);
    return status;
}
