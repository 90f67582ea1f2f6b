/*
 * file.c - one open file. The bytes from `start` to `end` of the buffer are read and not used up; a refill
 * moves them to the front. The buffer keeps its size unless one record needs more, and goes back to it
 * afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "csv.h"

static int32_t fail_errno(dvs_error *err, const char *what, const char *path, int code)
{
    char shown[CSV_SHOW_SIZE];
    char reason[128];
    int32_t status = code == ENOENT || code == ENOTDIR ? DVS_E_NOT_FOUND
                     : code == EACCES || code == EPERM ? DVS_E_PERMISSION
                                                       : DVS_E_IO;
    dvs_fail(err, status, DVS_SCOPE_STREAM, "%s %s failed: %s", what,
             csv_text_show(shown, sizeof shown, path, strlen(path)), strerror_r(code, reason, sizeof reason));
    err->native_code = code;
    return status;
}

int32_t csv_file_open(csv_file *file, const char *path, dvs_error *err)
{
    char shown[CSV_SHOW_SIZE];
    memset(file, 0, sizeof *file);
    file->fd = -1;
    file->path = strdup(path);
    /* A scan may load whole words behind the content. */
    file->buffer = malloc(CSV_BUFFER_SIZE + CSV_SCAN_SLACK);
    if (file->path == NULL || file->buffer == NULL)
        return csv_no_memory(err);
    file->capacity = CSV_BUFFER_SIZE;
    /* O_NONBLOCK: a FIFO without a writer must be refused, not waited for. */
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file->fd < 0)
        return fail_errno(err, "opening", path, errno);
    if (fstat(file->fd, &file->stat) != 0)
        return fail_errno(err, "reading the state of", path, errno);
    if (!S_ISREG(file->stat.st_mode))
        return dvs_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_STREAM,
                        "%s is no regular file: a CSV file is read more than once, so copy it to disk first",
                        csv_text_show(shown, sizeof shown, path, strlen(path)));
    (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return DVS_OK;
}

void csv_file_close(csv_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->buffer);
    free(file->path);
    memset(file, 0, sizeof *file);
    file->fd = -1;
}

void csv_file_seek(csv_file *file, uint64_t offset)
{
    file->start = file->end = 0;
    file->offset = offset;
    file->eof = 0;
}

void csv_file_consume(csv_file *file, size_t bytes)
{
    file->start += bytes;
    file->offset += bytes;
}

/* What differs between two states of a file, NULL when nothing does. */
static const char *difference(const struct stat *a, const struct stat *b)
{
    if (a->st_dev != b->st_dev || a->st_ino != b->st_ino)
        return "it was replaced by another file";
    if (a->st_size != b->st_size)
        return a->st_size < b->st_size ? "it grew" : "it became shorter";
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
        return "it was written to";
    return NULL;
}

static int32_t fail_changed(const csv_file *file, const char *how, dvs_error *err)
{
    char shown[CSV_SHOW_SIZE];
    return dvs_fail(err, DVS_E_CHANGED, DVS_SCOPE_STREAM,
                    "%s changed while it was read (%s): sync again when nobody writes to it",
                    csv_text_show(shown, sizeof shown, file->path, strlen(file->path)), how);
}

/* The size that the buffer should have now: the ordinary one, twice what a long record has filled. */
static int32_t make_room(csv_file *file, dvs_error *err)
{
    size_t length = csv_file_length(file);
    size_t capacity = file->capacity;
    if (file->start > 0)
        memmove(file->buffer, file->buffer + file->start, length);
    file->start = 0;
    file->end = length;
    if (length == capacity) {
        if (capacity >= CSV_RECORD_MAX)
            return DVS_END;
        capacity = capacity > CSV_RECORD_MAX / 2 ? CSV_RECORD_MAX : capacity * 2;
    } else if (capacity > CSV_BUFFER_SIZE && length < CSV_BUFFER_SIZE / 2) {
        capacity = CSV_BUFFER_SIZE;
    }
    if (capacity != file->capacity) {
        char *buffer = realloc(file->buffer, capacity + CSV_SCAN_SLACK);
        if (buffer == NULL)
            return csv_no_memory(err);
        file->buffer = buffer;
        file->capacity = capacity;
    }
    return DVS_OK;
}

int32_t csv_file_fill(csv_file *file, dvs_error *err)
{
    struct stat now;
    int32_t status = make_room(file, err);
    if (status != DVS_OK)
        return status;
    while (!file->eof && file->end < file->capacity) {
        ssize_t n = pread(file->fd, file->buffer + file->end, file->capacity - file->end,
                          (off_t)(file->offset + file->end));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, "reading", file->path, errno);
        file->end += (size_t)n;
        file->eof = n == 0;
    }
    memset(file->buffer + file->end, 0, CSV_SCAN_SLACK);
    /* After the bytes, so that bytes of a newer file are never taken for those of the old one. */
    if (fstat(file->fd, &now) != 0)
        return fail_errno(err, "reading the state of", file->path, errno);
    const char *how = difference(&file->stat, &now);
    return how == NULL ? DVS_OK : fail_changed(file, how, err);
}

int32_t csv_file_check_end(const csv_file *file, dvs_error *err)
{
    struct stat now;
    const char *how;
    if (stat(file->path, &now) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return fail_errno(err, "reading the state of", file->path, errno);
        return fail_changed(file, "it was removed", err);
    }
    how = difference(&file->stat, &now);
    return how == NULL ? DVS_OK : fail_changed(file, how, err);
}
