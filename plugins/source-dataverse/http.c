/* http.c - what all requests of a source share: lines (handles with their kept connections), slots, names,
 * TLS sessions. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dvsync/plugin_util.h>

#include "http_internal.h"

/* A transfer that nobody has driven for so long is not counted against max_concurrent. */
#define STALLED_MS 10000

#define POLL_NS 50000000L

int64_t dataverse_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int32_t dataverse_check_cancelled(const dvs_host *host, const atomic_int *interrupted, dvs_error *err)
{
    if ((interrupted == NULL || atomic_load(interrupted) == 0) && !host->cancelled(host))
        return DVS_OK;
    return dvs_fail(err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
}

/* ---- The object ---- */

static int32_t init_curl(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? DVS_OK : DVS_E_INTERNAL;
}

static void share_lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *context)
{
    struct dataverse_http *http = context;
    (void)easy;
    (void)access;
    pthread_mutex_lock(&http->share_mutex[data]);
}

static void share_unlock(CURL *easy, curl_lock_data data, void *context)
{
    struct dataverse_http *http = context;
    (void)easy;
    pthread_mutex_unlock(&http->share_mutex[data]);
}

static CURLSH *make_share(struct dataverse_http *http)
{
    CURLSH *share = curl_share_init();
    if (share == NULL)
        return NULL;
    if (curl_share_setopt(share, CURLSHOPT_LOCKFUNC, share_lock) != CURLSHE_OK ||
        curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, share_unlock) != CURLSHE_OK ||
        curl_share_setopt(share, CURLSHOPT_USERDATA, http) != CURLSHE_OK ||
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK ||
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        curl_share_cleanup(share);
        return NULL;
    }
    return share;
}

static void init_locks(struct dataverse_http *http)
{
    pthread_condattr_t attributes;
    size_t i;
    pthread_mutex_init(&http->mutex, NULL);
    for (i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&http->share_mutex[i], NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&http->slot_free, &attributes);
    pthread_condattr_destroy(&attributes);
}

int32_t dataverse_http_new(const dvs_host *host, const struct dataverse_http_options *options,
                           struct dataverse_http **http, dvs_error *err)
{
    struct dataverse_http *made = NULL;
    *http = NULL;
    if (host->once(host, "libcurl", init_curl) != DVS_OK)
        return dvs_fail(err, DVS_E_INTERNAL, DVS_SCOPE_SOURCE, "libcurl could not be initialised");
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "memory is out");
    init_locks(made);
    made->host = host;
    made->timeout_ms = 1000 * (options->timeout_seconds > INT32_MAX ? INT32_MAX : options->timeout_seconds);
    if (made->timeout_ms <= 0)
        made->timeout_ms = 60000;
    made->max_concurrent = options->max_concurrent > 0 ? options->max_concurrent : 1;
    made->share = make_share(made);
    if (options->ca_file != NULL)
        made->ca_file = strdup(options->ca_file);
    if (made->share == NULL || (options->ca_file != NULL && made->ca_file == NULL)) {
        dataverse_http_free(made);
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "memory is out");
    }
    *http = made;
    return DVS_OK;
}

static void free_line(struct dataverse_line *line)
{
    /* The multi handle keeps the connections; the share may go only when nobody uses it. */
    if (line->easy != NULL)
        curl_easy_cleanup(line->easy);
    if (line->multi != NULL)
        curl_multi_cleanup(line->multi);
    free(line);
}

void dataverse_http_free(struct dataverse_http *http)
{
    size_t i;
    if (http == NULL)
        return;
    while (http->idle != NULL) {
        struct dataverse_line *line = http->idle;
        http->idle = line->next;
        free_line(line);
    }
    if (http->share != NULL)
        curl_share_cleanup(http->share);
    for (i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&http->share_mutex[i]);
    pthread_cond_destroy(&http->slot_free);
    pthread_mutex_destroy(&http->mutex);
    free(http->ca_file);
    free(http);
}

const dvs_host *dataverse_http_host(const struct dataverse_http *http)
{
    return http->host;
}

void dataverse_http_use_gate(struct dataverse_http *http, struct dataverse_gate *gate)
{
    http->gate = gate;
}

/* ---- Lines ---- */

struct dataverse_line *dataverse_line_take(struct dataverse_http *http)
{
    struct dataverse_line *line;
    pthread_mutex_lock(&http->mutex);
    line = http->idle;
    if (line != NULL)
        http->idle = line->next;
    pthread_mutex_unlock(&http->mutex);
    if (line != NULL)
        return line;
    line = calloc(1, sizeof *line);
    if (line == NULL)
        return NULL;
    line->easy = curl_easy_init();
    line->multi = curl_multi_init();
    if (line->easy == NULL || line->multi == NULL) {
        free_line(line);
        return NULL;
    }
    /* One to the organisation, one to the login host. */
    curl_multi_setopt(line->multi, CURLMOPT_MAXCONNECTS, 2L);
    return line;
}

void dataverse_line_give(struct dataverse_http *http, struct dataverse_line *line)
{
    pthread_mutex_lock(&http->mutex);
    line->next = http->idle;
    http->idle = line;
    pthread_mutex_unlock(&http->mutex);
}

/* ---- Slots ---- */

static int take_slot(struct dataverse_http *http, struct dataverse_transfer *transfer)
{
    int64_t now = dataverse_clock_ms();
    uint32_t active = 0;
    struct dataverse_transfer *other;
    for (other = http->running; other != NULL; other = other->next)
        active += now - atomic_load_explicit(&other->driven_ms, memory_order_relaxed) < STALLED_MS;
    if (active >= http->max_concurrent)
        return 0;
    atomic_store_explicit(&transfer->driven_ms, now, memory_order_relaxed);
    transfer->previous = NULL;
    transfer->next = http->running;
    if (http->running != NULL)
        http->running->previous = transfer;
    http->running = transfer;
    return 1;
}

int dataverse_slot_try(struct dataverse_http *http, struct dataverse_transfer *transfer)
{
    int taken;
    pthread_mutex_lock(&http->mutex);
    taken = take_slot(http, transfer);
    pthread_mutex_unlock(&http->mutex);
    return taken;
}

int32_t dataverse_slot_wait(struct dataverse_http *http, struct dataverse_transfer *transfer, dvs_error *err)
{
    pthread_mutex_lock(&http->mutex);
    while (!take_slot(http, transfer)) {
        struct timespec until;
        int32_t status;
        /* The host's functions are not called under our lock. */
        pthread_mutex_unlock(&http->mutex);
        status = dataverse_check_cancelled(http->host, transfer->interrupted, err);
        if (status != DVS_OK)
            return status;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += POLL_NS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        pthread_mutex_lock(&http->mutex);
        if (take_slot(http, transfer))
            break;
        pthread_cond_timedwait(&http->slot_free, &http->mutex, &until);
    }
    pthread_mutex_unlock(&http->mutex);
    return DVS_OK;
}

void dataverse_slot_give(struct dataverse_http *http, struct dataverse_transfer *transfer)
{
    pthread_mutex_lock(&http->mutex);
    if (transfer->previous != NULL)
        transfer->previous->next = transfer->next;
    else
        http->running = transfer->next;
    if (transfer->next != NULL)
        transfer->next->previous = transfer->previous;
    pthread_cond_signal(&http->slot_free);
    pthread_mutex_unlock(&http->mutex);
}
