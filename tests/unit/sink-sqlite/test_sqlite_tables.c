/* test_sqlite_tables.c - tables, names, rows, transactions. */
#include "sqlite_fixture.h"

static const uint32_t two_texts[] = {DVS_TEXT, DVS_TEXT};

static void any_identifier_works(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {
        "select",     "a\"b",   "it's", "with space", "semi;colon--", "\xc3\xa9t\xc3\xa9",
        "%s?1:x@y$z", "[x*/y]", "`",    "new\nline"};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_cell cells[11] = {dvsi_cell_int64(1)};
    dvsi_schema found = {0};
    char name[64];
    dvsi_batch *batch;
    dvs_table table;
    dvs_view view = {.struct_size = (uint32_t)sizeof view,
                     .type = DVS_VIEW_CURRENT,
                     .name = name,
                     .table = &table,
                     .only_null = -1};
    assert_non_null(dvsi_schema_put(&schema, "row id\"", DVS_INT64, DVS_COLUMN_ROW_ID));
    for (int i = 0; i < 10; i++) {
        assert_non_null(dvsi_schema_put(&schema, names[i], DVS_TEXT, DVS_COLUMN_NULLABLE));
        cells[i + 1] = dvsi_cell_text(names[i]);
    }
    for (int i = 0; i < 10; i++) {
        table = table_of(f, names[i], &schema);
        begin(sink);
        make_table(sink, &table);
        insert(sink, &table, cells, 1);
        snprintf(name, sizeof name, "%s_current", names[i]);
        OK(dvsi_sink_ensure_view(sink, &view, ERR));
        commit(sink);
        begin(sink);
        batch = read_all(sink, &table);
        assert_int_equal(batch->n_rows, 1);
        for (int k = 0; k < 11; k++)
            assert_true(dvsi_cell_equal(&dvsi_batch_cells(batch, 0)[k], &cells[k]));
        commit(sink);
        dvsi_batch_free(batch);
        OK(dvsi_sink_inspect(sink, names[i], &found, ERR));
        assert_int_equal(found.n_columns, 11);
        assert_string_equal(found.columns[2].name, "a\"b");
        dvsi_schema_free(&found);
        memset(&found, 0, sizeof found);
    }
    {
        dvs_change change = {.struct_size = (uint32_t)sizeof change,
                             .type = DVS_CHANGE_DROP_COLUMN,
                             .table = &table,
                             .name = "`"};
        begin(sink);
        for (int i = 0; i < 10; i++) {
            table = table_of(f, names[i], &schema);
            OK(dvsi_sink_apply_schema(sink, &change, 1, ERR)); /* the views give way */
        }
        commit(sink);
    }
    dvsi_sink_close(sink);
    LOOK("SELECT \"a\"\"b\" FROM \"it's\"", "a\"b");
    dvsi_schema_free(&schema);
}

static void inspect_guesses_the_kinds(void **state)
{
    fixture *f = *state;
    static const uint32_t kinds[] = {DVS_INT64,   DVS_BOOL,    DVS_INT64, DVS_TEXT, DVS_DOUBLE,
                                     DVS_DECIMAL, DVS_DECIMAL, DVS_BYTES, DVS_DATE, DVS_TIMESTAMP,
                                     DVS_UUID,    DVS_JSON,    DVS_TEXT};
    dvsi_schema found = {0};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    LOOK("CREATE TABLE t(id INTEGER PRIMARY KEY, b BOOLEAN, i BIGINT, v VARCHAR(20) NOT NULL, d DOUBLE, n "
         "NUMERIC(10,2), u, bl BLOB, da DATE, ti DATETIME, uu UUID, js JSON, od WHATEVER);"
         "CREATE TABLE k(a TEXT, b INT, PRIMARY KEY(b, a));"
         "CREATE VIEW v AS SELECT id, v FROM t",
         "");
    OK(dvsi_sink_inspect(sink, "T", &found, ERR)); /* names compare without case */
    assert_int_equal(found.n_columns, 13);
    for (uint32_t i = 0; i < 13; i++) {
        if (found.columns[i].kind != kinds[i])
            fail_msg("%s is %s", found.columns[i].name, dvsi_kind_name(found.columns[i].kind));
    }
    assert_int_equal(found.columns[0].flags & DVS_COLUMN_ROW_ID, DVS_COLUMN_ROW_ID);
    assert_int_equal(found.columns[3].flags & DVS_COLUMN_NULLABLE, 0);
    assert_string_equal(found.columns[3].native_type, "VARCHAR(20)");
    dvsi_schema_free(&found);
    memset(&found, 0, sizeof found);
    OK(dvsi_sink_inspect(sink, "k", &found, ERR));
    assert_int_equal(found.columns[0].key_position, 2);
    assert_int_equal(found.columns[1].key_position, 1);
    dvsi_schema_free(&found);
    memset(&found, 0, sizeof found);
    OK(dvsi_sink_inspect(sink, "v", &found, ERR));
    assert_int_equal(found.n_columns, 2);
    dvsi_schema_free(&found);
    memset(&found, 0, sizeof found);
    FAILS(dvsi_sink_inspect(sink, "nothing", &found, ERR), DVS_E_NOT_FOUND, "nothing");
    dvsi_schema_free(&found);
    dvsi_sink_close(sink);
}

