/* Comparing values as the service's database does. */
#include <string.h>

#include "filter.h"
#include "store_time.h"

enum sim_kind sim_kind_of(const struct sim_column *column)
{
    switch (column->type) {
    case SIM_UNIQUEIDENTIFIER:
    case SIM_LOOKUP:
    case SIM_CUSTOMER:
    case SIM_OWNER:
    case SIM_FILE:
        return SIM_KIND_GUID;
    case SIM_INTEGER:
    case SIM_BIGINT:
    case SIM_DECIMAL:
    case SIM_MONEY:
    case SIM_DOUBLE:
    case SIM_PICKLIST:
    case SIM_STATE:
    case SIM_STATUS:
        return SIM_KIND_NUMBER;
    case SIM_BOOLEAN:
        return SIM_KIND_BOOL;
    case SIM_DATETIME:
        return SIM_KIND_TIME;
    default:
        return SIM_KIND_TEXT;
    }
}

static unsigned hex4(const char *text)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

static void add_utf8(struct sim_text *text, unsigned c)
{
    char bytes[4];
    size_t n = 0;
    if (c < 0x80) {
        bytes[n++] = (char)c;
    } else if (c < 0x800) {
        bytes[n++] = (char)(0xc0 | c >> 6);
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        bytes[n++] = (char)(0xe0 | c >> 12);
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        bytes[n++] = (char)(0xf0 | c >> 18);
        bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    }
    sim_text_add(text, bytes, n);
}

/* The text of a JSON string known to be sound, without its quotes. */
static void unescape(struct sim_text *text, const char *json, size_t length)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    text->length = 0;
    for (size_t i = 0; i < length; i++) {
        if (json[i] != '\\' || i + 1 >= length) {
            sim_text_add(text, json + i, 1);
            continue;
        }
        char c = json[++i];
        if (c != 'u') {
            const char *at = strchr(from, c);
            if (at != NULL)
                sim_text_add(text, to + (at - from), 1);
            continue;
        }
        if (i + 4 >= length)
            return;
        unsigned point = hex4(json + i + 1);
        i += 4;
        if (point >= 0xd800 && point < 0xdc00 && i + 6 < length && json[i + 1] == '\\' &&
            json[i + 2] == 'u') {
            unsigned low = hex4(json + i + 3);
            point = 0x10000 + ((point - 0xd800) << 10) + (low & 0x3ff);
            i += 6;
        }
        add_utf8(text, point);
    }
}

struct sim_scalar sim_scalar_of(enum sim_kind kind, struct sim_value value, struct sim_text *scratch)
{
    struct sim_scalar scalar = {.kind = value.json == NULL ? SIM_KIND_NULL : kind};
    if (value.json == NULL)
        return scalar;
    int quoted = value.length >= 2 && value.json[0] == '"';
    scalar.text = quoted ? value.json + 1 : value.json;
    scalar.length = quoted ? value.length - 2 : value.length;
    switch (kind) {
    case SIM_KIND_TEXT:
        if (quoted && memchr(scalar.text, '\\', scalar.length) != NULL) {
            unescape(scratch, scalar.text, scalar.length);
            scalar.text = scratch->data == NULL ? "" : scratch->data;
            scalar.length = scratch->length;
        }
        break;
    case SIM_KIND_GUID:
        if (sim_guid_parse(scalar.text, scalar.length, &scalar.guid) != 0)
            scalar.kind = SIM_KIND_NULL;
        break;
    case SIM_KIND_TIME:
        if (sim_time_parse(scalar.text, scalar.length, &scalar.time) != 0)
            scalar.kind = SIM_KIND_NULL;
        break;
    case SIM_KIND_BOOL:
        scalar.truth = scalar.length > 0 && scalar.text[0] == 't';
        break;
    default:
        break;
    }
    return scalar;
}

/* A number taken apart: its digits without leading zeros, and how many of them stand before the point. */
struct decimal {
    int negative;
    const char *text; /* digits and perhaps a point */
    size_t length;
    int64_t whole; /* places before the point, the exponent applied */
    int zero;
};

static struct decimal take_apart(const char *text, size_t length)
{
    struct decimal d = {0};
    size_t i = 0;
    if (i < length && (text[i] == '-' || text[i] == '+'))
        d.negative = text[i++] == '-';
    size_t end = i;
    while (end < length && text[end] != 'e' && text[end] != 'E')
        end++;
    int64_t exponent = 0;
    if (end < length) {
        size_t at = end + 1;
        int minus = at < length && text[at] == '-';
        at += at < length && (text[at] == '-' || text[at] == '+') ? 1 : 0;
        for (; at < length && exponent < 100000000; at++)
            exponent = exponent * 10 + (text[at] - '0');
        exponent = minus ? -exponent : exponent;
    }
    const char *point = memchr(text + i, '.', end - i);
    d.whole = exponent + (int64_t)(point == NULL ? end - i : (size_t)(point - text) - i);
    for (; i < end && (text[i] == '0' || text[i] == '.'); i++)
        d.whole -= text[i] == '0' ? 1 : 0;
    d.text = text + i;
    d.length = end - i;
    d.zero = i == end;
    /* Zeros behind the point were counted as places before it. */
    return d;
}

