/* work.c - from a batch of source rows to records and row errors. */
#include "run/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/key.h"

dvsi_work *dvsi_work_new(void)
{
    dvsi_work *work = calloc(1, sizeof *work);
    if (work == NULL)
        return NULL;
    work->batch = dvsi_batch_new(0);
    if (work->batch == NULL) {
        free(work);
        return NULL;
    }
    return work;
}

void dvsi_work_free(dvsi_work *work)
{
    if (work == NULL)
        return;
    dvsi_batch_free(work->batch);
    dvsi_arena_free(&work->arena);
    free(work);
}

int dvsi_record_raw(const dvsi_mapping *mapping, const dvs_cell *source, dvsi_arena *arena, dvsi_buf *text,
                    const dvs_cell **raw)
{
    *raw = mapping->raw >= 0 ? &source[mapping->raw] : NULL;
    if (!mapping->make_raw)
        return 0;
    dvsi_buf_clear(text);
    dvsi_mapping_record_json(mapping, source, text);
    const char *copy = text->failed ? NULL : dvsi_arena_copy(arena, dvsi_buf_text(text), text->length);
    dvs_cell *cell = dvsi_arena_alloc(arena, sizeof *cell);
    if (copy == NULL || cell == NULL)
        return -1;
    *cell = dvsi_cell_json_n(copy, text->length);
    *raw = cell;
    return 0;
}

int64_t dvsi_record_modified(const dvsi_mapping *mapping, const dvs_cell *source)
{
    const dvs_cell *cell = mapping->modified >= 0 ? &source[mapping->modified] : NULL;
    return cell != NULL && cell->kind == DVS_TIMESTAMP ? cell->v.i64 : INT64_MIN;
}

size_t dvsi_work_bytes(const dvsi_work *work)
{
    return dvsi_batch_bytes(work->batch) + work->arena.used;
}

/* What a mapping needs at hand. */
typedef struct mapper {
    dvsi_work *work;
    const dvsi_mapping *mapping;
    const dvsi_batch_error *error; /* the next of the batch's errors */
    uint32_t n_taken;              /* of them */
    dvsi_buf text;
    int failed; /* memory is out */
} mapper;

static const char *keep(mapper *m, size_t *length)
{
    char *copy =
        m->text.failed ? NULL : dvsi_arena_copy(&m->work->arena, dvsi_buf_text(&m->text), m->text.length);
    if (length != NULL)
        *length = m->text.length;
    if (copy == NULL)
        m->failed = 1;
    return copy;
}

/* Sets the record's keys as far as its cells tell them; what is wrong with the entity's key, or NULL. */
static const char *set_keys(mapper *m, dvsi_record *record)
{
    const char *problem = NULL;
    if (record->fields != NULL) {
        dvsi_buf_clear(&m->text);
        problem = dvsi_mapping_key(m->mapping, record->fields, &m->text);
        if (problem == NULL) {
            record->key = keep(m, NULL);
            record->key_length = (uint32_t)m->text.length;
        }
    }
    if (m->mapping->own_key && m->mapping->gathers) {
        record->source_key = record->key;
        record->source_key_length = record->key_length;
    } else if (!m->mapping->own_key && record->source != NULL) {
        dvsi_buf_clear(&m->text);
        if (dvsi_mapping_source_key(m->mapping, record->source, &m->text) == NULL) {
            record->source_key = keep(m, NULL);
            record->source_key_length = (uint32_t)m->text.length;
        }
    }
    return problem;
}

static void add_error(mapper *m, const dvsi_record *record, const char *field, const char *message)
{
    dvsi_record_error *error = &m->work->errors[m->work->n_errors++];
    memset(error, 0, sizeof *error);
    error->number = record->number;
    error->source_key = record->source_key;
    error->key = record->key;
    error->field = field;
    error->message = message;
    dvsi_buf_clear(&m->text);
    dvsi_mapping_record_json(m->mapping, record->source, &m->text);
    error->cells = keep(m, &error->cells_length);
    error->record = error->cells;
    error->record_length = error->cells_length;
    if (m->mapping->raw >= 0 && record->source[m->mapping->raw].kind == DVS_JSON) {
        error->record = record->source[m->mapping->raw].v.text;
        error->record_length = record->source[m->mapping->raw].length;
    }
}

/* True when a read that delivers this failed record can still tell which record it is. */
static int identified(const mapper *m, const dvsi_record *record)
{
    return m->mapping->own_key ? record->key != NULL : record->source_key != NULL;
}

