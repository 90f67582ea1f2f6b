/* render_markdown.c - a validation as a Markdown document, for pull requests and wikis. */
#include "cli/render.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/json_read.h"
#include "cli/out.h"

/* Text of a table's cell. What stands in backquotes is shown as it is; a bar ends a cell even there. */
static void put_cell(dvsi_buf *out, const char *text)
{
    dvsi_buf shown = {0};
    int code = 0;

    dvsi_utf8_show(&shown, text, strlen(text), 0);
    if (shown.failed)
        out->failed = 1;
    for (const char *p = dvsi_buf_text(&shown); *p; p++) {
        code ^= *p == '`';
        if (*p == '|' || (!code && strchr("\\*_[]", *p)))
            dvsi_buf_putc(out, '\\');
        if (!code && *p == '<')
            dvsi_buf_puts(out, "&lt;");
        else if (!code && *p == '&')
            dvsi_buf_puts(out, "&amp;");
        else
            dvsi_buf_putc(out, *p);
    }
    dvsi_buf_free(&shown);
}

static void put_member(dvsi_buf *out, const json_t *row, const char *name)
{
    dvsi_buf_puts(out, " | ");
    put_cell(out, dvsi_cli_json_text(row, name, ""));
}

static void put_row(dvsi_buf *out, const json_t *row)
{
    dvsi_buf place = {0};
    const char *path = dvsi_cli_json_text(row, "path", "");

    dvsi_buf_puts(&place, dvsi_cli_json_text(row, "file", ""));
    if (dvsi_cli_json_int(row, "line") > 0)
        dvsi_buf_printf(&place, ":%lld:%lld", (long long)dvsi_cli_json_int(row, "line"),
                        (long long)dvsi_cli_json_int(row, "column"));
    dvsi_buf_printf(&place, "%s%s", *path ? " " : "", path);
    dvsi_buf_puts(out, "| ");
    put_cell(out, dvsi_buf_text(&place));
    put_member(out, row, "entity");
    put_member(out, row, "source");
    put_member(out, row, "field");
    put_member(out, row, "message");
    dvsi_buf_puts(out, " |\n");
    dvsi_buf_free(&place);
}

static void put_severity(dvsi_buf *out, const json_t *problems, const char *severity, const char *title)
{
    const json_t *row;
    size_t i;
    int first = 1;

    json_array_foreach(problems, i, row)
    {
        if (strcmp(dvsi_cli_json_text(row, "severity", "error"), severity) != 0)
            continue;
        if (first)
            dvsi_buf_printf(
                out, "\n## %s\n\n| where | entity | source | field | what |\n|---|---|---|---|---|\n", title);
        first = 0;
        put_row(out, row);
    }
}

void dvsi_cli_markdown_validation(const json_t *document, dvsi_buf *out)
{
    const json_t *problems = json_object_get(document, "problems");

    dvsi_buf_puts(out, "# dvsync validate: ");
    put_cell(out, dvsi_cli_json_text(document, "project", "the project"));
    dvsi_buf_printf(out, "\n\nErrors: %lld, warnings: %lld, infos: %lld.\n",
                    (long long)dvsi_cli_json_int(document, "errors"),
                    (long long)dvsi_cli_json_int(document, "warnings"),
                    (long long)dvsi_cli_json_int(document, "infos"));
    if (json_array_size(problems) == 0)
        dvsi_buf_puts(out, "\nNothing wrong was found.\n");
    put_severity(out, problems, "error", "Errors");
    put_severity(out, problems, "warning", "Warnings");
    put_severity(out, problems, "info", "Infos");
}

int dvsi_cli_write_markdown(dvsi_cli *cli, const char *path, const char *json)
{
    dvsi_buf text = {0};
    json_t *document = dvsi_cli_json_load(json);
    int failed = document ? 0 : EINVAL;

    if (document)
        dvsi_cli_markdown_validation(document, &text);
    if (text.failed)
        failed = ENOMEM;
    if (!failed)
        failed = dvsi_cli_write_file(path, dvsi_buf_text(&text), text.length, 1);
    if (failed)
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "the report could not be written to %s: %s", path,
                     strerror(failed));
    json_decref(document);
    dvsi_buf_free(&text);
    return failed ? DVSI_CLI_EXIT_FAILED : 0;
}
