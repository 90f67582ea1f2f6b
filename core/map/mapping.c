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
    dvsi_schema_free(&mapping->wanted);
    dvsi_arena_free(&mapping->arena);
    free(mapping);
}

/* One field's cell; NULL, or what is wrong. */
static const char *map_field(const dvsi_map_field *field, const dvs_cell *in, dvsi_arena *arena,
                             dvs_cell *out)
{
    if (field->is_static) {
        *out = field->value;
        return NULL;
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

int dvsi_mapping_apply(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_arena *arena, dvs_cell *out,
                       dvsi_map_error *error)
{
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        const char *problem = map_field(&mapping->fields[i], in, arena, &out[i]);
        if (problem == NULL)
            continue;
        error->field = mapping->fields[i].name;
        error->message = problem;
        memset(&out[i], 0, (mapping->n_fields - i) * sizeof *out);
        for (uint32_t k = 0; k < mapping->n_key; k++) {
            uint32_t at = mapping->key[k];
            if (at > i && map_field(&mapping->fields[at], in, arena, &out[at]) != NULL)
                memset(&out[at], 0, sizeof *out);
        }
        return -1;
    }
    return 0;
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

int dvsi_mapping_record_parse(const dvsi_mapping *mapping, dvsi_arena *arena, const char *text,
                              size_t length, dvs_cell *cells)
{
    return dvsi_record_read_json(arena, mapping->wanted.columns, mapping->wanted.n_columns, text, length, cells);
}

void dvsi_mapping_describe(const dvsi_mapping *mapping, dvsi_buf *out)
{
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        const dvsi_map_field *field = &mapping->fields[i];
        dvsi_json_string(out, field->name, strlen(field->name));
        dvsi_buf_putc(out, ':');
        dvsi_buf_puts(out, dvsi_kind_name(field->kind));
        dvsi_buf_puts(out, field->key_position != 0 ? ":key" : "");
        if (field->from != NULL) {
            dvsi_buf_puts(out, "=");
            dvsi_json_string(out, field->from, strlen(field->from));
        } else {
            dvsi_buf_puts(out, "!");
            dvsi_cell_json(out, &field->value);
        }
        dvsi_buf_putc(out, '\n');
    }
}
