/* json.c - tokens and values of strict JSON. See json.h. */
#include <string.h>

#include "json.h"

/* One character of more than one byte, by the table of well-formed sequences of the Unicode standard. */
static inline const char *read_utf8(struct dataverse_json *json, const char *p)
{
    static const char problem[] = "no JSON: text is not valid UTF-8";
    const unsigned char *u = (const unsigned char *)p;
    unsigned char low = 0x80, high = 0xBF;
    unsigned more;
    if (u[0] >= 0xC2 && u[0] <= 0xDF) {
        more = 1;
    } else if (u[0] >= 0xE0 && u[0] <= 0xEF) {
        more = 2;
        low = u[0] == 0xE0 ? 0xA0 : 0x80;  /* not longer than need be */
        high = u[0] == 0xED ? 0x9F : 0xBF; /* no surrogates */
    } else if (u[0] >= 0xF0 && u[0] <= 0xF4) {
        more = 3;
        low = u[0] == 0xF0 ? 0x90 : 0x80;
        high = u[0] == 0xF4 ? 0x8F : 0xBF; /* up to U+10FFFF */
    } else {
        return dataverse_json_fail(json, p, problem);
    }
    if (u[1] < low || u[1] > high)
        return dataverse_json_fail(json, p + 1, problem);
    for (unsigned i = 2; i <= more; i++) {
        if (u[i] < 0x80 || u[i] > 0xBF)
            return dataverse_json_fail(json, p + i, problem);
    }
    return p + more + 1;
}

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* p is at the backslash. */
static const char *read_escape(struct dataverse_json *json, const char *p)
{
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        for (int i = 2; i < 6; i++) {
            if (hex_digit(p[i]) < 0)
                return dataverse_json_fail(json, p + i, "no JSON: \\u is not followed by four hex digits");
        }
        return p + 6;
    default:
        return dataverse_json_fail(json, p + 1,
                                   "no JSON: a backslash before a character that has no such form");
    }
}

const char *dataverse_json_string_rest(struct dataverse_json *json, const char *p, int *escaped)
{
    for (;;) {
        if (*p == '"')
            return p;
        if ((unsigned char)*p >= 0x80) {
            /* Runs of such text are common: only ASCII leads back to the fast scan. */
            do {
                p = read_utf8(json, p);
                if (p == NULL)
                    return NULL;
            } while ((unsigned char)*p >= 0x80);
        } else if (*p == '\\') {
            *escaped = 1;
            p = read_escape(json, p);
            if (p == NULL)
                return NULL;
        } else {
            return dataverse_json_fail(json, p, "no JSON: a control character in text");
        }
        p = dataverse_json_plain(p);
    }
}

static inline int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *dataverse_json_number(struct dataverse_json *json, const char *p)
{
    static const char problem[] = "no JSON: a number lacks a digit";
    if (*p == '-')
        p++;
    if (!is_digit(*p))
        return dataverse_json_fail(json, p, problem);
    if (*p == '0') {
        p++;
    } else {
        while (is_digit(*p))
            p++;
    }
    if (*p == '.') {
        if (!is_digit(*++p))
            return dataverse_json_fail(json, p, problem);
        while (is_digit(*p))
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        if (!is_digit(*p))
            return dataverse_json_fail(json, p, problem);
        while (is_digit(*p))
            p++;
    }
    return p < json->end ? p : dataverse_json_fail(json, p, "no JSON: the end of a number is missing");
}

const char *dataverse_json_word(struct dataverse_json *json, const char *p, const char *word)
{
    for (; *word != '\0'; word++, p++) {
        if (*p != *word)
            return dataverse_json_fail(json, p, "no JSON: a value was expected");
    }
    return p;
}

/* A value that holds no others. */
static inline const char *read_scalar(struct dataverse_json *json, const char *p)
{
    int escaped;
    switch (*p) {
    case '"':
        p = dataverse_json_string(json, p + 1, &escaped);
        return p != NULL ? p + 1 : NULL;
    case 'n':
        return dataverse_json_word(json, p, "null");
    case 't':
        return dataverse_json_word(json, p, "true");
    case 'f':
        return dataverse_json_word(json, p, "false");
    default:
        if (*p == '-' || is_digit(*p))
            return dataverse_json_number(json, p);
        return dataverse_json_fail(json, p, "no JSON: a value was expected");
    }
}

/* The name of a member and its colon; p is at the quote. Returns where the value begins. */
static const char *read_name(struct dataverse_json *json, const char *p)
{
    int escaped;
    p = dataverse_json_name(json, p, &escaped);
    if (p == NULL)
        return NULL;
    p = dataverse_json_space(p);
    if (*p != ':')
        return dataverse_json_fail(json, p, "no JSON: a colon was expected");
    return dataverse_json_space(p + 1);
}

