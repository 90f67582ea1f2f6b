/* schema.h - an owned list of columns. */
#ifndef DVSI_DATA_SCHEMA_H
#define DVSI_DATA_SCHEMA_H

#include "base/arena.h"
#include "dvsync/plugin.h"

/* All zero is an empty schema. Columns and their strings live in the arena. */
typedef struct dvsi_schema {
    dvsi_arena arena;
    dvs_column *columns;
    uint32_t n_columns;
    uint32_t capacity;
} dvsi_schema;

/* Adds a deep copy; the new column, valid until the next is added, or NULL when memory is out. */
dvs_column *dvsi_schema_add(dvsi_schema *schema, const dvs_column *column);
/* Shorthand for tables that the core makes itself. */
dvs_column *dvsi_schema_put(dvsi_schema *schema, const char *name, uint32_t kind, uint32_t flags);
/* Position by name without regard to case, -1 when there is none. */
int dvsi_schema_find(const dvsi_schema *schema, const char *name);
void dvsi_schema_free(dvsi_schema *schema);

#endif
