/* The queue between readers and the writer: order, bounds, the handshake, the end. Meant for TSan, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/queue.h"

#define N_READERS 4
#define N_WORKS 300

typedef struct reader {
    pthread_t thread;
    dvsi_queue *queue;
    dvsi_feed feed;
    uint32_t n_works;
    size_t bytes; /* of each */
    int result;   /* of the last post */
    uint32_t answer;
    atomic_uint posted;
} reader;

/* A work of about so many bytes, numbered; NULL when memory is out. No assertion: other threads call it. */
static dvsi_work *make(dvsi_queue *queue, uint32_t number, size_t bytes)
{
    dvsi_work *work = dvsi_queue_spare(queue);
    if (work == NULL)
        return NULL;
    dvsi_batch_reset(work->batch, 1);
    if (dvsi_batch_add(work->batch, number, 0) == NULL || dvsi_arena_calloc(&work->arena, bytes, 1) == NULL) {
        dvsi_work_free(work);
        return NULL;
    }
    work->n_records = number;
    return work;
}

static void *post_all(void *argument)
{
    reader *r = argument;
    r->result = 0;
    for (uint32_t i = 1; i <= r->n_works && r->result == 0; i++) {
        dvsi_work *work = make(r->queue, i, r->bytes);
        r->result = work != NULL ? dvsi_queue_post(r->queue, DVSI_MESSAGE_WORK, &r->feed, work) : -2;
        if (r->result != 0)
            dvsi_work_free(work); /* it stays the caller's */
        else
            atomic_fetch_add(&r->posted, 1);
    }
    if (r->result == 0)
        r->result = dvsi_queue_post(r->queue, DVSI_MESSAGE_END, &r->feed, NULL);
    return NULL;
}

static void start(reader *r, dvsi_queue *queue, uint32_t n_works, size_t bytes, void *(*run)(void *))
{
    memset(r, 0, sizeof *r);
    r->queue = queue;
    r->n_works = n_works;
    r->bytes = bytes;
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

/* Several readers: of each, everything arrives once and in its order, the end last. */
static void test_order(void **state)
{
    dvsi_queue queue;
    reader readers[N_READERS];
    uint32_t next[N_READERS] = {0};
    uint32_t ended = 0;
    (void)state;
    assert_int_equal(dvsi_queue_init(&queue), 0);
    for (size_t i = 0; i < N_READERS; i++)
        start(&readers[i], &queue, N_WORKS, 20000, post_all);
    while (ended < N_READERS) {
        dvsi_message message;
        if (!dvsi_queue_take(&queue, 5000000, &message))
            fail_msg("nothing came");
        size_t from = 0;
        while (&readers[from].feed != message.feed)
            from++;
        if (message.type == DVSI_MESSAGE_END) {
            assert_int_equal(next[from], N_WORKS);
            assert_null(message.work);
            ended++;
        } else {
            assert_int_equal(message.work->n_records, ++next[from]);
            assert_int_equal(message.work->batch->rows[0].number, next[from]);
        }
        dvsi_queue_recycle(&queue, message.work);
    }
    for (size_t i = 0; i < N_READERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].result, 0);
    }
    assert_int_equal(queue.bytes, 0);
    assert_null(queue.first);
    dvsi_queue_destroy(&queue);
}

/* A slow writer holds the readers back: what waits is bounded by bytes, and one piece larger than the bound
 * passes. */
static void test_bounded(void **state)
{
    dvsi_queue queue;
    reader readers[2];
    dvsi_message message;
    (void)state;
    assert_int_equal(dvsi_queue_init(&queue), 0);
    start(&readers[0], &queue, 100, (size_t)1 << 20, post_all);
    start(&readers[1], &queue, 3, (size_t)20 << 20, post_all);
    size_t most = 0;
    for (uint32_t ended = 0; ended < 2;) {
        usleep(2000);
        pthread_mutex_lock(&queue.lock);
        if (queue.bytes > most)
            most = queue.bytes;
        pthread_mutex_unlock(&queue.lock);
        if (!dvsi_queue_take(&queue, 5000000, &message))
            fail_msg("nothing came");
        ended += message.type == DVSI_MESSAGE_END;
        dvsi_queue_recycle(&queue, message.work);
    }
    assert_true(most < (size_t)21 << 20);
    assert_int_equal(pthread_join(readers[0].thread, NULL), 0);
    assert_int_equal(pthread_join(readers[1].thread, NULL), 0);
    dvsi_queue_destroy(&queue);
}

