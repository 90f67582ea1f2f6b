/*
 * expression.h - SQLite expressions over the named fields of a record.
 *
 * A set of expressions is compiled once and evaluated for one record after the other, in a private in-memory
 * database that holds nothing, can reach nothing, and knows only functions whose result depends on their
 * arguments. Nothing here changes a process-wide setting of SQLite.
 */
#ifndef DVSI_MAP_EXPRESSION_H
#define DVSI_MAP_EXPRESSION_H

#include "base/arena.h"
#include "dvsync/plugin.h"

#define DVSI_EXPRESSION_MOST 10000 /* bytes of one expression */

typedef struct dvsi_expressions dvsi_expressions;

/* What is wrong, and with which expression. */
typedef struct dvsi_expression_error {
    uint32_t at;
    const char *message; /* one line, in the arena that the call was given */
} dvsi_expression_error;

/*
 * Compiles `n` (at least 1) expressions over records of the `columns`. DVS_E_CONFIG when one is no expression
 * or wants what is not allowed, *error then says why; DVS_E_NO_MEMORY; DVS_E_INTERNAL when this SQLite cannot
 * be used.
 */
int32_t dvsi_expressions_new(const char *const *columns, uint32_t n_columns, const char *const *texts,
                             uint32_t n, dvsi_arena *arena, dvsi_expressions **out,
                             dvsi_expression_error *error);
void dvsi_expressions_free(dvsi_expressions *expressions);

/* Does expression `at` name the column? */
int dvsi_expressions_uses(const dvsi_expressions *expressions, uint32_t at, uint32_t column);
/* Where the column's cell stands in the records to come; at first it is the column's own number. */
void dvsi_expressions_place(dvsi_expressions *expressions, uint32_t column, uint32_t position);

/*
 * Evaluates all expressions over one record, into out[0 .. n-1]: NULL, INT64, DOUBLE, DECIMAL (one that is no
 * double), TEXT or BYTES, in `arena`; ABSENT when a column that the expression names is ABSENT. 0; or -1 with
 * *error, the first expression that failed: its cell, and those of others that failed, are ABSENT. Any
 * thread, one at a time waits.
 */
int dvsi_expressions_eval(dvsi_expressions *expressions, const dvs_cell *record, dvsi_arena *arena,
                          dvs_cell *out, dvsi_expression_error *error);

#endif
