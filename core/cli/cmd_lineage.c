/* cmd_lineage.c - `lineage`: where a record's values came from. */
#include <stdlib.h>
#include <string.h>

#include "cli/json_read.h"
#include "cli/render.h"

/* Splits `--key FIELD=VALUE` each. The names are copies, to be freed. 0, 64 after saying what is wrong, or
 * 1. */
static int split_keys(dvsi_cli *cli, char **fields, const char **values)
{
    const dvsi_cli_strings *keys = &cli->args.keys;

    for (size_t i = 0; i < keys->n_items; i++) {
        const char *equals = strchr(keys->items[i], '=');

        if (!equals || equals == keys->items[i]) {
            dvsi_cli_say(&cli->console, DVSI_CLI_ERROR,
                         "--key '%s' names no field; give --key FIELD=VALUE for each", keys->items[i]);
            return DVSI_CLI_EXIT_USAGE;
        }
        values[i] = equals + 1;
        fields[i] = strndup(keys->items[i], (size_t)(equals - keys->items[i]));
        if (!fields[i]) {
            dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "memory ran out");
            return DVSI_CLI_EXIT_FAILED;
        }
    }
    return 0;
}

static int32_t ask(const dvsi_cli *cli, dvs_project *project, char **fields, const char **values,
                   dvs_report **report, dvs_error *err)
{
    const dvsi_cli_args *args = &cli->args;
    dvs_lineage_options options = {0};

    options.struct_size = (uint32_t)sizeof(options);
    options.n_keys = (uint32_t)args->keys.n_items;
    options.entity = args->entity;
    options.key_fields = (const char *const *)fields;
    options.key_values = values;
    options.field = args->field;
    options.history = args->history;
    return dvs_lineage(project, &options, report, err);
}

static int is_empty(const dvs_report *report)
{
    json_t *document = dvsi_cli_json_load(dvs_report_json(report));
    int empty = json_array_size(json_object_get(document, "fields")) == 0 &&
                json_array_size(json_object_get(document, "changes")) == 0;

    json_decref(document);
    return empty;
}

/* A single key is the whole value, whatever it looks like. Only when no record has it, `id=1` is read as the
 * value 1 of the field id. */
static int32_t ask_one(dvsi_cli *cli, dvs_project *project, char **fields, const char **values,
                       dvs_report **report, dvs_error *err)
{
    const char *key = cli->args.keys.items[0];
    const char *equals = strchr(key, '=');
    dvs_report *other = NULL;
    dvs_error ignored = DVS_ERROR_INIT;
    int32_t status;

    values[0] = key;
    status = ask(cli, project, fields, values, report, err);
    if (!equals || equals == key || (status && status != DVS_E_NOT_FOUND) || (!status && !is_empty(*report)))
        return status;
    if (split_keys(cli, fields, values) || ask(cli, project, fields, values, &other, &ignored))
        return status;
    dvs_report_free(*report);
    *report = other;
    return DVS_OK;
}

static int ask_project(dvsi_cli *cli, char **fields, const char **values)
{
    dvs_project *project = NULL;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int several = cli->args.keys.n_items > 1;
    int32_t status;
    int code = several ? split_keys(cli, fields, values) : 0;

    if (!code)
        code = dvsi_cli_open(cli, NULL, &project);
    if (code)
        return code;
    status = several ? ask(cli, project, fields, values, &report, &err)
                     : ask_one(cli, project, fields, values, &report, &err);
    code = status ? dvsi_cli_fail(cli, &err) : dvsi_cli_report(cli, report, dvsi_cli_render_lineage);
    dvs_project_free(project);
    return code;
}

int dvsi_cli_lineage(dvsi_cli *cli)
{
    size_t n = cli->args.keys.n_items;
    char **fields;
    const char **values;
    int code;

    if (!cli->args.entity || n == 0) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR,
                     "a record is named by --entity E and --key VALUE; --%s is missing",
                     cli->args.entity ? "key" : "entity");
        return DVSI_CLI_EXIT_USAGE;
    }
    fields = (char **)calloc(n, sizeof(*fields));
    values = (const char **)calloc(n, sizeof(*values));
    if (fields && values) {
        code = ask_project(cli, fields, values);
    } else {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "memory ran out");
        code = DVSI_CLI_EXIT_FAILED;
    }
    for (size_t i = 0; fields && i < n; i++)
        free(fields[i]);
    free(fields);
    free(values);
    return code;
}
