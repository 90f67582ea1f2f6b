/* write.c - the data table: rows and versions made, changed, closed, deleted, and the lineage of each. */
#include "run/write.h"

#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "reconcile/history.h"
#include "run/changes.h"

int dvsi_write_room(dvsi_writing *w)
{
    dvsi_arena *arena = &w->feed->run->batch_arena;
    size_t n = w->n_records;
    w->inserts = dvsi_arena_calloc(arena, n * w->feed->target->table.n_columns, sizeof *w->inserts);
    w->insert_record = dvsi_arena_calloc(arena, n, sizeof *w->insert_record);
    w->updates = dvsi_arena_calloc(arena, n, sizeof *w->updates);
    w->update_record = dvsi_arena_calloc(arena, n, sizeof *w->update_record);
    w->lineage = dvsi_arena_calloc(arena, n * DVSI_N_LINEAGE, sizeof *w->lineage);
    w->made = dvsi_arena_calloc(arena, n, sizeof *w->made);
    w->written = dvsi_arena_calloc(arena, n, sizeof *w->written);
    return w->inserts == NULL || w->insert_record == NULL || w->updates == NULL || w->update_record == NULL ||
                   w->lineage == NULL || w->made == NULL || w->written == NULL
               ? -1
               : 0;
}

void dvsi_write_end(dvsi_writing *w)
{
    dvsi_buf_free(&w->text);
    dvsi_buf_free(&w->scratch);
}

static const char *arena_text(dvsi_writing *w, const dvsi_buf *buf)
{
    return buf->failed ? NULL : dvsi_arena_copy(&w->feed->run->batch_arena, dvsi_buf_text(buf), buf->length);
}

static void add_lineage(dvsi_writing *w, dvsi_op op, const dvsi_record *record, const char *changes,
                        size_t length)
{
    dvs_cell *row = w->lineage + (size_t)w->n_lineage++ * DVSI_N_LINEAGE;
    row[DVSI_LINEAGE_RUN_ID] = dvsi_cell_text_n(w->feed->run->run_id, DVSI_RUN_ID_SIZE - 1);
    row[DVSI_LINEAGE_ENTITY] = dvsi_cell_text(w->feed->target->entity->name);
    row[DVSI_LINEAGE_KEY] = dvsi_cell_text_n(record->key, record->key_length);
    row[DVSI_LINEAGE_OP] = dvsi_cell_text(dvsi_op_name(op));
    row[DVSI_LINEAGE_SOURCE] =
        dvsi_cell_text(record->own != NULL ? record->own->source : w->feed->from->label);
    row[DVSI_LINEAGE_SOURCE_ENTITY] =
        dvsi_cell_text(record->own != NULL ? record->own->source_entity : w->feed->from->entity);
    row[DVSI_LINEAGE_CHANGES] = changes != NULL ? dvsi_cell_json_n(changes, length) : dvsi_cell_null();
    row[DVSI_LINEAGE_CHANGED_AT] = dvsi_cell_timestamp(w->feed->run->started_at);
}

/* Does json_response change with the row? When records are not kept any more, an old one would stand beside
 * new values. */
static int writes_raw(const dvsi_target *t, const dvsi_record *record)
{
    return t->json_response >= 0 && (record->raw != NULL || !t->entity->keep_raw);
}

static dvs_cell raw_of(const dvsi_record *record)
{
    return record->raw != NULL ? *record->raw : dvsi_cell_null();
}

/* The hash of the whole record, starting from what is stored, with the listed fields (or all) set anew. */
static int put_hash(dvsi_writing *w, const dvs_cell *stored, const dvsi_record *record,
                    const uint32_t *changed, uint32_t n_changed, dvs_cell *out)
{
    const dvsi_target *t = w->feed->target;
    dvsi_buf_clear(&w->text);
    if (stored != NULL && stored->kind == DVS_BYTES)
        dvsi_buf_add(&w->text, stored->v.bytes, stored->length);
    for (uint32_t i = 0; i < n_changed; i++)
        dvsi_sync_hash_put(&w->text, t->positions[changed[i]], &record->fields[changed[i]], &w->scratch);
    for (uint32_t i = 0; record->merged != NULL && i < record->merged->n_claimed; i++) {
        uint32_t field = record->merged->claimed[i];
        dvsi_sync_hash_put(&w->text, t->positions[field], &record->fields[field], &w->scratch);
    }
    const char *bytes = arena_text(w, &w->text);
    *out = dvsi_cell_bytes(bytes, w->text.length);
    return bytes != NULL ? 0 : -1;
}

