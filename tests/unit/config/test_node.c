/* Nodes: places, paths, values, interpolation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/node.h"

static dvsi_arena arena;
static dvsi_problems problems;

static int clean(void **state)
{
    (void)state;
    dvsi_arena_free(&arena);
    dvsi_problems_free(&problems);
    return 0;
}

static dvsi_node *parse(const char *yaml)
{
    dvsi_node *root = dvsi_node_parse(&arena, "f.yaml", yaml, strlen(yaml), &problems);
    assert_non_null(root);
    assert_int_equal(problems.n_problems, 0);
    return root;
}

static void places_and_paths(void **state)
{
    (void)state;
    const dvsi_node *root = parse("a: 1\nlist:\n  - x\n  - {b c: 'q', \"d.e\": \"\\u00e9\"}\nü: end\n");
    const dvsi_node *list = dvsi_node_get(root, "list");
    const dvsi_node *map = list->first->next;
    const dvsi_node *leaf = dvsi_node_get(map, "d.e");

    assert_string_equal(dvsi_node_path(&arena, root), "");
    assert_string_equal(dvsi_node_path(&arena, map), "list[1]");
    assert_string_equal(dvsi_node_path(&arena, leaf), "list[1].\"d.e\"");
    assert_int_equal(list->n_children, 2);
    assert_int_equal(list->key_line, 2);
    assert_int_equal(list->key_column, 1);
    assert_int_equal(list->line, 3);
    assert_int_equal(leaf->line, 4);
    assert_int_equal(leaf->key_column, 16);
    assert_int_equal(leaf->column, 23);
    assert_string_equal(leaf->text, "\xc3\xa9");
    assert_int_equal(leaf->length, 2);
    assert_int_equal(leaf->plain, 0);
    assert_int_equal(root->first->plain, 1);
    assert_string_equal(leaf->file, "f.yaml");
    assert_null(dvsi_node_get(root, "A"));
    assert_null(dvsi_node_get(list, "a"));
    assert_null(dvsi_node_get(NULL, "a"));
}

static void meanings(void **state)
{
    (void)state;
    const dvsi_node *root =
        parse("n: [~, null, 'null', \"\", nul, no]\nb: [true, 'false', TRUE, yes, 1, tRue]\n"
              "i: [0, -5, '12', 1.0, 0x1, 9223372036854775808, x]\n"
              "empty:\n");
    const dvsi_node *node = dvsi_node_get(root, "n")->first;
    uint32_t yes;
    int64_t number;

    for (size_t i = 0; node; i++, node = node->next)
        assert_int_equal(dvsi_node_is_null(node), i < 2);
    assert_true(dvsi_node_is_null(dvsi_node_get(root, "empty")));
    node = dvsi_node_get(root, "b")->first;
    assert_int_equal(dvsi_node_to_bool(node, &yes), 0);
    assert_int_equal(yes, 1);
    assert_int_equal(dvsi_node_to_bool(node->next, &yes), 0);
    assert_int_equal(yes, 0);
    assert_int_equal(dvsi_node_to_bool(node->next->next, &yes), 0);
    for (node = node->next->next->next; node; node = node->next)
        assert_int_equal(dvsi_node_to_bool(node, &yes), -1);
    node = dvsi_node_get(root, "i")->first;
    assert_int_equal(dvsi_node_to_int64(node->next, &number), 0);
    assert_true(number == -5);
    assert_int_equal(dvsi_node_to_int64(node->next->next, &number), 0);
    assert_true(number == 12);
    for (node = node->next->next->next; node; node = node->next)
        assert_int_equal(dvsi_node_to_int64(node, &number), -1);
    assert_int_equal(dvsi_node_to_int64(root, &number), -1);
}

static const dvsi_node *interpolated(const char *value)
{
    char yaml[400];
    snprintf(yaml, sizeof(yaml), "x: %s\n", value);
    dvsi_node *root = parse(yaml);
    dvsi_node_interpolate(&arena, root, TEST_DATA "/config", &problems);
    return root->first;
}

static void variables(void **state)
{
    static const struct {
        const char *written;
        const char *value;
    } cases[] = {
        {"${DVSYNC_TEST_A}", "one"},
        {"a${DVSYNC_TEST_A}b${DVSYNC_TEST_A}c", "aonebonec"},
        {"${DVSYNC_TEST_NOT:-two}", "two"},
        {"${DVSYNC_TEST_A:-two}", "one"},
        {"${DVSYNC_TEST_EMPTY:-two}", "two"},
        {"${DVSYNC_TEST_EMPTY}", ""},
        {"${DVSYNC_TEST_NOT:-}", ""},
        {"${DVSYNC_TEST_NOT:-a:-b}", "a:-b"},
        {"$${DVSYNC_TEST_A}", "${DVSYNC_TEST_A}"},
        {"$$${DVSYNC_TEST_A}", "$${DVSYNC_TEST_A}"},
        {"$DVSYNC_TEST_A $ $$ $x}", "$DVSYNC_TEST_A $ $$ $x}"},
        {"${DVSYNC_TEST_TWICE}", "${DVSYNC_TEST_A} $${x}"}, /* once only */
        {"'${DVSYNC_TEST_A}'", "one"},
        {"\"${DVSYNC_TEST_A}\\n\"", "one\n"},
    };
    (void)state;
    setenv("DVSYNC_TEST_A", "one", 1);
    setenv("DVSYNC_TEST_EMPTY", "", 1);
    setenv("DVSYNC_TEST_TWICE", "${DVSYNC_TEST_A} $${x}", 1);
    unsetenv("DVSYNC_TEST_NOT");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const dvsi_node *node = interpolated(cases[i].written);
        assert_int_equal(problems.n_problems, 0);
        assert_string_equal(node->text, cases[i].value);
        assert_int_equal(node->length, strlen(cases[i].value));
        assert_int_equal(node->secret, 0);
        assert_int_equal(node->open, 0);
    }
}

