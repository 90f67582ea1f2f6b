/* value.c - the text of a field as a typed cell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dvsync/plugin_util.h"
#include "value.h"

static const struct {
    const char *name;
    uint32_t kind;
    const char *form;
} kinds[] = {
    {"text", DVS_TEXT, "a text"},
    {"int64", DVS_INT64, "a whole number from -9223372036854775808 to 9223372036854775807"},
    {"double", DVS_DOUBLE, "a finite number such as -1.5e3"},
    {"decimal", DVS_DECIMAL, "a decimal number such as -1.50, of at most 1000 digits"},
    {"bool", DVS_BOOL, "true, false, t, f, yes, no, 1 or 0"},
    {"date", DVS_DATE, "a date such as 2024-12-31"},
    {"timestamp", DVS_TIMESTAMP, "a time with its zone, such as 2024-12-31T23:59:59Z"},
    {"uuid", DVS_UUID, "a UUID of 32 hexadecimal digits with hyphens"},
    {"json", DVS_JSON, "a JSON value"},
    {"bytes", DVS_BYTES, "base64"},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

uint32_t plugin_value_kind(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    }
    return 0;
}

const char *plugin_value_kind_name(uint32_t kind)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (kinds[i].kind == kind)
            return kinds[i].name;
    }
    return "unknown";
}

const char *plugin_value_form(uint32_t kind)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (kinds[i].kind == kind)
            return kinds[i].form;
    }
    return "of an unknown type";
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int read_int64(const char *p, size_t length, int64_t *value)
{
    const char *end = p + length;
    int negative = p < end && *p == '-';
    uint64_t n = 0;
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return -1;
    const uint64_t limit = negative ? UINT64_C(1) << 63 : INT64_MAX;
    for (; p < end; p++) {
        if (!is_digit(*p))
            return -1;
        uint64_t d = (uint64_t)(*p - '0');
        if (n > (limit - d) / 10)
            return -1;
        n = n * 10 + d;
    }
    /* The most negative number has no positive counterpart. */
    *value = !negative ? (int64_t)n : n == 0 ? 0 : -(int64_t)(n - 1) - 1;
    return 0;
}

/* A number in decimal notation, taken apart. */
typedef struct number {
    const char *whole; /* digits before the point */
    size_t n_whole;
    const char *fraction; /* digits behind it */
    size_t n_fraction;
    const char *exponent; /* from 'e' to the end; NULL: none */
    int negative;
    int has_point;
} number;

static size_t digits(const char **p, const char *end)
{
    const char *start = *p;
    while (*p < end && is_digit(**p))
        (*p)++;
    return (size_t)(*p - start);
}

/* [+-] (digits [. [digits]] | . digits) [(e|E) [+-] digits] */
static int split_number(const char *p, size_t length, number *n)
{
    const char *end = p + length;
    memset(n, 0, sizeof *n);
    if (p < end && (*p == '-' || *p == '+'))
        n->negative = *p++ == '-';
    n->whole = p;
    n->n_whole = digits(&p, end);
    if (p < end && *p == '.') {
        n->has_point = 1;
        n->fraction = ++p;
        n->n_fraction = digits(&p, end);
    }
    if (n->n_whole + n->n_fraction == 0)
        return -1;
    if (p < end && (*p == 'e' || *p == 'E')) {
        n->exponent = p++;
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (digits(&p, end) == 0)
            return -1;
    }
    return p == end ? 0 : -1;
}

static int read_double(const char *text, size_t length, locale_t c_locale, double *value)
{
    char copy[1200]; /* no double needs more digits to be told from its neighbours */
    char *end;
    number n;
    if (length >= sizeof copy || split_number(text, length, &n) != 0)
        return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *value = strtod_l(copy, &end, c_locale);
    return end == copy + length && isfinite(*value) ? 0 : -1;
}

