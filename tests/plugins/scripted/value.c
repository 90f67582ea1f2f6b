/*
 * value.c - values of the script to cells. A plain value is taken as the column's type says; an object whose
 * members start with '$' makes any cell there is, also wrong ones.
 */
#include "scripted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int32_t wrong(const scripted_column *column, const char *what, dvs_error *err)
{
    return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_STREAM, "the script's value for column %s %s",
                    column->info.name, what);
}

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
}

static int32_t repeat(scripted_scratch *scratch, uint32_t kind, json_t *value, dvs_cell *cell, dvs_error *err)
{
    const json_t *text = json_object_get(value, "$repeat");
    size_t length = json_string_length(text), i;
    int64_t times = scripted_member_int(value, "times", 1);
    uint8_t *data;
    if (length == 0 || times < 0 || (uint64_t)times > UINT32_MAX / length)
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_STREAM, "the script's $repeat is too long");
    data = scripted_scratch_take(scratch, length * (size_t)times);
    if (data == NULL)
        return no_memory(err);
    for (i = 0; i < (size_t)times; i++)
        memcpy(data + i * length, json_string_value(text), length);
    *cell = dvs_cell_make_bytes(kind, data, (uint32_t)(length * (size_t)times));
    return DVS_OK;
}

static int32_t hex(scripted_scratch *scratch, const scripted_column *column, uint32_t kind,
                   const json_t *text, dvs_cell *cell, dvs_error *err)
{
    size_t length = json_string_length(text);
    uint8_t *data = scripted_scratch_take(scratch, length / 2 + 1);
    if (data == NULL)
        return no_memory(err);
    if (!json_is_string(text) || testkit_hex_parse(json_string_value(text), length, data, &length) != 0)
        return wrong(column, "has a $hex that is none", err);
    *cell = dvs_cell_make_bytes(kind, data, (uint32_t)length);
    return DVS_OK;
}

static int32_t special_double(const scripted_column *column, uint32_t kind, const char *name, dvs_cell *cell,
                              dvs_error *err)
{
    *cell = dvs_cell_make(kind, 0);
    if (strcmp(name, "nan") == 0)
        cell->v.f64 = NAN;
    else if (strcmp(name, "inf") == 0)
        cell->v.f64 = INFINITY;
    else if (strcmp(name, "-inf") == 0)
        cell->v.f64 = -INFINITY;
    else if (strcmp(name, "-0") == 0)
        cell->v.f64 = -0.0;
    else
        return wrong(column, "has a $double that is none of nan, inf, -inf, -0", err);
    return DVS_OK;
}

static int32_t uuid(scripted_scratch *scratch, const scripted_column *column, const json_t *text,
                    dvs_cell *cell, dvs_error *err)
{
    uint8_t *data = scripted_scratch_take(scratch, 16);
    if (data == NULL)
        return no_memory(err);
    if (testkit_uuid_parse(json_string_value(text), json_string_length(text), data) != 0)
        return wrong(column, "is no uuid", err);
    *cell = dvs_cell_make_bytes(DVS_UUID, data, 16);
    return DVS_OK;
}

static int32_t base64(scripted_scratch *scratch, const scripted_column *column, const json_t *text,
                      dvs_cell *cell, dvs_error *err)
{
    size_t length = json_string_length(text);
    uint8_t *data = scripted_scratch_take(scratch, length + 1);
    if (data == NULL)
        return no_memory(err);
    if (testkit_base64_parse(json_string_value(text), length, data, &length) != 0)
        return wrong(column, "is no base64", err);
    *cell = dvs_cell_make_bytes(DVS_BYTES, data, (uint32_t)length);
    return DVS_OK;
}

static int32_t json(scripted_scratch *scratch, json_t *value, dvs_cell *cell, dvs_error *err)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t length = text != NULL ? strlen(text) : 0;
    char *copy = text != NULL ? scripted_scratch_take(scratch, length + 1) : NULL;
    if (copy != NULL)
        memcpy(copy, text, length + 1);
    free(text);
    if (copy == NULL)
        return no_memory(err);
    *cell = dvs_cell_make_bytes(DVS_JSON, copy, (uint32_t)length);
    return DVS_OK;
}

static int32_t from_text(scripted_scratch *scratch, const scripted_column *column, uint32_t kind,
                         json_t *value, dvs_cell *cell, dvs_error *err)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    int64_t number = 0;
    switch (kind) {
    case DVS_TEXT:
    case DVS_DECIMAL:
        *cell = dvs_cell_make_bytes(kind, text, (uint32_t)length);
        return DVS_OK;
    case DVS_UUID:
        return uuid(scratch, column, value, cell, err);
    case DVS_BYTES:
        return base64(scratch, column, value, cell, err);
    case DVS_DATE:
        if (testkit_date_parse(text, length, &number) != 0)
            return wrong(column, "is no date", err);
        *cell = dvs_cell_make(kind, number);
        return DVS_OK;
    case DVS_TIMESTAMP:
        if (testkit_timestamp_parse(text, length, &number) != 0)
            return wrong(column, "is no timestamp (YYYY-MM-DDTHH:MM:SS[.ffffff] with Z or an offset)", err);
        *cell = dvs_cell_make(kind, number);
        return DVS_OK;
    default:
        return wrong(column, "is a text, which its type is not", err);
    }
}

