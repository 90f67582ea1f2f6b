/*
 * csdl_table.c - a table from what $metadata says of its type. It says less than EntityDefinitions: nothing
 * of columns that may be hidden from us, and of a derived type not which property is its id.
 */
#include <stdio.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "csdl_internal.h"

/* What the values of a property are. Edm.Binary is not here: these are images (and, in the same words,
 * files). */
static const struct {
    const char *edm;
    uint32_t type;
} edm_types[] = {
    {"Edm.Boolean", DATAVERSE_TYPE_BOOL},    {"Edm.Byte", DATAVERSE_TYPE_INT},
    {"Edm.Date", DATAVERSE_TYPE_DATE},       {"Edm.DateTimeOffset", DATAVERSE_TYPE_TIMESTAMP},
    {"Edm.Decimal", DATAVERSE_TYPE_DECIMAL}, {"Edm.Double", DATAVERSE_TYPE_DOUBLE},
    {"Edm.Guid", DATAVERSE_TYPE_GUID},       {"Edm.Int16", DATAVERSE_TYPE_INT},
    {"Edm.Int32", DATAVERSE_TYPE_INT},       {"Edm.Int64", DATAVERSE_TYPE_INT},
    {"Edm.SByte", DATAVERSE_TYPE_INT},       {"Edm.Single", DATAVERSE_TYPE_DOUBLE},
    {"Edm.String", DATAVERSE_TYPE_TEXT},
};

static uint32_t type_of(const char *edm)
{
    for (size_t i = 0; i < sizeof edm_types / sizeof edm_types[0]; i++)
        if (strcmp(edm_types[i].edm, edm) == 0)
            return edm_types[i].type;
    return 0;
}

/* A type and those that it derives from, itself first. */
struct chain {
    const struct csdl_type *types[CSDL_BASES_MAX];
    size_t n;
};

static void follow(const struct dataverse_csdl *csdl, const struct csdl_type *type, struct chain *chain)
{
    chain->n = 0;
    while (type != NULL && chain->n < CSDL_BASES_MAX) {
        for (size_t i = 0; i < chain->n; i++)
            if (chain->types[i] == type) /* a type that derives from itself */
                return;
        chain->types[chain->n++] = type;
        type = dataverse_csdl_type(csdl, type->base);
    }
}

int dataverse_csdl_entities(const struct dataverse_csdl *csdl, struct dataverse_entities *entities)
{
    for (size_t i = 0; i < csdl->n_sets; i++) {
        const char *set = dataverse_csdl_text(csdl, csdl->sets[i].name);
        const char *type = dataverse_csdl_text(csdl, csdl->sets[i].type);
        if (dataverse_entities_add(entities, dataverse_entity_new(type, set, NULL, 0)) != 0)
            return -1;
    }
    return 0;
}

static void log_left_out(const dvs_host *host, const struct dataverse_entity *entity, const char *property,
                         const char *edm)
{
    char line[DATAVERSE_NAME_MAX * 3 + 100];
    snprintf(line, sizeof line,
             "dataverse: %.200s.%.200s is left out: records have no plain value of the type %.200s",
             entity->set_name, property, edm);
    host->log(host, DVS_LOG_DEBUG, line);
}

static int32_t add_properties(const struct dataverse_csdl *csdl, const dvs_host *host,
                              const struct dataverse_entity *entity, const struct csdl_type *type,
                              struct dataverse_drafts *drafts, dvs_error *err)
{
    for (uint32_t i = 0; i < type->n_properties; i++) {
        const struct csdl_property *property = &csdl->properties[type->property + i];
        const char *name = dataverse_csdl_text(csdl, property->name);
        const char *edm = dataverse_csdl_text(csdl, property->type);
        uint32_t kind = type_of(edm);
        if (kind == 0) {
            log_left_out(host, entity, name, edm);
            continue;
        }
        if (drafts->n >= DATAVERSE_COLUMNS_MAX)
            return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
                            "$metadata gives the table %s more columns than any table has", entity->set_name);
        if (dataverse_drafts_add(drafts, name, NULL, edm, kind) == NULL)
            return dataverse_metadata_no_memory(err);
    }
    return DVS_OK;
}

