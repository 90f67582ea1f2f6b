/* render_list.c - `list` and `validate` as text. */
#include <string.h>

#include "cli/json_read.h"
#include "cli/render.h"
#include "cli/table.h"

static void put_sources(dvsi_cli_table *table, const json_t *project)
{
    const json_t *sources = json_object_get(project, "sources");
    const json_t *source;
    dvsi_buf text = {0};
    size_t i;

    if (json_is_string(sources))
        dvsi_buf_puts(&text, json_string_value(sources));
    json_array_foreach(sources, i, source)
    {
        if (text.length)
            dvsi_buf_puts(&text, ", ");
        dvsi_buf_puts(&text, json_is_string(source) ? json_string_value(source)
                                                    : dvsi_cli_json_text(source, "name", "?"));
        if (dvsi_cli_json_text(source, "plugin", NULL))
            dvsi_buf_printf(&text, " (%s)", dvsi_cli_json_text(source, "plugin", ""));
    }
    if (text.length)
        dvsi_buf_printf(&text, " -> %s", dvsi_cli_json_text(project, "sink", "?"));
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static void put_last_run(dvsi_cli_table *table, const json_t *run)
{
    const json_t *at = json_object_get(run, "completed_at");
    const char *status = dvsi_cli_json_text(run, "status", NULL);
    dvsi_buf text = {0};

    if (status) {
        dvsi_buf_printf(&text, "%s ", status);
        dvsi_cli_json_time(&text, json_is_string(at) ? at : json_object_get(run, "started_at"));
    }
    dvsi_cli_table_text(table, dvsi_buf_text(&text));
    dvsi_cli_table_paint(table, dvsi_cli_state_color(status));
    dvsi_buf_free(&text);
}

void dvsi_cli_render_list(dvsi_cli *cli, const json_t *document)
{
    static const dvsi_cli_column columns[] = {{"NAME", DVSI_CLI_LEFT},  {"SOURCES -> SINK", DVSI_CLI_LEFT},
                                              {"STATE", DVSI_CLI_WRAP}, {"LAST RUN", DVSI_CLI_LEFT},
                                              {"FILE", DVSI_CLI_LEFT},  {"ERROR", DVSI_CLI_WRAP}};
    const json_t *projects = json_object_get(document, "projects");
    const json_t *project;
    dvsi_cli_table *table;
    size_t n = sizeof(columns) / sizeof(columns[0]) - 1; /* ERROR only where there is one */
    size_t i;

    if (json_array_size(projects) == 0) {
        dvsi_cli_say(&cli->console, DVSI_CLI_WARNING, "no project was found in %s; give --directory",
                     dvsi_cli_directory(cli));
        return;
    }
    json_array_foreach(projects, i, project)
    {
        if (json_is_false(json_object_get(project, "valid")))
            n = sizeof(columns) / sizeof(columns[0]);
    }
    table = dvsi_cli_table_new(columns, n, &cli->out);
    json_array_foreach(projects, i, project)
    {
        int invalid = json_is_false(json_object_get(project, "valid"));
        const char *state = invalid ? "invalid" : dvsi_cli_json_text(project, "state", NULL);

        dvsi_cli_table_row(table);
        dvsi_cli_table_member(table, project, "name");
        put_sources(table, project);
        dvsi_cli_table_text(table, state);
        dvsi_cli_table_paint(table, dvsi_cli_state_color(state));
        put_last_run(table, json_object_get(project, "last_run"));
        dvsi_cli_table_member(table, project, "file");
        if (n == sizeof(columns) / sizeof(columns[0]))
            dvsi_cli_table_text(table, invalid ? dvsi_cli_json_text(project, "error", "invalid") : NULL);
    }
    dvsi_cli_table_print(table, &cli->out);
}

/* file:line:column: error: path: message */
static void print_problem(dvsi_cli *cli, const json_t *problem)
{
    dvsi_cli_out *out = &cli->out;
    const char *file = dvsi_cli_json_text(problem, "file", "");
    const char *path = dvsi_cli_json_text(problem, "path", "");
    const char *severity = dvsi_cli_json_text(problem, "severity", "error");
    json_int_t line = dvsi_cli_json_int(problem, "line");

    if (*file) {
        dvsi_cli_show(out, file);
        if (line > 0)
            dvsi_cli_printf(out, ":%lld:%lld", (long long)line,
                            (long long)dvsi_cli_json_int(problem, "column"));
        dvsi_cli_put(out, ": ");
    }
    dvsi_cli_paint(out, strcmp(severity, "error") == 0     ? DVSI_CLI_RED
                        : strcmp(severity, "warning") == 0 ? DVSI_CLI_YELLOW
                                                           : DVSI_CLI_CYAN);
    dvsi_cli_show(out, severity);
    dvsi_cli_paint(out, DVSI_CLI_PLAIN);
    dvsi_cli_put(out, ": ");
    if (*path) {
        dvsi_cli_show(out, path);
        dvsi_cli_put(out, ": ");
    }
    dvsi_cli_show(out, dvsi_cli_json_text(problem, "message", "(no message)"));
    dvsi_cli_put(out, "\n");
}

static void put_count(dvsi_cli_out *out, json_int_t n, const char *what, const char *after)
{
    dvsi_cli_printf(out, "%lld %s%s%s", (long long)n, what, n == 1 ? "" : "s", after);
}

void dvsi_cli_render_validate(dvsi_cli *cli, const json_t *document)
{
    dvsi_cli_out *out = &cli->out;
    const json_t *problem;
    size_t i;

    json_array_foreach(json_object_get(document, "problems"), i, problem)
    {
        print_problem(cli, problem);
    }
    dvsi_cli_show(out, dvsi_cli_json_text(document, "project", "the project"));
    dvsi_cli_put(out, ": ");
    if (json_array_size(json_object_get(document, "problems")) == 0) {
        dvsi_cli_put(out, "nothing wrong was found\n");
        return;
    }
    put_count(out, dvsi_cli_json_int(document, "errors"), "error", ", ");
    put_count(out, dvsi_cli_json_int(document, "warnings"), "warning", ", ");
    put_count(out, dvsi_cli_json_int(document, "infos"), "info", "\n");
}
