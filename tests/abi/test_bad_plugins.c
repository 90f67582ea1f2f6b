/*
 * test_bad_plugins.c - the host survives every plugin of bad/, and says what is wrong with it.
 *
 * Each one is taken through a whole life, as the run does it; the table says at which step it must fail and
 * with which message ("%" stands for the file's path, a "*" at the end for whatever follows). A step "done"
 * means that the plugin is acceptable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "plugin/host.h"

typedef struct life {
    const char *step; /* the one that failed; "done" */
    dvs_error err;
    uint32_t n_rows;
    uint32_t n_row_errors;
    uint32_t n_pulls;
    char row_errors[512];
} life;

typedef struct expectation {
    const char *name;
    const char *step;
    int32_t status;
    const char *message;
} expectation;

static int failed_at(life *l, const char *step, int32_t status)
{
    l->step = step;
    return status != DVS_OK && status != DVS_END;
}

static void note_rows(life *l, const dvsi_batch *batch)
{
    l->n_rows += batch->n_rows;
    l->n_row_errors += batch->n_errors;
    for (const dvsi_batch_error *e = batch->errors; e != NULL; e = e->next) {
        size_t at = strlen(l->row_errors);
        snprintf(l->row_errors + at, sizeof l->row_errors - at, "%s: %s: %s %s\n",
                 e->source_key != NULL ? e->source_key : "?", e->field, e->message, e->record);
    }
}

static void read_all(life *l, dvsi_source *source, const dvsi_schema *schema)
{
    dvs_read read = {.struct_size = sizeof read, .mode = DVS_READ_FULL, .stream = "things"};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    dvsi_batch *batch = dvsi_batch_new(schema->n_columns);
    int32_t status = DVS_OK;

    assert_non_null(batch);
    batch->max_rows = 100;
    if (failed_at(l, "start", dvsi_source_start(source, &read, schema, &progress, &reader, &l->err))) {
        assert_null(reader);
    } else {
        while (status == DVS_OK) {
            dvsi_batch_reset(batch, schema->n_columns);
            status = dvsi_reader_pull(reader, batch, &l->err);
            l->n_pulls++;
            note_rows(l, batch);
            assert_null(dvsi_reader_slot(reader));
        }
        if (!failed_at(l, "pull", status))
            l->step = "done";
    }
    dvsi_reader_stop(reader);
    dvsi_batch_free(batch);
}

static void live_source(life *l, const dvsi_plugin *plugin)
{
    dvsi_schema schema = {0};
    dvsi_arena arena = {0};
    dvsi_source *source = NULL;
    dvsi_stream *streams;
    const char *identity;
    uint32_t n;

    if (failed_at(l, "open", dvsi_source_open(plugin, "crm", NULL, NULL, &source, &l->err)))
        assert_null(source);
    else if (!failed_at(l, "identity", dvsi_source_identity(source, &arena, &identity, &l->err)) &&
             !failed_at(l, "streams", dvsi_source_streams(source, &arena, &streams, &n, &l->err)) &&
             !failed_at(l, "check", dvsi_source_check(source, &l->err)) &&
             !failed_at(l, "describe", dvsi_source_describe(source, "things", &schema, &l->err)))
        read_all(l, source, &schema);
    dvsi_source_close(source);
    dvsi_schema_free(&schema);
    dvsi_arena_free(&arena);
}

static void use_table(life *l, dvsi_sink *sink)
{
    static const dvs_column columns[] = {
        {.struct_size = sizeof columns[0], .kind = DVS_INT64, .name = "row_id"},
        {.struct_size = sizeof columns[0], .kind = DVS_TEXT, .name = "name"}};
    static const dvs_table table = {.struct_size = sizeof table,
                                    .n_columns = 2,
                                    .column_stride = sizeof columns[0],
                                    .id = 1,
                                    .name = "things",
                                    .columns = columns};
    const uint32_t positions[] = {0, 1};
    dvs_cell keys[2] = {{.kind = DVS_INT64}, {.kind = DVS_INT64}};
    dvs_lookup lookup = {.struct_size = sizeof lookup,
                         .n_columns = 2,
                         .table = &table,
                         .columns = positions,
                         .key_columns = positions,
                         .n_key_columns = 1,
                         .n_keys = 2,
                         .keys = keys,
                         .only_null = -1};
    int64_t gone = 1;
    dvs_write write = {.struct_size = sizeof write, .table = &table, .deletes = &gone, .n_deletes = 1};
    dvsi_batch *batch = dvsi_batch_new(2);

    assert_non_null(batch);
    if (!failed_at(l, "read", dvsi_sink_read(sink, &lookup, batch, &l->err)) &&
        !failed_at(l, "write", dvsi_sink_write(sink, &write, 1, &l->err)) &&
        !failed_at(l, "commit", dvsi_sink_commit(sink, &l->err)))
        l->step = "done";
    note_rows(l, batch);
    dvsi_batch_free(batch);
}

