/*
 * Behaviour of auth: where it asks, what it sends and to whom, what it makes of the answers. The network (http.h and
 * retry.h) is played by this file: answers are handed out in the order of a script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <dvsync/plugin_util.h>

#include "auth_internal.h"

#define TENANT "11112222-3333-4444-5555-666677778888"
#define LOGIN "https://login.microsoftonline.com/" TENANT "/oauth2/authorize"
#define ORG "https://org.crm4.dynamics.com"
#define CHALLENGE "Bearer authorization_uri=" LOGIN ", resource_id=" ORG "/"
#define TOKEN_URL "https://login.microsoftonline.com/" TENANT "/oauth2/v2.0/token"

/* ---- the network ---- */

struct step {
    long status;           /* 0: the attempt fails with `failure` */
    int32_t failure;
    const char *challenge; /* of a 401 */
    const char *body;
};

struct seen {
    char url[400];
    char form[600];
    char bearer[32];
};

static struct {
    pthread_mutex_t mutex;
    const struct step *steps;
    size_t n_steps;
    size_t next;
    struct seen seen[64];
    int waits;
    _Atomic int hold; /* answers do not come while it is set */
    _Atomic int open; /* transfers that are under way */
    char log[600];
} net = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Atomic int cancelled;

static int32_t host_cancelled(const dvs_host *host)
{
    (void)host;
    return cancelled;
}

static void host_log(const dvs_host *host, int32_t level, const char *message)
{
    (void)host;
    (void)level;
    snprintf(net.log, sizeof net.log, "%s", message);
}

static const dvs_host host = {.struct_size = sizeof host, .cancelled = host_cancelled, .log = host_log};

struct dataverse_transfer {
    const struct step *step;
    struct dataverse_answer answer;
    char challenge[600];
    size_t given;
};

const dvs_host *dataverse_http_host(const struct dataverse_http *http)
{
    (void)http;
    return &host;
}

int32_t dataverse_transfer_start(struct dataverse_http *http, const struct dataverse_request *request, int try_only,
                                 struct dataverse_transfer **transfer, dvs_error *err)
{
    (void)http;
    (void)try_only;
    (void)err;
    struct dataverse_transfer *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    pthread_mutex_lock(&net.mutex);
    if (net.next >= net.n_steps || net.next >= 64) {
        fprintf(stderr, "a request too many: %s\n", request->url);
        abort();
    }
    struct seen *seen = &net.seen[net.next];
    snprintf(seen->url, sizeof seen->url, "%s", request->url);
    snprintf(seen->form, sizeof seen->form, "%s", request->form == NULL ? "" : request->form);
    snprintf(seen->bearer, sizeof seen->bearer, "%s", request->bearer == NULL ? "" : request->bearer);
    t->step = &net.steps[net.next++];
    net.open++;
    pthread_mutex_unlock(&net.mutex);
    t->answer.status = t->step->status;
    t->answer.retry_after_ms = -1;
    t->answer.date = INT64_MIN;
    if (t->step->challenge != NULL) {
        snprintf(t->challenge, sizeof t->challenge, "%s", t->step->challenge);
        t->answer.challenge = t->challenge;
    }
    *transfer = t;
    return DVS_OK;
}

int32_t dataverse_transfer_read(struct dataverse_transfer *transfer, struct dataverse_buffer *body, size_t limit,
                                dvs_error *err)
{
    (void)limit;
    while (net.hold) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        if (cancelled)
            return dvs_fail(err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
    }
    if (transfer->step->failure != 0)
        return dvs_fail(err, transfer->step->failure, DVS_SCOPE_STREAM, "the connection broke");
    const char *text = transfer->step->body == NULL ? "" : transfer->step->body;
    size_t left = strlen(text) - transfer->given;
    if (left == 0)
        return DVS_END;
    size_t n = left < 7 ? left : 7; /* in pieces, as it comes */
    assert_int_equal(dataverse_buffer_add(body, text + transfer->given, n), 0);
    transfer->given += n;
    return DVS_OK;
}

const struct dataverse_answer *dataverse_transfer_answer(const struct dataverse_transfer *transfer)
{
    return &transfer->answer;
}

