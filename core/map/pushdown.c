/* pushdown.c - see pushdown.h. Tokens of the expression, split at the ANDs; whatever is not surely understood
 * is left to the expression itself, which looks at every record anyway. */
#include "map/pushdown.h"

#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/timetext.h"
#include "data/uuid.h"

#define TOKENS_MOST 1000
#define DEPTH_MOST 20
#define CONDITIONS_MOST 20
#define TEXT_MOST 200    /* bytes of a text that is sent to a source */
#define PATTERN_MOST 200 /* bytes of a LIKE pattern that cannot be too complex */

typedef enum token_type { WORD, NAME, STRING, NUMBER, MARK } token_type;

typedef struct token {
    token_type type;
    const char *text; /* of NAME and STRING: unquoted, in the arena */
    uint32_t length;
} token;

typedef struct scan {
    dvsi_arena *arena;
    const dvsi_schema *columns;
    token *tokens;
    uint32_t n;
    dvs_condition *conditions;
    uint32_t n_conditions;
} scan;

static int is(const token *t, const char *what)
{
    size_t length = strlen(what);
    if (t->length != length || (t->type != WORD && t->type != MARK))
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((t->text[i] >= 'a' && t->text[i] <= 'z' ? t->text[i] - 'a' + 'A' : t->text[i]) != what[i])
            return 0;
    return 1;
}

static int is_any(const token *t, const char *const *list)
{
    for (; *list != NULL; list++)
        if (is(t, *list))
            return 1;
    return 0;
}

/* ---- Tokens ---- */

static int in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || ((unsigned char)c & 0x80) != 0;
}

/* Behind a quoted thing, whose text goes to *t; NULL: it does not end, or memory is out. */
static const char *take_quoted(scan *s, const char *at, token *t)
{
    const char end = *at == '[' ? ']' : *at;
    char *text = dvsi_arena_alloc(s->arena, strlen(at));
    uint32_t length = 0;
    if (text == NULL)
        return NULL;
    for (at++; *at != '\0'; at++) {
        if (*at == end && (end == ']' || at[1] != end)) {
            text[length] = '\0';
            *t = (token){end == '\'' ? STRING : NAME, text, length};
            return at + 1;
        }
        at += *at == end;
        text[length++] = *at;
    }
    return NULL;
}

static const char *take_mark(const char *at, token *t)
{
    static const char *const marks[] = {"->>", "->", "||", "<=", ">=", "<>", "!=", "==", "<<", ">>", NULL};
    *t = (token){MARK, at, 1};
    for (size_t i = 0; marks[i] != NULL; i++)
        if (strncmp(at, marks[i], strlen(marks[i])) == 0) {
            t->length = (uint32_t)strlen(marks[i]);
            break;
        }
    return at + t->length;
}

/* 0, or -1: it is not looked into. */
static int take_tokens(scan *s, const char *at)
{
    for (;;) {
        at += strspn(at, " \t\r\n\f");
        if (*at == '\0')
            return 0;
        if (s->n == TOKENS_MOST || strncmp(at, "--", 2) == 0 || strncmp(at, "/*", 2) == 0)
            return -1;
        token *t = &s->tokens[s->n++];
        if (strchr("'\"`[", *at) != NULL) {
            at = take_quoted(s, at, t);
            if (at == NULL)
                return -1;
        } else if (in_word(*at)) {
            *t = (token){*at >= '0' && *at <= '9' ? NUMBER : WORD, at, 0};
            while (in_word(*at) || (t->type == NUMBER && *at == '.'))
                at++;
            t->length = (uint32_t)(at - t->text);
        } else {
            at = take_mark(at, t);
        }
    }
}

/* ---- What can fail ---- */

/* No input makes these fail. */
static const char *const harmless[] = {"LENGTH", "LOWER", "UPPER", "COALESCE", "IFNULL",
                                       "NULLIF", "IIF",   "INSTR", "SUBSTR",   "SUBSTRING",
                                       "TYPEOF", "SIGN",  "MIN",   "MAX",      NULL};
static const char *const before_bracket[] = {"AND", "OR",   "NOT",  "IN",      "CASE", "WHEN",
                                             "IS",  "THEN", "ELSE", "BETWEEN", "CAST", NULL};

/* Could a part of the expression fail for some record? A record for which `where` fails counts as present, so
 * a source must not leave it out. */
static int can_fail(const scan *s)
{
    static const char *const risky[] = {"->", "->>", "||", "REGEXP", "MATCH", "ESCAPE", NULL};
    for (uint32_t i = 0; i < s->n; i++) {
        const token *t = &s->tokens[i], *next = i + 1 < s->n ? t + 1 : NULL;
        if (is_any(t, risky))
            return 1;
        if (next != NULL && is(next, "(") &&
            (t->type == NAME || (t->type == WORD && !is_any(t, harmless) && !is_any(t, before_bracket))))
            return 1;
        if ((is(t, "LIKE") || is(t, "GLOB")) &&
            (next == NULL || next->type != STRING || next->length > PATTERN_MOST))
            return 1;
    }
    return 0;
}

/* ---- One term ---- */