static void live_sink(life *l, const dvsi_plugin *plugin)
{
    dvsi_sink *sink = NULL;

    if (failed_at(l, "open", dvsi_sink_open(plugin, "p", NULL, 0, NULL, &sink, &l->err)))
        assert_null(sink);
    else if (!failed_at(l, "begin", dvsi_sink_begin(sink, &l->err)))
        use_table(l, sink);
    dvsi_sink_close(sink);
}

static life live(const char *name)
{
    const char *paths[] = {BAD_PLUGINS};
    dvsi_registry *registry = dvsi_registry_new(paths, 1);
    int is_sink = strncmp(name, "sink-", 5) == 0;
    const dvsi_plugin *plugin = NULL;
    life l = {.err = DVS_ERROR_INIT};

    assert_non_null(registry);
    if (failed_at(&l, "load",
                  dvsi_registry_load(registry, is_sink ? name + 5 : name,
                                     is_sink ? DVSI_PLUGIN_SINK : DVSI_PLUGIN_SOURCE, &plugin, &l.err)))
        assert_null(plugin);
    else if (is_sink)
        live_sink(&l, plugin);
    else
        live_source(&l, plugin);
    dvsi_registry_free(registry);
    return l;
}

static const expectation expectations[] = {
#include "expected.inc"
};

static void check_one(const expectation *e)
{
    char expected[DVS_ERROR_MESSAGE_SIZE + 512] = "", path[256] = "";
    const char *rest = e->message;
    size_t length;
    life l = live(e->name);

    if (rest[0] == '%') {
        snprintf(path, sizeof path, "%s/dvsync-%s%s.so", BAD_PLUGINS,
                 strncmp(e->name, "sink-", 5) == 0 ? "" : "source-", e->name);
        rest++;
    }
    snprintf(expected, sizeof expected, "%s%s", path, rest);
    length = strlen(expected);
    if (length > 0 && expected[length - 1] == '*') {
        expected[length - 1] = '\0';
        l.err.message[length - 1] = '\0';
    }
    if (strcmp(l.step, e->step) != 0 || l.err.status != e->status || strcmp(l.err.message, expected) != 0)
        fail_msg("%s: at %s, status %d: %s", e->name, l.step, (int)l.err.status, l.err.message);
}

static void every_bad_plugin_gives_its_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++)
        check_one(&expectations[i]);
}

/* A plugin that nobody expects anything of is not tested. */
static void every_file_is_expected(void **state)
{
    char command[512], line[256];
    uint32_t n = 0;
    FILE *list;

    (void)state;
    snprintf(command, sizeof command, "ls '%s'", BAD_PLUGINS);
    list = popen(command, "r");
    assert_non_null(list);
    while (fgets(line, sizeof line, list) != NULL) {
        int known = 0;
        for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
            char base[128];
            snprintf(base, sizeof base, "dvsync-%s%s.so\n",
                     strncmp(expectations[i].name, "sink-", 5) == 0 ? "" : "source-", expectations[i].name);
            known |= strcmp(base, line) == 0;
        }
        if (!known)
            fail_msg("no expectation for %s", line);
        n++;
    }
    pclose(list);
    assert_int_equal(n, sizeof expectations / sizeof expectations[0]);
}

static void bad_text_is_a_row_error(void **state)
{
    life l = live("bad-utf8");

    (void)state;
    assert_string_equal(l.step, "done");
    assert_int_equal(l.n_rows, 2);
    assert_int_equal(l.n_row_errors, 2);
    assert_string_equal(l.row_errors, "1: name: the value is not valid UTF-8 {\"id\":1}\n"
                                      "2: name: the value holds a NUL character {\"id\":2}\n");
}

static void an_error_is_put_in_order(void **state)
{
    life binary = live("binary-message"), row = live("row-scope"), bare = live("no-message");

    (void)state;
    assert_int_equal(binary.err.scope, DVS_SCOPE_STREAM); /* it said 99 */
    assert_int_equal(binary.err.retry_after_ms, 0);       /* it said -5 */
    assert_null(strchr(binary.err.message, '\n'));
    assert_true(strlen(binary.err.message) < sizeof binary.err.message);
    assert_int_equal(row.err.scope, DVS_SCOPE_STREAM);
    assert_int_equal(bare.err.scope, DVS_SCOPE_STREAM);
}

static void endless_pulls_end(void **state)
{
    life l = live("empty-pulls");

    (void)state;
    assert_int_equal(l.n_pulls, 1000);
}

/* A few rows more than the batch holds are taken, then it is over. */
static void a_full_batch_stays_bounded(void **state)
{
    life l = live("past-full");

    (void)state;
    assert_true(l.n_rows >= 100 && l.n_rows <= 200);
}

