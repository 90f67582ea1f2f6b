/* journal.c - the file: taking in what is committed, adding a transaction, and who may write now. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEADER "dvsync-memory-1\n"
#define HEADER_SIZE 16u
#define FRAME_SIZE 16u
#define FRAME_MAGIC 0x0a4e5854u /* "TXN\n" */

/* Two bytes far behind the data: who waits for the second holds the first, so that nobody starves. */
#define TURNSTILE (INT64_C(1) << 60)
#define WRITING (TURNSTILE + 1)

static int32_t io_error(dvs_error *err, const dvs_sink *sink, const char *what)
{
    int32_t status = errno == ENOSPC || errno == EDQUOT ? DVS_E_DISK_FULL : DVS_E_IO;
    err->native_code = errno;
    return dvs_fail(err, status, DVS_SCOPE_SOURCE, "%s: %s failed: %s", sink->path, what, strerror(errno));
}

static int32_t open_error(dvs_error *err, const char *path)
{
    int32_t status = errno == ENOENT || errno == ENOTDIR                   ? DVS_E_NOT_FOUND
                     : errno == EACCES || errno == EPERM || errno == EROFS ? DVS_E_PERMISSION
                                                                           : DVS_E_IO;
    err->native_code = errno;
    return dvs_fail(err, status, DVS_SCOPE_SOURCE, "cannot open %s: %s", path, strerror(errno));
}

static int lock_byte(int fd, short type, int64_t at)
{
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = at;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &lock);
}

static int32_t wait_for_byte(dvs_sink *sink, int64_t at, int64_t *left_ms, dvs_error *err)
{
    while (lock_byte(sink->fd, F_WRLCK, at) != 0) {
        const struct timespec pause = {0, 1000000};
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return io_error(err, sink, "locking");
        if (sink->host->cancelled(sink->host) || atomic_load(&sink->interrupted) != 0)
            return memory_cancelled(err);
        if ((*left_ms)-- <= 0)
            return dvs_fail(err, DVS_E_BUSY, DVS_SCOPE_SOURCE, "%s: somebody else is writing", sink->path);
        nanosleep(&pause, NULL);
    }
    return DVS_OK;
}

int32_t memory_file_lock(dvs_sink *sink, dvs_error *err)
{
    int64_t left_ms = sink->busy_timeout_ms;
    int32_t status = wait_for_byte(sink, TURNSTILE, &left_ms, err);
    if (status != DVS_OK)
        return status;
    status = wait_for_byte(sink, WRITING, &left_ms, err);
    lock_byte(sink->fd, F_UNLCK, TURNSTILE);
    return status;
}

void memory_file_unlock(dvs_sink *sink)
{
    lock_byte(sink->fd, F_UNLCK, WRITING);
}

static int write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, data, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        data += done;
        length -= (size_t)done;
    }
    return 0;
}

static uint8_t *read_part(const dvs_sink *sink, uint64_t from, size_t length)
{
    uint8_t *data = malloc(length + 1);
    size_t got = 0;
    while (data != NULL && got < length) {
        ssize_t done = pread(sink->fd, data + got, length - got, (off_t)(from + got));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            free(data);
            return NULL;
        }
        got += (size_t)done;
    }
    return data;
}

/* The length of the whole transaction at `at`, or 0 when it is not all there. */
static size_t frame_length(const uint8_t *at, size_t left)
{
    memory_bytes head = {at, at + left, 0};
    uint32_t magic, crc;
    uint64_t length;
    if (left < FRAME_SIZE)
        return 0;
    magic = memory_get_u32(&head);
    crc = memory_get_u32(&head);
    length = memory_get_u64(&head);
    if (magic != FRAME_MAGIC || length > left - FRAME_SIZE ||
        memory_crc(at + FRAME_SIZE, (size_t)length) != crc)
        return 0;
    return FRAME_SIZE + (size_t)length;
}

static int32_t header_check(dvs_sink *sink, uint64_t size, dvs_error *err)
{
    uint8_t head[HEADER_SIZE];
    ssize_t got = pread(sink->fd, head, sizeof head, 0);
    if (got < 0)
        return io_error(err, sink, "reading");
    if ((size_t)got > HEADER_SIZE || memcmp(head, HEADER, (size_t)got) != 0)
        return dvs_fail(err, DVS_E_CORRUPT, DVS_SCOPE_SOURCE, "%s is no memory database", sink->path);
    if (size >= HEADER_SIZE)
        sink->committed = HEADER_SIZE;
    return DVS_OK;
}

