/* test_cell.c - cleaning, comparing and showing single values of every kind. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/random.h"
#include "data/cell.h"
#include "data/timetext.h"

static dvs_cell of_kind(uint32_t kind, int64_t value)
{
    dvs_cell cell = dvsi_cell_int64(value);

    cell.kind = (uint8_t)kind;
    return cell;
}

static dvs_cell of_double(double value)
{
    dvs_cell cell = of_kind(DVS_DOUBLE, 0);

    cell.v.f64 = value;
    return cell;
}

static dvs_cell of_text(uint32_t kind, const char *text)
{
    dvs_cell cell = dvsi_cell_text(text);

    cell.kind = (uint8_t)kind;
    return cell;
}

static const uint8_t some_uuid[17] = "\x01\x23\x45\x67\x89\xab\xcd\xef\xFE\xDC\xBA\x98\x76\x54\x32\x10";

static dvs_cell of_uuid(void)
{
    dvs_cell cell = dvsi_cell_bytes(some_uuid, 16);

    cell.kind = DVS_UUID;
    return cell;
}

static void names_of_kinds(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 20; kind++) {
        const char *name = dvsi_kind_name(kind);

        if (kind >= DVS_BOOL && kind < DVS_KIND_COUNT)
            assert_int_equal(dvsi_kind_from_name(name), kind);
        else
            assert_null(name);
    }
    assert_int_equal(dvsi_kind_from_name("timestamp"), DVS_TIMESTAMP);
    assert_int_equal(dvsi_kind_from_name("null"), -1);
    assert_int_equal(dvsi_kind_from_name("Text"), -1);
    assert_true(dvsi_kind_is_key(DVS_TEXT) && dvsi_kind_is_key(DVS_UUID) && dvsi_kind_is_key(DVS_DECIMAL));
    assert_false(dvsi_kind_is_key(DVS_DOUBLE) || dvsi_kind_is_key(DVS_JSON) || dvsi_kind_is_key(DVS_BYTES));
    assert_false(dvsi_kind_is_key(DVS_NULL) || dvsi_kind_is_key(DVS_ABSENT) || dvsi_kind_is_key(99));
}

static void good_values_are_cleaned(void **state)
{
    dvsi_arena arena = {0};
    dvs_cell in, out;
    char changing[] = "abc";

    (void)state;
    in = of_text(DVS_TEXT, changing);
    assert_null(dvsi_cell_clean(&arena, DVS_TEXT, &in, &out));
    changing[0] = 'X';
    assert_string_equal(out.v.text, "abc");
    assert_int_equal(out.length, 3);
    in = of_text(DVS_DECIMAL, "+01.500e1");
    assert_null(dvsi_cell_clean(&arena, DVS_DECIMAL, &in, &out));
    assert_string_equal(out.v.text, "15");
    in = of_double(-0.0);
    assert_null(dvsi_cell_clean(&arena, DVS_DOUBLE, &in, &out));
    assert_false(signbit(out.v.f64));
    in = of_kind(DVS_INT64, INT64_MIN);
    assert_null(dvsi_cell_clean(&arena, DVS_INT64, &in, &out));
    assert_true(out.v.i64 == INT64_MIN);
    in = of_text(DVS_JSON, " {\"a\": 1.0}\n");
    assert_null(dvsi_cell_clean(&arena, DVS_JSON, &in, &out));
    assert_string_equal(out.v.text, " {\"a\": 1.0}\n"); /* as received */
    in = of_uuid();
    assert_null(dvsi_cell_clean(&arena, DVS_UUID, &in, &out));
    assert_memory_equal(out.v.bytes, some_uuid, 16);
    in = dvsi_cell_bytes("\0\xff", 2);
    assert_null(dvsi_cell_clean(&arena, DVS_BYTES, &in, &out));
    assert_memory_equal(out.v.bytes, "\0\xff", 2);
    in = of_text(DVS_TEXT, "");
    in.v.text = NULL;
    assert_null(dvsi_cell_clean(&arena, DVS_TEXT, &in, &out));
    assert_string_equal(out.v.text, "");
    in = dvsi_cell_null();
    in.length = 7;
    in.reserved = 9;
    assert_null(dvsi_cell_clean(&arena, DVS_TEXT, &in, &out));
    assert_int_equal(out.kind, DVS_NULL);
    assert_int_equal(out.length + out.reserved, 0);
    in = of_kind(DVS_ABSENT, 0);
    assert_null(dvsi_cell_clean(&arena, DVS_JSON, &in, &out));
    assert_int_equal(out.kind, DVS_ABSENT);
    /* A cell may be cleaned in place. */
    in = of_text(DVS_DECIMAL, "1.0");
    assert_null(dvsi_cell_clean(&arena, DVS_DECIMAL, &in, &in));
    assert_string_equal(in.v.text, "1");
    dvsi_arena_free(&arena);
}

