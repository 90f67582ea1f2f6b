/* table.c - tables of text. Cells are escaped before libsmartcols sees them. */
#include "cli/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/json_read.h"

#define LONGEST_CELL 200 /* a value in a table is there to be recognised */
#define SENTENCE 48      /* where the lines of a cell of sentences are broken */

struct dvsi_cli_table {
    struct libscols_table *table;
    struct libscols_line *line;
    const dvsi_cli_column *columns;
    size_t n_columns;
    size_t column;
    int terminal;
    int failed;
};

static void add_column(dvsi_cli_table *t, const dvsi_cli_column *column)
{
    int wraps = column->style & DVSI_CLI_WRAP;
    int flags = (column->style & DVSI_CLI_RIGHT ? SCOLS_FL_RIGHT : 0) | (wraps ? SCOLS_FL_WRAP : 0);
    struct libscols_column *added = scols_table_new_column(t->table, column->title, 0, flags);

    /* Lines end where we put newlines; by itself the library breaks in the middle of words. */
    if (!added ||
        (wraps && scols_column_set_wrapfunc(added, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL)))
        t->failed = 1;
}

dvsi_cli_table *dvsi_cli_table_new(const dvsi_cli_column *columns, size_t n_columns, const dvsi_cli_out *out)
{
    dvsi_cli_table *t = (dvsi_cli_table *)calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->table = scols_new_table();
    if (!t->table) {
        free(t);
        return NULL;
    }
    t->columns = columns;
    t->n_columns = n_columns;
    t->terminal = isatty(out->fd);
    scols_table_enable_noencoding(t->table, 1);
    scols_table_enable_colors(t->table, out->color);
    for (size_t i = 0; i < n_columns; i++)
        add_column(t, &columns[i]);
    return t;
}

void dvsi_cli_table_row(dvsi_cli_table *t)
{
    if (!t)
        return;
    t->line = scols_table_new_line(t->table, NULL);
    t->column = 0;
    if (!t->line)
        t->failed = 1;
}

/* Puts newlines in the place of spaces, so that no line is longer than SENTENCE unless a word is. */
static void break_lines(char *text)
{
    char *line = text;
    char *space = NULL;

    for (char *at = text; *at; at++) {
        if (space && (size_t)(at - line) >= SENTENCE) {
            *space = '\n';
            line = space + 1;
            space = NULL;
        }
        if (*at == ' ')
            space = at;
    }
}

/* Takes the buffer's content as the next cell. */
static void next_cell(dvsi_cli_table *t, dvsi_buf *text)
{
    char *data = NULL;

    if (text->length == 0)
        dvsi_buf_putc(text, '-');
    data = dvsi_buf_take(text);
    if (data && t->terminal && t->column < t->n_columns && (t->columns[t->column].style & DVSI_CLI_WRAP))
        break_lines(data);
    if (!data || !t->line || scols_line_refer_data(t->line, t->column, data)) {
        t->failed = 1;
        free(data);
    }
    t->column++;
}

void dvsi_cli_table_text(dvsi_cli_table *t, const char *text)
{
    dvsi_buf shown = {0};

    if (!t)
        return;
    if (text)
        dvsi_utf8_show(&shown, text, strlen(text), 0);
    next_cell(t, &shown);
}

void dvsi_cli_table_member(dvsi_cli_table *t, const json_t *object, const char *name)
{
    dvsi_buf shown = {0};

    if (!t)
        return;
    dvsi_cli_json_show(&shown, json_object_get(object, name), LONGEST_CELL);
    next_cell(t, &shown);
}

void dvsi_cli_table_entity(dvsi_cli_table *t, const json_t *object)
{
    dvsi_cli_table_member(t, object, json_object_get(object, "entity") ? "entity" : "name");
}

void dvsi_cli_table_time(dvsi_cli_table *t, const json_t *object, const char *name)
{
    dvsi_buf shown = {0};

    if (!t)
        return;
    dvsi_cli_json_time(&shown, json_object_get(object, name));
    next_cell(t, &shown);
}

void dvsi_cli_table_duration(dvsi_cli_table *t, const json_t *object, const char *name)
{
    dvsi_buf shown = {0};

    if (!t)
        return;
    dvsi_cli_json_duration(&shown, json_object_get(object, name));
    next_cell(t, &shown);
}

void dvsi_cli_table_paint(dvsi_cli_table *t, const char *color)
{
    struct libscols_cell *cell;

    if (!t || !t->line || !color || t->column == 0)
        return;
    cell = scols_line_get_cell(t->line, t->column - 1);
    if (!cell || scols_cell_set_color(cell, color))
        t->failed = 1;
}

void dvsi_cli_table_print(dvsi_cli_table *t, dvsi_cli_out *out)
{
    char *text = NULL;

    if (!t || t->failed || scols_print_table_to_string(t->table, &text)) {
        if (!out->error)
            out->error = ENOMEM;
    } else if (text && *text) {
        dvsi_cli_put(out, text);
        if (text[strlen(text) - 1] != '\n')
            dvsi_cli_put(out, "\n");
    }
    free(text);
    if (t) {
        scols_unref_table(t->table);
        free(t);
    }
}

const char *dvsi_cli_state_color(const char *state)
{
    static const char *const colors[][2] = {{"completed", DVSI_CLI_GREEN}, {"idle", DVSI_CLI_GREEN},
                                            {"syncing", DVSI_CLI_CYAN},    {"running", DVSI_CLI_CYAN},
                                            {"partial", DVSI_CLI_YELLOW},  {"cancelled", DVSI_CLI_YELLOW},
                                            {"failed", DVSI_CLI_RED},      {"error", DVSI_CLI_RED},
                                            {"invalid", DVSI_CLI_RED},     {"in_progress", DVSI_CLI_CYAN}};

    for (size_t i = 0; state && i < sizeof(colors) / sizeof(colors[0]); i++) {
        if (strncmp(state, colors[i][0], strlen(colors[i][0])) == 0)
            return colors[i][1];
    }
    return NULL;
}
