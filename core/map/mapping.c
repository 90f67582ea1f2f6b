/* mapping.c - applying a mapping to records. */
#include "map/mapping.h"

#include <stdlib.h>
#include <string.h>

#include "data/cell.h"
#include "data/json.h"
#include "data/key.h"
#include "map/record_json.h"

void dvsi_mapping_free(dvsi_mapping *mapping)
{
    if (mapping == NULL)
        return;
    dvsi_expressions_free(mapping->where);
    dvsi_expressions_free(mapping->expressions);
    dvsi_expressions_free(mapping->derived);
    dvsi_schema_free(&mapping->wanted);
    dvsi_arena_free(&mapping->arena);
    free(mapping);
}

const char *dvsi_mapping_retype(dvsi_mapping *mapping, uint32_t at, uint32_t kind)
{
    static const char no_room[] = "could not be kept: out of memory";
    dvsi_map_field *field = &mapping->fields[at];
    dvs_cell value = {0};
    if (field->kind == kind)
        return NULL;
    field->kind = kind;
    if (!field->is_static)
        return NULL;
    const char *problem = dvsi_cell_convert(&mapping->arena, kind, &field->value, &value);
    if (problem == NULL && dvsi_cell_copy(&mapping->arena, &value, &field->value) != 0)
        problem = no_room;
    return problem;
}

/* What the expressions of a record gave. */
typedef struct computed {
    dvs_cell *values;            /* NULL: there are no expressions */
    dvsi_expression_error error; /* message NULL: all could be evaluated */
} computed;

static const char no_memory[] = "could not be computed: out of memory";

/* Evaluates expressions; what of them failed, or did not come to it, is ABSENT. 0, or -1 when memory is
 * out. */
static int compute(dvsi_expressions *expressions, uint32_t n, const dvs_cell *in, dvsi_arena *arena,
                   computed *c)
{
    c->values = dvsi_arena_calloc(arena, n, sizeof *c->values);
    if (c->values == NULL)
        return -1;
    if (dvsi_expressions_eval(expressions, in, arena, c->values, &c->error) == 0)
        c->error.message = NULL;
    return 0;
}

/* One field's cell; NULL, or what is wrong. */
static const char *map_field(const dvsi_map_field *field, const dvs_cell *in, const computed *c,
                             dvsi_arena *arena, dvs_cell *out)
{
    if (field->is_static) {
        *out = field->value;
        return NULL;
    }
    if (field->expression >= 0) {
        uint32_t at = (uint32_t)field->expression;
        if (c->values == NULL)
            return no_memory;
        if (c->error.message != NULL && c->error.at == at)
            return c->error.message;
        return dvsi_cell_convert(arena, field->kind, &c->values[at], out);
    }
    if (field->input < 0) {
        memset(out, 0, sizeof *out);
        return NULL;
    }
    const dvs_cell *cell = &in[field->input];
    if (cell->kind == field->kind || cell->kind <= DVS_NULL) {
        *out = *cell;
        return NULL;
    }
    return dvsi_cell_convert(arena, field->kind, cell, out);
}

/* A derived field of which some inputs came with the record and some did not cannot be told: the stored
 * record is not at hand. With no input at all it stays as it is. */
static int is_partial(const dvsi_mapping *mapping, uint32_t at, const dvs_cell *fields)
{
    for (uint32_t i = 0; i < mapping->n_derived_from; i++)
        if (fields[mapping->derived_from[i]].kind != DVS_ABSENT &&
            dvsi_expressions_uses(mapping->derived, at, i))
            return 1;
    return 0;
}

int dvsi_mapping_derive(const dvsi_mapping *mapping, dvsi_arena *arena, dvs_cell *out, dvsi_map_error *error)
{
    computed c = {0};
    if (mapping->derived == NULL)
        return 0;
    (void)compute(mapping->derived, mapping->n_fields - mapping->n_plain, out, arena, &c);
    for (uint32_t i = mapping->n_plain; i < mapping->n_fields; i++) {
        const uint32_t at = i - mapping->n_plain;
        const char *problem = map_field(&mapping->fields[i], NULL, &c, arena, &out[i]);
        if (problem == NULL && out[i].kind == DVS_ABSENT && is_partial(mapping, at, out))
            problem = "cannot be derived: the source did not deliver all fields that it is made of";
        if (problem == NULL)
            continue;
        error->field = mapping->fields[i].name;
        error->message = problem;
        memset(&out[i], 0, (mapping->n_fields - i) * sizeof *out);
        return -1;
    }
    return 0;
}

