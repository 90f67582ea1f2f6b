/* Changes of rows: all or nothing, by a list of what was done. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "change_value.h"
#include "generate.h"
#include "store_time.h"

struct undo {
    struct sim_table *table;
    struct sim_row *old; /* what was there; NULL: nothing */
    struct sim_row *now; /* what is there; NULL: nothing */
};

struct change {
    struct sim_store *store;
    struct sim_error *error;
    int64_t now;
    struct undo *undo;
    size_t n_undo;
    size_t capacity;
    json_t *report;
};

static int no_memory(struct change *change)
{
    sim_error_set(change->error, "Memory is out.");
    return -1;
}

/* Puts `row` (NULL: nothing) in the place of `old`, and remembers it. Owns the row also when it fails. */
static int replace(struct change *change, struct sim_table *table, const struct sim_guid *key,
                   struct sim_row *row)
{
    if (change->n_undo == change->capacity) {
        size_t capacity = change->capacity == 0 ? 64 : change->capacity * 2;
        struct undo *undo = realloc(change->undo, capacity * sizeof *undo);
        if (undo == NULL) {
            sim_row_free(row);
            return no_memory(change);
        }
        change->undo = undo;
        change->capacity = capacity;
    }
    struct sim_row *old = NULL;
    if (row == NULL) {
        old = sim_rows_take(&table->rows, key);
    } else if (sim_rows_put(&table->rows, row, &old) != 0) {
        sim_row_free(row);
        return no_memory(change);
    }
    change->undo[change->n_undo++] = (struct undo){table, old, row};
    return 0;
}

/* Backwards: what was taken out is put in again, which finds the room that it left. */
static void take_back(struct change *change)
{
    while (change->n_undo > 0) {
        struct undo *last = &change->undo[--change->n_undo];
        struct sim_row *there = NULL;
        if (last->old == NULL)
            there = sim_rows_take(&last->table->rows, sim_row_key(last->now));
        else if (sim_rows_put(&last->table->rows, last->old, &there) != 0)
            sim_row_free(last->old);
        sim_row_free(there);
    }
}

static int report(struct change *change, const struct sim_table *table, const char *what,
                  const struct sim_guid *key)
{
    json_t *of_table = json_object_get(change->report, table->set_name);
    if (of_table == NULL) {
        of_table = json_pack("{s:[],s:[],s:[]}", "inserted", "updated", "deleted");
        if (of_table == NULL || json_object_set_new(change->report, table->set_name, of_table) != 0)
            return no_memory(change);
    }
    char print[SIM_GUID_TEXT + 1];
    sim_guid_print(key, print);
    return json_array_append_new(json_object_get(of_table, what), json_string(print)) != 0 ? no_memory(change)
                                                                                           : 0;
}

/* The values that a row of the change names, by slot. */
struct given {
    struct sim_value *values;
    unsigned char *is_given;
    char **texts; /* to be freed, by slot */
    size_t n;
};

static void given_free(struct given *given)
{
    for (size_t i = 0; given->texts != NULL && i < given->n; i++)
        free(given->texts[i]);
    free(given->texts);
    free(given->values);
    free(given->is_given);
}

static int given_make(struct change *change, const struct sim_table *table, const json_t *row,
                      struct given *given)
{
    given->n = table->n_slots;
    given->values = calloc(given->n + 1, sizeof *given->values);
    given->is_given = calloc(given->n + 1, 1);
    given->texts = calloc(given->n + 1, sizeof *given->texts);
    if (given->values == NULL || given->is_given == NULL || given->texts == NULL)
        return no_memory(change);
    const char *key;
    const json_t *value;
    /* jansson's iterator takes no const; nothing is changed. */
    union {
        const json_t *in;
        json_t *out;
    } object = {row};
    void *iterator = json_object_iter(object.out);
    for (; iterator != NULL; iterator = json_object_iter_next(object.out, iterator)) {
        key = json_object_iter_key(iterator);
        value = json_object_iter_value(iterator);
        const struct sim_column *column = sim_table_property(table, key, strlen(key));
        if (column == NULL) {
            sim_error_set(change->error, "The table %s has no column %s.", table->set_name, key);
            return -1;
        }
        char *text = NULL;
        size_t length = 0;
        if (sim_change_value(column, value, &text, &length, change->error) != 0)
            return -1;
        given->is_given[column->slot] = 1;
        free(given->texts[column->slot]);
        given->texts[column->slot] = text;
        given->values[column->slot] = (struct sim_value){text, length};
    }
    return 0;
}

/* The key among the given values. 0; 1: not given; -1: it is none. */
static int given_key(struct change *change, const struct sim_table *table, const struct given *given,
                     struct sim_guid *key)
{
    const struct sim_column *column = sim_table_key(table);
    struct sim_value value = given->values[column->slot];
    if (!given->is_given[column->slot])
        return 1;
    if (value.json != NULL && value.length > 2 && sim_guid_parse(value.json + 1, value.length - 2, key) == 0)
        return 0;
    sim_error_set(change->error, "A row of %s has a %s that is no GUID.", table->set_name, column->key);
    return -1;
}

