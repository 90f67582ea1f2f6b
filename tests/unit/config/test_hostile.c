/* Files that nobody would write: every valid one, damaged a few thousand times. Nothing may crash, hang or
 * leak; an invalid file always has a problem to show, whatever it holds. Run it under the sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/project.h"

#define ROUNDS 4000
#define MOST 8192

static uint64_t random_state = 0x9E3779B97F4A7C15u; /* the same every time */

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (size_t)(random_state % n) : 0;
}

static const char *const seeds[] = {
    TEST_DATA "/config/valid/everything-now/project.yaml",
    TEST_DATA "/config/valid/odd-identifiers/project.yaml",
    TEST_DATA "/config/valid/no-interpolation-needed/project.yaml",
    TEST_DATA "/config/valid/json/project.yaml",
    TEST_DATA "/config/invalid/later-features-checked/project.yaml",
    TEST_DATA "/config/invalid/secrets-outside-settings/project.yaml",
    TEST_DATA "/../../configs/reference.yaml",
};
#define N_SEEDS (sizeof(seeds) / sizeof(seeds[0]))

/* Things that have a meaning somewhere. */
static const char *const pieces[] = {
    "\"",        "'",
    "{",         "}",
    "[",         "]",
    ":",         ": ",
    "- ",        "\n",
    "\n  ",      "#",
    "&a ",       "*a",
    "!!str ",    "!x ",
    "|\n",       ">\n",
    "? ",        "---\n",
    "...\n",     "%YAML ",
    "\t",        "${",
    "}",         "$${",
    "${A:-",     "${file:",
    "~",         "null",
    "true",      "\\0",
    "\\uD800",   "\xff",
    "\xc3",      "\xe2\x80\xae",
    "<<: ",      "*",
    "name",      "from: ",
    "key: ",     "fields: ",
    "sources: ", "source: ",
    "static: ",  "row_id",
    "_current",  ",",
    "\r",        "\xef\xbb\xbf",
};
#define N_PIECES (sizeof(pieces) / sizeof(pieces[0]))

static size_t read_seed(const char *path, char data[MOST])
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(data, 1, MOST / 2, file);
    fclose(file);
    assert_true(length > 0);
    return length;
}

/* Puts `piece` in place of `cut` bytes at `at`. */
static size_t splice(char data[MOST], size_t length, size_t at, size_t cut, const char *piece,
                     size_t piece_length)
{
    if (cut > length - at)
        cut = length - at;
    if (length - cut + piece_length > MOST)
        return length;
    memmove(data + at + piece_length, data + at + cut, length - at - cut);
    memcpy(data + at, piece, piece_length);
    return length - cut + piece_length;
}

static size_t damage(char data[MOST], size_t length)
{
    char copy[64];
    size_t at = random_below(length + 1);
    const char *piece = pieces[random_below(N_PIECES)];
    switch (random_below(6)) {
    case 0:
        return splice(data, length, at, 0, piece, strlen(piece));
    case 1:
        return splice(data, length, at, random_below(8), piece, strlen(piece));
    case 2:
        return splice(data, length, at, random_below(40), "", 0);
    case 3:
        if (at < length)
            data[at] = (char)random_below(256);
        return length;
    case 4: { /* something of the file itself, somewhere else */
        size_t n = random_below(sizeof(copy));
        size_t from = random_below(length + 1);
        if (n > length - from)
            n = length - from;
        memcpy(copy, data + from, n);
        return splice(data, length, at, 0, copy, n);
    }
    default:
        return at;
    }
}

static void check(const char *data, size_t length, uint32_t flags)
{
    dvsi_problems problems = {0};
    dvsi_arena arena = {0};
    dvsi_project *project = dvsi_project_parse("hostile.yaml", data, length, flags, &problems);
    uint32_t n = 0;

    assert_int_equal(project == NULL, problems.n_errors > 0);
    assert_int_equal(problems.n_problems > 0, problems.first != NULL);
    for (const dvsi_problem *p = problems.first; p; p = p->next, n++) {
        const char *text = dvsi_problem_text(&arena, p);
        assert_true(p->message[0]);
        assert_int_equal(dvsi_utf8_valid(text, strlen(text)), strlen(text));
        for (const char *c = text; *c; c++)
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
        if (p->next)
            assert_true(p->line < p->next->line ||
                        (p->line == p->next->line && p->column <= p->next->column));
    }
    assert_true(n <= DVSI_PROBLEMS_KEPT);
    dvsi_arena_free(&arena);
    dvsi_problems_free(&problems);
    dvsi_project_free(project);
}

