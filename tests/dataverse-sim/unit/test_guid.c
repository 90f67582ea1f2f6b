#include "org.h"

static struct sim_guid guid(const char *text)
{
    struct sim_guid made;
    assert_int_equal(sim_guid_parse(text, strlen(text), &made), 0);
    return made;
}

static void text_there_and_back(void **state)
{
    (void)state;
    const char *text = "d5026a4d-d01c-ed11-b83e-000d3a572421";
    char print[SIM_GUID_TEXT + 1];
    struct sim_guid plain = guid(text);
    sim_guid_print(&plain, print);
    assert_string_equal(print, text);
    struct sim_guid braced = guid("{D5026A4D-D01C-ED11-B83E-000D3A572421}");
    assert_int_equal(sim_guid_compare(&plain, &braced), 0);
}

static void what_is_no_guid(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "d5026a4d",
                                        "d5026a4d-d01c-ed11-b83e-000d3a57242",
                                        "d5026a4d-d01c-ed11-b83e-000d3a5724211",
                                        "g5026a4d-d01c-ed11-b83e-000d3a572421",
                                        "d5026a4d_d01c-ed11-b83e-000d3a572421",
                                        "{d5026a4d-d01c-ed11-b83e-000d3a572421",
                                        "{d5026a4d-d01c-ed11-b83e-000d3a572421)",
                                        "d5026a4dd01c-ed11-b83e-000d3a572421-"};
    struct sim_guid made;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(sim_guid_parse(wrong[i], strlen(wrong[i]), &made), -1);
}

static void ascending(const char *const *texts, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        struct sim_guid a = guid(texts[i]);
        struct sim_guid b = guid(texts[i + 1]);
        if (sim_guid_compare(&a, &b) >= 0 || sim_guid_compare(&b, &a) <= 0)
            fail_msg("%s is not before %s", texts[i], texts[i + 1]);
    }
}

/* Each of these is all zero but for one byte; they come in the order in which SQL Server gives weight to the
 * byte. */
static void weight_of_each_byte(void **state)
{
    (void)state;
    static const char *const lightest_first[] = {
        "01000000-0000-0000-0000-000000000000", "00010000-0000-0000-0000-000000000000",
        "00000100-0000-0000-0000-000000000000", "00000001-0000-0000-0000-000000000000",
        "00000000-0100-0000-0000-000000000000", "00000000-0001-0000-0000-000000000000",
        "00000000-0000-0100-0000-000000000000", "00000000-0000-0001-0000-000000000000",
        "00000000-0000-0000-0001-000000000000", "00000000-0000-0000-0100-000000000000",
        "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000100",
        "00000000-0000-0000-0000-000000010000", "00000000-0000-0000-0000-000001000000",
        "00000000-0000-0000-0000-000100000000", "00000000-0000-0000-0000-010000000000"};
    ascending(lightest_first, sizeof lightest_first / sizeof lightest_first[0]);
}

/* Microsoft's documentation, "Comparing GUID and uniqueidentifier values". */
static void order_of_the_documentation(void **state)
{
    (void)state;
    static const char *const documented[] = {"2aaaaaaa-bbbb-cccc-dddd-1eeeeeeeeeee",
                                             "3aaaaaaa-bbbb-cccc-dddd-2eeeeeeeeeee",
                                             "1aaaaaaa-bbbb-cccc-dddd-3eeeeeeeeeee"};
    ascending(documented, 3);
}

static int compare(const void *a, const void *b)
{
    return sim_guid_compare(a, b);
}

static void made_ones_differ_and_stay(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct sim_guid *all = calloc(N, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < N; i++)
        all[i] = sim_guid_make(1, 2, i);
    struct sim_guid again = sim_guid_make(1, 2, 5);
    struct sim_guid other_seed = sim_guid_make(2, 2, 5);
    assert_int_equal(sim_guid_compare(&again, &all[5]), 0);
    assert_int_not_equal(sim_guid_compare(&other_seed, &all[5]), 0);
    qsort(all, N, sizeof *all, compare);
    for (size_t i = 1; i < N; i++)
        assert_int_not_equal(sim_guid_compare(&all[i - 1], &all[i]), 0);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_there_and_back),       cmocka_unit_test(what_is_no_guid),
        cmocka_unit_test(weight_of_each_byte),       cmocka_unit_test(order_of_the_documentation),
        cmocka_unit_test(made_ones_differ_and_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
