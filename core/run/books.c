/* books.c - the bookkeeping tables: definitions, creation, reading and writing rows. */
#include "run/books.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"

typedef struct book_column {
    const char *name;
    uint32_t kind;
} book_column;

#define BOOK_COLUMN(enumerator, name, kind) {name, kind},
static const book_column runs_columns[] = {DVSI_RUNS_COLUMNS(BOOK_COLUMN)};
static const book_column log_columns[] = {DVSI_LOG_COLUMNS(BOOK_COLUMN)};
static const book_column state_columns[] = {DVSI_STATE_COLUMNS(BOOK_COLUMN)};
static const book_column tables_columns[] = {DVSI_TABLES_COLUMNS(BOOK_COLUMN)};
static const book_column schema_columns[] = {DVSI_SCHEMA_COLUMNS(BOOK_COLUMN)};
static const book_column errors_columns[] = {DVSI_ERRORS_COLUMNS(BOOK_COLUMN)};
static const book_column offers_columns[] = {DVSI_OFFERS_COLUMNS(BOOK_COLUMN)};
static const book_column deletes_columns[] = {DVSI_DELETES_COLUMNS(BOOK_COLUMN)};
static const book_column seen_columns[] = {DVSI_SEEN_COLUMNS(BOOK_COLUMN)};
static const book_column lineage_columns[] = {DVSI_LINEAGE_COLUMNS(BOOK_COLUMN)};
static const book_column conflicts_columns[] = {DVSI_CONFLICTS_COLUMNS(BOOK_COLUMN)};
static const book_column pins_columns[] = {DVSI_PINS_COLUMNS(BOOK_COLUMN)};
static const book_column locks_columns[] = {DVSI_LOCKS_COLUMNS(BOOK_COLUMN)};
static const book_column plugin_state_columns[] = {DVSI_PLUGIN_STATE_COLUMNS(BOOK_COLUMN)};
static const book_column changes_columns[] = {DVSI_CHANGES_COLUMNS(BOOK_COLUMN)};
static const book_column kept_columns[] = {DVSI_KEPT_COLUMNS(BOOK_COLUMN)};
static const book_column rows_columns[] = {DVSI_ROWS_COLUMNS(BOOK_COLUMN)};

#define BOOK(name, columns)                                                                                  \
    {                                                                                                        \
        name, columns, sizeof columns / sizeof *columns                                                      \
    }
static const struct {
    const char *name;
    const book_column *columns;
    uint32_t n_columns;
} book_list[DVSI_BOOK_COUNT] = {
    BOOK("_sync_runs", runs_columns),           BOOK("_sync_log", log_columns),
    BOOK("_sync_state", state_columns),         BOOK("_sync_tables", tables_columns),
    BOOK("_sync_schema", schema_columns),       BOOK("_sync_errors", errors_columns),
    BOOK("_sync_offers", offers_columns),       BOOK("_sync_deletes", deletes_columns),
    BOOK("_sync_seen", seen_columns),           BOOK("_sync_lineage", lineage_columns),
    BOOK("_sync_conflicts", conflicts_columns), BOOK("_sync_pins", pins_columns),
    BOOK("_sync_locks", locks_columns),         BOOK("_sync_plugin_state", plugin_state_columns),
    BOOK("_sync_changes", changes_columns),     BOOK("_sync_kept", kept_columns),
    BOOK("_sync_rows", rows_columns),
};

typedef struct book_index {
    const char *name;
    dvsi_book book;
    uint32_t flags;
    uint32_t columns[4];
    uint32_t n_columns;
    int32_t only_null;
    int32_t only_set;
} book_index;