static void what_is_put_in_is_text(void **state)
{
    int64_t number;
    uint32_t yes;
    (void)state;
    setenv("DVSYNC_TEST_N", "12", 1);
    setenv("DVSYNC_TEST_B", "true", 1);
    setenv("DVSYNC_TEST_NULL", "null", 1);
    setenv("DVSYNC_TEST_YAML", "{a: [b]} # c", 1);
    assert_int_equal(dvsi_node_to_int64(interpolated("${DVSYNC_TEST_N}"), &number), 0);
    assert_true(number == 12);
    assert_int_equal(dvsi_node_to_bool(interpolated("${DVSYNC_TEST_B}"), &yes), 0);
    assert_false(dvsi_node_is_null(interpolated("${DVSYNC_TEST_NULL}")));
    const dvsi_node *node = interpolated("${DVSYNC_TEST_YAML}");
    assert_int_equal(node->type, DVSI_NODE_SCALAR);
    assert_string_equal(node->text, "{a: [b]} # c");
}

static void keys_are_left_alone(void **state)
{
    (void)state;
    setenv("DVSYNC_TEST_A", "one", 1);
    dvsi_node *root = parse("${DVSYNC_TEST_A}: {k: [\"${DVSYNC_TEST_A}\"]}\n");
    dvsi_node_interpolate(&arena, root, ".", &problems);
    assert_string_equal(root->first->key, "${DVSYNC_TEST_A}");
    assert_string_equal(root->first->first->first->text, "one");
}

