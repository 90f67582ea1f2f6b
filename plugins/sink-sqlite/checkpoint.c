/*
 * checkpoint.c - moving the log into the database file beside the writing.
 *
 * With a write-ahead log each page is written twice: into the log by the commit, later into the file by a
 * checkpoint. In a large load the second time is a fifth of the work, and nobody has to wait for it: a thread
 * with a connection of its own does it while the next transaction is being written. SQLite allows that (its
 * documentation of WAL: checkpointing runs concurrently with readers and a writer). A sync that writes less
 * than STEP_BYTES never starts the thread.
 *
 * The log starts over only when all of it has been moved and nobody needs it, which hardly happens while one
 * transaction follows the other. So at MOST_BYTES the writer moves the little that the thread has left, and
 * the log goes on from its beginning.
 *
 * The thread knows nothing of the host and of errors: what could not be moved stays in the log, which is just
 * as safe, and the next checkpoint tries again.
 */
#include "sink_sqlite.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* A checkpoint writes every page once, however often the log holds it: larger is faster, up to the disk. */
#define STEP_BYTES 16777216
#define MOST_BYTES SINK_SQLITE_WAL_KEPT_BYTES

struct sink_sqlite_mover {
    char *path;
    char *synchronous;
    int step; /* pages */
    int most; /* pages */
    int next; /* the log's length in pages at which it is to be moved the next time */
    bool started;
    bool failed; /* it could not be started, or cannot open the file: the writer does it all */
    pthread_t thread;

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t changed;
    bool wanted;
    bool busy;
    bool stop;
    bool no_connection;
};

static sqlite3 *open_connection(const sink_sqlite_mover *mover)
{
    sqlite3 *db = NULL;
    char sql[120];
    int rc = sqlite3_open_v2(mover->path, &db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (rc == SQLITE_OK)
        rc = sink_sqlite_defend(db);
    snprintf(sql, sizeof sql, "PRAGMA main.synchronous=%s", mover->synchronous);
    if (rc == SQLITE_OK)
        rc = sink_sqlite_exec(db, sql);
    if (rc == SQLITE_OK) /* a connection learns of the log with its first read */
        rc = sink_sqlite_exec(db, "SELECT count(*) FROM main.sqlite_schema");
    if (rc == SQLITE_OK)
        return db;
    sqlite3_close(db);
    return NULL;
}

static void *run(void *context)
{
    sink_sqlite_mover *mover = context;
    sqlite3 *db = open_connection(mover);
    pthread_mutex_lock(&mover->lock);
    mover->no_connection = db == NULL;
    while (!mover->stop && db != NULL) {
        if (!mover->wanted) {
            pthread_cond_wait(&mover->changed, &mover->lock);
            continue;
        }
        mover->wanted = false;
        mover->busy = true;
        pthread_mutex_unlock(&mover->lock);
        sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        pthread_mutex_lock(&mover->lock);
        mover->busy = false;
        pthread_cond_broadcast(&mover->changed);
    }
    pthread_mutex_unlock(&mover->lock);
    sqlite3_close(db);
    return NULL;
}

/* Signals are the program's, so that none is handled on this thread. */
static bool start(sink_sqlite_mover *mover)
{
    sigset_t all, before;
    int code;
    sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, &before) != 0)
        return false;
    code = pthread_create(&mover->thread, NULL, run, mover);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0;
}

/* False: the thread cannot do it. */
static bool ask(sink_sqlite_mover *mover)
{
    if (mover->failed)
        return false;
    if (!mover->started) {
        mover->started = start(mover);
        mover->failed = !mover->started;
        if (mover->failed)
            return false;
    }
    pthread_mutex_lock(&mover->lock);
    mover->failed = mover->no_connection;
    mover->wanted = !mover->failed;
    pthread_cond_broadcast(&mover->changed);
    pthread_mutex_unlock(&mover->lock);
    return !mover->failed;
}

/* While the thread is at it, a checkpoint of the writer would be refused. */
static void wait_for_thread(sink_sqlite_mover *mover)
{
    pthread_mutex_lock(&mover->lock);
    mover->wanted = false;
    while (mover->busy)
        pthread_cond_wait(&mover->changed, &mover->lock);
    pthread_mutex_unlock(&mover->lock);
}

/* SQLite calls this behind each commit, on the thread that commits, with the length of the log in pages. */
static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    sink_sqlite_mover *mover = context;
    if (pages < mover->next - mover->step)
        mover->next = mover->step; /* the log has started over */
    if (pages < mover->next)
        return SQLITE_OK;
    if (pages < mover->most && ask(mover)) {
        mover->next = pages + mover->step;
        return SQLITE_OK;
    }
    wait_for_thread(mover);
    sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK; /* the commit is done, whatever became of the checkpoint */
}

sink_sqlite_mover *sink_sqlite_mover_new(const dvs_sink *sink, int page_size)
{
    sink_sqlite_mover *mover = calloc(1, sizeof *mover);
    if (mover == NULL)
        return NULL;
    pthread_mutex_init(&mover->lock, NULL);
    pthread_cond_init(&mover->changed, NULL);
    mover->path = strdup(sink->path);
    mover->synchronous = strdup(sink->synchronous);
    mover->step = page_size > 0 ? STEP_BYTES / page_size : 1000;
    mover->most = page_size > 0 ? MOST_BYTES / page_size : 4000;
    mover->next = mover->step;
    if (mover->path == NULL || mover->synchronous == NULL) {
        sink_sqlite_mover_free(mover);
        return NULL;
    }
    sqlite3_wal_hook(sink->db, on_commit, mover);
    return mover;
}

void sink_sqlite_mover_free(sink_sqlite_mover *mover)
{
    if (mover == NULL)
        return;
    if (mover->started) {
        pthread_mutex_lock(&mover->lock);
        mover->stop = true;
        pthread_cond_broadcast(&mover->changed);
        pthread_mutex_unlock(&mover->lock);
        pthread_join(mover->thread, NULL);
    }
    pthread_cond_destroy(&mover->changed);
    pthread_mutex_destroy(&mover->lock);
    free(mover->path);
    free(mover->synchronous);
    free(mover);
}
