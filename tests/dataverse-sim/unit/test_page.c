/* Pages, links, faults, annotations. */
#include "org.h"
#include "percent.h"
#include "skiptoken.h"

static char *link_query(const json_t *document)
{
    const char *link = json_string_value(json_object_get(document, "@odata.nextLink"));
    if (link == NULL)
        return NULL;
    assert_int_equal(strncmp(link, ORG_BASE, strlen(ORG_BASE)), 0);
    char *query = strdup(strchr(link, '?') + 1);
    assert_non_null(query);
    return query;
}

/* Reads all pages: the keys in the order in which they came, each 36 characters. */
static char *read_all(struct sim_store *store, const char *set, const char *key, const char *query,
                      struct org_ask ask, size_t *n_pages)
{
    char *keys = calloc(1, 1);
    char *next = query == NULL ? NULL : strdup(query);
    size_t length = 0;
    for (size_t page = 1;; page++) {
        struct sim_reply reply = org_get_with(store, set, next, ask);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.violation, "");
        assert_int_equal(reply.page, page);
        json_t *document = org_parse(&reply);
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(document, "value"), i, row)
        {
            keys = realloc(keys, length + 37);
            assert_non_null(keys);
            memcpy(keys + length, json_string_value(json_object_get(row, key)), 37);
            length += 36;
        }
        free(next);
        next = link_query(document);
        assert_int_equal(reply.last_page, next == NULL);
        json_decref(document);
        if (next == NULL) {
            *n_pages = page;
            return keys;
        }
    }
}

static void pages_are_the_whole(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 1000, 0);
    static const char *const queries[] = {NULL,
                                          "$select=name",
                                          "$filter=numberofemployees gt 5000&$select=name",
                                          "$orderby=name%20desc",
                                          "$orderby=revenue",
                                          "$orderby=industrycode,_ownerid_value desc"};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        size_t n = 0;
        char *whole = read_all(store, "accounts", "accountid", queries[i], (struct org_ask){0}, &n);
        assert_int_equal(n, 1);
        char *small =
            read_all(store, "accounts", "accountid", queries[i], (struct org_ask){.page_size = 7}, &n);
        assert_true(n > 60);
        assert_string_equal(small, whole);
        free(small);
        small = read_all(store, "accounts", "accountid", queries[i],
                         (struct org_ask){.page_size = 250, .annotations = 1}, &n);
        assert_string_equal(small, whole);
        free(small);
        free(whole);
    }
    sim_store_free(store);
}

static void rows_come_in_the_order_of_sql_server(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 2000, 3);
    size_t n = 0;
    char *keys = read_all(store, "accounts", "accountid", NULL, (struct org_ask){.page_size = 300}, &n);
    assert_int_equal(strlen(keys), 2000 * 36);
    int unlike_text = 0;
    for (size_t i = 36; i < 2000 * 36; i += 36) {
        struct sim_guid a;
        struct sim_guid b;
        assert_int_equal(sim_guid_parse(keys + i - 36, 36, &a), 0);
        assert_int_equal(sim_guid_parse(keys + i, 36, &b), 0);
        assert_true(sim_guid_compare(&a, &b) < 0);
        unlike_text |= memcmp(keys + i - 36, keys + i, 36) > 0;
    }
    assert_true(unlike_text);
    free(keys);
    sim_store_free(store);
}

static void page_size_above_5000_is_ignored(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "widgets", 5100, 2);
    struct sim_reply reply = org_get_with(store, "new_widgets", NULL, (struct org_ask){.page_size = 6000});
    assert_int_equal(reply.last_page, 0);
    json_t *document = org_parse(&reply);
    assert_int_equal(json_array_size(json_object_get(document, "value")), 5000);
    json_decref(document);
    sim_store_free(store);
}

static void exactly_full_page_is_the_last(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "widgets", 20, 2);
    size_t n = 0;
    free(read_all(store, "new_widgets", "new_widgetid", NULL, (struct org_ask){.page_size = 10}, &n));
    assert_int_equal(n, 2);
    sim_store_free(store);
}

/* Paging sees each page at its own time: what is put behind the cursor is not seen, what is put before it
 * is. */
static void paging_is_no_snapshot(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_load(store, "things.json",
             "[{\"thingid\":\"00000000-0000-0000-0000-000000000002\",\"n\":2},{\"thingid\":\"00000000-0000-"
             "0000-0000-000000000004\",\"n\":4},"
             "{\"thingid\":\"00000000-0000-0000-0000-000000000006\",\"n\":6}]");
    struct sim_reply reply = org_get_with(store, "things", "$select=n", (struct org_ask){.page_size = 2});
    json_t *document = org_parse(&reply);
    char *next = link_query(document);
    json_decref(document);
    json_decref(org_change(
        store, "{\"things\":{\"insert\":[{\"thingid\":\"00000000-0000-0000-0000-000000000003\",\"n\":3},"
               "{\"thingid\":\"00000000-0000-0000-0000-000000000005\",\"n\":5}],"
               "\"delete\":[\"00000000-0000-0000-0000-000000000004\"]}}"));
    reply = org_get_with(store, "things", next, (struct org_ask){.page_size = 2});
    document = org_parse(&reply);
    const json_t *rows = json_object_get(document, "value");
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "n")), 5);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 1), "n")), 6);
    json_decref(document);
    free(next);
    sim_store_free(store);
}

