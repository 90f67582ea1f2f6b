/* test_api.c - authorised GETs: tokens, retries, addresses. The token comes from a stub in this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "api.h"
#include "fake_host.h"
#include "fake_server.h"
#include "retry.h"

/* ---- A stub of auth.c: hands out "token-1"; one more for each refusal ---- */

struct dataverse_auth {
    pthread_mutex_t mutex;
    int number;
    int asked;
    int at_hand;
    int fails;
    char dropped[40];
};

static struct dataverse_auth *the_auth;

int32_t dataverse_auth_new(struct dataverse_http *http, struct dataverse_gate *gate,
                           const struct dataverse_settings *settings, struct dataverse_auth **auth,
                           dvs_error *err)
{
    (void)http;
    (void)gate;
    (void)settings;
    (void)err;
    the_auth = *auth = calloc(1, sizeof **auth);
    pthread_mutex_init(&the_auth->mutex, NULL);
    the_auth->number = 1;
    the_auth->at_hand = 1;
    return DVS_OK;
}

void dataverse_auth_free(struct dataverse_auth *auth)
{
    free(auth);
}

static void give_token(struct dataverse_auth *auth, char *token)
{
    snprintf(token, DATAVERSE_TOKEN_MAX, "token-%d", auth->number);
}

int32_t dataverse_auth_token(struct dataverse_auth *auth, const char *refused, const atomic_int *interrupted,
                             char *token, dvs_error *err)
{
    char now[40];
    (void)interrupted;
    pthread_mutex_lock(&auth->mutex);
    auth->asked++;
    snprintf(now, sizeof now, "token-%d", auth->number);
    if (refused != NULL && strcmp(now, refused) == 0)
        auth->number++;
    give_token(auth, token);
    pthread_mutex_unlock(&auth->mutex);
    if (auth->fails) {
        err->status = DVS_E_AUTH;
        strcpy(err->message, "no token");
    }
    return auth->fails ? DVS_E_AUTH : DVS_OK;
}

void dataverse_auth_drop(struct dataverse_auth *auth, const char *token)
{
    snprintf(auth->dropped, sizeof auth->dropped, "%s", token);
}

int dataverse_auth_try_token(struct dataverse_auth *auth, char *token)
{
    if (auth->at_hand)
        give_token(auth, token);
    return auth->at_hand;
}

/* ---- One organisation ---- */

struct world {
    struct fake_host *host;
    struct fake_server *server;
    struct dataverse_settings settings;
    struct dataverse_api api;
    struct dataverse_buffer body;
    dvs_error err;
};

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 15:00:00 GMT\r\n"
#define FAIL_HEAD(status) "HTTP/1.1 " status "\r\nDate: Sat, 21 Nov 2026 15:00:00 GMT\r\n"

static struct world *open_world(const struct fake_reply *replies, size_t n, uint32_t max_retries)
{
    struct world *w = calloc(1, sizeof *w);
    w->err.struct_size = (uint32_t)sizeof w->err;
    w->host = fake_host_new();
    w->server = fake_server_new(replies, n);
    w->settings.url = fake_server_url(w->server);
    w->settings.api_version = "v9.2";
    w->settings.max_concurrent = 2;
    w->settings.max_retries = max_retries;
    w->settings.timeout_seconds = 1;
    assert_int_equal(dataverse_url_origin(w->settings.url, &w->settings.origin), 0);
    assert_int_equal(dataverse_api_init(&w->api, &w->host->host, &w->settings, &w->err), DVS_OK);
    return w;
}

static void close_world(struct world *w)
{
    dataverse_api_free(&w->api);
    dataverse_buffer_free(&w->body);
    fake_server_free(w->server);
    fake_host_free(w->host);
    free(w);
}

static int32_t get(struct world *w, const char *path, int *outcome)
{
    return dataverse_api_get(&w->api, path, NULL, "the test", 100000, NULL, NULL, &w->body, outcome, &w->err);
}

static int has(const struct dataverse_buffer *body, const char *text)
{
    return body->length == strlen(text) && memcmp(body->data + body->start, text, body->length) == 0;
}