static void bad_values_are_refused(void **state)
{
    dvs_cell cases[] = {
        of_kind(DVS_BOOL, 2),
        of_kind(DVS_BOOL, -1),
        of_double(INFINITY),
        of_double(-INFINITY),
        of_double(NAN),
        of_text(DVS_DECIMAL, "1,5"),
        of_text(DVS_DECIMAL, ""),
        of_text(DVS_DECIMAL, "1e999999999"),
        of_text(DVS_TEXT, "\xff"),
        of_text(DVS_TEXT, "a\xed\xa0\x80"),
        of_kind(DVS_DATE, DVSI_DATE_MIN - 1),
        of_kind(DVS_DATE, DVSI_DATE_MAX + 1),
        of_kind(DVS_TIMESTAMP, DVSI_TIMESTAMP_MIN - 1),
        of_kind(DVS_TIMESTAMP, DVSI_TIMESTAMP_MAX + 1),
        of_kind(DVS_TIMESTAMP, INT64_MAX),
        of_text(DVS_UUID, "0123456789abcde"),
        of_text(DVS_JSON, ""),
        of_text(DVS_JSON, "{"),
        of_text(DVS_JSON, "NaN"),
        of_text(DVS_JSON, "\"\\ud800\""),
        of_kind(DVS_KIND_COUNT, 0),
        of_kind(255, 0),
    };
    dvsi_arena arena = {0};
    dvs_cell out, nul = dvsi_cell_text_n("a\0b", 3), gone = dvsi_cell_text("x"), other = dvsi_cell_text("x");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        out = dvsi_cell_int64(77);
        assert_non_null(dvsi_cell_clean(&arena, cases[i].kind, &cases[i], &out));
        assert_int_equal(out.v.i64, 77);
    }
    assert_string_equal(dvsi_cell_clean(&arena, DVS_TEXT, &nul, &out), "holds a NUL character");
    assert_string_equal(dvsi_cell_clean(&arena, DVS_TEXT, &cases[8], &out), "is not valid UTF-8");
    assert_string_equal(dvsi_cell_clean(&arena, DVS_INT64, &other, &out), "is not of its column's type");
    gone.v.text = NULL;
    assert_non_null(dvsi_cell_clean(&arena, DVS_TEXT, &gone, &out));
    dvsi_arena_free(&arena);
}

static void mistyped_values_pass_and_differ(void **state)
{
    dvs_cell cases[] = {of_text(DVS_TEXT, "hello"),  of_text(DVS_TEXT, "\xff"),
                        of_double(INFINITY),         of_double(NAN),
                        of_kind(DVS_BOOL, 7),        of_text(DVS_JSON, "{"),
                        of_text(DVS_DECIMAL, "x"),   of_kind(DVS_INT64, 5),
                        of_kind(DVS_DATE, INT64_MAX)};
    dvsi_arena arena = {0};
    dvsi_buf buf = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dvs_cell out;

        cases[i].flags = DVS_CELL_MISTYPED;
        assert_null(dvsi_cell_clean(&arena, DVS_INT64, &cases[i], &out));
        assert_int_equal(out.flags, DVS_CELL_MISTYPED);
        assert_false(dvsi_cell_equal(&out, &out));
        dvsi_cell_canonical(&buf, &out);
        dvsi_cell_json(&buf, &out);
        assert_false(buf.failed);
        assert_non_null(dvsi_cell_convert(&arena, DVS_TEXT, &out, &out));
    }
    dvsi_buf_free(&buf);
    dvsi_arena_free(&arena);
}

