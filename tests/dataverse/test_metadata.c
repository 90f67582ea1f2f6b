/* Behaviour of metadata: tables and columns from EntityDefinitions. */
#include "metadata_service.h"

/* ---- the list ---- */

static void test_list(void **state)
{
    (void)state;
    char all[500] = "";
    SERVE(usual);
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), 77);
    assert_string_equal(all,
                        "accountleadscollection=accountleads accounts=account contacts=contact emails=email "
                        "systemusers=systemuser ");
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), 77);
    assert_int_equal(service.requests, 1);
}

static void test_list_in_parts(void **state)
{
    (void)state;
    static const struct document parts[] = {
        {LIST, NULL,
         "{\"value\":[{\"LogicalName\":\"b\",\"EntitySetName\":\"bs\",\"PrimaryIdAttribute\":\"bid\"}],"
         "\"@odata.nextLink\":\"https://org/next\"}",
         0},
        {"https://org/next", NULL,
         "{\"value\":[{\"LogicalName\":\"a\",\"EntitySetName\":\"as\",\"PrimaryIdAttribute\":\"aid\"}]}", 0},
    };
    char all[500] = "";
    SERVE(parts);
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), DVS_OK);
    assert_string_equal(all, "as=a bs=b ");
    static const struct document loop[] = {
        {LIST, NULL, "{\"value\":[],\"@odata.nextLink\":\"" LIST "\"}", 0}};
    SERVE(loop);
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), DVS_E_PROTOCOL);
    assert_non_null(strstr(err.message, "without end"));
}

static void test_names(void **state)
{
    (void)state;
    SERVE(usual);
    const struct dataverse_table *table = get("accounts", 0);
    assert_ptr_equal(table, get("account", 0));
    assert_ptr_equal(table, get("ACCOUNTS", 0));
    assert_ptr_equal(table, get("Account", 0));
    assert_int_equal(service.requests, 4);
    assert_fails("acounts", DVS_E_NOT_FOUND, "the organisation has no table acounts (near: accounts");
    assert_fails("contactz", DVS_E_NOT_FOUND, "(near: contacts");
    assert_fails("zzzzzzzz", DVS_E_NOT_FOUND, "no table zzzzzzzz;");
    assert_fails("new_keylesses", DVS_E_NOT_FOUND, "no table new_keylesses");
    assert_fails("", DVS_E_NOT_FOUND, "no table");
    assert_fails("a name that is longer than any that a table may have, and then some more of it",
                 DVS_E_NOT_FOUND, "a name that is longer");
    assert_int_equal(service.requests, 4);
}

/* ---- columns ---- */

static void test_account(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *native;
        uint32_t type;
        const char *targets;
    } wanted[] = {
        {"accountid", "Uniqueidentifier", DATAVERSE_TYPE_GUID, ""},
        {"_ownerid_value", "Owner", DATAVERSE_TYPE_GUID, "systemusers team"},
        {"_primarycontactid_value", "Lookup", DATAVERSE_TYPE_GUID, "contacts"},
        {"_new_customer_value", "Customer", DATAVERSE_TYPE_GUID, "accounts contacts"},
        {"new_interests", "MultiSelectPicklist", DATAVERSE_TYPE_TEXT, ""},
        {"new_contract", "File", DATAVERSE_TYPE_GUID, ""},
        {"name", "String", DATAVERSE_TYPE_TEXT, ""},
        {"revenue", "Money", DATAVERSE_TYPE_DECIMAL, ""},
        {"revenue_base", "Money", DATAVERSE_TYPE_DECIMAL, ""},
        {"exchangerate", "Decimal", DATAVERSE_TYPE_DECIMAL, ""},
        {"address1_latitude", "Double", DATAVERSE_TYPE_DOUBLE, ""},
        {"creditonhold", "Boolean", DATAVERSE_TYPE_BOOL, ""},
        {"numberofemployees", "Integer", DATAVERSE_TYPE_INT, ""},
        {"industrycode", "Picklist", DATAVERSE_TYPE_INT, ""},
        {"statecode", "State", DATAVERSE_TYPE_INT, ""},
        {"statuscode", "Status", DATAVERSE_TYPE_INT, ""},
        {"description", "Memo", DATAVERSE_TYPE_TEXT, ""},
        {"objecttypecode", "EntityName", DATAVERSE_TYPE_TEXT, ""},
        {"createdon", "DateTime", DATAVERSE_TYPE_TIMESTAMP, ""},
        {"modifiedon", "DateTime", DATAVERSE_TYPE_TIMESTAMP, ""},
        {"new_founded", "DateTime", DATAVERSE_TYPE_DATE, ""},
        {"new_meeting", "DateTime", DATAVERSE_TYPE_TIMESTAMP, ""},
        {"versionnumber", "BigInt", DATAVERSE_TYPE_INT, ""}, /* has no ColumnNumber: last */
    };
    SERVE(usual);
    const struct dataverse_table *table = get("accounts", 0);
    assert_string_equal(table->key, "accountid");
    assert_string_equal(table->set_name, "accounts");
    assert_string_equal(table->logical_name, "account");
    assert_true(table->has_modifiedon);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        char targets[200] = "";
        assert_true(i < table->n_columns);
        const struct dataverse_column *column = &table->columns[i];
        for (size_t k = 0; k < column->n_targets; k++) {
            strcat(targets, k == 0 ? "" : " ");
            strcat(targets, column->targets[k]);
        }
        assert_string_equal(column->name, wanted[i].name);
        assert_string_equal(column->native_type, wanted[i].native);
        assert_int_equal(column->type, wanted[i].type);
        assert_string_equal(targets, wanted[i].targets);
        assert_int_equal(column->secured, strcmp(column->name, "_new_customer_value") == 0);
    }
    assert_int_equal(table->n_columns, sizeof wanted / sizeof wanted[0]);
    assert_true(fake_host_logged(fake, "accounts.entityimage is left out"));
    assert_true(
        fake_host_logged(fake, "accounts.new_future is left out: its type is not known: HologramType"));
}

