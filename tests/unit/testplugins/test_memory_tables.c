/* The memory sink: schema, indexes, views, values, and its file as Python reads it. */
#include "memory_fixture.h"

static dvs_change change_of(uint32_t type, const table *t, const dvs_column *column, const char *name)
{
    dvs_change change = {(uint32_t)sizeof change, type, &t->table, column, name};
    return change;
}

static int has_column(fixture *f, dvsi_sink *sink, const char *table_name, const char *column)
{
    dvsi_schema schema = {0};
    int at;
    OK(f, dvsi_sink_inspect(sink, table_name, &schema, &f->err));
    at = dvsi_schema_find(&schema, column);
    dvsi_schema_free(&schema);
    return at >= 0;
}

static dvsi_sink *sink_with_table(fixture *f, table *t)
{
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    table_make(t, "t");
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, t);
    return sink;
}

static void test_schema_changes(void **state)
{
    fixture *f = *state;
    table t, v;
    dvsi_schema extra = {0};
    dvsi_sink *sink = sink_with_table(f, &t);
    dvs_change change;
    dvs_column *added = dvsi_schema_put(&extra, "Größe \"x\"", DVS_DECIMAL, DVS_COLUMN_NULLABLE);
    dvs_column *renamed;
    change = change_of(DVS_CHANGE_CREATE_TABLE, &t, NULL, NULL);
    assert_int_equal(dvsi_sink_apply_schema(sink, &change, 1, &f->err), DVS_E_SCHEMA);
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    change = change_of(DVS_CHANGE_ADD_COLUMN, &t, added, NULL);
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    assert_true(has_column(f, sink, "T", "GRößE \"X\"")); /* names have no case (ASCII) */
    assert_int_equal(dvsi_sink_apply_schema(sink, &change, 1, &f->err), DVS_E_SCHEMA);
    renamed = dvsi_schema_put(&extra, "n2", DVS_INT64, 0);
    change = change_of(DVS_CHANGE_RENAME_COLUMN, &t, renamed, "number");
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    assert_false(has_column(f, sink, "t", "number"));
    assert_int_equal(insert_row(f, sink, &t, 2, "b", 1), DVS_E_SCHEMA); /* the host still calls it number */
    renamed = dvsi_schema_put(&extra, "number", DVS_INT64, 0);
    change = change_of(DVS_CHANGE_RENAME_COLUMN, &t, renamed, "n2");
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    change = change_of(DVS_CHANGE_DROP_COLUMN, &t, NULL, added->name);
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    change = change_of(DVS_CHANGE_RENAME_TABLE, &t, NULL, "v");
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    OK(f, dvsi_sink_commit(sink, &f->err));
    dvsi_sink_close(sink);
    sink = open_sink(f, 0);
    table_make(&v, "v");
    assert_contents(f, sink, &v, "1 \"crm\" \"a\" 10 null; ");
    OK(f, dvsi_sink_begin(sink, &f->err));
    change = change_of(DVS_CHANGE_DROP_TABLE, &v, NULL, NULL);
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    assert_int_equal(dvsi_sink_apply_schema(sink, &change, 1, &f->err), DVS_E_NOT_FOUND);
    dvsi_sink_close(sink); /* rolls back */
    sink = open_sink(f, 0);
    assert_int_equal(count_all(f, sink, &v), 1);
    dvsi_sink_close(sink);
    dvsi_schema_free(&extra);
    table_free(&t);
    table_free(&v);
}

