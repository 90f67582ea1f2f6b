/* The user's own files: JSON and CSV, types that are guessed, mistakes that are named. */
#include "org.h"

static const char *type_of(struct sim_store *store, const char *table, const char *column)
{
    static char type[64];
    char path[160];
    snprintf(path, sizeof path, "EntityDefinitions(LogicalName='%s')/Attributes(LogicalName='%s')", table,
             column);
    json_t *document = org_get(store, path, "$select=AttributeType");
    snprintf(type, sizeof type, "%s", json_string_value(json_object_get(document, "AttributeType")));
    json_decref(document);
    return type;
}

static void contains(struct sim_store *store, const char *set, const char *const *parts)
{
    struct sim_reply reply = org_get_with(store, set, NULL, (struct org_ask){0});
    org_contains(reply.body, parts);
    free(reply.body);
}

static void csv(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_load(
        store, "Customers.csv",
        "\xef\xbb\xbf"
        "First Name,age,big,price,since,seen,member,note,code\r\n"
        "Ada,36,9007199254740993,1.50,2024-03-15,2024-03-15T10:00:00Z,true,\"a \"\"b\"\", c\nd\",0012\r\n"
        "\"\",,1,2,,,false,,7\r\n"
        "\n"
        "Zoë,-5,2,-0.25,1999-12-31,2024-01-01T00:00:00Z,,x,8");
    static const char *const types[][2] = {{"first_name", "String"},   {"age", "Integer"},
                                           {"big", "BigInt"},          {"price", "Decimal"},
                                           {"since", "DateTime"},      {"seen", "DateTime"},
                                           {"member", "Boolean"},      {"note", "String"},
                                           {"code", "String"},         {"customerid", "Uniqueidentifier"},
                                           {"modifiedon", "DateTime"}, {"versionnumber", "BigInt"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        assert_string_equal(type_of(store, "customer", types[i][0]), types[i][1]);
    assert_int_equal(org_count(store, "customers", NULL), 3);
    contains(store, "customers",
             (const char *const[]){"\"first_name\":\"Ada\",\"age\":36,\"big\":9007199254740993,\"price\":1."
                                   "50,\"since\":\"2024-03-15\","
                                   "\"seen\":\"2024-03-15T10:00:00Z\",\"member\":true,\"note\":\"a "
                                   "\\\"b\\\", c\\nd\",\"code\":\"0012\"",
                                   "\"first_name\":\"\",\"age\":null", "\"member\":null,\"note\":\"x\"",
                                   "\"modifiedon\":\"2026-11-18T11:06:40Z\"", NULL});
    sim_store_free(store);
}

static void semicolons(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_load(store, "places.csv", "name;note\nZürich;a, b\n");
    contains(store, "places", (const char *const[]){"\"name\":\"Zürich\",\"note\":\"a, b\"", NULL});
    sim_store_free(store);
}

static void key_of_the_file(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    /* By name, though another GUID column comes first; upper case is made lower. */
    org_load(store, "items.json",
             "[{\"owner\":\"00000000-0000-0000-0000-000000000009\",\"itemid\":\"00000000-0000-0000-0000-"
             "0000000000AB\"},"
             "{\"owner\":\"00000000-0000-0000-0000-000000000008\",\"itemid\":\"00000000-0000-0000-0000-"
             "000000000002\"}]");
    json_decref(org_get(store, "items(00000000-0000-0000-0000-0000000000ab)", NULL));
    /* Else the first GUID column that can be one. */
    org_load(store, "others.json",
             "[{\"parent\":\"00000000-0000-0000-0000-000000000009\",\"id\":\"00000000-0000-0000-0000-"
             "000000000001\"},"
             "{\"parent\":\"00000000-0000-0000-0000-000000000009\",\"id\":\"00000000-0000-0000-0000-"
             "000000000002\"}]");
    json_decref(org_get(store, "others(00000000-0000-0000-0000-000000000002)", NULL));
    sim_store_free(store);
}

static void answers_of_the_web_api_can_be_loaded(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_load(store, "accounts.json",
             "{\"@odata.context\":\"x\",\"value\":[{\"@odata.etag\":\"W/"
             "\\\"1\\\"\",\"accountid\":\"00000000-0000-0000-0000-000000000001\","
             "\"name\":\"A\",\"_ownerid_value\":\"00000000-0000-0000-0000-000000000005\",\"revenue@OData."
             "Community.Display.V1.FormattedValue\":"
             "\"$1\",\"revenue\":1.5,\"closed\":null}]}");
    assert_string_equal(type_of(store, "account", "ownerid"), "Lookup");
    assert_string_equal(type_of(store, "account", "closed"), "String");
    contains(
        store, "accounts",
        (const char *const[]){"\"name\":\"A\",\"_ownerid_value\":\"00000000-0000-0000-0000-000000000005\","
                              "\"revenue\":1.5,\"closed\":null",
                              NULL});
    sim_store_free(store);
}

static void described(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_load(store, "x.json",
             "{\"table\":{\"set_name\":\"new_cities\",\"logical_name\":\"new_city\"},\"columns\":[{\"name\":"
             "\"new_cityid\",\"type\":"
             "\"Uniqueidentifier\"},{\"name\":\"size\",\"type\":\"Money\"},{\"name\":\"founded\",\"type\":"
             "\"DateTime\",\"behavior\":\"DateOnly\"},"
             "{\"name\":\"mayor\",\"type\":\"Lookup\",\"targets\":[\"contact\"]}],\"rows\":[{\"new_cityid\":"
             "\"00000000-0000-0000-0000-000000000001\",\"size\":\"1.2\",\"founded\":\"1291-08-01\",\"_mayor_"
             "value\":null}]}");
    contains(store, "new_cities",
             (const char *const[]){"\"size\":1.2000,\"founded\":\"1291-08-01\",\"_mayor_value\":null", NULL});
    json_decref(org_get(store, "EntityDefinitions(LogicalName='new_city')", NULL));
    sim_store_free(store);
}

static void refused(const char *name, const char *text, const char *message)
{
    struct sim_store *store = org_new();
    struct sim_error error = {""};
    int answer = org_try_load(store, name, text, &error);
    if (answer != -1 || strstr(error.message, message) == NULL)
        fail_msg("%s: %d \"%s\"", text, answer, error.message);
    /* Nothing of it is there. */
    assert_int_equal(org_count(store, "", NULL), 0);
    sim_store_free(store);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refused("a.txt", "a", ".json nor in .csv");
    refused("a.json", "[{\"a\":1},", "line 1");
    refused("a.json", "{}", "no rows");
    refused("a.json", "[5]", "row 1 is no object");
    refused("a.json", "[{\"A b\":1,\"a_b\":2}]", "two columns called a_b");
    refused("a.csv", "a,b\n1,2,3\n", "Line 2 of the CSV has more fields");
    refused("a.csv", "a,b\n1,2\n3\n", "Line 3 of the CSV has 1 fields, the header has 2");
    refused("a.csv", "a,b\n\"1,2\n3\n", "quote is not closed");
    refused("a.csv", "a,,b\n1,2,3\n", "no name");
    refused("a.csv", "a,a\n1,2\n", "two columns are called a");
    refused("things.csv", "thingid,b\n1,2\n", "no GUID");
    refused("things.csv",
            "thingid,b\n00000000-0000-0000-0000-000000000001,2\n00000000-0000-0000-0000-000000000001,2\n",
            "twice the same");
    refused("a.json", "{\"columns\":[{\"name\":\"n\",\"type\":\"Whole\"}],\"rows\":[]}", "type");
    refused("a.json",
            "{\"columns\":[{\"name\":\"n\",\"type\":\"Integer\"}],\"rows\":[{\"n\":1},{\"n\":\"x\"}]}",
            "Row 2 of a");
    struct sim_store *store = org_new();
    struct sim_error error = {""};
    assert_int_equal(sim_store_load(store, "/nowhere/x.json", &error), -1);
    assert_non_null(strstr(error.message, "/nowhere/x.json"));
    sim_store_free(store);
}

static void loaded_rows_can_be_changed(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_load(store, "places.csv", "name,size\nA,1\nB,2\n");
    json_decref(org_change(store, "{\"places\":{\"random\":{\"insert\":5,\"update\":2,\"delete\":1}}}"));
    assert_int_equal(org_count(store, "places", NULL), 6);
    sim_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),
        cmocka_unit_test(semicolons),
        cmocka_unit_test(described),
        cmocka_unit_test(key_of_the_file),
        cmocka_unit_test(answers_of_the_web_api_can_be_loaded),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(loaded_rows_can_be_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
