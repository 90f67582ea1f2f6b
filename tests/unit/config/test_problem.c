/* Collecting problems: order, limits, safe text, hints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/problem.h"

static void sorted_by_place(void **state)
{
    dvsi_problems problems = {0};
    dvsi_arena arena = {0};
    (void)state;

    dvsi_problem_add(&problems, DVSI_PROBLEM_ERROR, "f", 3, 1, "a", "third");
    dvsi_problem_add(&problems, DVSI_PROBLEM_WARNING, "f", 1, 9, "b", "second");
    dvsi_problem_add(&problems, DVSI_PROBLEM_ERROR, "f", 3, 1, "a", "fourth %d", 4);
    dvsi_problem_add(&problems, DVSI_PROBLEM_ERROR, "f", 1, 2, "", "first");
    dvsi_problem_add(&problems, DVSI_PROBLEM_ERROR, "f", 0, 0, "", "whole file");
    assert_int_equal(problems.n_problems, 5);
    assert_int_equal(problems.n_errors, 4);
    const char *expected[] = {"f: whole file", "f:1:2: first", "f:1:9: b: second", "f:3:1: a: third",
                              "f:3:1: a: fourth 4"};
    const dvsi_problem *p = problems.first;
    for (size_t i = 0; i < 5; i++, p = p->next)
        assert_string_equal(dvsi_problem_text(&arena, p), expected[i]);
    assert_null(p);
    dvsi_arena_free(&arena);
    dvsi_problems_free(&problems);
    assert_null(problems.first);
    dvsi_problems_free(NULL);
}

static void keeps_the_first_hundred(void **state)
{
    dvsi_problems problems = {0};
    uint32_t n = 0;
    (void)state;

    for (uint32_t line = 300; line > 0; line--)
        dvsi_problem_add(&problems, DVSI_PROBLEM_ERROR, "f", line, 1, "", "line %u", line);
    assert_int_equal(problems.n_problems, 300);
    assert_int_equal(problems.n_errors, 300);
    for (const dvsi_problem *p = problems.first; p; p = p->next)
        assert_int_equal(p->line, ++n);
    assert_int_equal(n, 100);
    dvsi_problems_free(&problems);
}

static void shows_text_escaped(void **state)
{
    static char huge[100000];
    dvsi_problems problems = {0};
    dvsi_arena arena = {0};
    (void)state;

    dvsi_problem_add(&problems, DVSI_PROBLEM_ERROR, "a\nb", 1, 1, "p\x1b[31m", "%s",
                     "x\r\n\xe2\x80\xae\xff y");
    assert_string_equal(dvsi_problem_text(&arena, problems.first),
                        "a\\nb:1:1: p\\x1b[31m: x\\r\\n\\u202e\\xff y");
    memset(huge, 'h', sizeof(huge) - 1);
    dvsi_problem_add(&problems, DVSI_PROBLEM_ERROR, "f", 2, 1, huge, "%s", huge);
    assert_true(strlen(dvsi_problem_text(&arena, problems.first->next)) < 2000);
    dvsi_arena_free(&arena);
    dvsi_problems_free(&problems);
}

static void finds_the_nearest_name(void **state)
{
    static const char *const names[] = {"concurrency", "full_every", "max_delete", "key",
                                        "as",          "history",    NULL};
    static const struct {
        const char *name;
        const char *nearest;
    } cases[] = {
        {"concurency", "concurrency"},
        {"CONCURRENCY", "concurrency"},
        {"fulevery", "full_every"},
        {"maxdelete", "max_delete"},
        {"keys", "key"},
        {"kye", "key"},
        {"histroy", "history"},
        {"hisotry", "history"},
        {"az", "as"},
        {"x", NULL},
        {"", NULL},
        {"plugin", NULL},
        {"zz", NULL},
        {"deletemax", NULL},
    };
    static const char *const none[] = {NULL};
    char longest[4000];
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *nearest = dvsi_problem_nearest(cases[i].name, names);
        if (cases[i].nearest)
            assert_string_equal(nearest ? nearest : "(none)", cases[i].nearest);
        else
            assert_null(nearest);
    }
    assert_null(dvsi_problem_nearest("key", none));
    memset(longest, 'k', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(dvsi_problem_nearest(longest, names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_by_place),
        cmocka_unit_test(keeps_the_first_hundred),
        cmocka_unit_test(shows_text_escaped),
        cmocka_unit_test(finds_the_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
