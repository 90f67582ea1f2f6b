/* test_sqlite_repeats.c - rows of one call that share values, down to their bytes in memory. */
#include "sqlite_fixture.h"

#define ROWS 40
#define COLUMNS 8 /* with the row id */

static const uint32_t kinds[COLUMNS - 1] = {DVS_TEXT, DVS_UUID,  DVS_TIMESTAMP, DVS_DECIMAL,
                                            DVS_JSON, DVS_BYTES, DVS_INT64};

static const uint8_t uuids[2][16] = {{1, 2, 3}, {4, 5, 6}};
static const char texts[] = "shared bytes";

static dvs_cell cell_of(uint32_t kind, const void *bytes, uint32_t length)
{
    dvs_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.kind = (uint8_t)kind;
    cell.length = length;
    cell.v.bytes = bytes;
    return cell;
}

/* The value of a column in version 0, 1 or 2 (NULL); the versions differ in nothing but a length, or in
 * all. */
static dvs_cell value_of(uint32_t column, int version)
{
    if (version == 2)
        return dvsi_cell_null();
    switch (kinds[column]) {
    case DVS_UUID:
        return cell_of(DVS_UUID, uuids[version], 16);
    case DVS_TIMESTAMP:
        return dvsi_cell_timestamp(version == 0 ? 1700000000000000 : -1);
    case DVS_DECIMAL:
        return cell_of(DVS_DECIMAL, "1.25", version == 0 ? 4 : 1);
    case DVS_JSON:
        return dvsi_cell_json_n("12", version == 0 ? 2 : 1);
    case DVS_BYTES:
        return dvsi_cell_bytes(texts, version == 0 ? 12 : 0);
    case DVS_INT64:
        return dvsi_cell_int64(version);
    default:
        return dvsi_cell_text_n(texts, version == 0 ? 12 : 6);
    }
}

/* Each column changes at rows of its own, so that every value stands behind every other and behind itself. */
static int version_at(uint32_t column, int row)
{
    static const int order[] = {0, 0, 1, 1, 2, 2, 0, 2, 1, 0};
    return order[((uint32_t)row + 3 * column) % (sizeof order / sizeof order[0])];
}

static void shared_values(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_cell cells[ROWS * COLUMNS];
    dvs_table table;
    dvsi_batch *batch;
    columns_of(&schema, kinds, COLUMNS - 1);
    table = table_of(f, "t", &schema);
    for (int row = 0; row < ROWS; row++) {
        cells[row * COLUMNS] = dvsi_cell_int64(row + 1);
        for (uint32_t i = 1; i < COLUMNS; i++)
            cells[row * COLUMNS + (int)i] = value_of(i - 1, version_at(i - 1, row));
    }
    begin(sink);
    make_table(sink, &table);
    insert(sink, &table, cells, ROWS / 2);
    insert(sink, &table, cells + ROWS / 2 * COLUMNS, ROWS / 2); /* and from one call to the next */
    commit(sink);
    begin(sink);
    batch = read_all(sink, &table);
    assert_int_equal(batch->n_rows, ROWS);
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t i = 0; i < COLUMNS; i++) {
            if (!dvsi_cell_equal(&dvsi_batch_cells(batch, row)[i], &cells[row * COLUMNS + i]))
                fail_msg("row %u, column %u", row + 1, i);
        }
    }
    commit(sink);
    dvsi_batch_free(batch);
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shared_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
