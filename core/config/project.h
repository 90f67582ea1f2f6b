/* project.h - a project file, read, checked and defaulted. */
#ifndef DVSI_CONFIG_PROJECT_H
#define DVSI_CONFIG_PROJECT_H

#include <stdint.h>

#include "base/arena.h"
#include "config/node.h"
#include "config/problem.h"

typedef enum dvsi_authority { DVSI_SOURCE_OF_TRUTH, DVSI_REFERENCE, DVSI_DERIVED } dvsi_authority;
typedef enum dvsi_history { DVSI_HISTORY_NONE, DVSI_HISTORY_SCD2 } dvsi_history;
typedef enum dvsi_deletes { DVSI_DELETES_SOFT, DVSI_DELETES_HARD, DVSI_DELETES_IGNORE } dvsi_deletes;
typedef enum dvsi_schema_rule { DVSI_SCHEMA_LOCK, DVSI_SCHEMA_EVOLVE, DVSI_SCHEMA_STRICT } dvsi_schema_rule;

/* A number of rows, or a share of them. */
typedef struct dvsi_limit {
    uint32_t is_percent;
    double percent; /* 0 to 100 */
    int64_t count;
} dvsi_limit;

/* A plugin and its settings, for a source or the sink. */
typedef struct dvsi_endpoint {
    const char *name; /* the source's name; "sink" for the sink */
    const char *plugin;
    int64_t priority;
    const dvsi_node *settings; /* a map, checked against the plugin's options by core/plugin; NULL: none */
    const dvsi_node *node;     /* for messages */
} dvsi_endpoint;

typedef enum dvsi_field_kind {
    DVSI_FIELD_FROM, /* a column of the source */
    DVSI_FIELD_EXPR,
    DVSI_FIELD_STATIC,
    DVSI_FIELD_EXCLUDE /* `x: false` beside "*" */
} dvsi_field_kind;

typedef struct dvsi_field {
    const char *name; /* in the entity */
    dvsi_field_kind kind;
    const char *from; /* FROM: source column; EXPR: the expression; STATIC: the text, NULL: null */
    int type;         /* DVS_ kind that `type:` names, -1: not given */
    dvsi_authority authority;
    uint32_t null_wins;    /* nulls: win */
    const char *refers_to; /* entity, or NULL */
    const dvsi_node *node;
} dvsi_field;

/* One `from` entry of an entity. */
typedef struct dvsi_from {
    const char *source; /* index into sources by name; resolved below */
    const dvsi_endpoint *endpoint;
    const char *label;  /* `as:`, else the source's name: in lineage and conflicts */
    const char *entity; /* the source's stream */
    const char *where;  /* NULL: all */
    uint32_t scope_referenced;
    uint32_t all_fields;      /* "*": true, or no `fields` at all */
    const dvsi_field *fields; /* explicit ones, in the order of the file */
    uint32_t n_fields;
    const dvsi_node *node;
} dvsi_from;

typedef struct dvsi_derived {
    const char *name;
    const char *expr;
    int type; /* as in dvsi_field */
    const dvsi_node *node;
} dvsi_derived;

typedef struct dvsi_entity {
    const char *name;
    const char *const *key; /* entity fields; n_key 0: the source's own key */
    uint32_t n_key;
    uint32_t adopt;
    dvsi_history history;
    dvsi_deletes deletes;
    dvsi_schema_rule schema;
    uint32_t keep_raw;
    const char *const *records_from; /* source labels; none: all */
    uint32_t n_records_from;
    const dvsi_from *from; /* at least one */
    uint32_t n_from;
    const dvsi_derived *derived;
    uint32_t n_derived;
    const dvsi_node *node;
} dvsi_entity;

typedef struct dvsi_options {
    int64_t concurrency;
    int64_t full_every; /* microseconds; 0: never */
    dvsi_limit max_delete;
    uint32_t stop_on_row_error;
} dvsi_options;

typedef struct dvsi_project {
    dvsi_arena arena;
    const char *name;
    const char *file;      /* as given */
    const char *directory; /* real path of the file's folder; relative paths in settings start here */
    const dvsi_endpoint *sources;
    uint32_t n_sources;
    dvsi_endpoint sink;
    dvsi_options options;
    const dvsi_entity *entities;
    uint32_t n_entities;
} dvsi_project;

#define DVSI_PROJECT_INTERPOLATE 1u /* replace ${...}; without it, values stay as written (for `list`) */

/* Reads and checks a project file. All problems are added; NULL when there was an error among them. */
dvsi_project *dvsi_project_read(const char *path, uint32_t flags, dvsi_problems *problems);
/* The same for a file that is in memory already; `path` need not exist, its folder must. */
dvsi_project *dvsi_project_parse(const char *path, const char *data, size_t length, uint32_t flags,
                                 dvsi_problems *problems);
void dvsi_project_free(dvsi_project *project);
const dvsi_endpoint *dvsi_project_source(const dvsi_project *project, const char *name);

/* Reads "20%", "20", "7d", "90s", "12h": 0, or -1 when the text is no such thing. */
int dvsi_limit_parse(const char *text, dvsi_limit *limit);
int dvsi_duration_parse(const char *text, int64_t *micros); /* s, m, h, d, w; a bare 0 */

#endif
