/* commands.c - the commands. Those without `run` stand in refuse.c, too: they parse, and are refused. */
#include "cli/commands.h"

#define PROJECT "(--name NAME | --config-file FILE)"

/* clang-format off */
const dvsi_cli_command dvsi_cli_commands[] = {
    {
        .name = "list",
        .summary = "every project of the directory",
        .usage = "[--json]",
        .description = "Lists every project of the directory: its sources and sink, its state and its last "
                       "run. A file that cannot be used is a row of its own with its error; the others "
                       "still list.",
        .examples = "dvsync list\n"
                    "dvsync --directory /etc/dvsync list --json",
        .groups = dvsi_cli_json_groups,
        .project = DVSI_CLI_NO_PROJECT,
        .run = dvsi_cli_list,
    },
    {
        .name = "diff",
        .summary = "what a complete sync would change",
        .usage = PROJECT " [OPTIONS]",
        .description = "Reads the sources completely, compares them with the sink and shows field by field "
                       "what `sync --full` would change. Never writes to the sink. Exits 2 when there is "
                       "something to change.",
        .examples = "dvsync diff --name crm\n"
                    "dvsync diff --name crm --entity accounts --limit 0\n"
                    "dvsync diff --config-file crm.yaml --json > changes.jsonl\n"
                    "dvsync diff --name crm --plan crm.plan",
        .groups = dvsi_cli_diff_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_diff,
    },
    {
        .name = "sync",
        .summary = "brings the sink up to date",
        .usage = "(--name NAME | --config-file FILE | --all) [OPTIONS]",
        .description = "Reads what is new in the sources and writes it to the sink. The first Ctrl-C (or "
                       "SIGTERM) stops it at the next checkpoint, from where the next sync goes on; a "
                       "second one ends it at once.",
        .examples = "dvsync sync --name crm\n"
                    "dvsync sync --name crm --dry-run\n"
                    "dvsync sync --name crm --full --max-delete 50%\n"
                    "dvsync sync --name crm --plan crm.plan\n"
                    "dvsync sync --all --json",
        .groups = dvsi_cli_sync_groups,
        .project = DVSI_CLI_ANY_PROJECT,
        .run = dvsi_cli_sync,
    },
    {
        .name = "validate",
        .summary = "checks a project: file, plugins, settings, connections, schemas",
        .usage = PROJECT " [--markdown FILE] [--json]",
        .description = "Checks the project file, the plugins, their settings and the connections, and compares "
                       "the schemas: what the sources have now with what was synced, and the project's fields "
                       "with the tables. Lists everything that is wrong, as errors, warnings and infos. Exits "
                       "78 when the file cannot be used, 2 when something else is wrong, 0 when there are only "
                       "warnings and infos.",
        .examples = "dvsync validate --name crm\n"
                    "dvsync validate --config-file crm.yaml --json\n"
                    "dvsync validate --name crm --markdown schema.md",
        .groups = dvsi_cli_validate_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_validate,
    },
    {
        .name = "verify",
        .summary = "references that point to no record",
        .usage = PROJECT " [--json]",
        .description = "Looks whether each field that refers to another entity (`refers_to` in the project, "
                       "or declared by the source) holds the key of an active record. Reads the database "
                       "alone. Exit code 2 when a reference dangles, 3 when one could not be checked.",
        .examples = "dvsync verify --name crm",
        .groups = dvsi_cli_report_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_verify,
    },
    {
        .name = "status",
        .summary = "state of a project, and of its running sync",
        .usage = PROJECT " [--json]",
        .description = "Shows the state of a project and of each of its entities and, while it is syncing, "
                       "how far it had come at its last commit.",
        .examples = "dvsync status --name crm",
        .groups = dvsi_cli_report_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_status,
    },
    {
        .name = "history",
        .summary = "past runs, newest first",
        .usage = PROJECT " [OPTIONS]",
        .description = "Lists the runs of a project, newest first, shows one of them in full, or clears "
                       "the history. Clearing never touches data, state, lineage or a running sync.",
        .examples = "dvsync history --name crm --limit 5\n"
                    "dvsync history --name crm --run 0190f5fe-7c00-7a00-8000-000000000001\n"
                    "dvsync history --name crm --clear --keep-latest --older-than 90d",
        .groups = dvsi_cli_history_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_history,
    },
    {
        .name = "stats",
        .summary = "rows per entity, runs by status",
        .usage = PROJECT " [--json]",
        .description = "Shows how many active and deleted rows each entity has, when it was synced last "
                       "and read completely last, and how many runs there were of each status.",
        .examples = "dvsync stats --name crm",
        .groups = dvsi_cli_report_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_stats,
    },
    {
        .name = "lineage",
        .summary = "where a record's values came from",
        .usage = PROJECT " --entity E --key VALUE [OPTIONS]",
        .description = "Shows for each field of a record which source, source entity and source field its "
                       "value came from, in which run and when, and what it was before. One --key is the "
                       "whole key; a key of several fields is given as --key FIELD=VALUE, once per field.",
        .examples = "dvsync lineage --name crm --entity partners --key A-1\n"
                    "dvsync lineage --name crm --entity prices --key partner=A-1 --key year=2026 --history",
        .groups = dvsi_cli_lineage_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_lineage,
    },
    {
        .name = "conflicts",
        .summary = "where sources, or a source and the sink, disagree",
        .usage = PROJECT " [OPTIONS]",
        .description = "Lists the open conflicts, newest first: values of a source that lost against another "
                       "source's (field_differs), and values that somebody changed in the sink and a sync "
                       "overwrote (local_edit). A conflict closes by itself when the values agree. `conflicts "
                       "resolve ID --keep SOURCE|sink` decides one for good, `conflicts unpin ID` takes that "
                       "back.",
        .examples = "dvsync conflicts --name crm\n"
                    "dvsync conflicts --name crm --entity partners --all --json\n"
                    "dvsync conflicts resolve 7 --keep sheet --name crm\n"
                    "dvsync conflicts unpin 7 --name crm",
        .groups = dvsi_cli_conflicts_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_conflicts,
    },
    {
        .name = "conflicts resolve",
        .summary = "pins the value of one side of a conflict",
        .usage = "ID --keep SOURCE|sink " PROJECT " [--json]",
        .description = "Pins the value of one side of an open conflict: that of a source, or of the sink. The "
                       "next sync writes it, and it stays, whatever the sources say, until it is unpinned or "
                       "the record is deleted. Exits 4 while a sync of the project runs.",
        .examples = "dvsync conflicts resolve 7 --keep sheet --name crm",
        .groups = dvsi_cli_resolve_groups,
        .least_operands = 1,
        .most_operands = 1,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_resolve,
    },
    {
        .name = "conflicts unpin",
        .summary = "takes the pin of a resolved conflict away",
        .usage = "ID " PROJECT " [--json]",
        .description = "Takes away what `conflicts resolve` pinned. The next sync writes what the sources say, "
                       "and opens the conflict anew if they still disagree.",
        .examples = "dvsync conflicts unpin 7 --name crm",
        .groups = dvsi_cli_report_groups,
        .least_operands = 1,
        .most_operands = 1,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_unpin,
    },
    {
        .name = "plugins",
        .summary = "installed plugins, and what they can be told",
        .usage = "[list | info NAME] [--json]",
        .description = "Lists the plugins that dvsync finds; `plugins info NAME` shows the settings of "
                       "one.",
        .examples = "dvsync plugins\n"
                    "dvsync plugins info csv",
        .groups = dvsi_cli_json_groups,
        .project = DVSI_CLI_NO_PROJECT,
        .run = dvsi_cli_plugins,
    },
    {
        .name = "plugins list",
        .summary = "the plugins that dvsync finds",
        .usage = "[--json]",
        .description = "Lists the plugins that dvsync finds.",
        .examples = "dvsync plugins list --json",
        .groups = dvsi_cli_json_groups,
        .project = DVSI_CLI_NO_PROJECT,
        .run = dvsi_cli_plugins,
    },
    {
        .name = "plugins info",
        .summary = "a plugin's settings",
        .usage = "NAME [--json]",
        .description = "Shows what a plugin offers and each of its settings: type, default, whether it is "
                       "required or a secret.",
        .examples = "dvsync plugins info csv",
        .groups = dvsi_cli_json_groups,
        .least_operands = 1,
        .most_operands = 1,
        .project = DVSI_CLI_NO_PROJECT,
        .run = dvsi_cli_plugin_info,
    },
    {
        .name = "init",
        .summary = "writes a project file from a source's own streams",
        .usage = "--plugin NAME [--name NAME] [--entity E]... [--output FILE] [SETTING=VALUE]...",
        .description = "Asks a source what it has, and writes a commented project file for it. Settings are those "
                       "of the plugin (`dvsync plugins info NAME`). A secret that is given in clear does not go into "
                       "the file; best give it as '${VARIABLE}' or '${file:PATH}'.",
        .examples = "dvsync init --plugin csv path=data\n"
                    "dvsync init --plugin dataverse --name crm --output configs/crm.yaml "
                    "url=https://org.crm.dynamics.com client_id=ID 'client_secret=${CRM_SECRET}'",
        .groups = dvsi_cli_init_groups,
        .least_operands = 0,
        .most_operands = DVSI_CLI_MAX_OPERANDS,
        .project = DVSI_CLI_NO_PROJECT,
        .run = dvsi_cli_init,
    },
    {
        .name = "schema",
        .summary = "JSON Schema of a project file, for editors",
        .usage = "[--json]",
        .description = "Prints the JSON Schema of a project file, the settings of the installed plugins "
                       "included. Editors check and complete project files with it.",
        .examples = "dvsync schema > ~/.config/dvsync/project.schema.json",
        .groups = dvsi_cli_json_groups,
        .project = DVSI_CLI_NO_PROJECT,
        .run = dvsi_cli_schema,
    },
    {
        .name = "cancel",
        .summary = "asks a running sync to stop",
        .usage = PROJECT " [--wait] [--json]",
        .description = "Asks the running sync of a project to stop at its next checkpoint. The next sync "
                       "goes on from there.",
        .examples = "dvsync cancel --name crm --wait",
        .groups = dvsi_cli_cancel_groups,
        .project = DVSI_CLI_ONE_PROJECT,
        .run = dvsi_cli_cancel,
    },
    {
        .name = "help",
        .summary = "help for a command",
        .usage = "[COMMAND]",
        .description = "Prints help, also that of a command.",
        .examples = "dvsync help sync",
        .groups = dvsi_cli_no_groups,
        .least_operands = 0,
        .most_operands = 2,
        .project = DVSI_CLI_NO_PROJECT,
        .hidden = 1,
        .run = dvsi_cli_help,
    },
    {
        .name = "completion",
        .summary = "a completion script",
        .usage = "bash",
        .description = "Prints a script that completes dvsync's command line in bash.",
        .examples = "dvsync completion bash > ~/.local/share/bash-completion/completions/dvsync",
        .groups = dvsi_cli_no_groups,
        .least_operands = 1,
        .most_operands = 1,
        .project = DVSI_CLI_NO_PROJECT,
        .hidden = 1,
        .run = dvsi_cli_completion,
    },
    {.name = "plugins check", .usage = "PATH", .groups = dvsi_cli_json_groups, .hidden = 1,
     .least_operands = 1, .most_operands = 1},
    {.name = "plugins new", .usage = "NAME", .groups = dvsi_cli_no_groups, .hidden = 1,
     .least_operands = 1, .most_operands = 1},
    {.name = NULL},
};
/* clang-format on */
