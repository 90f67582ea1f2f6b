/* plan.h - what the feeds of an entity do together: planned when all are described, ended when all have
 * ended. */
#ifndef DVSI_RUN_PLAN_H
#define DVSI_RUN_PLAN_H

#include "run/target.h"

/* strangers.c: before anything else of a feed. What belongs to labels that are no sources of its entity any
 * more: their state, what their reads needed, their offers and their open errors. In a transaction. */
int32_t dvsi_strangers_drop(dvsi_feed *feed, dvs_error *err);

/* plan.c: how the feeds that are prepared are read. In a transaction. */
int32_t dvsi_plan_target(dvsi_target *target, dvs_error *err);
/* The read begins again from the start, in full: the source refused the token, or changed while it was
 * read. */
int32_t dvsi_plan_restart(dvsi_feed *feed, dvs_error *err);

/* together.c: plans the feeds of an entity when all are described, and ends it when all have ended; 1: it did
 * one of them, which is to be committed. */
int dvsi_together(dvsi_target *target);

#endif
