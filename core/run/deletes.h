/* deletes.h - rows whose records are gone, and the keys that wait for the end of the read. */
#ifndef DVSI_RUN_DELETES_H
#define DVSI_RUN_DELETES_H

#include "run/feed.h"
#include "run/work.h"

/* deletes.c: the rows whose records are gone, a page at a time. */
struct dvsi_sweep {
    uint32_t missing; /* the read proves which rows are gone */
    uint32_t part;
    int64_t last_row;
    dvsi_buf last_key;
    dvsi_work *page;   /* its records are rows to delete */
    const char **keys; /* the page's keys among those that wait; keep[i]: it goes on waiting */
    uint8_t *keep;
    uint32_t n_keys;
};
/* Counts them; DVS_E_GUARD when they are too many. Then as begun. */
int32_t dvsi_deletes_plan(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
int dvsi_deletes_done(const dvsi_sweep *deletes);
int32_t dvsi_deletes_next(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
/* Deletes rows of the page. A refusal: as of dvsi_upsert. */
int32_t dvsi_deletes_write(dvsi_feed *feed, const dvsi_record *records, uint32_t n, dvs_error *err);
/* The page is done: of its keys only those of failing records and of refused deletes go on waiting. */
int32_t dvsi_deletes_settle(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
void dvsi_deletes_free(dvsi_sweep *deletes);

/* waiting.c: keys that are to be looked at when the read has ended. */
/* Sorts the keys. */
int32_t dvsi_waiting_add(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err);
/* The same for keys that the feed's source had and gave up: of several sources the row names the first in
 * precedence. */
int32_t dvsi_waiting_left(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err);
/* The same. */
int32_t dvsi_waiting_remove(dvsi_feed *feed, const char **keys, uint32_t n_keys, dvs_error *err);
int32_t dvsi_waiting_forget(dvsi_feed *feed, dvs_error *err);
/* Which source gave the keys up: set from[i] where that is known. */
int32_t dvsi_waiting_sources(dvsi_feed *feed, const char *const *keys, uint32_t n_keys,
                             const dvsi_from **from, dvs_error *err);
/* The next keys after `after` (NULL: from the start), in key order; copied into `arena`. */
int32_t dvsi_waiting_next(dvsi_feed *feed, const char *after, uint32_t limit, dvsi_arena *arena,
                          const char ***keys, uint32_t *n_keys, dvs_error *err);

#endif
