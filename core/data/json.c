/* json.c - reading JSON; see json.h. */
#include "data/json.h"

#include <string.h>

#include "base/utf8.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* One container that is open: where its next item goes. When only checking, there are no nodes. */
typedef struct level {
    dvsi_json *node;
    dvsi_json *last;
    char closer; /* ']' or '}' */
} level;

typedef struct parser {
    dvsi_arena *arena; /* NULL: check only */
    const char *text;
    const char *at;
    const char *end;
    const char *valid; /* up to here it is UTF-8 without NUL; checked in one go, as strings are short */
    const char *problem;
    size_t depth;
    level open[DVSI_JSON_DEPTH];
} parser;

static const char out_of_memory[] = "out of memory";

static int refuse(parser *p, const char *problem)
{
    if (p->problem == NULL)
        p->problem = problem;
    return -1;
}

static void skip_space(parser *p)
{
    if (p->at < p->end && (unsigned char)*p->at > ' ')
        return;
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

static int is_digit(const parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits; the number, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t code = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int value = hex_value(at[i]);

        if (value < 0)
            return -1;
        code = code << 4 | value;
    }
    return code;
}

/* The escape at p->at, behind its backslash: checks it, moves behind it, gives its code point. */
static int take_escape(parser *p, uint32_t *code)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *name;
    int32_t high, low;

    if (p->at == p->end)
        return refuse(p, "the string does not end");
    if (*p->at != 'u') {
        name = memchr(names, *p->at, sizeof names - 1);
        if (name == NULL)
            return refuse(p, "unknown escape in a string");
        *code = (uint32_t)(unsigned char)values[name - names];
        p->at++;
        return 0;
    }
    high = hex4(p->at + 1, p->end);
    if (high < 0)
        return refuse(p, "\\u needs four hex digits");
    if (high == 0)
        return refuse(p, "a string holds a NUL character");
    if (high >= 0xd800 && high <= 0xdfff) {
        if (high >= 0xdc00 || p->end - p->at < 11 || p->at[5] != '\\' || p->at[6] != 'u')
            return refuse(p, "a string holds a lone surrogate");
        low = hex4(p->at + 7, p->end);
        if (low < 0xdc00 || low > 0xdfff)
            return refuse(p, "a string holds a lone surrogate");
        *code = 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        p->at += 11;
        return 0;
    }
    *code = (uint32_t)high;
    p->at += 5;
    return 0;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* Eight bytes at once: none ends a run of plain characters (quote, backslash, control). */
static int all_plain(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    uint64_t word, quote, backslash;

    memcpy(&word, text, sizeof word);
    quote = word ^ (ones * '"');
    backslash = word ^ (ones * '\\');
    /* A byte less than n borrows from its top bit; bytes above 0x7f may be taken for one, never missed. */
    return (((quote - ones) | (backslash - ones) | (word - ones * 0x20)) & ~word & high) == 0;
}

const char *dvsi_json_plain_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i hit = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        unsigned ends;

        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
        ends = (unsigned)_mm_movemask_epi8(hit);
        if (ends != 0)
            return at + __builtin_ctz(ends);
    }
#endif
    while (end - at >= 8 && all_plain(at))
        at += 8;
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}

/* A run of characters up to a quote or backslash; checks them. */
static int skip_run(parser *p)
{
    p->at = dvsi_json_plain_end(p->at, p->end);
    if (p->at > p->valid) { /* never by a NUL alone, which ends the run too */
        p->at = p->valid;
        return refuse(p, "a string is not valid UTF-8");
    }
    if (p->at == p->end)
        return refuse(p, "the string does not end");
    if ((unsigned char)*p->at < 0x20)
        return refuse(p, *p->at == '\0' ? "a string holds a NUL character" : "control character in a string");
    return 0;
}

