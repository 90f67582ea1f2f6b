/*
 * page.h - rows as a page of JSON.
 */
#ifndef SIM_PAGE_H
#define SIM_PAGE_H

#include "store_parts.h"
#include "text.h"

/* Which columns come out, in which order. */
struct sim_plan {
    const struct sim_column **columns;
    size_t n_columns;
    size_t fixed;  /* bytes of all prefixes, and of a null each */
    char *context; /* accounts(name,telephone1): behind $metadata# */
    int annotations;
};

/* `select`: the value of $select, decoded; NULL: all. Answers 0; -1 memory; 1 when a name is unknown, which
 * *bad points to then, with its length. */
int sim_plan_make(struct sim_plan *plan, const struct sim_table *table, const char *select, int annotations,
                  const char **bad, size_t *bad_length);
void sim_plan_free(struct sim_plan *plan);

/* Adds the rows as objects, with commas between. `base`: for links; `store`: for names of rows that lookups
 * point to. */
void sim_page_rows(struct sim_text *text, const struct sim_store *store, const struct sim_table *table,
                   const struct sim_plan *plan, struct sim_row *const *rows, size_t n);

/* Adds what stands beside a value when annotations were asked for: ,"x@OData...":"..." (nothing for null). */
void sim_page_annotate(struct sim_text *text, const struct sim_store *store, const struct sim_column *column,
                       struct sim_value value);

#endif
