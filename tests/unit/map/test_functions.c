/* Each function of expressions: what it gives, NULL for NULL, and what of its input is an error. */
#include "expression_fixture.h"

static void test_to_date(void **state)
{
    static const expected cases[] = {
        {"to_date('2024-02-29')", "text 2024-02-29"},
        {"to_date(NULL)", "null"},
        {"to_date(none, '%d.%m.%Y')", "null"},
        {"to_date('2024-02-29', NULL)", "null"},
        {"to_date('31.12.1999', '%d.%m.%Y')", "text 1999-12-31"},
        {"to_date('1/2/24', '%m/%d/%y')", "text 2024-01-02"},
        {"to_date('1/2/69', '%m/%d/%y')", "text 1969-01-02"},
        {"to_date('1/2/00', '%m/%d/%y')", "text 2000-01-02"},
        {"to_date(' 5 Mar 2024', '%e %b %Y')", "text 2024-03-05"},
        {"to_date('5 MARCH 2024', '%e %B %Y')", "text 2024-03-05"},
        {"to_date('100% 20240305', '100%% %Y%m%d')", "text 2024-03-05"},
        {"to_date(day)", "text 2024-02-29"},
        {"to_date('')", "! to_date: \"\" is no date"},
        {"to_date('2023-02-29')", "! is no date (YYYY-MM-DD)"},
        {"to_date('2024-02-29T00:00:00Z')", "! is no date"},
        {"to_date('30.02.2000', '%d.%m.%Y')", "! is no date of that format"},
        {"to_date('31.12.1999 ', '%d.%m.%Y')", "! is no date of that format"},
        {"to_date('5 Mär 2024', '%e %b %Y')", "! is no date of that format"},
        {"to_date(Name, '%d.%m')", "? needs year"},
        {"to_date(Name, '%d.%m.%Y %H')", "? and nothing else"},
        {"to_date(Name, '%d.%m.%Q')", "? is no format of a date"},
        {"to_date(Name, '%')", "? is no format of a date"},
        {"to_date()", "? wrong number of arguments"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_to_timestamp(void **state)
{
    static const expected cases[] = {
        {"to_timestamp('2024-02-29T12:34:56Z')", "text 2024-02-29T12:34:56.000000Z"},
        {"to_timestamp('2024-02-29T12:34:56.5+02:00')", "text 2024-02-29T10:34:56.500000Z"},
        {"to_timestamp(at)", "text 2024-02-29T12:34:56.123456Z"},
        {"to_timestamp(NULL)", "null"},
        {"to_timestamp(none, '%Y-%m-%d', 'UTC')", "null"},
        {"to_timestamp('29.2.2024 1:02:03', '%d.%m.%Y %H:%M:%S', '+01:00')",
         "text 2024-02-29T00:02:03.000000Z"},
        {"to_timestamp('1.1.2024 0:30', '%d.%m.%Y %H:%M', '+01:00')", "text 2023-12-31T23:30:00.000000Z"},
        {"to_timestamp('2024-02-29', '%Y-%m-%d', '-05:30')", "text 2024-02-29T05:30:00.000000Z"},
        {"to_timestamp('2024-02-29 +0530', '%Y-%m-%d %z')", "text 2024-02-28T18:30:00.000000Z"},
        {"to_timestamp('12:05 AM 2024-02-29', '%I:%M %p %Y-%m-%d', 'utc')",
         "text 2024-02-29T00:05:00.000000Z"},
        {"to_timestamp('12:05 pm 2024-02-29', '%I:%M %p %Y-%m-%d', 'UTC')",
         "text 2024-02-29T12:05:00.000000Z"},
        {"to_timestamp('2024-02-29 1.25', '%Y-%m-%d %S.%f', 'Z')", "text 2024-02-29T00:00:01.250000Z"},
        {"to_timestamp('1709210096', '%s')", "text 2024-02-29T12:34:56.000000Z"},
        {"to_timestamp(-1, '%s')", "text 1969-12-31T23:59:59.000000Z"},
        {"to_timestamp('2024-02-29 12:34:56')", "! with a time zone"},
        {"to_timestamp('2024-02-29T12:34:56')", "! with a time zone"},
        {"to_timestamp('')", "! is no timestamp"},
        {"to_timestamp('', '%s')", "! of that format"},
        {"to_timestamp('-', '%s')", "! of that format"},
        {"to_timestamp('2024-02-29 1:', '%Y-%m-%d %H:%M', 'UTC')", "! of that format"},
        {"to_timestamp('0:30 AM 2024-02-29', '%I:%M %p %Y-%m-%d', 'UTC')", "! of that format"},
        {"to_timestamp('2024-02-29 1.1234567899', '%Y-%m-%d %S.%f', 'UTC')", "! of that format"},
        {"to_timestamp('2024-02-29 1.123456789', '%Y-%m-%d %S.%f', 'UTC')",
         "text 2024-02-29T00:00:01.123456Z"},
        {"to_timestamp('25:00 2024-02-29', '%H:%M %Y-%m-%d', 'UTC')", "! of that format"},
        {"to_timestamp('13:00 am 2024-02-29', '%I:%M %p %Y-%m-%d', 'UTC')", "! of that format"},
        {"to_timestamp('99999999999', '%s')", "text 5138-11-16T09:46:39.000000Z"},
        {"to_timestamp('999999999999', '%s')", "! years 0001 to 9999"},
        {"to_timestamp(Name, '%Y-%m-%d')", "? name it in a third argument"},
        {"to_timestamp(Name, '%Y-%m-%d %z', 'UTC')", "? has a zone of its own"},
        {"to_timestamp(Name, '%s', 'UTC')", "? has a zone of its own"},
        {"to_timestamp(Name, '%Y-%m-%d', 'Europe/Berlin')", "? is no zone"},
        {"to_timestamp(Name, '%Y-%m-%d', '')", "? is no zone"},
        {"to_timestamp(Name, '%H:%M', 'UTC')", "? is no format of a timestamp"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_to_bool(void **state)
{
    static const expected cases[] = {
        {"to_bool('TRUE')", "int64 1"},
        {"to_bool('no')", "int64 0"},
        {"to_bool(yes)", "int64 1"},
        {"to_bool('On')", "int64 1"},
        {"to_bool('f')", "int64 0"},
        {"to_bool(0)", "int64 0"},
        {"to_bool(none)", "null"},
        {"to_bool('')", "! is neither true"},
        {"to_bool(2)", "! is neither true"},
        {"to_bool(' yes')", "! neither"},
        {"to_bool(raw)", "! was given bytes"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_numbers(void **state)
{
    static const expected cases[] = {
        {"to_number('1234.50')", "double 1234.5"},
        {"to_number(' -7 ')", "int64 -7"},
        {"to_number('1e3')", "int64 1000"},
        {"to_number('12345678901234567.891')", "decimal 12345678901234567.891"},
        {"to_number('12345678901234567890')", "decimal 12345678901234567890"},
        {"to_number(money)", "decimal 12345678901234567.891"},
        {"to_number(a)", "int64 9007199254740993"},
        {"to_number(NULL)", "null"},
        {"to_number(none, 'de')", "null"},
        {"to_number('1', NULL)", "null"},
        {"to_number('')", "! is no number"},
        {"to_number('1,5')", "! is no number"},
        {"to_number('0x10')", "! is no number"},
        {"to_number('inf')", "! is no number"},
        {"to_number('1.234.567,8', 'de')", "double 1234567.8"},
        {"to_number('1234,8', 'de_DE')", "double 1234.8"},
        {"to_number('1.23,8', 'de')", "! is no number"},
        {"to_number('1.234', 'de')", "int64 1234"},
        {"to_number('1234.567', 'de')", "! is no number"},
        {"to_number('.567', 'de')", "! is no number"},
        {"to_number('(5)', 'en')", "! is no number"},
        {"to_number('1,234.5', 'en-US')", "double 1234.5"},
        {"to_number('1 234,5', 'fr')", "double 1234.5"},
        {"to_number('1\xe2\x80\xaf"
         "234,5', 'fr-FR')",
         "double 1234.5"},
        {"to_number('1''234.5', 'de-CH')", "double 1234.5"},
        {"to_number('\xe2\x88\x92"
         "5', 'sv')",
         "int64 -5"},
        {"to_number('5 EUR', 'de')", "! is no number"},
        {"to_number(Name, 'xx')", "? is no known locale"},
        {"to_currency('$1,234.50')", "double 1234.5"},
        {"to_currency('(1,234.50)')", "double -1234.5"},
        {"to_currency('-$5')", "int64 -5"},
        {"to_currency('EUR 5')", "int64 5"},
        {"to_currency('EUR5')", "int64 5"},
        {"to_currency('5EUR')", "int64 5"},
        {"to_currency('eUR 5')", "! is no amount of money"},
        {"to_currency('EuR 5')", "! is no amount of money"},
        {"to_currency('5 EUr')", "! is no amount of money"},
        {"to_currency('1.234,50 \xe2\x82\xac', 'de')", "double 1234.5"},
        {"to_currency(12)", "int64 12"},
        {"to_currency(none)", "null"},
        {"to_currency('5 6')", "! is no amount of money"},
        {"to_currency('EUR')", "! is no amount of money"},
        {"to_currency('')", "! is no amount of money"},
        {"to_cents('12.5')", "int64 1250"},
        {"to_cents('-0.07')", "int64 -7"},
        {"to_cents(3)", "int64 300"},
        {"to_cents('19.99')", "int64 1999"},
        {"to_cents(0.29)", "int64 29"},
        {"to_cents(to_currency('1.234,5 \xe2\x82\xac', 'de'))", "int64 123450"},
        {"to_cents(none)", "null"},
        {"to_cents('12.345')", "! has more than two decimals"},
        {"to_cents('x')", "! is no number"},
        {"to_cents('92233720368547758.07')", "int64 9223372036854775807"},
        {"to_cents('92233720368547758.08')", "! is too large"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_texts(void **state)
{
    static const expected cases[] = {
        {"digits('+49 (30) 12-3')", "text 493012"
                                    "3"},
        {"digits('none')", "text "},
        {"digits(a)", "text 9007199254740993"},
        {"digits(none)", "null"},
        {"digits(raw)", "! was given bytes"},
        {"value_map('b', '{\"a\": 1, \"b\": \"two\"}')", "text two"},
        {"value_map(1, '{\"1\": 2.50}')", "double 2.5"},
        {"value_map('a', '{\"a\": 12345678901234567.891}')", "decimal 12345678901234567.891"},
        {"value_map('a', '{\"a\": true}')", "int64 1"},
        {"value_map('a', '{\"a\": null}', 'd')", "null"},
        {"value_map('a', '{\"a\": [1, 2]}')", "text [1,2]"},
        {"value_map('x', '{\"a\": 1}', 'd')", "text d"},
        {"value_map('x', '{\"a\": 1}', NULL)", "null"},
        {"value_map(NULL, '{\"a\": 1}', 'd')", "null"},
        {"value_map('x', '{\"a\": 1}')", "! \"x\" is not in the map, and there is no default"},
        {"value_map(Name, '[1]')", "? is no JSON object"},
        {"value_map(Name, '{')", "? is no JSON object"},
        {"value_map(Name, '{\"a\": \"' || replace(zeroblob(70000), x'00', 'x') || '\"}')", "? 64 KB"},
        {"regex_like(Name, '^Zo.')", "int64 1"},
        {"regex_like(Name, '(?i)^zoë o.neil$')", "int64 1"},
        {"regex_like('', '^$')", "int64 1"},
        {"regex_like(Name, 'x')", "int64 0"},
        {"regex_like(none, 'x')", "null"},
        {"regex_like(Name, NULL)", "null"},
        {"regex_like(Name, '(')", "? is no regular expression"},
        {"regex_like(Name, '\\C')", "? is no regular expression"},
        {"regex_like(raw, 'x')", "! was given bytes"},
        {"regex_replace('a1b22', '[0-9]+', '<$0>')", "text a<1>b<22>"},
        {"regex_replace('john smith', '(\\w+) (?<last>\\w+)', '${last}, $1')", "text smith, john"},
        {"regex_replace('a', 'b', 'c')", "text a"},
        {"regex_replace('a', 'a', '')", "text "},
        {"regex_replace(none, 'a', 'b')", "null"},
        {"regex_replace('a', 'a', NULL)", "null"},
        {"regex_replace(Name, 'Z', '${')", "! is no replacement"},
    };
    (void)state;
    CHECK_ALL(cases);
}

/* What would take minutes is stopped, by its steps and not by the time. */
static void test_catastrophic_patterns(void **state)
{
    static const char big[] = "replace(printf('%200000d', 1), ' ', 'a')";
    static const struct {
        const char *text;
        const char *call;
        const char *result;
    } cases[] = {
        {"replace(printf('%5000d', 1), ' ', 'a')", "regex_like(%s, '^(a+)+$')", "! too many steps"},
        {"replace(printf('%9000d', 1), ' ', 'a')", "regex_like(%s, '(a|aa)+$')", "! too many steps"},
        {big, "regex_like(%s, '(?>a*)[bc]')", "! too many steps"},
        {big, "length(regex_replace(%s, 'a(?=.*)', 'b'))", "! too many steps"},
        {big, "regex_like(%s, '^a+1$')", "int64 1"},
        {big, "length(regex_replace(%s, 'a', 'bc'))", "! too big"},
        {big, "length(regex_replace(%s, 'a', ''))", "int64 1"},
    };
    dvs_cell record[N_COLUMNS];
    (void)state;
    usual_record(record);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dvsi_buf text = {0};
        const char *hole = strstr(cases[i].call, "%s");
        dvsi_buf_add(&text, cases[i].call, (size_t)(hole - cases[i].call));
        dvsi_buf_printf(&text, "(%s || substr(Name, 1, 0))%s", cases[i].text, hole + 2);
        const expected e = {dvsi_buf_text(&text), cases[i].result};
        check_expression(&e, record);
        dvsi_buf_free(&text);
    }
}

/* SQLite's own date functions, where they depend on their arguments alone. */
static void test_dates(void **state)
{
    static const expected cases[] = {
        {"date('2024-02-29', '+1 year')", "text 2025-03-01"},
        {"strftime('%Y/%m', at)", "text 2024/02"},
        {"unixepoch(at)", "int64 1709210096"},
        {"julianday('2000-01-01')", "double 2451544.5"},
        {"datetime(1709210096, 'unixepoch')", "text 2024-02-29 12:34:56"},
        {"date('nonsense')", "null"},
        {"date()", "? current time"},
        {"strftime('%Y')", "? current time"},
        {"date('now')", "? 'now' cannot be used"},
        {"date(' NOW')", "? 'now' cannot be used"},
        {"unixepoch('subsec')", "? 'now' cannot be used"},
        {"strftime('%Y', 'subsecond')", "? 'now' cannot be used"},
        {"datetime(at, 'localtime')", "? time zone"},
        {"datetime(at, 'utc')", "? time zone"},
        {"date(lower('NOW'))", "? 'now' cannot be used"},
        {"date(CASE WHEN a THEN 'now' END)", "! 'now' cannot be used"},
        {"timediff(at, day)", "? no such function"},
        {"current_date", "? does not depend on the record alone"},
    };
    (void)state;
    CHECK_ALL(cases);
}

/* Ours instead of SQLite's own, with the same results. */
static void test_bounded(void **state)
{
    static const expected cases[] = {
        {"instr(Name, 'O')", "int64 5"},
        {"instr(Name, '')", "int64 1"},
        {"instr('', 'x')", "int64 0"},
        {"instr(raw, x'ff')", "int64 2"},
        {"instr(none, 'x')", "null"},
        {"instr(123, 2)", "int64 2"},
        {"replace('aXbX', 'X', '--')", "text a--b--"},
        {"replace('a', '', 'x')", "text a"},
        {"replace(1234, 2, 'x')", "text 1x34"},
        {"replace('a', 'a', none)", "null"},
        {"trim('xxaxx', 'x')", "text a"},
        {"ltrim('ëëa', 'ë')", "text a"},
        {"rtrim('aëx', 'xë')", "text a"},
        {"trim('  a ')", "text a"},
        {"trim(none, 'x')", "null"},
        {"trim('', 'x')", "text "},
        {"max(1, 2.5)", "double 2.5"},
        {"max(a)", "? at least two values"},
        {"min(a)", "? at least two"},
    };
    (void)state;
    CHECK_ALL(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_date), cmocka_unit_test(test_to_timestamp),
        cmocka_unit_test(test_to_bool), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_catastrophic_patterns),
        cmocka_unit_test(test_dates),   cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
