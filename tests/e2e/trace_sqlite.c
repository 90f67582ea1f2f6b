/*
 * trace_sqlite.c - LD_PRELOAD shim of the end-to-end tests: it sees every SQL statement that the program
 * runs, and can end the process at an exact point. The product knows nothing of it.
 *
 * DVSYNC_TRACE_DB      only databases whose file name ends so (and, for files, `NAME` and `NAME-wal`)
 * DVSYNC_TRACE_FILE    append each statement as it starts, one a line
 * DVSYNC_KILL_BEFORE   SIGKILL as the n-th COMMIT starts
 * DVSYNC_KILL_AFTER    SIGKILL when the n-th COMMIT has ended
 * DVSYNC_KILL_SINCE    count those COMMITs only since a statement that contains this text
 * DVSYNC_KILL_WRITE    SIGKILL before the n-th write to the database or its WAL
 * DVSYNC_FULL_AFTER    writes to the database or its WAL fail with ENOSPC after so many bytes
 * DVSYNC_SLOW_FILE     reads of a file whose name ends so wait DVSYNC_SLOW_MS milliseconds first and give at
 *                      most DVSYNC_SLOW_BYTES bytes
 * DVSYNC_TRACE_READS   append how many bytes each read of that file gave, one a line
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <unistd.h>

/* The libc names that are taken over; large-file builds call the names with 64. */
ssize_t read(int fd, void *buffer, size_t count);
ssize_t pread64(int fd, void *buffer, size_t count, off64_t offset);
ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset);

static atomic_int is_counting;
static atomic_llong n_commits_begun;
static atomic_llong n_commits_ended;
static atomic_llong n_writes;
static atomic_llong n_bytes;

static long long env_number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? strtoll(text, NULL, 10) : -1;
}

static int ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text);
    size_t m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

/* The function of that name behind this shim. */
static void find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL) {
        (void)dprintf(STDERR_FILENO, "trace_sqlite: no %s\n", name);
        _exit(99);
    }
    memcpy(function, &symbol, sizeof symbol); /* an object pointer to a function pointer, as POSIX means it */
}

static int is_traced(sqlite3 *db)
{
    const char *only = getenv("DVSYNC_TRACE_DB");
    const char *file = sqlite3_db_filename(db, "main");
    return only == NULL || (file != NULL && ends_with(file, only));
}

/* Appends one line to the file that the variable `name` names, if it does. */
static void append_line(const char *name, const char *sql)
{
    const char *path = getenv(name);
    size_t n = strlen(sql);
    char *line;
    size_t i;
    int fd;

    if (path == NULL)
        return;
    line = malloc(n + 1);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (line == NULL || fd < 0) {
        (void)dprintf(STDERR_FILENO, "trace_sqlite: cannot write %s\n", path);
        _exit(99);
    }
    for (i = 0; i < n; i++)
        line[i] = sql[i] == '\n' || sql[i] == '\r' ? ' ' : sql[i];
    line[n] = '\n';
    if (write(fd, line, n + 1) < 0)
        _exit(99);
    (void)close(fd);
    free(line);
}

/* True when the COMMITs are to be counted by now. */
static int counts_now(const char *sql)
{
    const char *since = getenv("DVSYNC_KILL_SINCE");
    if (since == NULL || strstr(sql, since) != NULL)
        atomic_store(&is_counting, 1);
    return atomic_load(&is_counting);
}

