/*
 * flight.h - work that several threads want and one of them does, while the others wait for its result: a new
 * token, the columns of a table.
 */
#ifndef DATAVERSE_FLIGHT_H
#define DATAVERSE_FLIGHT_H

#include <pthread.h>
#include <stdatomic.h>

#include <dvsync/plugin.h>

struct dataverse_flight_waiter;

/* One piece of work; all zero is one that nobody does. Guarded by the mutex of its flights. */
struct dataverse_flight {
    int busy;
    struct dataverse_flight_waiter *waiters;
};

struct dataverse_flights {
    pthread_mutex_t mutex;
    pthread_cond_t landed;
};

/* DVS_E_NO_MEMORY when the system has no more of them. */
int32_t dataverse_flights_init(struct dataverse_flights *flights, dvs_error *err);
void dataverse_flights_free(struct dataverse_flights *flights);

/*
 * With the mutex held. DVS_OK and *mine 1: nobody does the work; the caller does it, without the mutex, and
 * calls dataverse_flight_land(). DVS_OK and *mine 0: another thread did it meanwhile, and it succeeded. Else
 * another thread did it and failed: *err is its error; or host->cancelled() or `interrupted` (NULL: none)
 * said so. Polls them at least every 100 ms and gives the mutex back while it waits. */
int32_t dataverse_flight_board(struct dataverse_flights *flights, struct dataverse_flight *flight,
                               const dvs_host *host, const atomic_int *interrupted, int *mine,
                               dvs_error *err);
/* With the mutex held: the work is done. `failure` is read when `status` is none of success. */
void dataverse_flight_land(struct dataverse_flights *flights, struct dataverse_flight *flight, int32_t status,
                           const dvs_error *failure);

/* With the mutex held: how many threads wait for it. For tests. */
int dataverse_flight_waiting(const struct dataverse_flight *flight);

#endif
