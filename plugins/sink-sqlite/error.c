/* error.c - SQLite's results as statuses and messages of dvsync. */
#include "sink_sqlite.h"

#include <errno.h>

/* One line of valid UTF-8: names in it may hold anything, and it may have been cut in a character. */
static void clean(char *message)
{
    size_t length = strlen(message);
    size_t i;
    if (length + 1 == DVS_ERROR_MESSAGE_SIZE) {
        while (length > 0 && ((unsigned char)message[length - 1] & 0xc0) == 0x80)
            length--;
        if (length > 0 && ((unsigned char)message[length - 1] & 0x80) != 0)
            length--;
        message[length] = '\0';
    }
    for (i = 0; i < length; i++) {
        if ((unsigned char)message[i] < 0x20 || message[i] == 0x7f)
            message[i] = ' ';
    }
    if (!sink_sqlite_utf8_valid(message, length)) {
        for (i = 0; i < length; i++) {
            if ((unsigned char)message[i] >= 0x80)
                message[i] = '?';
        }
    }
}

int32_t sink_sqlite_fail(dvs_error *err, int32_t status, int32_t scope, const char *format, ...)
{
    va_list args;
    err->status = status;
    err->scope = scope;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    clean(err->message);
    return status;
}

int32_t sink_sqlite_no_memory(dvs_error *err)
{
    return sink_sqlite_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "memory is out");
}

const char *sink_sqlite_system_text(int code)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    const char *text = strerrordesc_np(code);
    return text != NULL ? text : "unknown system error";
#else
    return strerror(code);
#endif
}

typedef struct verdict {
    int32_t status;
    int32_t scope;
    const char *advice; /* NULL: SQLite's own text says it */
} verdict;

static verdict judge_system(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return (verdict){DVS_E_DISK_FULL, DVS_SCOPE_SOURCE, "no space is left; make room and run again"};
    case EACCES:
    case EPERM:
        return (verdict){DVS_E_PERMISSION, DVS_SCOPE_SOURCE, "change the rights of the file and its folder"};
    case EROFS:
        return (verdict){DVS_E_READ_ONLY, DVS_SCOPE_SOURCE, "the file system is mounted read-only"};
    case ENOENT:
        return (verdict){DVS_E_NOT_FOUND, DVS_SCOPE_SOURCE, NULL};
    default:
        return (verdict){DVS_E_IO, DVS_SCOPE_SOURCE, NULL};
    }
}

static verdict judge_constraint(int rc)
{
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID)
        return (verdict){DVS_E_DUPLICATE, DVS_SCOPE_ROW, NULL};
    return (verdict){DVS_E_DATA, DVS_SCOPE_ROW, NULL};
}

static verdict judge(const dvs_sink *sink, sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        if (sink->gave_up)
            return (verdict){DVS_E_CANCELLED, DVS_SCOPE_SOURCE, NULL};
        return (verdict){DVS_E_BUSY, DVS_SCOPE_BATCH, "close that program, or raise busy_timeout_ms"};
    case SQLITE_INTERRUPT:
        return (verdict){DVS_E_CANCELLED, DVS_SCOPE_SOURCE, NULL};
    case SQLITE_FULL:
        return judge_system(ENOSPC);
    case SQLITE_READONLY:
        return (verdict){DVS_E_READ_ONLY, DVS_SCOPE_SOURCE, "change the rights of the file and its folder"};
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return (verdict){DVS_E_PERMISSION, DVS_SCOPE_SOURCE, NULL};
    case SQLITE_NOTADB:
        return (verdict){DVS_E_CORRUPT, DVS_SCOPE_SOURCE,
                         "it is no SQLite database, or an encrypted one; give another path"};
    case SQLITE_CORRUPT:
        return (verdict){DVS_E_CORRUPT, DVS_SCOPE_SOURCE, "restore it, or try `sqlite3 FILE .recover`"};
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM)
            return (verdict){DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, NULL};
        return judge_system(db != NULL ? sqlite3_system_errno(db) : 0);
    case SQLITE_NOMEM:
        return (verdict){DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, NULL};
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return (verdict){DVS_E_DATA, DVS_SCOPE_ROW, NULL};
    case SQLITE_CONSTRAINT:
        return judge_constraint(rc);
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
        return (verdict){DVS_E_SCHEMA, DVS_SCOPE_STREAM, NULL};
    default:
        return (verdict){DVS_E_INTERNAL, DVS_SCOPE_SOURCE, NULL};
    }
}

/* SQLite's own words, with the reason of the system where there is one. */
static void describe(const dvs_sink *sink, sqlite3 *db, int rc, int32_t status, char *out, size_t size)
{
    const char *text = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    int system = db != NULL ? sqlite3_system_errno(db) : 0;
    long long waited = (long long)(sink->waited_us / 1000);
    if (status == DVS_E_BUSY)
        snprintf(out, size, "%s by another program, waited %lld ms", text, waited);
    else if (status == DVS_E_CANCELLED)
        snprintf(out, size, "cancelled");
    else if (system != 0 && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN))
        snprintf(out, size, "%s (%s)", text, sink_sqlite_system_text(system));
    else
        snprintf(out, size, "%s", text);
}

int32_t sink_sqlite_failed(dvs_sink *sink, sqlite3 *db, int rc, dvs_error *err, const char *format, ...)
{
    char what[320];
    char why[320];
    verdict found = judge(sink, db, rc);
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    describe(sink, db, rc, found.status, why, sizeof why);
    err->native_code = rc;
    return sink_sqlite_fail(err, found.status, found.scope, "%.300s: %s: %s%s%s", sink->path, what, why,
                            found.advice != NULL ? "; " : "", found.advice != NULL ? found.advice : "");
}
