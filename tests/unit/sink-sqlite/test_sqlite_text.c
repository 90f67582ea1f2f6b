/* test_sqlite_text.c - the plugin's own number, time, JSON and UTF-8 code, against independent sources. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The plugin exports one symbol and nothing else, so its pure files are built in. */
#include "../../../plugins/sink-sqlite/json.c"
#include "../../../plugins/sink-sqlite/network.c"
#include "../../../plugins/sink-sqlite/number.c"
#include "../../../plugins/sink-sqlite/time_text.c"
#include "../../../plugins/sink-sqlite/utf8.c"

#include "base/number.h"
#include "data/decimal.h"
#include "data/timetext.h"

static uint64_t random_bits(uint64_t *seed)
{
    uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The text of a double, as an exact decimal, is that of the core's own code. */
static void check_double(double value)
{
    char ours[SINK_SQLITE_SCRATCH], theirs[DVSI_DOUBLE_SIZE];
    char *a = malloc(DVSI_DECIMAL_SIZE), *b = malloc(DVSI_DECIMAL_SIZE);
    size_t n = sink_sqlite_text_of_double(value, ours);
    size_t m = dvsi_number_from_double(theirs, value);
    size_t x = dvsi_decimal_canonical(ours, n, a);
    size_t y = dvsi_decimal_canonical(theirs, m, b);
    if (x == 0 || x != y || memcmp(a, b, x) != 0)
        fail_msg("%.17g: ours %.*s, the core's %.*s", value, (int)n, ours, (int)m, theirs);
    free(a);
    free(b);
}

static void doubles_have_their_shortest_text(void **state)
{
    uint64_t seed = 42;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = random_bits(&seed);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value) && fabs(value) > 1e-290)
            check_double(value);
        check_double((double)(int64_t)(bits >> 20) / 100);
        check_double((double)(int64_t)(bits >> 40) / 1000);
    }
    check_double(0.3);
    check_double(0.1 + 0.2);
    check_double(9007199254740993.0);
    check_double(1.7976931348623157e308);
}

/* INTEGER and REAL give the very number back; TEXT is the canonical text. */
static void check_decimal(const char *text, size_t length, sink_sqlite_class wanted)
{
    sink_sqlite_decimal d;
    char back[SINK_SQLITE_SCRATCH];
    char *a = malloc(DVSI_DECIMAL_SIZE), *b = malloc(DVSI_DECIMAL_SIZE);
    size_t n, x, y;
    sink_sqlite_decimal_read(text, length, &d);
    if (wanted != SINK_SQLITE_BAD && d.as != wanted)
        fail_msg("%.*s is of class %d", (int)length, text, (int)d.as);
    x = dvsi_decimal_canonical(text, length, a);
    if (d.as == SINK_SQLITE_TEXT) {
        assert_int_equal(x, d.length);
        assert_memory_equal(a, d.text, x);
    } else {
        n = d.as == SINK_SQLITE_INTEGER ? sink_sqlite_text_of_int64(d.integer, back)
                                        : sink_sqlite_text_of_double(d.real, back);
        y = dvsi_decimal_canonical(back, n, b);
        if (x == 0 || x != y || memcmp(a, b, x) != 0)
            fail_msg("%.*s came back as %.*s", (int)length, text, (int)n, back);
    }
    free(a);
    free(b);
}

