/* render.h - results as text. */
#ifndef DVSI_CLI_RENDER_H
#define DVSI_CLI_RENDER_H

#include "cli/session.h"

/* One change of a diff, from a line of its JSON. */
/* 1; 0: it is no change, but a reference offer that was left aside. */
int dvsi_cli_render_change(dvsi_cli *cli, const char *json);
/* The summary of a diff; `shown` changes stand above it. */
void dvsi_cli_render_diff(dvsi_cli *cli, const json_t *document, uint64_t shown);
void dvsi_cli_render_sync(dvsi_cli *cli, const json_t *document);

/* Up to 20 of the errors[] of a sync or diff, on stderr. */
void dvsi_cli_say_errors(dvsi_cli *cli, const json_t *errors);

/* "label   value" of a member, when there is one. */
void dvsi_cli_pair(dvsi_cli *cli, const char *label, const json_t *object, const char *name);
void dvsi_cli_pair_time(dvsi_cli *cli, const char *label, const json_t *object, const char *name);
void dvsi_cli_pair_text(dvsi_cli *cli, const char *label, const char *text);

/* render_markdown.c: a validation as a document; and into a file. 0, or an exit code after saying why. */
void dvsi_cli_markdown_validation(const json_t *document, dvsi_buf *out);
int dvsi_cli_write_markdown(dvsi_cli *cli, const char *path, const char *json);

dvsi_cli_render_fn dvsi_cli_render_list;
dvsi_cli_render_fn dvsi_cli_render_validate;
dvsi_cli_render_fn dvsi_cli_render_status;
dvsi_cli_render_fn dvsi_cli_render_history;
dvsi_cli_render_fn dvsi_cli_render_run;
dvsi_cli_render_fn dvsi_cli_render_cleared;
dvsi_cli_render_fn dvsi_cli_render_stats;
dvsi_cli_render_fn dvsi_cli_render_verify;
dvsi_cli_render_fn dvsi_cli_render_lineage;
dvsi_cli_render_fn dvsi_cli_render_conflicts;
dvsi_cli_render_fn dvsi_cli_render_conflict; /* one that was resolved or unpinned */
dvsi_cli_render_fn dvsi_cli_render_plugins;
dvsi_cli_render_fn dvsi_cli_render_plugin;
dvsi_cli_render_fn dvsi_cli_render_cancel;

#endif
