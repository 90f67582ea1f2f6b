/*
 * conflicts.h - the disagreements that stand, in _sync_conflicts, and the values that `conflicts resolve`
 * pinned, in _sync_pins. An entity that has neither pays for neither: nothing is read or written.
 */
#ifndef DVSI_RUN_CONFLICTS_H
#define DVSI_RUN_CONFLICTS_H

#include "reconcile/merge.h"
#include "run/run.h"

/* What is pinned of one record. */
typedef struct dvsi_key_pins {
    const dvsi_pin *pins;
    const char *const *kept; /* whose value each is: a label, or "sink" */
    const int64_t *decided;  /* the conflict that each resolved */
    uint32_t n;
} dvsi_key_pins;

/* What stands of one record that was reconciled. Voices are places in the entity's list of `from` entries. */
typedef struct dvsi_key_clashes {
    const char *key;
    const dvsi_clash *clashes; /* NULL when n_clashes is 0 */
    const dvsi_key_pins *pins; /* NULL: none */
    uint32_t n_clashes;
    uint32_t claims; /* fields are claimed: a plan has to look at the record */
} dvsi_key_clashes;

/* Before the first record of a run: whether the entity has open conflicts and pins. */
int32_t dvsi_conflicts_begin(dvsi_target *target, dvs_error *err);

/*
 * The records were reconciled, each key once: new conflicts are opened, those whose values changed move on,
 * those of these keys that no longer stand are closed. Call it also for records without clashes, in the step
 * that writes them. On a pinned field sources cannot disagree. Counts what stands in feed->counts.conflicts;
 * a diff only counts.
 */
int32_t dvsi_conflicts_settle(dvsi_feed *feed, const dvsi_key_clashes *records, uint32_t n, dvs_error *err);

/* Records that ended: their conflicts are closed, their pins go. */
int32_t dvsi_conflicts_gone(dvsi_feed *feed, const char *const *keys, uint32_t n, dvs_error *err);

/*
 * How many conflicts stay open when the run has ended, among the entities of the run: what --fail-on-conflict
 * asks. A diff says what it found, and of entities that it did not compare completely what is open besides.
 */
int32_t dvsi_conflicts_remain(dvsi_run *run, uint64_t *open, dvs_error *err);

/* pins.c: what is pinned of the records, (*pins)[i] of keys[i], in run->batch_arena; *pins is NULL when the
 * entity has none. A pin of a field that the entity no longer has is left out, and so is, with a warning,
 * one whose value does not fit its type. */
int32_t dvsi_pins_read(dvsi_feed *feed, const char *const *keys, uint32_t n, dvsi_key_pins **pins,
                       dvs_error *err);
int32_t dvsi_pins_drop(dvsi_feed *feed, const char *const *keys, uint32_t n, dvs_error *err);

/* A value as a cell of a column of kind JSON: NULL stays NULL. For conflicts as in lineage (large ones as
 * sha256), for pins exact. In `arena`; 0, or -1 when memory is out. */
int dvsi_conflict_value(dvsi_arena *arena, const dvs_cell *value, dvs_cell *out);
int dvsi_pin_value(dvsi_arena *arena, const dvs_cell *value, dvs_cell *out);
/* And back, as a cell of `kind`: 0, or -1 when it is none. */
int dvsi_pin_cell(dvsi_arena *arena, uint32_t kind, const dvs_cell *value, dvs_cell *out);

#endif
