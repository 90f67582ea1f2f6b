#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_parts.h"

void sim_error_set(struct sim_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
}

struct sim_store *sim_store_new(uint64_t seed, int64_t now)
{
    struct sim_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    pthread_rwlockattr_t attributes;
    if (pthread_rwlockattr_init(&attributes) != 0) {
        free(store);
        return NULL;
    }
    /* Else many readers would keep a change waiting for ever. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int failed = pthread_rwlock_init(&store->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    if (failed) {
        free(store);
        return NULL;
    }
    store->seed = seed;
    store->now = now;
    store->version = 81000000 + sim_mix(seed) % 1000000;
    store->metadata_version = store->version;
    return store;
}

void sim_store_free(struct sim_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->n_tables; i++)
        sim_table_free(store->tables[i]);
    for (size_t i = 0; i < store->n_plans; i++)
        free(store->plans[i].set_name);
    free(store->plans);
    free(store->tables);
    pthread_rwlock_destroy(&store->lock);
    free(store);
}

struct sim_table *sim_store_table(const struct sim_store *store, const char *set_name, size_t length)
{
    for (size_t i = 0; i < store->n_tables; i++)
        if (strncmp(store->tables[i]->set_name, set_name, length) == 0 &&
            store->tables[i]->set_name[length] == '\0')
            return store->tables[i];
    return NULL;
}

struct sim_table *sim_store_logical(const struct sim_store *store, const char *logical_name, size_t length)
{
    for (size_t i = 0; i < store->n_tables; i++)
        if (strncmp(store->tables[i]->logical_name, logical_name, length) == 0 &&
            store->tables[i]->logical_name[length] == '\0')
            return store->tables[i];
    return NULL;
}

int sim_store_put_table(struct sim_store *store, struct sim_table *table, struct sim_error *error)
{
    for (size_t i = 0; i < store->n_tables; i++) {
        struct sim_table *old = store->tables[i];
        if (strcmp(old->set_name, table->set_name) != 0 &&
            strcmp(old->logical_name, table->logical_name) != 0)
            continue;
        if (!old->automatic) {
            sim_error_set(error, "The organisation already has a table %s (%s).", old->set_name,
                          old->logical_name);
            sim_table_free(table);
            return -1;
        }
        sim_table_free(old);
        store->tables[i] = table;
        store->metadata_version++;
        return 0;
    }
    if (store->n_tables == store->capacity) {
        size_t capacity = store->capacity == 0 ? 16 : store->capacity * 2;
        struct sim_table **tables = realloc(store->tables, capacity * sizeof(struct sim_table *));
        if (tables == NULL) {
            sim_error_set(error, "Memory is out.");
            sim_table_free(table);
            return -1;
        }
        store->tables = tables;
        store->capacity = capacity;
    }
    store->tables[store->n_tables++] = table;
    store->metadata_version++;
    return 0;
}

int sim_store_plan(struct sim_store *store, const char *set_name, uint64_t rows, struct sim_error *error)
{
    pthread_rwlock_wrlock(&store->lock);
    struct sim_plan_rows *plans = realloc(store->plans, (store->n_plans + 1) * sizeof *plans);
    if (plans != NULL)
        store->plans = plans;
    char *name = plans == NULL ? NULL : strdup(set_name);
    if (name != NULL)
        plans[store->n_plans++] = (struct sim_plan_rows){name, rows};
    pthread_rwlock_unlock(&store->lock);
    if (name == NULL) {
        sim_error_set(error, "Memory is out.");
        return -1;
    }
    return 0;
}

int64_t sim_store_rows(const struct sim_store *store, const char *logical_name, size_t length)
{
    const struct sim_table *table = sim_store_logical(store, logical_name, length);
    /* Plans name sets; those of the tables with generated lookups end in s. */
    for (size_t i = 0; i < store->n_plans; i++) {
        const char *set_name = store->plans[i].set_name;
        size_t set_length = strlen(set_name);
        int same = set_length == length + 1 && strncmp(set_name, logical_name, length) == 0;
        int currency = length == 19 && strncmp(logical_name, "transactioncurrency", 19) == 0 &&
                       strcmp(set_name, "transactioncurrencies") == 0;
        if (same || currency)
            return (int64_t)store->plans[i].rows;
    }
    return table == NULL ? -1 : (int64_t)table->generated;
}

static struct sim_table *table_or_error(struct sim_store *store, const char *set_name,
                                        struct sim_error *error)
{
    struct sim_table *table = sim_store_table(store, set_name, strlen(set_name));
    if (table == NULL)
        sim_error_set(error, "The organisation has no table %s.", set_name);
    return table;
}

/* Both names of a lookup are understood: ownerid and _ownerid_value. */
static const struct sim_column *column_of(const struct sim_table *table, const char *name)
{
    const struct sim_column *column = sim_table_column(table, name, strlen(name));
    return column != NULL ? column : sim_table_property(table, name, strlen(name));
}

static int drop_column(struct sim_store *store, const char *set_name, const char *name,
                       struct sim_error *error)
{
    struct sim_table *table = table_or_error(store, set_name, error);
    if (table == NULL)
        return -1;
    const struct sim_column *column = column_of(table, name);
    if (column == NULL) {
        sim_error_set(error, "The table %s has no column %s.", set_name, name);
        return -1;
    }
    if (column->flags & SIM_COL_KEY) {
        sim_error_set(error, "The column %s is the primary key of %s; it cannot be dropped.", name, set_name);
        return -1;
    }
    sim_table_drop_column(table, column->name);
    store->metadata_version++;
    return 0;
}

int sim_store_drop_column(struct sim_store *store, const char *set_name, const char *column,
                          struct sim_error *error)
{
    pthread_rwlock_wrlock(&store->lock);
    int answer = drop_column(store, set_name, column, error);
    pthread_rwlock_unlock(&store->lock);
    return answer;
}

static int add_column(struct sim_store *store, const char *set_name, const char *name, const char *type_name,
                      struct sim_error *error)
{
    struct sim_table *table = table_or_error(store, set_name, error);
    if (table == NULL)
        return -1;
    int type = sim_type_of_name(type_name);
    if (type < 0) {
        sim_error_set(error,
                      "%s is no type of a column. Types: String, Memo, Integer, BigInt, Decimal, Money, "
                      "Double, Boolean, DateTime, Picklist, Lookup, Uniqueidentifier, ...",
                      type_name);
        return -1;
    }
    size_t length = strlen(name);
    if (length == 0 || length > 100 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != length) {
        sim_error_set(error, "\"%s\" is no name of a column: lower-case letters, digits and _, at most 100.",
                      name);
        return -1;
    }
    if (column_of(table, name) != NULL) {
        sim_error_set(error, "The table %s already has a column %s.", set_name, name);
        return -1;
    }
    struct sim_column_spec spec = {.name = name, .type = (uint8_t)type, .flags = SIM_COL_CUSTOM};
    if (sim_table_add_column(table, &spec) != 0) {
        sim_error_set(error, "Memory is out.");
        return -1;
    }
    if (sim_table_add_companions(table, name) != 0) {
        sim_table_drop_column(table, name);
        sim_error_set(error, "Memory is out.");
        return -1;
    }
    store->metadata_version++;
    return 0;
}

int sim_store_add_column(struct sim_store *store, const char *set_name, const char *column, const char *type,
                         struct sim_error *error)
{
    pthread_rwlock_wrlock(&store->lock);
    int answer = add_column(store, set_name, column, type, error);
    pthread_rwlock_unlock(&store->lock);
    return answer;
}
