/*
 * test_sqlite_readonly.c - reading changes nothing and never shows old data: by what is beside the file, and
 * by what we may do there. The unprivileged cases run in a child with another uid, which first proves that it
 * cannot write.
 */
#include "sqlite_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

/* Names, sizes and bytes of all files of the folder but locks, as one number. */
static uint64_t print_of(const fixture *f, bool database_only)
{
    struct dirent **names;
    uint64_t hash = 14695981039346656037u;
    int n = scandir(f->folder, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[512], buffer[4096];
        FILE *file;
        size_t got;
        snprintf(path, sizeof path, "%s/%s", f->folder, names[i]->d_name);
        file = names[i]->d_name[0] == '.' || (database_only && strcmp(path, f->path) != 0) ? NULL
                                                                                           : fopen(path, "r");
        if (file != NULL) {
            for (const char *p = path; *p != '\0'; p++)
                hash = (hash ^ (unsigned char)*p) * 1099511628211u;
            while ((got = fread(buffer, 1, sizeof buffer, file)) > 0) {
                for (size_t k = 0; k < got; k++)
                    hash = (hash ^ (unsigned char)buffer[k]) * 1099511628211u;
            }
            fclose(file);
        }
        free(names[i]);
    }
    free(names);
    return hash;
}

/* The number of rows in t as a reader sees it, -1 on any failure. */
static int count_with(fixture *f, dvsi_sink *sink)
{
    static const uint32_t kinds[] = {DVS_TEXT};
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    uint64_t n = 0;
    int32_t status;
    dvs_table table;
    columns_of(&schema, kinds, 1);
    table = table_of(f, "t", &schema);
    status = dvsi_sink_begin(sink, &err);
    if (status == DVS_OK)
        status = dvsi_sink_count(sink, &table, NULL, 0, &n, &err);
    if (status == DVS_OK)
        status = dvsi_sink_rollback(sink, &err);
    dvsi_schema_free(&schema);
    if (status != DVS_OK)
        fprintf(stderr, "%s\n", err.message);
    return status == DVS_OK ? (int)n : -1;
}

static int count_rows(fixture *f)
{
    dvsi_sink *sink = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int n;
    if (try_open(f, DVS_SINK_READ_ONLY, &sink, &err) != DVS_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 254;
    }
    n = count_with(f, sink);
    dvsi_sink_close(sink);
    return n < 0 ? 253 : n;
}

static int count_unprivileged(fixture *f)
{
    char name[256];
    snprintf(name, sizeof name, "%s/proof", f->folder);
    if (open(name, O_CREAT | O_WRONLY, 0600) >= 0 || access(f->path, W_OK) == 0)
        return 252; /* the test would prove nothing */
    return count_rows(f);
}

/* 10 rows in the database, then with `crash` 5 more that are in the -wal only. */
static int make_and_crash(fixture *f)
{
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    static const uint32_t kinds[] = {DVS_TEXT};
    dvsi_schema schema = {0};
    dvs_table table;
    columns_of(&schema, kinds, 1);
    table = table_of(f, "t", &schema);
    begin(sink);
    for (int i = 11; i <= 15; i++) {
        dvs_cell cells[2] = {dvsi_cell_int64(i), dvsi_cell_text("late")};
        insert(sink, &table, cells, 1);
    }
    commit(sink);
    kill(getpid(), SIGKILL);
    return 0;
}

static void make(fixture *f, bool crash)
{
    char command[512];
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    fill(f, sink, "t", 10);
    dvsi_sink_close(sink);
    if (crash)
        assert_int_equal(in_child(f, false, make_and_crash), 256 + SIGKILL);
    snprintf(command, sizeof command, "chmod 644 %s*", f->path);
    assert_int_equal(system(command), 0);
}

static void drop_shm(fixture *f)
{
    char name[256];
    snprintf(name, sizeof name, "%s-shm", f->path);
    assert_int_equal(unlink(name), 0);
}

static void close_folder(fixture *f)
{
    assert_int_equal(chmod(f->folder, 0555), 0);
}

static void needs_root(void)
{
    if (geteuid() != 0)
        skip();
}

/* ---- A folder in which we may write ---- */

static void leaves_nothing_behind(void **state)
{
    fixture *f = *state;
    uint64_t before;
    make(f, false);
    before = print_of(f, false);
    assert_int_equal(in_child(f, false, count_rows), 10);
    assert_true(print_of(f, false) == before);
}