static void fail_record(mapper *m, dvsi_record *record)
{
    record->flags |= DVSI_RECORD_FAILED;
    if (!identified(m, record))
        m->work->unidentified++;
}

/* The project's `where` does not want the record: it counts as deleted by the source. When its key cannot be
 * told, there is nothing to delete. */
static void leave_out(mapper *m, dvsi_record *record, dvs_cell *fields)
{
    if (!m->work->drops_left_out) {
        dvsi_mapping_apply_key(m->mapping, record->source, &m->work->arena, fields);
        (void)set_keys(m, record);
        record->flags |= DVSI_RECORD_TOMBSTONE;
    }
    if (m->work->drops_left_out || !identified(m, record))
        m->work->n_records--;
}

static void map_row(mapper *m, uint32_t row)
{
    dvsi_record *record = &m->work->records[m->work->n_records++];
    const dvs_cell *in = dvsi_batch_cells(m->work->batch, row);
    dvs_cell *fields = dvsi_arena_calloc(&m->work->arena, m->mapping->n_fields, sizeof *fields);
    dvsi_map_error map_error = {0};
    memset(record, 0, sizeof *record);
    record->number = m->work->batch->rows[row].number;
    record->source = in;
    record->modified = dvsi_record_modified(m->mapping, in);
    record->fields = fields;
    if (fields == NULL) {
        m->failed = 1;
        return;
    }
    const int deleted = (m->work->batch->rows[row].flags & DVS_ROW_TOMBSTONE) != 0;
    const int matches = deleted || m->mapping->where == NULL
                            ? 1
                            : dvsi_mapping_matches(m->mapping, in, &m->work->arena, &map_error);
    if (matches == 0) {
        leave_out(m, record, fields);
        return;
    }
    if (dvsi_record_raw(m->mapping, in, &m->work->arena, &m->text, &record->raw) != 0) {
        m->failed = 1;
        return;
    }
    const dvsi_map_error where_error = map_error;
    int mapped = dvsi_mapping_apply(m->mapping, in, &m->work->arena, fields, &map_error);
    const char *no_key = set_keys(m, record);
    if (matches < 0) {
        map_error = where_error;
        mapped = -1;
    }
    if (deleted) {
        record->flags |= DVSI_RECORD_TOMBSTONE;
        if (identified(m, record))
            return;
        mapped = 0;
        no_key = "of a deleted record cannot be told";
    }
    if (mapped != 0) {
        add_error(m, record, map_error.field, map_error.message);
        fail_record(m, record);
    } else if (no_key != NULL || (!m->mapping->own_key && record->source_key == NULL)) {
        dvsi_buf_clear(&m->text);
        dvsi_buf_printf(&m->text, "the key %s", no_key != NULL ? no_key : "of the source is empty");
        const char *message = keep(m, NULL);
        add_error(m, record, m->mapping->fields[m->mapping->key[0]].name, message);
        fail_record(m, record);
    }
}

/* The source's columns of a record of which only the key is known, as canonical text; NULL when it is
 * none. */
static const dvs_cell *key_cells(mapper *m, const char *source_key)
{
    const dvsi_mapping *mapping = m->mapping;
    uint32_t kinds[16];
    dvs_cell key[16];
    uint32_t n = mapping->n_source_key;
    dvs_cell *cells = dvsi_arena_calloc(&m->work->arena, mapping->wanted.n_columns, sizeof *cells);
    if (cells == NULL)
        m->failed = 1;
    if (cells == NULL || n == 0 || n > 16)
        return NULL;
    for (uint32_t k = 0; k < n; k++)
        kinds[k] = mapping->wanted.columns[mapping->source_key[k]].kind;
    if (dvsi_key_parse(&m->work->arena, source_key, strlen(source_key), kinds, n, key) != 0)
        return NULL;
    for (uint32_t k = 0; k < n; k++)
        cells[mapping->source_key[k]] = key[k];
    return cells;
}

