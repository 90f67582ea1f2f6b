/* feed.c - a feed's thread: describe, map, then read batch after batch. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/utf8.h"
#include "run/feed.h"
#include "run/follow.h"
#include "run/run.h"

#define JOIN_SECONDS 10 /* for a plugin that was asked to stop */

/* The stream that the project's `entity:` names, by name or alias. */
static int32_t find_stream(dvsi_feed *feed)
{
    dvsi_arena arena = {0};
    dvsi_stream *streams = NULL;
    uint32_t n = 0;
    int32_t status = dvsi_source_streams(feed->source, &arena, &streams, &n, &feed->thread_error);
    const dvsi_stream *found = NULL;
    for (uint32_t i = 0; i < n && found == NULL && status == DVS_OK; i++)
        if (strcmp(streams[i].name, feed->from->entity) == 0 ||
            (streams[i].alias != NULL && strcmp(streams[i].alias, feed->from->entity) == 0))
            found = &streams[i];
    if (status == DVS_OK && found == NULL) {
        const char **names = dvsi_arena_calloc(&arena, (size_t)n + 1, sizeof *names);
        for (uint32_t i = 0; i < n && names != NULL; i++)
            names[i] = streams[i].name;
        const char *near = names != NULL ? dvsi_problem_nearest(feed->from->entity, names) : NULL;
        status =
            dvsi_error_set(&feed->thread_error, DVS_E_NOT_FOUND, "source \"%s\" has no stream \"%s\"%s%s%s",
                           feed->from->source, feed->from->entity, near != NULL ? "; did you mean \"" : "",
                           near != NULL ? near : "", near != NULL ? "\"?" : "");
    } else if (status == DVS_OK) {
        feed->stream = dvsi_arena_strdup(&feed->columns.arena, found->name);
        feed->stream_flags = found->flags;
        status = feed->stream != NULL ? DVS_OK : dvsi_error_no_memory(&feed->thread_error);
    }
    dvsi_arena_free(&arena);
    return status;
}

static int32_t prepare(dvsi_feed *feed)
{
    const dvsi_definition_source *recorded = dvsi_definition_from(&feed->target->definition, feed->from);
    dvsi_known_columns known = {0};
    if (recorded != NULL)
        known = (dvsi_known_columns){recorded->columns, recorded->n_columns};
    int32_t status = find_stream(feed);
    if (status == DVS_OK)
        status =
            dvsi_source_identity(feed->source, &feed->columns.arena, &feed->identity, &feed->thread_error);
    if (status == DVS_OK)
        status = dvsi_source_describe(feed->source, feed->stream, &feed->columns, &feed->thread_error);
    if (status == DVS_OK)
        status = dvsi_mapping_build(feed->target->entity, feed->from, &feed->columns, &known,
                                    feed->run->project->file, &feed->mapping, &feed->thread_error);
    return status;
}

/* Starts the read that the writer planned. */
static int32_t start(dvsi_feed *feed, dvsi_reader **reader)
{
    const dvsi_feed_state *state = &feed->state;
    int incremental = feed->mode != DVS_READ_FULL;
    dvs_read read = {.struct_size = (uint32_t)sizeof read,
                     .mode = feed->mode,
                     .stream = feed->stream,
                     .resume = feed->resume,
                     .row_limit = feed->run->options->row_limit,
                     .started_at = state->read_started_at,
                     .condition_stride = sizeof(dvs_condition)};
    if (!incremental) { /* a record that has left `where` must come with an incremental read */
        read.conditions = feed->mapping->conditions;
        read.n_conditions = feed->mapping->n_conditions;
    }
    if (feed->resume) {
        read.token = state->position;
        read.token_length = state->position_length;
    } else if (incremental) {
        read.token = state->cursor;
        read.token_length = state->cursor_length;
    }
    return dvsi_source_start(feed->source, &read, &feed->mapping->wanted, &feed->progress, reader,
                             &feed->thread_error);
}

/* One batch to the queue: DVS_OK, DVS_END, or a failure. */
static int32_t pull(dvsi_feed *feed, dvsi_reader *reader)
{
    dvsi_work *work = dvsi_queue_spare(&feed->run->queue);
    if (work == NULL)
        return dvsi_error_no_memory(&feed->thread_error);
    dvsi_batch_reset(work->batch, feed->mapping->wanted.n_columns);
    uint64_t limit = feed->run->options->row_limit;
    uint64_t left = limit != 0 ? limit - atomic_load(&feed->rows) : UINT64_MAX;
    work->batch->max_rows = left < DVSI_BATCH_ROWS ? (uint32_t)left : DVSI_BATCH_ROWS;
    work->batch->max_bytes = DVSI_BATCH_BYTES / (feed->run->project->options.concurrency > 4 ? 2 : 1);
    int32_t status = dvsi_reader_pull(reader, work->batch, &feed->thread_error);
    if (work->batch->n_rows > left)
        work->batch->n_rows = (uint32_t)left;
    atomic_fetch_add(&feed->rows, work->batch->n_rows);
    if (status >= DVS_E_BASE && status != DVS_E_CANCELLED) {
        dvsi_work_free(work);
        return status;
    }
    int empty = work->batch->n_rows == 0 && work->batch->n_errors == 0 && !work->batch->has_checkpoint;
    /* Missing from a complete read they are found at its end; offers are looked up anyway. */
    work->drops_left_out = feed->mode == DVS_READ_FULL && !dvsi_feed_gathers(feed);
    if (!empty && dvsi_work_map(work, feed->mapping) != 0)
        status = dvsi_error_no_memory(&feed->thread_error);
    else if (!empty && dvsi_queue_post(&feed->run->queue, DVSI_MESSAGE_WORK, feed, work) == 0)
        work = NULL;
    else if (!empty)
        status = dvsi_error_set(&feed->thread_error, DVS_E_CANCELLED, "cancelled");
    dvsi_work_free(work);
    return status;
}

