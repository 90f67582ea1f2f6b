/* The memory sink: finding rows, against the plainest way to do the same. */
#include "memory_fixture.h"

#define ROWS 300

/* The row with this id, as the test makes it: few different keys, numbers and times, so that they repeat. */
static void make_row(int64_t id, dvs_cell *cells, char key[16])
{
    snprintf(key, 16, "k%d", (int)(id * 7 % 40));
    fill_row(cells, id, id % 11 == 0 ? NULL : key, id * 13 % 50);
    if (id % 9 == 0)
        cells[NUMBER] = dvsi_cell_null();
    if (id % 3 == 0)
        cells[DELETED] = dvsi_cell_timestamp(id % 5);
}

static dvsi_sink *filled_sink(fixture *f, table *t)
{
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    static char keys[ROWS][16];
    static dvs_cell cells[ROWS * N_COLUMNS];
    dvs_write write;
    int64_t i;
    table_make(t, "t");
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &t->table;
    write.inserts = cells;
    write.n_inserts = ROWS;
    for (i = 0; i < ROWS; i++) /* not in the order of the ids */
        make_row((i * 77) % ROWS + 1, &cells[i * N_COLUMNS], keys[i]);
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, t);
    OK(f, dvsi_sink_write(sink, &write, 0, &f->err));
    return sink;
}

