/* cell_convert.c - strict conversion between kinds. See cell.h. */
#include "data/cell.h"

#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "data/base64.h"
#include "data/decimal.h"
#include "data/json.h"
#include "data/timetext.h"
#include "data/uuid.h"

#define DAY_MICROS INT64_C(86400000000)

static const char other_type[] = "cannot be turned into this type";
static const char no_int64[] = "is no whole number of 64 bits";
static const char no_double[] = "cannot be a double without becoming another number";
static const char no_bool[] = "is neither true nor false";

static const char *put_bytes(dvsi_arena *arena, uint32_t kind, const char *data, size_t length, dvs_cell *out)
{
    dvs_cell cell = dvsi_cell_text_n(data, length);

    cell.kind = (uint8_t)kind;
    return dvsi_cell_copy(arena, &cell, out) == 0 ? NULL : dvsi_cell_no_memory;
}

static const char *put_i64(uint32_t kind, int64_t value, dvs_cell *out)
{
    *out = dvsi_cell_int64(value);
    out->kind = (uint8_t)kind;
    return NULL;
}

static const char *put_double(double value, dvs_cell *out)
{
    *out = dvsi_cell_int64(0);
    out->kind = DVS_DOUBLE;
    out->v.f64 = value;
    return NULL;
}

static const char *to_text(dvsi_arena *arena, const dvs_cell *in, dvs_cell *out)
{
    dvsi_buf buf = {0};
    const char *problem = dvsi_cell_no_memory;

    dvsi_cell_canonical(&buf, in);
    if (!buf.failed && buf.length > UINT32_MAX)
        problem = "is too long";
    else if (!buf.failed)
        problem = put_bytes(arena, DVS_TEXT, buf.data, buf.length, out);
    dvsi_buf_free(&buf);
    return problem;
}

static const char *text_to_bool(const char *text, size_t length, dvs_cell *out)
{
    char word[8];

    if (length == 0 || length >= sizeof word)
        return no_bool;
    memcpy(word, text, length);
    word[length] = '\0';
    if (dvsi_utf8_casecmp(word, "true") == 0 || strcmp(word, "1") == 0)
        return put_i64(DVS_BOOL, 1, out);
    if (dvsi_utf8_casecmp(word, "false") == 0 || strcmp(word, "0") == 0)
        return put_i64(DVS_BOOL, 0, out);
    return no_bool;
}

static const char *text_to_int64(const char *text, size_t length, dvs_cell *out)
{
    char decimal[DVSI_DECIMAL_SIZE];
    int64_t value;
    size_t size;

    if (dvsi_number_to_int64(text, length, &value) == 0)
        return put_i64(DVS_INT64, value, out);
    size = dvsi_decimal_canonical(text, length, decimal);
    if (size == 0 || dvsi_decimal_to_int64(decimal, size, &value) != 0)
        return no_int64;
    return put_i64(DVS_INT64, value, out);
}

static const char *text_to_bytes(dvsi_arena *arena, const char *text, size_t length, dvs_cell *out)
{
    size_t size;
    uint8_t *bytes = dvsi_base64_decode(arena, text, length, &size);

    if (bytes == NULL)
        return size == SIZE_MAX ? dvsi_cell_no_memory : "is no base64";
    *out = dvsi_cell_bytes(bytes, size);
    return NULL;
}

static const char *from_text(dvsi_arena *arena, uint32_t kind, const char *text, size_t length, dvs_cell *out)
{
    char decimal[DVSI_DECIMAL_SIZE];
    uint8_t uuid[16];
    size_t size;
    int64_t i64;
    double f64;

    switch (kind) {
    case DVS_BOOL:
        return text_to_bool(text, length, out);
    case DVS_INT64:
        return text_to_int64(text, length, out);
    case DVS_DOUBLE:
        return dvsi_number_to_double(text, length, &f64) == 0 ? put_double(f64, out)
                                                              : "is no number of type double";
    case DVS_DECIMAL:
        size = dvsi_decimal_canonical(text, length, decimal);
        return size > 0 ? put_bytes(arena, DVS_DECIMAL, decimal, size, out)
                        : "is no decimal number of at most 1000 digits";
    case DVS_BYTES:
        return text_to_bytes(arena, text, length, out);
    case DVS_DATE:
        return dvsi_date_parse(text, length, &i64) == 0 ? put_i64(DVS_DATE, i64, out)
                                                        : "is no date (YYYY-MM-DD)";
    case DVS_TIMESTAMP:
        return dvsi_timestamp_parse(text, length, &i64) == 0
                   ? put_i64(DVS_TIMESTAMP, i64, out)
                   : "is no timestamp with a time zone (YYYY-MM-DDThh:mm:ssZ)";
    case DVS_UUID:
        return dvsi_uuid_parse(text, length, uuid) == 0
                   ? put_bytes(arena, DVS_UUID, (const char *)uuid, 16, out)
                   : "is no UUID";
    case DVS_JSON:
        if (dvsi_json_check(text, length) != NULL)
            return "is no valid JSON";
        *out = dvsi_cell_json_n(text, length);
        return NULL;
    default:
        return other_type;
    }
}

