/*
 * saved_write.c - the file of a plan, at the end of a diff: header, then entity by entity its changes with
 * what stands in the sink, and what carrying them out needs. No time of its own is in it, not even the
 * source's watermark, which is for display: the same inputs give the same bytes.
 */
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "config/json_out.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/execute.h"
#include "run/saved_parts.h"

#define ROWS_AT_ONCE 256u

static int32_t write_line(dvsi_saved_out *out, const dvsi_buf *line, dvs_error *err)
{
    return line->failed ? dvsi_error_no_memory(err) : dvsi_saved_out_add(out, line->data, line->length, err);
}

/* ---- The header ---- */

static void put_cell(dvsi_buf *out, const char *name, const dvs_cell *cell)
{
    dvsi_out_name(out, name);
    dvsi_cell_json(out, cell);
}

static void put_number(dvsi_buf *out, const char *name, uint32_t value)
{
    dvs_cell cell = dvsi_cell_int64(value);
    if (value != 0)
        put_cell(out, name, &cell);
}

static void put_columns(dvsi_buf *out, const dvsi_schema *columns)
{
    dvsi_out_name(out, "columns");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; i < columns->n_columns; i++) {
        const dvs_column *c = &columns->columns[i];
        dvsi_out_open(out, '{');
        dvsi_out_member(out, "name", c->name);
        dvsi_out_member(out, "type", dvsi_kind_name(c->kind));
        dvsi_out_member(out, "native_type", c->native_type);
        put_number(out, "flags", c->flags);
        put_number(out, "key_position", c->key_position);
        put_number(out, "max_length", c->max_length);
        if (c->n_targets != 0) {
            dvsi_out_name(out, "targets");
            dvsi_out_open(out, '[');
            for (uint32_t t = 0; t < c->n_targets; t++)
                dvsi_out_text(out, c->targets[t]);
            dvsi_out_close(out, ']');
        }
        dvsi_out_close(out, '}');
    }
    dvsi_out_close(out, ']');
}

static void put_feed(dvsi_buf *out, const dvsi_feed *feed)
{
    static const char *const kinds[] = {"none", "cursor", "delta"};
    dvsi_out_open(out, '{');
    dvsi_out_member(out, "name", feed->from->label);
    dvsi_out_member(out, "stream", feed->stream);
    dvsi_out_member(out, "identity", feed->identity);
    dvsi_out_member(out, "fingerprint", feed->state.fingerprint);
    dvsi_out_member(out, "cursor_kind", kinds[feed->end_kind < 3 ? feed->end_kind : 0]);
    if (feed->end_kind != DVS_TOKEN_NONE) {
        dvs_cell cursor = dvsi_cell_bytes(feed->end_token, feed->end_length);
        put_cell(out, "cursor", &cursor);
    }
    put_columns(out, &feed->columns);
    dvsi_out_close(out, '}');
}

static int32_t put_entity(dvsi_run *run, const dvsi_target *target, dvsi_buf *out, dvs_error *err)
{
    const char *last_run = NULL;
    char pins[DVSI_SHA256_HEX];
    int32_t status = dvsi_saved_last_run(run, target->entity->name, &last_run, err);
    if (status == DVS_OK)
        status = dvsi_saved_pins(run, target->entity->name, pins, err);
    if (status != DVS_OK)
        return status;
    dvsi_out_open(out, '{');
    dvsi_out_member(out, "name", target->entity->name);
    dvsi_out_member(out, "last_run", last_run);
    dvsi_out_member(out, "pins", pins);
    dvsi_out_name(out, "sources");
    dvsi_out_open(out, '[');
    for (uint32_t f = 0; f < target->n_feeds; f++)
        put_feed(out, &target->feeds[f]);
    dvsi_out_close(out, ']');
    dvsi_out_close(out, '}');
    return DVS_OK;
}

static int32_t write_header(dvsi_run *run, dvsi_saved_out *out, dvs_error *err)
{
    char digest[DVSI_SHA256_HEX];
    dvsi_buf line = {0};
    int32_t status = dvsi_saved_project(run, digest, err);
    if (status != DVS_OK)
        return status;
    dvsi_out_open(&line, '{');
    dvs_cell version = dvsi_cell_int64(DVSI_SAVED_VERSION);
    put_cell(&line, "dvsync_plan", &version);
    dvsi_out_member(&line, "project", run->project->name);
    dvsi_out_member(&line, "project_sha256", digest);
    dvsi_out_name(&line, "force_overwrite");
    dvsi_out_raw(&line, run->options->force_overwrite ? "true" : "false");
    dvsi_out_name(&line, "entities");
    dvsi_out_open(&line, '[');
    for (uint32_t t = 0; t < run->n_targets && status == DVS_OK; t++)
        status = put_entity(run, &run->targets[t], &line, err);
    dvsi_out_close(&line, ']');
    dvsi_out_close(&line, '}');
    dvsi_buf_putc(&line, '\n');
    if (status == DVS_OK)
        status = write_line(out, &line, err);
    dvsi_buf_free(&line);
    return status;
}