static int on_trace(unsigned event, void *context, void *statement, void *extra)
{
    const char *sql = sqlite3_sql((sqlite3_stmt *)statement);
    int is_commit;

    (void)context;
    if (sql == NULL || !is_traced(sqlite3_db_handle((sqlite3_stmt *)statement)))
        return 0;
    is_commit = strncasecmp(sql, "COMMIT", 6) == 0 || strncasecmp(sql, "END", 3) == 0;
    if (event == SQLITE_TRACE_STMT) {
        if (strncmp((const char *)extra, "--", 2) == 0) /* a trigger's inner statement */
            return 0;
        append_line("DVSYNC_TRACE_FILE", sql);
        if (counts_now(sql) && is_commit &&
            atomic_fetch_add(&n_commits_begun, 1) + 1 == env_number("DVSYNC_KILL_BEFORE"))
            die();
    } else if (event == SQLITE_TRACE_PROFILE && is_commit && atomic_load(&is_counting)) {
        if (atomic_fetch_add(&n_commits_ended, 1) + 1 == env_number("DVSYNC_KILL_AFTER"))
            die();
    }
    return 0;
}

int sqlite3_open_v2(const char *filename, sqlite3 **db, int flags, const char *vfs)
{
    static int (*real)(const char *, sqlite3 **, int, const char *);
    int rc;

    if (real == NULL)
        find("sqlite3_open_v2", &real);
    rc = real(filename, db, flags, vfs);
    if (rc == SQLITE_OK)
        (void)sqlite3_trace_v2(*db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, on_trace, NULL);
    return rc;
}

int sqlite3_open(const char *filename, sqlite3 **db)
{
    return sqlite3_open_v2(filename, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
}

/* 1 when the open file `fd` is called NAME or NAME-wal, or just NAME. */
static int is_file(int fd, const char *name, int wal_too)
{
    char link[64];
    char path[4096];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return 0;
    path[n] = '\0';
    if (ends_with(path, name))
        return 1;
    if (wal_too && n > 4 && strcmp(path + n - 4, "-wal") == 0) {
        path[n - 4] = '\0';
        return ends_with(path, name);
    }
    return 0;
}

ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    const char *db = getenv("DVSYNC_TRACE_DB");
    long long kill_at = env_number("DVSYNC_KILL_WRITE");
    long long full_after = env_number("DVSYNC_FULL_AFTER");

    if (real == NULL)
        find("pwrite64", &real);
    if (db != NULL && (kill_at >= 0 || full_after >= 0) && is_file(fd, db, 1)) {
        if (atomic_fetch_add(&n_writes, 1) + 1 == kill_at)
            die();
        if (full_after >= 0 && atomic_fetch_add(&n_bytes, (long long)count) + (long long)count > full_after) {
            errno = ENOSPC;
            return -1;
        }
    }
    return real(fd, buffer, count, offset);
}

/* Waits and shortens as DVSYNC_SLOW_* say; the count to read. */
static size_t slow_down(int fd, size_t count)
{
    const char *name = getenv("DVSYNC_SLOW_FILE");
    long long ms;
    long long bytes;

    if (name == NULL || !is_file(fd, name, 0))
        return count;
    ms = env_number("DVSYNC_SLOW_MS");
    bytes = env_number("DVSYNC_SLOW_BYTES");
    if (ms > 0)
        (void)usleep((useconds_t)(ms * 1000));
    return bytes > 0 && (unsigned long long)bytes < count ? (size_t)bytes : count;
}

static ssize_t note_read(int fd, ssize_t n)
{
    const char *name = getenv("DVSYNC_SLOW_FILE");
    char text[32];

    if (n > 0 && getenv("DVSYNC_TRACE_READS") != NULL && name != NULL && is_file(fd, name, 0)) {
        (void)snprintf(text, sizeof text, "%zd", n);
        append_line("DVSYNC_TRACE_READS", text);
    }
    return n;
}

ssize_t read(int fd, void *buffer, size_t count)
{
    static ssize_t (*real)(int, void *, size_t);
    if (real == NULL)
        find("read", &real);
    return note_read(fd, real(fd, buffer, slow_down(fd, count)));
}

ssize_t pread64(int fd, void *buffer, size_t count, off64_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);
    if (real == NULL)
        find("pread64", &real);
    return note_read(fd, real(fd, buffer, slow_down(fd, count), offset));
}

ssize_t pread(int fd, void *buffer, size_t count, off_t offset)
{
    return pread64(fd, buffer, count, offset);
}