/* A new row of record `at`, with the cells that every row has set; NULL, and *err. */
static dvs_cell *new_row(dvsi_writing *w, uint32_t at, const dvs_cell *stored_hash, const uint32_t *changed,
                         uint32_t n_changed, dvs_error *err)
{
    dvsi_target *t = w->feed->target;
    const dvsi_record *record = &w->records[at];
    dvs_cell *row = w->inserts + (size_t)w->n_inserts * t->table.n_columns;
    int64_t id = 0;
    if (dvsi_target_next_id(t, &id, err) != DVS_OK)
        return NULL;
    row[0] = dvsi_cell_int64(id);
    memcpy(row + 1, record->fields, t->n_fields * sizeof *row);
    if (put_hash(w, stored_hash, record, changed, n_changed, &row[t->sync_hash]) != 0) {
        dvsi_error_no_memory(err);
        return NULL;
    }
    row[t->sync_time] = dvsi_cell_timestamp(w->feed->run->started_at);
    if (writes_raw(t, record))
        row[t->json_response] = raw_of(record);
    w->insert_record[w->n_inserts++] = at;
    w->made[w->n_made++] = id;
    w->written[w->n_written++] = id;
    return row;
}

int32_t dvsi_write_create(dvsi_writing *w, uint32_t at, const uint32_t *changed, uint32_t n_changed,
                          dvs_error *err)
{
    const dvsi_target *t = w->feed->target;
    const dvsi_record *record = &w->records[at];
    dvs_cell *row = new_row(w, at, NULL, changed, n_changed, err);
    if (row == NULL)
        return err->status;
    if (t->valid_from >= 0)
        row[t->valid_from] =
            dvsi_cell_timestamp(dvsi_history_first(record->modified, w->feed->run->started_at));
    const char *changes = NULL;
    dvsi_buf_clear(&w->text);
    if (record->origins != NULL &&
        dvsi_lineage_create(&w->text, t->names, t->n_fields, record->own, record->origins) != 0) {
        changes = arena_text(w, &w->text);
        if (changes == NULL)
            return dvsi_error_no_memory(err);
    }
    add_lineage(w, DVSI_OP_CREATE, record, changes, w->text.length);
    return DVS_OK;
}

static int64_t time_of(const dvs_cell *cell)
{
    return cell->kind == DVS_TIMESTAMP ? cell->v.i64 : DVSI_TIME_NONE;
}

/* A version that ends. */
static int32_t close_version(dvsi_writing *w, uint32_t at, int64_t row_id, int64_t valid_to, dvs_error *err)
{
    const dvsi_target *t = w->feed->target;
    uint32_t *columns = dvsi_arena_calloc(&w->feed->run->batch_arena, 2, sizeof *columns);
    dvs_cell *cells = dvsi_arena_calloc(&w->feed->run->batch_arena, 2, sizeof *cells);
    if (columns == NULL || cells == NULL)
        return dvsi_error_no_memory(err);
    columns[0] = (uint32_t)t->sync_time;
    cells[0] = dvsi_cell_timestamp(w->feed->run->started_at);
    columns[1] = (uint32_t)t->valid_to;
    cells[1] = dvsi_cell_timestamp(valid_to);
    w->update_record[w->n_updates] = at;
    w->updates[w->n_updates++] = (dvs_update){(uint32_t)sizeof(dvs_update), 2, row_id, columns, cells};
    return DVS_OK;
}

/* What we wrote of the stored version, as far as the next one has it: a column that is no field any more does
 * not go along. 0, or -1 when memory is out. */
