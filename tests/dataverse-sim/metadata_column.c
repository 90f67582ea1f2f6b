/* Definitions of columns. */
#include <stdlib.h>
#include <string.h>

#include "metadata.h"

static int set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value);
}

/* AccountNumber of accountnumber cannot be known; the schema name is given a capital. */
static char *schema_name(const struct sim_column *column)
{
    char *name = strdup(column->name);
    if (name != NULL && strchr(name, '_') == NULL && name[0] >= 'a' && name[0] <= 'z')
        name[0] = (char)(name[0] - 32);
    return name;
}

json_t *sim_metadata_column(const struct sim_store *store, const struct sim_table *table,
                            const struct sim_column *column)
{
    static const char *const managed[] = {"IsAuditEnabled",
                                          "IsCustomizable",
                                          "IsRenameable",
                                          "IsGlobalFilterEnabled",
                                          "IsSortableEnabled",
                                          "IsValidForAdvancedFind",
                                          "CanModifyAdditionalSettings",
                                          NULL};
    const struct sim_type_info *type = sim_type_info(column->type);
    uint32_t flags = column->flags;
    int readable = !(flags & SIM_COL_UNREADABLE);
    int own = column->of == NULL;
    int writable = own && !(flags & (SIM_COL_KEY | SIM_COL_UNREADABLE | SIM_COL_CALCULATED)) &&
                   strcmp(column->name, "versionnumber") != 0 && strcmp(column->name, "modifiedon") != 0;
    char *schema = schema_name(column);
    json_t *object = json_pack(
        "{s:o,s:s,s:s?,s:s?,s:s,s:{s:s},s:i,s:s,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b}", "MetadataId",
        sim_metadata_id(store, "column", table->logical_name, column->name), "LogicalName", column->name,
        "SchemaName", schema, "AttributeOf", column->of, "AttributeType", type->attribute_type,
        "AttributeTypeName", "Value", type->type_name, "ColumnNumber", (int)column->number,
        "EntityLogicalName", table->logical_name, "IsPrimaryId", (flags & SIM_COL_KEY) != 0, "IsPrimaryName",
        (flags & SIM_COL_NAME) != 0, "IsValidForRead", readable, "IsValidForCreate",
        writable || (flags & SIM_COL_KEY) != 0, "IsValidForUpdate", writable, "IsValidODataAttribute",
        !(flags & SIM_COL_NO_ODATA), "IsCustomAttribute", (flags & SIM_COL_CUSTOM) != 0, "IsLogical", !own);
    free(schema);
    if (object == NULL)
        return NULL;
    const char *required = flags & SIM_COL_KEY    ? "SystemRequired"
                           : flags & SIM_COL_NAME ? "ApplicationRequired"
                                                  : "None";
    int calculated = (flags & SIM_COL_CALCULATED) != 0;
    json_t *more = json_pack(
        "{s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:o,s:{s:s,s:b,s:s},s:n,s:n,s:n,s:n,s:n,s:s,s:"
        "s,s:s,s:[]}",
        "IsSecured", (flags & SIM_COL_SECURED) != 0, "CanBeSecuredForRead", own && !(flags & SIM_COL_KEY),
        "CanBeSecuredForCreate", writable, "CanBeSecuredForUpdate", writable, "IsManaged",
        !(flags & SIM_COL_CUSTOM), "IsFilterable", 0, "IsSearchable", 0, "IsRetrievable", readable,
        "IsRequiredForForm", 0, "IsValidForForm", own, "IsValidForGrid", own, "IsDataSourceSecret", 0,
        "IsPrimaryImage", 0, "DisplayName", sim_metadata_label(column->name, strlen(column->name)),
        "RequiredLevel", "Value", required, "CanBeChanged", 0, "ManagedPropertyLogicalName",
        "canmodifyrequirementlevelsettings", "HasChanged", "LinkedAttributeId", "InheritsFrom",
        "DeprecatedVersion", "ExternalName", "IntroducedVersion", "5.0.0.0", "CreatedOn",
        "1900-01-01T00:00:00Z", "ModifiedOn", "1900-01-01T00:00:00Z", "Settings");
    int failed = more == NULL || json_object_update(object, more) != 0;
    json_decref(more);
    failed = failed || set(object, "SourceType", own ? json_integer(calculated) : json_null()) != 0;
    failed =
        failed || set(object, "AutoNumberFormat", json_string("")) != 0 ||
        set(object, "Description", json_pack("{s:[],s:n}", "LocalizedLabels", "UserLocalizedLabel")) != 0;
    for (size_t i = 0; managed[i] != NULL && !failed; i++)
        failed = set(object, managed[i], sim_metadata_managed(1, "canmodifyadditionalsettings")) != 0;
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* The logical names of "account,contact". */
static json_t *targets_of(const struct sim_column *column)
{
    json_t *targets = json_array();
    const char *at = column->more;
    while (targets != NULL && at != NULL && *at != '\0') {
        size_t length = strcspn(at, ",");
        if (json_array_append_new(targets, json_stringn(at, length)) != 0) {
            json_decref(targets);
            return NULL;
        }
        at += length + (at[length] == ',' ? 1 : 0);
    }
    return targets;
}

static json_t *of_number(const struct sim_column *column)
{
    switch (column->type) {
    case SIM_INTEGER:
        return json_pack("{s:s,s:I,s:I,s:n,s:i}", "Format", "None", "MinValue", (json_int_t)INT32_MIN,
                         "MaxValue", (json_int_t)INT32_MAX, "FormulaDefinition", "SourceTypeMask", 0);
    case SIM_BIGINT:
        return json_pack("{s:I,s:I}", "MinValue", (json_int_t)INT64_MIN, "MaxValue", (json_int_t)INT64_MAX);
    case SIM_DECIMAL:
        return json_pack("{s:i,s:f,s:f,s:s,s:n,s:i}", "Precision", column->size > 0 ? column->size : 10,
                         "MinValue", -100000000000.0, "MaxValue", 100000000000.0, "ImeMode", "Disabled",
                         "FormulaDefinition", "SourceTypeMask", 0);
    case SIM_DOUBLE:
        return json_pack("{s:i,s:f,s:f,s:s}", "Precision", column->size > 0 ? column->size : 5, "MinValue",
                         -100000000000.0, "MaxValue", 100000000000.0, "ImeMode", "Disabled");
    default: { /* money */
        size_t length = strlen(column->name);
        int base = length > 5 && strcmp(column->name + length - 5, "_base") == 0;
        return json_pack("{s:i,s:i,s:b,s:s%,s:f,s:f,s:s,s:n,s:i}", "Precision",
                         column->size > 0 ? column->size : 2, "PrecisionSource", 2, "IsBaseCurrency", base,
                         "CalculationOf", column->name, base ? length - 5 : 0, "MinValue", -922337203685477.0,
                         "MaxValue", 922337203685477.0, "ImeMode", "Disabled", "FormulaDefinition",
                         "SourceTypeMask", 0);
    }
    }
}

static json_t *of_choice(const struct sim_column *column)
{
    json_t *object =
        column->type == SIM_BOOLEAN
            ? json_pack("{s:b,s:n,s:i}", "DefaultValue", 0, "FormulaDefinition", "SourceTypeMask", 0)
            : json_pack("{s:i,s:n,s:i,s:n}", "DefaultFormValue", -1, "FormulaDefinition", "SourceTypeMask", 0,
                        "ParentPicklistLogicalName");
    if (object != NULL && column->type != SIM_BOOLEAN &&
        set(object, "ChildPicklistLogicalNames", json_array()) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *sim_metadata_column_own(const struct sim_column *column)
{
    switch (column->type) {
    case SIM_STRING:
        return json_pack("{s:i,s:i,s:s,s:{s:s},s:s,s:n,s:b,s:i,s:s}", "MaxLength",
                         column->size > 0 ? column->size : 160, "DatabaseLength", 320, "Format", "Text",
                         "FormatName", "Value", "Text", "ImeMode", "Auto", "FormulaDefinition",
                         "IsLocalizable", 0, "SourceTypeMask", 0, "YomiOf", "");
    case SIM_MEMO:
        return json_pack("{s:i,s:s,s:{s:s},s:s,s:b}", "MaxLength", column->size > 0 ? column->size : 1048576,
                         "Format", "TextArea", "FormatName", "Value", "TextArea", "ImeMode", "Auto",
                         "IsLocalizable", 0);
    case SIM_INTEGER:
    case SIM_BIGINT:
    case SIM_DECIMAL:
    case SIM_DOUBLE:
    case SIM_MONEY:
        return of_number(column);
    case SIM_DATETIME: {
        int date_only = (column->flags & SIM_COL_DATE_ONLY) != 0;
        return json_pack("{s:s,s:{s:s},s:s,s:b,s:s,s:s,s:n,s:i}", "Format",
                         date_only ? "DateOnly" : "DateAndTime", "DateTimeBehavior", "Value",
                         date_only                                ? "DateOnly"
                         : column->flags & SIM_COL_TZ_INDEPENDENT ? "TimeZoneIndependent"
                                                                  : "UserLocal",
                         "ImeMode", "Inactive", "CanChangeDateTimeBehavior", 0, "MinSupportedValue",
                         "1753-01-01T00:00:00Z", "MaxSupportedValue", "9999-12-30T23:59:59Z",
                         "FormulaDefinition", "SourceTypeMask", 0);
    }
    case SIM_LOOKUP:
    case SIM_CUSTOMER:
    case SIM_OWNER:
    case SIM_PARTYLIST:
    case SIM_CALENDARRULES:
        return json_pack("{s:o,s:s}", "Targets", targets_of(column), "Format", "None");
    case SIM_BOOLEAN:
    case SIM_PICKLIST:
    case SIM_STATE:
    case SIM_STATUS:
    case SIM_MULTISELECT:
        return of_choice(column);
    case SIM_IMAGE:
        return json_pack("{s:b,s:i,s:i,s:i,s:b}", "IsPrimaryImage", 1, "MaxHeight", 144, "MaxWidth", 144,
                         "MaxSizeInKB", 10240, "CanStoreFullImage", 0);
    case SIM_FILE:
        return json_pack("{s:i}", "MaxSizeInKB", 32768);
    default:
        return json_object();
    }
}
