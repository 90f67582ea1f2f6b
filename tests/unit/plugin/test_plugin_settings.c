/* test_plugin_settings.c - what a project says against a plugin's options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/node.h"
#include "dvsync/plugin_util.h"
#include "plugin/settings.h"

#define OPTION(n, t, ...)                                                                                    \
    {                                                                                                        \
        .struct_size = sizeof(dvs_option), .name = n, .type = t, __VA_ARGS__                                 \
    }

static const dvs_option options[] = {
    OPTION("url", DVS_OPTION_TEXT, .flags = DVS_OPTION_REQUIRED, .doc = "where it is"),
    OPTION("password", DVS_OPTION_TEXT, .flags = DVS_OPTION_SECRET),
    OPTION("size", DVS_OPTION_INT, .min = 1, .max = 10, .default_value = "7"),
    OPTION("any", DVS_OPTION_INT, .doc = ""),
    OPTION("header", DVS_OPTION_BOOL, .default_value = "true"),
    OPTION("path", DVS_OPTION_PATH, .doc = ""),
    OPTION("mode", DVS_OPTION_CHOICE, .choices = "fast|safe|slow", .default_value = "safe"),
    OPTION("pin", DVS_OPTION_CHOICE, .choices = "123456|654321", .flags = DVS_OPTION_SECRET),
    OPTION("columns", DVS_OPTION_LIST, .doc = ""),
    OPTION("types", DVS_OPTION_MAP, .choices = "int64|text"),
};

typedef struct case_ {
    dvsi_arena arena;
    dvsi_problems problems;
    const dvs_settings *settings;
    char text[4096]; /* all problems, a line each */
} case_;

/* Resolves `yaml`, the settings as a flow map; "" for none. */
static case_ *resolve(const char *yaml)
{
    dvsi_endpoint endpoint = {.name = "crm", .plugin = "fake"};
    char path[] = "/tmp/dvsync-settings-XXXXXX";
    case_ *c = calloc(1, sizeof *c);
    int fd = mkstemp(path);

    assert_true(fd >= 0 && c != NULL);
    dprintf(fd, "settings: %s\n", yaml);
    close(fd);
    endpoint.node = dvsi_node_read(&c->arena, path, &c->problems);
    unlink(path);
    assert_non_null(endpoint.node);
    endpoint.settings = yaml[0] != '\0' ? dvsi_node_get(endpoint.node, "settings") : NULL;
    c->settings = dvsi_settings_resolve(&c->arena, options, sizeof options / sizeof options[0], &endpoint,
                                        "p.yaml", "sources.crm", "/projects/a", &c->problems);
    for (const dvsi_problem *p = c->problems.first; p != NULL; p = p->next) {
        strcat(c->text, dvsi_problem_text(&c->arena, p));
        strcat(c->text, "\n");
    }
    return c;
}

static void done(case_ *c)
{
    dvsi_problems_free(&c->problems);
    dvsi_arena_free(&c->arena);
    free(c);
}

static void refuses(const char *yaml, const char *expected)
{
    case_ *c = resolve(yaml);

    assert_string_equal(c->text, expected);
    assert_null(c->settings);
    done(c);
}

static void defaults_fill_what_is_not_given(void **state)
{
    case_ *c = resolve("{url: 'https://x'}");

    (void)state;
    assert_string_equal(c->text, "");
    assert_int_equal(c->settings->n_settings, 4); /* url, size, header, mode: what has no value is left out */
    assert_string_equal(dvs_setting_text(c->settings, "url", ""), "https://x");
    assert_int_equal(dvs_setting_int(c->settings, "size", 0), 7);
    assert_int_equal(dvs_setting_int(c->settings, "header", 0), 1);
    assert_string_equal(dvs_setting_text(c->settings, "mode", ""), "safe");
    assert_null(dvs_setting_get(c->settings, "password"));
    assert_null(dvs_setting_get(c->settings, "columns"));
    done(c);
}

static void values_have_their_types(void **state)
{
    case_ *c = resolve(
        "{url: 12, password: 'p', size: '10', any: -9223372036854775808, header: False, path: ./d/x.csv, "
        "mode: fast, columns: [b, a, ''], types: {a: int64, b: text}}");
    const dvs_setting *s;

    (void)state;
    assert_string_equal(c->text, "");
    assert_string_equal(dvs_setting_text(c->settings, "url", ""), "12");
    assert_int_equal(dvs_setting_int(c->settings, "size", 0), 10);
    assert_true(dvs_setting_int(c->settings, "any", 0) == INT64_MIN);
    assert_int_equal(dvs_setting_get(c->settings, "header")->value.kind, DVS_BOOL);
    assert_int_equal(dvs_setting_int(c->settings, "header", 1), 0);
    assert_string_equal(dvs_setting_text(c->settings, "path", ""), "/projects/a/d/x.csv");
    assert_int_equal(dvs_setting_get(c->settings, "path")->value.length, strlen("/projects/a/d/x.csv"));
    s = dvs_setting_get(c->settings, "columns");
    assert_int_equal(s->n_pairs, 3);
    assert_int_equal(s->value.kind, DVS_ABSENT);
    assert_string_equal(s->pairs[0].value, "b");
    assert_string_equal(s->pairs[0].key, "");
    assert_string_equal(s->pairs[2].value, "");
    s = dvs_setting_get(c->settings, "types");
    assert_string_equal(s->pairs[1].key, "b");
    assert_string_equal(s->pairs[1].value, "text");
    done(c);
}

