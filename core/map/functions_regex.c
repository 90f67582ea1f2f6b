/* functions_regex.c - regex_like and regex_replace: PCRE2, with limits on what a match may cost. */
#include "map/expression_parts.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MOST_TEXT ((size_t)1 << 20) /* bytes that a pattern is tried on */
#define MOST_PATTERN 10000          /* bytes of a pattern */
#define MOST_STEPS                                                                                           \
    UINT32_C(50000000) /* of one search; PCRE2 counts anew at every place where a match may start */
#define MOST_WORK UINT64_C(50000000) /* characters walked over by one call that is counted; ... */
#define COUNTED UINT64_C(200000000)  /* ... see is_counted() */
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT 16384 /* KB */

/* A compiled pattern and what it is run with. */
typedef struct pattern {
    pcre2_code *code;
    pcre2_code *counted; /* with a callout before every item; made when it is needed */
    pcre2_match_data *data;
    pcre2_match_context *context;
    size_t length; /* of its text */
    size_t last;   /* of a counted call: where it was, ... */
    uint64_t work; /* ... and how far it has walked */
} pattern;

static void free_pattern(void *object)
{
    pattern *p = object;
    pcre2_match_context_free(p->context);
    pcre2_match_data_free(p->data);
    pcre2_code_free(p->counted);
    pcre2_code_free(p->code);
    free(p);
}

static pcre2_code *compile(const char *text, size_t length, uint32_t options, int *status)
{
    size_t offset = 0;
    return pcre2_compile((PCRE2_SPTR)text, length, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | options, status,
                         &offset, NULL);
}

static void *make_pattern(const char *text, size_t length, const char **problem)
{
    static const char no_memory[] = "could not be kept: out of memory";
    int status = 0;
    pattern *p = calloc(1, sizeof *p);
    *problem = no_memory;
    if (p == NULL)
        return NULL;
    if (length > MOST_PATTERN)
        *problem = "is too long for a regular expression";
    else
        p->code = compile(text, length, 0, &status);
    p->length = length;
    if (p->code != NULL) {
        p->context = pcre2_match_context_create(NULL);
        if (p->context != NULL)
            return p;
    } else if (length <= MOST_PATTERN) {
        *problem = status == PCRE2_ERROR_HEAP_FAILED ? no_memory : "is no regular expression";
    }
    free_pattern(p);
    return NULL;
}

/* PCRE2's own limits count how often it tries, not how far it walks: (?>.*)x tries once at each place and
 * walks to the end. Where that could take long, the callouts of such a pattern add up the way. */
static int is_counted(const pattern *p, const dvsi_function_text *x)
{
    return (uint64_t)x->length * x->length * (p->length + 1) > COUNTED;
}

static int count(pcre2_callout_block *block, void *data)
{
    pattern *p = data;
    p->work += 1 + (block->current_position > p->last ? block->current_position - p->last
                                                      : p->last - block->current_position);
    p->last = block->current_position;
    return p->work > MOST_WORK ? PCRE2_ERROR_CALLOUT : 0;
}

/* What is run on the text; NULL: memory is out. */
static const pcre2_code *code_for(pattern *p, const char *text, const dvsi_function_text *x)
{
    int status = 0;
    if (p->data == NULL && (p->data = pcre2_match_data_create_from_pattern(p->code, NULL)) == NULL)
        return NULL;
    (void)pcre2_set_callout(p->context, NULL, NULL);
    if (!is_counted(p, x))
        return p->code;
    if (p->counted == NULL)
        p->counted = compile(text, p->length, PCRE2_AUTO_CALLOUT, &status);
    p->work = p->last = 0;
    (void)pcre2_set_callout(p->context, count, p);
    return p->counted;
}

/* A search in a long text may have left much memory with the data. */
static void put_away(pattern *p, const dvsi_function_text *x)
{
    if (x->length <= 1024)
        return;
    pcre2_match_data_free(p->data);
    p->data = NULL;
}

