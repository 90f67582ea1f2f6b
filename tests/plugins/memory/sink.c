/* sink.c - the plugin, its settings, opening and locking. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const dvs_option OPTIONS[] = {
    {sizeof(dvs_option), DVS_OPTION_PATH, DVS_OPTION_REQUIRED | DVS_OPTION_IDENTITY, 0, 0, 0, "path", NULL,
     NULL, "file that holds the tables"},
    {sizeof(dvs_option), DVS_OPTION_PATH, 0, 0, 0, 0, "faults", NULL, NULL,
     "JSON file: what shall go wrong; see tests/plugins/README.md"},
    {sizeof(dvs_option), DVS_OPTION_PATH, 0, 0, 0, 0, "log", NULL, NULL,
     "file to which every call is added as a line of JSON"},
    {sizeof(dvs_option), DVS_OPTION_BOOL, 0, 0, 0, 0, "clock", "false", NULL,
     "the sink has a clock of its own"},
    {sizeof(dvs_option), DVS_OPTION_INT, 0, 0, INT64_C(-1000000000000), INT64_C(1000000000000),
     "clock_skew_ms", "0", NULL, "how far that clock is ahead, in milliseconds"},
    {sizeof(dvs_option), DVS_OPTION_INT, 0, 0, 0, 3600000, "busy_timeout_ms", "5000", NULL,
     "how long to wait for another writer, in milliseconds"},
};

int32_t memory_enter(dvs_sink *sink, const char *slot, const char *table, dvs_error *err)
{
    testkit_call call = {slot, table, NULL, -1, 0};
    atomic_store(&sink->interrupted, 0);
    return testkit_events_fire(sink->events, &call, &sink->patience, err);
}

int32_t memory_leave(dvs_sink *sink, const char *slot, const char *table, json_t *line, int32_t status,
                     dvs_error *err)
{
    testkit_call call = {slot, table, NULL, -1, 1};
    if (status == DVS_OK)
        status = testkit_events_fire(sink->events, &call, &sink->patience, err);
    if (line != NULL) {
        json_object_set_new(line, "slot", json_string(slot));
        if (table != NULL)
            json_object_set_new(line, "table", json_string(table));
    }
    return testkit_log_status(sink->events, line, status, err);
}

static void sink_free(dvs_sink *sink)
{
    if (sink->lock_fd >= 0)
        close(sink->lock_fd);
    if (sink->fd >= 0)
        close(sink->fd);
    memory_db_clear(&sink->db);
    testkit_events_free(sink->events);
    free(sink->lock_path);
    free(sink->project);
    free(sink->path);
    free(sink);
}

/* The faults stand in an array, or in an object's member `faults`. */
static int32_t faults_load(dvs_sink *sink, const char *path, dvs_error *err)
{
    json_error_t problem;
    json_t *root;
    int32_t status;
    if (path == NULL)
        return DVS_OK;
    root = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL)
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "setting faults: %s:%d: %s", path, problem.line,
                        problem.text);
    status =
        testkit_events_set(sink->events, json_is_object(root) ? json_object_get(root, "faults") : root, err);
    json_decref(root);
    return status;
}

static char *directory_of(const char *path)
{
    char *directory = path != NULL ? strdup(path) : strdup(".");
    char *slash = directory != NULL ? strrchr(directory, '/') : NULL;
    if (slash != NULL && slash != directory)
        *slash = '\0';
    return directory;
}

