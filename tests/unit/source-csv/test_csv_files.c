/* Files and folders, files that change, positions that no longer fit, records of every size, and the
 * settings. */
#include <errno.h>
#include <fcntl.h>
#include <sys/time.h>

#include "csv_fixture.h"

static void expect_failure(int32_t status, const dvs_error *err, int32_t expected, const char *part)
{
    if (status != expected || strstr(err->message, part) == NULL)
        fail_msg("got status %d, '%s'; expected %d, '...%s...'", status, err->message, expected, part);
}

static void expect_open(csv_fixture *f, int32_t expected, const char *part)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_source *source = NULL;
    int32_t status = dvsi_source_open(f->plugins[0], "sheet", &f->settings, NULL, &source, &err);
    expect_failure(status, &err, expected, part);
    assert_null(source);
}

static void expect_describe(csv_fixture *f, const char *stream, int32_t expected, const char *part)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    dvsi_source *source = open_source(f, 0);
    int32_t status = dvsi_source_describe(source, stream, &schema, &err);
    expect_failure(status, &err, expected, part);
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
}

/* "a b c", or the failure. */
static int32_t list(csv_fixture *f, dvsi_buf *out, dvs_error *err)
{
    dvsi_arena arena = {0};
    dvsi_stream *streams = NULL;
    uint32_t n = 0;
    dvsi_source *source = open_source(f, 0);
    int32_t status = dvsi_source_streams(source, &arena, &streams, &n, err);
    for (uint32_t i = 0; status == DVS_OK && i < n; i++) {
        assert_int_equal(streams[i].flags, DVS_STREAM_COMPLETE | DVS_STREAM_RESUME);
        assert_int_equal(streams[i].rows, -1);
        dvsi_buf_printf(out, "%s%s", i == 0 ? "" : " ", streams[i].name);
    }
    dvsi_source_close(source);
    dvsi_arena_free(&arena);
    return status;
}

static void make_folder(csv_fixture *f, const char *name)
{
    assert_true(mkdir(file_path(f, name), 0700) == 0 || errno == EEXIST);
}

static void test_folder(void **state)
{
    csv_fixture *f = *state;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_buf out = {0};
    char path[128];
    make_folder(f, "folder");
    strcpy(path, f->path);
    make_folder(f, "folder/inner.csv");
    write_text(f, "folder/b.csv", "x,y\n1,2\n");
    write_text(f, "folder/A.CSV", "x,y\n3,4\n");
    write_text(f, "folder/c.d.tsv", "x\ty,z\n5\t6,7\n");
    write_text(f, "folder/e.txt", "x;y\n8,9\n");
    write_text(f, "folder/f.xls", "x\n");
    write_text(f, "folder/.hidden.csv", "x\n");
    assert_int_equal(mkfifo(file_path(f, "folder/pipe.csv"), 0600), 0);
    set_path(f, path);
    assert_int_equal(list(f, &out, &err), DVS_OK);
    assert_string_equal(dvsi_buf_text(&out), "A b c.d e");
    dvsi_buf_clear(&out);

    assert_int_equal(read_all(f, 0, "c.d", 1, 10, NULL, &out, &err), DVS_END);
    assert_string_equal(dvsi_buf_text(&out), "2 [\"5\",\"6,7\",{\"x\":\"5\",\"y,z\":\"6,7\"}]\n");
    expect_describe(f, "pipe", DVS_E_NOT_FOUND, "has no stream pipe; it has: A, b, c.d, e");

    /* A type may belong to one stream of the folder only. */
    set_type(f, "Z", "int64");
    expect_describe(f, "b", DVS_E_CONFIG, "names the column Z");
    write_text(f, "folder/g.csv", "z\n1\n");
    dvsi_buf_clear(&out);
    assert_int_equal(read_all(f, 0, "b", 0, 10, NULL, &out, &err), DVS_END);
    assert_string_equal(dvsi_buf_text(&out), "2 [\"1\",\"2\"]\n");

    write_text(f, "folder/B.txt", "x\n");
    expect_failure(list(f, &out, &err), &err, DVS_E_SCHEMA, "give the stream");
    dvsi_buf_free(&out);
}

