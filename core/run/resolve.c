/*
 * resolve.c - `conflicts resolve` and `unpin`: the pin, the conflict's row, and that the next sync looks at
 * the record.
 */
#include "run/resolve.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "data/key.h"
#include "run/conflicts.h"

#define SINK "sink"

/* A conflict in hand; all texts are in the run's arena. */
typedef struct subject {
    dvsi_view *view;
    dvsi_run *run;
    dvsi_arena *arena;
    const dvsi_target *target;
    int64_t id;
    int64_t now;
    const dvs_cell *row; /* of _sync_conflicts */
    const char *entity;
    const char *key;
    const char *field;
    uint32_t kind; /* of the field */
} subject;

static const char *text_of(const subject *s, const dvs_cell *cell)
{
    return cell->kind == DVS_TEXT ? dvsi_arena_copy(s->arena, cell->v.text, cell->length) : NULL;
}

int32_t dvsi_conflict_find(dvsi_view *view, int64_t id, dvsi_batch *rows, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_CONFLICTS_ID, DVS_OP_EQ, dvsi_cell_int64(id));
    dvsi_batch_reset(rows, DVSI_N_CONFLICTS);
    int32_t status = view->run->sink != NULL
                         ? dvsi_books_find(&view->run->books, DVSI_BOOK_CONFLICTS, &where, 1, 0, 1, rows, err)
                         : DVS_OK;
    if (status == DVS_OK && rows->n_rows == 0)
        status = dvsi_error_set(
            err, DVS_E_NOT_FOUND,
            "project \"%s\" has no conflict with the id %lld; `dvsync conflicts --all` lists them all",
            view->run->project->name, (long long)id);
    return status;
}

/* The entity as the project and the sink know it. */
static int32_t find_field(subject *s, dvs_error *err)
{
    for (uint32_t t = 0; t < s->run->n_targets; t++)
        if (strcmp(s->run->targets[t].entity->name, s->entity) == 0)
            s->target = &s->run->targets[t];
    const dvsi_definition_field *known =
        s->target != NULL ? dvsi_definition_field_of(&s->target->definition, s->field) : NULL;
    if (known != NULL) {
        s->kind = known->kind;
        return DVS_OK;
    }
    return dvsi_error_set(err, DVS_E_NOT_FOUND,
                          "conflict %lld is about field \"%s\" of entity \"%s\", which project \"%s\" "
                          "no longer has",
                          (long long)s->id, s->field, s->entity, s->run->project->name);
}

static int32_t open_subject(subject *s, dvsi_view *view, int64_t id, dvsi_batch *rows, dvs_error *err)
{
    int32_t status = dvsi_conflict_find(view, id, rows, err);
    if (status != DVS_OK)
        return status;
    *s = (subject){.view = view,
                   .run = view->run,
                   .arena = &view->run->arena,
                   .id = id,
                   .row = rows->cells,
                   .now = dvsi_clock_now()};
    s->entity = text_of(s, &s->row[DVSI_CONFLICTS_ENTITY]);
    s->key = text_of(s, &s->row[DVSI_CONFLICTS_KEY]);
    s->field = text_of(s, &s->row[DVSI_CONFLICTS_FIELD]);
    if (s->entity == NULL || s->key == NULL || s->field == NULL)
        return dvsi_error_set(err, DVS_E_CORRUPT,
                              "conflict %lld in \"_sync_conflicts\" has no entity, key or field",
                              (long long)id);
    return DVS_OK;
}

/* ---- The value ---- */

/* Does this exact value stand in the log under that text? */
static int is_logged(subject *s, const dvs_cell *value, const dvs_cell *logged)
{
    dvs_cell as_logged;
    return dvsi_conflict_value(s->arena, value, &as_logged) == 0 && dvsi_cell_equal(&as_logged, logged);
}

/* {"sha256":...,"bytes":n} stands for a value that was too large for the log. */
static int is_digest(const subject *s, const dvs_cell *logged)
{
    const dvsi_json *json =
        logged->kind == DVS_JSON
            ? dvsi_json_parse(s->arena, logged->v.text, logged->length, &(const char *){NULL}, &(size_t){0})
            : NULL;
    return json != NULL && json->type == DVSI_JSON_OBJECT && json->length == 2 &&
           dvsi_json_get(json, "sha256") != NULL && dvsi_json_get(json, "bytes") != NULL;
}

