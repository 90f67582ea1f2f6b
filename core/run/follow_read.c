/* follow_read.c - the thread of a feed that is followed: keys from the writer, records to it. */
#include <errno.h>
#include <time.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/follow_parts.h"

#define POLL_NS 100000000L /* how soon a waiting reader notices that its feed was given up */

/* Waits for the next keys: 1, 0 when there are no more, -1 when the feed was given up. */
static int wait_for_keys(dvsi_feed *feed, dvsi_followed *f, const dvs_cell **keys, uint32_t *n,
                         int *tombstones)
{
    dvsi_queue *queue = &feed->run->queue;
    int answer = -1;
    pthread_mutex_lock(&queue->lock);
    while (f->n_request == 0 && !f->end && !queue->closed && atomic_load(&feed->quit) == 0 &&
           atomic_load(feed->run->stop) == 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += POLL_NS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&queue->writable, &queue->lock, &until);
    }
    if (f->n_request != 0) {
        *keys = f->request;
        *n = f->n_request;
        *tombstones = (int)f->gone_as_tombstones;
        f->n_request = 0;
        answer = 1;
    } else if (f->end) {
        answer = 0;
    }
    pthread_mutex_unlock(&queue->lock);
    return answer;
}

/* Did the source answer for this key, with a record or with an error that may be its? */
static int is_answered(const dvsi_batch *batch, uint32_t column, const dvs_cell *key)
{
    for (uint32_t row = 0; row < batch->n_rows; row++)
        if (dvsi_cell_equal(&dvsi_batch_cells(batch, row)[column], key))
            return 1;
    return batch->n_errors != 0;
}

static int32_t add_tombstones(dvsi_batch *batch, uint32_t column, const dvs_cell *keys, uint32_t n,
                              dvs_error *err)
{
    const uint32_t n_rows = batch->n_rows;
    dvsi_batch answered = *batch;
    for (uint32_t i = 0; i < n; i++) {
        answered.cells = batch->cells; /* they move when rows are added */
        answered.n_rows = n_rows;
        if (is_answered(&answered, column, &keys[i]))
            continue;
        dvs_cell *cells = dvsi_batch_add(batch, 0, DVS_ROW_TOMBSTONE);
        if (cells == NULL || dvsi_cell_copy(&batch->arena, &keys[i], &cells[column]) != 0)
            return dvsi_error_no_memory(err);
    }
    return DVS_OK;
}

/* Maps it and posts it as an answer. It takes the work over. */
static int32_t answer_with(dvsi_feed *feed, dvsi_work *work)
{
    int32_t status = DVS_OK;
    if (dvsi_work_map(work, feed->mapping) != 0)
        status = dvsi_error_no_memory(&feed->thread_error);
    work->answers = 1;
    if (status == DVS_OK && dvsi_queue_post(&feed->run->queue, DVSI_MESSAGE_WORK, feed, work) == 0)
        return DVS_OK;
    dvsi_work_free(work);
    return status != DVS_OK ? status : dvsi_error_set(&feed->thread_error, DVS_E_CANCELLED, "cancelled");
}

/* One batch of keys to the queue. */
static int32_t fetch(dvsi_feed *feed, const dvs_cell *keys, uint32_t n, int tombstones)
{
    const dvsi_mapping *mapping = feed->mapping;
    dvs_error *err = &feed->thread_error;
    dvsi_work *work = dvsi_queue_spare(&feed->run->queue);
    if (work == NULL)
        return dvsi_error_no_memory(err);
    dvs_fetch request = {.struct_size = (uint32_t)sizeof request,
                         .stream = feed->stream,
                         .keys = keys,
                         .n_keys = n,
                         .n_key = 1};
    dvsi_batch_reset(work->batch, mapping->wanted.n_columns);
    work->batch->max_rows = n;
    work->batch->max_bytes = SIZE_MAX;
    int32_t status = dvsi_source_fetch(feed->source, &request, &mapping->wanted, work->batch, err);
    atomic_fetch_add(&feed->rows, work->batch->n_rows);
    if (status == DVS_OK && tombstones)
        status = add_tombstones(work->batch, mapping->source_key[0], keys, n, err);
    work->drops_left_out = !tombstones && !dvsi_feed_gathers(feed);
    if (status == DVS_OK)
        status = answer_with(feed, work);
    else
        dvsi_work_free(work);
    /* There is no position to go on from, and a batch that is lost would be waited for: it fails. */
    if (status == DVS_E_RESUME || status == DVS_E_CHANGED)
        status = err->status = DVS_E_PROTOCOL;
    return status;
}

