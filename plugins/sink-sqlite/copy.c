/*
 * copy.c - a private copy of a database whose last owner died and that we may not put in order.
 *
 * The database itself is read through SQLite's own file object, under SQLite's shared lock: see path.c for
 * why nothing else may open it. -wal and -journal carry no locks and are read as files. If anything changed
 * meanwhile, the copy is made again. The copy is removed as soon as it is open: no crash leaves it behind.
 */
#include "sink_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 1048576
#define TRIES 5
#define COPY_NAME "/database"

typedef struct copying {
    dvs_sink *sink;
    sqlite3_file *from;
    char *folder;
    char *path; /* of the copy */
    char *buffer;
    dvs_error *err;
} copying;

static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};

static int32_t fail_copy(const copying *c, int code)
{
    int32_t status = code == ENOSPC || code == EDQUOT || code == EFBIG ? DVS_E_DISK_FULL
                     : code == EACCES                                  ? DVS_E_PERMISSION
                                                                       : DVS_E_IO;
    c->err->native_code = code;
    return sink_sqlite_fail(
        c->err, status, DVS_SCOPE_SOURCE,
        "%.300s: has changes in its -wal that can be read from a copy only, and the copy in "
        "%.300s failed: %s; set TMPDIR to a folder with room",
        c->sink->path, c->folder != NULL ? c->folder : "$TMPDIR", sink_sqlite_system_text(code));
}

static int32_t write_all(const copying *c, int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_copy(c, errno);
        data += n;
        length -= (size_t)n;
    }
    return DVS_OK;
}

static int32_t cancelled(const copying *c)
{
    if (!c->sink->host->cancelled(c->sink->host) && !atomic_load(&c->sink->interrupted))
        return DVS_OK;
    return sink_sqlite_fail(c->err, DVS_E_CANCELLED, DVS_SCOPE_SOURCE, "cancelled");
}

static int32_t copy_database(const copying *c, int fd)
{
    sqlite3_int64 size = 0, at = 0;
    int32_t status = DVS_OK;
    int rc = c->from->pMethods->xFileSize(c->from, &size);
    while (rc == SQLITE_OK && status == DVS_OK && at < size) {
        int n = size - at < CHUNK ? (int)(size - at) : CHUNK;
        rc = c->from->pMethods->xRead(c->from, c->buffer, n, at);
        if (rc == SQLITE_IOERR_SHORT_READ) /* it shrank: noticed by the stamps */
            return DVS_OK;
        if (rc == SQLITE_OK)
            status = write_all(c, fd, c->buffer, (size_t)n);
        if (status == DVS_OK)
            status = cancelled(c);
        at += n;
    }
    return rc == SQLITE_OK ? status : sink_sqlite_failed(c->sink, NULL, rc, c->err, "could not be copied");
}

static int32_t copy_beside(const copying *c, const char *suffix, int fd)
{
    char *name = sink_sqlite_join(c->sink->path, suffix);
    int from = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    int32_t status = DVS_OK;
    ssize_t n = 0;
    if (name == NULL)
        return sink_sqlite_no_memory(c->err);
    free(name);
    if (from < 0) /* gone meanwhile: noticed by the stamps */
        return errno == ENOENT ? DVS_OK : fail_copy(c, errno);
    while (status == DVS_OK && (n = read(from, c->buffer, CHUNK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        status = n < 0 ? fail_copy(c, errno) : write_all(c, fd, c->buffer, (size_t)n);
        if (status == DVS_OK)
            status = cancelled(c);
    }
    close(from);
    return status;
}

static int32_t copy_file(const copying *c, const char *suffix)
{
    char *name = sink_sqlite_join(c->path, suffix);
    int32_t status;
    int fd;
    if (name == NULL)
        return sink_sqlite_no_memory(c->err);
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    free(name);
    if (fd < 0)
        return fail_copy(c, errno);
    status = suffix[0] == '\0' ? copy_database(c, fd) : copy_beside(c, suffix, fd);
    if (close(fd) != 0 && status == DVS_OK)
        status = fail_copy(c, errno);
    return status;
}

static void remove_files(const copying *c)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char *name = sink_sqlite_join(c->path, suffixes[i]);
        if (name != NULL)
            unlink(name);
        free(name);
    }
}

