/* Definitions as they were asked for: $select, $filter, $expand. */
#include <stdlib.h>
#include <string.h>

#include "metadata_parts.h"

int sim_metadata_refuse_segment(struct sim_refusal *refusal, const char *segment, size_t length)
{
    sim_refuse(refusal, 404, SIM_CODE_ODATA, "Resource not found for the segment '%.*s'.",
               (int)(length < 200 ? length : 200), segment);
    return 1;
}

/* Properties may be filtered also where they are inside of another one: IsCustomizable/Value. */
static const json_t *property_at(const json_t *object, const char *path)
{
    char name[128];
    while (object != NULL) {
        size_t length = strcspn(path, "/");
        if (length >= sizeof name)
            return NULL;
        memcpy(name, path, length);
        name[length] = '\0';
        object = json_object_get(object, name);
        if (path[length] == '\0')
            return object;
        path += length + 1;
    }
    return NULL;
}

/* Any name will do; what is not there is null. The filter keeps the name. */
static const void *find_property(const void *context, const char *name, size_t length, enum sim_kind *kind)
{
    (void)context;
    (void)length;
    *kind = SIM_KIND_ANY;
    return name;
}

static struct sim_scalar get_property(const void *context, const void *what, struct sim_text *scratch)
{
    struct sim_scalar scalar = {.kind = SIM_KIND_NULL};
    const json_t *value = property_at(context, what);
    if (json_is_string(value)) {
        scalar.kind = SIM_KIND_TEXT;
        scalar.text = json_string_value(value);
        scalar.length = json_string_length(value);
    } else if (json_is_boolean(value)) {
        scalar.kind = SIM_KIND_BOOL;
        scalar.truth = json_is_true(value);
    } else if (json_is_integer(value)) {
        scratch->length = 0;
        sim_text_printf(scratch, "%lld", (long long)json_integer_value(value));
        scalar.kind = SIM_KIND_NUMBER;
        scalar.text = scratch->data;
        scalar.length = scratch->length;
    }
    return scalar;
}

/* Keeps what $select names, MetadataId and annotations. `known`: properties that may be named. */
static int project(json_t *object, const json_t *known, const char *select, const char *type_name,
                   struct sim_refusal *refusal)
{
    if (select == NULL)
        return 0;
    json_t *kept = json_object();
    if (kept == NULL)
        return -1;
    const char *at = select;
    char name[128];
    int answer = 0;
    static const char *const always[] = {"@odata.type", "MetadataId", "OptionSet", "GlobalOptionSet",
                                         "Attributes"};
    for (size_t i = 0; i < sizeof always / sizeof always[0] && answer == 0; i++)
        if (json_object_get(object, always[i]) != NULL)
            answer = json_object_set(kept, always[i], json_object_get(object, always[i]));
    while (answer == 0 && *at != '\0') {
        at += strspn(at, " ");
        size_t length = strcspn(at, ", ");
        size_t fits = length < sizeof name ? length : sizeof name - 1;
        memcpy(name, at, fits);
        name[fits] = '\0';
        json_t *value = json_object_get(known, name);
        if (value == NULL) {
            sim_refuse(refusal, 400, SIM_CODE_ODATA,
                       "Could not find a property named '%s' on type '" SIM_CRM "%s'.", name, type_name);
            answer = 1;
        } else {
            answer = json_object_set(kept, name, value);
        }
        at += length;
        at += strspn(at, " ,");
    }
    if (answer == 0 && (json_object_clear(object) != 0 || json_object_update(object, kept) != 0))
        answer = -1;
    json_decref(kept);
    return answer;
}

