/* test_key.c - keys as canonical text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/cell.h"
#include "data/key.h"

static dvs_cell of(uint32_t kind, const char *text)
{
    dvs_cell cell = dvsi_cell_text(text);

    cell.kind = (uint8_t)kind;
    return cell;
}

/* The key's text is `text`, and it comes back as the same cells. */
static void check(const dvs_cell *cells, uint32_t n_cells, const char *text)
{
    dvsi_arena arena = {0};
    dvsi_buf buf = {0};
    dvs_cell back[8];
    uint32_t kinds[8];

    dvsi_buf_puts(&buf, "before:");
    assert_null(dvsi_key_canonical(&buf, cells, n_cells));
    assert_string_equal(buf.data + 7, text);
    for (uint32_t i = 0; i < n_cells; i++)
        kinds[i] = cells[i].kind;
    assert_int_equal(dvsi_key_parse(&arena, buf.data + 7, buf.length - 7, kinds, n_cells, back), 0);
    for (uint32_t i = 0; i < n_cells; i++)
        assert_true(dvsi_cell_equal(&cells[i], &back[i]));
    dvsi_buf_free(&buf);
    dvsi_arena_free(&arena);
}

static void good_keys(void **state)
{
    dvs_cell two[] = {dvsi_cell_text("a,\"b\"\n"), dvsi_cell_int64(-7)};
    dvs_cell three[] = {dvsi_cell_text(""), dvsi_cell_bool(1), of(DVS_DECIMAL, "1.5")};
    dvs_cell uuid = dvsi_cell_bytes("0123456789abcdef", 16), stamp = dvsi_cell_timestamp(0),
             number = dvsi_cell_int64(42);
    dvs_cell text = dvsi_cell_text("[\"x\"]");

    (void)state;
    uuid.kind = DVS_UUID;
    check(&number, 1, "42");
    check(&text, 1, "[\"x\"]");
    check(&uuid, 1, "30313233-3435-3637-3839-616263646566");
    check(&stamp, 1, "1970-01-01T00:00:00.000000Z");
    check(two, 2, "[\"a,\\\"b\\\"\\n\",\"-7\"]");
    check(three, 3, "[\"\",\"true\",\"1.5\"]");
}

static void refuse(const dvs_cell *cells, uint32_t n_cells, const char *problem)
{
    dvsi_buf buf = {0};

    dvsi_buf_puts(&buf, "before");
    assert_string_equal(dvsi_key_canonical(&buf, cells, n_cells), problem);
    assert_string_equal(dvsi_buf_text(&buf), "before");
    dvsi_buf_free(&buf);
}

static void bad_keys(void **state)
{
    dvs_cell empty = dvsi_cell_text(""), null = dvsi_cell_null(), absent, mistyped = dvsi_cell_int64(1);
    dvs_cell real, json = dvsi_cell_json_n("1", 1), bytes = dvsi_cell_bytes("x", 1);
    dvs_cell parts[2] = {dvsi_cell_text("a"), dvsi_cell_null()};

    (void)state;
    memset(&absent, 0, sizeof absent);
    mistyped.flags = DVS_CELL_MISTYPED;
    real = dvsi_cell_int64(0);
    real.kind = DVS_DOUBLE;
    refuse(&empty, 1, "is empty");
    refuse(&empty, 0, "is empty");
    refuse(&null, 1, "is NULL");
    refuse(&absent, 1, "is missing");
    refuse(&mistyped, 1, "holds a value that is not of its column's type");
    refuse(parts, 2, "has a part that is NULL");
    parts[1] = absent;
    refuse(parts, 2, "lacks a part");
    refuse(&real, 1, "is of a type that cannot be a key");
    refuse(&json, 1, "is of a type that cannot be a key");
    refuse(&bytes, 1, "is of a type that cannot be a key");
}

static void length_counts_as_written(void **state)
{
    char text[1100];
    dvs_cell one, two[2];

    (void)state;
    memset(text, 'k', sizeof text);
    text[1024] = '\0';
    one = dvsi_cell_text(text);
    check(&one, 1, text);
    one.length++;
    refuse(&one, 1, "is longer than 1024 bytes");
    two[0] = dvsi_cell_text_n(text, 1000);
    two[1] = dvsi_cell_text_n(text, 17); /* ["",""] takes seven */
    {
        dvsi_buf buf = {0};

        assert_null(dvsi_key_canonical(&buf, two, 2));
        assert_int_equal(buf.length, 1024);
        dvsi_buf_free(&buf);
    }
    two[1].length = 18;
    refuse(two, 2, "is longer than 1024 bytes");
    memset(text, '"', 600); /* each is escaped */
    two[0].length = 600;
    two[1].length = 1;
    refuse(two, 2, "is longer than 1024 bytes");
}

static void only_canonical_texts_are_keys(void **state)
{
    static const struct {
        uint32_t n;
        uint32_t kinds[2];
        const char *text;
    } bad[] = {
        {1, {DVS_INT64, 0}, "007"},
        {1, {DVS_INT64, 0}, ""},
        {1, {DVS_INT64, 0}, "x"},
        {1, {DVS_TEXT, 0}, ""},
        {1, {DVS_TEXT, 0}, "\xff"},
        {1, {DVS_DECIMAL, 0}, "1.50"},
        {1, {DVS_UUID, 0}, "0123ABCD-0000-0000-0000-00000000000F"},
        {1, {DVS_DOUBLE, 0}, "1"},
        {2, {DVS_TEXT, DVS_TEXT}, "[\"a\"]"},
        {2, {DVS_TEXT, DVS_TEXT}, "[\"a\",\"b\",\"c\"]"},
        {2, {DVS_TEXT, DVS_TEXT}, "[\"a\", \"b\"]"},
        {2, {DVS_TEXT, DVS_INT64}, "[\"a\",1]"},
        {2, {DVS_TEXT, DVS_INT64}, "[\"a\",\"01\"]"},
        {2, {DVS_TEXT, DVS_INT64}, "[\"a\",\"x\"]"},
        {2, {DVS_TEXT, DVS_TEXT}, "{\"a\":\"b\"}"},
        {2, {DVS_TEXT, DVS_TEXT}, "a"},
        {0, {0, 0}, "[]"},
    };
    dvsi_arena arena = {0};
    dvs_cell cells[2];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (dvsi_key_parse(&arena, bad[i].text, strlen(bad[i].text), bad[i].kinds, bad[i].n, cells) != -1)
            fail_msg("%s was taken", bad[i].text);
    }
    dvsi_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_keys),
        cmocka_unit_test(bad_keys),
        cmocka_unit_test(length_counts_as_written),
        cmocka_unit_test(only_canonical_texts_are_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
