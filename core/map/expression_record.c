/* expression_record.c - the record in hand as a table, its values in storage form. */
#include "map/expression_parts.h"

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "data/decimal.h"
#include "data/timetext.h"
#include "data/uuid.h"

int dvsi_expression_keep_exact(dvsi_expressions *e, double nearest, const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < e->n_exact; i++) {
        dvsi_exact *known = &e->exact[i];
        if (known->nearest != nearest)
            continue;
        if (known->length != length || memcmp(known->text, text, length) != 0)
            known->several = 1;
        return 0;
    }
    if (e->n_exact == DVSI_EXACT_MOST)
        return -1;
    char *copy = dvsi_arena_copy(e->record_arena, text, length);
    if (copy == NULL)
        return -1;
    e->exact[e->n_exact++] = (dvsi_exact){nearest, copy, length, 0};
    return 0;
}

const dvsi_exact *dvsi_expression_exact(const dvsi_expressions *e, double value)
{
    for (uint32_t i = 0; i < e->n_exact; i++)
        if (e->exact[i].nearest == value)
            return &e->exact[i];
    return NULL;
}

/* Up to 15 digits every decimal is the shortest text of its double. */
static int is_short(const char *text, size_t length)
{
    return length <= 16 && memchr(text, '.', length) != NULL;
}

void dvsi_expression_result_decimal(dvsi_expressions *e, sqlite3_context *context, const char *text,
                                    size_t length)
{
    char shortest[DVSI_DOUBLE_SIZE], back[DVSI_DECIMAL_SIZE];
    int64_t whole;
    double nearest;
    if (dvsi_decimal_to_int64(text, length, &whole) == 0) {
        sqlite3_result_int64(context, whole);
        return;
    }
    if (dvsi_number_to_double(text, length, &nearest) != 0) {
        sqlite3_result_error(context, "a decimal is too large for an expression", -1);
        return;
    }
    sqlite3_result_double(context, nearest);
    if (is_short(text, length))
        return;
    size_t n = dvsi_decimal_canonical(shortest, dvsi_number_from_double(shortest, nearest), back);
    if (n == length && memcmp(back, text, length) == 0)
        return;
    if (dvsi_expression_keep_exact(e, nearest, text, (uint32_t)length) != 0)
        sqlite3_result_error(context, "too many long decimals in one record", -1);
}

static void result_cell(dvsi_expressions *e, sqlite3_context *context, const dvs_cell *cell)
{
    char text[DVSI_UUID_TEXT + DVSI_TIMESTAMP_SIZE];
    switch (cell->kind) {
    case DVS_BOOL:
    case DVS_INT64:
        sqlite3_result_int64(context, cell->v.i64);
        break;
    case DVS_DOUBLE:
        sqlite3_result_double(context, cell->v.f64);
        break;
    case DVS_DECIMAL:
        dvsi_expression_result_decimal(e, context, cell->v.text, cell->length);
        break;
    case DVS_TEXT:
    case DVS_JSON:
        sqlite3_result_text64(context, cell->length != 0 ? cell->v.text : "", cell->length, SQLITE_STATIC,
                              SQLITE_UTF8);
        break;
    case DVS_BYTES:
        sqlite3_result_blob64(context, cell->length != 0 ? cell->v.text : "", cell->length, SQLITE_STATIC);
        break;
    case DVS_DATE:
        sqlite3_result_text(context, text, (int)dvsi_date_format(cell->v.i64, text), SQLITE_TRANSIENT);
        break;
    case DVS_TIMESTAMP:
        sqlite3_result_text(context, text, (int)dvsi_timestamp_format(cell->v.i64, text), SQLITE_TRANSIENT);
        break;
    case DVS_UUID:
        dvsi_uuid_format(cell->v.bytes, text);
        sqlite3_result_text(context, text, DVSI_UUID_TEXT, SQLITE_TRANSIENT);
        break;
    default:
        sqlite3_result_null(context);
    }
}

/* ---- The table ---- */

static void column(dvsi_expressions *e, sqlite3_context *context, int at)
{
    if (e->record != NULL && (uint32_t)at < e->n_columns)
        result_cell(e, context, &e->record[e->places[at]]);
}

/* No column has a declared type: values compare as what they are. The key is a column that nobody may read:
 * without it there would be `rowid`. */
static void declare(dvsi_expressions *e, dvsi_buf *out)
{
    for (uint32_t i = 0; i < e->n_columns; i++) {
        dvsi_buf_putc(out, '"');
        for (const char *c = e->columns[i]; *c != '\0'; c++) {
            dvsi_buf_puts(out, *c == '"' ? "\"" : "");
            dvsi_buf_putc(out, *c);
        }
        dvsi_buf_puts(out, "\",");
    }
    dvsi_buf_puts(out, "\"" DVSI_EXPRESSION_HIDDEN "\" HIDDEN PRIMARY KEY");
}

int dvsi_expression_module(dvsi_expressions *e)
{
    sqlite3_stmt *first = NULL; /* makes the table, while the authorizer does not look yet */
    e->record_row = (dvsi_row_table){e, declare, column};
    int status = dvsi_row_table_add(e->db, DVSI_EXPRESSION_TABLE, &e->record_row);
    if (status == SQLITE_OK)
        status = sqlite3_prepare_v2(e->db, "SELECT 1 FROM " DVSI_EXPRESSION_TABLE, -1, &first, NULL);
    sqlite3_finalize(first);
    return status == SQLITE_OK ? 0 : -1;
}