static int32_t prepare(dvs_sink *sink, const dvs_sink_open *request, dvs_error *err)
{
    const char *path = dvs_setting_text(request->settings, "path", NULL);
    const char *faults = dvs_setting_text(request->settings, "faults", NULL);
    char *directory = directory_of(faults != NULL ? faults : path);
    int32_t status;
    sink->project = strdup(request->project);
    sink->events = directory != NULL ? testkit_events_new(directory) : NULL;
    free(directory);
    if (sink->project == NULL || sink->events == NULL)
        return memory_no_memory(err);
    status = testkit_events_log_to(sink->events, dvs_setting_text(request->settings, "log", NULL), err);
    if (status == DVS_OK)
        status = faults_load(sink, faults, err);
    if (status == DVS_OK && path == NULL)
        status = dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "setting path is missing");
    if (status == DVS_OK)
        status = memory_enter(sink, "open", NULL, err);
    if (status == DVS_OK)
        status = memory_file_open(sink, path, err);
    if (status == DVS_OK && asprintf(&sink->lock_path, "%s.%s.lock", sink->path, sink->project) < 0) {
        sink->lock_path = NULL;
        status = memory_no_memory(err);
    }
    return memory_leave(sink, "open", NULL,
                        json_pack("{s:b,s:b,s:b}", "read_only", (sink->flags & DVS_SINK_READ_ONLY) != 0,
                                  "create", (sink->flags & DVS_SINK_CREATE) != 0, "scratch",
                                  (sink->flags & DVS_SINK_SCRATCH) != 0),
                        status, err);
}

static int32_t sink_open(const dvs_host *host, const dvs_sink_open *request, dvs_sink **out, dvs_error *err)
{
    dvs_sink *sink = calloc(1, sizeof *sink);
    int32_t status;
    if (sink == NULL)
        return memory_no_memory(err);
    sink->host = host;
    sink->flags = request->flags;
    sink->fd = sink->lock_fd = -1;
    sink->patience.host = host;
    sink->patience.interrupted = &sink->interrupted;
    sink->has_clock = dvs_setting_int(request->settings, "clock", 0) != 0;
    sink->clock_skew_ms = dvs_setting_int(request->settings, "clock_skew_ms", 0);
    sink->busy_timeout_ms = dvs_setting_int(request->settings, "busy_timeout_ms", 5000);
    status = prepare(sink, request, err);
    if (status == DVS_OK)
        *out = sink;
    else
        sink_free(sink);
    return status;
}

static void sink_close(dvs_sink *sink)
{
    dvs_error unused = DVS_ERROR_INIT;
    memory_enter(sink, "close", NULL, &unused);
    memory_leave(sink, "close", NULL, json_object(), DVS_OK, &unused);
    sink_free(sink);
}

static int32_t sink_identity(dvs_sink *sink, dvs_out *out, dvs_error *err)
{
    int32_t status = memory_enter(sink, "identity", NULL, err);
    if (status == DVS_OK)
        dvs_put_done(sink->host->put_text(sink->host, out, sink->path), &status, err);
    return memory_leave(sink, "identity", NULL, json_object(), status, err);
}

static int set_lock(int fd, int command, struct flock *lock)
{
    memset(lock, 0, sizeof *lock);
    lock->l_type = F_WRLCK;
    lock->l_whence = SEEK_SET;
    return fcntl(fd, command, lock);
}

static int32_t held(const dvs_sink *sink, dvs_error *err)
{
    return dvs_fail(err, DVS_E_LOCKED, DVS_SCOPE_SOURCE, "another run of project %s is going on (%s)",
                    sink->project, sink->lock_path);
}

static int32_t lock_file_error(const dvs_sink *sink, dvs_error *err)
{
    err->native_code = errno;
    return dvs_fail(err, DVS_E_IO, DVS_SCOPE_SOURCE, "cannot lock %s: %s", sink->lock_path, strerror(errno));
}

