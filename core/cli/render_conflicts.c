/* render_conflicts.c - `conflicts` as text. */
#include <string.h>

#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/table.h"

/* crm: "Acme", or what decided when it is no source's value. */
static void put_side(dvsi_cli_table *table, const json_t *row, const char *source, const char *value)
{
    const char *name = dvsi_cli_json_text(row, source, NULL);
    dvsi_buf text = {0};

    if (name)
        dvsi_buf_printf(&text, "%s: ", name);
    else
        dvsi_buf_printf(&text, "(%s): ", dvsi_cli_json_text(row, "rule", "?"));
    dvsi_cli_json_quote(&text, json_object_get(row, value), 40);
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static void put_status(dvsi_cli_table *table, const json_t *row)
{
    const char *status = dvsi_cli_json_text(row, "status", "?");
    const char *kept = dvsi_cli_json_text(json_object_get(row, "pin"), "kept", NULL);
    dvsi_buf text = {0};

    dvsi_buf_puts(&text, status);
    if (kept)
        dvsi_buf_printf(&text, ": %s", kept);
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static void print_counts(dvsi_cli *cli, const json_t *document, size_t shown)
{
    json_int_t open = dvsi_cli_json_int(document, "open");
    json_int_t resolved = dvsi_cli_json_int(document, "resolved");
    json_int_t closed = dvsi_cli_json_int(document, "closed");
    json_int_t listed = open + (cli->args.all ? resolved + closed : 0);

    dvsi_cli_printf(&cli->out, "%lld open, %lld resolved, %lld closed", (long long)open, (long long)resolved,
                    (long long)closed);
    if ((json_int_t)shown < listed)
        dvsi_cli_printf(&cli->out, "; the newest %zu are shown, --limit 0 shows all", shown);
    else if (!cli->args.all && resolved + closed > 0)
        dvsi_cli_put(&cli->out, "; --all shows them all");
    dvsi_cli_put(&cli->out, "\n");
}

void dvsi_cli_render_conflicts(dvsi_cli *cli, const json_t *document)
{
    static const dvsi_cli_column columns[] = {
        {"ID", DVSI_CLI_RIGHT},     {"ENTITY", DVSI_CLI_LEFT},      {"KEY", DVSI_CLI_LEFT},
        {"FIELD", DVSI_CLI_LEFT},   {"KIND", DVSI_CLI_LEFT},        {"STANDS", DVSI_CLI_LEFT},
        {"AGAINST", DVSI_CLI_LEFT}, {"LAST CHANGE", DVSI_CLI_LEFT}, {"STATUS", DVSI_CLI_LEFT}};
    const json_t *rows = json_object_get(document, "conflicts");
    const json_t *row;
    dvsi_cli_table *table;
    size_t i;

    if (json_array_size(rows) == 0) {
        dvsi_cli_show(&cli->out, dvsi_cli_json_text(document, "project", "?"));
        dvsi_cli_put(&cli->out, cli->args.all ? ": no conflicts\n" : ": no open conflicts\n");
        if (dvsi_cli_json_int(document, "resolved") + dvsi_cli_json_int(document, "closed") > 0)
            print_counts(cli, document, 0);
        return;
    }
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(rows, i, row)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_member(table, row, "id");
        dvsi_cli_table_member(table, row, "entity");
        dvsi_cli_table_member(table, row, "key");
        dvsi_cli_table_member(table, row, "field");
        dvsi_cli_table_member(table, row, "kind");
        put_side(table, row, "winner_source", "winner_value");
        put_side(table, row, "loser_source", "loser_value");
        dvsi_cli_table_time(table, row, "last_seen");
        put_status(table, row);
    }
    dvsi_cli_table_print(table, &cli->out);
    dvsi_cli_put(&cli->out, "\n");
    print_counts(cli, document, json_array_size(rows));
}

void dvsi_cli_render_conflict(dvsi_cli *cli, const json_t *document)
{
    const json_t *conflict = json_object_get(document, "conflict");
    const json_t *pin = json_object_get(conflict, "pin");
    dvsi_buf value = {0};

    dvsi_cli_printf(&cli->out, "conflict %lld: ", (long long)dvsi_cli_json_int(conflict, "id"));
    dvsi_cli_show(&cli->out, dvsi_cli_json_text(conflict, "entity", "?"));
    dvsi_cli_put(&cli->out, " ");
    dvsi_cli_show(&cli->out, dvsi_cli_json_text(conflict, "key", "?"));
    dvsi_cli_put(&cli->out, ", field ");
    dvsi_cli_show(&cli->out, dvsi_cli_json_text(conflict, "field", "?"));
    if (json_is_object(pin)) {
        dvsi_cli_json_quote(&value, json_object_get(pin, "value"), 60);
        dvsi_cli_put(&cli->out, " is pinned to ");
        dvsi_cli_put(&cli->out, dvsi_buf_text(&value));
        dvsi_cli_put(&cli->out, ", the value of ");
        dvsi_cli_show(&cli->out, dvsi_cli_json_text(pin, "kept", "?"));
        dvsi_cli_put(&cli->out, "; the next sync writes it\n");
    } else {
        dvsi_cli_put(&cli->out, " is no longer pinned; the next sync writes what the sources say\n");
    }
    dvsi_buf_free(&value);
}
