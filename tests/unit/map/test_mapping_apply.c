/* Applying a mapping to records: conversions, failures that keep the key, keys, and a record's way through
 * JSON. */
#include "map_fixture.h"

#include "../base/random.h"
#include "data/json.h"

static void usual_in(const fixture *f, dvs_cell *in)
{
    memset(in, 0, f->mapping->wanted.n_columns * sizeof *in);
    in[wanted(f, "id")] = dvsi_cell_int64(42);
    in[wanted(f, "Name")] = dvsi_cell_text("17");
}

static void test_values_pass(void **state)
{
    fixture f;
    dvs_cell in[8];
    dvs_cell out[8];
    dvsi_arena arena = {0};
    dvsi_map_error error;
    (void)state;
    usual(&f, "  - people\n");
    must_build(&f);
    usual_in(&f, in);
    in[wanted(&f, "born")] = dvsi_cell_null();
    assert_int_equal(dvsi_mapping_apply(f.mapping, in, &arena, out, &error), 0);
    assert_int_equal(out[0].v.i64, 42);
    assert_ptr_equal(out[1].v.text, in[wanted(&f, "Name")].v.text); /* shared, not copied */
    assert_int_equal(out[2].kind, DVS_NULL);
    assert_int_equal(out[3].kind, DVS_ABSENT); /* what the source did not deliver is no NULL */
    dvsi_arena_free(&arena);
    close_fixture(&f);
}

/* The failing field and all behind it are absent, but key fields that can be told are there, wherever they
 * stand. */
static void test_failure_keeps_the_key(void **state)
{
    fixture f;
    dvs_cell in[8];
    dvs_cell out[8];
    dvsi_arena arena = {0};
    dvsi_map_error error = {0};
    (void)state;
    usual(&f, "  - name: people\n    key: [first, last]\n    from:\n      - source: crm\n        entity: p\n"
              "        fields: {first: id, n: {from: Name, type: int64}, other: seq, last: {from: born, "
              "type: text}}\n");
    must_build(&f);
    usual_in(&f, in);
    in[wanted(&f, "Name")] = dvsi_cell_text("17 apples");
    in[wanted(&f, "seq")] = dvsi_cell_int64(9);
    in[wanted(&f, "born")] = dvsi_cell_int64(0);
    in[wanted(&f, "born")].kind = DVS_DATE;
    assert_int_equal(dvsi_mapping_apply(f.mapping, in, &arena, out, &error), -1);
    assert_string_equal(error.field, "n");
    assert_string_equal(error.message, "is no whole number of 64 bits");
    assert_int_equal(out[0].v.i64, 42);
    assert_int_equal(out[1].kind, DVS_ABSENT);
    assert_int_equal(out[2].kind, DVS_ABSENT);
    assert_int_equal(out[3].kind, DVS_TEXT);
    dvsi_buf key = {0};
    assert_null(dvsi_mapping_key(f.mapping, out, &key));
    assert_string_equal(dvsi_buf_text(&key), "[\"42\",\"1970-01-01\"]");
    dvsi_buf_free(&key);
    dvsi_arena_free(&arena);
    close_fixture(&f);
}

static void test_failing_key(void **state)
{
    fixture f;
    dvs_cell in[8];
    dvs_cell out[8];
    dvsi_arena arena = {0};
    dvsi_map_error error = {0};
    dvsi_buf key = {0};
    (void)state;
    usual(&f, "  - name: people\n    key: [n]\n    from: [{source: crm, entity: p, fields: {id: id, n: "
              "{from: Name, type: "
              "int64}}}]\n");
    must_build(&f);
    usual_in(&f, in);
    assert_int_equal(dvsi_mapping_apply(f.mapping, in, &arena, out, &error), 0);
    assert_null(dvsi_mapping_key(f.mapping, out, &key));
    assert_string_equal(dvsi_buf_text(&key), "17");
    in[wanted(&f, "Name")] = dvsi_cell_text("x");
    assert_int_equal(dvsi_mapping_apply(f.mapping, in, &arena, out, &error), -1);
    assert_string_equal(error.field, "n");
    assert_int_equal(out[0].v.i64, 42);
    assert_int_equal(out[1].kind, DVS_ABSENT);
    dvsi_buf_clear(&key);
    assert_string_equal(dvsi_mapping_key(f.mapping, out, &key), "is missing");
    dvsi_buf_clear(&key);
    assert_null(dvsi_mapping_source_key(f.mapping, in, &key)); /* the source's own is there */
    assert_string_equal(dvsi_buf_text(&key), "42");
    in[wanted(&f, "Name")] = dvsi_cell_null(); /* NULL fits every type, but is no key */
    assert_int_equal(dvsi_mapping_apply(f.mapping, in, &arena, out, &error), 0);
    dvsi_buf_clear(&key);
    assert_string_equal(dvsi_mapping_key(f.mapping, out, &key), "is NULL");
    dvsi_buf_free(&key);
    dvsi_arena_free(&arena);
    close_fixture(&f);
}