static void test_paths(void **state)
{
    csv_fixture *f = *state;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_buf out = {0};
    char path[128];
    set_path(f, "/nonexistent/x.csv");
    expect_failure(list(f, &out, &err), &err, DVS_E_NOT_FOUND, "/nonexistent/x.csv");
    expect_describe(f, "x", DVS_E_NOT_FOUND, "No such file");
    set_path(f, "/dev/null");
    expect_describe(f, "null", DVS_E_UNSUPPORTED, "no regular file");
    assert_int_equal(mkfifo(file_path(f, "fifo.csv"), 0600), 0);
    set_path(f, f->path);
    expect_describe(f, "fifo", DVS_E_UNSUPPORTED, "no regular file");

    write_text(f, "no-extension", "a\n1\n");
    set_path(f, f->path);
    assert_int_equal(list(f, &out, &err), DVS_OK);
    assert_string_equal(dvsi_buf_text(&out), "no-extension");
    dvsi_buf_free(&out);

    make_folder(f, "empty");
    strcpy(path, f->path);
    set_path(f, path);
    dvsi_source *source = open_source(f, 0);
    expect_failure(dvsi_source_check(source, &err), &err, DVS_E_NOT_FOUND, "has no *.csv");
    dvsi_source_close(source);
}

static void test_identity(void **state)
{
    csv_fixture *f = *state;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_arena arena = {0};
    const char *identity = NULL;
    char real[128];
    char link[128];
    write_text(f, "real.csv", "a\n");
    strcpy(real, f->path);
    strcpy(link, file_path(f, "link.csv"));
    assert_int_equal(symlink(real, link), 0);
    set_path(f, link);
    dvsi_source *source = open_source(f, 0);
    assert_int_equal(dvsi_source_identity(source, &arena, &identity, &err), DVS_OK);
    char *resolved = realpath(real, NULL);
    assert_string_equal(identity, resolved);
    free(resolved);
    dvsi_source_close(source);
    dvsi_arena_free(&arena);
}

static void test_describe(void **state)
{
    csv_fixture *f = *state;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    write_text(f, "t.csv", "a,b\n");
    set_path(f, f->path);
    set_type(f, "b", "decimal");
    dvsi_source *source = open_source(f, 0);
    assert_int_equal(dvsi_source_check(source, &err), DVS_OK);
    assert_int_equal(dvsi_source_describe(source, "t", &schema, &err), DVS_OK);
    assert_int_equal(schema.n_columns, 3);
    assert_int_equal(schema.columns[0].flags, DVS_COLUMN_UNTYPED | DVS_COLUMN_NULLABLE);
    assert_int_equal(schema.columns[1].flags, DVS_COLUMN_NULLABLE);
    assert_int_equal(schema.columns[2].flags, DVS_COLUMN_RAW);
    assert_int_equal(schema.columns[2].kind, DVS_JSON);
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
    expect_describe(f, "u", DVS_E_NOT_FOUND, "has no stream u; it has: t");
}

static void test_settings(void **state)
{
    csv_fixture *f = *state;
    static const char *const delimiters[] = {"", ",,", "\"", "\n", "\r", "ä"};
    for (size_t i = 0; i < sizeof delimiters / sizeof *delimiters; i++) {
        set_path(f, "x.csv");
        set_text(f, "delimiter", delimiters[i]);
        expect_open(f, DVS_E_CONFIG, "the setting delimiter");
    }
    set_path(f, "");
    expect_open(f, DVS_E_CONFIG, "the setting path");
    set_path(f, "x.csv");
    set_text(f, "delimiter", ";");
    set_text(f, "null", "a;b");
    expect_open(f, DVS_E_CONFIG, "the setting null");
    set_path(f, "x.csv");
    set_type(f, "a", "number");
    expect_open(f, DVS_E_CONFIG, "the type number");
    set_path(f, "x.csv");
    set_type(f, "a", "text");
    set_type(f, "A", "int64");
    expect_open(f, DVS_E_CONFIG, "twice");
}

