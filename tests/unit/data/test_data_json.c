/* test_data_json.c - reading JSON strictly, and one text for equal values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/random.h"
#include "base/utf8.h"
#include "data/json.h"

static void good_texts(void **state)
{
    static const char *const good[] = {"null",
                                       " true ",
                                       "\t\r\nfalse",
                                       "0",
                                       "-0",
                                       "1.5e+3",
                                       "1E5",
                                       "123456789012345678901234567890.5",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       "[ ]",
                                       "{ }",
                                       "[1,[2,[3]],{}]",
                                       "{\"a\":{\"a\":{}}}",
                                       "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
                                       "\"\\ufffe\\uffff\"",
                                       "\"\x7f\"",
                                       "[\"\xf4\x8f\xbf\xbf\"]",
                                       "{\"a\":1,\"a\":2}",
                                       "{\"\":0}",
                                       "1e999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        dvsi_arena arena = {0};
        const char *problem = dvsi_json_check(good[i], strlen(good[i]));

        if (problem != NULL)
            fail_msg("%s: %s", good[i], problem);
        assert_non_null(dvsi_json_parse(&arena, good[i], strlen(good[i]), NULL, NULL));
        dvsi_arena_free(&arena);
    }
}

static void bad_texts(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
        size_t offset;
    } bad[] = {
        {"", "the text is empty", 0},
        {"  ", "the text ends too early", 2},
        {"[", "the text ends too early", 1},
        {"[1", "the text ends too early", 2},
        {"[1,", "the text ends too early", 3},
        {"[1,]", "this is no JSON value", 3},
        {"[,1]", "this is no JSON value", 1},
        {"[1 2]", "a comma or ] must follow", 3},
        {"[1}", "a comma or ] must follow", 2},
        {"{\"a\":1]", "a comma or } must follow", 6},
        {"{\"a\":1,}", "a member needs a name in quotes", 7},
        {"{a:1}", "a member needs a name in quotes", 1},
        {"{1:1}", "a member needs a name in quotes", 1},
        {"{\"a\" 1}", "a colon must follow the member's name", 5},
        {"{\"a\":}", "this is no JSON value", 5},
        {"{\"a\":", "the text ends too early", 5},
        {"nul", "this is no JSON value", 0},
        {"nulll", "something follows the value", 4},
        {"True", "this is no JSON value", 0},
        {"NaN", "this is no JSON value", 0},
        {"-Infinity", "malformed number", 1},
        {"01", "a number starts with 0", 1},
        {"-01", "a number starts with 0", 2},
        {"1.", "malformed number", 2},
        {".5", "this is no JSON value", 0},
        {"+1", "this is no JSON value", 0},
        {"1e", "malformed number", 2},
        {"1e+", "malformed number", 3},
        {"-", "malformed number", 1},
        {"0x10", "something follows the value", 1},
        {"1 1", "something follows the value", 2},
        {"[]]", "something follows the value", 2},
        {"\"abc", "the string does not end", 4},
        {"\"abc\\", "the string does not end", 5},
        {"\"\\x41\"", "unknown escape in a string", 2},
        {"\"\\u12\"", "\\u needs four hex digits", 2},
        {"\"\\u00g0\"", "\\u needs four hex digits", 2},
        {"\"\\u0000\"", "a string holds a NUL character", 2},
        {"\"\\ud800\"", "a string holds a lone surrogate", 2},
        {"\"\\udc00\"", "a string holds a lone surrogate", 2},
        {"\"\\ud800\\ud800\"", "a string holds a lone surrogate", 2},
        {"\"\\udc00\\udc00\"", "a string holds a lone surrogate", 2},
        {"\"\\ud800\\n\"", "a string holds a lone surrogate", 2},
        {"\"\\ud83d\\u\"", "a string holds a lone surrogate", 2},
        {"\"a\nb\"", "control character in a string", 2},
        {"\"a\xff\"", "a string is not valid UTF-8", 2},
        {"\"\xed\xa0\x80\"", "a string is not valid UTF-8", 1},
        {"\"\xc0\x80\"", "a string is not valid UTF-8", 1},
        {"{\"\xff\":1}", "a string is not valid UTF-8", 2},
        {"\xef\xbb\xbf[]", "this is no JSON value", 0},
        {"'a'", "this is no JSON value", 0},
        {"[1] // x", "something follows the value", 4},
        {"}", "this is no JSON value", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dvsi_arena arena = {0};
        const char *problem = NULL;
        size_t offset = 999;

        assert_null(dvsi_json_parse(&arena, bad[i].text, strlen(bad[i].text), &problem, &offset));
        assert_string_equal(problem, bad[i].problem);
        assert_int_equal(offset, bad[i].offset);
        assert_string_equal(dvsi_json_check(bad[i].text, strlen(bad[i].text)), bad[i].problem);
        dvsi_arena_free(&arena);
    }
    assert_string_equal(dvsi_json_check("\"\0\"", 3), "a string holds a NUL character");
    assert_string_equal(dvsi_json_check("1\0", 2), "something follows the value");
    assert_string_equal(dvsi_json_check(NULL, 0), "the text is empty");
    assert_non_null(dvsi_json_check("[1]", 2)); /* not a byte past the length is looked at */
    assert_non_null(dvsi_json_check("true", 3));
}