/* ---- Changes ---- */

typedef struct page {
    dvsi_arena arena;
    const char *keys[ROWS_AT_ONCE];
    const char *lines[ROWS_AT_ONCE];
    uint32_t n;
} page;

static int32_t write_changes_page(const dvsi_target *target, dvsi_saved_rows *rows, const page *p,
                                  dvsi_saved_out *out, dvs_error *err)
{
    dvsi_buf line = {0};
    int32_t status = dvsi_saved_rows_read(rows, p->keys, p->n, err);
    for (uint32_t i = 0; i < p->n && status == DVS_OK; i++) {
        int deleted = 0;
        dvsi_buf_clear(&line);
        dvsi_saved_line(&line, target->entity->name);
        dvsi_buf_puts(&line, ",\"key\":");
        dvsi_json_string(&line, p->keys[i], strlen(p->keys[i]));
        dvsi_buf_puts(&line, ",\"old\":");
        dvsi_saved_rows_put(rows, i, &deleted, &line);
        dvsi_buf_printf(&line, ",\"deleted\":%s,\"change\":", deleted ? "true" : "false");
        dvsi_buf_puts(&line, p->lines[i]);
        dvsi_buf_puts(&line, "}\n");
        status = write_line(out, &line, err);
    }
    dvsi_buf_free(&line);
    return status;
}

/* The cursor stands at the first line of the entity, and stops behind its last. */
static int32_t write_changes(dvsi_run *run, uint32_t target, dvsi_saved_out *out, dvs_error *err)
{
    dvsi_changes_cursor cursor = {.target = target};
    dvsi_saved_rows rows = {0};
    page p = {.n = 0};
    int more = 1;
    int32_t status = dvsi_saved_rows_open(&run->targets[target], &rows, err);
    while (more && status == DVS_OK) {
        const char *line = NULL;
        status = dvsi_changes_next(run, &cursor, &line, err);
        more = line != NULL && cursor.target == target;
        if (status == DVS_OK && more && strncmp(line, "{\"op\":", 6) == 0) {
            p.keys[p.n] = dvsi_arena_strdup(&p.arena, cursor.last_key);
            p.lines[p.n] = dvsi_arena_strdup(&p.arena, line);
            if (p.keys[p.n] == NULL || p.lines[p.n++] == NULL)
                status = dvsi_error_no_memory(err);
        }
        if (status == DVS_OK && p.n != 0 &&
            (!more || p.n == ROWS_AT_ONCE || p.arena.used > DVSI_BATCH_BYTES)) {
            status = write_changes_page(&run->targets[target], &rows, &p, out, err);
            dvsi_arena_reset(&p.arena);
            p.n = 0;
        }
    }
    dvsi_arena_free(&p.arena);
    dvsi_saved_rows_close(&rows);
    dvsi_changes_cursor_free(&cursor);
    return status;
}

/* ---- What was kept ---- */

/* Records in the order in which they came. */
static int32_t write_records(dvsi_target *target, uint32_t part, dvsi_saved_out *out, dvs_error *err)
{
    dvsi_run *run = target->run;
    int64_t last = 0;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_KEPT);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t n = ROWS_AT_ONCE; n == ROWS_AT_ONCE && status == DVS_OK;) {
        dvs_where where[3] = {dvsi_where(DVSI_KEPT_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name)),
                              dvsi_where(DVSI_KEPT_PART, DVS_OP_EQ, dvsi_cell_int64(part)),
                              dvsi_where(DVSI_KEPT_ROW_ID, DVS_OP_GT, dvsi_cell_int64(last))};
        status = dvsi_books_find(&run->notes, DVSI_BOOK_KEPT, where, 3, 0, ROWS_AT_ONCE, rows, err);
        n = rows->n_rows;
        for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
            const dvs_cell *row = dvsi_batch_cells(rows, i);
            last = row[DVSI_KEPT_ROW_ID].v.i64;
            status = dvsi_saved_out_add(out, row[DVSI_KEPT_LINE].v.text, row[DVSI_KEPT_LINE].length, err);
        }
    }
    dvsi_batch_free(rows);
    return status;
}

