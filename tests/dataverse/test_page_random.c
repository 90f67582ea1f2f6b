/*
 * test_page_random.c - random pages, valid ones and mutated ones, in random pieces: the pieces make no
 * difference, and Jansson sees the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../unit/base/random.h"
#include "page_jansson.h"

#define PAGES 500u
#define MUTATIONS 12u

static const char *const names[] = {"id", "name", "amount", "id@x.y", "\xC3\xA9tat", "a", "", "n\"q"};
#define N_NAMES (sizeof names / sizeof names[0])

static void add(struct trace *out, const char *text)
{
    trace_bytes(out, text, strlen(text));
}

static void add_space(struct trace *out)
{
    static const char space[] = " \n\r\t";
    if (random_below(4) != 0)
        return;
    for (size_t n = random_below(random_below(8) == 0 ? 40 : 3); n > 0; n--)
        trace_bytes(out, &space[random_below(4)], 1);
}

static void add_mark(struct trace *out, const char *mark)
{
    add_space(out);
    add(out, mark);
    add_space(out);
}

static void add_character(struct trace *out)
{
    static const char *const parts[] = {"a",
                                        "Z",
                                        "9",
                                        " ",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\b\\f\\r",
                                        "\\t",
                                        "\\u0041",
                                        "\\u00e9",
                                        "\\u20AC",
                                        "\\uFFFF",
                                        "\\ud83d\\uDE00",
                                        "\\u0000",
                                        "\xC3\xA9",
                                        "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80",
                                        "\x7F",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ":",
                                        ",",
                                        "value",
                                        "0123456789abcdef-"};
    add(out, parts[random_below(sizeof parts / sizeof parts[0])]);
}

static void add_string(struct trace *out)
{
    size_t plain = random_below(3) == 0 ? random_below(70) : 0;
    add(out, "\"");
    for (; plain > 0; plain--)
        trace_bytes(out, "x", 1);
    for (size_t n = random_below(random_below(3) == 0 ? 30 : 4); n > 0; n--)
        add_character(out);
    add(out, "\"");
}

static void add_number(struct trace *out)
{
    static const char *const odd[] = {
        "0",  "-0", "1e5", "1.50", "-0.0", "1E-2", "0.1e+3", "9223372036854775807", "123456789012345678.5",
        "2.0"};
    if (random_below(2) == 0)
        add(out, odd[random_below(sizeof odd / sizeof odd[0])]);
    else
        trace_add(out, "%lld", (long long)(random_bits() >> random_below(64)) / 2);
}

static void add_name(struct trace *out)
{
    static const char *const written[] = {"\"id\"",     "\"name\"",        "\"n\\u0061me\"", "\"amount\"",
                                          "\"id@x.y\"", "\"\xC3\xA9tat\"", "\"\\u00e9tat\"", "\"a\"",
                                          "\"\"",       "\"n\\\"q\"",      "\"other\"",      "\"i\\u0064\"",
                                          "\"id \"",    "\"Name\""};
    add(out, written[random_below(sizeof written / sizeof written[0])]);
}

/* Recursion ends at `depth` 0. */
static void add_value(struct trace *out, unsigned depth)
{
    size_t kind = random_below(depth > 0 ? 9 : 7), n;
    switch (kind) {
    case 0:
        add(out, "null");
        break;
    case 1:
        add(out, "true");
        break;
    case 2:
        add(out, "false");
        break;
    case 3:
    case 4:
        add_number(out);
        break;
    case 5:
    case 6:
        add_string(out);
        break;
    default:
        add_mark(out, kind == 7 ? "[" : "{");
        n = random_below(4);
        for (size_t i = 0; i < n; i++) {
            if (i > 0)
                add_mark(out, ",");
            if (kind == 8) {
                add_name(out);
                add_mark(out, ":");
            }
            add_value(out, depth - 1);
        }
        add_space(out);
        add(out, kind == 7 ? "]" : "}");
        break;
    }
}

static void add_record(struct trace *out)
{
    size_t n = random_below(10);
    add(out, "{");
    add_space(out);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            add_mark(out, ",");
        /* The names that come in the same order are those that are read fast. */
        if (random_below(3) == 0)
            add_name(out);
        else
            trace_add(out, "\"%s\"", i == 0 ? "id" : i == 1 ? "name" : i == 2 ? "amount" : "a");
        add_mark(out, ":");
        add_value(out, 3);
    }
    add_space(out);
    add(out, "}");
}