static int carry_hash(dvsi_writing *w, const dvs_cell *stored, dvs_cell *out)
{
    const dvsi_target *t = w->feed->target;
    *out = dvsi_cell_null();
    if (stored->kind != DVS_BYTES)
        return 0;
    uint8_t *bytes = dvsi_arena_calloc(&w->feed->run->batch_arena, (size_t)stored->length + 1, 1);
    if (bytes == NULL)
        return -1;
    for (uint32_t i = 0; i < t->n_fields; i++) {
        size_t start = (size_t)t->positions[i] * DVSI_SYNC_HASH_BYTES;
        if (start + DVSI_SYNC_HASH_BYTES <= stored->length)
            memcpy(bytes + start, stored->v.bytes + start, DVSI_SYNC_HASH_BYTES);
    }
    *out = dvsi_cell_bytes(bytes, stored->length);
    return 0;
}

/* The version that follows the stored one, which ends where it begins; that of a deleted record has ended
 * already. */
static int32_t add_version(dvsi_writing *w, uint32_t at, dvsi_op op, const dvs_cell *row,
                           const dvs_cell *stored, const uint32_t *changed, uint32_t n_changed,
                           dvs_error *err)
{
    const dvsi_target *t = w->feed->target;
    const int64_t valid_from = time_of(&row[t->lookup_from]);
    const int64_t valid_to = time_of(&row[t->lookup_deleted]);
    const int64_t begins =
        dvsi_history_next(w->records[at].modified, w->feed->run->started_at, valid_from, valid_to);
    dvs_cell hash;
    if (carry_hash(w, &row[t->lookup_hash], &hash) != 0)
        return dvsi_error_no_memory(err);
    dvs_cell *version = new_row(w, at, &hash, changed, n_changed, err);
    if (version == NULL)
        return err->status;
    memcpy(version + 1, stored, t->n_fields * sizeof *version);
    for (uint32_t i = 0; i < n_changed; i++)
        version[changed[i] + 1] = w->records[at].fields[changed[i]];
    version[t->valid_from] = dvsi_cell_timestamp(begins);
    return op == DVSI_OP_REVIVE ? DVS_OK : close_version(w, at, row[0].v.i64, begins, err);
}

/* The stored row itself is changed. */
static int32_t update_row(dvsi_writing *w, uint32_t at, dvsi_op op, const dvs_cell *row,
                          const uint32_t *changed, uint32_t n_changed, dvs_error *err)
{
    dvsi_target *t = w->feed->target;
    dvsi_arena *arena = &w->feed->run->batch_arena;
    const dvsi_record *record = &w->records[at];
    uint32_t *columns = dvsi_arena_calloc(arena, (size_t)n_changed + 4, sizeof *columns);
    dvs_cell *cells = dvsi_arena_calloc(arena, (size_t)n_changed + 4, sizeof *cells);
    uint32_t n = 0;
    if (columns == NULL || cells == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n_changed; i++) {
        columns[n] = changed[i] + 1;
        cells[n++] = record->fields[changed[i]];
    }
    columns[n] = (uint32_t)t->sync_hash;
    if (put_hash(w, &row[t->lookup_hash], record, changed, n_changed, &cells[n++]) != 0)
        return dvsi_error_no_memory(err);
    columns[n] = (uint32_t)t->sync_time;
    cells[n++] = dvsi_cell_timestamp(w->feed->run->started_at);
    if (op == DVSI_OP_REVIVE) {
        columns[n] = (uint32_t)t->deleted_at;
        cells[n++] = dvsi_cell_null();
    }
    if (writes_raw(t, record)) {
        columns[n] = (uint32_t)t->json_response;
        cells[n++] = raw_of(record);
    }
    w->update_record[w->n_updates] = at;
    w->updates[w->n_updates++] = (dvs_update){(uint32_t)sizeof(dvs_update), n, row[0].v.i64, columns, cells};
    w->written[w->n_written++] = row[0].v.i64;
    return DVS_OK;
}

int32_t dvsi_write_update(dvsi_writing *w, uint32_t at, dvsi_op op, const dvs_cell *row,
                          const dvs_cell *stored, const uint32_t *changed, uint32_t n_changed, dvs_error *err)
{
    const dvsi_target *t = w->feed->target;
    /* A run makes one version of a record at most: what changes once more, changes in that. */
    const int same_version =
        t->valid_to < 0 || (op == DVSI_OP_UPDATE && dvsi_seen_has(&w->feed->changed, row[0].v.i64));
    int32_t status = same_version ? update_row(w, at, op, row, changed, n_changed, err)
                                  : add_version(w, at, op, row, stored, changed, n_changed, err);
    if (status != DVS_OK)
        return status;
    dvsi_buf_clear(&w->text);
    if (n_changed != 0)
        dvsi_lineage_update(&w->text, t->names, stored, w->records[at].fields, changed, n_changed,
                            w->records[at].own, w->records[at].origins);
    const char *changes = n_changed != 0 ? arena_text(w, &w->text) : NULL;
    if (n_changed != 0 && changes == NULL)
        return dvsi_error_no_memory(err);
    add_lineage(w, op, &w->records[at], changes, w->text.length);
    return DVS_OK;
}

