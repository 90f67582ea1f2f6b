/* record.h - what becomes of one record: pure functions of what is offered and what is stored. */
#ifndef DVSI_RECONCILE_RECORD_H
#define DVSI_RECONCILE_RECORD_H

#include "base/buf.h"
#include "dvsync/plugin.h"

typedef enum dvsi_op { DVSI_OP_NONE, DVSI_OP_CREATE, DVSI_OP_UPDATE, DVSI_OP_REVIVE, DVSI_OP_DELETE } dvsi_op;

/* "create", "update", "revive", "delete"; "" for none. */
const char *dvsi_op_name(dvsi_op op);

/*
 * Compares an offered record with the stored one. `current`: the stored cells of the same fields, NULL when
 * there is no row; `deleted`: the row is there, but soft-deleted. The fields that are to be written are
 * listed in `changed` (room for n_fields). An ABSENT field is not touched.
 */
dvsi_op dvsi_reconcile_record(const dvs_cell *offered, const dvs_cell *current, uint32_t n_fields,
                              int deleted, uint32_t *changed, uint32_t *n_changed);

/*
 * sync_hash: four bytes a field, at the position that the field was given once: what we wrote there last.
 * 0: never written by us, 1: NULL. dvsi_sync_hash_put makes the hash long enough (new positions are 0) and
 * sets the field's bytes; an ABSENT cell leaves them alone.
 */
#define DVSI_SYNC_HASH_BYTES 4u
void dvsi_sync_hash_put(dvsi_buf *hash, uint32_t position, const dvs_cell *cell, dvsi_buf *scratch);
/* The value at a position, 0 past the end. */
uint32_t dvsi_sync_hash_get(const uint8_t *hash, size_t length, uint32_t position);
/* 1 when what is `stored` is not what we wrote there last: somebody else has changed it. 0 when it is, when
 * we never wrote it, and when it is ABSENT. `scratch` may fail; the answer is then 0. */
int dvsi_sync_hash_edited(const uint8_t *hash, size_t length, uint32_t position, const dvs_cell *stored,
                          dvsi_buf *scratch);

#define DVSI_LINEAGE_VALUE_MAX 4096u /* bytes of JSON; larger values stand as {"sha256":...,"bytes":n} */

/* Adds a value as it stands in lineage and conflicts. */
void dvsi_lineage_value(dvsi_buf *out, const dvs_cell *cell);
/* Adds the `changes` of a lineage row: {"field":{"old":...,"new":...},...} over the fields listed. */
void dvsi_lineage_changes(dvsi_buf *out, const char *const *names, const dvs_cell *current,
                          const dvs_cell *offered, const uint32_t *changed, uint32_t n_changed);

/* Where a value comes from. */
typedef struct dvsi_origin {
    const char *source;        /* NULL: where its row comes from */
    const char *source_entity; /* NULL: as the row's */
    const char *from;          /* the source's field; NULL: none, it was computed */
} dvsi_origin;

/* The same for a row that comes from `own`, of fields that come from `origins` (one per field; NULL: all from
 * `own`): a field of another origin has "source", "source_entity" and "from", too, as far as they differ. */
void dvsi_lineage_update(dvsi_buf *out, const char *const *names, const dvs_cell *current,
                         const dvs_cell *offered, const uint32_t *changed, uint32_t n_changed,
                         const dvsi_origin *own, const dvsi_origin *origins);
/* Adds the `changes` of a new row: {"field":{"source":...},...} of the n fields that are not from `own`, and
 * tells how many these are; of none nothing is added, as `changes` is NULL then. */
uint32_t dvsi_lineage_create(dvsi_buf *out, const char *const *names, uint32_t n, const dvsi_origin *own,
                             const dvsi_origin *origins);

#endif
