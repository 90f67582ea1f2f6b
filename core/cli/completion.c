/* completion.c - `completion bash`: a script made from the option tables. */
#include <string.h>

#include "cli/session.h"

static void put_words(dvsi_cli_out *out, const char *command, const dvsi_cli_option *options)
{
    for (const dvsi_cli_option *o = options; o->name; o++) {
        if (!command || !dvsi_cli_refused(command, o->name))
            dvsi_cli_printf(out, " --%s", o->name);
    }
}

/* "a|b" as "a b" */
static void put_choices(dvsi_cli_out *out, const char *choices)
{
    for (; *choices; choices++)
        dvsi_cli_printf(out, "%c", *choices == '|' ? ' ' : *choices);
}

/* The words that may follow a command: its second word, its options. */
static void put_command(dvsi_cli_out *out, const dvsi_cli_command *command)
{
    size_t length = strlen(command->name);

    dvsi_cli_printf(out, "    '%s') words='", command->name);
    for (const dvsi_cli_command *c = dvsi_cli_commands; c->name; c++) {
        if (!c->hidden && strncmp(c->name, command->name, length) == 0 && c->name[length] == ' ')
            dvsi_cli_printf(out, " %s", c->name + length + 1);
    }
    for (const dvsi_cli_group *group = command->groups; group->title; group++)
        put_words(out, command->name, group->options);
    dvsi_cli_put(out, "' ;;\n");
}

int dvsi_cli_completion(dvsi_cli *cli)
{
    dvsi_cli_out *out = &cli->out;

    if (strcmp(cli->args.operands[0], "bash") != 0) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "there is no completion for '%s'; there is one for bash",
                     cli->args.operands[0]);
        return DVSI_CLI_EXIT_USAGE;
    }
    dvsi_cli_put(out, "# bash completion of dvsync; written by `dvsync completion bash`\n"
                      "_dvsync() {\n"
                      "    local now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                      "    local word command='' skip='' words=''\n"
                      "    COMPREPLY=()\n"
                      "    case $before in\n"
                      "    --config-file) COMPREPLY=($(compgen -f -- \"$now\")); return ;;\n"
                      "    --directory|--plugin-path) COMPREPLY=($(compgen -d -- \"$now\")); return ;;\n");
    for (const dvsi_cli_option *o = dvsi_cli_global_options; o->name; o++) {
        if (o->choices) {
            dvsi_cli_printf(out, "    --%s) COMPREPLY=($(compgen -W '", o->name);
            put_choices(out, o->choices);
            dvsi_cli_put(out, "' -- \"$now\")); return ;;\n");
        }
    }
    dvsi_cli_put(out, "    esac\n"
                      "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                      "        if [ -n \"$skip\" ]; then skip=''; continue; fi\n"
                      "        case $word in\n"
                      "        --directory|--plugin-path|--color|--log-format) skip=1 ;;\n"
                      "        -*) ;;\n"
                      "        *) if [ -z \"$command\" ]; then command=$word\n"
                      "           elif [ \"$command\" = plugins ]; then command=\"plugins $word\"; fi ;;\n"
                      "        esac\n"
                      "    done\n"
                      "    case $command in\n    '') words='");
    for (const dvsi_cli_command *c = dvsi_cli_commands; c->name; c++) {
        if (!c->hidden && !strchr(c->name, ' '))
            dvsi_cli_printf(out, " %s", c->name);
    }
    dvsi_cli_put(out, "' ;;\n");
    for (const dvsi_cli_command *c = dvsi_cli_commands; c->name; c++) {
        if (!c->hidden)
            put_command(out, c);
    }
    dvsi_cli_put(out, "    esac\n    words=\"$words");
    put_words(out, NULL, dvsi_cli_global_options);
    dvsi_cli_put(out,
                 "\"\n    COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n}\ncomplete -F _dvsync dvsync\n");
    return 0;
}
