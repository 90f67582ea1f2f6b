/* test_batch.c - batches are bounded, reused without malloc, and keep what they were given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/failing_malloc.h"
#include "data/batch.h"
#include "data/cell.h"

static void rows_keep_their_cells(void **state)
{
    dvsi_batch *batch = dvsi_batch_new(3);

    (void)state;
    assert_non_null(batch);
    for (uint32_t i = 0; i < 1000; i++) {
        dvs_cell *cells = dvsi_batch_add(batch, i + 1, i % 7 == 0 ? DVS_ROW_TOMBSTONE : 0);
        dvs_cell text = dvsi_cell_text("some text");

        assert_non_null(cells);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(cells[k].kind, DVS_ABSENT);
        cells[0] = dvsi_cell_int64(i);
        assert_null(dvsi_cell_clean(&batch->arena, DVS_TEXT, &text, &cells[1]));
    }
    assert_int_equal(batch->n_rows, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        const dvs_cell *cells = dvsi_batch_cells(batch, i);

        assert_int_equal(cells[0].v.i64, i);
        assert_string_equal(cells[1].v.text, "some text");
        assert_int_equal(cells[2].kind, DVS_ABSENT);
        assert_int_equal(batch->rows[i].number, i + 1);
        assert_int_equal(batch->rows[i].flags, i % 7 == 0 ? DVS_ROW_TOMBSTONE : 0);
    }
    dvsi_batch_drop_last(batch);
    assert_int_equal(batch->n_rows, 999);
    dvsi_batch_add(batch, 5, 0);
    assert_int_equal(dvsi_batch_cells(batch, 999)[0].kind, DVS_ABSENT);
    dvsi_batch_free(batch);
    dvsi_batch_free(NULL);
}

static void full_by_rows_or_bytes(void **state)
{
    dvsi_batch *batch = dvsi_batch_new(2);
    size_t before;

    (void)state;
    assert_false(dvsi_batch_full(batch));
    batch->max_rows = 10;
    for (int i = 0; i < 10; i++) {
        assert_false(dvsi_batch_full(batch));
        dvsi_batch_add(batch, 1, 0);
    }
    assert_true(dvsi_batch_full(batch));
    dvsi_batch_reset(batch, 2);
    assert_false(dvsi_batch_full(batch));
    batch->max_rows = DVSI_BATCH_ROWS;
    before = dvsi_batch_bytes(batch);
    dvsi_batch_add(batch, 1, 0);
    assert_true(dvsi_batch_bytes(batch) >= before + 2 * sizeof(dvs_cell));
    before = dvsi_batch_bytes(batch);
    dvsi_arena_alloc(&batch->arena, 1000);
    assert_true(dvsi_batch_bytes(batch) >= before + 1000);
    dvsi_arena_alloc(&batch->arena, DVSI_BATCH_BYTES);
    assert_true(dvsi_batch_full(batch));
    /* However little room there is, one row always fits. */
    dvsi_batch_reset(batch, 2);
    batch->max_bytes = 1;
    assert_false(dvsi_batch_full(batch));
    dvsi_arena_alloc(&batch->arena, 100);
    assert_false(dvsi_batch_full(batch));
    dvsi_batch_add(batch, 1, 0);
    assert_true(dvsi_batch_full(batch));
    dvsi_batch_free(batch);
}

static dvs_row_error some_error(uint64_t number, const char *source_key, const char *field,
                                const char *message, const char *record, uint64_t record_length)
{
    dvs_row_error error;

    memset(&error, 0, sizeof error);
    error.struct_size = (uint32_t)sizeof error;
    error.number = number;
    error.source_key = source_key;
    error.field = field;
    error.message = message;
    error.record = record;
    error.record_length = record_length;
    return error;
}

