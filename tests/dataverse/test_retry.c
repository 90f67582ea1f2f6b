/* test_retry.c - how often, how long, and the gate that all requests of a source pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake_host.h"
#include "fake_server.h"
#include "retry.h"

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct dataverse_answer answer_of(long status, int64_t retry_after_ms)
{
    struct dataverse_answer answer = {0};
    answer.status = status;
    answer.date = INT64_MIN;
    answer.retry_after_ms = retry_after_ms;
    return answer;
}

static dvs_error error_of(int32_t status, const char *message)
{
    dvs_error err = DVS_ERROR_INIT;
    err.status = status;
    snprintf(err.message, sizeof err.message, "%s", message);
    return err;
}

static void test_backoff_grows_and_ends(void **state)
{
    struct fake_host *host = fake_host_new();
    struct dataverse_gate *gate = dataverse_gate_new(&host->host, 2);
    struct dataverse_retry retry = {0};
    dvs_error err = error_of(DVS_E_NETWORK, "page 1: it broke");
    int64_t start = clock_ms();
    int64_t second;
    (void)state;
    assert_int_equal(dataverse_retry_wait(gate, &retry, NULL, NULL, &err), DVS_OK);
    second = clock_ms();
    assert_in_range(second - start, 500, 1500);
    assert_int_equal(dataverse_retry_wait(gate, &retry, NULL, NULL, &err), DVS_OK);
    assert_in_range(clock_ms() - second, 1000, 2500);
    assert_int_equal(retry.attempts, 2);
    assert_in_range(retry.waited_ms, 1500, 3000);
    assert_true(dataverse_gate_is_open(gate));
    assert_int_equal(dataverse_retry_wait(gate, &retry, NULL, NULL, &err), DVS_E_NETWORK);
    assert_string_equal(err.message, "page 1: it broke (tried 3 times)");
    assert_true(fake_host_logged(host, "2 page 1: it broke; trying again in"));
    dataverse_gate_free(gate);
    fake_host_free(host);
}

static void test_retry_after_is_honoured_in_full_by_everybody(void **state)
{
    struct fake_host *host = fake_host_new();
    struct dataverse_gate *gate = dataverse_gate_new(&host->host, 3);
    struct dataverse_retry retry = {0};
    struct dataverse_answer answer = answer_of(429, 1200);
    dvs_error err = error_of(DVS_E_THROTTLED, "slow down");
    int64_t start = clock_ms();
    (void)state;
    assert_int_equal(dataverse_retry_wait(gate, &retry, &answer, NULL, &err), DVS_OK);
    assert_in_range(clock_ms() - start, 1200, 2000);
    assert_int_equal(err.retry_after_ms, 1200);
    dataverse_gate_free(gate);
    fake_host_free(host);
}

static void test_what_closes_the_gate(void **state)
{
    static const struct {
        long status;
        int64_t after;
        int closes;
    } cases[] = {{429, 900, 1}, {429, -1, 1}, {503, 900, 1}, {503, -1, 0}, {500, 600, 0}, {0, -1, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_host *host = fake_host_new();
        struct dataverse_gate *gate = dataverse_gate_new(&host->host, 3);
        struct dataverse_retry retry = {0};
        struct dataverse_answer answer = answer_of(cases[i].status, cases[i].after);
        dvs_error err = error_of(DVS_E_THROTTLED, "slow down");
        atomic_int interrupted = 1;
        /* It is closed before the wait, which is cut short here. */
        assert_int_equal(dataverse_retry_wait(gate, &retry, &answer, &interrupted, &err), DVS_E_CANCELLED);
        assert_int_equal(dataverse_gate_is_open(gate), !cases[i].closes);
        if (cases[i].closes && cases[i].after > 0) {
            int64_t start = clock_ms();
            assert_int_equal(dataverse_gate_pass(gate, NULL, &err), DVS_OK);
            assert_in_range(clock_ms() - start, 800, 1600);
        }
        dataverse_gate_free(gate);
        fake_host_free(host);
    }
}

static void test_waiting_together_is_capped(void **state)
{
    struct fake_host *host = fake_host_new();
    struct dataverse_gate *gate = dataverse_gate_new(&host->host, 3);
    struct dataverse_retry retry = {0};
    struct dataverse_answer answer = answer_of(503, 3700000);
    dvs_error err = error_of(DVS_E_NETWORK, "maintenance");
    (void)state;
    assert_int_equal(dataverse_retry_wait(gate, &retry, &answer, NULL, &err), DVS_E_NETWORK);
    assert_non_null(strstr(err.message, "longer than dvsync waits"));
    assert_int_equal(err.retry_after_ms, 3700000);
    assert_true(dataverse_gate_is_open(gate));
    retry.waited_ms = 3599000;
    answer = answer_of(503, 5000);
    assert_int_equal(dataverse_retry_wait(gate, &retry, &answer, NULL, &err), DVS_E_NETWORK);
    /* More than an int64 of milliseconds could be asked for. */
    retry.waited_ms = 0;
    answer = answer_of(429, INT64_MAX);
    assert_int_equal(dataverse_retry_wait(gate, &retry, &answer, NULL, &err), DVS_E_NETWORK);
    dataverse_gate_free(gate);
    fake_host_free(host);
}

