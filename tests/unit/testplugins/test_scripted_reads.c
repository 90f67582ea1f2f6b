/* The scripted source: values, full reads, positions, cursors, deltas. */
#include "scripted_fixture.h"

static const char TYPES[] =
    "{\"streams\":{\"people\":{\"columns\":["
    "{\"name\":\"id\",\"type\":\"int64\",\"key\":1},{\"name\":\"b\",\"type\":\"bool\"},"
    "{\"name\":\"d\",\"type\":\"double\"},{\"name\":\"m\",\"type\":\"decimal\"},{\"name\":\"t\",\"type\":"
    "\"text\"},"
    "{\"name\":\"y\",\"type\":\"bytes\"},{\"name\":\"a\",\"type\":\"date\"},{\"name\":\"s\",\"type\":"
    "\"timestamp\"},"
    "{\"name\":\"u\",\"type\":\"uuid\"},{\"name\":\"j\",\"type\":\"json\"}],"
    "\"rows\":["
    "{\"id\":9223372036854775807,\"b\":true,\"d\":0.1,\"m\":\"1234567890123456789.25\",\"t\":\"\\u010capek\","
    "\"y\":\"AP8=\",\"a\":\"2024-02-29\",\"s\":\"2024-01-01T01:00:00.5+01:00\","
    "\"u\":\"00112233-4455-6677-8899-AABBCCDDEEFF\",\"j\":{\"b\":[1,null]}},"
    "{\"id\":2,\"b\":null,\"d\":null,\"m\":null,\"t\":\"\",\"y\":\"\",\"a\":null,\"s\":null,\"u\":null,\"j\":"
    "null},"
    "{\"id\":3},"
    "{\"id\":4,\"m\":{\"$raw\":\"1.50e2\"},\"t\":{\"$repeat\":\"ab\",\"times\":3},\"y\":{\"$hex\":\"c3\"},"
    "\"a\":{\"$i64\":-1},\"j\":{\"$raw\":\"[1.0, 2]\"}}]}}}";

static void test_types(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(f, TYPES);
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_END);
    assert_int_equal(r.n_rows, 4);
    assert_string_equal(
        r.rows[0],
        "9223372036854775807 true 0.1 \"1234567890123456789.25\" \"Čapek\" \"AP8=\" \"2024-02-29\" "
        "\"2024-01-01T00:00:00.500000Z\" \"00112233-4455-6677-8899-aabbccddeeff\" {\"b\":[1,null]}");
    assert_string_equal(r.rows[1], "2 null null null \"\" \"\" null null null null");
    assert_string_equal(r.rows[2], "3 - - - - - - - - -");
    assert_string_equal(r.rows[3], "4 - - \"150\" \"ababab\" \"ww==\" \"1969-12-31\" - - [1.0, 2]");
    assert_int_equal(r.n_errors, 0);
    assert_int_equal(r.end.complete, 1);
    assert_int_equal(r.end.token_kind, DVS_TOKEN_NONE);
    result_free(&r);
    dvsi_source_close(source);
}

#define PEOPLE "\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1},{\"name\":\"name\"}]"

static void test_row_errors(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f, "{\"streams\":{\"people\":{" PEOPLE ",\"rows\":[{\"id\":1,\"name\":{\"$hex\":\"ff61\"}},"
           "{\"id\":2,\"name\":\"two\"},"
           "{\"$error\":{\"key\":\"3\",\"field\":\"name\",\"message\":\"too long\",\"record\":\"{}\"}}]}}}");
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_END);
    assert_int_equal(r.n_rows, 1);
    assert_int_equal(r.n_errors, 2);
    assert_non_null(strstr(r.errors, "1 name: "));
    assert_non_null(strstr(r.errors, "3 name: too long"));
    result_free(&r);
    dvsi_source_close(source);
}

static void test_nan_is_a_row_error(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f, "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1},"
           "{\"name\":\"x\",\"type\":\"double\"}],"
           "\"rows\":[{\"id\":1,\"x\":{\"$double\":\"nan\"}},{\"id\":2,\"x\":{\"$double\":\"-0\"}}]}}}");
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_END);
    assert_int_equal(r.n_errors, 1);
    assert_int_equal(r.n_rows, 1);
    assert_string_equal(r.rows[0], "2 0");
    result_free(&r);
    dvsi_source_close(source);
}

