/*
 * page.c - the page around the records: see page.h. A state between two tokens, and a step for each; a step
 * reads a whole name with its value, or a whole record, or takes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define NAME_MAX_READ 512u /* a longer raw name is none of ours */

enum state {
    PAGE_BEGIN,
    PAGE_FIRST_MEMBER, /* or the page's end */
    PAGE_MEMBER,
    PAGE_AFTER_MEMBER,
    PAGE_FIRST_RECORD, /* or the array's end */
    PAGE_RECORD,
    PAGE_AFTER_RECORD,
    PAGE_END,
    PAGE_BAD
};

struct dataverse_page {
    struct dataverse_json_record *records;
    struct dataverse_json_record *error; /* its members code and message */
    size_t max_value;
    enum state state;
    uint64_t offset; /* in the page, of the buffer's first byte */
    size_t wait;     /* bytes that must be there before a look at them is worth while */
    int has_value;
    char *next_link;
    char *delta_link;
    char *error_code;
    char *error_message;
    char problem[160];
};

struct dataverse_page *dataverse_page_new(const char *const *names, size_t n_names, size_t max_value)
{
    static const char *const error_names[] = {"code", "message"};
    struct dataverse_page *page = calloc(1, sizeof *page);
    if (page == NULL)
        return NULL;
    page->records = dataverse_json_record_new(names, n_names);
    page->error = dataverse_json_record_new(error_names, 2);
    page->max_value = max_value;
    if (page->records == NULL || page->error == NULL) {
        dataverse_page_free(page);
        return NULL;
    }
    return page;
}

static void forget(char **text)
{
    free(*text);
    *text = NULL;
}

void dataverse_page_start(struct dataverse_page *page)
{
    forget(&page->next_link);
    forget(&page->delta_link);
    forget(&page->error_code);
    forget(&page->error_message);
    page->state = PAGE_BEGIN;
    page->offset = 0;
    page->wait = 0;
    page->has_value = 0;
    page->problem[0] = '\0';
}

void dataverse_page_free(struct dataverse_page *page)
{
    if (page == NULL)
        return;
    dataverse_page_start(page);
    dataverse_json_record_free(page->records);
    dataverse_json_record_free(page->error);
    free(page);
}

/* A text of its own, replacing *text. 0, or -1 when memory is out. */
static int keep_text(char **text, const char *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return -1;
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    free(*text);
    *text = copy;
    return 0;
}

/* A link: text, or null for none. Returns p, or NULL after a failure. */
static const char *keep_link(struct dataverse_json *json, const struct dataverse_value *value, char **link,
                             const char *p)
{
    uint8_t flags = 0;
    if (value->type == DATAVERSE_JSON_NULL) {
        forget(link);
        return p;
    }
    if (value->type != DATAVERSE_JSON_STRING)
        return dataverse_json_fail(json, value->json, "no page: a link is not text");
    if (keep_text(link, value->text, value->length) != 0)
        return dataverse_json_fail(json, value->json, NULL);
    (*link)[dataverse_json_unescape(*link, value->text, value->length, &flags)] = '\0';
    if (flags != 0)
        return dataverse_json_fail(json, value->json, "no page: a link holds a character that no link has");
    return p;
}

/* The code or the message: text, or what stands there instead; empty when nothing does. */
static int keep_error_text(char **text, const struct dataverse_value *value)
{
    if (value->type == DATAVERSE_JSON_MISSING || value->type == DATAVERSE_JSON_NULL)
        return keep_text(text, "", 0);
    return keep_text(text, value->text, value->length);
}