static int32_t plain(scripted_scratch *scratch, const scripted_column *column, uint32_t kind, json_t *value,
                     dvs_cell *cell, dvs_error *err)
{
    if (json_is_null(value)) {
        *cell = dvs_cell_make(DVS_NULL, 0);
        return DVS_OK;
    }
    if (kind == DVS_JSON)
        return json(scratch, value, cell, err);
    if (json_is_string(value))
        return from_text(scratch, column, kind, value, cell, err);
    *cell = dvs_cell_make(kind, 0);
    if (kind == DVS_BOOL && json_is_boolean(value)) {
        cell->v.i64 = json_is_true(value);
        return DVS_OK;
    }
    if (kind == DVS_INT64 && json_is_integer(value)) {
        cell->v.i64 = json_integer_value(value);
        return DVS_OK;
    }
    if (kind == DVS_DOUBLE && json_is_number(value)) {
        cell->v.f64 = json_number_value(value);
        return DVS_OK;
    }
    if (kind == DVS_DECIMAL && json_is_integer(value)) {
        char *text = scripted_scratch_take(scratch, 24);
        if (text == NULL)
            return no_memory(err);
        snprintf(text, 24, "%lld", (long long)json_integer_value(value));
        *cell = dvs_cell_make_bytes(kind, text, (uint32_t)strlen(text));
        return DVS_OK;
    }
    return wrong(column, "does not fit its type", err);
}

static int is_special(json_t *value)
{
    const char *key = json_object_iter_key(json_object_iter(value));
    return json_is_object(value) && key != NULL && key[0] == '$';
}

int32_t scripted_value_cell(scripted_scratch *scratch, const scripted_column *column, json_t *value,
                            dvs_cell *cell, dvs_error *err)
{
    uint32_t kind = column->info.kind;
    const json_t *part, *name;
    memset(cell, 0, sizeof *cell);
    if (value == NULL)
        return DVS_OK;
    if (!is_special(value))
        return plain(scratch, column, kind, value, cell, err);
    name = json_object_get(value, "$kind");
    if (json_is_string(name)) {
        int named = testkit_kind_from_name(json_string_value(name));
        if (named < 0)
            return wrong(column, "has an unknown $kind", err);
        kind = (uint32_t)named;
    } else if (json_is_integer(name)) {
        kind = (uint32_t)json_integer_value(name);
    }
    if (json_object_get(value, "$absent") != NULL)
        return DVS_OK;
    if (json_object_get(value, "$repeat") != NULL)
        return repeat(scratch, kind, value, cell, err);
    if ((part = json_object_get(value, "$hex")) != NULL)
        return hex(scratch, column, kind, part, cell, err);
    if ((part = json_object_get(value, "$double")) != NULL && json_is_string(part))
        return special_double(column, kind, json_string_value(part), cell, err);
    if ((part = json_object_get(value, "$raw")) != NULL && json_is_string(part)) {
        *cell = dvs_cell_make_bytes(kind, json_string_value(part), (uint32_t)json_string_length(part));
        return DVS_OK;
    }
    if ((part = json_object_get(value, "$i64")) != NULL && json_is_integer(part)) {
        *cell = dvs_cell_make(kind, json_integer_value(part));
        return DVS_OK;
    }
    if (json_object_get(value, "$value") != NULL)
        return plain(scratch, column, kind, json_object_get(value, "$value"), cell, err);
    return wrong(column, "has none of $value, $raw, $hex, $i64, $double, $repeat, $absent", err);
}

static int order(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

int scripted_cell_compare(const dvs_cell *a, const dvs_cell *b)
{
    int result;
    if (a->kind != b->kind || a->kind <= DVS_NULL)
        return 2;
    switch (a->kind) {
    case DVS_BOOL:
    case DVS_INT64:
    case DVS_DATE:
    case DVS_TIMESTAMP:
        return order(a->v.i64, b->v.i64);
    case DVS_DOUBLE:
        return a->v.f64 < b->v.f64 ? -1 : a->v.f64 > b->v.f64;
    default:
        result = memcmp(a->v.bytes, b->v.bytes, a->length < b->length ? a->length : b->length);
        return result != 0 ? (result > 0) - (result < 0) : order(a->length, b->length);
    }
}
