/* index.c - hashes of rows by some columns: the indexes of the database, and those that lookups need. */
#include "memory.h"

#include <stdlib.h>

static int has_bytes(const dvs_cell *cell)
{
    return cell->kind == DVS_DECIMAL || cell->kind == DVS_TEXT || cell->kind == DVS_BYTES ||
           cell->kind == DVS_UUID || cell->kind == DVS_JSON;
}

static uint64_t fnv(uint64_t hash, const void *data, size_t length)
{
    const uint8_t *at = data;
    size_t i;
    for (i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t memory_cells_hash(const dvs_cell *cells, uint32_t n)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    uint32_t i;
    for (i = 0; i < n; i++) {
        if (has_bytes(&cells[i]))
            hash = fnv(hash, cells[i].v.bytes, cells[i].length);
        else
            hash = fnv(hash, &cells[i].v, sizeof cells[i].v);
        hash = fnv(hash, &cells[i].kind, 1);
    }
    return hash ^ hash >> 29;
}

static int order(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

int memory_cell_compare(const dvs_cell *a, const dvs_cell *b)
{
    size_t shorter = a->length < b->length ? a->length : b->length;
    int result;
    if (a->kind != b->kind)
        return order(a->kind, b->kind);
    if (a->kind <= DVS_NULL)
        return 0;
    if (a->kind == DVS_DOUBLE)
        return a->v.f64 < b->v.f64 ? -1 : a->v.f64 > b->v.f64;
    if (!has_bytes(a))
        return order(a->v.i64, b->v.i64);
    result = shorter > 0 ? memcmp(a->v.bytes, b->v.bytes, shorter) : 0;
    return result != 0 ? (result > 0) - (result < 0) : order(a->length, b->length);
}

int memory_cell_equal(const dvs_cell *a, const dvs_cell *b)
{
    return a->kind == b->kind && memory_cell_compare(a, b) == 0;
}

memory_index *memory_index_new(const char *name, uint32_t unique, const uint32_t *columns, uint32_t n_columns,
                               int32_t only_null, int32_t only_set)
{
    memory_index *index = calloc(1, sizeof *index);
    if (index == NULL)
        return NULL;
    index->unique = unique;
    index->n_columns = n_columns;
    index->only_null = only_null;
    index->only_set = only_set;
    index->n_buckets = 64;
    index->name = name != NULL ? strdup(name) : NULL;
    index->columns = malloc(((size_t)n_columns + 1) * sizeof *index->columns);
    index->buckets = calloc(index->n_buckets, sizeof *index->buckets);
    if ((name != NULL && index->name == NULL) || index->columns == NULL || index->buckets == NULL) {
        memory_index_free(index);
        return NULL;
    }
    if (n_columns > 0)
        memcpy(index->columns, columns, n_columns * sizeof *columns);
    return index;
}

void memory_index_free(memory_index *index)
{
    size_t i;
    if (index == NULL)
        return;
    for (i = 0; index->buckets != NULL && i < index->n_buckets; i++) {
        while (index->buckets[i] != NULL) {
            memory_entry *next = index->buckets[i]->next;
            free(index->buckets[i]);
            index->buckets[i] = next;
        }
    }
    free(index->buckets);
    free(index->columns);
    free(index->name);
    free(index);
}

/* The hash of the row's key, or 0 when the row is not in this index. */
static int key_of(const memory_index *index, const memory_row *row, uint64_t *hash)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    uint32_t i;
    if (index->only_null >= 0 && row->cells[index->only_null].kind != DVS_NULL)
        return 0;
    if (index->only_set >= 0 && row->cells[index->only_set].kind == DVS_NULL)
        return 0;
    for (i = 0; i < index->n_columns; i++) {
        const dvs_cell *cell = &row->cells[index->columns[i]];
        if (cell->kind == DVS_NULL)
            return 0;
        if (has_bytes(cell))
            sum = fnv(sum, cell->v.bytes, cell->length);
        else
            sum = fnv(sum, &cell->v, sizeof cell->v);
        sum = fnv(sum, &cell->kind, 1);
    }
    *hash = sum ^ sum >> 29;
    return 1;
}

static int grow(memory_index *index)
{
    size_t n = index->n_buckets * 2, i;
    memory_entry **buckets;
    if (index->n_entries < index->n_buckets)
        return 0;
    buckets = calloc(n, sizeof *buckets);
    if (buckets == NULL)
        return -1;
    for (i = 0; i < index->n_buckets; i++) {
        while (index->buckets[i] != NULL) {
            memory_entry *entry = index->buckets[i];
            index->buckets[i] = entry->next;
            entry->next = buckets[entry->hash & (n - 1)];
            buckets[entry->hash & (n - 1)] = entry;
        }
    }
    free(index->buckets);
    index->buckets = buckets;
    index->n_buckets = n;
    return 0;
}

static int same_key(const memory_index *index, const memory_row *a, const memory_row *b)
{
    uint32_t i;
    for (i = 0; i < index->n_columns; i++) {
        if (!memory_cell_equal(&a->cells[index->columns[i]], &b->cells[index->columns[i]]))
            return 0;
    }
    return 1;
}

int32_t memory_index_add(memory_index *index, const memory_table *table, memory_row *row, dvs_error *err)
{
    memory_entry *entry;
    uint64_t hash;
    if (!key_of(index, row, &hash))
        return DVS_OK;
    for (entry = index->unique ? index->buckets[hash & (index->n_buckets - 1)] : NULL; entry != NULL;
         entry = entry->next) {
        if (entry->hash == hash && same_key(index, entry->row, row))
            return dvs_fail(err, DVS_E_DUPLICATE, DVS_SCOPE_ROW,
                            "table %s: row %lld has the key that row %lld has in the unique index %s",
                            table->name, (long long)row->id, (long long)entry->row->id, index->name);
    }
    entry = grow(index) == 0 ? malloc(sizeof *entry) : NULL;
    if (entry == NULL)
        return memory_no_memory(err);
    entry->hash = hash;
    entry->row = row;
    entry->next = index->buckets[hash & (index->n_buckets - 1)];
    index->buckets[hash & (index->n_buckets - 1)] = entry;
    index->n_entries++;
    return DVS_OK;
}

void memory_index_remove(memory_index *index, const memory_row *row)
{
    memory_entry **at;
    uint64_t hash;
    if (!key_of(index, row, &hash))
        return;
    for (at = &index->buckets[hash & (index->n_buckets - 1)]; *at != NULL; at = &(*at)->next) {
        if ((*at)->row == row) {
            memory_entry *entry = *at;
            *at = entry->next;
            free(entry);
            index->n_entries--;
            return;
        }
    }
}

int32_t memory_index_build(memory_index *index, const memory_table *table, dvs_error *err)
{
    size_t i;
    for (i = 0; i < table->n_rows; i++) {
        int32_t status = memory_index_add(index, table, table->rows[i], err);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

int32_t memory_table_attach(memory_table *table, memory_index *index)
{
    memory_index **indexes = realloc(table->indexes, ((size_t)table->n_indexes + 1) * sizeof *indexes);
    if (indexes == NULL)
        return -1;
    table->indexes = indexes;
    indexes[table->n_indexes++] = index;
    return 0;
}

int32_t memory_index_for(memory_table *table, const uint32_t *columns, uint32_t n, memory_index **out,
                         dvs_error *err)
{
    memory_index *index;
    int32_t status;
    uint32_t i;
    for (i = 0; i < table->n_indexes; i++) {
        index = table->indexes[i];
        if (index->only_null < 0 && index->only_set < 0 && index->n_columns == n &&
            memcmp(index->columns, columns, n * sizeof *columns) == 0) {
            *out = index;
            return DVS_OK;
        }
    }
    index = memory_index_new(NULL, 0, columns, n, -1, -1);
    if (index == NULL)
        return memory_no_memory(err);
    status = memory_index_build(index, table, err);
    if (status == DVS_OK && memory_table_attach(table, index) != 0)
        status = memory_no_memory(err);
    if (status != DVS_OK)
        memory_index_free(index);
    else
        *out = index;
    return status;
}

memory_entry *memory_index_next(const memory_index *index, const dvs_cell *key, uint64_t hash,
                                const memory_entry *after)
{
    memory_entry *entry = after != NULL ? after->next : index->buckets[hash & (index->n_buckets - 1)];
    uint32_t i;
    for (; entry != NULL; entry = entry->next) {
        if (entry->hash != hash)
            continue;
        for (i = 0; i < index->n_columns; i++) {
            if (!memory_cell_equal(&entry->row->cells[index->columns[i]], &key[i]))
                break;
        }
        if (i == index->n_columns)
            return entry;
    }
    return NULL;
}
