/* test_http.c - one attempt of a request, against servers that behave well and badly. */
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
#include "http.h"
#include "retry.h"

#define HEAD "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 15:00:00 GMT\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define GZIP HEAD "Content-Encoding: gzip\r\n"
#define DATE INT64_C(1795273200000000)

struct world {
    struct fake_host *host;
    struct fake_server *server;
    struct dataverse_http *http;
    struct dataverse_buffer body;
    dvs_error err;
};

static int open_servers(struct world *w, const struct fake_reply *replies, size_t n, uint32_t max_concurrent)
{
    struct dataverse_http_options options = {1, 0, NULL};
    memset(w, 0, sizeof *w);
    options.max_concurrent = max_concurrent;
    w->err.struct_size = (uint32_t)sizeof w->err;
    w->host = fake_host_new();
    w->server = fake_server_new(replies, n);
    return dataverse_http_new(&w->host->host, &options, &w->http, &w->err);
}

static void open_world(struct world *w, const struct fake_reply *replies, size_t n)
{
    assert_int_equal(open_servers(w, replies, n, 4), DVS_OK);
}

static void close_world(struct world *w)
{
    dataverse_http_free(w->http);
    dataverse_buffer_free(&w->body);
    fake_server_free(w->server);
    fake_host_free(w->host);
}

static struct dataverse_transfer *start(struct world *w)
{
    struct dataverse_request request = {0};
    struct dataverse_transfer *transfer = NULL;
    char url[100];
    snprintf(url, sizeof url, "%s/x?secret=1", fake_server_url(w->server));
    request.url = url;
    request.what = "the test";
    assert_int_equal(dataverse_transfer_start(w->http, &request, 0, &transfer, &w->err), DVS_OK);
    assert_non_null(transfer);
    return transfer;
}

/* Reads to the end; the status that was not DVS_OK. */
static int32_t read_all(struct world *w, struct dataverse_transfer *transfer)
{
    int32_t status;
    do
        status = dataverse_transfer_read(transfer, &w->body, 1000000000, &w->err);
    while (status == DVS_OK);
    return status;
}

/* One request to a server with this one reply. */
static int32_t once(struct world *w, struct fake_reply reply)
{
    struct dataverse_transfer *transfer;
    int32_t status;
    open_world(w, &reply, 1);
    transfer = start(w);
    status = read_all(w, transfer);
    dataverse_transfer_free(transfer);
    return status;
}

static void assert_body(const struct world *w, const char *text, size_t length)
{
    assert_int_equal(w->body.length, length);
    assert_memory_equal(w->body.data + w->body.start, text, length);
}

static void assert_message(const struct world *w, const char *part)
{
    if (strstr(w->err.message, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, w->err.message);
    assert_null(strstr(w->err.message, "secret"));
}

/* ---- Bodies ---- */

static void test_bodies_arrive_whole(void **state)
{
    struct world w;
    char *large = malloc(3000000);
    (void)state;
    for (size_t i = 0; i < 3000000; i++)
        large[i] = (char)('a' + i % 23);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD, .body = large, .length = 3000000, .piece = 70000}), DVS_END);
    assert_body(&w, large, 3000000);
    close_world(&w);
    free(large);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD, .body = "hello", .piece = 1, .pause_ms = 5}), DVS_END);
    assert_body(&w, "hello", 5);
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD}), DVS_END);
    assert_int_equal(w.body.length, 0);
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = CHUNKED, .no_length = 1, .body = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"}),
                     DVS_END);
    assert_body(&w, "abcde", 5);
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = "HTTP/1.1 100 Continue\r\n\r\n" HEAD, .body = "x"}), DVS_END);
    assert_body(&w, "x", 1);
    close_world(&w);
}

static void test_cut_bodies_are_errors_of_the_network(void **state)
{
    const struct fake_reply replies[] = {
        {.head = HEAD, .body = "half", .claim = 1000, .end = FAKE_CLOSE},
        {.head = HEAD, .body = "half", .claim = 1000, .end = FAKE_RESET},
        {.head = CHUNKED, .no_length = 1, .body = "4\r\nhalf\r\n", .end = FAKE_CLOSE},
        {.head = CHUNKED, .no_length = 1, .body = "4\r\nhalf\r\n8\r\nqu", .end = FAKE_CLOSE},
        {.head = CHUNKED, .no_length = 1, .body = "4\r\nhalf\r\nzz\r\n", .end = FAKE_CLOSE},
        {.head = HEAD, .no_length = 1, .end = FAKE_CLOSE},
        {.head = "garbage\r\n\r\n", .end = FAKE_CLOSE},
        {.head = NULL, .end = FAKE_CLOSE},
        {.head = NULL, .end = FAKE_RESET},
    };
    struct world w;
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        int32_t status = once(&w, replies[i]);
        if (status != DVS_E_NETWORK)
            fail_msg("reply %zu gave %d: %s", i, (int)status, w.err.message);
        assert_message(&w, "the test (http://127.0.0.1");
        /* What came before is given out before the failure. */
        if (i < 3)
            assert_body(&w, "half", 4);
        close_world(&w);
    }
}

