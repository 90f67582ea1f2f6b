/* test_decimal.c - equal numbers have equal canonical texts, and only these. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/random.h"
#include "data/decimal.h"

__extension__ typedef __int128 int128;

static void check(const char *text, const char *canonical)
{
    char out[DVSI_DECIMAL_SIZE];
    size_t length = dvsi_decimal_canonical(text, strlen(text), out);

    if (length != strlen(canonical) || memcmp(out, canonical, length) != 0)
        fail_msg("%s became %.*s, not %s", text, (int)length, out, canonical);
}

static void spellings(void **state)
{
    static const char *const cases[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"+0", "0"},
        {"0.000", "0"},
        {"-0.0e5", "0"},
        {"1", "1"},
        {"1.50", "1.5"},
        {"1.0", "1"},
        {"001", "1"},
        {"-01.10", "-1.1"},
        {"+7", "7"},
        {".5", "0.5"},
        {"5.", "5"},
        {"-.5", "-0.5"},
        {"1e3", "1000"},
        {"1E+3", "1000"},
        {"1.5e1", "15"},
        {"1.5e3", "1500"},
        {"15e-1", "1.5"},
        {"15e-2", "0.15"},
        {"15e-3", "0.015"},
        {"120e-1", "12"},
        {"0.00012e5", "12"},
        {"0.00012e4", "1.2"},
        {"100", "100"},
        {"10.01", "10.01"},
        {"0e999999999999999999999999", "0"},
        {"1e0000000000000000000000000003", "1000"},
        {"0.10", "0.1"},
        {"100.00100", "100.001"},
        {"12345678901234567890123456789.123456789", "12345678901234567890123456789.123456789"},
        {"1.e2", "100"},
        {"000.000", "0"},
        {"0.1e-1", "0.01"},
        {"-9223372036854775808", "-9223372036854775808"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(cases[i][0], cases[i][1]);
        check(cases[i][1], cases[i][1]);
    }
}

static void refusals(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      ".",
                                      "e5",
                                      "1e",
                                      "1e+",
                                      "1e-",
                                      "--1",
                                      "+-1",
                                      "1 ",
                                      " 1",
                                      "1,5",
                                      "1.2.3",
                                      "0x10",
                                      "inf",
                                      "nan",
                                      "1e5.5",
                                      "1e5e5",
                                      "abc",
                                      "1e1001",
                                      "1e999999999",
                                      "-",
                                      "1e99999999999999999999999999",
                                      "1e18446744073709551619",
                                      "1e-18446744073709551619",
                                      "1e-1001",
                                      "1e-999999999999999999999",
                                      "-.e1",
                                      "1_0"};
    char out[DVSI_DECIMAL_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(dvsi_decimal_canonical(bad[i], strlen(bad[i]), out), 0);
    assert_int_equal(dvsi_decimal_canonical("1\0", 2, out), 0);
    assert_int_equal(dvsi_decimal_canonical(NULL, 0, out), 0);
}

static void a_thousand_digits(void **state)
{
    char text[3100], out[DVSI_DECIMAL_SIZE];

    (void)state;
    memset(text, '9', sizeof text);
    assert_int_equal(dvsi_decimal_canonical(text, 1000, out), 1000);
    assert_int_equal(dvsi_decimal_canonical(text, 1001, out), 0);
    text[0] = '-';
    text[500] = '.';
    assert_int_equal(dvsi_decimal_canonical(text, 1002, out), 1002);
    assert_int_equal(dvsi_decimal_canonical(text, 1003, out), 0);
    assert_int_equal(dvsi_decimal_canonical("-1e-1000", 8, out), 1003);
    assert_memory_equal(out, "-0.000", 6);
    assert_int_equal(out[1002], '1');
    assert_int_equal(dvsi_decimal_canonical("1e999", 5, out), 1000);
    assert_int_equal(dvsi_decimal_canonical("1e1000", 6, out), 0);
    assert_int_equal(dvsi_decimal_canonical("11e998", 6, out), 1000);
    /* Zeros that do not count. */
    memset(text, '0', sizeof text);
    text[2000] = '7';
    assert_int_equal(dvsi_decimal_canonical(text, 2001, out), 1);
    text[2001] = '.';
    assert_int_equal(dvsi_decimal_canonical(text, 3000, out), 1);
    /* An exponent that makes up for them: 0.(2000 zeros)7e2001. */
    memset(text, '0', sizeof text);
    text[1] = '.';
    memcpy(text + 2002, "7e2001", 6);
    assert_int_equal(dvsi_decimal_canonical(text, 2008, out), 1);
    assert_int_equal(out[0], '7');
}

