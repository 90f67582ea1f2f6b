/* test_utf8.c - checking and showing UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "random.h"

/* Table 3-7 of the Unicode Standard, row by row. */
static size_t reference_one(const unsigned char *t, size_t left)
{
    static const unsigned char rows[][9] = {
        /* bytes, then first and last of each byte */
        {1, 0x01, 0x7f, 0, 0, 0, 0, 0, 0},
        {2, 0xc2, 0xdf, 0x80, 0xbf, 0, 0, 0, 0},
        {3, 0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf, 0, 0},
        {3, 0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf, 0, 0},
        {3, 0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf, 0, 0},
        {3, 0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf, 0, 0},
        {4, 0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
        {4, 0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
        {4, 0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf},
    };

    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        size_t n = rows[r][0], i = 0;

        while (i < n && i < left && t[i] >= rows[r][1 + 2 * i] && t[i] <= rows[r][2 + 2 * i])
            i++;
        if (i == n)
            return n;
    }
    return 0;
}

static size_t reference(const char *text, size_t length)
{
    size_t at = 0, n;

    while (at < length && (n = reference_one((const unsigned char *)text + at, length - at)) > 0)
        at += n;
    return at;
}

static void all_short_sequences(void **state)
{
    (void)state;
    for (unsigned lead = 0; lead < 256; lead++) {
        for (unsigned second = 0; second < 256; second++) {
            for (unsigned third = 0x7f; third < 0xc2; third += lead >= 0xe0 ? 1 : 17) {
                char text[4] = {(char)lead, (char)second, (char)third, (char)0xbf};

                assert_int_equal(dvsi_utf8_valid(text, 2), reference(text, 2));
                assert_int_equal(dvsi_utf8_valid(text, 3), reference(text, 3));
                assert_int_equal(dvsi_utf8_valid(text, 4), reference(text, 4));
            }
        }
    }
}

static void random_texts(void **state)
{
    static const char *const pieces[] = {
        "a", "plain text of some length ", "é", "€", "한", "😀", "\xf4\x8f\xbf\xbf"};
    char text[400];

    (void)state;
    for (int round = 0; round < 100000; round++) {
        size_t at = 0, places = random_below(40);

        while (places-- > 0) {
            const char *piece = pieces[random_below(7)];

            if (at + strlen(piece) > sizeof text)
                break;
            memcpy(text + at, piece, strlen(piece));
            at += strlen(piece);
        }
        assert_int_equal(dvsi_utf8_valid(text, at), at);
        if (at > 0) {
            text[random_below(at)] = (char)random_bits();
            assert_int_equal(dvsi_utf8_valid(text, at), reference(text, at));
            at = random_below(at);
            assert_int_equal(dvsi_utf8_valid(text, at), reference(text, at));
        }
    }
}

static void nul_is_found_everywhere(void **state)
{
    char text[64];

    (void)state;
    for (size_t length = 0; length < sizeof text; length++) {
        for (size_t at = 0; at < length; at++) {
            memset(text, 1, sizeof text);
            text[at] = '\0';
            assert_int_equal(dvsi_utf8_valid(text, length), at);
        }
    }
    assert_int_equal(dvsi_utf8_valid(NULL, 0), 0);
}

static void check_show(const char *text, size_t length, size_t most, const char *shown)
{
    dvsi_buf buf = {0};

    dvsi_utf8_show(&buf, text, length, most);
    assert_string_equal(dvsi_buf_text(&buf), shown);
    dvsi_buf_free(&buf);
}

static void showing(void **state)
{
    (void)state;
    check_show("", 0, 0, "");
    check_show("Grüße 한 😀 \\n", strlen("Grüße 한 😀 \\n"), 0, "Grüße 한 😀 \\n");
    check_show("a\nb\tc\rd", 7, 0, "a\\nb\\tc\\rd");
    check_show("\x1b[31m\x7f\0", 7, 0, "\\x1b[31m\\x7f\\x00");
    check_show("\xff\xc3", 2, 0, "\\xff\\xc3");
    check_show("\xed\xa0\x80", 3, 0, "\\xed\\xa0\\x80");
    check_show("\u202e\u2066\u200f\u061c", 11, 0, "\\u202e\\u2066\\u200f\\u061c");
    check_show("\xc2\x85\xc2\x9b", 4, 0, "\\u0085\\u009b");
    check_show("\u2028\ufeff\U000e0041", 10, 0, "\\u2028\\ufeff\\U000e0041");
    /* Cut between characters and escapes, never inside. */
    check_show("abcdef", 6, 6, "abcdef");
    check_show("abcdef", 6, 5, "abcde…");
    check_show("aé", 3, 2, "a…");
    check_show("ab\x1b"
               "c",
               4, 4, "ab…");
    check_show("ab\x1b"
               "c",
               4, 6, "ab\\x1b…");
}

static void comparing_without_case(void **state)
{
    (void)state;
    assert_int_equal(dvsi_utf8_casecmp("AccountId", "accountid"), 0);
    assert_true(dvsi_utf8_casecmp("a", "B") < 0);
    assert_true(dvsi_utf8_casecmp("_", "a") < 0);
    assert_true(dvsi_utf8_casecmp("ab", "a") > 0);
    assert_true(dvsi_utf8_casecmp("", "a") < 0);
    assert_int_not_equal(dvsi_utf8_casecmp("É", "é"), 0); /* ASCII only, as SQLite does */
    assert_true(dvsi_utf8_casecmp("z", "é") < 0);
}

static void columns_of_a_terminal(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {{"", 0},        {"abc", 3},    {"Grüße", 5}, {"한국", 4}, {"日本語", 6}, {"😀", 2},
                 {"e\u0301", 1}, {"\u200b", 0}, {"→…€", 3},   {"ﾊ", 1},    {"Ａ", 2},     {"\U00020000", 2}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(dvsi_utf8_width(cases[i].text, strlen(cases[i].text)), cases[i].width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_short_sequences),     cmocka_unit_test(random_texts),
        cmocka_unit_test(nul_is_found_everywhere), cmocka_unit_test(showing),
        cmocka_unit_test(comparing_without_case),  cmocka_unit_test(columns_of_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
