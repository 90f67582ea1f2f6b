/* row_errors.h - records that could not be used, in _sync_errors: one open row per record and field. */
#ifndef DVSI_RUN_ROW_ERRORS_H
#define DVSI_RUN_ROW_ERRORS_H

#include "run/feed.h"
#include "run/work.h"

/* Conditions for what is open of this feed, of one severity (NULL: of all); how many. Warnings are those of
 * twice.h. */
uint32_t dvsi_row_errors_where(const dvsi_feed *feed, const char *severity, dvs_where where[4]);
/* Before a read: sets feed->open_errors. A comparison takes these errors over. */
int32_t dvsi_row_errors_begin(dvsi_feed *feed, dvs_error *err);
int32_t dvsi_row_errors_add(dvsi_feed *feed, const dvsi_record_error *errors, uint32_t n, dvs_error *err);
/* Records that came through: their open errors are closed. */
int32_t dvsi_row_errors_close_keys(dvsi_feed *feed, const dvsi_record *records, uint32_t n, dvs_error *err);
/* A read begins again: open errors are old until it raises them once more. */
int32_t dvsi_row_errors_restart(dvsi_feed *feed, dvs_error *err);
int32_t dvsi_row_errors_close_old(dvsi_feed *feed, dvs_error *err);
/* Of a gathering entity, before its deletes: the errors of records that a complete read did not deliver. */
int32_t dvsi_row_errors_close_absent(dvsi_feed *feed, dvs_error *err);
/* Of a gathering entity, at its end: what the sink refused of whole keys, and does not any more. */
int32_t dvsi_row_errors_close_settled(dvsi_feed *feed, dvs_error *err);
/* Which of the keys a failing record of the source has: it counts as present. failing[i] is 1 or 0. */
int32_t dvsi_row_errors_failing(dvsi_feed *feed, const char *const *keys, uint32_t n, uint8_t *failing,
                                dvs_error *err);
/* Keys whose records are gone for good, of an entity that streams. */
int32_t dvsi_row_errors_close_gone(dvsi_feed *feed, const char *const *keys, uint32_t n, dvs_error *err);
/* Maps the open errors again, a page at a time, from behind row id *last, which moves on as long as there are
 * more. */
int32_t dvsi_row_errors_again(dvsi_feed *feed, int64_t *last, dvsi_work *work, dvs_error *err);

/* kept_errors.c: of each open error what a comparison needs: not the record, and its cells only where it is
 * mapped again. */
int32_t dvsi_row_errors_copy(dvsi_feed *feed, dvs_error *err);
/* kept_offers.c: in a comparison, the offers in the sink of records that failed are offers still. */
int32_t dvsi_offers_keep(dvsi_feed *feed, const dvsi_record_error *errors, uint32_t n, dvs_error *err);
/* Before a comparison that does not read everything: all offers of the entity, and the keys that wait. */
int32_t dvsi_notes_copy(dvsi_target *target, dvs_error *err);

#endif
