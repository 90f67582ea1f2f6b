/* test_sqlite_types.c - what goes into the file comes out again, and looks as promised from outside. */
#include "sqlite_fixture.h"

#include <math.h>
#include "data/timetext.h"

static dvs_cell decimal(const char *text)
{
    dvs_cell cell = dvsi_cell_text(text);
    cell.kind = DVS_DECIMAL;
    return cell;
}

static dvs_cell of_kind(uint32_t kind, int64_t value)
{
    dvs_cell cell = dvsi_cell_int64(value);
    cell.kind = (uint8_t)kind;
    return cell;
}

static dvs_cell real(double value)
{
    dvs_cell cell = {.kind = DVS_DOUBLE};
    cell.v.f64 = value;
    return cell;
}

static dvs_cell uuid(const uint8_t *bytes)
{
    dvs_cell cell = dvsi_cell_bytes(bytes, 16);
    cell.kind = DVS_UUID;
    return cell;
}

/* Writes one column of values, reads them back in the same and in a new connection, compares. */
static void round_trip(fixture *f, uint32_t kind, const dvs_cell *values, uint32_t n)
{
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_cell *cells = calloc(2 * n, sizeof *cells);
    char name[32];
    dvs_table table;
    columns_of(&schema, &kind, 1);
    snprintf(name, sizeof name, "of_%s", dvsi_kind_name(kind));
    table = table_of(f, name, &schema);
    for (uint32_t i = 0; i < n; i++) {
        cells[2 * i] = dvsi_cell_int64(i + 1);
        cells[2 * i + 1] = values[i];
    }
    begin(sink);
    make_table(sink, &table);
    insert(sink, &table, cells, n);
    commit(sink);
    for (int pass = 0; pass < 3; pass++) {
        dvsi_batch *batch;
        if (pass > 0) {
            dvsi_sink_close(sink);
            sink = open_sink(f, pass == 1 ? 0 : DVS_SINK_READ_ONLY);
        }
        begin(sink);
        batch = read_all(sink, &table);
        assert_int_equal(batch->n_rows, n);
        for (uint32_t i = 0; i < n; i++) {
            const dvs_cell *got = &dvsi_batch_cells(batch, i)[1];
            if (!dvsi_cell_equal(got, &values[i]) || got->flags != 0)
                fail_msg("%s: value %u came back as kind %u flags %u", name, i, got->kind, got->flags);
        }
        dvsi_batch_free(batch);
        OK(dvsi_sink_rollback(sink, ERR));
    }
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
    free(cells);
}

static void bools_integers_and_doubles(void **state)
{
    fixture *f = *state;
    const dvs_cell bools[] = {dvsi_cell_bool(0), dvsi_cell_bool(1), dvsi_cell_null()};
    const dvs_cell integers[] = {dvsi_cell_int64(0),
                                 dvsi_cell_int64(-1),
                                 dvsi_cell_int64(INT64_MIN),
                                 dvsi_cell_int64(INT64_MAX),
                                 dvsi_cell_int64(INT64_C(9007199254740993)),
                                 dvsi_cell_null()};
    const dvs_cell doubles[] = {real(0),         real(1),       real(0.1),
                                real(1e308),     real(-1e-308), real(5e-324),
                                real(1.0 / 3),   real(1e15),    real(9007199254740993.0),
                                dvsi_cell_null()};
    round_trip(f, DVS_BOOL, bools, 3);
    round_trip(f, DVS_INT64, integers, 6);
    round_trip(f, DVS_DOUBLE, doubles, 10);
    LOOK("SELECT group_concat(typeof(c1) || ':' || c1, ' ') FROM of_bool", "integer:0 integer:1");
    LOOK("SELECT min(c1), max(c1) FROM of_int64", "-9223372036854775808|9223372036854775807");
    LOOK("SELECT DISTINCT typeof(c1) FROM of_double", "real\nnull");
    LOOK("SELECT type FROM pragma_table_info('of_bool') WHERE name = 'c1'", "BOOLEAN");
}

static void decimals_are_exact_and_compare_as_numbers(void **state)
{
    fixture *f = *state;
    char *long_one = malloc(1001);
    memset(long_one, '7', 1000);
    long_one[1000] = '\0';
    const dvs_cell decimals[] = {
        decimal("0"),
        decimal("1234.56"),
        decimal("-0.01"),
        decimal("9223372036854775807"),
        decimal("-9223372036854775808"),
        decimal("9223372036854775808"),
        decimal("1234567890123456.789"),  /* 19 digits */
        decimal("0.1234567890123456789"), /* 19 digits */
        decimal("100000000000000000000"), /* a double's shortest text is this number */
        decimal("100000000000000000001"),
        decimal("0.1"),
        decimal("9007199254740993.5"),
        decimal("0.30000000000000004"),
        decimal("0.30000000000000003"), /* no double has this as its shortest text */
        decimal(long_one),
        dvsi_cell_null(),
    };
    round_trip(f, DVS_DECIMAL, decimals, sizeof decimals / sizeof decimals[0]);
    LOOK("SELECT type = '' FROM pragma_table_info('of_decimal') WHERE name = 'c1'", "1");
    LOOK("SELECT group_concat(row_id || typeof(c1), ' ') FROM of_decimal WHERE row_id < 15",
         "1integer 2real 3real 4integer 5integer 6text 7text 8text 9real 10text 11real 12text 13real 14text");
    LOOK("SELECT c1 FROM of_decimal WHERE row_id = 7", "1234567890123456.789");
    LOOK("SELECT row_id FROM of_decimal WHERE typeof(c1) <> 'text' AND c1 > 1000 ORDER BY 1", "2\n4\n9");
    free(long_one);
}

