/* test_number.c - numbers as text and back, whatever the locale. */
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "random.h"

static void int64_text(void **state)
{
    static const int64_t extremes[] = {0,   1,    -1,    9,         10,        99,
                                       100, -100, 12345, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    char ours[DVSI_INT64_SIZE + 1], theirs[32];

    (void)state;
    for (size_t i = 0; i < 200000; i++) {
        int64_t value = i < sizeof extremes / sizeof extremes[0] ? extremes[i]
                                                                 : (int64_t)random_bits() >> random_below(64);
        int64_t back;
        size_t n = dvsi_number_from_int64(ours, value);

        ours[n] = '\0';
        snprintf(theirs, sizeof theirs, "%" PRId64, value);
        assert_string_equal(ours, theirs);
        assert_int_equal(dvsi_number_to_int64(ours, n, &back), 0);
        assert_true(back == value);
    }
}

static void int64_refusals(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "0x10",
                                      "--1",
                                      "9223372036854775808",
                                      "1.0",
                                      "1e3",
                                      "-9223372036854775809",
                                      "99999999999999999999",
                                      "\xd9\xa1"};
    int64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(dvsi_number_to_int64(bad[i], strlen(bad[i]), &value), -1);
    assert_int_equal(dvsi_number_to_int64("1\0", 2, &value), -1);
    assert_int_equal(value, 77);
    assert_int_equal(dvsi_number_to_int64("+007", 4, &value), 0);
    assert_int_equal(value, 7);
    assert_int_equal(dvsi_number_to_int64("-0", 2, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(dvsi_number_to_int64("123", 2, &value), 0);
    assert_int_equal(value, 12);
}

static const char *text_of(double value)
{
    static char text[DVSI_DOUBLE_SIZE + 1];

    text[dvsi_number_from_double(text, value)] = '\0';
    return text;
}

static void double_text(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "0"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {100.0, "100"},
        {1e300, "1e+300"},
        {1e-5, "1e-05"},
        {0.0001, "0.0001"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3.0, "0.3333333333333333"},
        {123456789012345.0, "123456789012345"},
        {999999999999999.0, "999999999999999"},
        {9007199254740992.0, "9007199254740992"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        {19.99, "19.99"},
        {-1234.05, "-1234.05"},
        {0.000123, "0.000123"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {5.9604644775390625e-08, "5.960464477539063e-08"}, /* 2^-24: nearer ones do not read back */
        {-6.1897001964269014e+26, "-6.189700196426902e+26"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(text_of(cases[i].value), cases[i].text);
    assert_string_equal(text_of(INFINITY), "");
    assert_string_equal(text_of(NAN), "");
}

/* No text of fewer digits reads back as the same number: what printf gives with one digit less does not, and
 * strtod is the judge of ours. */
static void check_shortest(double value)
{
    char shorter[320];
    const char *text = text_of(value);
    int digits = 0;
    double back;

    assert_true(strtod(text, NULL) == value);
    assert_int_equal(dvsi_number_to_double(text, strlen(text), &back), 0);
    assert_true(back == value);
    for (const char *at = text; *at != '\0' && *at != 'e'; at++)
        digits += (*at >= '1' && *at <= '9') || (*at == '0' && digits > 0);
    for (int precision = 1; precision < digits; precision++) {
        snprintf(shorter, sizeof shorter, "%.*g", precision, value);
        if (strtod(shorter, NULL) == value) {
            /* Zeros at the end of a whole number are no digits that could be saved. */
            assert_true(strpbrk(text, ".e") == NULL);
            break;
        }
    }
}

static void doubles_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 60000; i++) {
        uint64_t bits = random_bits();
        double value;

        memcpy(&value, &bits, sizeof value);
        if (isfinite(value) && value != 0)
            check_shortest(value);
        check_shortest((double)(int64_t)(random_bits() >> 20) / 100.0);
        check_shortest(((double)(random_bits() >> 44) + 1) / pow(10, (double)random_below(12)));
    }
    for (int exponent = -1074; exponent < 1024; exponent++)
        check_shortest(ldexp(1, exponent));
}

static void doubles_are_read_as_strtod_does(void **state)
{
    char text[900];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        size_t at = 0, whole = random_below(25), behind = random_below(i % 100 == 0 ? 800 : 25);
        double ours, theirs;

        if (random_below(2))
            text[at++] = '-';
        for (size_t k = 0; k <= whole; k++)
            text[at++] = (char)('0' + random_below(10));
        if (behind > 0)
            text[at++] = '.';
        for (size_t k = 0; k < behind; k++)
            text[at++] = (char)('0' + random_below(10));
        if (random_below(2))
            at += (size_t)snprintf(text + at, 16, "e%d", (int)random_below(700) - 350);
        text[at] = '\0';
        theirs = strtod(text, NULL);
        if (isfinite(theirs)) {
            assert_int_equal(dvsi_number_to_double(text, at, &ours), 0);
            assert_true(ours == theirs);
        } else {
            assert_int_equal(dvsi_number_to_double(text, at, &ours), -1);
        }
    }
}

static void double_edges(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      ".",
                                      "e5",
                                      "1e",
                                      "1e+",
                                      "inf",
                                      "nan",
                                      "-inf",
                                      "0x1p3",
                                      " 1",
                                      "1 ",
                                      "1..2",
                                      "1,5",
                                      "1e5.5",
                                      "--1",
                                      "1_000",
                                      "1e309",
                                      "-1e999999999999999999999",
                                      "infinity"};
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {".5", 0.5},
        {"5.", 5},
        {"+1", 1},
        {"-0", 0},
        {"1e-400", 0},
        {"0e999999999999999999999", 0},
        {"1e-999999999999999999999", 0},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"4.9e-324", 5e-324},
        {"0.000000000000000000000000000000000000001e39", 1},
        /* Half way between 1 and the next double, and just above it. */
        {"1.00000000000000011102230246251565404236316680908203125", 1},
        {"1.000000000000000111022302462515654042363166809082031250000000000000001", 1.0000000000000002},
    };
    char sticky[1100];
    double value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(dvsi_number_to_double(bad[i], strlen(bad[i]), &value), -1);
    assert_int_equal(dvsi_number_to_double(NULL, 0, &value), -1);
    assert_true(value == 7);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(dvsi_number_to_double(good[i].text, strlen(good[i].text), &value), 0);
        assert_true(value == good[i].value && !signbit(value));
    }
    /* The digit that decides stands beyond all that are kept. */
    memset(sticky, '0', sizeof sticky);
    memcpy(sticky, good[10].text, strlen(good[10].text));
    assert_int_equal(dvsi_number_to_double(sticky, sizeof sticky, &value), 0);
    assert_true(value == 1);
    sticky[sizeof sticky - 1] = '1';
    assert_int_equal(dvsi_number_to_double(sticky, sizeof sticky, &value), 0);
    assert_true(value == 1.0000000000000002);
}

/* Only where such a locale is installed; else this says nothing. */
static void a_comma_locale_changes_nothing(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "cs_CZ.UTF-8",
                                        "ru_RU.UTF-8"};
    double value;
    size_t i = 0;

    (void)state;
    while (i < sizeof names / sizeof names[0] && setlocale(LC_ALL, names[i]) == NULL)
        i++;
    if (i == sizeof names / sizeof names[0])
        skip();
    assert_string_equal(text_of(1.0 / 3.0), "0.3333333333333333");
    assert_int_equal(dvsi_number_to_double("1.23456789012345678901", 22, &value), 0);
    assert_true(value > 1.2345 && value < 1.2346);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int64_text),
        cmocka_unit_test(int64_refusals),
        cmocka_unit_test(double_text),
        cmocka_unit_test(doubles_come_back),
        cmocka_unit_test(doubles_are_read_as_strtod_does),
        cmocka_unit_test(double_edges),
        cmocka_unit_test(a_comma_locale_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
