/* discover.h - finding projects in a directory. */
#ifndef DVSI_CONFIG_DISCOVER_H
#define DVSI_CONFIG_DISCOVER_H

#include "base/arena.h"
#include "config/problem.h"
#include "dvsync/error.h"

typedef struct dvsi_found dvsi_found;
struct dvsi_found {
    dvsi_found *next; /* by name, then file */
    const char *name; /* the `name:` inside; NULL when it cannot be told */
    const char *file;
    const char *sources; /* "crm (dataverse), sheet (csv)"; NULL when it cannot be told */
    const char *sink;    /* "sqlite" */
    const char *error;   /* why it is no valid project (the first problem); NULL: it is */
    uint32_t n_errors;
};

typedef struct dvsi_discovery {
    dvsi_arena arena;
    dvsi_found *first;
    uint32_t n_found;
} dvsi_discovery;

/* Every *.yaml and *.yml in `directory` and every DIR/ * /config.yml (and .yaml) that has `sources`, `source`
 * or `sink` at its top; files that are broken YAML count as (invalid) projects. Two of one name are both
 * invalid. Needs no variables set. 0, or a status when the directory cannot be read. */
int32_t dvsi_discover(const char *directory, dvsi_discovery *out, dvs_error *err);
void dvsi_discovery_free(dvsi_discovery *discovery);

#endif
