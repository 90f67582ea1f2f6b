/* upsert.c - a batch of records against the rows that are stored: read, reconcile, write. */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/run.h"

/* A batch in hand. Everything lives in run->batch_arena. */
typedef struct upsert {
    dvsi_feed *feed;
    dvsi_target *target;
    dvsi_run *run;
    const dvsi_record *records;
    uint32_t n_records;
    uint8_t *skip;        /* superseded by a later record of the same key */
    int32_t *row_of;      /* per record: its row among run->rows, -1: none */
    dvs_cell *inserts;
    uint32_t *insert_record;
    uint32_t n_inserts;
    dvs_update *updates;
    uint32_t *update_record;
    uint32_t n_updates;
    dvs_cell *lineage;
    uint32_t n_lineage;
    int64_t *met; /* row ids for the seen-set */
    uint32_t n_met;
    int64_t *counted;
    uint32_t n_counted;
    int64_t *written;
    uint32_t n_written;
    dvs_counts counts; /* what this batch adds */
    uint64_t met_active; /* rows active when the read began, met for the first time */
    uint32_t *changed; /* room for one record's changed fields */
    dvs_cell *current; /* room for one stored record */
    dvsi_buf text;
    dvsi_buf scratch;
} upsert;

dvsi_seen *dvsi_rows_met(dvsi_feed *feed)
{
    return dvsi_feed_gathers(feed) ? &feed->rows_met : &feed->seen;
}

static int same_fields(const dvsi_record *a, const dvsi_record *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!dvsi_cell_equal(&a->fields[i], &b->fields[i]))
            return 0;
    return 1;
}

/* Of several records of one key in the batch, only the last stays. */
static int32_t drop_duplicates(upsert *u, dvs_error *err)
{
    const uint32_t no_fields = DVSI_RECORD_FAILED | DVSI_RECORD_DEFERRED;
    uint32_t *previous = NULL;
    int32_t status = DVS_OK;
    if (dvsi_records_last(&u->run->batch_arena, u->records, u->n_records, 0, &u->skip, &previous) != 0)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_records && status == DVS_OK; i++)
        if (previous[i] != 0 && ((u->records[i].flags | u->records[previous[i] - 1].flags) & no_fields) == 0 &&
            !same_fields(&u->records[i], &u->records[previous[i] - 1], u->target->n_fields))
            status = dvsi_twice_note(u->feed, u->records[i].key, u->records[i].number, err);
    return status;
}

/* The stored fields of a row, in the order of the mapping; what the table lacks is ABSENT. */
static const dvs_cell *stored_fields(upsert *u, const dvs_cell *row)
{
    const dvsi_target *t = u->target;
    if (t->n_lookup == t->lookup_fields + t->n_fields)
        return row + t->lookup_fields;
    for (uint32_t i = 0; i < t->n_fields; i++) {
        if (t->field_at[i] >= 0)
            u->current[i] = row[t->field_at[i]];
        else
            u->current[i] = dvsi_cell_null(); /* as it will be once a sync has added the column */
    }
    return u->current;
}

static const char *arena_text(upsert *u, const dvsi_buf *buf)
{
    return buf->failed ? NULL : dvsi_arena_copy(&u->run->batch_arena, dvsi_buf_text(buf), buf->length);
}

static void add_lineage(upsert *u, dvsi_op op, const dvsi_record *record, const char *changes, size_t length)
{
    dvs_cell *row = u->lineage + (size_t)u->n_lineage++ * DVSI_N_LINEAGE;
    row[DVSI_LINEAGE_RUN_ID] = dvsi_cell_text_n(u->run->run_id, DVSI_RUN_ID_SIZE - 1);
    row[DVSI_LINEAGE_ENTITY] = dvsi_cell_text(u->target->entity->name);
    row[DVSI_LINEAGE_KEY] = dvsi_cell_text_n(record->key, record->key_length);
    row[DVSI_LINEAGE_OP] = dvsi_cell_text(dvsi_op_name(op));
    row[DVSI_LINEAGE_SOURCE] = dvsi_cell_text(u->feed->from->label);
    row[DVSI_LINEAGE_SOURCE_ENTITY] = dvsi_cell_text(u->feed->from->entity);
    row[DVSI_LINEAGE_CHANGES] = changes != NULL ? dvsi_cell_json_n(changes, length) : dvsi_cell_null();
    row[DVSI_LINEAGE_CHANGED_AT] = dvsi_cell_timestamp(u->run->started_at);
}

