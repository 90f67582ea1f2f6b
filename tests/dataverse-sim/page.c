#include <stdlib.h>
#include <string.h>

#include "page.h"

static int add_column(struct sim_plan *plan, const struct sim_column *column)
{
    for (size_t i = 0; i < plan->n_columns; i++)
        if (plan->columns[i] == column)
            return 0;
    plan->columns[plan->n_columns++] = column;
    plan->fixed += column->prefix_length + 4;
    return 1;
}

/* What comes whether it was selected or not: the primary key, and the currency of money (Microsoft's
 * documentation: select columns). */
static void add_unasked(struct sim_plan *plan, const struct sim_table *table)
{
    const struct sim_column *key = sim_table_key(table);
    int money = 0;
    for (size_t i = 0; i < plan->n_columns; i++)
        money = money || plan->columns[i]->type == SIM_MONEY;
    if (key != NULL)
        add_column(plan, key);
    const struct sim_column *currency = sim_table_property(table, "_transactioncurrencyid_value", 28);
    if (money && currency != NULL)
        add_column(plan, currency);
}

int sim_plan_make(struct sim_plan *plan, const struct sim_table *table, const char *select, int annotations,
                  const char **bad, size_t *bad_length)
{
    memset(plan, 0, sizeof *plan);
    plan->annotations = annotations;
    plan->columns = calloc(table->n_columns + 1, sizeof(const struct sim_column *));
    if (plan->columns == NULL)
        return -1;
    struct sim_text context = {0};
    sim_text_puts(&context, table->set_name);
    if (select == NULL) {
        for (size_t i = 0; i < table->n_columns; i++)
            if (sim_column_is_property(&table->columns[i]))
                add_column(plan, &table->columns[i]);
    } else {
        const char *at = select;
        for (const char *separator = "(";; separator = ",") {
            at += strspn(at, " ");
            size_t length = strcspn(at, ",");
            size_t trimmed = length;
            while (trimmed > 0 && at[trimmed - 1] == ' ')
                trimmed--;
            const struct sim_column *column = sim_table_property(table, at, trimmed);
            if (column == NULL) {
                *bad = at;
                *bad_length = trimmed;
                sim_text_free(&context);
                return 1;
            }
            add_column(plan, column);
            sim_text_puts(&context, separator);
            sim_text_puts(&context, column->key);
            at += length;
            if (*at == '\0')
                break;
            at++;
        }
        sim_text_puts(&context, ")");
        add_unasked(plan, table);
    }
    plan->context = sim_text_take(&context, NULL);
    return plan->context == NULL ? -1 : 0;
}

void sim_plan_free(struct sim_plan *plan)
{
    free(plan->columns);
    free(plan->context);
    memset(plan, 0, sizeof *plan);
}

/* Bytes that may be read and written in pieces of 32. */
static char *put_prefix(char *at, const char *prefix, size_t length)
{
    for (size_t i = 0; i < length; i += 32)
        memcpy(at + i, prefix + i, 32);
    return at + length;
}

/* Most values are short: two copies that overlap, of a size the compiler knows, are faster than a call. */
static char *put_value(char *at, const char *value, size_t length)
{
    if (length > 32) {
        memcpy(at, value, length);
    } else if (length >= 16) {
        memcpy(at, value, 16);
        memcpy(at + length - 16, value + length - 16, 16);
    } else if (length >= 8) {
        memcpy(at, value, 8);
        memcpy(at + length - 8, value + length - 8, 8);
    } else if (length >= 4) {
        memcpy(at, value, 4);
        memcpy(at + length - 4, value + length - 4, 4);
    } else {
        for (size_t i = 0; i < length; i++)
            at[i] = value[i];
    }
    return at + length;
}

#define ETAG "{\"@odata.etag\":\"W/\\\""

static char *put_etag(char *at, uint64_t version)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + version % 10);
        version /= 10;
    } while (version != 0);
    memcpy(at, ETAG, sizeof ETAG - 1);
    at += sizeof ETAG - 1;
    memcpy(at, digits + first, sizeof digits - first);
    at += sizeof digits - first;
    memcpy(at, "\\\"\"", 3);
    return at + 3;
}

static void add_plain_row(struct sim_text *text, const struct sim_plan *plan, const struct sim_row *row,
                          const struct sim_value *values)
{
    char *start = sim_text_room(text, plan->fixed + sim_row_length(row) + 128);
    if (start == NULL)
        return;
    char *at = put_etag(start, sim_row_version(row));
    for (size_t i = 0; i < plan->n_columns; i++) {
        const struct sim_column *column = plan->columns[i];
        at = put_prefix(at, column->prefix, column->prefix_length);
        const struct sim_value *value = &values[column->slot];
        if (value->json == NULL) {
            memcpy(at, "null", 4);
            at += 4;
        } else {
            at = put_value(at, value->json, value->length);
        }
    }
    *at++ = '}';
    *at = '\0';
    text->length += (size_t)(at - start);
}

static void add_annotated_row(struct sim_text *text, const struct sim_store *store,
                              const struct sim_plan *plan, const struct sim_row *row,
                              const struct sim_value *values)
{
    char etag[64];
    sim_text_add(text, etag, (size_t)(put_etag(etag, sim_row_version(row)) - etag));
    for (size_t i = 0; i < plan->n_columns; i++) {
        const struct sim_column *column = plan->columns[i];
        const struct sim_value *value = &values[column->slot];
        sim_page_annotate(text, store, column, *value);
        sim_text_add(text, column->prefix, column->prefix_length);
        if (value->json == NULL)
            sim_text_puts(text, "null");
        else
            sim_text_add(text, value->json, value->length);
    }
    sim_text_puts(text, "}");
}

void sim_page_rows(struct sim_text *text, const struct sim_store *store, const struct sim_table *table,
                   const struct sim_plan *plan, struct sim_row *const *rows, size_t n)
{
    struct sim_value *values = calloc(table->n_slots + 1, sizeof *values);
    if (values == NULL) {
        text->failed = 1;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sim_text_add(text, ",", 1);
        sim_row_spread(rows[i], values, table->n_slots);
        if (plan->annotations)
            add_annotated_row(text, store, plan, rows[i], values);
        else
            add_plain_row(text, plan, rows[i], values);
        sim_row_unspread(rows[i], values, table->n_slots);
        /* The others are likely to be as long. */
        if (i == 0 && !text->failed)
            sim_text_room(text, text->length / 8 * 9 * n);
    }
    free(values);
}
