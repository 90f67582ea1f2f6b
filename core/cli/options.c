/* options.c - the option tables: parser, usage, help and completion all read them. */
#include "cli/args.h"

#define AT(member) offsetof(dvsi_cli_args, member)
/* clang-format off */
#define FLAG(name, letter, member, help) {name, letter, DVSI_CLI_FLAG, AT(member), NULL, NULL, 0, help}
#define TEXT(name, member, argument, help) {name, 0, DVSI_CLI_TEXT, AT(member), argument, NULL, 0, help}
#define LIST(name, member, argument, help) {name, 0, DVSI_CLI_LIST, AT(member), argument, NULL, 0, help}
#define NUMBER(name, member, least, help) {name, 0, DVSI_CLI_NUMBER, AT(member), "N", NULL, least, help}
#define CHOICE(name, member, choices, help) {name, 0, DVSI_CLI_CHOICE, AT(member), choices, choices, 0, help}
#define END {NULL, 0, 0, 0, NULL, NULL, 0, NULL}
#define GROUP_END {NULL, NULL}
/* clang-format on */

const dvsi_cli_option dvsi_cli_global_options[] = {
    TEXT("directory", directory, "DIR",
         "where the projects are; default $DVSYNC_DIRECTORY, else ./configs if there is one, else ."),
    FLAG("quiet", 'q', quiet, "only errors on stderr: no progress, no warnings"),
    {"verbose", 'v', DVSI_CLI_COUNT, AT(verbose), NULL, NULL, 0, "more on stderr; twice: debug messages"},
    CHOICE("color", color, "auto|always|never", "colours; auto: on a terminal, unless $NO_COLOR is set"),
    CHOICE("log-format", log_format, "text|json", "how messages on stderr look; json: one object a line"),
    LIST("plugin-path", plugin_paths, "DIR",
         "look for plugins here first; may be given several times; then in $DVSYNC_PLUGIN_PATH"),
    FLAG("help", 'h', help, "print help and exit; also behind a command"),
    FLAG("version", 0, version, "print the versions of dvsync, its libraries and plugins, and exit"),
    END,
};

static const dvsi_cli_option project_options[] = {
    TEXT("name", name, "NAME", "the project of this name in the directory"),
    TEXT("config-file", config_file, "FILE", "the project in this file"),
    END,
};

static const dvsi_cli_option all_option[] = {
    FLAG("all", 0, all, "every project of the directory, one after the other, with one exit code"),
    END,
};

