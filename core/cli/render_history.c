/* render_history.c - `history` and `lineage` as text. */
#include <string.h>

#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/table.h"

void dvsi_cli_render_history(dvsi_cli *cli, const json_t *document)
{
    static const dvsi_cli_column columns[] = {{"RUN", DVSI_CLI_LEFT},       {"STATUS", DVSI_CLI_LEFT},
                                              {"TRIGGER", DVSI_CLI_LEFT},   {"STARTED", DVSI_CLI_LEFT},
                                              {"DURATION", DVSI_CLI_RIGHT}, {"PROCESSED", DVSI_CLI_RIGHT},
                                              {"CREATED", DVSI_CLI_RIGHT},  {"UPDATED", DVSI_CLI_RIGHT},
                                              {"DELETED", DVSI_CLI_RIGHT},  {"ROW ERRORS", DVSI_CLI_RIGHT}};
    const json_t *runs = json_object_get(document, "runs");
    const json_t *run;
    dvsi_cli_table *table;
    size_t i;

    if (json_array_size(runs) == 0) {
        dvsi_cli_show(&cli->out, dvsi_cli_json_text(document, "project", "?"));
        dvsi_cli_put(&cli->out, ": no runs\n");
        return;
    }
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(runs, i, run)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_member(table, run, "run_id");
        dvsi_cli_table_member(table, run, "status");
        dvsi_cli_table_paint(table, dvsi_cli_state_color(dvsi_cli_json_text(run, "status", NULL)));
        dvsi_cli_table_member(table, run, "trigger");
        dvsi_cli_table_time(table, run, "started_at");
        dvsi_cli_table_duration(table, run, "duration_seconds");
        dvsi_cli_table_member(table, run, "rows_processed");
        dvsi_cli_table_member(table, run, "rows_created");
        dvsi_cli_table_member(table, run, "rows_updated");
        dvsi_cli_table_member(table, run, "rows_deleted");
        dvsi_cli_table_member(table, run, "row_errors");
    }
    dvsi_cli_table_print(table, &cli->out);
}

static void print_entities(dvsi_cli *cli, const json_t *entities)
{
    static const dvsi_cli_column columns[] = {
        {"ENTITY", DVSI_CLI_LEFT},      {"SOURCE", DVSI_CLI_LEFT},     {"MODE", DVSI_CLI_LEFT},
        {"STATUS", DVSI_CLI_LEFT},      {"PROCESSED", DVSI_CLI_RIGHT}, {"CREATED", DVSI_CLI_RIGHT},
        {"UPDATED", DVSI_CLI_RIGHT},    {"DELETED", DVSI_CLI_RIGHT},   {"UNCHANGED", DVSI_CLI_RIGHT},
        {"ROW ERRORS", DVSI_CLI_RIGHT}, {"ERROR", DVSI_CLI_WRAP}};
    static const char *const members[] = {"entity",         "source",       "mode",         "status",
                                          "rows_processed", "rows_created", "rows_updated", "rows_deleted",
                                          "rows_unchanged", "row_errors",   "error_message"};
    dvsi_cli_table *table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    const json_t *entity;
    size_t i;

    json_array_foreach(entities, i, entity)
    {
        dvsi_cli_table_row(table);
        for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
            dvsi_cli_table_member(table, entity, members[m]);
            if (strcmp(members[m], "status") == 0)
                dvsi_cli_table_paint(table, dvsi_cli_state_color(dvsi_cli_json_text(entity, "status", NULL)));
        }
    }
    dvsi_cli_table_print(table, &cli->out);
}

void dvsi_cli_render_run(dvsi_cli *cli, const json_t *document)
{
    static const char *const pairs[][2] = {{"processed", "rows_processed"},
                                           {"created", "rows_created"},
                                           {"updated", "rows_updated"},
                                           {"deleted", "rows_deleted"},
                                           {"unchanged", "rows_unchanged"},
                                           {"skipped", "rows_skipped"},
                                           {"row errors", "row_errors"},
                                           {"conflicts", "conflicts"},
                                           {"host", "host"},
                                           {"pid", "pid"},
                                           {"error", "error_message"}};
    const json_t *run = json_object_get(document, "run");
    dvsi_buf duration = {0};

    dvsi_cli_pair(cli, "project", document, "project");
    dvsi_cli_pair(cli, "run", run, "run_id");
    dvsi_cli_pair_text(cli, "status", dvsi_cli_json_text(run, "status", "?"));
    dvsi_cli_pair(cli, "trigger", run, "trigger");
    dvsi_cli_pair_time(cli, "started", run, "started_at");
    dvsi_cli_pair_time(cli, "completed", run, "completed_at");
    dvsi_cli_json_duration(&duration, json_object_get(run, "duration_seconds"));
    dvsi_cli_pair_text(cli, "duration", dvsi_buf_text(&duration));
    dvsi_buf_free(&duration);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        dvsi_cli_pair(cli, pairs[i][0], run, pairs[i][1]);
    if (json_array_size(json_object_get(run, "entities")) > 0) {
        dvsi_cli_put(&cli->out, "\n");
        print_entities(cli, json_object_get(run, "entities"));
    }
}