/* The host wants digits on both sides of a point; ".5" and "5." are written out. */
static int read_decimal(const char *text, size_t length, char **scratch, dvs_cell *cell)
{
    number n;
    if (split_number(text, length, &n) != 0 || n.n_whole + n.n_fraction > 1000 || length > 1100)
        return -1;
    if (!n.has_point || (n.n_whole > 0 && n.n_fraction > 0)) {
        *cell = dvs_cell_make_bytes(DVS_DECIMAL, text, (uint32_t)length);
        return 0;
    }
    char *out = *scratch;
    if (n.negative)
        *out++ = '-';
    if (n.n_whole == 0)
        *out++ = '0';
    memcpy(out, n.whole, n.n_whole);
    out += n.n_whole;
    if (n.n_fraction > 0) {
        *out++ = '.';
        memcpy(out, n.fraction, n.n_fraction);
        out += n.n_fraction;
    }
    if (n.exponent != NULL) {
        size_t n_exponent = (size_t)(text + length - n.exponent);
        memcpy(out, n.exponent, n_exponent);
        out += n_exponent;
    }
    *cell = dvs_cell_make_bytes(DVS_DECIMAL, *scratch, (uint32_t)(out - *scratch));
    *scratch = out;
    return 0;
}

static int read_bool(const char *text, size_t length, locale_t c_locale, int64_t *value)
{
    static const char *const words[] = {"false", "true", "f", "t", "no", "yes", "0", "1"};
    char word[8];
    if (length >= sizeof word)
        return -1;
    memcpy(word, text, length);
    word[length] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == length && strcasecmp_l(word, words[i], c_locale) == 0) {
            *value = (int64_t)(i & 1);
            return 0;
        }
    }
    return -1;
}

/* Values of hexadecimal digits, and one more; 0: none. A table, for GUIDs are what some sources have most
 * of. */
static const uint8_t hex_digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static int read_uuid(const char *text, size_t length, char **scratch, dvs_cell *cell)
{
    static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    unsigned char *out = (unsigned char *)*scratch;
    unsigned wrong = 0;
    if (length == 38 && text[0] == '{' && text[37] == '}') {
        text++;
        length -= 2;
    }
    if (length != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
        return -1;
    for (size_t i = 0; i < 16; i++) {
        unsigned high = hex_digits[(unsigned char)text[places[i]]] - 1u;
        unsigned low = hex_digits[(unsigned char)text[places[i] + 1]] - 1u;
        wrong |= high | low;
        out[i] = (unsigned char)(high << 4 | low);
    }
    if (wrong > 15)
        return -1;
    *cell = dvs_cell_make_bytes(DVS_UUID, out, 16);
    *scratch += 16;
    return 0;
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 with padding; the bits behind the last byte must be zero. */
static int read_bytes(const char *text, size_t length, char **scratch, dvs_cell *cell)
{
    unsigned char *out = (unsigned char *)*scratch;
    size_t o = 0;
    if (length % 4 != 0)
        return -1;
    for (size_t i = 0; i < length; i += 4) {
        size_t last = i + 4 == length;
        size_t padding = last && text[i + 3] == '=' ? 1u + (text[i + 2] == '=') : 0;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k + padding >= 4 ? 0 : sextet(text[i + k]);
            if (value < 0)
                return -1;
            group = group << 6 | (uint32_t)value;
        }
        if ((padding == 1 && (group & 0xFF) != 0) || (padding == 2 && (group & 0xFFFF) != 0))
            return -1;
        for (size_t k = 0; k + padding < 3; k++)
            out[o++] = (unsigned char)(group >> (16 - 8 * k));
    }
    *cell = dvs_cell_make_bytes(DVS_BYTES, out, (uint32_t)o);
    *scratch += o;
    return 0;
}

int plugin_value_read(uint32_t kind, const char *text, size_t length, locale_t c_locale, char **scratch,
                      dvs_cell *cell)
{
    int64_t value = 0;
    int answer;
    switch (kind) {
    case DVS_TEXT:
    case DVS_JSON: /* the host looks into it */
        *cell = dvs_cell_make_bytes(kind, text, (uint32_t)length);
        return 0;
    case DVS_DECIMAL:
        return read_decimal(text, length, scratch, cell);
    case DVS_UUID:
        return read_uuid(text, length, scratch, cell);
    case DVS_BYTES:
        return read_bytes(text, length, scratch, cell);
    case DVS_DOUBLE:
        *cell = dvs_cell_make(DVS_DOUBLE, 0);
        return read_double(text, length, c_locale, &cell->v.f64);
    case DVS_BOOL:
        answer = read_bool(text, length, c_locale, &value);
        break;
    case DVS_DATE:
        answer = plugin_time_date(text, length, &value);
        break;
    case DVS_TIMESTAMP:
        answer = plugin_time_timestamp(text, length, &value);
        break;
    default:
        answer = read_int64(text, length, &value);
        break;
    }
    *cell = dvs_cell_make(kind, value);
    return answer;
}
