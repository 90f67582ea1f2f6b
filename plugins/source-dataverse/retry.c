/* retry.c - when to try again, and the gate that is closed while the service wants to be left alone. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <dvsync/plugin_util.h>

#include "http_internal.h"

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 30000
#define WAIT_MOST_MS 3600000 /* of one thing, together */

struct dataverse_gate {
    const dvs_host *host;
    uint32_t max_retries;
    _Atomic int64_t closed_until_ms; /* dataverse_clock_ms() */
};

struct dataverse_gate *dataverse_gate_new(const dvs_host *host, uint32_t max_retries)
{
    struct dataverse_gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL)
        return NULL;
    gate->host = host;
    gate->max_retries = max_retries;
    atomic_init(&gate->closed_until_ms, 0);
    return gate;
}

void dataverse_gate_free(struct dataverse_gate *gate)
{
    free(gate);
}

static void close_gate(struct dataverse_gate *gate, int64_t until_ms)
{
    int64_t now = atomic_load(&gate->closed_until_ms);
    while (now < until_ms && !atomic_compare_exchange_weak(&gate->closed_until_ms, &now, until_ms)) {
    }
}

int dataverse_gate_is_open(const struct dataverse_gate *gate)
{
    return atomic_load(&gate->closed_until_ms) <= dataverse_clock_ms();
}

static int32_t sleep_a_little(const dvs_host *host, int64_t left_ms, const atomic_int *interrupted,
                              dvs_error *err)
{
    struct timespec nap = {0, 0};
    if (left_ms <= 0)
        return DVS_OK;
    if (dataverse_check_cancelled(host, interrupted, err) != DVS_OK)
        return DVS_E_CANCELLED;
    nap.tv_nsec = (left_ms < DATAVERSE_POLL_MS ? (long)left_ms : DATAVERSE_POLL_MS) * 1000000L;
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    return DVS_OK;
}

int32_t dataverse_gate_pass(struct dataverse_gate *gate, const atomic_int *interrupted, dvs_error *err)
{
    int64_t left;
    /* Read anew each time: somebody else may have been told to wait longer. */
    while ((left = atomic_load(&gate->closed_until_ms) - dataverse_clock_ms()) > 0) {
        int32_t status = sleep_a_little(gate->host, left, interrupted, err);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

/* Between 0 and `most`, so that streams that failed together do not come back together. */
static int64_t jitter(int64_t most)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = (uint32_t)dataverse_clock_ms() * 2654435761u;
    return (int64_t)((uint64_t)random * (uint64_t)(most + 1) >> 32);
}

static int64_t backoff(uint32_t attempts)
{
    int64_t ms = BACKOFF_FIRST_MS;
    while (--attempts > 0 && ms < BACKOFF_MOST_MS)
        ms *= 2;
    if (ms > BACKOFF_MOST_MS)
        ms = BACKOFF_MOST_MS;
    return ms / 2 + jitter(ms / 2);
}

/* Adds to the message, at the cost of its end when it is full. */
static void append(dvs_error *err, const char *text)
{
    size_t room = sizeof err->message - 1;
    size_t length = strlen(err->message);
    size_t more = strlen(text);
    if (more > room)
        return;
    if (length > room - more) {
        length = room - more;
        while (length > 0 && ((unsigned char)err->message[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(err->message + length, text, more + 1);
}

static int32_t give_up(const struct dataverse_retry *retry, dvs_error *err)
{
    char text[64];
    snprintf(text, sizeof text, " (tried %u time%s)", (unsigned)retry->attempts,
             retry->attempts == 1 ? "" : "s");
    append(err, text);
    return err->status;
}

static int32_t give_up_waiting(const struct dataverse_retry *retry, int64_t wait, dvs_error *err)
{
    char text[160];
    snprintf(text, sizeof text,
             " (another try makes sense in %lld seconds, longer than dvsync waits; tried %u time%s)",
             (long long)((wait + 999) / 1000), (unsigned)retry->attempts, retry->attempts == 1 ? "" : "s");
    append(err, text);
    return err->status;
}

static void note(const dvs_host *host, int64_t wait, const dvs_error *err)
{
    char text[DVS_ERROR_MESSAGE_SIZE + 64];
    snprintf(text, sizeof text, "%s; trying again in %lld.%lld s", err->message, (long long)(wait / 1000),
             (long long)(wait % 1000 / 100));
    host->log(host, wait >= 10000 ? DVS_LOG_WARN : DVS_LOG_INFO, text);
}

int32_t dataverse_retry_wait(struct dataverse_gate *gate, struct dataverse_retry *retry,
                             const struct dataverse_answer *answer, const atomic_int *interrupted,
                             dvs_error *err)
{
    long http_status = answer != NULL ? answer->status : 0;
    int64_t asked = answer != NULL && http_status >= 400 ? answer->retry_after_ms : -1;
    int64_t wait;
    int64_t until;
    retry->attempts++;
    if (asked > INT32_MAX)
        asked = INT32_MAX;
    if (asked > 0)
        err->retry_after_ms = (int32_t)asked;
    if (retry->attempts > gate->max_retries)
        return give_up(retry, err);
    wait = backoff(retry->attempts);
    if (asked > 0)
        wait = asked + jitter(asked / 10 < 500 ? asked / 10 : 500);
    if (wait > WAIT_MOST_MS - retry->waited_ms)
        return give_up_waiting(retry, wait, err);
    until = dataverse_clock_ms() + wait;
    /* Microsoft's documentation: service protection API limits. Who goes on asking is told to wait longer. */
    if (http_status == 429 || (http_status == 503 && asked > 0))
        close_gate(gate, until);
    note(gate->host, wait, err);
    while (dataverse_clock_ms() < until) {
        int32_t status = sleep_a_little(gate->host, until - dataverse_clock_ms(), interrupted, err);
        if (status != DVS_OK)
            return status;
    }
    retry->waited_ms += wait;
    return DVS_OK;
}