void dataverse_transfer_free(struct dataverse_transfer *transfer)
{
    if (transfer != NULL)
        net.open--;
    free(transfer);
}

int dataverse_failure(const struct dataverse_request *request, const struct dataverse_answer *answer, const char *body,
                      size_t length, dvs_error *err)
{
    (void)body;
    (void)length;
    int again = answer->status == 429 || (answer->status >= 500 && answer->status != 501);
    dvs_fail(err, again ? DVS_E_NETWORK : DVS_E_PERMISSION, DVS_SCOPE_STREAM, "%s: HTTP %ld", request->what,
             answer->status);
    return again ? DATAVERSE_AGAIN : DATAVERSE_FAIL;
}

/* Three attempts. */
int32_t dataverse_retry_wait(struct dataverse_gate *gate, struct dataverse_retry *retry,
                             const struct dataverse_answer *answer, const atomic_int *interrupted, dvs_error *err)
{
    (void)interrupted;
    (void)gate;
    assert_non_null(answer);
    if (net.open != 0)
        fail_msg("a transfer is open while the next attempt is waited for");
    net.waits++;
    retry->attempts++;
    return retry->attempts < 3 ? DVS_OK : err->status;
}

/* ---- a source ---- */

static struct dataverse_settings settings;
static struct dataverse_auth *auth;
static char token[DATAVERSE_TOKEN_MAX];
static dvs_error err = DVS_ERROR_INIT;
static _Atomic int64_t now_ms;

static int64_t fake_clock(void)
{
    return now_ms;
}

static void script(const struct step *steps, size_t n)
{
    memset(net.seen, 0, sizeof net.seen);
    net.steps = steps;
    net.n_steps = n;
    net.next = 0;
    net.waits = 0;
    net.hold = 0;
    net.log[0] = '\0';
    cancelled = 0;
    now_ms = 1000000;
}

static void open_auth(void)
{
    dataverse_auth_free(auth);
    auth = NULL;
    err = (dvs_error)DVS_ERROR_INIT;
    memset(&settings.origin, 0, sizeof settings.origin);
    memset(&settings.authority_origin, 0, sizeof settings.authority_origin);
    assert_int_equal(dataverse_url_origin(settings.url, &settings.origin), 0);
    if (settings.authority != NULL)
        assert_int_equal(dataverse_url_origin(settings.authority, &settings.authority_origin), 0);
    assert_int_equal(dataverse_auth_new(NULL, NULL, &settings, &auth, &err), DVS_OK);
    auth->clock_ms = fake_clock;
}

static int setup(void **state)
{
    (void)state;
    settings = (struct dataverse_settings){
        .url = ORG, .client_id = "app", .client_secret = "s+cr&t=%/ä", .api_version = "v9.2"};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dataverse_auth_free(auth);
    auth = NULL;
    return 0;
}

#define SCRIPT(...)                                                                                                    \
    static const struct step steps[] = {__VA_ARGS__};                                                                  \
    script(steps, sizeof steps / sizeof steps[0]);                                                                     \
    open_auth()
#define ASK {.status = 401, .challenge = CHALLENGE, .body = "<html>no token</html>"}
#define GIVE(name) {.status = 200, .body = "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"" name "\"}"}

static void assert_mentions(const char *text)
{
    if (strstr(err.message, text) == NULL)
        fail_msg("no \"%s\" in: %s", text, err.message);
    assert_null(strchr(err.message, '\n'));
    assert_null(strstr(err.message, settings.client_secret));
}

static void assert_fails(int32_t status, const char *text)
{
    assert_int_equal(dataverse_auth_token(auth, NULL, NULL, token, &err), status);
    assert_int_equal(err.status, status);
    assert_mentions(text);
}

static void assert_token(const char *refused, const char *wanted)
{
    int32_t status = dataverse_auth_token(auth, refused, NULL, token, &err);
    if (status != DVS_OK)
        fail_msg("status %d: %s", status, err.message);
    assert_string_equal(token, wanted);
}

/* No secret went anywhere but to the login host. */
static void assert_no_secret_sent(void)
{
    for (size_t i = 0; i < net.next; i++)
        assert_string_equal(net.seen[i].form, "");
}

/* ---- discovery ---- */

