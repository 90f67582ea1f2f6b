/* test_clock_hash.c - clocks, run ids and hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"

static void clocks_tell_microseconds(void **state)
{
    int64_t before = (int64_t)time(NULL) - 1, now = dvsi_clock_now(), first, second;

    (void)state;
    assert_true(now / 1000000 >= before && now / 1000000 <= before + 10);
    first = dvsi_clock_monotonic();
    second = dvsi_clock_monotonic();
    assert_true(second >= first && first > 0);
}

static void run_ids_are_uuids_of_version_7(void **state)
{
    char id[DVSI_RUN_ID_SIZE], other[DVSI_RUN_ID_SIZE];

    (void)state;
    /* RFC 9562, A.6: 2022-02-22T19:22:22Z is 0x017f22e279b0 ms. */
    assert_int_equal(dvsi_clock_uuid7(INT64_C(1645557742000000), id), 0);
    assert_int_equal(strlen(id), 36);
    assert_memory_equal(id, "017f22e2-79b0-7", 15);
    assert_non_null(strchr("89ab", id[19]));
    for (size_t i = 0; i < 36; i++)
        assert_true(i == 8 || i == 13 || i == 18 || i == 23 ? id[i] == '-'
                                                            : strchr("0123456789abcdef", id[i]) != NULL);
    assert_int_equal(dvsi_clock_uuid7(INT64_C(1645557742000000), other), 0);
    assert_string_not_equal(id, other);
    assert_int_equal(dvsi_clock_uuid7(-1, other), -1);
}

static void run_ids_sort_by_time(void **state)
{
    char before[DVSI_RUN_ID_SIZE], after[DVSI_RUN_ID_SIZE];
    int64_t now = INT64_C(1700000000000000);

    (void)state;
    dvsi_clock_uuid7(now, before);
    for (int i = 0; i < 3000; i++) {
        now++; /* a microsecond is enough */
        dvsi_clock_uuid7(now, after);
        assert_true(strncmp(before, after, 18) < 0);
        memcpy(before, after, sizeof before);
    }
}

static void hashes_are_the_published_ones(void **state)
{
    char hex[DVSI_SHA256_HEX];

    (void)state;
    dvsi_hash_sha256("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    dvsi_hash_sha256("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    dvsi_hash_sha256(NULL, 0, hex);
    assert_int_equal(strlen(hex), 64);
    dvsi_sha256 *sha = dvsi_sha256_new();
    assert_non_null(sha);
    dvsi_sha256_add(sha, "a", 1);
    dvsi_sha256_add(sha, NULL, 0);
    dvsi_sha256_add(sha, "bc", 2);
    dvsi_sha256_end(sha, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    dvsi_sha256_free(NULL);
    assert_int_equal(dvsi_hash64("", 0), UINT64_C(0xef46db3751d8e999));
    assert_int_equal(dvsi_hash64("abc", 3), UINT64_C(0x44bc2cf5ad770999));
    assert_int_equal(dvsi_hash32("", 0), UINT32_C(0x02cc5d05));
    assert_int_equal(dvsi_hash32("abc", 3), UINT32_C(0x32d153ff));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_tell_microseconds),
        cmocka_unit_test(run_ids_are_uuids_of_version_7),
        cmocka_unit_test(run_ids_sort_by_time),
        cmocka_unit_test(hashes_are_the_published_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
