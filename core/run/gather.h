/* gather.h - what becomes of a feed's work: straight to the table, or by way of offers. */
#ifndef DVSI_RUN_GATHER_H
#define DVSI_RUN_GATHER_H

#include "run/target.h"
#include "run/work.h"

/* stream.c, gather.c: what becomes of a feed's work. */
int32_t dvsi_stream_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
int32_t dvsi_gather_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* As in an offer. */
void dvsi_target_fields_json(const dvsi_target *target, const dvs_cell *fields, dvsi_buf *out);

/* gather_end.c: what becomes of the offers. Those that a complete read did not meet go; their keys wait. */
int32_t dvsi_gather_drop_missing(dvsi_feed *feed, dvs_error *err);
/* The next page of records made of offers, from target->offers_part and offers_at, which move on. */
/* By their keys; then those of keys that wait. */
enum { DVSI_OFFERS_ALL, DVSI_OFFERS_WAITING, DVSI_OFFERS_END };
int32_t dvsi_gather_next(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* merge_rows.c: writes such records and marks their offers as done; offers of failed ones are tried again at
 * the next end. */
int32_t dvsi_gather_settle(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* settled.c: the offers of such records, to be marked soon. Adding: 0, or -1 when memory is out. */
int dvsi_settled_add(dvsi_target *target, int64_t offer_id);
int dvsi_settled_full(const dvsi_target *target);
void dvsi_settled_sort(dvsi_target *target);
/* The last of them; again, until there are none. */
int32_t dvsi_settled_mark(dvsi_feed *feed, dvs_error *err);

#endif
