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
} dvsi_validation;

/* Adds a problem with the place of a node (NULL: the file) and `path` as the place in the project. */
void dvsi_validation_add(dvsi_validation *v, int severity, const dvsi_node *node, const char *path,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
/* An error that makes the file unusable. */
void dvsi_validation_refuse(dvsi_validation *v, const dvsi_node *node, const char *path, const char *message);

/* The sink and what is recorded in it; sets v->view. */
void dvsi_validate_sink(dvsi_validation *v);
/* Sources, their streams, and the entities over them. */
void dvsi_validate_sources(dvsi_validation *v);

#endif
