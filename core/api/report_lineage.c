/*
 * report_lineage.c - dvs_lineage: where each value of a record came from.
 *
 * _sync_lineage is walked from the newest row to the oldest. A change says what was there before and after; a
 * create does not, so its values are what the next change found, or else what stands in the table now.
 */
#include "api/report_lineage.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/json.h"

#define NO_FIELD UINT32_MAX

/* One field of one row of _sync_lineage; NO_FIELD: the record as a whole. All texts are JSON. */
typedef struct event {
    struct event *older;
    struct event *newer;
    uint32_t field;
    const dvs_cell *row;
    const char *before;
    const char *after;
    const char *source;
    const char *source_entity;
    const char *source_field;
} event;

typedef struct story {
    dvsi_view *view;
    dvsi_arena *arena; /* the run's */
    const dvsi_target *target;
    const dvs_lineage_options *options;
    dvsi_buf key;
    dvs_cell *key_cells;
    const char **fields; /* of the entity, as far as the table has them */
    uint32_t *kinds;
    uint32_t n_fields;
    uint32_t only;        /* the field asked for, or NO_FIELD */
    const char **present; /* what stands in the table now; NULL: there is no row */
    const char **after;   /* while walking: the value behind the change in hand */
    int has_table;
    int has_row;
    dvsi_batch *mappings; /* of _sync_schema */
    dvsi_batch *rows;     /* of _sync_lineage */
    event *newest;
    event *oldest;
} story;

/* ---- Fields ---- */

static uint32_t find_field(const story *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_fields; i++)
        if (dvsi_utf8_casecmp(s->fields[i], name) == 0)
            return i;
    return NO_FIELD;
}

