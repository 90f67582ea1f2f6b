/*
 * page_jansson.h (tests) - does Jansson see the same page? It is asked what the whole text means, as a tree.
 * Where it is known to differ: it refuses numbers that are too big for it, halves of surrogate pairs, and a
 * NUL in a name. It allows more depth, and (2.14) overlooks a NUL byte behind a number.
 */
#ifndef TEST_PAGE_JANSSON_H
#define TEST_PAGE_JANSSON_H

#include <jansson.h>

#include "page_trace.h"

/* Is this a refusal of something that is valid JSON? */
static inline int jansson_is_narrow(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           code == json_error_null_character || code == json_error_stack_overflow ||
           strstr(error->text, "invalid Unicode") != NULL;
}

static inline void jansson_check_value(const struct dataverse_value *value, const json_t *expected)
{
    char number[400];
    if (expected == NULL) {
        CHECK(value->type == DATAVERSE_JSON_MISSING);
        return;
    }
    switch (json_typeof(expected)) {
    case JSON_NULL:
        CHECK(value->type == DATAVERSE_JSON_NULL);
        break;
    case JSON_TRUE:
        CHECK(value->type == DATAVERSE_JSON_TRUE);
        break;
    case JSON_FALSE:
        CHECK(value->type == DATAVERSE_JSON_FALSE);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        CHECK(value->type == DATAVERSE_JSON_NUMBER);
        if (value->length < sizeof number) {
            memcpy(number, value->text, value->length);
            number[value->length] = '\0';
            CHECK(strtod(number, NULL) == json_number_value(expected));
        }
        break;
    case JSON_STRING:
        CHECK(value->type == DATAVERSE_JSON_STRING);
        CHECK((value->flags & DATAVERSE_VALUE_LONE_SURROGATE) == 0);
        CHECK(value->length == json_string_length(expected));
        CHECK(memcmp(value->text, json_string_value(expected), value->length) == 0);
        CHECK(((value->flags & DATAVERSE_VALUE_NUL) != 0) ==
              (memchr(value->text, '\0', value->length) != NULL));
        break;
    case JSON_OBJECT:
    case JSON_ARRAY: {
        json_t *again = json_loadb(value->json, value->json_length, JSON_ALLOW_NUL, NULL);
        CHECK(value->type == (json_is_object(expected) ? DATAVERSE_JSON_OBJECT : DATAVERSE_JSON_ARRAY));
        CHECK(again != NULL && json_equal(again, expected));
        json_decref(again);
        break;
    }
    }
}

static inline void jansson_check_link(const char *link, const json_t *expected)
{
    if (json_is_string(expected))
        CHECK(link != NULL && strcmp(link, json_string_value(expected)) == 0);
    else
        CHECK(link == NULL);
}

/* Reads the page once more, whole, and compares each wanted value. The reader has accepted it. */
static inline void jansson_check_page(struct dataverse_page *page, const char *const *names, size_t n_names,
                                      const char *bytes, size_t n, const json_t *root)
{
    struct dataverse_buffer buffer = {0};
    struct dataverse_record record;
    const json_t *value = json_object_get(root, "value");
    size_t count = 0;
    dataverse_page_start(page);
    CHECK(dataverse_buffer_add(&buffer, bytes, n) == 0);
    while (dataverse_page_next(page, &buffer, 1, &record) == DATAVERSE_PAGE_RECORD) {
        const json_t *expected = json_array_get(value, count++);
        /* Of two members "value" Jansson sees the last only; the reader takes an array then. */
        for (size_t i = 0; i < n_names && expected != NULL; i++)
            jansson_check_value(&record.values[i], json_object_get(expected, names[i]));
        CHECK(expected != NULL || !json_is_array(value));
    }
    CHECK(!json_is_array(value) || count == json_array_size(value));
    jansson_check_link(dataverse_page_next_link(page), json_object_get(root, "@odata.nextLink"));
    jansson_check_link(dataverse_page_delta_link(page), json_object_get(root, "@odata.deltaLink"));
    CHECK((dataverse_page_error_code(page) != NULL) ==
          (json_object_get(root, "error") != NULL && !json_is_null(json_object_get(root, "error"))));
    CHECK((dataverse_page_error_code(page) != NULL) == (dataverse_page_error_message(page) != NULL));
    dataverse_buffer_free(&buffer);
}

/* `answer` and `trace` are what the reader said of these bytes. Returns 1 when both accepted the page. */
static inline int jansson_check(struct dataverse_page *page, const char *const *names, size_t n_names,
                                const char *bytes, size_t n, int answer, const struct trace *trace)
{
    json_error_t error;
    json_t *root = json_loadb(bytes, n, JSON_ALLOW_NUL, &error);
    int both = 0;
    if (answer == DATAVERSE_PAGE_END) {
        CHECK(root != NULL || jansson_is_narrow(&error));
        if (root != NULL) {
            jansson_check_page(page, names, n_names, bytes, n, root);
            both = 1;
        }
    } else if (root != NULL && memchr(bytes, '\0', n) == NULL) {
        /* Valid JSON, but no page. */
        CHECK(trace->length > 0 && memmem(trace->text, trace->length, "bad no page", 11) != NULL);
    }
    json_decref(root);
    return both;
}

#endif
