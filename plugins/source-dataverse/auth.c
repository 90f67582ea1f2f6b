/* auth.c - the token that all requests of a source share: kept, renewed, given out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dvsync/plugin_util.h>

#include "auth_internal.h"

/* A token is renewed when less than this is left of it: a page may take minutes, and the service looks at the
 * token when the request arrives. */
#define MARGIN_MS (INT64_C(5) * 60 * 1000)
/* When that fails, the token is used on while so much is left of it, and renewed after a while. */
#define SPARE_MS (INT64_C(60) * 1000)
#define AGAIN_MS (INT64_C(30) * 1000)

static int64_t clock_ms(void)
{
    struct timespec now;
    /* Not CLOCK_MONOTONIC: that one stands still while the machine sleeps, and the token ages. */
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int32_t dataverse_auth_no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory while getting an access token");
}

int32_t dataverse_auth_new(struct dataverse_http *http, struct dataverse_gate *gate,
                           const struct dataverse_settings *settings, struct dataverse_auth **auth,
                           dvs_error *err)
{
    *auth = NULL;
    struct dataverse_auth *new = calloc(1, sizeof *new);
    char *token = calloc(1, DATAVERSE_TOKEN_MAX);
    int32_t status = DVS_OK;
    if (new == NULL || token == NULL)
        status = dataverse_auth_no_memory(err);
    else
        status = dataverse_flights_init(&new->flights, err);
    if (status != DVS_OK) {
        free(token);
        free(new);
        return status;
    }
    new->http = http;
    new->gate = gate;
    new->settings = settings;
    new->host = dataverse_http_host(http);
    new->clock_ms = clock_ms;
    new->token = token;
    *auth = new;
    return DVS_OK;
}

void dataverse_auth_free(struct dataverse_auth *auth)
{
    if (auth == NULL)
        return;
    explicit_bzero(auth->token, DATAVERSE_TOKEN_MAX);
    free(auth->token);
    free(auth->endpoint);
    free(auth->scope);
    dataverse_flights_free(&auth->flights);
    free(auth);
}

/* One attempt. DVS_OK: an answer is in. */
static int32_t attempt(struct dataverse_auth *auth, const struct dataverse_request *request, size_t max_bytes,
                       struct dataverse_transfer **transfer, struct dataverse_buffer *body, dvs_error *err)
{
    int32_t status = dataverse_transfer_start(auth->http, request, 0, transfer, err);
    /* More than that is no answer that we wait for: what is there shall do. */
    while (status == DVS_OK && body->length <= max_bytes)
        status = dataverse_transfer_read(*transfer, body, max_bytes + 1, err);
    return status == DVS_END ? DVS_OK : status;
}

static void wipe(struct dataverse_buffer *body)
{
    if (body->data != NULL)
        explicit_bzero(body->data, body->capacity);
    dataverse_buffer_clear(body);
}

int32_t dataverse_auth_ask(struct dataverse_auth *auth, const struct dataverse_request *request,
                           size_t max_bytes, dataverse_auth_judge judge, void *context, dvs_error *err)
{
    struct dataverse_retry retry = {0};
    struct dataverse_buffer body = {0};
    struct dataverse_answer none = {.date = INT64_MIN, .retry_after_ms = -1};
    for (;;) {
        struct dataverse_transfer *transfer = NULL;
        struct dataverse_answer answer = none;
        int outcome = DATAVERSE_FAIL;
        err->native_code = 0; /* of the attempt before */
        err->retry_after_ms = 0;
        int32_t status = attempt(auth, request, max_bytes, &transfer, &body, err);
        if (transfer != NULL)
            answer = *dataverse_transfer_answer(transfer);
        if (status == DVS_OK)
            status = judge(context, request, &answer, body.data == NULL ? "" : body.data + body.start,
                           body.length, &outcome, err);
        else if (status == DVS_E_NETWORK || status == DVS_E_TIMEOUT)
            outcome = DATAVERSE_AGAIN;
        dataverse_transfer_free(transfer); /* before the wait: it holds a slot */
        answer.challenge = NULL;
        wipe(&body);
        if (status != DVS_OK && outcome == DATAVERSE_AGAIN && !auth->hurried) {
            status = dataverse_retry_wait(auth->gate, &retry, &answer, request->interrupted, err);
            if (status == DVS_OK)
                continue;
        }
        dataverse_buffer_free(&body);
        return status;
    }
}

