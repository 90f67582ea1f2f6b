/* node.h - a YAML document as a tree that remembers where everything stood. */
#ifndef DVSI_CONFIG_NODE_H
#define DVSI_CONFIG_NODE_H

#include "base/arena.h"
#include "config/problem.h"

typedef enum dvsi_node_type { DVSI_NODE_SCALAR, DVSI_NODE_LIST, DVSI_NODE_MAP } dvsi_node_type;

typedef struct dvsi_node dvsi_node;
struct dvsi_node {
    dvsi_node_type type;
    uint32_t line; /* from 1 */
    uint32_t column;
    uint32_t plain;  /* scalar without quotes or ${...}, `true`, `~`, `12` may be no text */
    uint32_t secret; /* scalar whose value came from ${file:...}: never shown */
    const char *key; /* inside a map: the key; else NULL */
    uint32_t key_line;
    uint32_t key_column;
    const char *text; /* scalar, after interpolation once that was done; NUL-terminated */
    size_t length;
    dvsi_node *first; /* children of a list or map */
    dvsi_node *next;
    uint32_t n_children;
    uint32_t index;          /* inside a list: from 0 */
    uint32_t open;           /* scalar with a ${...} that was not replaced: its value is not known */
    const dvsi_node *parent; /* NULL: the root */
    const char *file;        /* as given to dvsi_node_read */
};

/* Reads a file of at most 1 MB. Adds to `problems`: not readable, not UTF-8, not YAML, more than one
 * document, aliases, anchors, tags, duplicate keys, keys that are not scalars, depth over 64. All of the tree
 * lives in `arena`. NULL when there is none; a tree may come with problems, so that more can be found. */
dvsi_node *dvsi_node_read(dvsi_arena *arena, const char *path, dvsi_problems *problems);
/* The same for a file that is in memory already; `file` is its name for messages. */
dvsi_node *dvsi_node_parse(dvsi_arena *arena, const char *file, const char *data, size_t length,
                           dvsi_problems *problems);
const dvsi_node *dvsi_node_get(const dvsi_node *map, const char *key); /* NULL when not there */

/* "entities[1].from[0].fields.name", "" for the root; in `arena`, NULL when memory is out. */
const char *dvsi_node_path(dvsi_arena *arena, const dvsi_node *node);
/* The text of a scalar for a message: quoted and shortened; "(hidden)" for a secret. In `arena`, not NULL. */
const char *dvsi_node_show(dvsi_arena *arena, const dvsi_node *node);

/* What a scalar means. Null is written plain: nothing, ~ or null; what comes from ${...} never is. Numbers
 * and bools may stand in quotes. The last two answer 0, or -1 when it is no such thing. */
int dvsi_node_is_null(const dvsi_node *node);
int dvsi_node_to_bool(const dvsi_node *node, uint32_t *value);
int dvsi_node_to_int64(const dvsi_node *node, int64_t *value);

/* Adds an error with the node's place (its key's, when the node stands in a map). */
void dvsi_node_error(dvsi_problems *problems, const dvsi_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with the place of the value itself. */
void dvsi_node_value_error(dvsi_problems *problems, const dvsi_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Replaces ${NAME}, ${NAME:-default}, ${file:PATH} and $${ once in all scalar values below `root`; what was
 * put in is not looked at again. Relative file paths against `directory`; one trailing newline is dropped.
 * Every unset variable and unreadable file adds a problem with its place; such a scalar stays as it is and is
 * marked open.
 */
void dvsi_node_interpolate(dvsi_arena *arena, dvsi_node *root, const char *directory,
                           dvsi_problems *problems);
/* Marks every scalar below `root` that holds ${...} as open, and replaces nothing. */
void dvsi_node_mark_open(dvsi_node *root);

#endif
