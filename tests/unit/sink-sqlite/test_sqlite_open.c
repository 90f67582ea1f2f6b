/* test_sqlite_open.c - opening, settings, errors, the lock. */
#include "sqlite_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

static mode_t mode_of(const char *path)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 07777;
}

static bool exists(const fixture *f, const char *suffix)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s", f->path, suffix);
    return access(name, F_OK) == 0;
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void a_new_file(void **state)
{
    fixture *f = *state;
    dvsi_arena arena = {0};
    const char *identity;
    dvsi_sink *sink;
    mode_t mask = umask(0);
    FAILS(try_open(f, 0, &sink, ERR), DVS_E_NOT_FOUND, f->path);
    assert_false(exists(f, ""));
    sink = open_sink(f, DVS_SINK_CREATE);
    umask(mask);
    assert_int_equal(mode_of(f->path), 0600);
    OK(dvsi_sink_identity(sink, &arena, &identity, ERR));
    assert_string_equal(identity, f->path);
    fill(f, sink, "t", 10);
    assert_true(exists(f, "-wal"));
    dvsi_sink_close(sink);
    assert_false(exists(f, "-wal"));
    assert_false(exists(f, "-shm"));
    LOOK("PRAGMA page_size; PRAGMA journal_mode; SELECT count(*) FROM t", "32768\nwal\n10");
    dvsi_arena_free(&arena);
}

static void settings_are_used(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink;
    set(f, "page_size", dvsi_cell_int64(8192));
    set(f, "journal_mode", dvsi_cell_text("delete"));
    set(f, "synchronous", dvsi_cell_text("full"));
    sink = open_sink(f, DVS_SINK_CREATE);
    fill(f, sink, "t", 1);
    assert_false(exists(f, "-wal"));
    dvsi_sink_close(sink);
    LOOK("PRAGMA page_size; PRAGMA journal_mode", "8192\ndelete");
    /* Of a file that is there, the journal mode changes and the page size stays. */
    f->setting[1].value = dvsi_cell_int64(4096);
    f->setting[2].value = dvsi_cell_text("wal");
    sink = open_sink(f, 0);
    fill(f, sink, "t2", 1);
    dvsi_sink_close(sink);
    LOOK("PRAGMA page_size; PRAGMA journal_mode", "8192\nwal");
    f->setting[1].value = dvsi_cell_int64(5000);
    FAILS(try_open(f, 0, &sink, ERR), DVS_E_CONFIG, "page_size");
}

static void what_is_no_database(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink;
    char path[160];
    put_file(f->path,
             "This is just some text, long enough to be looked at as if it were a header of a database.....");
    FAILS(try_open(f, DVS_SINK_CREATE, &sink, ERR), DVS_E_CORRUPT, f->path);
    FAILS(try_open(f, DVS_SINK_READ_ONLY, &sink, ERR), DVS_E_CORRUPT, "no SQLite database");
    f->setting[0].value = dvsi_cell_text(f->folder);
    FAILS(try_open(f, DVS_SINK_CREATE, &sink, ERR), DVS_E_CONFIG, "is a folder");
    snprintf(path, sizeof path, "%s/not/there/x.db", f->folder);
    f->setting[0].value = dvsi_cell_text(path);
    FAILS(try_open(f, DVS_SINK_CREATE, &sink, ERR), DVS_E_NOT_FOUND, "mkdir -p");
    snprintf(path, sizeof path, "%s/fifo", f->folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    FAILS(try_open(f, DVS_SINK_CREATE, &sink, ERR), DVS_E_CONFIG, "no ordinary file");
    snprintf(path, sizeof path, "%s/data.db/x", f->folder);
    FAILS(try_open(f, DVS_SINK_CREATE, &sink, ERR), DVS_E_CONFIG, "data.db/x");
}

static void a_damaged_database(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    FILE *file;
    fill(f, sink, "t", 2000);
    dvsi_sink_close(sink);
    file = fopen(f->path, "r+");
    for (int i = 0; i < 2000; i++) {
        fseek(file, 32768 + i * 16, SEEK_SET);
        fputs("damage", file);
    }
    fclose(file);
    sink = open_sink(f, 0);
    begin(sink);
    {
        dvs_error err = DVS_ERROR_INIT;
        dvsi_schema schema = {0};
        const uint32_t kinds[] = {DVS_TEXT}, columns[] = {0, 1};
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan, .columns = columns, .n_columns = 2};
        dvsi_batch *batch = dvsi_batch_new(2);
        dvs_table table;
        columns_of(&schema, kinds, 1);
        table = table_of(f, "t", &schema);
        scan.table = &table;
        assert_int_equal(dvsi_sink_scan(sink, &scan, batch, &err), DVS_E_CORRUPT);
        assert_non_null(strstr(err.message, f->path));
        dvsi_batch_free(batch);
        dvsi_schema_free(&schema);
    }
    dvsi_sink_close(sink);
}

