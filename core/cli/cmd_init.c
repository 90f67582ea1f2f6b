/* cmd_init.c - `init`: a project file from a source's own streams. */
#include <errno.h>
#include <string.h>

#include "cli/json_read.h"
#include "cli/session.h"

/* A new file; one that is there stays as it is. */
static int write_file(dvsi_cli *cli, const char *path, const char *text)
{
    const int failed = dvsi_cli_write_file(path, text, strlen(text), 0);

    if (failed)
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "%s could not be written: %s%s", path, strerror(failed),
                     failed == EEXIST ? "; name another file, or remove it first" : "");
    else if (!cli->args.json)
        dvsi_cli_printf(&cli->out, "Wrote %s. Look through it, then: dvsync validate --config-file %s\n",
                        path, path);
    return failed ? DVSI_CLI_EXIT_FAILED : 0;
}

int dvsi_cli_init(dvsi_cli *cli)
{
    dvs_init_options options = DVS_INIT_OPTIONS_INIT;
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    int code = 0;

    if (!cli->args.plugin) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR,
                     "init needs --plugin NAME: the plugin of the source; see `dvsync plugins`");
        return DVSI_CLI_EXIT_USAGE;
    }
    options.plugin = cli->args.plugin;
    options.name = cli->args.name;
    options.file = cli->args.output;
    options.settings = cli->args.operands;
    options.n_settings = (uint32_t)cli->args.n_operands;
    options.entities = cli->args.entities.items;
    options.n_entities = (uint32_t)cli->args.entities.n_items;
    if (dvs_init(cli->context, &options, &report, &err))
        return dvsi_cli_fail(cli, &err);

    json_t *document = dvsi_cli_json_load(dvs_report_json(report));
    const char *yaml = dvsi_cli_json_text(document, "yaml", "");
    if (cli->args.output)
        code = write_file(cli, cli->args.output, yaml);
    else if (!cli->args.json)
        dvsi_cli_put(&cli->out, yaml);
    json_decref(document);
    if (cli->args.json)
        return dvsi_cli_report(cli, report, NULL) | code;
    dvs_report_free(report);
    return code;
}
