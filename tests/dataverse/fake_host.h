/*
 * fake_host.h - a dvs_host for unit tests: keeps the log, can be cancelled, has a clock that may be set.
 * Functions that push (put_...) are missing. Thread-safe.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <pthread.h>
#include <stdatomic.h>

#include <dvsync/plugin.h>

struct fake_host {
    dvs_host host; /* first: what the product is given */
    atomic_int is_cancelled;
    _Atomic int64_t now; /* as DVS_TIMESTAMP; 0: the real time */
    pthread_mutex_t mutex;
    char *log; /* "2 message\n" a line */
    size_t log_length;
    char state_key[8][200];
    char *state_value[8];
    size_t state_length[8];
};

struct fake_host *fake_host_new(void);
void fake_host_free(struct fake_host *host);
/* 1 when a line of the log holds the text. */
int fake_host_logged(struct fake_host *host, const char *text);

#endif
