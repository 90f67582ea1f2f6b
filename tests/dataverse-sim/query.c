#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "percent.h"
#include "query.h"

#define PAGE_MAX 5000 /* Microsoft's documentation: page results */

void sim_refuse(struct sim_refusal *refusal, int status, const char *code, const char *format, ...)
{
    refusal->status = status;
    refusal->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof refusal->message, format, args);
    va_end(args);
}

static char **place_for(struct sim_query *query, const char *name)
{
    static const char *const names[] = {"$select", "$filter", "$orderby", "$top", "$count", "$expand"};
    char **places[] = {&query->select, &query->filter, &query->orderby,
                       &query->top,    &query->count,  &query->expand};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return places[i];
    return NULL;
}

static int add_option(struct sim_query *query, const char *raw, size_t length, struct sim_text *options)
{
    const char *equals = memchr(raw, '=', length);
    size_t name_length = equals == NULL ? length : (size_t)(equals - raw);
    const char *value = equals == NULL ? raw + length : equals + 1;
    size_t value_length = length - (size_t)(value - raw);
    char *name = sim_percent_decode(raw, name_length, 1, NULL);
    if (name == NULL)
        return -1;
    int answer = 0;
    char **place = place_for(query, name);
    if (strcmp(name, "$skiptoken") == 0) {
        query->skiptoken = value;
        query->skiptoken_length = value_length;
    } else {
        if (options->length > 0)
            sim_text_add(options, "&", 1);
        sim_text_add(options, raw, length);
        if (place == NULL || *place != NULL) {
            if (query->unknown[0] == '\0')
                snprintf(query->unknown, sizeof query->unknown, "%.60s", name);
        } else {
            *place = sim_percent_decode(value, value_length, 1, NULL);
            answer = *place == NULL ? -1 : 0;
        }
    }
    free(name);
    return answer;
}

int sim_query_parse(const char *raw, struct sim_query *query)
{
    memset(query, 0, sizeof *query);
    struct sim_text options = {0};
    int answer = 0;
    while (raw != NULL && *raw != '\0' && answer == 0) {
        size_t length = strcspn(raw, "&");
        if (length > 0)
            answer = add_option(query, raw, length, &options);
        raw += length + (raw[length] == '&' ? 1 : 0);
    }
    query->options = sim_text_take(&options, NULL);
    return query->options == NULL ? -1 : answer;
}

void sim_query_free(struct sim_query *query)
{
    free(query->select);
    free(query->filter);
    free(query->orderby);
    free(query->top);
    free(query->count);
    free(query->expand);
    free(query->options);
    memset(query, 0, sizeof *query);
}

static void refuse_property(struct sim_refusal *refusal, const struct sim_table *table, const char *name,
                            size_t length)
{
    sim_refuse(refusal, 400, SIM_CODE_ODATA,
               "Could not find a property named '%.*s' on type 'Microsoft.Dynamics.CRM.%s'.",
               (int)(length < 128 ? length : 128), name, table->logical_name);
}

static int make_order(struct sim_read *read, const char *orderby, struct sim_refusal *refusal)
{
    const char *at = orderby;
    while (*at != '\0') {
        at += strspn(at, " ");
        size_t length = strcspn(at, ",");
        size_t name = strcspn(at, " ,");
        const char *direction = at + name + strspn(at + name, " ");
        size_t rest = (size_t)(at + length - direction);
        while (rest > 0 && direction[rest - 1] == ' ')
            rest--;
        int descending = rest == 4 && strncmp(direction, "desc", 4) == 0;
        if (!descending && rest != 0 && !(rest == 3 && strncmp(direction, "asc", 3) == 0)) {
            sim_refuse(refusal, 400, SIM_CODE_ODATA, "Syntax error at position %zu in '%.200s'.",
                       (size_t)(direction - orderby), orderby);
            return 1;
        }
        const struct sim_column *column = sim_table_property(read->table, at, name);
        if (column == NULL || (column->flags & SIM_COL_NO_ORDER)) {
            refuse_property(refusal, read->table, at, name);
            if (column != NULL) /* the service looks for the base type's key on the base type's table */
                sim_refuse(refusal, 400, SIM_CODE_ODATA,
                           "'%s' entity doesn't contain attribute with Name = '%s'.", read->table->base_type,
                           column->name);
            return 1;
        }
        if (read->n_order == SIM_MAX_ORDER) {
            sim_refuse(refusal, 400, SIM_CODE_ODATA, "More than %d columns in $orderby.", SIM_MAX_ORDER);
            return 1;
        }
        read->order[read->n_order++] = (struct sim_order){column, descending};
        at += length + (at[length] == ',' ? 1 : 0);
    }
    /* By the key alone, ascending, is the order that there is anyway. */
    if (read->n_order == 1 && read->order[0].column == sim_table_key(read->table) &&
        !read->order[0].descending)
        read->n_order = 0;
    return 0;
}

