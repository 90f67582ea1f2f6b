/* report_validate.h - the parts of dvs_validate. */
#ifndef DVSI_API_REPORT_VALIDATE_H
#define DVSI_API_REPORT_VALIDATE_H

#include "api/report.h"

typedef struct dvsi_validation {
    dvs_context *context;
    const dvsi_project *project;
    dvsi_problems problems;
    uint32_t n_file_errors; /* those that make the file unusable: exit code 78 */
    uint32_t n_warnings;
    uint32_t n_infos;
    dvsi_arena arena;
    atomic_int stop; /* always 0 */
    dvsi_services services;
    dvsi_view *view; /* of the sink; NULL: it cannot be read */
    dvsi_run run;    /* of these, with nothing but the project */
    dvsi_target
        *targets; /* as a run has them, one an entity: what is recorded, and what the sources describe */
} dvsi_validation;

/* What a row of the report is about. */
typedef struct dvsi_validation_place {
    const dvsi_node *node; /* NULL: the file */
    const char *path;      /* in the project */
    const char *entity;    /* these three: NULL where there is no such thing */
    const char *source;
    const char *field;
} dvsi_validation_place;

/* Adds a problem with the place of a node (NULL: the file) and `path` as the place in the project. */
void dvsi_validation_add(dvsi_validation *v, int severity, const dvsi_node *node, const char *path,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same about the schema of a source or the sink. `check`: the kind of row, see
 * docs/json/validate.schema.json. */
void dvsi_validation_row(dvsi_validation *v, int severity, const char *check,
                         const dvsi_validation_place *place, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The place of a `from` entry, or, with `field`, of that field in it; NULL for the entity. */
dvsi_validation_place dvsi_validation_at(dvsi_validation *v, const dvsi_target *target, const dvsi_feed *feed,
                                         const char *field);
/* An error that makes the file unusable. */
void dvsi_validation_refuse(dvsi_validation *v, const dvsi_node *node, const char *path, const char *message);

/* The sink and what is recorded in it; sets v->view. */
void dvsi_validate_sink(dvsi_validation *v);
/* Sources, their streams, and the entities over them; fills the targets' feeds. */
void dvsi_validate_sources(dvsi_validation *v);
/* report_validate_schema.c: sources against what was recorded of them, fields against what was recorded.
 * Settles the targets' fields. */
void dvsi_validate_schemas(dvsi_validation *v);
/* report_validate_table.c: fields against tables. */
void dvsi_validate_tables(dvsi_validation *v);
/* report_validate_reference.c: fields that hold keys of other entities. */
void dvsi_validate_references(dvsi_validation *v);

#endif
