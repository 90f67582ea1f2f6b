/* $select, $filter, $orderby, $top, $count. */
#include "filter.h"
#include "org.h"

#define THINGS                                                                                               \
    "{\"columns\":[{\"name\":\"thingid\",\"type\":\"Uniqueidentifier\"},{\"name\":\"name\",\"type\":"        \
    "\"String\"},"                                                                                           \
    "{\"name\":\"price\",\"type\":\"Money\"},{\"name\":\"big\",\"type\":\"BigInt\"},{\"name\":\"rate\","     \
    "\"type\":\"Decimal\"},"                                                                                 \
    "{\"name\":\"ok\",\"type\":\"Boolean\"},{\"name\":\"day\",\"type\":\"DateTime\",\"behavior\":"           \
    "\"DateOnly\"},"                                                                                         \
    "{\"name\":\"at\",\"type\":\"DateTime\"},{\"name\":\"owner\",\"type\":\"Lookup\",\"targets\":["          \
    "\"thing\"]}],"                                                                                          \
    "\"rows\":["                                                                                             \
    "{\"thingid\":\"00000000-0000-0000-0000-000000000001\",\"name\":\"Alpha\",\"price\":\"10\",\"big\":"     \
    "9007199254740993,"                                                                                      \
    "\"rate\":\"1.10\",\"ok\":true,\"day\":\"2024-03-15\",\"at\":\"2024-03-15T10:00:00Z\","                  \
    "\"owner\":\"00000000-0000-0000-0000-000000000002\"},"                                                   \
    "{\"thingid\":\"00000000-0000-0000-0000-000000000002\",\"name\":\"beta's 100%\",\"price\":\"9.5\","      \
    "\"big\":9007199254740992,\"rate\":\"1.1\",\"ok\":false,\"day\":\"2024-03-16\",\"at\":\"2024-03-15T10:"  \
    "00:01Z\"},"                                                                                             \
    "{\"thingid\":\"00000000-0000-0000-0000-000000000003\",\"name\":\"ÄRGER\\nline\",\"price\":\"-2\","     \
    "\"big\":-1,"                                                                                            \
    "\"rate\":\"0.0000000001\",\"ok\":null,\"day\":\"1753-01-01\",\"at\":\"9999-12-31T23:59:59Z\"},"         \
    "{\"thingid\":\"00000000-0000-0000-0000-000000000004\",\"name\":null,\"price\":null}]}"

static int setup(void **state)
{
    struct sim_store *store = org_new();
    org_load(store, "things.json", THINGS);
    *state = store;
    return 0;
}

static int teardown(void **state)
{
    sim_store_free(*state);
    return 0;
}

/* The last digits of the keys that a query gives, in its order. */
static void ask(void **state, const char *query, char got[16])
{
    json_t *document = org_get(*state, "things", query);
    json_t *row;
    size_t i;
    memset(got, 0, 16);
    json_array_foreach(json_object_get(document, "value"), i, row)
    {
        assert_true(i < 15);
        got[i] = json_string_value(json_object_get(row, "thingid"))[35];
    }
    json_decref(document);
}

/* The rows that a filter leaves. */
static void leaves(void **state, const char *filter, const char *expected)
{
    char query[512];
    char got[16];
    snprintf(query, sizeof query, "$select=thingid&$filter=%s", filter);
    ask(state, query, got);
    if (strcmp(got, expected) != 0)
        fail_msg("%s leaves %s, not %s", filter, got, expected);
}

static void text_is_compared_without_case(void **state)
{
    leaves(state, "name eq 'ALPHA'", "1");
    leaves(state, "name eq 'alpha  '", "1"); /* spaces at the end do not count in SQL */
    leaves(state, "name ne 'alpha'", "23");  /* null is not unequal either */
    leaves(state, "name eq 'Beta''s 100%25'", "2");
    leaves(state, "name gt 'alpha' and name lt 'c'", "2");
    leaves(state, "contains(name,'PH')", "1");
    leaves(state, "startswith(name,'\xc3\xa4rg')", "3");
    leaves(state, "endswith(name,'LINE')", "3");
    leaves(state, "contains(name,'T%25 1')", "2"); /* % is a wildcard */
    leaves(state, "startswith(name,'_lph')", "1");
    leaves(state, "startswith(name,'[ab]')", "12");
    leaves(state, "startswith(name,'[^ab]')", "3");
}

static void numbers_are_compared_as_decimals(void **state)
{
    leaves(state, "price gt 9.5", "1");
    leaves(state, "price ge 9.5", "12");
    leaves(state, "price eq 10", "1");
    leaves(state, "price lt 0", "3");
    leaves(state, "big eq 9007199254740993", "1"); /* not a double's neighbour */
    leaves(state, "big gt 9007199254740992", "1");
    leaves(state, "rate eq 1.1", "12");
    leaves(state, "rate lt 1e-9", "3");
}

