/* Tables, generated rows, columns that come and go, readers beside a writer. */
#include <pthread.h>
#include <stdatomic.h>

#include "org.h"

static const json_t *row_at(const json_t *document, size_t i)
{
    return json_array_get(json_object_get(document, "value"), i);
}

static void accounts_have_42_columns(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 10, 0);
    json_t *document = org_get(store, "accounts", NULL);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(json_object_size(row_at(document, i)), 42 + 1);
    json_decref(document);
    sim_store_free(store);
}

static void contacts_are_wide_and_sparse(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "contacts", 20, 0);
    json_t *document = org_get(store, "contacts", NULL);
    size_t nulls = 0;
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(json_object_size(row_at(document, i)), 290 + 1);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)row_at(document, i), key, value) nulls +=
            json_is_null(value);
    }
    assert_true(nulls > 20 * 150);
    json_decref(document);
    sim_store_free(store);
}

static void as_many_columns_as_asked_for(void **state)
{
    (void)state;
    static const char *const sets[] = {"accounts", "contacts", "datatypes", "tasks", "new_widgets"};
    static const unsigned columns[] = {2, 3, 7, 40, 43, 120, 400};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        for (size_t j = 0; j < sizeof columns / sizeof columns[0]; j++) {
            struct sim_store *store = org_new();
            org_generate(store, sets[i], 3, columns[j]);
            json_t *document = org_get(store, sets[i], NULL);
            assert_int_equal(json_object_size(row_at(document, 0)), columns[j] + 1);
            json_decref(document);
            sim_store_free(store);
        }
}

static void every_known_table_is_sound(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "accounts",     "contacts", "leads",     "opportunities", "products", "accountleadscollection",
        "tasks",        "emails",   "datatypes", "systemusers",   "teams",    "transactioncurrencies",
        "businessunits"};
    struct sim_store *store = org_new();
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        org_generate(store, sets[i], 30, 0);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        assert_int_equal(org_count(store, sets[i], NULL), 30);
    json_t *document = org_get(store, "", NULL);
    assert_int_equal(json_array_size(json_object_get(document, "value")), sizeof sets / sizeof sets[0]);
    json_decref(document);
    sim_store_free(store);
}

static void the_seed_decides(void **state)
{
    (void)state;
    char *bodies[3];
    for (size_t i = 0; i < 3; i++) {
        struct sim_store *store = sim_store_new(i < 2 ? 5 : 6, ORG_NOW);
        org_generate(store, "contacts", 50, 0);
        bodies[i] = org_get_with(store, "contacts", NULL, (struct org_ask){0}).body;
        sim_store_free(store);
    }
    assert_string_equal(bodies[0], bodies[1]);
    assert_string_not_equal(bodies[0], bodies[2]);
    for (size_t i = 0; i < 3; i++)
        free(bodies[i]);
}

static void stamps_and_versions(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 300, 0);
    json_t *document =
        org_get(store, "accounts", "$select=createdon,modifiedon,versionnumber&$orderby=versionnumber");
    json_int_t before = 0;
    for (size_t i = 0; i < 300; i++) {
        const json_t *row = row_at(document, i);
        const char *created = json_string_value(json_object_get(row, "createdon"));
        const char *modified = json_string_value(json_object_get(row, "modifiedon"));
        json_int_t version = json_integer_value(json_object_get(row, "versionnumber"));
        char etag[64];
        snprintf(etag, sizeof etag, "W/\"%lld\"", (long long)version);
        assert_string_equal(json_string_value(json_object_get(row, "@odata.etag")), etag);
        assert_int_equal(strlen(modified), strlen("2024-01-01T00:00:00Z"));
        assert_true(strcmp(created, modified) <= 0);
        assert_true(strcmp(modified, "2026-11-18T15:00:00Z") < 0);
        assert_true(version > before);
        before = version;
    }
    json_decref(document);
    sim_store_free(store);
}

