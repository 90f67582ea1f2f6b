/* check.h - one map of a project file against its table of keys, and its values afterwards. */
#ifndef DVSI_CONFIG_CHECK_H
#define DVSI_CONFIG_CHECK_H

#include "config/keys.h"
#include "config/node.h"
#include "config/project.h"

/* Adds a problem for everything that is wrong with `node` by itself: it is no map, keys that are not in the
 * table (with the nearest), required ones that are missing, values of the wrong type. Open values pass. */
void dvsi_check_map(dvsi_problems *problems, const dvsi_node *node, const dvsi_key *keys);
/* Adds a problem when a text is no identifier for `what` ("an entity", "a field"). 0 or -1. */
int dvsi_check_ident(dvsi_problems *problems, const dvsi_node *node, int is_key, const char *what);

/* Looking for the nearest of many names costs time; false when nobody would read another hint. */
int dvsi_check_wants_hints(const dvsi_problems *problems);

/* Values of a map that was checked. What is missing, wrong or open gives NULL or the fallback: the problem
 * has been added already. */
const char *dvsi_check_text(const dvsi_node *map, const char *key);
uint32_t dvsi_check_bool(const dvsi_node *map, const char *key, uint32_t fallback);
int64_t dvsi_check_int(const dvsi_node *map, const char *key, int64_t fallback);
/* Index among the choices of the key in `keys`, or `fallback`. */
int dvsi_check_choice(const dvsi_key *keys, const dvsi_node *map, const char *key, int fallback);
/* The texts of a list, or one text. NULL and *n 0 when there are none or memory is out (then a problem). */
const char *const *dvsi_check_texts(dvsi_arena *arena, dvsi_problems *problems, const dvsi_node *map,
                                    const char *key, uint32_t *n);
/* A text, or NULL: for items of lists and other scalars that must be one. */
const char *dvsi_check_scalar_text(const dvsi_node *node);

#endif