static void changes_of_tables_and_columns(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0}, more = {0};
    dvs_change change = {.struct_size = (uint32_t)sizeof change};
    dvs_cell cells[3] = {dvsi_cell_int64(1), dvsi_cell_text("a"), dvsi_cell_text("b")};
    dvs_view view = {.struct_size = (uint32_t)sizeof view, .type = DVS_VIEW_CURRENT, .only_null = 2};
    dvs_table table;
    columns_of(&schema, two_texts, 2);
    table = table_of(f, "t", &schema);
    begin(sink);
    make_table(sink, &table);
    insert(sink, &table, cells, 1);
    view.name = "t_current";
    view.table = &table;
    OK(dvsi_sink_ensure_view(sink, &view, ERR));

    change.table = &table;
    change.type = DVS_CHANGE_ADD_COLUMN;
    change.column = dvsi_schema_put(&more, "extra", DVS_INT64, DVS_COLUMN_NULLABLE);
    OK(dvsi_sink_apply_schema(sink, &change, 1, ERR));
    FAILS(dvsi_sink_apply_schema(sink, &change, 1, ERR), DVS_E_SCHEMA, "extra");
    change.type = DVS_CHANGE_RENAME_COLUMN;
    change.name = "c1";
    change.column = dvsi_schema_put(&more, "first", DVS_TEXT, DVS_COLUMN_NULLABLE);
    OK(dvsi_sink_apply_schema(sink, &change, 1, ERR));
    change.type = DVS_CHANGE_DROP_COLUMN; /* the view names it */
    change.name = "c2";
    OK(dvsi_sink_apply_schema(sink, &change, 1, ERR));
    change.type = DVS_CHANGE_RENAME_TABLE;
    change.name = "renamed";
    OK(dvsi_sink_apply_schema(sink, &change, 1, ERR));
    commit(sink);
    LOOK("SELECT * FROM renamed", "1|a|NULL");
    LOOK("SELECT group_concat(name || ' ' || type) FROM pragma_table_info('renamed')",
         "row_id INTEGER,first TEXT,extra INTEGER");
    table.name = "renamed";
    change.type = DVS_CHANGE_DROP_TABLE;
    begin(sink);
    OK(dvsi_sink_apply_schema(sink, &change, 1, ERR));
    commit(sink);
    LOOK("SELECT count(*) FROM sqlite_schema", "0");
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
    dvsi_schema_free(&more);
}

