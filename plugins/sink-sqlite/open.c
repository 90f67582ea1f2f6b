/* open.c - connections, and opening and closing a sink. */
#include "sink_sqlite.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Memory: the page cache, which is also what an index build sorts in before it goes to temporary files. */
#define CACHE_KB 8192
/* The largest row: one value may have 64 MB, and stands in json_response once more. */
#define ROW_BYTES 268435456
/* A reader that does not let go may not hold up the end of a run. */
#define CLOSE_WAIT_MS 250

int sink_sqlite_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* SQLite counts its cache in pages, so this has to be said again when their size has changed. */
static int bound_memory(sqlite3 *db)
{
    char sql[120];
    snprintf(sql, sizeof sql, "PRAGMA main.cache_size=-%d; PRAGMA temp_store=FILE; PRAGMA main.mmap_size=0",
             CACHE_KB);
    return sink_sqlite_exec(db, sql);
}

int sink_sqlite_try(sqlite3 *db)
{
    int rc = bound_memory(db);
    return rc == SQLITE_OK ? sink_sqlite_exec(db, "SELECT count(*) FROM main.sqlite_schema") : rc;
}

int sink_sqlite_defend(sqlite3 *db)
{
    static const struct {
        int verb;
        int value;
    } settings[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        /* As SQLite's own default: else dropping a table would delete rows of others. */
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
        /* A misspelt column in double quotes is an error, never a string. */
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int rc = sqlite3_db_config(db, settings[i].verb, settings[i].value, (int *)NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, ROW_BYTES);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    return SQLITE_OK;
}

int32_t sink_sqlite_connect(dvs_sink *sink, const char *name, int flags, sqlite3 **db, dvs_error *err)
{
    int32_t status;
    int rc = sqlite3_open_v2(
        name, db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK) {
        sink_sqlite_set_handlers(sink, *db);
        rc = sink_sqlite_defend(*db);
    }
    if (rc == SQLITE_OK)
        return DVS_OK;
    status = sink_sqlite_failed(sink, *db, rc, err, "could not be opened");
    sqlite3_close(*db);
    *db = NULL;
    return status;
}

/* ---- For writing ---- */

/* Changes the journal mode unless it is the one wanted: a change needs the file for itself. */
static int set_journal_mode(sqlite3 *db, const char *mode, bool *refused)
{
    char sql[64];
    sqlite3_stmt *statement = NULL;
    const char *now;
    int rc;
    snprintf(sql, sizeof sql, "PRAGMA main.journal_mode=%s", mode);
    rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        now = (const char *)sqlite3_column_text(statement, 0);
        *refused = now == NULL || strcmp(now, mode) != 0;
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return rc;
}

#define SCRATCH_PAGE 16384 /* its rows are read in the order of keys, each from a page of its own */

/* A scratch database needs no durability, but rollbacks: they go wrong without any journal. */
static int set_up_scratch(dvs_sink *sink)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=%d; PRAGMA main.locking_mode=EXCLUSIVE; PRAGMA main.journal_mode=TRUNCATE; "
             "PRAGMA main.synchronous=OFF",
             SCRATCH_PAGE);
    return sink_sqlite_exec(sink->db, sql);
}

static int set_up_writing(dvs_sink *sink, bool fresh, bool *refused)
{
    char sql[240];
    int rc = SQLITE_OK;
    if (fresh) {
        snprintf(sql, sizeof sql, "PRAGMA page_size=%d", (int)sink->page_size);
        rc = sink_sqlite_exec(sink->db, sql);
    }
    if (rc == SQLITE_OK)
        rc = set_journal_mode(sink->db, sink->journal_mode, refused);
    if (rc == SQLITE_OK) {
        /* secure_delete=FAST: Debian's default wipes freed pages with writes of their own. */
        snprintf(sql, sizeof sql,
                 "PRAGMA main.synchronous=%s; PRAGMA journal_size_limit=%d; PRAGMA main.secure_delete=FAST",
                 sink->synchronous, SINK_SQLITE_WAL_KEPT_BYTES);
        rc = sink_sqlite_exec(sink->db, sql);
    }
    return rc;
}

