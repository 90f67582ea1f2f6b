/* schema_rule.h - `schema:` of an entity: what may change in a table when its sources change. */
#ifndef DVSI_RUN_SCHEMA_RULE_H
#define DVSI_RUN_SCHEMA_RULE_H

#include "run/run.h"

/* A field whose column is of another type than its values from now on. */
typedef struct dvsi_widening {
    const char *field;
    uint32_t from; /* DVS_ kinds */
    uint32_t to;
} dvsi_widening;

/*
 * Does a column of one kind become one of another without losing anything? Every value of `from` is a value
 * of `to`; int64 to double, too, as long as the stored values come through exactly. Key fields must keep
 * their canonical text, by which all other tables know the record.
 */
int dvsi_schema_widens(uint32_t from, uint32_t to, int is_key);

/*
 * What the feeds of a target bring against what was recorded of it, before anything is written: DVS_E_SCHEMA
 * when the rule does not allow it. Settles the kinds of the mappings' fields, and what is to be done to the
 * table: target->widenings. Says what is new or gone.
 */
int32_t dvsi_schema_rule_check(dvsi_target *target, dvs_error *err);
/* The columns of the table against what was recorded: by `strict` none of a field that is mapped may be
 * missing. */
int32_t dvsi_schema_rule_check_table(const dvsi_target *target, const dvsi_schema *found, dvs_error *err);

/* What differs between a source's columns as recorded and as described, in one line each; the number of
 * differences. Only columns that the entity takes count. Also for `validate`. */
typedef enum dvsi_difference_kind {
    DVSI_COLUMN_NEW,
    DVSI_COLUMN_GONE,
    DVSI_COLUMN_TYPE,
    DVSI_COLUMN_NULLABLE,
    DVSI_COLUMN_KEY
} dvsi_difference_kind;

typedef struct dvsi_difference {
    dvsi_difference_kind kind;
    const char *column;
    const char *was; /* type, "nullable", "no part of the key", ...; NULL: it was not there */
    const char *is;  /* NULL: it is not there */
} dvsi_difference;

typedef void dvsi_difference_fn(void *context, const dvsi_difference *difference);
uint32_t dvsi_schema_differences(const dvsi_from *from, const dvsi_definition_source *recorded,
                                 const dvsi_schema *described, dvsi_difference_fn *each, void *context);
/* Does the entity take this column of its source, by "*" or by name? */
int dvsi_schema_takes(const dvsi_from *from, const char *column);

/* evolve.c: widens the columns that target->widenings names, in the table, in offers and pins. In a
 * transaction. */
int32_t dvsi_evolve_table(dvsi_target *target, const dvsi_schema *found, dvs_error *err);
/* In a diff the table keeps its columns: makes target->table tell their kinds, so that rows can be read
 * ... */
int32_t dvsi_evolve_pretend(dvsi_target *target, dvs_error *err);
/* ... and turns a stored value of field `at` into what a sync would make of it; one that cannot be turned
 * stays as it is, and differs. `back`: a value to look for into what is stored; 0, or -1 when nothing stored
 * can be it. */
void dvsi_evolve_stored(const dvsi_target *target, uint32_t at, dvsi_arena *arena, dvs_cell *value);
int dvsi_evolve_back(const dvsi_target *target, uint32_t at, dvsi_arena *arena, dvs_cell *value);

#endif
