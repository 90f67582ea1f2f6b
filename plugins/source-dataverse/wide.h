/*
 * wide.h - records of which one request cannot bring all columns, because their names do not fit into one
 * address. They are gathered by the hundred, the other parts are fetched by key, and the joined records go to
 * the host. A record that is gone by then is left out, as one that was deleted a moment earlier would be.
 */
#ifndef DATAVERSE_WIDE_H
#define DATAVERSE_WIDE_H

#include "page.h"
#include "row.h"

struct dataverse_wide;

/* `interrupted`: NULL, or as in dataverse_pull_open(). */
int32_t dataverse_wide_new(dvs_source *source, const struct dataverse_select *select,
                           const atomic_int *interrupted, struct dataverse_wide **wide, dvs_error *err);
void dataverse_wide_free(struct dataverse_wide *wide);

/* So many records are asked for at a time: fewer than are gathered, so that the other parts are fetched when
 * a page has been received as a whole, and does not hold a place among the requests under way meanwhile. */
#define DATAVERSE_WIDE_PAGE 100

/* Takes a record of the first part (copied); key: 16 bytes, NULL when it has none. The three answer as
 * dvs_put_done(); when one answers "full", call rest, until it goes on, before anything else. */
int dataverse_wide_add(struct dataverse_wide *wide, const uint8_t *key, const struct dataverse_record *record,
                       uint64_t number, dvs_out *out, int32_t *status, dvs_error *err);
/* Passes on all that were taken. */
int dataverse_wide_flush(struct dataverse_wide *wide, dvs_out *out, int32_t *status, dvs_error *err);
/* Passes on what is left of a bundle of which the host took a part. */
int dataverse_wide_rest(struct dataverse_wide *wide, dvs_out *out, int32_t *status, dvs_error *err);
/* Why the last flush failed: DATAVERSE_FAIL, ... as of dataverse_api_get(). */
int dataverse_wide_outcome(const struct dataverse_wide *wide);

#endif