/* What an offer of the record says; ABSENT: nothing, or there is none. */
static int32_t offered_value(subject *s, const char *label, dvs_cell *value, dvs_error *err)
{
    dvs_where where[3] = {dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(s->entity)),
                          dvsi_where(DVSI_OFFERS_KEY, DVS_OP_EQ, dvsi_cell_text(s->key)),
                          dvsi_where(DVSI_OFFERS_SOURCE, DVS_OP_EQ, dvsi_cell_text(label))};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_OFFERS);
    memset(value, 0, sizeof *value);
    int32_t status = rows == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_books_find(&s->run->books, DVSI_BOOK_OFFERS, where, 3, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows && value->kind == DVS_ABSENT; i++) {
        const dvs_cell *fields = &dvsi_batch_cells(rows, i)[DVSI_OFFERS_FIELDS];
        const dvsi_json *object = fields->kind == DVS_JSON
                                      ? dvsi_json_parse(s->arena, fields->v.text, fields->length,
                                                        &(const char *){NULL}, &(size_t){0})
                                      : NULL;
        const dvsi_json *member = object != NULL ? dvsi_json_get(object, s->field) : NULL;
        if (member != NULL && dvsi_cell_from_value(s->arena, s->kind, member, value) != 0)
            memset(value, 0, sizeof *value);
    }
    dvsi_batch_free(rows);
    return status;
}

