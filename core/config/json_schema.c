#include "config/json_schema.h"

#include "config/json_out.h"
#include "config/json_schema_value.h"
#include "config/keys.h"

#define SOURCE_NAME "^[A-Za-z0-9_.-]{1,64}$"

static int needs_settings(const dvsi_schema_plugin *plugin)
{
    for (uint32_t i = 0; i < plugin->n_options; i++)
        if ((plugin->options[i].flags & DVS_OPTION_REQUIRED) && !plugin->options[i].default_value)
            return 1;
    return 0;
}

static void add_settings(dvsi_buf *out, const dvsi_schema_plugin *plugin)
{
    dvsi_out_open(out, '{');
    dvsi_out_member(out, "description", plugin->doc);
    dvsi_out_name(out, "type");
    dvsi_out_raw(out, needs_settings(plugin) ? "\"object\"" : "[\"object\",\"null\"]");
    dvsi_out_name(out, "additionalProperties");
    dvsi_out_raw(out, "false");
    dvsi_out_name(out, "properties");
    dvsi_out_open(out, '{');
    for (uint32_t i = 0; i < plugin->n_options; i++) {
        dvsi_out_name(out, plugin->options[i].name);
        dvsi_schema_option(out, &plugin->options[i]);
    }
    dvsi_out_close(out, '}');
    dvsi_out_name(out, "required");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; i < plugin->n_options; i++)
        if ((plugin->options[i].flags & DVS_OPTION_REQUIRED) && !plugin->options[i].default_value)
            dvsi_out_text(out, plugin->options[i].name);
    dvsi_out_close(out, ']');
    dvsi_out_close(out, '}');
}

/* If the plugin is this one, its settings are these. */
static void add_condition(dvsi_buf *out, const dvsi_schema_plugin *plugin)
{
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "if");
    dvsi_out_raw(out, "{\"required\":[\"plugin\"],\"properties\":{\"plugin\":{\"const\":");
    dvsi_out_text(out, plugin->name);
    dvsi_buf_puts(out, "}}}");
    dvsi_out_name(out, "then");
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "properties");
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "settings");
    add_settings(out, plugin);
    dvsi_out_close(out, '}');
    if (needs_settings(plugin)) {
        dvsi_out_name(out, "required");
        dvsi_out_raw(out, "[\"settings\"]");
    }
    dvsi_out_close(out, '}');
    dvsi_out_close(out, '}');
}

static void add_endpoint(dvsi_buf *out, const char *name, const dvsi_key *keys, uint32_t is_sink,
                         const dvsi_schema_plugin *plugins, uint32_t n_plugins)
{
    uint32_t n = 0;
    dvsi_out_name(out, name);
    dvsi_out_open(out, '{');
    dvsi_schema_members(out, keys);
    for (uint32_t i = 0; i < n_plugins; i++) {
        if (plugins[i].is_sink != is_sink)
            continue;
        if (n++ == 0) { /* an empty allOf is not allowed */
            dvsi_out_name(out, "allOf");
            dvsi_out_open(out, '[');
        }
        add_condition(out, &plugins[i]);
    }
    if (n > 0)
        dvsi_out_close(out, ']');
    dvsi_out_close(out, '}');
}

static void add_object(dvsi_buf *out, const char *name, const dvsi_key *keys)
{
    dvsi_out_name(out, name);
    dvsi_out_open(out, '{');
    dvsi_schema_members(out, keys);
    dvsi_out_close(out, '}');
}

/* A text, or the long form with these keys. `short_forms`: what may stand instead of a map. */
static void add_short_or_long(dvsi_buf *out, const char *name, const char *short_forms, const dvsi_key *keys,
                              const char *more)
{
    dvsi_out_name(out, name);
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "anyOf");
    dvsi_out_open(out, '[');
    dvsi_out_raw(out, short_forms);
    dvsi_out_open(out, '{');
    dvsi_schema_members(out, keys);
    if (more)
        dvsi_out_raw(out, more);
    dvsi_out_close(out, '}');
    dvsi_out_close(out, ']');
    dvsi_out_close(out, '}');
}