static void control_characters_are_found_everywhere(void **state)
{
    char text[50];

    (void)state;
    for (size_t at = 1; at < sizeof text - 1; at++) {
        for (char c = 0; c < 0x20; c++) {
            memset(text, 'x', sizeof text);
            text[0] = text[sizeof text - 1] = '"';
            assert_null(dvsi_json_check(text, sizeof text));
            text[at] = c;
            assert_non_null(dvsi_json_check(text, sizeof text));
        }
    }
}

static void depth_is_limited(void **state)
{
    static char text[300000];

    (void)state;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_null(dvsi_json_check(text, 128));
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_string_equal(dvsi_json_check(text, 130), "nested deeper than 64");
    memset(text, '[', sizeof text);
    assert_string_equal(dvsi_json_check(text, sizeof text), "nested deeper than 64");
}

static void the_tree(void **state)
{
    static const char text[] = "{\"a\":[1.50,\"x\\u00e9\\n\",null,true,false],\"b\":{},\"a\":-0.0e5}";
    dvsi_arena arena = {0};
    const dvsi_json *root = dvsi_json_parse(&arena, text, strlen(text), NULL, NULL), *array, *item;

    (void)state;
    assert_int_equal(root->type, DVSI_JSON_OBJECT);
    assert_int_equal(root->length, 3);
    array = root->first;
    assert_string_equal(array->name, "a");
    assert_int_equal(array->type, DVSI_JSON_ARRAY);
    assert_int_equal(array->length, 5);
    item = array->first;
    assert_string_equal(item->text, "1.50");
    item = item->next;
    assert_string_equal(item->text, "xé\n");
    assert_int_equal(item->length, 4);
    item = item->next;
    assert_int_equal(item->type, DVSI_JSON_NULL);
    assert_int_equal(item->next->length, 1);
    assert_int_equal(item->next->next->length, 0);
    assert_null(item->next->next->next);
    assert_string_equal(dvsi_json_get(root, "a")->text, "-0.0e5"); /* the last one of a name */
    assert_int_equal(dvsi_json_get(root, "b")->type, DVSI_JSON_OBJECT);
    assert_null(dvsi_json_get(root, "c"));
    assert_null(dvsi_json_get(array, "a"));
    assert_null(dvsi_json_get(NULL, "a"));
    dvsi_arena_free(&arena);
}

static void check_canonical(const char *text, const char *canonical)
{
    dvsi_buf buf = {0};

    assert_int_equal(dvsi_json_canonical(&buf, text, strlen(text)), 0);
    assert_string_equal(dvsi_buf_text(&buf), canonical);
    dvsi_buf_free(&buf);
}

static void canonical_texts(void **state)
{
    dvsi_buf buf = {0};

    (void)state;
    check_canonical(" [ 1.0 , 1 , 1e0 , 10e-1, -0, 0.0e99, 1.50 ] ", "[1,1,1,1,0,0,1.5]");
    check_canonical("{\"b\":1,\"a\":2,\"\":3,\"ab\":4,\"B\":5}", "{\"\":3,\"B\":5,\"a\":2,\"ab\":4,\"b\":1}");
    check_canonical("{\"a\":1,\"b\":2,\"a\":3,\"a\":[]}", "{\"a\":[],\"b\":2}");
    check_canonical("{\"a\":1,\"a\":2}", "{\"a\":2}");
    check_canonical("{\"b\":1,\"\\u0061\":2,\"b\":{\"d\":1,\"c\":2}}", "{\"a\":2,\"b\":{\"c\":2,\"d\":1}}");
    check_canonical("\"\\u0041\\/\\u00e9\\ud83d\\ude00\\u001f\\n\\u007f\"", "\"A/é😀\\u001f\\n\x7f\"");
    check_canonical("1e5000", "1e5000"); /* too many digits to be written out */
    check_canonical("[true,false,null,\"\"]", "[true,false,null,\"\"]");
    check_canonical("12345678901234567890.000", "12345678901234567890");
    dvsi_buf_puts(&buf, "before");
    assert_int_equal(dvsi_json_canonical(&buf, "[1,", 3), -1);
    assert_string_equal(dvsi_buf_text(&buf), "before");
    dvsi_buf_free(&buf);
}