/* The table with row id, key, the field and what tells the current version, as far as the sink has them. */
static int32_t stored_table(subject *s, dvsi_schema *schema, uint32_t *key, int32_t *valid_to, dvs_error *err)
{
    const dvsi_definition *d = &s->target->definition;
    int failed = dvsi_schema_put(schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID) == NULL ||
                 dvsi_schema_put(schema, s->field, s->kind, DVS_COLUMN_NULLABLE) == NULL;
    *valid_to = -1;
    for (uint32_t k = 0; k < d->n_key && !failed; k++) {
        int32_t at = dvsi_schema_find(schema, d->key[k]);
        const dvsi_definition_field *known = dvsi_definition_field_of(d, d->key[k]);
        key[k] = at >= 0 ? (uint32_t)at : schema->n_columns;
        failed = at < 0 && dvsi_schema_put(schema, d->key[k], known != NULL ? known->kind : DVS_TEXT,
                                           DVS_COLUMN_NULLABLE) == NULL;
    }
    if (!failed && d->history != NULL && strcmp(d->history, "scd2") == 0) {
        *valid_to = (int32_t)schema->n_columns;
        failed = dvsi_schema_put(schema, "valid_to", DVS_TIMESTAMP, DVS_COLUMN_NULLABLE) == NULL;
    }
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* What stands in the sink; ABSENT: the record is not there. */
static int32_t stored_value(subject *s, dvs_cell *value, dvs_error *err)
{
    static const uint32_t field = 1;
    const dvsi_definition *d = &s->target->definition;
    dvsi_schema schema = {0};
    int32_t valid_to = -1;
    uint32_t kinds[DVSI_KEY_FIELDS];
    uint32_t key[DVSI_KEY_FIELDS];
    dvs_cell cells[DVSI_KEY_FIELDS] = {{0}};
    dvsi_batch *rows = dvsi_batch_new(1);
    memset(value, 0, sizeof *value);
    int32_t status = rows == NULL || d->n_key > DVSI_KEY_FIELDS
                         ? dvsi_error_no_memory(err)
                         : stored_table(s, &schema, key, &valid_to, err);
    for (uint32_t k = 0; status == DVS_OK && k < d->n_key; k++)
        kinds[k] = schema.columns[key[k]].kind;
    if (status == DVS_OK && dvsi_key_parse(s->arena, s->key, strlen(s->key), kinds, d->n_key, cells) == 0) {
        dvs_table table = {.struct_size = (uint32_t)sizeof table,
                           .n_columns = schema.n_columns,
                           .column_stride = sizeof(dvs_column),
                           .id = dvsi_table_id(),
                           .name = s->entity,
                           .columns = schema.columns};
        dvs_lookup lookup = {.struct_size = (uint32_t)sizeof lookup,
                             .n_columns = 1,
                             .table = &table,
                             .columns = &field,
                             .key_columns = key,
                             .n_key_columns = d->n_key,
                             .n_keys = 1,
                             .keys = cells,
                             .only_null = valid_to};
        status = dvsi_sink_read(s->run->sink, &lookup, rows, err);
    }
    if (status == DVS_OK && rows->n_rows != 0 && dvsi_cell_copy(s->arena, &rows->cells[0], value) != 0)
        status = dvsi_error_no_memory(err);
    dvsi_batch_free(rows);
    dvsi_schema_free(&schema);
    return status;
}

/* The exact value behind one in the log. */
static int32_t logged_value(subject *s, const char *keep, const dvs_cell *logged, dvs_cell *value,
                            dvs_error *err)
{
    int digest = is_digest(s, logged);
    if (!digest && dvsi_pin_cell(s->arena, s->kind, logged, value) == 0)
        return DVS_OK;
    int32_t status = strcmp(keep, SINK) != 0 ? offered_value(s, keep, value, err) : DVS_OK;
    if (strcmp(keep, SINK) == 0)
        memset(value, 0, sizeof *value);
    if (status != DVS_OK || (value->kind > DVS_NULL && is_logged(s, value, logged)))
        return status;
    status = stored_value(s, value, err);
    if (status != DVS_OK || (value->kind > DVS_NULL && is_logged(s, value, logged)))
        return status;
    if (digest && s->kind == DVS_JSON && dvsi_pin_cell(s->arena, s->kind, logged, value) == 0)
        return DVS_OK; /* it was such an object itself */
    return dvsi_error_set(err, DVS_E_NOT_FOUND,
                          "the value of \"%s\" in conflict %lld was too large to be kept in the log, and "
                          "is no longer there; change it where it comes from",
                          keep, (long long)s->id);
}

/* Whose value is kept: one of the two sides, or what stands in the sink. */
static int32_t choose_value(subject *s, const char *keep, dvs_cell *value, dvs_error *err)
{
    const char *names[4] = {NULL, NULL, NULL, NULL};
    uint32_t n = 0;
    static const uint32_t sources[2] = {DVSI_CONFLICTS_WINNER_SOURCE, DVSI_CONFLICTS_LOSER_SOURCE};
    static const uint32_t values[2] = {DVSI_CONFLICTS_WINNER_VALUE, DVSI_CONFLICTS_LOSER_VALUE};
    for (uint32_t i = 0; i < 2; i++) {
        const char *name = text_of(s, &s->row[sources[i]]);
        if (name == NULL)
            continue;
        if (strcmp(name, keep) == 0)
            return logged_value(s, keep, &s->row[values[i]], value, err);
        names[n++] = name;
    }
    if (strcmp(keep, SINK) == 0) {
        int32_t status = stored_value(s, value, err);
        if (status == DVS_OK && value->kind == DVS_ABSENT)
            status = dvsi_error_set(err, DVS_E_NOT_FOUND, "the record of conflict %lld is not in the sink",
                                    (long long)s->id);
        return status;
    }
    if (n == 0 || strcmp(names[n - 1], SINK) != 0)
        names[n++] = SINK;
    const char *near = dvsi_problem_nearest(keep, names);
    dvsi_buf list = {0};
    for (uint32_t i = 0; i < n; i++)
        dvsi_buf_printf(&list, "%s\"%s\"", i == 0 ? "" : i + 1 < n ? ", " : " or ", names[i]);
    int32_t status =
        dvsi_error_set(err, DVS_E_USAGE, "conflict %lld can keep the value of %s, not \"%s\"%s%s%s",
                       (long long)s->id, dvsi_buf_text(&list), keep, near != NULL ? "; did you mean \"" : "",
                       near != NULL ? near : "", near != NULL ? "\"?" : "");
    dvsi_buf_free(&list);
    return status;
}

/* ---- What is written ---- */

/* The next sync looks at the record: one that gathers at its key, one that streams reads completely. */
static int32_t look_again(subject *s, dvs_error *err)
{
    static const uint32_t columns[] = {DVSI_STATE_CURSOR, DVSI_STATE_CURSOR_KIND, DVSI_STATE_POSITION};
    const dvs_cell none[3] = {dvsi_cell_null(), dvsi_cell_null(), dvsi_cell_null()};
    dvsi_books *books = &s->run->books;
    uint64_t offers = 0;
    uint64_t waits = 0;
    dvs_where offer[2] = {dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(s->entity)),
                          dvsi_where(DVSI_OFFERS_KEY, DVS_OP_EQ, dvsi_cell_text(s->key))};
    dvs_where wait[2] = {dvsi_where(DVSI_DELETES_ENTITY, DVS_OP_EQ, dvsi_cell_text(s->entity)),
                         dvsi_where(DVSI_DELETES_KEY, DVS_OP_EQ, dvsi_cell_text(s->key))};
    dvs_where state = dvsi_where(DVSI_STATE_ENTITY, DVS_OP_EQ, dvsi_cell_text(s->entity));
    dvs_cell row[DVSI_N_DELETES] = {{0}};
    int32_t status = dvsi_books_count(books, DVSI_BOOK_OFFERS, offer, 2, &offers, err);
    if (status == DVS_OK && offers != 0)
        status = dvsi_books_count(books, DVSI_BOOK_DELETES, wait, 2, &waits, err);
    if (status == DVS_OK && offers != 0 && waits == 0) {
        row[DVSI_DELETES_ENTITY] = dvsi_cell_text(s->entity);
        row[DVSI_DELETES_SOURCE] = dvsi_cell_text(s->target->entity->from[0].label);
        row[DVSI_DELETES_KEY] = dvsi_cell_text(s->key);
        row[DVSI_DELETES_SEEN_AT] = dvsi_cell_timestamp(s->now);
        status = dvsi_books_insert(books, DVSI_BOOK_DELETES, row, 1, NULL, err);
    }
    if (status != DVS_OK || offers != 0)
        return status;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_STATE);
    status = rows == NULL ? dvsi_error_no_memory(err)
                          : dvsi_books_find(books, DVSI_BOOK_STATE, &state, 1, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        status = dvsi_books_update(books, DVSI_BOOK_STATE, dvsi_batch_cells(rows, i)[0].v.i64, columns, none,
                                   3, err);
    dvsi_batch_free(rows);
    return status;
}

