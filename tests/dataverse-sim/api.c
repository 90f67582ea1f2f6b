#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csdl.h"
#include "metadata.h"
#include "query.h"

#define JSON_TYPE "application/json; odata.metadata=minimal"
#define PAGE_MAX 5000
#define DUPLICATES 3

static int finish(struct sim_reply *reply, struct sim_text *text, const char *content_type)
{
    reply->content_type = content_type;
    reply->body = sim_text_take(text, &reply->length);
    return reply->body == NULL ? -1 : 0;
}

static int refuse(struct sim_reply *reply, const struct sim_refusal *refusal)
{
    struct sim_text text = {0};
    reply->status = refusal->status;
    sim_text_printf(&text, "{\"error\":{\"code\":\"%s\",\"message\":", refusal->code);
    sim_text_json(&text, refusal->message, strlen(refusal->message));
    sim_text_puts(&text, "}}");
    return finish(reply, &text, JSON_TYPE "; charset=utf-8");
}

static int refuse_segment(struct sim_reply *reply, const char *segment)
{
    struct sim_refusal refusal;
    sim_refuse(&refusal, 404, SIM_CODE_ODATA, "Resource not found for the segment '%.200s'.", segment);
    return refuse(reply, &refusal);
}

static int service_document(const struct sim_store *store, const struct sim_call *call,
                            struct sim_reply *reply)
{
    struct sim_text text = {0};
    sim_text_printf(&text, "{\"@odata.context\":\"%s$metadata\",\"value\":[", call->base);
    for (size_t i = 0; i < store->n_tables; i++)
        sim_text_printf(&text, "%s{\"name\":\"%s\",\"kind\":\"EntitySet\",\"url\":\"%s\"}", i == 0 ? "" : ",",
                        store->tables[i]->set_name, store->tables[i]->set_name);
    sim_text_puts(&text, "]}");
    return finish(reply, &text, JSON_TYPE);
}

static int who_am_i(const struct sim_store *store, const struct sim_call *call, struct sim_reply *reply)
{
    static const char *const names[] = {"BusinessUnitId", "UserId", "OrganizationId"};
    static const char *const tables[] = {"businessunit", "systemuser", "organization"};
    struct sim_text text = {0};
    sim_text_printf(&text, "{\"@odata.context\":\"%s$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse\"",
                    call->base);
    for (size_t i = 0; i < 3; i++) {
        struct sim_guid guid = sim_guid_make(store->seed, sim_hash(tables[i], strlen(tables[i]), 0), 0);
        char print[SIM_GUID_TEXT + 1];
        sim_guid_print(&guid, print);
        sim_text_printf(&text, ",\"%s\":\"%s\"", names[i], print);
    }
    sim_text_puts(&text, "}");
    return finish(reply, &text, JSON_TYPE);
}

static int definitions(const struct sim_store *store, const struct sim_call *call,
                       const struct sim_query *query, struct sim_reply *reply)
{
    json_t *document = NULL;
    struct sim_refusal refusal;
    int answer = sim_metadata_get(store, call, query, &document, &refusal);
    if (answer == 1)
        return refuse(reply, &refusal);
    if (answer == 0) {
        reply->content_type = JSON_TYPE;
        reply->body = json_dumps(document, JSON_COMPACT | JSON_PRESERVE_ORDER);
        answer = reply->body == NULL ? -1 : 0;
        reply->length = reply->body == NULL ? 0 : strlen(reply->body);
    }
    json_decref(document);
    return answer;
}

static void add_link(struct sim_text *text, const struct sim_store *store, const struct sim_call *call,
                     const struct sim_read *read, const struct sim_query *query,
                     const struct sim_found *found)
{
    struct sim_text link = {0};
    if (call->faults & SIM_PAGE_LOOP) {
        sim_text_printf(&link, "%s%s%s%s", call->base, call->path, call->query == NULL ? "" : "?",
                        call->query == NULL ? "" : call->query);
    } else {
        struct sim_cursor cursor = {.page = read->cursor.page + 1,
                                    .page_size = call->max_page_size,
                                    .annotations = call->annotations != 0};
        if (!read->paged)
            cursor.page = 2;
        if (found->n > 0) {
            const struct sim_row *last = found->rows[found->n - 1];
            cursor.first = *sim_row_key(found->rows[0]);
            cursor.last = *sim_row_key(last);
            for (size_t i = 0; i < read->n_order; i++)
                cursor.values[i] = sim_row_value(last, read->order[i].column->slot);
        }
        struct sim_cookie_frame frame = {store->seed,           sim_table_key(read->table)->name,
                                         read->order,           read->n_order,
                                         read->table->set_name, query->options};
        const char *base =
            call->faults & SIM_PAGE_FOREIGN ? "https://dataverse.invalid/api/data/v9.2/" : call->base;
        sim_text_printf(&link, "%s%s?%s%s$skiptoken=", base, call->path, query->options,
                        query->options[0] == '\0' ? "" : "&");
        sim_skiptoken_write(&link, &frame, &cursor);
    }
    if (link.failed) {
        text->failed = 1;
    } else {
        sim_text_puts(text, ",\"@odata.nextLink\":");
        sim_text_json(text, link.data, link.length);
    }
    sim_text_free(&link);
}