static int32_t take_fields(story *s, dvs_error *err)
{
    const dvsi_definition *d = &s->target->definition;
    dvsi_schema found = {0};
    int32_t status = dvsi_sink_inspect(s->view->run->sink, s->target->entity->name, &found, err);
    s->has_table = status == DVS_OK;
    if (status == DVS_E_NOT_FOUND)
        status = DVS_OK; /* the table was dropped; what became of its records is still known */
    s->fields = dvsi_arena_calloc(s->arena, (size_t)d->n_fields + 1, sizeof *s->fields);
    s->kinds = dvsi_arena_calloc(s->arena, (size_t)d->n_fields + 1, sizeof *s->kinds);
    s->present = dvsi_arena_calloc(s->arena, (size_t)d->n_fields + 1, sizeof *s->present);
    s->after = dvsi_arena_calloc(s->arena, (size_t)d->n_fields + 1, sizeof *s->after);
    if (s->fields == NULL || s->kinds == NULL || s->present == NULL || s->after == NULL)
        status = dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < d->n_fields && status == DVS_OK; i++) {
        if (s->has_table && dvsi_schema_find(&found, d->fields[i].name) < 0)
            continue;
        s->fields[s->n_fields] = d->fields[i].name;
        s->kinds[s->n_fields++] = d->fields[i].kind;
    }
    dvsi_schema_free(&found);
    s->only = NO_FIELD;
    if (status != DVS_OK || s->options->field == NULL)
        return status;
    s->only = find_field(s, s->options->field);
    if (s->only != NO_FIELD)
        return DVS_OK;
    const char *near = dvsi_problem_nearest(s->options->field, s->fields);
    return dvsi_error_set(err, DVS_E_USAGE, "entity \"%s\" has no field \"%s\"%s%s%s",
                          s->target->entity->name, s->options->field, near != NULL ? "; did you mean \"" : "",
                          near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static const char *keep(story *s, dvsi_buf *text)
{
    const char *copy = text->failed ? NULL : dvsi_arena_copy(s->arena, dvsi_buf_text(text), text->length);
    dvsi_buf_free(text);
    return copy;
}

static const char *cell_text(story *s, const dvs_cell *cell)
{
    dvsi_buf text = {0};
    dvsi_cell_json(&text, cell);
    return keep(s, &text);
}

static const char *json_text(story *s, const dvsi_json *value)
{
    dvsi_buf text = {0};
    if (value == NULL)
        return "null";
    dvsi_json_write(&text, value);
    return keep(s, &text);
}

/* Of several versions the last. */
static const dvs_cell *last_version(const dvsi_batch *rows, uint32_t valid_from)
{
    const dvs_cell *last = dvsi_batch_cells(rows, 0);
    for (uint32_t i = 1; i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        if (row[valid_from].kind == DVS_TIMESTAMP &&
            (last[valid_from].kind != DVS_TIMESTAMP || row[valid_from].v.i64 > last[valid_from].v.i64))
            last = row;
    }
    return last;
}

/* The row of the record, as it stands in the table. */
static int32_t read_present(story *s, dvs_error *err)
{
    const dvsi_definition *d = &s->target->definition;
    dvsi_sink *sink = s->view->run->sink;
    dvsi_schema schema = {0};
    const uint32_t has_versions = strcmp(d->history, "scd2") == 0;
    const dvs_cell *cells = NULL;
    dvsi_batch *row = dvsi_batch_new(s->n_fields + 1 + has_versions);
    uint32_t *columns = dvsi_arena_calloc(s->arena, (size_t)s->n_fields + 2, sizeof *columns);
    uint32_t *key = dvsi_arena_calloc(s->arena, d->n_key, sizeof *key);
    int32_t status = row == NULL || columns == NULL || key == NULL ||
                             dvsi_schema_put(&schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL
                         ? dvsi_error_no_memory(err)
                         : DVS_OK;
    int readable = s->has_table;
    for (uint32_t i = 0; i < s->n_fields && status == DVS_OK; i++) {
        columns[i + 1] = i + 1;
        if (dvsi_schema_put(&schema, s->fields[i], s->kinds[i], DVS_COLUMN_NULLABLE) == NULL)
            status = dvsi_error_no_memory(err);
    }
    columns[s->n_fields + 1] = s->n_fields + 1;
    if (status == DVS_OK && has_versions &&
        dvsi_schema_put(&schema, "valid_from", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL)
        status = dvsi_error_no_memory(err);
    for (uint32_t k = 0; k < d->n_key && status == DVS_OK; k++) {
        uint32_t field = find_field(s, d->key[k]);
        readable = readable && field != NO_FIELD;
        key[k] = field != NO_FIELD ? field + 1 : 0;
    }
    if (status == DVS_OK && readable) {
        dvs_table table = {.struct_size = (uint32_t)sizeof table,
                           .n_columns = schema.n_columns,
                           .column_stride = sizeof(dvs_column),
                           .id = dvsi_table_id(),
                           .name = s->target->entity->name,
                           .columns = schema.columns};
        dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                             .n_columns = schema.n_columns,
                             .table = &table,
                             .columns = columns,
                             .key_columns = key,
                             .n_key_columns = d->n_key,
                             .n_keys = 1,
                             .keys = s->key_cells,
                             .only_null = -1};
        status = dvsi_sink_read(sink, &lookup, row, err);
        s->has_row = status == DVS_OK && row->n_rows != 0;
    }
    if (s->has_row)
        cells = has_versions ? last_version(row, s->n_fields + 1) : row->cells;
    for (uint32_t i = 0; i < s->n_fields && s->has_row && status == DVS_OK; i++) {
        s->present[i] = s->after[i] = cell_text(s, &cells[i + 1]);
        if (s->present[i] == NULL)
            status = dvsi_error_no_memory(err);
    }
    dvsi_batch_free(row);
    dvsi_schema_free(&schema);
    return status;
}

/* ---- Events ---- */

static int same_name(const dvs_cell *cell, const char *name)
{
    char text[512];
    if (cell->kind != DVS_TEXT || cell->length >= sizeof text)
        return 0;
    memcpy(text, cell->v.text, cell->length);
    text[cell->length] = '\0';
    return dvsi_utf8_casecmp(text, name) == 0;
}

/* The mapping that gave this field to this row of the lineage; `any`: or one that is not valid at that time.
 * One that came back was not in use all the while: of several that are valid the youngest is the right one,
 * of others the one that was in use last. */
static const dvs_cell *find_mapping(const story *s, uint32_t field, const dvs_cell *row, const char *source,
                                    int any)
{
    const dvs_cell *best = NULL;
    const int64_t at = row[DVSI_LINEAGE_CHANGED_AT].v.i64;
    int best_valid = 0;
    int64_t best_seen = 0;
    for (uint32_t i = 0; i < s->mappings->n_rows; i++) {
        const dvs_cell *m = dvsi_batch_cells(s->mappings, i);
        const dvs_cell *first = &m[DVSI_SCHEMA_FIRST_SEEN];
        const dvs_cell *last = &m[DVSI_SCHEMA_LAST_SEEN];
        int fits = source != NULL
                       ? dvsi_cell_says(&m[DVSI_SCHEMA_SOURCE], source)
                       : dvsi_cell_equal(&m[DVSI_SCHEMA_SOURCE], &row[DVSI_LINEAGE_SOURCE]) &&
                             dvsi_cell_equal(&m[DVSI_SCHEMA_SOURCE_ENTITY], &row[DVSI_LINEAGE_SOURCE_ENTITY]);
        if (!fits || first->kind != DVS_TIMESTAMP || last->kind != DVS_TIMESTAMP ||
            !same_name(&m[DVSI_SCHEMA_FIELD], s->fields[field]))
            continue;
        const int valid = first->v.i64 <= at && at <= last->v.i64;
        const int64_t seen = valid ? first->v.i64 : last->v.i64;
        if ((!valid && !any) ||
            (best != NULL && (valid < best_valid || (valid == best_valid && seen < best_seen))))
            continue;
        best = m;
        best_valid = valid;
        best_seen = seen;
    }
    return best;
}

static int32_t add_event(story *s, uint32_t field, const dvs_cell *row, const dvsi_json *change,
                         const dvs_cell *mapping, const char *before, const char *after, dvs_error *err)
{
    const dvsi_json *source = change != NULL ? dvsi_json_get(change, "source") : NULL;
    const dvsi_json *entity = change != NULL ? dvsi_json_get(change, "source_entity") : NULL;
    const dvsi_json *from = change != NULL ? dvsi_json_get(change, "from") : NULL;
    event *e = dvsi_arena_calloc(s->arena, 1, sizeof *e);
    if (e == NULL)
        return dvsi_error_no_memory(err);
    e->field = field;
    e->row = row;
    e->before = before;
    e->after = after;
    e->source = source != NULL ? json_text(s, source) : cell_text(s, &row[DVSI_LINEAGE_SOURCE]);
    e->source_entity = entity != NULL ? json_text(s, entity) : cell_text(s, &row[DVSI_LINEAGE_SOURCE_ENTITY]);
    e->source_field = from != NULL      ? json_text(s, from)
                      : mapping != NULL ? cell_text(s, &mapping[DVSI_SCHEMA_SOURCE_FIELD])
                                        : "null";
    if (e->source == NULL || e->source_entity == NULL || e->source_field == NULL || before == NULL ||
        after == NULL)
        return dvsi_error_no_memory(err);
    e->newer = s->oldest;
    if (s->oldest != NULL)
        s->oldest->older = e;
    else
        s->newest = e;
    s->oldest = e;
    return DVS_OK;
}

static const char *source_of(const dvsi_json *change)
{
    const dvsi_json *source = change != NULL ? dvsi_json_get(change, "source") : NULL;
    return source != NULL && source->type == DVSI_JSON_STRING ? source->text : NULL;
}

/* Fields of one row go into the list last to first, so that the list read from its end has them in order. */
static int32_t take_create(story *s, const dvs_cell *row, const dvsi_json *changes, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t f = s->n_fields; f-- > 0 && status == DVS_OK;) {
        const dvsi_json *change = changes != NULL ? dvsi_json_get(changes, s->fields[f]) : NULL;
        const dvs_cell *mapping = find_mapping(s, f, row, source_of(change), change != NULL);
        if (mapping == NULL && change == NULL)
            continue; /* no field of this source at that time */
        status =
            add_event(s, f, row, change, mapping, "null", s->after[f] != NULL ? s->after[f] : "null", err);
        s->after[f] = NULL;
    }
    return status;
}

static int32_t take_change(story *s, const dvs_cell *row, const dvsi_json *changes, dvs_error *err)
{
    int32_t status = DVS_OK;
    if (changes == NULL || changes->first == NULL)
        return add_event(s, NO_FIELD, row, NULL, NULL, "null", "null", err);
    for (uint32_t f = s->n_fields; f-- > 0 && status == DVS_OK;) {
        const dvsi_json *change = dvsi_json_get(changes, s->fields[f]);
        if (change == NULL || change->type != DVSI_JSON_OBJECT)
            continue;
        const char *before = json_text(s, dvsi_json_get(change, "old"));
        status = add_event(s, f, row, change, find_mapping(s, f, row, source_of(change), 1), before,
                           json_text(s, dvsi_json_get(change, "new")), err);
        s->after[f] = before;
    }
    return status;
}

static int32_t walk(story *s, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = s->rows->n_rows; i-- > 0 && status == DVS_OK;) {
        const dvs_cell *row = dvsi_batch_cells(s->rows, i);
        const dvs_cell *text = &row[DVSI_LINEAGE_CHANGES];
        const dvsi_json *changes = NULL;
        const char *problem = NULL;
        size_t offset = 0;
        if (text->kind == DVS_JSON || text->kind == DVS_TEXT) {
            changes = dvsi_json_parse(s->arena, text->v.text, text->length, &problem, &offset);
            if (changes == NULL || changes->type != DVSI_JSON_OBJECT)
                return dvsi_error_set(err, DVS_E_CORRUPT,
                                      "a row of \"_sync_lineage\" cannot be read (row_id %lld): its "
                                      "\"changes\" is no JSON object",
                                      (long long)row[DVSI_LINEAGE_ROW_ID].v.i64);
        }
        status = dvsi_cell_says(&row[DVSI_LINEAGE_OP], "create") ? take_create(s, row, changes, err)
                                                                 : take_change(s, row, changes, err);
    }
    return status;
}