void dvsi_cli_render_cleared(dvsi_cli *cli, const json_t *document)
{
    json_int_t n = dvsi_cli_json_int(document, "removed");

    dvsi_cli_show(&cli->out, dvsi_cli_json_text(document, "project", "?"));
    dvsi_cli_printf(&cli->out, ": %lld %s removed from the history\n", (long long)n,
                    n == 1 ? "run was" : "runs were");
}

/* "accounts.name" */
static void put_origin(dvsi_cli_table *table, const json_t *row)
{
    const char *entity = dvsi_cli_json_text(row, "source_entity", NULL);
    const char *field = dvsi_cli_json_text(row, "source_field", NULL);
    dvsi_buf text = {0};

    dvsi_buf_printf(&text, "%s%s%s", entity ? entity : "", entity && field ? "." : "", field ? field : "");
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static void put_value(dvsi_cli_table *table, const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    dvsi_buf text = {0};

    if (value)
        dvsi_cli_json_quote(&text, value, 60);
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

/* What sources offer for fields that are left as they stand. */
static void print_reference_offers(dvsi_cli *cli, const json_t *offers)
{
    static const dvsi_cli_column columns[] = {{"REFERENCE", DVSI_CLI_LEFT},
                                              {"OFFERED", DVSI_CLI_LEFT},
                                              {"SOURCE", DVSI_CLI_LEFT},
                                              {"FROM", DVSI_CLI_LEFT}};
    dvsi_cli_table *table;
    const json_t *offer;
    size_t i;

    if (json_array_size(offers) == 0)
        return;
    dvsi_cli_put(&cli->out, "\n");
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(offers, i, offer)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_member(table, offer, "field");
        put_value(table, offer, "value");
        dvsi_cli_table_member(table, offer, "source");
        put_origin(table, offer);
    }
    dvsi_cli_table_print(table, &cli->out);
}

void dvsi_cli_render_lineage(dvsi_cli *cli, const json_t *document)
{
    static const dvsi_cli_column columns[] = {{"FIELD", DVSI_CLI_LEFT},   {"VALUE", DVSI_CLI_LEFT},
                                              {"BEFORE", DVSI_CLI_LEFT},  {"OP", DVSI_CLI_LEFT},
                                              {"SOURCE", DVSI_CLI_LEFT},  {"FROM", DVSI_CLI_LEFT},
                                              {"CHANGED", DVSI_CLI_LEFT}, {"RUN", DVSI_CLI_LEFT}};
    const json_t *changes = json_object_get(document, "changes");
    const json_t *rows = json_array_size(changes) > 0 ? changes : json_object_get(document, "fields");
    const json_t *row;
    dvsi_cli_table *table;
    size_t i;

    dvsi_cli_pair(cli, "entity", document, "entity");
    dvsi_cli_pair(cli, "key", document, "key");
    if (json_array_size(rows) == 0) {
        dvsi_cli_put(&cli->out, "no lineage\n");
        return;
    }
    dvsi_cli_put(&cli->out, "\n");
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(rows, i, row)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_member(table, row, "field");
        put_value(table, row, json_object_get(row, "value") ? "value" : "new_value");
        put_value(table, row, "previous_value");
        dvsi_cli_table_member(table, row, "op");
        dvsi_cli_table_member(table, row, "source");
        put_origin(table, row);
        dvsi_cli_table_time(table, row, "changed_at");
        dvsi_cli_table_member(table, row, "run_id");
    }
    dvsi_cli_table_print(table, &cli->out);
    print_reference_offers(cli, json_object_get(document, "reference_offers"));
}
