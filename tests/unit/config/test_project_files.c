/* The folders of valid and invalid project files, each invalid one with exactly its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/project.h"

#define VALID TEST_DATA "/config/valid"
#define INVALID TEST_DATA "/config/invalid"
#define CONFIGS TEST_DATA "/../../configs"

/* What the files count on. */
static int set_variables(void **state)
{
    (void)state;
    setenv("DVSYNC_TEST_TEXT", "some-text", 1);
    setenv("DVSYNC_TEST_NUMBER", "6", 1);
    setenv("DVSYNC_TEST_LATIN1", "M\xfcller", 1);
    for (int i = 1; i < 10; i++) {
        char name[40];
        snprintf(name, sizeof(name), "DVSYNC_TEST_UNSET_%d", i);
        unsetenv(name);
    }
    return 0;
}

/* All problems, a line each, with the file's name alone instead of its path. */
static char *messages(const char *path, const dvsi_problems *problems)
{
    size_t directory = (size_t)(strrchr(path, '/') + 1 - path);
    dvsi_arena arena = {0};
    dvsi_buf text = {0};
    for (const dvsi_problem *p = problems->first; p; p = p->next) {
        const char *line = dvsi_problem_text(&arena, p);
        assert_memory_equal(line, path, directory);
        dvsi_buf_printf(&text, "%s\n", line + directory);
    }
    dvsi_arena_free(&arena);
    char *taken = dvsi_buf_take(&text);
    return taken ? taken : strdup("");
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    dvsi_buf text = {0};
    int c;
    if (!file)
        fail_msg("%s is missing", path);
    while ((c = fgetc(file)) != EOF)
        dvsi_buf_putc(&text, (char)c);
    fclose(file);
    char *taken = dvsi_buf_take(&text);
    return taken ? taken : strdup("");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls `check` for every entry of a folder, by name; how many there were. */
static size_t each_entry(const char *folder, void (*check)(const char *folder, const char *name))
{
    char *names[500];
    size_t n = 0;
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL && n < 500)
        if (entry->d_name[0] != '.')
            names[n++] = strdup(entry->d_name);
    closedir(dir);
    qsort(names, n, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        check(folder, names[i]);
        free(names[i]);
    }
    return n;
}

static void check_invalid(const char *folder, const char *name)
{
    char path[1000];
    dvsi_problems problems = {0};

    snprintf(path, sizeof(path), "%s/%s/expected.txt", folder, name);
    char *expected = read_text(path);
    snprintf(path, sizeof(path), "%s/%s/project.yaml", folder, name);
    dvsi_project *project = dvsi_project_read(path, DVSI_PROJECT_INTERPOLATE, &problems);
    char *found = messages(path, &problems);
    if (strcmp(found, expected) != 0)
        fail_msg("%s: expected\n%sbut found\n%s", name, expected, found);
    assert_null(project);
    assert_true(problems.n_errors > 0);
    free(found);
    free(expected);
    dvsi_problems_free(&problems);
}

static void check_file(const char *path, uint32_t flags)
{
    dvsi_problems problems = {0};
    dvsi_project *project = dvsi_project_read(path, flags, &problems);
    char *found = messages(path, &problems);
    if (!project || found[0])
        fail_msg("%s is valid, but found\n%s", path, found);
    assert_int_equal(problems.n_problems, 0);
    free(found);
    dvsi_project_free(project);
    dvsi_problems_free(&problems);
}

static void check_valid(const char *folder, const char *name)
{
    char path[1000];
    snprintf(path, sizeof(path), "%s/%s/project.yaml", folder, name);
    check_file(path, 0);
    check_file(path, DVSI_PROJECT_INTERPOLATE);
}

static void check_config(const char *folder, const char *name)
{
    char path[1000];
    const char *dot = strrchr(name, '.');
    if (!dot || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
        return;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    check_file(path, 0);
    check_file(path, DVSI_PROJECT_INTERPOLATE);
}

static void invalid_files(void **state)
{
    (void)state;
    assert_true(each_entry(INVALID, check_invalid) >= 65);
}

static void valid_files(void **state)
{
    (void)state;
    assert_true(each_entry(VALID, check_valid) >= 6);
}

static void example_projects(void **state)
{
    (void)state;
    setenv("DATAVERSE_URL", "https://org.crm.dynamics.com", 1);
    setenv("DATAVERSE_CLIENT_ID", "id", 1);
    setenv("DATAVERSE_CLIENT_SECRET", "secret", 1);
    assert_true(each_entry(CONFIGS, check_config) >= 3);
}

static void missing_files(void **state)
{
    dvsi_problems problems = {0};
    dvsi_arena arena = {0};
    (void)state;

    assert_null(dvsi_project_read("/nowhere/at/all.yaml", 0, &problems));
    assert_string_equal(dvsi_problem_text(&arena, problems.first),
                        "/nowhere/at/all.yaml: could not be read: No such file or directory");
    dvsi_problems_free(&problems);
    assert_null(dvsi_project_read("/", 0, &problems));
    assert_string_equal(dvsi_problem_text(&arena, problems.first), "/: could not be read: Is a directory");
    dvsi_problems_free(&problems);
    /* One that never ends. */
    assert_null(dvsi_project_read("/dev/zero", 0, &problems));
    assert_string_equal(dvsi_problem_text(&arena, problems.first), "/dev/zero: is larger than 1 MB");
    dvsi_problems_free(&problems);
    dvsi_arena_free(&arena);
}

/* One byte decides. */
static void size_limit(void **state)
{
    static const char start[] = "name: p\nsource: {plugin: csv}\nsink: {plugin: sqlite}\nentities: [x]\n#";
    const size_t limit = (size_t)1024 * 1024;
    dvsi_problems problems = {0};
    char *data = malloc(limit + 1);
    (void)state;

    assert_non_null(data);
    memset(data, 'x', limit + 1);
    memcpy(data, start, sizeof(start) - 1);
    dvsi_project *project = dvsi_project_parse("f.yaml", data, limit, 0, &problems);
    assert_non_null(project);
    dvsi_project_free(project);
    assert_null(dvsi_project_parse("f.yaml", data, limit + 1, 0, &problems));
    assert_string_equal(problems.first->message, "is larger than 1 MB");
    dvsi_problems_free(&problems);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_files), cmocka_unit_test(valid_files), cmocka_unit_test(example_projects),
        cmocka_unit_test(missing_files), cmocka_unit_test(size_limit),
    };
    return cmocka_run_group_tests(tests, set_variables, NULL);
}
