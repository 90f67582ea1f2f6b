/* flight.c - one thread works, the others wait for what comes out. */
#include <dvsync/plugin_util.h>

#include "flight.h"
#include "wait.h"

/* On the stack of a thread that waits. */
struct dataverse_flight_waiter {
    struct dataverse_flight_waiter *next;
    int done;
    int32_t status;
    dvs_error *err;
};

int32_t dataverse_flights_init(struct dataverse_flights *flights, dvs_error *err)
{
    if (dataverse_wait_init(&flights->mutex, &flights->landed) != 0)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    return DVS_OK;
}

void dataverse_flights_free(struct dataverse_flights *flights)
{
    dataverse_wait_destroy(&flights->mutex, &flights->landed);
}

static void leave(struct dataverse_flight *flight, const struct dataverse_flight_waiter *waiter)
{
    struct dataverse_flight_waiter **at = &flight->waiters;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
}

/* With the mutex held, which is given back meanwhile: the host's function may take its time. */
static int is_cancelled(struct dataverse_flights *flights, const dvs_host *host,
                        const atomic_int *interrupted)
{
    dvs_error ignored = DVS_ERROR_INIT; /* the waiter's own may be filled meanwhile */
    pthread_mutex_unlock(&flights->mutex);
    int cancelled = dataverse_check_cancelled(host, interrupted, &ignored) != DVS_OK;
    pthread_mutex_lock(&flights->mutex);
    return cancelled;
}

/* Until the work is done, or the host has enough: 1. */
static int wait_for(struct dataverse_flights *flights, struct dataverse_flight *flight, const dvs_host *host,
                    const atomic_int *interrupted, struct dataverse_flight_waiter *waiter)
{
    int cancelled = 0;
    waiter->next = flight->waiters;
    flight->waiters = waiter;
    while (!waiter->done && !cancelled) {
        dataverse_wait_a_little(&flights->mutex, &flights->landed);
        if (!waiter->done || waiter->status == DVS_E_CANCELLED)
            cancelled = is_cancelled(flights, host, interrupted);
    }
    leave(flight, waiter);
    return cancelled;
}

int32_t dataverse_flight_board(struct dataverse_flights *flights, struct dataverse_flight *flight,
                               const dvs_host *host, const atomic_int *interrupted, int *mine, dvs_error *err)
{
    *mine = 0;
    while (flight->busy) {
        struct dataverse_flight_waiter waiter = {.err = err};
        if (wait_for(flights, flight, host, interrupted, &waiter))
            return dvs_fail(err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
        /* That the other one was cancelled says nothing about the work: the next does it. */
        if (waiter.status != DVS_E_CANCELLED)
            return waiter.status;
    }
    flight->busy = 1;
    *mine = 1;
    return DVS_OK;
}

void dataverse_flight_land(struct dataverse_flights *flights, struct dataverse_flight *flight, int32_t status,
                           const dvs_error *failure)
{
    flight->busy = 0;
    for (struct dataverse_flight_waiter *waiter = flight->waiters; waiter != NULL; waiter = waiter->next) {
        if (waiter->done) /* of a flight before, and not awake yet */
            continue;
        waiter->done = 1;
        waiter->status = status < DVS_E_BASE ? DVS_OK : status;
        if (status >= DVS_E_BASE)
            *waiter->err = *failure;
    }
    pthread_cond_broadcast(&flights->landed);
}

int dataverse_flight_waiting(const struct dataverse_flight *flight)
{
    int n = 0;
    for (const struct dataverse_flight_waiter *waiter = flight->waiters; waiter != NULL;
         waiter = waiter->next)
        n++;
    return n;
}
