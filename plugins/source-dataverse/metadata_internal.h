/*
 * metadata_internal.h - shared by the files metadata*.c and csdl*.c: what is known of each table, and how a
 * description of columns becomes a struct dataverse_table.
 */
#ifndef DATAVERSE_METADATA_INTERNAL_H
#define DATAVERSE_METADATA_INTERNAL_H

#include "flight.h"
#include "metadata.h"

/* Bounds of what is believed: real organisations have some thousand tables, and tables some hundred
 * columns. */
#define DATAVERSE_TABLES_MAX 100000u
#define DATAVERSE_COLUMNS_MAX 10000u
#define DATAVERSE_TARGETS_MAX 1000u
#define DATAVERSE_NAME_MAX 200u

/* ---- metadata_table.c: columns on their way into a table ---- */

struct dataverse_draft {
    struct dataverse_column column;
    char *attribute; /* the attribute's logical name, where it differs from the JSON key; NULL: the same */
    int64_t order;   /* ColumnNumber; INT64_MAX: none */
    size_t index;
};

struct dataverse_drafts {
    struct dataverse_draft *list;
    size_t n;
    size_t capacity;
};

/* Letters, digits and _, not too long: what may become part of an address. */
int dataverse_is_name(const char *text);
/* Copies its texts; `attribute` NULL: as the name. The new draft, or NULL when memory is out. */
struct dataverse_draft *dataverse_drafts_add(struct dataverse_drafts *drafts, const char *name,
                                             const char *attribute, const char *native_type, uint32_t type);
/* By the attribute's logical name; NULL: there is none. */
struct dataverse_draft *dataverse_drafts_find(const struct dataverse_drafts *drafts, const char *attribute);
/* Adds a set that a lookup may point to, once. 0, or -1 when memory is out; more than DATAVERSE_TARGETS_MAX
 * are left out. */
int dataverse_draft_target(struct dataverse_draft *draft, const char *target);
void dataverse_drafts_free(struct dataverse_drafts *drafts);
/* Makes the table of the drafts, which are used up: the key first, then by `order`, then as they were added;
 * of two names that are equal without regard to case the first. */
int32_t dataverse_drafts_table(struct dataverse_drafts *drafts, const char *logical_name,
                               const char *set_name, const char *key, struct dataverse_table **table,
                               dvs_error *err);
void dataverse_table_free(struct dataverse_table *table);

/* ---- metadata.c: the tables ---- */

struct dataverse_entity {
    char *logical_name;
    char *set_name;
    char *key;  /* logical name of the primary key; NULL: to be told from $metadata */
    int hidden; /* for the service's own use: not listed, but can be asked for by name */
    struct dataverse_flight flight;
    const struct dataverse_table *table; /* the newest; NULL: to be read */
    int forgotten;                       /* a document that was kept is not new enough for it */
};

/* All tables. Once sorted it does not change, and needs no lock. */
struct dataverse_entities {
    struct dataverse_entity **list; /* by set name */
    struct dataverse_entity **by_logical;
    size_t n;
};

/* Copies. NULL when memory is out. */
struct dataverse_entity *dataverse_entity_new(const char *logical_name, const char *set_name, const char *key,
                                              int hidden);
void dataverse_entity_free(struct dataverse_entity *entity);
/* Sorts both lists; of two with one set name or logical name one is kept. -1 when memory is out. */
int dataverse_entities_sort(struct dataverse_entities *entities);
/* By set name, else by logical name; NULL: none. */
struct dataverse_entity *dataverse_entities_find(const struct dataverse_entities *entities, const char *name);
/* The set name of a table; NULL: not known. */
const char *dataverse_entities_set(const struct dataverse_entities *entities, const char *logical_name);
/* "did you mean" for messages: "" when nothing is near. */
void dataverse_entities_near(const struct dataverse_entities *entities, const char *name, char *text,
                             size_t size);
void dataverse_entities_free(struct dataverse_entities *entities);

/* ---- metadata_json.c: EntityDefinitions ---- */

/* Adds what the organisation lists. DVS_E_PERMISSION, DVS_E_NOT_FOUND and DVS_E_UNSUPPORTED: it is
 * refused. */
int32_t dataverse_definitions_list(struct dataverse_api *api, struct dataverse_entities *entities,
                                   dvs_error *err);
/* Reads the columns of one table. `entities`: for the names of the sets that lookups point to. */
int32_t dataverse_definitions_table(struct dataverse_api *api, const struct dataverse_entities *entities,
                                    const struct dataverse_entity *entity, struct dataverse_table **table,
                                    dvs_error *err);

/* Out of memory, in the words of this plugin. */
int32_t dataverse_metadata_no_memory(dvs_error *err);
/* Adds an entity; owns it then, and frees it when it cannot. -1 when memory is out. */
int dataverse_entities_add(struct dataverse_entities *entities, struct dataverse_entity *entity);

#endif
