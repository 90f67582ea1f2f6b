/* changes.c - what a diff found, kept in a temporary database until it is asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/json.h"
#include "data/key.h"
#include "plugin/settings.h"
#include "run/changes.h"
#include "run/execute.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/saved.h"

#define LINES_AT_ONCE 256u

int32_t dvsi_scratch_open(dvsi_run *run, dvs_error *err)
{
    const dvsi_plugin *plugin = NULL;
    dvsi_problems problems = {0};
    if (run->notes.sink != NULL)
        return DVS_OK;
    const char *folder = getenv("TMPDIR");
    dvsi_buf path = {0};
    dvsi_buf_printf(&path, "%s/dvsync-XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
    run->scratch_path = dvsi_buf_take(&path);
    if (run->scratch_path == NULL)
        return dvsi_error_no_memory(err);
    if (mkdtemp(run->scratch_path) == NULL) {
        int32_t status = dvsi_error_set(err, DVS_E_IO,
                                        "no temporary folder could be made in %s: %s; set TMPDIR to a folder "
                                        "that can be written",
                                        folder != NULL ? folder : "/tmp", strerror(errno));
        free(run->scratch_path);
        run->scratch_path = NULL;
        return status;
    }
    int32_t status = dvsi_registry_load(run->registry, "sqlite", DVSI_PLUGIN_SINK, &plugin, err);
    if (status != DVS_OK)
        return status;
    dvsi_node value = {.type = DVSI_NODE_SCALAR, .key = "path"};
    dvsi_node settings = {.type = DVSI_NODE_MAP, .first = &value, .n_children = 1};
    value.text = dvsi_arena_printf(&run->settings_arena, "%s/diff.db", run->scratch_path);
    value.length = value.text != NULL ? strlen(value.text) : 0;
    dvsi_endpoint endpoint = {.name = "sink", .plugin = "sqlite", .settings = &settings, .node = &settings};
    const dvs_settings *resolved =
        value.text == NULL
            ? NULL
            : dvsi_settings_resolve(&run->settings_arena, plugin->sink.options, plugin->sink.n_options,
                                    &endpoint, "", "scratch", run->scratch_path, &problems);
    if (resolved == NULL)
        status = dvsi_error_set(err, DVS_E_INTERNAL, "the temporary database could not be set up: %s",
                                problems.first != NULL ? problems.first->message : "out of memory");
    else
        status = dvsi_sink_open(plugin, run->project->name, resolved, DVS_SINK_CREATE | DVS_SINK_SCRATCH,
                                &run->services, &run->scratch, err);
    if (status == DVS_OK)
        status = dvsi_sink_begin(run->scratch, err);
    if (status == DVS_OK)
        status = dvsi_books_open(&run->notes, run->scratch, run->project->name, err);
    if (status == DVS_OK)
        status = dvsi_books_create(&run->notes, DVSI_BOOK_COUNT, err);
    dvsi_problems_free(&problems);
    return status;
}

/* {"name":value,...} of the key's fields. */
static void put_key(dvsi_feed *feed, const dvsi_record *record, const char *key, dvsi_buf *out)
{
    dvsi_target *t = feed->target;
    dvsi_arena *arena = &feed->run->batch_arena;
    dvs_cell cells[16] = {{0}};
    uint32_t kinds[16];
    for (uint32_t k = 0; k < t->n_key && k < 16; k++)
        kinds[k] = t->schema.columns[t->key_columns[k]].kind;
    if (record == NULL && t->n_key <= 16 &&
        dvsi_key_parse(arena, key, strlen(key), kinds, t->n_key, cells) != 0)
        cells[0] = dvsi_cell_text(key);
    dvsi_buf_putc(out, '{');
    for (uint32_t k = 0; k < t->n_key && k < 16; k++) {
        const char *name = t->names[t->key_columns[k] - 1];
        if (k != 0)
            dvsi_buf_putc(out, ',');
        dvsi_json_string(out, name, strlen(name));
        dvsi_buf_putc(out, ':');
        dvsi_cell_json(out, record != NULL ? &record->fields[t->key_columns[k] - 1] : &cells[k]);
    }
    dvsi_buf_putc(out, '}');
}

/* Who may set a field, and whose value it is; both as `diff` names them. */
typedef struct verdict {
    const char *from; /* NULL: nobody's, it was computed or is gone */
    const char *authority;
    int pinned;
} verdict;

