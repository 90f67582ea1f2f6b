/* Behaviour of auth: tokens, refusals, renewal, and threads that share them. */
#include "auth_script.h"

/* ---- the token ---- */

static void test_lives(void **state)
{
    (void)state;
    static const struct {
        const char *expires;
        int64_t good_ms;
    } lives[] = {
        {",\"expires_in\":3599", 3299000}, {",\"expires_in\":\"3599\"", 3299000},
        {",\"expires_in\":60", 30000},     {",\"expires_in\":600", 300000},
        {",\"expires_in\":601", 301000},   {"", 3299000},
        {",\"expires_in\":null", 3299000}, {",\"expires_in\":3599.5", 3299000},
        {",\"expires_in\":1", 500},        {",\"expires_in\":9e30", INT64_C(28) * 86400000 - 300000},
    };
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"access_token\":\"T1\",\"token_type\":\"bearer\"%s}",
                 lives[i].expires);
        struct step steps[] = {ASK, {.status = 200, .body = body}, GIVE("T2")};
        script(steps, 3);
        open_auth();
        assert_token(NULL, "T1");
        now_ms += lives[i].good_ms - 1;
        assert_token(NULL, "T1");
        now_ms += 1;
        assert_token(NULL, "T2");
        assert_int_equal(net.next, 3);
    }
}

static void test_odd_tokens(void **state)
{
    (void)state;
    static const char *const bodies[] = {"[]",
                                         "{}",
                                         "{\"access_token\":7}",
                                         "{\"access_token\":\"\"}",
                                         "{\"access_token\":\"a b\"}",
                                         "{\"access_token\":\"a\\r\\nX: y\"}",
                                         "{\"access_token\":\"\\u00e4\"}",
                                         "{\"access_token\":\"T1\",\"token_type\":\"pop\"}",
                                         "{\"access_token\":\"T1\",\"token_type\":1}",
                                         "{\"access_token\":\"T1\",\"expires_in\":0}",
                                         "{\"access_token\":\"T1\",\"expires_in\":-5}",
                                         "{\"access_token\":\"T1\",\"expires_in\":\"soon\"}",
                                         "{\"access_token\":\"T1\",\"expires_in\":true}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct step steps[] = {ASK, {.status = 200, .body = bodies[i]}};
        script(steps, 2);
        open_auth();
        assert_fails(DVS_E_PROTOCOL, "no usable access token");
    }
    char *body = malloc(DATAVERSE_TOKEN_MAX + 100);
    assert_non_null(body);
    for (size_t length = DATAVERSE_TOKEN_MAX - 1; length <= DATAVERSE_TOKEN_MAX; length++) {
        int at = sprintf(body, "{\"access_token\":\"");
        memset(body + at, 'x', length);
        memcpy(body + (size_t)at + length, "\"}", 3);
        struct step steps[] = {ASK, {.status = 200, .body = body}};
        script(steps, 2);
        open_auth();
        if (length < DATAVERSE_TOKEN_MAX) {
            assert_int_equal(dataverse_auth_token(auth, NULL, NULL, token, &err), DVS_OK);
            assert_int_equal(strlen(token), length);
        } else {
            assert_fails(DVS_E_PROTOCOL, "longer than 16 KB");
        }
    }
    free(body);
}

static void test_unreadable_is_tried_again(void **state)
{
    (void)state;
    SCRIPT(ASK, {.status = 200, .body = "<html>"}, {.status = 200, .body = "{\"access_token\":\"T"},
           GIVE("T1"));
    assert_token(NULL, "T1");
    assert_int_equal(net.waits, 2);
}

#define WRONG_SECRET                                                                                         \
    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client secret "            \
    "provided.\\r\\nTrace "                                                                                  \
    "ID: 0a1b\\r\\nCorrelation ID: ffff\\r\\nTimestamp: 2026-11-21 10:00:00Z\",\"error_codes\":[7000215],"   \
    "\"trace_id\":\"0a1b\",\"correlation_id\":\"ffff\"}"