static const char *keep_error(struct dataverse_page *page, struct dataverse_json *json,
                              const struct dataverse_value *value, const char *p)
{
    const struct dataverse_value *members = dataverse_json_record_values(page->error);
    static const struct dataverse_value missing = {0};
    struct dataverse_value text = *value;
    uint8_t flags = 0;
    if (value->type == DATAVERSE_JSON_NULL) {
        forget(&page->error_code);
        forget(&page->error_message);
        return p;
    }
    if (value->type == DATAVERSE_JSON_OBJECT) {
        /* Valid, as it was read before: this can fail for want of memory only. */
        if (dataverse_json_record_read(page->error, json, value->json, 1) == NULL)
            return NULL;
        if (keep_error_text(&page->error_code, &members[0]) != 0 ||
            keep_error_text(&page->error_message, &members[1]) != 0)
            return dataverse_json_fail(json, value->json, NULL);
        return p;
    }
    if (keep_error_text(&page->error_code, &missing) != 0 ||
        keep_error_text(&page->error_message, &text) != 0)
        return dataverse_json_fail(json, value->json, NULL);
    if ((value->flags & DATAVERSE_JSON_ESCAPED) != 0) {
        size_t length = dataverse_json_unescape(page->error_message, value->text, value->length, &flags);
        page->error_message[length] = '\0';
    }
    return p;
}

/* Does the name between the quotes mean `name`, however it is escaped? */
static int is_name(const char *raw, size_t length, int escaped, const char *name)
{
    char text[NAME_MAX_READ];
    uint8_t flags = 0;
    if (escaped) {
        if (length > sizeof text)
            return 0;
        length = dataverse_json_unescape(text, raw, length, &flags);
        raw = text;
    }
    return length == strlen(name) && memcmp(raw, name, length) == 0;
}

/* A member of the page; of "value" only the bracket. */
static const char *read_member(struct dataverse_page *page, struct dataverse_json *json, const char *p)
{
    const char *name = p + 1, *name_end;
    struct dataverse_value value;
    size_t length;
    int escaped;
    if (*p != '"')
        return dataverse_json_fail(json, p, "no JSON: the name of a member was expected");
    name_end = dataverse_json_string(json, name, &escaped);
    if (name_end == NULL)
        return NULL;
    length = (size_t)(name_end - name);
    p = dataverse_json_space(name_end + 1);
    if (*p != ':')
        return dataverse_json_fail(json, p, "no JSON: a colon was expected");
    p = dataverse_json_space(p + 1);
    if (*p == '[' && is_name(name, length, escaped, "value")) {
        if (page->has_value)
            return dataverse_json_fail(json, p, "no page: it has two arrays \"value\"");
        page->has_value = 1;
        page->state = PAGE_FIRST_RECORD;
        return p + 1;
    }
    p = dataverse_json_value(json, p, 1, &value);
    if (p == NULL)
        return NULL;
    if (is_name(name, length, escaped, "@odata.nextLink"))
        p = keep_link(json, &value, &page->next_link, p);
    else if (is_name(name, length, escaped, "@odata.deltaLink"))
        p = keep_link(json, &value, &page->delta_link, p);
    else if (is_name(name, length, escaped, "error"))
        p = keep_error(page, json, &value, p);
    if (p != NULL)
        page->state = PAGE_AFTER_MEMBER;
    return p;
}

/* The next step from p on, which is no white space. *whole: set to 1 if that was a record. On failure the
 * state stays, so that the step can be repeated. */
static const char *step(struct dataverse_page *page, struct dataverse_json *json, const char *p, int *whole)
{
    switch (page->state) {
    case PAGE_BEGIN:
        if (*p != '{')
            return dataverse_json_fail(json, p, "no page: it does not begin with {");
        page->state = PAGE_FIRST_MEMBER;
        return p + 1;
    case PAGE_FIRST_MEMBER:
        if (*p == '}')
            break;
        return read_member(page, json, p);
    case PAGE_MEMBER:
        return read_member(page, json, p);
    case PAGE_AFTER_MEMBER:
        if (*p == '}')
            break;
        if (*p != ',')
            return dataverse_json_fail(json, p, "no JSON: a comma or } was expected");
        page->state = PAGE_MEMBER;
        return p + 1;
    case PAGE_FIRST_RECORD:
    case PAGE_AFTER_RECORD:
        if (*p == ']') {
            page->state = PAGE_AFTER_MEMBER;
            return p + 1;
        }
        if (page->state == PAGE_FIRST_RECORD) {
            page->state = PAGE_RECORD;
            return p;
        }
        if (*p != ',')
            return dataverse_json_fail(json, p, "no JSON: a comma or ] was expected");
        page->state = PAGE_RECORD;
        return p + 1;
    case PAGE_RECORD:
        if (*p != '{')
            return dataverse_json_fail(json, p, "no page: a record was expected");
        p = dataverse_json_record_read(page->records, json, p, 2);
        if (p != NULL) {
            page->state = PAGE_AFTER_RECORD;
            *whole = 1;
        }
        return p;
    case PAGE_END:
        return dataverse_json_fail(json, p, "no JSON: something follows the page");
    case PAGE_BAD:
        break;
    }
    page->state = PAGE_END;
    return p + 1;
}