/* ---- The document ---- */

static void put_raw(dvsi_buf *out, const char *name, const char *json)
{
    dvsi_out_name(out, name);
    dvsi_out_raw(out, json != NULL ? json : "null");
}

static void put_origin(dvsi_buf *out, const event *e)
{
    static const dvs_cell none = {.kind = DVS_NULL};
    put_raw(out, "source", e != NULL ? e->source : NULL);
    put_raw(out, "source_entity", e != NULL ? e->source_entity : NULL);
    put_raw(out, "source_field", e != NULL ? e->source_field : NULL);
    dvsi_report_cell(out, "run_id", e != NULL ? &e->row[DVSI_LINEAGE_RUN_ID] : &none);
    dvsi_report_cell(out, "changed_at", e != NULL ? &e->row[DVSI_LINEAGE_CHANGED_AT] : &none);
    dvsi_report_cell(out, "op", e != NULL ? &e->row[DVSI_LINEAGE_OP] : &none);
}

static void put_fields(const story *s, dvsi_buf *out)
{
    dvsi_out_name(out, "fields");
    dvsi_out_open(out, '[');
    for (uint32_t f = 0; f < s->n_fields; f++) {
        const event *e = s->newest;
        if (s->only != NO_FIELD && f != s->only)
            continue;
        while (e != NULL && e->field != f)
            e = e->older;
        dvsi_out_open(out, '{');
        dvsi_report_text(out, "field", s->fields[f]);
        put_raw(out, "value", s->present[f]);
        put_raw(out, "previous_value", e != NULL ? e->before : NULL);
        put_origin(out, e);
        dvsi_out_close(out, '}');
    }
    dvsi_out_close(out, ']');
}