static void errors_and_checkpoints(void **state)
{
    char record[] = "a\0b", key[] = "k1", token[] = "position 7";
    dvs_row_error error = some_error(17, key, NULL, "is bad", record, 3);
    dvs_checkpoint checkpoint;
    dvsi_batch *batch = dvsi_batch_new(1);

    (void)state;
    assert_int_equal(dvsi_batch_error_add(batch, &error), 0);
    memset(record, 'x', 3);
    key[0] = 'x';
    error.source_key = NULL;
    error.field = "name";
    error.record = NULL;
    error.number = 18;
    assert_int_equal(dvsi_batch_error_add(batch, &error), 0);
    assert_int_equal(batch->n_errors, 2);
    assert_int_equal(batch->errors->number, 17);
    assert_string_equal(batch->errors->source_key, "k1");
    assert_null(batch->errors->field);
    assert_string_equal(batch->errors->message, "is bad");
    assert_int_equal(batch->errors->record_length, 3);
    assert_memory_equal(batch->errors->record, "a\0b", 3);
    assert_string_equal(batch->errors->next->field, "name");
    assert_null(batch->errors->next->record);
    assert_null(batch->errors->next->cells);
    assert_null(batch->errors->next->next);

    memset(&checkpoint, 0, sizeof checkpoint);
    checkpoint.struct_size = (uint32_t)sizeof checkpoint;
    checkpoint.type = DVS_CHECKPOINT_POSITION;
    checkpoint.token = (const uint8_t *)token;
    checkpoint.token_length = 10;
    dvsi_batch_add(batch, 1, 0);
    dvsi_batch_add(batch, 2, 0);
    assert_int_equal(dvsi_batch_checkpoint_set(batch, &checkpoint), 0);
    token[0] = 'X';
    dvsi_batch_add(batch, 3, 0);
    assert_true(batch->has_checkpoint);
    assert_int_equal(batch->checkpoint_rows, 2);
    assert_int_equal(batch->checkpoint_errors, 2);
    assert_memory_equal(batch->checkpoint.token, "position 7", 10);
    checkpoint.type = DVS_CHECKPOINT_END;
    checkpoint.complete = 1;
    checkpoint.token = NULL;
    checkpoint.token_length = 0;
    assert_int_equal(dvsi_batch_checkpoint_set(batch, &checkpoint), 0);
    assert_int_equal(batch->checkpoint.type, DVS_CHECKPOINT_END);
    assert_int_equal(batch->checkpoint.token_length, 0);
    assert_int_equal(batch->checkpoint_rows, 3);
    dvsi_batch_reset(batch, 4);
    assert_int_equal(batch->n_errors + batch->has_checkpoint + batch->n_rows, 0);
    assert_null(batch->errors);
    dvsi_batch_free(batch);
}

static void errors_keep_usable_cells(void **state)
{
    char key[] = "k1";
    dvs_cell cells[3] = {dvsi_cell_text(key), dvsi_cell_int64(5), dvsi_cell_null()};
    dvs_row_error error = some_error(3, NULL, NULL, "is bad", NULL, 0);
    dvsi_batch *batch = dvsi_batch_new(2);

    (void)state;
    error.cells = cells;
    error.n_cells = 3; /* one too many */
    assert_int_equal(dvsi_batch_error_add(batch, &error), 0);
    error.n_cells = 1; /* one too few */
    assert_int_equal(dvsi_batch_error_add(batch, &error), 0);
    error.struct_size = offsetof(dvs_row_error, cells); /* from before there were cells */
    assert_int_equal(dvsi_batch_error_add(batch, &error), 0);
    key[0] = 'X';
    assert_string_equal(batch->errors->cells[0].v.text, "k1");
    assert_int_equal(batch->errors->cells[1].v.i64, 5);
    assert_string_equal(batch->errors->next->cells[0].v.text, "k1");
    assert_int_equal(batch->errors->next->cells[1].kind, DVS_ABSENT);
    assert_null(batch->errors->next->next->cells);
    dvsi_batch_free(batch);
}

