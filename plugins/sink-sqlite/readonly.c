/*
 * readonly.c - reading without changing anything, not even which files are there.
 *
 * SQLite's mode=ro writes nothing into the database, but a database in WAL mode needs -wal and -shm beside
 * it: a connection that finds them missing makes them, if it may, and one that is read-only leaves them
 * behind when it closes. So it depends on what is there and on what we may do:
 *
 *   no WAL mode                                  mode=ro; a journal left by a crash: the copy
 *   -wal and -shm are there                      mode=ro: nothing is made; it sees what others commit
 *   one is missing, the folder is not writable   mode=ro; if SQLite cannot work so: the last two
 *   no or an empty -wal, all is writable         read-write with query_only: it makes both files, sees what
 *                                                others commit, and, being the last, removes them on closing
 *   no or an empty -wal, else                    immutable=1: no locks, no files. A writer may come
 *                                                meanwhile: begin looks again, and the end of each reading
 *                                                checks that the file is still the same
 *   data in -wal, no -shm                        nobody has it open; its last owner died. A copy in $TMPDIR,
 *                                                with the -wal, is opened instead: immutable would miss
 *                                                what is in the -wal, mode=ro leave a -shm
 */
#include "sink_sqlite.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* "file:///path?query" with everything unusual in the path encoded; malloc. */
static char *uri_of(const char *path, const char *query)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t length = strlen(path);
    size_t n = 0;
    char *uri = length < SIZE_MAX / 8 ? malloc(3 * length + strlen(query) + 16) : NULL;
    if (uri == NULL)
        return NULL;
    memcpy(uri, "file://", 7);
    n = 7;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)path[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            uri[n++] = (char)c;
        } else {
            uri[n++] = '%';
            uri[n++] = hex[c >> 4];
            uri[n++] = hex[c & 15];
        }
    }
    uri[n++] = '?';
    memcpy(uri + n, query, strlen(query) + 1);
    return uri;
}

static int32_t connect_uri(dvs_sink *sink, const char *query, int flags, dvs_error *err)
{
    char *uri = uri_of(sink->path, query);
    int32_t status =
        uri != NULL
            ? sink_sqlite_connect(sink, uri, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW, &sink->db, err)
            : sink_sqlite_no_memory(err);
    free(uri);
    return status;
}

static void disconnect(dvs_sink *sink)
{
    sqlite3_close(sink->db);
    sink->db = NULL;
}

/* Opens in this mode and reads the schema; *rc is SQLite's result. */
static int32_t open_as(dvs_sink *sink, sink_sqlite_mode mode, int *rc, dvs_error *err)
{
    int32_t status;
    if (sink->db != NULL)
        disconnect(sink);
    *rc = SQLITE_OK;
    sink->mode = mode;
    if (mode == SINK_SQLITE_QUIET)
        status = connect_uri(sink, "mode=rw", SQLITE_OPEN_READWRITE, err);
    else
        status = connect_uri(sink, mode == SINK_SQLITE_IMMUTABLE ? "mode=ro&immutable=1" : "mode=ro",
                             SQLITE_OPEN_READONLY, err);
    if (status != DVS_OK)
        return status;
    *rc = sink_sqlite_exec(sink->db, "PRAGMA query_only=ON");
    if (*rc == SQLITE_OK)
        *rc = sink_sqlite_try(sink->db);
    return *rc == SQLITE_OK ? DVS_OK : sink_sqlite_failed(sink, sink->db, *rc, err, "could not be read");
}

/* Copies through the open mode=ro connection, which has read nothing yet. */
static int32_t open_copy(dvs_sink *sink, dvs_error *err)
{
    sqlite3 *copy = NULL;
    int32_t status = DVS_OK;
    if (sink->db != NULL)
        disconnect(sink);
    sink->mode = SINK_SQLITE_RO;
    status = connect_uri(sink, "mode=ro", SQLITE_OPEN_READONLY, err);
    if (status != DVS_OK)
        return status;
    status = sink_sqlite_open_copy(sink, sink->db, &copy, err);
    disconnect(sink);
    sink->db = copy;
    sink->mode = SINK_SQLITE_COPY;
    return status;
}

