/* record_json.h - the cells of a record as one JSON object and back, for offers and row errors. */
#ifndef DVSI_MAP_RECORD_JSON_H
#define DVSI_MAP_RECORD_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "dvsync/plugin.h"

/*
 * Adds the cells of the columns by name, ABSENT ones and the column `skip` (-1: none) left out. A cell of
 * kind JSON that holds the value null would look like a NULL; such columns are listed under the empty name,
 * which no column has.
 */
void dvsi_record_write_json(dvsi_buf *out, const dvs_column *columns, uint32_t n, int32_t skip,
                            const dvs_cell *cells);

/* Reads one back into `cells` (n of them), in `arena`: 0 or -1. Columns that the object lacks are ABSENT. */
int dvsi_record_read_json(dvsi_arena *arena, const dvs_column *columns, uint32_t n, const char *text,
                          size_t length, dvs_cell *cells);

#endif