/* A describe that says something else than the rows is noticed by the host, in every way it can lie. */
static void test_lies(void **state)
{
    fixture *f = *state;
    dvsi_schema schema = {0};
    dvsi_source *source = open_source(f, "{\"streams\":{\"people\":{" PEOPLE
                                         ",\"describe\":[{\"name\":\"id\",\"type\":\"text\",\"key\":1},"
                                         "{\"name\":\"phantom\"}],\"rows\":[{\"id\":1}]},"
                                         "\"odd\":{\"columns\":[{\"name\":\"x\",\"type\":99}]}}}");
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_E_ABI);
    assert_non_null(strstr(f->err.message, "id"));
    assert_int_equal(dvsi_source_describe(source, "odd", &schema, &f->err), DVS_E_ABI);
    assert_int_equal(dvsi_source_describe(source, "nobody", &schema, &f->err), DVS_E_NOT_FOUND);
    dvsi_schema_free(&schema);
    result_free(&r);
    dvsi_source_close(source);
}

static void test_positions(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(f, "{\"streams\":{\"people\":{" PEOPLE
                                         ",\"capabilities\":[\"complete\",\"resume\"],\"checkpoint_every\":7,"
                                         "\"page_size\":7,\"generate\":{\"rows\":50}}}}");
    result whole = read_all(f, source, DVS_READ_FULL, NULL, 0);
    size_t i, j;
    assert_int_equal(whole.status, DVS_END);
    assert_int_equal(whole.n_rows, 50);
    assert_int_equal(whole.n_tokens, 8); /* seven positions and the end */
    for (i = 0; i + 1 < whole.n_tokens; i++) {
        result rest = read_all(f, source, DVS_READ_FULL, whole.tokens[i], 1);
        assert_int_equal(rest.status, DVS_END);
        assert_int_equal(rest.n_rows, 50 - (i + 1) * 7);
        assert_int_equal(whole.rows_at[i], (i + 1) * 7);
        for (j = 0; j < rest.n_rows; j++)
            assert_string_equal(rest.rows[j], whole.rows[whole.rows_at[i] + j]);
        assert_int_equal(rest.end.complete, 1);
        result_free(&rest);
    }
    result_free(&whole);
    dvsi_source_close(source);
}

#define SEQ_PEOPLE                                                                                           \
    "\"people\":{" PEOPLE                                                                                    \
    ",\"capabilities\":[\"complete\",\"resume\",\"cursor\",\"delta\"],\"checkpoint_every\":1,"

static void test_cursor(void **state)
{
    fixture *f = *state;
    dvsi_source *source =
        open_source(f, "{\"streams\":{" SEQ_PEOPLE "\"token\":\"cursor\",\"rows\":["
                       "{\"id\":1,\"name\":\"a\",\"seq\":1},{\"id\":2,\"name\":\"b\",\"seq\":5},"
                       "{\"id\":3,\"name\":\"c\",\"seq\":3}]}}}");
    result full = read_all(f, source, DVS_READ_FULL, NULL, 0), changed;
    assert_int_equal(full.end.token_kind, DVS_TOKEN_CURSOR);
    write_file(f, "script.json",
               "{\"streams\":{" SEQ_PEOPLE "\"token\":\"cursor\",\"rows\":["
               "{\"id\":1,\"name\":\"A\",\"seq\":6},{\"id\":2,\"name\":\"b\",\"seq\":5},"
               "{\"id\":3,\"name\":\"c\",\"seq\":3}],"
               "\"tombstones\":[{\"id\":4,\"seq\":9}]}}}");
    changed = read_all(f, source, DVS_READ_CURSOR, full.tokens[full.n_tokens - 1], 0);
    assert_int_equal(changed.status, DVS_END);
    assert_int_equal(changed.n_rows, 2); /* the changed one, and the overlap; no deletes */
    assert_string_equal(changed.rows[0], "1 \"A\"");
    assert_string_equal(changed.rows[1], "2 \"b\"");
    assert_int_equal(changed.end.complete, 0);
    assert_non_null(strstr(changed.tokens[changed.n_tokens - 1], "\"seq\":9"));
    result_free(&full);
    result_free(&changed);
    dvsi_source_close(source);
}