static int make_limit(struct sim_read *read, const struct sim_call *call, const struct sim_query *query,
                      struct sim_refusal *refusal)
{
    uint32_t size = call->max_page_size;
    read->limit = size == 0 || size > PAGE_MAX ? PAGE_MAX : size;
    if (query->top == NULL)
        return 0;
    size_t length = strlen(query->top);
    if (length == 0 || length > 9 || strspn(query->top, "0123456789") != length) {
        sim_refuse(refusal, 400, SIM_CODE_ODATA,
                   "Invalid value '%.40s' for $top query option found. The $top query option requires a "
                   "non-negative "
                   "integer value.",
                   query->top);
        return 1;
    }
    /* With a page size in Prefer, $top is ignored (Microsoft's documentation: page results). */
    if (size == 0) {
        size_t top = (size_t)strtoul(query->top, NULL, 10);
        read->limit = top < PAGE_MAX ? top : PAGE_MAX;
        read->top = 1;
    }
    return 0;
}

static int make_cursor(struct sim_read *read, const struct sim_store *store, const struct sim_call *call,
                       const struct sim_query *query, struct sim_refusal *refusal, char *violation)
{
    if (query->skiptoken == NULL)
        return 0;
    struct sim_cookie_frame frame = {store->seed,           sim_table_key(read->table)->name,
                                     read->order,           read->n_order,
                                     read->table->set_name, query->options};
    int answer = sim_skiptoken_read(query->skiptoken, query->skiptoken_length, &frame, &read->cursor);
    if (answer == -1)
        return -1;
    if (answer == 1) {
        snprintf(violation, 256,
                 "$skiptoken of %s is not one that was given for these options: it was changed, or the "
                 "options beside it were",
                 read->table->set_name);
        sim_refuse(refusal, 400, SIM_CODE_ODATA, "Malformed XML in the Paging Cookie.");
        return 1;
    }
    read->paged = 1;
    if (answer == 2)
        snprintf(violation, 256,
                 "the nextLink of %s was not used byte for byte: it was decoded and encoded anew",
                 read->table->set_name);
    else if (read->cursor.page_size != call->max_page_size)
        snprintf(violation, 256,
                 "Prefer: odata.maxpagesize is %u for page %llu of %s, but was %u for the page before",
                 call->max_page_size, (unsigned long long)read->cursor.page, read->table->set_name,
                 read->cursor.page_size);
    else if (read->cursor.annotations != (call->annotations != 0))
        snprintf(violation, 256,
                 "Prefer: odata.include-annotations of page %llu of %s differs from that of the page before",
                 (unsigned long long)read->cursor.page, read->table->set_name);
    return 0;
}

int sim_read_make(struct sim_read *read, const struct sim_store *store, const struct sim_table *table,
                  const struct sim_call *call, const struct sim_query *query, struct sim_refusal *refusal,
                  char *violation)
{
    memset(read, 0, sizeof *read);
    read->table = table;
    if (strcmp(query->unknown, "$skip") == 0) {
        sim_refuse(refusal, 400, SIM_CODE_ODATA, "Skip Clause is not supported in CRM");
        return 1;
    }
    if (query->expand != NULL || query->unknown[0] != '\0') {
        sim_refuse(refusal, query->expand != NULL ? 501 : 400, SIM_CODE_ODATA,
                   "The query parameter %s is not supported.",
                   query->expand != NULL ? "$expand" : query->unknown);
        return 1;
    }
    const char *bad = "";
    size_t bad_length = 0;
    int answer = sim_plan_make(&read->plan, table, query->select, call->annotations != 0, &bad, &bad_length);
    if (answer == 1)
        refuse_property(refusal, table, bad, bad_length);
    if (answer == 0 && query->filter != NULL)
        answer = sim_filter_for_table(query->filter, table, &read->filter, refusal);
    if (answer == 0 && query->orderby != NULL)
        answer = make_order(read, query->orderby, refusal);
    if (answer == 0)
        answer = make_limit(read, call, query, refusal);
    if (answer == 0)
        answer = make_cursor(read, store, call, query, refusal, violation);
    return answer;
}

void sim_read_free(struct sim_read *read)
{
    sim_plan_free(&read->plan);
    sim_filter_free(read->filter);
    sim_cursor_free(&read->cursor);
    memset(read, 0, sizeof *read);
}
