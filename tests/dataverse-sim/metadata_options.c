/* Option sets. */
#include <stdlib.h>
#include <string.h>

#include "metadata.h"

/* One of "1:Open:0": value, label, and for a status its state. */
static json_t *option(const struct sim_column *column, const char *text, size_t length)
{
    char *rest = NULL;
    long value = strtol(text, &rest, 10);
    const char *end = text + length;
    const char *label = rest < end && *rest == ':' ? rest + 1 : rest;
    size_t label_length = (size_t)(end - label);
    const char *state = memchr(label, ':', label_length);
    if (state != NULL)
        label_length = (size_t)(state - label);
    json_t *object = json_pack("{s:I,s:o,s:{s:[],s:n},s:n,s:n,s:b,s:n,s:o,s:n}", "Value", (json_int_t)value,
                               "Label", sim_metadata_label(label, label_length), "Description",
                               "LocalizedLabels", "UserLocalizedLabel", "Color", "HasChanged", "IsManaged", 1,
                               "ExternalValue", "ParentValues", json_array(), "MetadataId");
    if (object != NULL && column->type == SIM_STATUS) {
        json_int_t of = state == NULL ? 0 : (json_int_t)strtol(state + 1, NULL, 10);
        if (json_object_set_new(object, "State", json_integer(of)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *options(const struct sim_column *column)
{
    json_t *array = json_array();
    const char *at = column->more;
    while (array != NULL && at != NULL && *at != '\0') {
        size_t length = strcspn(at, ";");
        if (json_array_append_new(array, option(column, at, length)) != 0) {
            json_decref(array);
            return NULL;
        }
        at += length + (at[length] == ';' ? 1 : 0);
    }
    return array;
}

static json_t *make_set(const struct sim_store *store, const struct sim_table *table,
                        const struct sim_column *column, int global)
{
    struct sim_text name = {0};
    if (global)
        sim_text_puts(&name, column->name);
    else
        sim_text_printf(&name, "%s_%s", table->logical_name, column->name);
    if (name.failed)
        return NULL;
    const char *kind = column->type == SIM_BOOLEAN  ? "Boolean"
                       : column->type == SIM_STATE  ? "State"
                       : column->type == SIM_STATUS ? "Status"
                                                    : "Picklist";
    json_t *object =
        json_pack("{s:o,s:s%,s:b,s:s,s:o,s:b,s:b,s:n,s:s}", "MetadataId",
                  sim_metadata_id(store, "optionset", global ? "" : table->logical_name, column->name),
                  "Name", name.data, name.length, "IsGlobal", global, "OptionSetType", kind, "DisplayName",
                  sim_metadata_label(column->name, strlen(column->name)), "IsCustomOptionSet",
                  (column->flags & SIM_COL_CUSTOM) != 0, "IsManaged", 1, "ExternalTypeName",
                  "IntroducedVersion", "5.0.0.0");
    sim_text_free(&name);
    int failed = object == NULL;
    if (!failed && column->type == SIM_BOOLEAN) {
        failed = json_object_set_new(object, "TrueOption", option(column, "1:Yes", 5)) != 0 ||
                 json_object_set_new(object, "FalseOption", option(column, "0:No", 4)) != 0;
    } else if (!failed) {
        failed = json_object_set_new(object, "Options", options(column)) != 0;
    }
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *sim_metadata_option_set(const struct sim_store *store, const struct sim_table *table,
                                const struct sim_column *column)
{
    return make_set(store, table, column, (column->flags & SIM_COL_GLOBAL_SET) != 0);
}

json_t *sim_metadata_global_sets(const struct sim_store *store)
{
    json_t *sets = json_array();
    for (size_t i = 0; i < store->n_tables && sets != NULL; i++) {
        const struct sim_table *table = store->tables[i];
        for (size_t j = 0; j < table->n_columns && sets != NULL; j++) {
            const struct sim_column *column = &table->columns[j];
            if (!(column->flags & SIM_COL_GLOBAL_SET))
                continue;
            json_t *set = make_set(store, table, column, 1);
            if (set == NULL ||
                json_object_set_new(set, "@odata.type",
                                    json_string("#Microsoft.Dynamics.CRM.OptionSetMetadata")) != 0 ||
                json_array_append(sets, set) != 0) {
                json_decref(sets);
                sets = NULL;
            }
            json_decref(set);
        }
    }
    return sets;
}
