/* test_base_error.c - errors and the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"

static void setting_and_prefixing(void **state)
{
    dvs_error err = DVS_ERROR_INIT;

    (void)state;
    err.retry_after_ms = 5;
    assert_int_equal(dvsi_error_set(&err, DVS_E_IO, "cannot read %s", "a.csv"), DVS_E_IO);
    assert_int_equal(err.status, DVS_E_IO);
    assert_int_equal(err.retry_after_ms, 0);
    assert_string_equal(err.message, "cannot read a.csv");
    /* The arguments may come from the error itself. */
    dvsi_error_set(&err, DVS_E_DATA, "row 3: %s", err.message);
    assert_string_equal(err.message, "row 3: cannot read a.csv");
    assert_int_equal(dvsi_error_no_memory(&err), DVS_E_NO_MEMORY);
    assert_string_equal(err.message, "out of memory");
    dvsi_error_clear(&err);
    assert_int_equal(err.status, DVS_OK);
    assert_string_equal(err.message, "");
    assert_int_equal(err.struct_size, sizeof err);
    assert_int_equal(dvsi_error_set(NULL, DVS_E_IO, "nobody listens"), DVS_E_IO);
    dvsi_error_clear(NULL);
}

static void long_messages_stay_one_valid_line(void **state)
{
    /* Every place at which a character of two to four bytes can be cut. */
    static const char *const characters[] = {"x", "é", "€", "😀"};

    (void)state;
    for (size_t c = 0; c < 4; c++) {
        for (size_t shift = 0; shift < 5; shift++) {
            dvs_error err = DVS_ERROR_INIT;
            char text[3000] = "";
            size_t at = 0;

            while (at < shift)
                text[at++] = '.';
            while (at + 4 < sizeof text) {
                size_t n = strlen(characters[c]);

                memcpy(text + at, characters[c], n);
                at += n;
            }
            text[at] = '\0';
            dvsi_error_set(&err, DVS_E_DATA, "%s", text);
            assert_in_range(strlen(err.message), sizeof err.message - 4, sizeof err.message - 1);
            assert_int_equal(dvsi_utf8_valid(err.message, strlen(err.message)), strlen(err.message));
            dvsi_error_set(&err, DVS_E_DATA, "a\nb: %s", err.message);
            assert_memory_equal(err.message, "a b: ", 5);
            assert_int_equal(dvsi_utf8_valid(err.message, strlen(err.message)), strlen(err.message));
        }
    }
}

static void a_smaller_struct_is_not_overrun(void **state)
{
    struct {
        dvs_error err;
        char guard[8];
    } box;
    size_t small = offsetof(dvs_error, message) + 16;

    (void)state;
    memset(&box, 'G', sizeof box);
    box.err.struct_size = (uint32_t)small;
    dvsi_error_set(&box.err, DVS_E_IO, "a message of more than sixteen bytes");
    assert_string_equal(box.err.message, "a message of mo");
    assert_int_equal(box.err.struct_size, small);
    for (size_t i = small; i < sizeof box; i++)
        assert_int_equal(((char *)&box)[i], 'G');
}

typedef struct seen {
    int count;
    int32_t level;
    size_t length;
} seen;

static void note(void *context, int32_t level, const char *message)
{
    seen *s = context;

    s->count++;
    s->level = level;
    s->length = strlen(message);
}

static void the_log_filters_by_level(void **state)
{
    seen s = {0, 0, 0};
    dvsi_log silent = {0}, log = {note, &s, DVS_LOG_INFO};
    char text[5001];

    (void)state;
    dvsi_log_printf(NULL, DVS_LOG_ERROR, "x");
    dvsi_log_printf(&silent, DVS_LOG_ERROR, "x");
    dvsi_log_printf(&log, DVS_LOG_DEBUG, "x");
    assert_int_equal(s.count, 0);
    dvsi_log_printf(&log, DVS_LOG_INFO, "%d rows", 12);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.level, DVS_LOG_INFO);
    assert_int_equal(s.length, 7);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    dvsi_log_printf(&log, DVS_LOG_ERROR, "%s!", text);
    assert_int_equal(s.length, 5001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_and_prefixing),
        cmocka_unit_test(long_messages_stay_one_valid_line),
        cmocka_unit_test(a_smaller_struct_is_not_overrun),
        cmocka_unit_test(the_log_filters_by_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