/* Pattern and text of a call: NULL when there is a result already. */
static pattern *prepare(sqlite3_context *context, sqlite3_value **args, const char *name,
                        dvsi_function_text *x, const pcre2_code **code)
{
    dvsi_function_text text;
    const char *problem = NULL;
    if (dvsi_function_null(context, 1, args + 1) || dvsi_function_text_of(context, args[1], &text) != 0)
        return NULL;
    pattern *p = dvsi_function_cached(dvsi_function_engine(context), text.text, text.length, make_pattern,
                                      free_pattern, &problem);
    if (p == NULL) {
        dvsi_function_mistake(context, name, &text, problem);
        return NULL;
    }
    if (dvsi_function_null(context, 1, args) || dvsi_function_text_of(context, args[0], x) != 0)
        return NULL;
    if (x->length > MOST_TEXT) {
        dvsi_function_fail(context, name, x, "has more than 1 MB, too much for a regular expression");
        return NULL;
    }
    uint32_t limit = (uint32_t)(MOST_STEPS / (x->length + 50));
    pcre2_set_match_limit(p->context, limit > 1000 ? limit : 1000);
    pcre2_set_depth_limit(p->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(p->context, HEAP_LIMIT);
    *code = code_for(p, text.text, x);
    if (*code == NULL)
        sqlite3_result_error_nomem(context);
    return *code != NULL ? p : NULL;
}

static void fail(sqlite3_context *context, const char *name, const dvsi_function_text *x, int status)
{
    switch (status) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_CALLOUT:
        dvsi_function_fail(context, name, x,
                           "needs too many steps: the pattern tries too many ways to match it");
        break;
    case PCRE2_ERROR_NOMEMORY:
        sqlite3_result_error_nomem(context);
        break;
    default:
        dvsi_function_fail(context, name, x, "cannot be searched: it is not valid UTF-8");
    }
}

static void regex_like(sqlite3_context *context, int n, sqlite3_value **args)
{
    dvsi_function_text x;
    const pcre2_code *code = NULL;
    pattern *p = prepare(context, args, "regex_like", &x, &code);
    (void)n;
    if (p == NULL)
        return;
    int status = pcre2_match(code, (PCRE2_SPTR)x.text, x.length, 0, 0, p->data, p->context);
    put_away(p, &x);
    if (status < 0 && status != PCRE2_ERROR_NOMATCH)
        fail(context, "regex_like", &x, status);
    else
        sqlite3_result_int(context, status != PCRE2_ERROR_NOMATCH);
}

static int substitute(pattern *p, const pcre2_code *code, const dvsi_function_text *x,
                      const dvsi_function_text *by, char *out, size_t *length)
{
    const uint32_t how =
        PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH | PCRE2_SUBSTITUTE_UNSET_EMPTY;
    p->work = p->last = 0;
    return pcre2_substitute(code, (PCRE2_SPTR)x->text, x->length, 0, how, p->data, p->context,
                            (PCRE2_SPTR)by->text, by->length, (PCRE2_UCHAR *)out, length);
}

static void regex_replace(sqlite3_context *context, int n, sqlite3_value **args)
{
    dvsi_function_text x, by;
    const pcre2_code *code = NULL;
    pattern *p = prepare(context, args, "regex_replace", &x, &code);
    if (p == NULL || dvsi_function_null(context, n, args) ||
        dvsi_function_text_of(context, args[2], &by) != 0)
        return;
    size_t room = x.length + 64, length = room;
    char *out = sqlite3_malloc64(room);
    int status = out != NULL ? substitute(p, code, &x, &by, out, &length) : PCRE2_ERROR_NOMEMORY;
    size_t most = (size_t)sqlite3_limit(dvsi_function_engine(context)->db, SQLITE_LIMIT_LENGTH, -1);
    if (out != NULL && status == PCRE2_ERROR_NOMEMORY && length > room && length <= most + 1) {
        sqlite3_free(out);
        out = sqlite3_malloc64(length);
        status = out != NULL ? substitute(p, code, &x, &by, out, &length) : PCRE2_ERROR_NOMEMORY;
    } else if (out != NULL && status == PCRE2_ERROR_NOMEMORY && length > room) {
        sqlite3_result_error_toobig(context);
        sqlite3_free(out);
        put_away(p, &x);
        return;
    }
    put_away(p, &x);
    if (status >= 0) {
        sqlite3_result_text64(context, out, length, sqlite3_free, SQLITE_UTF8);
        return;
    }
    sqlite3_free(out);
    if (status == PCRE2_ERROR_BADREPLACEMENT || status == PCRE2_ERROR_BADREPESCAPE ||
        status == PCRE2_ERROR_REPMISSINGBRACE || status == PCRE2_ERROR_BADSUBSTITUTION ||
        status == PCRE2_ERROR_NOSUBSTRING || status == PCRE2_ERROR_NOUNIQUESUBSTRING)
        dvsi_function_mistake(context, "regex_replace", &by,
                              "is no replacement ($1 or ${name} stand for groups, $$ for $)");
    else
        fail(context, "regex_replace", &x, status);
}

int dvsi_functions_add_regex(dvsi_expressions *e)
{
    return dvsi_function_add(e, "regex_like", 2, 0, regex_like) != 0 ||
                   dvsi_function_add(e, "regex_replace", 3, 0, regex_replace) != 0
               ? -1
               : 0;
}
