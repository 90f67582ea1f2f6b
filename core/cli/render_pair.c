/* render_pair.c - "label   value" lines, and the errors of a result. */
#include "cli/render.h"

#include <string.h>

#include "cli/json_read.h"
#include "cli/table.h"

#define LABEL 14
#define MOST_ERRORS 20

void dvsi_cli_pair_text(dvsi_cli *cli, const char *label, const char *text)
{
    dvsi_cli_printf(&cli->out, "%-*s", LABEL, label);
    dvsi_cli_paint(&cli->out, dvsi_cli_state_color(text) ? dvsi_cli_state_color(text) : "");
    dvsi_cli_show(&cli->out, text);
    dvsi_cli_paint(&cli->out, dvsi_cli_state_color(text) ? DVSI_CLI_PLAIN : "");
    dvsi_cli_put(&cli->out, "\n");
}

void dvsi_cli_pair(dvsi_cli *cli, const char *label, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    dvsi_buf text = {0};

    if (!value || json_is_null(value))
        return;
    dvsi_cli_json_show(&text, value, 0);
    dvsi_cli_printf(&cli->out, "%-*s%s\n", LABEL, label, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

void dvsi_cli_pair_time(dvsi_cli *cli, const char *label, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    dvsi_buf text = {0};

    if (!value || json_is_null(value))
        return;
    dvsi_cli_json_time(&text, value);
    dvsi_cli_printf(&cli->out, "%-*s%s\n", LABEL, label, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static void add_place(dvsi_buf *text, const char *label, const json_t *error, const char *name)
{
    const json_t *value = json_object_get(error, name);

    if (!value || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
        return;
    dvsi_buf_puts(text, text->length ? ", " : "");
    dvsi_buf_puts(text, label);
    dvsi_cli_json_show(text, value, 100);
}

/* "entity accounts, source crm, row 12, key A-1, field name: message" */
static void say_error(dvsi_cli *cli, const json_t *error)
{
    int warning = strcmp(dvsi_cli_json_text(error, "severity", "error"), "warning") == 0;
    dvsi_buf text = {0};

    add_place(&text, "entity ", error, "entity");
    add_place(&text, "source ", error, "source");
    add_place(&text, "row ", error, "row");
    add_place(&text, "key ", error, "key");
    add_place(&text, "field ", error, "field");
    if (text.length)
        dvsi_buf_puts(&text, ": ");
    dvsi_buf_puts(&text, json_is_string(error) ? json_string_value(error)
                                               : dvsi_cli_json_text(error, "message", "(no message)"));
    dvsi_cli_log(&cli->console, warning ? DVSI_CLI_WARNING : DVSI_CLI_ERROR, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

void dvsi_cli_say_errors(dvsi_cli *cli, const json_t *errors)
{
    size_t n = json_array_size(errors);

    if (n == 0)
        return;
    dvsi_cli_flush(&cli->out); /* what came before stands before on a screen that shows both */
    for (size_t i = 0; i < n && i < MOST_ERRORS; i++)
        say_error(cli, json_array_get(errors, i));
    if (n > MOST_ERRORS)
        dvsi_cli_say(&cli->console, DVSI_CLI_WARNING, "%zu more were left out here; --json has them all",
                     n - MOST_ERRORS);
}
