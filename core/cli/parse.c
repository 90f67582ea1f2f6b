/* parse.c - argv against the tables of options.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"

typedef struct parser {
    int argc;
    char **argv;
    int at; /* the next argument to look at */
    dvsi_cli_args *args;
    const dvsi_cli_command *command;
    const dvsi_cli_option *seen[128]; /* options that may be given once, as they came */
    size_t n_seen;
    const char *refused; /* the first option that this version refuses */
    dvsi_cli_mistake *mistake;
    int failed;
} parser;

/* Keeps the first mistake: later ones are often its consequence. */
__attribute__((format(printf, 2, 3))) static void wrong(parser *p, const char *format, ...)
{
    va_list args;

    if (p->failed)
        return;
    p->failed = 1;
    va_start(args, format);
    vsnprintf(p->mistake->message, sizeof(p->mistake->message), format, args);
    va_end(args);
}

/* ---- Finding options and commands ---- */

typedef struct option_walk {
    const dvsi_cli_command *command; /* NULL: the global options only */
    const dvsi_cli_option *option;
    size_t group;
    int local;
} option_walk;

static const dvsi_cli_option *next_option(option_walk *walk)
{
    if (!walk->option)
        walk->option = dvsi_cli_global_options;
    for (;;) {
        if (walk->option->name)
            return walk->option++;
        if (!walk->command)
            return NULL;
        walk->group += walk->local ? 1 : 0;
        walk->local = 1;
        if (!walk->command->groups[walk->group].title)
            return NULL;
        walk->option = walk->command->groups[walk->group].options;
    }
}

static const char *next_option_name(void *context)
{
    option_walk *walk = (option_walk *)context;
    const dvsi_cli_option *option;

    do {
        option = next_option(walk);
    } while (option && walk->command && dvsi_cli_refused(walk->command->name, option->name));
    return option ? option->name : NULL;
}

