/* version.c - `--version`: the program, what it is linked with, and the plugins. */
#include <gnu/libc-version.h>
#include <libsmartcols/libsmartcols.h>
#include <yaml.h>

#include "cli/help.h"
#include "cli/json_read.h"
#include "cli/session.h"

static void line(dvsi_cli *cli, const char *name, const char *version)
{
    dvsi_cli_printf(&cli->out, "  %-14s %s\n", name, version);
}

static void plugin_line(dvsi_cli *cli, const json_t *plugin)
{
    dvsi_cli_out *out = &cli->out;
    const char *error = dvsi_cli_json_text(plugin, "error", NULL);
    dvsi_buf text = {0};

    dvsi_cli_json_show(&text, json_object_get(plugin, "name"), 0);
    dvsi_cli_printf(out, "  %-14s ", dvsi_buf_text(&text));
    if (error) {
        dvsi_cli_put(out, "unusable: ");
        dvsi_cli_show(out, error);
    } else {
        dvsi_buf_clear(&text);
        dvsi_cli_json_show(&text, json_object_get(plugin, "version"), 0);
        dvsi_buf_puts(&text, ", ABI ");
        dvsi_cli_json_show(&text, json_object_get(plugin, "abi"), 0);
        dvsi_buf_puts(&text, ", ");
        dvsi_cli_json_show(&text, json_object_get(plugin, "path"), 0);
        dvsi_cli_put(out, dvsi_buf_text(&text));
    }
    dvsi_cli_put(out, "\n");
    dvsi_buf_free(&text);
}

static int print_plugins(dvsi_cli *cli)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    json_t *document;
    const json_t *plugins;
    const json_t *plugin;
    size_t i;

    if (dvs_plugins(cli->context, &report, &err))
        return dvsi_cli_fail(cli, &err);
    document = dvsi_cli_json_load(dvs_report_json(report));
    plugins = json_object_get(document, "plugins");
    dvsi_cli_put(&cli->out, json_array_size(plugins) ? "plugins:\n" : "plugins: none\n");
    json_array_foreach(plugins, i, plugin)
    {
        plugin_line(cli, plugin);
    }
    json_decref(document);
    dvs_report_free(report);
    return 0;
}

int dvsi_cli_version(dvsi_cli *cli)
{
    const char *columns = NULL;

    dvsi_cli_printf(&cli->out, "dvsync %s\nlibraries:\n", DVS_VERSION_STRING);
    scols_get_library_version(&columns);
    line(cli, "libdvsync", dvs_version());
    line(cli, "jansson", jansson_version_str());
    line(cli, "libyaml", yaml_get_version_string());
    line(cli, "libsmartcols", columns ? columns : "?");
    line(cli, "glibc", gnu_get_libc_version());
    return print_plugins(cli);
}
