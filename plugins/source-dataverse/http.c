/* http.c - what all requests of a source share: lines (handles with their kept connections), slots, names,
 * TLS sessions. */
#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "http_internal.h"

/* A transfer that nobody has driven for so long is not counted against max_concurrent. */
#define STALLED_MS 10000

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

int32_t dataverse_http_new(const dvs_host *host, const struct dataverse_http_options *options,
                           struct dataverse_http **http, dvs_error *err)
{
    struct dataverse_http *made = NULL;
    size_t i;
    *http = NULL;
    if (host->once(host, "libcurl", init_curl) != DVS_OK)
        return dvs_fail(err, DVS_E_INTERNAL, DVS_SCOPE_SOURCE, "libcurl could not be initialised");
    made = calloc(1, sizeof *made);
    if (made == NULL || dataverse_wait_init(&made->mutex, &made->slot_free) != 0) {
        free(made);
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "memory is out");
    }
    for (i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&made->share_mutex[i], NULL);
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
    dataverse_wait_destroy(&http->mutex, &http->slot_free);
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

/* On the stack of a thread that waits. Slots are given in the order of the list: else streams that ask for a
 * page ahead as soon as one is complete would keep all slots for themselves. */
struct dataverse_slot_waiter {
    struct dataverse_slot_waiter *next;
    pthread_t thread;
};

static void queue_up(struct dataverse_http *http, struct dataverse_slot_waiter *waiter)
{
    struct dataverse_slot_waiter **at = &http->waiters;
    while (*at != NULL)
        at = &(*at)->next;
    *at = waiter;
}

static void leave(struct dataverse_http *http, const struct dataverse_slot_waiter *waiter)
{
    struct dataverse_slot_waiter **at = &http->waiters;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    pthread_cond_broadcast(&http->slot_free);
}

/* Whether somebody drives the transfer, so that it will be complete some time. */
static int is_driven(const struct dataverse_http *http, const struct dataverse_transfer *transfer,
                     int64_t now)
{
    pthread_t driver = atomic_load_explicit(&transfer->driver, memory_order_relaxed);
    const struct dataverse_slot_waiter *waiter;
    for (waiter = http->waiters; waiter != NULL; waiter = waiter->next) {
        if (pthread_equal(waiter->thread, driver))
            return 0;
    }
    return now - atomic_load_explicit(&transfer->driven_ms, memory_order_relaxed) < STALLED_MS;
}

/* For the first who waits, or, when nobody does, for one that does not wait (NULL). */
static int take_slot(struct dataverse_http *http, struct dataverse_transfer *transfer,
                     const struct dataverse_slot_waiter *waiter)
{
    int64_t now = dataverse_clock_ms();
    uint32_t active = 0;
    struct dataverse_transfer *other;
    if (http->waiters != waiter)
        return 0;
    for (other = http->running; other != NULL; other = other->next)
        active += (uint32_t)is_driven(http, other, now);
    if (active >= http->max_concurrent)
        return 0;
    dataverse_transfer_driven(transfer);
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
    taken = take_slot(http, transfer, NULL);
    pthread_mutex_unlock(&http->mutex);
    return taken;
}

int32_t dataverse_slot_wait(struct dataverse_http *http, struct dataverse_transfer *transfer, dvs_error *err)
{
    struct dataverse_slot_waiter me = {NULL, pthread_self()};
    int32_t status = DVS_OK;
    pthread_mutex_lock(&http->mutex);
    queue_up(http, &me);
    while (!take_slot(http, transfer, &me)) {
        /* The host's functions are not called under our lock. */
        pthread_mutex_unlock(&http->mutex);
        status = dataverse_check_cancelled(http->host, transfer->interrupted, err);
        pthread_mutex_lock(&http->mutex);
        if (status != DVS_OK || take_slot(http, transfer, &me))
            break;
        dataverse_wait_a_little(&http->mutex, &http->slot_free);
    }
    leave(http, &me);
    pthread_mutex_unlock(&http->mutex);
    return status;
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
    pthread_cond_broadcast(&http->slot_free);
    pthread_mutex_unlock(&http->mutex);
}
