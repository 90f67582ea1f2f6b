/*
 * test_page_conformance.c - tests/data/json-conformance: every case is read whole, in every two pieces and
 * byte by byte, and each time the reader must say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "page_trace.h"

#define LINE_SIZE 4096
#define ALL_SPLITS 600u /* of longer cases only some of the places to cut */

static const char *const names[] = {"v"};

/* <HH> and <HHxN> to bytes. */
static void unwrap(struct trace *out, const char *text)
{
    out->length = 0;
    trace_bytes(out, "", 0);
    while (*text != '\0') {
        unsigned byte;
        size_t times = 1;
        int used = 0;
        if (*text != '<') {
            trace_bytes(out, text++, 1);
            continue;
        }
        assert_int_equal(sscanf(text, "<%2X%n", &byte, &used), 1);
        assert_int_equal(used, 3);
        text += used;
        if (*text == 'x') {
            char *end;
            times = strtoul(text + 1, &end, 10);
            text = end;
        }
        assert_int_equal(*text, '>');
        text++;
        for (char c = (char)byte; times > 0; times--)
            trace_bytes(out, &c, 1);
    }
}

/* The next case of a file: its first two words and the rest. 0 at the end. */
static int next_case(FILE *file, char line[LINE_SIZE], char **first, char **name, char **text)
{
    while (fgets(line, LINE_SIZE, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        *first = line;
        *name = strchr(line, ' ');
        assert_non_null(*name);
        *(*name)++ = '\0';
        *text = strchr(*name, ' ');
        assert_non_null(*text);
        *(*text)++ = '\0';
        return 1;
    }
    return 0;
}

static FILE *open_cases(const char *name)
{
    char path[1024];
    FILE *file;
    snprintf(path, sizeof path, "%s/json-conformance/%s", TEST_DATA, name);
    file = fopen(path, "r");
    assert_non_null(file);
    return file;
}

/* Reads it in all ways; *whole is what the reader said of it. */
static int read_all_ways(struct dataverse_page *page, struct trace *whole, const struct trace *bytes)
{
    struct trace trace = {0};
    size_t n = bytes->length, step = n <= ALL_SPLITS ? 1 : n / 97;
    int answer = trace_page(whole, page, 1, bytes->text, n, n, n);
    for (size_t first = 1; first < n; first += first < 100 || first + step > n - 100 ? 1 : step) {
        assert_int_equal(trace_page(&trace, page, 1, bytes->text, n, first, n), answer);
        assert_true(trace_same(&trace, whole));
    }
    assert_int_equal(trace_page(&trace, page, 1, bytes->text, n, 1, 1), answer);
    assert_true(trace_same(&trace, whole));
    trace_free(&trace);
    return answer;
}

static void show(const char *name, const char *text)
{
    print_message("case %s: %.100s\n", name, text);
}

static void read_file(const char *file_name, const char *before, const char *behind, size_t least)
{
    struct dataverse_page *page = dataverse_page_new(names, 1, 1 << 20);
    struct trace bytes = {0}, text = {0}, whole = {0};
    char line[LINE_SIZE], *kind, *name, *rest;
    FILE *file = open_cases(file_name);
    size_t count = 0, wrong = 0;
    assert_non_null(page);
    while (next_case(file, line, &kind, &name, &rest)) {
        int expected = kind[0] == 'y' ? DATAVERSE_PAGE_END : DATAVERSE_PAGE_BAD;
        unwrap(&text, rest);
        bytes.length = 0;
        trace_bytes(&bytes, before, strlen(before));
        trace_bytes(&bytes, text.text, text.length);
        trace_bytes(&bytes, behind, strlen(behind));
        if (read_all_ways(page, &whole, &bytes) != expected) {
            show(name, rest);
            wrong++;
        }
        count++;
    }
    assert_int_equal(wrong, 0);
    assert_true(count >= least);
    print_message("%zu cases\n", count);
    fclose(file);
    trace_free(&bytes);
    trace_free(&text);
    trace_free(&whole);
    dataverse_page_free(page);
}

static void values_are_accepted_or_refused(void **state)
{
    (void)state;
    read_file("values.txt", "{\"@odata.context\":\"x\",\"value\":[{\"v\":", "},{\"v\":1}]}", 1000);
}

/* The same as the value of another member of the page, which is skipped. */
static void skipped_values_are_checked_as_well(void **state)
{
    (void)state;
    read_file("values.txt", "{\"other\":{\"v\":{\"v\":", "}},\"value\":[{\"v\":1}]}", 1000);
}

static void pages_are_accepted_or_refused(void **state)
{
    (void)state;
    read_file("pages.txt", "", "", 100);
}

/* Reads one record {"v": text} and gives a copy of its value; the bytes live in `buffer`. */
static struct dataverse_value read_value(struct dataverse_page *page, struct dataverse_buffer *buffer,
                                         const struct trace *text)
{
    struct dataverse_record record;
    dataverse_buffer_clear(buffer);
    dataverse_page_start(page);
    assert_int_equal(dataverse_buffer_add(buffer, "{\"value\":[{\"v\":", 15), 0);
    assert_int_equal(dataverse_buffer_add(buffer, text->text, text->length), 0);
    assert_int_equal(dataverse_buffer_add(buffer, "}]}", 3), 0);
    assert_int_equal(dataverse_page_next(page, buffer, 0, &record), DATAVERSE_PAGE_RECORD);
    return record.values[0];
}

static int type_of(char c)
{
    switch (c) {
    case '"':
        return DATAVERSE_JSON_STRING;
    case '{':
        return DATAVERSE_JSON_OBJECT;
    case '[':
        return DATAVERSE_JSON_ARRAY;
    case 'n':
        return DATAVERSE_JSON_NULL;
    case 't':
        return DATAVERSE_JSON_TRUE;
    case 'f':
        return DATAVERSE_JSON_FALSE;
    default:
        return DATAVERSE_JSON_NUMBER;
    }
}

/* Numbers above all: each byte of the value comes out as it went in. */
static void values_keep_their_bytes(void **state)
{
    struct dataverse_page *page = dataverse_page_new(names, 1, 1 << 20);
    struct dataverse_buffer buffer = {0};
    struct trace text = {0};
    char line[LINE_SIZE], *kind, *name, *rest;
    FILE *file = open_cases("values.txt");
    size_t numbers = 0;
    (void)state;
    while (next_case(file, line, &kind, &name, &rest)) {
        struct dataverse_value value;
        size_t from = 0, to;
        if (kind[0] != 'y')
            continue;
        unwrap(&text, rest);
        value = read_value(page, &buffer, &text);
        for (to = text.length; memchr(" \t\r\n", text.text[to - 1], 4) != NULL; to--)
            continue;
        while (memchr(" \t\r\n", text.text[from], 4) != NULL)
            from++;
        assert_int_equal(value.json_length, to - from);
        assert_memory_equal(value.json, text.text + from, to - from);
        assert_int_equal(value.type, type_of(text.text[from]));
        if (value.type == DATAVERSE_JSON_NUMBER) {
            assert_int_equal(value.length, to - from);
            assert_memory_equal(value.text, text.text + from, to - from);
            numbers++;
        }
    }
    assert_true(numbers > 80);
    fclose(file);
    trace_free(&text);
    dataverse_buffer_free(&buffer);
    dataverse_page_free(page);
}

static void strings_mean_their_text(void **state)
{
    struct dataverse_page *page = dataverse_page_new(names, 1, 1 << 20);
    struct dataverse_buffer buffer = {0};
    struct trace json = {0}, text = {0};
    char line[LINE_SIZE], *flags, *name, *rest;
    FILE *file = open_cases("strings.txt");
    size_t count = 0;
    (void)state;
    while (next_case(file, line, &flags, &name, &rest)) {
        /* The arrow behind the string: the last one, except in a case about arrows. */
        char *arrow = strstr(rest, "\" => ");
        struct dataverse_value value;
        unsigned expected = (strchr(flags, 'S') != NULL ? DATAVERSE_VALUE_LONE_SURROGATE : 0u) |
                            (strchr(flags, 'N') != NULL ? DATAVERSE_VALUE_NUL : 0u);
        assert_non_null(arrow);
        if (arrow == rest)
            arrow = strstr(rest + 1, "\" => ");
        arrow[1] = '\0';
        unwrap(&json, rest);
        unwrap(&text, arrow + 5);
        value = read_value(page, &buffer, &json);
        if (value.length != text.length || memcmp(value.text, text.text, text.length) != 0 ||
            value.flags != expected)
            show(name, rest);
        assert_int_equal(value.type, DATAVERSE_JSON_STRING);
        assert_int_equal(value.length, text.length);
        assert_memory_equal(value.text, text.text, text.length);
        assert_int_equal(value.flags, expected);
        count++;
    }
    assert_true(count > 80);
    fclose(file);
    trace_free(&json);
    trace_free(&text);
    dataverse_buffer_free(&buffer);
    dataverse_page_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_accepted_or_refused),
        cmocka_unit_test(skipped_values_are_checked_as_well),
        cmocka_unit_test(pages_are_accepted_or_refused),
        cmocka_unit_test(values_keep_their_bytes),
        cmocka_unit_test(strings_mean_their_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
