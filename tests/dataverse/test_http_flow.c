/* test_http_flow.c - how fast bytes are taken, slots, cancelling, threads. */
#include <time.h>

#include "http_world.h"

/* ---- Flow ---- */

static void test_nothing_is_received_that_nobody_takes(void **state)
{
    struct world w;
    size_t length = 40000000;
    char *large = calloc(1, length);
    struct fake_reply reply = {.head = HEAD, .body = large, .length = length, .piece = 100000};
    struct dataverse_transfer *transfer;
    struct timespec nap = {0, 300000000};
    size_t taken = 0;
    int32_t status;
    (void)state;
    open_world(&w, &reply, 1);
    transfer = start(&w);
    while (w.body.length < 100000)
        assert_int_equal(dataverse_transfer_read(transfer, &w.body, 100000, &w.err), DVS_OK);
    for (int i = 0; i < 1000; i++)
        dataverse_transfer_nudge(transfer);
    nanosleep(&nap, NULL);
    for (int i = 0; i < 1000; i++)
        dataverse_transfer_nudge(transfer);
    /* The kernel holds some megabytes of loopback. */
    assert_in_range(fake_server_written(w.server), 0, 20000000);
    assert_in_range(w.body.length, 100000, 200000);
    do {
        dataverse_buffer_take(&w.body, w.body.length);
        status = dataverse_transfer_read(transfer, &w.body, 100000, &w.err);
        assert_in_range(w.body.length, 0, 400000);
        taken += w.body.length;
    } while (status == DVS_OK);
    assert_int_equal(status, DVS_END);
    assert_true(taken >= length - 200000);
    dataverse_transfer_free(transfer);
    close_world(&w);
    free(large);
}

static void test_fill_takes_what_is_there_and_never_waits(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "ab", .piece = 1, .pause_ms = 300};
    struct dataverse_transfer *transfer;
    int tries = 0;
    (void)state;
    open_world(&w, &reply, 1);
    transfer = start(&w);
    dataverse_transfer_fill(transfer, &w.body, 100);
    assert_int_equal(w.body.length, 0);
    while (w.body.length < 2 && tries++ < 1000) {
        struct timespec nap = {0, 5000000};
        dataverse_transfer_fill(transfer, &w.body, 100);
        nanosleep(&nap, NULL);
    }
    assert_body(&w, "ab", 2);
    assert_true(dataverse_transfer_is_given(transfer));
    assert_int_equal(dataverse_transfer_read(transfer, &w.body, 100, &w.err), DVS_END);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void test_a_transfer_may_be_given_up(void **state)
{
    struct world w;
    const struct fake_reply replies[] = {{.head = HEAD, .body = "half", .claim = 100, .end = FAKE_HANG},
                                         {.head = HEAD, .body = "x"}};
    struct dataverse_transfer *transfer;
    (void)state;
    assert_int_equal(open_servers(&w, replies, 2, 1), DVS_OK);
    transfer = start(&w);
    assert_int_equal(dataverse_transfer_read(transfer, &w.body, 100, &w.err), DVS_OK);
    dataverse_transfer_free(transfer);
    dataverse_buffer_clear(&w.body);
    transfer = start(&w);
    assert_int_equal(read_all(&w, transfer), DVS_END);
    assert_body(&w, "x", 1);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

/* ---- Slots, cancelling, threads ---- */

static void test_slots(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "x"};
    struct dataverse_request request = {0};
    struct dataverse_transfer *first;
    struct dataverse_transfer *second = NULL;
    (void)state;
    assert_int_equal(open_servers(&w, &reply, 1, 1), DVS_OK);
    request.url = fake_server_url(w.server);
    request.what = "the test";
    first = start(&w);
    assert_int_equal(dataverse_transfer_start(w.http, &request, 1, &second, &w.err), DVS_OK);
    assert_null(second);
    /* Complete is enough, it need not be freed. */
    assert_int_equal(read_all(&w, first), DVS_END);
    assert_int_equal(dataverse_transfer_start(w.http, &request, 1, &second, &w.err), DVS_OK);
    assert_non_null(second);
    assert_int_equal(read_all(&w, second), DVS_END);
    dataverse_transfer_free(first);
    dataverse_transfer_free(second);
    close_world(&w);
}

static void *cancel_soon(void *context)
{
    struct timespec nap = {0, 150000000};
    nanosleep(&nap, NULL);
    atomic_store((atomic_int *)context, 1);
    return NULL;
}

static void test_waits_end_when_cancelled(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = NULL, .end = FAKE_HANG};
    struct dataverse_http_options options = {1000, 1, NULL};
    struct dataverse_request request = {0};
    struct dataverse_transfer *transfer;
    struct dataverse_transfer *second;
    atomic_int interrupted = 0;
    pthread_t thread;
    (void)state;
    open_world(&w, &reply, 1);
    dataverse_http_free(w.http);
    assert_int_equal(dataverse_http_new(&w.host->host, &options, &w.http, &w.err), DVS_OK);
    request.url = fake_server_url(w.server);
    request.what = "the test";
    request.interrupted = &interrupted;
    /* In a read, by the reader's own flag. */
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_OK);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &interrupted), 0);
    assert_int_equal(read_all(&w, transfer), DVS_E_CANCELLED);
    pthread_join(thread, NULL);
    /* While waiting for a slot, by the host. */
    interrupted = 0;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &w.host->is_cancelled), 0);
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &second, &w.err), DVS_E_CANCELLED);
    assert_null(second);
    pthread_join(thread, NULL);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void *work(void *context)
{
    struct world *shared = context;
    struct world own = *shared;
    long good = 0;
    memset(&own.body, 0, sizeof own.body);
    for (int i = 0; i < 6; i++) {
        struct dataverse_request request = {0};
        struct dataverse_transfer *transfer = NULL;
        request.url = fake_server_url(own.server);
        request.what = "the test";
        if (dataverse_transfer_start(own.http, &request, 0, &transfer, &own.err) == DVS_OK &&
            read_all(&own, transfer) == DVS_END)
            good++;
        dataverse_transfer_free(transfer);
    }
    good = good == 6 && own.body.length == 30;
    dataverse_buffer_free(&own.body);
    return good ? context : NULL;
}

static void test_threads_share_slots_and_connections(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "hello", .delay_ms = 20};
    pthread_t threads[8];
    void *answer;
    (void)state;
    assert_int_equal(open_servers(&w, &reply, 1, 3), DVS_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &w), 0);
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], &answer);
        assert_non_null(answer);
    }
    assert_int_equal(fake_server_requests(w.server), 48);
    assert_in_range(fake_server_most_at_once(w.server), 1, 3);
    assert_in_range(fake_server_connections(w.server), 1, 3);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_received_that_nobody_takes),
        cmocka_unit_test(test_fill_takes_what_is_there_and_never_waits),
        cmocka_unit_test(test_a_transfer_may_be_given_up),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_waits_end_when_cancelled),
        cmocka_unit_test(test_threads_share_slots_and_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
