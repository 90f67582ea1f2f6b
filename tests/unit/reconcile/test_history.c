/* The times of versions: every branch of the formula, and clocks that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "reconcile/history.h"

#define T INT64_C(1700000000000000)
#define HOUR INT64_C(3600000000)
#define NONE DVSI_TIME_NONE

static void test_first_version(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_first(T - HOUR, T), T - HOUR);
    assert_int_equal(dvsi_history_first(T, T), T);
    assert_int_equal(dvsi_history_first(T + HOUR, T), T); /* a clock that is ahead */
    assert_int_equal(dvsi_history_first(NONE, T), T);
    assert_int_equal(dvsi_history_first(-HOUR, T), -HOUR); /* before 1970 */
}

static void test_a_change_begins_when_the_source_says(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_next(T - HOUR, T, T - 2 * HOUR, NONE), T - HOUR);
    assert_int_equal(dvsi_history_next(T, T, T - 2 * HOUR, NONE), T);
    assert_int_equal(dvsi_history_next(T - HOUR + 1, T, T - HOUR, NONE), T - HOUR + 1);
}

static void test_late_change(void **state)
{
    (void)state;
    /* Modified before the version that we have began: it is seen now. */
    assert_int_equal(dvsi_history_next(T - 3 * HOUR, T, T - 2 * HOUR, NONE), T);
}

static void test_same_moment(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_next(T - HOUR, T, T - HOUR, NONE), T);
    /* Two runs within one microsecond, or the clock stood still. */
    assert_int_equal(dvsi_history_next(T, T, T, NONE), T + 1);
    assert_int_equal(dvsi_history_next(NONE, T, T, NONE), T + 1);
}

static void test_future_modification(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_next(T + HOUR, T, T - HOUR, NONE), T);
    assert_int_equal(dvsi_history_next(T + 1, T, T - HOUR, NONE), T);
}

static void test_clock_turned_back(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_next(NONE, T, T + HOUR, NONE), T + HOUR + 1);
    assert_int_equal(dvsi_history_next(T - 1, T, T + HOUR, NONE), T + HOUR + 1);
    assert_int_equal(dvsi_history_next(T + 2 * HOUR, T, T + HOUR, NONE), T + HOUR + 1);
    assert_int_equal(dvsi_history_close(T, T + HOUR), T + HOUR + 1);
}

static void test_modification_not_known(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_next(NONE, T, T - HOUR, NONE), T);
}

static void test_delete(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_close(T, T - HOUR), T);
    assert_int_equal(dvsi_history_close(T, T), T + 1);
}

static void test_revival_not_before_the_delete(void **state)
{
    (void)state;
    const int64_t from = T - 3 * HOUR;
    assert_int_equal(dvsi_history_next(T - HOUR, T, from, T - 2 * HOUR), T - HOUR);
    assert_int_equal(dvsi_history_next(T - 2 * HOUR, T, from, T - HOUR),
                     T - HOUR); /* modified while it was gone */
    assert_int_equal(dvsi_history_next(NONE, T, from, T - HOUR), T);
    assert_int_equal(dvsi_history_next(NONE, T, from, T), T);
    assert_int_equal(dvsi_history_next(NONE, T, from, T + HOUR), T + HOUR); /* the clock was turned back */
    assert_int_equal(dvsi_history_next(from - HOUR, T, from, T - HOUR), T);
}

static void test_start_not_known(void **state)
{
    (void)state;
    /* Rows of an adopted table. */
    assert_int_equal(dvsi_history_next(T - HOUR, T, NONE, NONE), T - HOUR);
    assert_int_equal(dvsi_history_next(NONE, T, NONE, NONE), T);
    assert_int_equal(dvsi_history_next(T + HOUR, T, NONE, NONE), T);
    assert_int_equal(dvsi_history_close(T, NONE), T);
}

static void test_end_of_time(void **state)
{
    (void)state;
    assert_int_equal(dvsi_history_close(T, INT64_MAX), INT64_MAX);
    assert_int_equal(dvsi_history_next(NONE, T, INT64_MAX, NONE), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_version),
        cmocka_unit_test(test_a_change_begins_when_the_source_says),
        cmocka_unit_test(test_late_change),
        cmocka_unit_test(test_same_moment),
        cmocka_unit_test(test_future_modification),
        cmocka_unit_test(test_clock_turned_back),
        cmocka_unit_test(test_modification_not_known),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_revival_not_before_the_delete),
        cmocka_unit_test(test_start_not_known),
        cmocka_unit_test(test_end_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
