/* test_sqlite_faults.c - full disks, kills, interrupts: the file stays whole and the error is a clear one. */
#include "sqlite_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

static const uint32_t one_text[] = {DVS_TEXT};

/* Inserts rows of 10 KB from `first` on, until something fails or `n` are in. */
static int32_t insert_large(fixture *f, dvsi_sink *sink, int64_t first, int n, dvs_error *err)
{
    static char text[10001];
    dvsi_schema schema = {0};
    int32_t status = DVS_OK;
    dvs_table table;
    memset(text, 'x', 10000);
    columns_of(&schema, one_text, 1);
    table = table_of(f, "t", &schema);
    for (int i = 0; i < n && status == DVS_OK; i++) {
        dvs_cell cells[2] = {dvsi_cell_int64(first + i), dvsi_cell_text(text)};
        status = try_insert(sink, &table, cells, 1, err);
    }
    dvsi_schema_free(&schema);
    return status;
}

/* The disk is full as far as this process can tell: no file may grow beyond 2 MB. */
static int on_a_full_disk(fixture *f)
{
    struct rlimit limit = {2000000, 2000000};
    dvsi_sink *sink = open_sink(f, 0);
    dvs_error err = DVS_ERROR_INIT;
    int32_t status;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || dvsi_sink_begin(sink, &err) != DVS_OK)
        return 1;
    status = insert_large(f, sink, 100, 5000, &err);
    if (status == DVS_OK)
        status = dvsi_sink_commit(sink, &err);
    if (status != DVS_E_DISK_FULL || strstr(err.message, f->path) == NULL)
        return 2;
    /* SQLite has undone everything: what comes now must not be committed row by row. */
    if (insert_large(f, sink, 90000, 1, &err) == DVS_OK || dvsi_sink_rollback_to(sink, &err) == DVS_OK)
        return 3;
    if (dvsi_sink_rollback(sink, &err) != DVS_OK)
        return 4;
    /* The last words of the run find room. */
    if (dvsi_sink_begin(sink, &err) != DVS_OK || insert_large(f, sink, 50, 1, &err) != DVS_OK ||
        dvsi_sink_commit(sink, &err) != DVS_OK)
        return 5;
    dvsi_sink_close(sink);
    return 0;
}

static void a_full_disk(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    fill(f, sink, "t", 10);
    dvsi_sink_close(sink);
    assert_int_equal(in_child(f, false, on_a_full_disk), 0);
    LOOK("SELECT count(*), max(row_id) FROM t; PRAGMA integrity_check", "11|50\nok");
}

/* Killed in the middle of a transaction, with pages of it in the file's log already. */
static int die_in_a_transaction(fixture *f)
{
    dvsi_sink *sink = open_sink(f, 0);
    dvs_error err = DVS_ERROR_INIT;
    if (dvsi_sink_begin(sink, &err) != DVS_OK || insert_large(f, sink, 100, 3000, &err) != DVS_OK)
        return 1;
    kill(getpid(), SIGKILL);
    return 2;
}

static void killed_in_a_transaction(void **state)
{
    fixture *f = *state;
    static const char *const modes[] = {"wal", "delete", "truncate", "persist"};
    set(f, "journal_mode", dvsi_cell_text("wal"));
    for (int i = 0; i < 4; i++) {
        dvsi_sink *sink;
        unlink(f->path);
        f->setting[1].value = dvsi_cell_text(modes[i]);
        sink = open_sink(f, DVS_SINK_CREATE);
        fill(f, sink, "t", 10);
        dvsi_sink_close(sink);
        assert_int_equal(in_child(f, false, die_in_a_transaction), 256 + SIGKILL);
        sink = open_sink(f, 0);
        begin(sink);
        commit(sink);
        dvsi_sink_close(sink);
        LOOK("SELECT count(*) FROM t; PRAGMA integrity_check", "10\nok");
    }
}