static void other_types(void **state)
{
    leaves(state, "ok eq true", "1");
    leaves(state, "ok ne true", "2");
    leaves(state, "day ge 2024-03-16", "2");
    leaves(state, "at gt 2024-03-15T10:00:00Z", "23");
    leaves(state, "at eq 2024-03-15T12:00:00%2B02:00", "1");
    leaves(state, "thingid eq 00000000-0000-0000-0000-000000000002", "2");
    leaves(state, "_owner_value eq 00000000-0000-0000-0000-000000000002", "1");
    leaves(state, "name eq null", "4");
    leaves(state, "ok ne null", "12");
}

static void combinations(void **state)
{
    leaves(state, "name eq 'alpha' or price lt 0 and big eq 5", "1");
    leaves(state, "(name eq 'alpha' or price lt 0) and big gt 0", "1");
    leaves(state, "not (name eq 'alpha')", "23");
    leaves(state, "not (ok eq true or ok eq false)", ""); /* unknown stays unknown */
    leaves(state, "not contains(name,'a') or name eq null", "34");
    leaves(state,
           "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[\"alpha\",\"BETA's 100%25\"])",
           "12");
    leaves(state, "Microsoft.Dynamics.CRM.In(PropertyName='price',PropertyValues=[\"10\",\"-2.0\"])", "13");
    leaves(state,
           "Microsoft.Dynamics.CRM.In(PropertyName='thingid',PropertyValues=[\"00000000-0000-0000-0000-"
           "000000000004\"])",
           "4");
    leaves(state, "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[])", "");
}

static void what_is_no_filter(void **state)
{
    static const char *const wrong[] = {"",
                                        "name",
                                        "name eq",
                                        "name eq 'x",
                                        "name is 'x'",
                                        "(name eq 'x'",
                                        "name eq 'x')",
                                        "name eq 'x' and",
                                        "name eq 'x' 'y'",
                                        "price eq 1.2.3",
                                        "contains(name 'x')",
                                        "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[\"a\"",
                                        "eq 5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char query[256];
        snprintf(query, sizeof query, "$filter=%s", wrong[i]);
        org_refused(*state, "things", query, 400, "0x80060888", "");
    }
    org_refused(*state, "things", "$filter=nothing eq 5", 400, "0x80060888",
                "Could not find a property named 'nothing' on type 'Microsoft.Dynamics.CRM.thing'.");
    org_refused(*state, "things", "$filter=name eq 5", 400, "0x80060888", "incompatible types");
    org_refused(*state, "things", "$filter=thingid eq guid'00000000-0000-0000-0000-000000000002'", 400,
                "0x80060888", "Unrecognized 'Edm.String' literal");
    org_refused(*state, "things", "$filter=length(name) eq 5", 400, "0x80060888", "unknown function");
    char deep[1024] = "$filter=";
    for (size_t i = 0; i < 200; i++)
        strcat(deep, "(");
    org_refused(*state, "things", deep, 400, "0x80060888", "recursion limit");
}

static void long_chains_are_no_depth(void **state)
{
    size_t n = 3000;
    char *query = malloc(64 + n * 32);
    assert_non_null(query);
    size_t at = (size_t)sprintf(query, "$filter=name eq 'alpha'");
    for (size_t i = 0; i < n; i++)
        at += (size_t)sprintf(query + at, " or big eq %zu", i);
    json_t *document = org_get(*state, "things", query);
    assert_int_equal(json_array_size(json_object_get(document, "value")), 1);
    json_decref(document);
    free(query);
}

static void select_gives_what_was_asked_and_little_else(void **state)
{
    json_t *document = org_get(*state, "things", "$select=name,%20price");
    assert_string_equal(json_string_value(json_object_get(document, "@odata.context")),
                        ORG_BASE "$metadata#things(name,price)");
    const json_t *row = json_array_get(json_object_get(document, "value"), 0);
    assert_int_equal(json_object_size(row), 4);
    assert_non_null(json_object_get(row, "@odata.etag"));
    assert_string_equal(json_string_value(json_object_get(row, "thingid")),
                        "00000000-0000-0000-0000-000000000001");
    json_decref(document);
    org_refused(*state, "things", "$select=name,nope", 400, "0x80060888",
                "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.thing'.");
    org_refused(*state, "things", "$select=owner", 400, "0x80060888",
                "Could not find a property named 'owner'");
    org_refused(*state, "things", "$select=", 400, "0x80060888", "Could not find a property named ''");
}

static void money_brings_its_currency(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "accounts", 3, 0);
    json_t *document = org_get(store, "accounts", "$select=revenue");
    const json_t *row = json_array_get(json_object_get(document, "value"), 0);
    assert_int_equal(json_object_size(row), 4);
    assert_non_null(json_object_get(row, "_transactioncurrencyid_value"));
    json_decref(document);
    sim_store_free(store);
}

static void ordered(void **state, const char *orderby, const char *expected)
{
    char query[256];
    char got[16];
    snprintf(query, sizeof query, "$select=thingid&$orderby=%s", orderby);
    ask(state, query, got);
    assert_string_equal(got, expected);
}

