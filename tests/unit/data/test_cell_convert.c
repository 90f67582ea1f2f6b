/* test_cell_convert.c - strict conversions: a table of canonical texts, kind to kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/random.h"
#include "data/cell.h"
#include "data/timetext.h"

#define NO NULL /* refused */

static const struct {
    uint32_t from;
    const char *value; /* canonical text of the value */
    uint32_t to;
    const char *result;
} cases[] = {
    {DVS_TEXT, "true", DVS_BOOL, "true"},
    {DVS_TEXT, "FALSE", DVS_BOOL, "false"},
    {DVS_TEXT, "1", DVS_BOOL, "true"},
    {DVS_TEXT, "0", DVS_BOOL, "false"},
    {DVS_TEXT, "yes", DVS_BOOL, NO},
    {DVS_TEXT, "", DVS_BOOL, NO},
    {DVS_TEXT, "truetruetrue", DVS_BOOL, NO},
    {DVS_TEXT, "42", DVS_INT64, "42"},
    {DVS_TEXT, "042", DVS_INT64, "42"},
    {DVS_TEXT, "4.20e1", DVS_INT64, "42"},
    {DVS_TEXT, "4.2", DVS_INT64, NO},
    {DVS_TEXT, " 42", DVS_INT64, NO},
    {DVS_TEXT, "9223372036854775808", DVS_INT64, NO},
    {DVS_TEXT, "1e999999999", DVS_INT64, NO},
    {DVS_TEXT, "0.10", DVS_DOUBLE, "0.1"},
    {DVS_TEXT, "-0", DVS_DOUBLE, "0"},
    {DVS_TEXT, "inf", DVS_DOUBLE, NO},
    {DVS_TEXT, "1e400", DVS_DOUBLE, NO},
    {DVS_TEXT, "1.50", DVS_DECIMAL, "1.5"},
    {DVS_TEXT, "1,50", DVS_DECIMAL, NO},
    {DVS_TEXT, "Zm9v", DVS_BYTES, "Zm9v"},
    {DVS_TEXT, "", DVS_BYTES, ""},
    {DVS_TEXT, "Zm9", DVS_BYTES, NO},
    {DVS_TEXT, "2024-02-29", DVS_DATE, "2024-02-29"},
    {DVS_TEXT, "2023-02-29", DVS_DATE, NO},
    {DVS_TEXT, "2024-02-29T00:00:00Z", DVS_DATE, NO},
    {DVS_TEXT, "2024-02-29 01:00+01", DVS_TIMESTAMP, "2024-02-29T00:00:00.000000Z"},
    {DVS_TEXT, "2024-02-29T00:00:00", DVS_TIMESTAMP, NO},
    {DVS_TEXT, "2024-02-29", DVS_TIMESTAMP, NO},
    {DVS_TEXT, "0123ABCD-0000-0000-0000-00000000000f", DVS_UUID, "0123abcd-0000-0000-0000-00000000000f"},
    {DVS_TEXT, "{0123ABCD-0000-0000-0000-00000000000f}", DVS_UUID, "0123abcd-0000-0000-0000-00000000000f"},
    {DVS_TEXT, "0123abcd00000000000000000000000f", DVS_UUID, "0123abcd-0000-0000-0000-00000000000f"},
    {DVS_TEXT, "{0123abcd00000000000000000000000f}", DVS_UUID, NO},
    {DVS_TEXT, "0123abcd-0000-0000-0000-00000000000g", DVS_UUID, NO},
    {DVS_TEXT, "0123abcd-0000-0000-000000000000-000f", DVS_UUID, NO},
    {DVS_TEXT, "", DVS_UUID, NO},
    {DVS_TEXT, "{\"b\":1,\"a\":2.0}", DVS_JSON, "{\"a\":2,\"b\":1}"},
    {DVS_TEXT, "hello", DVS_JSON, NO},
    {DVS_BOOL, "true", DVS_TEXT, "true"},
    {DVS_BOOL, "true", DVS_INT64, "1"},
    {DVS_BOOL, "true", DVS_DOUBLE, NO},
    {DVS_INT64, "-5", DVS_TEXT, "-5"},
    {DVS_INT64, "1", DVS_BOOL, "true"},
    {DVS_INT64, "2", DVS_BOOL, NO},
    {DVS_INT64, "9007199254740992", DVS_DOUBLE, "9007199254740992"},
    {DVS_INT64, "9007199254740993", DVS_DOUBLE, NO},
    {DVS_INT64, "9223372036854775807", DVS_DOUBLE, NO},
    {DVS_INT64, "-9223372036854775808", DVS_DOUBLE, "-9.223372036854776e+18"},
    {DVS_INT64, "9223372036854775807", DVS_DECIMAL, "9223372036854775807"},
    {DVS_INT64, "0", DVS_DATE, NO},
    {DVS_DOUBLE, "1e+15", DVS_INT64, "1000000000000000"},
    {DVS_DOUBLE, "0.5", DVS_INT64, NO},
    {DVS_DOUBLE, "-9.223372036854776e+18", DVS_INT64, "-9223372036854775808"},
    {DVS_DOUBLE, "9.223372036854776e+18", DVS_INT64, NO},
    {DVS_DOUBLE, "1e+300", DVS_INT64, NO},
    {DVS_DOUBLE, "0.1", DVS_DECIMAL, "0.1"},
    {DVS_DOUBLE, "1e-05", DVS_DECIMAL, "0.00001"},
    {DVS_DOUBLE, "1e+20", DVS_DECIMAL, "100000000000000000000"},
    {DVS_DOUBLE, "1e-05", DVS_TEXT, "1e-05"},
    {DVS_DECIMAL, "12", DVS_INT64, "12"},
    {DVS_DECIMAL, "12.5", DVS_INT64, NO},
    {DVS_DECIMAL, "12345678901234567890", DVS_INT64, NO},
    {DVS_DECIMAL, "0.1", DVS_DOUBLE, "0.1"},
    {DVS_DECIMAL, "0.10000000000000000001", DVS_DOUBLE, NO},
    {DVS_DECIMAL, "12345678901234567.5", DVS_DOUBLE, NO},
    {DVS_DECIMAL, "12.5", DVS_TEXT, "12.5"},
    {DVS_BYTES, "Zm9v", DVS_TEXT, "Zm9v"},
    {DVS_BYTES, "Zm9v", DVS_UUID, NO},
    {DVS_DATE, "2024-02-29", DVS_TIMESTAMP, "2024-02-29T00:00:00.000000Z"},
    {DVS_DATE, "0001-01-01", DVS_TIMESTAMP, "0001-01-01T00:00:00.000000Z"},
    {DVS_DATE, "2024-02-29", DVS_TEXT, "2024-02-29"},
    {DVS_TIMESTAMP, "2024-02-29T00:00:00.000000Z", DVS_DATE, "2024-02-29"},
    {DVS_TIMESTAMP, "1969-12-31T00:00:00.000000Z", DVS_DATE, "1969-12-31"},
    {DVS_TIMESTAMP, "2024-02-29T00:00:00.000001Z", DVS_DATE, NO},
    {DVS_TIMESTAMP, "2024-02-29T00:00:00.000001Z", DVS_TEXT, "2024-02-29T00:00:00.000001Z"},
    {DVS_TIMESTAMP, "2024-02-29T00:00:00.000000Z", DVS_INT64, NO},
    {DVS_UUID, "0123abcd-0000-0000-0000-00000000000f", DVS_TEXT, "0123abcd-0000-0000-0000-00000000000f"},
    {DVS_UUID, "0123abcd-0000-0000-0000-00000000000f", DVS_BYTES, NO},
    {DVS_JSON, "{\"a\":1}", DVS_TEXT, "{\"a\":1}"},
    {DVS_JSON, "1", DVS_INT64, NO},
    {DVS_INT64, "1", DVS_JSON, NO},
    {DVS_TEXT, "same", DVS_TEXT, "same"},
};