/* Killed at random instants while committing as fast as it can: whole transactions of 7 rows, no others. */
static int commit_on(fixture *f)
{
    dvsi_sink *sink = open_sink(f, 0);
    dvs_error err = DVS_ERROR_INIT;
    int64_t row = (int64_t)f->tables * 1000;
    for (int64_t i = 0; i < 100000; i++, row += 7) {
        if (dvsi_sink_begin(sink, &err) != DVS_OK || insert_large(f, sink, row, 7, &err) != DVS_OK ||
            dvsi_sink_commit(sink, &err) != DVS_OK)
            return 1;
    }
    return 0;
}

static void killed_at_random(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    fill(f, sink, "t", 7);
    dvsi_sink_close(sink);
    for (int i = 0; i < 10; i++) {
        struct timespec time = {0, 20000000 + i * 7777777};
        int status;
        pid_t child;
        f->tables = (uint64_t)(i + 1) * 1000000;
        fflush(NULL);
        child = fork();
        if (child == 0) {
            setenv("CMOCKA_TEST_ABORT", "1", 1);
            _exit(commit_on(f));
        }
        nanosleep(&time, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        LOOK("SELECT count(*) % 7 FROM t; PRAGMA integrity_check", "0\nok");
    }
    LOOK("SELECT count(*) > 7 FROM t", "1");
}

/* ---- Interrupting ---- */

typedef struct interrupter {
    dvsi_sink *sink;
    atomic_int done;
} interrupter;

static void *interrupt_again_and_again(void *context)
{
    interrupter *i = context;
    while (!atomic_load(&i->done)) {
        usleep(20000);
        dvsi_sink_interrupt(i->sink);
    }
    return NULL;
}

/* A view over a hundred thousand millions of rows: counting it would take for ever. */
static dvs_table endless(fixture *f, dvsi_sink *sink, dvsi_schema *schema)
{
    dvs_table table;
    fill(f, sink, "t", 2);
    LOOK("CREATE VIEW v AS WITH RECURSIVE n(row_id) AS (SELECT 1 UNION ALL SELECT row_id + 1 FROM n LIMIT "
         "100000000000) SELECT row_id, '' AS c1 FROM n",
         "");
    columns_of(schema, one_text, 1);
    table = table_of(f, "v", schema);
    return table;
}

static void a_slot_can_be_interrupted(void **state)
{
    fixture *f = *state;
    interrupter i = {open_sink(f, DVS_SINK_CREATE), 0};
    dvsi_schema schema = {0};
    dvs_table table = endless(f, i.sink, &schema);
    pthread_t thread;
    uint64_t n;
    begin(i.sink);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_again_and_again, &i), 0);
    FAILS(dvsi_sink_count(i.sink, &table, NULL, 0, &n, ERR), DVS_E_CANCELLED, "cancelled");
    atomic_store(&i.done, 1);
    pthread_join(thread, NULL);
    OK(dvsi_sink_rollback(i.sink, ERR));
    begin(i.sink);
    commit(i.sink);
    dvsi_sink_close(i.sink);
    dvsi_schema_free(&schema);
}

static void *cancel_soon(void *context)
{
    usleep(50000);
    atomic_store((atomic_int *)context, 1);
    return NULL;
}

static void a_cancelled_run_ends_a_long_statement(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_table table = endless(f, sink, &schema);
    pthread_t thread;
    uint64_t n;
    begin(sink);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &f->cancelled), 0);
    FAILS(dvsi_sink_count(sink, &table, NULL, 0, &n, ERR), DVS_E_CANCELLED, "cancelled");
    pthread_join(thread, NULL);
    /* Cancelled all the time, the run still writes its last words. */
    OK(dvsi_sink_rollback(sink, ERR));
    begin(sink);
    {
        dvs_error err = DVS_ERROR_INIT;
        assert_int_equal(insert_large(f, sink, 100, 3, &err), DVS_OK);
    }
    commit(sink);
    dvsi_sink_close(sink);
    LOOK("SELECT count(*) FROM t", "5");
    dvsi_schema_free(&schema);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk),
        TEST(killed_in_a_transaction),
        TEST(killed_at_random),
        TEST(a_slot_can_be_interrupted),
        TEST(a_cancelled_run_ends_a_long_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
