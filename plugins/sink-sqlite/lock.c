/*
 * lock.c - one run per project: a lock of the kernel's on "<real path>.<project>.lock".
 *
 * An open file description's lock (F_OFD_SETLK): it conflicts also with one of the same process, is not lost
 * when somebody else closes the file, and ends when the process does. The file is never removed, because
 * whoever opened it before the removal would hold a lock that nobody else sees.
 */
#include "sink_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int32_t lock_name(const dvs_sink *sink, char **name, dvs_error *err)
{
    char *tail;
    *name = NULL;
    if (sink->project[0] == '\0' || strchr(sink->project, '/') != NULL)
        return sink_sqlite_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "a lock needs the name of a project");
    if (asprintf(&tail, ".%s.lock", sink->project) < 0)
        return sink_sqlite_no_memory(err);
    *name = sink_sqlite_join(sink->path, tail);
    free(tail);
    return *name != NULL ? DVS_OK : sink_sqlite_no_memory(err);
}

static int32_t fail_locked(const dvs_sink *sink, dvs_error *err)
{
    return sink_sqlite_fail(err, DVS_E_LOCKED, DVS_SCOPE_SOURCE,
                            "%.400s: another run of project '%s' is going on; wait for it or cancel it",
                            sink->path, sink->project);
}

static int32_t fail_file(const char *name, int code, dvs_error *err)
{
    int32_t status = code == EACCES || code == EPERM    ? DVS_E_PERMISSION
                     : code == EROFS                    ? DVS_E_READ_ONLY
                     : code == ENOSPC || code == EDQUOT ? DVS_E_DISK_FULL
                                                        : DVS_E_IO;
    err->native_code = code;
    return sink_sqlite_fail(err, status, DVS_SCOPE_SOURCE, "%.400s: the lock file could not be used: %s",
                            name, code == ELOOP ? "it is a symbolic link" : sink_sqlite_system_text(code));
}

int32_t sink_sqlite_lock(dvs_sink *sink, dvs_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *name;
    int fd;
    int32_t status;
    if (sink->lock_fd >= 0)
        return fail_locked(sink, err);
    if ((sink->flags & DVS_SINK_READ_ONLY) != 0)
        return sink_sqlite_fail(err, DVS_E_READ_ONLY, DVS_SCOPE_SOURCE,
                                "%.400s: is open for reading only and cannot be locked", sink->path);
    status = lock_name(sink, &name, err);
    if (status != DVS_OK)
        return status;
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        status = fail_file(name, errno, err);
    } else if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        status = errno == EAGAIN || errno == EACCES ? fail_locked(sink, err) : fail_file(name, errno, err);
        close(fd);
    } else {
        sink->lock_fd = fd;
    }
    free(name);
    return status;
}

void sink_sqlite_unlock(dvs_sink *sink)
{
    if (sink->lock_fd >= 0)
        close(sink->lock_fd);
    sink->lock_fd = -1;
}

/*
 * The lock file is its owner's alone (0600), yet anybody who may read the database may ask. The kernel lists
 * the locks for all: "3: OFDLCK ADVISORY  WRITE -1 fe:00:524313 0 EOF". The device there is the one below an
 * overlay, so the inode has to do. 1 locked, 0 not, -1 cannot be told.
 */
static int listed(const char *name)
{
    struct stat found;
    char *line = NULL;
    size_t size = 0;
    int answer = 0;
    FILE *file;
    if (stat(name, &found) != 0)
        return errno == ENOENT ? 0 : -1;
    file = fopen("/proc/locks", "re");
    if (file == NULL)
        return -1;
    while (answer == 0 && getline(&line, &size, file) > 0) {
        unsigned long long inode;
        if (strstr(line, "OFDLCK") != NULL && sscanf(line, "%*s %*s %*s %*s %*s %*x:%*x:%llu", &inode) == 1 &&
            inode == (unsigned long long)found.st_ino)
            answer = 1;
    }
    free(line);
    fclose(file);
    return answer;
}

static int32_t probe(dvs_sink *sink, const char *name, dvs_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc;
    if (fd < 0 && errno == ENOENT)
        return DVS_OK;
    if (fd < 0 && errno == EACCES) {
        int answer = listed(name);
        return answer == 1 ? fail_locked(sink, err) : answer == 0 ? DVS_OK : fail_file(name, EACCES, err);
    }
    if (fd < 0)
        return fail_file(name, errno, err);
    rc = fcntl(fd, F_OFD_GETLK, &lock);
    close(fd);
    if (rc != 0)
        return fail_file(name, errno, err);
    return lock.l_type == F_UNLCK ? DVS_OK : fail_locked(sink, err);
}

int32_t sink_sqlite_lock_probe(dvs_sink *sink, dvs_error *err)
{
    char *name;
    int32_t status = lock_name(sink, &name, err);
    if (status == DVS_OK)
        status = probe(sink, name, err);
    free(name);
    return status;
}