static void lookups_lead_to_rows(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    struct sim_error error;
    assert_int_equal(sim_store_plan(store, "accounts", 40, &error), 0);
    assert_int_equal(sim_store_plan(store, "contacts", 5, &error), 0);
    org_generate(store, "accounts", 40, 0);
    org_generate(store, "contacts", 5, 0);
    json_t *document = org_get(store, "accounts",
                               "$select=_primarycontactid_value,_ownerid_value,_transactioncurrencyid_value");
    size_t found = 0;
    for (size_t i = 0; i < 40; i++) {
        static const char *const lookups[][3] = {
            {"_primarycontactid_value", "contacts", NULL},
            {"_transactioncurrencyid_value", "transactioncurrencies", NULL},
            {"_ownerid_value", "systemusers", "teams"}};
        for (size_t j = 0; j < 3; j++) {
            const char *guid = json_string_value(json_object_get(row_at(document, i), lookups[j][0]));
            if (guid == NULL)
                continue;
            int status = 404;
            for (size_t k = 1; k < 3 && status == 404 && lookups[j][k] != NULL; k++) {
                char path[128];
                snprintf(path, sizeof path, "%s(%s)", lookups[j][k], guid);
                struct sim_reply reply = org_get_with(store, path, NULL, (struct org_ask){0});
                status = reply.status;
                free(reply.body);
            }
            assert_int_equal(status, 200);
            found++;
        }
    }
    assert_true(found > 90);
    json_decref(document);
    sim_store_free(store);
}

static void datatypes_have_extremes(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "datatypes", 60, 0);
    struct sim_reply reply = org_get_with(store, "datatypes", NULL, (struct org_ask){0});
    static const char *const parts[] = {"\"abigint\":-9223372036854775808,",
                                        "\"abigint\":9223372036854775807,",
                                        "\"adecimal\":1234567890123456789,",
                                        "\"adecimal\":100000000000.0000000000,",
                                        "\"amoney\":922337203685477.5807,",
                                        "\"amoney\":20000.0000,",
                                        "\"astring\":\"\",",
                                        "\\ud83d\\ude00",
                                        "\"adate\":\"1753-01-01\"",
                                        "\"adatetime\":\"9999-12-31T23:59:59Z\"",
                                        "\"amultiselect\":\"1,9\"",
                                        "1.7976931348623157E+308",
                                        "\"versionnumber\":90071993",
                                        NULL};
    org_contains(reply.body, parts);
    assert_true(reply.length > 8 * 100000); /* texts of 100 KB */
    json_t *document = org_parse(&reply);
    json_decref(document);
    sim_store_free(store);
}

static void columns_by_request_only(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 30, 0);
    json_t *document = org_get(store, "accounts", "$select=entityimage");
    size_t images = 0;
    for (size_t i = 0; i < 30; i++)
        images += json_is_string(json_object_get(row_at(document, i), "entityimage"));
    assert_true(images > 0);
    json_decref(document);
    org_refused(store, "accounts", "$select=isprivate", 400, "0x80060888",
                "Could not find a property named 'isprivate'");
    org_refused(store, "accounts", "$select=owneridname", 400, "0x80060888",
                "Could not find a property named 'owneridname'");
    org_refused(store, "accounts", "$filter=isprivate eq true", 400, "0x80060888",
                "Could not find a property named 'isprivate'");
    sim_store_free(store);
}

static void columns_come_and_go(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    struct sim_error error = {""};
    org_generate(store, "accounts", 5, 0);
    assert_int_equal(sim_store_drop_column(store, "accounts", "industrycode", &error), 0);
    org_refused(store, "accounts", "$select=name,industrycode", 400, "0x80060888",
                "Could not find a property named 'industrycode' on type 'Microsoft.Dynamics.CRM.account'.");
    org_refused(store, "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='industrycodename')",
                NULL, 404, "0x80060888", "industrycodename"); /* its companion went too */
    assert_int_equal(sim_store_add_column(store, "accounts", "new_rating", "Integer", &error), 0);
    json_t *document = org_get(store, "accounts", NULL);
    assert_int_equal(json_object_size(row_at(document, 0)), 43);
    assert_true(json_is_null(json_object_get(row_at(document, 0), "new_rating")));
    char change[256];
    snprintf(change, sizeof change, "{\"accounts\":{\"update\":[{\"accountid\":\"%s\",\"new_rating\":5}]}}",
             json_string_value(json_object_get(row_at(document, 0), "accountid")));
    json_decref(document);
    json_decref(org_change(store, change));
    assert_int_equal(org_count(store, "accounts", "$filter=new_rating eq 5"), 1);

    assert_int_equal(sim_store_drop_column(store, "accounts", "accountid", &error), -1);
    assert_non_null(strstr(error.message, "primary key"));
    assert_int_equal(sim_store_drop_column(store, "accounts", "nope", &error), -1);
    assert_int_equal(sim_store_drop_column(store, "nope", "name", &error), -1);
    assert_int_equal(sim_store_add_column(store, "accounts", "name", "String", &error), -1);
    assert_int_equal(sim_store_add_column(store, "accounts", "New Column", "String", &error), -1);
    assert_int_equal(sim_store_add_column(store, "accounts", "new_x", "Strings", &error), -1);
    assert_non_null(strstr(error.message, "Strings"));
    sim_store_free(store);
}

