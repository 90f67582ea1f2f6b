/* cell.c - what a cell is: kinds, makers, cleaning, comparing, copying. See cell.h. */
#include "data/cell.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "data/decimal.h"
#include "data/json.h"
#include "data/timetext.h"

const char dvsi_cell_no_memory[] = "could not be kept: out of memory";

static const char *const kind_names[DVS_KIND_COUNT] = {
    NULL, NULL, "bool", "int64", "double", "decimal", "text", "bytes", "date", "timestamp", "uuid", "json"};

const char *dvsi_kind_name(uint32_t kind)
{
    return kind < DVS_KIND_COUNT ? kind_names[kind] : NULL;
}

int dvsi_kind_from_name(const char *name)
{
    for (int kind = DVS_BOOL; kind < DVS_KIND_COUNT; kind++) {
        if (strcmp(kind_names[kind], name) == 0)
            return kind;
    }
    return -1;
}

int dvsi_kind_is_key(uint32_t kind)
{
    return kind >= DVS_BOOL && kind < DVS_KIND_COUNT && kind != DVS_DOUBLE && kind != DVS_JSON &&
           kind != DVS_BYTES;
}

/* True for the kinds whose value is `length` bytes. */
static int has_bytes(uint32_t kind)
{
    return kind == DVS_TEXT || kind == DVS_DECIMAL || kind == DVS_BYTES || kind == DVS_JSON ||
           kind == DVS_UUID;
}

static dvs_cell make(uint32_t kind)
{
    dvs_cell cell;

    memset(&cell, 0, sizeof cell);
    cell.kind = (uint8_t)kind;
    return cell;
}

static const char *copy_bytes(dvsi_arena *arena, const char *data, size_t length, dvs_cell *out)
{
    out->v.text = dvsi_arena_copy(arena, data, length);
    out->length = (uint32_t)length;
    return out->v.text != NULL ? NULL : dvsi_cell_no_memory;
}

static const char *clean_decimal(dvsi_arena *arena, const dvs_cell *cell, dvs_cell *out)
{
    char text[DVSI_DECIMAL_SIZE];
    size_t length = dvsi_decimal_canonical(cell->v.text, cell->length, text);

    return length > 0 ? copy_bytes(arena, text, length, out) : "is no decimal number of at most 1000 digits";
}

static const char *clean_text(dvsi_arena *arena, const dvs_cell *cell, dvs_cell *out)
{
    size_t valid = dvsi_utf8_valid(cell->v.text, cell->length);

    if (valid == cell->length)
        return copy_bytes(arena, cell->v.text, cell->length, out);
    return cell->v.text[valid] == '\0' ? "holds a NUL character" : "is not valid UTF-8";
}

/* The value of a cell, copied to *out, whose kind is set. */
static const char *clean_value(dvsi_arena *arena, const dvs_cell *cell, dvs_cell *out)
{
    const char *problem;

    if (has_bytes(cell->kind) && cell->length > 0 && cell->v.text == NULL)
        return "has a length, but no bytes";
    out->v.i64 = cell->v.i64;
    switch (cell->kind) {
    case DVS_INT64:
        return NULL;
    case DVS_BOOL:
        return cell->v.i64 == 0 || cell->v.i64 == 1 ? NULL : "is neither true nor false";
    case DVS_DOUBLE:
        if (!isfinite(cell->v.f64))
            return "is not a finite number";
        out->v.f64 = cell->v.f64 == 0 ? 0 : cell->v.f64; /* -0.0 too */
        return NULL;
    case DVS_DATE:
        return cell->v.i64 >= DVSI_DATE_MIN && cell->v.i64 <= DVSI_DATE_MAX
                   ? NULL
                   : "is outside of the years 0001 to 9999";
    case DVS_TIMESTAMP:
        return cell->v.i64 >= DVSI_TIMESTAMP_MIN && cell->v.i64 <= DVSI_TIMESTAMP_MAX
                   ? NULL
                   : "is outside of the years 0001 to 9999";
    case DVS_TEXT:
        return clean_text(arena, cell, out);
    case DVS_DECIMAL:
        return clean_decimal(arena, cell, out);
    case DVS_UUID:
        if (cell->length != 16)
            return "is no UUID of 16 bytes";
        return copy_bytes(arena, cell->v.text, cell->length, out);
    case DVS_BYTES:
        return copy_bytes(arena, cell->v.text, cell->length, out);
    case DVS_JSON:
        problem = dvsi_json_check(cell->v.text, cell->length);
        if (problem != NULL)
            return "is no valid JSON";
        return copy_bytes(arena, cell->v.text, cell->length, out);
    default:
        return "has an unknown type";
    }
}

/* A value that a sink holds, but that does not fit its column. It must never stop a run: what is not even
 * clean as what it claims to be is kept as bytes or as a number. */
