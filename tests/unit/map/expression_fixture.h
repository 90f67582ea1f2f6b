/* expression_fixture.h - one expression over one record, and what is expected of it. */
#ifndef EXPRESSION_FIXTURE_H
#define EXPRESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "data/cell.h"
#include "map/expression.h"

#define UNUSED __attribute__((unused))

/* What an expression gives: the kind and the text of its cell, or what its error says. */
typedef struct expected {
    const char *expression;
    const char *result; /* "int64 5", "text x", "null", "absent"; with "! " in front: part of a row error's
                         * message; with
                         * "? ": part of that of a mistake in the project */
} expected;

/* The record that the tables are about. */
enum {
    COL_A,
    COL_NAME,
    COL_MONEY,
    COL_AT,
    COL_DAY,
    COL_ID,
    COL_YES,
    COL_RAW,
    COL_DOC,
    COL_NONE,
    COL_F,
    N_COLUMNS
};
UNUSED static const char *const column_names[N_COLUMNS] = {"a",   "Name", "money", "at",   "day", "id",
                                                           "yes", "raw",  "doc",   "none", "f"};

UNUSED static void usual_record(dvs_cell record[N_COLUMNS])
{
    static const char money[] = "12345678901234567.891";
    static const uint8_t id[16] = {0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    memset(record, 0, N_COLUMNS * sizeof *record);
    record[COL_A] = dvsi_cell_int64(INT64_C(9007199254740993));
    record[COL_NAME] = dvsi_cell_text("Zoë O'Neil");
    record[COL_MONEY].kind = DVS_DECIMAL;
    record[COL_MONEY].v.text = money;
    record[COL_MONEY].length = sizeof money - 1;
    record[COL_AT] = dvsi_cell_timestamp(INT64_C(1709210096123456));
    record[COL_DAY].kind = DVS_DATE;
    record[COL_DAY].v.i64 = 19782;
    record[COL_ID].kind = DVS_UUID;
    record[COL_ID].length = 16;
    record[COL_ID].v.bytes = id;
    record[COL_YES] = dvsi_cell_bool(1);
    record[COL_RAW] = dvsi_cell_bytes((const uint8_t *)"\x01\xff", 2);
    record[COL_DOC] = dvsi_cell_json_n("{\"x\": [1, 2]}", strlen("{\"x\": [1, 2]}"));
    record[COL_NONE] = dvsi_cell_null();
    record[COL_F].kind = DVS_DOUBLE;
    record[COL_F].v.f64 = 0.1;
}

UNUSED static void show(dvsi_buf *out, const dvs_cell *cell)
{
    dvsi_buf_puts(out, cell->kind == DVS_ABSENT ? "absent"
                       : cell->kind == DVS_NULL ? "null"
                                                : dvsi_kind_name(cell->kind));
    if (cell->kind <= DVS_NULL)
        return;
    dvsi_buf_putc(out, ' ');
    if (cell->kind == DVS_TEXT || cell->kind == DVS_DECIMAL)
        dvsi_buf_add(out, cell->v.text, cell->length);
    else
        dvsi_cell_json(out, cell);
}

UNUSED static void check_expression(const expected *e, const dvs_cell *record)
{
    dvsi_arena arena = {0};
    dvsi_buf got = {0};
    dvsi_expressions *expressions = NULL;
    dvsi_expression_error error = {0};
    dvs_cell out = {0};
    const char *message = NULL;
    int32_t status =
        dvsi_expressions_new(column_names, N_COLUMNS, &e->expression, 1, &arena, &expressions, &error);
    char sign = '?';
    if (status == DVS_OK) {
        sign = '!';
        message =
            dvsi_expressions_eval(expressions, record, &arena, &out, &error) != 0 ? error.message : NULL;
        if (message != NULL)
            assert_int_equal(out.kind, DVS_ABSENT);
    } else {
        assert_int_equal(status, DVS_E_CONFIG);
        assert_null(expressions);
        message = error.message;
    }
    if (message == NULL) {
        show(&got, &out);
        if (strcmp(dvsi_buf_text(&got), e->result) != 0)
            fail_msg("%s gives \"%s\", not \"%s\"", e->expression, dvsi_buf_text(&got), e->result);
    } else if (e->result[0] != sign || strstr(message, e->result + 2) == NULL) {
        fail_msg("%s fails (%c) with \"%s\", not \"%s\"", e->expression, sign, message, e->result);
    }
    dvsi_expressions_free(expressions);
    dvsi_buf_free(&got);
    dvsi_arena_free(&arena);
}

#define CHECK_ALL(table)                                                                                     \
    do {                                                                                                     \
        dvs_cell usual_[N_COLUMNS];                                                                          \
        usual_record(usual_);                                                                                \
        for (size_t i_ = 0; i_ < sizeof(table) / sizeof *(table); i_++)                                      \
            check_expression(&(table)[i_], usual_);                                                          \
    } while (0)

#endif
