/*
 * table.h - a table of the organisation: its columns, and its rows in the order of their keys. No locks here.
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "guid.h"

/* Types of columns; sim_type_info() has their names. */
enum sim_type {
    SIM_UNIQUEIDENTIFIER,
    SIM_STRING,
    SIM_MEMO,
    SIM_INTEGER,
    SIM_BIGINT,
    SIM_DECIMAL,
    SIM_MONEY,
    SIM_DOUBLE,
    SIM_BOOLEAN,
    SIM_DATETIME,
    SIM_PICKLIST,
    SIM_STATE,
    SIM_STATUS,
    SIM_MULTISELECT,
    SIM_LOOKUP,
    SIM_CUSTOMER,
    SIM_OWNER,
    SIM_PARTYLIST,
    SIM_ENTITYNAME,
    SIM_VIRTUAL,
    SIM_IMAGE,
    SIM_FILE,
    SIM_MANAGED,
    SIM_CALENDARRULES,
    SIM_N_TYPES
};

struct sim_type_info {
    const char *attribute_type; /* AttributeType */
    const char *type_name;      /* AttributeTypeName.Value */
    const char *class_name;     /* of its metadata, without Microsoft.Dynamics.CRM. */
    const char *edm;            /* dates without time are Edm.Date */
};

const struct sim_type_info *sim_type_info(enum sim_type type);
/* By AttributeType, or AttributeTypeName with or without "Type", in either case of letters; -1: unknown. */
int sim_type_of_name(const char *name);

#define SIM_COL_KEY 1u       /* primary key */
#define SIM_COL_NAME 2u      /* primary name */
#define SIM_COL_DATE_ONLY 4u /* behaviour of a DateTime; UserLocal when neither is set */
#define SIM_COL_TZ_INDEPENDENT 8u
#define SIM_COL_UNREADABLE 16u  /* IsValidForRead false */
#define SIM_COL_NO_ODATA 32u    /* IsValidODataAttribute false */
#define SIM_COL_NO_PROPERTY 64u /* has no property in rows: companions, PartyList */
#define SIM_COL_ON_REQUEST 128u /* in rows only when selected by name */
#define SIM_COL_INHERITED 256u  /* stands in the base type in $metadata */
#define SIM_COL_SECURED 512u
#define SIM_COL_GLOBAL_SET 1024u /* options: a global option set */
#define SIM_COL_CUSTOM 2048u
#define SIM_COL_CALCULATED 4096u
#define SIM_COL_NO_ORDER 8192u /* property of a base type that the service cannot order by */

/* What a column is to be. Texts are copied. */
struct sim_column_spec {
    const char *name;
    uint8_t type; /* enum sim_type */
    uint32_t flags;
    const char *more; /* targets: "account,contact"; options: "1:Shop;2:Office"; of a status with their state:
                         "1:Open:0" */
    const char *of;   /* AttributeOf */
    int32_t size;     /* text: MaxLength; numbers: precision. 0: the usual */
};

struct sim_recipe;

struct sim_column {
    char *name;   /* logical name */
    char *key;    /* of its property in JSON; NULL: none */
    char *prefix; /* ,"key":  and 32 more bytes that may be read */
    size_t prefix_length;
    char *more;
    char *of;
    enum sim_type type;
    uint32_t flags;
    int32_t size;
    const struct sim_recipe *recipe; /* how values are invented, static; NULL: as fits the type */
    uint32_t slot;                   /* where in a row the value lies */
    uint32_t number;                 /* ColumnNumber */
};

/* A value as JSON; json NULL is null. */
struct sim_value {
    const char *json;
    size_t length;
};

struct sim_row; /* immutable */

#define SIM_CHUNK_ROWS 512

struct sim_chunk {
    size_t n;
    struct sim_row *rows[SIM_CHUNK_ROWS];
};

/* Rows ordered by key, in chunks: a change moves at most a chunk's pointers. */
struct sim_rows {
    struct sim_chunk **chunks; /* none is empty */
    size_t n_chunks;
    size_t capacity;
    uint64_t n;
};

struct sim_place {
    size_t chunk;
    size_t index;
};

