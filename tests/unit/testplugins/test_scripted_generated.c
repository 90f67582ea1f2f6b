/* The scripted source: generated rows, and records by key. */
#include "scripted_fixture.h"

#define COLUMNS                                                                                              \
    "\"columns\":[{\"name\":\"id\",\"type\":\"uuid\",\"key\":1},{\"name\":\"b\",\"type\":\"bool\"},"         \
    "{\"name\":\"i\",\"type\":\"int64\",\"nullable\":false},{\"name\":\"d\",\"type\":\"double\"},"           \
    "{\"name\":\"m\",\"type\":\"decimal\"},{\"name\":\"t\",\"type\":\"text\"},{\"name\":\"y\",\"type\":"     \
    "\"bytes\"},"                                                                                            \
    "{\"name\":\"a\",\"type\":\"date\"},{\"name\":\"s\",\"type\":\"timestamp\"},{\"name\":\"u\",\"type\":"   \
    "\"uuid\"},"                                                                                             \
    "{\"name\":\"j\",\"type\":\"json\"},{\"name\":\"seq\",\"type\":\"int64\",\"flags\":[\"version\"]},"      \
    "{\"name\":\"c\",\"generate\":{\"values\":[\"x\",\"y\"],\"null_every\":0}},"                             \
    "{\"name\":\"w\",\"generate\":{\"width\":300}}],"                                                        \
    "\"capabilities\":[\"complete\",\"cursor\",\"delta\",\"fetch\",\"resume\"],"

#define SCRIPT(generate) "{\"streams\":{\"people\":{" COLUMNS "\"generate\":{" generate "}}}}"

static void test_same_every_time(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(f, SCRIPT("\"rows\":5000,\"seed\":7"));
    result a = read_all(f, source, DVS_READ_FULL, NULL, 0), b;
    size_t i, nulls = 0;
    assert_int_equal(a.status, DVS_END);
    assert_int_equal(a.n_rows, 5000);
    assert_int_equal(a.n_errors, 0); /* all that it makes is valid */
    dvsi_source_close(source);
    source = open_source(f, SCRIPT("\"rows\":5000,\"seed\":7"));
    b = read_all(f, source, DVS_READ_FULL, NULL, 0);
    for (i = 0; i < 5000; i++) {
        assert_string_equal(a.rows[i], b.rows[i]);
        assert_true(i == 0 || strcmp(a.rows[i], a.rows[i - 1]) != 0);
        nulls += strstr(a.rows[i], "null") != NULL;
    }
    assert_true(nulls > 1000 && nulls < 4900);
    result_free(&b);
    write_file(f, "script.json", SCRIPT("\"rows\":5000,\"seed\":8"));
    b = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_string_not_equal(a.rows[10], b.rows[10]);
    result_free(&a);
    result_free(&b);
    dvsi_source_close(source);
}

/* Every 10th row changes, the 3rd and those from 11 to 20 are deleted, 101 is new: only these differ. */
static void test_changes(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(f, SCRIPT("\"rows\":100"));
    result before = read_all(f, source, DVS_READ_FULL, NULL, 0), after, delta, cursor;
    const char *token = before.tokens[before.n_tokens - 1];
    size_t i, missing = 0, different = 0, tombstones = 0;
    write_file(
        f, "script.json",
        SCRIPT(
            "\"rows\":100,\"extra\":[101],\"changes\":[{\"rows\":[{\"every\":10}],\"seq\":101,\"salt\":5}],"
            "\"deleted\":[3,[11,20]]"));
    after = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(after.n_rows, 90);
    for (i = 0; i < before.n_rows; i++)
        missing += !has_row(&after, before.rows[i]);
    for (i = 0; i < after.n_rows; i++)
        different += !has_row(&before, after.rows[i]);
    assert_int_equal(missing, 11 + 9); /* deleted; of the ten changed ones, number 20 is gone */
    assert_int_equal(different, 9 + 1);
    delta = read_all(f, source, DVS_READ_DELTA, token, 0);
    assert_int_equal(delta.status, DVS_END);
    assert_int_equal(delta.n_rows, 9 + 1 + 11);
    for (i = 0; i < delta.n_rows; i++)
        tombstones += strncmp(delta.rows[i], "tombstone ", 10) == 0;
    assert_int_equal(tombstones, 11);
    cursor = read_all(f, source, DVS_READ_CURSOR,
                      "{\"t\":\"cursor\",\"stream\":\"people\",\"generation\":1,\"seq\":99}", 0);
    assert_int_equal(cursor.n_rows, 1 + 9 + 1); /* 99 again, 100 is among the changed, 101 */
    result_free(&before);
    result_free(&after);
    result_free(&delta);
    result_free(&cursor);
    dvsi_source_close(source);
}