static int compare_digits(const struct decimal *a, const struct decimal *b)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        if (i < a->length && a->text[i] == '.')
            i++;
        if (j < b->length && b->text[j] == '.')
            j++;
        if (i >= a->length && j >= b->length)
            return 0;
        char x = i < a->length ? a->text[i++] : '0';
        char y = j < b->length ? b->text[j++] : '0';
        if (x != y)
            return x < y ? -1 : 1;
    }
}

int sim_number_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    struct decimal x = take_apart(a, a_length);
    struct decimal y = take_apart(b, b_length);
    if (x.zero && y.zero)
        return 0;
    if (x.zero)
        return y.negative ? 1 : -1;
    if (y.zero)
        return x.negative ? -1 : 1;
    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    int order = x.whole != y.whole ? (x.whole < y.whole ? -1 : 1) : compare_digits(&x, &y);
    return x.negative ? -order : order;
}

/* The next character of a text, in lower case as far as Latin, Greek and Cyrillic go. */
static unsigned next_folded(const char *text, size_t length, size_t *at)
{
    unsigned c = (unsigned char)text[(*at)++];
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    c &= more == 3 ? 0x07u : more == 2 ? 0x0fu : 0x1fu;
    for (; more > 0 && *at < length; more--)
        c = c << 6 | ((unsigned char)text[(*at)++] & 0x3f);
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c & 1 ? c + 1 : c;
    return c;
}

int sim_text_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    while (a_length > 0 && a[a_length - 1] == ' ')
        a_length--;
    while (b_length > 0 && b[b_length - 1] == ' ')
        b_length--;
    size_t i = 0;
    size_t j = 0;
    while (i < a_length && j < b_length) {
        unsigned x = next_folded(a, a_length, &i);
        unsigned y = next_folded(b, b_length, &j);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return i < a_length ? 1 : j < b_length ? -1 : 0;
}

/* [abc], [a-c], [^a] at pattern[*at] (behind the bracket); 1 when `c` is one of them. */
static int in_set(unsigned c, const char *pattern, size_t length, size_t *at)
{
    int not_in = *at < length && pattern[*at] == '^';
    *at += not_in ? 1 : 0;
    int found = 0;
    while (*at < length && pattern[*at] != ']') {
        unsigned low = next_folded(pattern, length, at);
        unsigned high = low;
        if (*at + 1 < length && pattern[*at] == '-' && pattern[*at + 1] != ']') {
            (*at)++;
            high = next_folded(pattern, length, at);
        }
        found = found || (c >= low && c <= high);
    }
    *at += *at < length ? 1 : 0;
    return found != not_in;
}

int sim_text_like(const char *text, size_t length, const char *pattern, size_t pattern_length)
{
    size_t i = 0;
    size_t j = 0;
    size_t star = SIZE_MAX; /* behind the last %, and how far the text had been eaten there */
    size_t star_text = 0;
    while (i < length) {
        size_t text_next = i;
        size_t pattern_next = j;
        int fits = 0;
        if (j < pattern_length && pattern[j] == '%') {
            star = ++j;
            star_text = i;
            continue;
        }
        if (j < pattern_length) {
            unsigned c = next_folded(text, length, &text_next);
            if (pattern[j] == '_') {
                pattern_next++;
                fits = 1;
            } else if (pattern[j] == '[' && memchr(pattern + j, ']', pattern_length - j) != NULL) {
                pattern_next++;
                fits = in_set(c, pattern, pattern_length, &pattern_next);
            } else {
                fits = next_folded(pattern, pattern_length, &pattern_next) == c;
            }
        }
        if (fits) {
            i = text_next;
            j = pattern_next;
        } else if (star != SIZE_MAX) {
            next_folded(text, length, &star_text);
            i = star_text;
            j = star;
        } else {
            return 0;
        }
    }
    while (j < pattern_length && pattern[j] == '%')
        j++;
    return j == pattern_length;
}

int sim_scalar_compare(const struct sim_scalar *a, const struct sim_scalar *b)
{
    if (a->kind == SIM_KIND_NULL || b->kind == SIM_KIND_NULL)
        return (a->kind != SIM_KIND_NULL) - (b->kind != SIM_KIND_NULL);
    switch (a->kind) {
    case SIM_KIND_NUMBER:
        return sim_number_compare(a->text, a->length, b->text, b->length);
    case SIM_KIND_GUID:
        return sim_guid_compare(&a->guid, &b->guid);
    case SIM_KIND_TIME:
        return (a->time > b->time) - (a->time < b->time);
    case SIM_KIND_BOOL:
        return a->truth - b->truth;
    default:
        return sim_text_compare(a->text, a->length, b->text, b->length);
    }
}