/* ---- Record as JSON and back ---- */

static const uint32_t all_kinds[] = {DVS_BOOL,  DVS_INT64, DVS_DOUBLE,    DVS_DECIMAL, DVS_TEXT,
                                     DVS_BYTES, DVS_DATE,  DVS_TIMESTAMP, DVS_UUID,    DVS_JSON};
#define N_KINDS (sizeof all_kinds / sizeof *all_kinds)

/* An entity over one column of each kind (named like it), an id and a raw one. */
static void every_kind(fixture *f)
{
    memset(f, 0, sizeof *f);
    read_project(f, "  - people\n");
    column(f, "id", DVS_INT64, 0, 1);
    for (size_t i = 0; i < N_KINDS; i++)
        column(f, dvsi_kind_name(all_kinds[i]), all_kinds[i], DVS_COLUMN_NULLABLE, 0);
    column(f, "odd \"name\"\n\xc3\xa4", DVS_TEXT, DVS_COLUMN_NULLABLE, 0);
    column(f, "raw", DVS_JSON, DVS_COLUMN_RAW, 0);
    must_build(f);
}

static void round_trip(const fixture *f, const dvs_cell *in)
{
    dvs_cell back[16];
    dvsi_arena arena = {0};
    dvsi_buf text = {0};
    dvsi_mapping_record_json(f->mapping, in, &text);
    assert_int_equal(text.failed, 0);
    memset(back, 0xff, sizeof back);
    assert_null(dvsi_json_check(text.data, text.length));
    assert_int_equal(dvsi_mapping_record_parse(f->mapping, &arena, text.data, text.length, back), 0);
    for (uint32_t i = 0; i < f->mapping->wanted.n_columns; i++) {
        if ((int32_t)i == f->mapping->raw)
            assert_int_equal(back[i].kind, DVS_ABSENT);
        else if (!dvsi_cell_equal(&in[i], &back[i]))
            fail_msg("column %s does not come back: %s", f->mapping->wanted.columns[i].name, text.data);
    }
    dvsi_buf_free(&text);
    dvsi_arena_free(&arena);
}

static dvs_cell clean(dvsi_arena *arena, uint32_t kind, dvs_cell cell)
{
    dvs_cell out;
    cell.kind = (uint8_t)kind;
    const char *problem = dvsi_cell_clean(arena, kind, &cell, &out);
    if (problem != NULL)
        fail_msg("kind %u %s", kind, problem);
    return out;
}

static dvs_cell number(double value)
{
    dvs_cell cell = {.kind = DVS_DOUBLE};
    cell.v.f64 = value;
    return cell;
}

