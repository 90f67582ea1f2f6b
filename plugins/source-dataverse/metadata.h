/*
 * metadata.h - what tables and columns the organisation has: from EntityDefinitions, and from $metadata where
 * that is refused (403, 404, 501). Read once for the life of a source, table by table as asked for.
 * Thread-safe.
 */
#ifndef DATAVERSE_METADATA_H
#define DATAVERSE_METADATA_H

#include "api.h"

/* How a value is encoded in JSON and what it becomes (Edm type, and for dates the column's behaviour). */
#define DATAVERSE_TYPE_GUID 1    /* uuid: Uniqueidentifier, Lookup, Customer, Owner; File: its id */
#define DATAVERSE_TYPE_TEXT 2    /* text: String, Memo, EntityName, choices ("1,9") */
#define DATAVERSE_TYPE_INT 3     /* int64: Integer, Picklist, State, Status, BigInt */
#define DATAVERSE_TYPE_DECIMAL 4 /* decimal: Decimal, Money */
#define DATAVERSE_TYPE_DOUBLE 5
#define DATAVERSE_TYPE_BOOL 6
#define DATAVERSE_TYPE_TIMESTAMP 7 /* DateTime of behaviour UserLocal or TimeZoneIndependent */
#define DATAVERSE_TYPE_DATE 8      /* DateTime of behaviour DateOnly */

struct dataverse_column {
    char *name;        /* the JSON key: telephone1, _ownerid_value */
    char *native_type; /* Microsoft's name: "Lookup", "Money" */
    uint32_t type;     /* DATAVERSE_TYPE_ */
    int secured;
    char **
        targets; /* entity set names that a lookup may point to; where a set is not known, the logical name */
    size_t n_targets;
};

struct dataverse_table {
    char *logical_name;
    char *set_name; /* as in the address: accounts */
    char *key;      /* JSON key of the primary key */
    struct dataverse_column *columns;
    size_t n_columns;
    int has_modifiedon;
};

struct dataverse_metadata;

int32_t dataverse_metadata_new(struct dataverse_api *api, struct dataverse_metadata **metadata,
                               dvs_error *err);
void dataverse_metadata_free(struct dataverse_metadata *metadata);

/* Calls `each` for every table that can be read, in order of the set names. A non-zero answer ends the walk
 * and is returned. */
int32_t dataverse_metadata_tables(struct dataverse_metadata *metadata,
                                  int32_t (*each)(void *context, const char *set_name,
                                                  const char *logical_name),
                                  void *context, dvs_error *err);

/* A table with its columns, by set name or logical name (in this order, without regard to case).
 * DVS_E_NOT_FOUND, naming near ones if there are. Valid as long as the metadata; `refresh`: read anew from
 * the service (a table that was given out before stays as it was). */
int32_t dataverse_metadata_table(struct dataverse_metadata *metadata, const char *name, int refresh,
                                 const struct dataverse_table **table, dvs_error *err);

/* The next dataverse_metadata_table() reads this table (set name or logical name) anew; those given out
 * before stay valid. */
void dataverse_metadata_forget(struct dataverse_metadata *metadata, const char *name);

#endif