/* The fields of a `from`: any names but those of dvsync's own columns, which may only be left out. */
static void add_fields(dvsi_buf *out)
{
    dvsi_out_name(out, "fields");
    dvsi_out_open(out, '{');
    dvsi_out_raw(
        out, "\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":{\"$ref\":\"#/$defs/field\"}");
    dvsi_out_name(out, "properties");
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "*");
    dvsi_out_raw(out,
                 "{\"const\":true,\"description\":\"All fields of the source that are not named here\"}");
    for (const char *const *column = dvsi_keys_system_columns; *column; column++) {
        dvsi_out_name(out, *column);
        dvsi_out_raw(
            out,
            "{\"const\":false,\"description\":\"A column of dvsync's own: give the field another name\"}");
    }
    dvsi_out_close(out, '}');
    dvsi_out_close(out, '}');
}

static void add_entity_names(dvsi_buf *out)
{
    dvsi_out_name(out, "entity_name");
    dvsi_out_open(out, '{');
    dvsi_out_raw(out, "\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1,\"maxLength\":160");
    dvsi_out_name(out, "not");
    dvsi_buf_puts(out, "{\"type\":\"string\",\"pattern\":\"^(" DVSI_KEYS_LINEAGE_VIEW "$");
    for (const char *const *prefix = dvsi_keys_reserved_prefixes; *prefix; prefix++) {
        dvsi_buf_puts(out, "|");
        dvsi_buf_puts(out, *prefix);
    }
    dvsi_buf_puts(out, ")\"}");
    dvsi_out_close(out, '}');
}

static void add_definitions(dvsi_buf *out, const dvsi_schema_plugin *plugins, uint32_t n_plugins)
{
    dvsi_out_name(out, "$defs");
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "sources");
    dvsi_out_raw(out,
                 "{\"type\":\"object\",\"minProperties\":1,\"propertyNames\":{\"pattern\":\"" SOURCE_NAME
                 "\",\"not\":{\"const\":\"sink\"}},\"additionalProperties\":{\"$ref\":\"#/$defs/source\"}}");
    add_endpoint(out, "source", dvsi_keys_source, 0, plugins, n_plugins);
    add_endpoint(out, "sink", dvsi_keys_sink, 1, plugins, n_plugins);
    dvsi_out_name(out, "settings");
    dvsi_out_raw(out, "{\"type\":\"object\"}");
    add_object(out, "options", dvsi_keys_options);
    add_entity_names(out);
    add_short_or_long(out, "entity", "{\"$ref\":\"#/$defs/entity_name\"}", dvsi_keys_entity,
                      "\"allOf\":[{\"properties\":{\"name\":{\"$ref\":\"#/$defs/entity_name\"}}}]");
    add_object(out, "from", dvsi_keys_from);
    add_fields(out);
    add_short_or_long(
        out, "field",
        "{\"type\":[\"string\",\"number\"],\"minLength\":1,\"description\":\"The source's field\"},"
        "{\"const\":false,\"description\":\"Leave the field out\"}",
        dvsi_keys_field,
        "\"not\":{\"anyOf\":[{\"required\":[\"from\",\"expr\"]},{\"required\":[\"from\",\"static\"]},"
        "{\"required\":[\"expr\",\"static\"]}]}");
    dvsi_out_name(out, "derived");
    dvsi_out_raw(out, "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":"
                      "{\"$ref\":\"#/$defs/derived_field\"}}");
    add_short_or_long(
        out, "derived_field",
        "{\"type\":[\"string\",\"number\"],\"minLength\":1,\"description\":\"SQL expression over the "
        "entity's fields\"}",
        dvsi_keys_derived, NULL);
    dvsi_out_close(out, '}');
}

void dvsi_json_schema(dvsi_buf *out, const dvsi_schema_plugin *plugins, uint32_t n_plugins)
{
    dvsi_buf document = {0}; /* of its own, because commas depend on what stands before */

    dvsi_out_open(&document, '{');
    dvsi_out_member(&document, "$schema", "https://json-schema.org/draft/2020-12/schema");
    dvsi_out_member(&document, "title", "dvsync project");
    dvsi_schema_members(&document, dvsi_keys_project);
    dvsi_out_name(&document, "oneOf");
    dvsi_out_raw(&document, "[{\"required\":[\"sources\"]},{\"required\":[\"source\"]}]");
    add_definitions(&document, plugins, n_plugins);
    dvsi_out_close(&document, '}');
    if (document.failed)
        out->failed = 1;
    else
        dvsi_buf_add(out, document.data, document.length);
    dvsi_buf_free(&document);
}