static const char *from_int64(dvsi_arena *arena, uint32_t kind, int64_t value, dvs_cell *out)
{
    char text[DVSI_INT64_SIZE];
    double f64 = (double)value;

    switch (kind) {
    case DVS_BOOL:
        return value == 0 || value == 1 ? put_i64(DVS_BOOL, value, out) : no_bool;
    case DVS_DOUBLE:
        /* 2^63, to which the largest numbers round, does not fit back. */
        if (f64 >= 9223372036854775808.0 || (int64_t)f64 != value)
            return no_double;
        return put_double(f64, out);
    case DVS_DECIMAL:
        return put_bytes(arena, DVS_DECIMAL, text, dvsi_number_from_int64(text, value), out);
    default:
        return other_type;
    }
}

/* The shortest text of a double, as a canonical decimal; its length. */
static size_t double_decimal(double value, char out[DVSI_DECIMAL_SIZE])
{
    char text[DVSI_DOUBLE_SIZE];

    return dvsi_decimal_canonical(text, dvsi_number_from_double(text, value), out);
}

static const char *from_double(dvsi_arena *arena, uint32_t kind, double value, dvs_cell *out)
{
    char text[DVSI_DECIMAL_SIZE];

    switch (kind) {
    case DVS_INT64:
        if (!(value >= -9223372036854775808.0 && value < 9223372036854775808.0) ||
            (double)(int64_t)value != value)
            return no_int64;
        return put_i64(DVS_INT64, (int64_t)value, out);
    case DVS_DECIMAL:
        return put_bytes(arena, DVS_DECIMAL, text, double_decimal(value, text), out);
    default:
        return other_type;
    }
}

static const char *from_decimal(uint32_t kind, const char *text, size_t length, dvs_cell *out)
{
    char back[DVSI_DECIMAL_SIZE];
    int64_t i64;
    double f64;

    switch (kind) {
    case DVS_INT64:
        return dvsi_decimal_to_int64(text, length, &i64) == 0 ? put_i64(DVS_INT64, i64, out) : no_int64;
    case DVS_DOUBLE:
        if (dvsi_number_to_double(text, length, &f64) != 0 || double_decimal(f64, back) != length ||
            memcmp(back, text, length) != 0)
            return no_double;
        return put_double(f64, out);
    default:
        return other_type;
    }
}

static const char *convert(dvsi_arena *arena, uint32_t kind, const dvs_cell *in, dvs_cell *out)
{
    int64_t days;

    switch (in->kind) {
    case DVS_TEXT:
        return from_text(arena, kind, in->v.text, in->length, out);
    case DVS_BOOL:
        return kind == DVS_INT64 ? put_i64(DVS_INT64, in->v.i64, out) : other_type;
    case DVS_INT64:
        return from_int64(arena, kind, in->v.i64, out);
    case DVS_DOUBLE:
        return from_double(arena, kind, in->v.f64, out);
    case DVS_DECIMAL:
        return from_decimal(kind, in->v.text, in->length, out);
    case DVS_DATE:
        return kind == DVS_TIMESTAMP ? put_i64(DVS_TIMESTAMP, in->v.i64 * DAY_MICROS, out) : other_type;
    case DVS_TIMESTAMP:
        if (kind != DVS_DATE)
            return other_type;
        if (in->v.i64 % DAY_MICROS != 0)
            return "has a time of day";
        days = in->v.i64 / DAY_MICROS;
        return put_i64(DVS_DATE, days, out);
    default:
        return other_type;
    }
}

const char *dvsi_cell_convert(dvsi_arena *arena, uint32_t kind, const dvs_cell *in, dvs_cell *out)
{
    if (in->flags & DVS_CELL_MISTYPED)
        return "has another type than its column";
    if (in->kind == kind || in->kind == DVS_NULL || in->kind == DVS_ABSENT) {
        *out = *in;
        return NULL;
    }
    return kind == DVS_TEXT ? to_text(arena, in, out) : convert(arena, kind, in, out);
}