/* clang-format off */
static const book_index index_list[] = {
    {"_sync_deletes_key", DVSI_BOOK_DELETES, DVS_INDEX_UNIQUE,
     {DVSI_DELETES_PROJECT, DVSI_DELETES_ENTITY, DVSI_DELETES_KEY}, 3, -1, -1},
    {"_sync_errors_key", DVSI_BOOK_ERRORS, 0,
     {DVSI_ERRORS_PROJECT, DVSI_ERRORS_ENTITY, DVSI_ERRORS_KEY, DVSI_ERRORS_ROW_NUMBER}, 4, -1, -1},
    {"_sync_errors_source_key", DVSI_BOOK_ERRORS, 0,
     {DVSI_ERRORS_PROJECT, DVSI_ERRORS_ENTITY, DVSI_ERRORS_SOURCE_KEY}, 3, -1, -1},
    {"_sync_conflicts_open", DVSI_BOOK_CONFLICTS, 0,
     {DVSI_CONFLICTS_PROJECT, DVSI_CONFLICTS_ENTITY, DVSI_CONFLICTS_KEY}, 3, DVSI_CONFLICTS_CLOSED_AT, -1},
    {"_sync_pins_key", DVSI_BOOK_PINS, DVS_INDEX_UNIQUE,
     {DVSI_PINS_PROJECT, DVSI_PINS_ENTITY, DVSI_PINS_KEY, DVSI_PINS_FIELD}, 4, -1, -1},
    {"_sync_changes_key", DVSI_BOOK_CHANGES, 0,
     {DVSI_CHANGES_PROJECT, DVSI_CHANGES_ENTITY, DVSI_CHANGES_KEY}, 3, -1, -1},
    /* Each part is read in the order of the row ids. */
    {"_sync_changes_part", DVSI_BOOK_CHANGES, 0,
     {DVSI_CHANGES_PROJECT, DVSI_CHANGES_ENTITY, DVSI_CHANGES_PART}, 3, -1, -1},
    {"_sync_rows_key", DVSI_BOOK_ROWS, 0, {DVSI_ROWS_PROJECT, DVSI_ROWS_ENTITY, DVSI_ROWS_KEY}, 3, -1, -1},
    {"_sync_kept_key", DVSI_BOOK_KEPT, 0, {DVSI_KEPT_PROJECT, DVSI_KEPT_ENTITY, DVSI_KEPT_KEY}, 3, -1, -1},
    {"_sync_kept_part", DVSI_BOOK_KEPT, 0, {DVSI_KEPT_PROJECT, DVSI_KEPT_ENTITY, DVSI_KEPT_PART}, 3, -1, -1},
};

/* Made after the first load: keeping it up costs half of one. */
static const book_index lineage_index = {
    "_sync_lineage_key", DVSI_BOOK_LINEAGE, 0,
    {DVSI_LINEAGE_PROJECT, DVSI_LINEAGE_ENTITY, DVSI_LINEAGE_KEY}, 3, -1, -1};

/* So are these, see offers_load.c. */
static const book_index offers_list[] = {
    {"_sync_offers_source", DVSI_BOOK_OFFERS, 0,
     {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_SOURCE, DVSI_OFFERS_SOURCE_KEY}, 4, -1, -1},
    {"_sync_offers_key", DVSI_BOOK_OFFERS, 0,
     {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_KEY}, 3, -1, -1},
    {"_sync_offers_pending", DVSI_BOOK_OFFERS, 0,
     {DVSI_OFFERS_PROJECT, DVSI_OFFERS_ENTITY, DVSI_OFFERS_KEY}, 3, -1, DVSI_OFFERS_PENDING},
};
#define N_OFFERS_INDEXES 3
#define OFFERS_WITHOUT_PENDING 2
/* clang-format on */

uint64_t dvsi_table_id(void)
{
    static atomic_uint_fast64_t last;
    return (uint64_t)atomic_fetch_add(&last, 1) + 1;
}

dvs_cell dvsi_text_or_null(const char *text)
{
    return text != NULL ? dvsi_cell_text(text) : dvsi_cell_null();
}

int dvsi_cell_says(const dvs_cell *cell, const char *text)
{
    if (text == NULL || cell->kind != DVS_TEXT)
        return text == NULL && cell->kind <= DVS_NULL;
    return strlen(text) == cell->length && memcmp(text, cell->v.text, cell->length) == 0;
}