static void writes_and_lookups(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_cell rows[4][3], changed[2];
    const uint32_t one[] = {1}, both[] = {1, 2}, wanted[] = {2, 0};
    dvs_cell keys[3] = {dvsi_cell_text("k3"), dvsi_cell_text("nobody"), dvsi_cell_text("k1")};
    dvs_update updates[2] = {{.struct_size = (uint32_t)sizeof(dvs_update), .n_cells = 2, .row_id = 2},
                             {.struct_size = (uint32_t)sizeof(dvs_update), .n_cells = 1, .row_id = 3}};
    int64_t deletes[] = {4, 99};
    dvs_write write = {.struct_size = (uint32_t)sizeof write, .update_stride = (uint32_t)sizeof(dvs_update)};
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 2,
                         .columns = wanted,
                         .key_columns = one,
                         .n_key_columns = 1,
                         .n_keys = 3,
                         .keys = keys,
                         .only_null = -1};
    dvsi_batch *batch;
    dvs_table table;
    columns_of(&schema, two_texts, 2);
    table = table_of(f, "t", &schema);
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"k1", "k2", "k3", "k4"};
        rows[i][0] = dvsi_cell_int64(i + 1);
        rows[i][1] = dvsi_cell_text(names[i]);
        rows[i][2] = i == 0 ? dvsi_cell_null() : dvsi_cell_text("v");
    }
    begin(sink);
    make_table(sink, &table);
    write.table = &table;
    write.inserts = &rows[0][0];
    write.n_inserts = 4;
    OK(dvsi_sink_write(sink, &write, 1, ERR)); /* the load slot */
    /* Deletes come first, then updates, then inserts: row 4 can be used again in one call. */
    rows[3][1] = dvsi_cell_text("again");
    write.inserts = rows[3];
    write.n_inserts = 1;
    changed[0] = dvsi_cell_text("k2 new");
    changed[1] = dvsi_cell_null();
    updates[0].columns = both;
    updates[0].cells = changed;
    updates[1].columns = wanted;
    updates[1].cells = changed;
    write.updates = updates;
    write.n_updates = 2;
    write.deletes = deletes;
    write.n_deletes = 2;
    OK(dvsi_sink_write(sink, &write, 0, ERR));

    lookup.table = &table;
    batch = dvsi_batch_new(2);
    OK(dvsi_sink_read(sink, &lookup, batch, ERR));
    assert_int_equal(batch->n_rows, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const dvs_cell *cells = dvsi_batch_cells(batch, i);
        bool third = batch->rows[i].number == 0;
        assert_true(third || batch->rows[i].number == 2);
        assert_int_equal(cells[1].v.i64, third ? 3 : 1);
        assert_int_equal(cells[0].kind, third ? DVS_TEXT : DVS_NULL);
    }
    dvsi_batch_free(batch);
    /* Only rows in which c2 is NULL. */
    lookup.only_null = 2;
    batch = dvsi_batch_new(2);
    OK(dvsi_sink_read(sink, &lookup, batch, ERR));
    assert_int_equal(batch->n_rows, 1);
    dvsi_batch_free(batch);
    commit(sink);
    LOOK("SELECT * FROM t", "1|k1|NULL\n2|k2 new|NULL\n3|k3|k2 new\n4|again|v");

    /* A row that is not there cannot be changed; its number counts deletes too. */
    begin(sink);
    {
        dvs_error err = DVS_ERROR_INIT;
        write.n_inserts = 0;
        updates[1].row_id = 77;
        assert_int_equal(dvsi_sink_write(sink, &write, 0, &err), DVS_E_DATA);
        assert_int_equal(err.row, 3);
    }
    OK(dvsi_sink_rollback(sink, ERR));
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

