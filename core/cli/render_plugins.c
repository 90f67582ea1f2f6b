/* render_plugins.c - `plugins` as text. */
#include <string.h>

#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/table.h"

/* The roles stand as true, or as an object of their options. */
static int offers(const json_t *plugin, const char *role)
{
    const json_t *value = json_object_get(plugin, role);

    return value && !json_is_null(value) && !json_is_false(value);
}

static const char *roles(const json_t *plugin)
{
    int source = offers(plugin, "source");
    int sink = offers(plugin, "sink");

    return source && sink ? "source, sink" : source ? "source" : sink ? "sink" : NULL;
}

void dvsi_cli_render_plugins(dvsi_cli *cli, const json_t *document)
{
    static const dvsi_cli_column columns[] = {{"NAME", DVSI_CLI_LEFT},        {"VERSION", DVSI_CLI_LEFT},
                                              {"ABI", DVSI_CLI_LEFT},         {"OFFERS", DVSI_CLI_LEFT},
                                              {"DESCRIPTION", DVSI_CLI_WRAP}, {"PATH", DVSI_CLI_LEFT}};
    const json_t *plugins = json_object_get(document, "plugins");
    const json_t *plugin;
    dvsi_cli_table *table;
    size_t i;

    if (json_array_size(plugins) == 0) {
        dvsi_cli_say(&cli->console, DVSI_CLI_WARNING, "no plugin was found; give --plugin-path");
        return;
    }
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(plugins, i, plugin)
    {
        const char *error = dvsi_cli_json_text(plugin, "error", NULL);

        dvsi_cli_table_row(table);
        dvsi_cli_table_member(table, plugin, "name");
        dvsi_cli_table_member(table, plugin, "version");
        dvsi_cli_table_member(table, plugin, "abi");
        dvsi_cli_table_text(table, error ? "unusable" : roles(plugin));
        if (error)
            dvsi_cli_table_paint(table, DVSI_CLI_RED);
        dvsi_cli_table_text(table, error ? error : dvsi_cli_json_text(plugin, "doc", NULL));
        dvsi_cli_table_member(table, plugin, "path");
    }
    dvsi_cli_table_print(table, &cli->out);
}

/* "text", "a, b or c", "integer, 1 to 65536" */
static void put_type(dvsi_cli_table *table, const json_t *option)
{
    const json_t *choices = json_object_get(option, "choices");
    const json_t *least = json_object_get(option, "min");
    const json_t *most = json_object_get(option, "max");
    const json_t *choice;
    dvsi_buf text = {0};
    size_t i;

    dvsi_buf_puts(&text, dvsi_cli_json_text(option, "type", "?"));
    if (json_is_string(choices))
        dvsi_buf_printf(&text, ": %s", json_string_value(choices));
    json_array_foreach(choices, i, choice)
    {
        dvsi_buf_puts(&text, i == 0 ? ": " : " | ");
        dvsi_buf_puts(&text, json_is_string(choice) ? json_string_value(choice) : "?");
    }
    if (json_is_number(least) && json_is_number(most)) {
        dvsi_buf_puts(&text, ", ");
        dvsi_cli_json_show(&text, least, 0);
        dvsi_buf_puts(&text, " to ");
        dvsi_cli_json_show(&text, most, 0);
    } else if (json_is_number(least)) {
        dvsi_buf_puts(&text, ", from ");
        dvsi_cli_json_show(&text, least, 0);
    } else if (json_is_number(most)) {
        dvsi_buf_puts(&text, ", up to ");
        dvsi_cli_json_show(&text, most, 0);
    }
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static void print_options(dvsi_cli *cli, const char *role, const json_t *part)
{
    static const dvsi_cli_column columns[] = {{"SETTING", DVSI_CLI_LEFT},
                                              {"TYPE", DVSI_CLI_LEFT},
                                              {"DEFAULT", DVSI_CLI_LEFT},
                                              {"DESCRIPTION", DVSI_CLI_WRAP}};
    const json_t *options = json_object_get(part, "options");
    const json_t *option;
    dvsi_cli_table *table;
    size_t i;

    if (!json_is_object(part))
        return;
    dvsi_cli_put(&cli->out, "\n");
    dvsi_cli_paint(&cli->out, DVSI_CLI_BOLD);
    dvsi_cli_printf(&cli->out, "As a %s:", role);
    dvsi_cli_paint(&cli->out, DVSI_CLI_PLAIN);
    dvsi_cli_put(&cli->out, json_array_size(options) ? "\n" : " no settings\n");
    if (json_array_size(options) == 0)
        return;
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(options, i, option)
    {
        dvsi_buf doc = {0};

        dvsi_buf_puts(&doc, dvsi_cli_json_text(option, "doc", ""));
        if (dvsi_cli_json_true(option, "secret"))
            dvsi_buf_puts(&doc, doc.length ? " (secret)" : "secret");
        dvsi_cli_table_row(table);
        dvsi_cli_table_member(table, option, "name");
        put_type(table, option);
        if (dvsi_cli_json_true(option, "required"))
            dvsi_cli_table_text(table, "(required)");
        else
            dvsi_cli_table_member(table, option, "default");
        dvsi_cli_table_text(table, dvsi_buf_text(&doc));
        dvsi_buf_free(&doc);
    }
    dvsi_cli_table_print(table, &cli->out);
}

void dvsi_cli_render_plugin(dvsi_cli *cli, const json_t *document)
{
    const json_t *plugin = json_object_get(document, "plugin");

    if (!json_is_object(plugin))
        plugin = document;
    dvsi_cli_pair(cli, "name", plugin, "name");
    dvsi_cli_pair(cli, "description", plugin, "doc");
    dvsi_cli_pair(cli, "version", plugin, "version");
    dvsi_cli_pair(cli, "abi", plugin, "abi");
    dvsi_cli_pair(cli, "path", plugin, "path");
    dvsi_cli_pair(cli, "error", plugin, "error");
    print_options(cli, "source", json_object_get(plugin, "source"));
    print_options(cli, "sink", json_object_get(plugin, "sink"));
}
