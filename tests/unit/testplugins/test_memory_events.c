/* The memory sink: faults in every slot, its log, its clock, interrupts. */
#include "memory_fixture.h"

static const char *const SLOTS[] = {"identity",     "lock",         "lock_probe",   "inspect",      "begin",
                                    "commit",       "rollback",     "savepoint",    "rollback_to",  "release",
                                    "apply_schema", "ensure_index", "drop_index",   "ensure_view",  "read",
                                    "scan",         "count",        "write",        "delete_where", "missing",
                                    "load",         "unlock",       "close_writer", "close"};
#define N_SLOTS (sizeof SLOTS / sizeof SLOTS[0])

/* Calls every slot once; those that fail with the fault are noted in `failed`. */
static void call_all(fixture *f, dvsi_sink *sink, const table *t, int32_t failed[N_SLOTS])
{
    static const uint32_t COLUMNS[] = {KEY};
    static const uint32_t WANTED[] = {ROW_ID};
    dvsi_arena arena = {0};
    dvsi_schema schema = {0};
    dvsi_batch *rows = dvsi_batch_new(1), *pairs = dvsi_batch_new(2);
    dvs_change change = {(uint32_t)sizeof change, DVS_CHANGE_CREATE_TABLE, &t->table, NULL, NULL};
    dvs_view view = {(uint32_t)sizeof view, DVS_VIEW_CURRENT, "t_current", &t->table, NULL, DELETED, 0};
    dvs_index index = an_index(t, "t_key", 0, COLUMNS, 1);
    dvs_cell cells[N_COLUMNS], key = dvsi_cell_int64(1);
    dvs_lookup lookup = {(uint32_t)sizeof lookup, 1, &t->table, WANTED, WANTED, 1, 1, &key, -1, 0};
    dvs_scan scan;
    dvs_write write;
    const char *text;
    uint64_t n;
    int32_t loaded;
    size_t i = 0;
    memset(&scan, 0, sizeof scan);
    scan.struct_size = (uint32_t)sizeof scan;
    scan.table = &t->table;
    scan.columns = WANTED;
    scan.n_columns = 1;
    memset(&write, 0, sizeof write);
    write.struct_size = (uint32_t)sizeof write;
    write.table = &t->table;
    write.inserts = cells;
    write.n_inserts = 1;
    fill_row(cells, 1, "a", 1);
    failed[i++] = dvsi_sink_identity(sink, &arena, &text, &f->err);
    failed[i++] = dvsi_sink_lock(sink, &f->err);
    failed[i++] = dvsi_sink_lock_probe(sink, &f->err);
    failed[i++] = dvsi_sink_inspect(sink, "t", &schema, &f->err);
    failed[i++] = dvsi_sink_begin(sink, &f->err);
    failed[i++] = dvsi_sink_commit(sink, &f->err);
    failed[i++] = dvsi_sink_rollback(sink, &f->err);
    (void)dvsi_sink_begin(sink, &f->err);
    failed[i++] = dvsi_sink_savepoint(sink, &f->err);
    failed[i++] = dvsi_sink_rollback_to(sink, &f->err);
    failed[i++] = dvsi_sink_release(sink, &f->err);
    failed[i++] = dvsi_sink_apply_schema(sink, &change, 1, &f->err);
    loaded = dvsi_sink_write(sink, &write, 1, &f->err);
    failed[i++] = dvsi_sink_ensure_index(sink, &index, &f->err);
    failed[i++] = dvsi_sink_drop_index(sink, &index, &f->err);
    failed[i++] = dvsi_sink_ensure_view(sink, &view, &f->err);
    failed[i++] = dvsi_sink_read(sink, &lookup, rows, &f->err);
    failed[i++] = dvsi_sink_scan(sink, &scan, rows, &f->err);
    failed[i++] = dvsi_sink_count(sink, &t->table, NULL, 0, &n, &f->err);
    cells[0].v.i64 = 2;
    failed[i++] = dvsi_sink_write(sink, &write, 0, &f->err);
    failed[i++] = dvsi_sink_delete_where(sink, &t->table, NULL, 0, &n, &f->err);
    failed[i++] = dvsi_sink_missing(sink, &t->table, KEY, &t->table, KEY, 1, pairs, &f->err);
    failed[i++] = loaded;
    dvsi_sink_unlock(sink);
    failed[i++] = DVS_OK;
    (void)dvsi_sink_rollback(sink, &f->err);
    dvsi_batch_free(rows);
    dvsi_batch_free(pairs);
    dvsi_schema_free(&schema);
    dvsi_arena_free(&arena);
}