static void absolute_paths_stay(void **state)
{
    case_ *c = resolve("{url: x, path: /data/x.csv}");

    (void)state;
    assert_string_equal(dvs_setting_text(c->settings, "path", ""), "/data/x.csv");
    done(c);
}

static void every_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    refuses("", "p.yaml:1:1: sources.crm.settings.url: is missing; plugin fake needs it: where it is\n");
    refuses("{ulr: x, size: 11, mode: fats, header: 1}",
            "p.yaml:1:11: sources.crm.settings.url: is missing; plugin fake needs it: where it is\n"
            "p.yaml:1:12: sources.crm.settings.ulr: plugin fake has no such setting; did you mean url?\n"
            "p.yaml:1:26: sources.crm.settings.size: must be a whole number between 1 and 10, not \"11\"\n"
            "p.yaml:1:36: sources.crm.settings.mode: must be fast, safe or slow, not \"fats\"\n"
            "p.yaml:1:50: sources.crm.settings.header: must be true or false, not \"1\"\n");
    refuses("{url: '', path: ''}", "p.yaml:1:17: sources.crm.settings.url: must not be empty\n"
                                   "p.yaml:1:27: sources.crm.settings.path: must not be empty\n");
    refuses("{url: [a]}", "p.yaml:1:17: sources.crm.settings.url: must be a single value\n");
    refuses("{url: ~}",
            "p.yaml:1:17: sources.crm.settings.url: is null; leave the setting out, or quote it to mean "
            "the text\n");
    refuses("{url: x, any: 99999999999999999999}",
            "p.yaml:1:25: sources.crm.settings.any: must be a whole number, not \"99999999999999999999\"\n");
    refuses("{url: x, any: 0x10}",
            "p.yaml:1:25: sources.crm.settings.any: must be a whole number, not \"0x10\"\n");
    refuses("{url: x, columns: a, types: [a]}",
            "p.yaml:1:29: sources.crm.settings.columns: must be a list: [value, ...]\n"
            "p.yaml:1:39: sources.crm.settings.types: must be a map: {name: value, ...}\n");
    refuses("{url: x, columns: [[a]], types: {a: float}}",
            "p.yaml:1:30: sources.crm.settings.columns: must be a text\n"
            "p.yaml:1:47: sources.crm.settings.types.a: must be int64 or text, not \"float\"\n");
}

static void secrets_are_in_no_message(void **state)
{
    (void)state;
    refuses("{url: x, pin: '999999'}", "p.yaml:1:25: sources.crm.settings.pin: must be 123456 or 654321\n");
}

/* Plugin messages are searched for them, see test_plugin_host. */
static void secrets_are_marked(void **state)
{
    case_ *c = resolve("{url: x, password: p}");

    (void)state;
    assert_int_equal(dvs_setting_get(c->settings, "url")->value.flags, 0);
    assert_int_equal(dvs_setting_get(c->settings, "password")->value.flags, DVS_CELL_SECRET);
    done(c);
}

static void a_value_from_a_file_is_in_no_message(void **state)
{
    dvsi_endpoint endpoint = {.name = "crm", .plugin = "fake"};
    dvsi_problems problems = {0};
    dvsi_arena arena = {0};
    const dvs_settings *settings;
    dvsi_node value = {.type = DVSI_NODE_SCALAR, .key = "size", .text = "hunter2", .length = 7, .secret = 1};
    dvsi_node url = {.type = DVSI_NODE_SCALAR, .key = "url", .text = "x", .length = 1, .next = &value};
    dvsi_node map = {.type = DVSI_NODE_MAP, .first = &url, .n_children = 2};

    (void)state;
    endpoint.settings = endpoint.node = &map;
    assert_null(dvsi_settings_resolve(&arena, options, sizeof options / sizeof options[0], &endpoint,
                                      "p.yaml", "sink", "/", &problems));
    assert_string_equal(problems.first->message, "must be a whole number between 1 and 10");
    value.key = "path";
    settings = dvsi_settings_resolve(&arena, options, sizeof options / sizeof options[0], &endpoint, "p.yaml",
                                     "sink", "/", &problems);
    assert_int_equal(dvs_setting_get(settings, "path")->value.flags, DVS_CELL_SECRET);
    dvsi_problems_free(&problems);
    dvsi_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_given),
        cmocka_unit_test(values_have_their_types),
        cmocka_unit_test(absolute_paths_stay),
        cmocka_unit_test(every_mistake_is_told_with_its_place),
        cmocka_unit_test(secrets_are_in_no_message),
        cmocka_unit_test(secrets_are_marked),
        cmocka_unit_test(a_value_from_a_file_is_in_no_message),
    };
    return cmocka_run_group_tests_name("plugin_settings", tests, NULL, NULL);
}
