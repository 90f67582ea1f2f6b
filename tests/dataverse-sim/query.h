/*
 * query.h - the options of an address, and the rows that they ask for.
 */
#ifndef SIM_QUERY_H
#define SIM_QUERY_H

#include "api.h"
#include "filter.h"
#include "page.h"
#include "skiptoken.h"

/* Decoded values; NULL: not given. */
struct sim_query {
    char *select;
    char *filter;
    char *orderby;
    char *top;
    char *count;
    char *expand;
    const char *skiptoken; /* raw, inside of the call's query */
    size_t skiptoken_length;
    char *options;    /* raw, all but $skiptoken */
    char unknown[64]; /* the first option that is none; "" */
};

/* 0, -1: memory. */
int sim_query_parse(const char *raw, struct sim_query *query);
void sim_query_free(struct sim_query *query);

/* An answer that is an error, as the service words it. */
struct sim_refusal {
    int status;
    const char *code;
    char message[480];
};

__attribute__((format(printf, 4, 5))) void sim_refuse(struct sim_refusal *refusal, int status,
                                                      const char *code, const char *format, ...);
/* Code of most mistakes in an address. */
#define SIM_CODE_ODATA "0x80060888"

/* What a read of a table needs; all is valid as long as the query and the store's lock. */
struct sim_read {
    const struct sim_table *table;
    struct sim_plan plan;
    struct sim_filter *filter; /* NULL: none */
    struct sim_order order[SIM_MAX_ORDER];
    size_t n_order;
    size_t limit; /* rows of a page */
    int top;      /* $top rules: no further page */
    int paged;    /* a cookie was given */
    struct sim_cursor cursor;
};

/* Makes the read from a query. 0; -1: memory; 1: *refusal says why not. `violation`: 256 bytes for what the
 * client did wrong. Free the read in every case. */
int sim_read_make(struct sim_read *read, const struct sim_store *store, const struct sim_table *table,
                  const struct sim_call *call, const struct sim_query *query, struct sim_refusal *refusal,
                  char *violation);
void sim_read_free(struct sim_read *read);

/* What a page holds. */
struct sim_found {
    struct sim_row **rows; /* to be freed */
    size_t n;
    int more; /* rows follow */
};

/* Finds the rows of the page. `before`: so many rows of the page before come first. 0 or -1. */
int sim_read_page(const struct sim_read *read, size_t before, struct sim_found *found);
/* Rows that match, not more than `limit`. -1: memory. */
int64_t sim_read_count(const struct sim_read *read, uint64_t limit);

#endif
