/* guard.c - the limit on deletes. */
#include "reconcile/guard.h"

#define FEW_DELETES 10u

int dvsi_guard_allows(const dvsi_limit *limit, uint64_t active, uint64_t deletes)
{
    if (deletes == 0)
        return 1;
    if (limit->is_percent && limit->percent >= 100.0)
        return 1;
    if (deletes >= active && active > 1)
        return 0;
    if (!limit->is_percent)
        return limit->count >= 0 && deletes <= (uint64_t)limit->count;
    return deletes < FEW_DELETES || (double)deletes <= (double)active * limit->percent / 100.0;
}
