/* queue.h - messages from the readers to the writer, bounded by bytes. */
#ifndef DVSI_RUN_QUEUE_H
#define DVSI_RUN_QUEUE_H

#include <pthread.h>

#include "run/feed.h"
#include "run/work.h"

typedef enum dvsi_message_type {
    DVSI_MESSAGE_PREPARED,
    DVSI_MESSAGE_WORK,
    DVSI_MESSAGE_RESTART,
    DVSI_MESSAGE_END,
    DVSI_MESSAGE_FAILED
} dvsi_message_type;

typedef struct dvsi_message {
    struct dvsi_message *next;
    dvsi_message_type type;
    dvsi_feed *feed;
    dvsi_work *work;
} dvsi_message;

typedef struct dvsi_queue {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    pthread_cond_t writable; /* room, or a feed's go */
    dvsi_message *first;
    dvsi_message *last;
    size_t bytes;
    dvsi_work *spare[4]; /* used up, for the next reader that needs one */
    uint32_t n_spare;
    uint32_t closed; /* the writer takes nothing any more */
} dvsi_queue;

int dvsi_queue_init(dvsi_queue *queue);
void dvsi_queue_destroy(dvsi_queue *queue);
/* Readers: waits for room. 0, or -1 when the writer has closed the queue or memory is out; then the work
 * stays the caller's. */
int dvsi_queue_post(dvsi_queue *queue, dvsi_message_type type, dvsi_feed *feed, dvsi_work *work);
dvsi_work *dvsi_queue_spare(dvsi_queue *queue); /* a used or new one; NULL when memory is out */
/* Writer: the next message, or 0 after `wait_us`. */
int dvsi_queue_take(dvsi_queue *queue, int64_t wait_us, dvsi_message *message);
void dvsi_queue_recycle(dvsi_queue *queue, dvsi_work *work);
void dvsi_queue_close(dvsi_queue *queue);
/* Handshake: the reader waits for the writer's word; 1 go, 2 end. */
uint32_t dvsi_queue_wait_go(dvsi_queue *queue, dvsi_feed *feed);
void dvsi_queue_set_go(dvsi_queue *queue, dvsi_feed *feed, uint32_t go);

#endif
