/*
 * wide.h - records of which one request cannot bring all columns, because their names do not fit into one address.
 * They are gathered by the hundred, the other parts are fetched by key, and the joined records go to the host. A
 * record that is gone by then is left out, as one that was deleted a moment earlier would be.
 */
#ifndef DATAVERSE_WIDE_H
#define DATAVERSE_WIDE_H

#include "page.h"
#include "row.h"

struct dataverse_wide;

/* `interrupted`: NULL, or as in dataverse_pull_open(). */
int32_t dataverse_wide_new(dvs_source *source, const struct dataverse_select *select, const atomic_int *interrupted,
                           struct dataverse_wide **wide, dvs_error *err);
void dataverse_wide_free(struct dataverse_wide *wide);

/* Takes a record of the first part (copied); key: 16 bytes, NULL when it has none. Both answer as dvs_put_done(); when that
 * is "full", call flush again before anything else. */
int dataverse_wide_add(struct dataverse_wide *wide, const uint8_t *key, const struct dataverse_record *record,
                       uint64_t number, dvs_out *out, int32_t *status, dvs_error *err);
/* Passes on all that were taken. */
int dataverse_wide_flush(struct dataverse_wide *wide, dvs_out *out, int32_t *status, dvs_error *err);

#endif