/* Nothing is asked that is not needed: no lookups, no dates. */
static void test_small_table(void **state)
{
    (void)state;
    static const struct document documents[] = {{LIST, NULL, TABLE_A, 0},
                                                {A COLUMNS, NULL, "{\"value\":[" AID "]}", 0}};
    SERVE(documents);
    const struct dataverse_table *table = get("as", 0);
    assert_int_equal(table->n_columns, 1);
    assert_false(table->has_modifiedon);
    assert_int_equal(service.requests, 2);
}

static void test_wrong_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *columns;
        const char *lookups;
        const char *says;
    } cases[] = {
        {"{}", NULL, NULL, "the list of tables: the answer is not what Dataverse documents: it has no array"},
        {"{\"value\":{}}", NULL, NULL, "no array \"value\""},
        {"{\"value\":[7]}", NULL, NULL, "entry 1: no object"},
        {"{\"value\":[{\"LogicalName\":7}]}", NULL, NULL, "entry 1: LogicalName is no text"},
        {"{\"value\":[{}]}", NULL, NULL, "entry 1: it has no LogicalName"},
        {"{\"value\":[{\"LogicalName\":\"a\",\"EntitySetName\":[]}]}", NULL, NULL,
         "EntitySetName is no text"},
        {"{\"value\":[{\"LogicalName\":\"a\",\"IsPrivate\":\"no\"}]}", NULL, NULL,
         "IsPrivate is neither true"},
        {"{\"value\":[],\"@odata.nextLink\":1}", NULL, NULL, "nextLink is no text"},
        {TABLE_A, "{\"value\":[]}", NULL, "its key aid is none of the columns"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\"}]}", NULL, "the columns of as: "},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\"}]}", NULL, "entry 1: it has no AttributeType"},
        {TABLE_A, "{\"value\":[" AID ",{\"AttributeType\":\"String\"}]}", NULL,
         "entry 2: it has no LogicalName"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeTypeName\":\"x\"}]}", NULL,
         "AttributeTypeName is no object"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeTypeName\":{\"Value\":1}}]}", NULL,
         "Value is no text"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeType\":\"String\",\"IsValidForRead\":1}]}",
         NULL, "IsValidForRead is neither true nor false"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeType\":\"String\",\"IsSecured\":[]}]}",
         NULL, "IsSecured is neither"},
        {TABLE_A, "{\"value\":[" AID ",{\"LogicalName\":\"l\",\"AttributeType\":\"Lookup\"}]}",
         "{\"value\":[{\"LogicalName\":\"l\",\"Targets\":\"a\"}]}", "Targets is no array"},
        {TABLE_A, "{\"value\":[" AID ",{\"LogicalName\":\"l\",\"AttributeType\":\"Lookup\"}]}",
         "{\"value\":[{\"LogicalName\":\"l\",\"Targets\":[null]}]}", "Targets holds something"},
        {TABLE_A, "{\"value\":[" AID ",{\"LogicalName\":\"l\",\"AttributeType\":\"Lookup\"}]}",
         "{\"value\":[{\"Targets\":[]}]}", "the lookups of as: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct document documents[] = {{LIST, NULL, cases[i].list, 0},
                                       {A COLUMNS, NULL, cases[i].columns, 0},
                                       {A LOOKUPS, NULL, cases[i].lookups, 0}};
        serve(documents, 3);
        assert_fails("as", DVS_E_PROTOCOL, cases[i].says);
        assert_int_equal(service.unreadable, 0);
    }
}

/* What may come whole the next time is left to the retries. */
static void test_unreadable(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "<html>", "{\"value\":[", "[]",
                                         "{\"error\":{\"code\":\"0x80040216\"}}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct document documents[] = {{LIST, NULL, bodies[i], 0}};
        serve(documents, 1);
        assert_fails("as", DVS_E_PROTOCOL, "unreadable");
        assert_int_equal(service.unreadable, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_list),        TEST(test_list_in_parts), TEST(test_names),      TEST(test_account),
        TEST(test_small_table), TEST(test_wrong_shapes),  TEST(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