/* Reads to the end, or to the row limit. */
static int32_t read_all(dvsi_feed *feed, dvsi_reader *reader)
{
    uint64_t limit = feed->run->options->row_limit;
    int32_t status = DVS_OK;
    while (status == DVS_OK) {
        if (atomic_load(feed->run->stop) != 0 || atomic_load(&feed->quit) != 0)
            return dvsi_error_set(&feed->thread_error, DVS_E_CANCELLED, "cancelled");
        status = pull(feed, reader);
        if (status == DVS_OK && limit != 0 && atomic_load(&feed->rows) >= limit)
            status = DVS_END;
    }
    return status;
}

/* Under the queue's lock, so that nobody interrupts a reader that is being stopped. */
static void set_reader(dvsi_feed *feed, dvsi_reader *reader)
{
    pthread_mutex_lock(&feed->run->queue.lock);
    feed->reader = reader;
    pthread_mutex_unlock(&feed->run->queue.lock);
}

void dvsi_feed_quit(dvsi_feed *feed)
{
    atomic_store(&feed->quit, 1);
    pthread_mutex_lock(&feed->run->queue.lock);
    if (feed->reader != NULL)
        dvsi_reader_interrupt(feed->reader);
    pthread_mutex_unlock(&feed->run->queue.lock);
}

static void *feed_main(void *argument)
{
    dvsi_feed *feed = argument;
    dvsi_queue *queue = &feed->run->queue;
    int32_t status = prepare(feed);
    if (status == DVS_OK && dvsi_queue_post(queue, DVSI_MESSAGE_PREPARED, feed, NULL) != 0)
        return NULL;
    while (status == DVS_OK && dvsi_queue_wait_go(queue, feed) == 1) {
        dvsi_reader *reader = NULL;
        const int follows = (int)feed->from->scope_referenced;
        status = follows && feed->mode == DVS_READ_FULL ? dvsi_follow_cursor(feed) : start(feed, &reader);
        if (status == DVS_OK) {
            set_reader(feed, reader);
            status = read_all(feed, reader);
            set_reader(feed, NULL);
            dvsi_reader_stop(reader);
        }
        if (status == DVS_END && follows)
            status = dvsi_follow_read(feed);
        if (status == DVS_END) {
            dvsi_queue_post(queue, DVSI_MESSAGE_END, feed, NULL);
            return NULL;
        }
        if ((status == DVS_E_RESUME || status == DVS_E_CHANGED) && feed->restarts < 2) {
            status = DVS_OK;
            if (dvsi_queue_post(queue, DVSI_MESSAGE_RESTART, feed, NULL) != 0)
                return NULL;
        }
    }
    if (status != DVS_OK)
        dvsi_queue_post(queue, DVSI_MESSAGE_FAILED, feed, NULL);
    return NULL;
}

int32_t dvsi_feed_launch(dvsi_feed *feed, dvs_error *err)
{
    int failed = pthread_create(&feed->thread, NULL, feed_main, feed);
    if (failed != 0)
        return dvsi_error_set(err, DVS_E_INTERNAL, "a thread could not be started: %s", strerror(failed));
    feed->has_thread = 1;
    feed->phase = DVSI_FEED_PREPARING;
    feed->started_at = dvsi_clock_now();
    return DVS_OK;
}

/* Waits for one thread; a plugin that does not return is left behind with an error that names it. */
static void join(dvsi_feed *feed)
{
    dvs_error err = DVS_ERROR_INIT;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += JOIN_SECONDS;
    int failed = pthread_timedjoin_np(feed->thread, NULL, &until);
    feed->has_thread = 0;
    if (failed != ETIMEDOUT)
        return;
    feed->abandoned = 1;
    pthread_detach(feed->thread);
    pthread_mutex_lock(&feed->run->queue.lock);
    if (feed->reader == NULL ||
        dvsi_reader_overdue(feed->reader, (int64_t)JOIN_SECONDS * 1000000, &err) == DVS_OK)
        dvsi_error_set(&err, DVS_E_ABI, "plugin \"%s\" did not return within %d s after it was asked to stop",
                       feed->from->endpoint->plugin, JOIN_SECONDS);
    pthread_mutex_unlock(&feed->run->queue.lock);
    dvsi_run_note(feed->run, "error", feed->target->entity->name, feed->from->label, 0, NULL, NULL, "%s",
                  err.message);
}

void dvsi_feeds_join(dvsi_run *run)
{
    if (!run->queue_ready)
        return;
    dvsi_queue_close(&run->queue);
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++) {
            dvsi_feed *feed = &run->targets[t].feeds[f];
            pthread_mutex_lock(&run->queue.lock);
            if (feed->has_thread && feed->reader != NULL)
                dvsi_reader_interrupt(feed->reader);
            pthread_mutex_unlock(&run->queue.lock);
        }
    for (uint32_t t = 0; t < run->n_targets; t++)
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++)
            if (run->targets[t].feeds[f].has_thread)
                join(&run->targets[t].feeds[f]);
}

dvsi_map_field *dvsi_feed_field(const dvsi_feed *feed, const char *name, int plain)
{
    const dvsi_mapping *mapping = feed->mapping;
    const uint32_t n = mapping == NULL ? 0 : plain ? mapping->n_plain : mapping->n_fields;
    for (uint32_t i = 0; i < n; i++)
        if (dvsi_utf8_casecmp(mapping->fields[i].name, name) == 0)
            return &mapping->fields[i];
    return NULL;
}
