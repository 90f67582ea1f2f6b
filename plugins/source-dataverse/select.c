#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"
#include "token.h"

#define KEYS_URL_MAX 30000

void dataverse_guid_text(const uint8_t *guid, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[guid[i] >> 4];
        *text++ = digits[guid[i] & 15];
    }
    *text = '\0';
}

static const struct dataverse_column *find_column(const struct dataverse_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    }
    return NULL;
}

/* Begins a part, with the key as its first name. */
static struct dataverse_part *add_part(struct dataverse_select *select, size_t max_names)
{
    struct dataverse_part *parts = reallocarray(select->parts, select->n_parts + 1, sizeof *parts);
    if (parts == NULL)
        return NULL;
    select->parts = parts;
    struct dataverse_part *part = &parts[select->n_parts++];
    part->n_names = 0;
    part->text = NULL;
    part->names = calloc(max_names + 1, sizeof *part->names);
    if (part->names == NULL)
        return NULL;
    part->names[part->n_names++] = select->table->key;
    return part;
}

static int join_names(struct dataverse_part *part)
{
    struct dataverse_buffer text = {0};
    for (size_t i = 0; i < part->n_names; i++) {
        char *name = dataverse_url_encode(part->names[i], strlen(part->names[i]));
        int failed = name == NULL || (i > 0 && dataverse_buffer_add(&text, ",", 1) != 0) ||
                     dataverse_buffer_add(&text, name, strlen(name)) != 0;
        free(name);
        if (failed) {
            dataverse_buffer_free(&text);
            return -1;
        }
    }
    if (dataverse_buffer_add(&text, "", 1) != 0)
        return -1;
    part->text = text.data; /* nothing was taken from the front */
    return 0;
}

/* Which of the table's columns are asked for: marks[i] != 0. */
static uint8_t *mark_columns(struct dataverse_select *select)
{
    const struct dataverse_table *table = select->table;
    uint8_t *marks = calloc(table->n_columns + 1, 1);
    if (marks == NULL)
        return NULL;
    for (uint32_t i = 0; i < select->n_wants; i++) {
        const struct dataverse_column *column = find_column(table, select->columns[i]);
        if (column != NULL)
            marks[column - table->columns] = 1;
    }
    if (select->has_raw)
        memset(marks, 1, table->n_columns);
    return marks;
}

/* Where the host's column comes from. */
static void place(struct dataverse_select *select, struct dataverse_want *want, const char *name)
{
    const struct dataverse_column *column = find_column(select->table, name);
    want->name = name;
    want->member = strcmp(name, DATAVERSE_RAW_NAME) == 0 ? DATAVERSE_MEMBER_RAW : DATAVERSE_MEMBER_NONE;
    if (column == NULL)
        return;
    want->name = column->name;
    want->type = column->type;
    want->secured = column->secured;
    for (size_t p = 0; p < select->n_parts; p++) {
        for (size_t i = 0; i < select->parts[p].n_names; i++) {
            if (strcmp(select->parts[p].names[i], name) == 0) {
                want->part = (uint32_t)p;
                want->member = (uint32_t)i;
                return;
            }
        }
    }
}

static int make_parts(struct dataverse_select *select, const uint8_t *marks, size_t max)
{
    const struct dataverse_table *table = select->table;
    size_t length = strlen(table->key);
    struct dataverse_part *part = add_part(select, table->n_columns);
    for (size_t i = 0; part != NULL && i < table->n_columns; i++) {
        const char *name = table->columns[i].name;
        if (!marks[i] || strcmp(name, table->key) == 0)
            continue;
        size_t n = strlen(name) + 1;
        if (length + n > max) {
            part = add_part(select, table->n_columns);
            length = strlen(table->key);
            if (part == NULL)
                break;
        }
        part->names[part->n_names++] = name;
        length += n;
    }
    if (part == NULL)
        return -1;
    for (size_t p = 0; p < select->n_parts; p++) {
        if (join_names(&select->parts[p]) != 0)
            return -1;
    }
    return 0;
}

