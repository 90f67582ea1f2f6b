/*
 * merge.h - what several offers make of one record: pure functions of the offers, the stored row, the pins
 * and the project's rules. The run asks in three steps, as derived fields are computed between the second and
 * the third:
 *
 *   dvsi_merge_offers   which offer wins which field, and which disagree
 *   dvsi_merge_record   the record as it is to be stored, derived fields left out
 *   dvsi_merge_compare  what has to be written, and what somebody else has edited
 */
#ifndef DVSI_RECONCILE_MERGE_H
#define DVSI_RECONCILE_MERGE_H

#include "base/arena.h"
#include "reconcile/record.h"

/* How a `from` entry speaks for a field. */
#define DVSI_SAYS_NOTHING 0u
#define DVSI_SAYS_TRUTH 1u
#define DVSI_SAYS_REFERENCE 2u

#define DVSI_VOICE_NONE UINT32_MAX       /* nobody: no source speaks for the field, or it is derived */
#define DVSI_VOICE_SINK (UINT32_MAX - 1) /* what stands in the sink */
#define DVSI_VOICE_PIN (UINT32_MAX - 2)  /* a value that `conflicts resolve` pinned */

/* One `from` entry. */
typedef struct dvsi_voice {
    int64_t priority;
    uint32_t listed;          /* its place in the project: ties of priority go to the smaller */
    uint32_t decides;         /* what it has exists (records_from) */
    const uint8_t *says;      /* per field, DVSI_SAYS_ */
    const uint8_t *null_wins; /* per field: NULL is an opinion (nulls: win) */
} dvsi_voice;

typedef struct dvsi_policy {
    const dvsi_voice *voices;
    uint32_t n_voices;
    uint32_t n_fields;
    uint32_t n_plain; /* the fields behind these are derived */
    uint32_t force;   /* --force-overwrite: reference fields are written like the others, pins do not count */
    const uint32_t *positions; /* in sync_hash, per field */
} dvsi_policy;

/* What one source record says of the record. */
typedef struct dvsi_said {
    uint32_t voice;
    uint32_t reserved;
    const dvs_cell *fields; /* n_fields; ABSENT where it says nothing; those who say the same may share it */
} dvsi_said;

/* The stored row. */
typedef struct dvsi_stored {
    const dvs_cell *fields; /* n_fields; NULL: there is no row */
    const uint8_t *sync_hash;
    size_t hash_length;
    uint32_t deleted;
    uint32_t reserved;
} dvsi_stored;

typedef struct dvsi_pin {
    uint32_t field;
    uint32_t reserved;
    dvs_cell value;
} dvsi_pin;

typedef enum dvsi_clash_kind { DVSI_FIELD_DIFFERS, DVSI_LOCAL_EDIT } dvsi_clash_kind;

/* Two that disagree about a field. */
typedef struct dvsi_clash {
    dvsi_clash_kind kind;
    uint32_t field;
    uint32_t winner; /* a voice; NONE: the field is derived, or nobody speaks for it any more */
    uint32_t loser;
    dvs_cell winner_value;
    dvs_cell loser_value;
    const char *rule; /* static; what decided: priority, order, source_of_truth, reference, derived or pin */
} dvsi_clash;

typedef struct dvsi_merged {
    uint32_t n_said;     /* as given */
    uint32_t exists;     /* an entry that decides has the record; else only others fill fields of it */
    uint32_t voice;      /* whose the record is: the first in precedence (that decides); NONE: nobody's */
    uint32_t *truth;     /* per field the offer that wins by source_of_truth, as its position; or NONE */
    uint32_t *reference; /* per field the first offer by reference, the same */
    dvs_cell *fields;    /* per field what is to stand there; ABSENT: as it is */
    uint32_t *from;      /* per field whose value stands there, a voice; SINK: what is left as it is */
    dvs_cell *whole; /* per field what will stand there: what derived fields are computed of, and the row of
                        a new version; those behind n_plain are set by dvsi_merge_compare */
    dvsi_op op;
    uint32_t *changed; /* fields to be written */
    uint32_t n_changed;
    uint32_t *claimed; /* reference fields that stand as offered, but were never written by us: their hash is
                          to be put, nothing else, so that they count as written. Also with DVSI_OP_NONE */
    uint32_t n_claimed;
    dvsi_clash *clashes; /* field_differs by field and precedence of the losers, then local edits by field */
    uint32_t n_clashes;
    uint32_t clash_room;
} dvsi_merged;

/* `said` in order of precedence; of one voice only the first counts. None at all, or none of an entry that
 * decides: the record does not exist; its op is DELETE when there is an active row, else NONE, it has no
 * clashes, and no field is touched. Everything of *merged lives in the arena, cells in it point into `said`,
 * `stored` and `pins`. 0, or -1 when memory is out. */
int dvsi_merge_offers(const dvsi_policy *policy, const dvsi_said *said, uint32_t n_said, dvsi_arena *arena,
                      dvsi_merged *merged);
/* Sets fields, from and whole up to n_plain. The derived fields behind them are ABSENT until the caller has
 * computed them of `whole`, all of them, except those with from = DVSI_VOICE_PIN, which have their value.
 * Clashes over pinned fields are taken back: they have been resolved. */
void dvsi_merge_record(const dvsi_policy *policy, const dvsi_said *said, const dvsi_stored *stored,
                       const dvsi_pin *pins, uint32_t n_pins, dvsi_merged *merged);
/* Sets op, changed and claimed, and adds local edits to the clashes: those that are overwritten, and those
 * that a reference field keeps. 0, or -1 when memory is out. */
int dvsi_merge_compare(const dvsi_policy *policy, const dvsi_said *said, const dvsi_stored *stored,
                       dvsi_arena *arena, dvsi_merged *merged);

#endif
