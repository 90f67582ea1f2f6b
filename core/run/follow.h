/*
 * follow.h - `scope: referenced`: of such an entity only the records are read that active, current records of
 * the others refer to, and those that these refer to in turn, to the fixed point.
 *
 * Its feed reads when all entities without this scope have ended: their references, as they stand in the
 * sink, are the first keys. They are asked for in batches; the records that come name the next keys. Each key
 * is asked for once, so circles end. What comes this way is a complete read: a record that it did not meet is
 * missing, and deleted as such, if every entity that refers was read completely in this run, or its table
 * alone is made anew. Otherwise only what the source does not have any more goes.
 *
 * Where the source can tell what changed since a cursor, later runs ask for that instead, and by key only for
 * what is referred to and not in the table; nothing is missing then, until the next complete read.
 */
#ifndef DVSI_RUN_FOLLOW_H
#define DVSI_RUN_FOLLOW_H

#include "run/run.h"

/* Before the loop: is there something to follow? run->follow stays NULL when not. */
int32_t dvsi_follow_new(dvsi_run *run, dvs_error *err);
void dvsi_follow_free(dvsi_follow *follow);

/* What keeps a described feed from reading by references; NULL: nothing. */
const char *dvsi_follow_problem(const dvsi_feed *feed);

/* The writer, in every turn of its loop: 1 when it did something that is to be committed. */
int dvsi_follow_step(dvsi_run *run);
/* May this feed begin to read? */
int dvsi_follow_may_read(const dvsi_feed *feed);
/* Before the writer takes work of a read that tells what changed: records that the table does not have go. */
int32_t dvsi_follow_filter(dvsi_feed *feed, dvsi_work *work);
/* The writer has taken work of a feed that is followed: its references are the next keys. */
void dvsi_follow_take(dvsi_feed *feed, const dvsi_work *work);

/* A diff, of an entity that is not followed: what a row would hold after a sync, in the order of the entity's
 * fields. Of each record for which it notes a change, at least; rows without one are asked in the end. */
int32_t dvsi_follow_merged(const dvsi_feed *feed, const dvs_cell *fields, dvs_error *err);

/* The reader's thread, before a complete read: asks for the cursor of the next run, if the source gives one.
 * DVS_END. */
int32_t dvsi_follow_cursor(dvsi_feed *feed);
/* The reader's thread, then: gives what is asked for to the queue, until the writer says that it was all:
 * DVS_END. */
int32_t dvsi_follow_read(dvsi_feed *feed);

#endif