#define assert_contains(text, part)                                                                          \
    do {                                                                                                     \
        if (strstr(text, part) == NULL)                                                                      \
            fail_msg("\"%s\" is not in: %s", part, text);                                                    \
    } while (0)

/* ---- Documents ---- */

static void test_get_sends_the_headers_of_the_web_api(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "{\"value\":[]}"}};
    struct world *w = open_world(replies, 1, 0);
    const char *request;
    (void)state;
    assert_int_equal(get(w, "accounts?$select=name,_ownerid_value&$filter=a%20eq%201", NULL), DVS_OK);
    assert_true(has(&w->body, "{\"value\":[]}"));
    request = fake_server_request(w->server, 0);
    assert_contains(
        request, "GET /api/data/v9.2/accounts?$select=name,_ownerid_value&$filter=a%20eq%201 HTTP/1.1\r\n");
    assert_contains(request, "\r\nAuthorization: Bearer token-1\r\n");
    assert_contains(request, "\r\nAccept: application/json\r\n");
    assert_contains(request, "\r\nOData-Version: 4.0\r\n");
    assert_contains(request, "\r\nOData-MaxVersion: 4.0\r\n");
    assert_contains(request, "\r\nIf-None-Match: null\r\n");
    assert_contains(request, "\r\nUser-Agent: dvsync/");
    assert_contains(request, "\r\nAccept-Encoding: gzip\r\n");
    assert_contains(request, "\r\nx-ms-client-request-id: ");
    assert_null(strstr(request, "Cookie"));
    close_world(w);
}

static void test_errors_of_the_service_are_classified(void **state)
{
    const struct fake_reply replies[] = {{.head = FAIL_HEAD("403 Forbidden"),
                                          .body = "{\"error\":{\"code\":\"0x80072560\",\"message\":\"The "
                                                  "user is not a member of the organization.\"}}"}};
    struct world *w = open_world(replies, 1, 3);
    int outcome = -1;
    (void)state;
    assert_int_equal(get(w, "accounts?$filter=secret", &outcome), DVS_E_PERMISSION);
    assert_int_equal(outcome, DATAVERSE_FAIL);
    assert_true(w->err.native_code == 0x80072560);
    assert_contains(w->err.message, "security role");
    assert_null(strstr(w->err.message, "secret"));
    assert_int_equal(fake_server_requests(w->server), 1);
    close_world(w);
}

static void test_a_refused_token_is_renewed_once(void **state)
{
    const struct fake_reply replies[] = {{.head = FAIL_HEAD("401 Unauthorized"), .body = "no"},
                                         {.head = OK_HEAD, .body = "{}"}};
    const struct fake_reply twice[] = {{.head = FAIL_HEAD("401 Unauthorized"), .body = "no"}};
    struct world *w = open_world(replies, 2, 0);
    int outcome = -1;
    (void)state;
    assert_int_equal(get(w, "accounts", NULL), DVS_OK);
    assert_contains(fake_server_request(w->server, 0), "Bearer token-1\r\n");
    assert_contains(fake_server_request(w->server, 1), "Bearer token-2\r\n");
    close_world(w);
    w = open_world(twice, 1, 3);
    assert_int_equal(get(w, "accounts", &outcome), DVS_E_AUTH);
    assert_int_equal(outcome, DATAVERSE_UNAUTHORIZED);
    assert_string_equal(the_auth->dropped, "token-2");
    assert_int_equal(fake_server_requests(w->server), 2);
    close_world(w);
}

static void test_what_may_pass_is_tried_again(void **state)
{
    const struct fake_reply replies[] = {
        {.head = FAIL_HEAD("503 Service Unavailable"), .body = "<html>maintenance</html>"},
        {.head = OK_HEAD, .body = "{\"half\":", .claim = 100, .end = FAKE_CLOSE},
        {.head = OK_HEAD, .body = "{\"a\":1}"}};
    struct world *w = open_world(replies, 3, 3);
    (void)state;
    assert_int_equal(get(w, "accounts", NULL), DVS_OK);
    assert_true(has(&w->body, "{\"a\":1}"));
    assert_int_equal(fake_server_requests(w->server), 3);
    assert_true(fake_host_logged(w->host, "trying again in"));
    assert_false(fake_host_logged(w->host, "maintenance"));
    close_world(w);
}

