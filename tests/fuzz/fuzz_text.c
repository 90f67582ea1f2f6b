/* fuzz_text.c - any bytes as number, decimal, date, timestamp, text, and as every kind of cell. */
#include "fuzz.h"

#include "base/number.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/decimal.h"
#include "data/json.h"
#include "data/key.h"
#include "data/timetext.h"

static void check_numbers(const char *text, size_t size)
{
    char out[DVSI_DOUBLE_SIZE], again[DVSI_DOUBLE_SIZE];
    int64_t i64, i64_back;
    double f64, f64_back;
    size_t n;

    if (dvsi_number_to_int64(text, size, &i64) == 0) {
        n = dvsi_number_from_int64(out, i64);
        CHECK(dvsi_number_to_int64(out, n, &i64_back) == 0 && i64 == i64_back);
    }
    if (dvsi_number_to_double(text, size, &f64) == 0) {
        n = dvsi_number_from_double(out, f64);
        CHECK(n > 0 && n <= sizeof out);
        CHECK(dvsi_number_to_double(out, n, &f64_back) == 0 && f64 == f64_back);
        CHECK(dvsi_number_from_double(again, f64_back) == n && memcmp(out, again, n) == 0);
    }
}

static void check_decimal(const char *text, size_t size)
{
    char out[DVSI_DECIMAL_SIZE], again[DVSI_DECIMAL_SIZE], whole[DVSI_INT64_SIZE];
    size_t n = dvsi_decimal_canonical(text, size, out);
    int64_t value;

    if (n == 0)
        return;
    CHECK(n <= sizeof out);
    CHECK(dvsi_decimal_canonical(out, n, again) == n && memcmp(out, again, n) == 0);
    CHECK(dvsi_decimal_compare(out, n, again, n) == 0);
    if (dvsi_decimal_to_int64(out, n, &value) == 0)
        CHECK(dvsi_number_from_int64(whole, value) == n && memcmp(whole, out, n) == 0);
    CHECK(dvsi_decimal_compare(out, n, "0", 1) == (out[0] == '-' ? -1 : !(n == 1 && out[0] == '0')));
}

static void check_times(const char *text, size_t size)
{
    char date[DVSI_DATE_SIZE], timestamp[DVSI_TIMESTAMP_SIZE];
    int64_t value, back;

    if (dvsi_date_parse(text, size, &value) == 0) {
        CHECK(dvsi_date_format(value, date) == size && memcmp(date, text, size) == 0);
    }
    if (dvsi_timestamp_parse(text, size, &value) == 0) {
        CHECK(value >= DVSI_TIMESTAMP_MIN && value <= DVSI_TIMESTAMP_MAX);
        CHECK(dvsi_timestamp_format(value, timestamp) == 27);
        CHECK(dvsi_timestamp_parse(timestamp, 27, &back) == 0 && back == value);
    }
}

static void check_utf8(const char *text, size_t size)
{
    size_t valid = dvsi_utf8_valid(text, size), most = size > 0 ? (unsigned char)text[0] : 0;
    dvsi_buf shown = {0}, json = {0};

    CHECK(valid <= size && dvsi_utf8_valid(text, valid) == valid);
    dvsi_utf8_show(&shown, text, size, most);
    CHECK(most == 0 || shown.length <= most + 3);
    CHECK(dvsi_utf8_valid(dvsi_buf_text(&shown), shown.length) == shown.length);
    for (size_t i = 0; i < shown.length; i++)
        CHECK((unsigned char)shown.data[i] >= 0x20 && shown.data[i] != 0x7f);
    dvsi_json_string(&json, text, size);
    CHECK(dvsi_json_check(json.data, json.length) == NULL);
    CHECK(dvsi_utf8_width(text, size) <= 2 * size);
    dvsi_buf_free(&shown);
    dvsi_buf_free(&json);
}

/* A value that was read from the text as `kind`: its own texts lead back to it. */
static void check_cell(dvsi_arena *arena, uint32_t kind, const dvs_cell *cell)
{
    dvsi_buf canonical = {0}, json = {0}, key = {0};
    dvs_cell clean, text, back;

    CHECK(dvsi_cell_clean(arena, kind, cell, &clean) == NULL && dvsi_cell_equal(cell, &clean));
    dvsi_cell_canonical(&canonical, &clean);
    text = dvsi_cell_text_n(dvsi_buf_text(&canonical), canonical.length);
    CHECK(dvsi_cell_convert(arena, kind, &text, &back) == NULL && dvsi_cell_equal(&clean, &back));
    dvsi_cell_json(&json, &clean);
    CHECK(dvsi_json_check(json.data, json.length) == NULL);
    CHECK(dvsi_cell_from_json(arena, kind, json.data, json.length, &back) == 0);
    CHECK(back.kind == DVS_NULL || dvsi_cell_equal(&clean, &back));
    if (dvsi_key_canonical(&key, &clean, 1) == NULL) {
        CHECK(key.length == canonical.length && memcmp(key.data, canonical.data, key.length) == 0);
        CHECK(dvsi_key_parse(arena, key.data, key.length, &kind, 1, &back) == 0 &&
              dvsi_cell_equal(&clean, &back));
    }
    for (uint32_t other = DVS_BOOL; other < DVS_KIND_COUNT; other++) {
        dvs_cell turned, returned;

        /* What can be turned into another kind and back has stayed the same value. */
        if (other != DVS_TEXT && dvsi_cell_convert(arena, other, &clean, &turned) == NULL &&
            kind != DVS_TEXT && dvsi_cell_convert(arena, kind, &turned, &returned) == NULL)
            CHECK(dvsi_cell_equal(&clean, &returned));
    }
    dvsi_buf_free(&canonical);
    dvsi_buf_free(&json);
    dvsi_buf_free(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    dvsi_arena arena = {0};
    dvs_cell cell = dvsi_cell_text_n(text, size), clean, turned;

    check_numbers(text, size);
    check_decimal(text, size);
    check_times(text, size);
    check_utf8(text, size);
    if (dvsi_cell_clean(&arena, DVS_TEXT, &cell, &clean) == NULL) {
        for (uint32_t kind = DVS_BOOL; kind < DVS_KIND_COUNT; kind++) {
            if (dvsi_cell_convert(&arena, kind, &clean, &turned) == NULL)
                check_cell(&arena, kind, &turned);
        }
    }
    dvsi_arena_free(&arena);
    return 0;
}