static void add_member(struct trace *out)
{
    switch (random_below(5)) {
    case 0:
        add(out, "\"@odata.nextLink\"");
        add_mark(out, ":");
        add(out, random_below(4) == 0 ? "null" : "\"http:\\/\\/x\\u002fy?a=\xC3\xA9\"");
        break;
    case 1:
        add(out, "\"@odata.deltaLink\"");
        add_mark(out, ":");
        add(out, "\"http://x/?token=1\"");
        break;
    case 2:
        add(out, "\"error\"");
        add_mark(out, ":");
        add(out, random_below(3) == 0 ? "null" : "{\"message\":\"m\\n\",\"x\":[1],\"code\":\"0x1\"}");
        break;
    case 3:
        add(out, "\"@odata.context\":\"http://x/$metadata#accounts\"");
        break;
    default:
        add(out, "\"z\"");
        add_mark(out, ":");
        add_value(out, 3);
        break;
    }
}

static void make_page(struct trace *out)
{
    size_t before = random_below(3), behind = random_below(3), records = random_below(8);
    out->length = 0;
    add_mark(out, "{");
    for (; before > 0; before--) {
        add_member(out);
        add_mark(out, ",");
    }
    add(out, "\"value\"");
    add_mark(out, ":");
    add_mark(out, "[");
    for (size_t i = 0; i < records; i++) {
        if (i > 0)
            add_mark(out, ",");
        add_record(out);
    }
    add_mark(out, "]");
    for (; behind > 0; behind--) {
        add_mark(out, ",");
        add_member(out);
    }
    add_mark(out, "}");
}

static void mutate(struct trace *bytes)
{
    for (size_t times = 1 + random_below(3); times > 0 && bytes->length > 0; times--) {
        static const char marks[] = "{}[]:,\"\\0123-+.eE ntfu\0\x1f\x80\xc3\xff\n";
        size_t at = random_below(bytes->length), n;
        switch (random_below(4)) {
        case 0:
            bytes->text[at] = marks[random_below(sizeof marks - 1)];
            break;
        case 1:
            bytes->text[at] = (char)random_bits();
            break;
        case 2: /* less */
            n = 1 + random_below(bytes->length - at < 5 ? bytes->length - at : 5);
            memmove(bytes->text + at, bytes->text + at + n, bytes->length - at - n);
            bytes->length -= n;
            break;
        default: /* more */
            trace_bytes(bytes, "x", 1);
            memmove(bytes->text + at + 1, bytes->text + at, bytes->length - at - 1);
            bytes->text[at] = marks[random_below(sizeof marks - 1)];
            break;
        }
    }
}

/* Whole and in pieces; the same each time. */
static int read_in_pieces(struct dataverse_page *page, struct trace *whole, const struct trace *bytes)
{
    static const size_t pieces[] = {1, 2, 7, 16, 17, 64};
    struct trace trace = {0};
    size_t n = bytes->length;
    int answer = trace_page(whole, page, N_NAMES, bytes->text, n, n, n);
    for (size_t i = 0; i < 4; i++) {
        size_t first = 1 + random_below(n + 1);
        size_t piece = i < 2 ? n + 1 : pieces[random_below(sizeof pieces / sizeof pieces[0])];
        assert_int_equal(trace_page(&trace, page, N_NAMES, bytes->text, n, first, piece), answer);
        assert_true(trace_same(&trace, whole));
    }
    trace_free(&trace);
    return answer;
}

static void random_pages_are_read_as_jansson_reads_them(void **state)
{
    struct dataverse_page *page = dataverse_page_new(names, N_NAMES, 1 << 20);
    struct trace bytes = {0}, mutated = {0}, whole = {0};
    size_t accepted = 0, refused = 0;
    (void)state;
    assert_non_null(page);
    for (size_t i = 0; i < PAGES; i++) {
        make_page(&bytes);
        assert_int_equal(read_in_pieces(page, &whole, &bytes), DATAVERSE_PAGE_END);
        assert_int_equal(
            jansson_check(page, names, N_NAMES, bytes.text, bytes.length, DATAVERSE_PAGE_END, &whole), 1);
        for (size_t j = 0; j < MUTATIONS; j++) {
            int answer;
            mutated.length = 0;
            trace_bytes(&mutated, bytes.text, bytes.length);
            mutate(&mutated);
            answer = read_in_pieces(page, &whole, &mutated);
            assert_true(answer == DATAVERSE_PAGE_END || answer == DATAVERSE_PAGE_BAD);
            jansson_check(page, names, N_NAMES, mutated.text, mutated.length, answer, &whole);
            if (answer == DATAVERSE_PAGE_END)
                accepted++;
            else
                refused++;
        }
    }
    /* Both must be common, or the mutations show nothing. */
    assert_true(accepted > PAGES && refused > PAGES);
    print_message("%u pages; of their mutations %zu accepted, %zu refused\n", PAGES, accepted, refused);
    trace_free(&bytes);
    trace_free(&mutated);
    trace_free(&whole);
    dataverse_page_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_pages_are_read_as_jansson_reads_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
