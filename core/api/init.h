/* init.h - the parts of dvs_init: what was found out about a source, and the project file about it. */
#ifndef DVSI_API_INIT_H
#define DVSI_API_INIT_H

#include "api/api.h"
#include "plugin/host.h"

/* More streams than this, and only those asked for are enabled. */
#define DVSI_INIT_MANY 50

typedef struct dvsi_init_entity {
    const char *name;
    const char *key; /* "accountid" or "code, area"; NULL: not looked at */
    int guessed;     /* the source declares no key: `key` is its first column */
    uint32_t n_columns;
    int enabled;
} dvsi_init_entity;

typedef struct dvsi_init {
    dvsi_arena arena;
    const dvs_init_options *options;
    const char *name; /* of the project and of its source */
    const dvsi_plugin *plugin;
    dvsi_init_entity *entities;
    uint32_t n_entities;
} dvsi_init;

/* The head of a project (name, sources, sink). `for_use`: with secrets as they were given, to be parsed and
 * used at once; else for the file, where a secret that was typed is replaced by a variable. */
void dvsi_init_head(const dvsi_init *init, int for_use, dvsi_buf *out);
/* The whole file. */
void dvsi_init_file(const dvsi_init *init, dvsi_buf *out);

#endif
