/* test_http.c - one attempt of a request, against servers that behave well and badly. */
#include <time.h>

#include "http_world.h"

/* ---- Bodies ---- */

static void test_bodies_arrive_whole(void **state)
{
    struct world w;
    char *large = malloc(3000000);
    (void)state;
    for (size_t i = 0; i < 3000000; i++)
        large[i] = (char)('a' + i % 23);
    assert_int_equal(
        once(&w, (struct fake_reply){.head = HEAD, .body = large, .length = 3000000, .piece = 70000}),
        DVS_END);
    assert_body(&w, large, 3000000);
    close_world(&w);
    free(large);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD, .body = "hello", .piece = 1, .pause_ms = 5}),
                     DVS_END);
    assert_body(&w, "hello", 5);
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD}), DVS_END);
    assert_int_equal(w.body.length, 0);
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = CHUNKED,
                                                  .no_length = 1,
                                                  .body = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"}),
                     DVS_END);
    assert_body(&w, "abcde", 5);
    close_world(&w);
    assert_int_equal(once(&w, (struct fake_reply){.head = "HTTP/1.1 100 Continue\r\n\r\n" HEAD, .body = "x"}),
                     DVS_END);
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
        assert_message(&w, "asking http://127.0.0.1");
        assert_message(&w, "for the test: ");
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

static void test_a_handle_that_failed_is_good_for_more(void **state)
{
    /* A label of more than 63 letters: no name server need be asked. */
    static const char *const urls[] = {
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/",
        "http://127.0.0.1:1/"};
    struct world w;
    struct fake_reply reply = {.head = HEAD, .body = "x"};
    (void)state;
    open_world(&w, &reply, 1);
    for (size_t i = 0; i < 4; i++) {
        struct dataverse_request request = {0};
        struct dataverse_transfer *transfer = NULL;
        request.url = urls[i / 2];
        request.what = "the test";
        assert_int_equal(dataverse_transfer_start(w.http, &request, 0, &transfer, &w.err), DVS_OK);
        assert_int_equal(read_all(&w, transfer), DVS_E_NETWORK);
        dataverse_transfer_free(transfer);
        transfer = start(&w);
        assert_int_equal(read_all(&w, transfer), DVS_END);
        dataverse_transfer_free(transfer);
    }
    close_world(&w);
}

static void test_silence_times_out(void **state)
{
    struct world w;
    (void)state;
    assert_int_equal(once(&w, (struct fake_reply){.head = NULL, .end = FAKE_HANG}), DVS_E_TIMEOUT);
    assert_message(&w, "no answer for 1 seconds");
    close_world(&w);
    assert_int_equal(
        once(&w, (struct fake_reply){.head = HEAD, .body = "half", .claim = 10, .end = FAKE_HANG}),
        DVS_E_TIMEOUT);
    assert_message(&w, "the answer stopped");
    close_world(&w);
}

static void test_slow_is_not_silent(void **state)
{
    struct world w;
    (void)state;
    assert_int_equal(once(&w, (struct fake_reply){.head = HEAD, .body = "slow", .piece = 1, .pause_ms = 400}),
                     DVS_END);
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
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP, .body = gzip, .length = length}),
                     DVS_E_NETWORK);
    close_world(&w);
    memset(gzip, 'x', 20);
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP, .body = gzip, .length = length}),
                     DVS_E_NETWORK);
    close_world(&w);
    assert_int_equal(
        once(&w, (struct fake_reply){.head = HEAD "Content-Encoding: strange\r\n", .body = "abc"}),
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
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP, .body = bomb, .length = 200000}),
                     DVS_E_PROTOCOL);
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
    assert_int_equal(once(&w, (struct fake_reply){.head = GZIP "Transfer-Encoding: chunked\r\n\r\n",
                                                  .no_length = 1,
                                                  .body = chunks,
                                                  .length = n,
                                                  .end = FAKE_CLOSE}),
                     DVS_E_PROTOCOL);
    assert_message(&w, "200 times");
    close_world(&w);
    free(chunks);
    free(bomb);
}