static void decimals_keep_every_digit(void **state)
{
    static const struct {
        const char *text;
        sink_sqlite_class as;
    } cases[] = {
        {"0", SINK_SQLITE_INTEGER},
        {"-0.000", SINK_SQLITE_INTEGER},
        {"+1.50", SINK_SQLITE_REAL},
        {"15e2", SINK_SQLITE_INTEGER},
        {"1500.00", SINK_SQLITE_INTEGER},
        {"9223372036854775807", SINK_SQLITE_INTEGER},
        {"-9223372036854775808", SINK_SQLITE_INTEGER},
        {"9223372036854775808", SINK_SQLITE_TEXT},
        {"9223372036854776000", SINK_SQLITE_REAL},
        {"-9223372036854775809", SINK_SQLITE_TEXT},
        {"1e20", SINK_SQLITE_REAL},
        {"1e300", SINK_SQLITE_REAL},
        {"1e400", SINK_SQLITE_TEXT},
        {"1e-400", SINK_SQLITE_TEXT},
        {"123456789012345.6", SINK_SQLITE_REAL},
        {"0.1234567890123456789", SINK_SQLITE_TEXT},
        {"0.30000000000000003", SINK_SQLITE_TEXT},
        {"0.30000000000000004", SINK_SQLITE_REAL},
        {".5", SINK_SQLITE_REAL},
        {"5.", SINK_SQLITE_INTEGER},
        {"00012.3400e1", SINK_SQLITE_REAL},
    };
    static const char *const bad[] = {"",   "-",   ".",   "1.2.3", "1e",     "e5",      "1 ",
                                      " 1", "0x1", "nan", "inf",   "1e1000", "1e-1000", "1e99999999999"};
    uint64_t seed = 7;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_decimal(cases[i].text, strlen(cases[i].text), cases[i].as);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sink_sqlite_decimal d;
        sink_sqlite_decimal_read(bad[i], strlen(bad[i]), &d);
        if (d.as != SINK_SQLITE_BAD)
            fail_msg("'%s' was taken for a decimal", bad[i]);
    }
    for (int i = 0; i < 50000; i++) {
        char text[64];
        size_t n = 0;
        int digits = 1 + (int)(random_bits(&seed) % 22);
        int point = (int)(random_bits(&seed) % 24);
        if (random_bits(&seed) % 2)
            text[n++] = '-';
        for (int k = 0; k < digits; k++) {
            if (k == point && k > 0)
                text[n++] = '.';
            text[n++] = (char)('0' + random_bits(&seed) % 10);
        }
        check_decimal(text, n, SINK_SQLITE_BAD);
    }
}

static void nothing_depends_on_the_locale(void **state)
{
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C"};
    (void)state;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        if (setlocale(LC_ALL, locales[i]) == NULL)
            continue;
        check_decimal("0.30000000000000004", 19, SINK_SQLITE_REAL);
        check_double(1.2345678901234567e-7);
        check_double(0.5);
    }
    setlocale(LC_ALL, "C");
}

static void times_agree_with_the_core(void **state)
{
    char ours[32], theirs[DVSI_TIMESTAMP_SIZE];
    int64_t back;
    uint64_t seed = 3;
    (void)state;
    for (int64_t day = DVSI_DATE_MIN; day <= DVSI_DATE_MAX; day += 1 + (int64_t)(random_bits(&seed) % 30)) {
        assert_int_equal(sink_sqlite_date_write(day, ours), 0);
        dvsi_date_format(day, theirs);
        assert_memory_equal(ours, theirs, SINK_SQLITE_DATE_LENGTH);
        assert_int_equal(sink_sqlite_date_read(ours, SINK_SQLITE_DATE_LENGTH, &back), 0);
        assert_int_equal(back, day);
    }
    for (int i = 0; i < 100000; i++) {
        uint64_t range = (uint64_t)(DVSI_TIMESTAMP_MAX - DVSI_TIMESTAMP_MIN);
        int64_t value = DVSI_TIMESTAMP_MIN + (int64_t)(random_bits(&seed) % range);
        assert_int_equal(sink_sqlite_timestamp_write(value, ours), 0);
        dvsi_timestamp_format(value, theirs);
        assert_memory_equal(ours, theirs, SINK_SQLITE_TIMESTAMP_LENGTH);
        assert_int_equal(sink_sqlite_timestamp_read(ours, SINK_SQLITE_TIMESTAMP_LENGTH, &back), 0);
        assert_true(back == value);
    }
    assert_int_equal(sink_sqlite_date_write(DVSI_DATE_MAX + 1, ours), -1);
    assert_int_equal(sink_sqlite_date_write(DVSI_DATE_MIN - 1, ours), -1);
    assert_int_equal(sink_sqlite_timestamp_write(INT64_MIN, ours), -1);
    assert_int_equal(sink_sqlite_timestamp_write(INT64_MAX, ours), -1);
    assert_int_equal(sink_sqlite_date_read("1900-02-29", 10, &back), -1);
    assert_int_equal(sink_sqlite_date_read("2000-02-29", 10, &back), 0);
}

