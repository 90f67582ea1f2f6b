/*
 * csdl.h - the names in a $metadata document (CSDL, XML): which sets there are, and the properties of their
 * types. Read in one go with expat, without a tree: names are kept once each, so that some ten MB of XML
 * become one or two.
 */
#ifndef DATAVERSE_CSDL_H
#define DATAVERSE_CSDL_H

#include "metadata_internal.h"

struct dataverse_csdl;

/* 0 when the text is well-formed XML to its end, or begins with a DOCTYPE (which dataverse_csdl_read()
 * refuses); -1: it may come whole the next time. For dataverse_api_get(). */
int dataverse_csdl_check(const char *text, size_t length);

/* DVS_E_PROTOCOL, saying what is wrong and in which line, or DVS_E_NO_MEMORY. */
int32_t dataverse_csdl_read(const char *text, size_t length, struct dataverse_csdl **csdl, dvs_error *err);
void dataverse_csdl_free(struct dataverse_csdl *csdl);

/* Adds the sets, with the names of their types. -1 when memory is out. */
int dataverse_csdl_entities(const struct dataverse_csdl *csdl, struct dataverse_entities *entities);
/* The columns of a table, by its logical name. What is left out is logged. DVS_E_NOT_FOUND when there is no
 * such type. */
int32_t dataverse_csdl_table(const struct dataverse_csdl *csdl, const dvs_host *host,
                             const struct dataverse_entity *entity, struct dataverse_table **table,
                             dvs_error *err);

#endif