/* The hash of the whole record, starting from what is stored, with the listed fields (or all) set anew. */
static int put_hash(upsert *u, const dvs_cell *stored, const dvsi_record *record, const uint32_t *changed,
                    uint32_t n_changed, dvs_cell *out)
{
    const dvsi_target *t = u->target;
    dvsi_buf_clear(&u->text);
    if (stored != NULL && stored->kind == DVS_BYTES)
        dvsi_buf_add(&u->text, stored->v.bytes, stored->length);
    for (uint32_t i = 0; i < n_changed; i++)
        dvsi_sync_hash_put(&u->text, t->positions[changed[i]], &record->fields[changed[i]], &u->scratch);
    const char *bytes = arena_text(u, &u->text);
    *out = dvsi_cell_bytes(bytes, u->text.length);
    return bytes != NULL ? 0 : -1;
}

static int32_t create(upsert *u, uint32_t at, uint32_t n_changed, dvs_error *err)
{
    dvsi_target *t = u->target;
    const dvsi_record *record = &u->records[at];
    dvs_cell *row = u->inserts + (size_t)u->n_inserts * t->table.n_columns;
    int64_t id = 0;
    int32_t status = dvsi_target_next_id(t, &id, err);
    if (status != DVS_OK)
        return status;
    row[0] = dvsi_cell_int64(id);
    memcpy(row + 1, record->fields, t->n_fields * sizeof *row);
    if (put_hash(u, NULL, record, u->changed, n_changed, &row[t->sync_hash]) != 0)
        return dvsi_error_no_memory(err);
    row[t->sync_time] = dvsi_cell_timestamp(u->run->started_at);
    if (t->json_response >= 0 && record->raw != NULL)
        row[t->json_response] = *record->raw;
    u->insert_record[u->n_inserts++] = at;
    u->met[u->n_met++] = id;
    u->written[u->n_written++] = id;
    add_lineage(u, DVSI_OP_CREATE, record, NULL, 0);
    return DVS_OK;
}

static int32_t update(upsert *u, uint32_t at, dvsi_op op, const dvs_cell *row, const dvs_cell *stored,
                      uint32_t n_changed, dvs_error *err)
{
    dvsi_target *t = u->target;
    dvsi_arena *arena = &u->run->batch_arena;
    const dvsi_record *record = &u->records[at];
    uint32_t *columns = dvsi_arena_calloc(arena, (size_t)n_changed + 4, sizeof *columns);
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)n_changed + 4, sizeof *cells);
    uint32_t n = 0;
    if (columns == NULL || cells == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n_changed; i++) {
        columns[n] = u->changed[i] + 1;
        cells[n++] = record->fields[u->changed[i]];
    }
    columns[n] = (uint32_t)t->sync_hash;
    if (put_hash(u, &row[t->lookup_hash], record, u->changed, n_changed, &cells[n++]) != 0)
        return dvsi_error_no_memory(err);
    columns[n] = (uint32_t)t->sync_time;
    cells[n++] = dvsi_cell_timestamp(u->run->started_at);
    if (op == DVSI_OP_REVIVE) {
        columns[n] = (uint32_t)t->deleted_at;
        cells[n++] = dvsi_cell_null();
    }
    if (t->json_response >= 0 && record->raw != NULL) {
        columns[n] = (uint32_t)t->json_response;
        cells[n++] = *record->raw;
    }
    u->update_record[u->n_updates] = at;
    u->updates[u->n_updates++] = (dvs_update){(uint32_t)sizeof(dvs_update), n, row[0].v.i64, columns, cells};
    u->written[u->n_written++] = row[0].v.i64;
    dvsi_buf_clear(&u->text);
    if (n_changed != 0)
        dvsi_lineage_changes(&u->text, t->names, stored, record->fields, u->changed, n_changed);
    const char *changes = n_changed != 0 ? arena_text(u, &u->text) : NULL;
    if (n_changed != 0 && changes == NULL)
        return dvsi_error_no_memory(err);
    add_lineage(u, op, record, changes, u->text.length);
    return DVS_OK;
}

/* In a diff a key that comes again takes back what was noted for it. */
static int32_t take_back(upsert *u, const dvsi_record *record, int has_row, int met, dvs_error *err)
{
    uint64_t removed = 0;
    if (has_row && !met)
        return DVS_OK;
    int32_t status = dvsi_changes_forget(u->feed, record->key, &removed, err);
    if (status != DVS_OK || (removed == 0 && !met))
        return status;
    if (removed != 0 && has_row)
        u->counts.updated--;
    else if (removed != 0)
        u->counts.created--;
    else
        u->counts.unchanged--;
    return DVS_OK;
}

