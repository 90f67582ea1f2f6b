/* json.h - writing JSON, and reading it without losing a digit. */
#ifndef DVSI_DATA_JSON_H
#define DVSI_DATA_JSON_H

#include "base/arena.h"
#include "base/buf.h"

#define DVSI_JSON_DEPTH 64

/* Adds text as a JSON string, quoted and escaped. Valid UTF-8 is copied as it is; invalid bytes become
 * U+FFFD. */
void dvsi_json_string(dvsi_buf *out, const char *text, size_t length);

/* The first quote, backslash or control character from `at` on; `end`: there is none. */
const char *dvsi_json_plain_end(const char *at, const char *end);

/* A JSON value read from text. Numbers keep their text; strings are unescaped UTF-8. */
typedef enum dvsi_json_type {
    DVSI_JSON_NULL,
    DVSI_JSON_BOOL,   /* length: 0 or 1 */
    DVSI_JSON_NUMBER, /* text */
    DVSI_JSON_STRING, /* text */
    DVSI_JSON_ARRAY,  /* items */
    DVSI_JSON_OBJECT  /* items with names, in the order received */
} dvsi_json_type;

typedef struct dvsi_json dvsi_json;
struct dvsi_json {
    dvsi_json_type type;
    const char *name; /* member name inside an object; NUL-terminated */
    size_t name_length;
    const char *text; /* NUL-terminated */
    size_t length;    /* bytes of text, or number of items */
    dvsi_json *first; /* items */
    dvsi_json *next;  /* the next item of the same parent */
};

/* Parses one value (RFC 8259, depth at most DVSI_JSON_DEPTH, nothing behind it but white space) into
 * `arena`. NULL when it is none: *problem then says why (static), *offset where. Strings with lone
 * surrogates, NUL (\u0000) or invalid UTF-8 are refused. */
dvsi_json *dvsi_json_parse(dvsi_arena *arena, const char *text, size_t length, const char **problem,
                           size_t *offset);
/* Checks without building anything; NULL or the problem. */
const char *dvsi_json_check(const char *text, size_t length);
/* Member of an object by name, or NULL. */
const dvsi_json *dvsi_json_get(const dvsi_json *object, const char *name);
/* Adds a parsed value as JSON text again, members in the order received. */
void dvsi_json_write(dvsi_buf *out, const dvsi_json *value);
/* One text for equal values: members sorted bytewise by name (of equal names the last one counts), no
 * spaces, numbers as canonical decimals. 0, or -1 when the text is no JSON or memory is out. */
int dvsi_json_canonical(dvsi_buf *out, const char *text, size_t length);

#endif