static void equality(void **state)
{
    dvs_cell a, b;
    dvs_cell all[] = {of_kind(DVS_ABSENT, 0),
                      dvsi_cell_null(),
                      dvsi_cell_bool(1),
                      dvsi_cell_int64(1),
                      of_double(1),
                      of_text(DVS_DECIMAL, "1"),
                      of_text(DVS_TEXT, "1"),
                      dvsi_cell_bytes("1", 1),
                      of_kind(DVS_DATE, 1),
                      of_kind(DVS_TIMESTAMP, 1),
                      of_uuid(),
                      of_text(DVS_JSON, "1"),
                      of_text(DVS_TEXT, ""),
                      of_text(DVS_TEXT, "2"),
                      of_text(DVS_JSON, "2"),
                      dvsi_cell_int64(2),
                      of_double(1.0000000001),
                      dvsi_cell_bool(0),
                      of_text(DVS_DECIMAL, "2")};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
            assert_int_equal(dvsi_cell_equal(&all[i], &all[k]), i == k);
    }
    a = of_text(DVS_JSON, "{\"a\":1.0,\"b\":[1e2,\"\\u0041\"]}");
    b = of_text(DVS_JSON, " { \"b\" : [ 100, \"A\" ], \"a\" : 1 } ");
    assert_true(dvsi_cell_equal(&a, &b));
    b = of_text(DVS_JSON, "{\"b\":[100,\"A\",null],\"a\":1}");
    assert_false(dvsi_cell_equal(&a, &b));
    a = dvsi_cell_text_n(NULL, 0);
    b = dvsi_cell_text("");
    assert_true(dvsi_cell_equal(&a, &b));
}

static void check_texts(dvs_cell cell, const char *canonical, const char *json)
{
    dvsi_arena arena = {0};
    dvsi_buf buf = {0};
    dvs_cell back;

    dvsi_cell_canonical(&buf, &cell);
    assert_string_equal(dvsi_buf_text(&buf), canonical);
    dvsi_buf_clear(&buf);
    dvsi_cell_json(&buf, &cell);
    assert_string_equal(dvsi_buf_text(&buf), json);
    assert_int_equal(dvsi_cell_from_json(&arena, cell.kind, buf.data, buf.length, &back), 0);
    if (cell.kind == DVS_ABSENT)
        assert_int_equal(back.kind, DVS_NULL);
    else
        assert_true(dvsi_cell_equal(&cell, &back));
    dvsi_buf_free(&buf);
    dvsi_arena_free(&arena);
}

static void canonical_and_json(void **state)
{
    (void)state;
    check_texts(of_kind(DVS_ABSENT, 0), "", "null");
    check_texts(dvsi_cell_null(), "", "null");
    check_texts(dvsi_cell_bool(1), "true", "true");
    check_texts(dvsi_cell_bool(0), "false", "false");
    check_texts(dvsi_cell_int64(INT64_MIN), "-9223372036854775808", "-9223372036854775808");
    check_texts(dvsi_cell_int64(INT64_MAX), "9223372036854775807", "9223372036854775807");
    check_texts(of_double(0.1), "0.1", "0.1");
    check_texts(of_double(1e300), "1e+300", "1e+300");
    check_texts(of_double(5e-324), "5e-324", "5e-324");
    check_texts(of_text(DVS_DECIMAL, "-12345678901234567890.5"), "-12345678901234567890.5",
                "\"-12345678901234567890.5\"");
    check_texts(of_text(DVS_TEXT, ""), "", "\"\"");
    check_texts(of_text(DVS_TEXT, "a\"b\\c\n\x01 é😀"), "a\"b\\c\n\x01 é😀", "\"a\\\"b\\\\c\\n\\u0001 é😀\"");
    check_texts(dvsi_cell_bytes("", 0), "", "\"\"");
    check_texts(dvsi_cell_bytes("f", 1), "Zg==", "\"Zg==\"");
    check_texts(dvsi_cell_bytes("fo", 2), "Zm8=", "\"Zm8=\"");
    check_texts(dvsi_cell_bytes("foo", 3), "Zm9v", "\"Zm9v\"");
    check_texts(dvsi_cell_bytes("\xff\xfe\xfd\0", 4), "//79AA==", "\"//79AA==\"");
    check_texts(of_kind(DVS_DATE, 19782), "2024-02-29", "\"2024-02-29\"");
    check_texts(of_kind(DVS_DATE, DVSI_DATE_MIN), "0001-01-01", "\"0001-01-01\"");
    check_texts(dvsi_cell_timestamp(0), "1970-01-01T00:00:00.000000Z", "\"1970-01-01T00:00:00.000000Z\"");
    check_texts(dvsi_cell_timestamp(DVSI_TIMESTAMP_MAX), "9999-12-31T23:59:59.999999Z",
                "\"9999-12-31T23:59:59.999999Z\"");
    check_texts(of_uuid(), "01234567-89ab-cdef-fedc-ba9876543210",
                "\"01234567-89ab-cdef-fedc-ba9876543210\"");
    check_texts(of_text(DVS_JSON, "{ \"b\": 1.0 , \"a\":[]}"), "{\"a\":[],\"b\":1}",
                "{ \"b\": 1.0 , \"a\":[]}");
}