static void test_every_slot(void **state)
{
    fixture *f = *state;
    table t;
    size_t slot;
    json_t *lines;
    table_make(&t, "t");
    dvsi_sink_close(open_sink(f, DVS_SINK_CREATE));
    set_text(f, "faults", in_folder(f, "faults"));
    for (slot = 0; slot < N_SLOTS; slot++) {
        int32_t failed[N_SLOTS];
        char text[200];
        int is_void = slot >= N_SLOTS - 3; /* those can only wait or die, but the event happens */
        dvsi_sink *sink;
        memset(failed, 0, sizeof failed);
        snprintf(text, sizeof text,
                 "{\"faults\":[{\"slot\":\"%s\",\"status\":\"throttled\",\"touch\":\"seen\"}]}", SLOTS[slot]);
        write_file(f, "faults", text);
        sink = open_sink(f, 0);
        call_all(f, sink, &t, failed);
        dvsi_sink_close(sink);
        assert_int_equal(failed[slot] == DVS_E_THROTTLED, !is_void);
        assert_true(there(f, "seen"));
        unlink(in_folder(f, "seen"));
    }
    lines = log_read(f); /* whatever was called is in the log */
    for (slot = 0; slot < N_SLOTS; slot++)
        log_find(lines, SLOTS[slot], 0);
    json_decref(lines);
    write_file(f, "faults", "[{\"slot\":\"open\",\"status\":\"auth\",\"scope\":\"source\"}]");
    {
        dvsi_sink *sink = NULL;
        assert_int_equal(dvsi_sink_open(f->memory, "crm", &f->settings, 0, &f->services, &sink, &f->err),
                         DVS_E_AUTH);
    }
    write_file(f, "faults", "[{\"slot\":\"writer\",\"status\":\"busy\"}]");
    {
        dvsi_sink *sink = open_sink(f, 0);
        assert_int_equal(dvsi_sink_begin(sink, &f->err), DVS_E_BUSY);
        OK(f, dvsi_sink_begin(sink, &f->err));
        dvsi_sink_close(sink);
    }
    table_free(&t);
}

/* The nth write to one table, and to no other; with a row. */
static void test_nth_write(void **state)
{
    fixture *f = *state;
    table t, u;
    dvsi_sink *sink;
    table_make(&t, "t");
    table_make(&u, "u");
    dvsi_sink_close(open_sink(f, DVS_SINK_CREATE));
    write_file(
        f, "faults",
        "[{\"slot\":\"write\",\"table\":\"T\",\"nth\":3,\"status\":\"data\",\"scope\":\"row\",\"row\":0,"
        "\"message\":\"no\"}]");
    set_text(f, "faults", in_folder(f, "faults"));
    sink = open_sink(f, 0);
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    create_table(f, sink, &u);
    OK(f, insert_row(f, sink, &t, 1, "a", 1));
    OK(f, insert_row(f, sink, &t, 2, "b", 2));
    OK(f, insert_row(f, sink, &u, 1, "c", 3));
    assert_int_equal(insert_row(f, sink, &t, 3, "c", 3), DVS_E_DATA);
    assert_string_equal(f->err.message, "no");
    assert_int_equal(f->err.scope, DVS_SCOPE_ROW);
    OK(f, insert_row(f, sink, &t, 3, "c", 3));
    assert_int_equal(count_all(f, sink, &t), 3); /* the failed one wrote nothing */
    dvsi_sink_close(sink);
    table_free(&t);
    table_free(&u);
}

/* A commit that is reported as failed although it is not. */
static void test_fault_after(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink;
    table_make(&t, "t");
    dvsi_sink_close(open_sink(f, DVS_SINK_CREATE));
    write_file(f, "faults", "[{\"slot\":\"commit\",\"when\":\"after\",\"status\":\"network\"}]");
    set_text(f, "faults", in_folder(f, "faults"));
    sink = open_sink(f, 0);
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    assert_int_equal(dvsi_sink_commit(sink, &f->err), DVS_E_NETWORK);
    OK(f, dvsi_sink_rollback(sink, &f->err));
    assert_int_equal(count_all(f, sink, &t), 0);
    dvsi_sink_close(sink);
    table_free(&t);
}