static int32_t get_token(struct dataverse_auth *auth, const atomic_int *interrupted, char *token,
                         struct dataverse_lease *lease, int *refused, dvs_error *err)
{
    int32_t status = auth->endpoint != NULL ? DVS_OK : dataverse_auth_discover(auth, interrupted, err);
    if (status != DVS_OK)
        return status;
    int64_t asked_at = auth->clock_ms();
    int64_t life = 0;
    status = dataverse_auth_request(auth, interrupted, token, &life, refused, err);
    lease->ends_at_ms = asked_at + life;
    lease->renew_at_ms = lease->ends_at_ms - (life / 2 < MARGIN_MS ? life / 2 : MARGIN_MS);
    return status;
}

/* With the mutex held: the token is another one than `refused`, and good at a time. */
static int has_token(const struct dataverse_auth *auth, const char *refused, int64_t until_ms)
{
    return auth->token[0] != '\0' && (refused == NULL || strcmp(auth->token, refused) != 0) &&
           auth->clock_ms() < until_ms;
}

static int has_fresh_token(const struct dataverse_auth *auth, const char *refused)
{
    return has_token(auth, refused, auth->lease.renew_at_ms);
}

static int has_spare_token(const struct dataverse_auth *auth, const char *refused)
{
    return has_token(auth, refused, auth->lease.ends_at_ms - SPARE_MS);
}

static void say_late(const struct dataverse_auth *auth, const dvs_error *err)
{
    char line[DVS_ERROR_MESSAGE_SIZE + 100];
    snprintf(line, sizeof line, "%s; going on with the access token that there is", err->message);
    auth->host->log(auth->host, DVS_LOG_WARN, line);
}

/* With the mutex held, which is given back meanwhile, by the thread whose turn it is. */
static int32_t renew(struct dataverse_auth *auth, const char *refused, const atomic_int *interrupted,
                     char *token, dvs_error *err)
{
    struct dataverse_lease lease = {0, 0};
    int for_good = 0;
    auth->hurried = has_spare_token(auth, refused);
    pthread_mutex_unlock(&auth->flights.mutex);
    int32_t status = get_token(auth, interrupted, token, &lease, &for_good, err);
    int late = auth->hurried && status != DVS_OK && status != DVS_E_CANCELLED && !for_good;
    if (late)
        say_late(auth, err);
    pthread_mutex_lock(&auth->flights.mutex);
    if (status == DVS_OK) {
        memcpy(auth->token, token, strlen(token) + 1);
        auth->lease = lease;
    } else if (for_good) {
        auth->refused = 1;
        auth->refusal = *err;
    } else if (late && has_spare_token(auth, refused)) {
        auth->lease.renew_at_ms = auth->clock_ms() + AGAIN_MS;
        memcpy(token, auth->token, strlen(auth->token) + 1);
        status = DVS_OK;
    }
    return status;
}

int dataverse_auth_try_token(struct dataverse_auth *auth, char *token)
{
    pthread_mutex_lock(&auth->flights.mutex);
    int good = !auth->flight.busy && has_fresh_token(auth, NULL);
    if (good)
        memcpy(token, auth->token, strlen(auth->token) + 1);
    pthread_mutex_unlock(&auth->flights.mutex);
    return good;
}

void dataverse_auth_drop(struct dataverse_auth *auth, const char *token)
{
    pthread_mutex_lock(&auth->flights.mutex);
    if (strcmp(auth->token, token) == 0)
        explicit_bzero(auth->token, DATAVERSE_TOKEN_MAX);
    pthread_mutex_unlock(&auth->flights.mutex);
}

int32_t dataverse_auth_token(struct dataverse_auth *auth, const char *refused, const atomic_int *interrupted,
                             char *token, dvs_error *err)
{
    int32_t status = DVS_OK;
    pthread_mutex_lock(&auth->flights.mutex);
    for (;;) {
        if (auth->refused) {
            *err = auth->refusal;
            status = err->status;
            break;
        }
        if (has_fresh_token(auth, refused)) {
            memcpy(token, auth->token, strlen(auth->token) + 1);
            break;
        }
        int mine = 0;
        status = dataverse_flight_board(&auth->flights, &auth->flight, auth->host, interrupted, &mine, err);
        if (status != DVS_OK)
            break;
        if (!mine) {
            refused = NULL; /* what the other one got is newer than what was refused */
            continue;
        }
        /* It may have come while we waited for somebody who was cancelled. */
        if (auth->refused || has_fresh_token(auth, refused)) {
            dataverse_flight_land(&auth->flights, &auth->flight, DVS_OK, err);
            continue;
        }
        status = renew(auth, refused, interrupted, token, err);
        dataverse_flight_land(&auth->flights, &auth->flight, status, err);
        break; /* even one that lives for a moment only: it is the newest there is */
    }
    pthread_mutex_unlock(&auth->flights.mutex);
    return status;
}