/* From the oldest to the newest: a story. */
static void put_changes(const story *s, dvsi_buf *out)
{
    dvsi_out_name(out, "changes");
    dvsi_out_open(out, '[');
    for (const event *e = s->oldest; e != NULL; e = e->newer) {
        if (s->only != NO_FIELD && e->field != s->only)
            continue;
        dvsi_out_open(out, '{');
        dvsi_report_text(out, "field", e->field != NO_FIELD ? s->fields[e->field] : NULL);
        put_raw(out, "previous_value", e->before);
        put_raw(out, "new_value", e->after);
        put_origin(out, e);
        dvsi_out_close(out, '}');
    }
    dvsi_out_close(out, ']');
}

static int32_t tell(story *s, dvsi_buf *out, dvs_error *err)
{
    const char *entity = s->target->entity->name;
    dvsi_books *books = &s->view->run->books;
    int32_t status = dvsi_report_key(s->view, s->target, s->options, &s->key_cells, &s->key, err);
    if (status == DVS_OK)
        status = take_fields(s, err);
    if (status == DVS_OK)
        status = read_present(s, err);
    dvs_cell key = dvsi_cell_text_n(dvsi_buf_text(&s->key), s->key.length);
    dvs_where mapping = dvsi_where(DVSI_SCHEMA_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity));
    dvs_where record[2] = {dvsi_where(DVSI_LINEAGE_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity)),
                           dvsi_where(DVSI_LINEAGE_KEY, DVS_OP_EQ, key)};
    if (status == DVS_OK)
        status = dvsi_books_find(books, DVSI_BOOK_SCHEMA, &mapping, 1, 0, 0, s->mappings, err);
    if (status == DVS_OK)
        status = dvsi_books_find(books, DVSI_BOOK_LINEAGE, record, 2, 0, 0, s->rows, err);
    if (status == DVS_OK && !s->has_row && s->rows->n_rows == 0)
        status = dvsi_error_set(err, DVS_E_NOT_FOUND,
                                "entity \"%s\" has no record with the key %s, and never had one", entity,
                                dvsi_buf_text(&s->key));
    if (status == DVS_OK)
        status = walk(s, err);
    if (status != DVS_OK)
        return status;
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", s->view->run->project->name);
    dvsi_report_text(out, "entity", entity);
    dvsi_report_cell(out, "key", &key);
    put_fields(s, out);
    if (s->options->history)
        put_changes(s, out);
    status = dvsi_report_reference_offers(s->view, s->target, &key,
                                          s->only != NO_FIELD ? s->fields[s->only] : NULL, out, err);
    dvsi_out_close(out, '}');
    return status;
}

