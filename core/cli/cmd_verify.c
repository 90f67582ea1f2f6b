/* cmd_verify.c - `verify`, and --verify at the end of `sync` and `diff`. */
#include <stdlib.h>
#include <string.h>

#include "cli/compare.h"
#include "cli/json_read.h"
#include "cli/render.h"

int dvsi_cli_verify(dvsi_cli *cli)
{
    return dvsi_cli_ask(cli, dvs_verify, dvsi_cli_render_verify);
}

int dvsi_cli_verifies(const dvsi_cli *cli, int code)
{
    return cli->args.verify && (code == 0 || code == DVSI_CLI_EXIT_FOUND || code == DVSI_CLI_EXIT_PARTIAL);
}

int dvsi_cli_print_verify(dvsi_cli *cli, dvs_project *project)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;

    dvsi_cli_put(&cli->out, "\n");
    return dvs_verify(project, &report, &err) ? dvsi_cli_fail(cli, &err)
                                              : dvsi_cli_report(cli, report, dvsi_cli_render_verify);
}

/* Where the last of `depth` closing braces at the end of a document begins; NULL: it ends otherwise. */
static const char *inside(const char *json, unsigned depth)
{
    const char *at = json + strlen(json);

    while (at > json && depth > 0) {
        at--;
        if (*at == '}')
            depth--;
        else if (strchr(" \t\r\n", *at) == NULL)
            return NULL;
    }
    return depth == 0 ? at : NULL;
}

char *dvsi_cli_with_verify(dvsi_cli *cli, dvs_project *project, const char *json, unsigned depth, int *code)
{
    dvs_report *report = NULL;
    dvs_error err = DVS_ERROR_INIT;
    const char *end = inside(json, depth);
    dvsi_buf text = {0};

    if (!end || dvs_verify(project, &report, &err)) {
        *code = dvsi_cli_fail(cli, &err);
        return strdup(json);
    }
    *code = dvs_report_exit_code(report);
    dvsi_buf_add(&text, json, (size_t)(end - json));
    dvsi_buf_puts(&text, ",\"verify\":");
    dvsi_buf_puts(&text, dvs_report_json(report));
    dvsi_buf_puts(&text, end);
    dvs_report_free(report);
    return dvsi_buf_take(&text);
}