/* By the file's own page size, which need not be that of the settings. */
static int start_mover(dvs_sink *sink)
{
    sqlite3_stmt *statement = NULL;
    int page = 4096;
    int rc = sqlite3_prepare_v2(sink->db, "PRAGMA main.page_size", -1, &statement, NULL);
    if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        page = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    if (rc != SQLITE_OK)
        return rc;
    sink->mover = sink_sqlite_mover_new(sink, page);
    return sink->mover != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

/* SQLite opens a file read-only when it may not write it, and says so with the first write only. */
static int32_t check_rights(dvs_sink *sink, dvs_error *err)
{
    char *parent;
    int writable;
    if (sqlite3_db_readonly(sink->db, "main") == 1)
        return sink_sqlite_fail(err, DVS_E_READ_ONLY, DVS_SCOPE_SOURCE,
                                "%.400s: the file may not be written; change its rights or run as its owner",
                                sink->path);
    parent = sink_sqlite_parent(sink->path);
    if (parent == NULL)
        return sink_sqlite_no_memory(err);
    writable = faccessat(AT_FDCWD, parent, W_OK, AT_EACCESS);
    free(parent);
    if (writable != 0)
        return sink_sqlite_fail(err, DVS_E_READ_ONLY, DVS_SCOPE_SOURCE,
                                "%.400s: its folder may not be written, and SQLite makes files beside the "
                                "database; change the folder's rights or run as its owner",
                                sink->path);
    return DVS_OK;
}

static int32_t open_for_writing(dvs_sink *sink, dvs_error *err)
{
    bool fresh = sink_sqlite_stamp_of(sink->path, "").size == 0;
    bool refused = false;
    int32_t status;
    int rc;
    sink->mode = SINK_SQLITE_WRITE;
    status =
        sink_sqlite_connect(sink, sink->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, &sink->db, err);
    if (status == DVS_OK)
        status = check_rights(sink, err);
    if (status != DVS_OK)
        return status;
    if ((sink->flags & DVS_SINK_SCRATCH) != 0) {
        rc = sink_sqlite_try(sink->db);
        if (rc == SQLITE_OK)
            rc = set_up_scratch(sink);
    } else {
        rc = sink_sqlite_try(sink->db);
        if (rc == SQLITE_OK)
            rc = set_up_writing(sink, fresh, &refused);
        if (rc == SQLITE_OK)
            rc = start_mover(sink);
    }
    if (rc == SQLITE_OK)
        rc = bound_memory(sink->db);
    if (rc != SQLITE_OK)
        return sink_sqlite_failed(sink, sink->db, rc, err, "could not be opened for writing");
    if (refused)
        return sink_sqlite_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                                "%.400s: SQLite cannot use journal_mode %s for this file; choose another one",
                                sink->path, sink->journal_mode);
    return DVS_OK;
}

/* ---- The slots ---- */

static int32_t read_settings(dvs_sink *sink, const dvs_settings *settings, dvs_error *err)
{
    sink->page_size = dvs_setting_int(settings, "page_size", 32768);
    sink->busy_timeout_ms = dvs_setting_int(settings, "busy_timeout_ms", 5000);
    sink->synchronous = dvs_setting_text(settings, "synchronous", "normal");
    sink->journal_mode = dvs_setting_text(settings, "journal_mode", "wal");
    if (sink->page_size < 512 || sink->page_size > 65536 || (sink->page_size & (sink->page_size - 1)) != 0)
        return sink_sqlite_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                                "page_size: %lld is no power of two from 512 to 65536",
                                (long long)sink->page_size);
    return DVS_OK;
}

int32_t sink_sqlite_open(const dvs_host *host, const dvs_sink_open *request, dvs_sink **out, dvs_error *err)
{
    const char *path = dvs_setting_text(request->settings, "path", NULL);
    bool read_only = (request->flags & DVS_SINK_READ_ONLY) != 0;
    dvs_sink *sink;
    int32_t status;
    *out = NULL;
    if (path == NULL || path[0] == '\0')
        return sink_sqlite_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "path: a database file must be named");
    if (sqlite3_threadsafe() == 0)
        return sink_sqlite_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_SOURCE,
                                "this SQLite library was built without threads; install another one");
    sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return sink_sqlite_no_memory(err);
    sink->host = host;
    sink->flags = request->flags;
    sink->lock_fd = -1;
    atomic_init(&sink->interrupted, 0);
    sink_sqlite_enter(sink, true);
    sink->project = strdup(request->project != NULL ? request->project : "");
    status = sink->project != NULL ? read_settings(sink, request->settings, err) : sink_sqlite_no_memory(err);
    if (status == DVS_OK)
        status = sink_sqlite_find_file(sink, path, !read_only && (sink->flags & DVS_SINK_CREATE) != 0, err);
    if (status == DVS_OK)
        status = read_only ? sink_sqlite_open_read_only(sink, err) : open_for_writing(sink, err);
    if (status != DVS_OK) {
        sink_sqlite_close(sink);
        return status;
    }
    *out = sink;
    return DVS_OK;
}

/* The log is moved into the file and emptied; whatever cannot be moved now stays in the log, which is just as
 * safe. */
static void close_writing(dvs_sink *sink)
{
    if (sink->busy_timeout_ms > CLOSE_WAIT_MS)
        sink->busy_timeout_ms = CLOSE_WAIT_MS;
    sqlite3_wal_hook(sink->db, NULL, NULL);
    sink_sqlite_mover_free(sink->mover);
    sink->mover = NULL;
    if ((sink->flags & DVS_SINK_SCRATCH) == 0)
        sqlite3_wal_checkpoint_v2(sink->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(sink->db);
    sink->db = NULL;
}

void sink_sqlite_close(dvs_sink *sink)
{
    sink_sqlite_enter(sink, false);
    if (sink->db != NULL) {
        if (sink->mode == SINK_SQLITE_WRITE)
            close_writing(sink);
        else
            sink_sqlite_close_read_only(sink);
    }
    sink_sqlite_unlock(sink); /* last: until here the file was ours */
    free(sink->path);
    free(sink->project);
    free(sink);
}