static void add_head(struct sim_text *text, const struct sim_store *store, const struct sim_call *call,
                     const struct sim_read *read, const struct sim_query *query)
{
    sim_text_printf(text, "{\"@odata.context\":\"%s$metadata#%s\"", call->base, read->plan.context);
    int counted = query->count != NULL && strcmp(query->count, "true") == 0;
    /* $count stops at 5000 and does not care for the page (Microsoft's documentation: count rows). */
    int64_t count = counted ? sim_read_count(read, PAGE_MAX + 1) : -1;
    if (counted && count < 0)
        text->failed = 1;
    int over = count > PAGE_MAX;
    if (counted)
        sim_text_printf(text, ",\"@odata.count\":%lld", (long long)(over ? PAGE_MAX : count));
    if (call->annotations)
        sim_text_printf(text,
                        ",\"@Microsoft.Dynamics.CRM.totalrecordcount\":%lld,"
                        "\"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded\":%s,"
                        "\"@Microsoft.Dynamics.CRM.globalmetadataversion\":\"%llu\"",
                        (long long)(over ? PAGE_MAX : count), over ? "true" : "false",
                        (unsigned long long)store->metadata_version);
    sim_text_puts(text, ",\"value\":[");
}

static int page(const struct sim_store *store, const struct sim_call *call, const struct sim_read *read,
                const struct sim_query *query, struct sim_reply *reply)
{
    struct sim_text text = {0};
    struct sim_found found;
    if (sim_read_page(read, call->faults & SIM_PAGE_DUPLICATES ? DUPLICATES : 0, &found) != 0) {
        free(found.rows);
        return -1;
    }
    add_head(&text, store, call, read, query);
    int broken = (call->faults & SIM_PAGE_ERROR) != 0;
    sim_page_rows(&text, store, read->table, &read->plan, found.rows, broken ? found.n / 2 : found.n);
    sim_text_puts(&text, "]");
    int link = found.more && !read->top;
    if (found.n > 0 && call->faults & (SIM_PAGE_EMPTY_LAST | SIM_PAGE_LOOP | SIM_PAGE_FOREIGN))
        link = 1;
    if (broken) {
        sim_text_puts(&text, ",\"error\":{\"code\":\"0x80044151\",\"message\":\"SQL timeout expired.\"}");
        link = 0;
    }
    if (link)
        add_link(&text, store, call, read, query, &found);
    sim_text_puts(&text, "}");
    free(found.rows);
    reply->page = read->paged ? read->cursor.page : 1;
    reply->last_page = !link;
    return finish(reply, &text, JSON_TYPE);
}

/* SET, SET(guid), SET/$count */
static int rows(const struct sim_store *store, const struct sim_call *call, const struct sim_query *query,
                struct sim_reply *reply)
{
    size_t length = strcspn(call->path, "(/");
    const struct sim_table *table = sim_store_table(store, call->path, length);
    const char *rest = call->path + length;
    struct sim_guid key;
    size_t rest_length = strlen(rest);
    int one = rest_length > 2 && rest[0] == '(' && rest[rest_length - 1] == ')' &&
              sim_guid_parse(rest + 1, rest_length - 2, &key) == 0;
    int counted = strcmp(rest, "/$count") == 0;
    if (table == NULL || length == 0 || (rest_length > 0 && !one && !counted))
        return refuse_segment(reply, table == NULL ? call->path : rest);
    struct sim_read read;
    struct sim_refusal refusal;
    int answer = sim_read_make(&read, store, table, call, query, &refusal, reply->violation);
    struct sim_text text = {0};
    if (answer == 1) {
        answer = refuse(reply, &refusal);
    } else if (answer == 0 && counted) {
        int64_t n = sim_read_count(&read, PAGE_MAX);
        sim_text_printf(&text, "%lld", (long long)n);
        answer = n < 0 ? -1 : finish(reply, &text, "text/plain");
    } else if (answer == 0 && one) {
        struct sim_row *row = sim_rows_get(&table->rows, &key);
        if (row == NULL) {
            sim_refuse(&refusal, 404, "0x80040217", "Entity '%s' With Id = %.36s Does Not Exist",
                       table->logical_name, rest + 1);
            answer = refuse(reply, &refusal);
        } else {
            struct sim_text body = {0};
            sim_page_rows(&body, store, table, &read.plan, &row, 1);
            sim_text_printf(&text, "{\"@odata.context\":\"%s$metadata#%s/$entity\",", call->base,
                            read.plan.context);
            if (!body.failed && body.length > 0)
                sim_text_add(&text, body.data + 1, body.length - 1);
            text.failed |= body.failed;
            sim_text_free(&body);
            answer = finish(reply, &text, JSON_TYPE);
        }
    } else if (answer == 0) {
        answer = page(store, call, &read, query, reply);
    }
    sim_read_free(&read);
    return answer;
}

static int get(const struct sim_store *store, const struct sim_call *call, const struct sim_query *query,
               struct sim_reply *reply)
{
    const char *path = call->path;
    struct sim_text text = {0};
    if (path[0] == '\0')
        return service_document(store, call, reply);
    if (strcmp(path, "WhoAmI") == 0 || strcmp(path, "WhoAmI()") == 0)
        return who_am_i(store, call, reply);
    if (strcmp(path, "$metadata") == 0) {
        sim_csdl_write(&text, store);
        return finish(reply, &text, "application/xml");
    }
    if (strncmp(path, "EntityDefinitions", 17) == 0 || strncmp(path, "GlobalOptionSetDefinitions", 26) == 0)
        return definitions(store, call, query, reply);
    return rows(store, call, query, reply);
}

int sim_api_get(struct sim_store *store, const struct sim_call *call, struct sim_reply *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->status = 200;
    struct sim_query query;
    int answer = sim_query_parse(call->query, &query);
    if (answer == 0) {
        pthread_rwlock_rdlock(&store->lock);
        answer = get(store, call, &query, reply);
        pthread_rwlock_unlock(&store->lock);
    }
    sim_query_free(&query);
    if (answer != 0) {
        free(reply->body);
        reply->body = NULL;
        reply->status = 500;
    }
    return answer;
}