static void sees_what_a_writer_commits(void **state)
{
    fixture *f = *state;
    dvsi_sink *reader;
    make(f, false);
    reader = open_sink(f, DVS_SINK_READ_ONLY);
    assert_int_equal(count_with(f, reader), 10);
    begin(reader);
    LOOK("INSERT INTO t VALUES(100, 'new'); SELECT count(*) FROM t", "11");
    OK(dvsi_sink_rollback(reader, ERR));
    assert_int_equal(count_with(f, reader), 11);
    dvsi_sink_close(reader);
    LOOK("SELECT count(*) FROM t; PRAGMA integrity_check", "11\nok");
}

/* One view of the data as long as the reading lasts. */
static void a_reading_is_one_moment(void **state)
{
    fixture *f = *state;
    static const uint32_t kinds[] = {DVS_TEXT};
    dvsi_schema schema = {0};
    dvsi_sink *reader;
    uint64_t n;
    dvs_table table;
    make(f, false);
    columns_of(&schema, kinds, 1);
    table = table_of(f, "t", &schema);
    reader = open_sink(f, DVS_SINK_READ_ONLY);
    begin(reader);
    LOOK("DELETE FROM t WHERE row_id > 5", "");
    OK(dvsi_sink_count(reader, &table, NULL, 0, &n, ERR));
    assert_int_equal(n, 10);
    OK(dvsi_sink_rollback(reader, ERR));
    assert_int_equal(count_with(f, reader), 5);
    dvsi_sink_close(reader);
    dvsi_schema_free(&schema);
}

static void a_left_over_wal_is_read(void **state)
{
    fixture *f = *state;
    uint64_t before;
    make(f, true);
    before = print_of(f, true);
    assert_int_equal(in_child(f, false, count_rows), 15);
    assert_true(print_of(f, true) == before);
    drop_shm(f);
    before = print_of(f, false);
    assert_int_equal(in_child(f, false, count_rows), 15);
    assert_true(print_of(f, false) == before); /* no new -shm either */
}

