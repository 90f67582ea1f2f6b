/*
 * store_parts.h - the inside of the store, for those who build and read it.
 */
#ifndef SIM_STORE_PARTS_H
#define SIM_STORE_PARTS_H

#include <pthread.h>

#include "store.h"
#include "table.h"

struct sim_plan_rows {
    char *set_name;
    uint64_t rows;
};

struct sim_store {
    pthread_rwlock_t lock; /* readers: sim_api_get; a writer: everything that changes */
    uint64_t seed;
    int64_t now;
    uint64_t version;          /* the versionnumber given last */
    uint64_t metadata_version; /* grows with each change of columns or tables */
    struct sim_table **tables;
    size_t n_tables;
    size_t capacity;
    struct sim_plan_rows *plans;
    size_t n_plans;
};

/* NULL when there is none. The caller holds the lock. */
struct sim_table *sim_store_table(const struct sim_store *store, const char *set_name, size_t length);
struct sim_table *sim_store_logical(const struct sim_store *store, const char *logical_name, size_t length);
/* Adds a finished table; one that came by itself (`automatic`) gives way. Takes the table also when it fails.
 * 0 or -1. */
int sim_store_put_table(struct sim_store *store, struct sim_table *table, struct sim_error *error);
/* How many rows a table has, or will have (sim_store_plan); -1: nothing is known. */
int64_t sim_store_rows(const struct sim_store *store, const char *logical_name, size_t length);

__attribute__((format(printf, 2, 3))) void sim_error_set(struct sim_error *error, const char *format, ...);

#endif