static void test_retries_end_and_the_error_says_how_often(void **state)
{
    const struct fake_reply replies[] = {
        {.head = FAIL_HEAD("500 Internal Server Error"),
         .body = "{\"error\":{\"code\":\"0x80044150\",\"message\":\"Generic SQL error.\"}}"}};
    struct world *w = open_world(replies, 1, 1);
    int outcome = -1;
    (void)state;
    assert_int_equal(get(w, "accounts", &outcome), DVS_E_NETWORK);
    assert_int_equal(outcome, DATAVERSE_AGAIN);
    assert_contains(w->err.message, "0x80044150: Generic SQL error");
    assert_contains(w->err.message, "tried 2 times");
    assert_int_equal(fake_server_requests(w->server), 2);
    close_world(w);
}

static int is_object(const char *body, size_t length)
{
    return length < 2 || body[length - 1] != '}';
}

static void test_an_unreadable_document_is_tried_again(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "{\"value\":"},
                                         {.head = OK_HEAD, .body = "{}"}};
    struct world *w = open_world(replies, 2, 1);
    (void)state;
    assert_int_equal(
        dataverse_api_get(&w->api, "x", NULL, "the test", 1000, is_object, NULL, &w->body, NULL, &w->err),
        DVS_OK);
    assert_true(has(&w->body, "{}"));
    close_world(w);
    w = open_world(replies, 1, 0);
    assert_int_equal(
        dataverse_api_get(&w->api, "x", NULL, "the test", 1000, is_object, NULL, &w->body, NULL, &w->err),
        DVS_E_PROTOCOL);
    assert_contains(w->err.message, "cannot be read");
    close_world(w);
}

static void test_a_document_has_a_greatest_size(void **state)
{
    char *large = malloc(300000);
    struct fake_reply reply = {.head = OK_HEAD, .body = large, .length = 300000};
    struct world *w = open_world(&reply, 1, 3);
    (void)state;
    memset(large, 'x', 300000);
    assert_int_equal(get(w, "x", NULL), DVS_E_PROTOCOL);
    assert_contains(w->err.message, "more than 100000 bytes");
    assert_int_equal(fake_server_requests(w->server), 1);
    close_world(w);
    free(large);
}

/* ---- Where requests may go ---- */

static void test_links_that_lead_away_are_refused(void **state)
{
    static const char *const links[] = {"https://evil.example/api/data/v9.2/accounts",
                                        "//evil.example/accounts",
                                        "http://127.0.0.1:1/accounts",
                                        "https://127.0.0.1/accounts",
                                        "http://user@127.0.0.1/accounts",
                                        "http://127.0.0.1\\@evil.example/",
                                        "ftp://127.0.0.1/x",
                                        "http:accounts"};
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "{}"}};
    struct world *w = open_world(replies, 1, 0);
    (void)state;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        assert_int_equal(get(w, links[i], NULL), DVS_E_PROTOCOL);
    assert_int_equal(fake_server_requests(w->server), 0);
    close_world(w);
}

static void test_redirects_are_not_followed(void **state)
{
    struct fake_reply other = {.head = OK_HEAD, .body = "{}"};
    struct fake_server *away = fake_server_new(&other, 1);
    char head[200];
    struct fake_reply reply = {.head = head, .body = "moved"};
    struct world *w;
    (void)state;
    snprintf(head, sizeof head, "HTTP/1.1 302 Found\r\nLocation: %s/login?state=verysecret\r\n",
             fake_server_url(away));
    w = open_world(&reply, 1, 3);
    assert_int_equal(get(w, "accounts", NULL), DVS_E_PROTOCOL);
    assert_contains(w->err.message, "redirect");
    assert_contains(w->err.message, fake_server_url(away));
    assert_null(strstr(w->err.message, "verysecret"));
    assert_int_equal(fake_server_requests(away), 0);
    assert_int_equal(fake_server_requests(w->server), 1);
    close_world(w);
    fake_server_free(away);
}