static void test_nobody_there_is_an_error_of_the_network(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD};
    struct dataverse_request request = {0};
    struct dataverse_transfer *transfer = NULL;
    (void)state;
    open_world(&w, &reply, 1);
    request.url = "http://127.0.0.1:1/";
    request.what = "the test";
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_OK);
    assert_int_equal(read_all(&w, transfer), DVS_E_NETWORK);
    /* Told again as often as one asks. */
    assert_int_equal(read_all(&w, transfer), DVS_E_NETWORK);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void test_silence_times_out(void **state)
{
    struct world w;
    (void)state;
    assert_int_equal(once(&w, (struct fake_reply){.head = NULL, .end = FAKE_HANG}), DVS_E_TIMEOUT);
    assert_message(&w, "no answer for 1 seconds");
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD, .body = "half", .claim = 10, .end = FAKE_HANG}),
                     DVS_E_TIMEOUT);
    assert_message(&w, "the answer stopped");
    close_world(&w);
}

static void test_slow_is_not_silent(void **state)
{
    struct world w;
    (void)state;
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD, .body = "slow", .piece = 1, .pause_ms = 400}), DVS_END);
    assert_body(&w, "slow", 4);
    close_world(&w);
}

static void test_time_when_nobody_reads_is_no_silence(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "x", .delay_ms = 1500};
    struct timespec nap = {1, 300000000};
    struct dataverse_transfer *transfer;
    (void)state;
    open_world(&w, &reply, 1);
    transfer = start(&w);
    while (fake_server_requests(w.server) == 0)
        dataverse_transfer_nudge(transfer);
    nanosleep(&nap, NULL);
    assert_int_equal(read_all(&w, transfer), DVS_END);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

/* ---- gzip ---- */

static void test_gzip(void **state)
{
    struct world w;
    size_t length;
    char *text = malloc(200000);
    char *gzip;
    (void)state;
    memset(text, 'g', 200000);
    gzip = fake_gzip(text, 200000, &length);
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP, .body = gzip, .length = length}), DVS_END);
    assert_body(&w, text, 200000);
    close_world(&w);
    gzip[length - 6] ^= 1;
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP, .body = gzip, .length = length}), DVS_E_NETWORK);
    close_world(&w);
    memset(gzip, 'x', 20);
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP, .body = gzip, .length = length}), DVS_E_NETWORK);
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD "Content-Encoding: strange\r\n", .body = "abc"}),
                     DVS_E_NETWORK);
    close_world(&w);
    free(gzip);
    free(text);
}

static void test_gzip_bombs_are_refused(void **state)
{
    struct world w;
    char *bomb = fake_gzip_bomb(200000);
    size_t n = 0;
    (void)state;
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP, .body = bomb, .length = 200000}), DVS_E_PROTOCOL);
    assert_message(&w, "200 times");
    /* 200 MB would come out of it. */
    assert_in_range(w.body.capacity, 0, 60000000);
    close_world(&w);
    /* The same in chunks, of which libcurl counts each only afterwards. */
    char *chunks = malloc(220000);
    for (size_t at = 0; at < 200000; at += 20000) {
        n += (size_t)sprintf(chunks + n, "4e20\r\n");
        memcpy(chunks + n, bomb + at, 20000);
        n += 20000;
        n += (size_t)sprintf(chunks + n, "\r\n");
    }
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP "Transfer-Encoding: chunked\r\n\r\n", .no_length = 1,
                                                  .body = chunks, .length = n, .end = FAKE_CLOSE}),
                     DVS_E_PROTOCOL);
    assert_message(&w, "200 times");
    close_world(&w);
    free(chunks);
    free(bomb);
}

/* ---- Heads ---- */

static const struct dataverse_answer *ask(struct world *w, struct dataverse_transfer **transfer, const char *head)
{
    struct fake_reply reply = {.head = head, .body = "x"};
    open_world(w, &reply, 1);
    *transfer = start(w);
    assert_int_equal(dataverse_transfer_headers(*transfer, &w->err), DVS_OK);
    return dataverse_transfer_answer(*transfer);
}

