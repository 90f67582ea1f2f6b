/* json_schema.h - the JSON Schema of a project file, for editors. */
#ifndef DVSI_CONFIG_JSON_SCHEMA_H
#define DVSI_CONFIG_JSON_SCHEMA_H

#include "base/buf.h"
#include "dvsync/plugin.h"

/* The options of one installed plugin, for the `settings` of endpoints that name it. */
typedef struct dvsi_schema_plugin {
    const char *name;
    const char *doc;
    uint32_t is_sink;          /* 0: source */
    const dvs_option *options; /* stride sizeof(dvs_option) */
    uint32_t n_options;
} dvsi_schema_plugin;

/* Adds the schema (draft 2020-12) as one JSON document. */
void dvsi_json_schema(dvsi_buf *out, const dvsi_schema_plugin *plugins, uint32_t n_plugins);

#endif