static void links_mean_their_target(void **state)
{
    fixture *f = *state;
    char link[160], wanted[160];
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE), *other;
    dvsi_arena arena = {0};
    const char *identity;
    snprintf(link, sizeof link, "%s/link.db", f->folder);
    assert_int_equal(symlink("data.db", link), 0);
    f->setting[0].value = dvsi_cell_text(link);
    other = open_sink(f, 0);
    OK(dvsi_sink_identity(other, &arena, &identity, ERR));
    assert_string_equal(identity, f->path);
    OK(dvsi_sink_lock(other, ERR));
    FAILS(dvsi_sink_lock(sink, ERR), DVS_E_LOCKED, "crm");
    snprintf(wanted, sizeof wanted, "%s.crm.lock", f->path);
    assert_int_equal(mode_of(wanted), 0600);
    dvsi_sink_close(other);
    dvsi_sink_close(sink);
    unlink(f->path);
    FAILS(try_open(f, DVS_SINK_CREATE, &sink, ERR), DVS_E_IO, "symbolic link");
    FAILS(try_open(f, DVS_SINK_READ_ONLY, &sink, ERR), DVS_E_IO, "symbolic link");
    dvsi_arena_free(&arena);
}

static void somebody_else_holds_it(void **state)
{
    fixture *f = *state;
    dvsi_sink *a, *b;
    int64_t started;
    set(f, "busy_timeout_ms", dvsi_cell_int64(300));
    a = open_sink(f, DVS_SINK_CREATE);
    b = open_sink(f, 0);
    begin(a);
    started = now_ms();
    FAILS(dvsi_sink_begin(b, ERR), DVS_E_BUSY, "busy_timeout_ms");
    assert_in_range(now_ms() - started, 290, 2000);
    /* Opening and closing need no transaction of their own, so they wait for nobody. */
    dvsi_sink_close(b);
    b = open_sink(f, 0);
    commit(a);
    begin(b); /* and then it works */
    commit(b);
    dvsi_sink_close(a);
    dvsi_sink_close(b);
}

static void a_cancelled_run_does_not_wait_long(void **state)
{
    fixture *f = *state;
    dvsi_sink *a, *b;
    int64_t started = now_ms();
    set(f, "busy_timeout_ms", dvsi_cell_int64(60000));
    a = open_sink(f, DVS_SINK_CREATE);
    b = open_sink(f, 0);
    begin(a);
    atomic_store(&f->cancelled, 1);
    FAILS(dvsi_sink_begin(b, ERR), DVS_E_CANCELLED, "cancelled");
    assert_in_range(now_ms() - started, 0, 5000);
    /* What is at hand can still be written: the last words of a run. */
    commit(a);
    begin(b);
    commit(b);
    dvsi_sink_close(a);
    dvsi_sink_close(b);
}

/* A sync commits and begins again without end; another program gets its turn all the same. */
static _Noreturn void write_on(fixture *f)
{
    static const uint32_t kinds[] = {DVS_TEXT};
    dvsi_sink *sink = open_sink(f, 0);
    dvsi_schema schema = {0};
    int64_t row = 1000;
    dvs_table table;
    columns_of(&schema, kinds, 1);
    table = table_of(f, "t", &schema);
    for (;;) {
        begin(sink);
        for (int i = 0; i < 10; i++) {
            dvs_cell cells[2] = {dvsi_cell_int64(row++), dvsi_cell_text("x")};
            insert(sink, &table, cells, 1);
        }
        usleep(250000); /* long transactions, hardly anything between them */
        commit(sink);
    }
}

