/*
 * settled.c - offers that were reconciled and are no longer pending. They are reconciled in the order of
 * their keys, which is no order of the table: each would fetch, and write, a page of its own. So their ids
 * are gathered, and marked when all are, in the order in which they lie.
 */
#include "base/error.h"
#include "data/cell.h"
#include "run/gather.h"
#include "run/run.h"

#define MARKED_AT_ONCE 4096u /* in one step, whose savepoint keeps a copy of each page that it changes */

int dvsi_settled_add(dvsi_target *target, int64_t offer_id)
{
    return dvsi_seen_add(&target->settled, offer_id) < 0 ? -1 : 0;
}

int32_t dvsi_settled_mark(dvsi_feed *feed, int64_t *last, dvs_error *err)
{
    static const uint32_t column = DVSI_OFFERS_PENDING;
    const dvs_cell done = dvsi_cell_null();
    dvsi_run *run = feed->run;
    int64_t *ids = dvsi_arena_alloc(&run->batch_arena, MARKED_AT_ONCE * sizeof *ids);
    if (ids == NULL)
        return dvsi_error_no_memory(err);
    const uint32_t n = dvsi_seen_list(&feed->target->settled, *last, ids, MARKED_AT_ONCE);
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < n && status == DVS_OK; i++)
        status = dvsi_books_update(&run->notes, DVSI_BOOK_OFFERS, ids[i], &column, &done, 1, err);
    if (status == DVS_OK)
        *last = n != 0 ? ids[n - 1] : INT64_MAX;
    run->transaction_writes += n;
    return status;
}
