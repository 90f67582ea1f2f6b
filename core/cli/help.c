/* help.c - usage and help. */
#include "cli/help.h"

#include <string.h>

#include "cli/session.h"

#define WIDTH 80
#define INDENT 26 /* where the descriptions of options and commands begin */

/* Text broken into lines of at most WIDTH columns, the second and later ones indented; `column` is where the
 * first begins. */
static void wrap(dvsi_cli_out *out, const char *text, size_t column, size_t indent)
{
    while (*text) {
        size_t length = strcspn(text, " ");

        if (column > indent && column + 1 + length > WIDTH) {
            dvsi_cli_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            dvsi_cli_put(out, " ");
            column++;
        }
        dvsi_cli_printf(out, "%.*s", (int)length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    dvsi_cli_put(out, "\n");
}

static void title(dvsi_cli_out *out, const char *text)
{
    dvsi_cli_put(out, "\n");
    dvsi_cli_paint(out, DVSI_CLI_BOLD);
    dvsi_cli_printf(out, "%s:", text);
    dvsi_cli_paint(out, DVSI_CLI_PLAIN);
    dvsi_cli_put(out, "\n");
}

/* A name and what it does, in two columns. */
static void entry(dvsi_cli_out *out, const dvsi_buf *name, const char *help)
{
    dvsi_cli_printf(out, "  %s", dvsi_buf_text(name));
    if (name->length + 4 > INDENT)
        dvsi_cli_printf(out, "\n%*s", INDENT, "");
    else
        dvsi_cli_printf(out, "%*s", (int)(INDENT - 2 - name->length), "");
    wrap(out, help, INDENT, INDENT);
}

static void print_options(dvsi_cli_out *out, const char *command, const char *heading,
                          const dvsi_cli_option *options)
{
    int first = 1;

    for (const dvsi_cli_option *o = options; o->name; o++) {
        dvsi_buf name = {0};

        if (command && dvsi_cli_refused(command, o->name))
            continue;
        if (first)
            title(out, heading);
        first = 0;
        if (o->letter)
            dvsi_buf_printf(&name, "-%c, ", o->letter);
        dvsi_buf_printf(&name, "--%s", o->name);
        if (o->argument)
            dvsi_buf_printf(&name, " %s", o->argument);
        entry(out, &name, o->help);
        dvsi_buf_free(&name);
    }
}

static void print_examples(dvsi_cli_out *out, const char *examples)
{
    title(out, "Examples");
    while (*examples) {
        size_t length = strcspn(examples, "\n");

        dvsi_cli_printf(out, "  %.*s\n", (int)length, examples);
        examples += length + (examples[length] == '\n');
    }
}

static void print_commands(dvsi_cli_out *out, const char *parent)
{
    size_t length = parent ? strlen(parent) : 0;
    int first = 1;

    for (const dvsi_cli_command *c = dvsi_cli_commands; c->name; c++) {
        dvsi_buf name = {0};
        int inner = strchr(c->name, ' ') != NULL;

        if (c->hidden ||
            (parent ? !(strncmp(c->name, parent, length) == 0 && c->name[length] == ' ') : inner))
            continue;
        if (first)
            title(out, "Commands");
        first = 0;
        dvsi_buf_puts(&name, c->name);
        entry(out, &name, c->summary);
        dvsi_buf_free(&name);
    }
}

static void print_exit_codes(dvsi_cli_out *out)
{
    static const char *const codes[][2] = {
        {"0", "done; diff, validate, verify: nothing found"},
        {"1", "failed: no entity finished"},
        {"2", "found something: drift, validation errors, dangling references, with --fail-on-conflict open "
              "conflicts"},
        {"3", "finished, but rows or entities failed or a part could not be compared"},
        {"4", "another sync of this project is going on; nothing was done"},
        {"5", "refused by a guard: too many deletes, a plan that no longer fits"},
        {"64", "wrong usage"},
        {"78", "invalid project"},
        {"130, 143", "interrupted (SIGINT; SIGTERM, cancel): stopped at a checkpoint, can go on"},
    };

    title(out, "Exit codes");
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        dvsi_buf name = {0};

        dvsi_buf_puts(&name, codes[i][0]);
        entry(out, &name, codes[i][1]);
        dvsi_buf_free(&name);
    }
}

static void print_top(dvsi_cli_out *out)
{
    dvsi_cli_put(out, "Usage: dvsync [GLOBAL OPTIONS] COMMAND [OPTIONS]\n\n");
    wrap(out,
         "Keeps a database in step with the systems that its data comes from. A project file says which "
         "sources, "
         "which sink and which entities.",
         0, 0);
    print_commands(out, NULL);
    print_options(out, NULL, "Global options", dvsi_cli_global_options);
    print_exit_codes(out);
    print_examples(out, "dvsync list\ndvsync diff --name crm\ndvsync sync --name crm");
    dvsi_cli_put(out, "\n'dvsync COMMAND --help' tells more about a command.\n");
}

void dvsi_cli_print_help(dvsi_cli_out *out, const dvsi_cli_command *command)
{
    if (!command || strcmp(command->name, "help") == 0) {
        print_top(out);
        return;
    }
    dvsi_cli_printf(out, "Usage: dvsync [GLOBAL OPTIONS] %s %s\n\n", command->name, command->usage);
    if (dvsi_cli_refused(command->name, NULL)) {
        dvsi_cli_put(out, "This command is not supported yet.\n");
        return;
    }
    wrap(out, command->description, 0, 0);
    print_commands(out, command->name);
    for (const dvsi_cli_group *group = command->groups; group->title; group++)
        print_options(out, command->name, group->title, group->options);
    print_options(out, NULL, "Global options", dvsi_cli_global_options);
    print_examples(out, command->examples);
}

int dvsi_cli_help(dvsi_cli *cli)
{
    const dvsi_cli_args *args = &cli->args;
    const dvsi_cli_command *found = NULL;
    dvsi_buf name = {0};

    for (size_t i = 0; i < args->n_operands; i++)
        dvsi_buf_printf(&name, "%s%s", i ? " " : "", args->operands[i]);
    for (const dvsi_cli_command *c = dvsi_cli_commands; c->name && !found; c++) {
        if (strcmp(c->name, dvsi_buf_text(&name)) == 0)
            found = c;
    }
    if (args->n_operands > 0 && !found)
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "the command '%s' is not known; see 'dvsync --help'",
                     dvsi_buf_text(&name));
    else
        dvsi_cli_print_help(&cli->out, found);
    dvsi_buf_free(&name);
    return args->n_operands > 0 && !found ? DVSI_CLI_EXIT_USAGE : 0;
}