static void the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dvsi_arena arena = {0};
        dvsi_buf buf = {0};
        dvs_cell text = dvsi_cell_text(cases[i].value), in, out;
        const char *problem;

        assert_null(dvsi_cell_convert(&arena, cases[i].from, &text, &in));
        assert_int_equal(in.kind, cases[i].from);
        problem = dvsi_cell_convert(&arena, cases[i].to, &in, &out);
        if (cases[i].result == NO) {
            if (problem == NULL)
                fail_msg("case %zu: %s was taken", i, cases[i].value);
        } else {
            if (problem != NULL)
                fail_msg("case %zu: %s %s", i, cases[i].value, problem);
            assert_int_equal(out.kind, cases[i].to);
            dvsi_cell_canonical(&buf, &out);
            assert_string_equal(dvsi_buf_text(&buf), cases[i].result);
        }
        dvsi_buf_free(&buf);
        dvsi_arena_free(&arena);
    }
}

static void null_and_absent_stay(void **state)
{
    dvsi_arena arena = {0};
    dvs_cell null = dvsi_cell_null(), absent, out;

    (void)state;
    memset(&absent, 0, sizeof absent);
    for (uint32_t kind = DVS_BOOL; kind < DVS_KIND_COUNT; kind++) {
        assert_null(dvsi_cell_convert(&arena, kind, &null, &out));
        assert_int_equal(out.kind, DVS_NULL);
        assert_null(dvsi_cell_convert(&arena, kind, &absent, &out));
        assert_int_equal(out.kind, DVS_ABSENT);
    }
    dvsi_arena_free(&arena);
}

/* What becomes text comes back from it, and the canonical text stays the same. */
static void through_text_and_back(void **state)
{
    static const uint32_t kinds[] = {DVS_BOOL,      DVS_INT64, DVS_DOUBLE, DVS_DATE,
                                     DVS_TIMESTAMP, DVS_UUID,  DVS_BYTES};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint32_t kind = kinds[random_below(sizeof kinds / sizeof kinds[0])];
        uint64_t bytes[2] = {random_bits(), random_bits()};
        dvsi_arena arena = {0};
        dvs_cell in = dvsi_cell_int64((int64_t)(bytes[0] >> random_below(64))), text, back;

        in.kind = (uint8_t)kind;
        if (kind == DVS_BOOL)
            in.v.i64 &= 1;
        else if (kind == DVS_DATE)
            in.v.i64 = DVSI_DATE_MIN + (int64_t)random_below((size_t)(DVSI_DATE_MAX - DVSI_DATE_MIN + 1));
        else if (kind == DVS_TIMESTAMP)
            in.v.i64 = DVSI_TIMESTAMP_MIN +
                       (int64_t)(bytes[0] % (uint64_t)(DVSI_TIMESTAMP_MAX - DVSI_TIMESTAMP_MIN + 1));
        else if (kind == DVS_UUID || kind == DVS_BYTES) {
            in.v.bytes = (const uint8_t *)bytes;
            in.length = 16;
        }
        if (dvsi_cell_clean(&arena, kind, &in, &in) == NULL) {
            assert_null(dvsi_cell_convert(&arena, DVS_TEXT, &in, &text));
            assert_null(dvsi_cell_convert(&arena, kind, &text, &back));
            assert_true(dvsi_cell_equal(&in, &back));
        }
        dvsi_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(null_and_absent_stay),
        cmocka_unit_test(through_text_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
