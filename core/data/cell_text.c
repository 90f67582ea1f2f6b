/* cell_text.c - cells as canonical text and as JSON. See cell.h. */
#include "data/cell.h"

#include <string.h>

#include "base/number.h"
#include "data/base64.h"
#include "data/decimal.h"
#include "data/json.h"
#include "data/timetext.h"
#include "data/uuid.h"

void dvsi_cell_canonical(dvsi_buf *out, const dvs_cell *cell)
{
    char text[64];

    switch (cell->kind) {
    case DVS_BOOL:
        dvsi_buf_puts(out, cell->v.i64 != 0 ? "true" : "false");
        break;
    case DVS_INT64:
        dvsi_buf_add(out, text, dvsi_number_from_int64(text, cell->v.i64));
        break;
    case DVS_DOUBLE:
        dvsi_buf_add(out, text, dvsi_number_from_double(text, cell->v.f64));
        break;
    case DVS_TEXT:
    case DVS_DECIMAL:
        dvsi_buf_add(out, cell->v.text, cell->length);
        break;
    case DVS_BYTES:
        dvsi_base64_encode(out, cell->v.bytes, cell->length);
        break;
    case DVS_DATE:
        dvsi_buf_add(out, text, dvsi_date_format(cell->v.i64, text));
        break;
    case DVS_TIMESTAMP:
        dvsi_buf_add(out, text, dvsi_timestamp_format(cell->v.i64, text));
        break;
    case DVS_UUID:
        dvsi_uuid_format(cell->v.bytes, text);
        dvsi_buf_add(out, text, DVSI_UUID_TEXT);
        break;
    case DVS_JSON:
        /* A clean cell holds valid JSON, so that only memory can be missing. */
        if (dvsi_json_canonical(out, cell->v.text, cell->length) != 0)
            out->failed = 1;
        break;
    default:
        break;
    }
}

void dvsi_cell_json(dvsi_buf *out, const dvs_cell *cell)
{
    switch (cell->kind) {
    case DVS_BOOL:
    case DVS_INT64:
    case DVS_DOUBLE:
        dvsi_cell_canonical(out, cell);
        break;
    case DVS_TEXT:
        dvsi_json_string(out, cell->v.text, cell->length);
        break;
    case DVS_JSON:
        dvsi_buf_add(out, cell->v.text, cell->length);
        break;
    case DVS_DECIMAL:
    case DVS_BYTES:
    case DVS_DATE:
    case DVS_TIMESTAMP:
    case DVS_UUID:
        dvsi_buf_putc(out, '"'); /* none of these needs an escape */
        dvsi_cell_canonical(out, cell);
        dvsi_buf_putc(out, '"');
        break;
    default:
        dvsi_buf_puts(out, "null");
        break;
    }
}

/* A parsed value as the cell whose strict conversion to `kind` is what was written. 0 or -1. */
static int as_cell(uint32_t kind, const dvsi_json *value, dvs_cell *cell)
{
    switch (value->type) {
    case DVSI_JSON_BOOL:
        *cell = dvsi_cell_bool(value->length != 0);
        return kind == DVS_BOOL ? 0 : -1;
    case DVSI_JSON_NUMBER:
        *cell = dvsi_cell_text_n(value->text, value->length);
        return kind == DVS_INT64 || kind == DVS_DOUBLE || kind == DVS_DECIMAL ? 0 : -1;
    case DVSI_JSON_STRING:
        *cell = dvsi_cell_text_n(value->text, value->length);
        return kind == DVS_BOOL || kind == DVS_INT64 || kind == DVS_DOUBLE ? -1 : 0;
    default:
        return -1;
    }
}

int dvsi_cell_from_value(dvsi_arena *arena, uint32_t kind, const dvsi_json *value, dvs_cell *out)
{
    dvs_cell cell;

    if (value->type == DVSI_JSON_NULL) {
        *out = dvsi_cell_null();
        return 0;
    }
    if (kind == DVS_JSON) {
        dvsi_buf text = {0};
        int result = -1;

        dvsi_json_write(&text, value);
        if (!text.failed && text.length <= UINT32_MAX) {
            cell = dvsi_cell_json_n(dvsi_buf_text(&text), text.length);
            result = dvsi_cell_copy(arena, &cell, out);
        }
        dvsi_buf_free(&text);
        return result;
    }
    if (as_cell(kind, value, &cell) != 0)
        return -1;
    return dvsi_cell_convert(arena, kind, &cell, out) == NULL ? 0 : -1;
}

int dvsi_cell_from_json(dvsi_arena *arena, uint32_t kind, const char *text, size_t length, dvs_cell *out)
{
    const dvsi_json *value;
    dvs_cell cell;

    if (length > UINT32_MAX)
        return -1;
    value = dvsi_json_parse(arena, text, length, NULL, NULL);
    if (value == NULL)
        return -1;
    if (kind != DVS_JSON || value->type == DVSI_JSON_NULL)
        return dvsi_cell_from_value(arena, kind, value, out);
    cell = dvsi_cell_json_n(text, length); /* as it was spelt */
    return dvsi_cell_copy(arena, &cell, out);
}