static void test_extremes_come_back(void **state)
{
    static const char *const decimals[] = {"0", "-0.000000000000000000000000000001", "9999999999999999999",
                                           "12345678901234567890123456789012345678901234567890.1", "1e300"};
    static const char *const texts[] = {"",
                                        " ",
                                        "null",
                                        "\"",
                                        "\\u0000",
                                        "\x01\x1f\x7f",
                                        "\xf0\x9f\x98\x80\xe2\x80\xae",
                                        "\xef\xbf\xbd",
                                        "line\r\nline\t"};
    static const char *const jsons[] = {"false",
                                        "0",
                                        "\"\"",
                                        "[]",
                                        "{}",
                                        "{\"a\":{\"b\":[1.50,1e400,\"\\ud83d\\ude00\"]}}",
                                        "123456789012345678901234567890.10",
                                        "null",
                                        " null\n",
                                        "\"null\"",
                                        "[null]"};
    static const double doubles[] = {0,
                                     1,
                                     -1,
                                     0.1,
                                     1e308,
                                     1.7976931348623157e308,
                                     5e-324,
                                     -2.2250738585072014e-308,
                                     9007199254740993.0,
                                     1.0 / 3};
    static const int64_t whole[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(9007199254740993)};
    fixture f;
    dvs_cell in[16];
    dvsi_arena arena = {0};
    (void)state;
    every_kind(&f);
    for (size_t i = 0; i < 40; i++) {
        static const uint8_t ids[2][16] = {
            {0}, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};
        memset(in, 0, sizeof in);
        in[wanted(&f, "id")] = dvsi_cell_int64(whole[i % 6]);
        in[wanted(&f, "bool")] = dvsi_cell_bool(i % 2 != 0);
        in[wanted(&f, "int64")] = dvsi_cell_int64(whole[i % 6]);
        in[wanted(&f, "double")] = clean(&arena, DVS_DOUBLE, number(doubles[i % 10]));
        in[wanted(&f, "decimal")] = clean(&arena, DVS_DECIMAL, dvsi_cell_text(decimals[i % 5]));
        in[wanted(&f, "text")] = dvsi_cell_text(texts[i % 9]);
        in[wanted(&f, "bytes")] = dvsi_cell_bytes("\0\xff\x80\"", i % 5);
        in[wanted(&f, "date")] = clean(&arena, DVS_DATE, dvsi_cell_int64(i % 2 != 0 ? -719162 : 2932896));
        in[wanted(&f, "timestamp")] =
            clean(&arena, DVS_TIMESTAMP,
                  dvsi_cell_int64(i % 2 != 0 ? INT64_C(-62135596800000000) : INT64_C(253402300799999999)));
        in[wanted(&f, "uuid")] = clean(&arena, DVS_UUID, dvsi_cell_bytes(ids[i % 2], 16));
        in[wanted(&f, "json")] = clean(&arena, DVS_JSON, dvsi_cell_text(jsons[i % 11]));
        in[wanted(&f, "odd \"name\"\n\xc3\xa4")] = dvsi_cell_text(texts[(i + 1) % 9]);
        in[wanted(&f, "raw")] = dvsi_cell_json_n("{\"kept\":\"elsewhere\"}", 20);
        round_trip(&f, in);
        for (uint32_t c = 0; c < f.mapping->wanted.n_columns; c++) /* and with gaps: NULL and absent differ */
            if (random_below(3) == 0)
                in[c] = random_below(2) ? dvsi_cell_null() : (dvs_cell){0};
        round_trip(&f, in);
    }
    dvsi_arena_free(&arena);
    close_fixture(&f);
}

static void test_large_text(void **state)
{
    size_t length = (size_t)10 << 20;
    char *text = malloc(length);
    fixture f;
    dvs_cell in[16] = {{0}};
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(1 + i % 126);
    every_kind(&f);
    in[wanted(&f, "id")] = dvsi_cell_int64(1);
    in[wanted(&f, "text")] = dvsi_cell_text_n(text, length);
    round_trip(&f, in);
    close_fixture(&f);
    free(text);
}

/* What somebody edited, or what was kept under another schema, is refused and never half taken. */
static void test_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"id\":\"x\"}",
        "{\"id\":1.5}",
        "{\"id\":1}x",
        "{\"bool\":2}",
        "{\"uuid\":\"1\"}",
        "{\"bytes\":\"*\"}",
        "{\"date\":\"2024-02-30\"}",
        "{\"double\":\"a\"}",
        "{\"id\":9223372036854775808}",
    };
    fixture f;
    dvs_cell out[16];
    dvsi_arena arena = {0};
    (void)state;
    every_kind(&f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (dvsi_mapping_record_parse(f.mapping, &arena, bad[i], strlen(bad[i]), out) != -1)
            fail_msg("%s was taken", bad[i]);
    assert_int_equal(dvsi_mapping_record_parse(f.mapping, &arena, "{}", 2, out), 0);
    for (uint32_t i = 0; i < f.mapping->wanted.n_columns; i++)
        assert_int_equal(out[i].kind, DVS_ABSENT);
    assert_int_equal(dvsi_mapping_record_parse(f.mapping, &arena, "{\"id\":7,\"unknown\":1}", 20, out), 0);
    assert_int_equal(out[wanted(&f, "id")].v.i64, 7);
    dvsi_arena_free(&arena);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_pass), cmocka_unit_test(test_failure_keeps_the_key),
        cmocka_unit_test(test_failing_key), cmocka_unit_test(test_extremes_come_back),
        cmocka_unit_test(test_large_text),  cmocka_unit_test(test_parse_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