static void texts_bytes_and_json(void **state)
{
    fixture *f = *state;
    size_t size = 10 * 1024 * 1024;
    char *large = malloc(size + 1);
    dvs_cell texts[5];
    const dvs_cell bytes[] = {dvsi_cell_bytes("", 0), dvsi_cell_bytes("\0\xff\0", 3), dvsi_cell_null()};
    dvs_cell json[] = {dvsi_cell_json_n("{\"b\": 1.50, \"a\": [null, true]}", 30),
                       dvsi_cell_json_n("12345678901234567890.1", 22), dvsi_cell_null()};
    memset(large, 'x', size);
    memcpy(large + size - 4, "\xf0\x9f\x98\x80", 4);
    large[size] = '\0';
    texts[0] = dvsi_cell_text("");
    texts[1] = dvsi_cell_text("Zo\xc3\xab \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf");
    texts[2] = dvsi_cell_null();
    texts[3] = dvsi_cell_text("12.50");
    texts[4] = dvsi_cell_text_n(large, size);
    round_trip(f, DVS_TEXT, texts, 5);
    round_trip(f, DVS_BYTES, bytes, 3);
    round_trip(f, DVS_JSON, json, 3);
    LOOK("SELECT typeof(c1), length(c1) FROM of_text WHERE row_id IN (1, 3, 4, 5)",
         "text|0\nnull|NULL\ntext|5\ntext|10485757");
    LOOK("SELECT typeof(c1), hex(c1) FROM of_bytes", "blob|\nblob|00FF00\nnull|");
    LOOK("SELECT c1 FROM of_json WHERE row_id = 1", "{\"b\": 1.50, \"a\": [null, true]}");
    free(large);
}

