/* Positions and cursors: what is written comes back, anything else is refused. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token.h"

#define T2024 (INT64_C(1704067200) * 1000000)

static void times_are_rfc_3339(void **state)
{
    char text[24];
    (void)state;
    dataverse_time_text(T2024, text);
    assert_string_equal(text, "2024-01-01T00:00:00Z");
    dataverse_time_text(T2024 - 1, text); /* towards the past: nothing may be missed */
    assert_string_equal(text, "2023-12-31T23:59:59Z");
    dataverse_time_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59Z");
}

static void positions_come_back(void **state)
{
    (void)state;
    struct dataverse_buffer token = {0};
    struct dataverse_position back;
    char *link;
    struct dataverse_position position = {
        T2024, 12345678901, 77, 500, UINT64_C(0xfedcba9876543210), "http://127.0.0.1:1/a?$skiptoken=%253c"};
    assert_int_equal(dataverse_position_write(&position, &token), 0);
    assert_int_equal(
        dataverse_position_read((const uint8_t *)token.data + token.start, token.length, &back, &link), 0);
    assert_int_equal(back.watermark, T2024);
    assert_int_equal(back.rows, 12345678901);
    assert_int_equal(back.page, 77);
    assert_int_equal(back.page_size, 500);
    assert_true(back.columns == position.columns);
    assert_string_equal(back.link, position.link);
    free(link);

    position.watermark = INT64_MIN;
    assert_int_equal(dataverse_position_write(&position, &token), 0);
    assert_int_equal(
        dataverse_position_read((const uint8_t *)token.data + token.start, token.length, &back, &link), 0);
    assert_true(back.watermark == INT64_MIN);
    free(link);
    dataverse_buffer_free(&token);
}

static void cursors_come_back(void **state)
{
    (void)state;
    struct dataverse_buffer token = {0};
    int64_t from = 0;
    assert_int_equal(dataverse_cursor_write(T2024 + 999999, &token), 0);
    assert_int_equal(dataverse_cursor_read((const uint8_t *)token.data + token.start, token.length, &from),
                     0);
    assert_int_equal(from, T2024);
    dataverse_buffer_free(&token);
}

static void foreign_tokens_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "dataverse position 1\n",
        "dataverse position 1\nwatermark -\nrows 1\npage 1\npage_size 1\ncolumns 0123456789abcdef\n",
        "dataverse position 1\nwatermark -\nrows 1\npage 1\npage_size 1\nhttp://x",
        "dataverse position 1\nwatermark -\nrows 1\npage 1\npage_size 1\ncolumns 0123456789abcde\nhttp://x",
        "dataverse position 1\nwatermark -\nrows 1\npage 1\npage_size 1\ncolumns 0123456789abcdeg\nhttp://x",
        "dataverse position 1\nwatermark -\nrows 1\npage 1\npage_size 0\ncolumns 0123456789abcdef\nhttp://x",
        "dataverse position 1\nwatermark -\nrows 1\npage 1\npage_size 5001\ncolumns "
        "0123456789abcdef\nhttp://x",
        "dataverse position 1\nwatermark -\nrows -1\npage 1\npage_size 1\ncolumns 0123456789abcdef\nhttp://x",
        "dataverse position 1\nwatermark yesterday\nrows 1\npage 1\npage_size 1\ncolumns "
        "0123456789abcdef\nhttp://x",
        "dataverse position 1\nwatermark -\nrows 99999999999999999999\npage 1\npage_size 1\ncolumns "
        "0123456789abcdef\nhttp://x",
        "dataverse position 2\nwatermark -\nrows 1\npage 1\npage_size 1\ncolumns 0123456789abcdef\nhttp://x",
        "dataverse cursor 1\n2024-01-01",
        "dataverse cursor 1\n",
    };
    struct dataverse_position position;
    int64_t from;
    char *link;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const uint8_t *bytes = (const uint8_t *)bad[i];
        assert_int_equal(dataverse_position_read(bytes, strlen(bad[i]), &position, &link), -1);
        assert_null(link);
        assert_int_equal(dataverse_cursor_read(bytes, strlen(bad[i]), &from), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(positions_come_back),
        cmocka_unit_test(cursors_come_back),
        cmocka_unit_test(foreign_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