static void write_file(const char *path, const char *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void files(void **state)
{
    char directory[] = "/tmp/dvsync-test-XXXXXX";
    char path[100];
    char yaml[200];
    static const struct {
        const char *data;
        size_t length;
        const char *value; /* NULL: refused */
    } cases[] = {
        {"hunter2", 7, "hunter2"},
        {"hunter2\n", 8, "hunter2"},
        {"hunter2\r\n", 9, "hunter2"},
        {"two\n\n", 5, "two\n"},
        {"", 0, ""},
        {"\n", 1, ""},
        {"line\nline\n", 10, "line\nline"},
        {"\r", 1, "\r"},
        {"${HOME}", 7, "${HOME}"},
        {"a\0b", 3, NULL},
        {"M\xfcller", 6, NULL},
    };
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/secret", directory);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(path, cases[i].data, cases[i].length);
        for (int absolute = 0; absolute < 2; absolute++) {
            snprintf(yaml, sizeof(yaml), "x: ${file:%s}\n", absolute ? path : "secret");
            dvsi_node *root = parse(yaml);
            dvsi_node_interpolate(&arena, root, directory, &problems);
            assert_int_equal(root->first->secret, 1);
            assert_int_equal(problems.n_errors, cases[i].value ? 0 : 1);
            if (cases[i].value)
                assert_string_equal(root->first->text, cases[i].value);
            assert_string_equal(dvsi_node_show(&arena, root->first), "(hidden)");
            dvsi_problems_free(&problems);
        }
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* A small file must not be able to ask for much memory. */
static void total_is_bounded(void **state)
{
    dvsi_buf yaml = {0};
    (void)state;
    char *value = malloc(100001);
    assert_non_null(value);
    memset(value, 'x', 100000);
    value[100000] = '\0';
    setenv("DVSYNC_TEST_BIG", value, 1);
    dvsi_buf_puts(&yaml, "x: [");
    for (int i = 0; i < 300; i++)
        dvsi_buf_puts(&yaml, "'${DVSYNC_TEST_BIG}',");
    dvsi_buf_puts(&yaml, "]\n");
    dvsi_node *root = parse(dvsi_buf_text(&yaml));
    dvsi_node_interpolate(&arena, root, ".", &problems);
    assert_true(problems.n_errors > 0);
    assert_non_null(strstr(problems.first->message, "16 MB"));
    unsetenv("DVSYNC_TEST_BIG");
    dvsi_buf_free(&yaml);
    free(value);
}

static void open_values(void **state)
{
    (void)state;
    unsetenv("DVSYNC_TEST_NOT");
    dvsi_node *root = parse("a: ${DVSYNC_TEST_NOT}\nb: x\nc: ['$${a}', '$${a}${b}']\n");
    dvsi_node_mark_open(root);
    assert_int_equal(dvsi_node_get(root, "a")->open, 1);
    assert_int_equal(dvsi_node_get(root, "b")->open, 0);
    assert_int_equal(dvsi_node_get(root, "c")->first->open, 0);
    assert_int_equal(dvsi_node_get(root, "c")->first->next->open, 1);
    assert_string_equal(dvsi_node_get(root, "a")->text, "${DVSYNC_TEST_NOT}");
}

static void depth(void **state)
{
    char yaml[400];
    (void)state;
    for (size_t n = 62; n < 70; n++) {
        memset(yaml, '[', n);
        memset(yaml + n, ']', n);
        yaml[2 * n] = '\0';
        dvsi_node *root = dvsi_node_parse(&arena, "f.yaml", yaml, 2 * n, &problems);
        assert_int_equal(root != NULL, n <= 64);
        assert_int_equal(problems.n_errors > 0, n > 64);
        dvsi_problems_free(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(places_and_paths, clean),
        cmocka_unit_test_teardown(meanings, clean),
        cmocka_unit_test_teardown(variables, clean),
        cmocka_unit_test_teardown(what_is_put_in_is_text, clean),
        cmocka_unit_test_teardown(keys_are_left_alone, clean),
        cmocka_unit_test_teardown(files, clean),
        cmocka_unit_test_teardown(total_is_bounded, clean),
        cmocka_unit_test_teardown(open_values, clean),
        cmocka_unit_test_teardown(depth, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
