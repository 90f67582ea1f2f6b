/* api.c - authorised GETs below the organisation's address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "api.h"
#include "retry.h"

/* Read of an error's body; what is behind it tells nobody anything. */
#define ERROR_BODY_MAX ((size_t)65536)

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "memory is out");
}

/* ---- The object ---- */

int32_t dataverse_api_init(struct dataverse_api *api, const dvs_host *host,
                           const struct dataverse_settings *settings, dvs_error *err)
{
    struct dataverse_http_options options = {settings->timeout_seconds, settings->max_concurrent,
                                             settings->ca_file};
    size_t length = strlen(settings->url);
    int32_t status;
    memset(api, 0, sizeof *api);
    api->settings = settings;
    api->origin = settings->origin;
    while (length > 0 && settings->url[length - 1] == '/')
        length--;
    if (asprintf(&api->base, "%.*s/api/data/%s/", (int)length, settings->url, settings->api_version) < 0) {
        api->base = NULL;
        return no_memory(err);
    }
    api->gate = dataverse_gate_new(host, settings->max_retries);
    if (api->gate == NULL) {
        status = no_memory(err);
        goto fail;
    }
    status = dataverse_http_new(host, &options, &api->http, err);
    if (status != DVS_OK)
        goto fail;
    dataverse_http_use_gate(api->http, api->gate);
    status = dataverse_auth_new(api->http, api->gate, settings, &api->auth, err);
    if (status == DVS_OK)
        return DVS_OK;
fail:
    dataverse_api_free(api);
    return status;
}

void dataverse_api_free(struct dataverse_api *api)
{
    dataverse_auth_free(api->auth);
    dataverse_http_free(api->http);
    dataverse_gate_free(api->gate);
    free(api->base);
    memset(api, 0, sizeof *api);
}

/* ---- Attempts ---- */

static struct dataverse_request make_request(const struct dataverse_pull *pull)
{
    struct dataverse_request request = {0};
    request.url = pull->url;
    request.accept = pull->accept;
    request.prefer = pull->prefer;
    request.bearer = pull->token;
    request.what = pull->what;
    request.interrupted = pull->interrupted;
    return request;
}

static void drop(struct dataverse_pull *pull)
{
    dataverse_transfer_free(pull->transfer);
    pull->transfer = NULL;
    pull->headers = 0;
}

/* An attempt that may be repeated: waits. DATAVERSE_PAGE_AGAIN, or the error that stands. */
static int32_t again(struct dataverse_pull *pull, const struct dataverse_answer *answer, dvs_error *err)
{
    int32_t status;
    struct dataverse_answer kept = {0};
    kept.retry_after_ms = -1;
    if (answer != NULL) {
        kept.status = answer->status;
        kept.retry_after_ms = answer->retry_after_ms;
    }
    /* Its slot is given back before the wait. */
    drop(pull);
    status = dataverse_retry_wait(pull->api->gate, &pull->retry, &kept, pull->interrupted, err);
    return status == DVS_OK ? DATAVERSE_PAGE_AGAIN : status;
}

/* What comes from the network and may go away by itself. */
static int32_t broken(struct dataverse_pull *pull, int32_t status, int *outcome, dvs_error *err)
{
    if (status != DVS_E_NETWORK && status != DVS_E_TIMEOUT) {
        drop(pull);
        return status;
    }
    *outcome = DATAVERSE_AGAIN;
    return again(pull, NULL, err);
}

/* The token was refused: once more with a new one. */
static int32_t renew(struct dataverse_pull *pull, dvs_error *err)
{
    char *refused = strdup(pull->token);
    int32_t status;
    drop(pull);
    if (refused == NULL)
        return no_memory(err);
    pull->renewed = 1;
    status = dataverse_auth_token(pull->api->auth, refused, pull->interrupted, pull->token, err);
    explicit_bzero(refused, strlen(refused));
    free(refused);
    return status == DVS_OK ? DATAVERSE_PAGE_AGAIN : status;
}