/* take_string for what has escapes, is to be kept, or is wrong. */
static int take_any_string(parser *p, const char **text, size_t *length)
{
    const char *start = ++p->at, *end;
    size_t escapes = 0;
    uint32_t code;
    char *out;

    for (;;) {
        if (skip_run(p) != 0)
            return -1;
        if (*p->at == '"')
            break;
        p->at++;
        if (take_escape(p, &code) != 0)
            return -1;
        escapes++;
    }
    end = p->at++;
    if (p->arena == NULL)
        return 0;
    if (escapes == 0) {
        *length = (size_t)(end - start);
        *text = dvsi_arena_copy(p->arena, start, *length);
        return *text != NULL ? 0 : refuse(p, out_of_memory);
    }
    /* No escape is shorter than what it stands for. */
    out = dvsi_arena_alloc(p->arena, (size_t)(end - start) + 1);
    if (out == NULL)
        return refuse(p, out_of_memory);
    *text = out;
    p->at = start;
    while (p->at < end) {
        const char *run = memchr(p->at, '\\', (size_t)(end - p->at));
        size_t n = (size_t)((run != NULL ? run : end) - p->at);

        memcpy(out, p->at, n);
        out += n;
        p->at += n;
        if (run == NULL)
            break;
        p->at++;
        take_escape(p, &code); /* known to be good */
        out = put_utf8(out, code);
    }
    *out = '\0';
    *length = (size_t)(out - *text);
    p->at = end + 1;
    return 0;
}

/* The string at p->at, which is a quote. 0 or -1; out only when building. */
static int take_string(parser *p, const char **text, size_t *length)
{
    if (p->arena == NULL) {
        const char *end = dvsi_json_plain_end(p->at + 1, p->end);

        if (end <= p->valid && end < p->end && *end == '"') {
            p->at = end + 1;
            return 0;
        }
    }
    return take_any_string(p, text, length);
}

static int take_number(parser *p)
{
    static const char bad[] = "malformed number";

    if (p->at < p->end && *p->at == '-')
        p->at++;
    if (!is_digit(p))
        return refuse(p, bad);
    if (*p->at == '0')
        p->at++;
    else
        while (is_digit(p))
            p->at++;
    if (is_digit(p))
        return refuse(p, "a number starts with 0");
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!is_digit(p))
            return refuse(p, bad);
        while (is_digit(p))
            p->at++;
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!is_digit(p))
            return refuse(p, bad);
        while (is_digit(p))
            p->at++;
    }
    return 0;
}

static int take_word(parser *p, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
        return refuse(p, "this is no JSON value");
    p->at += length;
    return 0;
}

/* A string, number or word into *value; -1 when it is none. */
static int take_scalar(parser *p, dvsi_json *value)
{
    const char *start = p->at;

    switch (*start) {
    case '"':
        value->type = DVSI_JSON_STRING;
        return take_string(p, &value->text, &value->length);
    case 't':
    case 'f':
        value->type = DVSI_JSON_BOOL;
        value->length = *start == 't';
        return take_word(p, *start == 't' ? "true" : "false");
    case 'n':
        value->type = DVSI_JSON_NULL;
        return take_word(p, "null");
    default:
        if (*start != '-' && (*start < '0' || *start > '9'))
            return refuse(p, "this is no JSON value");
        value->type = DVSI_JSON_NUMBER;
        if (take_number(p) != 0)
            return -1;
        value->length = (size_t)(p->at - start);
        if (p->arena != NULL && (value->text = dvsi_arena_copy(p->arena, start, value->length)) == NULL)
            return refuse(p, out_of_memory);
        return 0;
    }
}

/* "name": in front of a member. */
static int take_name(parser *p, dvsi_json *value)
{
    if (p->at == p->end || *p->at != '"')
        return refuse(p, "a member needs a name in quotes");
    if (take_string(p, &value->name, &value->name_length) != 0)
        return -1;
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return refuse(p, "a colon must follow the member's name");
    p->at++;
    skip_space(p);
    return 0;
}

/* Makes *value a node of the tree, below the container that is open. */
static dvsi_json *hang(parser *p, const dvsi_json *value)
{
    dvsi_json *node = dvsi_arena_alloc(p->arena, sizeof *node);
    level *parent;

    if (node == NULL) {
        refuse(p, out_of_memory);
        return NULL;
    }
    *node = *value;
    if (p->depth > 0) {
        parent = &p->open[p->depth - 1];
        if (parent->last != NULL)
            parent->last->next = node;
        else
            parent->node->first = node;
        parent->last = node;
        parent->node->length++;
    }
    return node;
}