dvs_where dvsi_where(uint32_t column, uint32_t op, dvs_cell value)
{
    dvs_where where = {(uint32_t)sizeof where, column, op, 0, value};
    return where;
}

int32_t dvsi_books_open(dvsi_books *books, dvsi_sink *sink, const char *project, dvs_error *err)
{
    memset(books, 0, sizeof *books);
    books->sink = sink;
    books->project = project;
    for (uint32_t b = 0; b < DVSI_BOOK_COUNT; b++) {
        dvsi_schema *schema = &books->schemas[b];
        for (uint32_t i = 0; i < book_list[b].n_columns; i++) {
            const book_column *column = &book_list[b].columns[i];
            if (dvsi_schema_put(schema, column->name, column->kind,
                                i == 0 ? DVS_COLUMN_ROW_ID : DVS_COLUMN_NULLABLE) == NULL)
                return dvsi_error_no_memory(err);
        }
        books->tables[b] = (dvs_table){.struct_size = (uint32_t)sizeof(dvs_table),
                                       .n_columns = schema->n_columns,
                                       .column_stride = sizeof(dvs_column),
                                       .id = dvsi_table_id(),
                                       .name = book_list[b].name,
                                       .columns = schema->columns};
        dvsi_schema found = {0};
        int32_t status = dvsi_sink_inspect(sink, book_list[b].name, &found, err);
        books->exists[b] = status == DVS_OK;
        if (status == DVS_OK)
            for (uint32_t i = 0; i < schema->n_columns && status == DVS_OK; i++)
                if (dvsi_schema_find(&found, schema->columns[i].name) < 0)
                    status =
                        dvsi_error_set(err, DVS_E_SCHEMA,
                                       "table \"%s\" has no column \"%s\": another program or another "
                                       "version of dvsync made it; use that version, or another database",
                                       book_list[b].name, schema->columns[i].name);
        dvsi_schema_free(&found);
        if (status != DVS_OK && status != DVS_E_NOT_FOUND)
            return status;
    }
    return DVS_OK;
}

static dvs_index as_index(const dvsi_books *books, const book_index *spec)
{
    return (dvs_index){.struct_size = (uint32_t)sizeof(dvs_index),
                       .flags = spec->flags,
                       .name = spec->name,
                       .table = &books->tables[spec->book],
                       .columns = spec->columns,
                       .n_columns = spec->n_columns,
                       .only_null = spec->only_null,
                       .only_set = spec->only_set};
}

static int32_t make_indexes(dvsi_books *books, const book_index *list, size_t n, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (size_t i = 0; i < n && status == DVS_OK; i++) {
        const dvs_index index = as_index(books, &list[i]);
        status = dvsi_sink_ensure_index(books->sink, &index, err);
    }
    return status;
}

int32_t dvsi_books_index_offers(dvsi_books *books, dvs_error *err)
{
    return make_indexes(books, offers_list, OFFERS_WITHOUT_PENDING, err);
}

int32_t dvsi_books_unindex_offers(dvsi_books *books, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (size_t i = 0; i < N_OFFERS_INDEXES && status == DVS_OK; i++) {
        const dvs_index index = as_index(books, &offers_list[i]);
        status = dvsi_sink_drop_index(books->sink, &index, err);
    }
    return status;
}

int32_t dvsi_books_index_lineage(dvsi_books *books, dvs_error *err)
{
    return make_indexes(books, &lineage_index, 1, err);
}

int32_t dvsi_books_index(dvsi_books *books, dvs_error *err)
{
    int32_t status = dvsi_books_index_lineage(books, err);
    return status == DVS_OK ? make_indexes(books, offers_list, N_OFFERS_INDEXES, err) : status;
}

/* A table that was just made has no indexes; one with offers gets those that a killed run has not made. */
static int32_t look_at_offers(dvsi_books *books, int is_new, dvs_error *err)
{
    int64_t next = 1;
    int32_t status =
        is_new ? DVS_OK : dvsi_sink_next_id(books->sink, &books->tables[DVSI_BOOK_OFFERS], &next, err);
    books->offers_empty = next == 1;
    return status == DVS_OK && next != 1 ? make_indexes(books, offers_list, N_OFFERS_INDEXES, err) : status;
}

