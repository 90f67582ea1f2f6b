/* queue.c - from the readers to the writer, bounded by bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/queue.h"

#define QUEUE_BYTES ((size_t)4 << 20)

int dvsi_queue_init(dvsi_queue *queue)
{
    pthread_condattr_t attributes;
    memset(queue, 0, sizeof *queue);
    if (pthread_mutex_init(&queue->lock, NULL) != 0)
        return -1;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&queue->readable, &attributes) != 0 ||
                 pthread_cond_init(&queue->writable, &attributes) != 0;
    pthread_condattr_destroy(&attributes);
    return failed ? -1 : 0;
}

void dvsi_queue_destroy(dvsi_queue *queue)
{
    while (queue->first != NULL) {
        dvsi_message *message = queue->first;
        queue->first = message->next;
        dvsi_work_free(message->work);
        free(message);
    }
    while (queue->n_spare != 0)
        dvsi_work_free(queue->spare[--queue->n_spare]);
    pthread_cond_destroy(&queue->readable);
    pthread_cond_destroy(&queue->writable);
    pthread_mutex_destroy(&queue->lock);
}

int dvsi_queue_post(dvsi_queue *queue, dvsi_message_type type, dvsi_feed *feed, dvsi_work *work)
{
    size_t bytes = work != NULL ? dvsi_work_bytes(work) : 0;
    dvsi_message *message = calloc(1, sizeof *message);
    if (message == NULL)
        return -1;
    *message = (dvsi_message){NULL, type, feed, work};
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && work != NULL && queue->first != NULL && queue->bytes + bytes > QUEUE_BYTES)
        pthread_cond_wait(&queue->writable, &queue->lock);
    int closed = (int)queue->closed;
    if (!closed) {
        if (queue->last != NULL)
            queue->last->next = message;
        else
            queue->first = message;
        queue->last = message;
        queue->bytes += bytes;
        pthread_cond_signal(&queue->readable);
    }
    pthread_mutex_unlock(&queue->lock);
    if (closed)
        free(message);
    return closed ? -1 : 0;
}

dvsi_work *dvsi_queue_spare(dvsi_queue *queue)
{
    dvsi_work *work = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->n_spare != 0)
        work = queue->spare[--queue->n_spare];
    pthread_mutex_unlock(&queue->lock);
    return work != NULL ? work : dvsi_work_new();
}

int dvsi_queue_take(dvsi_queue *queue, int64_t wait_us, dvsi_message *message)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_us / 1000000);
    until.tv_nsec += (long)(wait_us % 1000000) * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL && wait_us > 0)
        if (pthread_cond_timedwait(&queue->readable, &queue->lock, &until) == ETIMEDOUT)
            break;
    dvsi_message *taken = queue->first;
    if (taken != NULL) {
        queue->first = taken->next;
        if (queue->first == NULL)
            queue->last = NULL;
        if (taken->work != NULL)
            queue->bytes -= dvsi_work_bytes(taken->work);
        pthread_cond_broadcast(&queue->writable);
    }
    pthread_mutex_unlock(&queue->lock);
    if (taken == NULL)
        return 0;
    *message = *taken;
    free(taken);
    return 1;
}

void dvsi_queue_recycle(dvsi_queue *queue, dvsi_work *work)
{
    if (work == NULL)
        return;
    dvsi_batch_reset(work->batch, 0); /* large values go back at once */
    dvsi_arena_reset(&work->arena);
    pthread_mutex_lock(&queue->lock);
    if (queue->n_spare < sizeof queue->spare / sizeof *queue->spare) {
        queue->spare[queue->n_spare++] = work;
        work = NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    dvsi_work_free(work);
}

void dvsi_queue_close(dvsi_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = 1;
    pthread_cond_broadcast(&queue->writable);
    pthread_mutex_unlock(&queue->lock);
}

uint32_t dvsi_queue_wait_go(dvsi_queue *queue, dvsi_feed *feed)
{
    pthread_mutex_lock(&queue->lock);
    while (feed->go == 0 && !queue->closed)
        pthread_cond_wait(&queue->writable, &queue->lock);
    uint32_t go = queue->closed ? 2 : feed->go;
    feed->go = 0;
    pthread_mutex_unlock(&queue->lock);
    return go;
}

void dvsi_queue_set_go(dvsi_queue *queue, dvsi_feed *feed, uint32_t go)
{
    pthread_mutex_lock(&queue->lock);
    feed->go = go;
    pthread_cond_broadcast(&queue->writable);
    pthread_mutex_unlock(&queue->lock);
}