static void test_delta(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f, "{\"streams\":{" SEQ_PEOPLE
           "\"rows\":[{\"id\":1,\"name\":\"a\",\"seq\":1},{\"id\":2,\"name\":\"b\",\"seq\":7},"
           "{\"id\":3,\"name\":\"c\",\"seq\":4}],\"tombstones\":[{\"id\":9,\"seq\":5},{\"id\":2,\"seq\":6},"
           "{\"id\":8,\"seq\":2}]}}}");
    result r = read_all(f, source, DVS_READ_DELTA,
                        "{\"t\":\"delta\",\"stream\":\"people\",\"generation\":1,\"seq\":2}", 0);
    result rest;
    assert_int_equal(r.status, DVS_END);
    assert_int_equal(r.n_rows, 4);
    assert_string_equal(r.rows[0], "3 \"c\"");
    assert_string_equal(r.rows[1], "tombstone 9 -");
    assert_string_equal(r.rows[2], "tombstone 2 -");
    assert_string_equal(r.rows[3], "2 \"b\""); /* deleted and made again: in the order of seq */
    rest = read_all(f, source, DVS_READ_DELTA,
                    "{\"t\":\"position\",\"mode\":\"delta\",\"stream\":\"people\",\"generation\":1,\"from\":"
                    "2,\"until\":7,"
                    "\"seq\":5,\"after\":1152921504606846976}",
                    1);
    assert_int_equal(rest.status, DVS_END);
    assert_int_equal(rest.n_rows, 2);
    assert_string_equal(rest.rows[0], "tombstone 2 -");
    result_free(&r);
    result_free(&rest);
    dvsi_source_close(source);
}

static void test_refused_tokens(void **state)
{
    fixture *f = *state;
    static const char *const BAD[] = {"nonsense", "{}",
                                      "{\"t\":\"delta\",\"stream\":\"others\",\"generation\":2,\"seq\":1}",
                                      "{\"t\":\"cursor\",\"stream\":\"people\",\"generation\":2,\"seq\":1}",
                                      "{\"t\":\"delta\",\"stream\":\"people\",\"generation\":1,\"seq\":1}"};
    dvsi_source *source =
        open_source(f, "{\"generation\":2,\"streams\":{" SEQ_PEOPLE "\"rows\":[{\"id\":1,\"seq\":1}]}}}");
    size_t i;
    for (i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        result r = read_all(f, source, DVS_READ_DELTA, BAD[i], 0);
        assert_int_equal(r.status, DVS_E_RESUME);
        result_free(&r);
    }
    dvsi_source_close(source);
}

static void test_duplicates_and_tombstone_rows(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f, "{\"streams\":{\"people\":{" PEOPLE ",\"rows\":[{\"id\":1,\"name\":\"a\",\"$duplicate\":2},"
           "{\"id\":1,\"name\":\"b\"},{\"id\":7,\"name\":\"x\",\"$tombstone\":true}]}}}");
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.n_rows, 5);
    assert_string_equal(r.rows[2], "1 \"a\"");
    assert_string_equal(r.rows[3], "1 \"b\"");
    assert_string_equal(r.rows[4], "tombstone 7 -");
    result_free(&r);
    dvsi_source_close(source);
}

static void test_conditions(void **state)
{
    fixture *f = *state;
    dvs_condition condition = {(uint32_t)sizeof condition, DVS_OP_GE, "id", dvsi_cell_int64(2)};
    dvs_read read = a_read(DVS_READ_FULL, NULL, 0);
    dvsi_source *source = open_source(f, "{\"streams\":{\"people\":{" PEOPLE ",\"apply_conditions\":true,"
                                         "\"rows\":[{\"id\":1},{\"id\":2},{\"id\":3}]}}}");
    json_t *lines, *line;
    result r;
    read.conditions = &condition;
    read.n_conditions = 1;
    read.condition_stride = (uint32_t)sizeof condition;
    read.row_limit = 10;
    r = read_with(f, source, &read);
    assert_int_equal(r.n_rows, 2);
    result_free(&r);
    write_file(f, "script.json",
               "{\"streams\":{\"people\":{" PEOPLE ",\"rows\":[{\"id\":1},{\"id\":2},{\"id\":3}]}}}");
    r = read_with(f, source, &read);
    assert_int_equal(r.n_rows, 3);
    result_free(&r);
    lines = log_read(f);
    line = json_array_get(json_object_get(log_find(lines, "start", 0), "conditions"), 0);
    assert_string_equal(log_text(line, "column"), "id");
    assert_string_equal(log_text(line, "op"), "ge");
    assert_int_equal(log_int(line, "value"), 2);
    assert_int_equal(log_int(log_find(lines, "start", 1), "row_limit"), 10);
    json_decref(lines);
    dvsi_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_row_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nan_is_a_row_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_positions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delta, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_duplicates_and_tombstone_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_conditions, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
