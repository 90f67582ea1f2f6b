/* expression_guard.c - what an expression may say, and how large it may grow. */
#include "map/expression_parts.h"

#include <string.h>

/* SQLite's functions whose result is made of their arguments alone, and ours. Dates are ours as well:
 * functions_clock.c looks at what they are given. */
/* clang-format off */
static const char *const allowed[] = {
    "->", "->>", "abs", "ceil", "ceiling", "char", "coalesce", "concat", "concat_ws", "date", "datetime", "digits",
    "floor", "format", "glob", "hex", "ifnull", "iif", "instr", "json", "json_array", "json_array_length",
    "json_error_position", "json_extract", "json_insert", "json_object", "json_quote", "json_remove",
    "json_replace", "json_set", "json_type", "json_valid", "julianday", "length", "like", "lower", "ltrim", "max", "min",
    "mod", "nullif", "octet_length", "pow", "power", "printf", "quote", "regex_like", "regex_replace", "replace", "round",
    "rtrim", "sign", "soundex", "sqrt", "strftime", "substr", "substring", "time", "to_bool", "to_cents", "to_currency",
    "to_date", "to_number", "to_timestamp", "trim", "trunc", "typeof", "unhex", "unicode", "unixepoch", "upper",
    "value_map", "zeroblob", NULL};
/* clang-format on */

static const char *const unsteady[] = {"random",
                                       "randomblob",
                                       "changes",
                                       "total_changes",
                                       "last_insert_rowid",
                                       "current_date",
                                       "current_time",
                                       "current_timestamp",
                                       "sqlite_version",
                                       "sqlite_source_id",
                                       NULL};

static int in_list(const char *const *list, const char *name)
{
    for (; *list != NULL; list++)
        if (sqlite3_stricmp(*list, name) == 0)
            return 1;
    return 0;
}

static int deny(dvsi_expressions *e, const char *before, const char *name, const char *behind)
{
    if (e->denied.length == 0)
        dvsi_buf_printf(&e->denied, "%s%s%s", before, name, behind);
    return SQLITE_DENY;
}

static int may_read(dvsi_expressions *e, const char *table, const char *column)
{
    if (sqlite3_stricmp(table, DVSI_EXPRESSION_TABLE) != 0)
        return deny(e, "there is no table \"", table, "\" in an expression");
    if (column == NULL || *column == '\0')
        return SQLITE_OK;
    for (uint32_t i = 0; i < e->n_columns; i++)
        if (strcmp(e->columns[i], column) == 0) {
            if (e->noting != NULL)
                e->noting[i] = 1;
            return SQLITE_OK;
        }
    return deny(e, "no such column: ", column, "");
}

static int authorize(void *data, int action, const char *a, const char *b, const char *database,
                     const char *trigger)
{
    dvsi_expressions *e = data;
    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
        return ++e->selects == 1 ? SQLITE_OK : deny(e, "a subquery cannot be used in an expression", "", "");
    case SQLITE_READ:
        return may_read(e, a != NULL ? a : "", b);
    case SQLITE_FUNCTION:
        if (b != NULL && in_list(allowed, b))
            return SQLITE_OK;
        if (b != NULL && in_list(unsteady, b))
            return deny(e, "", b, " cannot be used: its result does not depend on the record alone");
        return deny(e, "function ", b != NULL ? b : "", "() cannot be used in an expression");
    case SQLITE_RECURSIVE:
        return deny(e, "a subquery cannot be used in an expression", "", "");
    default:
        return deny(e, "only an expression can stand here", "", "");
    }
}

/* A program has no loops, so this is never reached; should SQLite make one all the same, it ends. */
static int tick(void *data)
{
    dvsi_expressions *e = data;
    return ++e->ticks > 1;
}

int dvsi_expression_lock_down(dvsi_expressions *e)
{
    static const int limits[][2] = {
        {SQLITE_LIMIT_SQL_LENGTH, 4 << 20},      {SQLITE_LIMIT_EXPR_DEPTH, 400},
        {SQLITE_LIMIT_COMPOUND_SELECT, 3},       {SQLITE_LIMIT_VDBE_OP, 1 << 20},
        {SQLITE_LIMIT_FUNCTION_ARG, 100},        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 250}, {SQLITE_LIMIT_VARIABLE_NUMBER, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 0},         {SQLITE_LIMIT_WORKER_THREADS, 0}};
    /* clang-format off */
    static const int settings[][2] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}};
    /* clang-format on */
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (sqlite3_db_config(e->db, settings[i][0], settings[i][1], NULL) != SQLITE_OK)
            return -1;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        (void)sqlite3_limit(e->db, limits[i][0], limits[i][1]);
    sqlite3_progress_handler(e->db, 1 << 21, tick, e);
    return sqlite3_set_authorizer(e->db, authorize, e) == SQLITE_OK ? 0 : -1;
}

/* Behind a quoted text, or NULL when it does not end. */
static const char *skip_quoted(const char *at)
{
    char end = *at == '[' ? ']' : *at;
    for (at++; *at != '\0'; at++) {
        if (*at != end)
            continue;
        if (end == ']' || at[1] != end)
            return at + 1;
        at++;
    }
    return NULL;
}

static const char *skip_comment(const char *at)
{
    if (*at == '-')
        return at + strcspn(at, "\n");
    const char *end = strstr(at + 2, "*/");
    return end != NULL ? end + 2 : NULL;
}

const char *dvsi_expression_scan(const char *text)
{
    uint32_t depth = 0;
    int any = 0;
    if (strlen(text) > DVSI_EXPRESSION_MOST)
        return "the expression has more than 10000 bytes";
    for (const char *at = text; *at != '\0';) {
        if (strchr("'\"`[", *at) != NULL) {
            at = skip_quoted(at);
            if (at == NULL)
                return "a quoted text does not end";
            any = 1;
            continue;
        }
        if ((at[0] == '-' && at[1] == '-') || (at[0] == '/' && at[1] == '*')) {
            at = skip_comment(at);
            if (at == NULL)
                return "a comment does not end";
            continue;
        }
        if (*at == ';')
            return "\";\" cannot stand in an expression";
        if (strchr("?:@$#", *at) != NULL)
            return "parameters (?, :name, @name, $name) cannot stand in an expression";
        if (*at == '(')
            depth++;
        if (*at == ')' && depth-- == 0)
            return "there are more \")\" than \"(\"";
        any |= strchr(" \t\r\n\f", *at) == NULL;
        at++;
    }
    if (depth != 0)
        return "there are more \"(\" than \")\"";
    return any ? NULL : "the expression is empty";
}