static void scans_counts_and_deletes(void **state)
{
    fixture *f = *state;
    static const uint32_t kinds[] = {DVS_TEXT, DVS_TIMESTAMP, DVS_INT64};
    static const char *const names[] = {"b", "a", "B", "\xc3\xa9"};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    const uint32_t order[] = {1}, wanted[] = {0};
    dvs_where where[2] = {{.struct_size = (uint32_t)sizeof(dvs_where), .column = 2, .op = DVS_OP_GT},
                          {.struct_size = (uint32_t)sizeof(dvs_where), .column = 3, .op = DVS_OP_IS_NULL}};
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .columns = wanted,
                     .n_columns = 1,
                     .order = order,
                     .n_order = 1,
                     .where = where,
                     .where_stride = (uint32_t)sizeof(dvs_where)};
    uint64_t n;
    dvsi_batch *batch;
    dvs_table table;
    columns_of(&schema, kinds, 3);
    table = table_of(f, "t", &schema);
    begin(sink);
    make_table(sink, &table);
    for (int i = 0; i < 4; i++) {
        dvs_cell cells[4] = {dvsi_cell_int64(i + 1)};
        cells[1] = dvsi_cell_text(names[i]);
        cells[2] = dvsi_cell_timestamp(i * INT64_C(1000000));
        cells[3] = i == 3 ? dvsi_cell_int64(7) : dvsi_cell_null();
        insert(sink, &table, cells, 1);
    }
    scan.table = &table;
    where[0].value = dvsi_cell_timestamp(500000);

    batch = dvsi_batch_new(1); /* bytewise: B < a < b < e-acute */
    OK(dvsi_sink_scan(sink, &scan, batch, ERR));
    assert_int_equal(batch->n_rows, 4);
    assert_int_equal(dvsi_batch_cells(batch, 0)->v.i64, 3);
    assert_int_equal(dvsi_batch_cells(batch, 1)->v.i64, 2);
    assert_int_equal(dvsi_batch_cells(batch, 3)->v.i64, 4);
    dvsi_batch_free(batch);

    scan.n_where = 2;
    scan.flags = DVS_SCAN_DESCENDING;
    scan.limit = 1;
    batch = dvsi_batch_new(1);
    OK(dvsi_sink_scan(sink, &scan, batch, ERR));
    assert_int_equal(batch->n_rows, 1);
    assert_int_equal(dvsi_batch_cells(batch, 0)->v.i64, 2);
    dvsi_batch_free(batch);

    OK(dvsi_sink_count(sink, &table, NULL, 0, &n, ERR));
    assert_int_equal(n, 4);
    OK(dvsi_sink_count(sink, &table, where, 2, &n, ERR));
    assert_int_equal(n, 2);
    where[0].op = DVS_OP_NE;
    where[0].value = dvsi_cell_timestamp(1000000);
    OK(dvsi_sink_count(sink, &table, where, 1, &n, ERR));
    assert_int_equal(n, 3);
    where[0].op = DVS_OP_LE;
    OK(dvsi_sink_delete_where(sink, &table, where, 2, &n, ERR));
    assert_int_equal(n, 2);
    OK(dvsi_sink_delete_where(sink, &table, NULL, 0, &n, ERR));
    assert_int_equal(n, 2);
    commit(sink);
    LOOK("SELECT count(*) FROM t", "0");
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

static void savepoints_and_rollbacks(void **state)
{
    fixture *f = *state;
    for (int scratch = 0; scratch < 2; scratch++) {
        dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE | (scratch ? DVS_SINK_SCRATCH : 0));
        dvsi_schema schema = {0};
        dvs_cell cells[3] = {dvsi_cell_int64(1), dvsi_cell_text("a"), dvsi_cell_text("b")};
        uint64_t n;
        dvs_table table;
        columns_of(&schema, two_texts, 2);
        table = table_of(f, scratch ? "t2" : "t1", &schema);
        begin(sink);
        make_table(sink, &table);
        insert(sink, &table, cells, 1);
        OK(dvsi_sink_savepoint(sink, ERR));
        cells[0] = dvsi_cell_int64(2);
        insert(sink, &table, cells, 1);
        OK(dvsi_sink_rollback_to(sink, ERR)); /* it stays set */
        cells[0] = dvsi_cell_int64(3);
        insert(sink, &table, cells, 1);
        OK(dvsi_sink_rollback_to(sink, ERR));
        cells[0] = dvsi_cell_int64(4);
        insert(sink, &table, cells, 1);
        OK(dvsi_sink_release(sink, ERR));
        commit(sink);
        begin(sink);
        OK(dvsi_sink_delete_where(sink, &table, NULL, 0, &n, ERR));
        OK(dvsi_sink_rollback(sink, ERR));
        begin(sink);
        OK(dvsi_sink_count(sink, &table, NULL, 0, &n, ERR));
        assert_int_equal(n, 2);
        commit(sink);
        FAILS(dvsi_sink_commit(sink, ERR), DVS_E_USAGE, "no transaction");
        FAILS(try_insert(sink, &table, cells, 1, ERR), DVS_E_USAGE, "no transaction");
        dvsi_sink_close(sink);
        dvsi_schema_free(&schema);
    }
    LOOK("SELECT group_concat(row_id) FROM t1", "1,4");
    LOOK("SELECT group_concat(row_id) FROM t2", "1,4");
    LOOK("PRAGMA integrity_check", "ok");
}

