/* rows.c - rows, row errors and checkpoints that a plugin pushes: checked, cleaned, copied. */
#include "plugin/out.h"

#include <string.h>

#include "base/utf8.h"
#include "data/cell.h"
#include "plugin/row_error.h"

#define TOKEN_MAX (1u << 20) /* bytes of a checkpoint's token */
#define PAST_FULL 16u        /* puts behind the answer "full" that are always forgiven */

/* Breaks the rules that make a row unusable as such, whatever is in its cells. */
static int row_is_sound(dvsi_frame *frame, const dvs_out *out, const dvs_row *row)
{
    if (row == NULL || !DVS_HAS(row, dvs_row, cells))
        dvsi_frame_breach(frame, "put a dvs_row that is %s",
                          row == NULL ? "NULL" : "too short (struct_size)");
    else if (row->n_cells != out->n_columns)
        dvsi_frame_breach(frame, "of %s put a row of %u cells, %u columns were asked for", out->subject,
                          (unsigned)row->n_cells, (unsigned)out->n_columns);
    else if (row->n_cells > 0 && row->cells == NULL)
        dvsi_frame_breach(frame, "of %s put a row whose cells are NULL", out->subject);
    else if ((row->flags & DVS_ROW_TOMBSTONE) != 0 && !out->is_pull)
        dvsi_frame_breach(frame, "of %s put a tombstone, which only pull may", out->subject);
    else if (out->ended)
        dvsi_frame_breach(frame, "of %s put a row behind its END checkpoint", out->subject);
    else if (out->max_number > 0 && row->number >= out->max_number)
        dvsi_frame_breach(frame, "of %s put a row for key %llu of %llu", out->subject,
                          (unsigned long long)row->number, (unsigned long long)out->max_number);
    else if (out->max_rows > 0 && out->n_taken >= out->max_rows)
        dvsi_frame_breach(frame, "of %s put more than the %llu rows asked for", out->subject,
                          (unsigned long long)out->max_rows);
    return frame->breach.status == DVS_OK;
}

/* A plugin that overlooks "full" a few times is forgiven, one that never returns is not. */
static int went_past_full(dvsi_frame *frame, dvs_out *out)
{
    const dvsi_batch *batch = out->batch;

    if (!out->is_pull || !dvsi_batch_full(batch) || ++out->n_past_full <= PAST_FULL)
        return 0;
    if (batch->n_rows / 2 < batch->max_rows && dvsi_batch_bytes(batch) / 2 < batch->max_bytes)
        return 0;
    dvsi_frame_breach(frame,
                      "of %s went on putting after the answer DVS_PUT_FULL; it must return DVS_OK then",
                      out->subject);
    return 1;
}

static const char *kind_name(uint32_t kind)
{
    const char *name = dvsi_kind_name(kind);

    return name != NULL ? name : kind == DVS_NULL ? "null" : kind == DVS_ABSENT ? "absent" : "unknown";
}

/* A cell that is not of its column's kind, or is marked: 1 when it is one that may be, else 0 after noting
 * the breach. */
static int may_differ(dvsi_frame *frame, const dvs_out *out, const dvs_column *column, const dvs_cell *cell)
{
    const char *owner = out->is_sink ? "table" : "stream";

    if ((cell->flags & DVS_CELL_MISTYPED) != 0) {
        if (out->is_sink)
            return 1;
        dvsi_frame_breach(frame,
                          "of %s %s put a cell for column %s with the flag MISTYPED, which is for sinks",
                          owner, out->subject, column->name);
        return 0;
    }
    dvsi_frame_breach(frame, "of %s %s put a cell of kind %s for column %s, which is %s", owner, out->subject,
                      kind_name(cell->kind), column->name, kind_name(column->kind));
    return 0;
}

/* Takes one cell into `arena`. The problem of a value, for a row error; NULL also when there was a breach. */
static const char *take_cell(dvsi_frame *frame, const dvs_out *out, dvsi_arena *arena,
                             const dvs_column *column, const dvs_cell *cell, dvs_cell *taken)
{
    const char *problem;

    if (cell->kind == DVS_ABSENT || cell->kind == DVS_NULL) {
        taken->kind = cell->kind;
        return NULL;
    }
    if ((cell->kind != column->kind || (cell->flags & DVS_CELL_MISTYPED) != 0) &&
        !may_differ(frame, out, column, cell))
        return NULL;
    problem = dvsi_cell_clean(arena, column->kind, cell, taken);
    if (problem == NULL)
        return NULL;
    if (problem == dvsi_cell_no_memory)
        dvsi_frame_no_memory(frame);
    /* A row that a sink cannot tell is not to be taken for one that it does not have. */
    else if (out->is_sink)
        dvsi_frame_breach(frame,
                          "of table %s put a cell for column %s that %s (a stored value that does not "
                          "fit its column has the flag MISTYPED)",
                          out->subject, column->name, problem);
    return frame->breach.status == DVS_OK ? problem : NULL;
}