int32_t dvsi_write_claim(dvsi_writing *w, uint32_t at, const dvs_cell *row, dvs_error *err)
{
    const dvsi_target *t = w->feed->target;
    uint32_t *columns = dvsi_arena_calloc(&w->feed->run->batch_arena, 2, sizeof *columns);
    dvs_cell *cells = dvsi_arena_calloc(&w->feed->run->batch_arena, 2, sizeof *cells);
    uint32_t n = 1;
    if (columns == NULL || cells == NULL ||
        put_hash(w, &row[t->lookup_hash], &w->records[at], NULL, 0, cells) != 0)
        return dvsi_error_no_memory(err);
    columns[0] = (uint32_t)t->sync_hash;
    if (t->rewrites_raw && writes_raw(t, &w->records[at])) {
        columns[n] = (uint32_t)t->json_response;
        cells[n++] = raw_of(&w->records[at]);
    }
    w->update_record[w->n_updates] = at;
    w->updates[w->n_updates++] = (dvs_update){(uint32_t)sizeof(dvs_update), n, row[0].v.i64, columns, cells};
    return DVS_OK;
}

int32_t dvsi_write_raw(dvsi_writing *w, uint32_t at, const dvs_cell *row, dvs_error *err)
{
    const dvsi_target *t = w->feed->target;
    dvsi_arena *arena = &w->feed->run->batch_arena;
    uint32_t *columns = dvsi_arena_calloc(arena, 2, sizeof *columns);
    dvs_cell *cells = dvsi_arena_calloc(arena, 2, sizeof *cells);
    if (columns == NULL || cells == NULL)
        return dvsi_error_no_memory(err);
    if (!writes_raw(t, &w->records[at]))
        return DVS_OK;
    columns[0] = (uint32_t)t->json_response;
    cells[0] = raw_of(&w->records[at]);
    columns[1] = (uint32_t)t->sync_time;
    cells[1] = dvsi_cell_timestamp(w->feed->run->started_at);
    w->update_record[w->n_updates] = at;
    w->updates[w->n_updates++] = (dvs_update){(uint32_t)sizeof(dvs_update), 2, row[0].v.i64, columns, cells};
    return DVS_OK;
}

int32_t dvsi_write_rows(dvsi_writing *w, dvs_error *err)
{
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .n_inserts = w->n_inserts,
                       .table = &w->feed->target->table,
                       .inserts = w->inserts,
                       .updates = w->updates,
                       .n_updates = w->n_updates,
                       .update_stride = sizeof(dvs_update)};
    if (w->n_inserts == 0 && w->n_updates == 0)
        return DVS_OK;
    int32_t status =
        dvsi_sink_write(w->feed->run->sink, &write, w->feed->state.first_load && w->n_updates == 0, err);
    if (status != DVS_OK && err->scope == DVS_SCOPE_ROW) {
        if (err->row < w->n_updates)
            err->row = w->update_record[err->row];
        else if (err->row - w->n_updates < w->n_inserts)
            err->row = w->insert_record[err->row - w->n_updates];
        else
            err->scope = DVS_SCOPE_STREAM;
    }
    if (status == DVS_OK)
        status =
            dvsi_books_insert(&w->feed->run->books, DVSI_BOOK_LINEAGE, w->lineage, w->n_lineage, NULL, err);
    w->feed->run->transaction_writes += w->n_inserts + w->n_updates;
    return status;
}

/* ---- Deletes ---- */

typedef struct deleting {
    dvsi_feed *feed;
    const dvsi_delete *rows;
    uint32_t n_rows;
    int64_t *ids;     /* rows to be removed */
    uint32_t *row_of; /* per id, or per update, the delete that it belongs to */
    uint32_t n_ids;
    dvs_update *updates;
    uint32_t n_updates;
} deleting;