/* The login host's no is final: asked once, whoever asks for a token then. */
static void test_wrong_secret(void **state)
{
    (void)state;
    SCRIPT(ASK, {.status = 401, .challenge = "Bearer realm=\"x\"", .body = WRONG_SECRET});
    assert_fails(DVS_E_AUTH, "invalid_client (HTTP 401, code 7000215): AADSTS7000215: Invalid client secret "
                             "provided, trace 0a1b; check");
    assert_mentions("check client_id and client_secret");
    assert_null(strstr(err.message, "Correlation"));
    assert_int_equal(err.native_code, 7000215);
    assert_int_equal(err.scope, DVS_SCOPE_SOURCE);
    err = (dvs_error)DVS_ERROR_INIT;
    assert_fails(DVS_E_AUTH, "invalid_client (HTTP 401, code 7000215)");
    assert_int_equal(net.next, 2);
    assert_int_equal(net.waits, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *body;
        const char *says;
    } cases[] = {
        {400, "{\"error\":\"unauthorized_client\",\"error_codes\":[700016]}", "not known in this tenant"},
        {400,
         "{\"error\":\"invalid_scope\",\"error_description\":\"AADSTS70011: x. Trace ID: y Correlation ID: "
         "z\"}",
         "invalid_scope (HTTP 400): AADSTS70011: x; check url and scope"},
        {400, "{\"error\":\"invalid_request\",\"error_description\":\"a\\u0007b\\nc\"}",
         ": a b; check tenant_id"},
        {400, "{\"error\":\"something_new\",\"error_codes\":\"x\"}",
         "something_new (HTTP 400); check client_id"},
        {500, "{\"error\":\"invalid_client\"}", "invalid_client (HTTP 500)"},
        {400, "{\"error\":\"invalid_client\",\"error_description\":\"your s+cr&t=%/ä is wrong\"}",
         "invalid_client (HTTP 400); check"},
        {400,
         "{\"error\":\"invalid_request\","
         "\"error_description\":\"in client_secret=s%2Bcr%26t%3D%25%2F%C3%A4\"}",
         "invalid_request (HTTP 400); check"},
        {403, "<html>", "the access token: HTTP 403"},
        {404, "{\"error\":{\"code\":\"x\"}}", "the access token: HTTP 404"},
        {302, "", "the access token: HTTP 302"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct step steps[] = {ASK, {.status = cases[i].status, .body = cases[i].body}};
        script(steps, 2);
        open_auth();
        assert_int_not_equal(dataverse_auth_token(auth, NULL, NULL, token, &err), DVS_OK);
        assert_mentions(cases[i].says);
        assert_int_not_equal(dataverse_auth_token(auth, NULL, NULL, token, &err), DVS_OK);
        assert_mentions(cases[i].says);
        assert_int_equal(net.next, 2);
    }
}

static void test_long_description(void **state)
{
    (void)state;
    char body[1400] = "{\"error\":\"invalid_client\",\"error_description\":\"";
    for (int i = 0; i < 400; i++)
        strcat(body, "ä");
    strcat(body, "\"}");
    struct step steps[] = {ASK, {.status = 401, .body = body}};
    script(steps, 2);
    open_auth();
    assert_fails(DVS_E_AUTH, "ää; check client_id"); /* cut, but not within a character */
}

static void test_temporary_errors(void **state)
{
    (void)state;
    SCRIPT(ASK, {.status = 400, .body = "{\"error\":\"temporarily_unavailable\"}"},
           {.status = 429, .body = "{\"error\":\"too_many\"}"}, GIVE("T1"));
    assert_token(NULL, "T1");
    static const struct step steps2[] = {ASK, {.status = 503}, {.status = 503}, {.status = 503}, GIVE("T1")};
    script(steps2, 5);
    open_auth();
    assert_fails(DVS_E_NETWORK, "HTTP 503");
    assert_token(NULL, "T1"); /* not final, and the login host is known by now */
    assert_int_equal(net.next, 5);
}

static void test_cancelled(void **state)
{
    (void)state;
    SCRIPT(ASK, {.failure = DVS_E_CANCELLED}, GIVE("T1"));
    assert_int_equal(dataverse_auth_token(auth, NULL, NULL, token, &err), DVS_E_CANCELLED);
    assert_token(NULL, "T1");
}

/* ---- renewal ---- */

static void test_refused_token(void **state)
{
    (void)state;
    SCRIPT(ASK, GIVE("T1"), GIVE("T2"));
    assert_token(NULL, "T1");
    assert_token("T1", "T2");
    assert_token("T1", "T2"); /* another reader, whose page was refused the same token */
    assert_token(NULL, "T2");
    assert_int_equal(net.next, 3);
}

/* A token that was refused although it was new: nobody is given it again. */
static void test_dropped_token(void **state)
{
    (void)state;
    SCRIPT(ASK, GIVE("T1"), GIVE("T2"));
    assert_token(NULL, "T1");
    dataverse_auth_drop(auth, "T0"); /* an older one: T1 stays */
    assert_token(NULL, "T1");
    dataverse_auth_drop(auth, "T1");
    assert_int_equal(dataverse_auth_try_token(auth, token), 0);
    assert_token(NULL, "T2");
    dataverse_auth_drop(auth, "T1");
    assert_token(NULL, "T2");
}

/* The login host is down for a while: that is what the five minutes are for. */
static void test_a_good_token_outlives_a_failed_renewal(void **state)
{
    (void)state;
    SCRIPT(ASK, GIVE("T1"), {.status = 503}, {.failure = DVS_E_TIMEOUT}, GIVE("T2"), {.status = 503},
           {.status = 503}, {.status = 503}, {.status = 503}, {.status = 503}, {.status = 503});
    assert_token(NULL, "T1");
    now_ms += 3400 * 1000;
    assert_token(NULL, "T1");
    assert_int_equal(net.next, 3);
    assert_token(NULL, "T1"); /* and is left alone for a moment */
    assert_int_equal(net.next, 3);
    now_ms += 31 * 1000;
    assert_token(NULL, "T1");
    assert_int_equal(net.next, 4);
    assert_int_equal(net.waits, 0);
    now_ms += 31 * 1000;
    assert_token(NULL, "T2");
    /* One that was refused, or will be in a moment, is no help. */
    assert_int_equal(dataverse_auth_token(auth, "T2", NULL, token, &err), DVS_E_NETWORK);
    assert_int_equal(net.next, 8);
    now_ms += 3590 * 1000;
    assert_fails(DVS_E_NETWORK, "HTTP 503");
    assert_int_equal(net.next, 11);
}

struct asker {
    pthread_t thread;
    const char *refused;
    const atomic_int *interrupted;
    int32_t status;
    char *token;
    dvs_error err;
};

static void *ask_for_token(void *argument)
{
    struct asker *asker = argument;
    asker->err = (dvs_error)DVS_ERROR_INIT;
    asker->status = dataverse_auth_token(auth, asker->refused, asker->interrupted, asker->token, &asker->err);
    return NULL;
}

#define ASKERS 8

static void start_askers(struct asker *askers, const char *refused, const atomic_int *interrupted)
{
    for (int i = 0; i < ASKERS; i++) {
        askers[i].refused = refused;
        askers[i].interrupted = interrupted;
        askers[i].token = calloc(1, DATAVERSE_TOKEN_MAX);
        assert_non_null(askers[i].token);
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_for_token, &askers[i]), 0);
    }
}

