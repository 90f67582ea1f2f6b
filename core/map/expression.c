/* expression.c - compiling expressions and evaluating them. See expression.h. */
#include "map/expression_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "data/cell.h"

/* Values may grow to this, or to four times what the record itself holds. An expression can hold some hundred
 * values at once. */
#define LENGTH_LIMIT (1 << 18)
#define LENGTH_LIMIT_MOST (64 << 20)

static void set_error(dvsi_arena *arena, dvsi_expression_error *error, uint32_t at, const char *message)
{
    char *copy = dvsi_arena_strdup(arena, message);
    error->at = at;
    error->message = copy != NULL ? copy : dvsi_cell_no_memory;
}

/* ---- Compiling ---- */

static int32_t open_database(dvsi_expressions *e)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX |
                      SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_threadsafe() == 0)
        return DVS_E_INTERNAL;
    if (sqlite3_open_v2(":memory:", &e->db, flags, NULL) != SQLITE_OK)
        return e->db == NULL ? DVS_E_NO_MEMORY : DVS_E_INTERNAL;
    e->length_limit = LENGTH_LIMIT;
    (void)sqlite3_limit(e->db, SQLITE_LIMIT_LENGTH, LENGTH_LIMIT);
    if (dvsi_expression_module(e) != 0 || dvsi_functions_add(e) != 0 || dvsi_expression_lock_down(e) != 0)
        return DVS_E_INTERNAL;
    return DVS_OK;
}

#define BEFORE_ONE "SELECT ("

/* A statement of the expressions `first` to `first + n - 1`. */
static int prepare(dvsi_expressions *e, uint32_t first, uint32_t n, sqlite3_stmt **statement)
{
    dvsi_buf sql = {0};
    for (uint32_t i = first; i < first + n; i++) {
        dvsi_buf_puts(&sql, i != first ? ",(" : BEFORE_ONE);
        dvsi_buf_puts(&sql, e->texts[i]);
        dvsi_buf_puts(&sql, "\n)"); /* behind a comment, too */
    }
    dvsi_buf_puts(&sql, " FROM " DVSI_EXPRESSION_TABLE);
    e->selects = 0;
    dvsi_buf_clear(&e->denied);
    int status = sql.failed ? SQLITE_NOMEM
                            : sqlite3_prepare_v3(e->db, dvsi_buf_text(&sql), (int)sql.length,
                                                 SQLITE_PREPARE_PERSISTENT, statement, NULL);
    dvsi_buf_free(&sql);
    return status;
}

/* With a record of NULLs: what fails whatever the record is a mistake of the project. */
static const char *try_out(dvsi_expressions *e, sqlite3_stmt *statement, dvsi_arena *arena)
{
    e->record = NULL;
    e->record_arena = arena;
    e->n_exact = e->ticks = e->mistake = 0;
    int status = sqlite3_step(statement);
    return status != SQLITE_ROW && e->mistake ? sqlite3_errmsg(e->db) : NULL;
}

/* What SQLite says of a statement that prepare() made of one expression. What it calls wrong at the end is
 * the parenthesis that prepare() put there. */
static const char *refusal(const dvsi_expressions *e, uint32_t at)
{
    if (e->denied.length != 0)
        return dvsi_buf_text(&e->denied);
    if (sqlite3_error_offset(e->db) >= (int)(sizeof BEFORE_ONE - 1 + strlen(e->texts[at])))
        return "syntax error: something is missing at its end";
    return sqlite3_errmsg(e->db);
}

static int32_t compile_one(dvsi_expressions *e, uint32_t at, dvsi_arena *arena, dvsi_expression_error *error)
{
    sqlite3_stmt *statement = NULL;
    const char *wrong = dvsi_expression_scan(e->texts[at]);
    if (wrong != NULL) {
        set_error(arena, error, at, wrong);
        return DVS_E_CONFIG;
    }
    e->noting = e->uses + (size_t)at * e->n_columns;
    int status = prepare(e, at, 1, &statement);
    e->noting = NULL;
    if (status == SQLITE_NOMEM) {
        wrong = "the expression is too large";
    } else if (status != SQLITE_OK) {
        wrong = refusal(e, at);
    } else if (sqlite3_column_count(statement) != 1) {
        wrong = "it is more than one expression";
    } else {
        wrong = try_out(e, statement, arena);
    }
    if (wrong != NULL)
        set_error(arena, error, at, wrong);
    sqlite3_finalize(statement);
    return wrong != NULL ? DVS_E_CONFIG : DVS_OK;
}