int sim_metadata_read_column(struct sim_column_read *read, const struct sim_column *column,
                             json_t **definition, struct sim_refusal *refusal)
{
    const struct sim_type_info *type = sim_type_info(column->type);
    json_t *base = sim_metadata_column(read->store, read->table, column);
    json_t *own = sim_metadata_column_own(column);
    json_t *all = json_object();
    int answer = base == NULL || own == NULL || all == NULL ? -1 : 0;
    if (answer == 0 && read->cast[0] == '\0' && strcmp(type->class_name, "AttributeMetadata") != 0) {
        struct sim_text name = {0};
        sim_text_printf(&name, "#" SIM_CRM "%s", type->class_name);
        answer = name.failed ? -1 : json_object_set_new(all, "@odata.type", json_string(name.data));
        sim_text_free(&name);
    }
    if (answer == 0 && (json_object_update(all, base) != 0 || json_object_update(all, own) != 0))
        answer = -1;
    if (answer == 0 && read->filter != NULL &&
        !sim_filter_holds(read->filter, get_property, all, &read->scratch))
        answer = 2;
    /* Without a cast only what all columns have can be selected. */
    if (answer == 0 && read->cast[0] != '\0' && json_object_update(base, own) != 0)
        answer = -1;
    if (answer == 0 && read->expand_sets && sim_column_is_choice(column)) {
        /* One of the two is null. */
        int global = (column->flags & SIM_COL_GLOBAL_SET) != 0;
        json_t *set = sim_metadata_option_set(read->store, read->table, column);
        if (set == NULL || json_object_set(all, global ? "GlobalOptionSet" : "OptionSet", set) != 0 ||
            json_object_set_new(all, global ? "OptionSet" : "GlobalOptionSet", json_null()) != 0)
            answer = -1;
        json_decref(set);
    }
    if (answer == 0)
        answer = project(all, base, read->select, read->cast[0] != '\0' ? read->cast : "AttributeMetadata",
                         refusal);
    json_decref(base);
    json_decref(own);
    if (answer != 0)
        json_decref(all);
    else
        *definition = all;
    return answer;
}

int sim_metadata_read_columns(struct sim_column_read *read, json_t *array, struct sim_refusal *refusal)
{
    for (size_t i = 0; i < read->table->n_columns; i++) {
        const struct sim_column *column = &read->table->columns[i];
        if (read->cast[0] != '\0' && strcmp(read->cast, sim_type_info(column->type)->class_name) != 0)
            continue;
        json_t *definition = NULL;
        int answer = sim_metadata_read_column(read, column, &definition, refusal);
        if (answer == 2)
            continue;
        if (answer != 0)
            return answer;
        if (json_array_append_new(array, definition) != 0)
            return -1;
    }
    return 0;
}

/* $select inside of $expand=Attributes($select=…). NULL in *select: none. */
static int expand_select(const char *expand, char **select)
{
    const char *at = strstr(expand, "$select=");
    *select = NULL;
    if (at == NULL)
        return 0;
    at += strlen("$select=");
    *select = strndup(at, strcspn(at, ";)"));
    return *select == NULL ? -1 : 0;
}

int sim_metadata_read_table(const struct sim_store *store, const struct sim_table *table,
                            const struct sim_query *query, const struct sim_filter *filter,
                            struct sim_text *scratch, json_t **definition, struct sim_refusal *refusal)
{
    json_t *object = sim_metadata_table(store, table);
    if (object == NULL)
        return -1;
    int answer = 0;
    if (filter != NULL && !sim_filter_holds(filter, get_property, object, scratch))
        answer = 2;
    json_t *known = answer == 0 ? json_copy(object) : NULL;
    if (answer == 0 && known == NULL)
        answer = -1;
    if (answer == 0 && query->expand != NULL) {
        struct sim_column_read read = {.store = store, .table = table, .cast = ""};
        char *select = NULL;
        json_t *columns = json_array();
        if (strncmp(query->expand, "Attributes", 10) != 0) {
            sim_refuse(refusal, 501, SIM_CODE_ODATA, "The simulator expands nothing but Attributes.");
            answer = 1;
        } else if (columns == NULL || expand_select(query->expand, &select) != 0) {
            answer = -1;
        } else {
            read.select = select;
            answer = sim_metadata_read_columns(&read, columns, refusal);
        }
        free(select);
        if (answer == 0)
            answer = json_object_set(object, "Attributes", columns);
        json_decref(columns);
    }
    if (answer == 0)
        answer = project(object, known, query->select, "EntityMetadata", refusal);
    json_decref(known);
    if (answer != 0)
        json_decref(object);
    else
        *definition = object;
    return answer;
}

int sim_metadata_filter(const char *text, struct sim_filter **filter, struct sim_refusal *refusal)
{
    struct sim_filter_source source = {find_property, NULL, "EntityMetadata"};
    return sim_filter_parse(text, &source, filter, refusal);
}

int sim_metadata_is_class(const char *name)
{
    for (int i = 0; i < SIM_N_TYPES; i++)
        if (strcmp(sim_type_info((enum sim_type)i)->class_name, name) == 0)
            return strcmp(name, "AttributeMetadata") != 0;
    return 0;
}
