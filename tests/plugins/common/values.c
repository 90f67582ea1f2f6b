/* values.c - cells as text and JSON. */
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const KINDS[DVS_KIND_COUNT] = {"absent", "null",  "bool", "int64",     "double", "decimal",
                                                  "text",   "bytes", "date", "timestamp", "uuid",   "json"};

static const char *const OPS[] = {"?", "eq", "ne", "lt", "le", "gt", "ge", "is_null", "not_null"};

static const struct {
    int32_t status;
    const char *name;
} STATUSES[] = {
    {DVS_OK, "ok"},
    {DVS_END, "end"},
    {DVS_E_CONFIG, "config"},
    {DVS_E_AUTH, "auth"},
    {DVS_E_PERMISSION, "permission"},
    {DVS_E_NOT_FOUND, "not_found"},
    {DVS_E_NETWORK, "network"},
    {DVS_E_TIMEOUT, "timeout"},
    {DVS_E_THROTTLED, "throttled"},
    {DVS_E_PROTOCOL, "protocol"},
    {DVS_E_DATA, "data"},
    {DVS_E_SCHEMA, "schema"},
    {DVS_E_RESUME, "resume"},
    {DVS_E_CHANGED, "changed"},
    {DVS_E_LOCKED, "locked"},
    {DVS_E_BUSY, "busy"},
    {DVS_E_FENCED, "fenced"},
    {DVS_E_DUPLICATE, "duplicate"},
    {DVS_E_READ_ONLY, "read_only"},
    {DVS_E_DISK_FULL, "disk_full"},
    {DVS_E_IO, "io"},
    {DVS_E_CORRUPT, "corrupt"},
    {DVS_E_UNSUPPORTED, "unsupported"},
    {DVS_E_CANCELLED, "cancelled"},
    {DVS_E_NO_MEMORY, "no_memory"},
    {DVS_E_ABI, "abi"},
    {DVS_E_GUARD, "guard"},
    {DVS_E_USAGE, "usage"},
    {DVS_E_INTERNAL, "internal"},
};

const char *testkit_kind_name(uint32_t kind)
{
    return kind < DVS_KIND_COUNT ? KINDS[kind] : NULL;
}

int testkit_kind_from_name(const char *name)
{
    int i;
    for (i = DVS_BOOL; i < DVS_KIND_COUNT; i++) {
        if (strcmp(KINDS[i], name) == 0)
            return i;
    }
    return -1;
}

const char *testkit_op_name(uint32_t op)
{
    return op < sizeof OPS / sizeof OPS[0] ? OPS[op] : OPS[0];
}

const char *testkit_status_name(int32_t status)
{
    size_t i;
    for (i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        if (STATUSES[i].status == status)
            return STATUSES[i].name;
    }
    return "unknown";
}

int32_t testkit_status_from_name(const char *name)
{
    size_t i;
    for (i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        if (strcmp(STATUSES[i].name, name) == 0)
            return STATUSES[i].status;
    }
    return -1;
}