/* A row error that the host or the plugin noted: the record failed, but perhaps its key is known. */
static void take_error(mapper *m, const dvsi_batch_error *in)
{
    dvsi_record *record = &m->work->records[m->work->n_records++];
    dvsi_record_error *error = &m->work->errors[m->work->n_errors++];
    memset(record, 0, sizeof *record);
    memset(error, 0, sizeof *error);
    record->number = in->number;
    record->source = in->cells;
    if (record->source == NULL && in->source_key != NULL)
        record->source = key_cells(m, in->source_key);
    if (record->source != NULL) {
        dvs_cell *fields = dvsi_arena_calloc(&m->work->arena, m->mapping->n_fields, sizeof *fields);
        dvsi_map_error ignored;
        if (fields == NULL) {
            m->failed = 1;
            return;
        }
        (void)dvsi_mapping_apply(m->mapping, record->source, &m->work->arena, fields, &ignored);
        record->fields = fields;
        (void)set_keys(m, record);
    }
    fail_record(m, record);
    error->number = in->number;
    error->source_key = record->source_key != NULL ? record->source_key : in->source_key;
    error->key = record->key;
    error->field = in->field;
    error->message = in->message;
    if (record->source != NULL) {
        dvsi_buf_clear(&m->text);
        dvsi_mapping_record_json(m->mapping, record->source, &m->text);
        error->known = keep(m, &error->known_length);
    }
    if (in->record != NULL) {
        dvsi_buf_clear(&m->text);
        if (dvsi_utf8_valid(in->record, in->record_length) == in->record_length)
            dvsi_buf_add(&m->text, in->record, in->record_length);
        else
            dvsi_utf8_show(&m->text, in->record, in->record_length, 0);
        error->record = keep(m, &error->record_length);
    }
}

/* Of the batch's first `most` errors those that were noted behind so many rows. */
static void take_errors(mapper *m, uint32_t n_rows, uint32_t most)
{
    for (; m->n_taken < most && m->error->behind <= n_rows && !m->failed;
         m->n_taken++, m->error = m->error->next)
        take_error(m, m->error);
}

int dvsi_work_map(dvsi_work *work, const dvsi_mapping *mapping)
{
    mapper m = {.work = work, .mapping = mapping, .error = work->batch->errors};
    const dvsi_batch *batch = work->batch;
    size_t most = (size_t)batch->n_rows + batch->n_errors;
    dvsi_arena_reset(&work->arena);
    work->n_records = work->n_errors = work->unidentified = work->checkpoint_records = work->answers = 0;
    work->records = dvsi_arena_calloc(&work->arena, most + 1, sizeof *work->records);
    work->errors = dvsi_arena_calloc(&work->arena, most + 1, sizeof *work->errors);
    if (work->records == NULL || work->errors == NULL)
        return -1;
    for (uint32_t row = 0; row <= batch->n_rows && !m.failed; row++) {
        if (batch->has_checkpoint && row == batch->checkpoint_rows) {
            take_errors(&m, row, batch->checkpoint_errors);
            work->checkpoint_records = work->n_records;
        }
        take_errors(&m, row, batch->n_errors);
        if (row < batch->n_rows)
            map_row(&m, row);
    }
    dvsi_buf_free(&m.text);
    return m.failed ? -1 : 0;
}

int dvsi_records_last(dvsi_arena *arena, const dvsi_record *records, uint32_t n, int by_source_key,
                      uint8_t **skip, uint32_t **previous)
{
    size_t size = 16;
    while (size < (size_t)n * 2)
        size *= 2;
    uint32_t *slots = dvsi_arena_calloc(arena, size, sizeof *slots); /* 1 + record */
    *skip = dvsi_arena_calloc(arena, (size_t)n + 1, 1);
    *previous = dvsi_arena_calloc(arena, (size_t)n + 1, sizeof **previous);
    if (slots == NULL || *skip == NULL || *previous == NULL)
        return -1;
    for (uint32_t i = 0; i < n; i++) {
        const char *key = by_source_key ? records[i].source_key : records[i].key;
        size_t length = by_source_key ? records[i].source_key_length : records[i].key_length;
        if (key == NULL) {
            (*skip)[i] = 1;
            continue;
        }
        size_t at = dvsi_hash64(key, length) & (size - 1);
        for (; slots[at] != 0; at = (at + 1) & (size - 1)) {
            const dvsi_record *other = &records[slots[at] - 1];
            const char *other_key = by_source_key ? other->source_key : other->key;
            size_t other_length = by_source_key ? other->source_key_length : other->key_length;
            if (other_length == length && memcmp(other_key, key, length) == 0)
                break;
        }
        if (slots[at] != 0 && (records[i].flags & DVSI_RECORD_FAILED) != 0) {
            (*skip)[i] = 1;
            continue;
        }
        if (slots[at] != 0) {
            (*skip)[slots[at] - 1] = 1;
            (*previous)[i] = slots[at];
        }
        slots[at] = i + 1;
    }
    return 0;
}