static void order(void **state)
{
    ordered(state, "thingid", "1234");
    ordered(state, "thingid desc", "4321");
    ordered(state, "name", "4123"); /* null first */
    ordered(state, "name desc", "3214");
    ordered(state, "price", "4321");
    ordered(state, "rate desc,thingid asc", "1234");
    ordered(state, "rate desc, thingid desc", "2134");
    ordered(state, "at desc", "3214");
    org_refused(*state, "things", "$orderby=nope", 400, "0x80060888",
                "Could not find a property named 'nope'");
    org_refused(*state, "things", "$orderby=name down", 400, "0x80060888", "Syntax error");
}

static void top_and_count(void **state)
{
    struct sim_reply reply = org_get_with(*state, "things", "$top=2", (struct org_ask){0});
    assert_int_equal(reply.last_page, 1);
    json_t *document = org_parse(&reply);
    assert_int_equal(json_array_size(json_object_get(document, "value")), 2);
    assert_null(json_object_get(document, "@odata.nextLink"));
    json_decref(document);
    /* A page size makes $top void. */
    reply = org_get_with(*state, "things", "$top=2", (struct org_ask){.page_size = 3});
    document = org_parse(&reply);
    assert_int_equal(json_array_size(json_object_get(document, "value")), 3);
    assert_non_null(json_object_get(document, "@odata.nextLink"));
    json_decref(document);
    document = org_get(*state, "things", "$count=true&$top=1&$filter=name ne null");
    assert_int_equal(json_integer_value(json_object_get(document, "@odata.count")), 3);
    json_decref(document);
    reply = org_get_with(*state, "things/$count", NULL, (struct org_ask){0});
    assert_string_equal(reply.body, "4");
    assert_string_equal(reply.content_type, "text/plain");
    free(reply.body);
    org_refused(*state, "things", "$top=many", 400, "0x80060888", "$top");
}

static void count_stops_at_5000(void **state)
{
    (void)state;
    struct sim_store *store = org_new();
    org_generate(store, "widgets", 5001, 3);
    struct sim_reply reply =
        org_get_with(store, "new_widgets", "$count=true", (struct org_ask){.page_size = 1, .annotations = 1});
    json_t *document = org_parse(&reply);
    assert_int_equal(json_integer_value(json_object_get(document, "@odata.count")), 5000);
    assert_true(
        json_is_true(json_object_get(document, "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded")));
    json_decref(document);
    sim_store_free(store);
}

static void options_that_are_none(void **state)
{
    org_refused(*state, "things", "$skip=5", 400, "0x80060888", "Skip Clause is not supported in CRM");
    org_refused(*state, "things", "$search=x", 400, "0x80060888", "$search");
    org_refused(*state, "things", "$select=name&$select=price", 400, "0x80060888", "$select");
    org_refused(*state, "things", "$expand=owner", 501, "0x80060888", "$expand");
    org_refused(*state, "nothings", NULL, 404, "0x80060888",
                "Resource not found for the segment 'nothings'.");
    org_refused(*state, "things/name", NULL, 404, "0x80060888", "Resource not found for the segment");
}

static void one_row(void **state)
{
    json_t *row = org_get(*state, "things(00000000-0000-0000-0000-000000000002)", "$select=name");
    assert_string_equal(json_string_value(json_object_get(row, "@odata.context")),
                        ORG_BASE "$metadata#things(name)/$entity");
    assert_string_equal(json_string_value(json_object_get(row, "name")), "beta's 100%");
    json_decref(row);
    org_refused(*state, "things(00000000-0000-0000-0000-000000000009)", NULL, 404, "0x80040217",
                "Does Not Exist");
}

static void number(const char *a, const char *b, int expected)
{
    int order = sim_number_compare(a, strlen(a), b, strlen(b));
    int back = sim_number_compare(b, strlen(b), a, strlen(a));
    if ((order > 0) - (order < 0) != expected || (back > 0) - (back < 0) != -expected)
        fail_msg("%s against %s: %d, and back %d", a, b, order, back);
}

static void numbers_of_every_form(void **state)
{
    (void)state;
    number("1.10", "1.1", 0);
    number("100", "1e2", 0);
    number("0.00012", "1.2E-04", 0);
    number("-0", "0.000", 0);
    number("0.1", "0.09", 1);
    number("-0.1", "-0.09", -1);
    number("1234567890123456789", "1234567890123456788", 1);
    number("1.7976931348623157E+308", "9", 1);
    number("2.2250738585072014E-308", "0", 1);
    number("-5", "3", -1);
    number("10", "9.9999999999", 1);
    number("0.010", "1e-2", 0);
    number("99", "100", -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_compared_without_case),
        cmocka_unit_test(numbers_are_compared_as_decimals),
        cmocka_unit_test(other_types),
        cmocka_unit_test(combinations),
        cmocka_unit_test(what_is_no_filter),
        cmocka_unit_test(long_chains_are_no_depth),
        cmocka_unit_test(select_gives_what_was_asked_and_little_else),
        cmocka_unit_test(money_brings_its_currency),
        cmocka_unit_test(order),
        cmocka_unit_test(top_and_count),
        cmocka_unit_test(count_stops_at_5000),
        cmocka_unit_test(options_that_are_none),
        cmocka_unit_test(one_row),
        cmocka_unit_test(numbers_of_every_form),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
