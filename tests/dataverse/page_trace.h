/* page_trace.h (tests) - reads a page that comes in pieces, and writes down all that the reader said of
 * it. */
#ifndef TEST_PAGE_TRACE_H
#define TEST_PAGE_TRACE_H

#include <stdarg.h>

#include "../fuzz/fuzz.h"
#include "page.h"

/* A growing text. All zero is an empty one. */
struct trace {
    char *text;
    size_t length;
    size_t capacity;
};

static inline void trace_bytes(struct trace *trace, const char *bytes, size_t n)
{
    if (trace->text == NULL || trace->capacity - trace->length < n) {
        trace->capacity = (trace->length + n) * 2 + 64;
        trace->text = realloc(trace->text, trace->capacity);
        CHECK(trace->text != NULL);
    }
    if (n > 0)
        memcpy(trace->text + trace->length, bytes, n);
    trace->length += n;
}

__attribute__((format(printf, 2, 3))) static inline void trace_add(struct trace *trace, const char *format,
                                                                   ...)
{
    char line[512];
    va_list args;
    int n;
    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < sizeof line);
    trace_bytes(trace, line, (size_t)n);
}

static inline void trace_free(struct trace *trace)
{
    free(trace->text);
    memset(trace, 0, sizeof *trace);
}

static inline int trace_same(const struct trace *a, const struct trace *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->text, b->text, a->length) == 0);
}

static inline void trace_record(struct trace *trace, const struct dataverse_record *record, size_t n_names)
{
    trace_add(trace, "record %zu:", record->json_length);
    trace_bytes(trace, record->json, record->json_length);
    for (size_t i = 0; i < n_names; i++) {
        const struct dataverse_value *value = &record->values[i];
        trace_add(trace, "\n  value %zu type %u", i, (unsigned)value->type);
        if (value->type == DATAVERSE_JSON_MISSING)
            continue;
        CHECK(value->json > record->json);
        CHECK(value->json + value->json_length < record->json + record->json_length);
        if (value->type != DATAVERSE_JSON_STRING) {
            CHECK(value->text == value->json && value->length == value->json_length);
            CHECK(value->flags == 0);
        }
        trace_add(trace, " flags %u, %zu bytes:", (unsigned)value->flags, value->length);
        trace_bytes(trace, value->text, value->length);
        trace_add(trace, " from %zu bytes:", value->json_length);
        trace_bytes(trace, value->json, value->json_length);
    }
    trace_add(trace, "\n");
}

/* Reads on until the buffer is used up; returns the last answer. */
static inline int trace_buffer(struct trace *trace, struct dataverse_page *page, size_t n_names,
                               struct dataverse_buffer *buffer, int last)
{
    for (;;) {
        struct dataverse_record record;
        int answer = dataverse_page_next(page, buffer, last, &record);
        if (answer != DATAVERSE_PAGE_RECORD)
            return answer;
        trace_record(trace, &record, n_names);
    }
}

static inline void trace_text(struct trace *trace, const char *what, const char *text)
{
    trace_add(trace, "%s ", what);
    trace_bytes(trace, text != NULL ? text : "-", text != NULL ? strlen(text) : 1);
    trace_add(trace, "\n");
}

/*
 * The whole of a page: `first` bytes, then pieces of `piece`. Memory is of exactly the size needed, so that a
 * sanitizer sees a read too far. Returns DATAVERSE_PAGE_END, _BAD or _NO_MEMORY.
 */
static inline int trace_page(struct trace *trace, struct dataverse_page *page, size_t n_names,
                             const char *bytes, size_t n, size_t first, size_t piece)
{
    struct dataverse_buffer buffer = {0};
    int answer = DATAVERSE_PAGE_MORE;
    buffer.capacity = n + DATAVERSE_BUFFER_ZEROS;
    buffer.data = malloc(buffer.capacity);
    CHECK(buffer.data != NULL);
    trace->length = 0;
    dataverse_page_start(page);
    for (size_t at = 0, size = first; at < n; at += size, size = piece) {
        if (size > n - at)
            size = n - at;
        CHECK(dataverse_buffer_add(&buffer, bytes + at, size) == 0);
        answer = trace_buffer(trace, page, n_names, &buffer, 0);
        CHECK(answer == DATAVERSE_PAGE_MORE || answer == DATAVERSE_PAGE_END || answer == DATAVERSE_PAGE_BAD ||
              answer == DATAVERSE_PAGE_NO_MEMORY);
        if (answer == DATAVERSE_PAGE_NO_MEMORY)
            break;
    }
    if (answer != DATAVERSE_PAGE_NO_MEMORY)
        answer = trace_buffer(trace, page, n_names, &buffer, 1);
    CHECK(answer != DATAVERSE_PAGE_MORE);
    if (answer == DATAVERSE_PAGE_END) {
        CHECK(buffer.length == 0);
        trace_add(trace, "end, value %d\n", dataverse_page_has_value(page));
        trace_text(trace, "next", dataverse_page_next_link(page));
        trace_text(trace, "delta", dataverse_page_delta_link(page));
        trace_text(trace, "code", dataverse_page_error_code(page));
        trace_text(trace, "message", dataverse_page_error_message(page));
    } else if (answer == DATAVERSE_PAGE_BAD) {
        trace_text(trace, "bad", dataverse_page_problem(page));
    }
    dataverse_buffer_free(&buffer);
    return answer;
}

#endif