static void json_of_another_kind_is_refused(void **state)
{
    static const struct {
        uint32_t kind;
        const char *json;
    } cases[] = {
        {DVS_INT64, "\"1\""},  {DVS_INT64, "1.5"},     {DVS_INT64, "9223372036854775808"},
        {DVS_BOOL, "1"},       {DVS_TEXT, "1"},        {DVS_TEXT, "true"},
        {DVS_DOUBLE, "\"1\""}, {DVS_DOUBLE, "1e999"},  {DVS_BYTES, "\"*\""},
        {DVS_DATE, "\"x\""},   {DVS_UUID, "\"0123\""}, {DVS_TIMESTAMP, "0"},
        {DVS_TEXT, "[]"},      {DVS_TEXT, ""},         {DVS_JSON, "{"},
        {DVS_TEXT, "\"a\" b"},
    };
    dvsi_arena arena = {0};
    dvs_cell out;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(
            dvsi_cell_from_json(&arena, cases[i].kind, cases[i].json, strlen(cases[i].json), &out), -1);
    dvsi_arena_free(&arena);
}

static void bytes_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        uint8_t data[100];
        size_t length = random_below(sizeof data);
        dvsi_arena arena = {0};
        dvsi_buf buf = {0};
        dvs_cell cell, back;

        for (size_t k = 0; k < length; k++)
            data[k] = (uint8_t)random_bits();
        cell = dvsi_cell_bytes(data, length);
        dvsi_cell_json(&buf, &cell);
        assert_int_equal(dvsi_cell_from_json(&arena, DVS_BYTES, buf.data, buf.length, &back), 0);
        assert_true(dvsi_cell_equal(&cell, &back));
        dvsi_buf_free(&buf);
        dvsi_arena_free(&arena);
    }
}

static void bad_base64_is_refused(void **state)
{
    static const char *const bad[] = {"Z", "Zg",     "Zg=",  "Zm9v=",    "Zh==", "Zm9=",  "Z===", "====",
                                      "=", "Zm9v\n", "Z g=", "Zg==Zg==", "Zm-_", "Zm9vZ", "=g==", "Zg=a"};
    dvsi_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dvs_cell in = dvsi_cell_text(bad[i]), out;

        if (dvsi_cell_convert(&arena, DVS_BYTES, &in, &out) == NULL)
            fail_msg("%s was taken", bad[i]);
    }
    dvsi_arena_free(&arena);
}

static void copies_stand_alone(void **state)
{
    char text[] = "abc";
    dvsi_arena arena = {0};
    dvs_cell in = dvsi_cell_text(text), out, number = dvsi_cell_int64(5);

    (void)state;
    in.flags = DVS_CELL_MISTYPED;
    assert_int_equal(dvsi_cell_copy(&arena, &in, &out), 0);
    text[0] = 'X';
    assert_string_equal(out.v.text, "abc");
    assert_int_equal(out.flags, DVS_CELL_MISTYPED);
    assert_int_equal(dvsi_cell_copy(&arena, &number, &out), 0);
    assert_int_equal(out.v.i64, 5);
    dvsi_arena_free(&arena);
    assert_int_equal(dvsi_cell_text(NULL).kind, DVS_NULL);
    assert_int_equal(dvsi_cell_bool(17).v.i64, 1);
    assert_int_equal(dvsi_cell_json_n("[]", 2).kind, DVS_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_kinds),
        cmocka_unit_test(good_values_are_cleaned),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(mistyped_values_pass_and_differ),
        cmocka_unit_test(equality),
        cmocka_unit_test(canonical_and_json),
        cmocka_unit_test(json_of_another_kind_is_refused),
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(bad_base64_is_refused),
        cmocka_unit_test(copies_stand_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