int32_t dvsi_books_create(dvsi_books *books, dvsi_book n, dvs_error *err)
{
    const int new_offers = !books->exists[DVSI_BOOK_OFFERS];
    int32_t status = DVS_OK;
    for (uint32_t b = 0; b < (uint32_t)n && status == DVS_OK; b++) {
        dvs_change change = {(uint32_t)sizeof change, DVS_CHANGE_CREATE_TABLE, &books->tables[b], NULL, NULL};
        if (books->exists[b])
            continue;
        status = dvsi_sink_apply_schema(books->sink, &change, 1, err);
        books->exists[b] = status == DVS_OK;
    }
    for (size_t i = 0; i < sizeof index_list / sizeof *index_list && status == DVS_OK; i++)
        if ((uint32_t)index_list[i].book < (uint32_t)n)
            status = make_indexes(books, &index_list[i], 1, err);
    if (status == DVS_OK)
        status = look_at_offers(books, new_offers, err);
    if (status == DVS_OK) {
        dvs_view view = {.struct_size = (uint32_t)sizeof view,
                         .type = DVS_VIEW_FIELD_LINEAGE,
                         .name = "field_lineage",
                         .table = &books->tables[DVSI_BOOK_LINEAGE],
                         .table2 = &books->tables[DVSI_BOOK_SCHEMA],
                         .only_null = -1};
        status = dvsi_sink_ensure_view(books->sink, &view, err);
    }
    return status;
}

void dvsi_books_begin(dvsi_books *books)
{
    memset(books->next_id, 0, sizeof books->next_id);
}

void dvsi_books_close(dvsi_books *books)
{
    for (uint32_t b = 0; b < DVSI_BOOK_COUNT; b++)
        dvsi_schema_free(&books->schemas[b]);
    memset(books, 0, sizeof *books);
}

int32_t dvsi_sink_next_id(dvsi_sink *sink, const dvs_table *table, int64_t *next, dvs_error *err)
{
    static const uint32_t row_id = 0;
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .flags = DVS_SCAN_DESCENDING,
                     .table = table,
                     .columns = &row_id,
                     .n_columns = 1,
                     .order = &row_id,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = 1};
    dvsi_batch *rows = dvsi_batch_new(1);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = dvsi_sink_scan(sink, &scan, rows, err);
    if (status == DVS_OK) {
        int64_t last = rows->n_rows != 0 && rows->cells[0].kind == DVS_INT64 ? rows->cells[0].v.i64 : 0;
        *next = last < 0 ? 1 : last + 1;
        if (last == INT64_MAX)
            status = dvsi_error_set(err, DVS_E_DATA, "table \"%s\" has no row ids left", table->name);
    }
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_books_next_id(dvsi_books *books, dvsi_book book, int64_t *id, dvs_error *err)
{
    if (books->next_id[book] == 0) {
        int32_t status = dvsi_sink_next_id(books->sink, &books->tables[book], &books->next_id[book], err);
        if (status != DVS_OK)
            return status;
    }
    *id = books->next_id[book]++;
    return DVS_OK;
}

/* A refused row here is no record of the user's: it fails the stream. */
static int32_t write_rows(dvsi_books *books, const dvs_write *write, dvs_error *err)
{
    int32_t status = dvsi_sink_write(books->sink, write, 0, err);
    if (status != DVS_OK && err->scope == DVS_SCOPE_ROW)
        err->scope = DVS_SCOPE_STREAM;
    return status;
}

