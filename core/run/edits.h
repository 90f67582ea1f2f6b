/* edits.h - an entity that streams: values that somebody changed in the sink, and those that `conflicts`
 * pinned. */
#ifndef DVSI_RUN_EDITS_H
#define DVSI_RUN_EDITS_H

#include "run/conflicts.h"
#include "run/run.h"

/* Of a batch. Begun with the feed set and the rest zero; everything lives in run->batch_arena. */
typedef struct dvsi_edits {
    dvsi_feed *feed;
    dvsi_key_pins *pins;     /* per record; NULL: none */
    dvsi_key_clashes *found; /* what was reconciled; NULL: nothing is open, and nothing was found */
    uint32_t n_found;
    uint32_t n_records;
} dvsi_edits;

/* Puts pinned values in the place of the source's; *records is then another array. What is wrong with a
 * derived field that follows from it: DVS_E_DATA, a refusal as of dvsi_upsert. */
int32_t dvsi_edits_pin(dvsi_edits *e, const dvsi_record **records, uint32_t n, dvs_error *err);
/* Record `at` was compared with `row` (its lookup columns; NULL: there is none) and its fields `stored`:
 * those of `changed` will be overwritten. 0, or -1 when memory is out. */
int dvsi_edits_note(dvsi_edits *e, const dvsi_record *records, uint32_t at, const dvs_cell *row,
                    const dvs_cell *stored, const uint32_t *changed, uint32_t n_changed);
int32_t dvsi_edits_settle(dvsi_edits *e, dvs_error *err); /* with the writing of the records */

#endif