static int derives_from(const struct dataverse_csdl *csdl, csdl_name type, csdl_name base)
{
    struct chain chain;
    follow(csdl, dataverse_csdl_type(csdl, type), &chain);
    for (size_t i = 1; i < chain.n; i++)
        if (chain.types[i]->name == base)
            return 1;
    return 0;
}

/*
 * The sets that records of a type are in. `principal` (Microsoft's documentation: entity types) is what users
 * and teams derive from: its own set is none that is read, theirs are.
 */
static int32_t add_target(const struct dataverse_csdl *csdl, csdl_name target, struct dataverse_draft *draft,
                          dvs_error *err)
{
    const char *name = dataverse_csdl_text(csdl, target);
    int derived = strcmp(name, "principal") == 0;
    int found = 0;
    for (size_t i = 0; i < csdl->n_sets; i++) {
        const struct csdl_set *set = &csdl->sets[i];
        if (derived ? derives_from(csdl, set->type, target) : set->type == target) {
            found = 1;
            if (dataverse_draft_target(draft, dataverse_csdl_text(csdl, set->name)) != 0)
                return dataverse_metadata_no_memory(err);
        }
    }
    if (!found && dataverse_draft_target(draft, name) != 0)
        return dataverse_metadata_no_memory(err);
    return DVS_OK;
}

/* One property may point to several types: a navigation property for each of them names it. */
static int32_t add_targets(const struct dataverse_csdl *csdl, const struct csdl_type *type,
                           struct dataverse_drafts *drafts, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; status == DVS_OK && i < type->n_references && i < DATAVERSE_COLUMNS_MAX; i++) {
        const struct csdl_reference *reference = &csdl->references[type->reference + i];
        struct dataverse_draft *draft =
            dataverse_drafts_find(drafts, dataverse_csdl_text(csdl, reference->property));
        if (draft != NULL)
            status = add_target(csdl, reference->target, draft, err);
    }
    return status;
}

/*
 * The property with the record's id. A type's own key is that. A key that is inherited may be another one's:
 * `systemuser` inherits `ownerid` from principal, but its id is `systemuserid`; activities inherit
 * `activityid`, which is theirs.
 */
static const char *key_of(const struct dataverse_csdl *csdl, const struct dataverse_entity *entity,
                          const struct chain *chain, const struct dataverse_drafts *drafts, char *own,
                          size_t size)
{
    if (entity->key != NULL)
        return entity->key;
    snprintf(own, size, "%sid", entity->logical_name);
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->types[i]->n_keys == 0)
            continue;
        const struct dataverse_draft *id = dataverse_drafts_find(drafts, own);
        int prefer_own = i > 0 || chain->types[i]->n_keys > 1;
        if (prefer_own && id != NULL && id->column.type == DATAVERSE_TYPE_GUID)
            return own;
        return dataverse_csdl_text(csdl, chain->types[i]->key);
    }
    return own;
}

int32_t dataverse_csdl_table(const struct dataverse_csdl *csdl, const dvs_host *host,
                             const struct dataverse_entity *entity, struct dataverse_table **table,
                             dvs_error *err)
{
    struct dataverse_drafts drafts = {0};
    struct chain chain;
    char own[DATAVERSE_NAME_MAX + 10];
    csdl_name name = dataverse_csdl_lookup(csdl, entity->logical_name, strlen(entity->logical_name));
    int32_t status = DVS_OK;
    *table = NULL;
    follow(csdl, dataverse_csdl_type(csdl, name), &chain);
    if (chain.n == 0)
        return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM,
                        "$metadata describes no type %s for the table %s", entity->logical_name,
                        entity->set_name);
    for (size_t i = chain.n; status == DVS_OK && i > 0;
         i--) /* what is inherited first, as in the documents */
        status = add_properties(csdl, host, entity, chain.types[i - 1], &drafts, err);
    for (size_t i = chain.n; status == DVS_OK && i > 0; i--)
        status = add_targets(csdl, chain.types[i - 1], &drafts, err);
    if (status == DVS_OK)
        status = dataverse_drafts_table(&drafts, entity->logical_name, entity->set_name,
                                        key_of(csdl, entity, &chain, &drafts, own, sizeof own), table, err);
    dataverse_drafts_free(&drafts);
    return status;
}
