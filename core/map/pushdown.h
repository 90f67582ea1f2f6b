/* pushdown.h - the part of a `where` that a source may apply itself. */
#ifndef DVSI_MAP_PUSHDOWN_H
#define DVSI_MAP_PUSHDOWN_H

#include "base/arena.h"
#include "data/schema.h"
#include "dvsync/plugin.h"

/*
 * Conditions over the columns that surely let every record through that matches `where`, and every record for
 * which it fails: terms joined by AND that compare a column with a constant, in a `where` of which no other
 * term can fail. NULL is no match for either side. 0, none included, or -1 when memory is out. `where` is one
 * that compiles.
 */
int dvsi_pushdown(dvsi_arena *arena, const char *where, const dvsi_schema *columns,
                  dvs_condition **conditions, uint32_t *n);

#endif
