/*
 * generate.h - how generated columns get their values. Inside of sim_store_generate() and of random inserts.
 */
#ifndef SIM_GENERATE_H
#define SIM_GENERATE_H

#include "store_parts.h"
#include "text.h"

enum sim_make {
    SIM_MAKE_OF_TYPE, /* something that fits the type */
    SIM_MAKE_NULL,
    SIM_MAKE_KEY,
    SIM_MAKE_COMPANY,
    SIM_MAKE_FIRST,
    SIM_MAKE_LAST,
    SIM_MAKE_FULLNAME, /* of the same row's first and last */
    SIM_MAKE_PHONE,
    SIM_MAKE_EMAIL,
    SIM_MAKE_URL,
    SIM_MAKE_STREET,
    SIM_MAKE_CITY,
    SIM_MAKE_REGION,
    SIM_MAKE_POSTCODE,
    SIM_MAKE_COUNTRY,
    SIM_MAKE_WORDS, /* a words */
    SIM_MAKE_DESCRIPTION,
    SIM_MAKE_CODE,    /* ACC-000123: `a` says which letters */
    SIM_MAKE_RANGE,   /* integer from a to b */
    SIM_MAKE_DEGREES, /* double from -a to a */
    SIM_MAKE_CREATED,
    SIM_MAKE_MODIFIED,
    SIM_MAKE_BIRTHDAY,
    SIM_MAKE_VERSION,
    SIM_MAKE_TABLE,   /* the table's own logical name */
    SIM_MAKE_RATE,    /* exchangerate */
    SIM_MAKE_FOREIGN, /* the key of a row of the table in `more` */
    SIM_MAKE_STATE,
    SIM_MAKE_STATUS,
    SIM_MAKE_LIST, /* the texts of `list` by turns */
    SIM_MAKE_LARGE /* a text of 100 KB in every seventh row */
};

/* A column with the way to its values. `list`: JSON texts up to a NULL pointer; an empty text is null. */
struct sim_recipe {
    struct sim_column_spec spec;
    uint8_t make;
    uint8_t filled; /* per cent of rows with a value; 0: all */
    int32_t a, b;
    const char *const *list;
};

/* A table known by name. */
struct sim_design {
    const char *set_name;
    const char *logical_name;
    const char *schema_name;
    const char *base_type; /* NULL: crmbaseentity */
    const struct sim_recipe *recipes;
    size_t n_recipes;
    unsigned shuffled;  /* 1: columns come in no sensible order, and those that fill up are mostly null */
    unsigned n_columns; /* padded with custom columns up to so many properties; 0: as they are */
    unsigned automatic; /* rows when it comes along by itself; 0: it does not */
    unsigned intersect;
    unsigned activity;
    unsigned huge_versions; /* some versionnumbers are over 2^53 */
};

extern const struct sim_design sim_designs_sales[];
extern const size_t sim_n_designs_sales;
extern const struct sim_design sim_designs_base[];
extern const size_t sim_n_designs_base;
extern const struct sim_design sim_design_datatypes;
extern const struct sim_design sim_design_contacts;

/* NULL: no table known by that name. */
const struct sim_design *sim_design_of(const char *set_name);

struct sim_birth {
    const struct sim_store *store;
    const struct sim_table *table;
    const struct sim_recipe *recipe;
    uint64_t index; /* which of the table's rows */
    struct sim_guid key;
    int64_t created;
    int64_t modified;
    uint64_t version;
};

/* Adds the JSON of a value; adds nothing for null. */
void sim_make_value(const struct sim_birth *birth, struct sim_text *text);

/* Makes the next row of a table that has `generated` rows so far, as if it was made at `now` (INT64_MIN: some
 * time before the organisation's birth). Values in `given` (one per slot, json NULL: none given) win. NULL:
 * memory. */
struct sim_row *sim_generate_row(struct sim_store *store, struct sim_table *table, const struct sim_guid *key,
                                 int64_t now, const struct sim_value *given, const unsigned char *is_given);

#endif
