/* functions.c - what the functions of expressions share, and the simple ones. */
#include "map/expression_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "data/decimal.h"
#include "data/json.h"

#define SHOWN 60                            /* bytes of a value in a message */
#define MOST_CACHED ((size_t)64 << 10)      /* bytes of a text that something is made of, ... */
#define MOST_CACHED_ALL ((size_t)256 << 10) /* ... and of all such texts */

dvsi_expressions *dvsi_function_engine(sqlite3_context *context)
{
    return sqlite3_user_data(context);
}

int dvsi_function_add(dvsi_expressions *e, const char *name, int n_args, uint32_t flags,
                      void (*call)(sqlite3_context *, int, sqlite3_value **))
{
    const int always = SQLITE_UTF8 | SQLITE_DIRECTONLY;
    const int how = always | ((flags & DVSI_FUNCTION_DECIMAL) != 0 ? 0 : SQLITE_DETERMINISTIC);
    return sqlite3_create_function_v2(e->db, name, n_args, how, e, call, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                                                        : -1;
}

int dvsi_function_null(sqlite3_context *context, int n, sqlite3_value **args)
{
    for (int i = 0; i < n; i++)
        if (sqlite3_value_type(args[i]) == SQLITE_NULL) {
            sqlite3_result_null(context);
            return 1;
        }
    return 0;
}

int dvsi_function_text_of(sqlite3_context *context, sqlite3_value *value, dvsi_function_text *out)
{
    const dvsi_exact *exact;
    out->text = out->number;
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        out->length = dvsi_number_from_int64(out->number, sqlite3_value_int64(value));
        return 0;
    case SQLITE_FLOAT:
        exact = dvsi_expression_exact(dvsi_function_engine(context), sqlite3_value_double(value));
        if (exact != NULL && exact->several) {
            sqlite3_result_error(context, "there are several long decimals that SQLite cannot tell apart",
                                 -1);
            return -1;
        }
        out->length =
            exact != NULL ? exact->length : dvsi_number_from_double(out->number, sqlite3_value_double(value));
        out->text = exact != NULL ? exact->text : out->number;
        return 0;
    case SQLITE_TEXT:
        out->text = (const char *)sqlite3_value_text(value);
        out->length = (size_t)sqlite3_value_bytes(value);
        if (out->text == NULL)
            sqlite3_result_error_nomem(context);
        return out->text != NULL ? 0 : -1;
    default:
        sqlite3_result_error(context, "a function of text was given bytes", -1);
        return -1;
    }
}

void dvsi_function_fail(sqlite3_context *context, const char *name, const dvsi_function_text *value,
                        const char *what)
{
    dvsi_buf text = {0};
    dvsi_buf_printf(&text, "%s: \"", name);
    dvsi_utf8_show(&text, value->text, value->length, SHOWN);
    dvsi_buf_printf(&text, "\" %s", what);
    sqlite3_result_error(context, dvsi_buf_text(&text), -1);
    dvsi_buf_free(&text);
}

void dvsi_function_mistake(sqlite3_context *context, const char *name, const dvsi_function_text *value,
                           const char *what)
{
    dvsi_function_engine(context)->mistake = 1;
    dvsi_function_fail(context, name, value, what);
}

/* ---- The cache ---- */

static void forget(dvsi_cached *cached)
{
    if (cached->object != NULL)
        cached->free(cached->object);
    free(cached->text);
    memset(cached, 0, sizeof *cached);
}

void *dvsi_function_cached(dvsi_expressions *e, const char *text, size_t length,
                           void *(*make)(const char *text, size_t length, const char **problem),
                           void (*free_object)(void *object), const char **problem)
{
    for (uint32_t i = 0; i < DVSI_CACHED_MOST; i++) {
        const dvsi_cached *c = &e->cache[i];
        if (c->object != NULL && c->free == free_object && c->length == length &&
            memcmp(c->text, text, length) == 0)
            return c->object;
    }
    dvsi_cached made = {.length = length, .free = free_object};
    if (length > MOST_CACHED) {
        *problem = "is longer than 64 KB";
        return NULL;
    }
    made.object = make(text, length, problem);
    if (made.object == NULL)
        return NULL;
    made.text = malloc(length + 1);
    if (made.text == NULL) {
        free_object(made.object);
        *problem = "could not be kept: out of memory";
        return NULL;
    }
    memcpy(made.text, text, length);
    for (e->cache_bytes += length;; e->cache_next++) {
        dvsi_cached *place = &e->cache[e->cache_next % DVSI_CACHED_MOST];
        e->cache_bytes -= place->length; /* 0 of an empty place */
        forget(place);
        if (e->cache_bytes > MOST_CACHED_ALL)
            continue;
        *place = made;
        e->cache_next++;
        return made.object;
    }
}

void dvsi_functions_free_cache(dvsi_expressions *e)
{
    for (uint32_t i = 0; i < DVSI_CACHED_MOST; i++)
        forget(&e->cache[i]);
}

/* ---- to_bool, digits, value_map ---- */

