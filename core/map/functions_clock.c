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

/* The arguments, as a table: a statement that is bound and reset for each call costs as much as the call. */
static void declare(dvsi_expressions *e, dvsi_buf *out)
{
    (void)e;
    for (int i = 0; i < DVSI_CLOCK_ARGUMENTS; i++)
        dvsi_buf_printf(out, "a%d,", i);
    dvsi_buf_puts(out, "id HIDDEN PRIMARY KEY");
}

/* Texts are not copied: they stay until the call returns, and nobody looks at them after that. Where it finds
 * their end itself, SQLite makes no copy with a NUL behind it. */
static void column(dvsi_expressions *e, sqlite3_context *context, int at)
{
    sqlite3_value *value = e->clock_arguments[at];
    const int marked = e->clock_marked && at == 0;
    if (sqlite3_value_type(value) != SQLITE_TEXT && !marked) {
        sqlite3_result_value(context, value);
        return;
    }
    const char *text = (const char *)sqlite3_value_text(value);
    int length = sqlite3_value_bytes(value);
    if (text == NULL)
        sqlite3_result_error_nomem(context);
    else if (marked)
        sqlite3_result_text(context, sqlite3_mprintf("x%s", text), -1, sqlite3_free);
    else
        sqlite3_result_text(context, text, strlen(text) == (size_t)length ? -1 : length, SQLITE_STATIC);
}

static int open_database(dvsi_expressions *e)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX |
                      SQLITE_OPEN_PRIVATECACHE;
    e->clock_row = (dvsi_row_table){e, declare, column};
    int status = sqlite3_open_v2(":memory:", &e->clock_db, flags, NULL);
    return status == SQLITE_OK ? dvsi_row_table_add(e->clock_db, "arguments", &e->clock_row) : status;
}

static sqlite3_stmt *statement_for(dvsi_expressions *e, uint32_t at, int n)
{
    dvsi_buf sql = {0};
    if (e->clock[at][n] != NULL)
        return e->clock[at][n];
    if (e->clock_db == NULL && open_database(e) != SQLITE_OK)
        return NULL;
    dvsi_buf_printf(&sql, "SELECT %s(", names[at]);
    for (int i = 0; i < n; i++)
        dvsi_buf_printf(&sql, "%sa%d", i != 0 ? "," : "", i);
    dvsi_buf_puts(&sql, ") FROM arguments");
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
    case SQLITE_TEXT: {
        const char *text = sqlite3_column_blob(row, 0);
        sqlite3_result_text(context, text != NULL ? text : "", sqlite3_column_bytes(row, 0),
                            SQLITE_TRANSIENT);
        break;
    }
    default:
        sqlite3_result_null(context);
    }
}

/* printf gives NULL for an empty result and for one that is too long. With a first character more it tells.
 */
static void take_nothing(sqlite3_context *context, dvsi_expressions *e, sqlite3_stmt *statement)
{
    e->clock_marked = 1;
    if (sqlite3_step(statement) != SQLITE_ROW || sqlite3_column_type(statement, 0) == SQLITE_NULL)
        sqlite3_result_error_toobig(context);
    else
        sqlite3_result_text(context, "", 0, SQLITE_STATIC);
    e->clock_marked = 0;
}

static void call(sqlite3_context *context, int n, sqlite3_value **args)
{
    const dvsi_clock_function *f = sqlite3_user_data(context);
    dvsi_expressions *e = f->engine;
    if (check(context, f, n, args) != 0)
        return;
    sqlite3_stmt *statement = statement_for(e, f->at, n);
    if (statement != NULL && e->clock_limit != e->length_limit) {
        e->clock_limit = e->length_limit;
        (void)sqlite3_limit(e->clock_db, SQLITE_LIMIT_LENGTH, e->clock_limit);
    }
    e->clock_arguments = args;
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW) {
        sqlite3_result_error(context, e->clock_db != NULL ? sqlite3_errmsg(e->clock_db) : "out of memory",
                             -1);
        sqlite3_reset(statement);
    } else if (f->at >= PRINTF && sqlite3_column_type(statement, 0) == SQLITE_NULL &&
               sqlite3_value_type(args[0]) != SQLITE_NULL) {
        take_nothing(context, e, statement);
    } else {
        take_result(context, statement);
    }
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
