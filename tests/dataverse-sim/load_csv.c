/* CSV as of RFC 4180; the separator is the comma, or the semicolon when the header has that and no comma. */
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "text.h"

struct csv {
    const char *at;
    const char *end;
    char separator;
    size_t line;
};

/* Reads a field into `field`. 0: another follows in this line; 1: it was the line's last; -1: a quote is not
 * closed. */
static int next_field(struct csv *csv, struct sim_text *field, int *quoted)
{
    field->length = 0;
    *quoted = csv->at < csv->end && *csv->at == '"';
    if (*quoted) {
        csv->at++;
        for (;;) {
            if (csv->at >= csv->end)
                return -1;
            if (*csv->at == '"') {
                if (csv->at + 1 >= csv->end || csv->at[1] != '"')
                    break;
                csv->at++;
            }
            csv->line += *csv->at == '\n' ? 1 : 0;
            sim_text_add(field, csv->at++, 1);
        }
        csv->at++;
    }
    while (csv->at < csv->end && *csv->at != csv->separator && *csv->at != '\n') {
        if (*csv->at != '\r' || (csv->at + 1 < csv->end && csv->at[1] != '\n'))
            sim_text_add(field, csv->at, 1);
        csv->at++;
    }
    if (csv->at >= csv->end || *csv->at == '\n') {
        csv->at += csv->at < csv->end ? 1 : 0;
        csv->line++;
        return 1;
    }
    csv->at++;
    return 0;
}

static char separator_of(const char *text, size_t length)
{
    const char *end = memchr(text, '\n', length);
    size_t header = end == NULL ? length : (size_t)(end - text);
    return memchr(text, ',', header) == NULL && memchr(text, ';', header) != NULL ? ';' : ',';
}

static int read_header(struct csv *csv, json_t *names, struct sim_text *field, struct sim_error *error)
{
    int more;
    int quoted;
    do {
        more = next_field(csv, field, &quoted);
        if (more < 0 || field->length == 0) {
            sim_error_set(error, "Line 1 of the CSV: %s.",
                          more < 0 ? "a quote is not closed" : "a column has no name");
            return -1;
        }
        char *name = sim_load_name(field->data);
        for (size_t i = 0; name != NULL && i < json_array_size(names); i++)
            if (strcmp(json_string_value(json_array_get(names, i)), name) == 0) {
                sim_error_set(error, "Line 1 of the CSV: two columns are called %.100s.", name);
                free(name);
                return -1;
            }
        int failed = name == NULL || json_array_append_new(names, json_string(name)) != 0;
        free(name);
        if (failed) {
            sim_error_set(error, "Line 1 of the CSV: a name is no UTF-8, or memory is out.");
            return -1;
        }
    } while (more == 0);
    return 0;
}

/* Blank lines are passed over. */
static int read_row(struct csv *csv, const json_t *names, json_t *rows, struct sim_text *field,
                    struct sim_error *error)
{
    size_t line = csv->line;
    json_t *row = json_object();
    size_t n = 0;
    int more = 0;
    int quoted = 0;
    int answer = row == NULL ? -1 : 0;
    if (row == NULL)
        sim_error_set(error, "Memory is out.");
    while (answer == 0 && more == 0) {
        more = next_field(csv, field, &quoted);
        const char *name = json_string_value(json_array_get(names, n++));
        if (more < 0)
            sim_error_set(error, "Line %zu of the CSV: a quote is not closed.", line);
        else if (name == NULL)
            sim_error_set(error, "Line %zu of the CSV has more fields than the header.", line);
        if (more < 0 || name == NULL) {
            answer = -1;
            break;
        }
        json_t *value = field->length == 0 && !quoted
                            ? json_null()
                            : json_stringn(field->data == NULL ? "" : field->data, field->length);
        if (value == NULL || json_object_set_new(row, name, value) != 0) {
            sim_error_set(error, "Line %zu of the CSV, column %s: no UTF-8, or memory is out.", line, name);
            answer = -1;
        }
    }
    int blank = n == 1 && field->length == 0 && !quoted;
    if (answer == 0 && !blank && n != json_array_size(names)) {
        sim_error_set(error, "Line %zu of the CSV has %zu fields, the header has %zu.", line, n,
                      json_array_size(names));
        answer = -1;
    }
    if (answer == 0 && !blank && json_array_append(rows, row) != 0) {
        sim_error_set(error, "Memory is out.");
        answer = -1;
    }
    json_decref(row);
    return answer;
}

json_t *sim_load_csv(const char *text, size_t length, struct sim_error *error)
{
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    struct csv csv = {text, text + length, separator_of(text, length), 1};
    struct sim_text field = {0};
    json_t *names = json_array();
    json_t *rows = json_array();
    int answer = 0;
    if (names == NULL || rows == NULL) {
        sim_error_set(error, "Memory is out.");
        answer = -1;
    }
    if (answer == 0)
        answer = read_header(&csv, names, &field, error);
    while (answer == 0 && csv.at < csv.end)
        answer = read_row(&csv, names, rows, &field, error);
    sim_text_free(&field);
    json_decref(names);
    if (answer != 0) {
        json_decref(rows);
        return NULL;
    }
    return rows;
}