static void test_only_columns_wanted(void **state)
{
    csv_fixture *f = *state;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema all = {0};
    dvsi_schema some = {0};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    dvsi_buf out = {0};
    token position;
    /* What is wrong in a column that nobody asked for is no error. */
    write_text(f, "t.csv", "a,b,c\n1,x,3\n4,\xff,6\n");
    set_path(f, f->path);
    set_type(f, "b", "int64");
    dvsi_source *source = open_source(f, 0);
    assert_int_equal(get_schema(source, "t", 0, &all, &err), DVS_OK);
    assert_non_null(dvsi_schema_add(&some, &all.columns[2]));
    assert_non_null(dvsi_schema_add(&some, &all.columns[0]));
    assert_int_equal(start_read(source, "t", &some, NULL, &progress, &reader, &err), DVS_OK);
    assert_int_equal(pull_all(reader, 2, 10, 10, &out, &position, &err), DVS_END);
    assert_string_equal(dvsi_buf_text(&out), "2 [\"3\",\"1\"]\n3 [\"6\",\"4\"]\n");
    dvsi_reader_stop(reader);
    reader = NULL;

    /* A column that left between describe and start. */
    write_text(f, "t.csv", "a,b\n1,2\n");
    expect_failure(start_read(source, "t", &some, NULL, &progress, &reader, &err), &err, DVS_E_SCHEMA,
                   "has no column c any more");
    dvs_read delta = {.struct_size = (uint32_t)sizeof delta, .mode = DVS_READ_CURSOR, .stream = "t"};
    assert_int_equal(dvsi_source_start(source, &delta, &all, &progress, &reader, &err), DVS_E_UNSUPPORTED);
    dvsi_source_close(source);
    dvsi_schema_free(&all);
    dvsi_schema_free(&some);
    dvsi_buf_free(&out);
}

/* ---- Changes ---- */

typedef void change_fn(csv_fixture *f);

static void append_line(csv_fixture *f)
{
    FILE *file = fopen(f->path, "ab");
    assert_non_null(file);
    fputs("x,y\n", file);
    fclose(file);
}

static void truncate_file(csv_fixture *f)
{
    assert_int_equal(truncate(f->path, 20), 0);
}

static void set_time(csv_fixture *f)
{
    const struct timespec times[2] = {{1000, 1}, {1000, 2}};
    assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
}

static void replace_file(csv_fixture *f)
{
    char other[140];
    snprintf(other, sizeof other, "%s.new", f->path);
    FILE *file = fopen(other, "wb");
    assert_non_null(file);
    fputs("a,b\n1,2\n", file);
    fclose(file);
    assert_int_equal(rename(other, f->path), 0);
}

static void remove_file(csv_fixture *f)
{
    assert_int_equal(unlink(f->path), 0);
}

static void write_rows(csv_fixture *f, const char *name, int n)
{
    dvsi_buf out = {0};
    dvsi_buf_puts(&out, "a,b\n");
    for (int i = 0; i < n; i++)
        dvsi_buf_printf(&out, "%d,value %d\n", i, i);
    write_file(f, name, dvsi_buf_text(&out), out.length);
    dvsi_buf_free(&out);
}

/* Reads a little, makes the change, and reads on. */
static void check_change(csv_fixture *f, int plugin, change_fn *change, const char *how)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    dvsi_buf out = {0};
    token position;
    write_rows(f, "t.csv", 100);
    set_path(f, f->path);
    dvsi_source *source = open_source(f, plugin);
    assert_int_equal(get_schema(source, "t", 0, &schema, &err), DVS_OK);
    assert_int_equal(start_read(source, "t", &schema, NULL, &progress, &reader, &err), DVS_OK);
    assert_int_equal(pull_all(reader, 2, 10, 1, &out, &position, &err), DVS_OK);
    change(f);
    int32_t status = pull_all(reader, 2, 10, 1000, &out, &position, &err);
    expect_failure(status, &err, DVS_E_CHANGED, how);
    /* With a small buffer it is noticed early, not only at the end. */
    if (plugin == 1 && change == append_line)
        assert_null(strstr(dvsi_buf_text(&out), "value 50"));
    dvsi_reader_stop(reader);
    reader = NULL;

    /* And from the stored position, only the whole file will do. */
    if (change != remove_file) {
        status = start_read(source, "t", &schema, &position, &progress, &reader, &err);
        expect_failure(status, &err, DVS_E_RESUME, "changed since");
    }
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
    dvsi_buf_free(&out);
}