const char *dataverse_json_nested(struct dataverse_json *json, const char *p, unsigned depth)
{
    uint64_t objects = 0; /* one bit for each open level, the innermost lowest: is it an object? */
    unsigned open = 0;
    _Static_assert(DATAVERSE_JSON_DEPTH <= 64, "a bit for each level");
    for (;;) {
        /* p is at a value. */
        if (*p == '{' || *p == '[') {
            unsigned object = *p == '{';
            if (depth + open >= DATAVERSE_JSON_DEPTH)
                return dataverse_json_fail(json, p, "no page: more than 64 objects and arrays in each other");
            p = dataverse_json_space(p + 1);
            if (*p != (object ? '}' : ']')) {
                objects = objects << 1 | object;
                open++;
                if (object && (p = read_name(json, p)) == NULL)
                    return NULL;
                continue;
            }
            p++;
        } else if ((p = read_scalar(json, p)) == NULL) {
            return NULL;
        }
        /* p is behind a value; one that closes the level around it ends that value too. */
        for (;; p++) {
            if (open == 0)
                return p;
            p = dataverse_json_space(p);
            if (*p != ((objects & 1) != 0 ? '}' : ']'))
                break;
            objects >>= 1;
            open--;
        }
        if (*p != ',')
            return dataverse_json_fail(json, p,
                                       (objects & 1) != 0 ? "no JSON: a comma or } was expected"
                                                          : "no JSON: a comma or ] was expected");
        p = dataverse_json_space(p + 1);
        if ((objects & 1) != 0 && (p = read_name(json, p)) == NULL)
            return NULL;
    }
}

const char *dataverse_json_value(struct dataverse_json *json, const char *p, unsigned depth,
                                 struct dataverse_value *value)
{
    const char *begin = p;
    int escaped = 0;
    switch (*p) {
    case '"':
        p = dataverse_json_string(json, p + 1, &escaped);
        if (p == NULL)
            return NULL;
        value->type = DATAVERSE_JSON_STRING;
        value->flags = escaped ? DATAVERSE_JSON_ESCAPED : 0;
        value->text = begin + 1;
        value->length = (size_t)(p - begin - 1);
        value->json = begin;
        value->json_length = value->length + 2;
        return p + 1;
    case '{':
    case '[':
        p = dataverse_json_nested(json, p, depth);
        value->type = *begin == '{' ? DATAVERSE_JSON_OBJECT : DATAVERSE_JSON_ARRAY;
        break;
    case 'n':
        p = dataverse_json_word(json, p, "null");
        value->type = DATAVERSE_JSON_NULL;
        break;
    case 't':
        p = dataverse_json_word(json, p, "true");
        value->type = DATAVERSE_JSON_TRUE;
        break;
    case 'f':
        p = dataverse_json_word(json, p, "false");
        value->type = DATAVERSE_JSON_FALSE;
        break;
    default:
        p = read_scalar(json, p);
        value->type = DATAVERSE_JSON_NUMBER;
        break;
    }
    if (p == NULL)
        return NULL;
    value->flags = 0;
    value->text = value->json = begin;
    value->length = value->json_length = (size_t)(p - begin);
    return p;
}

static unsigned read_unit(const char *hex)
{
    unsigned unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | (unsigned)hex_digit(hex[i]);
    return unit;
}

/* At most three bytes for one \uXXXX of six, and four for two of them. */
static size_t write_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* \uXXXX at p, and the second half of its pair; returns what is behind. */
static const char *unescape_unit(const char *p, const char *end, unsigned *c, uint8_t *flags)
{
    unsigned unit = read_unit(p + 2);
    p += 6;
    if (unit >= 0xD800 && unit <= 0xDBFF && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        unsigned second = read_unit(p + 2);
        if (second >= 0xDC00 && second <= 0xDFFF) {
            *c = 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
            return p + 6;
        }
    }
    if (unit >= 0xD800 && unit <= 0xDFFF) {
        *flags |= DATAVERSE_VALUE_LONE_SURROGATE;
        unit = 0xFFFD;
    } else if (unit == 0) {
        *flags |= DATAVERSE_VALUE_NUL;
    }
    *c = unit;
    return p;
}

size_t dataverse_json_unescape(char *out, const char *raw, size_t n, uint8_t *flags)
{
    const char *end = raw + n;
    char *o = out;
    while (raw < end) {
        const char *backslash = memchr(raw, '\\', (size_t)(end - raw));
        size_t plain = (size_t)((backslash != NULL ? backslash : end) - raw);
        unsigned c;
        memcpy(o, raw, plain);
        o += plain;
        if (backslash == NULL)
            break;
        raw = backslash + 2;
        switch (backslash[1]) {
        case 'b':
            *o++ = '\b';
            break;
        case 'f':
            *o++ = '\f';
            break;
        case 'n':
            *o++ = '\n';
            break;
        case 'r':
            *o++ = '\r';
            break;
        case 't':
            *o++ = '\t';
            break;
        case 'u':
            raw = unescape_unit(backslash, end, &c, flags);
            o += write_utf8(o, c);
            break;
        default:
            *o++ = backslash[1];
            break;
        }
    }
    return (size_t)(o - out);
}