static void test_discovers(void **state)
{
    (void)state;
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[0].url, ORG "/api/data/v9.2/");
    assert_string_equal(net.seen[0].form, "");
    assert_string_equal(net.seen[0].bearer, "");
    assert_string_equal(net.seen[1].url, TOKEN_URL);
    assert_string_equal(net.seen[1].form, "client_id=app&scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"
                                          "client_secret=s%2Bcr%26t%3D%25%2F%C3%A4&grant_type=client_credentials");
    assert_token(NULL, "T1"); /* kept */
    token[0] = '\0';
    assert_int_equal(dataverse_auth_try_token(auth, token), 1);
    assert_string_equal(token, "T1");
    now_ms += 3300000;
    assert_int_equal(dataverse_auth_try_token(auth, token), 0);
    assert_int_equal(net.next, 2);
}

static void test_settings_go_first(void **state)
{
    (void)state;
    settings.url = ORG "/";
    settings.tenant_id = "contoso.example";
    settings.scope = "https://other.example/.default";
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[0].url, ORG "/api/data/v9.2/");
    assert_string_equal(net.seen[1].url, "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
    assert_non_null(strstr(net.seen[1].form, "scope=https%3A%2F%2Fother.example%2F.default&"));
}

static void test_authority_needs_no_discovery(void **state)
{
    (void)state;
    settings.authority = "https://login.example:8443/my-tenant/";
    SCRIPT(GIVE("T1"), GIVE("T2"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[0].url, "https://login.example:8443/my-tenant/oauth2/v2.0/token");
    assert_non_null(strstr(net.seen[0].form, "scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"));
    settings.tenant_id = "other-tenant";
    open_auth();
    assert_token(NULL, "T2");
    assert_string_equal(net.seen[1].url, "https://login.example:8443/other-tenant/oauth2/v2.0/token");
}

static void test_authority_without_tenant(void **state)
{
    (void)state;
    settings.authority = "https://login.example";
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "https://login.example/" TENANT "/oauth2/v2.0/token");
}

static void test_common_is_organizations(void **state)
{
    (void)state;
    SCRIPT({.status = 401, .challenge = "bearer authorization_uri=\"https://login.windows.net/Common/oauth2/authorize\""},
           GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "https://login.windows.net/organizations/oauth2/v2.0/token");
}

/* A token for another resource would let the organisation act there in our name. */
static void test_resource_of_another_host(void **state)
{
    (void)state;
    SCRIPT({.status = 401, .challenge = "Bearer authorization_uri=" LOGIN ", resource_id=https://graph.microsoft.com/"},
           GIVE("T1"));
    assert_token(NULL, "T1");
    assert_non_null(strstr(net.seen[1].form, "scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"));
    assert_non_null(strstr(net.log, "graph.microsoft.com"));
}

static void test_resource_without_api(void **state)
{
    (void)state;
    settings.url = "https://org.api.crm4.dynamics.com";
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_non_null(strstr(net.seen[1].form, "scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"));
}

static void test_no_organisation(void **state)
{
    (void)state;
    static const long statuses[] = {404, 400, 200, 302};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct step steps[] = {{.status = statuses[i], .body = "<html>hello</html>"}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_CONFIG, "https://org.crm4.dynamics.com is no Dataverse organisation");
        assert_int_equal(net.next, 1);
    }
}

static void test_useless_challenges(void **state)
{
    (void)state;
    static const char *const challenges[] = {NULL, "Bearer", "Basic realm=\"x\"", "Bearer resource_id=" ORG "/"};
    for (size_t i = 0; i < sizeof challenges / sizeof challenges[0]; i++) {
        struct step steps[] = {{.status = 401, .challenge = challenges[i]}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_PROTOCOL, "set authority");
    }
    static const char *const odd[] = {
        "Bearer authorization_uri=https://login.microsoftonline.com/", "Bearer authorization_uri=https://login.microsoftonline.com",
        "Bearer authorization_uri=https://login.microsoftonline.com/../x", "Bearer authorization_uri=https://login.microsoftonline.com/a%2fb/x",
        "Bearer authorization_uri=/t/oauth2", "Bearer authorization_uri=ftp://login.microsoftonline.com/t"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct step steps[] = {{.status = 401, .challenge = odd[i]}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_PROTOCOL, "the organisation named a login");
        assert_int_equal(net.next, 1);
    }
}

