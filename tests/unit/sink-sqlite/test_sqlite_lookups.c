/* test_sqlite_lookups.c - rows by key: every way in which the plugin finds them. */
#include "sqlite_fixture.h"

static const uint32_t one_text[] = {DVS_TEXT};

/* Looks up the keys "row <i>" and checks that exactly those that exist come, each with its number. */
static void look_up(dvsi_sink *sink, const dvs_table *table, const int *keys, uint32_t n, int copies)
{
    static char texts[512][16];
    dvs_cell cells[512];
    const uint32_t key[] = {1}, wanted[] = {1};
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 1,
                         .table = table,
                         .columns = wanted,
                         .key_columns = key,
                         .n_key_columns = 1,
                         .n_keys = n,
                         .keys = cells,
                         .only_null = -1};
    dvsi_batch *batch = dvsi_batch_new(1);
    int seen[512] = {0};
    for (uint32_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "row %d", keys[i]);
        cells[i] = dvsi_cell_text(texts[i]);
    }
    OK(dvsi_sink_read(sink, &lookup, batch, ERR));
    for (uint32_t i = 0; i < batch->n_rows; i++) {
        uint64_t number = batch->rows[i].number;
        assert_true(dvsi_cell_equal(dvsi_batch_cells(batch, i), &cells[number]));
        assert_true(i == 0 || seen[number] == 0 || batch->rows[i - 1].number == number);
        seen[number]++;
    }
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(seen[i], keys[i] >= 1 && keys[i] <= 300 ? copies : 0);
    dvsi_batch_free(batch);
}

static void lookups_in_any_order(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    const uint32_t key[] = {1};
    dvs_index index = {.struct_size = (uint32_t)sizeof index,
                       .flags = DVS_INDEX_UNIQUE,
                       .name = "by_key",
                       .columns = key,
                       .n_columns = 1,
                       .only_null = -1,
                       .only_set = -1};
    dvs_table table;
    int keys[400];
    fill(f, sink, "t", 300);
    columns_of(&schema, one_text, 1);
    table = table_of(f, "t", &schema);
    index.table = &table;
    for (int copies = 1; copies <= 2; copies++) {
        for (int with_index = 0; with_index < 3 - copies; with_index++) {
            begin(sink);
            if (with_index)
                OK(dvsi_sink_ensure_index(sink, &index, ERR));
            for (int i = 0; i < 400; i++) /* as inserted, the last hundred unknown */
                keys[i] = i + 1;
            look_up(sink, &table, keys, 400, copies);
            look_up(sink, &table, keys + 100, 30, copies);
            for (int i = 0; i < 400; i++) /* every third missing, unknown ones in between */
                keys[i] = i % 3 == 0 ? 1000 + i : i + 1;
            look_up(sink, &table, keys, 400, copies);
            for (int i = 0; i < 400; i++) /* backwards */
                keys[i] = 400 - i;
            look_up(sink, &table, keys, 400, copies);
            for (int i = 0; i < 400; i++) /* all over the place */
                keys[i] = (i * 277) % 401;
            look_up(sink, &table, keys, 400, copies);
            for (int i = 0; i < 400; i++) /* the same again and again */
                keys[i] = 7;
            look_up(sink, &table, keys, 400, copies);
            commit(sink);
        }
        LOOK("DROP INDEX IF EXISTS by_key; INSERT INTO t(c1) SELECT c1 FROM t", ""); /* behind its back */
    }
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

/* Keys compare bytewise, also in a table that says otherwise, and by its index. */
static void collations_of_others_do_not_count(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    const uint32_t key[] = {1}, wanted[] = {0};
    dvs_cell keys[1] = {dvsi_cell_text("ABC")};
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 1,
                         .columns = wanted,
                         .key_columns = key,
                         .n_key_columns = 1,
                         .n_keys = 1,
                         .keys = keys,
                         .only_null = -1};
    dvs_index index = {.struct_size = (uint32_t)sizeof index,
                       .flags = DVS_INDEX_UNIQUE,
                       .name = "by_key",
                       .columns = key,
                       .n_columns = 1,
                       .only_null = -1,
                       .only_set = -1};
    dvsi_batch *batch;
    dvs_table table;
    LOOK("CREATE TABLE t(row_id INTEGER PRIMARY KEY, c1 TEXT COLLATE NOCASE);"
         "INSERT INTO t VALUES(1, 'abc'), (2, 'ABC')",
         "");
    columns_of(&schema, one_text, 1);
    table = table_of(f, "t", &schema);
    lookup.table = &table;
    index.table = &table;
    begin(sink);
    OK(dvsi_sink_ensure_index(sink, &index, ERR));
    batch = dvsi_batch_new(1);
    OK(dvsi_sink_read(sink, &lookup, batch, ERR));
    assert_int_equal(batch->n_rows, 1);
    assert_int_equal(dvsi_batch_cells(batch, 0)->v.i64, 2);
    dvsi_batch_free(batch);
    commit(sink);
    assert_non_null(strstr(
        look(f->path, "EXPLAIN QUERY PLAN SELECT row_id FROM t WHERE c1 COLLATE BINARY = 'ABC'"), "by_key"));
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lookups_in_any_order),
        TEST(collations_of_others_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
