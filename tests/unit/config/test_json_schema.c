/* The JSON Schema: one well-formed document that knows every key, and the plugins' options. What it accepts
 * and refuses is tested with a validator, on the output of `dvsync schema` (tests/e2e). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "config/json_schema.h"

static json_t *schema(const dvsi_schema_plugin *plugins, uint32_t n_plugins)
{
    dvsi_buf text = {0};
    json_error_t error;
    dvsi_json_schema(&text, plugins, n_plugins);
    assert_int_equal(text.failed, 0);
    json_t *json = json_loads(dvsi_buf_text(&text), JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s at %d: %.60s", error.text, error.position, dvsi_buf_text(&text) + error.position);
    dvsi_buf_free(&text);
    return json;
}

/* The value behind a path of names; numbers are positions in arrays. */
static json_t *at(json_t *json, const char *path)
{
    char step[100];
    while (*path) {
        size_t length = strcspn(path, "/");
        memcpy(step, path, length);
        step[length] = '\0';
        json =
            json_is_array(json) ? json_array_get(json, (size_t)(step[0] - '0')) : json_object_get(json, step);
        if (!json)
            fail_msg("the schema has no %s", path);
        path += length + (path[length] == '/');
    }
    return json;
}

static void has_keys(json_t *json, const char *path, const char *const *names)
{
    json_t *properties = at(json, path);
    size_t n = 0;
    for (; names[n]; n++) {
        const json_t *property = json_object_get(properties, names[n]);
        if (!property)
            fail_msg("%s has no %s", path, names[n]);
        assert_true(json_is_string(json_object_get(property, "description")));
    }
    assert_int_equal(json_object_size(properties), n);
}

/* Typed by hand, not from the program. */
static void knows_every_key(void **state)
{
    static const char *const root[] = {"name", "sources", "source", "sink", "options", "entities", NULL};
    static const char *const source[] = {"plugin", "priority", "settings", NULL};
    static const char *const sink[] = {"plugin", "settings", NULL};
    static const char *const options[] = {"concurrency",  "full_every", "max_delete",
                                          "on_row_error", "history",    "deletes",
                                          "schema",       "keep_raw",   NULL};
    static const char *const entity[] = {"name",  "key",          "history", "deletes", "schema", "keep_raw",
                                         "adopt", "records_from", "from",    "derived", NULL};
    static const char *const from[] = {"source", "as", "entity", "where", "scope", "fields", NULL};
    static const char *const field[] = {"from",      "expr",      "static", "type",
                                        "authority", "refers_to", "nulls",  NULL};
    static const char *const derived[] = {"expr", "type", NULL};
    json_t *json = schema(NULL, 0);
    (void)state;

    has_keys(json, "properties", root);
    has_keys(json, "$defs/source/properties", source);
    has_keys(json, "$defs/sink/properties", sink);
    has_keys(json, "$defs/options/properties", options);
    has_keys(json, "$defs/entity/anyOf/1/properties", entity);
    has_keys(json, "$defs/from/properties", from);
    has_keys(json, "$defs/field/anyOf/2/properties", field);
    has_keys(json, "$defs/derived_field/anyOf/1/properties", derived);
    assert_int_equal(json_integer_value(at(json, "$defs/options/properties/concurrency/default")), 8);
    assert_true(json_is_true(at(json, "$defs/options/properties/keep_raw/default")));
    assert_string_equal(json_string_value(at(json, "$defs/options/properties/full_every/default")), "7d");
    assert_string_equal(json_string_value(at(json, "$defs/options/properties/max_delete/default")), "20%");
    assert_null(json_object_get(at(json, "$defs/source"), "allOf"));
    json_decref(json);
}

static void plugins_bring_their_options(void **state)
{
    const dvs_option options[] = {
        {.struct_size = sizeof(dvs_option),
         .type = DVS_OPTION_PATH,
         .flags = DVS_OPTION_REQUIRED,
         .name = "path",
         .doc = "where \"it\" is\n"},
        {.struct_size = sizeof(dvs_option),
         .type = DVS_OPTION_INT,
         .name = "n",
         .default_value = "5",
         .max = 10},
        {.struct_size = sizeof(dvs_option), .type = DVS_OPTION_BOOL, .name = "b", .default_value = "true"},
        {.struct_size = sizeof(dvs_option), .type = DVS_OPTION_CHOICE, .name = "c", .choices = "x|y z"},
        {.struct_size = sizeof(dvs_option), .type = DVS_OPTION_LIST, .name = "l"},
        {.struct_size = sizeof(dvs_option), .type = DVS_OPTION_MAP, .name = "m", .choices = "a|b"},
        {.struct_size = sizeof(dvs_option),
         .type = DVS_OPTION_TEXT,
         .flags = DVS_OPTION_SECRET,
         .name = "s",
         .default_value = "hush"},
    };
    const dvsi_schema_plugin plugins[] = {
        {.name = "csv", .doc = "files", .options = options, .n_options = 7},
        {.name = "csv", .is_sink = 1, .options = NULL, .n_options = 0},
        {.name = "other", .options = options + 1, .n_options = 1},
    };
    json_t *json = schema(plugins, 3);
    (void)state;

    assert_int_equal(json_array_size(at(json, "$defs/source/allOf")), 2);
    assert_int_equal(json_array_size(at(json, "$defs/sink/allOf")), 1);
    assert_string_equal(json_string_value(at(json, "$defs/source/allOf/0/if/properties/plugin/const")),
                        "csv");
    assert_string_equal(json_string_value(at(json, "$defs/source/allOf/0/then/required/0")), "settings");
    json_t *settings = at(json, "$defs/source/allOf/0/then/properties/settings");
    assert_string_equal(json_string_value(at(settings, "required/0")), "path");
    assert_int_equal(json_array_size(at(settings, "required")), 1);
    assert_string_equal(json_string_value(at(settings, "properties/path/description")), "where \"it\" is\n");
    assert_int_equal(json_integer_value(at(settings, "properties/n/default")), 5);
    assert_int_equal(json_integer_value(at(settings, "properties/n/maximum")), 10);
    assert_true(json_is_true(at(settings, "properties/b/default")));
    assert_string_equal(json_string_value(at(settings, "properties/c/anyOf/0/enum/1")), "y z");
    assert_string_equal(json_string_value(at(settings, "properties/l/type")), "array");
    assert_string_equal(json_string_value(at(settings, "properties/m/additionalProperties/anyOf/0/enum/0")),
                        "a");
    assert_null(json_object_get(at(settings, "properties/s"), "default"));
    assert_null(json_object_get(at(json, "$defs/source/allOf/1/then"), "required"));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_key),
        cmocka_unit_test(plugins_bring_their_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
