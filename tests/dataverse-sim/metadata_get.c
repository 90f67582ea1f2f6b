/* Which definition an address asks for. */
#include <stdlib.h>
#include <string.h>

#include "metadata_parts.h"

#define ENTITIES "EntityDefinitions"
#define OPTION_SETS "GlobalOptionSetDefinitions"

/* Moves *at behind (LogicalName='x'), (Name='x') or (guid); *value gets what stands there. 0; 1: something
 * else. */
static int read_key(const char **at, const char *name, const char **value, size_t *length)
{
    const char *end = strchr(*at, ')');
    if (**at != '(' || end == NULL)
        return 1;
    const char *start = *at + 1;
    size_t name_length = strlen(name);
    if (strncmp(start, name, name_length) == 0 && start[name_length] == '=' &&
        start[name_length + 1] == '\'' && end[-1] == '\'' && end - start > (ptrdiff_t)name_length + 2) {
        start += name_length + 2;
        *length = (size_t)(end - 1 - start);
    } else {
        struct sim_guid guid;
        *length = (size_t)(end - start);
        if (sim_guid_parse(start, *length, &guid) != 0)
            return 1;
    }
    *value = start;
    *at = end + 1;
    return 0;
}

static int is_key(const char *given, size_t length, const char *name, json_t *id)
{
    int same = (strlen(name) == length && strncmp(name, given, length) == 0) ||
               (json_string_length(id) == length && strncmp(json_string_value(id), given, length) == 0);
    json_decref(id);
    return same;
}

static const struct sim_table *table_of(const struct sim_store *store, const char *key, size_t length)
{
    for (size_t i = 0; i < store->n_tables; i++) {
        const struct sim_table *table = store->tables[i];
        if (is_key(key, length, table->logical_name,
                   sim_metadata_id(store, "table", table->logical_name, "")))
            return table;
    }
    return NULL;
}

static int set_context(json_t *document, const struct sim_call *call, const char *format, const char *name,
                       const char *select, const char *end)
{
    struct sim_text text = {0};
    sim_text_printf(&text, "%s$metadata#%s%s", call->base, format, name);
    if (select != NULL)
        sim_text_printf(&text, "(%s)", select);
    sim_text_puts(&text, end);
    int answer = text.failed ? -1 : json_object_set_new(document, "@odata.context", json_string(text.data));
    sim_text_free(&text);
    return answer;
}

/* The members of `object` behind the context, so that it comes first. */
static json_t *with_context(json_t *object, const struct sim_call *call, const char *what, const char *name,
                            const char *select)
{
    json_t *document = json_object();
    if (document == NULL || set_context(document, call, what, name, select, "/$entity") != 0 ||
        json_object_update(document, object) != 0) {
        json_decref(document);
        document = NULL;
    }
    json_decref(object);
    return document;
}

static json_t *list_document(const struct sim_call *call, const char *what, const char *name,
                             const char *select, json_t *array)
{
    json_t *document = json_object();
    if (document == NULL || set_context(document, call, what, name, select, "") != 0 ||
        json_object_set(document, "value", array) != 0) {
        json_decref(document);
        return NULL;
    }
    return document;
}

static int get_tables(const struct sim_store *store, const struct sim_call *call,
                      const struct sim_query *query, const struct sim_filter *filter, json_t **document,
                      struct sim_refusal *refusal)
{
    json_t *array = json_array();
    struct sim_text scratch = {0};
    int answer = array == NULL ? -1 : 0;
    for (size_t i = 0; i < store->n_tables && answer == 0; i++) {
        json_t *definition = NULL;
        answer =
            sim_metadata_read_table(store, store->tables[i], query, filter, &scratch, &definition, refusal);
        if (answer == 0)
            answer = json_array_append_new(array, definition);
        else if (answer == 2)
            answer = 0;
    }
    if (answer == 0 && (*document = list_document(call, ENTITIES, "", query->select, array)) == NULL)
        answer = -1;
    sim_text_free(&scratch);
    json_decref(array);
    return answer;
}