static void test_take_waits_no_longer(void **state)
{
    dvsi_queue queue;
    dvsi_message message;
    (void)state;
    assert_int_equal(dvsi_queue_init(&queue), 0);
    int64_t before = dvsi_clock_monotonic();
    assert_int_equal(dvsi_queue_take(&queue, 30000, &message), 0);
    int64_t waited = dvsi_clock_monotonic() - before;
    assert_true(waited >= 29000);
    before = dvsi_clock_monotonic();
    assert_int_equal(dvsi_queue_take(&queue, 0, &message), 0);
    dvsi_queue_destroy(&queue);
}

/* Closing lets go of readers that wait for room; what is in the queue is freed with it. */
static void test_close_frees_waiting_readers(void **state)
{
    dvsi_queue queue;
    reader readers[3];
    (void)state;
    assert_int_equal(dvsi_queue_init(&queue), 0);
    for (size_t i = 0; i < 3; i++)
        start(&readers[i], &queue, 1000, (size_t)1 << 20, post_all);
    for (unsigned posted = 0; posted < 3;) { /* until it is full */
        usleep(1000);
        posted = atomic_load(&readers[0].posted) + atomic_load(&readers[1].posted) +
                 atomic_load(&readers[2].posted);
    }
    usleep(20000);
    dvsi_queue_close(&queue);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].result, -1);
    }
    assert_int_equal(dvsi_queue_post(&queue, DVSI_MESSAGE_END, &readers[0].feed, NULL), -1);
    dvsi_queue_destroy(&queue);
}

/* ---- The handshake ---- */

static void *prepare_and_wait(void *argument)
{
    reader *r = argument;
    r->result = dvsi_queue_post(r->queue, DVSI_MESSAGE_PREPARED, &r->feed, NULL);
    r->answer = dvsi_queue_wait_go(r->queue, &r->feed);
    if (r->answer == 1) { /* the word counts once */
        r->result = dvsi_queue_post(r->queue, DVSI_MESSAGE_RESTART, &r->feed, NULL);
        r->answer = 10 + dvsi_queue_wait_go(r->queue, &r->feed);
    }
    return NULL;
}

static void test_handshake(void **state)
{
    dvsi_queue queue;
    reader readers[N_READERS];
    dvsi_message message;
    (void)state;
    assert_int_equal(dvsi_queue_init(&queue), 0);
    for (size_t i = 0; i < N_READERS; i++)
        start(&readers[i], &queue, 0, 0, prepare_and_wait);
    for (size_t i = 0; i < N_READERS + 2; i++) {
        if (!dvsi_queue_take(&queue, 5000000, &message))
            fail_msg("nothing came");
        int first_two = message.feed == &readers[0].feed || message.feed == &readers[1].feed;
        if (message.type == DVSI_MESSAGE_PREPARED)
            dvsi_queue_set_go(&queue, message.feed, first_two ? 1 : 2);
        else if (message.feed == &readers[0].feed)
            dvsi_queue_set_go(&queue, message.feed, 1);
    }
    assert_int_equal(pthread_join(readers[0].thread, NULL), 0);
    assert_int_equal(readers[0].answer, 11);
    assert_int_equal(pthread_join(readers[2].thread, NULL), 0);
    assert_int_equal(readers[2].answer, 2);
    dvsi_queue_close(&queue); /* who still waits is told to end */
    assert_int_equal(pthread_join(readers[1].thread, NULL), 0);
    assert_int_equal(readers[1].answer, 12);
    assert_int_equal(pthread_join(readers[3].thread, NULL), 0);
    dvsi_queue_destroy(&queue);
}

/* Used works come back empty; no more are kept than the queue has places for. */
static void test_spares(void **state)
{
    dvsi_queue queue;
    dvsi_work *works[8];
    (void)state;
    assert_int_equal(dvsi_queue_init(&queue), 0);
    for (uint32_t i = 0; i < 8; i++)
        assert_non_null(works[i] = make(&queue, i + 1, (size_t)3 << 20));
    for (size_t i = 0; i < 8; i++)
        dvsi_queue_recycle(&queue, works[i]);
    dvsi_queue_recycle(&queue, NULL);
    assert_true(queue.n_spare >= 1 && queue.n_spare <= sizeof queue.spare / sizeof *queue.spare);
    dvsi_work *again = dvsi_queue_spare(&queue);
    assert_int_equal(again->batch->n_rows, 0);
    assert_int_equal(dvsi_work_bytes(again), 0);
    dvsi_work_free(again);
    dvsi_queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_take_waits_no_longer),
        cmocka_unit_test(test_close_frees_waiting_readers),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_spares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
