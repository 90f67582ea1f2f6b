/* once.c - host->once: the one table of the whole process, for libraries that are initialised per process. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/guest.h"

typedef struct entry entry;
struct entry {
    entry *next;
    pthread_t owner; /* while it runs */
    int running;
    int32_t status;
    char name[];
};

/* Two copies of a library in one process are initialised once, so this cannot belong to any object. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static entry *entries;

static entry *find(const char *name)
{
    for (entry *e = entries; e != NULL; e = e->next) {
        if (strcmp(e->name, name) == 0)
            return e;
    }
    return NULL;
}

/* init() runs without the lock, so that it may take its time without stopping those of other names. */
int32_t dvsi_once(const char *name, int32_t (*init)(void))
{
    size_t length = strlen(name);
    int32_t status = DVS_OK;
    entry *e;

    pthread_mutex_lock(&lock);
    e = find(name);
    if (e != NULL) {
        if (e->running && pthread_equal(e->owner, pthread_self())) {
            status = DVS_E_ABI; /* called by its own init() */
        } else {
            while (e->running)
                pthread_cond_wait(&finished, &lock);
            status = e->status;
        }
        pthread_mutex_unlock(&lock);
        return status;
    }
    e = malloc(sizeof *e + length + 1);
    if (e == NULL) {
        pthread_mutex_unlock(&lock);
        return DVS_E_NO_MEMORY;
    }
    memcpy(e->name, name, length + 1);
    e->owner = pthread_self();
    e->running = 1;
    e->status = DVS_OK;
    e->next = entries;
    entries = e;
    pthread_mutex_unlock(&lock);

    status = init();

    pthread_mutex_lock(&lock);
    e->status = status;
    e->running = 0;
    pthread_cond_broadcast(&finished);
    pthread_mutex_unlock(&lock);
    return status;
}