static void writing_is_refused(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink;
    dvs_cell cells[2] = {dvsi_cell_int64(50), dvsi_cell_text("x")};
    static const uint32_t kinds[] = {DVS_TEXT};
    dvsi_schema schema = {0};
    dvs_table table;
    FAILS(try_open(f, DVS_SINK_READ_ONLY, &sink, ERR), DVS_E_NOT_FOUND, f->path);
    make(f, false);
    columns_of(&schema, kinds, 1);
    table = table_of(f, "t", &schema);
    sink = open_sink(f, DVS_SINK_READ_ONLY);
    begin(sink);
    FAILS(try_insert(sink, &table, cells, 1, ERR), DVS_E_READ_ONLY, f->path);
    OK(dvsi_sink_rollback(sink, ERR));
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

static void names_that_need_encoding(void **state)
{
    fixture *f = *state;
    snprintf(f->path, sizeof f->path, "%s/a?b#c%%41 d\xc3\xa9.db", f->folder);
    f->setting[0].value = dvsi_cell_text(f->path);
    {
        dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
        fill(f, sink, "t", 3);
        dvsi_sink_close(sink);
    }
    assert_int_equal(count_rows(f), 3);
}

/* ---- Unprivileged, 0555 ---- */

static void unprivileged_clean(void **state)
{
    fixture *f = *state;
    uint64_t before;
    needs_root();
    make(f, false);
    close_folder(f);
    before = print_of(f, false);
    assert_int_equal(in_child(f, true, count_unprivileged), 10);
    assert_true(print_of(f, false) == before);
}

static void unprivileged_with_wal_and_shm(void **state)
{
    fixture *f = *state;
    uint64_t before;
    needs_root();
    make(f, true);
    close_folder(f);
    before = print_of(f, false);
    assert_int_equal(in_child(f, true, count_unprivileged), 15);
    assert_true(print_of(f, false) == before);
}

static int copies_left(const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return n - 2;
}

static void unprivileged_with_wal_without_shm(void **state)
{
    fixture *f = *state;
    uint64_t before;
    char temporary[] = "/tmp/dvsync-sqlite-tmp-XXXXXX";
    needs_root();
    make(f, true);
    drop_shm(f);
    close_folder(f);
    assert_non_null(mkdtemp(temporary));
    assert_int_equal(chmod(temporary, 0777), 0);
    setenv("TMPDIR", temporary, 1);
    before = print_of(f, false);
    assert_int_equal(in_child(f, true, count_unprivileged), 15);
    assert_true(print_of(f, false) == before);
    assert_int_equal(copies_left(temporary), 0);
    /* Where no copy can be made, nothing old is shown instead. */
    assert_int_equal(chmod(temporary, 0555), 0);
    assert_int_equal(in_child(f, true, count_unprivileged), 254);
    unsetenv("TMPDIR");
    rmdir(temporary);
}

/* A writer is at work in a folder where the reader may not write. */
static void unprivileged_beside_a_writer(void **state)
{
    fixture *f = *state;
    dvsi_sink *writer;
    char command[512];
    needs_root();
    make(f, false);
    writer = open_sink(f, 0);
    fill(f, writer, "t2", 1);
    snprintf(command, sizeof command, "chmod 644 %s*", f->path);
    assert_int_equal(system(command), 0);
    close_folder(f);
    assert_int_equal(in_child(f, true, count_unprivileged), 10);
    dvsi_sink_close(writer);
}

/* An immutable connection notices what it cannot see by itself. */
static int watch(fixture *f)
{
    dvsi_sink *sink = open_sink(f, DVS_SINK_READ_ONLY);
    dvs_error err = DVS_ERROR_INIT;
    char ready = 'r', go;
    int fds[2] = {(int)f->setting[7].value.v.i64, (int)f->setting[6].value.v.i64};
    if (count_with(f, sink) != 10 || write(fds[1], &ready, 1) != 1 || read(fds[0], &go, 1) != 1)
        return 1;
    if (count_with(f, sink) != 11) /* changed between two readings */
        return 2;
    if (dvsi_sink_begin(sink, &err) != DVS_OK || write(fds[1], &ready, 1) != 1 || read(fds[0], &go, 1) != 1)
        return 3;
    return dvsi_sink_rollback(sink, &err) == DVS_E_CHANGED ? 0 : 4; /* changed during one */
}

static void unprivileged_never_shows_old_data(void **state)
{
    fixture *f = *state;
    int to[2], from[2], status;
    char byte;
    pid_t child;
    needs_root();
    make(f, false);
    close_folder(f);
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    f->setting[7].value = dvsi_cell_int64(to[0]);
    f->setting[6].value = dvsi_cell_int64(from[1]);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            _exit(99);
        _exit(watch(f));
    }
    close(from[1]); /* so that a child that died is no endless wait */
    close(to[0]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read(from[0], &byte, 1), 1);
        LOOK(i == 0 ? "INSERT INTO t VALUES(100, 'a')" : "INSERT INTO t VALUES(101, 'b')", "");
        assert_int_equal(write(to[1], "g", 1), 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Not in WAL mode, with the journal of a transaction that died in the middle. */
static int crash_in_a_transaction(fixture *f)
{
    dvsi_sink *sink = open_sink(f, 0);
    static const uint32_t kinds[] = {DVS_TEXT};
    dvsi_schema schema = {0};
    dvs_table table;
    char *text = malloc(1000001);
    memset(text, 'x', 1000000);
    text[1000000] = '\0';
    columns_of(&schema, kinds, 1);
    table = table_of(f, "t", &schema);
    begin(sink);
    for (int i = 11; i <= 60; i++) { /* more than the cache holds: pages are in the database already */
        dvs_cell cells[2] = {dvsi_cell_int64(i), dvsi_cell_text(text)};
        insert(sink, &table, cells, 1);
    }
    kill(getpid(), SIGKILL);
    return 0;
}

static void unprivileged_with_a_journal(void **state)
{
    fixture *f = *state;
    char command[512];
    uint64_t before;
    needs_root();
    set(f, "journal_mode", dvsi_cell_text("delete"));
    make(f, false);
    assert_int_equal(in_child(f, false, crash_in_a_transaction), 256 + SIGKILL);
    snprintf(command, sizeof command, "chmod 644 %s*", f->path);
    assert_int_equal(system(command), 0);
    close_folder(f);
    before = print_of(f, false);
    assert_int_equal(in_child(f, true, count_unprivileged), 10);
    assert_true(print_of(f, false) == before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(leaves_nothing_behind),
        TEST(sees_what_a_writer_commits),
        TEST(a_reading_is_one_moment),
        TEST(a_left_over_wal_is_read),
        TEST(writing_is_refused),
        TEST(names_that_need_encoding),
        TEST(unprivileged_clean),
        TEST(unprivileged_with_wal_and_shm),
        TEST(unprivileged_with_wal_without_shm),
        TEST(unprivileged_beside_a_writer),
        TEST(unprivileged_never_shows_old_data),
        TEST(unprivileged_with_a_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
