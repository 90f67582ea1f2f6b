/* problem.h - everything that is wrong with a file, collected. */
#ifndef DVSI_CONFIG_PROBLEM_H
#define DVSI_CONFIG_PROBLEM_H

#include <stdint.h>

#include "base/arena.h"

#define DVSI_PROBLEM_ERROR 0
#define DVSI_PROBLEM_WARNING 1
#define DVSI_PROBLEM_INFO 2

/* What a problem of the sources' and the sink's schemas is about; a member is NULL where there is no such
 * thing. */
typedef struct dvsi_problem_about {
    const char *check; /* static: "column_missing", "type", ... */
    const char *entity;
    const char *source; /* the label of a `from` entry */
    const char *field;  /* or column */
} dvsi_problem_about;

typedef struct dvsi_problem dvsi_problem;
struct dvsi_problem {
    dvsi_problem *next;
    int severity; /* DVSI_PROBLEM_ */
    const char *file;
    uint32_t line; /* 0: the file as a whole */
    uint32_t column;
    const char *path; /* "entities[1].from[0].fields.name", "" for the whole file */
    const char *message;
    dvsi_problem_about about;
};

/* All zero is an empty list. At most DVSI_PROBLEMS_KEPT are kept, the first of the file; all are counted. */
#define DVSI_PROBLEMS_KEPT 100
typedef struct dvsi_problems {
    dvsi_arena arena;
    uint32_t most;       /* to keep; 0: DVSI_PROBLEMS_KEPT */
    dvsi_problem *first; /* in the order of the file: by line, then column */
    uint32_t n_problems;
    uint32_t n_errors;
    uint32_t n_kept;
    dvsi_problem spare; /* stands in the list when memory ran out, so that an error is never without one */
} dvsi_problems;

/* Adds a problem. Strings are copied; path and message are made safe to show (dvsi_utf8_show) and bounded,
 * so names and values from the file may be passed as they are. Never put a secret in. */

void dvsi_problem_add(dvsi_problems *problems, int severity, const char *file, uint32_t line, uint32_t column,
                      const char *path, const char *format, ...) __attribute__((format(printf, 7, 8)));
/* The same with what it is about (NULL: nothing). */
void dvsi_problem_add_about(dvsi_problems *problems, int severity, const dvsi_problem_about *about,
                            const char *file, uint32_t line, uint32_t column, const char *path,
                            const char *format, ...) __attribute__((format(printf, 8, 9)));
/* "file:line:column: path: message"; in `arena`. */
const char *dvsi_problem_text(dvsi_arena *arena, const dvsi_problem *problem);
/* The name among `names` (NULL-terminated list) that is nearest to `name`, or NULL when none is near. */
const char *dvsi_problem_nearest(const char *name, const char *const *names);
void dvsi_problems_free(dvsi_problems *problems);

#endif
