/* test_timetext.c - dates and timestamps against the C library's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../base/random.h"
#include "data/timetext.h"

static void reference(int64_t seconds, int with_time, char out[64])
{
    time_t time = (time_t)seconds;
    struct tm tm;

    gmtime_r(&time, &tm);
    if (with_time)
        snprintf(out, 64, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
    else
        snprintf(out, 64, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void every_day(void **state)
{
    char ours[DVSI_DATE_SIZE], theirs[64];

    (void)state;
    for (int64_t day = DVSI_DATE_MIN; day <= DVSI_DATE_MAX; day++) {
        int64_t back = 0;

        assert_int_equal(dvsi_date_format(day, ours), 10);
        if (dvsi_date_parse(ours, 10, &back) != 0 || back != day)
            fail_msg("%s does not come back", ours);
        if (day % 61 == 0 || day < DVSI_DATE_MIN + 800 || day > DVSI_DATE_MAX - 800) {
            reference(day * 86400, 0, theirs);
            assert_string_equal(ours, theirs);
        }
    }
    dvsi_date_format(DVSI_DATE_MIN, ours);
    assert_string_equal(ours, "0001-01-01");
    dvsi_date_format(DVSI_DATE_MAX, ours);
    assert_string_equal(ours, "9999-12-31");
}

static void random_timestamps(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t range = (uint64_t)(DVSI_TIMESTAMP_MAX - DVSI_TIMESTAMP_MIN) + 1;
        int64_t micros = DVSI_TIMESTAMP_MIN + (int64_t)(random_bits() % range), back = 0, fraction, seconds;
        char ours[DVSI_TIMESTAMP_SIZE], theirs[64], full[80];

        fraction = ((micros % 1000000) + 1000000) % 1000000;
        seconds = (micros - fraction) / 1000000;
        reference(seconds, 1, theirs);
        snprintf(full, sizeof full, "%s.%06dZ", theirs, (int)fraction);
        assert_int_equal(dvsi_timestamp_format(micros, ours), 27);
        assert_string_equal(ours, full);
        assert_int_equal(dvsi_timestamp_parse(ours, 27, &back), 0);
        assert_true(back == micros);
    }
}

static void spellings(void **state)
{
    static const struct {
        const char *text;
        int64_t micros;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T00:00Z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01T01:00:00+0100", 0},
        {"1970-01-01T01:00:00+01", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T00:00:00.1Z", 100000},
        {"1970-01-01T00:00:00.1234567Z", 123456},
        {"1970-01-01T00:00:00.0000009999999999999999999Z", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
        {"2024-02-29T12:00:00Z", INT64_C(1709208000000000)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
        {"0001-01-01T00:00:00Z", DVSI_TIMESTAMP_MIN},
        {"0001-01-01T01:00:00+01:00", DVSI_TIMESTAMP_MIN},
        {"9999-12-31T23:59:59.999999Z", DVSI_TIMESTAMP_MAX},
        {"9999-12-31T23:59:59.9999999-00:00", DVSI_TIMESTAMP_MAX},
        {"1970-01-02T23:59:00+23:59", INT64_C(86400000000)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t micros = 99;

        if (dvsi_timestamp_parse(cases[i].text, strlen(cases[i].text), &micros) != 0 ||
            micros != cases[i].micros)
            fail_msg("%s became %lld", cases[i].text, (long long)micros);
    }
}

static void refusals(void **state)
{
    static const char *const timestamps[] = {
        "",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00.",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00.5Z",
        "2024-01-01T00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "2024-01-01T00:00:00+1:00",
        "2024-01-01T00:00:00+01:",
        "2024-01-01T00:00:00Z ",
        " 2024-01-01T00:00:00Z",
        "2024-01-01  00:00:00Z",
        "2024-01-01X00:00:00Z",
        "2024-1-1T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-00:01",
        "2024-01-01T00:00:00ZZ",
        "2024-01-01T00:00:00 Z",
        "2024-01-01T0a:00:00Z",
    };
    static const char *const dates[] = {
        "",           "2024",        "2024-13-01", "2024-00-01", "2024-01-00",  "2024-01-32",
        "2023-02-29", "1900-02-29",  "2024-04-31", "24-01-01",   "2024-01-01 ", "2024/01/01",
        "0000-12-31", "12024-01-01", "-024-01-01", "2024-1-01",  "2024-01-01T", "20240101"};
    int64_t value = 42;

    (void)state;
    for (size_t i = 0; i < sizeof timestamps / sizeof timestamps[0]; i++) {
        if (dvsi_timestamp_parse(timestamps[i], strlen(timestamps[i]), &value) != -1)
            fail_msg("%s was taken", timestamps[i]);
    }
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        if (dvsi_date_parse(dates[i], strlen(dates[i]), &value) != -1)
            fail_msg("%s was taken", dates[i]);
    }
    assert_int_equal(dvsi_date_parse(NULL, 0, &value), -1);
    assert_int_equal(dvsi_timestamp_parse(NULL, 0, &value), -1);
    assert_int_equal(value, 42);
    assert_int_equal(dvsi_date_parse("2024-02-29x", 10, &value), 0);
    assert_int_equal(value, 19782);
}

static void random_offsets(void **state)
{
    (void)state;
    for (int i = 0; i < 50000; i++) {
        int64_t seconds = (int64_t)(random_bits() % UINT64_C(4000000000)), micros = 0;
        int minutes = (int)random_below(2 * 1440 - 1) - 1439;
        int size = abs(minutes);
        char local[64], text[128];

        reference(seconds + minutes * 60, 1, local);
        snprintf(text, sizeof text, "%s%c%02d%s%02d", local, minutes < 0 ? '-' : '+', size / 60,
                 random_below(2) ? ":" : "", size % 60);
        assert_int_equal(dvsi_timestamp_parse(text, strlen(text), &micros), 0);
        assert_true(micros == seconds * 1000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day), cmocka_unit_test(random_timestamps), cmocka_unit_test(spellings),
        cmocka_unit_test(refusals),  cmocka_unit_test(random_offsets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
