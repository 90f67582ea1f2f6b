/* plugins/common: a UUID is 32 hexadecimal digits with hyphens in their places, and nothing else. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../plugins/common/value.h"

static int read_uuid(const char *text, size_t length, uint8_t *uuid)
{
    char scratch[40];
    char *at = scratch;
    dvs_cell cell;
    if (plugin_value_read(DVS_UUID, text, length, (locale_t)0, &at, &cell) != 0)
        return -1;
    assert_int_equal(cell.length, 16);
    memcpy(uuid, cell.v.bytes, 16);
    return 0;
}

static void every_byte_in_every_place(void **state)
{
    static const char good[] = "01234567-89ab-CDEF-0123-456789abcdef";
    static const uint8_t bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    uint8_t uuid[16];
    (void)state;
    assert_int_equal(read_uuid(good, 36, uuid), 0);
    assert_memory_equal(uuid, bytes, 16);
    assert_int_equal(read_uuid("{01234567-89ab-CDEF-0123-456789abcdef}", 38, uuid), 0);
    assert_memory_equal(uuid, bytes, 16);
    for (size_t length = 0; length < 36; length++)
        assert_int_equal(read_uuid(good, length, uuid), -1);
    for (size_t place = 0; place < 36; place++) {
        int is_hyphen = good[place] == '-';
        for (int c = 0; c < 256; c++) {
            char text[37];
            memcpy(text, good, sizeof text);
            text[place] = (char)c;
            int is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
            assert_int_equal(read_uuid(text, 36, uuid), is_hyphen ? (c == '-' ? 0 : -1) : is_hex ? 0 : -1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_in_every_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