int32_t dvsi_follow_read(dvsi_feed *feed)
{
    dvsi_followed *f = dvsi_follow_of(feed->run, feed);
    dvsi_work *ready = dvsi_queue_spare(&feed->run->queue); /* says that everything before it was read */
    if (ready == NULL)
        return dvsi_error_no_memory(&feed->thread_error);
    dvsi_batch_reset(ready->batch, feed->mapping->wanted.n_columns);
    ready->drops_left_out = 0;
    int32_t status = answer_with(feed, ready);
    while (status == DVS_OK) {
        const dvs_cell *keys = NULL;
        uint32_t n = 0;
        int tombstones = 0;
        int answer = wait_for_keys(feed, f, &keys, &n, &tombstones);
        if (answer == 0)
            return DVS_END;
        status = answer > 0 ? fetch(feed, keys, n, tombstones)
                            : dvsi_error_set(&feed->thread_error, DVS_E_CANCELLED, "cancelled");
    }
    return status;
}

static int32_t keep_cursor(dvsi_followed *f, const dvs_checkpoint *checkpoint, dvs_error *err)
{
    if (checkpoint->type != DVS_CHECKPOINT_END || checkpoint->token_kind != DVS_TOKEN_CURSOR)
        return DVS_OK;
    f->watermark = checkpoint->watermark;
    return dvsi_state_set_bytes(&f->cursor, &f->cursor_length, checkpoint->token,
                                (size_t)checkpoint->token_length) == 0
               ? DVS_OK
               : dvsi_error_no_memory(err);
}

/*
 * A cursor comes with the end of a read alone. So a read is asked for that no record can meet: those without
 * a key. A source that gives records all the same does not look at conditions; it is left alone, and later
 * runs ask by key again.
 */
int32_t dvsi_follow_cursor(dvsi_feed *feed)
{
    const dvsi_mapping *mapping = feed->mapping;
    dvsi_followed *f = dvsi_follow_of(feed->run, feed);
    dvs_condition none = {.struct_size = (uint32_t)sizeof none,
                          .op = DVS_OP_IS_NULL,
                          .column = mapping->wanted.columns[mapping->source_key[0]].name,
                          .value = {0}};
    dvs_read read = {.struct_size = (uint32_t)sizeof read,
                     .mode = DVS_READ_FULL,
                     .stream = feed->stream,
                     .started_at = feed->state.read_started_at,
                     .conditions = &none,
                     .n_conditions = 1,
                     .condition_stride = sizeof none};
    dvsi_reader *reader = NULL;
    int32_t status = DVS_OK;
    none.value = dvsi_cell_null();
    if ((feed->stream_flags & DVS_STREAM_CURSOR) == 0 || feed->run->dry || dvsi_feed_gathers(feed))
        return DVS_END;
    dvsi_batch *batch = dvsi_batch_new(mapping->wanted.n_columns);
    if (batch == NULL)
        return dvsi_error_no_memory(&feed->thread_error);
    status = dvsi_source_start(feed->source, &read, &mapping->wanted, &feed->progress, &reader,
                               &feed->thread_error);
    while (status == DVS_OK) {
        dvsi_batch_reset(batch, mapping->wanted.n_columns);
        batch->max_rows = 1;
        batch->max_bytes = 1;
        status = dvsi_reader_pull(reader, batch, &feed->thread_error);
        int given = batch->n_rows != 0 || batch->n_errors != 0;
        if ((status == DVS_OK || status == DVS_END) && batch->has_checkpoint && !given)
            status =
                keep_cursor(f, &batch->checkpoint, &feed->thread_error) != DVS_OK ? DVS_E_NO_MEMORY : status;
        if (status == DVS_OK && given)
            status = DVS_END;
        if (status == DVS_OK && (atomic_load(&feed->quit) != 0 || atomic_load(feed->run->stop) != 0))
            status = dvsi_error_set(&feed->thread_error, DVS_E_CANCELLED, "cancelled");
    }
    if (reader != NULL)
        dvsi_reader_stop(reader);
    dvsi_batch_free(batch);
    return status;
}
