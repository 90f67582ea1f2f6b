/* test_arena.c - pieces do not overlap, are aligned, and a reset reuses the memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "failing_malloc.h"
#include "random.h"

static void pieces_keep_their_content(void **state)
{
    enum { N = 2000 };
    static unsigned char *pieces[N];
    static size_t sizes[N];
    dvsi_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < N; i++) {
        sizes[i] = i % 100 == 99 ? random_below(300000) : random_below(200);
        pieces[i] = dvsi_arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 255), sizes[i]);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], i & 255);
    }
    dvsi_arena_free(&arena);
    dvsi_arena_free(&arena);
    dvsi_arena_free(NULL);
}

static void texts_are_copied_with_a_nul(void **state)
{
    dvsi_arena arena = {0};
    char long_text[1000];
    char *empty, *text, *printed;

    (void)state;
    empty = dvsi_arena_copy(&arena, NULL, 0);
    assert_string_equal(empty, "");
    text = dvsi_arena_copy(&arena, "abcdef", 3);
    assert_string_equal(text, "abc");
    assert_string_equal(dvsi_arena_strdup(&arena, "name"), "name");
    assert_string_equal(dvsi_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    printed = dvsi_arena_printf(&arena, "<%s>", long_text);
    assert_int_equal(strlen(printed), sizeof long_text + 1);
    assert_int_equal(printed[sizeof long_text], '>');
    assert_string_equal(text, "abc");
    dvsi_arena_free(&arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    dvsi_arena arena = {0};
    uint64_t *numbers;

    (void)state;
    assert_null(dvsi_arena_calloc(&arena, SIZE_MAX / 2, 3));
    assert_null(dvsi_arena_alloc(&arena, SIZE_MAX));
    assert_null(dvsi_arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(dvsi_arena_copy(&arena, "x", SIZE_MAX));
    assert_non_null(dvsi_arena_alloc(&arena, 0));
    assert_non_null(dvsi_arena_calloc(&arena, 0, 8));
    memset(dvsi_arena_alloc(&arena, 800), 0xff, 800);
    dvsi_arena_reset(&arena);
    numbers = dvsi_arena_calloc(&arena, 100, sizeof *numbers);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(numbers[i], 0);
    dvsi_arena_free(&arena);
}

static void fill(dvsi_arena *arena, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += 100)
        assert_non_null(dvsi_arena_alloc(arena, 100));
}

static void a_reset_arena_needs_no_malloc(void **state)
{
    dvsi_arena arena = {0};
    size_t calls;

    (void)state;
    fill(&arena, 1 << 20);
    assert_true(arena.used >= 1 << 20);
    dvsi_arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    calls = malloc_calls;
    for (int round = 0; round < 100; round++) {
        fill(&arena, 1 << 20);
        dvsi_arena_reset(&arena);
    }
    assert_int_equal(malloc_calls, calls);
    dvsi_arena_free(&arena);
}

static void a_reset_lets_large_pieces_go(void **state)
{
    dvsi_arena arena = {0};
    size_t calls;

    (void)state;
    NEED_FAILING_MALLOC();
    /* A large piece does not spoil the chunk that is being filled. */
    assert_non_null(dvsi_arena_alloc(&arena, 10 << 20));
    fill(&arena, 1000);
    calls = malloc_calls;
    assert_non_null(dvsi_arena_alloc(&arena, 10 << 20));
    assert_int_equal(malloc_calls, calls + 1);
    fill(&arena, 1000);
    assert_int_equal(malloc_calls, calls + 1);
    dvsi_arena_reset(&arena);
    assert_non_null(dvsi_arena_alloc(&arena, 10 << 20)); /* was freed: comes from malloc again */
    assert_int_equal(malloc_calls, calls + 2);
    fill(&arena, 40 << 20); /* of ordinary chunks only so many are kept */
    dvsi_arena_reset(&arena);
    calls = malloc_calls;
    fill(&arena, 40 << 20);
    assert_true(malloc_calls - calls >= 38 * 4);
    dvsi_arena_free(&arena);
}

static int use_arena(void)
{
    dvsi_arena arena = {0};
    int result = 0;

    for (int i = 0; i < 200 && result == 0; i++) {
        if (dvsi_arena_alloc(&arena, (size_t)i * 17) == NULL ||
            dvsi_arena_strdup(&arena, "some text") == NULL ||
            dvsi_arena_printf(&arena, "%0400d", i) == NULL ||
            dvsi_arena_calloc(&arena, 10, (size_t)i * 100) == NULL)
            result = -1;
    }
    dvsi_arena_free(&arena);
    return result;
}

static void every_failed_allocation_is_reported(void **state)
{
    size_t failed;

    (void)state;
    NEED_FAILING_MALLOC();
    failed = fail_each(use_arena);
    assert_int_not_equal(failed, SIZE_MAX);
    assert_true(failed > 10);
}

static void a_failure_leaves_the_arena_usable(void **state)
{
    dvsi_arena arena = {0};

    (void)state;
    NEED_FAILING_MALLOC();
    fail_countdown = 1;
    assert_null(dvsi_arena_alloc(&arena, 10));
    assert_int_equal(arena.used, 0);
    assert_string_equal(dvsi_arena_strdup(&arena, "first"), "first");
    fail_countdown = 1;
    assert_null(dvsi_arena_alloc(&arena, 1 << 20));
    assert_string_equal(dvsi_arena_strdup(&arena, "second"), "second");
    dvsi_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_keep_their_content),
        cmocka_unit_test(texts_are_copied_with_a_nul),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_reset_arena_needs_no_malloc),
        cmocka_unit_test(a_reset_lets_large_pieces_go),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(a_failure_leaves_the_arena_usable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
