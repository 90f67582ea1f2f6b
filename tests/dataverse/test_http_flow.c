/* test_http_flow.c - how fast bytes are taken, slots, cancelling, threads. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_world.h"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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

/* ---- Waiting for slots ---- */

struct waiting {
    struct world *w;
    atomic_int has_one;
};

static void *wait_for_a_slot(void *context)
{
    struct waiting *waiting = context;
    struct world own = *waiting->w;
    struct dataverse_transfer *transfer;
    memset(&own.body, 0, sizeof own.body);
    transfer = start(&own);
    atomic_store(&waiting->has_one, 1);
    assert_int_equal(read_all(&own, transfer), DVS_END);
    dataverse_transfer_free(transfer);
    dataverse_buffer_free(&own.body);
    return NULL;
}

/* Else streams that always ask ahead would keep all slots for themselves. */
static void test_nobody_overtakes_who_waits_for_a_slot(void **state)
{
    const struct timespec nap = {0, 100000000};
    const struct fake_reply reply = {.head = HEAD, .body = "x", .delay_ms = 20};
    struct world w;
    (void)state;
    assert_int_equal(open_servers(&w, &reply, 1, 1), DVS_OK);
    for (int i = 0; i < 5; i++) {
        struct waiting waiting = {.w = &w};
        struct dataverse_request request = {.url = fake_server_url(w.server), .what = "the test"};
        struct dataverse_transfer *first = start(&w);
        struct dataverse_transfer *ahead;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wait_for_a_slot, &waiting), 0);
        nanosleep(&nap, NULL);
        assert_int_equal(waiting.has_one, 0);
        dataverse_transfer_free(first);
        assert_int_equal(dataverse_transfer_start(w.http, &request, 1, &ahead, &w.err), DVS_OK);
        if (ahead != NULL && !waiting.has_one)
            fail_msg("who came last got the slot");
        pthread_join(thread, NULL);
        dataverse_transfer_free(ahead);
    }
    close_world(&w);
}

/* A thread that holds a page and needs another answer to go on with it would wait for itself. */
static void test_who_waits_for_a_slot_does_not_keep_another(void **state)
{
    const struct fake_reply replies[] = {{.head = NULL, .end = FAKE_HANG}, {.head = HEAD, .body = "x"}};
    struct dataverse_transfer *page;
    struct dataverse_transfer *part;
    struct world w;
    int64_t began = now_ms();
    (void)state;
    assert_int_equal(open_servers(&w, replies, 2, 1), DVS_OK);
    page = start(&w);
    while (fake_server_requests(w.server) == 0)
        dataverse_transfer_nudge(page);
    part = start(&w);
    assert_int_equal(read_all(&w, part), DVS_END);
    assert_true(now_ms() - began < 3000);
    dataverse_transfer_free(part);
    dataverse_transfer_free(page);
    close_world(&w);
}

/* ---- Names and addresses ---- */

static atomic_int slow_names;
static unsigned two_port;

static struct addrinfo *address_of(const char *ip, const struct addrinfo *hints)
{
    struct addrinfo *made = calloc(1, sizeof *made + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (void *)(made + 1);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)two_port);
    inet_pton(AF_INET, ip, &address->sin_addr);
    made->ai_family = AF_INET;
    made->ai_socktype = hints != NULL ? hints->ai_socktype : SOCK_STREAM;
    made->ai_addrlen = sizeof *address;
    made->ai_addr = (struct sockaddr *)address;
    return made;
}

/* These two stand before libc's: two.example has two addresses, of others nothing is known for a long
 * time. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **found)
{
    const struct timespec nap = {4, 0};
    (void)service;
    *found = NULL;
    if (strcmp(name, "two.example") == 0) {
        *found = address_of("127.0.0.2", hints);
        (*found)->ai_next = address_of("127.0.0.1", hints);
        return 0;
    }
    atomic_fetch_add(&slow_names, 1);
    nanosleep(&nap, NULL);
    return EAI_NONAME;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

/* A listener that takes no connection; `full` fill its queue. */
static int open_dead_end(unsigned port, int full[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    for (int i = 0; i < 2; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(full[i], (struct sockaddr *)&address, sizeof address);
    }
    return listener;
}

/* The login host has eight addresses; one that is dead must not be all that is tried. */
static void test_a_dead_address_is_not_the_only_one(void **state)
{
    struct dataverse_request request = {.what = "the test"};
    struct dataverse_transfer *transfer;
    struct fake_reply reply = {.head = HEAD};
    struct world w;
    char url[60];
    int full[2];
    int listener;
    (void)state;
    open_world(&w, &reply, 1);
    two_port = (unsigned)strtoul(strrchr(fake_server_url(w.server), ':') + 1, NULL, 10);
    listener = open_dead_end(two_port, full);
    snprintf(url, sizeof url, "https://two.example:%u/", two_port);
    request.url = url;
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_OK);
    /* No TLS there, but somebody: broken off, or nothing within the second. */
    assert_int_not_equal(read_all(&w, transfer), DVS_OK);
    assert_int_equal(fake_server_connections(w.server), 1);
    dataverse_transfer_free(transfer);
    close(full[0]);
    close(full[1]);
    close(listener);
    close_world(&w);
}

static void test_a_slow_name_server_is_not_waited_for(void **state)
{
    struct dataverse_request request = {.url = "https://slow.example/", .what = "the test"};
    struct dataverse_transfer *transfer;
    struct fake_reply reply = {.head = HEAD};
    struct world w;
    int64_t began = now_ms();
    (void)state;
    /* Ends by its timeout, of a second. */
    open_world(&w, &reply, 1);
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_OK);
    assert_int_equal(read_all(&w, transfer), DVS_E_TIMEOUT);
    dataverse_transfer_free(transfer);
    assert_true(now_ms() - began < 3000);
    /* Is given up. */
    began = now_ms();
    request.url = "https://slow2.example/";
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_OK);
    dataverse_transfer_free(transfer);
    assert_true(now_ms() - began < 1000);
    assert_true(slow_names > 0);
    close_world(&w);
}

/* ---- Cancelling ---- */

static void *cancel_soon(void *context)
{
    struct timespec nap = {0, 150000000};
    nanosleep(&nap, NULL);
    atomic_store((atomic_int *)context, 1);
    return NULL;
}

static void *start_in_vain(void *context)
{
    struct world *w = context;
    struct dataverse_request request = {.url = fake_server_url(w->server), .what = "the test"};
    struct dataverse_transfer *transfer;
    assert_int_equal(dataverse_transfer_start(w->http, &request, 0, &transfer, &w->err), DVS_E_CANCELLED);
    assert_null(transfer);
    return NULL;
}

static void test_waits_end_when_cancelled(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = NULL, .end = FAKE_HANG};
    struct dataverse_http_options options = {1000, 1, NULL};
    struct dataverse_request request = {0};
    struct dataverse_transfer *transfer;
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
    /* While waiting for a slot (which another thread holds), by the host. */
    interrupted = 0;
    assert_int_equal(pthread_create(&thread, NULL, start_in_vain, &w), 0);
    cancel_soon(&w.host->is_cancelled);
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
        cmocka_unit_test(test_nobody_overtakes_who_waits_for_a_slot),
        cmocka_unit_test(test_who_waits_for_a_slot_does_not_keep_another),
        cmocka_unit_test(test_a_slow_name_server_is_not_waited_for),
        cmocka_unit_test(test_a_dead_address_is_not_the_only_one),
        cmocka_unit_test(test_waits_end_when_cancelled),
        cmocka_unit_test(test_threads_share_slots_and_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