static int bad(struct dataverse_page *page, uint64_t at, const char *problem)
{
    page->state = PAGE_BAD;
    snprintf(page->problem, sizeof page->problem, "%s (byte %llu of the page)", problem,
             (unsigned long long)at);
    return DATAVERSE_PAGE_BAD;
}

/* The bytes from p on are no whole step. */
static int need_more(struct dataverse_page *page, size_t there, int last)
{
    if (there > page->max_value)
        return bad(page, page->offset, "no page: a record has more bytes than allowed");
    if (last)
        return bad(page, page->offset + there, "no JSON: the page ends early");
    page->wait = there < page->max_value / 2 ? there * 2 : page->max_value + 1;
    return DATAVERSE_PAGE_MORE;
}

static void take(struct dataverse_page *page, struct dataverse_buffer *buffer, const char *to)
{
    size_t n = (size_t)(to - (buffer->data + buffer->start));
    page->offset += n;
    dataverse_buffer_take(buffer, n);
}

int dataverse_page_next(struct dataverse_page *page, struct dataverse_buffer *buffer, int last,
                        struct dataverse_record *record)
{
    struct dataverse_json json = {0};
    int whole = 0;
    memset(record, 0, sizeof *record);
    if (page->state == PAGE_BAD)
        return DATAVERSE_PAGE_BAD;
    if (buffer->length == 0)
        return page->state == PAGE_END ? DATAVERSE_PAGE_END : need_more(page, 0, last);
    if (buffer->length < page->wait && !last)
        return DATAVERSE_PAGE_MORE;
    page->wait = 0;
    json.end = buffer->data + buffer->start + buffer->length;
    for (const char *p = buffer->data + buffer->start;;) {
        const char *begin = dataverse_json_space(p);
        if (begin == json.end) {
            take(page, buffer, begin);
            return page->state == PAGE_END ? DATAVERSE_PAGE_END : need_more(page, 0, last);
        }
        p = step(page, &json, begin, &whole);
        if (p == NULL) {
            take(page, buffer, begin);
            if (json.problem == NULL)
                return DATAVERSE_PAGE_NO_MEMORY;
            if (json.at == json.end)
                return need_more(page, (size_t)(json.end - begin), last);
            return bad(page, page->offset + (uint64_t)(json.at - begin), json.problem);
        }
        if ((size_t)(p - begin) > page->max_value)
            return bad(page, page->offset + (uint64_t)(begin - (buffer->data + buffer->start)),
                       "no page: a record has more bytes than allowed");
        if (whole) {
            record->values = dataverse_json_record_values(page->records);
            record->json = begin;
            record->json_length = (size_t)(p - begin);
            take(page, buffer, p);
            return DATAVERSE_PAGE_RECORD;
        }
    }
}

const char *dataverse_page_next_link(const struct dataverse_page *page)
{
    return page->next_link;
}

const char *dataverse_page_delta_link(const struct dataverse_page *page)
{
    return page->delta_link;
}

int dataverse_page_has_value(const struct dataverse_page *page)
{
    return page->has_value;
}

const char *dataverse_page_error_code(const struct dataverse_page *page)
{
    return page->error_code;
}

const char *dataverse_page_error_message(const struct dataverse_page *page)
{
    return page->error_message;
}

const char *dataverse_page_problem(const struct dataverse_page *page)
{
    return page->problem;
}
