/* test_data_no_memory.c - values of every kind, with each allocation failing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/failing_malloc.h"
#include "data/cell.h"
#include "data/json.h"
#include "data/key.h"

/* Longer than what one chunk of an arena holds, so that there are several. */
static char long_json[20000];

static int read_json(void)
{
    dvsi_arena arena = {0};
    const char *problem = NULL;
    dvsi_json *root = dvsi_json_parse(&arena, long_json, strlen(long_json), &problem, NULL);
    int result = 0;

    if (root == NULL)
        result = strcmp(problem, "out of memory") == 0 ? -1 : 0; /* 0 with a failure: noticed as wrong */
    dvsi_arena_free(&arena);
    return result;
}

static int write_json(void)
{
    dvsi_buf buf = {0};
    int result = dvsi_json_canonical(&buf, long_json, strlen(long_json));

    dvsi_buf_free(&buf);
    return result;
}

static int work_with_cells(void)
{
    static const struct {
        uint32_t kind;
        const char *text;
    } values[] = {
        {DVS_DECIMAL, "1.50"}, {DVS_BYTES, "Zm9v"}, {DVS_UUID, "0123abcd-0000-0000-0000-00000000000f"},
        {DVS_JSON, "[1,2]"},   {DVS_TEXT, "hello"}, {DVS_TIMESTAMP, "2024-01-01T00:00:00Z"}};
    dvsi_arena arena = {0};
    dvsi_buf buf = {0};
    int result = -1;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        dvs_cell text = dvsi_cell_text(values[i].text), value, clean, copy, back;

        dvsi_arena_reset(&arena);
        dvsi_buf_free(&buf);
        if (dvsi_cell_convert(&arena, values[i].kind, &text, &value) != NULL ||
            dvsi_cell_clean(&arena, values[i].kind, &value, &clean) != NULL ||
            dvsi_cell_copy(&arena, &clean, &copy) != 0 ||
            dvsi_cell_convert(&arena, DVS_TEXT, &copy, &text) != NULL)
            goto out;
        dvsi_cell_json(&buf, &copy);
        if (buf.failed || dvsi_cell_from_json(&arena, values[i].kind, buf.data, buf.length, &back) != 0)
            goto out;
    }
    result = 0;
out:
    dvsi_arena_free(&arena);
    dvsi_buf_free(&buf);
    return result;
}

static int work_with_keys(void)
{
    static const uint32_t kinds[2] = {DVS_TEXT, DVS_INT64};
    dvs_cell cells[2] = {
        dvsi_cell_text("a text that is long enough for more than the first size of a buffer"),
        dvsi_cell_int64(7)};
    dvsi_arena arena = {0};
    dvsi_buf buf = {0};
    const char *problem = dvsi_key_canonical(&buf, cells, 2);
    int result = 0;

    if (problem != NULL)
        result = problem == dvsi_cell_no_memory ? -1 : 0;
    else
        result = dvsi_key_parse(&arena, buf.data, buf.length, kinds, 2, cells);
    dvsi_arena_free(&arena);
    dvsi_buf_free(&buf);
    return result;
}

static void every_failed_allocation_is_reported(void **state)
{
    size_t at = 0;

    (void)state;
    NEED_FAILING_MALLOC();
    long_json[at++] = '[';
    while (at + 50 < sizeof long_json) {
        memcpy(long_json + at, "{\"name\":\"value\\n\",\"b\":1.0,\"a\":[]},", 34);
        at += 34;
    }
    memcpy(long_json + at, "null]", 6);
    assert_null(dvsi_json_check(long_json, strlen(long_json)));
    assert_in_range(fail_each(read_json), 3, SIZE_MAX - 1);
    assert_in_range(fail_each(write_json), 10, SIZE_MAX - 1);
    assert_in_range(fail_each(work_with_cells), 6, SIZE_MAX - 1);
    assert_in_range(fail_each(work_with_keys), 4, SIZE_MAX - 1);
}

static void the_reason_is_told_apart(void **state)
{
    dvsi_arena arena = {0};
    dvs_cell text = dvsi_cell_text("1.50"), out;

    (void)state;
    NEED_FAILING_MALLOC();
    fail_countdown = 1;
    assert_ptr_equal(dvsi_cell_convert(&arena, DVS_DECIMAL, &text, &out), dvsi_cell_no_memory);
    fail_countdown = 1;
    assert_ptr_equal(dvsi_cell_clean(&arena, DVS_TEXT, &text, &out), dvsi_cell_no_memory);
    dvsi_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(the_reason_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
