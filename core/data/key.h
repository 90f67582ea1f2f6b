/* key.h - keys as canonical text. */
#ifndef DVSI_DATA_KEY_H
#define DVSI_DATA_KEY_H

#include "base/arena.h"
#include "base/buf.h"
#include "dvsync/plugin.h"

#define DVSI_KEY_MAX 1024 /* bytes */

/*
 * Adds the canonical text of a key: of one cell its canonical text, of several a JSON array of these as
 * strings, in key order. Returns NULL, or what is wrong with the key, static ("is empty", "is longer than
 * 1024 bytes"): a part that is NULL, ABSENT or MISTYPED is no key.
 */
const char *dvsi_key_canonical(dvsi_buf *out, const dvs_cell *cells, uint32_t n_cells);
/* The cells of a canonical key, of the given kinds, in `arena`. 0, or -1 if it is none. */
int dvsi_key_parse(dvsi_arena *arena, const char *text, size_t length, const uint32_t *kinds,
                   uint32_t n_cells, dvs_cell *cells);

#endif
