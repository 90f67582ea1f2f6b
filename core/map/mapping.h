/* mapping.h - how the records of one `from` entry become records of an entity. */
#ifndef DVSI_MAP_MAPPING_H
#define DVSI_MAP_MAPPING_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/project.h"
#include "data/schema.h"
#include "map/expression.h"

#define DVSI_KEY_FIELDS 16 /* a key has at most so many */

/* What an earlier run recorded of the entity; see definition.h in core/run. */
typedef struct dvsi_known_columns {
    const char *const *names; /* source columns that existed then */
    uint32_t n_names;         /* 0: nothing is known, everything is new */
} dvsi_known_columns;

typedef struct dvsi_map_field {
    const char *name;       /* in the entity */
    uint32_t kind;          /* DVS_ kind in the entity */
    uint32_t explicit_type; /* the project says `type:` */
    int32_t input;          /* position among the columns wanted; -1: static, computed, or gone */
    uint32_t is_static;
    uint32_t is_gone;      /* the column is no longer at the source */
    int32_t expression;    /* number among the expressions (of derived fields: among those); -1: none */
    const char *text;      /* the expression */
    uint32_t key_position; /* 1.. in the entity's key, 0: none */
    uint32_t flags;        /* DVS_COLUMN_ of the source column */
    const char *from;      /* source column; NULL: static or computed */
    dvs_cell value;        /* the static value */
} dvsi_map_field;

typedef struct dvsi_mapping {
    dvsi_arena arena;
    dvsi_schema wanted; /* the source columns to read, in order, with the source's flags */
    dvsi_map_field *fields;
    uint32_t n_fields;
    uint32_t n_plain;        /* the fields behind these are derived: computed last, of those before */
    dvsi_expressions *where; /* decides which records take part; NULL: all do */
    const char *where_text;
    dvs_condition *conditions; /* what of it a source may apply to a complete read */
    uint32_t n_conditions;
    dvsi_expressions *expressions; /* of the fields with `expr`; NULL: there are none */
    uint32_t n_expressions;
    dvsi_expressions *derived;    /* NULL: there are none, or the entity gathers */
    const uint32_t *derived_from; /* its columns as positions in fields */
    uint32_t n_derived_from;
    uint32_t *key; /* positions in fields, in key order */
    uint32_t n_key;
    uint32_t *source_key; /* positions in wanted, in key order; none: the source declares no key */
    uint32_t n_source_key;
    uint32_t own_key; /* the entity's key is the source's own, or the source has none */
    /* Its records are kept as offers: another key, several sources, reference fields. */
    uint32_t gathers;
    int32_t raw;       /* position in wanted of the raw record, -1: not kept or not offered */
    uint32_t make_raw; /* kept, but not offered: it is made of all the source's columns */
    int32_t modified;  /* positions in wanted of modification time and version, or -1 */
    int32_t version;
    const char **new_columns; /* at the source, but unknown to the recorded schema: not mapped */
    uint32_t n_new_columns;
    const char **gone_columns; /* mapped, recorded, and no longer at the source */
    uint32_t n_gone_columns;
    const char **all_columns; /* every column of the source (the raw one aside), for recording */
    uint32_t n_all_columns;
} dvsi_mapping;

/*
 * Builds the mapping of `from` (an entry of `entity`) over the columns that the source describes. A mistake
 * of the project (no such column, no key, clash of names) is DVS_E_CONFIG, with its place in *err. Free with
 * dvsi_mapping_free.
 */
int32_t dvsi_mapping_build(const dvsi_entity *entity, const dvsi_from *from, const dvsi_schema *source,
                           const dvsi_known_columns *known, const char *file, dvsi_mapping **mapping,
                           dvs_error *err);
void dvsi_mapping_free(dvsi_mapping *mapping);

/* From now on the (plain) field is of another kind: what is mapped is converted. NULL, or what is wrong with
 * the value of a static field. */
const char *dvsi_mapping_retype(dvsi_mapping *mapping, uint32_t field, uint32_t kind);

/* The derived fields of an entity that gathers, over its fields `names`. DVS_E_CONFIG with the place in
 * *err. */
int32_t dvsi_derived_compile(const dvsi_entity *entity, const char *const *names, uint32_t n_names,
                             const char *file, dvsi_arena *arena, dvsi_expressions **out, dvs_error *err);

/* What went wrong with one field. */
typedef struct dvsi_map_error {
    const char *field;   /* the entity's field */
    const char *message; /* static, or in the arena */
} dvsi_map_error;

/*
 * Maps one source record. `out` has room for n_fields cells; they may share bytes with `in`. Conversions
 * that need room use `arena`. 0, or -1 with *error; the cells before the failing field, and all key fields
 * that can be mapped, are then still set, the others ABSENT.
 */
int dvsi_mapping_apply(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_arena *arena, dvs_cell *out,
                       dvsi_map_error *error);

/* The derived fields of a record, of its plain ones: computed anew. As above. */
int dvsi_mapping_derive(const dvsi_mapping *mapping, dvsi_arena *arena, dvs_cell *out, dvsi_map_error *error);

/* Maps the key fields alone, as far as they can be; the others are ABSENT. */
void dvsi_mapping_apply_key(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_arena *arena,
                            dvs_cell *out);

/* Does a source record take part by the mapping's `where`? 1, 0, or -1 with *error. */
int dvsi_mapping_matches(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_arena *arena,
                         dvsi_map_error *error);

/* Adds the entity key of a mapped record, or the source's own key of a source record, as canonical text.
 * NULL, or what is wrong (static). */
const char *dvsi_mapping_key(const dvsi_mapping *mapping, const dvs_cell *mapped, dvsi_buf *out);
const char *dvsi_mapping_source_key(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_buf *out);

/* Adds a source record as a JSON object of the columns wanted (the raw one left out), and reads one back into
 * `cells` (wanted.n_columns of them; columns that the object lacks are ABSENT): 0 or -1. */
void dvsi_mapping_record_json(const dvsi_mapping *mapping, const dvs_cell *in, dvsi_buf *out);
int dvsi_mapping_record_parse(const dvsi_mapping *mapping, dvsi_arena *arena, const char *text, size_t length,
                              dvs_cell *cells);

/* Adds what decides what a read of this mapping gives, for the fingerprint. */
void dvsi_mapping_describe(const dvsi_mapping *mapping, dvsi_buf *out);

#endif