int32_t dvsi_books_insert(dvsi_books *books, dvsi_book book, dvs_cell *rows, uint32_t n_rows, int64_t *first,
                          dvs_error *err)
{
    const dvs_table *table = &books->tables[book];
    int64_t id = 0;
    for (uint32_t i = 0; i < n_rows; i++) {
        dvs_cell *row = rows + (size_t)i * table->n_columns;
        int32_t status = dvsi_books_next_id(books, book, &id, err);
        if (status != DVS_OK)
            return status;
        row[0] = dvsi_cell_int64(id);
        row[1] = dvsi_cell_text(books->project);
        if (i == 0 && first != NULL)
            *first = id;
    }
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .n_inserts = n_rows,
                       .table = table,
                       .inserts = rows,
                       .update_stride = sizeof(dvs_update)};
    return n_rows != 0 ? write_rows(books, &write, err) : DVS_OK;
}

int32_t dvsi_books_update(dvsi_books *books, dvsi_book book, int64_t row_id, const uint32_t *columns,
                          const dvs_cell *cells, uint32_t n_cells, dvs_error *err)
{
    dvs_update update = {(uint32_t)sizeof update, n_cells, row_id, columns, cells};
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .table = &books->tables[book],
                       .updates = &update,
                       .n_updates = 1,
                       .update_stride = sizeof update};
    return write_rows(books, &write, err);
}

int32_t dvsi_books_delete(dvsi_books *books, dvsi_book book, const int64_t *row_ids, uint32_t n,
                          dvs_error *err)
{
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .table = &books->tables[book],
                       .deletes = row_ids,
                       .n_deletes = n,
                       .update_stride = sizeof(dvs_update)};
    return n != 0 ? write_rows(books, &write, err) : DVS_OK;
}

#define MOST_CONDITIONS 12

/* The conditions with the project's own in front. */
static uint32_t with_project(const dvsi_books *books, const dvs_where *where, uint32_t n_where,
                             dvs_where *out)
{
    uint32_t n = 0;
    out[n++] = dvsi_where(1, DVS_OP_EQ, dvsi_cell_text(books->project));
    for (uint32_t i = 0; i < n_where && n < MOST_CONDITIONS; i++)
        out[n++] = where[i];
    return n;
}

int32_t dvsi_books_find(dvsi_books *books, dvsi_book book, const dvs_where *where, uint32_t n_where,
                        int descending, uint64_t limit, dvsi_batch *rows, dvs_error *err)
{
    static const uint32_t row_id = 0;
    uint32_t columns[DVSI_BOOK_MAX_COLUMNS];
    dvs_where all[MOST_CONDITIONS];
    const dvs_table *table = &books->tables[book];
    dvsi_batch_reset(rows, table->n_columns);
    if (!books->exists[book])
        return DVS_OK;
    for (uint32_t i = 0; i < table->n_columns; i++)
        columns[i] = i;
    uint32_t n = with_project(books, where, n_where, all);
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .flags = descending ? DVS_SCAN_DESCENDING : 0,
                     .table = table,
                     .columns = columns,
                     .n_columns = table->n_columns,
                     .n_where = n,
                     .where = all,
                     .order = &row_id,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = limit};
    return dvsi_sink_scan(books->sink, &scan, rows, err);
}

int32_t dvsi_books_delete_where(dvsi_books *books, dvsi_book book, const dvs_where *where, uint32_t n_where,
                                uint64_t *deleted, dvs_error *err)
{
    dvs_where all[MOST_CONDITIONS];
    uint64_t n_deleted = 0;
    uint32_t n = with_project(books, where, n_where, all);
    int32_t status = books->exists[book]
                         ? dvsi_sink_delete_where(books->sink, &books->tables[book], all, n, &n_deleted, err)
                         : DVS_OK;
    if (deleted != NULL)
        *deleted = n_deleted;
    return status;
}

int32_t dvsi_books_count(dvsi_books *books, dvsi_book book, const dvs_where *where, uint32_t n_where,
                         uint64_t *count, dvs_error *err)
{
    dvs_where all[MOST_CONDITIONS];
    uint32_t n = with_project(books, where, n_where, all);
    *count = 0;
    return books->exists[book] ? dvsi_sink_count(books->sink, &books->tables[book], all, n, count, err)
                               : DVS_OK;
}
