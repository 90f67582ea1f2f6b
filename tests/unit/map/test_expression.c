/* The expression engine: what may be said, how values compare, what an absent field does, and its limits. */
#include "expression_fixture.h"

static void test_values(void **state)
{
    static const expected cases[] = {
        {"a", "int64 9007199254740993"},
        {"a = 9007199254740993", "int64 1"},
        {"a > 9007199254740992", "int64 1"},
        {"money", "decimal 12345678901234567.891"},
        {"money > 9", "int64 1"},
        {"money > 2e16", "int64 0"},
        {"-money", "double -12345678901234568"},
        {"typeof(money) || typeof(a)", "text realinteger"},
        {"f", "double 0.1"},
        {"f = 0.1", "int64 1"},
        {"at", "text 2024-02-29T12:34:56.123456Z"},
        {"at >= '2024-02-29'", "int64 1"},
        {"day", "text 2024-02-29"},
        {"id", "text abcd0102-0304-0506-0708-090a0b0c0d0e"},
        {"yes", "int64 1"},
        {"NOT yes", "int64 0"},
        {"hex(raw)", "text 01FF"},
        {"doc ->> '$.x[1]'", "int64 2"},
        {"name", "text Zo\xc3\xab O'Neil"},
        {"\"NAME\" || '!'", "text Zo\xc3\xab O'Neil!"},
        {"none", "null"},
        {"none = none", "null"},
        {"none IS NULL", "int64 1"},
        {"1 / 0", "null"},
        {"-0.0", "double 0"},
        {"1e308 * 10", "! not a finite number"},
        {"CASE WHEN money > 0 THEN money END", "decimal 12345678901234567.891"},
        {"to_number('1e400')", "! a decimal is too large for an expression"},
        {"CAST(raw AS TEXT)", "! not valid UTF-8"},
        {"char(65, 0, 66)", "! NUL"},
        {"a -- a comment", "int64 9007199254740993"},
        {"/* one */ 1", "int64 1"},
        {"';' || \"name\"", "text ;Zo\xc3\xab O'Neil"},
        {"a IN (1, 9007199254740993)", "int64 1"},
        {"CASE WHEN money > 1000 THEN 'rich' ELSE 'poor' END", "text rich"},
    };
    (void)state;
    CHECK_ALL(cases);
}