static void test_headers_are_read(void **state)
{
    struct world w;
    struct dataverse_transfer *transfer;
    const struct dataverse_answer *answer;
    (void)state;
    answer = ask(&w, &transfer,
                 "HTTP/1.1 401 Unauthorized\r\nwww-AUTHENTICATE:Bearer authorization_uri=https://login/t/oauth2, resource_id=r\r\n"
                 "WWW-Authenticate: Negotiate \r\nRetry-After: 7\r\ndate:   Sat, 21 Nov 2026 15:00:00 GMT\r\nREQ_ID: other\r\n"
                 "x-ms-service-request-id: abc-1\r\nLocation: https://a/b?state=1\r\n");
    assert_int_equal(answer->status, 401);
    assert_true(answer->date == DATE);
    assert_int_equal(answer->retry_after_ms, 7000);
    assert_string_equal(answer->challenge, "Bearer authorization_uri=https://login/t/oauth2, resource_id=r, Negotiate");
    assert_string_equal(answer->request_id, "abc-1");
    assert_string_equal(answer->redirect, "https://a/b");
    dataverse_transfer_free(transfer);
    close_world(&w);
    answer = ask(&w, &transfer, "HTTP/1.1 200 OK\r\n");
    assert_true(answer->date == INT64_MIN);
    assert_int_equal(answer->retry_after_ms, -1);
    assert_null(answer->challenge);
    assert_string_equal(answer->request_id, "");
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void check_retry_after(const char *value, int64_t expected)
{
    struct world w;
    struct dataverse_transfer *transfer;
    char head[300];
    int64_t got;
    snprintf(head, sizeof head, "HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nDate: Sat, 21 Nov 2026 15:00:00 GMT\r\n", value);
    got = ask(&w, &transfer, head)->retry_after_ms;
    if (got != expected)
        fail_msg("\"%s\" gives %lld, not %lld", value, (long long)got, (long long)expected);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void test_retry_after_in_all_forms(void **state)
{
    struct world w;
    struct dataverse_transfer *transfer;
    (void)state;
    check_retry_after("2", 2000);
    check_retry_after("0", 0);
    check_retry_after("1.5", 1500);
    check_retry_after("0.0001", 1);
    check_retry_after("Sat, 21 Nov 2026 15:00:02 GMT", 2000);
    check_retry_after("Saturday, 21-Nov-26 15:01:00 GMT", 60000);
    check_retry_after("Sat, 21 Nov 2026 14:00:00 GMT", 0);
    check_retry_after("soon", -1);
    check_retry_after("", -1);
    check_retry_after("-5", -1);
    check_retry_after("5 minutes", -1);
    check_retry_after("99999999999999999999999999", 9999999999000);
    /* Without a Date it is our clock that counts. */
    struct fake_reply reply = {.head = "HTTP/1.1 503 No\r\nRetry-After: Sat, 21 Nov 2026 15:00:02 GMT\r\n"};
    open_world(&w, &reply, 1);
    w.host->now = DATE + 500000;
    transfer = start(&w);
    assert_int_equal(dataverse_transfer_headers(transfer, &w.err), DVS_OK);
    assert_int_equal(dataverse_transfer_answer(transfer)->retry_after_ms, 1500);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void test_headers_have_a_greatest_size(void **state)
{
    struct world w;
    char *head = malloc(100000);
    size_t n = (size_t)sprintf(head, "%s", HEAD);
    (void)state;
    for (int i = 0; i < 9; i++) {
        n += (size_t)sprintf(head + n, "X-%d: ", i);
        memset(head + n, 'x', 8000);
        n += 8000;
        n += (size_t)sprintf(head + n, "\r\n");
    }
    assert_int_equal(once(&w, (struct fake_reply){.head = head, .body = "x"}), DVS_E_PROTOCOL);
    assert_message(&w, "64 KB");
    close_world(&w);
    head[n - 9000] = '\0';
    memcpy(head + n - 9002, "\r\n", 3);
    assert_int_equal(once(&w, (struct fake_reply){.head = head, .body = "x"}), DVS_END);
    close_world(&w);
    free(head);
}

/* ---- What is sent ---- */

static void test_a_form_is_posted(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "x"};
    struct dataverse_request request = {0};
    struct dataverse_transfer *transfer;
    const char *sent;
    (void)state;
    open_world(&w, &reply, 1);
    request.url = fake_server_url(w.server);
    request.form = "grant_type=client_credentials&client_secret=a%26b";
    request.what = "the token";
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_OK);
    assert_int_equal(read_all(&w, transfer), DVS_END);
    dataverse_transfer_free(transfer);
    sent = fake_server_request(w.server, 0);
    assert_non_null(strstr(sent, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_non_null(strstr(sent, "\r\n\r\ngrant_type=client_credentials&client_secret=a%26b"));
    assert_null(strstr(sent, "OData"));
    assert_null(strstr(sent, "Authorization"));
    close_world(&w);
}

static void test_each_attempt_has_its_own_id(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "x"};
    const char *ids[2];
    (void)state;
    open_world(&w, &reply, 1);
    for (size_t i = 0; i < 2; i++) {
        struct dataverse_transfer *transfer = start(&w);
        assert_int_equal(read_all(&w, transfer), DVS_END);
        dataverse_transfer_free(transfer);
        ids[i] = strstr(fake_server_request(w.server, i), "x-ms-client-request-id: ");
        assert_non_null(ids[i]);
        ids[i] += strlen("x-ms-client-request-id: ");
        assert_int_equal(strspn(ids[i], "0123456789abcdef-"), 36);
        assert_int_equal(ids[i][14], '4');
    }
    assert_int_not_equal(memcmp(ids[0], ids[1], 36), 0);
    close_world(&w);
}

static void test_what_may_not_be_asked(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "x"};
    struct dataverse_request request = {0};
    struct dataverse_transfer *transfer = NULL;
    static const char *const urls[] = {"http://192.0.2.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1",
                                       "http://user@127.0.0.1/"};
    (void)state;
    open_world(&w, &reply, 1);
    request.what = "the test";
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        request.url = urls[i];
        assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_E_CONFIG);
        assert_null(transfer);
    }
    request.url = fake_server_url(w.server);
    request.bearer = "token\r\nX-Evil: 1";
    assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_E_PROTOCOL);
    assert_null(transfer);
    assert_int_equal(fake_server_requests(w.server), 0);
    close_world(&w);
}