static verdict judge(const dvsi_feed *feed, const dvsi_record *record, uint32_t field)
{
    const dvsi_target *t = feed->target;
    const dvsi_merged *merged = record->merged;
    verdict v = {.from = feed->from->label, .authority = field >= t->n_plain ? "derived" : "source_of_truth"};
    if (record->origins != NULL && record->origins[field].source != NULL) {
        v.from = record->origins[field].source;
        v.pinned = merged == NULL || merged->from[field] == DVSI_VOICE_PIN;
    } else if (merged != NULL) {
        v.pinned = merged->from[field] == DVSI_VOICE_PIN;
        v.from = merged->from[field] < t->n_feeds ? t->feeds[merged->from[field]].from->label : NULL;
        if (v.pinned)
            v.from = record->own->source;
    }
    if (merged != NULL && merged->from[field] < t->n_feeds &&
        t->policy.voices[merged->from[field]].says[field] == DVSI_SAYS_REFERENCE)
        v.authority = "reference";
    if (field >= t->n_plain && !v.pinned)
        v.from = NULL;
    return v;
}

static void put_field(const dvsi_target *t, uint32_t field, const dvs_cell *stored, const dvs_cell *offered,
                      const verdict *v, dvsi_buf *out)
{
    dvs_cell none = dvsi_cell_null();
    dvsi_json_string(out, t->names[field], strlen(t->names[field]));
    dvsi_buf_puts(out, ":{\"sink\":");
    dvsi_cell_json(out, stored != NULL ? stored : &none);
    dvsi_buf_puts(out, ",\"source\":");
    dvsi_cell_json(out, offered);
    dvsi_buf_puts(out, ",\"from\":");
    if (v->from != NULL)
        dvsi_json_string(out, v->from, strlen(v->from));
    else
        dvsi_buf_puts(out, "null");
    dvsi_buf_printf(out, ",\"authority\":\"%s\"%s}", v->authority, v->pinned ? ",\"pinned\":true" : "");
}

static void put_fields(dvsi_feed *feed, const dvsi_record *record, const dvs_cell *current,
                       const uint32_t *changed, uint32_t n_changed, dvsi_buf *out)
{
    for (uint32_t i = 0; i < n_changed; i++) {
        uint32_t field = changed[i];
        verdict v = judge(feed, record, field);
        if (i != 0)
            dvsi_buf_putc(out, ',');
        put_field(feed->target, field, current != NULL ? &current[field] : NULL, &record->fields[field], &v,
                  out);
    }
}

static int32_t add_line(dvsi_feed *feed, const dvsi_buf *line, const char *key, int deleted, dvs_error *err)
{
    dvs_cell row[DVSI_N_CHANGES] = {{0}};
    row[DVSI_CHANGES_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_CHANGES_PART] = dvsi_cell_int64(deleted);
    row[DVSI_CHANGES_KEY] = dvsi_cell_text(key);
    row[DVSI_CHANGES_LINE] = dvsi_cell_text_n(dvsi_buf_text(line), line->length);
    return line->failed ? dvsi_error_no_memory(err)
                        : dvsi_books_insert(&feed->run->notes, DVSI_BOOK_CHANGES, row, 1, NULL, err);
}

int32_t dvsi_changes_reference(dvsi_feed *feed, const dvsi_record *record, const char *key,
                               const dvs_cell *stored, dvs_error *err)
{
    const dvsi_target *t = feed->target;
    const dvsi_merged *merged = record->merged;
    const dvsi_said *said = record->offers->said;
    dvsi_record named = {.fields = said[0].fields};
    dvsi_buf line = {0};
    uint32_t n = 0;
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < t->n_plain; i++) {
        if (merged->from[i] != DVSI_VOICE_SINK || merged->reference[i] == DVSI_VOICE_NONE)
            continue;
        const dvsi_said *offer = &said[merged->reference[i]];
        if (dvsi_cell_equal(&offer->fields[i], &stored[i]))
            continue;
        verdict v = {t->feeds[offer->voice].from->label, "reference", 0};
        if (n++ == 0) {
            dvsi_buf_puts(&line, "{\"reference\":{\"entity\":");
            dvsi_json_string(&line, t->entity->name, strlen(t->entity->name));
            dvsi_buf_puts(&line, ",\"key\":");
            put_key(feed, &named, key, &line);
            dvsi_buf_puts(&line, ",\"fields\":{");
        } else {
            dvsi_buf_putc(&line, ',');
        }
        put_field(t, i, &stored[i], &offer->fields[i], &v, &line);
    }
    dvsi_buf_puts(&line, "}}}");
    if (n != 0)
        status = dvsi_scratch_open(feed->run, err);
    if (n != 0 && status == DVS_OK)
        status = add_line(feed, &line, key, 0, err);
    dvsi_buf_free(&line);
    return status;
}

