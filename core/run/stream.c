/* stream.c - work of an entity whose records go straight through to its table. */
#include "base/error.h"
#include "run/deletes.h"
#include "run/gather.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/twice.h"

int dvsi_feed_gathers(const dvsi_feed *feed)
{
    return feed->target->entity->n_from > 1 || (feed->mapping != NULL && feed->mapping->gathers);
}

/* The keys of the records but those with a flag of `without`. Failed ones are among them: they exist as
 * well. */
static const char **keys_of(dvsi_run *run, const dvsi_record *records, uint32_t n, uint32_t *n_keys)
{
    const char **keys = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *keys);
    *n_keys = 0;
    for (uint32_t i = 0; i < n && keys != NULL; i++)
        if (records[i].key != NULL)
            keys[(*n_keys)++] = records[i].key;
    return keys;
}

/* Records that are there: written, and no longer waiting to be deleted. */
static int32_t take_records(dvsi_feed *feed, dvsi_record *records, uint32_t n, dvs_error *err)
{
    int32_t status = feed->mode == DVS_READ_FULL ? dvsi_twice_defer(feed, records, n, err) : DVS_OK;
    if (status == DVS_OK)
        status = dvsi_upsert(feed, records, n, err);
    if (status == DVS_OK && feed->target->n_waiting != 0) {
        uint32_t n_keys = 0;
        const char **keys = keys_of(feed->run, records, n, &n_keys);
        status = keys != NULL ? dvsi_waiting_remove(feed, keys, n_keys, err) : dvsi_error_no_memory(err);
    }
    return status;
}

static int32_t take_tombstones(dvsi_feed *feed, const dvsi_record *records, uint32_t n, dvs_error *err)
{
    uint32_t n_keys = 0;
    const char **keys = keys_of(feed->run, records, n, &n_keys);
    if (feed->run->options->row_limit != 0)
        return DVS_OK; /* a trial deletes nothing */
    return keys != NULL ? dvsi_waiting_add(feed, keys, n_keys, err) : dvsi_error_no_memory(err);
}

/* Sources order records and tombstones, and a later one stands: take them in runs of one sort. */
int32_t dvsi_stream_work(dvsi_feed *feed, dvsi_work *work, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < work->n_records && status == DVS_OK;) {
        uint32_t sort = work->records[i].flags & DVSI_RECORD_TOMBSTONE;
        uint32_t end = i + 1;
        while (end < work->n_records && (work->records[end].flags & DVSI_RECORD_TOMBSTONE) == sort)
            end++;
        status = sort != 0 ? take_tombstones(feed, work->records + i, end - i, err)
                           : take_records(feed, work->records + i, end - i, err);
        if (status != DVS_OK && err->scope == DVS_SCOPE_ROW)
            err->row += i;
        i = end;
    }
    return status;
}
