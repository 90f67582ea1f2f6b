/* changes.h - what a diff found, in the temporary database where it is kept. */
#ifndef DVSI_RUN_CHANGES_H
#define DVSI_RUN_CHANGES_H

#include "reconcile/record.h"
#include "run/feed.h"
#include "run/work.h"

int32_t dvsi_changes_add(dvsi_feed *feed, dvsi_op op, const dvsi_record *record, const char *key,
                         const dvs_cell *current, const uint32_t *changed, uint32_t n_changed,
                         dvs_error *err);
/* Of a record made of offers: reference fields that are left as they stand, though a source offers something
 * else. */
int32_t dvsi_changes_reference(dvsi_feed *feed, const dvsi_record *record, const char *key,
                               const dvs_cell *stored, dvs_error *err);
/* What was noted of a key; what of the entity, as the feed is read once more from the start. */
int32_t dvsi_changes_forget(dvsi_feed *feed, const char *key, uint64_t *n_removed, dvs_error *err);
int32_t dvsi_changes_restart(dvsi_feed *feed, dvs_error *err);
/* Of which of the keys something was noted: noted[i] is 1 or 0. */
int32_t dvsi_changes_noted(dvsi_feed *feed, const char *const *keys, uint32_t n, uint8_t *noted,
                           dvs_error *err);
/* The temporary database, if it is not there yet. */
int32_t dvsi_scratch_open(dvsi_run *run, dvs_error *err);

#endif
