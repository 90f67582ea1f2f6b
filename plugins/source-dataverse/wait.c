/* wait.c - see wait.h. */
#include <time.h>

#include <dvsync/plugin_util.h>

#include "wait.h"

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

int dataverse_wait_init(pthread_mutex_t *mutex, pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    /* Not the time of day: that may be set back while somebody waits. */
    int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (failed == 0)
        failed = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    if (failed == 0 && pthread_mutex_init(mutex, NULL) != 0) {
        pthread_cond_destroy(condition);
        failed = 1;
    }
    return failed == 0 ? 0 : -1;
}

void dataverse_wait_destroy(pthread_mutex_t *mutex, pthread_cond_t *condition)
{
    pthread_mutex_destroy(mutex);
    pthread_cond_destroy(condition);
}

void dataverse_wait_a_little(pthread_mutex_t *mutex, pthread_cond_t *condition)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += DATAVERSE_POLL_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(condition, mutex, &until);
}