/* Rows that get a mark and stay. */
static int32_t mark_deleted(deleting *d, dvs_error *err)
{
    const dvsi_target *t = d->feed->target;
    dvsi_arena *arena = &d->feed->run->batch_arena;
    uint32_t *columns = dvsi_arena_calloc(arena, 2, sizeof *columns);
    dvs_cell *cells = dvsi_arena_calloc(arena, 2, sizeof *cells);
    if (columns == NULL || cells == NULL)
        return dvsi_error_no_memory(err);
    columns[0] = (uint32_t)t->sync_time;
    columns[1] = (uint32_t)t->deleted_at;
    cells[0] = cells[1] = dvsi_cell_timestamp(d->feed->run->started_at);
    for (uint32_t i = 0; i < d->n_rows; i++) {
        d->row_of[i] = i;
        d->updates[d->n_updates++] =
            (dvs_update){(uint32_t)sizeof(dvs_update), 2, d->rows[i].row_id, columns, cells};
    }
    return DVS_OK;
}

/* Versions that end; when depends on when they began. */
static int32_t close_versions(deleting *d, dvs_error *err)
{
    static const uint32_t row_id = 0;
    const dvsi_target *t = d->feed->target;
    dvsi_run *run = d->feed->run;
    const uint32_t columns[2] = {0, (uint32_t)t->valid_from};
    dvs_cell *keys = dvsi_arena_calloc(&run->batch_arena, d->n_rows, sizeof *keys);
    dvsi_batch *found = dvsi_batch_new(2);
    dvsi_writing w = {.feed = d->feed, .updates = d->updates, .update_record = d->row_of};
    int32_t status = keys == NULL || found == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t i = 0; i < d->n_rows && status == DVS_OK; i++)
        keys[i] = dvsi_cell_int64(d->rows[i].row_id);
    dvs_lookup lookup = {(uint32_t)sizeof lookup, 2, &t->table, columns, &row_id, 1, d->n_rows, keys, -1, 0};
    if (status == DVS_OK)
        status = dvsi_sink_read(run->sink, &lookup, found, err);
    for (uint32_t r = 0; status == DVS_OK && r < found->n_rows && w.n_updates < d->n_rows; r++) {
        const dvs_cell *row = dvsi_batch_cells(found, r);
        status = close_version(&w, (uint32_t)found->rows[r].number, row[0].v.i64,
                               dvsi_history_close(run->started_at, time_of(&row[1])), err);
    }
    d->n_updates = w.n_updates;
    dvsi_batch_free(found);
    return status;
}

/* The row ids of all versions of the keys; of one that cannot be read, because somebody edited it, the row
 * alone. */
static int32_t find_versions(deleting *d, dvs_error *err)
{
    static const uint32_t column = 0;
    const dvsi_target *t = d->feed->target;
    dvsi_arena *arena = &d->feed->run->batch_arena;
    uint32_t kinds[DVSI_KEY_FIELDS];
    uint32_t *delete_of = dvsi_arena_calloc(arena, d->n_rows, sizeof *delete_of);
    dvs_cell *keys = dvsi_arena_calloc(arena, (size_t)d->n_rows * t->n_key, sizeof *keys);
    dvsi_batch *found = dvsi_batch_new(1);
    uint32_t n = 0;
    int32_t status = delete_of == NULL || keys == NULL || found == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t k = 0; k < t->n_key && k < DVSI_KEY_FIELDS; k++)
        kinds[k] = t->schema.columns[t->key_columns[k]].kind;
    for (uint32_t i = 0; i < d->n_rows && status == DVS_OK; i++) {
        const char *key = d->rows[i].key;
        if (dvsi_key_parse(arena, key, strlen(key), kinds, t->n_key, keys + (size_t)n * t->n_key) == 0)
            delete_of[n++] = i;
    }
    dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                         .n_columns = 1,
                         .table = &t->table,
                         .columns = &column,
                         .key_columns = t->key_columns,
                         .n_key_columns = t->n_key,
                         .n_keys = n,
                         .keys = keys,
                         .only_null = -1};
    if (status == DVS_OK && n != 0)
        status = dvsi_sink_read(d->feed->run->sink, &lookup, found, err);
    size_t most = status == DVS_OK ? (size_t)found->n_rows + d->n_rows : 0;
    d->ids = status == DVS_OK ? dvsi_arena_calloc(arena, most, sizeof *d->ids) : NULL;
    d->row_of = status == DVS_OK ? dvsi_arena_calloc(arena, most, sizeof *d->row_of) : NULL;
    if (status == DVS_OK && (d->ids == NULL || d->row_of == NULL))
        status = dvsi_error_no_memory(err);
    for (uint32_t r = 0; status == DVS_OK && r < found->n_rows; r++) {
        d->row_of[d->n_ids] = delete_of[found->rows[r].number];
        d->ids[d->n_ids++] = dvsi_batch_cells(found, r)[0].v.i64;
    }
    for (uint32_t i = 0; status == DVS_OK && i < d->n_rows; i++) { /* one that is there twice is no error */
        d->row_of[d->n_ids] = i;
        d->ids[d->n_ids++] = d->rows[i].row_id;
    }
    dvsi_batch_free(found);
    return status;
}

