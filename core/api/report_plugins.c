/* report_plugins.c - dvs_plugins, dvs_plugin_info and dvs_schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/report.h"
#include "base/error.h"
#include "config/json_schema.h"
#include "data/json.h"

static void put_head(dvsi_buf *out, const dvsi_plugin *plugin, const char *path)
{
    char abi[32];
    dvsi_report_text(out, "version", plugin->version);
    dvsi_report_text(out, "path", path);
    dvsi_report_text(out, "doc", plugin->doc);
    snprintf(abi, sizeof abi, "%u.%u", DVS_ABI_MAJOR, plugin->abi_minor);
    dvsi_report_text(out, "abi", abi);
}

/* "csv" of "/folder/dvsync-source-csv.so", for files that do not say. */
static void put_file_name(dvsi_buf *out, const char *path)
{
    static const char *const prefixes[] = {"dvsync-source-", "dvsync-sink-", "dvsync-"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            name += strlen(prefixes[i]);
            break;
        }
    size_t length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".so") == 0)
        length -= 3;
    dvsi_out_name(out, "name");
    dvsi_json_string(out, name, length);
}

static void put_plugin(void *context, const char *path, const dvsi_plugin *plugin, const dvs_error *err)
{
    dvsi_buf *out = context;
    dvsi_out_open(out, '{');
    if (plugin != NULL) {
        dvsi_report_text(out, "name", plugin->name);
        put_head(out, plugin, path);
    } else {
        put_file_name(out, path);
        dvsi_report_null(out, "version");
        dvsi_report_text(out, "path", path);
        dvsi_report_null(out, "doc");
        dvsi_report_null(out, "abi");
    }
    dvsi_report_flag(out, "source", plugin != NULL && (plugin->offers & DVSI_PLUGIN_SOURCE) != 0);
    dvsi_report_flag(out, "sink", plugin != NULL && (plugin->offers & DVSI_PLUGIN_SINK) != 0);
    dvsi_report_text(out, "error", plugin == NULL ? err->message : NULL);
    dvsi_out_close(out, '}');
}

int32_t dvs_plugins(dvs_context *context, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_buf json = {0};
    err = dvsi_api_error(err, &local);
    *report = NULL;
    dvsi_buf_puts(&json, "{\"plugins\":[");
    dvsi_registry_each(context->registry, put_plugin, &json);
    dvsi_buf_puts(&json, "]}");
    int32_t status = dvsi_api_report(&json, 0, report, err);
    dvsi_buf_free(&json);
    return status;
}

/* ---- One plugin ---- */

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {NULL, "text", "integer", "bool", "path", "choice", "list", "map"};
    return type < sizeof names / sizeof *names && type != 0 ? names[type] : "unknown";
}

static void put_choices(dvsi_buf *out, const char *choices)
{
    dvsi_out_name(out, "choices");
    if (choices == NULL) {
        dvsi_out_raw(out, "null");
        return;
    }
    dvsi_out_open(out, '[');
    for (const char *at = choices;; at++) {
        size_t length = strcspn(at, "|");
        if (at != choices)
            dvsi_buf_putc(out, ',');
        dvsi_json_string(out, at, length);
        at += length;
        if (*at == '\0')
            break;
    }
    dvsi_out_close(out, ']');
}

static void put_option(dvsi_buf *out, const dvs_option *option)
{
    int limited = option->type == DVS_OPTION_INT && (option->min != 0 || option->max != 0);
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "name", option->name);
    dvsi_report_text(out, "type", type_name(option->type));
    dvsi_report_text(out, "default", option->default_value);
    dvsi_report_flag(out, "required", (option->flags & DVS_OPTION_REQUIRED) != 0);
    dvsi_report_flag(out, "secret", (option->flags & DVS_OPTION_SECRET) != 0);
    dvsi_report_text(out, "doc", option->doc);
    put_choices(out, option->choices);
    if (limited && option->min != INT64_MIN)
        dvsi_report_int(out, "min", option->min);
    else
        dvsi_report_null(out, "min");
    if (limited && option->max != INT64_MAX)
        dvsi_report_int(out, "max", option->max);
    else
        dvsi_report_null(out, "max");
    dvsi_out_close(out, '}');
}