static const dvs_column *column_of(const scan *s, const token *t)
{
    if (t->type != WORD && t->type != NAME)
        return NULL;
    char *name = dvsi_arena_copy(s->arena, t->text, t->length);
    int at = name != NULL ? dvsi_schema_find(s->columns, name) : -1;
    return at >= 0 && (s->columns->columns[at].flags & DVS_COLUMN_RAW) == 0 ? &s->columns->columns[at] : NULL;
}

static void add(scan *s, const dvs_column *column, uint32_t op, dvs_cell value)
{
    if (s->n_conditions < CONDITIONS_MOST)
        s->conditions[s->n_conditions++] =
            (dvs_condition){(uint32_t)sizeof(dvs_condition), op, column->name, value};
}

static uint32_t op_of(const token *t)
{
    static const struct {
        const char *text;
        uint32_t op;
    } ops[] = {{"=", DVS_OP_EQ}, {"==", DVS_OP_EQ}, {"<>", DVS_OP_NE}, {"!=", DVS_OP_NE},
               {"<", DVS_OP_LT}, {"<=", DVS_OP_LE}, {">", DVS_OP_GT},  {">=", DVS_OP_GE}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (is(t, ops[i].text))
            return ops[i].op;
    return 0;
}

static uint32_t turned(uint32_t op)
{
    switch (op) {
    case DVS_OP_LT:
        return DVS_OP_GT;
    case DVS_OP_LE:
        return DVS_OP_GE;
    case DVS_OP_GT:
        return DVS_OP_LT;
    case DVS_OP_GE:
        return DVS_OP_LE;
    default:
        return op;
    }
}

/* A whole number, perhaps with a sign: 0 or -1. */
static int number_of(const token *t, uint32_t n, int64_t *value)
{
    char text[24];
    uint32_t sign = n == 2 && is(t, "-");
    if ((n != 1 && !sign) || t[sign].type != NUMBER || t[sign].length > 20)
        return -1;
    memcpy(text, "-", 1);
    memcpy(text + sign, t[sign].text, t[sign].length);
    return dvsi_number_to_int64(text, t[sign].length + sign, value);
}

/* A timestamp is compared as its text of 27 characters. A date stands before all of its day's times. */
static void add_timestamp(scan *s, const dvs_column *column, uint32_t op, const token *t)
{
    char again[DVSI_TIMESTAMP_SIZE];
    int64_t value;
    if (op == DVS_OP_EQ || op == DVS_OP_NE)
        return;
    if (t->length == DVSI_DATE_SIZE - 1 && dvsi_date_parse(t->text, t->length, &value) == 0) {
        op = op == DVS_OP_GE || op == DVS_OP_GT ? DVS_OP_GE : DVS_OP_LT;
        add(s, column, op, dvsi_cell_timestamp(value * INT64_C(86400000000)));
    } else if (t->length == DVSI_TIMESTAMP_SIZE - 1 &&
               dvsi_timestamp_parse(t->text, t->length, &value) == 0) {
        (void)dvsi_timestamp_format(value, again);
        if (memcmp(again, t->text, t->length) == 0)
            add(s, column, op, dvsi_cell_timestamp(value));
    }
}

static void add_text(scan *s, const dvs_column *column, uint32_t op, const token *t)
{
    int printable =
        t->length != 0 && t->length <= TEXT_MOST && dvsi_utf8_valid(t->text, t->length) == t->length;
    for (uint32_t i = 0; i < t->length && printable; i++)
        printable = (unsigned char)t->text[i] >= ' ' && t->text[i] != 0x7f;
    if (printable && op == DVS_OP_EQ) /* any other comparison depends on how the source sorts text */
        add(s, column, op, dvsi_cell_text_n(t->text, t->length));
}

static void add_uuid(scan *s, const dvs_column *column, uint32_t op, const token *t)
{
    char again[DVSI_UUID_TEXT + 1];
    uint8_t *bytes = dvsi_arena_alloc(s->arena, 16);
    if (bytes == NULL || (op != DVS_OP_EQ && op != DVS_OP_NE) || t->length != DVSI_UUID_TEXT ||
        dvsi_uuid_parse(t->text, t->length, bytes) != 0)
        return;
    dvsi_uuid_format(bytes, again);
    dvs_cell value = dvsi_cell_bytes(bytes, 16);
    value.kind = DVS_UUID;
    if (memcmp(again, t->text, t->length) == 0)
        add(s, column, op, value);
}

static void add_date(scan *s, const dvs_column *column, uint32_t op, const token *t)
{
    dvs_cell value = dvsi_cell_int64(0);
    value.kind = DVS_DATE;
    if (t->length == DVSI_DATE_SIZE - 1 && dvsi_date_parse(t->text, t->length, &value.v.i64) == 0)
        add(s, column, op, value);
}

static void add_bool(scan *s, const dvs_column *column, uint32_t op, const token *t, uint32_t n)
{
    int64_t value;
    if (op != DVS_OP_EQ && op != DVS_OP_NE)
        return;
    if (number_of(t, n, &value) == 0 ? value == 0 || value == 1
                                     : n == 1 && (is(t, "TRUE") || is(t, "FALSE")) && column_of(s, t) == NULL)
        add(s, column, op, dvsi_cell_bool(t->type == NUMBER ? value == 1 : is(t, "TRUE")));
}

/* column op constant */
static void add_comparison(scan *s, const dvs_column *column, uint32_t op, const token *t, uint32_t n)
{
    int64_t number;
    int is_string = n == 1 && t->type == STRING;
    if (column->kind == DVS_INT64 && number_of(t, n, &number) == 0)
        add(s, column, op, dvsi_cell_int64(number));
    else if (column->kind == DVS_BOOL)
        add_bool(s, column, op, t, n);
    else if (column->kind == DVS_DATE && is_string)
        add_date(s, column, op, t);
    else if (column->kind == DVS_TIMESTAMP && is_string)
        add_timestamp(s, column, op, t);
    else if (column->kind == DVS_UUID && is_string)
        add_uuid(s, column, op, t);
    else if (column->kind == DVS_TEXT && is_string)
        add_text(s, column, op, t);
}

/* Is it one of the ways to ask for NULL? 1 or 0, *op says for which. */
static int asks_for_null(const token *t, uint32_t n, uint32_t *op)
{
    *op = DVS_OP_NOT_NULL;
    if ((n == 1 && is(t, "NOTNULL")) || (n == 2 && is(t, "NOT") && is(t + 1, "NULL")) ||
        (n == 3 && is(t, "IS") && is(t + 1, "NOT") && is(t + 2, "NULL")))
        return 1;
    *op = DVS_OP_IS_NULL;
    return (n == 1 && is(t, "ISNULL")) || (n == 2 && is(t, "IS") && is(t + 1, "NULL"));
}

static void take_term(scan *s, const token *t, uint32_t n)
{
    const dvs_column *column = column_of(s, t);
    uint32_t op;
    if (column != NULL && column->kind == DVS_BOOL && n == 1) {
        add(s, column, DVS_OP_EQ, dvsi_cell_bool(1));
    } else if (n == 2 && is(t, "NOT") && (column = column_of(s, t + 1)) != NULL) {
        if (column->kind == DVS_BOOL)
            add(s, column, DVS_OP_EQ, dvsi_cell_bool(0));
    } else if (column != NULL && n >= 2 && asks_for_null(t + 1, n - 1, &op)) {
        if (column->kind != DVS_JSON && column->kind != DVS_BYTES)
            add(s, column, op, dvsi_cell_null());
    } else if (column != NULL && n >= 3 && (op = op_of(t + 1)) != 0) {
        add_comparison(s, column, op, t + 2, n - 2);
    } else if (n >= 3 && (op = op_of(t + n - 2)) != 0 && (column = column_of(s, t + n - 1)) != NULL) {
        add_comparison(s, column, turned(op), t, n - 2);
    }
}

/* ---- Terms joined by AND ---- */

/* How an open bracket or CASE counts. */
static int nesting(const token *t)
{
    return is(t, "(") || is(t, "CASE") ? 1 : is(t, ")") || is(t, "END") ? -1 : 0;
}

/* Does a bracket at the start end at the end? */
static int is_wrapped(const token *t, uint32_t n)
{
    int depth = 0;
    if (n < 2 || !is(t, "(") || !is(t + n - 1, ")"))
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        depth += nesting(&t[i]);
        if (depth == 0)
            return i == n - 1;
    }
    return 0;
}

