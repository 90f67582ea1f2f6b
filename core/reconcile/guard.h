/* guard.h - may so many records be deleted? */
#ifndef DVSI_RECONCILE_GUARD_H
#define DVSI_RECONCILE_GUARD_H

#include <stdint.h>

#include "config/project.h"

/* 1 when `deletes` of the `active` rows at the start of the read may go under `limit`. A percentage never
 * trips on fewer than 10 deletes. All rows of a table with more than one go only with 100 percent, whatever
 * the count. */
int dvsi_guard_allows(const dvsi_limit *limit, uint64_t active, uint64_t deletes);

#endif