static void test_the_environments_proxy_is_not_asked_for_loopback(void **state)
{
    struct world w;
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD, .body = "x"}), DVS_END);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    close_world(&w);
}

static void test_connections_are_kept(void **state)
{
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "abc"};
    (void)state;
    open_world(&w, &reply, 1);
    for (size_t i = 0; i < 5; i++) {
        struct dataverse_transfer *transfer = start(&w);
        assert_int_equal(read_all(&w, transfer), DVS_END);
        assert_true(dataverse_transfer_complete(transfer));
        dataverse_transfer_free(transfer);
    }
    assert_int_equal(fake_server_requests(w.server), 5);
    assert_int_equal(fake_server_connections(w.server), 1);
    close_world(&w);
}

static void test_a_kept_connection_that_died_does_no_harm(void **state)
{
    struct world w;
    const struct fake_reply replies[] = {{.head = HEAD, .body = "1", .end = FAKE_CLOSE}, {.head = HEAD, .body = "2"}};
    (void)state;
    open_world(&w, replies, 2);
    for (size_t i = 0; i < 2; i++) {
        struct dataverse_transfer *transfer = start(&w);
        assert_int_equal(read_all(&w, transfer), DVS_END);
        dataverse_transfer_free(transfer);
    }
    assert_body(&w, "12", 2);
    close_world(&w);
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
        if (dataverse_transfer_start(own.http, &request, 0, &transfer, &own.err) == DVS_OK
            && read_all(&own, transfer) == DVS_END)
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
        cmocka_unit_test(test_bodies_arrive_whole),
        cmocka_unit_test(test_cut_bodies_are_errors_of_the_network),
        cmocka_unit_test(test_nobody_there_is_an_error_of_the_network),
        cmocka_unit_test(test_silence_times_out),
        cmocka_unit_test(test_slow_is_not_silent),
        cmocka_unit_test(test_time_when_nobody_reads_is_no_silence),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_bombs_are_refused),
        cmocka_unit_test(test_headers_are_read),
        cmocka_unit_test(test_retry_after_in_all_forms),
        cmocka_unit_test(test_headers_have_a_greatest_size),
        cmocka_unit_test(test_a_form_is_posted),
        cmocka_unit_test(test_each_attempt_has_its_own_id),
        cmocka_unit_test(test_what_may_not_be_asked),
        cmocka_unit_test(test_the_environments_proxy_is_not_asked_for_loopback),
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_a_kept_connection_that_died_does_no_harm),
        cmocka_unit_test(test_nothing_is_received_that_nobody_takes),
        cmocka_unit_test(test_fill_takes_what_is_there_and_never_waits),
        cmocka_unit_test(test_a_transfer_may_be_given_up),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_waits_end_when_cancelled),
        cmocka_unit_test(test_threads_share_slots_and_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
