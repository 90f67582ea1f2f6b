/* test_plugin_rows.c - what becomes of rows and checkpoints that a plugin pushes. */
#include "fake.h"

/* ---- Good rows ---- */

static int32_t good_row(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    char name[] = "changes after the call";

    (void)err;
    assert_int_equal(put_five(host, out, text_cell(name), null_cell(), dvs_cell_make(DVS_INT64, INT64_MIN),
                              decimal_cell("+01.50"), dvs_cell_make(DVS_ABSENT, 0)),
                     DVS_PUT_OK);
    memset(name, 'x', sizeof name - 1);
    return DVS_OK;
}

static void rows_are_copied_and_cleaned(void **state)
{
    stage *s = stage_open(NULL, NULL);
    const dvs_cell *cells;

    (void)state;
    assert_int_equal(fake_read.n_columns, 5);
    assert_string_equal(fake_read.columns[2], "part1");
    assert_int_equal(stage_pull(s, good_row), DVS_OK);
    assert_int_equal(s->batch->n_rows, 1);
    assert_int_equal(s->batch->rows[0].number, 7);
    cells = dvsi_batch_cells(s->batch, 0);
    assert_memory_equal(cells[0].v.text, "changes after the call", 22);
    assert_int_equal(cells[1].kind, DVS_NULL);
    assert_true(cells[2].v.i64 == INT64_MIN);
    assert_int_equal(cells[3].length, 3);
    assert_memory_equal(cells[3].v.text, "1.5", 3);
    assert_int_equal(cells[4].kind, DVS_ABSENT);
    stage_close(s);
}

static int32_t tombstone(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    dvs_cell cells[5] = {{0}, text_cell("b"), dvs_cell_make(DVS_INT64, 1), {0}, {0}};
    dvs_row row = {.struct_size = sizeof row, .flags = DVS_ROW_TOMBSTONE, .n_cells = 5, .cells = cells};

    (void)err;
    assert_int_equal(host->put_row(host, out, &row), DVS_PUT_OK);
    return DVS_OK;
}

static void tombstones_belong_to_pull(void **state)
{
    stage *s = stage_open(NULL, NULL);
    const dvs_cell keys[4] = {{0}};
    dvs_fetch fetch = {
        .struct_size = sizeof fetch, .stream = "things", .keys = keys, .n_keys = 2, .n_key = 2};

    (void)state;
    assert_int_equal(stage_pull(s, tombstone), DVS_OK);
    assert_int_equal(s->batch->rows[0].flags, DVS_ROW_TOMBSTONE);
    fake_next = good_row;
    assert_int_equal(dvsi_source_fetch(s->source, &fetch, &s->schema, s->batch, &s->err), DVS_OK);
    assert_int_equal(s->batch->n_rows, 2);
    stage_close(s);
}

/* ---- Full, cancelled ---- */

static int32_t answers[8];

static int32_t four_rows(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    for (int i = 0; i < 4; i++)
        answers[i] = put_five(host, out, text_cell("n"), text_cell("x"), dvs_cell_make(DVS_INT64, i),
                              decimal_cell(i == 2 ? "bad" : "1"), null_cell());
    return DVS_OK;
}

static void the_answer_tells_when_the_batch_is_full(void **state)
{
    stage *s = stage_open(NULL, NULL);

    (void)state;
    s->batch->max_rows = 2;
    assert_int_equal(stage_pull(s, four_rows), DVS_OK);
    assert_int_equal(answers[0], DVS_PUT_OK);
    assert_int_equal(answers[1], DVS_PUT_FULL);
    assert_int_equal(answers[2], DVS_PUT_FULL); /* a refused row, but it is time to return */
    assert_int_equal(s->batch->n_rows, 3);
    assert_int_equal(s->batch->n_errors, 1);
    stage_close(s);
}

static int32_t own_errors_only(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    static char record[4000];
    dvs_row_error e = {
        .struct_size = sizeof e, .message = "no", .record = record, .record_length = sizeof record};
    int32_t answer = DVS_PUT_OK;

    for (int i = 0; i < 10000 && answer == DVS_PUT_OK; i++)
        answer = host->put_error(host, out, &e);
    (void)err;
    return answer == DVS_PUT_FULL ? DVS_OK : DVS_E_INTERNAL;
}

static void errors_alone_fill_a_batch_too(void **state)
{
    stage *s = stage_open(NULL, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, own_errors_only), DVS_OK);
    assert_in_range(s->batch->n_errors, 200, 300);
    stage_close(s);
}

static void the_answer_tells_when_to_stop(void **state)
{
    atomic_int cancelled = 1;
    dvsi_services services = {.cancelled = &cancelled};
    stage *s = stage_open(&services, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, four_rows), DVS_OK);
    assert_int_equal(answers[0], DVS_PUT_CANCELLED);
    atomic_store(&cancelled, 0);
    assert_int_equal(stage_pull(s, four_rows), DVS_OK);
    assert_int_equal(answers[0], DVS_PUT_OK);
    stage_close(s);
}

/* ---- Checkpoints ---- */

static int32_t put_point(const dvs_host *host, dvs_out *out, uint32_t type, uint32_t kind, const char *token)
{
    dvs_checkpoint c = {.struct_size = sizeof c,
                        .type = type,
                        .token_kind = kind,
                        .complete = 5,
                        .token_length = strlen(token),
                        .token = (const uint8_t *)token,
                        .watermark = 12};
    return host->put_checkpoint(host, out, &c);
}