/* An answer that is no 200: reads what it says and acts on it. */
static int32_t refused(struct dataverse_pull *pull, int *outcome, dvs_error *err)
{
    const struct dataverse_answer *answer = dataverse_transfer_answer(pull->transfer);
    const struct dataverse_request request = make_request(pull);
    struct dataverse_buffer body = {0};
    int32_t status;
    do
        status = dataverse_transfer_read(pull->transfer, &body, ERROR_BODY_MAX, err);
    while (status == DVS_OK && body.length < ERROR_BODY_MAX);
    if (status == DVS_E_CANCELLED || status == DVS_E_NO_MEMORY) {
        dataverse_buffer_free(&body);
        drop(pull);
        return status;
    }
    /* A body that breaks off does not change what the status says. */
    if (answer->status < 300) {
        *outcome = DATAVERSE_FAIL;
        status = dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM, "%s: HTTP %ld where only 200 makes sense",
                          pull->what, answer->status);
    } else {
        *outcome = dataverse_failure(&request, answer, body.length > 0 ? body.data + body.start : "",
                                     body.length, err);
        status = err->status;
    }
    dataverse_buffer_free(&body);
    if (*outcome == DATAVERSE_AGAIN)
        return again(pull, answer, err);
    if (*outcome == DATAVERSE_UNAUTHORIZED && !pull->renewed)
        return renew(pull, err);
    if (*outcome == DATAVERSE_UNAUTHORIZED)
        dataverse_auth_drop(pull->api->auth, pull->token);
    drop(pull);
    return status;
}

static int32_t begin(struct dataverse_pull *pull, dvs_error *err)
{
    struct dataverse_request request;
    int32_t status = dataverse_auth_token(pull->api->auth, NULL, pull->interrupted, pull->token, err);
    if (status != DVS_OK)
        return status;
    request = make_request(pull);
    return dataverse_transfer_start(pull->api->http, &request, 0, &pull->transfer, err);
}

/* ---- Pages ---- */

static char *copy_or_null(const char *text, int *failed)
{
    char *copy = NULL;
    if (text == NULL)
        return NULL;
    copy = strdup(text);
    if (copy == NULL)
        *failed = 1;
    return copy;
}

/* Where the bearer token may go: the organisation's own address, nowhere else. */
static int32_t check_address(struct dataverse_pull *pull, const char *url, dvs_error *err)
{
    struct dataverse_origin origin;
    char where[200];
    if (pull->url != NULL && dataverse_url_origin(pull->url, &origin) == 0 &&
        dataverse_url_same_origin(&origin, &pull->api->origin))
        return DVS_OK;
    dataverse_url_for_message(pull->url != NULL ? pull->url : url, where, sizeof where);
    return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
                    "%s: the link to it leads away from the organisation, to %s; it is not followed",
                    pull->what, where);
}

static int32_t open_pull(struct dataverse_pull *pull, struct dataverse_api *api, const char *url,
                         const char *accept, const char *prefer, const char *what,
                         const atomic_int *interrupted, dvs_error *err)
{
    int failed = 0;
    int32_t status;
    memset(pull, 0, sizeof *pull);
    pull->api = api;
    pull->interrupted = interrupted;
    pull->date = INT64_MIN;
    pull->accept = copy_or_null(accept, &failed);
    pull->prefer = copy_or_null(prefer, &failed);
    pull->what = copy_or_null(what, &failed);
    pull->token = calloc(1, DATAVERSE_TOKEN_MAX);
    pull->url = dataverse_url_resolve(api->base, url);
    if (failed || pull->token == NULL)
        status = no_memory(err);
    else
        status = check_address(pull, url, err);
    if (status != DVS_OK)
        dataverse_pull_close(pull);
    return status;
}

int32_t dataverse_pull_open(struct dataverse_pull *pull, struct dataverse_api *api, const char *url,
                            const char *prefer, const char *what, const atomic_int *interrupted, int ahead,
                            dvs_error *err)
{
    int32_t status = open_pull(pull, api, url, NULL, prefer, what, interrupted, err);
    if (status == DVS_OK && ahead && dataverse_auth_try_token(api->auth, pull->token)) {
        const struct dataverse_request request = make_request(pull);
        dvs_error ignored = DVS_ERROR_INIT;
        /* What fails now fails once more when somebody waits for it, and is told then. */
        (void)dataverse_transfer_start(api->http, &request, 1, &pull->transfer, &ignored);
    }
    return status;
}

