/*
 * skiptoken.h - the cookie in a nextLink: where the page before ended. It holds a place, not a copy of the
 * rows, so that paging is no snapshot (Microsoft's documentation: page results; each page is evaluated when
 * it is asked for).
 */
#ifndef SIM_SKIPTOKEN_H
#define SIM_SKIPTOKEN_H

#include "table.h"
#include "text.h"

#define SIM_MAX_ORDER 16

/* One column of an order; the primary key stands behind them all. */
struct sim_order {
    const struct sim_column *column;
    int descending;
};

struct sim_cursor {
    uint64_t page;         /* of the page that the cookie leads to: 2 and more */
    struct sim_guid first; /* keys of the page before */
    struct sim_guid last;
    size_t n_values;
    struct sim_value values[SIM_MAX_ORDER]; /* of the last row, for each column of the order */
    char *memory;                           /* holds the values of a cookie that was read */
    uint32_t page_size;
    int annotations;
};

/* What the cookie of a query is bound to. */
struct sim_cookie_frame {
    uint64_t seed;
    const char *key_name;
    const struct sim_order *order;
    size_t n_order;
    const char *set_name;
    const char *options; /* the query's, raw, without $skiptoken */
};

/* Adds the value of $skiptoken as it stands in a link. */
void sim_skiptoken_write(struct sim_text *text, const struct sim_cookie_frame *frame,
                         const struct sim_cursor *cursor);
/* Reads the raw value of a query. 0, -1: memory, 1: it is none of this query's (tampered with, or other
 * options), 2: it is, but was encoded anew on the way; the cursor is good. */
int sim_skiptoken_read(const char *raw, size_t length, const struct sim_cookie_frame *frame,
                       struct sim_cursor *cursor);
void sim_cursor_free(struct sim_cursor *cursor);

#endif
