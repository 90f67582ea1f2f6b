/* The scripted source: faults, waits, interrupts, its log and its state. */
#include "scripted_fixture.h"

#define PEOPLE                                                                                               \
    "\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1},{\"name\":\"name\"}],"          \
    "\"capabilities\":[\"complete\",\"resume\",\"cursor\",\"fetch\"],\"checkpoint_every\":10,\"generate\":{" \
    "\"rows\":100}}"

#define SCRIPT(faults) "{\"streams\":{" PEOPLE "},\"faults\":[" faults "]}"

static void test_fault_after_rows(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f, SCRIPT("{\"slot\":\"pull\",\"stream\":\"people\",\"after_rows\":35,\"status\":\"network\","
                  "\"scope\":\"source\",\"message\":\"the line "
                  "broke\",\"retry_after_ms\":1500,\"native_code\":104}"));
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0), rest;
    assert_int_equal(r.status, DVS_E_NETWORK);
    assert_int_equal(r.n_rows, 35);
    assert_string_equal(f->err.message, "the line broke");
    assert_int_equal(f->err.scope, DVS_SCOPE_SOURCE);
    assert_int_equal(f->err.retry_after_ms, 1500);
    assert_int_equal(f->err.native_code, 104);
    rest = read_all(f, source, DVS_READ_FULL, r.tokens[r.n_tokens - 1], 1); /* times: 1 */
    assert_int_equal(rest.status, DVS_END);
    assert_int_equal(rest.n_rows, 70);
    result_free(&r);
    result_free(&rest);
    dvsi_source_close(source);
}

static void test_changed_mid_read(void **state)
{
    fixture *f = *state;
    dvsi_source *source =
        open_source(f, SCRIPT("{\"slot\":\"pull\",\"after_rows\":100,\"times\":0,\"status\":\"changed\"}"));
    int i;
    for (i = 0; i < 2; i++) {
        result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
        assert_int_equal(r.status, DVS_E_CHANGED); /* behind the last row, before the end */
        assert_int_equal(r.n_rows, 100);
        result_free(&r);
    }
    dvsi_source_close(source);
}

/* Each slot that can fail, by its name. */
static int32_t call_slot(fixture *f, dvsi_source *source, const char *slot)
{
    dvsi_arena arena = {0};
    dvsi_schema schema = {0};
    dvsi_stream *streams;
    const char *text;
    uint32_t n;
    int32_t status = DVS_OK;
    if (strcmp(slot, "identity") == 0) {
        status = dvsi_source_identity(source, &arena, &text, &f->err);
    } else if (strcmp(slot, "streams") == 0) {
        status = dvsi_source_streams(source, &arena, &streams, &n, &f->err);
    } else if (strcmp(slot, "describe") == 0) {
        status = dvsi_source_describe(source, "people", &schema, &f->err);
    } else if (strcmp(slot, "check") == 0) {
        status = dvsi_source_check(source, &f->err);
    } else if (strcmp(slot, "fetch") == 0) {
        dvs_cell key = dvsi_cell_int64(3);
        dvs_fetch fetch = {(uint32_t)sizeof fetch, 0, "people", NULL, &key, 1, 1};
        dvsi_batch *batch = dvsi_batch_new(2);
        OK(f, dvsi_source_describe(source, "people", &schema, &f->err));
        status = dvsi_source_fetch(source, &fetch, &schema, batch, &f->err);
        dvsi_batch_free(batch);
    } else {
        result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
        status = r.status == DVS_END ? DVS_OK : r.status;
        result_free(&r);
    }
    dvsi_schema_free(&schema);
    dvsi_arena_free(&arena);
    return status;
}

static void test_every_slot(void **state)
{
    fixture *f = *state;
    static const char *const SLOTS[] = {"identity", "streams", "describe", "check", "fetch", "start", "pull"};
    size_t i;
    for (i = 0; i < sizeof SLOTS / sizeof SLOTS[0]; i++) {
        char script[600];
        json_t *lines;
        dvsi_source *source;
        snprintf(script, sizeof script, SCRIPT("{\"slot\":\"%s\",\"nth\":2,\"status\":\"throttled\"}"),
                 SLOTS[i]);
        source = open_source(f, script);
        log_clear(f);
        OK(f, call_slot(f, source, SLOTS[i]));
        assert_int_equal(call_slot(f, source, SLOTS[i]), DVS_E_THROTTLED);
        OK(f, call_slot(f, source, SLOTS[i]));
        lines = log_read(f);
        assert_string_equal(log_text(log_find(lines, SLOTS[i], 0), "status"),
                            strcmp(SLOTS[i], "pull") == 0 ? "end" : "ok");
        assert_string_equal(log_text(log_find(lines, SLOTS[i], 1), "status"), "throttled");
        json_decref(lines);
        dvsi_source_close(source);
    }
}

