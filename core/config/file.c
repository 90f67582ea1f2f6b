#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define PIECE ((size_t)64 * 1024)

static int read_all(int fd, dvsi_buf *buf)
{
    for (;;) {
        char *room = dvsi_buf_reserve(buf, PIECE);
        if (!room)
            return ENOMEM;
        ssize_t got = read(fd, room, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            return 0;
        buf->length += (size_t)got;
        if (buf->length > DVSI_FILE_MOST)
            return EFBIG;
    }
}

int dvsi_file_read(dvsi_arena *arena, const char *path, const char **data, size_t *length)
{
    dvsi_buf buf = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno;
    int status = read_all(fd, &buf);
    close(fd);
    if (!status) {
        *data = dvsi_arena_copy(arena, buf.length ? buf.data : "", buf.length);
        *length = buf.length;
        status = *data ? 0 : ENOMEM;
    }
    dvsi_buf_free(&buf);
    return status;
}

void dvsi_file_problem(dvsi_problems *problems, const char *path, int status)
{
    if (status == EFBIG)
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, path, 0, 0, "", "is larger than 1 MB");
    else
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, path, 0, 0, "", "could not be read: %s",
                         strerror(status));
}

const char *dvsi_file_directory(dvsi_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *folder = ".";
    if (slash == path)
        folder = "/";
    else if (slash)
        folder = dvsi_arena_copy(arena, path, (size_t)(slash - path));
    if (!folder) {
        errno = ENOMEM;
        return NULL;
    }
    char *real = realpath(folder, NULL);
    if (!real)
        return NULL;
    const char *copy = dvsi_arena_strdup(arena, real);
    free(real);
    if (!copy)
        errno = ENOMEM;
    return copy;
}