static const dvsi_cli_option json_option[] = {
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

static const dvsi_cli_option read_options[] = {
    LIST("entity", entities, "E", "only this entity; may be given several times"),
    NUMBER("row-limit", row_limit, 1,
           "read at most N records per source of an entity, for trials: moves no cursor, deletes nothing"),
    TEXT("max-delete", max_delete, "N|N%",
         "refuse to delete more than so many, or so many percent, of an entity's rows; default: the "
         "project's"),
    FLAG("force-overwrite", 0, force_overwrite, "overwrite reference fields and pinned values, too"),
    FLAG("verify", 0, verify, "check references afterwards, as `verify` does"),
    FLAG("fail-on-conflict", 0, fail_on_conflict, "exit 2 when conflicts stay open"),
    FLAG("no-progress", 0, no_progress, "print no progress"),
    END,
};

static const dvsi_cli_option diff_options[] = {
    NUMBER("limit", limit, 0,
           "show at most N changes as text, 0: all; default 100 (the counts are complete)"),
    FLAG("summary", 0, summary, "show only the counts"),
    TEXT("plan", plan, "FILE",
         "save the changes as a plan, to be carried out by `sync --plan`; replaces a plan that is there"),
    FLAG("json", 0, json, "print JSON Lines: one object a change, the summary last"),
    END,
};

static const dvsi_cli_option sync_options[] = {
    FLAG("full", 0, full, "read everything, not only what is new"),
    FLAG("dry-run", 0, dry_run, "show what this sync would change, and change nothing"),
    FLAG("rebuild", 0, rebuild, "with --entity: read everything into a new table and swap it in"),
    TEXT("plan", plan, "FILE", "carry out a plan that `diff --plan` saved, and nothing else"),
    FLAG("json", 0, json, "print the result as JSON; with --all one document a project and line"),
    END,
};

static const dvsi_cli_option validate_options[] = {
    TEXT("markdown", markdown, "FILE",
         "write the result to FILE as Markdown, too; one that is there is replaced"),
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

static const dvsi_cli_option history_options[] = {
    NUMBER("limit", limit, 0, "show at most N runs, 0: all; default 20"),
    TEXT("run", run_id, "ID", "one run in full"),
    FLAG("clear", 0, clear, "delete the finished runs from the history (no data, state or lineage)"),
    FLAG("keep-latest", 0, keep_latest, "with --clear: keep the newest finished run"),
    TEXT("older-than", older_than, "AGE", "with --clear: only runs older than this (90d, 12h)"),
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

static const dvsi_cli_option lineage_options[] = {
    TEXT("entity", entity, "E", "the entity"),
    LIST("key", keys, "VALUE|FIELD=VALUE", "the record's key; of several fields: --key a=1 --key b=2"),
    TEXT("field", field, "F", "only this field"),
    FLAG("history", 0, history, "every change, not only where the present values came from"),
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

static const dvsi_cli_option cancel_options[] = {
    FLAG("wait", 0, wait, "return when the sync has stopped"),
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

static const dvsi_cli_option conflicts_options[] = {
    FLAG("all", 0, all, "closed and resolved ones, too"),
    TEXT("entity", entity, "E", "only those of this entity"),
    NUMBER("limit", limit, 0, "show at most N conflicts, 0: all; default 100 (the counts are complete)"),
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

static const dvsi_cli_option resolve_options[] = {
    TEXT("keep", keep, "SOURCE|sink", "whose value stays"),
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

static const dvsi_cli_option init_options[] = {
    TEXT("plugin", plugin, "NAME", "the source's plugin"),
    TEXT("name", name, "NAME", "name of the project; default: the plugin's"),
    LIST("entity", entities, "E", "enable this stream, the others as comments; may be given several times"),
    TEXT("output", output, "FILE",
         "write the project to FILE, which must not exist; default: standard output"),
    FLAG("json", 0, json, "print the result as JSON"),
    END,
};

const dvsi_cli_group dvsi_cli_no_groups[] = {GROUP_END};
const dvsi_cli_group dvsi_cli_json_groups[] = {{"Options", json_option}, GROUP_END};
const dvsi_cli_group dvsi_cli_report_groups[] = {
    {"Project", project_options}, {"Options", json_option}, GROUP_END};
const dvsi_cli_group dvsi_cli_diff_groups[] = {
    {"Project", project_options}, {"Options", read_options}, {"Output", diff_options}, GROUP_END};
const dvsi_cli_group dvsi_cli_sync_groups[] = {{"Project", project_options},
                                               {"All projects", all_option},
                                               {"Options", read_options},
                                               {"What to do", sync_options},
                                               GROUP_END};
const dvsi_cli_group dvsi_cli_validate_groups[] = {
    {"Project", project_options}, {"Options", validate_options}, GROUP_END};
const dvsi_cli_group dvsi_cli_history_groups[] = {
    {"Project", project_options}, {"Options", history_options}, GROUP_END};
const dvsi_cli_group dvsi_cli_lineage_groups[] = {
    {"Project", project_options}, {"Options", lineage_options}, GROUP_END};
const dvsi_cli_group dvsi_cli_cancel_groups[] = {
    {"Project", project_options}, {"Options", cancel_options}, GROUP_END};
const dvsi_cli_group dvsi_cli_conflicts_groups[] = {
    {"Project", project_options}, {"Options", conflicts_options}, GROUP_END};
const dvsi_cli_group dvsi_cli_resolve_groups[] = {
    {"Project", project_options}, {"Options", resolve_options}, GROUP_END};
const dvsi_cli_group dvsi_cli_init_groups[] = {{"Options", init_options}, GROUP_END};