static uint32_t next(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static dvs_where random_where(uint32_t *seed, char text[16])
{
    static const uint32_t COLUMNS[] = {ROW_ID, KEY, NUMBER, DELETED};
    dvs_where where;
    memset(&where, 0, sizeof where);
    where.struct_size = (uint32_t)sizeof where;
    where.column = COLUMNS[next(seed, 4)];
    where.op = DVS_OP_EQ + next(seed, 8);
    snprintf(text, 16, "k%d", (int)next(seed, 40));
    if (where.op >= DVS_OP_IS_NULL)
        where.value = dvsi_cell_null();
    else if (where.column == KEY)
        where.value = dvsi_cell_text(text);
    else if (where.column == DELETED)
        where.value = dvsi_cell_timestamp(next(seed, 6));
    else
        where.value = dvsi_cell_int64(where.column == ROW_ID ? next(seed, ROWS + 2) : next(seed, 52));
    return where;
}

/* -1, 0, 1; NULL first. */
static int compare(const dvs_cell *a, const dvs_cell *b)
{
    int result;
    if (a->kind == DVS_NULL || b->kind == DVS_NULL)
        return (a->kind != DVS_NULL) - (b->kind != DVS_NULL);
    if (a->kind != DVS_TEXT)
        return (a->v.i64 > b->v.i64) - (a->v.i64 < b->v.i64);
    result = memcmp(a->v.text, b->v.text, a->length < b->length ? a->length : b->length);
    return result != 0 ? result : (a->length > b->length) - (a->length < b->length);
}

static int holds(const dvs_where *w, const dvs_cell *cells)
{
    const dvs_cell *cell = &cells[w->column];
    int order;
    if (w->op == DVS_OP_IS_NULL || w->op == DVS_OP_NOT_NULL)
        return (cell->kind == DVS_NULL) == (w->op == DVS_OP_IS_NULL);
    if (cell->kind == DVS_NULL)
        return 0;
    order = compare(cell, &w->value);
    return w->op == DVS_OP_EQ   ? order == 0
           : w->op == DVS_OP_NE ? order != 0
           : w->op == DVS_OP_LT ? order < 0
           : w->op == DVS_OP_LE ? order <= 0
           : w->op == DVS_OP_GT ? order > 0
                                : order >= 0;
}

/* Rows found are exactly those for which the conditions hold; in order; with a limit the first of them. */
static void check_scan(fixture *f, dvsi_sink *sink, const table *t, uint32_t *seed)
{
    static const uint32_t COLUMNS[] = {ROW_ID, PROJECT, KEY, NUMBER, DELETED},
                          ORDERS[] = {ROW_ID, KEY, NUMBER, DELETED};
    char texts[2][16];
    dvs_where where[2] = {random_where(seed, texts[0]), random_where(seed, texts[1])};
    uint32_t order[2] = {ORDERS[next(seed, 4)], ROW_ID}, n_where = next(seed, 3), expected = 0, i, rank;
    dvsi_batch *batch = dvsi_batch_new(N_COLUMNS);
    dvs_scan scan;
    uint64_t count = 0;
    memset(&scan, 0, sizeof scan);
    scan.struct_size = (uint32_t)sizeof scan;
    scan.flags = next(seed, 2) ? DVS_SCAN_DESCENDING : 0;
    scan.table = &t->table;
    scan.columns = COLUMNS;
    scan.n_columns = N_COLUMNS;
    scan.where = where;
    scan.n_where = n_where;
    scan.where_stride = (uint32_t)sizeof where[0];
    scan.order = order;
    scan.n_order = 2;
    scan.limit = next(seed, 3) == 0 ? 1 + next(seed, 30) : 0;
    OK(f, dvsi_sink_scan(sink, &scan, batch, &f->err));
    for (i = 1; i <= ROWS; i++) {
        dvs_cell cells[N_COLUMNS];
        char key[16];
        make_row(i, cells, key);
        expected += (n_where < 1 || holds(&where[0], cells)) && (n_where < 2 || holds(&where[1], cells));
    }
    OK(f, dvsi_sink_count(sink, &t->table, where, n_where, &count, &f->err));
    assert_int_equal(count, expected);
    assert_int_equal(batch->n_rows, scan.limit > 0 && scan.limit < expected ? scan.limit : expected);
    for (i = 0; i < batch->n_rows; i++) {
        const dvs_cell *cells = dvsi_batch_cells(batch, i),
                       *before = dvsi_batch_cells(batch, i > 0 ? i - 1 : 0);
        int result = compare(&before[order[0]], &cells[order[0]]);
        assert_true((n_where < 1 || holds(&where[0], cells)) && (n_where < 2 || holds(&where[1], cells)));
        if (result == 0)
            result = compare(&before[ROW_ID], &cells[ROW_ID]);
        assert_true(i == 0 || (scan.flags ? result > 0 : result < 0));
    }
    for (rank = 0, i = 1; scan.limit > 0 && batch->n_rows > 0 && i <= ROWS;
         i++) { /* none before the last is left out */
        const dvs_cell *last = dvsi_batch_cells(batch, batch->n_rows - 1);
        dvs_cell cells[N_COLUMNS];
        char key[16];
        int result;
        make_row(i, cells, key);
        result = compare(&cells[order[0]], &last[order[0]]);
        result = result != 0 ? result : compare(&cells[ROW_ID], &last[ROW_ID]);
        rank += (scan.flags ? result > 0 : result < 0) && (n_where < 1 || holds(&where[0], cells)) &&
                (n_where < 2 || holds(&where[1], cells));
    }
    assert_true(scan.limit == 0 || batch->n_rows == 0 || rank == batch->n_rows - 1);
    dvsi_batch_free(batch);
}

static void test_scan(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink = filled_sink(f, &t);
    uint32_t seed = 1;
    int i;
    static const uint32_t COLUMNS[] = {KEY}, NUMBERS[] = {NUMBER};
    dvs_index keys = an_index(&t, "t_key", 0, COLUMNS, 1), numbers = an_index(&t, "t_number", 0, NUMBERS, 1);
    numbers.only_set = DELETED; /* a partial one, which answers no such question */
    for (i = 0; i < 2000; i++)
        check_scan(f, sink, &t, &seed);
    OK(f, dvsi_sink_ensure_index(sink, &keys, &f->err));
    OK(f, dvsi_sink_ensure_index(sink, &numbers, &f->err));
    for (i = 0; i < 2000; i++)
        check_scan(f, sink, &t, &seed);
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_scan_refuses(void **state)
{
    fixture *f = *state;
    table t;
    static const uint32_t COLUMNS[] = {ROW_ID};
    dvsi_sink *sink = filled_sink(f, &t);
    dvsi_batch *batch = dvsi_batch_new(1);
    dvs_where where = {(uint32_t)sizeof where, KEY, DVS_OP_EQ, 0, dvsi_cell_int64(1)};
    dvs_scan scan;
    memset(&scan, 0, sizeof scan);
    scan.struct_size = (uint32_t)sizeof scan;
    scan.table = &t.table;
    scan.columns = COLUMNS;
    scan.n_columns = 1;
    scan.where = &where;
    scan.n_where = 1;
    scan.where_stride = (uint32_t)sizeof where;
    assert_int_equal(dvsi_sink_scan(sink, &scan, batch, &f->err), DVS_E_ABI); /* a number as a key */
    where.value = dvsi_cell_null();
    assert_int_equal(dvsi_sink_scan(sink, &scan, batch, &f->err), DVS_E_ABI);
    t.table.name = "nowhere";
    scan.n_where = 0;
    assert_int_equal(dvsi_sink_scan(sink, &scan, batch, &f->err), DVS_E_NOT_FOUND);
    dvsi_batch_free(batch);
    dvsi_sink_close(sink);
    table_free(&t);
}

/* Looks up every key that there is and some that are not, and checks each answer. */
static void check_read(fixture *f, dvsi_sink *sink, const table *t, int32_t only_null)
{
    static const uint32_t COLUMNS[] = {ROW_ID, DELETED, KEY}, KEYS[] = {PROJECT, KEY};
    dvs_cell keys[100];
    char texts[50][16];
    dvsi_batch *batch = dvsi_batch_new(3);
    dvs_lookup lookup;
    uint32_t i, expected = 0;
    uint64_t seen_end = 0;
    memset(&lookup, 0, sizeof lookup);
    lookup.struct_size = (uint32_t)sizeof lookup;
    lookup.n_columns = 3;
    lookup.table = &t->table;
    lookup.columns = COLUMNS;
    lookup.key_columns = KEYS;
    lookup.n_key_columns = 2;
    lookup.n_keys = 50;
    lookup.keys = keys;
    lookup.only_null = only_null;
    for (i = 0; i < 50; i++) {
        snprintf(texts[i], sizeof texts[i], "k%u", (unsigned)i);
        keys[2 * i] = dvsi_cell_text("crm");
        keys[2 * i + 1] = dvsi_cell_text(texts[i]);
    }
    OK(f, dvsi_sink_read(sink, &lookup, batch, &f->err));
    for (i = 1; i <= ROWS; i++) {
        dvs_cell cells[N_COLUMNS];
        char key[16];
        make_row(i, cells, key);
        expected += cells[KEY].kind != DVS_NULL && (only_null < 0 || cells[DELETED].kind == DVS_NULL);
    }
    assert_int_equal(batch->n_rows, expected);
    for (i = 0; i < batch->n_rows; i++) {
        const dvs_cell *cells = dvsi_batch_cells(batch, i);
        uint64_t number = batch->rows[i].number;
        assert_true(dvsi_cell_equal(&cells[2], &keys[2 * number + 1]));
        assert_true(only_null < 0 || cells[1].kind == DVS_NULL);
        if (i > 0 && number != batch->rows[i - 1].number) { /* the rows of one key follow one another */
            assert_false(seen_end >> number & 1);
            seen_end |= UINT64_C(1) << batch->rows[i - 1].number;
        }
    }
    dvsi_batch_free(batch);
}

static void test_read(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink = filled_sink(f, &t);
    check_read(f, sink, &t, -1);
    check_read(f, sink, &t, DELETED);
    OK(f, delete_row(f, sink, &t, 14)); /* the index that the lookup made is kept right ... */
    OK(f, insert_row(f, sink, &t, 1000, "k18", 1));
    OK(f, update_cell(f, sink, &t, 1000, KEY, dvsi_cell_text("k19")));
    OK(f, delete_row(f, sink, &t, 1000));
    {
        dvs_cell cells[N_COLUMNS];
        char key[16];
        dvs_write write;
        make_row(14, cells, key);
        memset(&write, 0, sizeof write);
        write.struct_size = (uint32_t)sizeof write;
        write.table = &t.table;
        write.inserts = cells;
        write.n_inserts = 1;
        OK(f, dvsi_sink_write(sink, &write, 0, &f->err));
    }
    check_read(f, sink, &t, -1); /* ... by all of them */
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_delete_where(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink = filled_sink(f, &t);
    uint64_t expected = 0, deleted = 0, by_key = 0;
    static const uint32_t COLUMNS[] = {KEY};
    dvs_index index = an_index(&t, "t_key", 0, COLUMNS, 1);
    dvs_where where = {(uint32_t)sizeof where, NUMBER, DVS_OP_LT, 0, dvsi_cell_int64(20)};
    OK(f, dvsi_sink_count(sink, &t.table, &where, 1, &expected, &f->err));
    assert_true(expected > 10);
    OK(f, dvsi_sink_delete_where(sink, &t.table, &where, 1, &deleted, &f->err));
    assert_int_equal(deleted, expected);
    assert_int_equal(count_all(f, sink, &t), ROWS - deleted);
    OK(f, dvsi_sink_delete_where(sink, &t.table, &where, 1, &deleted, &f->err));
    assert_int_equal(deleted, 0);
    where = (dvs_where){(uint32_t)sizeof where, KEY, DVS_OP_EQ, 0, dvsi_cell_text("k7")};
    OK(f, dvsi_sink_ensure_index(sink, &index, &f->err));
    OK(f, dvsi_sink_count(sink, &t.table, &where, 1, &by_key, &f->err));
    assert_true(by_key > 1);
    OK(f, dvsi_sink_delete_where(sink, &t.table, &where, 1, &deleted, &f->err));
    assert_int_equal(deleted, by_key);
    expected += by_key;
    OK(f, dvsi_sink_commit(sink, &f->err));
    dvsi_sink_close(sink);
    sink = open_sink(f, 0);
    assert_int_equal(count_all(f, sink, &t), ROWS - expected);
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_missing(void **state)
{
    fixture *f = *state;
    table t, u;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_batch *batch = dvsi_batch_new(2);
    table_make(&t, "t");
    table_make(&u, "u");
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    create_table(f, sink, &u);
    OK(f, insert_row(f, sink, &t, 1, "a", 1));
    OK(f, insert_row(f, sink, &t, 2, "lost", 2));
    OK(f, insert_row(f, sink, &t, 3, NULL, 3));
    OK(f, insert_row(f, sink, &t, 4, "gone", 4));
    OK(f, insert_row(f, sink, &t, 5, "lost", 5));
    OK(f, insert_row(f, sink, &u, 1, "a", 1));
    OK(f, dvsi_sink_missing(sink, &t.table, KEY, &u.table, KEY, 10, batch, &f->err));
    assert_int_equal(batch->n_rows, 2);
    assert_memory_equal(dvsi_batch_cells(batch, 0)[0].v.text, "gone", 4);
    assert_int_equal(dvsi_batch_cells(batch, 0)[1].v.i64, 1);
    assert_memory_equal(dvsi_batch_cells(batch, 1)[0].v.text, "lost", 4);
    assert_int_equal(dvsi_batch_cells(batch, 1)[1].v.i64, 2);
    dvsi_batch_reset(batch, 2);
    OK(f, dvsi_sink_missing(sink, &t.table, KEY, &u.table, KEY, 1, batch, &f->err));
    assert_int_equal(batch->n_rows, 1);
    dvsi_batch_free(batch);
    dvsi_sink_close(sink);
    table_free(&t);
    table_free(&u);
}

static void test_load(void **state)
{
    fixture *f = *state;
    table t;
    static const uint32_t COLUMNS[] = {KEY};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvs_cell *cells = calloc(50000 * N_COLUMNS, sizeof *cells);
    char(*keys)[16] = calloc(50000, sizeof *keys);
    dvs_write write;
    dvs_index index;
    clock_t start = clock();
    int i;
    memset(&write, 0, sizeof write);
    table_make(&t, "t");
    index = an_index(&t, "t_key", DVS_INDEX_UNIQUE, COLUMNS, 1);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &t.table;
    write.inserts = cells;
    write.n_inserts = 50000;
    for (i = 0; i < 50000; i++) {
        snprintf(keys[i], sizeof keys[i], "key %d", i);
        fill_row(&cells[i * N_COLUMNS], i + 1, keys[i], i);
    }
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    OK(f, dvsi_sink_write(sink, &write, 1, &f->err));
    OK(f, dvsi_sink_ensure_index(sink, &index, &f->err));
    assert_int_equal(dvsi_sink_write(sink, &write, 1, &f->err), DVS_E_ABI); /* there is an index now */
    OK(f, dvsi_sink_commit(sink, &f->err));
    dvsi_sink_close(sink);
    sink = open_sink(f, 0);
    assert_int_equal(count_all(f, sink, &t), 50000);
    OK(f, dvsi_sink_begin(sink, &f->err));
    assert_int_equal(insert_row(f, sink, &t, 60000, "key 49999", 1), DVS_E_DUPLICATE);
    dvsi_sink_close(sink);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10);
    free(cells);
    free(keys);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scan_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delete_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
