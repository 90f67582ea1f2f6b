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

/* Properties that say the same of every table here; a real organisation has them too, and clients must pass
 * over them. */
#define YES "IsValidForAdvancedFind IsVisibleInMobileClient IsAvailableOffline"
#define NO                                                                                                   \
    "IsAIRUpdated IsBPFEntity IsBusinessProcessEnabled IsChildEntity IsImportable IsEnabledForCharts "       \
    "IsEnabledForTrace IsReadingPaneEnabled IsStateModelAware IsSolutionAware IsMSTeamsIntegrationEnabled "  \
    "IsInteractionCentricEnabled EnforceStateTransitions AutoCreateAccessTeams IsLogicalEntity IsPrivate "   \
    "HasEmailAddresses HasFeedback HasNotes HasActivities IsDocumentManagementEnabled "                      \
    "IsOneNoteIntegrationEnabled IsKnowledgeManagementEnabled IsSLAEnabled UsesBusinessDataLabelTable "      \
    "SyncToExternalSearchIndex AutoRouteToOwnerQueue IsActivityParty IsRetentionEnabled"
#define NOTHING                                                                                              \
    "HasChanged Description DaysSinceRecordLastModified MobileOfflineFilters DataProviderId DataSourceId "   \
    "ExternalName ExternalCollectionName IconLargeName IconMediumName IconSmallName IconVectorName "         \
    "EntityHelpUrl EntityColor RecurrenceBaseEntityLogicalName OwnerIdType"
#define MANAGED                                                                                              \
    "IsAuditEnabled IsValidForQueue IsConnectionsEnabled IsCustomizable IsRenameable IsMappable "            \
    "IsDuplicateDetectionEnabled CanCreateAttributes CanCreateForms CanCreateViews CanCreateCharts "         \
    "CanModifyAdditionalSettings CanEnableSyncToExternalSearchIndex"

/* Sets each of the names: to `value` (taken), or to a managed property when that is NULL. */
static int set_all(json_t *object, const char *names, json_t *value, int custom)
{
    int failed = 0;
    while (*names != '\0' && !failed) {
        char name[64];
        char lower[64];
        size_t length = strcspn(names, " ");
        for (size_t i = 0; i < length; i++) {
            name[i] = names[i];
            lower[i] = (char)(names[i] >= 'A' && names[i] <= 'Z' ? names[i] + 32 : names[i]);
        }
        name[length] = lower[length] = '\0';
        failed =
            json_object_set_new(
                object, name, value == NULL ? sim_metadata_managed(custom, lower) : json_incref(value)) != 0;
        names += length + (names[length] == ' ' ? 1 : 0);
    }
    json_decref(value);
    return failed ? -1 : 0;
}

static int add_flags(json_t *object, const struct sim_table *table)
{
    return set_all(object, YES, json_true(), 0) != 0 || set_all(object, NO, json_false(), 0) != 0 ||
                   set_all(object, NOTHING, json_null(), 0) != 0 ||
                   set_all(object, MANAGED, NULL, table->custom) != 0
               ? -1
               : 0;
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
        "{s:b,s:o,s:b,s:b,s:b,s:b,s:b,s:s,s:i,s:s?,s:s,s:s,s:s,s:[],s:[]}", "ChangeTrackingEnabled", tracked,
        "CanChangeTrackingBeEnabled", sim_metadata_managed(1, "canchangetrackingbeenabled"), "IsIntersect",
        table->intersect, "IsActivity", table->activity, "IsCustomEntity", table->custom, "IsManaged",
        !table->custom, "IsOptimisticConcurrencyEnabled", !table->intersect, "IntroducedVersion", "5.0.0.0",
        "ActivityTypeMask", table->activity, "PrimaryImageAttribute", image == NULL ? NULL : image->name,
        "ReportViewName", table->logical_name, "CreatedOn", born, "ModifiedOn", born, "Privileges",
        "Settings");
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
