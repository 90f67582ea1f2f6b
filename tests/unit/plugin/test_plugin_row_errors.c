/* test_plugin_row_errors.c - what becomes of records that failed: values that do not fit, errors of the
 * plugin's own. */
#include "fake.h"

/* ---- Row errors ---- */

static int32_t bad_amount(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    assert_int_equal(put_five(host, out, text_cell("a\"b"), text_cell("x"), dvs_cell_make(DVS_INT64, 1),
                              decimal_cell("12,5"), dvs_cell_make(DVS_ABSENT, 0)),
                     DVS_PUT_ROW_ERROR);
    return DVS_OK;
}

static int32_t bad_amount_raw(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_five(host, out, text_cell("n"), text_cell("x"), dvs_cell_make(DVS_INT64, 1), decimal_cell("12,5"),
             json_cell("{\"amount\": \"12,5\"}"));
    return DVS_OK;
}

static int32_t bad_key_bad_raw(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_five(host, out, null_cell(), text_cell("\xff"), dvs_cell_make(DVS_INT64, 1), decimal_cell("1"),
             json_cell("{broken"));
    return DVS_OK;
}

static void a_bad_value_becomes_a_row_error(void **state)
{
    stage *s = stage_open(NULL, NULL);
    const dvsi_batch_error *e;

    (void)state;
    assert_int_equal(stage_pull(s, bad_amount), DVS_OK);
    assert_int_equal(s->batch->n_rows, 0);
    assert_int_equal(s->batch->n_errors, 1);
    e = s->batch->errors;
    assert_int_equal(e->number, 7);
    assert_string_equal(e->field, "amount");
    assert_string_equal(e->source_key,
                        "[\"1\",\"x\"]"); /* in the order of key_position, not of the columns */
    assert_string_equal(e->message, "the value is no decimal number of at most 1000 digits");
    assert_string_equal(e->record, "{\"name\":\"a\\\"b\",\"part2\":\"x\",\"part1\":1}");
    assert_int_equal(e->record_length, strlen(e->record));

    assert_int_equal(stage_pull(s, bad_amount_raw), DVS_OK);
    assert_string_equal(s->batch->errors->record, "{\"amount\": \"12,5\"}");

    assert_int_equal(stage_pull(s, bad_key_bad_raw), DVS_OK);
    assert_int_equal(s->batch->n_errors, 1);
    assert_string_equal(s->batch->errors->field, "part2"); /* the first bad one */
    assert_null(s->batch->errors->source_key);
    assert_string_equal(s->batch->errors->record, "{\"name\":null,\"part1\":1,\"amount\":\"1\"}");
    stage_close(s);
}

static int32_t own_errors(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    dvs_row_error e = {.struct_size = sizeof e,
                       .number = 3,
                       .source_key = "k\n1",
                       .field = "f",
                       .message = "two\nlines",
                       .record = "a\0b",
                       .record_length = 3};

    (void)err;
    assert_int_equal(host->put_error(host, out, &e), DVS_PUT_OK);
    e = (dvs_row_error){.struct_size = sizeof e};
    assert_int_equal(host->put_error(host, out, &e), DVS_PUT_OK);
    return DVS_OK;
}

static void errors_of_the_plugin_are_kept(void **state)
{
    stage *s = stage_open(NULL, NULL);
    const dvsi_batch_error *e;

    (void)state;
    assert_int_equal(stage_pull(s, own_errors), DVS_OK);
    e = s->batch->errors;
    assert_string_equal(e->source_key, "k\\n1");
    assert_string_equal(e->field, "f");
    assert_string_equal(e->message, "two\\nlines");
    assert_int_equal(e->record_length, 3);
    assert_memory_equal(e->record, "a\0b", 3);
    e = e->next;
    assert_string_equal(e->message, "plugin fake refused the record without a message");
    assert_null(e->field);
    assert_null(e->source_key);
    assert_null(e->record);
    stage_close(s);
}

/* ---- The usable cells of a failed record ---- */

static void bad_rows_keep_their_clean_cells(void **state)
{
    stage *s = stage_open(NULL, NULL);
    const dvs_cell *cells;

    (void)state;
    assert_int_equal(stage_pull(s, bad_amount), DVS_OK);
    cells = s->batch->errors->cells;
    assert_non_null(cells);
    assert_int_equal(cells[0].length, 3);
    assert_memory_equal(cells[0].v.text, "a\"b", 3);
    assert_memory_equal(cells[1].v.text, "x", 1);
    assert_true(cells[2].v.i64 == 1);
    assert_int_equal(cells[3].kind, DVS_ABSENT);
    assert_int_equal(cells[4].kind, DVS_ABSENT);

    assert_int_equal(stage_pull(s, bad_key_bad_raw), DVS_OK); /* two bad values in one row */
    cells = s->batch->errors->cells;
    assert_non_null(cells);
    assert_int_equal(cells[0].kind, DVS_NULL);
    assert_int_equal(cells[1].kind, DVS_ABSENT);
    assert_true(cells[2].v.i64 == 1);
    assert_memory_equal(cells[3].v.text, "1", 1);
    assert_int_equal(cells[4].kind, DVS_ABSENT);
    stage_close(s);
}