/* /Attributes, /Attributes/Cast, /Attributes(LogicalName='x'), /Attributes(LogicalName='x')/Cast */
static int get_columns(const struct sim_store *store, const struct sim_call *call,
                       const struct sim_query *query, const struct sim_table *table, const char *at,
                       const struct sim_filter *filter, json_t **document, struct sim_refusal *refusal)
{
    struct sim_column_read read = {
        .store = store, .table = table, .cast = "", .select = query->select, .filter = filter};
    const char *key = NULL;
    size_t key_length = 0;
    int answer = 0;
    if (*at == '(' && read_key(&at, "LogicalName", &key, &key_length) != 0)
        return sim_metadata_refuse_segment(refusal, at, strlen(at));
    if (*at == '/') {
        if (strncmp(at + 1, SIM_CRM, strlen(SIM_CRM)) != 0 ||
            !sim_metadata_is_class(at + 1 + strlen(SIM_CRM)))
            return sim_metadata_refuse_segment(refusal, at + 1, strlen(at + 1));
        read.cast = at + 1 + strlen(SIM_CRM);
        at += strlen(at);
    }
    if (*at != '\0')
        return sim_metadata_refuse_segment(refusal, at, strlen(at));
    read.expand_sets = query->expand != NULL && strstr(query->expand, "OptionSet") != NULL;
    if (read.expand_sets && read.cast[0] == '\0') {
        sim_refuse(refusal, 400, SIM_CODE_ODATA,
                   "Could not find a property named 'OptionSet' on type '" SIM_CRM "AttributeMetadata'.");
        return 1;
    }
    if (key == NULL) {
        json_t *array = json_array();
        answer = array == NULL ? -1 : sim_metadata_read_columns(&read, array, refusal);
        struct sim_text name = {0};
        sim_text_printf(&name, "('%s')/Attributes%s%s", table->logical_name,
                        read.cast[0] == '\0' ? "" : "/" SIM_CRM, read.cast);
        if (answer == 0 && (name.failed || (*document = list_document(call, ENTITIES, name.data,
                                                                      query->select, array)) == NULL))
            answer = -1;
        sim_text_free(&name);
        json_decref(array);
    } else {
        const struct sim_column *found = NULL;
        for (size_t i = 0; i < table->n_columns && found == NULL; i++) {
            const struct sim_column *column = &table->columns[i];
            if (is_key(key, key_length, column->name,
                       sim_metadata_id(store, "column", table->logical_name, column->name)))
                found = column;
        }
        if (found == NULL ||
            (read.cast[0] != '\0' && strcmp(read.cast, sim_type_info(found->type)->class_name) != 0)) {
            sim_refuse(refusal, 404, "0x80060888", "Could not find an attribute with specified name: '%.*s'.",
                       (int)(key_length < 128 ? key_length : 128), key);
            return 1;
        }
        json_t *definition = NULL;
        answer = sim_metadata_read_column(&read, found, &definition, refusal);
        if (answer == 0 &&
            (*document = with_context(definition, call, ENTITIES "/Attributes", "", query->select)) == NULL)
            answer = -1;
    }
    sim_text_free(&read.scratch);
    return answer;
}

static int get_entities(const struct sim_store *store, const struct sim_call *call,
                        const struct sim_query *query, const struct sim_filter *filter, json_t **document,
                        struct sim_refusal *refusal)
{
    const char *at = call->path + strlen(ENTITIES);
    if (*at == '\0')
        return get_tables(store, call, query, filter, document, refusal);
    const char *key = "";
    size_t length = 0;
    if (read_key(&at, "LogicalName", &key, &length) != 0)
        return sim_metadata_refuse_segment(refusal, call->path, strlen(call->path));
    const struct sim_table *table = table_of(store, key, length);
    if (table == NULL) {
        sim_refuse(refusal, 404, "0x80060888", "Could not find an entity with specified name: '%.*s'.",
                   (int)(length < 128 ? length : 128), key);
        return 1;
    }
    if (strncmp(at, "/Attributes", 11) == 0)
        return get_columns(store, call, query, table, at + 11, filter, document, refusal);
    if (*at != '\0')
        return sim_metadata_refuse_segment(refusal, at + 1, strlen(at + 1));
    json_t *definition = NULL;
    struct sim_text scratch = {0};
    int answer = sim_metadata_read_table(store, table, query, NULL, &scratch, &definition, refusal);
    sim_text_free(&scratch);
    if (answer == 0 && (*document = with_context(definition, call, ENTITIES, "", query->select)) == NULL)
        answer = -1;
    return answer;
}

static int get_option_sets(const struct sim_store *store, const struct sim_call *call, json_t **document,
                           struct sim_refusal *refusal)
{
    const char *at = call->path + strlen(OPTION_SETS);
    json_t *sets = sim_metadata_global_sets(store);
    if (sets == NULL)
        return -1;
    int answer = 1;
    const char *key = "";
    size_t length = 0;
    if (*at == '\0') {
        *document = list_document(call, OPTION_SETS, "", NULL, sets);
        answer = *document == NULL ? -1 : 0;
    } else if (read_key(&at, "Name", &key, &length) == 0 &&
               (*at == '\0' || strcmp(at, "/" SIM_CRM "OptionSetMetadata") == 0)) {
        size_t i;
        json_t *set;
        json_array_foreach(sets, i, set)
        {
            if (!is_key(key, length, json_string_value(json_object_get(set, "Name")),
                        json_incref(json_object_get(set, "MetadataId"))))
                continue;
            *document = with_context(json_incref(set), call, OPTION_SETS, "", NULL);
            answer = *document == NULL ? -1 : 0;
            break;
        }
    }
    json_decref(sets);
    return answer == 1 ? sim_metadata_refuse_segment(refusal, call->path, strlen(call->path)) : answer;
}

int sim_metadata_get(const struct sim_store *store, const struct sim_call *call,
                     const struct sim_query *query, json_t **document, struct sim_refusal *refusal)
{
    if (query->unknown[0] != '\0' || query->skiptoken != NULL || query->top != NULL ||
        query->orderby != NULL) {
        sim_refuse(refusal, 400, SIM_CODE_ODATA, "The query parameter %s is not supported.",
                   query->unknown[0] != '\0' ? query->unknown : "$top, $orderby or $skiptoken");
        return 1;
    }
    if (strncmp(call->path, OPTION_SETS, strlen(OPTION_SETS)) == 0)
        return get_option_sets(store, call, document, refusal);
    struct sim_filter *filter = NULL;
    if (query->filter != NULL) {
        int answer = sim_metadata_filter(query->filter, &filter, refusal);
        if (answer != 0)
            return answer;
    }
    int answer = get_entities(store, call, query, filter, document, refusal);
    sim_filter_free(filter);
    return answer;
}
