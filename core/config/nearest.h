/* nearest.h - the known name that somebody probably meant. */
#ifndef DVSI_CONFIG_NEAREST_H
#define DVSI_CONFIG_NEAREST_H

#include <stdint.h>

/* Set `name`, offer every known name, read `best`: NULL when none is near. */
typedef struct dvsi_nearest {
    const char *name;
    const char *best;
    uint32_t distance; /* of `best` */
} dvsi_nearest;

void dvsi_nearest_offer(dvsi_nearest *nearest, const char *known);

#endif