/* The number in exactly n digits; -1 when there is something else. */
static int digits(const char *text, size_t n)
{
    int value = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Days since 1970 of a date of the Gregorian calendar (H. Hinnant's days_from_civil). */
static int64_t days_of(int64_t y, int m, int d)
{
    int64_t era, yoe, doy, doe;
    y -= m <= 2;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

int testkit_date_parse(const char *text, size_t length, int64_t *days)
{
    static const int LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d, leap;
    if (length != 10 || text[4] != '-' || text[7] != '-')
        return -1;
    y = digits(text, 4);
    m = digits(text + 5, 2);
    d = digits(text + 8, 2);
    if (y < 1 || m < 1 || m > 12 || d < 1)
        return -1;
    leap = m == 2 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
    if (d > LENGTHS[m - 1] + leap)
        return -1;
    *days = days_of(y, m, d);
    return 0;
}

int testkit_timestamp_parse(const char *text, size_t length, int64_t *micros)
{
    int64_t days, fraction = 0, zone = 0;
    size_t at = 19;
    int h, m, s, scale = 100000;
    if (length < 20 || testkit_date_parse(text, 10, &days) != 0 || (text[10] != 'T' && text[10] != ' ') ||
        text[13] != ':' || text[16] != ':')
        return -1;
    h = digits(text + 11, 2);
    m = digits(text + 14, 2);
    s = digits(text + 17, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59)
        return -1;
    if (text[at] == '.') {
        for (at++; at < length && text[at] >= '0' && text[at] <= '9'; at++, scale /= 10)
            fraction += (int64_t)(text[at] - '0') * scale;
    }
    if (at == length - 6 && (text[at] == '+' || text[at] == '-') && text[at + 3] == ':') {
        int zh = digits(text + at + 1, 2), zm = digits(text + at + 4, 2);
        if (zh < 0 || zm < 0)
            return -1;
        zone = (text[at] == '-' ? -1 : 1) * (int64_t)(zh * 60 + zm) * 60;
    } else if (at != length - 1 || text[at] != 'Z') {
        return -1;
    }
    *micros = (days * 86400 + h * 3600 + m * 60 + s - zone) * 1000000 + fraction;
    return 0;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int testkit_hex_parse(const char *text, size_t length, uint8_t *out, size_t *n)
{
    size_t i;
    if (length % 2 != 0)
        return -1;
    for (i = 0; i < length; i += 2) {
        int high = nibble(text[i]), low = nibble(text[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high * 16 + low);
    }
    *n = length / 2;
    return 0;
}

int testkit_uuid_parse(const char *text, size_t length, uint8_t out[16])
{
    char hex[32];
    size_t i, n = 0;
    if (length != 36)
        return -1;
    for (i = 0; i < length; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return -1;
        } else {
            hex[n++] = text[i];
        }
    }
    return testkit_hex_parse(hex, n, out, &n);
}

int testkit_base64_parse(const char *text, size_t length, uint8_t *out, size_t *n)
{
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i, used = 0;
    if (length % 4 != 0)
        return -1;
    for (i = 0; i < length; i += 4) {
        uint32_t word = 0;
        size_t j, pad = 0;
        for (j = 0; j < 4; j++) {
            const char *at = text[i + j] != '\0' ? strchr(ALPHABET, text[i + j]) : NULL;
            if (text[i + j] == '=' && i + 4 == length && j >= 2)
                pad++;
            else if (at == NULL || pad > 0)
                return -1;
            word = word << 6 | (at != NULL ? (uint32_t)(at - ALPHABET) : 0);
        }
        out[used++] = (uint8_t)(word >> 16);
        if (pad < 2)
            out[used++] = (uint8_t)(word >> 8);
        if (pad < 1)
            out[used++] = (uint8_t)word;
    }
    *n = used;
    return 0;
}

static json_t *hex_json(const void *data, size_t length)
{
    static const char HEX[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    char *text = length < SIZE_MAX / 2 ? malloc(length * 2 + 1) : NULL;
    json_t *json;
    size_t i;
    if (text == NULL)
        return NULL;
    for (i = 0; i < length; i++) {
        text[i * 2] = HEX[bytes[i] >> 4];
        text[i * 2 + 1] = HEX[bytes[i] & 15];
    }
    json = json_pack("{s:s%}", "hex", text, length * 2);
    free(text);
    return json;
}

json_t *testkit_text_json(const void *data, size_t length)
{
    json_t *json = data != NULL ? json_stringn(data, length) : json_string("");
    return json != NULL ? json : hex_json(data, length);
}

static json_t *uuid_json(const uint8_t *b)
{
    char text[40];
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return json_string(text);
}

json_t *testkit_cell_json(const dvs_cell *cell)
{
    switch (cell->kind) {
    case DVS_ABSENT:
    case DVS_NULL:
        return json_null();
    case DVS_BOOL:
        return json_boolean(cell->v.i64 != 0);
    case DVS_INT64:
    case DVS_DATE:
    case DVS_TIMESTAMP:
        return json_integer(cell->v.i64);
    case DVS_DOUBLE:
        return json_real(cell->v.f64);
    case DVS_UUID:
        return cell->length == 16 ? uuid_json(cell->v.bytes) : hex_json(cell->v.bytes, cell->length);
    case DVS_BYTES:
        return hex_json(cell->v.bytes, cell->length);
    default:
        return testkit_text_json(cell->v.text, cell->length);
    }
}