static int32_t compile(dvsi_expressions *e, dvsi_arena *arena, dvsi_expression_error *error)
{
    int32_t status = open_database(e);
    if (status != DVS_OK)
        set_error(arena, error, 0,
                  e->db != NULL ? sqlite3_errmsg(e->db) : "this SQLite is built without threads");
    for (uint32_t i = 0; i < e->n && status == DVS_OK; i++)
        status = compile_one(e, i, arena, error);
    if (status == DVS_OK && prepare(e, 0, e->n, &e->all) != SQLITE_OK) {
        set_error(arena, error, 0, sqlite3_errmsg(e->db));
        status = DVS_E_CONFIG;
    }
    for (uint32_t c = 0; c < e->n_columns && status == DVS_OK; c++)
        for (uint32_t i = 0; i < e->n; i++)
            if (dvsi_expressions_uses(e, i, c)) {
                e->inputs[e->n_inputs++] = c;
                break;
            }
    return status;
}

static const char *const *copy_texts(dvsi_arena *arena, const char *const *texts, uint32_t n)
{
    const char **copies = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof *copies);
    for (uint32_t i = 0; i < n && copies != NULL; i++) {
        copies[i] = dvsi_arena_strdup(arena, texts[i]);
        if (copies[i] == NULL)
            return NULL;
    }
    return copies;
}

/* Room for everything that lives as long as the expressions. */
static int make_room(dvsi_expressions *e, const char *const *columns, const char *const *texts)
{
    if (pthread_mutex_init(&e->lock, NULL) != 0)
        return -1;
    e->has_lock = 1;
    e->texts = copy_texts(&e->arena, texts, e->n);
    e->columns = copy_texts(&e->arena, columns, e->n_columns);
    e->places = dvsi_arena_calloc(&e->arena, (size_t)e->n_columns + 1, sizeof *e->places);
    e->inputs = dvsi_arena_calloc(&e->arena, (size_t)e->n_columns + 1, sizeof *e->inputs);
    e->single = dvsi_arena_calloc(&e->arena, (size_t)e->n + 1, sizeof(*e->single));
    e->uses = dvsi_arena_calloc(&e->arena, (size_t)e->n * e->n_columns + 1, 1);
    if (e->texts == NULL || e->columns == NULL || e->places == NULL || e->inputs == NULL ||
        e->single == NULL || e->uses == NULL)
        return -1;
    for (uint32_t i = 0; i < e->n_columns; i++)
        e->places[i] = i;
    return 0;
}

int32_t dvsi_expressions_new(const char *const *columns, uint32_t n_columns, const char *const *texts,
                             uint32_t n, dvsi_arena *arena, dvsi_expressions **out,
                             dvsi_expression_error *error)
{
    dvsi_expressions *e = calloc(1, sizeof *e);
    int32_t status = DVS_E_NO_MEMORY;
    *out = NULL;
    if (e == NULL)
        return status;
    e->n = n;
    e->n_columns = n_columns;
    if (make_room(e, columns, texts) == 0)
        status = compile(e, arena, error);
    if (status == DVS_OK)
        *out = e;
    else
        dvsi_expressions_free(e);
    return status;
}

void dvsi_expressions_free(dvsi_expressions *e)
{
    if (e == NULL)
        return;
    for (uint32_t i = 0; i < e->n && e->single != NULL; i++)
        sqlite3_finalize(e->single[i]);
    sqlite3_finalize(e->all);
    dvsi_functions_free_clock(e);
    dvsi_functions_free_cache(e);
    sqlite3_close_v2(e->db);
    dvsi_buf_free(&e->denied);
    dvsi_arena_free(&e->arena);
    if (e->has_lock)
        pthread_mutex_destroy(&e->lock);
    free(e);
}

int dvsi_expressions_uses(const dvsi_expressions *e, uint32_t at, uint32_t column)
{
    return e->uses[(size_t)at * e->n_columns + column];
}

void dvsi_expressions_place(dvsi_expressions *e, uint32_t column, uint32_t position)
{
    e->places[column] = position;
}

/* ---- Evaluating ---- */

/* Adjusts what values may grow to; 1 when the record lacks a field that an expression names. */
static int look_at(dvsi_expressions *e, const dvs_cell *record)
{
    uint64_t bytes = 0;
    int absent = 0;
    for (uint32_t i = 0; i < e->n_inputs; i++) {
        const dvs_cell *cell = &record[e->places[e->inputs[i]]];
        absent |= cell->kind == DVS_ABSENT;
        if (cell->kind == DVS_TEXT || cell->kind == DVS_JSON || cell->kind == DVS_BYTES)
            bytes += cell->length;
    }
    int limit = LENGTH_LIMIT;
    if (bytes > LENGTH_LIMIT / 4)
        limit = bytes > LENGTH_LIMIT_MOST / 4 ? LENGTH_LIMIT_MOST : (int)(bytes * 4);
    if (limit != e->length_limit)
        (void)sqlite3_limit(e->db, SQLITE_LIMIT_LENGTH, limit);
    e->length_limit = limit;
    return absent;
}

static int is_absent(const dvsi_expressions *e, uint32_t at, const dvs_cell *record)
{
    for (uint32_t i = 0; i < e->n_inputs; i++)
        if (dvsi_expressions_uses(e, at, e->inputs[i]) && record[e->places[e->inputs[i]]].kind == DVS_ABSENT)
            return 1;
    return 0;
}