static void to_bool(sqlite3_context *context, int n, sqlite3_value **args)
{
    static const char *const words[][2] = {{"0", "1"}, {"false", "true"}, {"no", "yes"},
                                           {"f", "t"}, {"n", "y"},        {"off", "on"}};
    dvsi_function_text x;
    if (dvsi_function_null(context, n, args) || dvsi_function_text_of(context, args[0], &x) != 0)
        return;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int value = 0; value < 2; value++)
            if (strlen(words[i][value]) == x.length &&
                sqlite3_strnicmp(words[i][value], x.text, (int)x.length) == 0) {
                sqlite3_result_int(context, value);
                return;
            }
    dvsi_function_fail(context, "to_bool", &x,
                       "is neither true nor false (true/false, yes/no, on/off, t/f, y/n, 1/0)");
}

static void digits(sqlite3_context *context, int n, sqlite3_value **args)
{
    dvsi_function_text x;
    size_t length = 0;
    if (dvsi_function_null(context, n, args) || dvsi_function_text_of(context, args[0], &x) != 0)
        return;
    char *out = sqlite3_malloc64(x.length + 1);
    if (out == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    for (size_t i = 0; i < x.length; i++)
        if (x.text[i] >= '0' && x.text[i] <= '9')
            out[length++] = x.text[i];
    out[length] = '\0';
    sqlite3_result_text64(context, out, length, sqlite3_free, SQLITE_UTF8);
}

typedef struct value_map {
    dvsi_arena arena;
    const dvsi_json *object;
} value_map;

static void free_map(void *object)
{
    value_map *map = object;
    dvsi_arena_free(&map->arena);
    free(map);
}

static void *make_map(const char *text, size_t length, const char **problem)
{
    size_t offset = 0;
    value_map *map = calloc(1, sizeof *map);
    *problem = "could not be kept: out of memory";
    if (map == NULL)
        return NULL;
    const char *why = NULL;
    map->object = dvsi_json_parse(&map->arena, text, length, &why, &offset);
    if (map->object != NULL && map->object->type == DVSI_JSON_OBJECT)
        return map;
    *problem = "is no JSON object";
    free_map(map);
    return NULL;
}

static void result_json(sqlite3_context *context, const dvsi_json *value)
{
    char decimal[DVSI_DECIMAL_SIZE];
    dvsi_buf text = {0};
    size_t length;
    switch (value->type) {
    case DVSI_JSON_NULL:
        sqlite3_result_null(context);
        break;
    case DVSI_JSON_BOOL:
        sqlite3_result_int(context, value->length != 0);
        break;
    case DVSI_JSON_NUMBER:
        length = dvsi_decimal_canonical(value->text, value->length, decimal);
        if (length != 0)
            dvsi_expression_result_decimal(dvsi_function_engine(context), context, decimal, length);
        else
            sqlite3_result_error(context, "value_map: a number has too many digits", -1);
        break;
    case DVSI_JSON_STRING:
        sqlite3_result_text64(context, value->text, value->length, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    default:
        dvsi_json_write(&text, value);
        sqlite3_result_text64(context, dvsi_buf_text(&text), text.length, SQLITE_TRANSIENT, SQLITE_UTF8);
        dvsi_buf_free(&text);
    }
}

static void map_value(sqlite3_context *context, int n, sqlite3_value **args)
{
    dvsi_function_text x, json;
    const char *problem = NULL;
    if (dvsi_function_null(context, 1, args + 1) || dvsi_function_text_of(context, args[1], &json) != 0)
        return;
    const value_map *map = dvsi_function_cached(dvsi_function_engine(context), json.text, json.length,
                                                make_map, free_map, &problem);
    if (map == NULL) {
        dvsi_function_mistake(context, "value_map", &json, problem);
        return;
    }
    if (dvsi_function_null(context, 1, args) || dvsi_function_text_of(context, args[0], &x) != 0)
        return;
    const dvsi_json *found = NULL; /* of equal names the last one counts */
    for (const dvsi_json *item = map->object->first; item != NULL; item = item->next)
        if (item->name_length == x.length && memcmp(item->name, x.text, x.length) == 0)
            found = item;
    if (found != NULL)
        result_json(context, found);
    else if (n == 3)
        sqlite3_result_value(context, args[2]);
    else
        dvsi_function_fail(context, "value_map", &x, "is not in the map, and there is no default");
}

/* max(x) and min(x) of one argument would be aggregates. */
static void no_aggregate(sqlite3_context *context, int n, sqlite3_value **args)
{
    (void)n;
    (void)args;
    dvsi_function_engine(context)->mistake = 1;
    sqlite3_result_error(context, "max() and min() compare at least two values of a record", -1);
}

int dvsi_functions_add(dvsi_expressions *e)
{
    if (dvsi_function_add(e, "to_bool", 1, 0, to_bool) != 0 ||
        dvsi_function_add(e, "digits", 1, 0, digits) != 0 ||
        dvsi_function_add(e, "value_map", 2, DVSI_FUNCTION_DECIMAL, map_value) != 0 ||
        dvsi_function_add(e, "value_map", 3, DVSI_FUNCTION_DECIMAL, map_value) != 0 ||
        dvsi_function_add(e, "max", 1, 0, no_aggregate) != 0 ||
        dvsi_function_add(e, "min", 1, 0, no_aggregate) != 0)
        return -1;
    return dvsi_functions_add_number(e) != 0 || dvsi_functions_add_time(e) != 0 ||
                   dvsi_functions_add_regex(e) != 0 || dvsi_functions_add_bounded(e) != 0 ||
                   dvsi_functions_add_clock(e) != 0
               ? -1
               : 0;
}