static int32_t lock_take(dvs_sink *sink, dvs_error *err)
{
    struct flock lock;
    int32_t status;
    int fd;
    if ((sink->flags & DVS_SINK_READ_ONLY) != 0)
        return dvs_fail(err, DVS_E_READ_ONLY, DVS_SCOPE_SOURCE, "%s was opened read-only", sink->path);
    if (sink->lock_fd >= 0)
        return held(sink, err);
    fd = open(sink->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return lock_file_error(sink, err);
    if (set_lock(fd, F_OFD_SETLK, &lock) != 0) {
        status = errno == EAGAIN || errno == EACCES ? held(sink, err) : lock_file_error(sink, err);
        close(fd);
        return status;
    }
    sink->lock_fd = fd;
    return DVS_OK;
}

static int32_t sink_lock(dvs_sink *sink, dvs_error *err)
{
    int32_t status = memory_enter(sink, "lock", NULL, err);
    if (status == DVS_OK)
        status = lock_take(sink, err);
    return memory_leave(sink, "lock", NULL, json_object(), status, err);
}

static void sink_unlock(dvs_sink *sink)
{
    dvs_error unused = DVS_ERROR_INIT;
    memory_enter(sink, "unlock", NULL, &unused);
    if (sink->lock_fd >= 0)
        close(sink->lock_fd);
    sink->lock_fd = -1;
    memory_leave(sink, "unlock", NULL, json_object(), DVS_OK, &unused);
}

/* On a descriptor that can only read, so that nothing is made or changed. */
static int32_t probe(const dvs_sink *sink, dvs_error *err)
{
    struct flock lock;
    int32_t status = DVS_OK;
    int fd = open(sink->lock_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? DVS_OK : lock_file_error(sink, err);
    if (set_lock(fd, F_OFD_GETLK, &lock) != 0)
        status = lock_file_error(sink, err);
    else if (lock.l_type != F_UNLCK)
        status = held(sink, err);
    close(fd);
    return status;
}

static int32_t sink_lock_probe(dvs_sink *sink, dvs_error *err)
{
    int32_t status = memory_enter(sink, "lock_probe", NULL, err);
    if (status == DVS_OK)
        status = probe(sink, err);
    return memory_leave(sink, "lock_probe", NULL, json_object(), status, err);
}

static void sink_interrupt(dvs_sink *sink)
{
    atomic_store(&sink->interrupted, 1);
    testkit_log(sink->events, json_pack("{s:s}", "slot", "interrupt"));
}

static int32_t sink_clock(dvs_sink *sink, int64_t *now, dvs_error *err)
{
    int32_t status = memory_enter(sink, "clock", NULL, err);
    if (status == DVS_OK && !sink->has_clock)
        status = dvs_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_SOURCE, "the setting clock is off");
    if (status == DVS_OK)
        *now = sink->host->now(sink->host) + sink->clock_skew_ms * 1000;
    return memory_leave(sink, "clock", NULL, json_object(), status, err);
}

static const dvs_sink_api SINK = {
    .struct_size = sizeof(dvs_sink_api),
    .n_options = sizeof OPTIONS / sizeof OPTIONS[0],
    .option_stride = sizeof OPTIONS[0],
    .options = OPTIONS,
    .open = sink_open,
    .close = sink_close,
    .identity = sink_identity,
    .lock = sink_lock,
    .unlock = sink_unlock,
    .lock_probe = sink_lock_probe,
    .inspect = memory_inspect,
    .writer = memory_writer_open,
    .close_writer = memory_writer_close,
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .savepoint = memory_savepoint,
    .rollback_to = memory_rollback_to,
    .release = memory_release,
    .apply_schema = memory_slot_apply_schema,
    .ensure_index = memory_ensure_index,
    .drop_index = memory_drop_index,
    .ensure_view = memory_ensure_view,
    .read = memory_read,
    .scan = memory_scan,
    .count = memory_count,
    .write = memory_write,
    .delete_where = memory_delete_where,
    .interrupt = sink_interrupt,
    .missing = memory_missing,
    .load = memory_load,
    .clock = sink_clock,
};

static const dvs_plugin PLUGIN = {
    .struct_size = sizeof(dvs_plugin),
    .abi_major = DVS_ABI_MAJOR,
    .abi_minor = DVS_ABI_MINOR,
    .name = "memory",
    .version = "1.0.0",
    .doc = "a sink over tables in memory, for tests",
    .sink = &SINK,
};

const dvs_plugin *dvs_plugin_v1(void)
{
    return &PLUGIN;
}