static int32_t only_bad_values(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    assert_int_equal(put_five(host, out, dvs_cell_make(DVS_ABSENT, 0), text_cell("\xff"),
                              dvs_cell_make(DVS_ABSENT, 0), decimal_cell("x"), json_cell("{")),
                     DVS_PUT_ROW_ERROR);
    return DVS_OK;
}

static void no_usable_cell_is_none(void **state)
{
    stage *s = stage_open(NULL, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, only_bad_values), DVS_OK);
    assert_int_equal(s->batch->n_errors, 1);
    assert_null(s->batch->errors->cells);
    stage_close(s);
}

/* The error that put_cells puts; struct_size 0: as long as dvs_row_error. */
static dvs_row_error error_put;

static int32_t put_cells(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    char name[] = "changes after the call";
    dvs_cell cells[5] = {text_cell(name), text_cell("\xff"), dvs_cell_make(DVS_INT64, 8),
                         decimal_cell("+01.50"), json_cell("{broken")};
    dvs_row_error e = error_put;
    int32_t answer;

    (void)err;
    if (e.struct_size == 0)
        e.struct_size = (uint32_t)sizeof e;
    if (e.cells == NULL)
        e.cells = cells;
    e.message = "is bad";
    answer = host->put_error(host, out, &e);
    memset(name, 'x', sizeof name - 1);
    return answer == DVS_PUT_FATAL ? DVS_E_ABI : DVS_OK;
}

static void errors_keep_what_is_usable(void **state)
{
    stage *s = stage_open(NULL, NULL);
    const dvs_cell *cells;

    (void)state;
    error_put = (dvs_row_error){.n_cells = 5, .number = 4};
    assert_int_equal(stage_pull(s, put_cells), DVS_OK);
    assert_int_equal(s->batch->n_errors, 1);
    assert_int_equal(s->batch->n_rows, 0);
    cells = s->batch->errors->cells;
    assert_non_null(cells);
    assert_memory_equal(cells[0].v.text, "changes after the call", 22);
    assert_int_equal(cells[1].kind, DVS_ABSENT);
    assert_true(cells[2].v.i64 == 8);
    assert_int_equal(cells[3].length, 3);
    assert_memory_equal(cells[3].v.text, "1.5", 3);
    assert_int_equal(cells[4].kind, DVS_ABSENT);
    stage_close(s);
}

static void cells_of_an_older_header_are_not_looked_for(void **state)
{
    stage *s = stage_open(NULL, NULL);

    (void)state;
    error_put = (dvs_row_error){.struct_size = offsetof(dvs_row_error, cells), .n_cells = 5};
    assert_int_equal(stage_pull(s, put_cells), DVS_OK);
    assert_null(s->batch->errors->cells);
    error_put = (dvs_row_error){.struct_size = offsetof(dvs_row_error, n_cells), .n_cells = 3};
    assert_int_equal(stage_pull(s, put_cells), DVS_OK);
    assert_null(s->batch->errors->cells);
    stage_close(s);
}

static void breach(const dvs_cell *cells, uint32_t n_cells, const char *message)
{
    stage *s = stage_open(NULL, NULL);

    error_put = (dvs_row_error){.cells = cells, .n_cells = n_cells};
    assert_int_equal(stage_pull(s, put_cells), DVS_E_ABI);
    assert_string_equal(s->err.message, message);
    assert_int_equal(s->batch->n_errors, 0);
    stage_close(s);
}

static void cells_of_an_error_obey_the_rules_of_rows(void **state)
{
    dvs_cell cells[6] = {{0}};

    (void)state;
    breach(cells, 4, "plugin fake: slot pull of things put an error of 4 cells, 5 columns were asked for");
    breach(cells, 6, "plugin fake: slot pull of things put an error of 6 cells, 5 columns were asked for");
    breach(cells, 0, "plugin fake: slot pull of things put an error of 0 cells, 5 columns were asked for");
    cells[2] = text_cell("1");
    breach(cells, 5,
           "plugin fake: slot pull of stream things put a cell of kind text for column part1, which is "
           "int64");
    cells[2] = dvs_cell_make(DVS_INT64, 1);
    cells[2].flags = DVS_CELL_MISTYPED;
    breach(cells, 5,
           "plugin fake: slot pull of stream things put a cell for column part1 with the flag MISTYPED, "
           "which is for sinks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_value_becomes_a_row_error),
        cmocka_unit_test(errors_of_the_plugin_are_kept),
        cmocka_unit_test(bad_rows_keep_their_clean_cells),
        cmocka_unit_test(no_usable_cell_is_none),
        cmocka_unit_test(errors_keep_what_is_usable),
        cmocka_unit_test(cells_of_an_older_header_are_not_looked_for),
        cmocka_unit_test(cells_of_an_error_obey_the_rules_of_rows),
    };
    return cmocka_run_group_tests_name("plugin_row_errors", tests, NULL, NULL);
}
