/*
 * filter.h - $filter: parsing and deciding. Strings compare without regard to case, numbers exactly as
 * decimals; null is neither equal nor unequal to anything but null, as in SQL.
 */
#ifndef SIM_FILTER_H
#define SIM_FILTER_H

#include "table.h"
#include "text.h"

struct sim_refusal;

enum sim_kind {
    SIM_KIND_NULL,
    SIM_KIND_TEXT,
    SIM_KIND_NUMBER,
    SIM_KIND_BOOL,
    SIM_KIND_GUID,
    SIM_KIND_TIME,
    SIM_KIND_ANY
};

/* A value that can be compared. TEXT: unescaped; NUMBER: its digits. Points into what it was made from. */
struct sim_scalar {
    enum sim_kind kind;
    const char *text;
    size_t length;
    struct sim_guid guid;
    int64_t time;
    int truth;
};

enum sim_kind sim_kind_of(const struct sim_column *column);
/* From JSON. `scratch` takes texts that have to be unescaped; valid until it is used again. */
struct sim_scalar sim_scalar_of(enum sim_kind kind, struct sim_value value, struct sim_text *scratch);
/* Negative, zero, positive; null comes first. Both of one kind. */
int sim_scalar_compare(const struct sim_scalar *a, const struct sim_scalar *b);
/* Decimal numbers of any length, with or without exponent. */
int sim_number_compare(const char *a, size_t a_length, const char *b, size_t b_length);
/* Without regard to case (ASCII, Latin, Greek, Cyrillic) and to spaces at the end. */
int sim_text_compare(const char *a, size_t a_length, const char *b, size_t b_length);
/* Like LIKE of SQL: % _ [abc] [a-c] [^a] in `pattern` are wildcards (Microsoft's documentation: filter
 * rows). */
int sim_text_like(const char *text, size_t length, const char *pattern, size_t pattern_length);

/* Where a filter gets names and values from. */
struct sim_filter_source {
    /* What is called so, and its kind; NULL: nothing. `name` lives as long as the filter and ends in NUL at
     * `length`. */
    const void *(*find)(const void *context, const char *name, size_t length, enum sim_kind *kind);
    const void *context;
    const char *type_name; /* for messages: account */
};

struct sim_filter;

/* 0; -1: memory; 1: *refusal says what is wrong. */
int sim_filter_parse(const char *text, const struct sim_filter_source *source, struct sim_filter **filter,
                     struct sim_refusal *refusal);
int sim_filter_for_table(const char *text, const struct sim_table *table, struct sim_filter **filter,
                         struct sim_refusal *refusal);
void sim_filter_free(struct sim_filter *filter);
/* 1 when it holds. `get` gives the value of what find() found. */
int sim_filter_holds(const struct sim_filter *filter,
                     struct sim_scalar (*get)(const void *context, const void *what,
                                              struct sim_text *scratch),
                     const void *context, struct sim_text *scratch);
int sim_filter_row(const struct sim_filter *filter, const struct sim_row *row, struct sim_text *scratch);

#endif