/* Rows of a sink are taken also when the run was asked to stop: it needs them for its last commit. */
static int32_t answer(dvsi_frame *frame, const dvs_out *out, int32_t otherwise)
{
    if (!out->is_sink && dvsi_guest_cancelled(frame->guest))
        return DVS_PUT_CANCELLED;
    return out->is_pull && dvsi_batch_full(out->batch) ? DVS_PUT_FULL : otherwise;
}

int32_t dvsi_put_row(const dvs_host *host, dvs_out *out, const dvs_row *row)
{
    dvsi_frame *frame = dvsi_out_frame(host, out, DVSI_OUT_ROWS, "put_row");
    const char *problem = NULL;
    uint32_t bad = 0;
    dvs_cell *cells;

    if (frame == NULL || !row_is_sound(frame, out, row) || went_past_full(frame, out))
        return DVS_PUT_FATAL;
    cells = dvsi_batch_add(out->batch, row->number, row->flags & DVS_ROW_TOMBSTONE);
    if (cells == NULL)
        return dvsi_frame_no_memory(frame);
    for (uint32_t i = 0; i < out->n_columns; i++) {
        const char *p = take_cell(frame, out, &out->batch->arena, out->columns[i], &row->cells[i], &cells[i]);
        if (frame->breach.status != DVS_OK) {
            dvsi_batch_drop_last(out->batch);
            return DVS_PUT_FATAL;
        }
        if (p == NULL)
            continue;
        memset(&cells[i], 0, sizeof cells[i]);
        if (problem == NULL) {
            problem = p;
            bad = i;
        }
    }
    out->n_put++;
    if (problem == NULL) {
        out->n_taken++;
        return answer(frame, out, DVS_PUT_OK);
    }
    if (dvsi_row_error_add(out->batch, row, out->columns, cells, bad, problem) != 0)
        return dvsi_frame_no_memory(frame);
    return answer(frame, out, DVS_PUT_ROW_ERROR);
}

/* Takes the usable cells of a failed record into `arena` and `to`; the others become ABSENT. 0, or -1 when
 * the plugin broke a rule or memory is out. */
static int take_usable(dvsi_frame *frame, const dvs_out *out, dvsi_arena *arena, const dvs_row_error *error,
                       dvs_row_error *to)
{
    dvs_cell *cells;
    uint32_t n_usable = 0;

    if (!DVS_HAS(error, dvs_row_error, n_cells) || error->cells == NULL)
        return 0;
    if (error->n_cells != out->n_columns) {
        dvsi_frame_breach(frame, "of %s put an error of %u cells, %u columns were asked for", out->subject,
                          (unsigned)error->n_cells, (unsigned)out->n_columns);
        return -1;
    }
    cells = dvsi_arena_calloc(arena, out->n_columns, sizeof *cells);
    if (cells == NULL) {
        dvsi_frame_no_memory(frame);
        return -1;
    }
    for (uint32_t i = 0; i < out->n_columns; i++) {
        if (take_cell(frame, out, arena, out->columns[i], &error->cells[i], &cells[i]) != NULL)
            memset(&cells[i], 0, sizeof cells[i]);
        if (frame->breach.status != DVS_OK)
            return -1;
        n_usable += cells[i].kind != DVS_ABSENT;
    }
    if (n_usable > 0) {
        to->cells = cells;
        to->n_cells = out->n_columns;
    }
    return 0;
}