static void indexes(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    const uint32_t key[] = {1};
    dvs_index index = {.struct_size = (uint32_t)sizeof index,
                       .flags = DVS_INDEX_UNIQUE,
                       .name = "the \"key\"",
                       .columns = key,
                       .n_columns = 1,
                       .only_null = -1,
                       .only_set = -1};
    dvs_cell cells[3] = {dvsi_cell_int64(1), dvsi_cell_text("a"), dvsi_cell_text("gone")};
    dvs_table table;
    dvs_error err = DVS_ERROR_INIT;
    columns_of(&schema, two_texts, 2);
    table = table_of(f, "t", &schema);
    index.table = &table;
    begin(sink);
    make_table(sink, &table);
    insert(sink, &table, cells, 1);
    cells[0] = dvsi_cell_int64(2);
    cells[2] = dvsi_cell_null();
    insert(sink, &table, cells, 1);
    FAILS(dvsi_sink_ensure_index(sink, &index, ERR), DVS_E_DUPLICATE, "the \"key\"");
    index.only_null = 2; /* unique among the current ones */
    OK(dvsi_sink_ensure_index(sink, &index, ERR));
    OK(dvsi_sink_ensure_index(sink, &index, ERR));
    commit(sink);
    begin(sink);
    cells[0] = dvsi_cell_int64(3);
    OK(dvsi_sink_savepoint(sink, ERR));
    assert_int_equal(try_insert(sink, &table, cells, 1, &err), DVS_E_DUPLICATE);
    assert_int_equal(err.scope, DVS_SCOPE_ROW);
    OK(dvsi_sink_rollback_to(sink, ERR));
    cells[2] = dvsi_cell_text("gone too");
    insert(sink, &table, cells, 1);
    OK(dvsi_sink_drop_index(sink, &index, ERR));
    OK(dvsi_sink_drop_index(sink, &index, ERR));
    index.only_null = -1;
    index.only_set = 2;
    index.flags = 0;
    OK(dvsi_sink_ensure_index(sink, &index, ERR));
    commit(sink);
    LOOK("SELECT sql FROM sqlite_schema WHERE type = 'index'",
         "CREATE INDEX \"the \"\"key\"\"\" ON \"t\"(\"c1\" COLLATE BINARY) WHERE \"c2\" IS NOT NULL");
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

static void missing_references(void **state)
{
    fixture *f = *state;
    static const uint32_t kinds[] = {DVS_DECIMAL};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_table orders, partners;
    dvsi_batch *batch = dvsi_batch_new(2);
    columns_of(&schema, kinds, 1);
    orders = table_of(f, "orders", &schema);
    partners = table_of(f, "partners", &schema);
    begin(sink);
    make_table(sink, &orders);
    make_table(sink, &partners);
    commit(sink);
    LOOK("INSERT INTO orders(c1) VALUES(1), (2.5), (2.5), (NULL), (4); INSERT INTO partners(c1) VALUES(1), "
         "(NULL), (4)",
         "");
    begin(sink);
    OK(dvsi_sink_missing(sink, &orders, 1, &partners, 1, 10, batch, ERR));
    assert_int_equal(batch->n_rows, 1);
    assert_int_equal(dvsi_batch_cells(batch, 0)[0].kind, DVS_DECIMAL);
    assert_int_equal(dvsi_batch_cells(batch, 0)[1].v.i64, 2);
    commit(sink);
    dvsi_batch_free(batch);
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_identifier_works),
        TEST(inspect_guesses_the_kinds),
        TEST(changes_of_tables_and_columns),
        TEST(writes_and_lookups),
        TEST(scans_counts_and_deletes),
        TEST(savepoints_and_rollbacks),
        TEST(indexes),
        TEST(missing_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
