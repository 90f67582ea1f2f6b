/* test_buf.c - buffers grow, end in NUL, and remember a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_malloc.h"

static void adding(void **state)
{
    dvsi_buf buf = {0};

    (void)state;
    assert_string_equal(dvsi_buf_text(&buf), "");
    dvsi_buf_puts(&buf, "abc");
    dvsi_buf_putc(&buf, '-');
    dvsi_buf_add(&buf, "x\0y", 3);
    dvsi_buf_add(&buf, NULL, 0);
    dvsi_buf_printf(&buf, "%s=%d", "n", 42);
    assert_int_equal(buf.length, 11);
    assert_memory_equal(buf.data, "abc-x\0yn=42", 12);
    dvsi_buf_clear(&buf);
    assert_int_equal(buf.length, 0);
    assert_string_equal(dvsi_buf_text(&buf), "");
    dvsi_buf_free(&buf);
    dvsi_buf_free(&buf);
    dvsi_buf_free(NULL);
}

static void growing(void **state)
{
    dvsi_buf buf = {0};
    char text[300];

    (void)state;
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < 1000; i++) {
        dvsi_buf_printf(&buf, "%zu:%s;", i, text);
        assert_int_equal(strlen(dvsi_buf_text(&buf)), buf.length);
    }
    assert_false(buf.failed);
    assert_int_equal(buf.length, 10 * 302 + 90 * 303 + 900 * 304);
    dvsi_buf_free(&buf);
}

static void reserving(void **state)
{
    dvsi_buf buf = {0};
    char *to;

    (void)state;
    dvsi_buf_puts(&buf, "number ");
    to = dvsi_buf_reserve(&buf, 500);
    assert_non_null(to);
    memcpy(to, "17", 2); /* less than was asked for: a NUL follows all the same */
    buf.length += 2;
    assert_string_equal(buf.data, "number 17");
    dvsi_buf_free(&buf);
}

static void taking(void **state)
{
    dvsi_buf buf = {0};
    char *text = dvsi_buf_take(&buf);

    (void)state;
    assert_string_equal(text, "");
    free(text);
    dvsi_buf_puts(&buf, "mine");
    text = dvsi_buf_take(&buf);
    assert_string_equal(text, "mine");
    assert_int_equal(buf.length, 0);
    assert_null(buf.data);
    free(text);
}

static void too_much_is_a_failure(void **state)
{
    dvsi_buf buf = {0};

    (void)state;
    dvsi_buf_puts(&buf, "kept");
    assert_null(dvsi_buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    dvsi_buf_puts(&buf, "ignored");
    dvsi_buf_putc(&buf, 'i');
    dvsi_buf_printf(&buf, "%d", 1);
    assert_string_equal(dvsi_buf_text(&buf), "kept");
    assert_null(dvsi_buf_take(&buf));
    assert_int_equal(buf.failed, 0);
    dvsi_buf_puts(&buf, "again");
    assert_string_equal(dvsi_buf_text(&buf), "again");
    dvsi_buf_free(&buf);
}

static int fill(void)
{
    dvsi_buf buf = {0};
    char *text;

    for (int i = 0; i < 300; i++) {
        dvsi_buf_puts(&buf, "some text ");
        dvsi_buf_printf(&buf, "%050d", i);
        dvsi_buf_putc(&buf, '!');
        (void)dvsi_buf_reserve(&buf, 100);
    }
    text = dvsi_buf_take(&buf);
    if (text == NULL)
        return -1;
    free(text);
    return 0;
}

static void every_failed_allocation_is_remembered(void **state)
{
    size_t failed;

    (void)state;
    NEED_FAILING_MALLOC();
    failed = fail_each(fill);
    assert_int_not_equal(failed, SIZE_MAX);
    assert_true(failed >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding),
        cmocka_unit_test(growing),
        cmocka_unit_test(reserving),
        cmocka_unit_test(taking),
        cmocka_unit_test(too_much_is_a_failure),
        cmocka_unit_test(every_failed_allocation_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