static void writing_a_tree(void **state)
{
    static const char text[] =
        " { \"b\" : [ 1.50 , null, true, \"x\\u00e9\\n\" ] , \"a\" : { } , \"b\" : -0 } ";
    dvsi_arena arena = {0};
    dvsi_buf buf = {0};
    const dvsi_json *root = dvsi_json_parse(&arena, text, strlen(text), NULL, NULL);

    (void)state;
    dvsi_json_write(&buf, root);
    assert_string_equal(dvsi_buf_text(&buf), "{\"b\":[1.50,null,true,\"xé\\n\"],\"a\":{},\"b\":-0}");
    dvsi_buf_free(&buf);
    dvsi_arena_free(&arena);
}

/* ---- Random values, each written in two spellings ---- */

static void add_space(dvsi_buf *out)
{
    while (random_below(4) == 0)
        dvsi_buf_putc(out, " \t\n\r"[random_below(4)]);
}

static void spell_character(dvsi_buf *out, const char *text, size_t length, uint32_t code)
{
    if (code >= 0x20 && code != '"' && code != '\\' && random_below(3) > 0)
        dvsi_buf_add(out, text, length);
    else if (code >= 0x10000)
        dvsi_buf_printf(out, random_below(2) ? "\\u%04x\\u%04x" : "\\u%04X\\u%04X",
                        0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    else
        dvsi_buf_printf(out, "\\u%04x", code);
}

static void spell_string(dvsi_buf *out, uint64_t seed)
{
    static const struct {
        const char *text;
        uint32_t code;
    } characters[] = {{"a", 'a'},  {"b", 'b'},    {"\"", '"'},    {"\\", '\\'},   {"\n", '\n'},
                      {"é", 0xe9}, {"€", 0x20ac}, {"😀", 0x1f600}, {"\x1f", 0x1f}, {"/", '/'}};

    dvsi_buf_putc(out, '"');
    for (; seed > 1; seed /= 10)
        spell_character(out, characters[seed % 10].text, strlen(characters[seed % 10].text),
                        characters[seed % 10].code);
    dvsi_buf_putc(out, '"');
}

static void spell_number(dvsi_buf *out, uint64_t seed)
{
    unsigned whole = (unsigned)(seed % 100000), behind = (unsigned)(seed / 100000 % 1000);

    if (seed & 1)
        dvsi_buf_putc(out, '-');
    switch (random_below(4)) {
    case 0:
        dvsi_buf_printf(out, "%u.%03u", whole, behind);
        break;
    case 1:
        dvsi_buf_printf(out, "%u.%03u00E+00", whole, behind);
        break;
    case 2:
        dvsi_buf_printf(out, "%llue-3", (unsigned long long)whole * 1000 + behind);
        break;
    default:
        dvsi_buf_printf(out, "0.%05u%03ue5", whole, behind);
        break;
    }
}

static uint64_t mix(uint64_t seed, uint64_t with)
{
    seed = (seed ^ with) * UINT64_C(0x9e3779b97f4a7c15);
    return seed ^ (seed >> 29);
}

/* The value is decided by `seed` alone, its spelling by the generator. */
static void spell(dvsi_buf *out, uint64_t seed, int depth)
{
    uint64_t n = seed / 64 % 6;
    size_t first = random_below(6);
    int any = 0;

    add_space(out);
    switch (seed % (depth > 0 ? 6 : 4)) {
    case 0:
        dvsi_buf_puts(out, n < 2 ? "null" : n < 4 ? "true" : "false");
        break;
    case 1:
    case 2:
        spell_number(out, seed / 64);
        break;
    case 3:
        spell_string(out, seed / 64 % 10000000);
        break;
    case 4:
        dvsi_buf_putc(out, '[');
        for (uint64_t i = 0; i < n; i++) {
            dvsi_buf_puts(out, i > 0 ? "," : "");
            spell(out, mix(seed, i), depth - 1);
        }
        dvsi_buf_putc(out, ']');
        break;
    default:
        dvsi_buf_putc(out, '{');
        for (uint64_t i = 0; n > 0 && i < n; i++) { /* the members in any order */
            uint64_t member = (i + first) % n;

            dvsi_buf_puts(out, any++ ? "," : "");
            add_space(out);
            spell_string(out, 10 + member);
            add_space(out);
            dvsi_buf_putc(out, ':');
            spell(out, mix(seed, 100 + member), depth - 1);
        }
        dvsi_buf_putc(out, '}');
        break;
    }
    add_space(out);
}

static void spelling_does_not_matter(void **state)
{
    (void)state;
    for (int i = 0; i < 30000; i++) {
        uint64_t seed = random_bits();
        dvsi_buf a = {0}, b = {0}, a_canonical = {0}, b_canonical = {0}, again = {0};

        spell(&a, seed, 6);
        spell(&b, seed, 6);
        assert_int_equal(dvsi_json_canonical(&a_canonical, a.data, a.length), 0);
        assert_int_equal(dvsi_json_canonical(&b_canonical, b.data, b.length), 0);
        assert_string_equal(a_canonical.data, b_canonical.data);
        assert_int_equal(dvsi_json_canonical(&again, a_canonical.data, a_canonical.length), 0);
        assert_string_equal(again.data, a_canonical.data);
        assert_int_equal(dvsi_utf8_valid(again.data, again.length), again.length);
        dvsi_buf_free(&a);
        dvsi_buf_free(&b);
        dvsi_buf_free(&a_canonical);
        dvsi_buf_free(&b_canonical);
        dvsi_buf_free(&again);
    }
}

/* A damaged text is read as a whole or not at all, and both readers agree. */
static void damaged_texts(void **state)
{
    (void)state;
    for (int i = 0; i < 30000; i++) {
        dvsi_buf buf = {0};
        dvsi_arena arena = {0};
        size_t length;
        char *exact;

        spell(&buf, random_bits(), 4);
        length = random_below(3) ? buf.length : random_below(buf.length + 1);
        if (length > 0)
            buf.data[random_below(length)] =
                random_below(2) ? (char)random_bits() : "[]{},:\"\\0e"[random_below(10)];
        exact = malloc(length + 1); /* with a sanitizer, reading too far is seen */
        assert_non_null(exact);
        exact = realloc(exact, length == 0 ? 1 : length);
        memcpy(exact, buf.data, length);
        assert_int_equal(dvsi_json_check(exact, length) == NULL,
                         dvsi_json_parse(&arena, exact, length, NULL, NULL) != NULL);
        free(exact);
        dvsi_arena_free(&arena);
        dvsi_buf_free(&buf);
    }
}

static void many_members_are_sorted(void **state)
{
    dvsi_buf text = {0}, canonical = {0};
    dvsi_arena arena = {0};
    const dvsi_json *root, *item;
    size_t count = 0;

    (void)state;
    dvsi_buf_putc(&text, '{');
    for (size_t i = 0; i < 20000; i++)
        dvsi_buf_printf(&text, "%s\"m%06zu\":%zu", i > 0 ? "," : "", random_below(15000), i);
    dvsi_buf_putc(&text, '}');
    assert_int_equal(dvsi_json_canonical(&canonical, text.data, text.length), 0);
    root = dvsi_json_parse(&arena, canonical.data, canonical.length, NULL, NULL);
    for (item = root->first; item != NULL; item = item->next, count++) {
        if (item->next != NULL)
            assert_true(strcmp(item->name, item->next->name) < 0);
    }
    assert_true(count > 5000 && count < 15000);
    dvsi_arena_reset(&arena);
    root = dvsi_json_parse(&arena, text.data, text.length, NULL, NULL);
    {
        dvsi_arena other = {0};
        const dvsi_json *sorted = dvsi_json_parse(&other, canonical.data, canonical.length, NULL, NULL);

        for (item = sorted->first; item != NULL; item = item->next, count++) {
            if (count % 97 == 0)
                assert_string_equal(item->text, dvsi_json_get(root, item->name)->text);
        }
        dvsi_arena_free(&other);
    }
    dvsi_arena_free(&arena);
    dvsi_buf_free(&text);
    dvsi_buf_free(&canonical);
}

static void writing_strings(void **state)
{
    dvsi_buf buf = {0};

    (void)state;
    dvsi_json_string(&buf, "a\xff\"\0\xed\xa0\x80é", 9);
    assert_string_equal(buf.data, "\"a\uFFFD\\\"\uFFFD\uFFFD\uFFFD\uFFFDé\"");
    dvsi_buf_clear(&buf);
    dvsi_json_string(&buf, NULL, 0);
    assert_string_equal(buf.data, "\"\"");
    dvsi_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(control_characters_are_found_everywhere),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(the_tree),
        cmocka_unit_test(canonical_texts),
        cmocka_unit_test(writing_a_tree),
        cmocka_unit_test(spelling_does_not_matter),
        cmocka_unit_test(damaged_texts),
        cmocka_unit_test(many_members_are_sorted),
        cmocka_unit_test(writing_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
