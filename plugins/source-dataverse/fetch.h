/*
 * fetch.h - records by key: GET set?$select=…&$filter=id eq … or id eq ….
 */
#ifndef DATAVERSE_FETCH_H
#define DATAVERSE_FETCH_H

#include "page.h"
#include "select.h"
#include "source.h"

/* Reads the records with these keys, those that exist, in any order, each once: one part of their columns. A
 * non-zero answer of `each` ends it and is returned. `interrupted`: NULL, or as in dataverse_pull_open();
 * *outcome as of dataverse_api_get(). */
int32_t dataverse_fetch_keys(dvs_source *source, const struct dataverse_select *select, size_t part,
                             const uint8_t (*keys)[16], size_t n_keys, const atomic_int *interrupted,
                             int32_t (*each)(void *context, const struct dataverse_record *record,
                                             dvs_error *err),
                             void *context, int *outcome, dvs_error *err);

#endif
