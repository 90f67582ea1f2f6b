/* Rows that change: what is reported, what is stamped, all or nothing. */
#include "org.h"

#define ID(n) "00000000-0000-0000-0000-00000000000" n
#define THINGS                                                                                               \
    "[{\"thingid\":\"" ID("1") "\",\"name\":\"one\",\"n\":1},{\"thingid\":\"" ID(                            \
        "2") "\",\"name\":\"two\",\"n\":2}]"

static struct sim_store *things(void)
{
    struct sim_store *store = org_new();
    org_load(store, "things.json", THINGS);
    return store;
}

static json_t *row_of(struct sim_store *store, const char *id)
{
    char path[64];
    snprintf(path, sizeof path, "things(%s)", id);
    return org_get(store, path, NULL);
}

static const char *reported(const json_t *report, const char *set, const char *what, size_t i)
{
    return json_string_value(json_array_get(json_object_get(json_object_get(report, set), what), i));
}

static void insert_update_delete(void **state)
{
    (void)state;
    struct sim_store *store = things();
    json_t *old = row_of(store, ID("1"));
    json_t *report =
        org_change(store, "{\"things\":{\"insert\":[{\"thingid\":\"" ID(
                              "3") "\",\"name\":\"three\"},{\"name\":\"four\"}],"
                                   "\"update\":[{\"thingid\":\"" ID("1") "\",\"name\":\"\\\"uno\\\"\"}],"
                                                                         "\"delete\":[\"" ID("2") "\"]}}");
    assert_string_equal(reported(report, "things", "inserted", 0), ID("3"));
    assert_non_null(reported(report, "things", "inserted", 1));
    assert_string_equal(reported(report, "things", "updated", 0), ID("1"));
    assert_string_equal(reported(report, "things", "deleted", 0), ID("2"));
    json_decref(report);

    json_t *row = row_of(store, ID("1"));
    assert_string_equal(json_string_value(json_object_get(row, "name")), "\"uno\"");
    assert_int_equal(json_integer_value(json_object_get(row, "n")), 1);
    assert_string_equal(json_string_value(json_object_get(row, "modifiedon")), "2026-11-18T12:06:40Z");
    assert_true(json_integer_value(json_object_get(row, "versionnumber")) >
                json_integer_value(json_object_get(old, "versionnumber")));
    assert_string_not_equal(json_string_value(json_object_get(row, "@odata.etag")),
                            json_string_value(json_object_get(old, "@odata.etag")));
    json_decref(row);
    json_decref(old);
    row = row_of(store, ID("3"));
    assert_string_equal(json_string_value(json_object_get(row, "modifiedon")), "2026-11-18T12:06:40Z");
    assert_true(json_is_null(json_object_get(row, "n")));
    json_decref(row);
    org_refused(store, "things(" ID("2") ")", NULL, 404, "0x80040217", "Does Not Exist");
    assert_int_equal(org_count(store, "things", NULL), 3);
    sim_store_free(store);
}

static void a_row_may_name_its_own_date(void **state)
{
    (void)state;
    struct sim_store *store = things();
    json_decref(org_change(store, "{\"things\":{\"update\":[{\"thingid\":\"" ID(
                                      "1") "\",\"modifiedon\":\"2020-01-02T03:04:05Z\"}]}}"));
    json_t *row = row_of(store, ID("1"));
    assert_string_equal(json_string_value(json_object_get(row, "modifiedon")), "2020-01-02T03:04:05Z");
    json_decref(row);
    sim_store_free(store);
}

/* After each of these nothing is changed, though something before the mistake was right. */
static void all_or_nothing(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{\"things\":{\"update\":[{\"thingid\":\"" ID("1") "\",\"n\":9}],\"delete\":[\"" ID("7") "\"]}}",
         "no row"},
        {"{\"things\":{\"delete\":[\"" ID("1") "\",\"" ID("1") "\"]}}", "no row"},
        {"{\"things\":{\"insert\":[{\"n\":5},{\"thingid\":\"" ID("1") "\"}]}}", "already"},
        {"{\"things\":{\"delete\":[\"" ID("1") "\"],\"update\":[{\"n\":5}]}}", "does not name"},
        {"{\"things\":{\"insert\":[{\"n\":5}],\"update\":[{\"thingid\":\"" ID("1") "\",\"nope\":5}]}}",
         "nope"},
        {"{\"things\":{\"insert\":[{\"n\":5},{\"n\":\"many\"}]}}", "number"},
        {"{\"things\":{\"insert\":[{\"n\":5},{\"n\":1.5}]}}", "whole number"},
        {"{\"things\":{\"insert\":[{\"n\":5},{\"name\":5}]}}", "string"},
        {"{\"things\":{\"insert\":[{\"n\":5},{\"thingid\":null}]}}", "GUID"},
        {"{\"things\":{\"insert\":[{\"n\":5}]},\"nothings\":{}}", "nothings"},
        {"{\"things\":{\"insert\":[{\"n\":5}],\"drop\":[]}}", "drop"},
        {"{\"things\":{\"insert\":[{\"n\":5}],\"delete\":[5]}}", "GUID"},
        {"{\"things\":{\"random\":{\"insert\":3,\"update\":2,\"delete\":9}}}", "no row left"},
        {"{\"things\":{\"random\":{\"delete\":-1}}}", "negative"},
        {"[]", "object"},
        {"{\"things\":", "object"},
    };
    struct sim_store *store = things();
    char *before = org_get_with(store, "things", NULL, (struct org_ask){0}).body;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sim_error error = {""};
        char *report = sim_store_change(store, wrong[i][0], ORG_NOW, &error);
        if (report != NULL || strstr(error.message, wrong[i][1]) == NULL)
            fail_msg("%s: %s", wrong[i][0], report == NULL ? error.message : report);
        char *after = org_get_with(store, "things", NULL, (struct org_ask){0}).body;
        assert_string_equal(after, before);
        free(after);
    }
    free(before);
    sim_store_free(store);
}