static char *second_page(struct sim_store *store, const char *query, uint32_t size)
{
    struct sim_reply reply = org_get_with(store, "accounts", query, (struct org_ask){.page_size = size});
    json_t *document = org_parse(&reply);
    char *next = link_query(document);
    assert_non_null(next);
    json_decref(document);
    return next;
}

static void shape_of_a_link(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 10, 0);
    char *next = second_page(store, "$select=name,telephone1", 4);
    const char *token =
        strstr(next, "&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2520");
    assert_ptr_equal(token, next + strlen("$select=name,telephone1"));
    assert_non_null(strstr(next, "%22%20istracking=%22False%22%20/%3E"));
    char *once = sim_percent_decode(token, strlen(token), 0, NULL);
    char *twice = sim_percent_decode(once, strlen(once), 0, NULL);
    assert_non_null(strstr(twice, "<accountid last=\"{"));
    assert_non_null(strstr(twice, "}\" /></cookie>"));
    free(once);
    free(twice);
    free(next);
    sim_store_free(store);
}

static void tampered(struct sim_store *store, const char *query, int status, const char *violation)
{
    struct sim_reply reply = org_get_with(store, "accounts", query, (struct org_ask){.page_size = 4});
    if (reply.status != status || strstr(reply.violation, violation) == NULL)
        fail_msg("%s: %d, violation \"%s\"", query, reply.status, reply.violation);
    free(reply.body);
}

static char *replaced(const char *text, const char *what, const char *with)
{
    const char *at = strstr(text, what);
    assert_non_null(at);
    char *made = malloc(strlen(text) + strlen(with) + 1);
    assert_non_null(made);
    sprintf(made, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
    return made;
}

static void a_link_is_used_as_it_is(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 10, 0);
    char *next = second_page(store, "$select=name", 4);
    tampered(store, next, 200, "");
    static const char *const changes[][2] = {{"$select=name", "$select=telephone1"},
                                             {"$select=name", "$select=name&$filter=name ne null"},
                                             {"pagenumber=%222", "pagenumber=%223"},
                                             {"%257b", "%257b0"},
                                             {"page%253d%25221", "page%253d%25222"},
                                             {"$select=name&", ""},
                                             {"cookie", "kookie"},
                                             {"size%253d%25224", "size%253d%25225"}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char *changed = replaced(next, changes[i][0], changes[i][1]);
        tampered(store, changed, 400, "$skiptoken");
        free(changed);
    }
    /* Cut off. */
    char *cut = strdup(next);
    cut[strlen(cut) - 20] = '\0';
    tampered(store, cut, 400, "$skiptoken");
    free(cut);
    /* Encoded anew: the place is the same. */
    char *anew = replaced(next, "istracking=%22", "istracking%3D%22");
    tampered(store, anew, 200, "byte for byte");
    free(anew);
    tampered(store, "$skiptoken=", 400, "$skiptoken");
    free(next);
    sim_store_free(store);
}

static void preferences_are_repeated(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 10, 0);
    char *next = second_page(store, NULL, 4);
    struct sim_reply reply = org_get_with(store, "accounts", next, (struct org_ask){.page_size = 0});
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.violation, "maxpagesize"));
    free(reply.body);
    reply = org_get_with(store, "accounts", next, (struct org_ask){.page_size = 4, .annotations = 1});
    assert_non_null(strstr(reply.violation, "annotations"));
    free(reply.body);
    free(next);
    sim_store_free(store);
}

static void faults(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 10, 0);
    char *next = second_page(store, "$select=name", 4);
    struct sim_reply reply =
        org_get_with(store, "accounts", next, (struct org_ask){.page_size = 4, .faults = SIM_PAGE_LOOP});
    json_t *document = org_parse(&reply);
    char *again = link_query(document);
    assert_string_equal(again, next);
    free(again);
    json_decref(document);

    reply =
        org_get_with(store, "accounts", next, (struct org_ask){.page_size = 4, .faults = SIM_PAGE_FOREIGN});
    document = org_parse(&reply);
    const char *link = json_string_value(json_object_get(document, "@odata.nextLink"));
    assert_int_equal(strncmp(link, ORG_BASE, strlen("http://127.0.0.1")) != 0, 1);
    json_decref(document);

    reply = org_get_with(store, "accounts", next, (struct org_ask){.page_size = 4, .faults = SIM_PAGE_ERROR});
    document = org_parse(&reply);
    assert_int_equal(json_array_size(json_object_get(document, "value")), 2);
    assert_non_null(json_object_get(json_object_get(document, "error"), "message"));
    json_decref(document);
    free(next);
    sim_store_free(store);
}