static void take_terms(scan *s, const token *t, uint32_t n, int level)
{
    int depth = 0;
    uint32_t start = 0;
    for (uint32_t i = 0; i < n; i++) {
        depth += nesting(&t[i]);
        if (depth < 0 || (depth == 0 && (is(&t[i], "OR") || is(&t[i], "BETWEEN"))))
            return; /* BETWEEN has an AND of its own */
    }
    if (depth != 0 || level == DEPTH_MOST)
        return;
    for (uint32_t i = 0; i <= n; i++) {
        if (i < n) {
            depth += nesting(&t[i]);
            if (depth != 0 || !is(&t[i], "AND"))
                continue;
        }
        if (is_wrapped(t + start, i - start))
            take_terms(s, t + start + 1, i - start - 2, level + 1);
        else if (i > start)
            take_term(s, t + start, i - start);
        start = i + 1;
    }
}

int dvsi_pushdown(dvsi_arena *arena, const char *where, const dvsi_schema *columns,
                  dvs_condition **conditions, uint32_t *n)
{
    scan s = {.arena = arena, .columns = columns};
    *conditions = NULL;
    *n = 0;
    s.tokens = dvsi_arena_calloc(arena, TOKENS_MOST, sizeof *s.tokens);
    s.conditions = dvsi_arena_calloc(arena, CONDITIONS_MOST, sizeof *s.conditions);
    if (s.tokens == NULL || s.conditions == NULL)
        return -1;
    if (take_tokens(&s, where) == 0 && !can_fail(&s))
        take_terms(&s, s.tokens, s.n, 0);
    *conditions = s.conditions;
    *n = s.n_conditions;
    return 0;
}
