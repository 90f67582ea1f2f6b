/* offers.h - which of several offers for one key stands. */
#ifndef DVSI_RECONCILE_OFFERS_H
#define DVSI_RECONCILE_OFFERS_H

#include <stddef.h>
#include <stdint.h>

#include "dvsync/plugin.h"

/* What one source record says about one key, as far as precedence goes. */
typedef struct dvsi_offer {
    int64_t priority;  /* of its source */
    uint32_t listed;   /* the source's place in the project: ties of priority go to the smaller */
    dvs_cell modified; /* TIMESTAMP, or NULL */
    dvs_cell version;  /* any kind, or NULL */
    const char *source_key;
    size_t source_key_length;
} dvsi_offer;

/* Below 0 when `a` stands before `b`: higher priority, then earlier source, then newer version, then newer
 * modification time, then smaller source key. Never 0 for two records of one source. */
int dvsi_offer_compare(const dvsi_offer *a, const dvsi_offer *b);

#endif