static const dvsi_cli_option *find_option(const dvsi_cli_command *command, const char *name, size_t length)
{
    option_walk walk = {command, NULL, 0, 0};
    const dvsi_cli_option *option;

    while ((option = next_option(&walk))) {
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static const dvsi_cli_option *find_letter(char letter)
{
    for (const dvsi_cli_option *option = dvsi_cli_global_options; option->name; option++) {
        if (option->letter == letter)
            return option;
    }
    return NULL;
}

static const dvsi_cli_command *find_command(const char *first, const char *second)
{
    size_t length = strlen(first);

    for (const dvsi_cli_command *c = dvsi_cli_commands; c->name; c++) {
        if (!second && strcmp(c->name, first) == 0)
            return c;
        if (second && strncmp(c->name, first, length) == 0 && c->name[length] == ' ' &&
            strcmp(c->name + length + 1, second) == 0)
            return c;
    }
    return NULL;
}

typedef struct command_walk {
    const dvsi_cli_command *command;
    const char *parent; /* NULL: commands of one word; else those behind it */
} command_walk;

static const char *next_command_name(void *context)
{
    command_walk *walk = (command_walk *)context;
    size_t length = walk->parent ? strlen(walk->parent) : 0;

    while (walk->command->name) {
        const dvsi_cli_command *c = walk->command++;

        if (c->hidden && c->run)
            continue; /* help and completion; what is refused is a name that users know */
        if (!walk->parent && !strchr(c->name, ' '))
            return c->name;
        if (walk->parent && strncmp(c->name, walk->parent, length) == 0 && c->name[length] == ' ')
            return c->name + length + 1;
    }
    return NULL;
}

static int has_subcommands(const char *name)
{
    command_walk walk = {dvsi_cli_commands, name};

    return next_command_name(&walk) != NULL;
}

/* ---- Values ---- */

static int add_string(dvsi_cli_strings *list, const char *text)
{
    const char **items = (const char **)realloc(list->items, (list->n_items + 1) * sizeof(*items));

    if (!items)
        return -1;
    list->items = items;
    list->items[list->n_items++] = text;
    return 0;
}

static int one_of(const char *choices, const char *text)
{
    size_t length = strlen(text);

    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (length > 0 && strncmp(at, text, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return 1;
    }
    return 0;
}

static int to_count(const char *text, uint64_t *value)
{
    uint64_t number = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || number > (UINT64_MAX - 9) / 10)
            return -1;
        number = number * 10 + (uint64_t)(*text - '0');
    }
    *value = number;
    return 0;
}

static void store(parser *p, const dvsi_cli_option *option, const char *value)
{
    void *place = (char *)p->args + option->offset;
    dvsi_cli_number *number = (dvsi_cli_number *)place;

    switch (option->kind) {
    case DVSI_CLI_FLAG:
        *(unsigned *)place = 1;
        return;
    case DVSI_CLI_COUNT:
        *(unsigned *)place += 1;
        return;
    case DVSI_CLI_LIST:
        if (add_string((dvsi_cli_strings *)place, value))
            wrong(p, "memory ran out");
        return;
    case DVSI_CLI_NUMBER:
        if (to_count(value, &number->value) || number->value < option->least)
            wrong(p, "--%s needs a whole number from %u on, not '%s'", option->name, (unsigned)option->least,
                  value);
        number->given = 1;
        return;
    case DVSI_CLI_CHOICE:
        if (!one_of(option->choices, value))
            wrong(p, "--%s is one of %s, not '%s'", option->name, option->choices, value);
        else
            *(const char **)place = value;
        return;
    default:
        *(const char **)place = value;
        return;
    }
}

/* An option that holds one value and is given twice is a mistake, most often of a script. */
static void note_seen(parser *p, const dvsi_cli_option *option)
{
    if (option->kind == DVSI_CLI_FLAG || option->kind == DVSI_CLI_COUNT || option->kind == DVSI_CLI_LIST)
        return;
    for (size_t i = 0; i < p->n_seen; i++) {
        if (p->seen[i] == option)
            wrong(p, "--%s was given twice", option->name);
    }
    if (p->n_seen < sizeof(p->seen) / sizeof(p->seen[0]))
        p->seen[p->n_seen++] = option;
}

/* ---- Reading argv ---- */

static void unknown_option(parser *p, const char *name, size_t length)
{
    char text[64];
    option_walk walk = {p->command, NULL, 0, 0};
    const char *near;
    const char *command = p->command ? p->command->name : NULL;

    snprintf(text, sizeof(text), "%.*s", length < sizeof(text) ? (int)length : (int)sizeof(text) - 1, name);
    for (const dvsi_cli_command *c = dvsi_cli_commands; !p->command && c->name; c++) {
        if (find_option(c, name, length)) {
            wrong(p, "--%s stands behind the command: dvsync COMMAND --%s ...", text, text);
            return;
        }
    }
    near = dvsi_cli_nearest(text, next_option_name, &walk);
    if (near)
        wrong(p, "the option --%s is not known; did you mean --%s?", text, near);
    else
        wrong(p, "the option --%s is not known; see 'dvsync %s%s--help'", text, command ? command : "",
              command ? " " : "");
}

/* `--name --json` is a forgotten value (one that starts with a dash is written --name=-x), `--limit -5` a
 * wrong one. */
static int looks_like_option(const dvsi_cli_option *option, const char *text)
{
    if (text[0] != '-' || text[1] == '\0')
        return 0;
    return option->kind != DVSI_CLI_NUMBER || text[1] < '0' || text[1] > '9';
}

static void read_long(parser *p, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const dvsi_cli_option *option = find_option(p->command, text, length);
    const char *value = equals ? equals + 1 : NULL;
    int takes_none;

    if (!option) {
        unknown_option(p, text, length);
        return;
    }
    takes_none = option->kind == DVSI_CLI_FLAG || option->kind == DVSI_CLI_COUNT;
    if (p->command && dvsi_cli_refused(p->command->name, option->name) && !p->refused)
        p->refused = option->name;
    if (takes_none && value) {
        wrong(p, "--%s takes no value", option->name);
        return;
    }
    if (!takes_none && !value) {
        if (p->at >= p->argc || looks_like_option(option, p->argv[p->at])) {
            wrong(p, "--%s needs a value: --%s %s", option->name, option->name, option->argument);
            return;
        }
        value = p->argv[p->at++];
    }
    if (value && !*value) {
        wrong(p, "--%s was given an empty value", option->name);
        return;
    }
    note_seen(p, option);
    store(p, option, value);
}

static void read_letters(parser *p, const char *text)
{
    for (; *text; text++) {
        const dvsi_cli_option *option = find_letter(*text);

        if (!option) {
            wrong(p, "the option -%c is not known; see 'dvsync --help'", *text);
            return;
        }
        store(p, option, NULL);
    }
}

static void unknown_command(parser *p, const char *name, const char *parent)
{
    command_walk walk = {dvsi_cli_commands, parent};
    const char *near = dvsi_cli_nearest(name, next_command_name, &walk);
    const char *space = parent ? " " : "";

    if (!parent)
        parent = "";
    if (near)
        wrong(p, "the command '%s%s%s' is not known; did you mean '%s%s%s'?", parent, space, name, parent,
              space, near);
    else
        wrong(p, "the command '%s%s%s' is not known; see 'dvsync %s%s--help'", parent, space, name, parent,
              space);
}

static void read_word(parser *p, const char *word)
{
    const dvsi_cli_command *command;

    if (!p->command) {
        p->command = find_command(word, NULL);
        if (!p->command)
            unknown_command(p, word, NULL);
        return;
    }
    if (p->args->n_operands == 0 && (command = find_command(p->command->name, word))) {
        p->command = command;
        return;
    }
    if (p->args->n_operands < DVSI_CLI_MAX_OPERANDS)
        p->args->operands[p->args->n_operands++] = word;
    else
        wrong(p, "too many arguments from '%s' on", word);
}

static void check_operands(parser *p)
{
    const dvsi_cli_command *c = p->command;
    const dvsi_cli_args *args = p->args;

    if (args->n_operands > c->most_operands) {
        const char *word = args->operands[c->most_operands];

        if (has_subcommands(c->name))
            unknown_command(p, word, c->name);
        else if (c->project != DVSI_CLI_NO_PROJECT && !args->name && !args->config_file)
            wrong(p, "'%s' takes no argument '%s'; a project is named by --name %s", c->name, word, word);
        else
            wrong(p, "'%s' takes no argument '%s'; see 'dvsync %s --help'", c->name, word, c->name);
    } else if (args->n_operands < c->least_operands) {
        wrong(p, "'%s' needs an argument: dvsync %s %s", c->name, c->name, c->usage);
    }
}

static void check_project(parser *p)
{
    const dvsi_cli_command *c = p->command;
    int given = (p->args->name ? 1 : 0) + (p->args->config_file ? 1 : 0);
    int any = c->project == DVSI_CLI_ANY_PROJECT;

    if (c->project == DVSI_CLI_NO_PROJECT)
        return;
    if (any && p->args->all)
        given++;
    if (given == 0)
        wrong(p, "no project was named; give %s",
              any ? "--name NAME, --config-file FILE or --all" : "--name NAME or --config-file FILE");
    else if (given > 1)
        wrong(p, "more than one project was named; give exactly one of %s",
              any ? "--name, --config-file and --all" : "--name and --config-file");
}

static void check_refusals(parser *p)
{
    if (p->command && dvsi_cli_refused(p->command->name, NULL))
        wrong(p, "the command '%s' is not supported yet", p->command->name);
    else if (p->refused)
        wrong(p, "the option --%s of '%s' is not supported yet; leave it out", p->refused, p->command->name);
}

int dvsi_cli_parse(int argc, char **argv, dvsi_cli_args *args, const dvsi_cli_command **command,
                   dvsi_cli_mistake *mistake)
{
    parser p = {0};
    int only_words = 0;

    p.argc = argc;
    p.argv = argv;
    p.args = args;
    p.mistake = mistake;
    for (p.at = 1; p.at < argc;) {
        const char *text = argv[p.at++];

        if (only_words || text[0] != '-' || text[1] == '\0')
            read_word(&p, text);
        else if (strcmp(text, "--") == 0)
            only_words = 1;
        else if (text[1] == '-')
            read_long(&p, text + 2);
        else
            read_letters(&p, text + 1);
    }
    *command = p.command;
    if (args->help || args->version)
        return p.failed ? -1 : 0;
    check_refusals(&p);
    if (!p.failed && p.command) {
        check_operands(&p);
        check_project(&p);
    }
    return p.failed ? -1 : 0;
}

void dvsi_cli_args_free(dvsi_cli_args *args)
{
    free(args->plugin_paths.items);
    free(args->entities.items);
    free(args->keys.items);
}
