/* Which of several records of one key stands: against a model that looks at every pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/random.h"
#include "run/work.h"

/* record i stands for its key unless it failed and another of the key was there before, or a later one that
 * did not fail is there. */
static void model(const dvsi_record *records, uint32_t n, int by_source_key, uint8_t *skip)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *key = by_source_key ? records[i].source_key : records[i].key;
        int failed = (records[i].flags & DVSI_RECORD_FAILED) != 0;
        skip[i] = key == NULL;
        for (uint32_t k = 0; k < n && key != NULL; k++) {
            const char *other = by_source_key ? records[k].source_key : records[k].key;
            if (k == i || other == NULL || strcmp(key, other) != 0)
                continue;
            int other_failed = (records[k].flags & DVSI_RECORD_FAILED) != 0;
            if (k > i ? !other_failed : failed)
                skip[i] = 1;
        }
    }
}

static void check(const dvsi_record *records, uint32_t n, int by_source_key)
{
    dvsi_arena arena = {0};
    uint8_t *skip = NULL;
    uint32_t *previous = NULL;
    uint8_t *expected = calloc((size_t)n + 1, 1);
    assert_non_null(expected);
    model(records, n, by_source_key, expected);
    assert_int_equal(dvsi_records_last(&arena, records, n, by_source_key, &skip, &previous), 0);
    assert_memory_equal(skip, expected, n);
    for (uint32_t i = 0; i < n; i++) {
        if (previous[i] == 0)
            continue;
        const dvsi_record *before = &records[previous[i] - 1];
        assert_true(previous[i] - 1 < i); /* it took the place of an earlier one of its key, which is out */
        assert_true(skip[previous[i] - 1]);
        assert_string_equal(by_source_key ? before->source_key : before->key,
                            by_source_key ? records[i].source_key : records[i].key);
    }
    free(expected);
    dvsi_arena_free(&arena);
}

static dvsi_record record(const char *key, const char *source_key, uint32_t flags)
{
    dvsi_record r = {.key = key, .source_key = source_key, .flags = flags};
    r.key_length = key != NULL ? (uint32_t)strlen(key) : 0;
    r.source_key_length = source_key != NULL ? (uint32_t)strlen(source_key) : 0;
    return r;
}

static void test_by_hand(void **state)
{
    const dvsi_record records[] = {
        record("a", "1", 0),
        record("a", "2", DVSI_RECORD_FAILED), /* never in place of another */
        record("b", "3", DVSI_RECORD_FAILED),
        record("b", "3", 0),                     /* in place of a failed one */
        record(NULL, "4", DVSI_RECORD_FAILED),   /* no key */
        record("a", "1", DVSI_RECORD_TOMBSTONE), /* the last one stands, whatever it is */
        record("ab", "5", 0),
    };
    const uint8_t by_key[] = {1, 1, 1, 0, 1, 0, 0};
    const uint8_t by_source_key[] = {1, 0, 1, 0, 0, 0, 0};
    dvsi_arena arena = {0};
    uint8_t *skip = NULL;
    uint32_t *previous = NULL;
    (void)state;
    assert_int_equal(dvsi_records_last(&arena, records, 7, 0, &skip, &previous), 0);
    assert_memory_equal(skip, by_key, 7);
    assert_int_equal(previous[3], 3);
    assert_int_equal(previous[5], 1);
    assert_int_equal(dvsi_records_last(&arena, records, 7, 1, &skip, &previous), 0);
    assert_memory_equal(skip, by_source_key, 7);
    assert_int_equal(dvsi_records_last(&arena, records, 0, 0, &skip, &previous), 0);
    dvsi_arena_free(&arena);
    check(records, 7, 0);
    check(records, 7, 1);
}

static void test_random(void **state)
{
    char keys[300][12];
    (void)state;
    for (size_t i = 0; i < 300; i++)
        snprintf(keys[i], sizeof keys[i], i % 3 != 0 ? "k%zu" : "%zu", i);
    for (int round = 0; round < 400; round++) {
        uint32_t n = (uint32_t)random_below(150);
        size_t few = 1 + random_below(299); /* many of one key, or hardly any */
        dvsi_record records[150];
        for (uint32_t i = 0; i < n; i++) {
            static const uint32_t flags[] = {0, 0, 0, DVSI_RECORD_FAILED, DVSI_RECORD_TOMBSTONE};
            records[i] =
                record(random_below(20) != 0 ? keys[random_below(few)] : NULL,
                       random_below(20) != 0 ? keys[random_below(few)] : NULL, flags[random_below(5)]);
        }
        check(records, n, 0);
        check(records, n, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