static void tables_that_cannot_be(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    struct sim_error error = {""};
    org_generate(store, "accounts", 5, 0);
    assert_int_equal(sim_store_generate(store, "accounts", 5, 0, &error), -1);
    assert_non_null(strstr(error.message, "already"));
    assert_int_equal(sim_store_generate(store, "My Table", 5, 0, &error), -1);
    assert_int_equal(sim_store_generate(store, "contacts", 5, 1, &error), -1);
    /* Those that came along give way. */
    org_generate(store, "systemusers", 50, 0);
    assert_int_equal(org_count(store, "systemusers", NULL), 50);
    sim_store_free(store);
}

struct traffic {
    struct sim_store *store;
    atomic_int stop;
    atomic_int failures;
};

static void *read_on(void *context)
{
    struct traffic *traffic = context;
    static const char *const queries[][2] = {{"accounts", "$select=name,revenue"},
                                             {"accounts", "$filter=contains(name,'a')&$orderby=name"},
                                             {"EntityDefinitions(LogicalName='account')/Attributes", NULL},
                                             {"$metadata", NULL}};
    for (size_t i = 0; !atomic_load(&traffic->stop); i++) {
        struct sim_call call = {
            .path = queries[i % 4][0], .query = queries[i % 4][1], .base = ORG_BASE, .max_page_size = 50};
        struct sim_reply reply;
        if (sim_api_get(traffic->store, &call, &reply) != 0 || reply.status != 200)
            atomic_fetch_add(&traffic->failures, 1);
        free(reply.body);
    }
    return NULL;
}

static void readers_beside_a_writer(void **state)
{
    (void)state;
    struct traffic traffic = {.store = org_new()};
    struct sim_error error;
    org_generate(traffic.store, "accounts", 300, 0);
    pthread_t readers[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &traffic), 0);
    for (size_t i = 0; i < 60; i++) {
        char *report = sim_store_change(
            traffic.store, "{\"accounts\":{\"random\":{\"insert\":20,\"update\":20,\"delete\":20}}}", ORG_NOW,
            &error);
        if (report == NULL ||
            sim_store_add_column(traffic.store, "accounts", "new_x", "String", &error) != 0 ||
            sim_store_drop_column(traffic.store, "accounts", "new_x", &error) != 0)
            atomic_fetch_add(&traffic.failures, 1);
        free(report);
    }
    atomic_store(&traffic.stop, 1);
    for (size_t i = 0; i < 3; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&traffic.failures), 0);
    assert_int_equal(org_count(traffic.store, "accounts", NULL), 300);
    sim_store_free(traffic.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_have_42_columns),
        cmocka_unit_test(contacts_are_wide_and_sparse),
        cmocka_unit_test(as_many_columns_as_asked_for),
        cmocka_unit_test(every_known_table_is_sound),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(stamps_and_versions),
        cmocka_unit_test(lookups_lead_to_rows),
        cmocka_unit_test(datatypes_have_extremes),
        cmocka_unit_test(columns_by_request_only),
        cmocka_unit_test(columns_come_and_go),
        cmocka_unit_test(tables_that_cannot_be),
        cmocka_unit_test(readers_beside_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
