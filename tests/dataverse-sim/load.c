#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change_value.h"
#include "load.h"
#include "store_time.h"
#include "text.h"

struct load {
    struct sim_store *store;
    struct sim_error *error;
    json_t *document;
    json_t *rows; /* borrowed from the document */
    struct sim_table *table;
    char **keys; /* for each column, by slot: the key of its values in the rows; NULL: made here */
    size_t n_keys;
};

static int no_memory(struct load *load)
{
    sim_error_set(load->error, "Memory is out.");
    return -1;
}

static int read_file(const char *path, struct sim_text *text, struct sim_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        sim_error_set(error, "%.300s cannot be opened: %s.", path, strerror(errno));
        return -1;
    }
    char buffer[65536];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0)
        sim_text_add(text, buffer, n);
    int failed = ferror(file) || text->failed;
    fclose(file);
    if (failed)
        sim_error_set(error, "%.300s cannot be read.", path);
    return failed ? -1 : 0;
}

/* contacts of data/contacts.json */
static char *set_name_of(const char *path, const char **ending)
{
    const char *slash = strrchr(path, '/');
    const char *start = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(start, '.');
    *ending = dot == NULL ? "" : dot;
    char *stem = dot == NULL ? strdup(start) : strndup(start, (size_t)(dot - start));
    char *name = stem == NULL ? NULL : sim_load_name(stem);
    free(stem);
    return name;
}

static int parse(struct load *load, const char *path, const char *ending, const struct sim_text *text)
{
    struct sim_error inner = {""};
    const char *data = text->data == NULL ? "" : text->data;
    if (strcmp(ending, ".csv") == 0) {
        load->document = sim_load_csv(data, text->length, &inner);
    } else if (strcmp(ending, ".json") == 0) {
        json_error_t problem;
        load->document = json_loadb(data, text->length, JSON_REJECT_DUPLICATES, &problem);
        if (load->document == NULL)
            sim_error_set(&inner, "line %d: %.200s.", problem.line, problem.text);
    } else {
        sim_error_set(&inner, "the name ends neither in .json nor in .csv.");
    }
    if (load->document == NULL) {
        sim_error_set(load->error, "%.200s cannot be loaded: %s", path, inner.message);
        return -1;
    }
    load->rows = load->document;
    if (json_is_object(load->document)) {
        load->rows = json_object_get(load->document, "rows");
        if (load->rows == NULL)
            load->rows = json_object_get(load->document, "value");
    }
    if (!json_is_array(load->rows)) {
        sim_error_set(load->error,
                      "%.200s has no rows: an array of objects is expected, or an object with \"rows\".",
                      path);
        return -1;
    }
    for (size_t i = 0; i < json_array_size(load->rows); i++)
        if (!json_is_object(json_array_get(load->rows, i))) {
            sim_error_set(load->error, "%.200s: row %zu is no object.", path, i + 1);
            return -1;
        }
    return 0;
}

static int make_table(struct load *load, const char *file_name)
{
    const json_t *about = json_is_object(load->document) ? json_object_get(load->document, "table") : NULL;
    const char *set_name = json_string_value(json_object_get(about, "set_name"));
    const char *logical = json_string_value(json_object_get(about, "logical_name"));
    if (set_name == NULL)
        set_name = file_name;
    size_t length = strlen(set_name);
    if (length == 0 || length > 100 || strspn(set_name, "abcdefghijklmnopqrstuvwxyz0123456789_") != length) {
        sim_error_set(load->error,
                      "\"%.120s\" is no name of a table: lower-case letters, digits and _, at most 100.",
                      set_name);
        return -1;
    }
    char *singular = strndup(set_name, length > 1 && set_name[length - 1] == 's' ? length - 1 : length);
    load->table = singular == NULL ? NULL : sim_table_new(set_name, logical == NULL ? singular : logical);
    free(singular);
    return load->table == NULL ? no_memory(load) : 0;
}

