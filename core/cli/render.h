/* render.h - results as text. */
#ifndef DVSI_CLI_RENDER_H
#define DVSI_CLI_RENDER_H

#include "cli/session.h"

/* One change of a diff, from a line of its JSON. */
void dvsi_cli_render_change(dvsi_cli *cli, const char *json);
/* The summary of a diff; `shown` changes stand above it. */
void dvsi_cli_render_diff(dvsi_cli *cli, const json_t *document, uint64_t shown);
void dvsi_cli_render_sync(dvsi_cli *cli, const json_t *document);

/* Up to 20 of the errors[] of a sync or diff, on stderr. */
void dvsi_cli_say_errors(dvsi_cli *cli, const json_t *errors);

/* "label   value" of a member, when there is one. */
void dvsi_cli_pair(dvsi_cli *cli, const char *label, const json_t *object, const char *name);
void dvsi_cli_pair_time(dvsi_cli *cli, const char *label, const json_t *object, const char *name);
void dvsi_cli_pair_text(dvsi_cli *cli, const char *label, const char *text);

dvsi_cli_render_fn dvsi_cli_render_list;
dvsi_cli_render_fn dvsi_cli_render_validate;
dvsi_cli_render_fn dvsi_cli_render_status;
dvsi_cli_render_fn dvsi_cli_render_history;
dvsi_cli_render_fn dvsi_cli_render_run;
dvsi_cli_render_fn dvsi_cli_render_cleared;
dvsi_cli_render_fn dvsi_cli_render_stats;
dvsi_cli_render_fn dvsi_cli_render_lineage;
dvsi_cli_render_fn dvsi_cli_render_plugins;
dvsi_cli_render_fn dvsi_cli_render_plugin;
dvsi_cli_render_fn dvsi_cli_render_cancel;

#endif
