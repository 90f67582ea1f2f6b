/*
 * page.h - reads one page of records, {"@odata.context":…, "value":[{…},{…}], "@odata.nextLink":…}, as its
 * bytes arrive, without building a tree: each record is handed out as spans of the bytes received, so that
 * numbers keep their text. Strict JSON (RFC 8259), depth at most 64. Knows nothing of HTTP or of types.
 * One thread.
 */
#ifndef DATAVERSE_PAGE_H
#define DATAVERSE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define DATAVERSE_JSON_MISSING 0 /* the record has no such member */
#define DATAVERSE_JSON_NULL 1
#define DATAVERSE_JSON_FALSE 2
#define DATAVERSE_JSON_TRUE 3
#define DATAVERSE_JSON_NUMBER 4
#define DATAVERSE_JSON_STRING 5
#define DATAVERSE_JSON_OBJECT 6
#define DATAVERSE_JSON_ARRAY 7

#define DATAVERSE_VALUE_LONE_SURROGATE 1 /* the string holds half of a surrogate pair: now U+FFFD */
#define DATAVERSE_VALUE_NUL 2            /* the string holds U+0000 */

/* One member of a record. Valid until the next call with the same page. */
struct dataverse_value {
    uint8_t type;  /* DATAVERSE_JSON_ */
    uint8_t flags; /* DATAVERSE_VALUE_ */
    size_t length;
    const char *text; /* STRING: unescaped UTF-8, without quotes; else as in `json` */
    const char *json; /* the value as received, quotes included */
    size_t json_length;
};

/* One record. Valid until the next call with the same page. */
struct dataverse_record {
    const struct dataverse_value *values; /* one for each wanted name; of a name that comes twice the last */
    const char *json;                     /* the whole record as received, from { to } */
    size_t json_length;
};

struct dataverse_page;

/* `names`: the members wanted of each record, copied; they differ from each other; 0 of them is allowed.
 * `max_value`: bytes that one record, or another member of the page, may have. NULL when memory is out. */
struct dataverse_page *dataverse_page_new(const char *const *names, size_t n_names, size_t max_value);
void dataverse_page_free(struct dataverse_page *page);

/* Begins a page: forgets everything but the names. */
void dataverse_page_start(struct dataverse_page *page);

#define DATAVERSE_PAGE_RECORD 0 /* *record is filled */
#define DATAVERSE_PAGE_MORE 1   /* the buffer ends before the next thing does: add bytes, call again */
#define DATAVERSE_PAGE_END 2    /* the page's object is closed; what follows may only be white space */
#define DATAVERSE_PAGE_BAD 3    /* no JSON, or no page: dataverse_page_problem() says what. For good */
#define DATAVERSE_PAGE_NO_MEMORY 4

/*
 * The next record of the page whose bytes lie in `buffer`; takes from the buffer what it is done with. After
 * RECORD the buffer may not be touched until the next call. `last`: no more bytes will come (then MORE is
 * never answered, but BAD: "the page ends early"). Costs: a record is looked at again only after its bytes
 * have doubled or are complete, so that a large one in small pieces does not cost its square.
 */
int dataverse_page_next(struct dataverse_page *page, struct dataverse_buffer *buffer, int last,
                        struct dataverse_record *record);

/* After END; unescaped, NUL-ended, NULL when the page has none. Valid until start or free. */
const char *dataverse_page_next_link(const struct dataverse_page *page);
const char *dataverse_page_delta_link(const struct dataverse_page *page);
/* 1 when the page had a member "value" that is an array. An answer without is an error of the service. */
int dataverse_page_has_value(const struct dataverse_page *page);
/* What stands in a member "error" of the page (the service may fail after it sent its 200); NULL: none. Both
 * are there or none; "" for the one that the service left out. */
const char *dataverse_page_error_code(const struct dataverse_page *page);
const char *dataverse_page_error_message(const struct dataverse_page *page);
/* After BAD: what is wrong, with the byte offset in the page; begins with "no JSON" or "no page". */
const char *dataverse_page_problem(const struct dataverse_page *page);

#endif
