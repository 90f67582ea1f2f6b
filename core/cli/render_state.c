/* render_state.c - `status`, `stats` and `cancel` as text. */
#include <string.h>

#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/table.h"

static void print_last_run(dvsi_cli *cli, const json_t *run)
{
    dvsi_buf text = {0};
    const json_t *at = json_object_get(run, "completed_at");

    if (!json_is_object(run))
        return;
    dvsi_buf_puts(&text, dvsi_cli_json_text(run, "status", "?"));
    dvsi_buf_putc(&text, ' ');
    dvsi_cli_json_time(&text, json_is_string(at) ? at : json_object_get(run, "started_at"));
    if (dvsi_cli_json_text(run, "run_id", NULL))
        dvsi_buf_printf(&text, " (run %s)", dvsi_cli_json_text(run, "run_id", ""));
    dvsi_cli_pair_text(cli, "last run", dvsi_buf_text(&text));
    dvsi_cli_pair(cli, "error", run, "error_message");
    dvsi_buf_free(&text);
}

static void print_running(dvsi_cli *cli, const json_t *running)
{
    static const dvsi_cli_column columns[] = {{"ENTITY", DVSI_CLI_LEFT}, {"SOURCE", DVSI_CLI_LEFT},
                                              {"MODE", DVSI_CLI_LEFT},   {"STATE", DVSI_CLI_LEFT},
                                              {"ROWS", DVSI_CLI_RIGHT},  {"ROWS/S", DVSI_CLI_RIGHT}};
    const json_t *entities = json_object_get(running, "entities");
    const json_t *entity;
    dvsi_cli_table *table;
    size_t i;

    dvsi_cli_pair(cli, "run", running, "run_id");
    dvsi_cli_pair(cli, "pid", running, "pid");
    dvsi_cli_pair(cli, "host", running, "host");
    dvsi_cli_pair_time(cli, "started", running, "started_at");
    dvsi_cli_pair_time(cli, "last commit", running, "heartbeat_at");
    if (json_array_size(entities) == 0)
        return;
    dvsi_cli_put(&cli->out, "\n");
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(entities, i, entity)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_entity(table, entity);
        dvsi_cli_table_member(table, entity, "source");
        dvsi_cli_table_member(table, entity, "mode");
        dvsi_cli_table_member(table, entity, "state");
        dvsi_cli_table_paint(table, dvsi_cli_state_color(dvsi_cli_json_text(entity, "state", NULL)));
        dvsi_cli_table_member(table, entity, "rows");
        dvsi_cli_table_member(table, entity, "rate");
    }
    dvsi_cli_table_print(table, &cli->out);
}

static void print_entities(dvsi_cli *cli, const json_t *entities)
{
    static const dvsi_cli_column columns[] = {{"ENTITY", DVSI_CLI_LEFT},    {"SOURCE", DVSI_CLI_LEFT},
                                              {"STATE", DVSI_CLI_LEFT},     {"MODE", DVSI_CLI_LEFT},
                                              {"LAST SYNC", DVSI_CLI_LEFT}, {"LAST FULL", DVSI_CLI_LEFT},
                                              {"RECORDS", DVSI_CLI_RIGHT}};
    const json_t *entity;
    dvsi_cli_table *table;
    size_t i;

    if (json_array_size(entities) == 0)
        return;
    dvsi_cli_put(&cli->out, "\n");
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(entities, i, entity)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_entity(table, entity);
        dvsi_cli_table_member(table, entity, "source");
        dvsi_cli_table_member(table, entity, "state");
        dvsi_cli_table_paint(table, dvsi_cli_state_color(dvsi_cli_json_text(entity, "state", NULL)));
        dvsi_cli_table_member(table, entity, "mode");
        dvsi_cli_table_time(table, entity, "last_sync_time");
        dvsi_cli_table_time(table, entity, "last_full_at");
        dvsi_cli_table_member(table, entity, "records_count");
    }
    dvsi_cli_table_print(table, &cli->out);
}

