/* Which columns are asked for, in which parts; addresses. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "passed.h"
#include "select.h"

#define BASE "https://org.crm.dynamics.com/api/data/v9.2/"

static struct dataverse_column columns[] = {
    {.name = (char *)(uintptr_t) "accountid", .type = DATAVERSE_TYPE_GUID},
    {.name = (char *)(uintptr_t) "name", .type = DATAVERSE_TYPE_TEXT},
    {.name = (char *)(uintptr_t) "_ownerid_value", .type = DATAVERSE_TYPE_GUID},
    {.name = (char *)(uintptr_t) "revenue", .type = DATAVERSE_TYPE_DECIMAL},
    {.name = (char *)(uintptr_t) "modifiedon", .type = DATAVERSE_TYPE_TIMESTAMP},
};
static const struct dataverse_table table = {
    .logical_name = (char *)(uintptr_t) "account",
    .set_name = (char *)(uintptr_t) "accounts",
    .key = (char *)(uintptr_t) "accountid",
    .columns = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .has_modifiedon = 1,
};

static void only_what_is_wanted(void **state)
{
    static const char *const wanted[] = {"revenue", "gone", "name"};
    struct dataverse_select select;
    (void)state;
    assert_int_equal(dataverse_select_make(&table, wanted, 3, 1000, &select), 0);
    assert_int_equal(select.n_parts, 1);
    assert_string_equal(select.parts[0].text, "accountid,name,revenue");
    assert_int_equal(select.wants[0].member, 2);
    assert_int_equal(select.wants[1].member, DATAVERSE_MEMBER_NONE);
    assert_int_equal(select.wants[2].member, 1);
    char *url = dataverse_select_url(BASE, &select, INT64_MIN);
    assert_string_equal(url, BASE "accounts?$select=accountid,name,revenue&$orderby=accountid");
    free(url);
    url = dataverse_select_url(BASE, &select, INT64_C(1704067200) * 1000000);
    assert_string_equal(url, BASE "accounts?$select=accountid,name,revenue&$filter=modifiedon%20ge%20"
                                  "2024-01-01T00:00:00Z&$orderby=accountid");
    free(url);
    dataverse_select_free(&select);
}

static void the_whole_record_needs_all(void **state)
{
    static const char *const wanted[] = {"name", DATAVERSE_RAW_NAME};
    struct dataverse_select select;
    (void)state;
    assert_int_equal(dataverse_select_make(&table, wanted, 2, 1000, &select), 0);
    assert_string_equal(select.parts[0].text, "accountid,name,_ownerid_value,revenue,modifiedon");
    assert_int_equal(select.wants[1].member, DATAVERSE_MEMBER_RAW);
    dataverse_select_free(&select);
}

static void a_long_select_is_cut(void **state)
{
    static const char *const wanted[] = {"modifiedon", DATAVERSE_RAW_NAME};
    struct dataverse_select select;
    (void)state;
    assert_int_equal(dataverse_select_make(&table, wanted, 2, 30, &select), 0);
    assert_int_equal(select.n_parts, 2);
    assert_string_equal(select.parts[0].text, "accountid,name,_ownerid_value");
    assert_string_equal(select.parts[1].text, "accountid,revenue,modifiedon");
    assert_int_equal(select.wants[0].part, 1);
    assert_int_equal(select.wants[0].member, 2);
    dataverse_select_free(&select);
}

static void only_the_key(void **state)
{
    struct dataverse_select select;
    (void)state;
    assert_int_equal(dataverse_select_make(&table, NULL, 0, 1000, &select), 0);
    assert_string_equal(select.parts[0].text, "accountid");
    dataverse_select_free(&select);
}

static void addresses_of_keys_are_bounded(void **state)
{
    static const char *const wanted[] = {"name"};
    static uint8_t keys[2000][16];
    struct dataverse_select select;
    size_t n = 1;
    (void)state;
    assert_int_equal(dataverse_select_make(&table, wanted, 1, 1000, &select), 0);
    char *url = dataverse_select_keys_url(BASE, &select, 0, (const uint8_t(*)[16])keys, &n);
    assert_string_equal(url, BASE "accounts?$select=accountid,name&$filter=accountid%20eq%20"
                                  "00000000-0000-0000-0000-000000000000");
    free(url);
    n = 2000;
    url = dataverse_select_keys_url(BASE, &select, 0, (const uint8_t(*)[16])keys, &n);
    assert_true(n > 100 && n < 2000);
    assert_true(strlen(url) <= 30100);
    free(url);
    dataverse_select_free(&select);
}

static void keys_and_links_are_remembered(void **state)
{
    struct dataverse_keys keys = {0};
    struct dataverse_links links = {0};
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t key[16] = {(uint8_t)(i * 7), (uint8_t)(i >> 8)};
        char url[40];
        snprintf(url, sizeof url, "http://x/%u", i);
        assert_int_equal(dataverse_keys_have(&keys, key), 0);
        assert_int_equal(dataverse_links_has(&links, url), 0);
        assert_int_equal(dataverse_keys_add(&keys, key), 0);
        assert_int_equal(dataverse_links_add(&links, url), 0);
        assert_int_equal(dataverse_links_has(&links, url), 1);
    }
    dataverse_keys_sort(&keys);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t key[16] = {(uint8_t)(i * 7), (uint8_t)(i >> 8)};
        assert_int_equal(dataverse_keys_have(&keys, key), 1);
    }
    uint8_t other[16] = {1, 2, 3};
    assert_int_equal(dataverse_keys_have(&keys, other), 0);
    dataverse_keys_clear(&keys);
    assert_int_equal(dataverse_keys_have(&keys, other), 0);
    dataverse_keys_free(&keys);
    dataverse_links_free(&links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_wanted),           cmocka_unit_test(the_whole_record_needs_all),
        cmocka_unit_test(a_long_select_is_cut),          cmocka_unit_test(only_the_key),
        cmocka_unit_test(addresses_of_keys_are_bounded), cmocka_unit_test(keys_and_links_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
