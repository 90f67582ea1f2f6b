/* EntityDefinitions, option sets, $metadata, WhoAmI. */
#include "org.h"

#define ACCOUNT "EntityDefinitions(LogicalName='account')"
#define CRM "Microsoft.Dynamics.CRM."

static int setup(void **state)
{
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 3, 0);
    org_generate(store, "contacts", 3, 0);
    org_generate(store, "tasks", 3, 0);
    org_generate(store, "emails", 3, 0);
    org_generate(store, "datatypes", 3, 0);
    org_generate(store, "accountleadscollection", 3, 0);
    *state = store;
    return 0;
}

static int teardown(void **state)
{
    sim_store_free(*state);
    return 0;
}

/* The member of `value` with that LogicalName; borrowed. */
static const json_t *named(const json_t *document, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(document, "value"), i,
                       item) if (strcmp(json_string_value(json_object_get(item, "LogicalName")), name) ==
                                 0) return item;
    return NULL;
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "(null)" : text;
}

static void service_document(void **state)
{
    json_t *document = org_get(*state, "", NULL);
    assert_string_equal(text_at(document, "@odata.context"), ORG_BASE "$metadata");
    int found = 0;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(document, "value"), i, item)
    {
        assert_string_equal(text_at(item, "kind"), "EntitySet");
        found += strcmp(text_at(item, "name"), "accountleadscollection") == 0;
    }
    assert_int_equal(found, 1);
    json_decref(document);
}

static void who_am_i(void **state)
{
    json_t *document = org_get(*state, "WhoAmI", NULL);
    struct sim_store *other = sim_store_new(8, ORG_NOW);
    json_t *elsewhere = org_get(other, "WhoAmI", NULL);
    struct sim_guid guid;
    assert_int_equal(sim_guid_parse(text_at(document, "OrganizationId"), 36, &guid), 0);
    assert_int_equal(sim_guid_parse(text_at(document, "UserId"), 36, &guid), 0);
    assert_string_not_equal(text_at(document, "OrganizationId"), text_at(elsewhere, "OrganizationId"));
    json_decref(elsewhere);
    json_decref(document);
    sim_store_free(other);
}

static void tables(void **state)
{
    json_t *document = org_get(*state, "EntityDefinitions",
                               "$select=LogicalName,EntitySetName,PrimaryIdAttribute,IsIntersect");
    const json_t *task = named(document, "task");
    assert_int_equal(json_object_size(task), 5);
    assert_string_equal(text_at(task, "EntitySetName"), "tasks");
    assert_string_equal(text_at(task, "PrimaryIdAttribute"), "activityid");
    assert_string_equal(text_at(named(document, "systemuser"), "PrimaryIdAttribute"), "systemuserid");
    assert_true(json_is_true(json_object_get(named(document, "accountleads"), "IsIntersect")));
    assert_string_equal(text_at(named(document, "accountleads"), "EntitySetName"), "accountleadscollection");
    json_decref(document);
    document = org_get(*state, "EntityDefinitions",
                       "$select=LogicalName&$filter=IsIntersect eq false and EntitySetName eq 'contacts'");
    assert_int_equal(json_array_size(json_object_get(document, "value")), 1);
    assert_non_null(named(document, "contact"));
    json_decref(document);
    document = org_get(
        *state, "EntityDefinitions",
        "$select=LogicalName&$filter=OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned' and "
        "CanChangeTrackingBeEnabled/Value eq true");
    assert_non_null(named(document, "account"));
    assert_null(named(document, "transactioncurrency"));
    json_decref(document);
    org_refused(*state, "EntityDefinitions", "$select=LogicalNam", 400, "0x80060888",
                "Could not find a property named 'LogicalNam' on type '" CRM "EntityMetadata'.");
    org_refused(*state, "EntityDefinitions", "$top=3", 400, "0x80060888", "$top");
}

