/* definition.h - what an earlier run recorded of an entity, in _sync_tables. */
#ifndef DVSI_RUN_DEFINITION_H
#define DVSI_RUN_DEFINITION_H

#include "config/project.h"
#include "data/json.h"
#include "dvsync/error.h"

typedef struct dvsi_run dvsi_run;
typedef struct dvsi_target dvsi_target;

typedef struct dvsi_definition_field {
    const char *name;
    uint32_t kind;
    uint32_t explicit_type;
} dvsi_definition_field;

/* A source's column as it was last described. */
typedef struct dvsi_definition_column {
    uint32_t kind; /* 0: not recorded */
    uint32_t nullable;
    uint32_t key_position;
} dvsi_definition_column;

typedef struct dvsi_definition_source {
    const char *label;
    const char *entity; /* what the project's `entity:` said then; another stream has other columns */
    const char **columns;
    const dvsi_definition_column *details; /* of each column */
    const dvsi_json *links;                /* see references.h; NULL: not recorded */
    uint32_t n_columns;
} dvsi_definition_source;

/* Whether the rows of an entity hold their records as the source gave them (raw.c). */
enum { DVSI_RAW_UNKNOWN, DVSI_RAW_NEVER, DVSI_RAW_KEPT, DVSI_RAW_MIXED, DVSI_RAW_DROPPED };

typedef struct dvsi_definition {
    int64_t row_id; /* in _sync_tables; 0: nothing is recorded */
    const char *table_name;
    const char **key;
    uint32_t n_key;
    uint32_t explicit_key; /* the project named it */
    const char *history;
    uint32_t raw; /* DVSI_RAW_ */
    dvsi_definition_field *fields;
    uint32_t n_fields;
    dvsi_definition_source *sources; /* their columns, for the schema rule */
    uint32_t n_sources;
} dvsi_definition;

int32_t dvsi_definitions_load(dvsi_run *run, dvs_error *err);
/* DVS_E_CONFIG when key, history or a type of the project is not what was recorded. */
int32_t dvsi_definition_check(const dvsi_target *target, dvs_error *err);
int32_t dvsi_definition_store(dvsi_target *target, dvs_error *err);
/* What is recorded of a source's columns; NULL: nothing. */
const dvsi_definition_source *dvsi_definition_of(const dvsi_definition *definition, const char *label);
/* The same for a `from` entry: nothing, when it names another stream now. */
const dvsi_definition_source *dvsi_definition_from(const dvsi_definition *definition, const dvsi_from *from);

/* A field that was recorded, by its name; NULL: none was. */
const dvsi_definition_field *dvsi_definition_field_of(const dvsi_definition *definition, const char *name);

#endif
