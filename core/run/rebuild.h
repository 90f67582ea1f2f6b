/* rebuild.h - `sync --rebuild`: a table is made anew beside the old one, and takes its place. */
#ifndef DVSI_RUN_REBUILD_H
#define DVSI_RUN_REBUILD_H

#include "run/target.h"

/* rebuild.c: removes what a run has left behind that did not come to its end. In a transaction. */
int32_t dvsi_rebuild_clean(dvsi_run *run, dvs_error *err);
/* Before the definitions are checked: which tables are made anew. */
int32_t dvsi_rebuild_begin(dvsi_run *run, dvs_error *err);
int32_t dvsi_rebuild_note(dvsi_target *target, dvs_error *err); /* the table beside the old one is there */
/* rebuild_keys.c: what is kept of records that are gone */
int32_t dvsi_rebuild_keys(dvsi_target *target, dvs_error *err);
/* rebuild_copy.c: ... and has the old one's rows */
int32_t dvsi_rebuild_copy(dvsi_target *target, dvs_error *err);
/* Of a row of _sync_state: the next read is complete and begins at the start. */
void dvsi_rebuild_state(dvs_cell *row);
/* Swaps; DVS_E_GUARD when it would lose too many rows. */
int32_t dvsi_rebuild_end(dvsi_target *target, dvs_error *err);

#endif
