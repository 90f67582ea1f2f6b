/*
 * wait.h - what all waits of the plugin have in common: a clock that is never set back, and a look at whether
 * somebody wants the wait to end, at least every 50 ms (plugin.h allows 100).
 */
#ifndef DATAVERSE_WAIT_H
#define DATAVERSE_WAIT_H

#include <pthread.h>
#include <stdatomic.h>

#include <dvsync/plugin.h>

#define DATAVERSE_POLL_MS 50

int64_t dataverse_clock_ms(void); /* monotonic */
/* DVS_OK, or DVS_E_CANCELLED with *err filled: the host, or `interrupted` (NULL: none), said so. */
int32_t dataverse_check_cancelled(const dvs_host *host, const atomic_int *interrupted, dvs_error *err);

/* A mutex and a condition for dataverse_wait_a_little(). -1 when the system has no more of them. */
int dataverse_wait_init(pthread_mutex_t *mutex, pthread_cond_t *condition);
void dataverse_wait_destroy(pthread_mutex_t *mutex, pthread_cond_t *condition);
/* With the mutex held: until the condition is signalled, DATAVERSE_POLL_MS at most. */
void dataverse_wait_a_little(pthread_mutex_t *mutex, pthread_cond_t *condition);

#endif
