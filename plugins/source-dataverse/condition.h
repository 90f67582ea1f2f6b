/*
 * condition.h - the host's conditions as a $filter. Pure.
 */
#ifndef DATAVERSE_CONDITION_H
#define DATAVERSE_CONDITION_H

#include <dvsync/plugin.h>

#include "metadata.h"

/*
 * The part of the conditions of a read that the service surely decides as the host would, or lets more
 * records through: ready for an address, new; NULL in *filter when there is none. 0, or -1 when memory is
 * out.
 */
int dataverse_condition_filter(const struct dataverse_table *table, const dvs_read *read, char **filter);

#endif