static void test_log(void **state)
{
    fixture *f = *state;
    table t;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    json_t *lines, *line;
    table_make(&t, "t");
    OK(f, dvsi_sink_begin(sink, &f->err));
    create_table(f, sink, &t);
    OK(f, insert_row(f, sink, &t, 1, "a", 1));
    OK(f, update_cell(f, sink, &t, 1, NUMBER, dvsi_cell_int64(2)));
    OK(f, delete_row(f, sink, &t, 1));
    OK(f, dvsi_sink_commit(sink, &f->err));
    OK(f, dvsi_sink_begin(sink, &f->err));
    OK(f, dvsi_sink_commit(sink, &f->err));
    dvsi_sink_close(sink);
    lines = log_read(f);
    line = log_find(lines, "write", 0);
    assert_string_equal(log_text(line, "table"), "t");
    assert_int_equal(log_int(line, "inserts"), 1);
    assert_int_equal(log_int(line, "updates"), 0);
    line = log_find(lines, "write", 1);
    assert_int_equal(log_int(line, "updates"), 1);
    assert_true(json_is_true(json_object_get(json_object_get(line, "columns"), "number")));
    assert_int_equal(json_object_size(json_object_get(line, "columns")), 1);
    assert_int_equal(log_int(log_find(lines, "write", 2), "deletes"), 1);
    assert_true(log_int(log_find(lines, "commit", 0), "bytes") > 0);
    assert_int_equal(log_int(log_find(lines, "commit", 1), "bytes"), 0);
    line = json_array_get(json_object_get(log_find(lines, "apply_schema", 0), "changes"), 0);
    assert_string_equal(log_text(line, "type"), "create_table");
    json_decref(lines);
    table_free(&t);
}

typedef struct background {
    fixture *f;
    dvsi_sink *sink;
    const table *t;
    dvs_error err;
    int32_t status;
} background;

static void *count_once(void *context)
{
    background *b = context;
    uint64_t n;
    b->err.struct_size = (uint32_t)sizeof b->err;
    b->status = dvsi_sink_count(b->sink, &b->t->table, NULL, 0, &n, &b->err);
    return NULL;
}

static void test_interrupt(void **state)
{
    fixture *f = *state;
    table t;
    background b = {f, NULL, &t, DVS_ERROR_INIT, 0};
    pthread_t thread;
    int i;
    table_make(&t, "t");
    dvsi_sink_close(open_sink(f, DVS_SINK_CREATE));
    write_file(f, "faults",
               "[{\"slot\":\"count\",\"touch\":\"reached\",\"hang\":\"interrupt\"},"
               "{\"slot\":\"count\",\"nth\":2,\"delay_ms\":10}]");
    set_text(f, "faults", in_folder(f, "faults"));
    b.sink = open_sink(f, 0);
    OK(f, dvsi_sink_begin(b.sink, &f->err));
    create_table(f, b.sink, &t);
    OK(f, insert_row(f, b.sink, &t, 1, "a", 1));
    assert_int_equal(pthread_create(&thread, NULL, count_once, &b), 0);
    for (i = 0; i < 2000 && !there(f, "reached"); i++)
        pause_ms(5);
    dvsi_sink_interrupt(b.sink);
    pthread_join(thread, NULL);
    assert_int_equal(b.status, DVS_E_CANCELLED);
    assert_int_equal(count_all(f, b.sink, &t),
                     1); /* an interrupt is for the slot that runs, not for the next */
    dvsi_sink_close(b.sink);
    table_free(&t);
}

static void test_clock(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    int64_t now = 0;
    assert_int_equal(dvsi_sink_clock(sink, &now, &f->err), DVS_E_UNSUPPORTED);
    dvsi_sink_close(sink);
    set_cell(f, "clock", dvsi_cell_bool(1));
    set_cell(f, "clock_skew_ms", dvsi_cell_int64(-3600000));
    sink = open_sink(f, 0);
    OK(f, dvsi_sink_clock(sink, &now, &f->err));
    assert_true(now / 1000000 - (int64_t)time(NULL) < -3590);
    assert_true(now / 1000000 - (int64_t)time(NULL) > -3610);
    dvsi_sink_close(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nth_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fault_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