static int32_t find_rows(deleting *d, dvs_error *err)
{
    const dvsi_target *t = d->feed->target;
    dvsi_arena *arena = &d->feed->run->batch_arena;
    const int soft = t->entity->deletes == DVSI_DELETES_SOFT;
    if (!soft && t->valid_to >= 0)
        return find_versions(d, err);
    d->row_of = dvsi_arena_calloc(arena, d->n_rows, sizeof *d->row_of);
    d->updates = dvsi_arena_calloc(arena, d->n_rows, sizeof *d->updates);
    d->ids = dvsi_arena_calloc(arena, d->n_rows, sizeof *d->ids);
    if (d->row_of == NULL || d->updates == NULL || d->ids == NULL)
        return dvsi_error_no_memory(err);
    if (soft)
        return t->valid_to >= 0 ? close_versions(d, err) : mark_deleted(d, err);
    for (uint32_t i = 0; i < d->n_rows; i++) {
        d->row_of[d->n_ids] = i;
        d->ids[d->n_ids++] = d->rows[i].row_id;
    }
    return DVS_OK;
}

int32_t dvsi_delete_rows(dvsi_feed *feed, const dvsi_delete *rows, uint32_t n_rows, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_writing w = {.feed = feed};
    deleting d = {.feed = feed, .rows = rows, .n_rows = n_rows};
    int32_t status = DVS_OK;
    if (n_rows == 0)
        return DVS_OK;
    feed->counts.deleted += n_rows;
    if (run->dry) {
        for (uint32_t i = 0; i < n_rows && status == DVS_OK; i++)
            status = dvsi_changes_add(feed, DVSI_OP_DELETE, NULL, rows[i].key, NULL, NULL, 0, err);
        return status;
    }
    w.lineage = dvsi_arena_calloc(&run->batch_arena, (size_t)n_rows * DVSI_N_LINEAGE, sizeof *w.lineage);
    status = w.lineage == NULL ? dvsi_error_no_memory(err) : find_rows(&d, err);
    if (status != DVS_OK)
        return status;
    for (uint32_t i = 0; i < n_rows; i++) {
        dvsi_record record = {.key = rows[i].key, .key_length = (uint32_t)strlen(rows[i].key)};
        dvsi_origin own = {0};
        if (rows[i].from != NULL) {
            own = (dvsi_origin){.source = rows[i].from->label, .source_entity = rows[i].from->entity};
            record.own = &own;
        }
        add_lineage(&w, DVSI_OP_DELETE, &record, NULL, 0);
    }
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .table = &feed->target->table,
                       .updates = d.updates,
                       .n_updates = d.n_updates,
                       .update_stride = sizeof(dvs_update),
                       .deletes = d.ids,
                       .n_deletes = d.n_ids};
    status = dvsi_sink_write(run->sink, &write, 0, err);
    if (status != DVS_OK && err->scope == DVS_SCOPE_ROW && err->row < (uint64_t)d.n_ids + d.n_updates)
        err->row = d.row_of[err->row];
    if (status == DVS_OK)
        status = dvsi_books_insert(&run->books, DVSI_BOOK_LINEAGE, w.lineage, w.n_lineage, NULL, err);
    return status;
}
