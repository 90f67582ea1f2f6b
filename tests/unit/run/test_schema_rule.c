/* The rule of columns that change: what is wider, what an entity takes, what differs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "data/cell.h"
#include "run/schema_rule.h"

/* Values at the edges of each kind: whatever is called wider must hold them all, and by their canonical text
 * in keys. */
static const struct {
    uint32_t kind;
    const char *text;
} values[] = {
    {DVS_BOOL, "true"},
    {DVS_BOOL, "false"},
    {DVS_INT64, "-9223372036854775808"},
    {DVS_INT64, "9223372036854775807"},
    {DVS_INT64, "0"},
    {DVS_DOUBLE, "0.1"},
    {DVS_DOUBLE, "-1.7976931348623157e308"},
    {DVS_DOUBLE, "5e-324"},
    {DVS_DECIMAL, "12345678901234567890.123456789"},
    {DVS_DECIMAL, "-0.00000000000000000000000000001"},
    {DVS_BYTES, "AP8="},
    {DVS_DATE, "0001-01-01"},
    {DVS_DATE, "9999-12-31"},
    {DVS_TIMESTAMP, "0001-01-01T00:00:00.000000Z"},
    {DVS_TIMESTAMP, "9999-12-31T23:59:59.999999Z"},
    {DVS_UUID, "00112233-4455-6677-8899-aabbccddeeff"},
    {DVS_JSON, "{\"a\":[1,null,\"x\"]}"},
    {DVS_JSON, "null"},
    {DVS_TEXT, ""},
};

static void canonical(const dvs_cell *cell, dvsi_buf *out)
{
    dvsi_buf_clear(out);
    dvsi_cell_canonical(out, cell);
}

static void wider_kinds_lose_nothing(void **state)
{
    dvsi_arena arena = {0};
    dvsi_buf before = {0}, after = {0};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        dvs_cell text = dvsi_cell_text(values[i].text);
        dvs_cell cell, wider, back;
        assert_null(dvsi_cell_convert(&arena, values[i].kind, &text, &cell));
        for (uint32_t to = DVS_BOOL; to < DVS_KIND_COUNT; to++) {
            int tried = values[i].kind == DVS_INT64 && to == DVS_DOUBLE; /* asked of each value */
            if (!dvsi_schema_widens(values[i].kind, to, 0) || tried)
                continue;
            assert_null(dvsi_cell_convert(&arena, to, &cell, &wider));
            assert_int_equal(wider.kind, to);
            canonical(&cell, &before);
            canonical(&wider, &after);
            if (dvsi_schema_widens(values[i].kind, to, 1))
                assert_string_equal(dvsi_buf_text(&before), dvsi_buf_text(&after));
            if (to != DVS_TEXT || values[i].kind != DVS_JSON) { /* another spelling of the same json */
                assert_null(dvsi_cell_convert(&arena, values[i].kind, &wider, &back));
                assert_true(dvsi_cell_equal(&cell, &back));
            }
        }
    }
    dvsi_buf_free(&before);
    dvsi_buf_free(&after);
    dvsi_arena_free(&arena);
}

static void nothing_else_is_wider(void **state)
{
    uint32_t n = 0, n_key = 0;
    (void)state;
    for (uint32_t from = DVS_BOOL; from < DVS_KIND_COUNT; from++)
        for (uint32_t to = DVS_BOOL; to < DVS_KIND_COUNT; to++) {
            n += (uint32_t)dvsi_schema_widens(from, to, 0);
            n_key += (uint32_t)dvsi_schema_widens(from, to, 1);
            if (from == to || (dvsi_schema_widens(from, to, 1) && !dvsi_schema_widens(from, to, 0)))
                assert_false(dvsi_schema_widens(from, to, 1));
        }
    assert_int_equal(n, 9 + 5);     /* to text; and bool, int64 twice, double, date */
    assert_int_equal(n_key, 9 + 1); /* int64 to decimal */
}

/* ---- Columns ---- */

static void count_kinds(void *context, const dvsi_difference *d)
{
    uint32_t *counts = context;
    counts[d->kind]++;
}

static void what_an_entity_takes(void **state)
{
    const dvsi_field fields[] = {{.name = "secret", .kind = DVSI_FIELD_EXCLUDE},
                                 {.name = "town", .kind = DVSI_FIELD_FROM, .from = "City"},
                                 {.name = "size", .kind = DVSI_FIELD_STATIC, .from = "1"}};
    const dvsi_from all = {.all_fields = 1, .fields = fields, .n_fields = 3};
    const dvsi_from some = {.fields = fields, .n_fields = 3};
    (void)state;
    assert_true(dvsi_schema_takes(&all, "other"));
    assert_true(dvsi_schema_takes(&all, "CITY"));
    assert_false(dvsi_schema_takes(&all, "Secret"));
    assert_false(dvsi_schema_takes(&all, "size")); /* the field is another thing */
    assert_false(dvsi_schema_takes(&some, "other"));
    assert_true(dvsi_schema_takes(&some, "city"));
}

static void what_differs(void **state)
{
    const char *names[] = {"id", "a", "b", "c", "unused"};
    const dvsi_definition_column details[] = {
        {DVS_INT64, 0, 1}, {DVS_TEXT, 1, 0}, {DVS_TEXT, 1, 0}, {0, 1, 0}, {DVS_TEXT, 1, 0}};
    const dvsi_definition_source known = {.label = "s", .columns = names, .details = details, .n_columns = 5};
    const dvsi_field exclude = {.name = "unused", .kind = DVSI_FIELD_EXCLUDE};
    const dvsi_from all = {.all_fields = 1, .fields = &exclude, .n_fields = 1};
    dvsi_schema now = {0};
    uint32_t counts[5] = {0};
    (void)state;
    dvsi_schema_put(&now, "ID", DVS_INT64, DVS_COLUMN_KEY)->key_position = 1;
    dvsi_schema_put(&now, "a", DVS_TEXT, DVS_COLUMN_NULLABLE);
    dvsi_schema_put(&now, "b", DVS_TEXT, DVS_COLUMN_NULLABLE);
    dvsi_schema_put(&now, "c", DVS_JSON, 0); /* nothing was recorded of it */
    dvsi_schema_put(&now, "raw", DVS_JSON, DVS_COLUMN_RAW);
    assert_int_equal(dvsi_schema_differences(&all, &known, &now, count_kinds, counts), 0);
    now.columns[0].key_position = 0;
    now.columns[1].kind = DVS_INT64;
    now.columns[1].flags = 0;
    now.columns[2].name = "new";
    assert_int_equal(dvsi_schema_differences(&all, &known, &now, count_kinds, counts), 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(counts[i], 1);
    dvsi_schema_free(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wider_kinds_lose_nothing),
        cmocka_unit_test(nothing_else_is_wider),
        cmocka_unit_test(what_an_entity_takes),
        cmocka_unit_test(what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
