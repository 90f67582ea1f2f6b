/* Reports through the library: what the command line cannot bring about, such as a run that another process
 * holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/report.h"
#include "data/cell.h"

#define RUN "01900000-0000-7000-8000-000000000001"

typedef struct fixture {
    char folder[64];
    dvs_context *context;
    dvs_project *project;
    dvsi_view *holder; /* holds the lock, as a run of another process would */
} fixture;

static void write_file(const fixture *f, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    static const char *const paths[] = {BUILD_PLUGINS};
    dvs_context_options options = DVS_CONTEXT_OPTIONS_INIT;
    dvs_error err = DVS_ERROR_INIT;
    char path[128];
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->folder, sizeof f->folder, "/tmp/dvsync-reports-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    options.plugin_paths = paths;
    options.n_plugin_paths = 1;
    assert_int_equal(dvs_context_new(&options, &f->context, &err), DVS_OK);
    write_file(f, "p.yaml",
               "name: p\n"
               "sources: {s: {plugin: csv, settings: {path: t.csv}}}\n"
               "sink: {plugin: sqlite, settings: {path: p.db}}\n"
               "options: {deletes: hard, max_delete: 100%}\n"
               "entities: [{name: t, key: [id]}]\n");
    snprintf(path, sizeof path, "%s/p.yaml", f->folder);
    if (dvs_project_open_file(f->context, path, &f->project, NULL, &err) != DVS_OK)
        fail_msg("%s", err.message);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[128];
    dvsi_view_free(f->holder);
    dvs_project_free(f->project);
    dvs_context_free(f->context);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void sync_once(fixture *f, const char *csv)
{
    dvs_result *result = NULL;
    dvs_error err = DVS_ERROR_INIT;
    write_file(f, "t.csv", csv);
    if (dvs_sync(f->project, NULL, &result, &err) != DVS_OK)
        fail_msg("%s", err.message);
    if (dvs_result_exit_code(result) != 0)
        fail_msg("%s", dvs_result_json(result));
    dvs_result_free(result);
}

/* The report holds the text. */
static void expect(dvs_report *report, int exit_code, const char *text)
{
    assert_non_null(report);
    assert_int_equal(dvs_report_exit_code(report), exit_code);
    if (strstr(dvs_report_json(report), text) == NULL)
        fail_msg("no %s in %s", text, dvs_report_json(report));
}

static void expect_status(fixture *f, const char *text)
{
    dvs_report *report = NULL;
    assert_int_equal(dvs_status(f->project, &report, NULL), DVS_OK);
    expect(report, 0, text);
    dvs_report_free(report);
}

/* A run that goes on: its rows are there, and the lock is held. */
static void begin_run(fixture *f)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_view_request request = dvsi_report_request(f->project, 0);
    dvs_cell run[DVSI_N_RUNS] = {{0}};
    dvs_cell lock[DVSI_N_LOCKS] = {{0}};
    run[DVSI_RUNS_RUN_ID] = lock[DVSI_LOCKS_RUN_ID] = dvsi_cell_text(RUN);
    run[DVSI_RUNS_STATUS] = dvsi_cell_text("running");
    run[DVSI_RUNS_STARTED_AT] = lock[DVSI_LOCKS_ACQUIRED_AT] = dvsi_cell_timestamp(1000000);
    lock[DVSI_LOCKS_PID] = dvsi_cell_int64(4711);
    lock[DVSI_LOCKS_CANCEL_REQUESTED] = dvsi_cell_bool(0);
    assert_int_equal(dvsi_view_new(&request, &f->holder, &err), DVS_OK);
    assert_int_equal(dvsi_books_insert(&f->holder->run->books, DVSI_BOOK_RUNS, run, 1, NULL, &err), DVS_OK);
    assert_int_equal(dvsi_books_insert(&f->holder->run->books, DVSI_BOOK_LOCKS, lock, 1, NULL, &err), DVS_OK);
    assert_int_equal(dvsi_view_end(f->holder, &err), DVS_OK);
    assert_int_equal(dvsi_sink_lock(f->holder->run->sink, &err), DVS_OK);
}

static int cancel_requested(fixture *f)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_view *view = NULL;
    dvsi_view_request request = dvsi_report_request(f->project, DVS_SINK_READ_ONLY);
    assert_int_equal(dvsi_view_new(&request, &view, &err), DVS_OK);
    assert_int_equal(view->lock->n_rows, 1);
    int requested = view->lock->cells[DVSI_LOCKS_CANCEL_REQUESTED].v.i64 == 1;
    dvsi_view_free(view);
    return requested;
}

static void test_a_run_that_goes_on(void **state)
{
    fixture *f = *state;
    dvs_report *report = NULL;
    sync_once(f, "id,a\n1,x\n");
    begin_run(f);
    expect_status(f, "\"state\":\"syncing\"");
    expect_status(f, "\"running\":{\"run_id\":\"" RUN "\",\"pid\":4711,");
    expect_status(f, "\"last_run\":{\"run_id\":\"01");
    assert_int_equal(dvs_history_clear(f->project, 0, NULL, &report, NULL), DVS_OK);
    expect(report, 0, "\"removed\":1");
    dvs_report_free(report);
    assert_int_equal(dvs_history(f->project, NULL, &report, NULL), DVS_OK);
    expect(report, 0, "\"runs\":[{\"run_id\":\"" RUN "\",\"status\":\"running\"");
    dvs_report_free(report);
    assert_false(cancel_requested(f));
    assert_int_equal(dvs_cancel(f->project, 0, &report, NULL), DVS_OK);
    expect(report, 0, "\"requested\":true,\"stopped\":false,\"run_id\":\"" RUN "\",\"pid\":4711");
    dvs_report_free(report);
    assert_true(cancel_requested(f));
    assert_int_equal(dvs_cancel(f->project, 120000, &report, NULL), DVS_OK);
    expect(report, 1, "\"requested\":true,\"stopped\":false");
    dvs_report_free(report);
}