void dvsi_cli_render_status(dvsi_cli *cli, const json_t *document)
{
    const json_t *running = json_object_get(document, "running");

    dvsi_cli_pair(cli, "project", document, "project");
    dvsi_cli_pair_text(cli, "state", dvsi_cli_json_text(document, "state", "?"));
    dvsi_cli_pair(cli, "reason", document, "reason");
    print_last_run(cli, json_object_get(document, "last_run"));
    if (json_is_object(running))
        print_running(cli, running);
    print_entities(cli, json_object_get(document, "entities"));
}

static void print_runs(dvsi_cli *cli, json_t *runs)
{
    dvsi_buf text = {0};
    const char *status;
    json_t *n;

    json_object_foreach(runs, status, n)
    {
        if (text.length)
            dvsi_buf_puts(&text, ", ");
        dvsi_cli_json_show(&text, n, 0);
        dvsi_buf_printf(&text, " %s", status);
    }
    dvsi_cli_printf(&cli->out, "%-14s", "runs");
    dvsi_cli_show(&cli->out, text.length ? dvsi_buf_text(&text) : "none");
    dvsi_cli_put(&cli->out, "\n");
    dvsi_buf_free(&text);
}

void dvsi_cli_render_stats(dvsi_cli *cli, const json_t *document)
{
    static const dvsi_cli_column columns[] = {
        {"ENTITY", DVSI_CLI_LEFT},    {"ACTIVE", DVSI_CLI_RIGHT},     {"DELETED", DVSI_CLI_RIGHT},
        {"VERSIONS", DVSI_CLI_RIGHT}, {"LAST SYNC", DVSI_CLI_LEFT},   {"DELETES CHECKED", DVSI_CLI_LEFT},
        {"CURSOR", DVSI_CLI_LEFT},    {"ROW ERRORS", DVSI_CLI_RIGHT}, {"CONFLICTS", DVSI_CLI_RIGHT}};
    const json_t *entities = json_object_get(document, "entities");
    const json_t *entity;
    dvsi_cli_table *table;
    size_t i;

    dvsi_cli_pair(cli, "project", document, "project");
    dvsi_cli_pair_time(cli, "last sync", document, "last_sync");
    print_runs(cli, json_object_get(document, "runs"));
    if (json_array_size(entities) == 0)
        return;
    dvsi_cli_put(&cli->out, "\n");
    table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    json_array_foreach(entities, i, entity)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_entity(table, entity);
        dvsi_cli_table_member(table, entity, "active");
        dvsi_cli_table_member(table, entity, "deleted");
        dvsi_cli_table_member(table, entity, "versions");
        dvsi_cli_table_time(table, entity, "last_sync_time");
        dvsi_cli_table_time(table, entity, "last_full_at");
        dvsi_cli_table_member(table, entity, "cursor");
        dvsi_cli_table_member(table, entity, "row_errors_open");
        if (dvsi_cli_json_int(entity, "row_errors_open") > 0)
            dvsi_cli_table_paint(table, DVSI_CLI_RED);
        dvsi_cli_table_member(table, entity, "conflicts_open");
        if (dvsi_cli_json_int(entity, "conflicts_open") > 0)
            dvsi_cli_table_paint(table, DVSI_CLI_YELLOW);
    }
    dvsi_cli_table_print(table, &cli->out);
}

void dvsi_cli_render_cancel(dvsi_cli *cli, const json_t *document)
{
    dvsi_cli_out *out = &cli->out;
    const char *message = dvsi_cli_json_text(document, "message", NULL);

    dvsi_cli_show(out, dvsi_cli_json_text(document, "project", "?"));
    dvsi_cli_put(out, ": ");
    if (message)
        dvsi_cli_show(out, message);
    else if (!dvsi_cli_json_true(document, "requested"))
        dvsi_cli_put(out, "no sync was running");
    else
        dvsi_cli_put(out, dvsi_cli_json_true(document, "stopped") ? "the sync has stopped"
                                                                  : "the sync was asked to stop");
    dvsi_cli_put(out, "\n");
}
