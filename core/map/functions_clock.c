/* functions_clock.c - SQLite's date functions, without the clock and the machine's time zone, and its printf,
 * which gives an error and not NULL where the result is too long. A second connection, in which they are what
 * they were, does the work. */
#include "map/expression_parts.h"

#include <string.h>

static const char *const names[DVSI_CLOCK_FUNCTIONS] = {"date",      "time",     "datetime", "julianday",
                                                        "unixepoch", "strftime", "printf",   "format"};
#define STRFTIME 5
#define PRINTF 6 /* and behind it */

static int refuse(sqlite3_context *context, dvsi_expressions *e, const char *name, const char *what)
{
    dvsi_buf text = {0};
    e->mistake = 1;
    dvsi_buf_printf(&text, "%s(): %s", name, what);
    sqlite3_result_error(context, dvsi_buf_text(&text), -1);
    dvsi_buf_free(&text);
    return -1;
}

/* Is what SQLite would do the same on every machine and every day? */
static int check(sqlite3_context *context, const dvsi_clock_function *f, int n, sqlite3_value **args)
{
    const char *name = names[f->at];
    int first = f->at == STRFTIME ? 1 : 0; /* the time value */
    if (n > DVSI_CLOCK_ARGUMENTS)
        return refuse(context, f->engine, name, "has more than 32 arguments");
    if (f->at >= PRINTF)
        return n != 0 ? 0 : refuse(context, f->engine, name, "needs a format");
    if (n <= first)
        return refuse(context, f->engine, name, "without a time value it would be the current time");
    for (int i = first; i < n; i++) {
        const char *text =
            sqlite3_value_type(args[i]) == SQLITE_TEXT || sqlite3_value_type(args[i]) == SQLITE_BLOB
                ? (const char *)sqlite3_value_text(args[i])
                : NULL;
        if (text == NULL)
            continue;
        text += strspn(text, " \t\r\n\f\v");
        /* As the time value, SQLite 3.42 and later take "subsec" for the current time, too. */
        if (sqlite3_strnicmp(text, "now", 3) == 0 || (i == first && sqlite3_strnicmp(text, "subsec", 6) == 0))
            return refuse(context, f->engine, name,
                          "'now' cannot be used: the result depends on the record alone");
        if (sqlite3_strnicmp(text, "localtime", 9) == 0 || sqlite3_strnicmp(text, "utc", 3) == 0)
            return refuse(context, f->engine, name,
                          "'localtime' and 'utc' cannot be used: they depend on the machine's time zone");
    }
    return 0;
}

static sqlite3_stmt *statement_for(dvsi_expressions *e, uint32_t at, int n)
{
    dvsi_buf sql = {0};
    if (e->clock[at][n] != NULL)
        return e->clock[at][n];
    if (e->clock_db == NULL) {
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY |
                          SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
        if (sqlite3_open_v2(":memory:", &e->clock_db, flags, NULL) != SQLITE_OK)
            return NULL;
    }
    /* An empty result of printf would be NULL, too: there is always a first character. */
    if (at >= PRINTF)
        dvsi_buf_puts(&sql, "SELECT substr(printf('x'||?");
    else
        dvsi_buf_printf(&sql, "SELECT %s(?", names[at]);
    for (int i = 1; i < n; i++)
        dvsi_buf_puts(&sql, ",?");
    dvsi_buf_puts(&sql, at >= PRINTF ? "),2)" : ")");
    if (!sql.failed)
        (void)sqlite3_prepare_v3(e->clock_db, dvsi_buf_text(&sql), -1, SQLITE_PREPARE_PERSISTENT,
                                 &e->clock[at][n], NULL);
    dvsi_buf_free(&sql);
    return e->clock[at][n];
}

static void take_result(sqlite3_context *context, sqlite3_stmt *row)
{
    switch (sqlite3_column_type(row, 0)) {
    case SQLITE_INTEGER:
        sqlite3_result_int64(context, sqlite3_column_int64(row, 0));
        break;
    case SQLITE_FLOAT:
        sqlite3_result_double(context, sqlite3_column_double(row, 0));
        break;
    case SQLITE_TEXT:
        sqlite3_result_text(context, (const char *)sqlite3_column_text(row, 0), sqlite3_column_bytes(row, 0),
                            SQLITE_TRANSIENT);
        break;
    default:
        sqlite3_result_null(context);
    }
}

/* Texts are not copied: they stay until the call returns, and nobody looks at them after that. */
static int bind(sqlite3_stmt *statement, int at, sqlite3_value *value)
{
    if (sqlite3_value_type(value) != SQLITE_TEXT)
        return sqlite3_bind_value(statement, at, value);
    const char *text = (const char *)sqlite3_value_text(value);
    return text != NULL ? sqlite3_bind_text64(statement, at, text, (sqlite3_uint64)sqlite3_value_bytes(value),
                                              SQLITE_STATIC, SQLITE_UTF8)
                        : SQLITE_NOMEM;
}

static void call(sqlite3_context *context, int n, sqlite3_value **args)
{
    const dvsi_clock_function *f = sqlite3_user_data(context);
    if (check(context, f, n, args) != 0)
        return;
    sqlite3_stmt *statement = statement_for(f->engine, f->at, n);
    int status = statement != NULL ? SQLITE_OK : SQLITE_ERROR;
    if (statement != NULL && f->engine->clock_limit != f->engine->length_limit) {
        f->engine->clock_limit = f->engine->length_limit;
        (void)sqlite3_limit(f->engine->clock_db, SQLITE_LIMIT_LENGTH, f->engine->clock_limit);
    }
    for (int i = 0; i < n && status == SQLITE_OK; i++)
        status = bind(statement, i + 1, args[i]);
    if (status == SQLITE_OK)
        status = sqlite3_step(statement);
    if (status == SQLITE_ROW && f->at >= PRINTF && sqlite3_column_type(statement, 0) == SQLITE_NULL &&
        sqlite3_value_type(args[0]) != SQLITE_NULL)
        sqlite3_result_error_toobig(context);
    else if (status == SQLITE_ROW)
        take_result(context, statement);
    else
        sqlite3_result_error(
            context, f->engine->clock_db != NULL ? sqlite3_errmsg(f->engine->clock_db) : "out of memory", -1);
    if (statement != NULL)
        sqlite3_reset(statement);
}

int dvsi_functions_add_clock(dvsi_expressions *e)
{
    for (uint32_t i = 0; i < DVSI_CLOCK_FUNCTIONS; i++) {
        e->clock_functions[i] = (dvsi_clock_function){e, i};
        if (sqlite3_create_function_v2(e->db, names[i], -1,
                                       SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                       &e->clock_functions[i], call, NULL, NULL, NULL) != SQLITE_OK)
            return -1;
    }
    return 0;
}

void dvsi_functions_free_clock(dvsi_expressions *e)
{
    for (uint32_t i = 0; i < DVSI_CLOCK_FUNCTIONS; i++)
        for (uint32_t n = 0; n <= DVSI_CLOCK_ARGUMENTS; n++)
            sqlite3_finalize(e->clock[i][n]);
    sqlite3_close_v2(e->clock_db);
}