static void damaged_files(void **state)
{
    char seed[MOST];
    char data[MOST];
    const size_t rounds = getenv("DVSYNC_SHORT") != NULL ? ROUNDS / 3 : ROUNDS;
    (void)state;
    for (size_t i = 0; i < N_SEEDS; i++) {
        size_t seed_length = read_seed(seeds[i], seed);
        for (size_t round = 0; round < rounds / N_SEEDS; round++) {
            size_t length = seed_length;
            memcpy(data, seed, length);
            for (size_t n = random_below(4) + 1; n > 0 && length > 0; n--)
                length = damage(data, length);
            /* Heap of the exact size, so that reading past the end is seen. */
            char *exact = malloc(length ? length : 1);
            assert_non_null(exact);
            memcpy(exact, data, length);
            check(exact, length, round % 2 ? DVSI_PROJECT_INTERPOLATE : 0);
            free(exact);
        }
    }
}

static void every_beginning(void **state)
{
    char data[MOST];
    (void)state;
    size_t length = read_seed(seeds[0], data);
    for (size_t n = 0; n <= length; n++)
        check(data, n, 0);
}

/* As many things of one kind as a file can hold, "@" being their number: linear time, or nearly. */
static void repeated(const char *start, const char *piece, const char *end)
{
    const size_t limit = (size_t)1024 * 1024;
    size_t length = strlen(start);
    char *data = malloc(limit + 64);
    assert_non_null(data);
    memcpy(data, start, length);
    for (unsigned n = 0; length < limit - 64 - strlen(end); n++)
        for (const char *c = piece; *c; c++) {
            if (*c == '@')
                length += (size_t)snprintf(data + length, 12, "%u", n);
            else
                data[length++] = *c;
        }
    memcpy(data + length, end, strlen(end));
    length += strlen(end);
    check(data, length, DVSI_PROJECT_INTERPOLATE);
    free(data);
}

static void very_many(void **state)
{
    static const char head[] = "name: p\nsource: {plugin: csv}\nsink: {plugin: sqlite}\n";
    char start[400];
    (void)state;
#define START(text) (snprintf(start, sizeof(start), "%s%s", head, text), start)
    repeated(START("entities:\n"), "- e@\n", "");
    repeated(START("entities:\n"), "- a\n", "");
    repeated(START("entities:\n"), "- e@_current\n", "");
    repeated(START("entities:\n- name: x\n  key: ["), "k@,", "]\n");
    repeated(START("entities:\n- name: x\n  key: [k1]\n  from:\n  - fields:\n"), "     f@: c@\n", "");
    repeated(START("entities:\n- name: x\n  key: [k1]\n  from:\n"), "  - {as: a@}\n", "");
    repeated(START("entities:\n- name: x\n  records_from: ["), "k@,", "]\n");
    repeated(START("entities:\n- name: x\n  derived:\n"), "     f@: c@\n", "");
    repeated(START("entities: [x]\n"), "u@: v@\n", "");
    repeated(START("entities: [x]\noptions: {"), "x: @,", "}");
    repeated("name: p\nsources:\n", "  s@: {plugin: p@}\n", "sink: {plugin: x}\nentities: [e]\n");
    repeated(START("entities:\n- 'x"), "${A_@}", "'\n");
    repeated(START("entities: "), "[", "");
    repeated("", "? ", "");
    repeated("", "- ", "");
    repeated("", "{a: ", "");
    repeated("", "\"", "");
    repeated("", "&a ", "");
    repeated("", "!!a ", "");
    repeated("", "%TAG !a@! b\n", "");
    repeated("", "---\n", "");
#undef START
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(every_beginning),
        cmocka_unit_test(very_many),
    };
    setenv("A", "value", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
