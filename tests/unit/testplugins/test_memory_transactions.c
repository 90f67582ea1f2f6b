/* The memory sink: what is committed, when, and for whom. */
#include "memory_fixture.h"

static void test_persists(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    table_make(&t, "t");
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    OK(f, insert_row(f, sink, &t, 2, "b", 20));
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    OK(f, dvsi_sink_commit(sink, &f->err));
    OK(f, dvsi_sink_begin(sink, &f->err));
    OK(f, update_cell(f, sink, &t, 1, NUMBER, dvsi_cell_null()));
    OK(f, delete_row(f, sink, &t, 2));
    OK(f, delete_row(f, sink, &t, 77)); /* not there: no error */
    OK(f, insert_row(f, sink, &t, 5, NULL, 50));
    OK(f, dvsi_sink_commit(sink, &f->err));
    assert_contents(f, sink, &t, "1 \"crm\" \"a\" null null; 5 \"crm\" null 50 null; ");
    dvsi_sink_close(sink);
    sink = open_sink(f, 0);
    assert_contents(f, sink, &t, "1 \"crm\" \"a\" null null; 5 \"crm\" null 50 null; ");
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_not_visible_before_commit(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *a = open_sink(f, DVS_SINK_CREATE), *b = open_sink(f, DVS_SINK_READ_ONLY);
    table_make(&t, "t");
    OK(f, dvsi_sink_begin(a, &f->err));
    create_table(f, a, &t);
    OK(f, dvsi_sink_commit(a, &f->err));
    OK(f, dvsi_sink_begin(a, &f->err));
    OK(f, insert_row(f, a, &t, 1, "a", 10));
    OK(f, dvsi_sink_begin(b, &f->err));
    assert_int_equal(count_all(f, b, &t), 0);
    OK(f, dvsi_sink_commit(a, &f->err));
    assert_int_equal(count_all(f, b, &t), 0); /* one consistent view until it ends */
    OK(f, dvsi_sink_commit(b, &f->err));
    OK(f, dvsi_sink_begin(b, &f->err));
    assert_int_equal(count_all(f, b, &t), 1);
    OK(f, dvsi_sink_rollback(b, &f->err));
    dvsi_sink_close(a);
    dvsi_sink_close(b);
    table_free(&t);
}

static void test_rollback_and_savepoints(void **state)
{
    fixture *f = *state;
    table t, u;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    table_make(&t, "t");
    table_make(&u, "u");
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    OK(f, dvsi_sink_commit(sink, &f->err));
    OK(f, dvsi_sink_begin(sink, &f->err));
    OK(f, insert_row(f, sink, &t, 2, "b", 20));
    OK(f, dvsi_sink_savepoint(sink, &f->err));
    create_table(f, sink, &u);
    OK(f, insert_row(f, sink, &u, 1, "x", 1));
    OK(f, update_cell(f, sink, &t, 1, KEY, dvsi_cell_text("changed")));
    OK(f, dvsi_sink_rollback_to(sink, &f->err));
    assert_contents(f, sink, &t, "1 \"crm\" \"a\" 10 null; 2 \"crm\" \"b\" 20 null; ");
    assert_int_equal(dvsi_sink_inspect(sink, "u", &schema, &f->err), DVS_E_NOT_FOUND);
    OK(f, insert_row(f, sink, &t, 3, "c", 30));
    OK(f, dvsi_sink_rollback_to(sink, &f->err)); /* it stays set */
    OK(f, insert_row(f, sink, &t, 4, "d", 40));
    OK(f, dvsi_sink_release(sink, &f->err));
    assert_int_equal(dvsi_sink_rollback_to(sink, &f->err), DVS_E_USAGE);
    OK(f, dvsi_sink_commit(sink, &f->err));
    OK(f, dvsi_sink_begin(sink, &f->err));
    OK(f, delete_row(f, sink, &t, 1));
    OK(f, dvsi_sink_rollback(sink, &f->err));
    assert_contents(f, sink, &t,
                    "1 \"crm\" \"a\" 10 null; 2 \"crm\" \"b\" 20 null; 4 \"crm\" \"d\" 40 null; ");
    assert_int_equal(dvsi_sink_commit(sink, &f->err), DVS_E_USAGE);
    assert_int_equal(insert_row(f, sink, &t, 9, "z", 1), DVS_E_USAGE);
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
    table_free(&t);
    table_free(&u);
}

/* However much of the last transaction is there: before its last byte, the sink holds the state before it. */
static void test_torn_commit(void **state)
{
    fixture *f = *state;
    table t;
    struct stat before, after;
    char *path = in_folder(f, "memory"), whole[65536];
    ssize_t length;
    int fd;
    off_t cut;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    table_make(&t, "t");
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    OK(f, insert_row(f, sink, &t, 1, "a", 10));
    OK(f, dvsi_sink_commit(sink, &f->err));
    assert_int_equal(stat(path, &before), 0);
    OK(f, dvsi_sink_begin(sink, &f->err));
    OK(f, insert_row(f, sink, &t, 2, "b", 20));
    OK(f, update_cell(f, sink, &t, 1, NUMBER, dvsi_cell_int64(11)));
    OK(f, dvsi_sink_commit(sink, &f->err));
    dvsi_sink_close(sink);
    assert_int_equal(stat(path, &after), 0);
    fd = open(path, O_RDWR);
    length = read(fd, whole, sizeof whole);
    assert_int_equal(length, after.st_size);
    for (cut = before.st_size; cut < after.st_size; cut++) {
        assert_int_equal(ftruncate(fd, cut), 0);
        sink = open_sink(f, DVS_SINK_READ_ONLY);
        assert_contents(f, sink, &t, "1 \"crm\" \"a\" 10 null; ");
        dvsi_sink_close(sink);
        sink = open_sink(f, 0); /* cuts the rest off, and can go on */
        OK(f, dvsi_sink_begin(sink, &f->err));
        OK(f, insert_row(f, sink, &t, 3, "c", 30));
        OK(f, dvsi_sink_commit(sink, &f->err));
        dvsi_sink_close(sink);
        sink = open_sink(f, DVS_SINK_READ_ONLY);
        assert_int_equal(count_all(f, sink, &t), 2);
        dvsi_sink_close(sink);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, whole, (size_t)length, 0), length);
    }
    whole[before.st_size + 20]++; /* a byte of the payload: the checksum tells */
    assert_int_equal(pwrite(fd, whole, (size_t)length, 0), length);
    sink = open_sink(f, DVS_SINK_READ_ONLY);
    assert_int_equal(count_all(f, sink, &t), 1);
    dvsi_sink_close(sink);
    close(fd);
    table_free(&t);
}