int32_t dvsi_put_error(const dvs_host *host, dvs_out *out, const dvs_row_error *error)
{
    dvsi_frame *frame = dvsi_out_frame(host, out, DVSI_OUT_ROWS, "put_error");
    dvsi_buf message = {0}, field = {0}, key = {0};
    dvsi_arena usable = {0};
    dvs_row_error e = {0};
    int32_t status = DVS_PUT_FATAL;

    if (frame == NULL)
        return DVS_PUT_FATAL;
    if (error == NULL || !DVS_HAS(error, dvs_row_error, record_length))
        return dvsi_frame_breach(frame, "put a dvs_row_error that is %s",
                                 error == NULL ? "NULL" : "too short (struct_size)");
    if (out->is_sink)
        return dvsi_frame_breach(frame, "called host->put_error, which is for sources");
    if (out->ended)
        return dvsi_frame_breach(frame, "of %s put an error behind its END checkpoint", out->subject);
    if (went_past_full(frame, out))
        return DVS_PUT_FATAL;
    if (take_usable(frame, out, &usable, error, &e) != 0)
        goto out;

    e.struct_size = (uint32_t)sizeof e;
    e.number = error->number;
    if (error->message != NULL)
        dvsi_guest_show(frame->guest, &message, error->message, strlen(error->message), 1000);
    if (message.length == 0)
        dvsi_buf_printf(&message, "plugin %s refused the record without a message",
                        frame->guest->plugin->name);
    if (error->field != NULL)
        dvsi_utf8_show(&field, error->field, strlen(error->field), 0);
    if (error->source_key != NULL)
        dvsi_utf8_show(&key, error->source_key, strlen(error->source_key), 0);
    e.message = dvsi_buf_text(&message);
    e.field = error->field != NULL ? dvsi_buf_text(&field) : NULL;
    e.source_key = error->source_key != NULL ? dvsi_buf_text(&key) : NULL;
    e.record = error->record;
    e.record_length = error->record != NULL ? error->record_length : 0;
    if (message.failed || field.failed || key.failed || dvsi_batch_error_add(out->batch, &e) != 0)
        status = dvsi_frame_no_memory(frame);
    else
        status = answer(frame, out, DVS_PUT_OK);
    out->n_put++;
out:
    dvsi_arena_free(&usable);
    dvsi_buf_free(&message);
    dvsi_buf_free(&field);
    dvsi_buf_free(&key);
    return status;
}

static const char *checkpoint_problem(const dvs_out *out, const dvs_checkpoint *c)
{
    if (!out->is_pull)
        return "a checkpoint, which only pull may";
    if (c->type != DVS_CHECKPOINT_POSITION && c->type != DVS_CHECKPOINT_END)
        return "a checkpoint of a type that does not exist";
    if (out->ended)
        return c->type == DVS_CHECKPOINT_END ? "a second END checkpoint"
                                             : "a checkpoint behind its END checkpoint";
    if (c->token_length > TOKEN_MAX)
        return "a checkpoint whose token is longer than 1 MB";
    if (c->token_length > 0 && c->token == NULL)
        return "a checkpoint whose token is NULL, but has a length";
    if (c->type == DVS_CHECKPOINT_POSITION)
        return NULL;
    if (c->token_kind > DVS_TOKEN_DELTA)
        return "an END checkpoint of a token_kind that does not exist";
    if ((c->token_kind == DVS_TOKEN_NONE) != (c->token_length == 0))
        return "an END checkpoint with a token but no token_kind, or the other way round";
    return NULL;
}

int32_t dvsi_put_checkpoint(const dvs_host *host, dvs_out *out, const dvs_checkpoint *checkpoint)
{
    dvsi_frame *frame = dvsi_out_frame(host, out, DVSI_OUT_ROWS, "put_checkpoint");
    dvs_checkpoint c = {0};
    const char *problem;

    if (frame == NULL)
        return DVS_PUT_FATAL;
    if (checkpoint == NULL || !DVS_HAS(checkpoint, dvs_checkpoint, watermark))
        return dvsi_frame_breach(frame, "put a dvs_checkpoint that is %s",
                                 checkpoint == NULL ? "NULL" : "too short (struct_size)");
    memcpy(&c, checkpoint, checkpoint->struct_size < sizeof c ? checkpoint->struct_size : sizeof c);
    c.struct_size = (uint32_t)sizeof c;
    problem = checkpoint_problem(out, &c);
    if (problem != NULL)
        return dvsi_frame_breach(frame, "of %s put %s", out->subject, problem);
    c.complete = c.complete != 0;
    if (dvsi_batch_checkpoint_set(out->batch, &c) != 0)
        return dvsi_frame_no_memory(frame);
    out->ended = c.type == DVS_CHECKPOINT_END;
    out->n_put++;
    return answer(frame, out, DVS_PUT_OK);
}
