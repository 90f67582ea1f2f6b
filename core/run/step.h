/* step.h - what the writer does, in steps that are undone when they fail. */
#ifndef DVSI_RUN_STEP_H
#define DVSI_RUN_STEP_H

#include "run/deletes.h"
#include "run/feed.h"
#include "run/work.h"

/* step.c: a step that fails is undone; feed->error says why, and whoever called ends the feed. What leaves
 * the sink unusable ends the run. */
typedef int32_t dvsi_step_fn(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
int32_t dvsi_step(dvsi_feed *feed, dvsi_step_fn *step, dvsi_work *work);
int32_t dvsi_step_errors(dvsi_feed *feed, dvsi_work *work); /* the work's row errors */
/* The work's records; those that the sink refuses become row errors. */
int32_t dvsi_step_records(dvsi_feed *feed, dvsi_work *work, uint32_t from, uint32_t to);
int32_t dvsi_step_mended(dvsi_feed *feed, dvsi_work *work); /* they came through: their errors are closed */
int32_t dvsi_step_again(dvsi_feed *feed);                   /* the open errors are mapped and taken again */
int32_t dvsi_step_rest(dvsi_feed *feed);   /* the records that wait for the end of the read */
int32_t dvsi_step_finish(dvsi_feed *feed); /* deletes after the guard, cursor, state */

/* finish.c: the last steps of an entity, in one transaction, which is open: what stands before the deletes,
 * the guard included, and then cursor and state. */
int32_t dvsi_finish_begin(dvsi_feed *feed, dvsi_sweep *deletes, dvs_error *err);
int32_t dvsi_finish_end(dvsi_feed *feed, dvs_error *err);

#endif
