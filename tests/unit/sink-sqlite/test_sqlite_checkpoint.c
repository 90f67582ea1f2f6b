/* test_sqlite_checkpoint.c - a load that is larger than the log may become. */
#include "sqlite_fixture.h"

#include <dirent.h>

#define MB ((off_t)1 << 20)
#define TEXT_BYTES 16000
#define ROWS_A_COMMIT 125 /* 2 MB */

static off_t size_of(const fixture *f, const char *suffix)
{
    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", f->path, suffix);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static int threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    int n = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

/* A text that tells its row. */
static void write_text(char *text, int row)
{
    char number[16];
    snprintf(number, sizeof number, "%d,", row);
    memset(text, 'a' + row % 26, TEXT_BYTES);
    memcpy(text, number, strlen(number));
}

static void load(dvsi_sink *sink, const dvs_table *table, int first)
{
    static char texts[ROWS_A_COMMIT][TEXT_BYTES];
    dvs_cell cells[ROWS_A_COMMIT * 2];
    for (int i = 0; i < ROWS_A_COMMIT; i++) {
        write_text(texts[i], first + i);
        cells[2 * i] = dvsi_cell_int64(first + i);
        cells[2 * i + 1] = dvsi_cell_text_n(texts[i], TEXT_BYTES);
    }
    begin(sink);
    insert(sink, table, cells, ROWS_A_COMMIT);
    commit(sink);
}

static void make(fixture *f, dvsi_sink *sink, dvsi_schema *schema, dvs_table *table)
{
    static const uint32_t kinds[] = {DVS_TEXT};
    columns_of(schema, kinds, 1);
    *table = table_of(f, "t", schema);
    begin(sink);
    make_table(sink, table);
    commit(sink);
}

/* All rows are there, each with its own text. */
static void check(fixture *f, int rows)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%d|1|%d|1", rows, rows);
    LOOK("PRAGMA integrity_check", "ok");
    LOOK("SELECT count(*), min(row_id), max(row_id), "
         "min(length(c1) = 16000 AND CAST(c1 AS INTEGER) = row_id AND "
         "rtrim(c1, char(97 + row_id % 26)) = row_id || ',') FROM t",
         wanted);
}

static void the_log_does_not_grow_for_ever(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_table table;
    int commits = 75; /* 150 MB */
    int before;
    make(f, sink, &schema, &table);
    for (int i = 0; i < commits; i++) {
        load(sink, &table, 1 + i * ROWS_A_COMMIT);
        assert_true(size_of(f, "-wal") < 96 * MB);
    }
    assert_true(size_of(f, "") > 64 * MB); /* most of it was moved on the way */
    dvsi_sink_close(sink);
    assert_int_equal(size_of(f, "-wal"), 0);
    check(f, commits * ROWS_A_COMMIT);

    before = threads(); /* behind the first thread: a sanitizer has one of its own since then */
    sink = open_sink(f, 0);
    for (int i = commits; i < commits + 12; i++)
        load(sink, &table, 1 + i * ROWS_A_COMMIT);
    dvsi_sink_close(sink);
    assert_int_equal(threads(), before); /* nothing is left behind */
    check(f, (commits + 12) * ROWS_A_COMMIT);
    dvsi_schema_free(&schema);
}

static uint64_t count(dvsi_sink *sink, const dvs_table *table)
{
    uint64_t n = 0;
    OK(dvsi_sink_count(sink, table, NULL, 0, &n, ERR));
    return n;
}

/* What somebody reads cannot be moved; it is once they have done. */
static void a_reader_holds_the_log(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_sink *reader;
    dvsi_schema schema = {0};
    dvs_table table;
    make(f, sink, &schema, &table);
    for (int i = 0; i < 3; i++)
        load(sink, &table, 1 + i * ROWS_A_COMMIT);
    reader = open_sink(f, DVS_SINK_READ_ONLY);
    begin(reader);
    assert_int_equal(count(reader, &table), 3 * ROWS_A_COMMIT);
    for (int i = 3; i < 45; i++)
        load(sink, &table, 1 + i * ROWS_A_COMMIT);
    assert_true(size_of(f, "-wal") > 80 * MB);
    assert_int_equal(count(reader, &table), 3 * ROWS_A_COMMIT); /* it saw the moment at which it began */
    commit(reader);
    dvsi_sink_close(reader);
    for (int i = 45; i < 50; i++)
        load(sink, &table, 1 + i * ROWS_A_COMMIT);
    dvsi_sink_close(sink);
    assert_int_equal(size_of(f, "-wal"), 0);
    check(f, 50 * ROWS_A_COMMIT);
    dvsi_schema_free(&schema);
}

static void a_rollback_takes_nothing_along(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_table table;
    make(f, sink, &schema, &table);
    for (int i = 0; i < 12; i++)
        load(sink, &table, 1 + i * ROWS_A_COMMIT);
    begin(sink);
    for (int i = 12 * ROWS_A_COMMIT; i < 20 * ROWS_A_COMMIT; i++) {
        static char text[TEXT_BYTES];
        dvs_cell cells[2] = {dvsi_cell_int64(1 + i)};
        write_text(text, 1 + i);
        cells[1] = dvsi_cell_text_n(text, sizeof text);
        insert(sink, &table, cells, 1);
    }
    OK(dvsi_sink_rollback(sink, ERR));
    load(sink, &table, 1 + 12 * ROWS_A_COMMIT);
    dvsi_sink_close(sink);
    check(f, 13 * ROWS_A_COMMIT);
    dvsi_schema_free(&schema);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_log_does_not_grow_for_ever),
        TEST(a_reader_holds_the_log),
        TEST(a_rollback_takes_nothing_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
