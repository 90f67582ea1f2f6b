/*
 * references.h - fields that hold keys of other entities: by the project's `refers_to`, or as the source
 * declares it.
 *
 * What a source declares is recorded with the entity's definition, so that references can be looked at
 * without the source.
 */
#ifndef DVSI_RUN_REFERENCES_H
#define DVSI_RUN_REFERENCES_H

#include "run/run.h"

#define DVSI_REFERENCE_SAMPLES 5

/* One entity that a reference may point to. */
typedef struct dvsi_reference_to {
    dvsi_target *target;
    const char *field; /* the one that is compared; NULL: it cannot be told */
} dvsi_reference_to;

typedef struct dvsi_reference {
    dvsi_target *target; /* whose field it is */
    const char *field;
    dvsi_reference_to *to;
    uint32_t n_to;
    uint32_t declared; /* by the source, not by the project */
    uint32_t partial;  /* it may point to streams that are no entities of the project, too */
} dvsi_reference;

/* The references of a project, entity by entity, in the order of the fields. From what was recorded: see
 * dvsi_definitions_load. In `arena`. */
int32_t dvsi_references_find(dvsi_run *run, dvsi_arena *arena, dvsi_reference **references, uint32_t *n,
                             dvs_error *err);

/* The entity's field that takes the source's own key; NULL: there is none, or the key has several parts. */
const char *dvsi_reference_own_key(const dvsi_mapping *mapping);

/* What is recorded of a feed: its stream, the field that holds the source's own key, and the fields that
 * point to other streams. Adds a JSON object; a feed without a mapping keeps what `known` (NULL: nothing)
 * has. */
void dvsi_references_record(const dvsi_feed *feed, const dvsi_json *known, dvsi_buf *out);

/* Takes the value of an active row. The key's fields are as stored: somebody may have edited them. */
typedef int32_t dvsi_reference_fn(void *context, const dvs_cell *key, uint32_t n_key, const dvs_cell *value,
                                  dvs_error *err);
/* Calls `take` for every active row that has a value; for none when the table cannot be looked at. In a
 * transaction of run->sink. */
int32_t dvsi_reference_each(dvsi_run *run, const dvsi_reference *reference, dvsi_reference_fn *take,
                            void *context, dvs_error *err);

/* What verifying a reference found. */
typedef struct dvsi_reference_sample {
    const char *key;   /* of the record that points nowhere */
    const char *value; /* canonical */
} dvsi_reference_sample;

typedef struct dvsi_reference_check {
    const char *reason; /* NULL; or why it could not be made, then nothing else counts */
    uint64_t total;     /* active, current records with a value */
    uint64_t dangling;
    dvsi_reference_sample samples[DVSI_REFERENCE_SAMPLES]; /* the first by row id */
    uint32_t n_samples;
} dvsi_reference_check;

/* Looks at every active row. In a transaction of run->sink. Texts in `arena`. */
int32_t dvsi_reference_verify(dvsi_run *run, const dvsi_reference *reference, dvsi_arena *arena,
                              dvsi_reference_check *check, dvs_error *err);

#endif