static bool unchanged(const sink_sqlite_files *a, const sink_sqlite_files *b)
{
    return sink_sqlite_stamp_equal(&a->database, &b->database) && sink_sqlite_stamp_equal(&a->wal, &b->wal) &&
           sink_sqlite_stamp_equal(&a->journal, &b->journal) && a->has_shm == b->has_shm;
}

/* One try; *stable tells whether nothing changed meanwhile. Somebody who has the file for himself (a commit
 * without WAL, or an exclusive connection) holds a lock that ours does not get past. */
static int32_t copy_once(const copying *c, bool *stable)
{
    sink_sqlite_files before, after;
    int32_t status;
    *stable = false;
    if (c->from->pMethods->xLock(c->from, SQLITE_LOCK_SHARED) != SQLITE_OK)
        return DVS_OK;
    remove_files(c);
    before = sink_sqlite_files_of(c->sink->path);
    status = copy_file(c, "");
    if (status == DVS_OK && before.wal.size > 0)
        status = copy_file(c, "-wal");
    if (status == DVS_OK && before.journal.size > 0)
        status = copy_file(c, "-journal");
    after = sink_sqlite_files_of(c->sink->path);
    c->from->pMethods->xUnlock(c->from, SQLITE_LOCK_NONE);
    *stable = unchanged(&before, &after);
    if (*stable)
        c->sink->files = after;
    return status;
}

static int32_t copy_all(const copying *c)
{
    int64_t started = sink_sqlite_now();
    for (int i = 0;; i++) {
        bool stable;
        int32_t status = copy_once(c, &stable);
        if (status != DVS_OK || stable)
            return status;
        if (i >= TRIES && sink_sqlite_now() - started > c->sink->busy_timeout_ms * 1000)
            return sink_sqlite_fail(c->err, DVS_E_BUSY, DVS_SCOPE_BATCH,
                                    "%.400s: is being written by another program, waited %lld ms; close that "
                                    "program, or raise busy_timeout_ms",
                                    c->sink->path, (long long)((sink_sqlite_now() - started) / 1000));
        status = cancelled(c);
        if (status != DVS_OK)
            return status;
        sink_sqlite_sleep(10000);
    }
}

/* Opens the copy, brings it in order (with a lock of its own there is no -shm) and unlinks it. */
static int32_t open_it(const copying *c, sqlite3 **db)
{
    int32_t status =
        sink_sqlite_connect(c->sink, c->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, db, c->err);
    int rc;
    if (status != DVS_OK)
        return status;
    sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    rc = sink_sqlite_exec(*db, "PRAGMA main.locking_mode=EXCLUSIVE");
    if (rc == SQLITE_OK)
        rc = sink_sqlite_try(*db);
    if (rc == SQLITE_OK)
        rc = sink_sqlite_exec(*db, "PRAGMA query_only=ON");
    if (rc == SQLITE_OK)
        return DVS_OK;
    status = sink_sqlite_failed(c->sink, *db, rc, c->err, "its copy could not be read");
    sqlite3_close(*db);
    *db = NULL;
    return status;
}

int32_t sink_sqlite_open_copy(dvs_sink *sink, sqlite3 *from, sqlite3 **db, dvs_error *err)
{
    const char *temporary = getenv("TMPDIR");
    copying c = {.sink = sink, .err = err};
    int32_t status;
    *db = NULL;
    c.folder =
        sink_sqlite_join(temporary != NULL && temporary[0] == '/' ? temporary : "/tmp", "/dvsync-XXXXXX");
    c.buffer = malloc(CHUNK);
    sqlite3_file_control(from, "main", SQLITE_FCNTL_FILE_POINTER, &c.from);
    if (c.folder == NULL || c.buffer == NULL || c.from == NULL || c.from->pMethods == NULL)
        status = sink_sqlite_no_memory(err);
    else if (mkdtemp(c.folder) == NULL) /* 0700 */
        status = fail_copy(&c, errno);
    else {
        c.path = sink_sqlite_join(c.folder, COPY_NAME);
        status = c.path != NULL ? copy_all(&c) : sink_sqlite_no_memory(err);
        if (status == DVS_OK)
            status = open_it(&c, db);
        if (c.path != NULL)
            remove_files(&c);
        rmdir(c.folder);
    }
    free(c.path);
    free(c.folder);
    free(c.buffer);
    return status;
}