static void test_discovery_is_tried_again(void **state)
{
    (void)state;
    SCRIPT({.status = 503}, {.failure = DVS_E_NETWORK}, ASK, {.status = 429}, {.failure = DVS_E_TIMEOUT}, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_int_equal(net.waits, 4);
    static const struct step down[] = {{.status = 503}, {.status = 502}, {.status = 504}};
    script(down, 3);
    open_auth();
    assert_fails(DVS_E_NETWORK, "HTTP 504");
}

/* ---- where the secret goes ---- */

static void test_secret_stays_home(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "https://evil.example/" TENANT "/oauth2/authorize",
        "https://login.microsoftonline.com.evil.example/" TENANT,
        "https://evillogin.microsoftonline.com/" TENANT,
        "http://login.microsoftonline.com/" TENANT,
        "https://login.microsoftonline.com:8443/" TENANT,
        "https://127.0.0.1.evil.example/" TENANT,
    };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char challenge[300];
        snprintf(challenge, sizeof challenge, "Bearer authorization_uri=%s, resource_id=" ORG "/", hosts[i]);
        struct step steps[] = {{.status = 401, .challenge = challenge}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_AUTH, "the client secret was not sent to");
        assert_mentions("set authority");
        assert_int_equal(net.next, 1);
        assert_no_secret_sent();
    }
    /* user info in an address hides the host behind it: no address at all */
    static const struct step user[] = {
        {.status = 401, .challenge = "Bearer authorization_uri=https://login.microsoftonline.com@evil.example/" TENANT}};
    script(user, 1);
    open_auth();
    assert_fails(DVS_E_PROTOCOL, "no address");
    assert_no_secret_sent();
}

static void test_secret_and_authority(void **state)
{
    (void)state;
    settings.authority = "http://login.example/t";
    SCRIPT({.status = 500});
    assert_fails(DVS_E_CONFIG, "login.example");
    assert_int_equal(net.next, 0);
    /* the host of authority may have it, whoever the organisation names */
    settings.authority = "https://login.example";
    static const struct step steps2[] = {
        {.status = 401, .challenge = "Bearer authorization_uri=https://evil.example/" TENANT "/x"}, GIVE("T1")};
    script(steps2, 2);
    open_auth();
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "https://login.example/" TENANT "/oauth2/v2.0/token");
    /* loopback may have it, and plainly */
    settings.authority = NULL;
    settings.url = "http://127.0.0.1:8080";
    static const struct step steps3[] = {
        {.status = 401, .challenge = "Bearer authorization_uri=http://127.0.0.1:8080/t/oauth2/authorize, "
                                     "resource_id=http://localhost:8080/"},
        GIVE("T1")};
    script(steps3, 2);
    open_auth();
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "http://127.0.0.1:8080/t/oauth2/v2.0/token");
    assert_non_null(strstr(net.seen[1].form, "scope=http%3A%2F%2Flocalhost%3A8080%2F.default&"));
}

/* ---- the token ---- */

static void test_lives(void **state)
{
    (void)state;
    static const struct {
        const char *expires;
        int64_t good_ms;
    } lives[] = {
        {",\"expires_in\":3599", 3299000}, {",\"expires_in\":\"3599\"", 3299000}, {",\"expires_in\":60", 30000},
        {",\"expires_in\":600", 300000},   {",\"expires_in\":601", 301000},       {"", 3299000},
        {",\"expires_in\":null", 3299000}, {",\"expires_in\":3599.5", 3299000},   {",\"expires_in\":1", 500},
        {",\"expires_in\":9e30", INT64_C(28) * 86400000 - 300000},
    };
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"access_token\":\"T1\",\"token_type\":\"bearer\"%s}", lives[i].expires);
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
    static const char *const bodies[] = {
        "[]", "{}", "{\"access_token\":7}", "{\"access_token\":\"\"}", "{\"access_token\":\"a b\"}",
        "{\"access_token\":\"a\\r\\nX: y\"}", "{\"access_token\":\"\\u00e4\"}",
        "{\"access_token\":\"T1\",\"token_type\":\"pop\"}", "{\"access_token\":\"T1\",\"token_type\":1}",
        "{\"access_token\":\"T1\",\"expires_in\":0}", "{\"access_token\":\"T1\",\"expires_in\":-5}",
        "{\"access_token\":\"T1\",\"expires_in\":\"soon\"}", "{\"access_token\":\"T1\",\"expires_in\":true}"};
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
    SCRIPT(ASK, {.status = 200, .body = "<html>"}, {.status = 200, .body = "{\"access_token\":\"T"}, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_int_equal(net.waits, 2);
}