static void test_kill_in_transaction(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    int status = 0;
    pid_t child;
    table_make(&t, "t");
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    OK(f, dvsi_sink_commit(sink, &f->err));
    write_file(f, "faults", "[{\"slot\":\"commit\",\"nth\":2,\"when\":\"after\",\"kill\":true}]");
    child = fork();
    if (child == 0) {
        int64_t i;
        set_text(f, "faults", in_folder(f, "faults"));
        sink = open_sink(f, 0);
        OK(f, dvsi_sink_lock(sink, &f->err));
        for (i = 1; i < 10; i++) {
            OK(f, dvsi_sink_begin(sink, &f->err));
            OK(f, insert_row(f, sink, &t, i, "k", i));
            OK(f, dvsi_sink_commit(sink, &f->err));
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == 9);
    OK(f, dvsi_sink_lock_probe(sink, &f->err)); /* the lock went with the process */
    OK(f, dvsi_sink_begin(sink, &f->err));
    assert_int_equal(count_all(f, sink, &t), 2);
    OK(f, dvsi_sink_rollback(sink, &f->err));
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_one_writer_at_a_time(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *a = open_sink(f, DVS_SINK_CREATE), *b = open_sink(f, 0);
    table_make(&t, "t");
    OK(f, dvsi_sink_begin(a, &f->err));
    create_table(f, a, &t);
    assert_int_equal(dvsi_sink_begin(b, &f->err), DVS_E_BUSY);
    OK(f, dvsi_sink_commit(a, &f->err));
    OK(f, dvsi_sink_begin(b, &f->err));
    OK(f, insert_row(f, b, &t, 1, "a", 1)); /* it sees what the other one did */
    OK(f, dvsi_sink_commit(b, &f->err));
    OK(f, dvsi_sink_begin(a, &f->err));
    assert_int_equal(insert_row(f, a, &t, 1, "a", 1), DVS_E_DUPLICATE);
    OK(f, dvsi_sink_rollback(a, &f->err));
    dvsi_sink_close(a);
    dvsi_sink_close(b);
    table_free(&t);
}

static void test_locks(void **state)
{
    fixture *f = *state;
    dvsi_sink *a = open_sink(f, DVS_SINK_CREATE), *b = open_sink(f, 0),
              *reader = open_sink(f, DVS_SINK_READ_ONLY);
    OK(f, dvsi_sink_lock_probe(reader, &f->err));
    assert_false(there(f, "memory.crm.lock"));
    OK(f, dvsi_sink_lock(a, &f->err));
    assert_true(there(f, "memory.crm.lock"));
    assert_int_equal(dvsi_sink_lock(b, &f->err), DVS_E_LOCKED);
    assert_int_equal(dvsi_sink_lock_probe(reader, &f->err), DVS_E_LOCKED);
    assert_int_equal(dvsi_sink_lock_probe(a, &f->err), DVS_E_LOCKED);
    dvsi_sink_unlock(a);
    OK(f, dvsi_sink_lock_probe(reader, &f->err));
    OK(f, dvsi_sink_lock(b, &f->err));
    dvsi_sink_close(b);
    OK(f, dvsi_sink_lock(a, &f->err));
    dvsi_sink_close(a);
    OK(f, dvsi_sink_lock_probe(reader, &f->err));
    assert_int_equal(dvsi_sink_lock(reader, &f->err), DVS_E_READ_ONLY);
    dvsi_sink_close(reader);
}

static void test_open(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_arena arena = {0};
    const char *identity;
    table t;
    struct stat info;
    table_make(&t, "t");
    OK(f, dvsi_sink_identity(sink, &arena, &identity, &f->err));
    assert_string_equal(identity, in_folder(f, "memory"));
    assert_int_equal(stat(identity, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    dvsi_sink_close(sink);
    sink = open_sink(f, DVS_SINK_READ_ONLY);
    OK(f, dvsi_sink_begin(sink, &f->err));
    assert_int_equal(insert_row(f, sink, &t, 1, "a", 1), DVS_E_READ_ONLY);
    dvsi_sink_close(sink);
    unlink(identity);
    assert_int_equal(
        dvsi_sink_open(f->memory, "crm", &f->settings, DVS_SINK_READ_ONLY, &f->services, &sink, &f->err),
        DVS_E_NOT_FOUND);
    assert_int_equal(dvsi_sink_open(f->memory, "crm", &f->settings, 0, &f->services, &sink, &f->err),
                     DVS_E_NOT_FOUND);
    assert_false(there(f, "memory"));
    write_file(f, "memory", "SQLite format 3");
    assert_int_equal(dvsi_sink_open(f->memory, "crm", &f->settings, 0, &f->services, &sink, &f->err),
                     DVS_E_CORRUPT);
    dvsi_arena_free(&arena);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_persists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_visible_before_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rollback_and_savepoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torn_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill_in_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_writer_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_locks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
