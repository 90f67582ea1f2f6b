/* expression_parts.h - what the files of the expression engine share. */
#ifndef DVSI_MAP_EXPRESSION_PARTS_H
#define DVSI_MAP_EXPRESSION_PARTS_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "map/expression.h"

#define DVSI_EXPRESSION_TABLE "record"
#define DVSI_EXPRESSION_HIDDEN "dvsync row"

/* A decimal that no double holds: it travels as the nearest double, its digits beside it, so that it compares
 * as a number everywhere and comes out as it went in. */
typedef struct dvsi_exact {
    double nearest;
    const char *text; /* canonical */
    uint32_t length;
    uint32_t several; /* different decimals of this record have the same double */
} dvsi_exact;

#define DVSI_EXACT_MOST 64

/* Things made of constant arguments, kept between records: compiled patterns, parsed maps (functions.c). */
typedef struct dvsi_cached {
    char *text;
    size_t length;
    void *object;
    void (*free)(void *object);
} dvsi_cached;

#define DVSI_CACHED_MOST 64

/* A table of one row that never ends (expression_row.c): what its columns are called, and what they hold now.
 */
typedef struct dvsi_row_table {
    dvsi_expressions *engine;
    void (*declare)(dvsi_expressions *e, dvsi_buf *out); /* as between the parentheses of CREATE TABLE */
    void (*column)(dvsi_expressions *e, sqlite3_context *context, int at);
} dvsi_row_table;

/* SQLite's own date functions and printf, called after a look at the arguments (functions_clock.c). */
typedef struct dvsi_clock_function {
    dvsi_expressions *engine;
    uint32_t at;
} dvsi_clock_function;

#define DVSI_CLOCK_FUNCTIONS 8
#define DVSI_CLOCK_ARGUMENTS 32

struct dvsi_expressions {
    pthread_mutex_t lock;
    uint32_t has_lock;
    sqlite3 *db;
    sqlite3_stmt *all;     /* every expression; it never ends, each step is the next record */
    sqlite3_stmt **single; /* each alone, made when one fails */
    const char *const *texts;
    uint32_t n;
    const char *const *columns;
    uint32_t n_columns;
    uint32_t *places;
    uint8_t *uses;    /* n times n_columns */
    uint32_t *inputs; /* columns that any expression uses */
    uint32_t n_inputs;
    int length_limit;
    uint32_t ticks; /* of the progress handler, in this record */

    /* While compiling. */
    uint8_t *noting; /* columns named so far */
    uint32_t selects;
    dvsi_buf denied; /* why the authorizer said no */

    /* The record in hand. */
    const dvs_cell *record; /* NULL: all fields are NULL */
    dvsi_arena *record_arena;
    dvsi_row_table record_row;
    dvsi_exact exact[DVSI_EXACT_MOST];
    uint32_t n_exact;
    uint32_t mistake; /* the function that failed says that the project is wrong, whatever the record */

    dvsi_cached cache[DVSI_CACHED_MOST];
    uint32_t cache_next;
    size_t cache_bytes; /* of their texts */

    /* functions_clock.c */
    sqlite3 *clock_db;
    int clock_limit;
    sqlite3_value **clock_arguments; /* of the call in hand */
    uint32_t clock_marked;           /* the first one gets a character more */
    dvsi_row_table clock_row;
    sqlite3_stmt *clock[DVSI_CLOCK_FUNCTIONS][DVSI_CLOCK_ARGUMENTS + 1];
    dvsi_clock_function clock_functions[DVSI_CLOCK_FUNCTIONS];
    dvsi_arena arena; /* names and texts */
};

/* expression_guard.c: what an expression may say. */
/* NULL, or what is wrong with the text: it must be one expression and end where it seems to. */
const char *dvsi_expression_scan(const char *text);
/* Limits, settings and the authorizer of a connection. 0 or -1. */
int dvsi_expression_lock_down(dvsi_expressions *e);

/* expression_row.c. An error of SQLite. The table must stay as long as the connection. */
int dvsi_row_table_add(sqlite3 *db, const char *name, dvsi_row_table *table);

/* expression_record.c: the record as such a table. */
int dvsi_expression_module(dvsi_expressions *e);
/* Remembers a decimal that is no double. 0, or -1 when memory or room is out. */
int dvsi_expression_keep_exact(dvsi_expressions *e, double nearest, const char *text, uint32_t length);
const dvsi_exact *dvsi_expression_exact(const dvsi_expressions *e, double value);
/* Sets a function's or column's result to a canonical decimal, in storage form. `text` is copied as
 * needed. */
void dvsi_expression_result_decimal(dvsi_expressions *e, sqlite3_context *context, const char *text,
                                    size_t length);

/* functions.c: ours. 0 or -1. */
int dvsi_functions_add(dvsi_expressions *e);
int dvsi_functions_add_number(dvsi_expressions *e);
int dvsi_functions_add_time(dvsi_expressions *e);
int dvsi_functions_add_regex(dvsi_expressions *e);
int dvsi_functions_add_bounded(dvsi_expressions *e);
int dvsi_functions_add_clock(dvsi_expressions *e);
void dvsi_functions_free_clock(dvsi_expressions *e);

/* Registers a function whose result is made of its arguments alone. With DVSI_FUNCTION_DECIMAL its result may
 * be an exact decimal, which belongs to one record: it is called for each. */
#define DVSI_FUNCTION_DECIMAL 1u
int dvsi_function_add(dvsi_expressions *e, const char *name, int n_args, uint32_t flags,
                      void (*call)(sqlite3_context *, int, sqlite3_value **));
dvsi_expressions *dvsi_function_engine(sqlite3_context *context);
/* True when an argument is NULL; the result is NULL then. */
int dvsi_function_null(sqlite3_context *context, int n, sqlite3_value **args);
/* The argument as text: numbers as their shortest text, exact decimals in full. 0, or -1 with the result an
 * error. */
typedef struct dvsi_function_text {
    const char *text;
    size_t length;
    char number[32];
} dvsi_function_text;
int dvsi_function_text_of(sqlite3_context *context, sqlite3_value *value, dvsi_function_text *out);
/* The result is an error: NAME: "VALUE" WHAT. */
void dvsi_function_fail(sqlite3_context *context, const char *name, const dvsi_function_text *value,
                        const char *what);
/* The same, and the fault is the expression's: it is found when the project is read. */
void dvsi_function_mistake(sqlite3_context *context, const char *name, const dvsi_function_text *value,
                           const char *what);
/* What `make` made of this text before, or makes now. NULL: *problem says why. */
void *dvsi_function_cached(dvsi_expressions *e, const char *text, size_t length,
                           void *(*make)(const char *text, size_t length, const char **problem),
                           void (*free_object)(void *object), const char **problem);
void dvsi_functions_free_cache(dvsi_expressions *e);

#endif