static int insert(struct change *change, struct sim_table *table, const json_t *row)
{
    struct given given = {0};
    struct sim_guid key;
    int answer = given_make(change, table, row, &given);
    int named = answer == 0 ? given_key(change, table, &given, &key) : -1;
    if (named == 0 && sim_rows_get(&table->rows, &key) != NULL) {
        char print[SIM_GUID_TEXT + 1];
        sim_guid_print(&key, print);
        sim_error_set(change->error, "The table %s already has a row %s.", table->set_name, print);
        named = -1;
    }
    /* Columns that are not named are null, as they are for a user who leaves them empty; but for those that
     * the service fills. */
    for (size_t i = 0; i < table->n_columns && named >= 0; i++) {
        const struct sim_column *column = &table->columns[i];
        if (column->key != NULL && !sim_change_is_kept(column))
            given.is_given[column->slot] = 1;
    }
    answer = named < 0 ? -1 : 0;
    if (answer == 0) {
        struct sim_row *made = sim_generate_row(change->store, table, named == 0 ? &key : NULL, change->now,
                                                given.values, given.is_given);
        if (made == NULL)
            answer = no_memory(change);
        else {
            key = *sim_row_key(made);
            answer = replace(change, table, &key, made);
        }
    }
    given_free(&given);
    return answer == 0 ? report(change, table, "inserted", &key) : -1;
}

/* The row with `given` in it, modifiedon and versionnumber new. */
static struct sim_row *updated_row(struct change *change, const struct sim_table *table,
                                   const struct sim_row *row, const struct given *given)
{
    struct sim_value *values = calloc(table->n_slots + 1, sizeof *values);
    if (values == NULL)
        return NULL;
    char time[32] = "\"";
    char number[24];
    sim_row_spread(row, values, table->n_slots);
    for (size_t i = 0; i < table->n_slots; i++)
        if (given->is_given[i])
            values[i] = given->values[i];
    const struct sim_column *modified = sim_table_column(table, "modifiedon", 10);
    const struct sim_column *version = sim_table_column(table, "versionnumber", 13);
    uint64_t next = ++change->store->version;
    if (modified != NULL && modified->key != NULL && !given->is_given[modified->slot]) {
        size_t length = 1 + sim_time_print(change->now, 0, time + 1);
        time[length++] = '"';
        values[modified->slot] = (struct sim_value){time, length};
    }
    if (version != NULL && version->key != NULL) {
        int length = snprintf(number, sizeof number, "%llu", (unsigned long long)next);
        values[version->slot] = (struct sim_value){number, (size_t)length};
    }
    struct sim_row *made = sim_row_new(sim_row_key(row), next, values, table->n_slots);
    free(values);
    return made;
}

static int update(struct change *change, struct sim_table *table, const json_t *row)
{
    struct given given = {0};
    struct sim_guid key;
    int named = given_make(change, table, row, &given) == 0 ? given_key(change, table, &given, &key) : -1;
    const struct sim_row *old = named == 0 ? sim_rows_get(&table->rows, &key) : NULL;
    struct sim_row *made = NULL;
    if (named == 1)
        sim_error_set(change->error, "An update of %s does not name %s.", table->set_name,
                      sim_table_key(table)->key);
    else if (named == 0 && old == NULL)
        sim_error_set(change->error, "The table %s has no row of an update's %s.", table->set_name,
                      sim_table_key(table)->key);
    else if (named == 0 && (made = updated_row(change, table, old, &given)) == NULL)
        no_memory(change);
    given_free(&given);
    if (made == NULL || replace(change, table, &key, made) != 0)
        return -1;
    return report(change, table, "updated", &key);
}

static int delete (struct change *change, struct sim_table *table, const struct sim_guid *key)
{
    if (sim_rows_get(&table->rows, key) == NULL) {
        char print[SIM_GUID_TEXT + 1];
        sim_guid_print(key, print);
        sim_error_set(change->error, "The table %s has no row %s to delete.", table->set_name, print);
        return -1;
    }
    struct sim_guid copy = *key;
    return replace(change, table, &copy, NULL) != 0 ? -1 : report(change, table, "deleted", &copy);
}

/* An update of a row taken at random: a text of it changes, or only modifiedon where there is none. */
static int random_update(struct change *change, struct sim_table *table, uint64_t r)
{
    const struct sim_row *row = sim_rows_nth(&table->rows, r % table->rows.n);
    struct given given = {.n = table->n_slots};
    given.values = calloc(given.n + 1, sizeof *given.values);
    given.is_given = calloc(given.n + 1, 1);
    struct sim_row *made = NULL;
    char text[64];
    const struct sim_column *text_column = sim_table_name(table);
    for (size_t i = 0; i < table->n_columns && text_column == NULL; i++)
        if (table->columns[i].type == SIM_STRING && table->columns[i].key != NULL)
            text_column = &table->columns[i];
    if (given.values != NULL && given.is_given != NULL) {
        if (text_column != NULL && text_column->key != NULL) {
            int length =
                snprintf(text, sizeof text, "\"Changed %llu\"", (unsigned long long)(r >> 16) % 1000000);
            given.is_given[text_column->slot] = 1;
            given.values[text_column->slot] = (struct sim_value){text, (size_t)length};
        }
        made = updated_row(change, table, row, &given);
    }
    free(given.values);
    free(given.is_given);
    if (made == NULL)
        return no_memory(change);
    struct sim_guid key = *sim_row_key(row);
    return replace(change, table, &key, made) != 0 ? -1 : report(change, table, "updated", &key);
}

