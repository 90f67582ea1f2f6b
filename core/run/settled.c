/*
 * settled.c - offers that were reconciled and are no longer pending. They are reconciled in the order of
 * their keys, which is no order of the table: each would fetch, and write, a page of its own. So their
 * numbers are gathered, and many marked at a time, in the order in which they lie.
 */
#include <stdlib.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/gather.h"
#include "run/run.h"

#define MOST_SETTLED ((size_t)1 << 18) /* two megabytes */
#define MARKED_AT_ONCE 4096u /* in one step, whose savepoint keeps a copy of each page that it changes */

int dvsi_settled_add(dvsi_target *target, int64_t offer_id)
{
    if (target->n_settled == target->room_settled) {
        size_t room = target->room_settled != 0 ? target->room_settled * 2 : MARKED_AT_ONCE;
        int64_t *more =
            room <= SIZE_MAX / sizeof *more ? realloc(target->settled, room * sizeof *more) : NULL;
        if (more == NULL)
            return -1;
        target->settled = more;
        target->room_settled = room;
    }
    target->settled[target->n_settled++] = offer_id;
    return 0;
}

int dvsi_settled_full(const dvsi_target *target)
{
    return target->n_settled >= MOST_SETTLED;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void dvsi_settled_sort(dvsi_target *target)
{
    if (target->n_settled > 1)
        qsort(target->settled, target->n_settled, sizeof *target->settled, compare_ids);
}

int32_t dvsi_settled_mark(dvsi_feed *feed, dvs_error *err)
{
    static const uint32_t column = DVSI_OFFERS_PENDING;
    const dvs_cell done = dvsi_cell_null();
    dvsi_target *target = feed->target;
    size_t end = target->n_settled;
    size_t begin = end > MARKED_AT_ONCE ? end - MARKED_AT_ONCE : 0;
    int32_t status = DVS_OK;
    for (size_t i = begin; i < end && status == DVS_OK; i++)
        status = dvsi_books_update(&feed->run->notes, DVSI_BOOK_OFFERS, target->settled[i], &column, &done, 1,
                                   err);
    if (status == DVS_OK)
        target->n_settled = begin;
    return status;
}
