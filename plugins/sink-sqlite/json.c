/* json.c - is it one JSON value? Somebody may have edited the database by hand. */
#include "sink_sqlite.h"

#define DEPTH 64

typedef struct reader {
    const char *p;
    const char *end;
} reader;

static void skip_space(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool take(reader *r, char c)
{
    if (r->p >= r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool is_digit(const reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool digits(reader *r)
{
    if (!is_digit(r))
        return false;
    while (is_digit(r))
        r->p++;
    return true;
}

static bool number(reader *r)
{
    take(r, '-');
    if (!take(r, '0') && !digits(r))
        return false;
    if (take(r, '.') && !digits(r))
        return false;
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+'))
            take(r, '-');
        return digits(r);
    }
    return true;
}

/* The four digits behind \u; -1 when they are none. */
static int unit(reader *r)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = r->p < r->end ? *r->p++ : ' ';
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool escape(reader *r)
{
    int first, second;
    char c = r->p < r->end ? *r->p++ : ' ';
    if (c != 'u')
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
    first = unit(r);
    if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
        return false;
    if (first < 0xd800 || first > 0xdbff)
        return true;
    if (!take(r, '\\') || !take(r, 'u'))
        return false;
    second = unit(r);
    return second >= 0xdc00 && second <= 0xdfff;
}

/* Eight bytes at once: none is a quote, a backslash or a control character. Those above 0x7f may be taken for
 * one. */
static bool all_plain(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word, quote, backslash;
    memcpy(&word, p, sizeof word);
    quote = word ^ (ones * '"');
    backslash = word ^ (ones * '\\');
    return (((quote - ones) | (backslash - ones) | (word - ones * 0x20) | word) & (ones * 0x80)) == 0;
}

static bool string(reader *r)
{
    if (!take(r, '"'))
        return false;
    for (;;) {
        while (r->end - r->p >= 8 && all_plain(r->p))
            r->p += 8;
        while (r->p < r->end && (unsigned char)*r->p >= 0x20 && *r->p != '"' && *r->p != '\\')
            r->p++;
        if (take(r, '"'))
            return true;
        if (!take(r, '\\') || !escape(r))
            return false;
    }
}

static bool word(reader *r, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(r->end - r->p) < length || memcmp(r->p, text, length) != 0)
        return false;
    r->p += length;
    return true;
}

static bool scalar(reader *r)
{
    if (r->p >= r->end)
        return false;
    switch (*r->p) {
    case '"':
        return string(r);
    case 't':
        return word(r, "true");
    case 'f':
        return word(r, "false");
    case 'n':
        return word(r, "null");
    default:
        return number(r);
    }
}

static bool name(reader *r)
{
    skip_space(r);
    if (!string(r))
        return false;
    skip_space(r);
    return take(r, ':');
}

/* Behind a value: closes what ends here. True with *more when another value follows in the innermost. */
static bool after_value(reader *r, const char *stack, int *depth, bool *more)
{
    *more = false;
    for (skip_space(r); *depth > 0; skip_space(r)) {
        char open = stack[*depth - 1];
        if (take(r, ',')) {
            *more = true;
            return open == '[' || name(r);
        }
        if (!take(r, open == '[' ? ']' : '}'))
            return false;
        (*depth)--;
    }
    return true;
}

bool sink_sqlite_json_valid(const char *text, size_t length)
{
    reader r = {text, text + length};
    char stack[DEPTH];
    int depth = 0;
    bool more = true;
    while (more) {
        skip_space(&r);
        if (r.p < r.end && (*r.p == '[' || *r.p == '{')) {
            char open = *r.p++;
            if (depth == DEPTH)
                return false;
            stack[depth++] = open;
            skip_space(&r);
            /* An empty one is closed by after_value, as any other. */
            if (!(r.p < r.end && *r.p == (open == '[' ? ']' : '}'))) {
                if (open == '{' && !name(&r))
                    return false;
                continue;
            }
        } else if (!scalar(&r)) {
            return false;
        }
        if (!after_value(&r, stack, &depth, &more))
            return false;
    }
    return r.p == r.end;
}