static void one_table(void **state)
{
    json_t *document = org_get(*state, ACCOUNT, "$select=EntitySetName,MetadataId");
    assert_string_equal(text_at(document, "EntitySetName"), "accounts");
    char path[128];
    snprintf(path, sizeof path, "EntityDefinitions(%s)", text_at(document, "MetadataId"));
    json_t *by_id = org_get(*state, path, "$select=EntitySetName,MetadataId");
    assert_true(json_equal(by_id, document));
    json_decref(by_id);
    json_decref(document);
    document =
        org_get(*state, ACCOUNT, "$select=LogicalName&$expand=Attributes($select=LogicalName,AttributeType)");
    assert_true(json_array_size(json_object_get(document, "Attributes")) > 42);
    assert_int_equal(json_object_size(json_array_get(json_object_get(document, "Attributes"), 0)), 4);
    json_decref(document);
    org_refused(*state, "EntityDefinitions(LogicalName='nope')", NULL, 404, "0x80060888", "nope");
    org_refused(*state, ACCOUNT "/Nope", NULL, 404, "0x80060888",
                "Resource not found for the segment 'Nope'.");
}

static void columns(void **state)
{
    json_t *document = org_get(*state, "EntityDefinitions(LogicalName='datatype')/Attributes",
                               "$select=LogicalName,AttributeType,AttributeTypeName,AttributeOf,"
                               "IsValidForRead,IsValidODataAttribute,IsSecured");
    static const char *const expected[][3] = {{"datatypeid", "Uniqueidentifier", "UniqueidentifierType"},
                                              {"astring", "String", "StringType"},
                                              {"amemo", "Memo", "MemoType"},
                                              {"aninteger", "Integer", "IntegerType"},
                                              {"abigint", "BigInt", "BigIntType"},
                                              {"adecimal", "Decimal", "DecimalType"},
                                              {"amoney", "Money", "MoneyType"},
                                              {"adouble", "Double", "DoubleType"},
                                              {"aboolean", "Boolean", "BooleanType"},
                                              {"adate", "DateTime", "DateTimeType"},
                                              {"apicklist", "Picklist", "PicklistType"},
                                              {"amultiselect", "Virtual", "MultiSelectPicklistType"},
                                              {"entityimage", "Virtual", "ImageType"},
                                              {"afile", "Virtual", "FileType"},
                                              {"alookup", "Lookup", "LookupType"},
                                              {"acustomer", "Customer", "CustomerType"},
                                              {"ownerid", "Owner", "OwnerType"},
                                              {"apartylist", "PartyList", "PartyListType"},
                                              {"atypecode", "EntityName", "EntityNameType"},
                                              {"iscustomizable", "ManagedProperty", "ManagedPropertyType"},
                                              {"avirtual", "Virtual", "VirtualType"},
                                              {"statecode", "State", "StateType"},
                                              {"statuscode", "Status", "StatusType"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const json_t *column = named(document, expected[i][0]);
        assert_string_equal(text_at(column, "AttributeType"), expected[i][1]);
        assert_string_equal(text_at(json_object_get(column, "AttributeTypeName"), "Value"), expected[i][2]);
        assert_string_equal(text_at(column, "AttributeOf"), "(null)");
    }
    assert_true(json_is_false(json_object_get(named(document, "anunreadable"), "IsValidForRead")));
    assert_true(json_is_false(json_object_get(named(document, "noodata"), "IsValidODataAttribute")));
    assert_true(json_is_true(json_object_get(named(document, "asecured"), "IsSecured")));
    assert_string_equal(text_at(named(document, "owneridname"), "AttributeOf"), "ownerid");
    assert_string_equal(text_at(named(document, "owneridtype"), "AttributeType"), "EntityName");
    assert_string_equal(text_at(named(document, "apicklistname"), "AttributeOf"), "apicklist");
    assert_string_equal(text_at(named(document, "astring"), "@odata.type"),
                        "#" CRM "StringAttributeMetadata");
    json_decref(document);
    /* What only lookups have is not to be selected from all. */
    org_refused(*state, ACCOUNT "/Attributes", "$select=Targets", 400, "0x80060888",
                "Could not find a property named 'Targets' on type '" CRM "AttributeMetadata'.");
    document = org_get(
        *state, ACCOUNT "/Attributes",
        "$select=LogicalName&$filter=AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Owner'");
    assert_int_equal(json_array_size(json_object_get(document, "value")), 1);
    json_decref(document);
}

static void casts(void **state)
{
    json_t *document =
        org_get(*state, "EntityDefinitions(LogicalName='contact')/Attributes/" CRM "LookupAttributeMetadata",
                "$select=LogicalName,Targets");
    const json_t *targets = json_object_get(named(document, "parentcustomerid"), "Targets");
    assert_int_equal(json_array_size(targets), 2);
    assert_string_equal(json_string_value(json_array_get(targets, 0)), "account");
    assert_null(json_object_get(named(document, "parentcustomerid"), "@odata.type"));
    assert_null(named(document, "fullname"));
    json_decref(document);
    document = org_get(
        *state, "EntityDefinitions(LogicalName='datatype')/Attributes/" CRM "DateTimeAttributeMetadata",
        "$select=LogicalName,DateTimeBehavior");
    assert_string_equal(text_at(json_object_get(named(document, "adate"), "DateTimeBehavior"), "Value"),
                        "DateOnly");
    assert_string_equal(
        text_at(json_object_get(named(document, "azonelesstime"), "DateTimeBehavior"), "Value"),
        "TimeZoneIndependent");
    assert_string_equal(text_at(json_object_get(named(document, "adatetime"), "DateTimeBehavior"), "Value"),
                        "UserLocal");
    json_decref(document);
    document = org_get(*state, ACCOUNT "/Attributes(LogicalName='name')/" CRM "StringAttributeMetadata",
                       "$select=MaxLength");
    assert_int_equal(json_integer_value(json_object_get(document, "MaxLength")), 160);
    json_decref(document);
    org_refused(*state, ACCOUNT "/Attributes/" CRM "EnumAttributeMetadata", NULL, 404, "0x80060888",
                "EnumAttributeMetadata");
    org_refused(*state, ACCOUNT "/Attributes(LogicalName='name')/" CRM "LookupAttributeMetadata", NULL, 404,
                "0x80060888", "name");
}

static json_t *expanded(void **state, const char *type)
{
    char path[160];
    snprintf(path, sizeof path,
             "EntityDefinitions(LogicalName='contact')/Attributes/" CRM "%sAttributeMetadata", type);
    return org_get(*state, path, "$select=LogicalName&$expand=OptionSet,GlobalOptionSet");
}

static void option_sets(void **state)
{
    json_t *document = expanded(state, "Picklist");
    const json_t *gender = json_object_get(named(document, "gendercode"), "OptionSet");
    assert_string_equal(text_at(gender, "Name"), "contact_gendercode");
    const json_t *option = json_array_get(json_object_get(gender, "Options"), 1);
    assert_int_equal(json_integer_value(json_object_get(option, "Value")), 2);
    const json_t *label = json_object_get(json_object_get(option, "Label"), "UserLocalizedLabel");
    assert_string_equal(text_at(label, "Label"), "Female");
    assert_true(json_is_null(json_object_get(named(document, "gendercode"), "GlobalOptionSet")));
    assert_true(
        json_is_object(json_object_get(named(document, "preferredcontactmethodcode"), "GlobalOptionSet")));
    json_decref(document);
    document = expanded(state, "Status");
    option = json_array_get(
        json_object_get(json_object_get(named(document, "statuscode"), "OptionSet"), "Options"), 1);
    assert_int_equal(json_integer_value(json_object_get(option, "State")), 1);
    json_decref(document);
    document = expanded(state, "MultiSelectPicklist");
    assert_int_equal(json_array_size(json_object_get(
                         json_object_get(named(document, "new_hobbies"), "OptionSet"), "Options")),
                     5);
    json_decref(document);
    document = expanded(state, "Boolean");
    assert_non_null(
        json_object_get(json_object_get(named(document, "donotemail"), "OptionSet"), "TrueOption"));
    json_decref(document);
    document = expanded(state, "State");
    assert_non_null(named(document, "statecode"));
    json_decref(document);
    document = org_get(*state, "GlobalOptionSetDefinitions", NULL);
    assert_true(json_array_size(json_object_get(document, "value")) >= 3);
    json_decref(document);
    document = org_get(*state, "GlobalOptionSetDefinitions(Name='new_channels')", NULL);
    assert_string_equal(text_at(document, "Name"), "new_channels");
    json_decref(document);
    org_refused(*state, "GlobalOptionSetDefinitions(Name='nope')", NULL, 404, "0x80060888",
                "Resource not found");
}

/* Every property that metadata promises can be selected, and nothing else can: the rule by which a client
 * must choose. */
static void metadata_says_what_can_be_read(void **state)
{
    static const char *const names[] = {"account", "contact",    "datatype",    "task",
                                        "email",   "systemuser", "accountleads"};
    static const char *const sets[] = {
        "accounts", "contacts", "datatypes", "tasks", "emails", "systemusers", "accountleadscollection"};
    for (size_t t = 0; t < sizeof names / sizeof names[0]; t++) {
        char path[128];
        snprintf(path, sizeof path, "EntityDefinitions(LogicalName='%s')/Attributes", names[t]);
        json_t *document = org_get(*state, path, NULL);
        size_t i;
        json_t *column;
        json_array_foreach(json_object_get(document, "value"), i, column)
        {
            const char *name = text_at(column, "LogicalName");
            const char *type = text_at(column, "AttributeType");
            const char *type_name = text_at(json_object_get(column, "AttributeTypeName"), "Value");
            int lookup =
                strcmp(type, "Lookup") == 0 || strcmp(type, "Customer") == 0 || strcmp(type, "Owner") == 0;
            int none = strcmp(type_name, "VirtualType") == 0 || strcmp(type, "PartyList") == 0 ||
                       strcmp(type, "CalendarRules") == 0;
            int readable = json_is_true(json_object_get(column, "IsValidForRead")) && !none &&
                           !json_is_false(json_object_get(column, "IsValidODataAttribute")) &&
                           json_is_null(json_object_get(column, "AttributeOf"));
            char query[160];
            snprintf(query, sizeof query, lookup ? "$select=_%s_value" : "$select=%s", name);
            struct sim_reply reply = org_get_with(*state, sets[t], query, (struct org_ask){0});
            if ((reply.status == 200) != readable)
                fail_msg("%s.%s (%s): %d", names[t], name, type_name, reply.status);
            free(reply.body);
        }
        json_decref(document);
    }
}

static void csdl(void **state)
{
    struct sim_reply reply = org_get_with(*state, "$metadata", NULL, (struct org_ask){0});
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "application/xml");
    static const char *const parts[] = {
        "<EntityType Name=\"principal\" BaseType=\"mscrm.crmbaseentity\">\n        <Key>\n          "
        "<PropertyRef Name=\"ownerid\" />",
        "<EntityType Name=\"systemuser\" BaseType=\"mscrm.principal\">\n        <Property "
        "Name=\"systemuserid\" Type=\"Edm.Guid\" />",
        "<EntityType Name=\"task\" BaseType=\"mscrm.activitypointer\">\n        <Property "
        "Name=\"statuscode\"",
        "<Property Name=\"adate\" Type=\"Edm.Date\" />",
        "<Property Name=\"adatetime\" Type=\"Edm.DateTimeOffset\" />",
        "<Property Name=\"amoney\" Type=\"Edm.Decimal\" Scale=\"Variable\" />",
        "<Property Name=\"_parentcustomerid_value\" Type=\"Edm.Guid\" />",
        "<NavigationProperty Name=\"parentcustomerid_account\" Type=\"mscrm.account\" Nullable=\"false\"",
        "<NavigationProperty Name=\"parentcustomerid_contact\" Type=\"mscrm.contact\" Nullable=\"false\"",
        "<ReferentialConstraint Property=\"_parentcustomerid_value\" ReferencedProperty=\"accountid\" />",
        "<EntitySet Name=\"accountleadscollection\" EntityType=\"Microsoft.Dynamics.CRM.accountleads\" />",
        NULL};
    org_contains(reply.body, parts);
    assert_null(strstr(reply.body, "owneridname"));
    assert_null(strstr(reply.body, "anunreadable"));
    free(reply.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_document),
        cmocka_unit_test(who_am_i),
        cmocka_unit_test(tables),
        cmocka_unit_test(one_table),
        cmocka_unit_test(columns),
        cmocka_unit_test(casts),
        cmocka_unit_test(option_sets),
        cmocka_unit_test(metadata_says_what_can_be_read),
        cmocka_unit_test(csdl),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