int dataverse_select_make(const struct dataverse_table *table, const char *const *columns, uint32_t n_columns,
                          size_t max, struct dataverse_select *select)
{
    memset(select, 0, sizeof *select);
    select->table = table;
    select->n_wants = n_columns;
    select->wants = calloc((size_t)n_columns + 1, sizeof *select->wants);
    select->columns = calloc((size_t)n_columns + 1, sizeof *select->columns);
    int failed = select->wants == NULL || select->columns == NULL;
    for (uint32_t i = 0; !failed && i < n_columns; i++) {
        select->columns[i] = strdup(columns[i]);
        failed = select->columns[i] == NULL;
        select->has_raw |= strcmp(columns[i], DATAVERSE_RAW_NAME) == 0;
    }
    uint8_t *marks = failed ? NULL : mark_columns(select);
    failed = marks == NULL || make_parts(select, marks, max) != 0;
    free(marks);
    if (failed) {
        dataverse_select_free(select);
        return -1;
    }
    for (uint32_t i = 0; i < n_columns; i++)
        place(select, &select->wants[i], select->columns[i]);
    return 0;
}

void dataverse_select_free(struct dataverse_select *select)
{
    for (size_t p = 0; p < select->n_parts; p++) {
        free(select->parts[p].names);
        free(select->parts[p].text);
    }
    for (uint32_t i = 0; select->columns != NULL && i < select->n_wants; i++)
        free(select->columns[i]);
    free(select->columns);
    free(select->filter);
    free(select->parts);
    free(select->wants);
    memset(select, 0, sizeof *select);
}

/* FNV-1a, with the NUL at the end. */
static uint64_t add_to_hash(uint64_t hash, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    do
        hash = (hash ^ *at) * UINT64_C(0x100000001b3);
    while (*at++ != '\0');
    return hash;
}

uint64_t dataverse_select_hash(const struct dataverse_select *select)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t p = 0; p < select->n_parts; p++)
        hash = add_to_hash(hash, select->parts[p].text);
    return select->filter != NULL ? add_to_hash(hash, select->filter) : hash;
}

char *dataverse_select_url(const char *base, const struct dataverse_select *select, int64_t from)
{
    const struct dataverse_table *table = select->table;
    char since[80] = "";
    const char *name = select->filter != NULL && from == INT64_MIN ? "&$filter=" : "";
    const char *filter = *name != '\0' ? select->filter : "";
    char *url = NULL;
    if (from != INT64_MIN) {
        char time[24];
        dataverse_time_text(from, time);
        snprintf(since, sizeof since, "&$filter=modifiedon%%20ge%%20%s", time);
    }
    if (asprintf(&url, "%s%s?$select=%s%s%s%s&$orderby=%s", base, table->set_name, select->parts[0].text,
                 since, name, filter, table->key) < 0)
        return NULL;
    return url;
}

char *dataverse_select_keys_url(const char *base, const struct dataverse_select *select, size_t part,
                                const uint8_t (*keys)[16], size_t *n)
{
    struct dataverse_buffer url = {0};
    const struct dataverse_table *table = select->table;
    char *head = NULL;
    if (asprintf(&head, "%s%s?$select=%s&$filter=", base, table->set_name, select->parts[part].text) < 0)
        return NULL;
    int failed = dataverse_buffer_add(&url, head, strlen(head)) != 0;
    free(head);
    size_t taken = 0;
    while (!failed && taken < *n) {
        char guid[40];
        char *term = NULL;
        dataverse_guid_text(keys[taken], guid);
        if (asprintf(&term, "%s%s%%20eq%%20%s", taken == 0 ? "" : "%20or%20", table->key, guid) < 0) {
            failed = 1;
            break;
        }
        if (taken > 0 && url.length + strlen(term) > KEYS_URL_MAX) {
            free(term);
            break;
        }
        failed = dataverse_buffer_add(&url, term, strlen(term)) != 0;
        free(term);
        taken++;
    }
    if (failed || dataverse_buffer_add(&url, "", 1) != 0) {
        dataverse_buffer_free(&url);
        return NULL;
    }
    *n = taken;
    return url.data;
}
