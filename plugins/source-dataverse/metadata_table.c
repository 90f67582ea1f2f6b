/* metadata_table.c - columns, wherever their description came from, become a table. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <dvsync/plugin_util.h>

#include "metadata_internal.h"

int32_t dataverse_metadata_no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE,
                    "out of memory while reading the organisation's tables");
}

int dataverse_is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t length = strlen(text);
    return length > 0 && length <= DATAVERSE_NAME_MAX && strspn(text, allowed) == length;
}

static void free_column(struct dataverse_column *column)
{
    free(column->name);
    free(column->native_type);
    for (size_t i = 0; i < column->n_targets; i++)
        free(column->targets[i]);
    free(column->targets);
}

struct dataverse_draft *dataverse_drafts_add(struct dataverse_drafts *drafts, const char *name,
                                             const char *attribute, const char *native_type, uint32_t type)
{
    if (drafts->n == drafts->capacity) {
        size_t capacity = drafts->capacity == 0 ? 64 : drafts->capacity * 2;
        struct dataverse_draft *list = reallocarray(drafts->list, capacity, sizeof *list);
        if (list == NULL)
            return NULL;
        drafts->list = list;
        drafts->capacity = capacity;
    }
    struct dataverse_draft *draft = &drafts->list[drafts->n];
    memset(draft, 0, sizeof *draft);
    draft->column.name = strdup(name);
    draft->column.native_type = strdup(native_type);
    draft->column.type = type;
    draft->attribute = attribute == NULL ? NULL : strdup(attribute);
    draft->order = INT64_MAX;
    draft->index = drafts->n;
    if (draft->column.name == NULL || draft->column.native_type == NULL ||
        (attribute != NULL && draft->attribute == NULL)) {
        free_column(&draft->column);
        free(draft->attribute);
        return NULL;
    }
    drafts->n++;
    return draft;
}

struct dataverse_draft *dataverse_drafts_find(const struct dataverse_drafts *drafts, const char *attribute)
{
    for (size_t i = 0; i < drafts->n; i++) {
        struct dataverse_draft *draft = &drafts->list[i];
        if (strcmp(draft->attribute != NULL ? draft->attribute : draft->column.name, attribute) == 0)
            return draft;
    }
    return NULL;
}

int dataverse_draft_target(struct dataverse_draft *draft, const char *target)
{
    struct dataverse_column *column = &draft->column;
    for (size_t i = 0; i < column->n_targets; i++)
        if (strcmp(column->targets[i], target) == 0)
            return 0;
    if (column->n_targets >= DATAVERSE_TARGETS_MAX)
        return 0;
    char **targets = reallocarray(column->targets, column->n_targets + 1, sizeof *targets);
    if (targets == NULL)
        return -1;
    column->targets = targets;
    targets[column->n_targets] = strdup(target);
    if (targets[column->n_targets] == NULL)
        return -1;
    column->n_targets++;
    return 0;
}

void dataverse_drafts_free(struct dataverse_drafts *drafts)
{
    for (size_t i = 0; i < drafts->n; i++) {
        free_column(&drafts->list[i].column);
        free(drafts->list[i].attribute);
    }
    free(drafts->list);
    memset(drafts, 0, sizeof *drafts);
}

static int by_name(const void *a, const void *b)
{
    const struct dataverse_draft *x = a;
    const struct dataverse_draft *y = b;
    int order = strcasecmp(x->column.name, y->column.name);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static int by_order(const void *a, const void *b)
{
    const struct dataverse_draft *x = a;
    const struct dataverse_draft *y = b;
    int order = (x->order > y->order) - (x->order < y->order);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* The host wants names that differ in more than case. */
static void drop_twins(struct dataverse_drafts *drafts)
{
    size_t kept = 0;
    if (drafts->n == 0)
        return;
    qsort(drafts->list, drafts->n, sizeof *drafts->list, by_name);
    for (size_t i = 1; i < drafts->n; i++) {
        if (strcasecmp(drafts->list[kept].column.name, drafts->list[i].column.name) != 0) {
            drafts->list[++kept] = drafts->list[i];
        } else {
            free_column(&drafts->list[i].column);
            free(drafts->list[i].attribute);
        }
    }
    drafts->n = kept + 1;
}

static int has_column(const struct dataverse_table *table, const char *name, uint32_t type)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].type == type && strcmp(table->columns[i].name, name) == 0)
            return 1;
    return 0;
}

static struct dataverse_table *new_table(const char *logical_name, const char *set_name, const char *key,
                                         size_t n)
{
    struct dataverse_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->logical_name = strdup(logical_name);
    table->set_name = strdup(set_name);
    table->key = strdup(key);
    table->columns = calloc(n, sizeof *table->columns);
    if (table->logical_name == NULL || table->set_name == NULL || table->key == NULL ||
        table->columns == NULL) {
        dataverse_table_free(table);
        return NULL;
    }
    return table;
}

int32_t dataverse_drafts_table(struct dataverse_drafts *drafts, const char *logical_name,
                               const char *set_name, const char *key, struct dataverse_table **table,
                               dvs_error *err)
{
    *table = NULL;
    drop_twins(drafts);
    struct dataverse_draft *first = NULL;
    for (size_t i = 0; i < drafts->n && first == NULL; i++)
        if (strcmp(drafts->list[i].column.name, key) == 0)
            first = &drafts->list[i];
    if (first == NULL)
        return dvs_fail(
            err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
            "the table %s cannot be read: its key %s is none of the columns that the organisation describes",
            set_name, key);
    first->order = INT64_MIN;
    qsort(drafts->list, drafts->n, sizeof *drafts->list, by_order);
    struct dataverse_table *new = new_table(logical_name, set_name, key, drafts->n);
    if (new == NULL)
        return dataverse_metadata_no_memory(err);
    for (size_t i = 0; i < drafts->n; i++) {
        new->columns[i] = drafts->list[i].column;
        memset(&drafts->list[i].column, 0, sizeof drafts->list[i].column);
    }
    new->n_columns = drafts->n;
    new->has_modifiedon = has_column(new, "modifiedon", DATAVERSE_TYPE_TIMESTAMP);
    *table = new;
    return DVS_OK;
}

void dataverse_table_free(struct dataverse_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->n_columns; i++)
        free_column(&table->columns[i]);
    free(table->columns);
    free(table->logical_name);
    free(table->set_name);
    free(table->key);
    free(table);
}