int dvsi_mapping_apply(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_arena *arena, dvs_cell *out,
                       dvsi_map_error *error)
{
    computed c = {0};
    if (mapping->expressions != NULL)
        (void)compute(mapping->expressions, mapping->n_expressions, in, arena, &c);
    for (uint32_t i = 0; i < mapping->n_plain; i++) {
        const char *problem = map_field(&mapping->fields[i], in, &c, arena, &out[i]);
        if (problem == NULL)
            continue;
        error->field = mapping->fields[i].name;
        error->message = problem;
        memset(&out[i], 0, (mapping->n_fields - i) * sizeof *out);
        for (uint32_t k = 0; k < mapping->n_key; k++) {
            uint32_t at = mapping->key[k];
            if (at > i && map_field(&mapping->fields[at], in, &c, arena, &out[at]) != NULL)
                memset(&out[at], 0, sizeof *out);
        }
        return -1;
    }
    return mapping->derived != NULL ? dvsi_mapping_derive(mapping, arena, out, error) : 0;
}

void dvsi_mapping_apply_key(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_arena *arena, dvs_cell *out)
{
    computed c = {0};
    int computes = 0;
    for (uint32_t k = 0; k < mapping->n_key; k++)
        computes |= mapping->fields[mapping->key[k]].expression >= 0;
    if (computes)
        (void)compute(mapping->expressions, mapping->n_expressions, in, arena, &c);
    memset(out, 0, mapping->n_fields * sizeof *out);
    for (uint32_t k = 0; k < mapping->n_key; k++) {
        uint32_t at = mapping->key[k];
        if (map_field(&mapping->fields[at], in, &c, arena, &out[at]) != NULL)
            memset(&out[at], 0, sizeof *out);
    }
}

int dvsi_mapping_matches(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_arena *arena,
                         dvsi_map_error *error)
{
    dvs_cell value = {0};
    dvsi_expression_error wrong = {0};
    error->field = "where";
    if (dvsi_expressions_eval(mapping->where, in, arena, &value, &wrong) != 0) {
        error->message = wrong.message;
        return -1;
    }
    switch (value.kind) {
    case DVS_NULL:
        return 0;
    case DVS_INT64:
        return value.v.i64 != 0;
    case DVS_DOUBLE:
        return value.v.f64 != 0;
    case DVS_ABSENT:
        error->message = "cannot be decided: the source did not deliver all fields that it names";
        return -1;
    default:
        error->message = "gives neither true nor false";
        return -1;
    }
}

/* The cells at `positions`, as a canonical key. */
static const char *key_of(const dvs_cell *cells, const uint32_t *positions, uint32_t n, dvsi_buf *out)
{
    dvs_cell few[16];
    if (n == 1)
        return dvsi_key_canonical(out, &cells[positions[0]], 1);
    if (n > sizeof few / sizeof *few)
        return "has more than 16 parts";
    for (uint32_t i = 0; i < n; i++)
        few[i] = cells[positions[i]];
    return dvsi_key_canonical(out, few, n);
}

const char *dvsi_mapping_key(const dvsi_mapping *mapping, const dvs_cell *mapped, dvsi_buf *out)
{
    return key_of(mapped, mapping->key, mapping->n_key, out);
}

const char *dvsi_mapping_source_key(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_buf *out)
{
    return key_of(in, mapping->source_key, mapping->n_source_key, out);
}

void dvsi_mapping_record_json(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_buf *out)
{
    dvsi_record_write_json(out, mapping->wanted.columns, mapping->wanted.n_columns, mapping->raw, in);
}

int dvsi_mapping_record_parse(const dvsi_mapping *mapping, dvsi_arena *arena, const char *text, size_t length,
                              dvs_cell *cells)
{
    return dvsi_record_read_json(arena, mapping->wanted.columns, mapping->wanted.n_columns, text, length,
                                 cells);
}

void dvsi_mapping_describe(const dvsi_mapping *mapping, dvsi_buf *out)
{
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        const dvsi_map_field *field = &mapping->fields[i];
        dvsi_json_string(out, field->name, strlen(field->name));
        dvsi_buf_putc(out, ':');
        dvsi_buf_puts(out, dvsi_kind_name(field->kind));
        dvsi_buf_puts(out, field->key_position != 0 ? ":key" : "");
        if (field->text != NULL) {
            dvsi_buf_puts(out, i < mapping->n_plain ? "~" : "~~");
            dvsi_json_string(out, field->text, strlen(field->text));
        } else if (field->from != NULL) {
            dvsi_buf_puts(out, "=");
            dvsi_json_string(out, field->from, strlen(field->from));
            if (field->input >= 0 && mapping->wanted.columns[field->input].kind != field->kind)
                dvsi_buf_printf(out, "(%s)", dvsi_kind_name(mapping->wanted.columns[field->input].kind));
        } else {
            dvsi_buf_puts(out, "!");
            dvsi_cell_json(out, &field->value);
        }
        dvsi_buf_putc(out, '\n');
    }
    if (mapping->where_text != NULL) {
        dvsi_buf_puts(out, "where ");
        dvsi_json_string(out, mapping->where_text, strlen(mapping->where_text));
        dvsi_buf_putc(out, '\n');
    }
}