/* Remembers under which key the newest column's values lie. */
static int remember_key(struct load *load, const char *key)
{
    const struct sim_column *column = &load->table->columns[load->table->n_columns - 1];
    if (column->key == NULL)
        return 0;
    char **keys = realloc(load->keys, (column->slot + 1) * sizeof(char *));
    if (keys == NULL)
        return no_memory(load);
    load->keys = keys;
    keys[column->slot] = NULL;
    load->n_keys = column->slot + 1;
    if (key != NULL && (keys[column->slot] = strdup(key)) == NULL)
        return no_memory(load);
    return 0;
}

static int add_column(struct load *load, const char *name, uint8_t type, uint32_t flags, const char *more,
                      const char *key)
{
    struct sim_column_spec spec = {.name = name, .type = type, .flags = flags, .more = more};
    if (sim_table_column(load->table, name, strlen(name)) != NULL) {
        sim_error_set(load->error, "%s has two columns called %s.", load->table->set_name, name);
        return -1;
    }
    if (sim_table_add_column(load->table, &spec) != 0)
        return no_memory(load);
    return remember_key(load, key);
}

/* {"name":…,"type":…,"targets":[…],"options":…,"behavior":…} */
static int add_described(struct load *load, const json_t *about)
{
    const char *name = json_string_value(json_object_get(about, "name"));
    const char *type_name = json_string_value(json_object_get(about, "type"));
    const char *behavior = json_string_value(json_object_get(about, "behavior"));
    const char *options = json_string_value(json_object_get(about, "options"));
    int type = type_name == NULL ? -1 : sim_type_of_name(type_name);
    if (name == NULL || name[0] == '\0' || type < 0) {
        sim_error_set(
            load->error,
            "A column of %s needs a name and a type (Microsoft's AttributeType: String, Money, ...).",
            load->table->set_name);
        return -1;
    }
    uint32_t flags = 0;
    if (behavior != NULL)
        flags = strcmp(behavior, "DateOnly") == 0              ? SIM_COL_DATE_ONLY
                : strcmp(behavior, "TimeZoneIndependent") == 0 ? SIM_COL_TZ_INDEPENDENT
                                                               : 0;
    struct sim_text more = {0};
    const json_t *targets = json_object_get(about, "targets");
    for (size_t i = 0; i < json_array_size(targets); i++) {
        const char *target = json_string_value(json_array_get(targets, i));
        sim_text_printf(&more, "%s%s", i == 0 ? "" : ",", target == NULL ? "" : target);
    }
    if (options != NULL)
        sim_text_puts(&more, options);
    struct sim_text key = {0};
    int lookup = type == SIM_LOOKUP || type == SIM_CUSTOMER || type == SIM_OWNER;
    sim_text_printf(&key, lookup ? "_%s_value" : "%s", name);
    int answer = more.failed || key.failed
                     ? no_memory(load)
                     : add_column(load, name, (uint8_t)type, flags, more.data, key.data);
    sim_text_free(&more);
    sim_text_free(&key);
    return answer;
}

/* Columns of all keys that the rows have, in the order of their first appearance. */
static int add_guessed(struct load *load)
{
    json_t *seen = json_object();
    int answer = seen == NULL ? no_memory(load) : 0;
    for (size_t i = 0; i < json_array_size(load->rows) && answer == 0; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(json_array_get(load->rows, i), key, value)
        {
            if (answer != 0 || strchr(key, '@') != NULL || json_object_get(seen, key) != NULL)
                continue; /* annotations are no columns */
            if (json_object_set_new(seen, key, json_true()) != 0) {
                answer = no_memory(load);
                continue;
            }
            uint32_t flags = 0;
            enum sim_type type = sim_load_guess(load->rows, key, &flags);
            size_t length = strlen(key);
            int lookup = length > 7 && key[0] == '_' && strcmp(key + length - 6, "_value") == 0;
            char *raw = lookup ? strndup(key + 1, length - 7) : strdup(key);
            char *name = raw == NULL ? NULL : sim_load_name(raw);
            if (name == NULL)
                answer = no_memory(load);
            else
                answer = add_column(load, name, lookup ? SIM_LOOKUP : (uint8_t)type, flags, NULL, key);
            free(raw);
            free(name);
        }
    }
    json_decref(seen);
    return answer;
}