static const char *clean_mistyped(dvsi_arena *arena, const dvs_cell *cell, dvs_cell *out)
{
    const char *problem;

    out->kind = cell->kind;
    out->flags = DVS_CELL_MISTYPED;
    problem = clean_value(arena, cell, out);
    if (problem == NULL || problem == dvsi_cell_no_memory)
        return problem;
    if (has_bytes(cell->kind) && (cell->length == 0 || cell->v.text != NULL)) {
        out->kind = DVS_BYTES;
        return copy_bytes(arena, cell->v.text, cell->length, out);
    }
    if (cell->kind == DVS_DOUBLE) {
        out->kind = DVS_TEXT;
        out->v.text = isnan(cell->v.f64) ? "nan" : cell->v.f64 > 0 ? "inf" : "-inf";
        out->length = (uint32_t)strlen(out->v.text);
        return NULL;
    }
    if (cell->kind == DVS_BOOL || cell->kind == DVS_DATE || cell->kind == DVS_TIMESTAMP) {
        out->kind = DVS_INT64;
        return NULL;
    }
    return problem;
}

const char *dvsi_cell_clean(dvsi_arena *arena, uint32_t kind, const dvs_cell *cell, dvs_cell *out)
{
    dvs_cell clean = make(cell->kind);
    const char *problem;

    if (cell->kind == DVS_NULL || cell->kind == DVS_ABSENT)
        problem = NULL;
    else if (cell->flags & DVS_CELL_MISTYPED)
        problem = clean_mistyped(arena, cell, &clean);
    else if (cell->kind != kind)
        problem = "is not of its column's type";
    else if (kind == DVS_TEXT && cell->v.text != NULL) /* most of what there is */
        problem = clean_text(arena, cell, &clean);
    else
        problem = clean_value(arena, cell, &clean);
    if (problem == NULL)
        *out = clean;
    return problem;
}

static int json_equal(const dvs_cell *a, const dvs_cell *b)
{
    dvsi_buf a_text = {0}, b_text = {0};
    int equal = 0;

    if (dvsi_json_canonical(&a_text, a->v.text, a->length) == 0 &&
        dvsi_json_canonical(&b_text, b->v.text, b->length) == 0)
        equal = a_text.length == b_text.length && memcmp(a_text.data, b_text.data, a_text.length) == 0;
    dvsi_buf_free(&a_text);
    dvsi_buf_free(&b_text);
    return equal;
}

int dvsi_cell_equal(const dvs_cell *a, const dvs_cell *b)
{
    if (a->kind != b->kind || ((a->flags | b->flags) & DVS_CELL_MISTYPED))
        return 0;
    switch (a->kind) {
    case DVS_ABSENT:
    case DVS_NULL:
        return 1;
    case DVS_DOUBLE:
        return a->v.f64 == b->v.f64;
    case DVS_TEXT:
    case DVS_DECIMAL:
    case DVS_BYTES:
    case DVS_UUID:
    case DVS_JSON:
        if (a->length == b->length && (a->length == 0 || memcmp(a->v.text, b->v.text, a->length) == 0))
            return 1;
        return a->kind == DVS_JSON && json_equal(a, b);
    default:
        return a->v.i64 == b->v.i64;
    }
}

int dvsi_cell_copy(dvsi_arena *arena, const dvs_cell *in, dvs_cell *out)
{
    dvs_cell copy = *in;

    if (has_bytes(in->kind) && copy_bytes(arena, in->v.text, in->length, &copy) != NULL)
        return -1;
    *out = copy;
    return 0;
}

dvs_cell dvsi_cell_null(void)
{
    return make(DVS_NULL);
}

dvs_cell dvsi_cell_int64(int64_t value)
{
    dvs_cell cell = make(DVS_INT64);

    cell.v.i64 = value;
    return cell;
}

dvs_cell dvsi_cell_bool(int value)
{
    dvs_cell cell = make(DVS_BOOL);

    cell.v.i64 = value != 0;
    return cell;
}

dvs_cell dvsi_cell_timestamp(int64_t micros)
{
    dvs_cell cell = make(DVS_TIMESTAMP);

    cell.v.i64 = micros;
    return cell;
}

dvs_cell dvsi_cell_text(const char *text)
{
    return text != NULL ? dvsi_cell_text_n(text, strlen(text)) : make(DVS_NULL);
}

static dvs_cell make_bytes(uint32_t kind, const void *data, size_t length)
{
    dvs_cell cell = make(kind);

    cell.v.text = data;
    cell.length = (uint32_t)length;
    return cell;
}

dvs_cell dvsi_cell_text_n(const char *text, size_t length)
{
    return make_bytes(DVS_TEXT, text, length);
}

dvs_cell dvsi_cell_json_n(const char *text, size_t length)
{
    return make_bytes(DVS_JSON, text, length);
}

dvs_cell dvsi_cell_bytes(const void *data, size_t length)
{
    return make_bytes(DVS_BYTES, data, length);
}