static void times_and_uuids(void **state)
{
    fixture *f = *state;
    const uint8_t bytes[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                               0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    const dvs_cell dates[] = {of_kind(DVS_DATE, DVSI_DATE_MIN), of_kind(DVS_DATE, DVSI_DATE_MAX),
                              of_kind(DVS_DATE, 0), of_kind(DVS_DATE, 19782), dvsi_cell_null()};
    const dvs_cell stamps[] = {dvsi_cell_timestamp(DVSI_TIMESTAMP_MIN),
                               dvsi_cell_timestamp(DVSI_TIMESTAMP_MAX), dvsi_cell_timestamp(-1),
                               dvsi_cell_timestamp(0), dvsi_cell_null()};
    const dvs_cell uuids[] = {uuid(bytes), dvsi_cell_null()};
    round_trip(f, DVS_DATE, dates, 5);
    round_trip(f, DVS_TIMESTAMP, stamps, 5);
    round_trip(f, DVS_UUID, uuids, 2);
    LOOK("SELECT c1 FROM of_date", "0001-01-01\n9999-12-31\n1970-01-01\n2024-02-29\nNULL");
    LOOK("SELECT c1 FROM of_timestamp", "0001-01-01T00:00:00.000000Z\n9999-12-31T23:59:59.999999Z\n"
                                        "1969-12-31T23:59:59.999999Z\n1970-01-01T00:00:00.000000Z\nNULL");
    LOOK("SELECT c1 FROM of_uuid WHERE row_id = 1", "00112233-4455-6677-8899-aabbccddeeff");
}

static void hand_edits_are_mistyped(void **state)
{
    fixture *f = *state;
    static const struct {
        uint32_t kind;
        const char *value; /* as SQL */
        uint32_t found;    /* kind of the cell that is wanted; with flag MISTYPED unless it is `kind` */
    } edits[] = {
        {DVS_BOOL, "2", DVS_INT64},
        {DVS_BOOL, "'true'", DVS_TEXT},
        {DVS_INT64, "1.5", DVS_DOUBLE},
        {DVS_INT64, "'12'", DVS_INT64}, /* the column's affinity makes it a number */
        {DVS_INT64, "'twelve'", DVS_TEXT},
        {DVS_INT64, "x'00'", DVS_BYTES},
        {DVS_DOUBLE, "'x'", DVS_TEXT},
        {DVS_DOUBLE, "9e999", DVS_TEXT},
        {DVS_DECIMAL, "'12.5'", DVS_TEXT}, /* belongs in a REAL */
        {DVS_DECIMAL, "'1e400'", DVS_DECIMAL},
        {DVS_DECIMAL, "9e999", DVS_TEXT},
        {DVS_DECIMAL, "x'31'", DVS_BYTES},
        {DVS_DECIMAL, "12.5", DVS_DECIMAL},
        {DVS_TEXT, "x'41'", DVS_BYTES},
        {DVS_TEXT, "cast(x'41ff' AS TEXT)", DVS_BYTES},
        {DVS_TEXT, "cast(x'410042' AS TEXT)", DVS_BYTES},
        {DVS_TEXT, "12", DVS_TEXT},
        {DVS_BYTES, "'text'", DVS_TEXT},
        {DVS_BYTES, "1", DVS_INT64},
        {DVS_DATE, "'2024-02-30'", DVS_TEXT},
        {DVS_DATE, "'2024-2-3'", DVS_TEXT},
        {DVS_TIMESTAMP, "'2024-02-03T00:00:00Z'", DVS_TEXT},
        {DVS_TIMESTAMP, "'2024-02-03T24:00:00.000000Z'", DVS_TEXT},
        {DVS_TIMESTAMP, "1700000000", DVS_TEXT},
        {DVS_UUID, "'00112233-4455-6677-8899-AABBCCDDEEFF'", DVS_TEXT},
        {DVS_UUID, "'00112233445566778899aabbccddeeff'", DVS_TEXT},
        {DVS_JSON, "'{\"a\":1,}'", DVS_TEXT},
        {DVS_JSON, "''", DVS_TEXT},
        {DVS_JSON, "12", DVS_JSON},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
        dvsi_schema schema = {0};
        dvs_cell row[2] = {dvsi_cell_int64(1)};
        char name[16], sql[200];
        dvsi_batch *batch;
        dvs_table table;
        const dvs_cell *got;
        snprintf(name, sizeof name, "t%zu", i);
        columns_of(&schema, &edits[i].kind, 1);
        table = table_of(f, name, &schema);
        row[1] = dvsi_cell_null();
        begin(sink);
        make_table(sink, &table);
        insert(sink, &table, row, 1);
        commit(sink);
        snprintf(sql, sizeof sql, "UPDATE %s SET c1 = %s", name, edits[i].value);
        LOOK(sql, "");
        begin(sink);
        batch = read_all(sink, &table);
        got = &dvsi_batch_cells(batch, 0)[1];
        if (got->kind != edits[i].found ||
            (got->flags & DVS_CELL_MISTYPED) != (edits[i].found != edits[i].kind))
            fail_msg("%s := %s is kind %u flags %u", dvsi_kind_name(edits[i].kind), edits[i].value, got->kind,
                     got->flags);
        commit(sink);
        dvsi_batch_free(batch);
        dvsi_sink_close(sink);
        dvsi_schema_free(&schema);
    }
}

/* A value that the type cannot have is refused with the row's number, and nothing of it is kept. */
static void impossible_values_are_row_errors(void **state)
{
    fixture *f = *state;
    static const uint32_t kinds[] = {DVS_DOUBLE, DVS_DATE, DVS_TEXT};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_error err = DVS_ERROR_INIT;
    dvs_table table;
    dvs_cell cells[2][4] = {{dvsi_cell_int64(1), real(1), of_kind(DVS_DATE, 1), dvsi_cell_text("a")},
                            {dvsi_cell_int64(2), real(1), of_kind(DVS_DATE, 1), dvsi_cell_text("b")}};
    dvs_cell bad[3];
    bad[0] = real(0);
    bad[0].v.f64 = (double)INFINITY;
    bad[1] = of_kind(DVS_DATE, DVSI_DATE_MAX + 1);
    bad[2] = dvsi_cell_int64(7);
    columns_of(&schema, kinds, 3);
    table = table_of(f, "t", &schema);
    begin(sink);
    make_table(sink, &table);
    for (int i = 0; i < 3; i++) {
        dvs_cell keep = cells[1][i + 1];
        cells[1][i + 1] = bad[i];
        OK(dvsi_sink_savepoint(sink, ERR));
        assert_int_equal(try_insert(sink, &table, &cells[0][0], 2, &err), DVS_E_DATA);
        assert_int_equal(err.scope, DVS_SCOPE_ROW);
        assert_int_equal(err.row, 1);
        assert_non_null(strstr(err.message, i == 0 ? "c1" : i == 1 ? "c2" : "c3"));
        OK(dvsi_sink_rollback_to(sink, ERR));
        OK(dvsi_sink_release(sink, ERR));
        cells[1][i + 1] = keep;
    }
    insert(sink, &table, &cells[0][0], 2);
    commit(sink);
    LOOK("SELECT count(*) FROM t", "2");
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bools_integers_and_doubles), TEST(decimals_are_exact_and_compare_as_numbers),
        TEST(texts_bytes_and_json),       TEST(times_and_uuids),
        TEST(hand_edits_are_mistyped),    TEST(impossible_values_are_row_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