int32_t dvsi_changes_add(dvsi_feed *feed, dvsi_op op, const dvsi_record *record, const char *key,
                         const dvs_cell *current, const uint32_t *changed, uint32_t n_changed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_buf line = {0};
    int32_t status = dvsi_scratch_open(run, err);
    if (status != DVS_OK)
        return status;
    const char *name = op == DVSI_OP_REVIVE ? "update" : dvsi_op_name(op); /* revived counts as updated */
    dvsi_buf_printf(&line, "{\"op\":\"%s\",\"entity\":", name);
    dvsi_json_string(&line, feed->target->entity->name, strlen(feed->target->entity->name));
    dvsi_buf_puts(&line, ",\"key\":");
    put_key(feed, record, key, &line);
    dvsi_buf_puts(&line, ",\"fields\":{");
    put_fields(feed, record, current, changed, n_changed, &line);
    dvsi_buf_puts(&line, op == DVSI_OP_REVIVE ? "},\"revived\":true}" : "}}");
    status = add_line(feed, &line, key, op == DVSI_OP_DELETE, err);
    if (status == DVS_OK)
        status = dvsi_saved_keep(feed, record, key, err);
    for (uint32_t i = 0; i < n_changed; i++)
        feed->target->field_changes[changed[i]] += op != DVSI_OP_CREATE;
    run->n_changes++;
    dvsi_buf_free(&line);
    return status;
}

/* The fields of a line no longer count. */
static void uncount_fields(dvsi_target *target, dvsi_arena *arena, const dvs_cell *line)
{
    const char *problem = NULL;
    size_t offset = 0;
    const dvsi_json *change = dvsi_json_parse(arena, line->v.text, line->length, &problem, &offset);
    const dvsi_json *op = change != NULL ? dvsi_json_get(change, "op") : NULL;
    const dvsi_json *fields = change != NULL ? dvsi_json_get(change, "fields") : NULL;
    if (op == NULL || fields == NULL || strcmp(op->text, "update") != 0)
        return;
    for (const dvsi_json *field = fields->first; field != NULL; field = field->next)
        for (uint32_t i = 0; i < target->n_fields; i++)
            if (strcmp(field->name, target->names[i]) == 0)
                target->field_changes[i] -= target->field_changes[i] != 0;
}

int32_t dvsi_changes_forget(dvsi_feed *feed, const char *key, uint64_t *n_removed, dvs_error *err)
{
    dvs_where where[2] = {
        dvsi_where(DVSI_CHANGES_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
        dvsi_where(DVSI_CHANGES_KEY, DVS_OP_EQ, dvsi_cell_text(key))};
    *n_removed = 0;
    if (feed->run->notes.sink == NULL)
        return DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_CHANGES);
    int32_t status = rows == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_books_find(&feed->run->notes, DVSI_BOOK_CHANGES, where, 2, 0, 0, rows, err);
    if (status == DVS_OK && rows->n_rows != 0)
        status = dvsi_books_delete_where(&feed->run->notes, DVSI_BOOK_CHANGES, where, 2, n_removed, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        uncount_fields(feed->target, &rows->arena, &dvsi_batch_cells(rows, i)[DVSI_CHANGES_LINE]);
    dvsi_batch_free(rows);
    feed->run->n_changes -= *n_removed;
    return status == DVS_OK ? dvsi_saved_forget(feed, key, err) : status;
}

int32_t dvsi_changes_restart(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_target *target = feed->target;
    const dvs_where where = dvsi_where(DVSI_CHANGES_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name));
    uint64_t n_removed = 0;
    if (run->notes.sink == NULL || dvsi_feed_gathers(feed)) /* these are compared when all is read */
        return dvsi_saved_restart(feed, err);
    int32_t status = dvsi_books_delete_where(&run->notes, DVSI_BOOK_CHANGES, &where, 1, &n_removed, err);
    if (status != DVS_OK)
        return status;
    run->n_changes -= n_removed;
    feed->counts.created = feed->counts.updated = 0;
    memset(target->field_changes, 0, target->n_fields * sizeof *target->field_changes);
    return dvsi_saved_restart(feed, err);
}