static int32_t open_immutable(dvs_sink *sink, dvs_error *err)
{
    int rc;
    sink->files = sink_sqlite_files_of(sink->path);
    return open_as(sink, SINK_SQLITE_IMMUTABLE, &rc, err);
}

/* Whether the header says WAL, read by SQLite's own file object: no lock is taken, nothing is made. -1 when
 * the file is too short for a header. */
static int header_says_wal(sqlite3 *db)
{
    unsigned char header[20];
    sqlite3_file *file = NULL;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (file == NULL || file->pMethods == NULL ||
        file->pMethods->xRead(file, header, (int)sizeof header, 0) != SQLITE_OK)
        return -1;
    return header[18] == 2 && header[19] == 2;
}

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static bool may_write_folder(const char *path)
{
    char *parent = sink_sqlite_parent(path);
    bool may = parent != NULL && may_write(parent);
    free(parent);
    return may;
}

/* Results that mean "SQLite would have to write something first". */
static bool needs_more(int rc)
{
    return (rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY || (rc & 0xff) == SQLITE_IOERR ||
           (rc & 0xff) == SQLITE_PERM;
}

static int32_t open_wal(dvs_sink *sink, dvs_error *err)
{
    sink_sqlite_files files = sink_sqlite_files_of(sink->path);
    bool folder = may_write_folder(sink->path);
    int rc;
    int32_t status;
    if ((files.wal.exists && files.has_shm) || !folder) {
        status = open_as(sink, SINK_SQLITE_RO, &rc, err);
        if (status == DVS_OK || !needs_more(rc))
            return status;
        return files.wal.size == 0 ? open_immutable(sink, err) : open_copy(sink, err);
    }
    if (files.wal.size > 0)
        return open_copy(sink, err);
    if (may_write(sink->path))
        return open_as(sink, SINK_SQLITE_QUIET, &rc, err);
    return open_immutable(sink, err);
}

int32_t sink_sqlite_open_read_only(dvs_sink *sink, dvs_error *err)
{
    int32_t status;
    int rc;
    sink->mode = SINK_SQLITE_RO;
    status = connect_uri(sink, "mode=ro", SQLITE_OPEN_READONLY, err);
    if (status != DVS_OK)
        return status;
    if (header_says_wal(sink->db) == 1)
        return open_wal(sink, err);
    status = open_as(sink, SINK_SQLITE_RO, &rc, err);
    if (status != DVS_OK && needs_more(rc) && sink_sqlite_stamp_of(sink->path, "-journal").size > 0)
        status = open_copy(sink, err);
    return status;
}

/* The last connection to go removes -wal and -shm after moving what is in the -wal into the database. We
 * have put nothing there; if somebody else has, it is his to move. */
void sink_sqlite_close_read_only(dvs_sink *sink)
{
    if (sink->mode == SINK_SQLITE_QUIET && sink_sqlite_stamp_of(sink->path, "-wal").size > 0)
        sqlite3_db_config(sink->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    disconnect(sink);
}

bool sink_sqlite_outdated(const dvs_sink *sink)
{
    sink_sqlite_files now;
    if (sink->mode != SINK_SQLITE_IMMUTABLE && sink->mode != SINK_SQLITE_COPY)
        return false;
    now = sink_sqlite_files_of(sink->path);
    if (!sink_sqlite_stamp_equal(&sink->files.database, &now.database))
        return true;
    /* An empty -wal says the same as none. */
    if (sink->files.wal.size == 0 && now.wal.size == 0)
        return false;
    return !sink_sqlite_stamp_equal(&sink->files.wal, &now.wal);
}