static int random_changes(struct change *change, struct sim_table *table, const json_t *random)
{
    static const char *const what[] = {"insert", "update", "delete"};
    json_int_t n[3];
    for (int i = 0; i < 3; i++) {
        n[i] = json_integer_value(json_object_get(random, what[i]));
        if (n[i] < 0) {
            sim_error_set(change->error, "%s.random.%s is negative.", table->set_name, what[i]);
            return -1;
        }
    }
    /* Updates before deletes, so that a row is not updated that is gone; different rows for each as far as
     * chance goes. */
    uint64_t r = sim_mix(change->store->seed ^ change->store->version);
    for (json_int_t i = 0; i < n[0]; i++) {
        struct sim_row *row = sim_generate_row(change->store, table, NULL, change->now, NULL, NULL);
        if (row == NULL)
            return no_memory(change);
        struct sim_guid key = *sim_row_key(row);
        if (replace(change, table, &key, row) != 0 || report(change, table, "inserted", &key) != 0)
            return -1;
    }
    for (json_int_t i = 0; i < n[1] + n[2]; i++) {
        r = sim_mix(r);
        if (table->rows.n == 0) {
            sim_error_set(change->error, "The table %s has no row left to change.", table->set_name);
            return -1;
        }
        int answer = i < n[1]
                         ? random_update(change, table, r)
                         : delete (change, table, sim_row_key(sim_rows_nth(&table->rows, r % table->rows.n)));
        if (answer != 0)
            return -1;
    }
    return 0;
}

static int change_table(struct change *change, const char *set_name, json_t *changes)
{
    struct sim_table *table = sim_store_table(change->store, set_name, strlen(set_name));
    if (table == NULL) {
        sim_error_set(change->error, "The organisation has no table %s.", set_name);
        return -1;
    }
    const char *what;
    json_t *list;
    json_object_foreach(changes, what, list)
    {
        int inserts = strcmp(what, "insert") == 0;
        int updates = strcmp(what, "update") == 0;
        int deletes = strcmp(what, "delete") == 0;
        int random = strcmp(what, "random") == 0;
        if ((!inserts && !updates && !deletes && !random) ||
            (random ? !json_is_object(list) : !json_is_array(list))) {
            sim_error_set(change->error,
                          "%s.%s: expected insert, update or delete with an array, or random with an object.",
                          set_name, what);
            return -1;
        }
        if (random && random_changes(change, table, list) != 0)
            return -1;
        size_t i;
        json_t *row;
        json_array_foreach(list, i, row)
        {
            struct sim_guid key;
            int answer;
            if (deletes ? !json_is_string(row) ||
                              sim_guid_parse(json_string_value(row), json_string_length(row), &key) != 0
                        : !json_is_object(row)) {
                sim_error_set(change->error, "%s.%s[%zu] is no %s.", set_name, what, i,
                              deletes ? "GUID" : "object");
                return -1;
            }
            answer = inserts   ? insert(change, table, row)
                     : updates ? update(change, table, row)
                               : delete (change, table, &key);
            if (answer != 0)
                return -1;
        }
    }
    return 0;
}

char *sim_store_change(struct sim_store *store, const char *json, int64_t now, struct sim_error *error)
{
    json_error_t problem;
    json_t *changes = json_loads(json, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(changes)) {
        sim_error_set(error, "The change is no JSON object: %s",
                      changes == NULL ? problem.text : "it is another value");
        json_decref(changes);
        return NULL;
    }
    struct change change = {.store = store, .error = error, .now = now, .report = json_object()};
    int answer = change.report == NULL ? no_memory(&change) : 0;
    pthread_rwlock_wrlock(&store->lock);
    const char *set_name;
    json_t *of_table;
    json_object_foreach(changes, set_name, of_table)
    {
        if (answer == 0)
            answer = change_table(&change, set_name, of_table);
    }
    char *text = NULL;
    if (answer == 0 && (text = json_dumps(change.report, JSON_COMPACT | JSON_PRESERVE_ORDER)) == NULL)
        no_memory(&change);
    if (text == NULL)
        take_back(&change);
    for (size_t i = 0; i < change.n_undo; i++)
        sim_row_free(change.undo[i].old);
    pthread_rwlock_unlock(&store->lock);
    free(change.undo);
    json_decref(change.report);
    json_decref(changes);
    return text;
}