int32_t dvsi_changes_noted(dvsi_feed *feed, const char *const *keys, uint32_t n, uint8_t *noted,
                           dvs_error *err)
{
    static const uint32_t column = DVSI_CHANGES_ROW_ID;
    static const uint32_t key_columns[3] = {DVSI_CHANGES_PROJECT, DVSI_CHANGES_ENTITY, DVSI_CHANGES_KEY};
    dvsi_books *notes = &feed->run->notes;
    dvs_lookup lookup = {.table = &notes->tables[DVSI_BOOK_CHANGES],
                         .columns = &column,
                         .n_columns = 1,
                         .key_columns = key_columns,
                         .only_null = -1};
    memset(noted, 0, n);
    if (notes->sink == NULL)
        return DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(1);
    int32_t status =
        rows == NULL ? dvsi_error_no_memory(err) : dvsi_keys_read(feed, notes, &lookup, keys, n, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++)
        noted[rows->rows[i].number] = 1;
    dvsi_batch_free(rows);
    return status;
}

/* The next page of one entity's lines of one part. */
static int32_t next_page(dvsi_run *run, dvsi_changes_cursor *c, dvs_error *err)
{
    static const uint32_t columns[3] = {DVSI_CHANGES_ROW_ID, DVSI_CHANGES_KEY, DVSI_CHANGES_LINE};
    const uint32_t order = c->part == 0 ? DVSI_CHANGES_ROW_ID : DVSI_CHANGES_KEY;
    dvs_where where[4] = {
        dvsi_where(DVSI_CHANGES_PROJECT, DVS_OP_EQ, dvsi_cell_text(run->project->name)),
        dvsi_where(DVSI_CHANGES_ENTITY, DVS_OP_EQ, dvsi_cell_text(run->targets[c->target].entity->name)),
        dvsi_where(DVSI_CHANGES_PART, DVS_OP_EQ, dvsi_cell_int64(c->part))};
    uint32_t n_where = 3;
    if (c->part == 0)
        where[n_where++] = dvsi_where(DVSI_CHANGES_ROW_ID, DVS_OP_GT, dvsi_cell_int64(c->last_row_id));
    else if (c->last_key != NULL)
        where[n_where++] = dvsi_where(DVSI_CHANGES_KEY, DVS_OP_GT, dvsi_cell_text(c->last_key));
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = &run->notes.tables[DVSI_BOOK_CHANGES],
                     .columns = columns,
                     .n_columns = 3,
                     .n_where = n_where,
                     .where = where,
                     .order = &order,
                     .n_order = 1,
                     .where_stride = sizeof(dvs_where),
                     .limit = LINES_AT_ONCE};
    dvsi_batch_reset(c->rows, 3);
    c->at = 0;
    return dvsi_sink_scan(run->notes.sink, &scan, c->rows, err);
}

int32_t dvsi_changes_next(dvsi_run *run, dvsi_changes_cursor *c, const char **line, dvs_error *err)
{
    *line = NULL;
    if (c->rows == NULL && (c->rows = dvsi_batch_new(3)) == NULL)
        return dvsi_error_no_memory(err);
    while (run->notes.sink != NULL && run->dry && c->target < run->n_targets) {
        if (c->at >= c->rows->n_rows) {
            int32_t status = next_page(run, c, err);
            if (status != DVS_OK)
                return status;
        }
        if (c->at < c->rows->n_rows) {
            const dvs_cell *row = dvsi_batch_cells(c->rows, c->at++);
            char *key = dvsi_arena_copy(&c->rows->arena, row[1].v.text, row[1].length);
            free(c->last_key);
            c->last_key = key != NULL ? strdup(key) : NULL;
            c->last_row_id = row[0].v.i64;
            *line = dvsi_arena_copy(&c->rows->arena, row[2].v.text, row[2].length);
            return *line != NULL && c->last_key != NULL ? DVS_OK : dvsi_error_no_memory(err);
        }
        free(c->last_key);
        c->last_key = NULL;
        c->last_row_id = 0;
        c->target += c->part;
        c->part = !c->part;
    }
    return DVS_OK;
}

void dvsi_changes_cursor_free(dvsi_changes_cursor *c)
{
    dvsi_batch_free(c->rows);
    free(c->last_key);
    memset(c, 0, sizeof *c);
}
