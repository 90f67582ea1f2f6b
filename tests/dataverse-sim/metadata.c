/* Definitions of tables. */
#include <string.h>

#include "metadata.h"
#include "store_time.h"

json_t *sim_metadata_id(const struct sim_store *store, const char *what, const char *a, const char *b)
{
    uint64_t hash = sim_hash(what, strlen(what), store->seed);
    hash = sim_hash(a, strlen(a), hash);
    struct sim_guid guid = sim_guid_make(store->seed, hash, sim_hash(b, strlen(b), hash));
    char print[SIM_GUID_TEXT + 1];
    sim_guid_print(&guid, print);
    return json_string(print);
}

json_t *sim_metadata_label(const char *text, size_t length)
{
    json_t *localized =
        json_pack("{s:s%,s:i,s:b,s:s,s:n}", "Label", text, length, "LanguageCode", 1033, "IsManaged", 1,
                  "MetadataId", "0c9aa4d8-2341-db11-898a-0007e9e17ebd", "HasChanged");
    return json_pack("{s:[O],s:o}", "LocalizedLabels", localized, "UserLocalizedLabel", localized);
}

json_t *sim_metadata_managed(int value, const char *name)
{
    return json_pack("{s:b,s:b,s:s}", "Value", value, "CanBeChanged", 1, "ManagedPropertyLogicalName", name);
}

static int set_all(json_t *object, const char *const *names, json_t *value)
{
    int failed = value == NULL;
    for (; *names != NULL && !failed; names++)
        failed = json_object_set(object, *names, value) != 0;
    json_decref(value);
    return failed ? -1 : 0;
}

static int add_flags(json_t *object, const struct sim_table *table)
{
    static const char *const yes[] = {"IsValidForAdvancedFind", "IsVisibleInMobileClient",
                                      "IsAvailableOffline", NULL};
    static const char *const no[] = {"IsAIRUpdated",
                                     "IsBPFEntity",
                                     "IsBusinessProcessEnabled",
                                     "IsChildEntity",
                                     "IsImportable",
                                     "IsEnabledForCharts",
                                     "IsEnabledForTrace",
                                     "IsReadingPaneEnabled",
                                     "IsStateModelAware",
                                     "IsSolutionAware",
                                     "IsMSTeamsIntegrationEnabled",
                                     "IsInteractionCentricEnabled",
                                     "EnforceStateTransitions",
                                     "AutoCreateAccessTeams",
                                     "IsLogicalEntity",
                                     "IsPrivate",
                                     "HasEmailAddresses",
                                     "HasFeedback",
                                     "HasNotes",
                                     "HasActivities",
                                     "IsDocumentManagementEnabled",
                                     "IsOneNoteIntegrationEnabled",
                                     "IsKnowledgeManagementEnabled",
                                     "IsSLAEnabled",
                                     "UsesBusinessDataLabelTable",
                                     "SyncToExternalSearchIndex",
                                     NULL};
    static const char *const nothing[] = {"HasChanged",
                                          "Description",
                                          "DaysSinceRecordLastModified",
                                          "MobileOfflineFilters",
                                          "DataProviderId",
                                          "DataSourceId",
                                          "ExternalName",
                                          "ExternalCollectionName",
                                          "IconLargeName",
                                          "IconMediumName",
                                          "IconSmallName",
                                          "IconVectorName",
                                          "EntityHelpUrl",
                                          "EntityColor",
                                          "RecurrenceBaseEntityLogicalName",
                                          "OwnerIdType",
                                          NULL};
    static const char *const managed[] = {"IsAuditEnabled",
                                          "IsValidForQueue",
                                          "IsConnectionsEnabled",
                                          "IsCustomizable",
                                          "IsRenameable",
                                          "IsMappable",
                                          "IsDuplicateDetectionEnabled",
                                          "CanCreateAttributes",
                                          "CanCreateForms",
                                          "CanCreateViews",
                                          "CanCreateCharts",
                                          "CanModifyAdditionalSettings",
                                          "CanEnableSyncToExternalSearchIndex",
                                          NULL};
    int failed = set_all(object, yes, json_true()) != 0 || set_all(object, no, json_false()) != 0 ||
                 set_all(object, nothing, json_null()) != 0;
    for (size_t i = 0; managed[i] != NULL && !failed; i++) {
        char lower[64];
        size_t n = 0;
        for (; managed[i][n] != '\0' && n + 1 < sizeof lower; n++)
            lower[n] =
                (char)(managed[i][n] >= 'A' && managed[i][n] <= 'Z' ? managed[i][n] + 32 : managed[i][n]);
        lower[n] = '\0';
        failed = json_object_set_new(object, managed[i], sim_metadata_managed(table->custom, lower)) != 0;
    }
    return failed ? -1 : 0;
}

json_t *sim_metadata_table(const struct sim_store *store, const struct sim_table *table)
{
    const struct sim_column *key = sim_table_key(table);
    const struct sim_column *name = sim_table_name(table);
    const struct sim_column *image = sim_table_column(table, "entityimage", 11);
    char born[32];
    sim_time_print(store->now, 0, born);
    int tracked = !table->intersect;
    json_t *object = json_pack(
        "{s:o,s:s,s:s,s:s,s:s,s:s,s:s?,s:s?,s:i,s:s,s:s}", "MetadataId",
        sim_metadata_id(store, "table", table->logical_name, ""), "LogicalName", table->logical_name,
        "SchemaName", table->schema_name, "EntitySetName", table->set_name, "LogicalCollectionName",
        table->set_name, "CollectionSchemaName", table->set_name, "PrimaryIdAttribute",
        key == NULL ? NULL : key->name, "PrimaryNameAttribute", name == NULL ? NULL : name->name,
        "ObjectTypeCode", (int)(table->id % 9000 + (table->custom ? 10000 : 1)), "TableType", "Standard",
        "OwnershipType",
        table->intersect                                ? "None"
        : sim_table_column(table, "ownerid", 7) != NULL ? "UserOwned"
                                                        : "OrganizationOwned");
    if (object == NULL)
        return NULL;
    json_t *more = json_pack(
        "{s:b,s:o,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:s,s:i,s:s?,s:s,s:s,s:s,s:[],s:[],s:s,s:i}",
        "ChangeTrackingEnabled", tracked, "CanChangeTrackingBeEnabled",
        sim_metadata_managed(1, "canchangetrackingbeenabled"), "IsIntersect", table->intersect, "IsActivity",
        table->activity, "IsActivityParty", 0, "IsCustomEntity", table->custom, "IsManaged", !table->custom,
        "IsOptimisticConcurrencyEnabled", !table->intersect, "IsRetentionEnabled", 0, "IntroducedVersion",
        "5.0.0.0", "ActivityTypeMask", table->activity, "PrimaryImageAttribute",
        image == NULL ? NULL : image->name, "ReportViewName", table->logical_name, "CreatedOn", born,
        "ModifiedOn", born, "Privileges", "Settings", "EntityColorName", "", "AutoRouteToOwnerQueue", 0);
    json_t *label = sim_metadata_label(table->schema_name, strlen(table->schema_name));
    int failed = more == NULL || label == NULL || json_object_update(object, more) != 0 ||
                 json_object_set(object, "DisplayName", label) != 0 ||
                 json_object_set(object, "DisplayCollectionName", label) != 0 ||
                 add_flags(object, table) != 0;
    json_decref(more);
    json_decref(label);
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}