static void others_do_not_starve(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    pid_t child;
    int status;
    fill(f, sink, "t", 1);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        write_on(f);
    }
    usleep(300000);
    for (int i = 0; i < 3; i++) {
        int64_t started = now_ms();
        begin(sink);
        commit(sink);
        assert_in_range(now_ms() - started, 0, 2000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    dvsi_sink_close(sink);
    LOOK("PRAGMA integrity_check", "ok");
}

/* ---- The lock ---- */

static int lock_from_outside(fixture *f)
{
    dvsi_sink *sink = open_sink(f, 0);
    dvs_error err = DVS_ERROR_INIT;
    int32_t probed = dvsi_sink_lock_probe(sink, &err);
    int32_t locked = dvsi_sink_lock(sink, &err);
    return probed == DVS_E_LOCKED && locked == DVS_E_LOCKED ? 1
           : probed == DVS_OK && locked == DVS_OK           ? 0
                                                            : 2;
}

static void one_run_per_project(void **state)
{
    fixture *f = *state;
    dvsi_sink *a = open_sink(f, DVS_SINK_CREATE);
    dvsi_sink *b = open_sink(f, DVS_SINK_READ_ONLY);
    OK(dvsi_sink_lock_probe(b, ERR));
    assert_false(exists(f, ".crm.lock")); /* a probe makes nothing */
    OK(dvsi_sink_lock(a, ERR));
    FAILS(dvsi_sink_lock_probe(b, ERR), DVS_E_LOCKED, "crm");
    FAILS(dvsi_sink_lock_probe(a, ERR), DVS_E_LOCKED, "crm");
    FAILS(dvsi_sink_lock(b, ERR), DVS_E_READ_ONLY, "reading only");
    assert_int_equal(in_child(f, false, lock_from_outside), 1);
    /* The child that inherited the descriptor has gone, and closed another one of the same file. */
    FAILS(dvsi_sink_lock_probe(b, ERR), DVS_E_LOCKED, "crm");
    dvsi_sink_unlock(a);
    assert_true(exists(f, ".crm.lock")); /* never unlinked */
    OK(dvsi_sink_lock_probe(b, ERR));
    assert_int_equal(in_child(f, false, lock_from_outside), 0);
    /* The child died without unlocking. */
    OK(dvsi_sink_lock_probe(b, ERR));
    OK(dvsi_sink_lock(a, ERR));
    dvsi_sink_close(b);
    dvsi_sink_close(a);
}

static int probe_unprivileged(fixture *f)
{
    dvsi_sink *sink = open_sink(f, DVS_SINK_READ_ONLY);
    dvs_error err = DVS_ERROR_INIT;
    char lock[256];
    int32_t status = dvsi_sink_lock_probe(sink, &err);
    snprintf(lock, sizeof lock, "%s.crm.lock", f->path);
    if (open(lock, O_RDONLY) >= 0)
        return 98;
    return status;
}

/* Somebody who may read the database, but not its owner's lock file, is still told. */
static void the_lock_is_seen_without_rights(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink;
    if (geteuid() != 0)
        skip();
    sink = open_sink(f, DVS_SINK_CREATE);
    fill(f, sink, "t", 1);
    OK(dvsi_sink_lock(sink, ERR));
    assert_int_equal(chmod(f->folder, 0755), 0);
    {
        char command[512];
        snprintf(command, sizeof command, "chmod 644 %s %s-wal %s-shm", f->path, f->path, f->path);
        assert_int_equal(system(command), 0);
    }
    assert_int_equal(in_child(f, true, probe_unprivileged), DVS_E_LOCKED);
    dvsi_sink_unlock(sink);
    assert_int_equal(in_child(f, true, probe_unprivileged), DVS_OK);
    dvsi_sink_close(sink);
}

/* ---- Rights ---- */

static int open_for_writing(fixture *f)
{
    dvsi_sink *sink = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int32_t status = try_open(f, DVS_SINK_CREATE, &sink, &err);
    if (status != DVS_OK && strstr(err.message, f->path) == NULL)
        return 98;
    return status;
}

static void files_that_may_not_be_written(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(in_child(f, true, open_for_writing), DVS_E_PERMISSION); /* cannot make it */
    sink = open_sink(f, DVS_SINK_CREATE);
    fill(f, sink, "t", 1);
    dvsi_sink_close(sink);
    assert_int_equal(in_child(f, true, open_for_writing), DVS_E_PERMISSION); /* 0600 of somebody else */
    assert_int_equal(chmod(f->path, 0644), 0);
    assert_int_equal(in_child(f, true, open_for_writing), DVS_E_READ_ONLY);
    assert_int_equal(chmod(f->path, 0666), 0);
    assert_int_equal(in_child(f, true, open_for_writing), DVS_E_READ_ONLY); /* the folder */
    assert_int_equal(chmod(f->folder, 0777), 0);
    assert_int_equal(in_child(f, true, open_for_writing), DVS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file),
        TEST(settings_are_used),
        TEST(what_is_no_database),
        TEST(a_damaged_database),
        TEST(links_mean_their_target),
        TEST(somebody_else_holds_it),
        TEST(a_cancelled_run_does_not_wait_long),
        TEST(others_do_not_starve),
        TEST(one_run_per_project),
        TEST(the_lock_is_seen_without_rights),
        TEST(files_that_may_not_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
