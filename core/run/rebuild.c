/*
 * rebuild.c - an entity's table made anew: everything is read into a table beside the old one, which takes
 * its place in the transaction that ends the entity. Until then the old one stays as it is; what a run leaves
 * behind that did not come that far, the next one removes. The row of _sync_tables that names the new table,
 * and says which run made it, tells what that is.
 */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "reconcile/guard.h"
#include "run/rebuild.h"
#include "run/run.h"

#define PREFIX "_sync_rebuild_"

static int is_left_over(const dvs_cell *row)
{
    const dvs_cell *name = &row[DVSI_TABLES_TABLE_NAME];
    return name->kind == DVS_TEXT && name->length > strlen(PREFIX) &&
           memcmp(name->v.text, PREFIX, strlen(PREFIX)) == 0 && row[DVSI_TABLES_DEFINITION].kind <= DVS_NULL;
}

/* A table as it is; DVS_OK without one: *there is 0. */
static int32_t look_at(dvsi_run *run, const char *name, dvsi_schema *found, dvs_table *table, int *there,
                       dvs_error *err)
{
    int32_t status = dvsi_sink_inspect(run->sink, name, found, err);
    *there = status == DVS_OK;
    if (status == DVS_E_NOT_FOUND) {
        dvsi_error_clear(err);
        return DVS_OK;
    }
    *table = (dvs_table){.struct_size = (uint32_t)sizeof *table,
                         .n_columns = found->n_columns,
                         .column_stride = sizeof(dvs_column),
                         .id = dvsi_table_id(),
                         .name = name,
                         .columns = found->columns};
    return status;
}

static int32_t drop_table(dvsi_run *run, const char *name, dvs_error *err)
{
    dvsi_schema found = {0};
    dvs_table table;
    int there = 0;
    int32_t status = look_at(run, name, &found, &table, &there, err);
    dvs_change change = {(uint32_t)sizeof change, DVS_CHANGE_DROP_TABLE, &table, NULL, NULL};
    if (status == DVS_OK && there)
        status = dvsi_sink_apply_schema(run->sink, &change, 1, err);
    dvsi_schema_free(&found);
    return status;
}

/* The table, and the lineage of its rows, which never were the entity's. */
static int32_t remove_left_over(dvsi_run *run, const dvs_cell *row, dvs_error *err)
{
    dvsi_arena *arena = &run->batch_arena;
    const dvs_where lineage[2] = {
        dvsi_where(DVSI_LINEAGE_ENTITY, DVS_OP_EQ, row[DVSI_TABLES_ENTITY]),
        dvsi_where(DVSI_LINEAGE_RUN_ID, DVS_OP_EQ, row[DVSI_TABLES_CREATED_RUN_ID])};
    const char *name =
        dvsi_arena_copy(arena, row[DVSI_TABLES_TABLE_NAME].v.text, row[DVSI_TABLES_TABLE_NAME].length);
    int32_t status = name == NULL ? dvsi_error_no_memory(err) : drop_table(run, name, err);
    if (status == DVS_OK)
        status = dvsi_books_delete_where(&run->books, DVSI_BOOK_LINEAGE, lineage, 2, NULL, err);
    return status == DVS_OK
               ? dvsi_books_delete(&run->books, DVSI_BOOK_TABLES, &row[DVSI_TABLES_ROW_ID].v.i64, 1, err)
               : status;
}

int32_t dvsi_rebuild_clean(dvsi_run *run, dvs_error *err)
{
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_TABLES);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err)
                                  : dvsi_books_find(&run->books, DVSI_BOOK_TABLES, NULL, 0, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        if (is_left_over(dvsi_batch_cells(rows, i)))
            status = remove_left_over(run, dvsi_batch_cells(rows, i), err);
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_rebuild_begin(dvsi_run *run, dvs_error *err)
{
    const dvsi_definition none = {0};
    int32_t status = run->dry ? DVS_OK : dvsi_rebuild_clean(run, err);
    for (uint32_t t = 0; t < run->n_targets && status == DVS_OK && run->options->rebuild && !run->dry; t++) {
        dvsi_target *target = &run->targets[t];
        if (target->definition.row_id == 0)
            continue; /* there is nothing yet that could be made anew */
        target->rebuilds = 1;
        target->former = target->definition;
        target->definition = none;
        target->table_name = dvsi_arena_printf(&run->arena, PREFIX "%s_%u", run->run_id, t);
        if (target->table_name == NULL)
            status = dvsi_error_no_memory(err);
    }
    return status;
}

void dvsi_rebuild_state(dvs_cell *row)
{
    row[DVSI_STATE_CURSOR] = row[DVSI_STATE_CURSOR_KIND] = row[DVSI_STATE_POSITION] = dvsi_cell_null();
    row[DVSI_STATE_FINGERPRINT] = dvsi_cell_text("rebuild");
    row[DVSI_STATE_FIRST_LOAD] = dvsi_cell_bool(0);
}

/* Should the new table never take the old one's place: what is read now goes into the offers, too, so that
 * the old one is to be compared with everything. */
static int32_t reset_states(dvsi_target *target, dvs_error *err)
{
    static const uint32_t columns[] = {DVSI_STATE_CURSOR, DVSI_STATE_CURSOR_KIND, DVSI_STATE_POSITION,
                                       DVSI_STATE_FINGERPRINT, DVSI_STATE_FIRST_LOAD};
    dvsi_books *books = &target->run->books;
    const dvs_where where = dvsi_where(DVSI_STATE_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name));
    dvs_cell row[DVSI_N_STATE] = {{0}};
    dvs_cell cells[sizeof columns / sizeof *columns];
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_STATE);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err)
                                  : dvsi_books_find(books, DVSI_BOOK_STATE, &where, 1, 0, 0, rows, err);
    dvsi_rebuild_state(row);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        cells[i] = row[columns[i]];
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        status = dvsi_books_update(books, DVSI_BOOK_STATE, dvsi_batch_cells(rows, i)[DVSI_STATE_ROW_ID].v.i64,
                                   columns, cells, sizeof columns / sizeof *columns, err);
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_rebuild_note(dvsi_target *target, dvs_error *err)
{
    int32_t status = reset_states(target, err);
    if (status != DVS_OK)
        return status;
    dvs_cell row[DVSI_N_TABLES] = {{0}};
    row[DVSI_TABLES_TABLE_NAME] = dvsi_cell_text(target->table_name);
    row[DVSI_TABLES_ENTITY] = dvsi_cell_text(target->entity->name);
    row[DVSI_TABLES_CREATED_RUN_ID] = dvsi_cell_text(target->run->run_id);
    row[DVSI_TABLES_DEFINITION] = dvsi_cell_null();
    status = dvsi_books_insert(&target->run->books, DVSI_BOOK_TABLES, row, 1, &target->rebuild_row, err);
    return status == DVS_OK ? dvsi_rebuild_copy(target, err) : status;
}