/* Keys of a part, sorted, each once. */
static int32_t write_keys(dvsi_target *target, uint32_t part, const char *name, dvsi_saved_out *out,
                          dvs_error *err)
{
    static const uint32_t column = DVSI_KEPT_KEY;
    dvsi_books *notes = &target->run->notes;
    dvsi_buf last = {0};
    dvsi_buf line = {0};
    dvsi_batch *rows = dvsi_batch_new(1);
    int32_t status = rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (uint32_t n = ROWS_AT_ONCE; n == ROWS_AT_ONCE && status == DVS_OK;) {
        dvs_where where[4] = {dvsi_where(DVSI_KEPT_PROJECT, DVS_OP_EQ, dvsi_cell_text(notes->project)),
                              dvsi_where(DVSI_KEPT_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name)),
                              dvsi_where(DVSI_KEPT_PART, DVS_OP_EQ, dvsi_cell_int64(part)),
                              dvsi_where(DVSI_KEPT_KEY, DVS_OP_GT, dvsi_cell_text_n(last.data, last.length))};
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = &notes->tables[DVSI_BOOK_KEPT],
                         .columns = &column,
                         .n_columns = 1,
                         .n_where = last.length != 0 ? 4 : 3,
                         .where = where,
                         .order = &column,
                         .n_order = 1,
                         .where_stride = sizeof(dvs_where),
                         .limit = ROWS_AT_ONCE};
        dvsi_batch_reset(rows, 1);
        status = dvsi_sink_scan(notes->sink, &scan, rows, err);
        n = rows->n_rows;
        for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
            const dvs_cell *key = &rows->cells[i];
            if (last.length == key->length && memcmp(last.data, key->v.text, key->length) == 0)
                continue;
            dvsi_buf_clear(&last);
            dvsi_buf_add(&last, key->v.text, key->length);
            dvsi_buf_clear(&line);
            dvsi_saved_line(&line, target->entity->name);
            dvsi_buf_printf(&line, ",\"%s\":", name);
            dvsi_json_string(&line, key->v.text, key->length);
            dvsi_buf_puts(&line, "}\n");
            status = last.failed ? dvsi_error_no_memory(err) : write_line(out, &line, err);
        }
    }
    dvsi_buf_free(&last);
    dvsi_buf_free(&line);
    dvsi_batch_free(rows);
    return status;
}

static int32_t write_entity(dvsi_run *run, uint32_t t, dvsi_saved_out *out, dvs_error *err)
{
    dvsi_target *target = &run->targets[t];
    int gathers = dvsi_feed_gathers(&target->feeds[0]);
    int32_t status = run->notes.sink != NULL ? write_changes(run, t, out, err) : DVS_OK;
    for (uint32_t f = 0; f < target->n_feeds && gathers && status == DVS_OK; f++)
        status = dvsi_saved_offers(&target->feeds[f], out, err);
    if (status != DVS_OK || run->notes.sink == NULL)
        return status;
    status = write_records(target, DVSI_KEPT_RECORDS, out, err);
    if (status == DVS_OK) /* last, as an earlier delivery that came through mends nothing */
        status = write_records(target, DVSI_KEPT_FAILED, out, err);
    if (status == DVS_OK)
        status = write_keys(target, DVSI_KEPT_LOOKS, "look", out, err);
    return status == DVS_OK && !gathers ? write_keys(target, DVSI_KEPT_CLOSES, "close", out, err) : status;
}

/* Why this diff is no plan: what it could not compare, a plan could not carry out. NULL: it is one. */
static const char *no_plan(dvsi_run *run)
{
    for (uint32_t t = 0; t < run->n_targets; t++) {
        const dvsi_target *target = &run->targets[t];
        const char *name = target->entity->name;
        if (target->error.status != 0 || target->partial)
            return dvsi_arena_printf(&run->arena, "entity \"%s\" could not be compared completely", name);
        for (uint32_t f = 0; f < target->n_feeds; f++) {
            const dvsi_feed *feed = &target->feeds[f];
            if (feed->from->scope_referenced)
                return dvsi_arena_printf(
                    &run->arena, "entity \"%s\" has `scope: referenced`, which a plan cannot hold", name);
        }
    }
    return run->fatal.status != 0 || atomic_load(run->stop) != 0 ? "the comparison did not come to its end"
                                                                 : NULL;
}

int32_t dvsi_saved_write(dvsi_run *run, dvs_error *err)
{
    dvsi_saved_out *out = NULL;
    const char *why = no_plan(run);
    if (why != NULL) {
        dvsi_run_note(run, "error", NULL, NULL, 0, NULL, NULL, "no plan was saved: %s", why);
        run->unsaved = 1;
        return DVS_OK;
    }
    int32_t status = dvsi_saved_out_open(run->options->plan, &out, err);
    if (status == DVS_OK)
        status = write_header(run, out, err);
    for (uint32_t t = 0; t < run->n_targets && status == DVS_OK; t++)
        status = write_entity(run, t, out, err);
    if (status == DVS_OK)
        status = dvsi_saved_out_end(out, err);
    dvsi_saved_out_free(out);
    return status;
}