static void test_changes(void **state)
{
    for (int plugin = 0; plugin < 2; plugin++) {
        check_change(*state, plugin, append_line, "it grew");
        check_change(*state, plugin, truncate_file, "it became shorter");
        check_change(*state, plugin, set_time, "it was written to");
        check_change(*state, plugin, replace_file, "it was replaced by another file");
        check_change(*state, plugin, remove_file, "it was removed");
    }
}

static void test_positions(void **state)
{
    csv_fixture *f = *state;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    dvsi_buf out = {0};
    dvsi_buf rest = {0};
    token position, broken;
    write_rows(f, "t.csv", 30);
    set_path(f, f->path);
    dvsi_source *source = open_source(f, 0);
    assert_int_equal(get_schema(source, "t", 0, &schema, &err), DVS_OK);
    assert_int_equal(start_read(source, "t", &schema, NULL, &progress, &reader, &err), DVS_OK);
    assert_int_equal(pull_all(reader, 2, 29, 1, &out, &position, &err), DVS_OK);
    dvsi_reader_stop(reader);
    reader = NULL;
    assert_int_equal(read_all(f, 1, "t", 0, 10, &position, &rest, &err), DVS_END);
    assert_string_equal(dvsi_buf_text(&rest), "31 [\"29\",\"value 29\"]\n");

    for (size_t i = 0; i <= position.length; i++) {
        broken = position;
        if (i < position.length)
            broken.bytes[i] ^= 0x80;
        else
            broken.length--;
        /* The last 8 bytes are the line, the low ones of the offset may still lie inside the file. */
        int32_t status = start_read(source, "t", &schema, &broken, &progress, &reader, &err);
        if (i < position.length - 16 || (i > position.length - 15 && i < position.length - 8) ||
            i == position.length)
            assert_int_equal(status, DVS_E_RESUME);
        dvsi_reader_stop(reader);
        reader = NULL;
    }

    /* Other settings give other rows. */
    dvsi_source_close(source);
    set_text(f, "null", "value 3");
    source = open_source(f, 0);
    expect_failure(start_read(source, "t", &schema, &position, &progress, &reader, &err), &err, DVS_E_RESUME,
                   "settings changed");
    dvsi_source_close(source);
    dvsi_schema_free(&schema);
    dvsi_buf_free(&out);
    dvsi_buf_free(&rest);
}

/* ---- Sizes ---- */

static void check_large_field(csv_fixture *f, size_t n, int quoted)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    char *data = malloc(n + 100);
    assert_non_null(data);
    size_t at = (size_t)sprintf(data, "a,b\n1,%s", quoted ? "\"" : "");
    memset(data + at, 'x', n);
    size_t begin = at;
    at += n;
    at += (size_t)sprintf(data + at, "%s\n2,y\n", quoted ? "\"\"\"" : "");
    write_file(f, "t.csv", data, at);
    set_path(f, f->path);
    dvsi_source *source = open_source(f, 0);
    assert_int_equal(get_schema(source, "t", 1, &schema, &err), DVS_OK);
    assert_int_equal(start_read(source, "t", &schema, NULL, &progress, &reader, &err), DVS_OK);
    dvsi_batch *batch = dvsi_batch_new(3);
    assert_non_null(batch);
    assert_int_equal(dvsi_reader_pull(reader, batch, &err), DVS_OK);
    assert_int_equal(batch->n_rows, 1);
    const dvs_cell *cells = dvsi_batch_cells(batch, 0);
    assert_int_equal(cells[1].length, n + (quoted ? 1 : 0));
    assert_memory_equal(cells[1].v.text, data + begin, n);
    assert_int_equal(cells[2].length, n + strlen("{\"a\":\"1\",\"b\":\"\"}") + (quoted ? 2 : 0));
    dvsi_batch_reset(batch, 3);
    assert_int_equal(dvsi_reader_pull(reader, batch, &err), DVS_END);
    assert_int_equal(batch->n_rows, 1);
    assert_int_equal(dvsi_batch_cells(batch, 0)[1].length, 1);
    dvsi_batch_free(batch);
    dvsi_reader_stop(reader);
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
    free(data);
}