static void the_good_ones_deliver(void **state)
{
    life source = live("good"), sink = live("sink-good");

    (void)state;
    assert_int_equal(source.n_rows, 2);
    assert_int_equal(source.n_row_errors, 0);
    assert_int_equal(sink.n_rows, 1);
}

static void wide_options_are_read_by_their_stride(void **state)
{
    const char *paths[] = {BAD_PLUGINS};
    dvsi_registry *registry = dvsi_registry_new(paths, 1);
    const dvsi_plugin *plugin = NULL;

    (void)state;
    assert_int_equal(dvsi_registry_load(registry, "wide-options", DVSI_PLUGIN_SOURCE, &plugin, NULL), DVS_OK);
    assert_int_equal(plugin->source.option_stride, sizeof(dvs_option));
    assert_int_equal(plugin->source.n_options, 2);
    assert_string_equal(plugin->source.options[0].name, "url");
    assert_string_equal(plugin->source.options[1].name, "size");
    assert_string_equal(plugin->source.options[1].default_value, "7");
    assert_int_equal(plugin->source.options[1].struct_size, sizeof(dvs_option));
    dvsi_registry_free(registry);
}

/* ---- A slot that ignores cancel ---- */

typedef struct waiting {
    dvsi_reader *reader;
    dvsi_batch *batch;
    int32_t status;
    atomic_int finished;
} waiting;

static void *pull_once(void *context)
{
    waiting *w = context;
    w->status = dvsi_reader_pull(w->reader, w->batch, NULL);
    atomic_store(&w->finished, 1);
    return NULL;
}

static void pause_ms(long ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

static void a_slot_that_ignores_cancel_is_named(void **state)
{
    const char *paths[] = {BAD_PLUGINS};
    dvsi_registry *registry = dvsi_registry_new(paths, 1);
    atomic_int cancelled = 0;
    dvsi_services services = {.cancelled = &cancelled};
    dvs_read read = {.struct_size = sizeof read, .mode = DVS_READ_FULL, .stream = "things"};
    const dvsi_plugin *plugin = NULL;
    dvsi_source *source = NULL;
    dvsi_schema schema = {0};
    dvs_error err = DVS_ERROR_INIT;
    waiting w = {0};
    pthread_t thread;

    (void)state;
    assert_int_equal(dvsi_registry_load(registry, "ignores-cancel", DVSI_PLUGIN_SOURCE, &plugin, &err),
                     DVS_OK);
    assert_int_equal(dvsi_source_open(plugin, "crm", NULL, &services, &source, &err), DVS_OK);
    assert_int_equal(dvsi_source_describe(source, "things", &schema, &err), DVS_OK);
    assert_int_equal(dvsi_source_start(source, &read, &schema, NULL, &w.reader, &err), DVS_OK);
    w.batch = dvsi_batch_new(schema.n_columns);
    assert_int_equal(dvsi_reader_overdue(w.reader, 0, &err), DVS_OK);
    assert_int_equal(pthread_create(&thread, NULL, pull_once, &w), 0);
    pause_ms(200);
    atomic_store(&cancelled, 1);
    dvsi_reader_interrupt(w.reader);
    pause_ms(200);
    assert_int_equal(atomic_load(&w.finished), 0);
    assert_string_equal(dvsi_reader_slot(w.reader), "pull");
    assert_int_equal(dvsi_reader_overdue(w.reader, 200000, &err), DVS_E_ABI);
    assert_string_equal(err.message,
                        "plugin ignores-cancel: slot pull of source crm, stream things, has not returned "
                        "200 ms after it was asked to stop; its thread was left behind (a slot that "
                        "waits polls host->cancelled)");
    assert_int_equal(err.scope, DVS_SCOPE_SOURCE);

    /* This one comes back after all; a run would have left it. */
    pthread_join(thread, NULL);
    assert_null(dvsi_reader_slot(w.reader));
    dvsi_reader_stop(w.reader);
    dvsi_source_close(source);
    dvsi_batch_free(w.batch);
    dvsi_schema_free(&schema);
    dvsi_registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_plugin_gives_its_error),
        cmocka_unit_test(every_file_is_expected),
        cmocka_unit_test(bad_text_is_a_row_error),
        cmocka_unit_test(an_error_is_put_in_order),
        cmocka_unit_test(endless_pulls_end),
        cmocka_unit_test(a_full_batch_stays_bounded),
        cmocka_unit_test(the_good_ones_deliver),
        cmocka_unit_test(wide_options_are_read_by_their_stride),
        cmocka_unit_test(a_slot_that_ignores_cancel_is_named),
    };
    return cmocka_run_group_tests_name("bad_plugins", tests, NULL, NULL);
}
