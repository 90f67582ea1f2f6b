/*
 * condition.c - the host's conditions as a $filter. A record that the service leaves out counts as deleted,
 * so a condition only goes there when it surely lets every record through that the host would take:
 * - texts for equality alone: the service's comparison knows no case (Microsoft's documentation, "Query data
 *   using the Web API"), so equal texts are equal for it, too, but their order is another;
 * - times a second wider at both ends: a value is shown in whole seconds and may be stored with a fraction;
 * - decimals, doubles, choices of several values and entity names for null alone, and row versions not at
 * all;
 * - nothing about null where the columns' descriptions do not tell which are hidden from us ($metadata): what
 * we see as null may be a value for the service.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "condition.h"
#include "select.h"
#include "token.h"
#include "url.h"

#define FILTER_MAX 4000 /* bytes in the address */
#define SECOND INT64_C(1000000)

static const char *op_name(uint32_t op)
{
    static const char *const names[] = {"", "eq", "ne", "lt", "le", "gt", "ge", "eq", "ne"};
    return op >= DVS_OP_EQ && op <= DVS_OP_NOT_NULL ? names[op] : NULL;
}

static const struct dataverse_column *find_column(const struct dataverse_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    }
    return NULL;
}

static int is_one_of(const char *type, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(type, *names) == 0)
            return 1;
    }
    return 0;
}

static char *quoted(const char *text, size_t length)
{
    char *out = malloc(2 * length + 3);
    size_t n = 0;
    if (out == NULL)
        return NULL;
    out[n++] = '\'';
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\'')
            out[n++] = '\'';
        out[n++] = text[i];
    }
    out[n++] = '\'';
    out[n] = '\0';
    return out;
}

static char *date_text(int64_t days)
{
    char text[24];
    dataverse_time_text(days * 86400 * SECOND, text);
    return strndup(text, strlen("2024-02-29"));
}

/* Widened; `op` becomes ge or le. */
static char *time_text(int64_t micros, const char **op)
{
    char text[24];
    int from = (*op)[0] == 'g';
    if (from ? micros < INT64_MIN + 2 * SECOND : micros > INT64_MAX - 2 * SECOND)
        return NULL;
    dataverse_time_text(from ? micros - SECOND : micros + 2 * SECOND, text);
    *op = from ? "ge" : "le";
    return strdup(text);
}

/* The constant as the filter says it; NULL: not to be sent (or memory is out, then the filter is only
 * shorter). */
static char *constant(const struct dataverse_column *column, const dvs_condition *c, const char **op)
{
    static const char *const whole[] = {"Integer",   "Picklist",  "State", "Status",
                                        "Edm.Int32", "Edm.Int16", NULL};
    static const char *const ids[] = {"Customer", "Lookup", "Owner", "Uniqueidentifier", "Edm.Guid", NULL};
    static const char *const never[] = {"BigInt", "File", NULL};
    const int equality = c->op == DVS_OP_EQ || c->op == DVS_OP_NE;
    char text[40];
    if (c->op == DVS_OP_IS_NULL || c->op == DVS_OP_NOT_NULL)
        return is_one_of(column->native_type, never) || strncmp(column->native_type, "Edm.", 4) == 0
                   ? NULL
                   : strdup("null");
    if (c->value.kind == DVS_INT64 && is_one_of(column->native_type, whole) && c->value.v.i64 >= INT32_MIN &&
        c->value.v.i64 <= INT32_MAX) {
        snprintf(text, sizeof text, "%lld", (long long)c->value.v.i64);
        return strdup(text);
    }
    if (c->value.kind == DVS_BOOL && column->type == DATAVERSE_TYPE_BOOL && equality)
        return strdup(c->value.v.i64 != 0 ? "true" : "false");
    if (c->value.kind == DVS_UUID && is_one_of(column->native_type, ids) && equality) {
        dataverse_guid_text(c->value.v.bytes, text);
        return strdup(text);
    }
    if (c->value.kind == DVS_TEXT && strcmp(column->native_type, "String") == 0 && c->op == DVS_OP_EQ)
        return quoted(c->value.v.text, c->value.length);
    if (c->value.kind == DVS_DATE && column->type == DATAVERSE_TYPE_DATE)
        return date_text(c->value.v.i64);
    if (c->value.kind == DVS_TIMESTAMP && column->type == DATAVERSE_TYPE_TIMESTAMP && !equality)
        return time_text(c->value.v.i64, op);
    return NULL;
}

/* One comparison, ready for the address; NULL: not to be sent. */
static char *comparison(const struct dataverse_table *table, const dvs_condition *c)
{
    const struct dataverse_column *column = find_column(table, c->column);
    const char *op = op_name(c->op);
    char *plain = NULL, *encoded = NULL;
    char *value = column != NULL && op != NULL && !column->secured ? constant(column, c, &op) : NULL;
    if (value != NULL && asprintf(&plain, "%s %s %s", column->name, op, value) < 0)
        plain = NULL;
    if (plain != NULL)
        encoded = dataverse_url_encode(plain, strlen(plain));
    free(value);
    free(plain);
    return encoded;
}

int dataverse_condition_filter(const struct dataverse_table *table, const dvs_read *read, char **filter)
{
    struct dataverse_buffer text = {0};
    int failed = 0;
    *filter = NULL;
    for (uint32_t i = 0; i < read->n_conditions && !failed; i++) {
        const dvs_condition *c = (const dvs_condition *)(const void *)((const char *)read->conditions +
                                                                       (size_t)i * read->condition_stride);
        char *part = comparison(table, c);
        if (part != NULL && text.length + strlen(part) < FILTER_MAX)
            failed = (text.length != 0 && dataverse_buffer_add(&text, "%20and%20", 9) != 0) ||
                     dataverse_buffer_add(&text, part, strlen(part)) != 0;
        free(part);
    }
    if (!failed && text.length != 0)
        failed = dataverse_buffer_add(&text, "", 1) != 0;
    if (failed || text.length == 0) {
        dataverse_buffer_free(&text);
        return failed ? -1 : 0;
    }
    *filter = text.data; /* nothing was taken from the front */
    return 0;
}
