/*
 * json.h - the tokens of strict JSON (RFC 8259), read in place. Private to the page reader; reads only the
 * bytes of a dataverse_buffer, because it relies on the zeros behind them: no token goes on at a zero, so
 * that nothing is read past them, and what stops at `end` may have stopped for want of bytes.
 *
 *   json.c         one token or one whole value: strings, numbers, literals, nesting; unescaping
 *   json_record.c  one object: finds the wanted members
 *   page.c         the page around the records
 */
#ifndef DATAVERSE_JSON_H
#define DATAVERSE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "page.h"

#if defined(__SSE2__) && !defined(DATAVERSE_JSON_PORTABLE)
#include <emmintrin.h>
#define DATAVERSE_JSON_SSE2
#else
#include <string.h>
#endif

#define DATAVERSE_JSON_DEPTH 64u /* objects and arrays in each other, the page included */

/* What is read, and why reading stopped. */
struct dataverse_json {
    const char *end;     /* behind the last byte that is there */
    const char *at;      /* after a failure: where; `end` means that more bytes may mend it */
    const char *problem; /* after a failure: what was expected; begins with "no JSON" or "no page" */
};

/* All of the following return the place behind what they read, or NULL after filling at and problem. */

static inline const char *dataverse_json_fail(struct dataverse_json *json, const char *at,
                                              const char *problem)
{
    json->at = at;
    json->problem = problem;
    return NULL;
}

static inline const char *dataverse_json_space(const char *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
        p++;
    return p;
}

/* The first quote, backslash, control byte or byte that is not ASCII from p on. */
static inline const char *dataverse_json_plain(const char *p)
{
#ifdef DATAVERSE_JSON_SSE2
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (;; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Compared as signed numbers, the bytes from 0x80 on are less than a space as well. */
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
                                   _mm_cmplt_epi8(v, space));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    for (;; p += 8) {
        uint64_t v, quote, backslash, control;
        memcpy(&v, p, 8);
        quote = v ^ (ones * '"');
        backslash = v ^ (ones * '\\');
        /* The high bit of some byte is set if any byte of the eight is one of those looked for. */
        control = v - ones * ' ';
        if (((((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | control | v) & high) != 0)
            break;
    }
    while ((signed char)*p >= ' ' && *p != '"' && *p != '\\')
        p++;
    return p;
#endif
}

/* The rest of a string from a byte on at which dataverse_json_plain stopped, to its closing quote. */
const char *dataverse_json_string_rest(struct dataverse_json *json, const char *p, int *escaped);

/* A string; p is behind its opening quote. Returns its closing quote. *escaped: whether it has a
 * backslash. */
static inline const char *dataverse_json_string(struct dataverse_json *json, const char *p, int *escaped)
{
    *escaped = 0;
    p = dataverse_json_plain(p);
    return *p == '"' ? p : dataverse_json_string_rest(json, p, escaped);
}

/* The name of a member; p is at its quote. Returns what is behind the closing one, or NULL. */
static inline const char *dataverse_json_name(struct dataverse_json *json, const char *p, int *escaped)
{
    if (*p != '"')
        return dataverse_json_fail(json, p, "no JSON: the name of a member was expected");
    p = dataverse_json_string(json, p + 1, escaped);
    return p == NULL ? NULL : p + 1;
}

/* A number; p is at its sign or first digit. Fails at `end`, as digits could follow. */
const char *dataverse_json_number(struct dataverse_json *json, const char *p);
/* true, false or null: `word`. */
const char *dataverse_json_word(struct dataverse_json *json, const char *p, const char *word);
/* An object or array, p is at its bracket, inside of `depth` others. */
const char *dataverse_json_nested(struct dataverse_json *json, const char *p, unsigned depth);
/* Any value inside of `depth` objects and arrays. Fills all of *value, but does not unescape: of a string
 * with a backslash `text` is what stands between the quotes, and flags has DATAVERSE_JSON_ESCAPED. */
#define DATAVERSE_JSON_ESCAPED 0x80u
const char *dataverse_json_value(struct dataverse_json *json, const char *p, unsigned depth,
                                 struct dataverse_value *value);

/* Unescapes what stands between the quotes of a checked string. `out` has room for n bytes. Returns the
 * length; sets DATAVERSE_VALUE_ flags. Half a surrogate pair becomes U+FFFD. */
size_t dataverse_json_unescape(char *out, const char *raw, size_t n, uint8_t *flags);

/* ---- json_record.c ---- */

struct dataverse_json_record;

/* `names` are copied, and differ from each other. NULL when memory is out. */
struct dataverse_json_record *dataverse_json_record_new(const char *const *names, size_t n_names);
void dataverse_json_record_free(struct dataverse_json_record *record);
/* Reads the object at p, inside of `depth` others. NULL with json->problem NULL: memory is out. */
const char *dataverse_json_record_read(struct dataverse_json_record *record, struct dataverse_json *json,
                                       const char *p, unsigned depth);
/* The wanted members of what was read; valid until the next read. */
const struct dataverse_value *dataverse_json_record_values(const struct dataverse_json_record *record);

#endif