static void test_changed_fields_only(void **state)
{
    fixture *f = *state;
    static const char COLUMN[] = "{\"name\":\"name\",\"generate\":{\"null_every\":0}}";
    char script[600];
    dvsi_source *source;
    result before, after;
    snprintf(script, sizeof script,
             "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1},%s,"
             "{\"name\":\"other\"}],\"generate\":{\"rows\":2}}}}",
             COLUMN);
    source = open_source(f, script);
    before = read_all(f, source, DVS_READ_FULL, NULL, 0);
    snprintf(script, sizeof script,
             "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1},%s,"
             "{\"name\":\"other\"}],\"generate\":{\"rows\":2,\"changes\":[{\"rows\":[2],\"fields\":[\"name\"]"
             "}]}}}}",
             COLUMN);
    write_file(f, "script.json", script);
    after = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_string_equal(before.rows[0], after.rows[0]);
    assert_string_not_equal(before.rows[1], after.rows[1]);
    assert_string_equal(strrchr(before.rows[1], ' '), strrchr(after.rows[1], ' '));
    result_free(&before);
    result_free(&after);
    dvsi_source_close(source);
}

static void fetch_keys(fixture *f, dvsi_source *source, const dvs_cell *keys, uint32_t n, dvsi_batch *batch)
{
    dvsi_schema schema = {0};
    dvs_fetch fetch;
    memset(&fetch, 0, sizeof fetch);
    fetch.struct_size = (uint32_t)sizeof fetch;
    fetch.stream = "people";
    fetch.keys = keys;
    fetch.n_keys = n;
    fetch.n_key = 1;
    OK(f, dvsi_source_describe(source, "people", &schema, &f->err));
    dvsi_batch_reset(batch, schema.n_columns);
    OK(f, dvsi_source_fetch(source, &fetch, &schema, batch, &f->err));
    dvsi_schema_free(&schema);
}

static void test_fetch(void **state)
{
    fixture *f = *state;
    static const char *const KINDS[] = {"int64", "text", "uuid", "decimal", "date", "timestamp"};
    dvsi_source *source = NULL;
    char script[400];
    size_t i;
    for (i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        dvsi_schema schema = {0};
        dvsi_reader *reader = NULL;
        dvsi_batch *all, *found;
        dvs_read read = a_read(DVS_READ_FULL, NULL, 0);
        dvs_cell keys[3];
        snprintf(script, sizeof script,
                 "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"%s\",\"key\":1},{"
                 "\"name\":\"n\"}],"
                 "\"capabilities\":[\"complete\",\"fetch\"],\"generate\":{\"rows\":30,\"deleted\":[9]}}}}",
                 KINDS[i]);
        dvsi_source_close(source);
        source = open_source(f, script);
        OK(f, dvsi_source_describe(source, "people", &schema, &f->err));
        all = dvsi_batch_new(2);
        found = dvsi_batch_new(2);
        OK(f, dvsi_source_start(source, &read, &schema, NULL, &reader, &f->err));
        assert_int_equal(dvsi_reader_pull(reader, all, &f->err), DVS_END);
        assert_int_equal(all->n_rows, 29);
        keys[0] = dvsi_batch_cells(all, 28)[0];
        keys[1] = dvsi_batch_cells(all, 7)[0];
        fetch_keys(f, source, keys, 2, found);
        assert_int_equal(found->n_rows, 2);
        assert_true(dvsi_cell_equal(&dvsi_batch_cells(found, 0)[1], &dvsi_batch_cells(all, 28)[1]));
        assert_true(dvsi_cell_equal(&dvsi_batch_cells(found, 1)[0], &keys[1]));
        dvsi_reader_stop(reader);
        dvsi_batch_free(all);
        dvsi_batch_free(found);
        dvsi_schema_free(&schema);
    }
    dvsi_source_close(source);
}

static void test_fetch_of_rows(void **state)
{
    fixture *f = *state;
    dvsi_batch *found = dvsi_batch_new(2);
    dvs_cell keys[3] = {dvsi_cell_text("b"), dvsi_cell_text("zz"), dvsi_cell_text("a")};
    dvsi_source *source = open_source(
        f, "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"key\":1},{\"name\":\"n\",\"type\":"
           "\"int64\"}],"
           "\"capabilities\":[\"fetch\"],\"rows\":[{\"id\":\"a\",\"n\":1},{\"id\":\"b\",\"n\":2}]}}}");
    fetch_keys(f, source, keys, 3, found);
    assert_int_equal(found->n_rows, 2);
    assert_int_equal(dvsi_batch_cells(found, 0)[1].v.i64, 2);
    assert_int_equal(dvsi_batch_cells(found, 1)[1].v.i64, 1);
    dvsi_batch_free(found);
    dvsi_source_close(source);
}

static void test_big(void **state)
{
    fixture *f = *state;
    dvsi_source *source =
        open_source(f, "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1}"
                       ",{\"name\":\"t\"}],"
                       "\"rows\":[{\"id\":1,\"t\":{\"$repeat\":\"0123456789\",\"times\":1048576}}]}}}");
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_END);
    assert_int_equal(strlen(r.rows[0]), 10485760 + 4);
    result_free(&r);
    dvsi_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_every_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed_fields_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fetch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fetch_of_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_big, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