/* 1 when every row has a GUID of its own there. */
static int is_good_key(const struct load *load, const char *key)
{
    json_t *seen = json_object();
    int good = seen != NULL;
    for (size_t i = 0; i < json_array_size(load->rows) && good; i++) {
        const json_t *value = json_object_get(json_array_get(load->rows, i), key);
        const char *text = json_string_value(value);
        struct sim_guid guid;
        char print[SIM_GUID_TEXT + 1];
        good = text != NULL && sim_guid_parse(text, json_string_length(value), &guid) == 0;
        if (!good)
            break;
        sim_guid_print(&guid, print);
        good = json_object_get(seen, print) == NULL && json_object_set_new(seen, print, json_true()) == 0;
    }
    json_decref(seen);
    return good;
}

static int choose_key(struct load *load)
{
    struct sim_table *table = load->table;
    struct sim_text name = {0};
    sim_text_printf(&name, "%sid", table->logical_name);
    if (name.failed)
        return no_memory(load);
    struct sim_column *key = NULL;
    for (size_t i = 0; i < table->n_columns; i++) {
        struct sim_column *column = &table->columns[i];
        int named = strcmp(column->name, name.data) == 0;
        if (column->type != SIM_UNIQUEIDENTIFIER && named) {
            sim_error_set(load->error, "The key %s of %s is no GUID in some row.", column->name,
                          table->set_name);
            sim_text_free(&name);
            return -1;
        }
        if (column->type != SIM_UNIQUEIDENTIFIER || (key != NULL && !named))
            continue;
        if (is_good_key(load, load->keys[column->slot]))
            key = column;
        else if (named) {
            sim_error_set(load->error, "The key %s of %s is missing in some row, or twice the same.",
                          column->name, table->set_name);
            sim_text_free(&name);
            return -1;
        }
    }
    int answer = 0;
    if (key != NULL)
        key->flags |= SIM_COL_KEY;
    else
        answer = add_column(load, name.data, SIM_UNIQUEIDENTIFIER, SIM_COL_KEY, NULL, NULL);
    sim_text_free(&name);
    return answer;
}

static int add_columns(struct load *load)
{
    const json_t *described =
        json_is_object(load->document) ? json_object_get(load->document, "columns") : NULL;
    int answer = 0;
    for (size_t i = 0; i < json_array_size(described) && answer == 0; i++)
        answer = add_described(load, json_array_get(described, i));
    if (answer == 0 && !json_is_array(described))
        answer = add_guessed(load);
    if (answer == 0)
        answer = choose_key(load);
    if (answer == 0 && sim_table_column(load->table, "modifiedon", 10) == NULL)
        answer = add_column(load, "modifiedon", SIM_DATETIME, 0, NULL, NULL);
    if (answer == 0 && sim_table_column(load->table, "versionnumber", 13) == NULL)
        answer = add_column(load, "versionnumber", SIM_BIGINT, 0, NULL, NULL);
    struct sim_column *name = NULL;
    for (size_t i = 0; i < load->table->n_columns && answer == 0; i++) {
        struct sim_column *column = &load->table->columns[i];
        if (column->type == SIM_STRING && (name == NULL || strcmp(column->name, "name") == 0))
            name = column;
    }
    if (answer == 0 && name != NULL)
        name->flags |= SIM_COL_NAME;
    for (size_t i = 0, n = load->table->n_columns; i < n && answer == 0; i++)
        if (sim_table_add_companions(load->table, load->table->columns[i].name) != 0)
            answer = no_memory(load);
    return answer;
}

/* CSV has strings only; a type that was guessed wants its own kind of value. */
static const json_t *as_typed(const struct sim_column *column, const json_t *value)
{
    if (column->type == SIM_BOOLEAN && json_is_string(value))
        return strcmp(json_string_value(value), "true") == 0 ? json_true() : json_false();
    return value;
}