static void a_reused_batch_needs_no_malloc(void **state)
{
    dvsi_batch *batch = dvsi_batch_new(10);
    size_t calls = 0;

    (void)state;
    for (int round = 0; round < 50; round++) {
        while (!dvsi_batch_full(batch)) {
            dvs_cell *cells = dvsi_batch_add(batch, 1, 0);
            dvs_cell text = dvsi_cell_text("a text of ordinary length for every column");

            for (size_t k = 0; k < 10; k++)
                assert_null(dvsi_cell_clean(&batch->arena, DVS_TEXT, &text, &cells[k]));
        }
        dvsi_batch_reset(batch, 10);
        if (round == 1)
            calls = malloc_calls;
    }
    assert_int_equal(malloc_calls, calls);
    dvsi_batch_free(batch);
}

static void any_number_of_columns(void **state)
{
    static const uint32_t widths[] = {0, 1, 5000, 3, 200, 0, 20000};
    dvsi_batch *batch = dvsi_batch_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        dvsi_batch_reset(batch, widths[i]);
        for (uint32_t row = 0; row < 70; row++) {
            dvs_cell *cells = dvsi_batch_add(batch, row, 0);

            assert_non_null(cells);
            for (uint32_t k = 0; k < widths[i]; k++)
                cells[k] = dvsi_cell_int64(row);
        }
        for (uint32_t row = 0; row < 70 && widths[i] > 0; row++)
            assert_int_equal(dvsi_batch_cells(batch, row)[widths[i] - 1].v.i64, row);
    }
    dvsi_batch_free(batch);
}

static int use_batch(void)
{
    dvs_row_error error = some_error(1, "key", "field", "message", "record", 6);
    dvs_checkpoint checkpoint;
    dvs_cell usable[3] = {dvsi_cell_text("a"), dvsi_cell_text("b"), dvsi_cell_text("c")};
    dvsi_batch *batch = dvsi_batch_new(3);
    int result = -1;

    if (batch == NULL)
        return -1;
    memset(&checkpoint, 0, sizeof checkpoint);
    checkpoint.struct_size = (uint32_t)sizeof checkpoint;
    error.cells = usable;
    error.n_cells = 3;
    checkpoint.token = (const uint8_t *)"token";
    checkpoint.token_length = 5;
    for (uint64_t i = 0; i < 3000; i++) {
        dvs_cell *cells = dvsi_batch_add(batch, i, 0);
        dvs_cell text = dvsi_cell_text("text");

        if (cells == NULL || dvsi_cell_clean(&batch->arena, DVS_TEXT, &text, &cells[2]) != NULL ||
            dvsi_batch_error_add(batch, &error) != 0 || dvsi_batch_checkpoint_set(batch, &checkpoint) != 0)
            goto out;
    }
    result = 0;
out:
    dvsi_batch_free(batch);
    return result;
}

static void every_failed_allocation_is_reported(void **state)
{
    size_t failed;

    (void)state;
    NEED_FAILING_MALLOC();
    failed = fail_each(use_batch);
    assert_int_not_equal(failed, SIZE_MAX);
    assert_true(failed > 10);
}

static void a_failed_add_leaves_the_batch_as_it_was(void **state)
{
    dvsi_batch *batch = NULL;

    (void)state;
    NEED_FAILING_MALLOC();
    batch = dvsi_batch_new(2);
    for (uint32_t i = 0; i < 1000; i++) {
        dvs_cell *cells;

        fail_countdown = 1;
        cells = dvsi_batch_add(batch, i, 0);
        fail_countdown = 0;
        if (cells == NULL) {
            assert_int_equal(batch->n_rows, i);
            cells = dvsi_batch_add(batch, i, 0);
        }
        cells[1] = dvsi_cell_int64(i);
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(dvsi_batch_cells(batch, i)[1].v.i64, i);
    dvsi_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_keep_their_cells),
        cmocka_unit_test(full_by_rows_or_bytes),
        cmocka_unit_test(errors_and_checkpoints),
        cmocka_unit_test(errors_keep_usable_cells),
        cmocka_unit_test(a_reused_batch_needs_no_malloc),
        cmocka_unit_test(any_number_of_columns),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(a_failed_add_leaves_the_batch_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