static void test_a_next_link_is_sent_byte_for_byte(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "{}"}};
    struct world *w = open_world(replies, 1, 0);
    struct dataverse_pull pull;
    char link[600];
    const char *target =
        "/api/data/v9.2/./x/../"
        "contacts?$select=fullname&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie"
        "%2520page%253d%25221%2522%253e%253ccontactid%2520last%253d%2522%257b00000000-0000-0000-0000-"
        "00000000000A%257d"
        "%2522%2f%3E/../a|b{c}^`[d]\\%22%20istracking=%22False%22%20/%3E";
    (void)state;
    snprintf(link, sizeof link, "%s%s", fake_server_url(w->server), target);
    assert_int_equal(
        dataverse_pull_open(&pull, &w->api, link, "odata.maxpagesize=5000", "page 2", NULL, 0, &w->err),
        DVS_OK);
    while (dataverse_pull_read(&pull, &w->body, 1000, NULL, &w->err) == DVS_OK) {
    }
    assert_contains(fake_server_request(w->server, 0), target);
    assert_contains(fake_server_request(w->server, 0), "\r\nPrefer: odata.maxpagesize=5000\r\n");
    dataverse_pull_close(&pull);
    close_world(w);
}

/* ---- Pages ---- */

static void test_a_page_begins_again_from_its_first_byte(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "half", .claim = 8, .end = FAKE_CLOSE},
                                         {.head = OK_HEAD, .body = "complete"}};
    struct world *w = open_world(replies, 2, 1);
    struct dataverse_pull pull;
    int outcome = -1;
    int32_t status;
    (void)state;
    assert_int_equal(dataverse_pull_open(&pull, &w->api, "accounts", NULL, "page 1", NULL, 1, &w->err),
                     DVS_OK);
    status = dataverse_pull_read(&pull, &w->body, 1000, &outcome, &w->err);
    assert_int_equal(status, DVS_OK);
    assert_true(has(&w->body, "half"));
    status = dataverse_pull_read(&pull, &w->body, 1000, &outcome, &w->err);
    assert_int_equal(status, DATAVERSE_PAGE_AGAIN);
    dataverse_buffer_clear(&w->body);
    while ((status = dataverse_pull_read(&pull, &w->body, 1000, &outcome, &w->err)) == DVS_OK) {
    }
    assert_int_equal(status, DVS_END);
    assert_true(has(&w->body, "complete"));
    assert_true(dataverse_pull_complete(&pull));
    assert_true(pull.date == INT64_C(1795273200000000));
    dataverse_pull_close(&pull);
    close_world(w);
}

static void test_an_unreadable_page_is_tried_again_and_counted(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "{\"value\":[{"}};
    struct world *w = open_world(replies, 1, 1);
    struct dataverse_pull pull;
    (void)state;
    assert_int_equal(dataverse_pull_open(&pull, &w->api, "accounts", NULL, "page 1", NULL, 0, &w->err),
                     DVS_OK);
    while (dataverse_pull_read(&pull, &w->body, 1000, NULL, &w->err) == DVS_OK) {
    }
    assert_int_equal(dataverse_pull_unreadable(&pull, "the page ends early", &w->err), DATAVERSE_PAGE_AGAIN);
    dataverse_buffer_clear(&w->body);
    while (dataverse_pull_read(&pull, &w->body, 1000, NULL, &w->err) == DVS_OK) {
    }
    assert_int_equal(dataverse_pull_unreadable(&pull, "the page ends early", &w->err), DVS_E_PROTOCOL);
    assert_contains(w->err.message, "the page ends early");
    assert_contains(w->err.message, "tried 2 times");
    dataverse_pull_close(&pull);
    close_world(w);
}

