/*
 * metadata_parts.h - between metadata_get.c, which takes addresses apart, and metadata_query.c, which reads
 * definitions.
 */
#ifndef SIM_METADATA_PARTS_H
#define SIM_METADATA_PARTS_H

#include "metadata.h"

#define SIM_CRM "Microsoft.Dynamics.CRM."

/* What columns' definitions are asked for. */
struct sim_column_read {
    const struct sim_store *store;
    const struct sim_table *table;
    const char *cast; /* LookupAttributeMetadata; "": none */
    const char *select;
    int expand_sets;
    const struct sim_filter *filter;
    struct sim_text scratch;
};

/* All answer 0; -1: memory; 1: *refusal; 2: the filter does not hold. */
int sim_metadata_read_column(struct sim_column_read *read, const struct sim_column *column,
                             json_t **definition, struct sim_refusal *refusal);
int sim_metadata_read_columns(struct sim_column_read *read, json_t *array, struct sim_refusal *refusal);
int sim_metadata_read_table(const struct sim_store *store, const struct sim_table *table,
                            const struct sim_query *query, const struct sim_filter *filter,
                            struct sim_text *scratch, json_t **definition, struct sim_refusal *refusal);
int sim_metadata_filter(const char *text, struct sim_filter **filter, struct sim_refusal *refusal);
/* 1 when it is a type of columns that can be cast to. EnumAttributeMetadata is none (Microsoft's
 * documentation: query schema definitions). */
int sim_metadata_is_class(const char *name);
/* 404; answers 1. */
int sim_metadata_refuse_segment(struct sim_refusal *refusal, const char *segment, size_t length);

#endif
