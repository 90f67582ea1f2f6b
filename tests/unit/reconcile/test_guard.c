/* The guard on deletes: its table of truth, and what must hold for every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../base/random.h"
#include "reconcile/guard.h"

static dvsi_limit share(double percent)
{
    dvsi_limit limit = {.is_percent = 1, .percent = percent};
    return limit;
}

static dvsi_limit rows(int64_t count)
{
    dvsi_limit limit = {.count = count};
    return limit;
}

static void test_truth_table(void **state)
{
    static const struct {
        int is_percent;
        double limit;
        uint64_t active;
        uint64_t deletes;
        int allowed;
    } cases[] = {
        /* a share */
        {1, 20, 1000, 0, 1},
        {1, 20, 1000, 200, 1},
        {1, 20, 1000, 201, 0},
        {1, 20, 0, 0, 1},
        {1, 0, 1000, 9, 1}, /* never on fewer than 10 ... */
        {1, 0, 1000, 10, 0},
        {1, 20, 12, 9, 1},
        {1, 20, 12, 10, 0},
        {1, 20, 2, 2, 0}, /* ... but always on all rows of more than one */
        {1, 20, 9, 9, 0},
        {1, 20, 9, 8, 1},
        {1, 99.9, 5, 5, 0},
        {1, 20, 1, 1, 1}, /* the only row */
        {1, 0, 1, 1, 1},
        {1, 100, 2, 2, 1}, /* 100 % lets all go */
        {1, 100, 1000000, 1000000, 1},
        {1, 0.1, 100000, 100, 1},
        {1, 0.1, 100000, 101, 0},
        /* a count */
        {0, 0, 1000, 0, 1},
        {0, 0, 1000, 1, 0},
        {0, 5, 1000, 5, 1},
        {0, 5, 1000, 6, 0},
        {0, 5, 1, 1, 1},
        {0, -1, 1000, 1, 0},
        {0, 1000, 1000, 999, 1},
        {0, 1000, 1000, 1000, 0}, /* all rows: whatever the count */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dvsi_limit limit = cases[i].is_percent ? share(cases[i].limit) : rows((int64_t)cases[i].limit);
        int allowed = dvsi_guard_allows(&limit, cases[i].active, cases[i].deletes);
        if (allowed != cases[i].allowed)
            fail_msg("case %zu: %llu of %llu under %g%s", i, (unsigned long long)cases[i].deletes,
                     (unsigned long long)cases[i].active, cases[i].limit, cases[i].is_percent ? " %" : "");
    }
}

/* Nothing to delete is always right; emptying a table needs 100 %; and fewer deletes never trip where more
 * pass. */
static void test_properties(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint64_t active = random_below(3) == 0 ? random_below(12) : random_below(100000);
        uint64_t more = random_below(active + 1);
        uint64_t fewer = random_below(more + 1);
        dvsi_limit limit =
            random_below(2) ? share((double)random_below(1001) / 10.0) : rows((int64_t)random_below(2000));
        dvsi_limit all = share(100);
        assert_true(dvsi_guard_allows(&limit, active, 0));
        assert_true(dvsi_guard_allows(&all, active, more));
        if (dvsi_guard_allows(&limit, active, more))
            assert_true(dvsi_guard_allows(&limit, active, fewer));
        if (active > 1 && !(limit.is_percent && limit.percent >= 100.0))
            assert_false(dvsi_guard_allows(&limit, active, active));
        if (limit.is_percent && fewer < 10 && (fewer < active || active < 2))
            assert_true(dvsi_guard_allows(&limit, active, fewer));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truth_table),
        cmocka_unit_test(test_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
