/* fake_host.c - see fake_host.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_host.h"

static struct fake_host *of(const dvs_host *host)
{
    /* The struct is the test's own, and not const. */
    union {
        const dvs_host *given;
        struct fake_host *own;
    } at;
    at.given = host;
    return at.own;
}

static void log_line(const dvs_host *host, int32_t level, const char *message)
{
    struct fake_host *own = of(host);
    size_t length = strlen(message) + 4;
    char *longer;
    pthread_mutex_lock(&own->mutex);
    longer = realloc(own->log, own->log_length + length);
    if (longer != NULL) {
        own->log = longer;
        own->log_length += (size_t)snprintf(longer + own->log_length, length, "%d %s\n", (int)level, message);
    }
    pthread_mutex_unlock(&own->mutex);
}

static int32_t cancelled(const dvs_host *host)
{
    return atomic_load(&of(host)->is_cancelled);
}

static int64_t now(const dvs_host *host)
{
    int64_t set = atomic_load(&of(host)->now);
    struct timespec time;
    if (set != 0)
        return set;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* libcurl counts its initialisations: more than once does no harm. */
static int32_t once(const dvs_host *host, const char *name, int32_t (*init)(void))
{
    (void)host;
    (void)name;
    return init();
}

static int32_t state_get(const dvs_host *host, const char *key, dvs_bytes *value)
{
    struct fake_host *own = of(host);
    memset(value, 0, sizeof *value);
    for (size_t i = 0; i < 8; i++) {
        if (own->state_value[i] != NULL && strcmp(own->state_key[i], key) == 0) {
            value->data = (const uint8_t *)own->state_value[i];
            value->length = own->state_length[i];
        }
    }
    return DVS_OK;
}

static int32_t state_put(const dvs_host *host, const char *key, const void *data, uint64_t length)
{
    struct fake_host *own = of(host);
    size_t at = 8;
    for (size_t i = 8; i-- > 0;) {
        if (own->state_value[i] == NULL)
            at = i;
    }
    for (size_t i = 0; i < 8; i++) {
        if (own->state_value[i] != NULL && strcmp(own->state_key[i], key) == 0)
            at = i;
    }
    if (at == 8)
        return DVS_E_NO_MEMORY;
    free(own->state_value[at]);
    own->state_value[at] = NULL;
    if (data == NULL)
        return DVS_OK;
    own->state_value[at] = malloc((size_t)length + 1);
    if (own->state_value[at] == NULL)
        return DVS_E_NO_MEMORY;
    memcpy(own->state_value[at], data, (size_t)length);
    own->state_length[at] = (size_t)length;
    snprintf(own->state_key[at], sizeof own->state_key[at], "%s", key);
    return DVS_OK;
}

struct fake_host *fake_host_new(void)
{
    struct fake_host *own = calloc(1, sizeof *own);
    if (own == NULL)
        abort();
    own->host.struct_size = (uint32_t)sizeof own->host;
    own->host.abi_minor = DVS_ABI_MINOR;
    own->host.log = log_line;
    own->host.cancelled = cancelled;
    own->host.now = now;
    own->host.once = once;
    own->host.state_get = state_get;
    own->host.state_put = state_put;
    pthread_mutex_init(&own->mutex, NULL);
    return own;
}

void fake_host_free(struct fake_host *own)
{
    if (own == NULL)
        return;
    for (size_t i = 0; i < 8; i++)
        free(own->state_value[i]);
    pthread_mutex_destroy(&own->mutex);
    free(own->log);
    free(own);
}

int fake_host_logged(struct fake_host *own, const char *text)
{
    int found;
    pthread_mutex_lock(&own->mutex);
    found = own->log != NULL && strstr(own->log, text) != NULL;
    pthread_mutex_unlock(&own->mutex);
    return found;
}