static void test_a_run_without_a_process(void **state)
{
    fixture *f = *state;
    dvs_report *report = NULL;
    sync_once(f, "id,a\n1,x\n");
    begin_run(f);
    dvsi_view_free(f->holder); /* with the lock */
    f->holder = NULL;
    expect_status(f, "\"state\":\"error\",\"reason\":\"owner gone");
    expect_status(f, "\"running\":null");
    expect_status(f, "\"last_run\":{\"run_id\":\"" RUN "\",\"status\":\"failed (owner gone)\"");
    assert_int_equal(dvs_stats(f->project, &report, NULL), DVS_OK);
    expect(report, 0, "\"runs\":{\"completed\":1,\"failed\":1}");
    dvs_report_free(report);
    assert_int_equal(dvs_cancel(f->project, -1, &report, NULL), DVS_OK);
    expect(report, 0, "\"requested\":false,\"stopped\":true");
    dvs_report_free(report);
    assert_int_equal(dvs_history_clear(f->project, 1, NULL, &report, NULL), DVS_OK);
    expect(report, 0, "\"removed\":1");
    dvs_report_free(report);
    assert_int_equal(dvs_history(f->project, NULL, &report, NULL), DVS_OK);
    expect(report, 0, "\"runs\":[{\"run_id\":\"" RUN "\",\"status\":\"failed (owner gone)\"");
    dvs_report_free(report);
    sync_once(f, "id,a\n1,y\n");
    expect_status(f, "\"state\":\"idle\"");
}

static int32_t ask_lineage(fixture *f, const char *key, const char *field, uint32_t history,
                           dvs_report **report, dvs_error *err)
{
    const char *const values[] = {key};
    dvs_lineage_options options = {(uint32_t)sizeof options, 1, "t", NULL, values, field, history, 0};
    return dvs_lineage(f->project, &options, report, err);
}

/* A value is what the next change found; before a record that was deleted, nothing is known of it any
 * more. */
static void test_the_story_of_a_record(void **state)
{
    fixture *f = *state;
    dvs_report *report = NULL;
    sync_once(f, "id,a\n1,first\n2,x\n");
    sync_once(f, "id,a\n1,second\n2,x\n");
    sync_once(f, "id,a\n2,x\n");
    assert_int_equal(ask_lineage(f, "1", "a", 0, &report, NULL), DVS_OK);
    expect(report, 0, "\"value\":null,\"previous_value\":\"first\"");
    dvs_report_free(report);
    sync_once(f, "id,a\n1,third\n2,x\n");
    sync_once(f, "id,a\n1,fourth\n2,x\n");
    assert_int_equal(ask_lineage(f, "1", NULL, 1, &report, NULL), DVS_OK);
    static const char *const steps[] = {
        "\"changes\":[{\"field\":\"id\",\"previous_value\":null,\"new_value\":null,",
        "{\"field\":\"a\",\"previous_value\":null,\"new_value\":\"first\",",
        "{\"field\":\"a\",\"previous_value\":\"first\",\"new_value\":\"second\",",
        "{\"field\":null,",
        "{\"field\":\"id\",\"previous_value\":null,\"new_value\":\"1\",",
        "{\"field\":\"a\",\"previous_value\":null,\"new_value\":\"third\",",
        "{\"field\":\"a\",\"previous_value\":\"third\",\"new_value\":\"fourth\","};
    const char *at = dvs_report_json(report);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const char *found = strstr(at, steps[i]);
        if (found == NULL)
            fail_msg("no %s behind the others in %s", steps[i], dvs_report_json(report));
        at = found + 1;
    }
    expect(report, 0, "{\"field\":\"a\",\"value\":\"fourth\",\"previous_value\":\"third\",\"source\":\"s\"");
    dvs_report_free(report);
}

static void test_wrong_use(void **state)
{
    fixture *f = *state;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    assert_int_equal(ask_lineage(f, "1", NULL, 0, &report, &err), DVS_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "never synced"));
    sync_once(f, "id,a\n1,x\n");
    assert_int_equal(ask_lineage(f, "", NULL, 0, &report, NULL), DVS_E_NOT_FOUND);
    assert_int_equal(ask_lineage(f, "1", "b", 0, &report, NULL), DVS_E_USAGE);
    assert_int_equal(dvs_lineage(f->project, NULL, &report, NULL), DVS_E_USAGE);
    assert_int_equal(dvs_history_clear(f->project, 0, "soon", &report, NULL), DVS_E_USAGE);
    assert_int_equal(dvs_validate(f->context, f->folder, "p", "p.yaml", &report, NULL), DVS_E_USAGE);
    assert_int_equal(dvs_validate(f->context, f->folder, NULL, NULL, &report, NULL), DVS_E_USAGE);
    assert_int_equal(dvs_validate(f->context, f->folder, "q", NULL, &report, NULL), DVS_E_CONFIG);
    assert_int_equal(dvs_plugin_info(f->context, "csvv", &report, &err), DVS_E_NOT_FOUND);
    assert_null(report);
    dvs_project_stop(f->project, DVS_STOP_INTERRUPT); /* meant for the sync that has ended */
    expect_status(f, "\"state\":\"idle\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_that_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_run_without_a_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_story_of_a_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_use, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