struct sim_table {
    char *set_name;        /* accounts */
    char *logical_name;    /* account */
    char *schema_name;     /* Account */
    const char *base_type; /* of $metadata, static: crmbaseentity, principal, activitypointer */
    struct sim_column *columns;
    size_t n_columns;
    size_t capacity;
    uint32_t n_slots;
    struct sim_rows rows;
    uint64_t id;        /* what its GUIDs are made from */
    uint64_t generated; /* rows that were made for it: the index of the next GUID */
    int automatic;      /* came with another table, nobody asked for it */
    int intersect;
    int custom;
    int activity;
    int sparse;        /* columns without a recipe are mostly null */
    int huge_versions; /* some versionnumbers are over 2^53 */
    uint32_t next_number;
};

struct sim_table *sim_table_new(const char *set_name, const char *logical_name);
void sim_table_free(struct sim_table *table);

/* 0, or -1: memory. Pointers to columns do not survive. Adds no companions. */
int sim_table_add_column(struct sim_table *table, const struct sim_column_spec *spec);
/* The columns that the service keeps beside a lookup (…name) or a choice (…name, virtual). 0 or -1. */
int sim_table_add_companions(struct sim_table *table, const char *name);
/* Takes the column and its companions away; values stay in the rows, unreachable. */
void sim_table_drop_column(struct sim_table *table, const char *name);
/* By logical name; NULL: none. */
const struct sim_column *sim_table_column(const struct sim_table *table, const char *name, size_t length);
/* By key in JSON, among those that can be read. */
const struct sim_column *sim_table_property(const struct sim_table *table, const char *key, size_t length);
const struct sim_column *sim_table_key(const struct sim_table *table);
const struct sim_column *sim_table_name(const struct sim_table *table);
/* Properties in a row that nobody selected from. */
size_t sim_table_n_properties(const struct sim_table *table);
int sim_column_is_property(const struct sim_column *column);
int sim_column_is_lookup(const struct sim_column *column);
int sim_column_is_text(const struct sim_column *column);
int sim_column_is_choice(const struct sim_column *column);
const char *sim_column_edm(const struct sim_column *column);

/* `values`: one for each slot, n_slots of them. NULL: memory. */
struct sim_row *sim_row_new(const struct sim_guid *key, uint64_t version, const struct sim_value *values,
                            size_t n_slots);
void sim_row_free(struct sim_row *row);
const struct sim_guid *sim_row_key(const struct sim_row *row);
uint64_t sim_row_version(const struct sim_row *row);
struct sim_value sim_row_value(const struct sim_row *row, size_t slot);
/* Sets values[slot] of those that are not null; the others must be null before. */
void sim_row_spread(const struct sim_row *row, struct sim_value *values, size_t n_slots);
/* Makes null again what spread() set. */
void sim_row_unspread(const struct sim_row *row, struct sim_value *values, size_t n_slots);
/* Bytes of all values. */
size_t sim_row_length(const struct sim_row *row);

/* The first row with a key of at least `key`. */
struct sim_place sim_rows_find(const struct sim_rows *rows, const struct sim_guid *key);
/* NULL behind the last. */
struct sim_row *sim_rows_at(const struct sim_rows *rows, const struct sim_place *place);
void sim_rows_next(const struct sim_rows *rows, struct sim_place *place);
/* 0, or -1 at the first. */
int sim_rows_back(const struct sim_rows *rows, struct sim_place *place);
struct sim_row *sim_rows_get(const struct sim_rows *rows, const struct sim_guid *key);
struct sim_row *sim_rows_nth(const struct sim_rows *rows, uint64_t n);
/* Puts it in, or in the place of the one with the same key, which *old gets (else NULL). 0 or -1. */
int sim_rows_put(struct sim_rows *rows, struct sim_row *row, struct sim_row **old);
/* Takes it out; NULL: there is none. */
struct sim_row *sim_rows_take(struct sim_rows *rows, const struct sim_guid *key);
/* Fills an empty set from an array, sorting it. Rows belong to the set then. 0, -1: memory, -2: two have the
 * same key. */
int sim_rows_fill(struct sim_rows *rows, struct sim_row **array, size_t n);
void sim_rows_free(struct sim_rows *rows);

#endif