static int32_t header_write(dvs_sink *sink, dvs_error *err)
{
    if (ftruncate(sink->fd, 0) != 0 || write_all(sink->fd, (const uint8_t *)HEADER, HEADER_SIZE) != 0)
        return io_error(err, sink, "writing");
    sink->committed = HEADER_SIZE;
    return DVS_OK;
}

/* Applies the transactions of the file from sink->committed up to `limit`. */
static int32_t take_in(dvs_sink *sink, uint64_t limit, dvs_error *err)
{
    size_t length = (size_t)(limit - sink->committed), at = 0, frame;
    uint8_t *data;
    int32_t status = DVS_OK;
    if (length == 0)
        return DVS_OK;
    data = read_part(sink, sink->committed, length);
    if (data == NULL)
        return io_error(err, sink, "reading");
    while (status == DVS_OK && (frame = frame_length(data + at, length - at)) > 0) {
        status = memory_apply(&sink->db, data + at + FRAME_SIZE, frame - FRAME_SIZE, err);
        at += frame;
    }
    free(data);
    if (status != DVS_OK) {
        err->scope = DVS_SCOPE_SOURCE;
        err->status = DVS_E_CORRUPT;
        return DVS_E_CORRUPT;
    }
    sink->committed += at;
    return DVS_OK;
}

int32_t memory_file_refresh(dvs_sink *sink, int locked, dvs_error *err)
{
    struct stat info;
    uint64_t size;
    int32_t status = DVS_OK;
    if (fstat(sink->fd, &info) != 0)
        return io_error(err, sink, "looking at the file");
    size = (uint64_t)info.st_size;
    if (sink->committed == 0)
        status = header_check(sink, size, err);
    if (status == DVS_OK && sink->committed == 0)
        return locked ? header_write(sink, err) : DVS_OK;
    if (status == DVS_OK && size < sink->committed)
        status =
            dvs_fail(err, DVS_E_CORRUPT, DVS_SCOPE_SOURCE, "%s became shorter while it was open", sink->path);
    if (status == DVS_OK)
        status = take_in(sink, size, err);
    if (status == DVS_OK && locked && sink->committed < size &&
        ftruncate(sink->fd, (off_t)sink->committed) != 0)
        status = io_error(err, sink, "cutting off an unfinished transaction");
    return status;
}

int32_t memory_file_rebuild(dvs_sink *sink, const memory_buf *redo, size_t length, dvs_error *err)
{
    uint64_t limit = sink->committed;
    int32_t status;
    memory_db_clear(&sink->db);
    sink->committed = limit > HEADER_SIZE ? HEADER_SIZE : limit;
    status = take_in(sink, limit, err);
    if (status == DVS_OK && length > 0)
        status = memory_apply(&sink->db, redo->data, length, err);
    return status;
}

int32_t memory_file_append(dvs_sink *sink, const memory_buf *redo, dvs_error *err)
{
    memory_buf frame = {NULL, 0, 0, 0};
    int32_t status = DVS_OK;
    memory_put_u32(&frame, FRAME_MAGIC);
    memory_put_u32(&frame, memory_crc(redo->data, redo->length));
    memory_put_u64(&frame, redo->length);
    memory_put(&frame, redo->data, redo->length);
    if (frame.failed || redo->failed) {
        status = memory_no_memory(err);
    } else if (write_all(sink->fd, frame.data, frame.length) != 0) {
        status = io_error(err, sink, "writing");
        if (ftruncate(sink->fd, (off_t)sink->committed) != 0)
            status = io_error(err, sink, "taking back a failed write");
    } else {
        sink->committed += frame.length;
    }
    free(frame.data);
    return status;
}

int32_t memory_file_open(dvs_sink *sink, const char *path, dvs_error *err)
{
    int read_only = (sink->flags & DVS_SINK_READ_ONLY) != 0;
    int flags = read_only ? O_RDONLY : O_RDWR | O_APPEND;
    int32_t status;
    if (!read_only && (sink->flags & DVS_SINK_CREATE) != 0)
        flags |= O_CREAT;
    sink->fd = open(path, flags | O_CLOEXEC, 0600);
    if (sink->fd < 0)
        return open_error(err, path);
    sink->path = realpath(path, NULL);
    if (sink->path == NULL)
        return open_error(err, path);
    if (read_only)
        return memory_file_refresh(sink, 0, err);
    status = memory_file_lock(sink, err);
    if (status != DVS_OK)
        return status;
    status = memory_file_refresh(sink, 1, err);
    memory_file_unlock(sink);
    return status;
}