/* Until all but the one that is at work wait for it. */
static void wait_for_waiters(void)
{
    for (;;) {
        int waiting = 0;
        pthread_mutex_lock(&auth->flights.mutex);
        waiting = dataverse_flight_waiting(&auth->flight);
        pthread_mutex_unlock(&auth->flights.mutex);
        if (waiting == ASKERS - 1)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void test_threads_share_a_token(void **state)
{
    (void)state;
    struct asker askers[ASKERS];
    SCRIPT(ASK, GIVE("T1"), GIVE("T2"));
    for (int round = 0; round < 2; round++) {
        net.hold = 1;
        start_askers(askers, round == 0 ? NULL : "T1", NULL);
        wait_for_waiters();
        net.hold = 0;
        for (int i = 0; i < ASKERS; i++) {
            pthread_join(askers[i].thread, NULL);
            assert_int_equal(askers[i].status, DVS_OK);
            assert_string_equal(askers[i].token, round == 0 ? "T1" : "T2");
            free(askers[i].token);
        }
    }
    assert_int_equal(net.next, 3);
}

/* A login host that keeps tokens may give the same again: still one request for all that were refused it. */
static void test_threads_share_the_same_token(void **state)
{
    (void)state;
    struct asker askers[ASKERS];
    SCRIPT(ASK, GIVE("T1"), GIVE("T1"));
    assert_token(NULL, "T1");
    net.hold = 1;
    start_askers(askers, "T1", NULL);
    wait_for_waiters();
    net.hold = 0;
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].status, DVS_OK);
        free(askers[i].token);
    }
    assert_int_equal(net.next, 3);
}

