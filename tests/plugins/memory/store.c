/* store.c - tables and rows. */
#include "memory.h"

#include <stdlib.h>
#include <strings.h>

int32_t memory_no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
}

void memory_table_free(memory_table *table)
{
    size_t i;
    if (table == NULL)
        return;
    for (i = 0; i < table->n_rows; i++)
        free(table->rows[i]);
    for (i = 0; i < table->n_indexes; i++)
        memory_index_free(table->indexes[i]);
    for (i = 0; table->columns != NULL && i < table->n_columns; i++)
        free(table->columns[i].name);
    free(table->rows);
    free(table->indexes);
    free(table->columns);
    free(table->name);
    free(table);
}

void memory_view_free(memory_view *view)
{
    if (view == NULL)
        return;
    free(view->name);
    free(view->table);
    free(view->table2);
    free(view->only_null);
    free(view);
}

void memory_db_clear(memory_db *db)
{
    size_t i;
    for (i = 0; i < db->n_tables; i++)
        memory_table_free(db->tables[i]);
    for (i = 0; i < db->n_views; i++)
        memory_view_free(db->views[i]);
    free(db->tables);
    free(db->views);
    memset(db, 0, sizeof *db);
}

memory_table *memory_db_table(const memory_db *db, const char *name)
{
    size_t i;
    for (i = 0; i < db->n_tables; i++) {
        if (strcasecmp(db->tables[i]->name, name) == 0)
            return db->tables[i];
    }
    return NULL;
}

memory_view *memory_db_view(const memory_db *db, const char *name)
{
    size_t i;
    for (i = 0; i < db->n_views; i++) {
        if (strcasecmp(db->views[i]->name, name) == 0)
            return db->views[i];
    }
    return NULL;
}

memory_index *memory_db_index(const memory_db *db, const char *name, memory_table **table)
{
    size_t i;
    uint32_t j;
    for (i = 0; i < db->n_tables; i++) {
        for (j = 0; j < db->tables[i]->n_indexes; j++) {
            memory_index *index = db->tables[i]->indexes[j];
            if (index->name != NULL && strcasecmp(index->name, name) == 0) {
                *table = db->tables[i];
                return index;
            }
        }
    }
    return NULL;
}

int32_t memory_column_find(const memory_table *table, const char *name)
{
    uint32_t i;
    for (i = 0; i < table->n_columns; i++) {
        if (strcasecmp(table->columns[i].name, name) == 0)
            return (int32_t)i;
    }
    return -1;
}

static int has_bytes(const dvs_cell *cell)
{
    return cell->kind == DVS_DECIMAL || cell->kind == DVS_TEXT || cell->kind == DVS_BYTES ||
           cell->kind == DVS_UUID || cell->kind == DVS_JSON;
}

memory_row *memory_row_new(const dvs_cell *cells, uint32_t n_cells)
{
    size_t head = sizeof(memory_row) + (size_t)n_cells * sizeof(dvs_cell), size = head;
    memory_row *row;
    uint8_t *at;
    uint32_t i;
    for (i = 0; i < n_cells; i++) {
        if (has_bytes(&cells[i]))
            size += cells[i].length;
    }
    row = malloc(size);
    if (row == NULL)
        return NULL;
    row->id = cells[0].v.i64;
    row->n_cells = n_cells;
    row->dead = 0;
    at = (uint8_t *)row + head;
    for (i = 0; i < n_cells; i++) {
        row->cells[i] = cells[i];
        row->cells[i].flags = 0;
        if (cells[i].kind == DVS_ABSENT)
            row->cells[i] = dvs_cell_make(DVS_NULL, 0);
        if (!has_bytes(&cells[i]))
            continue;
        if (cells[i].length > 0)
            memcpy(at, cells[i].v.bytes, cells[i].length);
        row->cells[i].v.bytes = at;
        at += cells[i].length;
    }
    return row;
}

size_t memory_row_find(const memory_table *table, int64_t id, int *found)
{
    size_t low = 0, high = table->n_rows;
    if (high > 0 && table->rows[high - 1]->id < id)
        low = high; /* the usual case: ids ascend */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->rows[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < table->n_rows && table->rows[low]->id == id;
    return low;
}

/* Adds the row to every index, or to none. */
static int32_t index_row(memory_table *table, memory_row *row, dvs_error *err)
{
    uint32_t i;
    for (i = 0; i < table->n_indexes; i++) {
        int32_t status = memory_index_add(table->indexes[i], table, row, err);
        if (status != DVS_OK) {
            while (i-- > 0)
                memory_index_remove(table->indexes[i], row);
            return status;
        }
    }
    return DVS_OK;
}

static void unindex_row(memory_table *table, const memory_row *row)
{
    uint32_t i;
    for (i = 0; i < table->n_indexes; i++)
        memory_index_remove(table->indexes[i], row);
}

static int room_for_one(memory_table *table)
{
    size_t capacity = table->capacity != 0 ? table->capacity * 2 : 64;
    memory_row **rows;
    if (table->n_rows < table->capacity)
        return 0;
    rows = capacity <= SIZE_MAX / 2 / sizeof *rows ? realloc(table->rows, capacity * sizeof *rows) : NULL;
    if (rows == NULL)
        return -1;
    table->rows = rows;
    table->capacity = capacity;
    return 0;
}

int32_t memory_row_insert(memory_table *table, memory_row *row, dvs_error *err)
{
    int found;
    size_t place = memory_row_find(table, row->id, &found);
    int32_t status;
    if (found)
        status = dvs_fail(err, DVS_E_DUPLICATE, DVS_SCOPE_ROW, "table %s already has a row %lld", table->name,
                          (long long)row->id);
    else if (room_for_one(table) != 0)
        status = memory_no_memory(err);
    else
        status = index_row(table, row, err);
    if (status != DVS_OK) {
        free(row);
        return status;
    }
    if (place < table->n_rows)
        memmove(&table->rows[place + 1], &table->rows[place], (table->n_rows - place) * sizeof *table->rows);
    table->rows[place] = row;
    table->n_rows++;
    return DVS_OK;
}

int32_t memory_row_replace(memory_table *table, size_t place, memory_row *row, dvs_error *err)
{
    memory_row *old = table->rows[place];
    int32_t status;
    unindex_row(table, old);
    status = index_row(table, row, err);
    if (status != DVS_OK) {
        dvs_error unused = DVS_ERROR_INIT;
        free(row);
        if (index_row(table, old, &unused) != DVS_OK) /* it was there a moment ago: only memory can fail */
            return memory_no_memory(err);
        return status;
    }
    table->rows[place] = row;
    free(old);
    return DVS_OK;
}

void memory_row_mark(memory_table *table, size_t place)
{
    unindex_row(table, table->rows[place]);
    table->rows[place]->dead = 1;
}

void memory_table_sweep(memory_table *table)
{
    size_t i, kept = 0;
    for (i = 0; i < table->n_rows; i++) {
        if (table->rows[i]->dead)
            free(table->rows[i]);
        else
            table->rows[kept++] = table->rows[i];
    }
    table->n_rows = kept;
}