static void put_role(dvsi_buf *out, const char *role, const dvsi_plugin *plugin)
{
    if (plugin == NULL) {
        dvsi_report_null(out, role);
        return;
    }
    int sink = strcmp(role, "sink") == 0;
    const dvs_option *options = sink ? plugin->sink.options : plugin->source.options;
    uint32_t n = sink ? plugin->sink.n_options : plugin->source.n_options;
    dvsi_out_name(out, role);
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "options");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; i < n; i++)
        put_option(out, &options[i]);
    dvsi_out_close(out, ']');
    dvsi_out_close(out, '}');
}

int32_t dvs_plugin_info(dvs_context *context, const char *name, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvs_error whole = DVS_ERROR_INIT;
    dvsi_buf json = {0};
    const dvsi_plugin *any = NULL;
    const dvsi_plugin *source = NULL;
    const dvsi_plugin *sink = NULL;
    err = dvsi_api_error(err, &local);
    *report = NULL;
    int32_t status = dvsi_registry_load(context->registry, name, 0, &any, err);
    if (status != DVS_OK)
        return status;
    /* The roles may be in two files; one that cannot be used is told, the other shown all the same. */
    int32_t source_status = dvsi_registry_load(context->registry, name, DVSI_PLUGIN_SOURCE, &source, &whole);
    int told =
        source_status != DVS_OK && source_status != DVS_E_NOT_FOUND && source_status != DVS_E_UNSUPPORTED;
    if (!told) {
        int32_t sink_status = dvsi_registry_load(context->registry, name, DVSI_PLUGIN_SINK, &sink, &whole);
        told = sink_status != DVS_OK && sink_status != DVS_E_NOT_FOUND && sink_status != DVS_E_UNSUPPORTED;
    } else {
        (void)dvsi_registry_load(context->registry, name, DVSI_PLUGIN_SINK, &sink, NULL);
    }
    dvsi_out_open(&json, '{');
    dvsi_report_text(&json, "name", any->name);
    put_head(&json, any, any->path);
    dvsi_report_text(&json, "error", told ? whole.message : NULL);
    put_role(&json, "source", source);
    put_role(&json, "sink", sink);
    dvsi_out_close(&json, '}');
    status = dvsi_api_report(&json, 0, report, err);
    dvsi_buf_free(&json);
    return status;
}

/* ---- The schema of project files ---- */

typedef struct schema_list {
    dvsi_schema_plugin *plugins;
    uint32_t n;
    uint32_t capacity;
    int failed;
} schema_list;

static void add_role(schema_list *list, const dvsi_plugin *plugin, uint32_t is_sink)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->plugins[i].is_sink == is_sink && strcmp(list->plugins[i].name, plugin->name) == 0)
            return; /* the first in the order of search is the one that is used */
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity * 2 + 8;
        dvsi_schema_plugin *more = reallocarray(list->plugins, capacity, sizeof *more);
        if (more == NULL) {
            list->failed = 1;
            return;
        }
        list->plugins = more;
        list->capacity = capacity;
    }
    list->plugins[list->n++] =
        (dvsi_schema_plugin){.name = plugin->name,
                             .doc = plugin->doc,
                             .is_sink = is_sink,
                             .options = is_sink ? plugin->sink.options : plugin->source.options,
                             .n_options = is_sink ? plugin->sink.n_options : plugin->source.n_options};
}

static void add_plugin(void *context, const char *path, const dvsi_plugin *plugin, const dvs_error *err)
{
    (void)path;
    (void)err;
    if (plugin != NULL && (plugin->offers & DVSI_PLUGIN_SOURCE) != 0)
        add_role(context, plugin, 0);
    if (plugin != NULL && (plugin->offers & DVSI_PLUGIN_SINK) != 0)
        add_role(context, plugin, 1);
}

int32_t dvs_schema(dvs_context *context, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_buf json = {0};
    schema_list list = {0};
    err = dvsi_api_error(err, &local);
    *report = NULL;
    dvsi_registry_each(context->registry, add_plugin, &list);
    if (!list.failed)
        dvsi_json_schema(&json, list.plugins, list.n);
    int32_t status = list.failed ? dvsi_error_no_memory(err) : dvsi_api_report(&json, 0, report, err);
    free(list.plugins);
    dvsi_buf_free(&json);
    return status;
}