int32_t dataverse_pull_read(struct dataverse_pull *pull, struct dataverse_buffer *body, size_t limit,
                            int *outcome, dvs_error *err)
{
    int ignored;
    int32_t status;
    if (outcome == NULL)
        outcome = &ignored;
    *outcome = DATAVERSE_FAIL;
    if (pull->transfer == NULL) {
        status = begin(pull, err);
        if (status != DVS_OK)
            return status;
    }
    if (!pull->headers) {
        status = dataverse_transfer_headers(pull->transfer, err);
        if (status != DVS_OK)
            return broken(pull, status, outcome, err);
        if (pull->date == INT64_MIN)
            pull->date = dataverse_transfer_answer(pull->transfer)->date;
        if (dataverse_transfer_answer(pull->transfer)->status != 200)
            return refused(pull, outcome, err);
        pull->headers = 1;
    }
    status = dataverse_transfer_read(pull->transfer, body, limit, err);
    if (status != DVS_OK && status != DVS_END)
        return broken(pull, status, outcome, err);
    return status;
}

void dataverse_pull_fill(struct dataverse_pull *pull, struct dataverse_buffer *body, size_t limit)
{
    if (pull->transfer != NULL && pull->headers)
        dataverse_transfer_fill(pull->transfer, body, limit);
    else if (pull->transfer != NULL)
        dataverse_transfer_nudge(pull->transfer);
}

int dataverse_pull_complete(const struct dataverse_pull *pull)
{
    return pull->transfer != NULL && pull->headers && dataverse_transfer_is_given(pull->transfer);
}

int32_t dataverse_pull_unreadable(struct dataverse_pull *pull, const char *problem, dvs_error *err)
{
    char where[200];
    dataverse_url_for_message(pull->url, where, sizeof where);
    dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM, "%s (%s): the answer cannot be read: %s", pull->what,
             where, problem);
    return again(pull, NULL, err);
}

void dataverse_pull_close(struct dataverse_pull *pull)
{
    dataverse_transfer_free(pull->transfer);
    if (pull->token != NULL)
        explicit_bzero(pull->token, DATAVERSE_TOKEN_MAX);
    free(pull->token);
    free(pull->url);
    free(pull->accept);
    free(pull->prefer);
    free(pull->what);
    memset(pull, 0, sizeof *pull);
}

/* ---- Documents ---- */

int32_t dataverse_api_get(struct dataverse_api *api, const char *path, const char *accept, const char *what,
                          size_t max_bytes, int (*check)(const char *body, size_t length),
                          const atomic_int *interrupted, struct dataverse_buffer *body, int *outcome,
                          dvs_error *err)
{
    struct dataverse_pull pull;
    int ignored;
    int32_t status;
    if (outcome == NULL)
        outcome = &ignored;
    *outcome = DATAVERSE_FAIL;
    dataverse_buffer_clear(body);
    status = open_pull(&pull, api, path, accept, NULL, what, interrupted, err);
    if (status != DVS_OK)
        return status;
    for (;;) {
        status = dataverse_pull_read(&pull, body, max_bytes, outcome, err);
        if (status == DVS_END && check != NULL &&
            check(body->length > 0 ? body->data + body->start : "", body->length)) {
            *outcome = DATAVERSE_AGAIN;
            status = dataverse_pull_unreadable(&pull, "it is not what was asked for, or not all of it", err);
        }
        if (status == DATAVERSE_PAGE_AGAIN) {
            dataverse_buffer_clear(body);
        } else if (body->length > max_bytes && (status == DVS_OK || status == DVS_END)) {
            status = dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM, "%s: the answer has more than %zu bytes",
                              what, max_bytes);
            break;
        } else if (status != DVS_OK) {
            break;
        }
    }
    dataverse_pull_close(&pull);
    return status == DVS_END ? DVS_OK : status;
}