static void json_is_one_value(void **state)
{
    static const char *const good[] = {"null",
                                       "true",
                                       " [] ",
                                       "{}",
                                       "[[],{}]",
                                       "{\"a\":{\"b\":[1,-2.5e+3]}}",
                                       "\"\\u00e9\\ud83d\\ude00\\n\"",
                                       "-0",
                                       "[1,\n2]",
                                       "{\"a\":1,\"b\":[]}"};
    static const char *const bad[] = {"",
                                      " ",
                                      "nul",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "01",
                                      "1.",
                                      "+1",
                                      "[1 2]",
                                      "\"\\ud83d\"",
                                      "\"\\u0000\"",
                                      "\"\\x\"",
                                      "\"a",
                                      "[",
                                      "{\"a\"",
                                      "{\"a\":}",
                                      "1 2",
                                      "[}",
                                      "\"\t\"",
                                      "]",
                                      "\"\\ude00\"",
                                      "-",
                                      "1e",
                                      "[,1]",
                                      "{,}",
                                      "{\"a\":1 \"b\":2}"};
    char deep[200];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!sink_sqlite_json_valid(good[i], strlen(good[i])))
            fail_msg("refused: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (sink_sqlite_json_valid(bad[i], strlen(bad[i])))
            fail_msg("taken: %s", bad[i]);
    }
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    assert_false(sink_sqlite_json_valid(deep, 130));
    assert_true(sink_sqlite_json_valid(deep + 1, 128));
}

static void text_is_utf8_without_nul(void **state)
{
    static const char *const bad[] = {"\x80",         "\xc0\x80",     "\xc3",
                                      "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",         "abcdefgh\xff", "\xf0\x80\x80\x80",
                                      "12345678\xc3", "\xe2\x82"};
    (void)state;
    assert_true(sink_sqlite_utf8_valid("", 0));
    assert_true(sink_sqlite_utf8_valid("plain ASCII of some length", 26));
    assert_true(sink_sqlite_utf8_valid("\xf0\x9f\x98\x80 \xe2\x82\xac \xc3\xa9 12345678", 18));
    assert_false(sink_sqlite_utf8_valid("1234567\0"
                                        "90123456",
                                        16));
    assert_false(sink_sqlite_utf8_valid("\0", 1));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(sink_sqlite_utf8_valid(bad[i], strlen(bad[i])));
}

static void network_file_systems_are_known(void **state)
{
    (void)state;
    assert_string_equal(sink_sqlite_network_number(0x6969), "NFS");
    assert_string_equal(sink_sqlite_network_number(0xff534d42ul), "CIFS");
    assert_string_equal(sink_sqlite_network_number(0x01021997), "9p");
    assert_null(sink_sqlite_network_number(0xef53));     /* ext4 */
    assert_null(sink_sqlite_network_number(0x01021994)); /* tmpfs */
    assert_null(sink_sqlite_network_number(0x794c7630)); /* overlay */
    assert_string_equal(sink_sqlite_network_type("fuse.sshfs"), "fuse.sshfs");
    assert_null(sink_sqlite_network_type("fuse.fuse-overlayfs"));
    assert_null(sink_sqlite_network("/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_have_their_shortest_text),
        cmocka_unit_test(decimals_keep_every_digit),
        cmocka_unit_test(nothing_depends_on_the_locale),
        cmocka_unit_test(times_agree_with_the_core),
        cmocka_unit_test(json_is_one_value),
        cmocka_unit_test(text_is_utf8_without_nul),
        cmocka_unit_test(network_file_systems_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