static void test_unique_index(void **state)
{
    fixture *f = *state;
    table t;
    static const uint32_t COLUMNS[] = {PROJECT, KEY};
    dvsi_sink *sink = sink_with_table(f, &t);
    dvs_index index = an_index(&t, "t_key", DVS_INDEX_UNIQUE, COLUMNS, 2);
    dvs_change drop;
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    OK(f, insert_row(f, sink, &t, 2, "a", 20));
    assert_int_equal(dvsi_sink_ensure_index(sink, &index, &f->err), DVS_E_DUPLICATE);
    OK(f, update_cell(f, sink, &t, 2, KEY, dvsi_cell_text("b")));
    OK(f, dvsi_sink_ensure_index(sink, &index, &f->err));
    OK(f, dvsi_sink_ensure_index(sink, &index, &f->err)); /* once is enough */
    OK(f, dvsi_sink_savepoint(sink, &f->err));
    assert_int_equal(insert_row(f, sink, &t, 3, "a", 30), DVS_E_DUPLICATE);
    assert_int_equal(f->err.scope, DVS_SCOPE_ROW);
    assert_int_equal(update_cell(f, sink, &t, 2, KEY, dvsi_cell_text("a")), DVS_E_DUPLICATE);
    OK(f, dvsi_sink_rollback_to(sink, &f->err));
    OK(f, insert_row(f, sink, &t, 3, NULL, 30)); /* NULLs differ */
    OK(f, insert_row(f, sink, &t, 4, NULL, 40));
    OK(f, delete_row(f, sink, &t, 1));
    OK(f, insert_row(f, sink, &t, 5, "a", 50));
    drop = change_of(DVS_CHANGE_DROP_COLUMN, &t, NULL, "key");
    assert_int_equal(dvsi_sink_apply_schema(sink, &drop, 1, &f->err), DVS_E_SCHEMA); /* the index needs it */
    OK(f, dvsi_sink_commit(sink, &f->err));
    dvsi_sink_close(sink);
    sink = open_sink(f, 0);
    OK(f, dvsi_sink_begin(sink, &f->err));
    assert_int_equal(insert_row(f, sink, &t, 6, "b", 1), DVS_E_DUPLICATE);
    OK(f, dvsi_sink_drop_index(sink, &index, &f->err));
    OK(f, dvsi_sink_drop_index(sink, &index, &f->err));
    OK(f, insert_row(f, sink, &t, 6, "b", 1));
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_partial_index(void **state)
{
    fixture *f = *state;
    table t;
    static const uint32_t COLUMNS[] = {KEY};
    dvsi_sink *sink = sink_with_table(f, &t);
    dvs_index current = an_index(&t, "t_current", DVS_INDEX_UNIQUE, COLUMNS, 1);
    dvs_index gone = an_index(&t, "t_gone", DVS_INDEX_UNIQUE, COLUMNS, 1);
    current.only_null = DELETED;
    gone.only_set = DELETED;
    OK(f, dvsi_sink_ensure_index(sink, &current, &f->err));
    OK(f, dvsi_sink_ensure_index(sink, &gone, &f->err));
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    assert_int_equal(insert_row(f, sink, &t, 2, "a", 20), DVS_E_DUPLICATE);
    OK(f, update_cell(f, sink, &t, 1, DELETED, dvsi_cell_timestamp(5)));
    OK(f, insert_row(f, sink, &t, 2, "a", 20)); /* the other one is no longer in the index */
    assert_int_equal(update_cell(f, sink, &t, 2, DELETED, dvsi_cell_timestamp(6)),
                     DVS_E_DUPLICATE); /* by t_gone */
    assert_int_equal(update_cell(f, sink, &t, 1, DELETED, dvsi_cell_null()), DVS_E_DUPLICATE);
    dvsi_sink_close(sink);
    table_free(&t);
}

/* A column before those of an index goes away: the index goes on with its own. */
static void test_index_outlives_drop(void **state)
{
    fixture *f = *state;
    table t;
    static const uint32_t COLUMNS[] = {DELETED};
    dvsi_sink *sink = sink_with_table(f, &t);
    dvs_index index = an_index(&t, "t_deleted", DVS_INDEX_UNIQUE, COLUMNS, 1);
    dvs_change drop = change_of(DVS_CHANGE_DROP_COLUMN, &t, NULL, "number");
    dvs_cell cells[4] = {dvsi_cell_int64(2), dvsi_cell_text("x"), dvsi_cell_text("y"),
                         dvsi_cell_timestamp(7)};
    dvs_column columns[4];
    dvs_write write;
    dvs_table narrow = t.table;
    OK(f, dvsi_sink_ensure_index(sink, &index, &f->err));
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    OK(f, update_cell(f, sink, &t, 1, DELETED, dvsi_cell_timestamp(7)));
    OK(f, dvsi_sink_apply_schema(sink, &drop, 1, &f->err));
    columns[0] = t.schema.columns[ROW_ID];
    columns[1] = t.schema.columns[PROJECT];
    columns[2] = t.schema.columns[KEY];
    columns[3] = t.schema.columns[DELETED];
    narrow.columns = columns;
    narrow.n_columns = 4;
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &narrow;
    write.inserts = cells;
    write.n_inserts = 1;
    assert_int_equal(dvsi_sink_write(sink, &write, 0, &f->err), DVS_E_DUPLICATE);
    cells[3] = dvsi_cell_timestamp(8);
    OK(f, dvsi_sink_write(sink, &write, 0, &f->err));
    dvsi_sink_close(sink);
    table_free(&t);
}

/* err->row counts through deletes, updates and inserts. */
static void test_row_of_an_error(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink = sink_with_table(f, &t);
    const int64_t deletes[2] = {50, 51};
    const uint32_t column = NUMBER;
    const dvs_cell cell = dvsi_cell_int64(9);
    dvs_update updates[2] = {{(uint32_t)sizeof updates[0], 1, 1, &column, &cell},
                             {(uint32_t)sizeof updates[0], 1, 1, &column, &cell}};
    dvs_cell cells[2 * N_COLUMNS];
    dvs_write write;
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &t.table;
    write.deletes = deletes;
    write.n_deletes = 2;
    write.updates = updates;
    write.n_updates = 2;
    write.update_stride = (uint32_t)sizeof updates[0];
    write.inserts = cells;
    write.n_inserts = 2;
    fill_row(cells, 2, "b", 1);
    fill_row(cells + N_COLUMNS, 1, "c", 1);
    assert_int_equal(dvsi_sink_write(sink, &write, 0, &f->err), DVS_E_DUPLICATE);
    assert_int_equal(f->err.scope, DVS_SCOPE_ROW);
    assert_int_equal(f->err.row, 5);
    updates[1].row_id = 77;
    assert_int_equal(dvsi_sink_write(sink, &write, 0, &f->err), DVS_E_DATA);
    assert_int_equal(f->err.row, 3);
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_views(void **state)
{
    fixture *f = *state;
    table t, u;
    dvsi_sink *sink = sink_with_table(f, &t);
    dvsi_schema schema = {0};
    json_t *lines;
    dvs_view view = {(uint32_t)sizeof view, DVS_VIEW_CURRENT, "t_current", &t.table, NULL, DELETED, 0};
    dvs_view lineage = {
        (uint32_t)sizeof lineage, DVS_VIEW_FIELD_LINEAGE, "field_lineage", &t.table, &u.table, -1, 0};
    table_make(&u, "u");
    create_table(f, sink, &u);
    OK(f, dvsi_sink_ensure_view(sink, &view, &f->err));
    OK(f, dvsi_sink_ensure_view(sink, &view, &f->err));
    view.only_null = KEY;
    OK(f, dvsi_sink_ensure_view(sink, &view, &f->err));
    OK(f, dvsi_sink_ensure_view(sink, &lineage, &f->err));
    lines = log_read(f);
    assert_true(json_is_true(json_object_get(log_find(lines, "ensure_view", 0), "made")));
    assert_true(json_is_false(json_object_get(log_find(lines, "ensure_view", 1), "made")));
    assert_true(json_is_true(json_object_get(log_find(lines, "ensure_view", 2), "made")));
    json_decref(lines);
    assert_true(has_column(f, sink, "t_current", "number"));
    OK(f, dvsi_sink_inspect(sink, "field_lineage", &schema, &f->err));
    assert_int_equal(schema.n_columns, 10);
    dvsi_schema_free(&schema);
    view.name = "u";
    assert_int_equal(dvsi_sink_ensure_view(sink, &view, &f->err), DVS_E_SCHEMA);
    dvsi_sink_close(sink);
    table_free(&t);
    table_free(&u);
}

static void add_all_kinds(dvsi_schema *schema)
{
    uint32_t kind;
    dvsi_schema_put(schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID);
    for (kind = DVS_BOOL; kind <= DVS_JSON; kind++)
        dvsi_schema_put(schema, dvsi_kind_name(kind), kind, DVS_COLUMN_NULLABLE);
}

static const uint8_t UUID[16] = {0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255};

static void all_kinds(dvs_cell *cells)
{
    int64_t i = 0;
    cells[i++] = dvsi_cell_int64(1);
    cells[i++] = dvsi_cell_bool(1);
    cells[i++] = dvsi_cell_int64(INT64_MIN);
    cells[i] = dvsi_cell_int64(0);
    cells[i].kind = DVS_DOUBLE;
    cells[i++].v.f64 = 0.1;
    cells[i] = dvsi_cell_text("12345678901234567890.5");
    cells[i++].kind = DVS_DECIMAL;
    cells[i++] = dvsi_cell_text("𝔘 'q'");
    cells[i++] = dvsi_cell_bytes("\0\377", 2);
    cells[i] = dvsi_cell_int64(-719162);
    cells[i++].kind = DVS_DATE;
    cells[i++] = dvsi_cell_timestamp(INT64_C(253402300799999999));
    cells[i] = dvsi_cell_bytes(UUID, 16);
    cells[i++].kind = DVS_UUID;
    cells[i++] = dvsi_cell_json_n("{\"a\": 1.0}", 10);
}

static void test_all_kinds(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_cell cells[33], key = dvsi_cell_int64(1);
    uint32_t columns[11], i, row, row_id = 0;
    dvs_table as = {(uint32_t)sizeof as, 11, (uint32_t)sizeof(dvs_column), 0, 7, "kinds", NULL};
    dvs_change change = {(uint32_t)sizeof change, DVS_CHANGE_CREATE_TABLE, &as, NULL, NULL};
    dvs_write write;
    dvs_lookup lookup;
    dvsi_batch *batch = dvsi_batch_new(11);
    add_all_kinds(&schema);
    as.columns = schema.columns;
    all_kinds(cells);
    for (i = 0; i < 11; i++) {
        columns[i] = i;
        cells[11 + i] = i > 0 ? dvsi_cell_null() : dvsi_cell_int64(2);
        cells[22 + i] = dvsi_cell_null();
        cells[22 + i].kind = DVS_ABSENT;
    }
    cells[22] = dvsi_cell_int64(3);
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &as;
    write.inserts = cells;
    write.n_inserts = 3;
    OK(f, dvsi_sink_begin(sink, &f->err));
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    OK(f, dvsi_sink_write(sink, &write, 0, &f->err));
    OK(f, dvsi_sink_commit(sink, &f->err));
    dvsi_sink_close(sink);
    sink = open_sink(f, DVS_SINK_READ_ONLY);
    memset(&lookup, 0, sizeof lookup);
    lookup.struct_size = (uint32_t)sizeof lookup;
    lookup.n_columns = 11;
    lookup.table = &as;
    lookup.columns = columns;
    lookup.key_columns = &row_id;
    lookup.n_key_columns = 1;
    lookup.only_null = -1;
    lookup.keys = &key;
    lookup.n_keys = 1;
    for (row = 0; row < 3; row++) {
        key.v.i64 = row + 1;
        dvsi_batch_reset(batch, 11);
        OK(f, dvsi_sink_read(sink, &lookup, batch, &f->err));
        assert_int_equal(batch->n_rows, 1);
        for (i = 1; i < 11; i++) {
            const dvs_cell null = dvsi_cell_null();
            assert_true(dvsi_cell_equal(&dvsi_batch_cells(batch, 0)[i], row == 0 ? &cells[i] : &null));
        }
    }
    cells[5].kind = DVS_JSON; /* text column: the host's mistake */
    cells[0].v.i64 = 9;
    dvsi_sink_close(sink);
    sink = open_sink(f, 0);
    OK(f, dvsi_sink_begin(sink, &f->err));
    write.n_inserts = 1;
    assert_int_equal(dvsi_sink_write(sink, &write, 0, &f->err), DVS_E_ABI);
    dvsi_sink_close(sink);
    dvsi_batch_free(batch);
    dvsi_schema_free(&schema);
}

static char *run(const char *command)
{
    static char output[8192];
    FILE *pipe = popen(command, "r");
    size_t length = pipe != NULL ? fread(output, 1, sizeof output - 1, pipe) : 0;
    output[length] = '\0';
    assert_non_null(pipe);
    assert_int_equal(pclose(pipe), 0);
    return output;
}

#define PYTHON "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=" TEST_DATA "/../plugins /usr/bin/python3 "

static void test_dump(void **state)
{
    fixture *f = *state;
    table t;
    char command[1200];
    dvsi_sink *sink;
    dvs_change change = {(uint32_t)sizeof change, DVS_CHANGE_RENAME_TABLE, &t.table, NULL, "people"};
    test_all_kinds(state);
    table_make(&t, "t");
    sink = open_sink(f, 0);
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    OK(f, insert_row(f, sink, &t, 2, "b", 20));
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    OK(f, update_cell(f, sink, &t, 1, DELETED, dvsi_cell_timestamp(1)));
    OK(f, dvsi_sink_apply_schema(sink, &change, 1, &f->err));
    OK(f, dvsi_sink_commit(sink, &f->err));
    snprintf(command, sizeof command,
             PYTHON "-c \"import memory_dump as m, json; d = m.load('%s');"
                    "print(json.dumps(d['kinds'][0])); print(json.dumps(d['people']))\"",
             in_folder(f, "memory"));
    assert_string_equal(
        run(command),
        "{\"row_id\": 1, \"bool\": 1, \"int64\": -9223372036854775808, \"double\": 0.1, "
        "\"decimal\": \"12345678901234567890.5\", \"text\": \"\\ud835\\udd18 'q'\", \"bytes\": \"AP8=\", "
        "\"date\": \"0001-01-01\", \"timestamp\": \"9999-12-31T23:59:59.999999Z\", "
        "\"uuid\": \"00112233-4455-6677-8899-aabbccddeeff\", \"json\": \"{\\\"a\\\": 1.0}\"}\n"
        "[{\"row_id\": 1, \"project\": \"crm\", \"key\": \"a\", \"number\": 10, \"deleted_at\": "
        "\"1970-01-01T00:00:00.000001Z\"}, {\"row_id\": 2, \"project\": \"crm\", \"key\": \"b\", \"number\": "
        "20, "
        "\"deleted_at\": null}]\n");
    snprintf(command, sizeof command,
             PYTHON "-c \"import memory_dump as m; p = '%s';"
                    "m.update(p, 'people', 1, {'number': None, 'deleted_at': '2024-02-29T00:00:00.000001Z'});"
                    "m.delete(p, 'people', 2); m.insert(p, 'people', {'row_id': 3, 'project': 'x'})\"",
             in_folder(f, "memory"));
    run(command);
    t.table.name = "people";
    assert_contents(f, sink, &t,
                    "1 \"crm\" \"a\" null \"2024-02-29T00:00:00.000001Z\"; 3 \"x\" null null null; ");
    dvsi_sink_close(sink);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_schema_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unique_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_partial_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_index_outlives_drop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_row_of_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_views, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dump, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
