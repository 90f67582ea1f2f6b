/* cell_in.c - cells to SQLite's values: how each type is stored. */
#include "sink_sqlite.h"

#include <math.h>

static int bind_decimal(sqlite3_stmt *statement, int index, const dvs_cell *cell, const char **why)
{
    sink_sqlite_decimal decimal;
    sink_sqlite_decimal_read(cell->v.text, cell->length, &decimal);
    switch (decimal.as) {
    case SINK_SQLITE_INTEGER:
        return sqlite3_bind_int64(statement, index, decimal.integer);
    case SINK_SQLITE_REAL:
        return sqlite3_bind_double(statement, index, decimal.real);
    case SINK_SQLITE_TEXT:
        return sqlite3_bind_text64(statement, index, decimal.text, decimal.length, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    default:
        *why = "is no decimal number of at most 1000 digits";
        return SQLITE_MISMATCH;
    }
}

static int bind_made(sqlite3_stmt *statement, int index, const dvs_cell *cell, char *scratch,
                     const char **why)
{
    int length = 0;
    switch (cell->kind) {
    case DVS_DATE:
        length = sink_sqlite_date_write(cell->v.i64, scratch) == 0 ? SINK_SQLITE_DATE_LENGTH : 0;
        break;
    case DVS_TIMESTAMP:
        length = sink_sqlite_timestamp_write(cell->v.i64, scratch) == 0 ? SINK_SQLITE_TIMESTAMP_LENGTH : 0;
        break;
    default:
        if (cell->length == 16) {
            sink_sqlite_uuid_write(cell->v.bytes, scratch);
            length = SINK_SQLITE_UUID_LENGTH;
        }
        break;
    }
    if (length == 0) {
        *why = cell->kind == DVS_UUID ? "is no uuid of 16 bytes" : "lies outside the years 0001 to 9999";
        return SQLITE_MISMATCH;
    }
    return sqlite3_bind_text(statement, index, scratch, length, SQLITE_STATIC);
}

int sink_sqlite_bind(sqlite3_stmt *statement, int index, uint32_t kind, const dvs_cell *cell, char *scratch,
                     const char **why)
{
    *why = NULL;
    if (cell->kind == DVS_NULL || cell->kind == DVS_ABSENT)
        return sqlite3_bind_null(statement, index);
    if (cell->kind != kind) {
        *why = "has another type than its column";
        return SQLITE_MISMATCH;
    }
    switch (kind) {
    case DVS_BOOL:
        return sqlite3_bind_int64(statement, index, cell->v.i64 != 0);
    case DVS_INT64:
        return sqlite3_bind_int64(statement, index, cell->v.i64);
    case DVS_DOUBLE:
        if (!isfinite(cell->v.f64)) { /* SQLite would take NaN for NULL */
            *why = "is not a finite number";
            return SQLITE_MISMATCH;
        }
        return sqlite3_bind_double(statement, index, cell->v.f64);
    case DVS_DECIMAL:
        return bind_decimal(statement, index, cell, why);
    case DVS_TEXT:
    case DVS_JSON:
        /* A NULL pointer would be NULL, not the empty text. */
        return sqlite3_bind_text64(statement, index, cell->length > 0 ? cell->v.text : "", cell->length,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case DVS_BYTES:
        return sqlite3_bind_blob64(statement, index, cell->length > 0 ? (const void *)cell->v.bytes : "",
                                   cell->length, SQLITE_STATIC);
    case DVS_DATE:
    case DVS_TIMESTAMP:
    case DVS_UUID:
        return bind_made(statement, index, cell, scratch, why);
    default:
        *why = "has an unknown type";
        return SQLITE_MISMATCH;
    }
}