/* Nothing but an expression of the record. */
static void test_refused(void **state)
{
    static const expected cases[] = {
        {"", "? is empty"},
        {"  -- nothing", "? is empty"},
        {"a +", "? syntax error: something is missing at its end"},
        {"a + -- b", "? syntax error: something is missing at its end"},
        {"upper(", "? more \"(\" than"},
        {"a; DROP TABLE x", "? \";\""},
        {"1) FROM record; ATTACH 'x' AS y; SELECT (1", "? more \")\" than"},
        {"(a", "? more \"(\" than"},
        {"'a", "? does not end"},
        {"1 /* ", "? does not end"},
        {"?1", "? parameters"},
        {":x", "? parameters"},
        {"a, a", "? row value"},
        {"*", "? syntax error"},
        {"nmae", "? no such column: nmae"},
        {"\"nmae\"", "? no such column: nmae"},
        {"rowid", "? no such column: rowid"},
        {"\"dvsync row\"", "? no such column: dvsync row"},
        {"(SELECT 1)", "? subquery"},
        {"EXISTS (SELECT 1)", "? subquery"},
        {"a IN (SELECT a)", "? subquery"},
        {"a IN record", "? "},
        {"a IN sqlite_schema", "? "},
        {"a IN pragma_database_list", "? "},
        {"(VALUES (1))", "? subquery"},
        {"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c)",
         "? subquery"},
        {"random()", "? does not depend on the record alone"},
        {"randomblob(4)", "? does not depend on the record alone"},
        {"changes()", "? does not depend on the record alone"},
        {"CURRENT_TIMESTAMP", "? does not depend on the record alone"},
        {"load_extension('x')", "? cannot be used"},
        {"readfile('/etc/passwd')", "? no such function"},
        {"writefile('x', 'y')", "? no such function"},
        {"fts3_tokenizer('x')", "? "},
        {"count(*)", "? cannot be used"},
        {"sum(a)", "? cannot be used"},
        {"group_concat(name)", "? cannot be used"},
        {"row_number() OVER ()", "? "},
        {"RAISE(ABORT, 'x')", "? "},
        {"a MATCH 'x'", "? "},
        {"sqlite_version()", "? does not depend on the record alone"},
        {"sqlite_compileoption_get(1)", "? cannot be used"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_limits(void **state)
{
    static const expected cases[] = {
        {"zeroblob(1000000000)", "! too big"},
        {"printf('%1000000000d', a)", "! too big"},
        {"length(replace(printf('%200000d', a), ' ', name))", "! too big"},
        {"length(printf('%200000d', a))", "int64 200000"},
        {"format('%s is %d: %.2f', name, 3, 0.5)", "text Zo\xc3\xab O'Neil is 3: 0.50"},
        {"printf(none)", "null"},
        {"printf('')", "text "},
        {"printf()", "? needs a format"},
        {"printf(x'') || printf(zeroblob(0))", "text "},
        {"printf('%s', '') || printf('%s', printf('%s%s', 'a', printf('%s', 'b'))) || printf('%s', 'c')",
         "text abc"},
        {"printf('%s', 'a') = printf('%s', 'a') AND printf('%s', 'a') <> printf('%s', 'b')", "int64 1"},
        {"hex(printf('%s', 'a' || char(0) || 'b'))", "text 61"},
        {"printf('%d %s %.2f', a, raw, f)", "! not valid UTF-8"},
        {"strftime('%Y', at) || strftime('%m', strftime('%Y-%m-%d', at))", "text 202402"},
        {"coalesce(date(none), date('none'), printf(none))", "null"},
        {"a LIKE printf('%300d', a)", "! LIKE or GLOB pattern too complex"},
    };
    dvsi_buf deep = {0};
    dvs_cell record[N_COLUMNS];
    (void)state;
    CHECK_ALL(cases);
    usual_record(record);
    for (int i = 0; i < 3000; i++)
        dvsi_buf_puts(&deep, "-(");
    dvsi_buf_putc(&deep, '1');
    for (int i = 0; i < 3000; i++)
        dvsi_buf_puts(&deep, ")");
    check_expression(&(expected){dvsi_buf_text(&deep), "? "}, record);
    for (int i = 0; i < 3000; i++)
        dvsi_buf_puts(&deep, " ");
    check_expression(&(expected){dvsi_buf_text(&deep), "? more than 10000 bytes"}, record);
    dvsi_buf_clear(&deep);
    for (int i = 0; i < 200; i++) /* each another double */
        dvsi_buf_printf(&deep, "%sto_number('1%d0000000000000.0001')", i != 0 ? " + " : "", 100 + i);
    check_expression(&(expected){dvsi_buf_text(&deep), "! too many long decimals in one record"}, record);
    dvsi_buf_free(&deep);
}

static dvsi_expressions *make(dvsi_arena *arena, const char *const *texts, uint32_t n)
{
    dvsi_expressions *expressions = NULL;
    dvsi_expression_error error = {0};
    if (dvsi_expressions_new(column_names, N_COLUMNS, texts, n, arena, &expressions, &error) != DVS_OK)
        fail_msg("%s", error.message);
    return expressions;
}

/* Of several expressions only those that name an absent field are absent; one that fails does not touch the
 * others. */
static void test_absent_and_failing(void **state)
{
    static const char *const texts[4] = {"f + 1", "name", "to_number(name)", "to_date(name)"};
    dvsi_arena arena = {0};
    dvs_cell record[N_COLUMNS], out[4];
    dvsi_expression_error error = {0};
    (void)state;
    usual_record(record);
    dvsi_expressions *e = make(&arena, texts, 4);
    assert_true(dvsi_expressions_uses(e, 0, COL_F));
    assert_false(dvsi_expressions_uses(e, 0, COL_NAME));
    assert_true(dvsi_expressions_uses(e, 2, COL_NAME));
    assert_int_equal(dvsi_expressions_eval(e, record, &arena, out, &error), -1);
    assert_int_equal(error.at, 2);
    assert_non_null(strstr(error.message, "is no number"));
    assert_int_equal(out[0].kind, DVS_DOUBLE);
    assert_int_equal(out[1].kind, DVS_TEXT);
    assert_int_equal(out[2].kind, DVS_ABSENT);
    assert_int_equal(out[3].kind, DVS_ABSENT);
    memset(&record[COL_NAME], 0, sizeof record[COL_NAME]);
    assert_int_equal(dvsi_expressions_eval(e, record, &arena, out, &error), 0);
    assert_int_equal(out[0].kind, DVS_DOUBLE);
    assert_int_equal(out[1].kind, DVS_ABSENT);
    record[COL_NAME] = dvsi_cell_null();
    assert_int_equal(dvsi_expressions_eval(e, record, &arena, out, &error), 0);
    assert_int_equal(out[1].kind, DVS_NULL);
    dvsi_expressions_free(e);
    dvsi_arena_free(&arena);
}

/* Two long decimals with one nearest double are told apart where they come out alone. */
static void test_long_decimals(void **state)
{
    static const char *const texts[3] = {"money", "none", "max(money, none)"};
    static const char other[] = "12345678901234567.892";
    dvsi_arena arena = {0};
    dvs_cell record[N_COLUMNS], out[3];
    dvsi_expression_error error = {0};
    (void)state;
    usual_record(record);
    record[COL_NONE].kind = DVS_DECIMAL;
    record[COL_NONE].v.text = other;
    record[COL_NONE].length = sizeof other - 1;
    dvsi_expressions *e = make(&arena, texts, 3);
    assert_int_equal(dvsi_expressions_eval(e, record, &arena, out, &error), -1);
    assert_int_equal(error.at, 2);
    assert_non_null(strstr(error.message, "cannot tell apart"));
    assert_memory_equal(out[0].v.text, "12345678901234567.891", out[0].length);
    assert_memory_equal(out[1].v.text, other, out[1].length);
    dvsi_expressions_free(e);
    dvsi_arena_free(&arena);
}

/* One record after the other, in places of the caller's choice; results live in the arena and not in the
 * engine. */
static void test_many_records(void **state)
{
    static const char *const texts[2] = {"a * 2", "upper(name)"};
    dvsi_arena arena = {0};
    dvs_cell record[N_COLUMNS + 1], out[3][2];
    dvsi_expression_error error = {0};
    (void)state;
    usual_record(record);
    dvsi_expressions *e = make(&arena, texts, 2);
    dvsi_expressions_place(e, COL_A, N_COLUMNS);
    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        record[N_COLUMNS] = dvsi_cell_int64(i);
        record[COL_NAME] = dvsi_cell_text(name);
        assert_int_equal(dvsi_expressions_eval(e, record, &arena, out[i], &error), 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(out[i][0].v.i64, 2 * i);
        assert_int_equal(out[i][1].v.text[0], 'A' + i);
    }
    dvsi_expressions_free(e);
    dvsi_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_absent_and_failing),
        cmocka_unit_test(test_long_decimals), cmocka_unit_test(test_many_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