/* Of a text, too: read as a blob it needs no NUL behind it, for which SQLite would copy it. */
static const char *take_bytes(sqlite3_stmt *row, int column, uint32_t kind, dvsi_arena *arena, dvs_cell *out)
{
    const void *data = sqlite3_column_blob(row, column);
    int length = sqlite3_column_bytes(row, column);
    char *copy =
        data != NULL || length == 0 ? dvsi_arena_copy(arena, length != 0 ? data : "", (size_t)length) : NULL;
    if (copy == NULL)
        return dvsi_cell_no_memory;
    *out = kind == DVS_TEXT ? dvsi_cell_text_n(copy, (size_t)length) : dvsi_cell_bytes(copy, (size_t)length);
    size_t valid = kind == DVS_TEXT ? dvsi_utf8_valid(copy, (size_t)length) : (size_t)length;
    if (valid == (size_t)length)
        return NULL;
    return copy[valid] == '\0' ? "the result holds a NUL character" : "the result is not valid UTF-8";
}

static const char *take_number(const dvsi_expressions *e, double value, dvs_cell *out)
{
    const dvsi_exact *exact = dvsi_expression_exact(e, value);
    if (!isfinite(value))
        return "the result is not a finite number";
    if (exact != NULL && exact->several)
        return "the result is one of several long decimals that SQLite cannot tell apart";
    if (exact != NULL) {
        out->kind = DVS_DECIMAL;
        out->length = exact->length;
        out->v.text = exact->text;
        return NULL;
    }
    out->kind = DVS_DOUBLE;
    out->v.f64 = value == 0 ? 0 : value;
    return NULL;
}

/* The result in `column` of a row; NULL, or what is wrong with it. */
static const char *take_result(const dvsi_expressions *e, sqlite3_stmt *row, int column, dvsi_arena *arena,
                               dvs_cell *out)
{
    memset(out, 0, sizeof *out);
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        *out = dvsi_cell_int64(sqlite3_column_int64(row, column));
        return NULL;
    case SQLITE_FLOAT:
        return take_number(e, sqlite3_column_double(row, column), out);
    case SQLITE_TEXT:
        return take_bytes(row, column, DVS_TEXT, arena, out);
    case SQLITE_BLOB:
        return take_bytes(row, column, DVS_BYTES, arena, out);
    default:
        *out = dvsi_cell_null();
        return NULL;
    }
}

static void begin(dvsi_expressions *e)
{
    e->n_exact = e->ticks = e->mistake = 0;
}

/* All at once: 0, or -1 when one of them failed. */
static int eval_all(dvsi_expressions *e, dvsi_arena *arena, dvs_cell *out)
{
    begin(e);
    if (sqlite3_step(e->all) != SQLITE_ROW) {
        sqlite3_reset(e->all);
        return -1;
    }
    for (uint32_t i = 0; i < e->n; i++)
        if (take_result(e, e->all, (int)i, arena, &out[i]) != NULL)
            return -1;
    return 0;
}

static const char *eval_one(dvsi_expressions *e, uint32_t at, dvsi_arena *arena, dvs_cell *out)
{
    begin(e);
    memset(out, 0, sizeof *out);
    if (e->single[at] == NULL && prepare(e, at, 1, &e->single[at]) != SQLITE_OK)
        return dvsi_cell_no_memory;
    const char *wrong = sqlite3_step(e->single[at]) == SQLITE_ROW
                            ? take_result(e, e->single[at], 0, arena, out)
                            : sqlite3_errmsg(e->db);
    char *copy = wrong != NULL ? dvsi_arena_strdup(arena, wrong) : NULL;
    sqlite3_reset(e->single[at]);
    if (wrong == NULL)
        return NULL;
    memset(out, 0, sizeof *out);
    return copy != NULL ? copy : dvsi_cell_no_memory;
}

/* One by one, as some cannot be evaluated. */
static int eval_each(dvsi_expressions *e, const dvs_cell *record, dvsi_arena *arena, dvs_cell *out,
                     dvsi_expression_error *error)
{
    int failed = 0;
    for (uint32_t i = 0; i < e->n; i++) {
        if (is_absent(e, i, record)) {
            memset(&out[i], 0, sizeof out[i]);
            continue;
        }
        const char *wrong = eval_one(e, i, arena, &out[i]);
        if (wrong != NULL && !failed)
            *error = (dvsi_expression_error){i, wrong};
        failed |= wrong != NULL;
    }
    return failed ? -1 : 0;
}

int dvsi_expressions_eval(dvsi_expressions *e, const dvs_cell *record, dvsi_arena *arena, dvs_cell *out,
                          dvsi_expression_error *error)
{
    pthread_mutex_lock(&e->lock);
    e->record = record;
    e->record_arena = arena;
    int status =
        look_at(e, record) || eval_all(e, arena, out) != 0 ? eval_each(e, record, arena, out, error) : 0;
    e->record = NULL;
    e->record_arena = NULL;
    pthread_mutex_unlock(&e->lock);
    return status;
}
