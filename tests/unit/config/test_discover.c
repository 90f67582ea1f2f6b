/* Finding projects: which files count, broken ones, names twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/discover.h"

#define REST "source: {plugin: csv}\nsink: {plugin: sqlite}\nentities: [x]\n"

static char directory[] = "/tmp/dvsync-test-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_directory(void **state)
{
    (void)state;
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof(command), "rm -r '%s'", directory);
    return system(command);
}

static const dvsi_found *nth(const dvsi_discovery *d, uint32_t n)
{
    const dvsi_found *found = d->first;
    for (; n > 0 && found; n--)
        found = found->next;
    assert_non_null(found);
    return found;
}

static void which_files(void **state)
{
    dvsi_discovery d;
    dvs_error err = DVS_ERROR_INIT;
    (void)state;

    put("b.yaml", "name: b\n" REST);
    put("a.yml",
        "name: a\nsources:\n  crm: {plugin: dataverse}\n  sheet: {plugin: csv}\nsink: {plugin: sqlite}\n"
        "entities:\n  - {name: x, from: [{source: crm}]}\n");
    put("notes.txt", "name: n\n" REST);
    put(".hidden.yaml", "name: h\n" REST);
    put("compose.yaml", "services:\n  web: &w {image: x}\n  other: *w\n---\nsecond: document\n");
    put("only-sink.yaml", "sink: {plugin: sqlite}\n");
    put("empty.yaml", "");
    put("nested.yaml", "outer: {sources: {a: b}}\n");
    assert_int_equal(mkdir(path_of("crm"), 0700), 0);
    put("crm/config.yml", "name: crm\n" REST);
    put("crm/other.yaml", "name: no\n" REST);
    assert_int_equal(mkdir(path_of("web"), 0700), 0);
    put("web/config.yaml", "name: web\n" REST);
    assert_int_equal(mkdir(path_of("folder.yaml"), 0700), 0);
    assert_int_equal(mkfifo(path_of("fifo.yaml"), 0600), 0);

    assert_int_equal(dvsi_discover(directory, &d, &err), DVS_OK);
    assert_int_equal(d.n_found, 5);
    assert_string_equal(nth(&d, 0)->name, "a");
    assert_string_equal(nth(&d, 0)->file, path_of("a.yml"));
    assert_string_equal(nth(&d, 0)->sources, "crm (dataverse), sheet (csv)");
    assert_string_equal(nth(&d, 0)->sink, "sqlite");
    assert_null(nth(&d, 0)->error);
    assert_int_equal(nth(&d, 0)->n_errors, 0);
    assert_string_equal(nth(&d, 1)->name, "b");
    assert_string_equal(nth(&d, 1)->sources, "csv (csv)");
    assert_string_equal(nth(&d, 2)->name, "crm");
    assert_string_equal(nth(&d, 2)->file, path_of("crm/config.yml"));
    assert_string_equal(nth(&d, 3)->name, "web");
    assert_null(nth(&d, 4)->name);
    assert_string_equal(nth(&d, 4)->file, path_of("only-sink.yaml"));
    assert_non_null(strstr(nth(&d, 4)->error, "\"name\" is missing"));
    dvsi_discovery_free(&d);
    dvsi_discovery_free(NULL);
}

static void broken_files_are_rows(void **state)
{
    dvsi_discovery d;
    dvs_error err = DVS_ERROR_INIT;
    (void)state;

    put("good.yaml", "name: good\n" REST);
    put("half.yaml", "name: half\nsource: {plugin: csv, bad: 1}\nsink: sqlite\nentities: [x]\nopts: 1\n");
    put("not-yaml.yaml", "name: [\n");
    put("binary.yaml", "\xff\xfe\x01");
    assert_int_equal(symlink("/nowhere/at/all", path_of("zdangling.yaml")), 0);

    assert_int_equal(dvsi_discover(directory, &d, &err), DVS_OK);
    assert_int_equal(d.n_found, 5);
    assert_string_equal(nth(&d, 0)->name, "good");
    assert_null(nth(&d, 0)->error);
    const dvsi_found *half = nth(&d, 1);
    assert_string_equal(half->name, "half");
    assert_string_equal(half->sources, "csv (csv)");
    assert_null(half->sink);
    assert_int_equal(half->n_errors, 3);
    assert_non_null(strstr(half->error, "half.yaml:2:23: source.bad: is not known here"));
    assert_string_equal(nth(&d, 2)->file, path_of("binary.yaml"));
    assert_null(nth(&d, 2)->name);
    assert_non_null(strstr(nth(&d, 2)->error, "not valid UTF-8"));
    assert_non_null(strstr(nth(&d, 3)->error, "not valid YAML"));
    assert_non_null(strstr(nth(&d, 4)->error, "could not be read: No such file"));
    dvsi_discovery_free(&d);
}

static void needs_no_variables(void **state)
{
    dvsi_discovery d;
    dvs_error err = DVS_ERROR_INIT;
    (void)state;

    unsetenv("DVSYNC_TEST_UNSET_1");
    setenv("DVSYNC_TEST_TEXT", "test", 1);
    put("a.yaml",
        "name: a\nsource:\n  plugin: csv\n  settings: {path: \"${DVSYNC_TEST_UNSET_1}\", x: \"${file:no}\"}\n"
        "sink: {plugin: sqlite}\noptions: {concurrency: \"${DVSYNC_TEST_UNSET_1}\"}\nentities: [x]\n");
    put("b.yaml", "name: crm-${DVSYNC_TEST_TEXT}\n" REST);
    put("c.yaml", "name: z-${DVSYNC_TEST_UNSET_1}\n" REST);
    assert_int_equal(dvsi_discover(directory, &d, &err), DVS_OK);
    assert_int_equal(d.n_found, 3);
    assert_string_equal(nth(&d, 0)->name, "a");
    assert_string_equal(nth(&d, 1)->name, "crm-test");
    assert_string_equal(nth(&d, 2)->name, "z-${DVSYNC_TEST_UNSET_1}");
    for (uint32_t i = 0; i < 3; i++)
        assert_null(nth(&d, i)->error);
    dvsi_discovery_free(&d);
}

static void names_twice(void **state)
{
    dvsi_discovery d;
    dvs_error err = DVS_ERROR_INIT;
    (void)state;

    put("1.yaml", "name: same\n" REST);
    put("2.yaml", "name: same\n" REST);
    put("3.yaml", "name: same\n");
    put("4.yaml", "name: Same\n" REST);
    put("5.yaml", "name: same\nbad: key\n" REST);
    assert_int_equal(dvsi_discover(directory, &d, &err), DVS_OK);
    assert_int_equal(d.n_found, 4);
    assert_string_equal(nth(&d, 0)->name, "Same");
    assert_null(nth(&d, 0)->error);
    for (uint32_t i = 1; i < 4; i++) {
        assert_string_equal(nth(&d, i)->name, "same");
        assert_non_null(nth(&d, i)->error);
    }
    assert_non_null(strstr(nth(&d, 1)->error, "2.yaml"));
    assert_non_null(strstr(nth(&d, 2)->error, "same name"));
    assert_non_null(strstr(nth(&d, 3)->error, "is not known here"));
    assert_int_equal(nth(&d, 3)->n_errors, 2);
    dvsi_discovery_free(&d);
}

static void no_directory(void **state)
{
    dvsi_discovery d;
    dvs_error err = DVS_ERROR_INIT;
    (void)state;

    assert_int_equal(dvsi_discover("/nowhere/at/all", &d, &err), DVS_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/at/all"));
    assert_null(d.first);
    put("file", "");
    assert_int_equal(dvsi_discover(path_of("file"), &d, &err), DVS_E_NOT_FOUND);
    assert_int_equal(dvsi_discover(directory, &d, &err), DVS_OK);
    assert_int_equal(d.n_found, 0);
    dvsi_discovery_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(which_files, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(broken_files_are_rows, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(needs_no_variables, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(names_twice, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(no_directory, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