static struct sim_row *make_row(struct load *load, const json_t *row, size_t number)
{
    struct sim_table *table = load->table;
    struct sim_value *values = calloc(table->n_slots + 1, sizeof *values);
    char **texts = calloc(table->n_slots + 1, sizeof *texts);
    char generated[3][64];
    struct sim_guid key = sim_guid_make(load->store->seed, table->id, table->generated++);
    uint64_t version = ++load->store->version;
    struct sim_row *made = NULL;
    int failed = values == NULL || texts == NULL;
    for (size_t i = 0; i < table->n_columns && !failed; i++) {
        const struct sim_column *column = &table->columns[i];
        if (column->key == NULL)
            continue;
        struct sim_value *value = &values[column->slot];
        const char *from = load->keys[column->slot];
        const json_t *given = from == NULL ? NULL : json_object_get(row, from);
        if (given == NULL && from != NULL && sim_column_is_lookup(column))
            given = json_object_get(row, column->name); /* ownerid as well as _ownerid_value */
        if (from != NULL && given != NULL) {
            struct sim_error inner = {""};
            failed = sim_change_value(column, as_typed(column, given), &texts[column->slot], &value->length,
                                      &inner) != 0;
            value->json = texts[column->slot];
            if (failed)
                sim_error_set(load->error, "Row %zu of %s: %.300s", number, table->set_name, inner.message);
            else if (column->flags & SIM_COL_KEY)
                failed = sim_guid_parse(value->json + 1, value->length - 2, &key) != 0;
        } else if (from == NULL) {
            int which = column->flags & SIM_COL_KEY ? 0 : strcmp(column->name, "modifiedon") == 0 ? 1 : 2;
            char *text = generated[which];
            text[0] = '"';
            if (which == 0)
                sim_guid_print(&key, text + 1);
            else if (which == 1)
                sim_time_print(load->store->now, 0, text + 1);
            if (which == 2)
                snprintf(text, sizeof generated[0], "%llu", (unsigned long long)version);
            else
                text[strlen(text) + 1] = '\0', text[strlen(text)] = '"';
            *value = (struct sim_value){text, strlen(text)};
        }
    }
    if (!failed && (made = sim_row_new(&key, version, values, table->n_slots)) == NULL)
        no_memory(load);
    for (size_t i = 0; texts != NULL && i < table->n_slots; i++)
        free(texts[i]);
    free(texts);
    free(values);
    return made;
}

static int add_rows(struct load *load)
{
    size_t n = json_array_size(load->rows);
    struct sim_row **array = calloc(n + 1, sizeof(struct sim_row *));
    size_t made = 0;
    if (array == NULL)
        return no_memory(load);
    while (made < n && (array[made] = make_row(load, json_array_get(load->rows, made), made + 1)) != NULL)
        made++;
    int answer = made < n ? -1 : sim_rows_fill(&load->table->rows, array, n);
    if (answer == -1 && made == n)
        no_memory(load);
    if (answer == -2)
        sim_error_set(load->error, "Two rows of %s have the same key.", load->table->set_name);
    for (size_t i = 0; answer != 0 && i < made; i++)
        sim_row_free(array[i]);
    free(array);
    return answer == 0 ? 0 : -1;
}

int sim_store_load(struct sim_store *store, const char *path, struct sim_error *error)
{
    struct load load = {.store = store, .error = error};
    struct sim_text text = {0};
    const char *ending = "";
    char *name = set_name_of(path, &ending);
    sim_error_set(error, "Memory is out.");
    int answer = name == NULL || read_file(path, &text, error) != 0 ? -1 : 0;
    if (answer == 0)
        answer = parse(&load, path, ending, &text);
    sim_text_free(&text);
    if (answer == 0)
        answer = make_table(&load, name);
    if (answer == 0)
        answer = add_columns(&load);
    pthread_rwlock_wrlock(&store->lock);
    if (answer == 0)
        answer = add_rows(&load);
    if (answer == 0)
        answer = sim_store_put_table(store, load.table, error);
    else
        sim_table_free(load.table);
    pthread_rwlock_unlock(&store->lock);
    for (size_t i = 0; i < load.n_keys; i++)
        free(load.keys[i]);
    free(load.keys);
    json_decref(load.document);
    free(name);
    return answer;
}
