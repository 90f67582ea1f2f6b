/*
 * table_sql.c - the text of a CREATE TABLE with a row id put in front.
 *
 * The text is the only place that tells all about a table (checks, collations, defaults, foreign keys,
 * generated columns), so it is changed word by word and all else is left as it stands. SQLite has taken it
 * once already: only what it lets through needs to be understood here.
 */
#include "sink_sqlite.h"

typedef struct token {
    const char *start; /* at the end of the text: its NUL, length 0 */
    size_t length;     /* with the quotes: a quoted name is never as long as a keyword that it spells */
} token;

static const char *skip_blanks(const char *at)
{
    for (;;) {
        const char *end = NULL;
        if (*at == ' ' || (*at >= '\t' && *at <= '\r'))
            end = at + 1;
        else if (at[0] == '-' && at[1] == '-')
            end = at + strcspn(at, "\n");
        else if (at[0] == '/' && at[1] == '*')
            end = strstr(at + 2, "*/") != NULL ? strstr(at + 2, "*/") + 2 : at + strlen(at);
        if (end == NULL || end == at)
            return at;
        at = end;
    }
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '$' || ((unsigned char)c & 0x80) != 0;
}

/* Past a quoted name or string that begins at `at`; a quote in it is doubled. */
static const char *skip_quoted(const char *at)
{
    char quote = *at == '[' ? ']' : *at;
    for (at++; *at != '\0'; at++) {
        if (*at != quote)
            continue;
        if (quote == ']' || at[1] != quote)
            return at + 1;
        at++;
    }
    return at;
}

static token next(const char *at)
{
    token found = {skip_blanks(at), 0};
    const char *end = found.start;
    if (is_word(*end)) {
        while (is_word(*end))
            end++;
    } else if (*end == '"' || *end == '\'' || *end == '`' || *end == '[') {
        end = skip_quoted(end);
    } else if (*end != '\0') {
        end++;
    }
    found.length = (size_t)(end - found.start);
    return found;
}

static bool is(token one, const char *keyword)
{
    return one.length == strlen(keyword) && sqlite3_strnicmp(one.start, keyword, (int)one.length) == 0;
}

static token after(token one)
{
    return next(one.start + one.length);
}

static void append(sqlite3_str *sql, const char *from, const char *to)
{
    for (; from < to; from += 65536) /* its length is an int */
        sqlite3_str_append(sql, from, to - from < 65536 ? (int)(to - from) : 65536);
}

/* Makes a PRIMARY KEY unique. Returns where the text goes on; *listed: it was one over a list of columns. */
static const char *demote(sqlite3_str *sql, token primary, bool not_null, bool *listed)
{
    token key = after(primary);
    token then = after(key);
    if (then.length == 1 && then.start[0] == '(') {
        *listed = true;
        sqlite3_str_appendall(sql, "UNIQUE");
        return key.start + key.length;
    }
    sqlite3_str_appendall(sql, not_null ? "NOT NULL UNIQUE" : "UNIQUE");
    return is(then, "ASC") || is(then, "DESC") ? then.start + then.length : key.start + key.length;
}

char *sink_sqlite_sql_with_row_id(sqlite3 *db, const char *text, const char *row_id, const char *not_null,
                                  bool strict)
{
    sqlite3_str *sql = sqlite3_str_new(db);
    const char *copied = text; /* so far */
    bool listed = false;
    int depth = 0;
    for (token one = next(text); one.length > 0; one = next(one.start + one.length)) {
        if (one.length == 1 && one.start[0] == '(') {
            if (depth++ == 0) {
                append(sql, copied, one.start + 1);
                sqlite3_str_appendf(sql, "\"%w\" INTEGER PRIMARY KEY NOT NULL, ", row_id);
                copied = one.start + 1;
            }
        } else if (one.length == 1 && one.start[0] == ')') {
            if (--depth > 0)
                continue;
            append(sql, copied, one.start);
            if (listed && not_null != NULL)
                sqlite3_str_appendf(sql, ", CHECK(%s)", not_null);
            break; /* what follows is STRICT and WITHOUT ROWID */
        } else if (depth > 0 && is(one, "PRIMARY")) {
            append(sql, copied, one.start);
            copied = demote(sql, one, not_null != NULL, &listed);
            one.length = (size_t)(copied - one.start);
        } else if (depth > 0 && is(one, "AUTOINCREMENT")) {
            append(sql, copied, one.start);
            copied = one.start + one.length;
        }
    }
    sqlite3_str_appendall(sql, strict ? ") STRICT" : ")");
    return sqlite3_str_finish(sql);
}