static int32_t position_then_row(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    good_row(host, out, err);
    assert_int_equal(put_point(host, out, DVS_CHECKPOINT_POSITION, 0, "p1"), DVS_PUT_OK);
    return good_row(host, out, err);
}

static int32_t end_only(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    assert_int_equal(put_point(host, out, DVS_CHECKPOINT_END, DVS_TOKEN_DELTA, "next"), DVS_PUT_OK);
    return DVS_OK;
}

static int32_t nothing(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)host;
    (void)out;
    (void)err;
    return DVS_END;
}

static void checkpoints_say_what_they_cover(void **state)
{
    stage *s = stage_open(NULL, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, position_then_row), DVS_OK);
    assert_int_equal(s->batch->has_checkpoint, 1);
    assert_int_equal(s->batch->checkpoint_rows, 1);
    assert_int_equal(s->batch->checkpoint.token_length, 2);
    assert_int_equal(stage_pull(s, end_only), DVS_OK);
    assert_int_equal(s->batch->checkpoint.complete, 1);
    assert_int_equal(s->batch->checkpoint.token_kind, DVS_TOKEN_DELTA);
    assert_memory_equal(s->batch->checkpoint.token, "next", 4);
    /* The end may come with a later pull than its checkpoint. */
    assert_int_equal(stage_pull(s, nothing), DVS_END);
    assert_int_equal(stage_pull(s, nothing), DVS_E_INTERNAL);
    stage_close(s);
}

static int32_t fail_throttled(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)host;
    (void)out;
    err->retry_after_ms = 1500;
    err->native_code = 429;
    return dvs_fail(err, DVS_E_THROTTLED, DVS_SCOPE_SOURCE, "the server asked for a pause");
}

static void a_failure_comes_through_and_ends_the_reader(void **state)
{
    stage *s = stage_open(NULL, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, fail_throttled), DVS_E_THROTTLED);
    assert_string_equal(s->err.message, "the server asked for a pause");
    assert_int_equal(s->err.status, DVS_E_THROTTLED);
    assert_int_equal(s->err.scope, DVS_SCOPE_SOURCE);
    assert_int_equal(s->err.retry_after_ms, 1500);
    assert_int_equal(s->err.native_code, 429);
    assert_int_equal(stage_pull(s, good_row), DVS_E_INTERNAL);
    stage_close(s);
}

static int32_t many_rows(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    for (int i = 0; i < 3; i++) {
        good_row(host, out, err);
    }
    return DVS_OK;
}

static int32_t one_tombstone(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    static const dvs_cell cells[5];
    dvs_row row = {.struct_size = sizeof row, .flags = DVS_ROW_TOMBSTONE, .n_cells = 5, .cells = cells};

    (void)err;
    assert_int_equal(host->put_row(host, out, &row), DVS_PUT_FATAL);
    return DVS_OK;
}

static int32_t third_row_is_too_many(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    static const dvs_cell cells[5];
    dvs_row row = {.struct_size = sizeof row, .n_cells = 5, .cells = cells};

    (void)err;
    assert_int_equal(host->put_row(host, out, &row), DVS_PUT_OK);
    assert_int_equal(host->put_row(host, out, &row), DVS_PUT_OK);
    assert_int_equal(host->put_row(host, out, &row), DVS_PUT_FATAL);
    return DVS_OK;
}

static void fetch_answers_what_was_asked(void **state)
{
    stage *s = stage_open(NULL, NULL);
    const dvs_cell keys[6] = {{0}};
    dvs_fetch fetch = {
        .struct_size = sizeof fetch, .stream = "things", .keys = keys, .n_keys = 3, .n_key = 2};

    (void)state;
    s->batch->max_rows = 1; /* a fetch is never full: what it left out would be lost */
    fake_next = many_rows;
    assert_int_equal(dvsi_source_fetch(s->source, &fetch, &s->schema, s->batch, &s->err), DVS_OK);
    assert_int_equal(s->batch->n_rows, 3);
    fake_next = one_tombstone;
    assert_int_equal(dvsi_source_fetch(s->source, &fetch, &s->schema, s->batch, &s->err), DVS_E_ABI);
    assert_string_equal(s->err.message,
                        "plugin fake: slot fetch of things put a tombstone, which only pull may");
    fetch.n_keys = 2;
    fake_next = third_row_is_too_many;
    assert_int_equal(dvsi_source_fetch(s->source, &fetch, &s->schema, s->batch, &s->err), DVS_E_ABI);
    assert_string_equal(s->err.message,
                        "plugin fake: slot fetch of things put more than the 2 rows asked for");
    stage_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_copied_and_cleaned),
        cmocka_unit_test(tombstones_belong_to_pull),
        cmocka_unit_test(the_answer_tells_when_the_batch_is_full),
        cmocka_unit_test(errors_alone_fill_a_batch_too),
        cmocka_unit_test(the_answer_tells_when_to_stop),
        cmocka_unit_test(checkpoints_say_what_they_cover),
        cmocka_unit_test(a_failure_comes_through_and_ends_the_reader),
        cmocka_unit_test(fetch_answers_what_was_asked),
    };
    return cmocka_run_group_tests_name("plugin_rows", tests, NULL, NULL);
}