static void duplicates(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 12, 0);
    static const char *const queries[] = {"$select=name", "$orderby=name%20desc",
                                          "$filter=name ne 'x'&$select=name"};
    for (size_t q = 0; q < 3; q++) {
        struct sim_reply reply =
            org_get_with(store, "accounts", queries[q], (struct org_ask){.page_size = 5});
        json_t *first = org_parse(&reply);
        char *next = link_query(first);
        reply = org_get_with(store, "accounts", next,
                             (struct org_ask){.page_size = 5, .faults = SIM_PAGE_DUPLICATES});
        json_t *second = org_parse(&reply);
        const json_t *before = json_object_get(first, "value");
        const json_t *rows = json_object_get(second, "value");
        assert_int_equal(json_array_size(rows), 8);
        for (size_t i = 0; i < 3; i++)
            assert_true(json_equal(json_array_get(rows, i), json_array_get(before, 2 + i)));
        char *third = link_query(second);
        assert_non_null(third);
        reply = org_get_with(store, "accounts", third, (struct org_ask){.page_size = 5});
        assert_int_equal(reply.last_page, 1);
        free(reply.body);
        free(third);
        free(next);
        json_decref(first);
        json_decref(second);
    }
    sim_store_free(store);
}

static void empty_last_page(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 5, 0);
    struct sim_reply reply =
        org_get_with(store, "accounts", NULL, (struct org_ask){.faults = SIM_PAGE_EMPTY_LAST});
    assert_int_equal(reply.last_page, 0);
    json_t *document = org_parse(&reply);
    char *next = link_query(document);
    json_decref(document);
    reply = org_get_with(store, "accounts", next, (struct org_ask){.faults = SIM_PAGE_EMPTY_LAST});
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.last_page, 1);
    document = org_parse(&reply);
    assert_int_equal(json_array_size(json_object_get(document, "value")), 0);
    json_decref(document);
    free(next);
    sim_store_free(store);
}

static void annotations(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_load(
        store, "things.json",
        "{\"columns\":[{\"name\":\"thingid\",\"type\":\"Uniqueidentifier\"},{\"name\":\"name\",\"type\":"
        "\"String\"},"
        "{\"name\":\"price\",\"type\":\"Money\"},{\"name\":\"kind\",\"type\":\"Picklist\",\"options\":\"1:"
        "Big one;12:Small\"},"
        "{\"name\":\"tags\",\"type\":\"MultiSelectPicklist\",\"options\":\"1:Red;9:Blue\"},{\"name\":\"at\","
        "\"type\":\"DateTime\"},"
        "{\"name\":\"parent\",\"type\":\"Lookup\",\"targets\":[\"thing\"]},{\"name\":\"ok\",\"type\":"
        "\"Boolean\"}],\"rows\":[{\"thingid\":"
        "\"00000000-0000-0000-0000-000000000002\",\"name\":\"A "
        "\\\"b\\\"\",\"price\":\"-1234567.5\",\"kind\":12,\"tags\":\"1,9\","
        "\"at\":\"2023-04-07T21:59:01Z\",\"parent\":\"00000000-0000-0000-0000-000000000002\",\"ok\":null}]}");
    struct sim_reply reply = org_get_with(store, "things", NULL, (struct org_ask){.annotations = 1});
    json_t *document = org_parse(&reply);
    const json_t *row = json_array_get(json_object_get(document, "value"), 0);
    static const char *const expected[][2] = {
        {"price@OData.Community.Display.V1.FormattedValue", "$-1,234,567.50"},
        {"kind@OData.Community.Display.V1.FormattedValue", "Small"},
        {"tags@OData.Community.Display.V1.FormattedValue", "Red; Blue"},
        {"at@OData.Community.Display.V1.FormattedValue", "4/7/2023 9:59 PM"},
        {"_parent_value@OData.Community.Display.V1.FormattedValue", "A \"b\""},
        {"_parent_value@Microsoft.Dynamics.CRM.lookuplogicalname", "thing"},
        {"_parent_value@Microsoft.Dynamics.CRM.associatednavigationproperty", "parent"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const char *value = json_string_value(json_object_get(row, expected[i][0]));
        if (value == NULL || strcmp(value, expected[i][1]) != 0)
            fail_msg("%s is %s", expected[i][0], value == NULL ? "missing" : value);
    }
    assert_null(json_object_get(row, "ok@OData.Community.Display.V1.FormattedValue"));
    assert_null(json_object_get(row, "name@OData.Community.Display.V1.FormattedValue"));
    assert_non_null(json_object_get(document, "@Microsoft.Dynamics.CRM.globalmetadataversion"));
    json_decref(document);
    sim_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_the_whole),
        cmocka_unit_test(rows_come_in_the_order_of_sql_server),
        cmocka_unit_test(page_size_above_5000_is_ignored),
        cmocka_unit_test(exactly_full_page_is_the_last),
        cmocka_unit_test(paging_is_no_snapshot),
        cmocka_unit_test(shape_of_a_link),
        cmocka_unit_test(a_link_is_used_as_it_is),
        cmocka_unit_test(preferences_are_repeated),
        cmocka_unit_test(faults),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(empty_last_page),
        cmocka_unit_test(annotations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