/* One reader that is stopped does not keep the others from their token. */
static void test_waiting_threads_are_interrupted(void **state)
{
    (void)state;
    struct asker asker = {.token = calloc(1, DATAVERSE_TOKEN_MAX)};
    struct asker waiter = {.token = calloc(1, DATAVERSE_TOKEN_MAX)};
    atomic_int interrupted = 0;
    assert_non_null(asker.token);
    assert_non_null(waiter.token);
    SCRIPT(ASK, GIVE("T1"));
    net.hold = 1;
    assert_int_equal(pthread_create(&asker.thread, NULL, ask_for_token, &asker), 0);
    while (net.open == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    waiter.interrupted = &interrupted;
    assert_int_equal(pthread_create(&waiter.thread, NULL, ask_for_token, &waiter), 0);
    interrupted = 1;
    pthread_join(waiter.thread, NULL);
    assert_int_equal(waiter.status, DVS_E_CANCELLED);
    net.hold = 0;
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.status, DVS_OK);
    assert_string_equal(asker.token, "T1");
    free(asker.token);
    free(waiter.token);
}

static void test_threads_share_a_failure(void **state)
{
    (void)state;
    struct asker askers[ASKERS];
    SCRIPT(ASK, {.status = 503}, {.status = 503}, {.status = 503});
    net.hold = 1;
    start_askers(askers, NULL, NULL);
    wait_for_waiters();
    net.hold = 0;
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].status, DVS_E_NETWORK);
        assert_string_equal(askers[i].err.message, "the access token: HTTP 503");
        free(askers[i].token);
    }
    assert_int_equal(net.next, 4);
}

static void test_waiting_threads_are_cancelled(void **state)
{
    (void)state;
    struct asker askers[ASKERS];
    SCRIPT(ASK, GIVE("T1"));
    net.hold = 1;
    start_askers(askers, NULL, NULL);
    wait_for_waiters();
    cancelled = 1;
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].status, DVS_E_CANCELLED);
        free(askers[i].token);
    }
    assert_int_equal(net.next, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lives),
        TEST(test_odd_tokens),
        TEST(test_unreadable_is_tried_again),
        TEST(test_wrong_secret),
        TEST(test_refusals),
        TEST(test_long_description),
        TEST(test_temporary_errors),
        TEST(test_cancelled),
        TEST(test_refused_token),
        TEST(test_dropped_token),
        TEST(test_a_good_token_outlives_a_failed_renewal),
        TEST(test_threads_share_a_token),
        TEST(test_threads_share_the_same_token),
        TEST(test_waiting_threads_are_interrupted),
        TEST(test_threads_share_a_failure),
        TEST(test_waiting_threads_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