static void test_a_page_asked_for_ahead_comes_while_nobody_reads(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "ahead"}};
    struct world *w = open_world(replies, 1, 0);
    struct dataverse_pull pull;
    int tries = 0;
    (void)state;
    assert_int_equal(dataverse_pull_open(&pull, &w->api, "accounts", NULL, "page 2", NULL, 1, &w->err),
                     DVS_OK);
    while (fake_server_written(w->server) == 0 && tries++ < 500) {
        struct timespec nap = {0, 2000000};
        dataverse_pull_fill(&pull, &w->body, 1000);
        nanosleep(&nap, NULL);
    }
    assert_int_equal(fake_server_requests(w->server), 1);
    while (dataverse_pull_read(&pull, &w->body, 1000, NULL, &w->err) == DVS_OK) {
    }
    assert_true(has(&w->body, "ahead"));
    dataverse_pull_close(&pull);
    close_world(w);
}

static void test_ahead_asks_only_when_nothing_has_to_be_waited_for(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "x", .delay_ms = 50}};
    struct world *w = open_world(replies, 1, 0);
    struct dataverse_pull pulls[3];
    size_t i;
    (void)state;
    the_auth->at_hand = 0;
    assert_int_equal(dataverse_pull_open(&pulls[0], &w->api, "a", NULL, "page 1", NULL, 1, &w->err), DVS_OK);
    assert_null(pulls[0].transfer);
    assert_int_equal(the_auth->asked, 0);
    dataverse_pull_close(&pulls[0]);
    the_auth->at_hand = 1;
    /* max_concurrent is 2 */
    for (i = 0; i < 3; i++)
        assert_int_equal(dataverse_pull_open(&pulls[i], &w->api, "a", NULL, "page 1", NULL, 1, &w->err),
                         DVS_OK);
    assert_non_null(pulls[1].transfer);
    assert_null(pulls[2].transfer);
    for (i = 0; i < 3; i++) {
        dataverse_buffer_clear(&w->body);
        while (dataverse_pull_read(&pulls[i], &w->body, 1000, NULL, &w->err) == DVS_OK) {
        }
        assert_true(has(&w->body, "x"));
        dataverse_pull_close(&pulls[i]);
    }
    close_world(w);
}

static void test_an_interrupted_reader_stops_waiting(void **state)
{
    const struct fake_reply replies[] = {{.head = NULL, .end = FAKE_HANG}};
    struct world *w = open_world(replies, 1, 5);
    atomic_int interrupted = 1;
    (void)state;
    assert_int_equal(
        dataverse_api_get(&w->api, "x", NULL, "the test", 1000, NULL, &interrupted, &w->body, NULL, &w->err),
        DVS_E_CANCELLED);
    close_world(w);
}

static void test_without_a_token_nothing_is_asked(void **state)
{
    const struct fake_reply replies[] = {{.head = OK_HEAD, .body = "{}"}};
    struct world *w = open_world(replies, 1, 5);
    (void)state;
    the_auth->fails = 1;
    assert_int_equal(get(w, "accounts", NULL), DVS_E_AUTH);
    assert_int_equal(fake_server_requests(w->server), 0);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_sends_the_headers_of_the_web_api),
        cmocka_unit_test(test_errors_of_the_service_are_classified),
        cmocka_unit_test(test_a_refused_token_is_renewed_once),
        cmocka_unit_test(test_what_may_pass_is_tried_again),
        cmocka_unit_test(test_retries_end_and_the_error_says_how_often),
        cmocka_unit_test(test_an_unreadable_document_is_tried_again),
        cmocka_unit_test(test_a_document_has_a_greatest_size),
        cmocka_unit_test(test_links_that_lead_away_are_refused),
        cmocka_unit_test(test_redirects_are_not_followed),
        cmocka_unit_test(test_a_next_link_is_sent_byte_for_byte),
        cmocka_unit_test(test_a_page_begins_again_from_its_first_byte),
        cmocka_unit_test(test_an_unreadable_page_is_tried_again_and_counted),
        cmocka_unit_test(test_a_page_asked_for_ahead_comes_while_nobody_reads),
        cmocka_unit_test(test_ahead_asks_only_when_nothing_has_to_be_waited_for),
        cmocka_unit_test(test_an_interrupted_reader_stops_waiting),
        cmocka_unit_test(test_without_a_token_nothing_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