/* value divided by ten to the power of scale, in canonical form, by long division. */
static void reference(int128 value, int scale, char *out)
{
    char digits[64];
    int n = 0, negative = value < 0;

    if (negative)
        value = -value;
    while (scale > 0 && value % 10 == 0) {
        value /= 10;
        scale--;
    }
    do {
        if (scale-- == 0 && n > 0)
            digits[n++] = '.';
        digits[n++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0 || scale >= 0);
    if (negative && !(n == 1 && digits[0] == '0'))
        *out++ = '-';
    while (n > 0)
        *out++ = digits[--n];
    *out = '\0';
}

/* One of the many spellings of the same number. */
static void respell(int128 value, int scale, char *out)
{
    char plain[80], *digits = plain;
    int shift = (int)random_below(60) - 30;

    reference(value, 0, plain);
    if (*digits == '-')
        *out++ = *digits++;
    else if (random_below(4) == 0)
        *out++ = '+';
    for (size_t zeros = random_below(4); zeros > 0; zeros--)
        *out++ = '0';
    if (shift == 0 && scale == 0) {
        memcpy(out, digits, strlen(digits) + 1);
        return;
    }
    /* digits[.zeros]e(-scale), or with the point moved to the left. */
    if (shift > 0 && (size_t)shift < strlen(digits)) {
        size_t whole = strlen(digits) - (size_t)shift;

        snprintf(out, 160, "%.*s.%s%.*se%d", (int)whole, digits, digits + whole, (int)random_below(5), "0000",
                 shift - scale);
    } else {
        snprintf(out, 160, "%s%se%s%d", digits, random_below(2) ? ".00" : "",
                 scale == 0 && random_below(2) ? "+" : "", -scale);
    }
}

static int128 random_number(int digits)
{
    int128 value = 0;

    while (digits-- > 0)
        value = value * 10 + (int128)random_below(random_below(3) ? 10 : 1);
    return random_below(2) ? -value : value;
}

static void random_spellings(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        int scale = (int)random_below(45);
        int128 value = random_number((int)random_below(37));
        char canonical[160], spelled[320];

        reference(value, scale, canonical);
        respell(value, scale, spelled);
        check(spelled, canonical);
        check(canonical, canonical);
    }
}

static void ordering(void **state)
{
    static const int128 ten = 10;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        int a_scale = (int)random_below(12), b_scale = (int)random_below(12);
        int128 a = random_number((int)random_below(18)),
               b = random_below(10) == 0 ? a : random_number((int)random_below(18));
        int128 a_full = a, b_full = b;
        char a_text[80], b_text[80];
        int expected, got;

        reference(a, a_scale, a_text);
        reference(b, b_scale, b_text);
        for (int k = a_scale; k < 12; k++)
            a_full *= ten;
        for (int k = b_scale; k < 12; k++)
            b_full *= ten;
        expected = (a_full > b_full) - (a_full < b_full);
        got = dvsi_decimal_compare(a_text, strlen(a_text), b_text, strlen(b_text));
        if (got != expected)
            fail_msg("%s against %s: %d", a_text, b_text, got);
    }
}

static void whole_numbers(void **state)
{
    int64_t value = 0;

    (void)state;
    assert_int_equal(dvsi_decimal_to_int64("-9223372036854775808", 20, &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(dvsi_decimal_to_int64("9223372036854775807", 19, &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(dvsi_decimal_to_int64("9223372036854775808", 19, &value), -1);
    assert_int_equal(dvsi_decimal_to_int64("1.5", 3, &value), -1);
    assert_int_equal(dvsi_decimal_to_int64("", 0, &value), -1);
    assert_int_equal(dvsi_decimal_to_int64(NULL, 0, &value), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),        cmocka_unit_test(refusals), cmocka_unit_test(a_thousand_digits),
        cmocka_unit_test(random_spellings), cmocka_unit_test(ordering), cmocka_unit_test(whole_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