static void test_open(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(f, SCRIPT(""));
    static const char *const BAD[] = {"{", "{}", SCRIPT("{\"slot\":\"pull\",\"staus\":\"io\"}"),
                                      SCRIPT("{\"slot\":\"pull\",\"status\":\"ouch\"}"),
                                      "{\"streams\":{\"people\":{\"columns\":[],\"pagesize\":1}}}"};
    size_t i;
    dvsi_source_close(source);
    for (i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        write_file(f, "script.json", BAD[i]);
        assert_int_equal(dvsi_source_open(f->scripted, "crm", &f->settings, &f->services, &source, &f->err),
                         DVS_E_CONFIG);
        assert_null(source);
    }
    write_file(f, "script.json", SCRIPT("{\"slot\":\"open\",\"status\":\"auth\"}"));
    assert_int_equal(dvsi_source_open(f->scripted, "crm", &f->settings, &f->services, &source, &f->err),
                     DVS_E_AUTH);
}

/* A count in a file outlives the source, as it does the process. */
static void test_times_file(void **state)
{
    fixture *f = *state;
    int i;
    for (i = 0; i < 3; i++) {
        dvsi_source *source = open_source(
            f, SCRIPT("{\"slot\":\"start\",\"nth\":2,\"status\":\"io\",\"times_file\":\"count\"}"));
        result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
        assert_int_equal(r.status, i == 1 ? DVS_E_IO : DVS_END);
        result_free(&r);
        dvsi_source_close(source);
    }
}

static void test_mode(void **state)
{
    fixture *f = *state;
    dvsi_source *source =
        open_source(f, SCRIPT("{\"slot\":\"start\",\"mode\":\"cursor\",\"status\":\"resume\"}"));
    result full = read_all(f, source, DVS_READ_FULL, NULL, 0), r;
    assert_int_equal(full.status, DVS_END);
    r = read_all(f, source, DVS_READ_CURSOR, full.tokens[full.n_tokens - 1], 0);
    assert_int_equal(r.status, DVS_E_RESUME);
    result_free(&full);
    result_free(&r);
    dvsi_source_close(source);
}

typedef struct background {
    fixture *f;
    dvsi_source *source;
    dvsi_reader *reader;
    dvsi_batch *batch;
    dvsi_schema schema;
    dvs_error err;
    int32_t status;
    atomic_int done;
    pthread_t thread;
} background;

static void *pull_once(void *context)
{
    background *b = context;
    b->err.struct_size = (uint32_t)sizeof b->err;
    b->status = dvsi_reader_pull(b->reader, b->batch, &b->err);
    atomic_store(&b->done, 1);
    return NULL;
}

static void pull_in_background(fixture *f, dvsi_source *source, background *b)
{
    dvs_read read = a_read(DVS_READ_FULL, NULL, 0);
    memset(b, 0, sizeof *b);
    b->f = f;
    b->source = source;
    OK(f, dvsi_source_describe(source, "people", &b->schema, &f->err));
    b->batch = dvsi_batch_new(b->schema.n_columns);
    OK(f, dvsi_source_start(source, &read, &b->schema, NULL, &b->reader, &f->err));
    assert_int_equal(pthread_create(&b->thread, NULL, pull_once, b), 0);
}

static void wait_until_there(const fixture *f, const char *name)
{
    int i;
    for (i = 0; i < 2000 && !there(f, name); i++)
        pause_ms(5);
    assert_true(there(f, name));
}

static int32_t end_background(background *b)
{
    int32_t status;
    pthread_join(b->thread, NULL);
    status = b->status;
    dvsi_reader_stop(b->reader);
    dvsi_batch_free(b->batch);
    dvsi_schema_free(&b->schema);
    return status;
}

static void test_wait_for(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f,
        SCRIPT(
            "{\"slot\":\"pull\",\"after_rows\":40,\"times\":0,\"touch\":\"reached\",\"wait_for\":\"go\"}"));
    background b;
    json_t *lines;
    pull_in_background(f, source, &b);
    wait_until_there(f, "reached");
    pause_ms(30);
    assert_int_equal(atomic_load(&b.done), 0);
    lines = log_read(f);
    assert_int_equal(log_int(json_array_get(lines, json_array_size(lines) - 1), "rows"), 40);
    json_decref(lines);
    write_file(f, "go", "");
    assert_int_equal(end_background(&b), DVS_END);
    unlink(in_folder(f, "go"));
    unlink(in_folder(f, "reached"));
    pull_in_background(f, source, &b);
    wait_until_there(f, "reached");
    atomic_store(&f->cancelled, 1);
    assert_int_equal(end_background(&b), DVS_E_CANCELLED);
    dvsi_source_close(source);
}

