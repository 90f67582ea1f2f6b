/* render_sync.c - the summary of a sync. */
#include "cli/render.h"

#include <string.h>

#include "cli/json_read.h"
#include "cli/table.h"

static const char *const counts[] = {"rows_processed", "rows_created", "rows_updated", "rows_deleted",
                                     "rows_unchanged", "rows_skipped", "row_errors"};
#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))

/* "full: first sync (crm), cursor (sheet)": how each source was read, and why completely. */
static void put_mode(dvsi_cli_table *table, const json_t *entity)
{
    const json_t *source;
    dvsi_buf text = {0};
    size_t i;

    json_array_foreach(json_object_get(entity, "sources"), i, source)
    {
        if (text.length)
            dvsi_buf_puts(&text, ", ");
        const char *reason = dvsi_cli_json_text(source, "reason", "");
        dvsi_buf_puts(&text, dvsi_cli_json_text(source, "mode", "-"));
        if (*reason != '\0')
            dvsi_buf_printf(&text, ": %s", reason);
        dvsi_buf_printf(&text, " (%s)", dvsi_cli_json_text(source, "name", "?"));
    }
    dvsi_cli_table_text(table, text.length ? dvsi_buf_text(&text) : dvsi_cli_json_text(entity, "mode", NULL));
    dvsi_buf_free(&text);
}

static int any_has(const json_t *entities, const char *name)
{
    const json_t *entity;
    size_t i;

    json_array_foreach(entities, i, entity)
    {
        if (json_object_get(entity, name))
            return 1;
    }
    return 0;
}

static void print_entities(dvsi_cli *cli, const json_t *entities)
{
    dvsi_cli_column columns[] = {
        {"ENTITY", DVSI_CLI_LEFT},     {"MODE", DVSI_CLI_LEFT},     {"PROCESSED", DVSI_CLI_RIGHT},
        {"CREATED", DVSI_CLI_RIGHT},   {"UPDATED", DVSI_CLI_RIGHT}, {"DELETED", DVSI_CLI_RIGHT},
        {"UNCHANGED", DVSI_CLI_RIGHT}, {"SKIPPED", DVSI_CLI_RIGHT}, {"ROW ERRORS", DVSI_CLI_RIGHT},
        {NULL, DVSI_CLI_LEFT},         {NULL, DVSI_CLI_LEFT},
    };
    int durations = any_has(entities, "duration_seconds");
    int states = any_has(entities, "status");
    size_t n = 2 + N_COUNTS;
    dvsi_cli_table *table;
    const json_t *entity;
    size_t i;

    if (durations)
        columns[n++] = (dvsi_cli_column){"DURATION", DVSI_CLI_RIGHT};
    if (states)
        columns[n++] = (dvsi_cli_column){"STATUS", DVSI_CLI_LEFT};
    table = dvsi_cli_table_new(columns, n, &cli->out);
    json_array_foreach(entities, i, entity)
    {
        dvsi_cli_table_row(table);
        dvsi_cli_table_entity(table, entity);
        put_mode(table, entity);
        for (size_t c = 0; c < N_COUNTS; c++)
            dvsi_cli_table_member(table, entity, counts[c]);
        if (dvsi_cli_json_int(entity, "row_errors") > 0)
            dvsi_cli_table_paint(table, DVSI_CLI_RED);
        if (durations)
            dvsi_cli_table_duration(table, entity, "duration_seconds");
        if (states) {
            dvsi_cli_table_member(table, entity, "status");
            dvsi_cli_table_paint(table, dvsi_cli_state_color(dvsi_cli_json_text(entity, "status", NULL)));
        }
    }
    dvsi_cli_table_print(table, &cli->out);
}

static json_int_t total(const json_t *document, const char *name)
{
    const json_t *totals = json_object_get(document, "totals");
    const json_t *entity;
    json_int_t sum = 0;
    size_t i;

    if (totals)
        return dvsi_cli_json_int(totals, name);
    json_array_foreach(json_object_get(document, "entities"), i, entity)
    {
        sum += dvsi_cli_json_int(entity, name);
    }
    return sum;
}

void dvsi_cli_render_sync(dvsi_cli *cli, const json_t *document)
{
    dvsi_cli_out *out = &cli->out;
    const char *status = dvsi_cli_json_text(document, "status", "?");
    const char *run_id = dvsi_cli_json_text(document, "run_id", NULL);
    const char *color = dvsi_cli_state_color(status);
    dvsi_buf duration = {0};

    if (json_array_size(json_object_get(document, "entities")) > 0)
        print_entities(cli, json_object_get(document, "entities"));
    dvsi_cli_say_errors(cli, json_object_get(document, "errors"));
    dvsi_cli_json_duration(&duration, json_object_get(document, "duration_seconds"));
    dvsi_cli_put(out, "\n");
    dvsi_cli_show(out, dvsi_cli_json_text(document, "project", "?"));
    dvsi_cli_put(out, ": ");
    dvsi_cli_paint(out, color ? color : "");
    dvsi_cli_show(out, status);
    dvsi_cli_paint(out, color ? DVSI_CLI_PLAIN : "");
    dvsi_cli_printf(out, " in %s: %lld created, %lld updated, %lld deleted, %lld unchanged",
                    dvsi_buf_text(&duration), (long long)total(document, "rows_created"),
                    (long long)total(document, "rows_updated"), (long long)total(document, "rows_deleted"),
                    (long long)total(document, "rows_unchanged"));
    if (total(document, "row_errors") > 0)
        dvsi_cli_printf(out, ", %lld row error%s", (long long)total(document, "row_errors"),
                        total(document, "row_errors") == 1 ? "" : "s");
    const json_int_t conflicts = total(document, "conflicts");
    if (conflicts > 0)
        dvsi_cli_printf(out, ", %lld conflict%s", (long long)conflicts, conflicts != 1 ? "s" : "");
    if (run_id) {
        dvsi_cli_put(out, " (run ");
        dvsi_cli_show(out, run_id);
        dvsi_cli_put(out, ")");
    }
    dvsi_cli_put(out, "\n");
    if (strcmp(status, "cancelled") == 0)
        dvsi_cli_put(out, "it stopped at a checkpoint; the next sync goes on from there\n");
    dvsi_buf_free(&duration);
}