static void count(upsert *u, dvsi_op op, int again, int changed_before)
{
    if (changed_before)
        return;
    if (again && op == DVSI_OP_NONE)
        return;
    if (again)
        u->counts.unchanged--;
    if (op == DVSI_OP_NONE)
        u->counts.unchanged++;
    else if (op == DVSI_OP_CREATE)
        u->counts.created++;
    else
        u->counts.updated++;
}

static int32_t reconcile(upsert *u, uint32_t at, dvs_error *err)
{
    dvsi_target *t = u->target;
    const dvsi_record *record = &u->records[at];
    const dvs_cell *row = u->row_of[at] >= 0 ? dvsi_batch_cells(u->run->rows, (uint32_t)u->row_of[at]) : NULL;
    int64_t id = row != NULL ? row[0].v.i64 : 0;
    int met = row != NULL && dvsi_seen_has(dvsi_rows_met(u->feed), id);
    int again = row != NULL && dvsi_seen_has(&u->feed->counted, id);
    int deleted = row != NULL && t->lookup_deleted >= 0 && row[t->lookup_deleted].kind != DVS_NULL;
    if (row != NULL)
        u->met[u->n_met++] = id;
    if (row != NULL && !met && !deleted && id <= u->feed->state.start_row_id)
        u->met_active++;
    if ((record->flags & (DVSI_RECORD_FAILED | DVSI_RECORD_DEFERRED)) != 0)
        return DVS_OK;
    uint32_t n_changed = 0;
    const dvs_cell *stored = row != NULL ? stored_fields(u, row) : NULL;
    dvsi_op op = dvsi_reconcile_record(record->fields, stored, t->n_fields, deleted, u->changed, &n_changed);
    if (row != NULL)
        u->counted[u->n_counted++] = id;
    if (again && op != DVSI_OP_NONE && !dvsi_feed_gathers(u->feed)) {
        int32_t status = dvsi_twice_note(u->feed, record->key, record->number, err);
        if (status != DVS_OK)
            return status;
    }
    if (u->run->dry) {
        int32_t status = take_back(u, record, row != NULL, met, err);
        if (status == DVS_OK && op != DVSI_OP_NONE)
            status = dvsi_changes_add(u->feed, op, record, record->key, stored, u->changed, n_changed, err);
        count(u, op, 0, 0);
        return status;
    }
    count(u, op, again, row != NULL && dvsi_seen_has(&u->feed->changed, id));
    if (op == DVSI_OP_NONE)
        return DVS_OK;
    return op == DVSI_OP_CREATE ? create(u, at, n_changed, err) : update(u, at, op, row, stored, n_changed, err);
}

static int make_room(upsert *u)
{
    dvsi_arena *arena = &u->run->batch_arena;
    const dvsi_target *t = u->target;
    size_t n = u->n_records;
    int writes = !u->run->dry;
    u->inserts = dvsi_arena_calloc(arena, writes ? n * t->table.n_columns : 0, sizeof *u->inserts);
    u->insert_record = dvsi_arena_calloc(arena, n, sizeof *u->insert_record);
    u->updates = dvsi_arena_calloc(arena, n, sizeof *u->updates);
    u->update_record = dvsi_arena_calloc(arena, n, sizeof *u->update_record);
    u->lineage = dvsi_arena_calloc(arena, writes ? n * DVSI_N_LINEAGE : 0, sizeof *u->lineage);
    u->met = dvsi_arena_calloc(arena, n, sizeof *u->met);
    u->counted = dvsi_arena_calloc(arena, n, sizeof *u->counted);
    u->written = dvsi_arena_calloc(arena, n, sizeof *u->written);
    u->changed = dvsi_arena_calloc(arena, (size_t)t->n_fields + 1, sizeof *u->changed);
    u->current = dvsi_arena_calloc(arena, (size_t)t->n_fields + 1, sizeof *u->current);
    return u->inserts == NULL || u->insert_record == NULL || u->updates == NULL || u->update_record == NULL ||
                   u->lineage == NULL || u->met == NULL || u->counted == NULL || u->written == NULL || u->changed == NULL || u->current == NULL
               ? -1
               : 0;
}

static int32_t write_rows(upsert *u, dvs_error *err)
{
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .n_inserts = u->n_inserts,
                       .table = &u->target->table,
                       .inserts = u->inserts,
                       .updates = u->updates,
                       .n_updates = u->n_updates,
                       .update_stride = sizeof(dvs_update)};
    if (u->n_inserts == 0 && u->n_updates == 0)
        return DVS_OK;
    int32_t status = dvsi_sink_write(u->run->sink, &write, u->feed->state.first_load && u->n_updates == 0, err);
    if (status != DVS_OK && err->scope == DVS_SCOPE_ROW) {
        if (err->row < u->n_updates)
            err->row = u->update_record[err->row];
        else if (err->row - u->n_updates < u->n_inserts)
            err->row = u->insert_record[err->row - u->n_updates];
        else
            err->scope = DVS_SCOPE_STREAM;
    }
    if (status == DVS_OK)
        status = dvsi_books_insert(&u->run->books, DVSI_BOOK_LINEAGE, u->lineage, u->n_lineage, NULL, err);
    u->run->transaction_writes += u->n_inserts + u->n_updates;
    return status;
}

