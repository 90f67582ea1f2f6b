/* gather.h - what becomes of a feed's work: straight to the table, or by way of offers. */
#ifndef DVSI_RUN_GATHER_H
#define DVSI_RUN_GATHER_H

#include "run/target.h"
#include "run/work.h"

/* stream.c, gather.c: what becomes of a feed's work. */
int32_t dvsi_stream_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
int32_t dvsi_gather_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* Two records of a source that names them by the entity's key alone: the one delivered last stands. */
void dvsi_gather_warn_twice(dvsi_feed *feed, uint64_t number, const char *key);
int dvsi_gather_may_warn(const dvsi_feed *feed); /* would that say something, and not for the second time? */
/* As in an offer. */
void dvsi_target_fields_json(const dvsi_target *target, const dvs_cell *fields, dvsi_buf *out);

/* offers_load.c, in steps. Before offers of `work` are looked up and added: notes->offers_bare tells whether
 * they can go in without a look. */
int32_t dvsi_offers_begin(dvsi_feed *feed, const dvsi_work *work, dvs_error *err);
/* Before anything else looks for offers: makes the indexes that are left out, and puts right what came
 * twice. */
int32_t dvsi_offers_index(dvsi_run *run, dvs_error *err);
/* Of several offers of one source key the last stays, as a load that was broken off may have left them. */
int32_t dvsi_offers_once(dvsi_feed *feed, dvs_error *err);

/* The next of the feed's offers (id, source key), in the order of source key and id: those whose key is
 * greater (DVS_OP_GT), or greater or equal (DVS_OP_GE), than `last`, which moves on. At most `most`; fewer:
 * the last. */
int32_t dvsi_offers_walk(dvsi_feed *feed, uint32_t op, dvsi_buf *last, uint32_t most, dvsi_batch *rows,
                         dvs_error *err);

/* gather_end.c: what becomes of the offers. Those that a complete read did not meet go; their keys wait. */
int32_t dvsi_gather_drop_missing(dvsi_feed *feed, dvs_error *err);
/* The next page of records made of offers, from target->offers_part (all by their keys, then those of keys
 * that wait) and offers_at, which move on. */
enum { DVSI_OFFERS_ALL, DVSI_OFFERS_WAITING, DVSI_OFFERS_END };
int32_t dvsi_gather_next(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* merge_rows.c: writes such records and marks their offers as done; offers of failed ones are tried again at
 * the next end. */
int32_t dvsi_gather_settle(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
/* settled.c: the offers of such records. Adding: 0, or -1 when memory is out. */
int dvsi_settled_add(dvsi_target *target, int64_t offer_id);
/* Marks the next of them, above *last, which it moves on: INT64_MAX when all are. */
int32_t dvsi_settled_mark(dvsi_feed *feed, int64_t *last, dvs_error *err);

#endif
