/*
 * path.c - where the database is.
 *
 * Symbolic links to it are followed here, once: SQLite and the lock get the real path, so that everybody
 * means the same -wal and the same lock. SQLite is then told not to follow links any more.
 *
 * The file is never opened by anything but SQLite: POSIX locks belong to the process, and a close() of the
 * same file elsewhere in the process would drop those of its connections. That is also why a new file is made
 * with mknod(), which needs no descriptor, with mode 0600 from its first moment on.
 */
#include "sink_sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

char *sink_sqlite_join(const char *path, const char *suffix)
{
    size_t a = strlen(path);
    size_t b = strlen(suffix);
    char *out = a < SIZE_MAX / 4 && b < SIZE_MAX / 4 ? malloc(a + b + 1) : NULL;
    if (out != NULL) {
        memcpy(out, path, a);
        memcpy(out + a, suffix, b + 1);
    }
    return out;
}

char *sink_sqlite_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    return slash == NULL ? strdup(".") : strndup(path, length);
}

sink_sqlite_stamp sink_sqlite_stamp_of(const char *path, const char *suffix)
{
    sink_sqlite_stamp stamp;
    struct stat found;
    char *name = sink_sqlite_join(path, suffix);
    memset(&stamp, 0, sizeof stamp);
    if (name != NULL && stat(name, &found) == 0) {
        stamp.exists = true;
        stamp.device = found.st_dev;
        stamp.inode = found.st_ino;
        stamp.size = found.st_size;
        stamp.modified = found.st_mtim;
    }
    free(name);
    return stamp;
}

bool sink_sqlite_stamp_equal(const sink_sqlite_stamp *a, const sink_sqlite_stamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

sink_sqlite_files sink_sqlite_files_of(const char *path)
{
    sink_sqlite_files files;
    files.database = sink_sqlite_stamp_of(path, "");
    files.wal = sink_sqlite_stamp_of(path, "-wal");
    files.journal = sink_sqlite_stamp_of(path, "-journal");
    files.has_shm = sink_sqlite_stamp_of(path, "-shm").exists;
    return files;
}

static int32_t fail_system(dvs_error *err, int code, const char *path, const char *what)
{
    int32_t status = code == EACCES || code == EPERM                            ? DVS_E_PERMISSION
                     : code == EROFS                                            ? DVS_E_READ_ONLY
                     : code == ENOSPC || code == EDQUOT                         ? DVS_E_DISK_FULL
                     : code == ENOENT                                           ? DVS_E_NOT_FOUND
                     : code == ENOTDIR || code == ENAMETOOLONG || code == ELOOP ? DVS_E_CONFIG
                                                                                : DVS_E_IO;
    err->native_code = code;
    return sink_sqlite_fail(err, status, DVS_SCOPE_SOURCE, "%.400s: %s: %s", path, what,
                            sink_sqlite_system_text(code));
}

/* The file is not there. Why, and what to do? */
static int32_t fail_missing(dvs_error *err, const char *path, const char *parent)
{
    struct stat found;
    if (lstat(path, &found) == 0) /* nothing that a sync makes */
        return sink_sqlite_fail(
            err, DVS_E_IO, DVS_SCOPE_SOURCE,
            "%.400s: is a symbolic link to a file that does not exist; remove the link or "
            "make the file",
            path);
    if (stat(parent, &found) != 0 && errno == ENOENT)
        return sink_sqlite_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_SOURCE,
                                "%.400s: its folder does not exist; make it with: mkdir -p '%.400s'", path,
                                parent);
    return sink_sqlite_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_SOURCE, "%.400s: no such file; a sync makes it",
                            path);
}

static int32_t make_file(const char *path, const char *parent, dvs_error *err)
{
    struct stat found;
    if (lstat(path, &found) == 0 || stat(parent, &found) != 0)
        return fail_missing(err, path, parent);
    if (mknod(path, S_IFREG | S_IRUSR | S_IWUSR, 0) != 0 && errno != EEXIST)
        return fail_system(err, errno, path, "could not be made");
    return DVS_OK;
}

static int32_t fail_network(dvs_error *err, const char *path, const char *network)
{
    return sink_sqlite_fail(
        err, DVS_E_UNSUPPORTED, DVS_SCOPE_SOURCE,
        "%.400s: lies on a network file system (%s), where SQLite's locks cannot be trusted; "
        "put it on a local disk",
        path, network);
}

static int32_t check_file(dvs_sink *sink, const char *path, dvs_error *err)
{
    struct stat found;
    const char *network;
    if (stat(path, &found) != 0)
        return fail_system(err, errno, path, "could not be looked at");
    if (S_ISDIR(found.st_mode))
        return sink_sqlite_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                                "%.400s: is a folder; `path` must name a file in it", path);
    if (!S_ISREG(found.st_mode))
        return sink_sqlite_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "%.400s: is no ordinary file", path);
    /* A scratch file is locked for good by its only user, which works everywhere. */
    network = (sink->flags & DVS_SINK_SCRATCH) != 0 ? NULL : sink_sqlite_network(path);
    if (network != NULL)
        return fail_network(err, path, network);
    return DVS_OK;
}

int32_t sink_sqlite_find_file(dvs_sink *sink, const char *path, bool create, dvs_error *err)
{
    struct stat found;
    char *parent = sink_sqlite_parent(path);
    int32_t status = DVS_OK;
    if (parent == NULL)
        return sink_sqlite_no_memory(err);
    if (stat(path, &found) != 0) {
        if (errno != ENOENT)
            status = fail_system(err, errno, path, "could not be looked at");
        else if (!create)
            status = fail_missing(err, path, parent);
        else if (sink_sqlite_network(parent) == NULL || (sink->flags & DVS_SINK_SCRATCH) != 0)
            status = make_file(path, parent, err);
        else
            status = fail_network(err, path, sink_sqlite_network(parent));
    }
    if (status == DVS_OK)
        status = check_file(sink, path, err);
    if (status == DVS_OK) {
        sink->path = realpath(path, NULL);
        if (sink->path == NULL)
            status = fail_system(err, errno, path, "could not be resolved");
    }
    free(parent);
    return status;
}