#define WRONG_SECRET                                                                                                   \
    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client secret provided.\\r\\nTrace "  \
    "ID: 0a1b\\r\\nCorrelation ID: ffff\\r\\nTimestamp: 2026-11-21 10:00:00Z\",\"error_codes\":[7000215],"             \
    "\"trace_id\":\"0a1b\",\"correlation_id\":\"ffff\"}"

/* The login host's no is final: asked once, whoever asks for a token then. */
static void test_wrong_secret(void **state)
{
    (void)state;
    SCRIPT(ASK, {.status = 401, .challenge = "Bearer realm=\"x\"", .body = WRONG_SECRET});
    assert_fails(DVS_E_AUTH, "invalid_client (HTTP 401, code 7000215): AADSTS7000215: Invalid client secret provided.");
    assert_mentions("check client_id and client_secret");
    assert_mentions("trace 0a1b");
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
        {400, "{\"error\":\"invalid_scope\",\"error_description\":\"AADSTS70011: x. Trace ID: y Correlation ID: z\"}",
         "invalid_scope (HTTP 400): AADSTS70011: x.; check url and scope"},
        {400, "{\"error\":\"invalid_request\",\"error_description\":\"a\\u0007b\\nc\"}", ": a b; check tenant_id"},
        {400, "{\"error\":\"something_new\",\"error_codes\":\"x\"}", "something_new (HTTP 400); check client_id"},
        {500, "{\"error\":\"invalid_client\"}", "invalid_client (HTTP 500)"},
        {400, "{\"error\":\"invalid_client\",\"error_description\":\"your s+cr&t=%/ä is wrong\"}",
         "invalid_client (HTTP 400); check"},
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

struct asker {
    pthread_t thread;
    const char *refused;
    int32_t status;
    char *token;
    dvs_error err;
};

static void *ask_for_token(void *argument)
{
    struct asker *asker = argument;
    asker->err = (dvs_error)DVS_ERROR_INIT;
    asker->status = dataverse_auth_token(auth, asker->refused, NULL, asker->token, &asker->err);
    return NULL;
}

#define ASKERS 8

static void start_askers(struct asker *askers, const char *refused)
{
    for (int i = 0; i < ASKERS; i++) {
        askers[i].refused = refused;
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
        start_askers(askers, round == 0 ? NULL : "T1");
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

static void test_threads_share_a_failure(void **state)
{
    (void)state;
    struct asker askers[ASKERS];
    SCRIPT(ASK, {.status = 503}, {.status = 503}, {.status = 503});
    net.hold = 1;
    start_askers(askers, NULL);
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
    start_askers(askers, NULL);
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
        TEST(test_discovers),
        TEST(test_settings_go_first),
        TEST(test_authority_needs_no_discovery),
        TEST(test_authority_without_tenant),
        TEST(test_common_is_organizations),
        TEST(test_resource_of_another_host),
        TEST(test_resource_without_api),
        TEST(test_no_organisation),
        TEST(test_useless_challenges),
        TEST(test_discovery_is_tried_again),
        TEST(test_secret_stays_home),
        TEST(test_secret_and_authority),
        TEST(test_lives),
        TEST(test_odd_tokens),
        TEST(test_unreadable_is_tried_again),
        TEST(test_wrong_secret),
        TEST(test_refusals),
        TEST(test_long_description),
        TEST(test_temporary_errors),
        TEST(test_cancelled),
        TEST(test_refused_token),
        TEST(test_threads_share_a_token),
        TEST(test_threads_share_a_failure),
        TEST(test_waiting_threads_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
