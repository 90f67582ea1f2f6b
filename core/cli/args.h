/* args.h - the command line: option tables, commands, and what a user typed, parsed. */
#ifndef DVSI_CLI_ARGS_H
#define DVSI_CLI_ARGS_H

#include <stddef.h>
#include <stdint.h>

typedef struct dvsi_cli dvsi_cli;

/* Several values of a repeatable option; the strings are argv's. */
typedef struct dvsi_cli_strings {
    const char **items;
    size_t n_items;
} dvsi_cli_strings;

typedef struct dvsi_cli_number {
    uint64_t value;
    unsigned given;
} dvsi_cli_number;

#define DVSI_CLI_MAX_OPERANDS 64

/* Every option's value; what was not given is zero. */
typedef struct dvsi_cli_args {
    const char *directory;
    unsigned quiet, verbose, help, version;
    const char *color;      /* "auto", "always", "never" */
    const char *log_format; /* "text", "json" */
    dvsi_cli_strings plugin_paths;

    const char *name;
    const char *config_file;

    const char *plugin; /* init */
    const char *output;
    const char *markdown; /* validate */

    unsigned json, no_progress;
    dvsi_cli_strings entities;
    dvsi_cli_number row_limit;
    const char *max_delete;
    unsigned full, dry_run, all; /* all: also `conflicts --all` */
    dvsi_cli_number limit;
    unsigned summary;

    const char *run_id, *older_than;
    unsigned clear, keep_latest;

    const char *keep; /* conflicts resolve */
    const char *plan;
    unsigned fail_on_conflict, force_overwrite;
    unsigned verify; /* --verify */
    unsigned rebuild;

    const char *entity, *field;
    dvsi_cli_strings keys;
    unsigned history;

    unsigned wait;

    const char *operands[DVSI_CLI_MAX_OPERANDS];
    size_t n_operands;
} dvsi_cli_args;

/* What an option stores at `offset` of dvsi_cli_args. */
#define DVSI_CLI_FLAG 0   /* unsigned: 1                                   */
#define DVSI_CLI_COUNT 1  /* unsigned: how often                           */
#define DVSI_CLI_TEXT 2   /* const char *                                  */
#define DVSI_CLI_LIST 3   /* dvsi_cli_strings: may be given several times  */
#define DVSI_CLI_NUMBER 4 /* dvsi_cli_number: a count from `least` on      */
#define DVSI_CLI_CHOICE 5 /* const char *: one of `choices`                */

typedef struct dvsi_cli_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: no short form */
    int kind;
    size_t offset;
    const char *argument; /* what usage calls the value */
    const char *choices;  /* "auto|always|never" */
    uint64_t least;
    const char *help;
} dvsi_cli_option;

typedef struct dvsi_cli_group {
    const char *title;
    const dvsi_cli_option *options; /* ends with a NULL name */
} dvsi_cli_group;

#define DVSI_CLI_NO_PROJECT 0
#define DVSI_CLI_ONE_PROJECT 1 /* exactly one of --name and --config-file             */
#define DVSI_CLI_ANY_PROJECT 2 /* the same, or --all                                  */

typedef struct dvsi_cli_command dvsi_cli_command;
struct dvsi_cli_command {
    const char *name; /* "sync", "plugins info" */
    const char *summary;
    const char *usage; /* what follows the name */
    const char *description;
    const char *examples;         /* one a line */
    const dvsi_cli_group *groups; /* ends with a NULL title */
    size_t least_operands, most_operands;
    int project;
    unsigned hidden;
    int (*run)(dvsi_cli *cli); /* the exit code; NULL: refused */
};

/* The commands, ending with a NULL name; those in two words behind the one that they belong to. */
extern const dvsi_cli_command dvsi_cli_commands[];
extern const dvsi_cli_option dvsi_cli_global_options[];

/* The options of the commands, in groups. */
extern const dvsi_cli_group dvsi_cli_no_groups[];
extern const dvsi_cli_group dvsi_cli_json_groups[];
extern const dvsi_cli_group dvsi_cli_report_groups[]; /* a project and --json */
extern const dvsi_cli_group dvsi_cli_diff_groups[];
extern const dvsi_cli_group dvsi_cli_sync_groups[];
extern const dvsi_cli_group dvsi_cli_history_groups[];
extern const dvsi_cli_group dvsi_cli_validate_groups[];
extern const dvsi_cli_group dvsi_cli_lineage_groups[];
extern const dvsi_cli_group dvsi_cli_cancel_groups[];
extern const dvsi_cli_group dvsi_cli_conflicts_groups[];
extern const dvsi_cli_group dvsi_cli_resolve_groups[];
extern const dvsi_cli_group dvsi_cli_init_groups[];

/* Whether this version refuses a command (option NULL) or an option of a command: "not supported yet". */
int dvsi_cli_refused(const char *command, const char *option);

/* A mistake in the command line, in words. */
typedef struct dvsi_cli_mistake {
    char message[512];
} dvsi_cli_mistake;

/* Reads argv. On a mistake -1 and the message; what could be understood is in *args and *command nonetheless
 * (for --color and --log-format). *command is NULL when none was named. Free with dvsi_cli_args_free. */
int dvsi_cli_parse(int argc, char **argv, dvsi_cli_args *args, const dvsi_cli_command **command,
                   dvsi_cli_mistake *mistake);
void dvsi_cli_args_free(dvsi_cli_args *args);

/* The name that a user may have meant among those that `next(context)` gives until NULL; NULL when none is
 * near. */
typedef const char *dvsi_cli_names_fn(void *context);
const char *dvsi_cli_nearest(const char *name, dvsi_cli_names_fn *next, void *context);

#endif