static void one_row_several_times(void **state)
{
    (void)state;
    struct sim_store *store = things();
    json_decref(org_change(
        store,
        "{\"things\":{\"insert\":[{\"thingid\":\"" ID("5") "\",\"n\":1}],\"update\":[{\"thingid\":\"" ID(
            "5") "\",\"n\":2},{\"thingid\":\"" ID("5") "\",\"n\":3}],\"delete\":[\"" ID("5") "\"]}}"));
    assert_int_equal(org_count(store, "things", NULL), 2);
    sim_store_free(store);
}

static void random_changes(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 1500, 0);
    json_t *report =
        org_change(store, "{\"accounts\":{\"random\":{\"insert\":700,\"update\":30,\"delete\":1000}}}");
    const json_t *of_table = json_object_get(report, "accounts");
    assert_int_equal(json_array_size(json_object_get(of_table, "inserted")), 700);
    assert_int_equal(json_array_size(json_object_get(of_table, "updated")), 30);
    assert_int_equal(json_array_size(json_object_get(of_table, "deleted")), 1000);
    json_decref(report);
    assert_int_equal(org_count(store, "accounts", NULL), 1200);
    /* Rows that were put in came into their places. */
    json_t *document = org_get(store, "accounts", "$select=accountid");
    struct sim_guid last;
    memset(&last, 0, sizeof last);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(document, "value"), i, row)
    {
        struct sim_guid guid;
        const char *text = json_string_value(json_object_get(row, "accountid"));
        assert_int_equal(sim_guid_parse(text, strlen(text), &guid), 0);
        assert_true(sim_guid_compare(&last, &guid) < 0);
        last = guid;
    }
    json_decref(document);
    assert_true(org_count(store, "accounts", "$select=accountid&$filter=modifiedon ge 2026-11-18T12:06:40Z") >
                100);
    sim_store_free(store);
}

static void values_are_written_as_the_service_does(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "datatypes", 1, 0);
    json_decref(org_change(
        store, "{\"datatypes\":{\"insert\":[{\"datatypeid\":\"{00000000-0000-0000-0000-0000000000AB}\","
               "\"amoney\":20000,"
               "\"adecimal\":\"1.50\",\"abigint\":9223372036854775807,\"adate\":\"2024-03-15T10:00:00Z\","
               "\"adatetime\":\"2024-03-15T12:00:00.5+02:00\",\"aboolean\":true,\"_alookup_value\":"
               "\"00000000-0000-0000-0000-0000000000CD\",\"astring\":\"a\\nb\"}]}}"));
    struct sim_reply reply =
        org_get_with(store, "datatypes(00000000-0000-0000-0000-0000000000ab)", NULL, (struct org_ask){0});
    static const char *const parts[] = {"\"amoney\":20000.0000,",
                                        "\"adecimal\":1.50,",
                                        "\"abigint\":9223372036854775807,",
                                        "\"adate\":\"2024-03-15\",",
                                        "\"adatetime\":\"2024-03-15T10:00:00Z\",",
                                        "\"aboolean\":true,",
                                        "\"_alookup_value\":\"00000000-0000-0000-0000-0000000000cd\",",
                                        "\"astring\":\"a\\nb\",",
                                        "\"anothermemo\":null,",
                                        "\"datatypeid\":\"00000000-0000-0000-0000-0000000000ab\",",
                                        NULL};
    org_contains(reply.body, parts);
    free(reply.body);
    sim_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(insert_update_delete), cmocka_unit_test(a_row_may_name_its_own_date),
        cmocka_unit_test(all_or_nothing),       cmocka_unit_test(one_row_several_times),
        cmocka_unit_test(random_changes),       cmocka_unit_test(values_are_written_as_the_service_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