static int32_t set_status(subject *s, int64_t id, const char *name, int end, dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_CONFLICTS_STATUS, DVSI_CONFLICTS_CLOSED_AT};
    const dvs_cell cells[2] = {dvsi_cell_text(name), dvsi_cell_timestamp(s->now)};
    return dvsi_books_update(&s->run->books, DVSI_BOOK_CONFLICTS, id, columns, cells, end ? 2 : 1, err);
}

/* The pin decides for the field whatever else was in conflict there. */
static int32_t close_others(subject *s, dvs_error *err)
{
    dvs_where where[4] = {dvsi_where(DVSI_CONFLICTS_ENTITY, DVS_OP_EQ, dvsi_cell_text(s->entity)),
                          dvsi_where(DVSI_CONFLICTS_KEY, DVS_OP_EQ, dvsi_cell_text(s->key)),
                          dvsi_where(DVSI_CONFLICTS_FIELD, DVS_OP_EQ, dvsi_cell_text(s->field)),
                          dvsi_where(DVSI_CONFLICTS_CLOSED_AT, DVS_OP_IS_NULL, dvsi_cell_null())};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_CONFLICTS);
    int32_t status = rows == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_books_find(&s->run->books, DVSI_BOOK_CONFLICTS, where, 4, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        if (dvsi_batch_cells(rows, i)[0].v.i64 != s->id)
            status = set_status(s, dvsi_batch_cells(rows, i)[0].v.i64, "closed", 1, err);
    dvsi_batch_free(rows);
    return status;
}

/* A former pin of the field gives way. */
static int32_t store_pin(subject *s, const char *keep, const dvs_cell *value, dvs_error *err)
{
    dvs_where where[3] = {dvsi_where(DVSI_PINS_ENTITY, DVS_OP_EQ, dvsi_cell_text(s->entity)),
                          dvsi_where(DVSI_PINS_KEY, DVS_OP_EQ, dvsi_cell_text(s->key)),
                          dvsi_where(DVSI_PINS_FIELD, DVS_OP_EQ, dvsi_cell_text(s->field))};
    dvsi_books *books = &s->run->books;
    dvs_cell row[DVSI_N_PINS] = {{0}};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_PINS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err)
                                  : dvsi_books_find(books, DVSI_BOOK_PINS, where, 3, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *old = dvsi_batch_cells(rows, i);
        status = dvsi_books_delete(books, DVSI_BOOK_PINS, &old[0].v.i64, 1, err);
        if (status == DVS_OK && old[DVSI_PINS_CONFLICT_ID].kind == DVS_INT64)
            status = set_status(s, old[DVSI_PINS_CONFLICT_ID].v.i64, "closed", 0, err);
    }
    row[DVSI_PINS_ENTITY] = dvsi_cell_text(s->entity);
    row[DVSI_PINS_KEY] = dvsi_cell_text(s->key);
    row[DVSI_PINS_FIELD] = dvsi_cell_text(s->field);
    row[DVSI_PINS_KEPT] = dvsi_cell_text(keep);
    row[DVSI_PINS_CONFLICT_ID] = dvsi_cell_int64(s->id);
    row[DVSI_PINS_PINNED_AT] = dvsi_cell_timestamp(s->now);
    if (status == DVS_OK && dvsi_pin_value(s->arena, value, &row[DVSI_PINS_VALUE]) != 0)
        status = dvsi_error_no_memory(err);
    if (status == DVS_OK)
        status = dvsi_books_insert(books, DVSI_BOOK_PINS, row, 1, NULL, err);
    dvsi_batch_free(rows);
    return status;
}