/* ---- Heads ---- */

static const struct dataverse_answer *ask(struct world *w, struct dataverse_transfer **transfer,
                                          const char *head)
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
                 "HTTP/1.1 401 Unauthorized\r\nwww-AUTHENTICATE:Bearer "
                 "authorization_uri=https://login/t/oauth2, resource_id=r\r\n"
                 "WWW-Authenticate: Negotiate \r\nRetry-After: 7\r\ndate:   Sat, 21 Nov 2026 15:00:00 "
                 "GMT\r\nREQ_ID: other\r\n"
                 "x-ms-service-request-id: abc-1\r\nLocation: https://a/b?state=1\r\n");
    assert_int_equal(answer->status, 401);
    assert_true(answer->date == DATE);
    assert_int_equal(answer->retry_after_ms, 7000);
    assert_string_equal(answer->challenge,
                        "Bearer authorization_uri=https://login/t/oauth2, resource_id=r, Negotiate");
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
    /* A year that no timestamp has. */
    answer = ask(&w, &transfer, "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2000000 15:00:00 GMT\r\n");
    assert_true(answer->date == INT64_MIN);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void test_what_comes_before_the_answer_is_none(void **state)
{
    struct world w;
    struct dataverse_transfer *transfer;
    const struct dataverse_answer *answer;
    (void)state;
    answer = ask(&w, &transfer, "HTTP/1.1 100 Continue\r\nRetry-After: 5\r\n\r\nHTTP/1.1 404 Not Found\r\n");
    assert_int_equal(answer->status, 404);
    assert_int_equal(answer->retry_after_ms, -1);
    dataverse_transfer_free(transfer);
    close_world(&w);
}

static void check_retry_after(const char *value, int64_t expected)
{
    struct world w;
    struct dataverse_transfer *transfer;
    char head[300];
    int64_t got;
    snprintf(head, sizeof head,
             "HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nDate: Sat, 21 Nov 2026 15:00:00 GMT\r\n", value);
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
    check_retry_after("Sat, 21 Nov 2000000 15:00:00 GMT", -1);
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
    static const char *const urls[] = {"http://192.0.2.1/", "ftp://127.0.0.1/", "file:///etc/passwd",
                                       "127.0.0.1", "http://user@127.0.0.1/"};
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
        assert_true(dataverse_transfer_is_given(transfer));
        dataverse_transfer_free(transfer);
    }
    assert_int_equal(fake_server_requests(w.server), 5);
    assert_int_equal(fake_server_connections(w.server), 1);
    close_world(&w);
}

static void test_a_kept_connection_that_died_does_no_harm(void **state)
{
    struct world w;
    const struct fake_reply replies[] = {{.head = HEAD, .body = "1", .end = FAKE_CLOSE},
                                         {.head = HEAD, .body = "2"}};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_arrive_whole),
        cmocka_unit_test(test_cut_bodies_are_errors_of_the_network),
        cmocka_unit_test(test_nobody_there_is_an_error_of_the_network),
        cmocka_unit_test(test_a_handle_that_failed_is_good_for_more),
        cmocka_unit_test(test_silence_times_out),
        cmocka_unit_test(test_slow_is_not_silent),
        cmocka_unit_test(test_time_when_nobody_reads_is_no_silence),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_bombs_are_refused),
        cmocka_unit_test(test_headers_are_read),
        cmocka_unit_test(test_what_comes_before_the_answer_is_none),
        cmocka_unit_test(test_retry_after_in_all_forms),
        cmocka_unit_test(test_headers_have_a_greatest_size),
        cmocka_unit_test(test_a_form_is_posted),
        cmocka_unit_test(test_each_attempt_has_its_own_id),
        cmocka_unit_test(test_what_may_not_be_asked),
        cmocka_unit_test(test_the_environments_proxy_is_not_asked_for_loopback),
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_a_kept_connection_that_died_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