static int32_t fill(dvsi_view *view, const void *context, dvsi_buf *out, dvs_error *err)
{
    dvsi_target *target = NULL;
    story s = {.view = view, .arena = &view->run->arena, .options = context};
    int32_t status = dvsi_report_target(view, s.options->entity, &target, err);
    if (status != DVS_OK)
        return status;
    s.target = target;
    s.mappings = dvsi_batch_new(DVSI_N_SCHEMA);
    s.rows = dvsi_batch_new(DVSI_N_LINEAGE);
    status = s.mappings == NULL || s.rows == NULL ? dvsi_error_no_memory(err) : tell(&s, out, err);
    dvsi_batch_free(s.mappings);
    dvsi_batch_free(s.rows);
    dvsi_buf_free(&s.key);
    return status;
}

int32_t dvs_lineage(dvs_project *project, const dvs_lineage_options *options, dvs_report **report,
                    dvs_error *err)
{
    dvs_lineage_options all = {0};
    *report = NULL;
    if (options == NULL || options->struct_size < sizeof options->struct_size)
        return dvsi_error_set(err, DVS_E_USAGE, "dvs_lineage_options.struct_size is not set");
    memcpy(&all, options, options->struct_size < sizeof all ? options->struct_size : sizeof all);
    if (all.entity == NULL || all.n_keys == 0 || all.key_values == NULL)
        return dvsi_error_set(err, DVS_E_USAGE, "lineage needs an entity and the key of a record");
    return dvsi_report_make(project, fill, &all, report, err);
}
