/* keys.h - the words of a project file: one table for reading, for checking and for the JSON Schema. */
#ifndef DVSI_CONFIG_KEYS_H
#define DVSI_CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

typedef enum dvsi_key_type {
    DVSI_KEY_TEXT,   /* any text but the empty one */
    DVSI_KEY_NAME,   /* of a project or source: [A-Za-z0-9_.-]{1,64} */
    DVSI_KEY_PLUGIN, /* [a-z][a-z0-9-]{0,31} */
    DVSI_KEY_IDENT,  /* of an entity or field: up to 200 bytes without control characters */
    DVSI_KEY_SCALAR, /* any scalar, null included */
    DVSI_KEY_BOOL,
    DVSI_KEY_INT,      /* between min and max */
    DVSI_KEY_CHOICE,   /* one of choices */
    DVSI_KEY_LIMIT,    /* "20%" or a count */
    DVSI_KEY_DURATION, /* "7d" or 0 */
    DVSI_KEY_TEXTS,    /* a list of texts, or one text */
    DVSI_KEY_LIST,     /* not empty */
    DVSI_KEY_MAP,      /* not empty */
    DVSI_KEY_MAP_OR_NULL
} dvsi_key_type;

typedef struct dvsi_key {
    const char *name; /* NULL ends a table */
    dvsi_key_type type;
    uint32_t required;
    const char *choices;  /* "soft|hard|ignore" */
    const char *fallback; /* the default as it would be written; NULL: none */
    int64_t min;
    int64_t max;
    const char *shape; /* LIST and MAP: the name of what is inside, for the JSON Schema */
    const char *doc;
} dvsi_key;

extern const dvsi_key dvsi_keys_project[];
extern const dvsi_key dvsi_keys_source[];
extern const dvsi_key dvsi_keys_sink[];
extern const dvsi_key dvsi_keys_options[];
extern const dvsi_key dvsi_keys_entity[];
extern const dvsi_key dvsi_keys_from[];
extern const dvsi_key dvsi_keys_field[];
extern const dvsi_key dvsi_keys_derived[];

#define DVSI_KEYS_TYPES "bool|int64|double|decimal|text|bytes|date|timestamp|uuid|json"
#define DVSI_KEYS_MOST_IDENT ((size_t)200)  /* bytes; sinks take identifiers up to this long */
#define DVSI_KEYS_MOST_ENTITY ((size_t)160) /* leaves room for "_current" and the names of indexes */

/* Columns of dvsync's own in data tables, and how names of its own tables and views begin;
 * NULL-terminated. */
extern const char *const dvsi_keys_system_columns[];
extern const char *const dvsi_keys_reserved_prefixes[];
#define DVSI_KEYS_LINEAGE_VIEW "field_lineage"

/* The entry called `name`, or NULL. */
const dvsi_key *dvsi_keys_find(const dvsi_key *keys, const char *name);
/* The n-th choice of "a|b|c": where it begins, and its length; NULL behind the last. */
const char *dvsi_keys_choice(const char *choices, uint32_t n, size_t *length);
/* The position of a text among the choices, or -1. */
int dvsi_keys_choice_index(const char *choices, const char *text);

/* What the types NAME, PLUGIN and IDENT allow. */
int dvsi_keys_is_name(const char *text);
int dvsi_keys_is_plugin(const char *text);
int dvsi_keys_is_ident(const char *text);

#endif
