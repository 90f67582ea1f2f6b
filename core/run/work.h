/* work.h - one batch of source rows together with what mapping made of it; built on a reader's thread, used
 * up by the writer. */
#ifndef DVSI_RUN_WORK_H
#define DVSI_RUN_WORK_H

#include "data/batch.h"
#include "map/mapping.h"
#include "reconcile/merge.h"

#define DVSI_RECORD_TOMBSTONE 1u /* deleted at the source; only the keys are set */
#define DVSI_RECORD_FAILED 2u    /* could not be mapped; it exists, so it counts as present; keys as known */
#define DVSI_RECORD_DEFERRED 4u  /* taken at the end of the read: until then it only counts as present     */
#define DVSI_RECORD_STALE 8u     /* taken, but a later delivery of it failed: that error stays             */

/* At the end of a read that gathers: the offers behind a record. */
typedef struct dvsi_record_offers {
    int64_t best; /* offer id of the first in precedence */
    const int64_t *pending;
    uint32_t n_pending;
    uint32_t n_said;
    const dvsi_said *said;      /* one of each source, in the order of precedence */
    const dvs_cell *const *raw; /* of each of these, the record as the source gave it */
} dvsi_record_offers;

typedef struct dvsi_record {
    const dvs_cell *fields; /* the entity's fields, NULL when unknown */
    const dvs_cell *source; /* the source's columns, NULL when unknown */
    const dvs_cell *raw;    /* the record as the source gave it, NULL: not kept */
    const char *key;        /* the entity's key as canonical text; NULL: unknown */
    const char *source_key; /* the source's own key; NULL: unknown or none */
    uint32_t key_length;
    uint32_t source_key_length;
    uint32_t flags; /* DVSI_RECORD_ */
    uint64_t number;
    int64_t row_id; /* of a row to delete; 0 elsewhere */
    /* When the source's record was (an offer: the newest that changed); INT64_MIN: not known. */
    int64_t modified;
    const dvsi_record_offers *offers; /* NULL elsewhere */
    /* Made of offers, for writing; else NULL, and all of it is the feed's own. */
    const dvsi_merged *merged;
    const dvsi_origin *own; /* then: whose the record is, and, per field, where it comes from */
    const dvsi_origin *origins;
} dvsi_record;

/* A row error on its way to _sync_errors. */
typedef struct dvsi_record_error {
    uint64_t number;
    const char *source_key; /* NULL: unknown */
    const char *key;        /* NULL: unknown */
    const char *field;      /* NULL: the whole record */
    const char *message;
    const char *record; /* as received, valid UTF-8; NULL: unknown */
    size_t record_length;
    const char *cells; /* as JSON, to be mapped again; NULL: it cannot be */
    size_t cells_length;
    const char *known; /* then what is known of the source's columns, as JSON; NULL: nothing */
    size_t known_length;
} dvsi_record_error;

typedef struct dvsi_work {
    dvsi_batch *batch; /* what was pulled */
    dvsi_arena arena;
    dvsi_record *records;
    uint32_t n_records;
    dvsi_record_error *errors;
    uint32_t n_errors;
    uint32_t unidentified;       /* failed records of which not even a key is known */
    uint32_t drops_left_out;     /* set before mapping: records that `where` leaves out are dropped at once */
    uint32_t checkpoint_records; /* how many records the batch's checkpoint covers */
    uint32_t answers;            /* set behind mapping: it is what was asked for by key (follow.h) */
} dvsi_work;

/* The record as json_response keeps it, made in `arena` where the source does not give it; NULL in *raw: it
 * is not kept. `text` is used up. 0, or -1 when memory is out. */
int dvsi_record_raw(const dvsi_mapping *mapping, const dvs_cell *source, dvsi_arena *arena, dvsi_buf *text,
                    const dvs_cell **raw);
/* When a source record was modified, by its own column. */
int64_t dvsi_record_modified(const dvsi_mapping *mapping, const dvs_cell *source);
dvsi_work *dvsi_work_new(void); /* NULL when memory is out */
void dvsi_work_free(dvsi_work *work);
/* Maps work->batch. 0, or -1 when memory is out. */
int dvsi_work_map(dvsi_work *work, const dvsi_mapping *mapping);
/* Bytes that it holds. */
size_t dvsi_work_bytes(const dvsi_work *work);

/*
 * Of several records of one key (the entity's, or with `by_source_key` the source's) the last stands, a
 * failed one never in place of another. Sets skip[i] for those that do not count, and for those without a
 * key; previous[i] is 1
 * + the record that i took the place of, 0: none. Both arrays are made in `arena`; 0, or -1 when memory is
 * out.
 */
int dvsi_records_last(dvsi_arena *arena, const dvsi_record *records, uint32_t n, int by_source_key,
                      uint8_t **skip, uint32_t **previous);

#endif