static int open_level(parser *p, dvsi_json *node)
{
    if (p->depth == DVSI_JSON_DEPTH)
        return refuse(p, "nested deeper than 64");
    p->open[p->depth].node = node;
    p->open[p->depth].last = NULL;
    p->open[p->depth].closer = *p->at == '{' ? '}' : ']';
    p->depth++;
    p->at++;
    return 0;
}

/* Behind a value: closes what ends here. 1: another item follows, 0: all is closed, -1. */
static int close_levels(parser *p)
{
    while (p->depth > 0) {
        skip_space(p);
        if (p->at == p->end)
            return refuse(p, "the text ends too early");
        if (*p->at == ',') {
            p->at++;
            skip_space(p);
            return 1;
        }
        if (*p->at != p->open[p->depth - 1].closer)
            return refuse(p, p->open[p->depth - 1].closer == '}' ? "a comma or } must follow"
                                                                 : "a comma or ] must follow");
        p->at++;
        p->depth--;
    }
    return 0;
}

/* The whole text; *root only when building. 0 or -1. */
static int take_all(parser *p, dvsi_json **root)
{
    int more = 1;

    *root = NULL;
    skip_space(p);
    while (more > 0) {
        dvsi_json value, *node = NULL;
        int opens;

        memset(&value, 0, sizeof value);
        if (p->depth > 0 && p->open[p->depth - 1].closer == '}' && take_name(p, &value) != 0)
            return -1;
        if (p->at == p->end)
            return refuse(p, p->at == p->text ? "the text is empty" : "the text ends too early");
        opens = *p->at == '{' || *p->at == '[';
        if (opens)
            value.type = *p->at == '{' ? DVSI_JSON_OBJECT : DVSI_JSON_ARRAY;
        else if (take_scalar(p, &value) != 0)
            return -1;
        if (p->arena != NULL && (node = hang(p, &value)) == NULL)
            return -1;
        if (*root == NULL)
            *root = node;
        if (opens) {
            if (open_level(p, node) != 0)
                return -1;
            skip_space(p);
            if (p->at == p->end || *p->at != p->open[p->depth - 1].closer)
                continue; /* its first item */
        }
        more = close_levels(p);
    }
    if (more < 0)
        return -1;
    skip_space(p);
    return p->at == p->end ? 0 : refuse(p, "something follows the value");
}

static void start(parser *p, dvsi_arena *arena, const char *text, size_t length)
{
    p->arena = arena;
    p->text = p->at = text;
    p->end = text + length;
    p->valid = text + dvsi_utf8_valid(text, length);
    p->problem = NULL;
    p->depth = 0;
}

dvsi_json *dvsi_json_parse(dvsi_arena *arena, const char *text, size_t length, const char **problem,
                           size_t *offset)
{
    parser p;
    dvsi_json *root;

    start(&p, arena, length > 0 ? text : "", length);
    if (take_all(&p, &root) != 0) {
        root = NULL;
        if (problem != NULL)
            *problem = p.problem;
        if (offset != NULL)
            *offset = (size_t)(p.at - p.text);
    }
    return root;
}

const char *dvsi_json_check(const char *text, size_t length)
{
    parser p;
    dvsi_json *none;

    start(&p, NULL, length > 0 ? text : "", length);
    return take_all(&p, &none) == 0 ? NULL : p.problem;
}

const dvsi_json *dvsi_json_get(const dvsi_json *object, const char *name)
{
    const dvsi_json *found = NULL;
    size_t length = strlen(name);

    if (object == NULL || object->type != DVSI_JSON_OBJECT)
        return NULL;
    for (const dvsi_json *item = object->first; item != NULL; item = item->next) {
        if (item->name_length == length && memcmp(item->name, name, length) == 0)
            found = item; /* of equal names the last one counts */
    }
    return found;
}