static void test_hang_until_interrupted(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f, SCRIPT("{\"slot\":\"pull\",\"after_rows\":5,\"touch\":\"reached\",\"hang\":\"interrupt\"}"));
    background b;
    json_t *lines;
    pull_in_background(f, source, &b);
    wait_until_there(f, "reached");
    atomic_store(&f->cancelled, 1); /* does not impress it */
    pause_ms(50);
    assert_int_equal(atomic_load(&b.done), 0);
    dvsi_reader_interrupt(b.reader);
    assert_int_equal(end_background(&b), DVS_E_CANCELLED);
    lines = log_read(f);
    log_find(lines, "interrupt", 0);
    json_decref(lines);
    dvsi_source_close(source);
}

/* Kills itself; what it was asked until then is in the log. */
static void test_kill(void **state)
{
    fixture *f = *state;
    json_t *lines;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        dvsi_source *source = open_source(f, SCRIPT("{\"slot\":\"pull\",\"after_rows\":50,\"kill\":true}"));
        result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
        _exit(r.status == DVS_END ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == 9);
    lines = log_read(f);
    assert_string_equal(log_text(log_find(lines, "start", 0), "mode"), "full");
    assert_int_equal(log_int(json_array_get(lines, json_array_size(lines) - 1), "rows"), 50);
    json_decref(lines);
}

static void test_cancel(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(f, SCRIPT(""));
    result r;
    write_file(f, "script.json",
               "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1}],"
               "\"page_delay_ms\":60000,\"generate\":{\"rows\":10}}}}");
    atomic_store(&f->cancelled, 1);
    r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_E_CANCELLED);
    result_free(&r);
    write_file(f, "script.json",
               "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1}],"
               "\"ignore_cancel\":true,\"page_delay_ms\":20,\"generate\":{\"rows\":10}}}}");
    r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_END);
    assert_int_equal(r.n_rows, 10);
    result_free(&r);
    dvsi_source_close(source);
}

static void test_end_as_told(void **state)
{
    fixture *f = *state;
    dvsi_source *source = open_source(
        f, "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1}],"
           "\"end\":{\"complete\":0,\"token\":\"abc\",\"token_kind\":2},\"watermark_time\":\"2024-01-01T00:"
           "00:00Z\"}}}");
    result r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_END);
    assert_int_equal(r.end.complete, 0);
    assert_int_equal(r.end.token_kind, DVS_TOKEN_DELTA);
    assert_string_equal(r.tokens[0], "abc");
    assert_int_equal(r.end.watermark, INT64_C(1704067200000000));
    result_free(&r);
    write_file(f, "script.json",
               "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1}],"
               "\"end\":{\"omit\":true}}}}");
    r = read_all(f, source, DVS_READ_FULL, NULL, 0);
    assert_int_equal(r.status, DVS_E_ABI);
    result_free(&r);
    dvsi_source_close(source);
}

static void test_state_and_log(void **state)
{
    fixture *f = *state;
    json_t *lines, *start;
    int i;
    for (i = 0; i < 3; i++) {
        dvsi_source *source = open_source(
            f, "{\"streams\":{\"people\":{\"columns\":[{\"name\":\"id\",\"type\":\"int64\",\"key\":1},"
               "{\"name\":\"name\"}],\"capabilities\":[\"complete\",\"resume\"],\"checkpoint_every\":10,"
               "\"page_size\":30,\"generate\":{\"rows\":100}}}}");
        result r = read_all(f, source, DVS_READ_FULL, NULL, 0), again;
        again = read_all(f, source, DVS_READ_FULL, r.tokens[0], 1);
        result_free(&r);
        result_free(&again);
        dvsi_source_close(source);
    }
    assert_memory_equal(f->state, "3", 1);
    lines = log_read(f);
    start = log_find(lines, "start", 1);
    assert_true(json_is_true(json_object_get(start, "resume")));
    assert_non_null(strstr(log_text(start, "token"), "position"));
    assert_string_equal(json_string_value(json_array_get(json_object_get(start, "columns"), 1)), "name");
    assert_true(json_is_null(json_object_get(log_find(lines, "start", 0), "token")));
    assert_int_equal(log_int(log_find(lines, "pull", 0), "rows"), 30);
    assert_int_equal(json_array_size(json_object_get(log_find(lines, "pull", 0), "checkpoints")), 3);
    log_find(lines, "close", 2);
    json_decref(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fault_after_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed_mid_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_times_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wait_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hang_until_interrupted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end_as_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_state_and_log, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
