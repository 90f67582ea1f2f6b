/* table.h - tables of text, through libsmartcols. */
#ifndef DVSI_CLI_TABLE_H
#define DVSI_CLI_TABLE_H

#include <jansson.h>
#include <stddef.h>

#include "cli/out.h"

#define DVSI_CLI_LEFT 0
#define DVSI_CLI_RIGHT 1
#define DVSI_CLI_WRAP 2 /* sentences: on a terminal, broken between words into lines of the same cell */

typedef struct dvsi_cli_column {
    const char *title;
    int style;
} dvsi_cli_column;

typedef struct dvsi_cli_table dvsi_cli_table;

/* NULL when memory is out; the others then do nothing, and _print says so. */
dvsi_cli_table *dvsi_cli_table_new(const dvsi_cli_column *columns, size_t n_columns, const dvsi_cli_out *out);
void dvsi_cli_table_row(dvsi_cli_table *table);
/* The next cell of the row, from text of whatever origin (NULL: "-"). */
void dvsi_cli_table_text(dvsi_cli_table *table, const char *text);
/* The next cell, from a member of an object: as it is, as a time, as a duration. */
void dvsi_cli_table_member(dvsi_cli_table *table, const json_t *object, const char *name);
void dvsi_cli_table_time(dvsi_cli_table *table, const json_t *object, const char *name);
void dvsi_cli_table_duration(dvsi_cli_table *table, const json_t *object, const char *name);
/* The next cell: an entity's name, which stands as `entity` or as `name`. */
void dvsi_cli_table_entity(dvsi_cli_table *table, const json_t *object);
/* The colour of the cell written last. */
void dvsi_cli_table_paint(dvsi_cli_table *table, const char *color);
/* Prints and frees the table. */
void dvsi_cli_table_print(dvsi_cli_table *table, dvsi_cli_out *out);

/* The colour for a state or status, NULL for none. */
const char *dvsi_cli_state_color(const char *state);

#endif
