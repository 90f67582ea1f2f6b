/*
 * cell_out.c - SQLite's values to cells.
 *
 * A value is a column's only when it is stored exactly as cell_in.c stores it. Anything else was put there by
 * somebody else: it goes out as what it is, marked as mistyped, so that it differs from every value and the
 * next sync writes the right one, in the form in which others can compare and sort it.
 */
#include "sink_sqlite.h"

#include <math.h>

/* The value as it was found. */
static int found(sqlite3_value *value, dvs_cell *cell)
{
    const void *data;
    double real;
    cell->flags = DVS_CELL_MISTYPED;
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        cell->kind = DVS_INT64;
        cell->v.i64 = sqlite3_value_int64(value);
        return SQLITE_OK;
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        if (isfinite(real)) {
            cell->kind = DVS_DOUBLE;
            cell->v.f64 = real;
        } else { /* no cell can hold an infinity */
            cell->kind = DVS_TEXT;
            cell->v.text = real > 0 ? "Inf" : "-Inf";
            cell->length = real > 0 ? 3 : 4;
        }
        return SQLITE_OK;
    case SQLITE_TEXT:
        data = sqlite3_value_text(value);
        cell->kind = DVS_TEXT;
        break;
    default:
        data = sqlite3_value_blob(value);
        cell->kind = DVS_BYTES;
        break;
    }
    cell->length = (uint32_t)sqlite3_value_bytes(value);
    if (data == NULL && (cell->length > 0 || cell->kind == DVS_TEXT))
        return SQLITE_NOMEM;
    if (cell->kind == DVS_TEXT && !sink_sqlite_utf8_valid(data, cell->length))
        cell->kind = DVS_BYTES;
    cell->v.bytes = data != NULL ? data : (const uint8_t *)"";
    return SQLITE_OK;
}

static bool whole(int64_t value)
{
    return value >= -(INT64_C(1) << 53) && value <= INT64_C(1) << 53;
}

static bool take_number(sqlite3_value *value, uint32_t kind, int type, char *scratch, dvs_cell *cell)
{
    int64_t integer = type == SQLITE_INTEGER ? sqlite3_value_int64(value) : 0;
    double real = type == SQLITE_FLOAT ? sqlite3_value_double(value) : 0;
    switch (kind) {
    case DVS_BOOL:
        cell->v.i64 = integer;
        return type == SQLITE_INTEGER && (integer == 0 || integer == 1);
    case DVS_INT64:
        cell->v.i64 = integer;
        return type == SQLITE_INTEGER;
    case DVS_DOUBLE: /* an adopted table's column may keep whole numbers as integers */
        cell->v.f64 = type == SQLITE_FLOAT ? real : (double)integer;
        return type == SQLITE_FLOAT ? isfinite(real) : whole(integer);
    case DVS_DECIMAL:
        if (type == SQLITE_FLOAT && !isfinite(real))
            return false;
        cell->v.text = scratch;
        cell->length = (uint32_t)(type == SQLITE_INTEGER ? sink_sqlite_text_of_int64(integer, scratch)
                                                         : sink_sqlite_text_of_double(real, scratch));
        return true;
    default:
        return false;
    }
}

static bool is_text_decimal(const char *text, size_t length)
{
    sink_sqlite_decimal decimal;
    sink_sqlite_decimal_read(text, length, &decimal);
    return decimal.as == SINK_SQLITE_TEXT;
}

static bool take_text(uint32_t kind, const char *text, size_t length, char *scratch, dvs_cell *cell)
{
    cell->v.text = text;
    cell->length = (uint32_t)length;
    switch (kind) {
    case DVS_TEXT:
        return sink_sqlite_utf8_valid(text, length);
    case DVS_JSON:
        return sink_sqlite_utf8_valid(text, length) && sink_sqlite_json_valid(text, length);
    case DVS_DECIMAL:
        return is_text_decimal(text, length);
    case DVS_UUID:
        cell->v.bytes = (const uint8_t *)scratch;
        cell->length = 16;
        return sink_sqlite_uuid_read(text, length, (uint8_t *)scratch) == 0;
    default:
        break;
    }
    cell->length = 0;
    return kind == DVS_DATE        ? sink_sqlite_date_read(text, length, &cell->v.i64) == 0
           : kind == DVS_TIMESTAMP ? sink_sqlite_timestamp_read(text, length, &cell->v.i64) == 0
                                   : false;
}

int sink_sqlite_cell(sqlite3_stmt *statement, int index, uint32_t kind, char *scratch, dvs_cell *cell)
{
    /* One look-up of the column instead of one for each question. SQLite calls such a value unprotected: it
     * may change when another thread uses the connection, which only one thread at a time does here. */
    sqlite3_value *value = sqlite3_column_value(statement, index);
    int type = sqlite3_value_type(value);
    bool fits = false;
    memset(cell, 0, sizeof *cell);
    if (type == SQLITE_NULL) {
        cell->kind = DVS_NULL;
        return SQLITE_OK;
    }
    cell->kind = (uint8_t)kind;
    if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_value_text(value);
        if (text == NULL)
            return SQLITE_NOMEM;
        fits = take_text(kind, text, (size_t)sqlite3_value_bytes(value), scratch, cell);
    } else if (type == SQLITE_BLOB) {
        fits = kind == DVS_BYTES;
    } else {
        fits = take_number(value, kind, type, scratch, cell);
    }
    if (fits && type != SQLITE_BLOB)
        return SQLITE_OK;
    memset(cell, 0, sizeof *cell);
    if (found(value, cell) != SQLITE_OK)
        return SQLITE_NOMEM;
    if (fits)
        cell->flags = 0;
    return SQLITE_OK;
}
