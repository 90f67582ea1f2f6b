/* fuzz_expression.c - any text as an expression over a record, with two values of the input in it: refused,
 * failed or evaluated, twice to the same result. As a `where`, what is pushed down lets the record through
 * when it matches, and when that cannot be told. */
#include "fuzz.h"

#include "base/utf8.h"
#include "data/cell.h"
#include "map/expression.h"
#include "map/pushdown.h"

#define N_COLUMNS 5

/* The input: an expression up to the first newline, then a text, then bytes. */
static const char *next_part(const uint8_t **data, size_t *size, size_t *length)
{
    const uint8_t *start = *data;
    const uint8_t *end = memchr(start, '\n', *size);
    *length = end != NULL ? (size_t)(end - start) : *size;
    *data = start + *length + (end != NULL);
    *size -= *length + (end != NULL);
    return (const char *)start;
}

static void fill(dvs_cell *record, const char *text, size_t length, const uint8_t *bytes, size_t size)
{
    static const char decimal[] = "12345678901234567.891";
    memset(record, 0, N_COLUMNS * sizeof *record);
    record[0] = dvsi_cell_int64((int64_t)length - 3);
    record[1] = dvsi_utf8_valid(text, length) == length ? dvsi_cell_text_n(text, length) : dvsi_cell_null();
    record[2].kind = DVS_DECIMAL;
    record[2].v.text = decimal;
    record[2].length = sizeof decimal - 1;
    record[3] = dvsi_cell_timestamp(1709210096123456);
    record[4] = size != 0 ? dvsi_cell_bytes(bytes, size) : record[4];
}

static void check_result(const dvs_cell *cell)
{
    CHECK(cell->kind == DVS_ABSENT || cell->kind == DVS_NULL || cell->kind == DVS_INT64 ||
          cell->kind == DVS_DOUBLE || cell->kind == DVS_DECIMAL || cell->kind == DVS_TEXT ||
          cell->kind == DVS_BYTES);
    if (cell->kind == DVS_TEXT)
        CHECK(dvsi_utf8_valid(cell->v.text, cell->length) == cell->length);
}

static void evaluate(dvsi_expressions *expressions, const dvs_cell *record)
{
    dvsi_arena arena = {0};
    dvsi_expression_error error[2] = {{0}};
    dvs_cell out[2][2];
    int status[2];
    for (int i = 0; i < 2; i++) {
        status[i] = dvsi_expressions_eval(expressions, record, &arena, out[i], &error[i]);
        CHECK(status[i] == 0 || error[i].message != NULL);
        check_result(&out[i][0]);
        check_result(&out[i][1]);
    }
    CHECK(status[0] == status[1] && dvsi_cell_equal(&out[0][0], &out[1][0]) &&
          dvsi_cell_equal(&out[0][1], &out[1][1]));
    CHECK(out[0][1].kind == DVS_INT64 || record[0].kind == DVS_ABSENT);
    dvsi_arena_free(&arena);
}

/* -1, 0, 1, or 2: they cannot be compared. */
static int compare(const dvs_cell *cell, const dvs_cell *value)
{
    if (cell->kind != value->kind)
        return 2;
    if (cell->kind == DVS_TEXT)
        return dvsi_cell_equal(cell, value) ? 0 : 2;
    return cell->v.i64 < value->v.i64 ? -1 : cell->v.i64 > value->v.i64;
}

static int holds(const dvs_condition *c, const dvs_cell *cell)
{
    int order = compare(cell, &c->value);
    switch (c->op) {
    case DVS_OP_IS_NULL:
        return cell->kind == DVS_NULL;
    case DVS_OP_NOT_NULL:
        return cell->kind != DVS_NULL;
    case DVS_OP_EQ:
        return order == 0;
    case DVS_OP_NE:
        return order == -1 || order == 1;
    case DVS_OP_LT:
        return order == -1;
    case DVS_OP_LE:
        return order == -1 || order == 0;
    case DVS_OP_GT:
        return order == 1;
    default:
        return order == 1 || order == 0;
    }
}

static void push_down(const char *text, const char *const *columns, dvsi_expressions *expressions,
                      const dvs_cell *record)
{
    static const uint32_t kinds[N_COLUMNS] = {DVS_INT64, DVS_TEXT, DVS_DECIMAL, DVS_TIMESTAMP, DVS_BYTES};
    dvsi_arena arena = {0};
    dvsi_schema schema = {0};
    dvsi_expression_error error = {0};
    dvs_condition *conditions = NULL;
    dvs_cell out[2];
    uint32_t n = 0;
    for (uint32_t i = 0; i < N_COLUMNS; i++)
        CHECK(dvsi_schema_put(&schema, columns[i], kinds[i], DVS_COLUMN_NULLABLE) != NULL);
    CHECK(dvsi_pushdown(&arena, text, &schema, &conditions, &n) == 0);
    int failed = dvsi_expressions_eval(expressions, record, &arena, out, &error) != 0 && error.at == 0;
    int matches = failed || (out[0].kind == DVS_INT64 && out[0].v.i64 != 0) ||
                  (out[0].kind == DVS_DOUBLE && out[0].v.f64 != 0);
    for (uint32_t i = 0; i < n && matches; i++)
        CHECK(holds(&conditions[i], &record[dvsi_schema_find(&schema, conditions[i].column)]));
    dvsi_schema_free(&schema);
    dvsi_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const columns[N_COLUMNS] = {"a", "name", "revenue", "at", "raw"};
    dvsi_arena arena = {0};
    dvsi_expressions *expressions = NULL;
    dvsi_expression_error error = {0};
    dvs_cell record[N_COLUMNS];
    size_t length = 0, text_length = 0;
    const char *start = next_part(&data, &size, &length);
    char *expression = dvsi_arena_copy(&arena, start, length);
    const char *texts[2] = {expression, "a + 1"};
    CHECK(expression != NULL);
    int32_t status = dvsi_expressions_new(columns, N_COLUMNS, texts, 2, &arena, &expressions, &error);
    CHECK(status == DVS_OK || (status == DVS_E_CONFIG && error.message != NULL));
    if (expressions != NULL) {
        const char *text = next_part(&data, &size, &text_length);
        fill(record, text, text_length, data, size);
        evaluate(expressions, record);
        if (record[4].kind != DVS_ABSENT) /* hidden columns are none of push-down's */
            push_down(expression, columns, expressions, record);
    }
    dvsi_expressions_free(expressions);
    dvsi_arena_free(&arena);
    return 0;
}
