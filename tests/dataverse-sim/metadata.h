/*
 * metadata.h - EntityDefinitions, GlobalOptionSetDefinitions and the service document.
 */
#ifndef SIM_METADATA_H
#define SIM_METADATA_H

#include <jansson.h>

#include "api.h"
#include "query.h"
#include "store_parts.h"

/* The definition of a table, all properties. New; NULL: memory. */
json_t *sim_metadata_table(const struct sim_store *store, const struct sim_table *table);
/* Of a column: properties that all have, and those of its type. Both new; NULL: memory. */
json_t *sim_metadata_column(const struct sim_store *store, const struct sim_table *table,
                            const struct sim_column *column);
json_t *sim_metadata_column_own(const struct sim_column *column);
/* The option set of a column of choices: as a local one in `OptionSet`, or null when it is a global one. */
json_t *sim_metadata_option_set(const struct sim_store *store, const struct sim_table *table,
                                const struct sim_column *column);
/* A text in the organisation's languages. */
json_t *sim_metadata_label(const char *text, size_t length);
/* {"Value":…,"CanBeChanged":true,"ManagedPropertyLogicalName":…} */
json_t *sim_metadata_managed(int value, const char *name);
json_t *sim_metadata_id(const struct sim_store *store, const char *what, const char *a, const char *b);
/* All global option sets. */
json_t *sim_metadata_global_sets(const struct sim_store *store);

/* Answers a path that begins with EntityDefinitions or GlobalOptionSetDefinitions. 0: *document (new) is the
 * answer; -1: memory; 1: *refusal. */
int sim_metadata_get(const struct sim_store *store, const struct sim_call *call,
                     const struct sim_query *query, json_t **document, struct sim_refusal *refusal);

#endif