static void test_large_fields(void **state)
{
    check_large_field(*state, 10u << 20, 0);
    check_large_field(*state, 10u << 20, 1);
}

/* The tiny build takes records of up to 65,536 bytes. */
static void test_too_long(void **state)
{
    csv_fixture *f = *state;
    dvsi_buf out = {0};
    dvsi_buf data = {0};
    dvs_error err = DVS_ERROR_INIT;
    dvsi_buf_puts(&data, "a,b\n1,2\n\"");
    for (int i = 0; i < 40000; i++)
        dvsi_buf_puts(&data, i % 1000 == 0 ? "\n" : "\"\",");
    dvsi_buf_puts(&data, "\",\"x\ny\",a\"b\n3,4\n");
    write_file(f, "t.csv", dvsi_buf_text(&data), data.length);
    set_path(f, f->path);
    assert_int_equal(read_all(f, 1, "t", 1, 1, NULL, &out, &err), DVS_END);
    const char *text = dvsi_buf_text(&out);
    assert_non_null(strstr(text, "3 ! the record is longer than 65536 bytes"));
    /* 40 line ends in its first field, 1 in the second, 1 behind. */
    assert_non_null(strstr(text, "\n45 [\"3\",\"4\",{\"a\":\"3\",\"b\":\"4\"}]\n"));

    /* An unclosed quote takes all of the file; there is no row behind it and no endless loop. */
    dvsi_buf_clear(&out);
    dvsi_buf_clear(&data);
    dvsi_buf_puts(&data, "a,b\n1,2\n\"");
    for (int i = 0; i < 40000; i++)
        dvsi_buf_puts(&data, "ab,\n");
    write_file(f, "t.csv", dvsi_buf_text(&data), data.length);
    assert_int_equal(read_all(f, 1, "t", 0, 1, NULL, &out, &err), DVS_END);
    assert_non_null(strstr(dvsi_buf_text(&out), "3 ! the record is longer than 65536 bytes"));

    /* A header that never ends is no header. */
    dvsi_buf_clear(&data);
    for (int i = 0; i < 40000; i++)
        dvsi_buf_puts(&data, "ab,");
    write_file(f, "t.csv", dvsi_buf_text(&data), data.length);
    expect_failure(read_all(f, 1, "t", 0, 1, NULL, &out, &err), &err, DVS_E_SCHEMA,
                   "first line that is too long");
    expect_describe(f, "t", DVS_E_SCHEMA, "more than 9999 columns");
    dvsi_buf_free(&out);
    dvsi_buf_free(&data);
}

static void test_cancel(void **state)
{
    csv_fixture *f = *state;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    dvsi_source *source = NULL;
    atomic_int cancelled = 0;
    dvsi_services services = {.cancelled = &cancelled};
    write_rows(f, "t.csv", 100);
    set_path(f, f->path);
    assert_int_equal(dvsi_source_open(f->plugins[1], "sheet", &f->settings, &services, &source, &err),
                     DVS_OK);
    assert_int_equal(get_schema(source, "t", 0, &schema, &err), DVS_OK);
    assert_int_equal(start_read(source, "t", &schema, NULL, &progress, &reader, &err), DVS_OK);
    dvsi_batch *batch = dvsi_batch_new(2);
    assert_non_null(batch);
    cancelled = 1;
    assert_int_equal(dvsi_reader_pull(reader, batch, &err), DVS_E_CANCELLED);
    dvsi_batch_free(batch);
    dvsi_reader_stop(reader);
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),       cmocka_unit_test(test_paths),
        cmocka_unit_test(test_identity),     cmocka_unit_test(test_describe),
        cmocka_unit_test(test_settings),     cmocka_unit_test(test_only_columns_wanted),
        cmocka_unit_test(test_changes),      cmocka_unit_test(test_positions),
        cmocka_unit_test(test_large_fields), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, csv_setup, csv_teardown);
}
