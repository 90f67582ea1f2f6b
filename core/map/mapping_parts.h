/* mapping_parts.h - what the files that build a mapping share. */
#ifndef DVSI_MAP_MAPPING_PARTS_H
#define DVSI_MAP_MAPPING_PARTS_H

#include "map/mapping.h"

/* What a build works on. */
typedef struct dvsi_map_builder {
    const dvsi_entity *entity;
    const dvsi_from *from;
    const dvsi_schema *source;
    const dvsi_known_columns *known;
    const char *file;
    dvsi_mapping *mapping;
    dvs_error *err;
} dvsi_map_builder;

/* An error with the place in the project file that is to be mended. */
int32_t dvsi_map_project_error(const dvsi_map_builder *b, const dvsi_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Position of the source column among the columns wanted, which it joins; -1 when memory is out. */
int32_t dvsi_map_want(dvsi_map_builder *b, const dvs_column *column);

/* mapping_compile.c: the expressions of the fields, when all fields are there. Columns that they name join
 * the columns wanted. */
int32_t dvsi_map_compile(dvsi_map_builder *b);

#endif
