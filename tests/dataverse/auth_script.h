/*
 * auth_script.h - plays the network (http.h and retry.h) for the tests of auth: answers are handed out in the
 * order of a script, and what was asked is kept. Included by one file of a program.
 */
#ifndef AUTH_SCRIPT_H
#define AUTH_SCRIPT_H

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
    long status; /* 0: the attempt fails with `failure` */
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

int32_t dataverse_transfer_start(struct dataverse_http *http, const struct dataverse_request *request,
                                 int try_only, struct dataverse_transfer **transfer, dvs_error *err)
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

int32_t dataverse_transfer_read(struct dataverse_transfer *transfer, struct dataverse_buffer *body,
                                size_t limit, dvs_error *err)
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

int dataverse_failure(const struct dataverse_request *request, const struct dataverse_answer *answer,
                      const char *body, size_t length, dvs_error *err)
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
                             const struct dataverse_answer *answer, const atomic_int *interrupted,
                             dvs_error *err)
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

#define SCRIPT(...)                                                                                          \
    static const struct step steps[] = {__VA_ARGS__};                                                        \
    script(steps, sizeof steps / sizeof steps[0]);                                                           \
    open_auth()
#define ASK                                                                                                  \
    {                                                                                                        \
        .status = 401, .challenge = CHALLENGE, .body = "<html>no token</html>"                               \
    }
#define GIVE(name)                                                                                           \
    {                                                                                                        \
        .status = 200,                                                                                       \
        .body = "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"" name "\"}"              \
    }

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

#endif