int32_t dvsi_conflict_resolve(dvsi_view *view, int64_t id, const char *keep, dvs_error *err)
{
    subject s;
    dvs_cell value = {0};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_CONFLICTS);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : open_subject(&s, view, id, rows, err);
    if (status == DVS_OK && dvsi_cell_says(&s.row[DVSI_CONFLICTS_STATUS], "resolved"))
        status = dvsi_error_set(err, DVS_E_NOT_FOUND,
                                "conflict %lld is resolved already; `dvsync conflicts unpin %lld` takes "
                                "that back",
                                (long long)id, (long long)id);
    else if (status == DVS_OK && s.row[DVSI_CONFLICTS_CLOSED_AT].kind != DVS_NULL)
        status = dvsi_error_set(err, DVS_E_NOT_FOUND,
                                "conflict %lld is closed: the two no longer differ; there is nothing to "
                                "resolve",
                                (long long)id);
    if (status == DVS_OK)
        status = find_field(&s, err);
    if (status == DVS_OK)
        status = choose_value(&s, keep, &value, err);
    if (status == DVS_OK)
        status = store_pin(&s, keep, &value, err);
    if (status == DVS_OK)
        status = close_others(&s, err);
    if (status == DVS_OK)
        status = set_status(&s, id, "resolved", 1, err);
    if (status == DVS_OK)
        status = look_again(&s, err);
    dvsi_batch_free(rows);
    return status;
}

/* From now on the field is the sources' again: a row of the lineage without a run. */
static int32_t add_lineage(subject *s, const dvs_cell *pin, dvs_error *err)
{
    dvs_cell row[DVSI_N_LINEAGE] = {{0}};
    dvs_cell value = dvsi_cell_null();
    dvsi_buf changes = {0};
    if (dvsi_pin_cell(s->arena, s->kind, &pin[DVSI_PINS_VALUE], &value) != 0)
        value = dvsi_cell_null();
    const char *const name = s->field;
    static const uint32_t only = 0;
    dvsi_lineage_changes(&changes, &name, &value, &value, &only, 1);
    row[DVSI_LINEAGE_ENTITY] = dvsi_cell_text(s->entity);
    row[DVSI_LINEAGE_KEY] = dvsi_cell_text(s->key);
    row[DVSI_LINEAGE_OP] = dvsi_cell_text("unpin");
    row[DVSI_LINEAGE_SOURCE] = pin[DVSI_PINS_KEPT];
    row[DVSI_LINEAGE_CHANGES] = dvsi_cell_json_n(dvsi_buf_text(&changes), changes.length);
    row[DVSI_LINEAGE_CHANGED_AT] = dvsi_cell_timestamp(s->now);
    int32_t status = changes.failed ? dvsi_error_no_memory(err)
                                    : dvsi_books_insert(&s->run->books, DVSI_BOOK_LINEAGE, row, 1, NULL, err);
    dvsi_buf_free(&changes);
    return status;
}

int32_t dvsi_conflict_unpin(dvsi_view *view, int64_t id, dvs_error *err)
{
    subject s;
    dvs_where where = dvsi_where(DVSI_PINS_CONFLICT_ID, DVS_OP_EQ, dvsi_cell_int64(id));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_CONFLICTS);
    dvsi_batch *pins = dvsi_batch_new(DVSI_N_PINS);
    int32_t status =
        rows == NULL || pins == NULL ? dvsi_error_no_memory(err) : open_subject(&s, view, id, rows, err);
    if (status == DVS_OK)
        status = dvsi_books_find(&view->run->books, DVSI_BOOK_PINS, &where, 1, 0, 0, pins, err);
    if (status == DVS_OK && pins->n_rows == 0)
        status = dvsi_error_set(err, DVS_E_NOT_FOUND, "conflict %lld is %s: nothing is pinned by it",
                                (long long)id,
                                s.row[DVSI_CONFLICTS_CLOSED_AT].kind == DVS_NULL ? "open" : "closed");
    if (status == DVS_OK)
        status = find_field(&s, err);
    for (uint32_t i = 0; status == DVS_OK && i < pins->n_rows; i++) {
        const dvs_cell *pin = dvsi_batch_cells(pins, i);
        status = add_lineage(&s, pin, err);
        if (status == DVS_OK)
            status = dvsi_books_delete(&view->run->books, DVSI_BOOK_PINS, &pin[0].v.i64, 1, err);
    }
    if (status == DVS_OK)
        status = set_status(&s, id, "closed", 0, err);
    if (status == DVS_OK)
        status = look_again(&s, err);
    dvsi_batch_free(rows);
    dvsi_batch_free(pins);
    return status;
}
