#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "watch.h"

#define URI_MAX 32768
/* Requests that were sent before the client could know of the pause may arrive so long after its
 * beginning. */
#define PAUSE_GRACE_MS 250
/* The client's clock may tick differently. */
#define PAUSE_ROUNDING_MS 20
#define CROWD_WAIT_MS 100

struct sim_watch {
    struct sim_log *log;
    pthread_mutex_t lock;
    pthread_cond_t left;
    unsigned under_way;
    int64_t pause_from, pause_until;
};

struct sim_watch *sim_watch_new(struct sim_log *log)
{
    struct sim_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->log = log;
    if (pthread_mutex_init(&watch->lock, NULL) != 0) {
        free(watch);
        return NULL;
    }
    if (pthread_cond_init(&watch->left, NULL) != 0) {
        pthread_mutex_destroy(&watch->lock);
        free(watch);
        return NULL;
    }
    return watch;
}

void sim_watch_free(struct sim_watch *watch)
{
    if (watch == NULL)
        return;
    pthread_cond_destroy(&watch->left);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

void sim_watch_enter(struct sim_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->under_way++;
    pthread_mutex_unlock(&watch->lock);
}

void sim_watch_leave(struct sim_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->under_way--;
    pthread_cond_broadcast(&watch->left);
    pthread_mutex_unlock(&watch->lock);
}

int sim_watch_crowded(struct sim_watch *watch, unsigned max)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += CROWD_WAIT_MS * 1000000L;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    pthread_mutex_lock(&watch->lock);
    while (watch->under_way > max)
        if (pthread_cond_timedwait(&watch->left, &watch->lock, &end) != 0)
            break;
    int crowded = watch->under_way > max;
    pthread_mutex_unlock(&watch->lock);
    return crowded;
}

void sim_watch_pause(struct sim_watch *watch, int64_t ms)
{
    int64_t now = sim_clock_mono_ms();
    pthread_mutex_lock(&watch->lock);
    if (watch->pause_until <= now)
        watch->pause_from = now;
    if (watch->pause_until < now + ms)
        watch->pause_until = now + ms;
    pthread_mutex_unlock(&watch->lock);
}

void sim_watch_reset(struct sim_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->pause_from = watch->pause_until = 0;
    pthread_mutex_unlock(&watch->lock);
}

static int64_t pause_left(struct sim_watch *watch, int64_t arrived)
{
    pthread_mutex_lock(&watch->lock);
    int64_t left = arrived > watch->pause_from + PAUSE_GRACE_MS ? watch->pause_until - arrived : 0;
    pthread_mutex_unlock(&watch->lock);
    return left > PAUSE_ROUNDING_MS ? left : 0;
}

void sim_watch_any(struct sim_watch *watch, const struct sim_request *request, const char *secret, int web,
                   int token)
{
    struct sim_log *log = watch->log;
    int64_t left = web ? pause_left(watch, request->arrived_ms) : 0;
    if (left > 0)
        sim_log_violation(log, request->number, "asked %lld ms before the end of a Retry-After",
                          (long long)left);
    if (strlen(request->uri) > URI_MAX)
        sim_log_violation(log, request->number, "an address of %zu bytes; at most %d are allowed",
                          strlen(request->uri), URI_MAX);
    if (sim_holds_secret(request->uri, strlen(request->uri), secret) ||
        (!token && sim_holds_secret(request->body, request->length, secret)) || request->secret_in_header)
        sim_log_violation(log, request->number,
                          "the client secret was sent elsewhere than in the token request's form");
    if (!web && request->authorization != NULL)
        sim_log_violation(log, request->number, "an Authorization header was sent to %s", request->path);
}

static void expect(struct sim_watch *watch, const struct sim_request *request, const char *header,
                   const char *value, const char *wanted)
{
    if (value == NULL)
        sim_log_violation(watch->log, request->number, "no header %s", header);
    else if (strstr(value, wanted) == NULL)
        sim_log_violation(watch->log, request->number, "header %s is \"%.100s\", not \"%s\"", header, value,
                          wanted);
}

void sim_watch_get(struct sim_watch *watch, const struct sim_request *request, const char *below, int rows)
{
    struct sim_prefer prefer;
    sim_prefer_read(request->prefer, &prefer);
    expect(watch, request, "OData-Version", request->odata_version, "4.0");
    expect(watch, request, "OData-MaxVersion", request->odata_max_version, "4.0");
    int count = strstr(below, "/$count") != NULL;
    expect(watch, request, "Accept", request->accept,
           strcmp(below, "$metadata") == 0 ? "xml" : (count ? "" : "application/json"));
    if (!rows || count)
        return;
    if (prefer.has_page_size && sim_query_has(request->query, "$top"))
        sim_log_violation(watch->log, request->number,
                          "$top together with odata.maxpagesize: $top is ignored then");
    if (!sim_query_has(request->query, "$select") && !sim_query_has(request->query, "fetchXml"))
        sim_log_violation(watch->log, request->number, "rows of %s without $select", below);
}