static void test_long_messages_keep_the_count(void **state)
{
    struct fake_host *host = fake_host_new();
    struct dataverse_gate *gate = dataverse_gate_new(&host->host, 0);
    struct dataverse_retry retry = {0};
    dvs_error err = error_of(DVS_E_NETWORK, "");
    size_t n = 0;
    (void)state;
    while (n + 3 < sizeof err.message) {
        memcpy(err.message + n, "\xe2\x82\xac", 3);
        n += 3;
    }
    err.message[n] = '\0';
    assert_int_equal(dataverse_retry_wait(gate, &retry, NULL, NULL, &err), DVS_E_NETWORK);
    assert_non_null(strstr(err.message, "\xe2\x82\xac (tried 1 time)"));
    dataverse_gate_free(gate);
    fake_host_free(host);
}

/* ---- The gate between threads ---- */

struct stream {
    struct dataverse_http *http;
    struct dataverse_gate *gate;
    const char *url;
    int good;
};

static void *read_stream(void *context)
{
    struct stream *stream = context;
    for (int page = 0; page < 4; page++) {
        struct dataverse_retry retry = {0};
        int32_t status;
        do {
            struct dataverse_request request = {0};
            struct dataverse_transfer *transfer = NULL;
            struct dataverse_buffer body = {0};
            struct dataverse_answer kept;
            dvs_error err = DVS_ERROR_INIT;
            request.url = stream->url;
            request.what = "a page";
            status = dataverse_transfer_start(stream->http, &request, 0, &transfer, &err);
            if (status != DVS_OK)
                return NULL;
            while ((status = dataverse_transfer_read(transfer, &body, 1000, &err)) == DVS_OK) {
            }
            kept = *dataverse_transfer_answer(transfer);
            if (kept.status != 200)
                status = dataverse_failure(&request, &kept, "", 0, &err) == DATAVERSE_AGAIN ? DVS_OK
                                                                                            : DVS_E_INTERNAL;
            dataverse_transfer_free(transfer);
            dataverse_buffer_free(&body);
            kept.challenge = NULL;
            if (status == DVS_OK)
                status = dataverse_retry_wait(stream->gate, &retry, &kept, NULL, &err);
        } while (status == DVS_OK);
        stream->good += status == DVS_END;
    }
    return NULL;
}

static void test_one_429_pauses_all_streams(void **state)
{
    /* The fourth request is told to wait. */
    const struct fake_reply replies[] = {{.head = "HTTP/1.1 200 OK\r\n", .body = "x"},
                                         {.head = "HTTP/1.1 200 OK\r\n", .body = "x"},
                                         {.head = "HTTP/1.1 200 OK\r\n", .body = "x"},
                                         {.head = "HTTP/1.1 429 Slow\r\nRetry-After: 1\r\n", .body = "x"},
                                         {.head = "HTTP/1.1 200 OK\r\n", .body = "x"}};
    struct dataverse_http_options options = {5, 2, NULL};
    struct fake_host *host = fake_host_new();
    struct fake_server *server = fake_server_new(replies, 5);
    struct dataverse_gate *gate = dataverse_gate_new(&host->host, 3);
    struct dataverse_http *http = NULL;
    struct stream streams[4];
    pthread_t threads[4];
    dvs_error err = DVS_ERROR_INIT;
    int64_t start = clock_ms();
    struct timespec nap = {0, 600000000};
    (void)state;
    assert_int_equal(dataverse_http_new(&host->host, &options, &http, &err), DVS_OK);
    dataverse_http_use_gate(http, gate);
    for (size_t i = 0; i < 4; i++) {
        streams[i] = (struct stream){http, gate, fake_server_url(server), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_stream, &streams[i]), 0);
    }
    /* In the middle of the pause: no more than what was asked while the fourth answer was read. */
    nanosleep(&nap, NULL);
    assert_in_range(fake_server_requests(server), 4, 9);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(streams[i].good, 4);
    }
    assert_true(clock_ms() - start >= 1000);
    assert_int_equal(fake_server_requests(server), 17);
    dataverse_http_free(http);
    dataverse_gate_free(gate);
    fake_server_free(server);
    fake_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff_grows_and_ends),
        cmocka_unit_test(test_retry_after_is_honoured_in_full_by_everybody),
        cmocka_unit_test(test_what_closes_the_gate),
        cmocka_unit_test(test_waiting_together_is_capped),
        cmocka_unit_test(test_long_messages_keep_the_count),
        cmocka_unit_test(test_one_429_pauses_all_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