/* The batch is written: now it counts. */
static int32_t settle(upsert *u, dvs_error *err)
{
    dvsi_feed *feed = u->feed;
    if (!feed->state.first_load || u->run->dry)
        for (uint32_t i = 0; i < u->n_met; i++)
            if (dvsi_seen_add(dvsi_rows_met(feed), u->met[i]) < 0)
                return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_counted; i++)
        if (dvsi_seen_add(&feed->counted, u->counted[i]) < 0)
            return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < u->n_written; i++)
        if (dvsi_seen_add(&feed->changed, u->written[i]) < 0)
            return dvsi_error_no_memory(err);
    feed->seen_active += u->met_active;
    feed->counts.created += u->counts.created;
    feed->counts.updated += u->counts.updated;
    feed->counts.unchanged += u->counts.unchanged;
    return DVS_OK;
}

int32_t dvsi_upsert(dvsi_feed *feed, const dvsi_record *records, uint32_t n_records, dvs_error *err)
{
    upsert u = {.feed = feed, .target = feed->target, .run = feed->run, .records = records, .n_records = n_records};
    if (n_records == 0)
        return DVS_OK;
    int32_t status = make_room(&u) != 0 ? dvsi_error_no_memory(err) : drop_duplicates(&u, err);
    if (status == DVS_OK)
        status = dvsi_lookup_rows(feed, records, n_records, u.skip, &u.row_of, err);
    for (uint32_t i = 0; i < n_records && status == DVS_OK; i++)
        if (!u.skip[i])
            status = reconcile(&u, i, err);
    if (status == DVS_OK && !u.run->dry)
        status = write_rows(&u, err);
    if (status == DVS_OK)
        status = settle(&u, err);
    dvsi_buf_free(&u.text);
    dvsi_buf_free(&u.scratch);
    return status;
}

int32_t dvsi_delete_rows(dvsi_feed *feed, const dvsi_delete *rows, uint32_t n_rows, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_target *t = feed->target;
    upsert u = {.feed = feed, .target = t, .run = run};
    int soft = t->entity->deletes == DVSI_DELETES_SOFT;
    uint32_t columns[2] = {(uint32_t)t->sync_time, (uint32_t)t->deleted_at};
    dvs_cell cells[2] = {dvsi_cell_timestamp(run->started_at), dvsi_cell_timestamp(run->started_at)};
    if (n_rows == 0)
        return DVS_OK;
    feed->counts.deleted += n_rows;
    if (run->dry) {
        int32_t status = DVS_OK;
        for (uint32_t i = 0; i < n_rows && status == DVS_OK; i++)
            status = dvsi_changes_add(feed, DVSI_OP_DELETE, NULL, rows[i].key, NULL, NULL, 0, err);
        return status;
    }
    u.updates = dvsi_arena_calloc(&run->batch_arena, n_rows, sizeof *u.updates);
    u.lineage = dvsi_arena_calloc(&run->batch_arena, (size_t)n_rows * DVSI_N_LINEAGE, sizeof *u.lineage);
    int64_t *ids = dvsi_arena_calloc(&run->batch_arena, n_rows, sizeof *ids);
    if (u.updates == NULL || u.lineage == NULL || ids == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n_rows; i++) {
        dvsi_record record = {.key = rows[i].key, .key_length = (uint32_t)strlen(rows[i].key)};
        ids[i] = rows[i].row_id;
        u.updates[i] = (dvs_update){(uint32_t)sizeof(dvs_update), 2, rows[i].row_id, columns, cells};
        add_lineage(&u, DVSI_OP_DELETE, &record, NULL, 0);
    }
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .table = &t->table,
                       .updates = soft ? u.updates : NULL,
                       .n_updates = soft ? n_rows : 0,
                       .update_stride = sizeof(dvs_update),
                       .deletes = soft ? NULL : ids,
                       .n_deletes = soft ? 0 : n_rows};
    int32_t status = dvsi_sink_write(run->sink, &write, 0, err);
    if (status == DVS_OK)
        status = dvsi_books_insert(&run->books, DVSI_BOOK_LINEAGE, u.lineage, u.n_lineage, NULL, err);
    return status;
}
