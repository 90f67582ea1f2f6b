/* render_verify.c - `verify` as text. */
#include <string.h>

#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/table.h"

static void put_targets(dvsi_cli_table *table, const json_t *row)
{
    const json_t *targets = json_object_get(row, "refers_to");
    const json_t *target;
    dvsi_buf text = {0};
    size_t i;

    json_array_foreach(targets, i, target)
    {
        dvsi_buf_puts(&text, i > 0 ? ", " : "");
        dvsi_buf_puts(&text, json_is_string(target) ? json_string_value(target) : "?");
    }
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

/* P-1 -> 42, P-2 -> 43, ...; or why it could not be looked at. */
static void put_samples(dvsi_cli_table *table, const json_t *row)
{
    const char *reason = dvsi_cli_json_text(row, "reason", NULL);
    const json_t *samples = json_object_get(row, "samples");
    const json_t *sample;
    dvsi_buf text = {0};
    size_t i;

    if (reason)
        dvsi_buf_printf(&text, "not checked: %s", reason);
    json_array_foreach(samples, i, sample)
    {
        dvsi_buf_printf(&text, "%s%s -> %s", i > 0 ? ", " : "", dvsi_cli_json_text(sample, "key", "?"),
                        dvsi_cli_json_text(sample, "value", "?"));
    }
    if ((json_int_t)json_array_size(samples) < dvsi_cli_json_int(row, "dangling"))
        dvsi_buf_puts(&text, ", ...");
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

void dvsi_cli_render_verify(dvsi_cli *cli, const json_t *document)
{
    static const dvsi_cli_column columns[] = {{"ENTITY", DVSI_CLI_LEFT},    {"FIELD", DVSI_CLI_LEFT},
                                              {"REFERS TO", DVSI_CLI_LEFT}, {"TOTAL", DVSI_CLI_RIGHT},
                                              {"DANGLING", DVSI_CLI_RIGHT}, {"RECORDS", DVSI_CLI_LEFT}};
    const json_t *rows = json_object_get(document, "references");
    json_int_t dangling = dvsi_cli_json_int(document, "dangling");
    json_int_t unchecked = dvsi_cli_json_int(document, "not_checked");
    const json_t *row;
    dvsi_cli_table *table;
    size_t i;

    if (json_array_size(rows) == 0) {
        dvsi_cli_show(&cli->out, dvsi_cli_json_text(document, "project", "?"));
        dvsi_cli_put(&cli->out, ": no field refers to another entity\n");
        return;
    }
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(rows, i, row)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_entity(table, row);
        dvsi_cli_table_member(table, row, "field");
        put_targets(table, row);
        dvsi_cli_table_member(table, row, "total");
        dvsi_cli_table_member(table, row, "dangling");
        if (dvsi_cli_json_int(row, "dangling") > 0)
            dvsi_cli_table_paint(table, DVSI_CLI_RED);
        put_samples(table, row);
    }
    dvsi_cli_table_print(table, &cli->out);
    dvsi_cli_put(&cli->out, "\n");
    dvsi_cli_printf(&cli->out, "%zu references, %lld dangling", json_array_size(rows), (long long)dangling);
    if (unchecked > 0)
        dvsi_cli_printf(&cli->out, ", %lld not checked", (long long)unchecked);
    dvsi_cli_put(&cli->out, "\n");
}