/* ---- The end ---- */

/* The active rows of the old table, and all of them. */
static int32_t count_former(dvsi_target *target, uint64_t *active, uint64_t *all, dvs_error *err)
{
    dvsi_run *run = target->run;
    dvsi_schema found = {0};
    dvs_table table;
    int there = 0;
    uint64_t closed = 0;
    *active = *all = 0;
    int32_t status = look_at(run, target->entity->name, &found, &table, &there, err);
    int at = there ? dvsi_schema_find(&found,
                                      strcmp(target->former.history, "scd2") == 0 ? "valid_to" : "deleted_at")
                   : -1;
    if (status == DVS_OK && there)
        status = dvsi_sink_count(run->sink, &table, NULL, 0, all, err);
    if (status == DVS_OK && at >= 0) {
        dvs_where where = dvsi_where((uint32_t)at, DVS_OP_NOT_NULL, dvsi_cell_null());
        status = dvsi_sink_count(run->sink, &table, &where, 1, &closed, err);
    }
    *active = *all - closed;
    dvsi_schema_free(&found);
    return status;
}

/* What the new table lacks is as good as deleted. */
static int32_t check(dvsi_target *target, dvs_error *err)
{
    dvsi_run *run = target->run;
    const char *name = target->entity->name;
    uint64_t before = 0;
    uint64_t all = 0;
    uint64_t now = 0;
    if (!target->complete)
        return dvsi_error_set(
            err, DVS_E_DATA,
            "entity \"%s\": a source was not read completely, so its table is not made anew; "
            "the old one stays",
            name);
    int32_t status = count_former(target, &before, &all, err);
    if (status == DVS_OK)
        status = dvsi_target_active(target, &now, err);
    if (status != DVS_OK)
        return status;
    if (now < before && !dvsi_guard_allows(&run->max_delete, before, before - now)) {
        target->guarded = 1;
        return dvsi_error_set(err, DVS_E_GUARD,
                              "entity \"%s\": the table had %llu active rows and would have %llu when it is "
                              "made anew, which is more to lose than max_delete allows; the old one stays. "
                              "If this is right, run "
                              "again with --max-delete %llu%s",
                              name, (unsigned long long)before, (unsigned long long)now,
                              now == 0 ? 100ULL : (unsigned long long)(before - now), now == 0 ? "%" : "");
    }
    if (all != before && !target->rebuild_copied)
        dvsi_run_note(run, "warning", name, NULL, 0, NULL, NULL,
                      "%llu deleted rows or former versions of the old table are not "
                      "in the new one; the lineage tells of them",
                      (unsigned long long)(all - before));
    return DVS_OK;
}

/* The new table under the entity's name, with what belongs to it. */
static int32_t swap(dvsi_target *target, dvs_error *err)
{
    dvsi_run *run = target->run;
    dvs_change change = {.struct_size = (uint32_t)sizeof change,
                         .type = DVS_CHANGE_RENAME_TABLE,
                         .table = &target->table,
                         .name = target->entity->name};
    int32_t status = target->rebuild_copied ? DVS_OK : dvsi_rebuild_keys(target, err);
    if (status == DVS_OK)
        status = dvsi_target_no_indexes(target, err);
    if (status == DVS_OK)
        status = drop_table(run, target->entity->name, err);
    if (status == DVS_OK)
        status = dvsi_sink_apply_schema(run->sink, &change, 1, err);
    target->rebuilds = 0;
    target->table_name = target->table.name = target->entity->name;
    target->table.id = dvsi_table_id();
    if (status == DVS_OK)
        status = dvsi_target_indexes(target, err);
    if (status == DVS_OK)
        status = dvsi_target_views(target, err);
    if (status == DVS_OK)
        status = dvsi_books_delete(&run->books, DVSI_BOOK_TABLES, &target->rebuild_row, 1, err);
    if (status == DVS_OK)
        status = dvsi_books_delete(&run->books, DVSI_BOOK_TABLES, &target->former.row_id, 1, err);
    return status == DVS_OK ? dvsi_definition_store(target, err) : status;
}

int32_t dvsi_rebuild_end(dvsi_target *target, dvs_error *err)
{
    int32_t status = check(target, err);
    return status == DVS_OK ? swap(target, err) : status;
}
