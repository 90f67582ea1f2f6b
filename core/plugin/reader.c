/* reader.c - readers: one read of one stream, pull by pull. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plugin/source.h"

#define EMPTY_PULLS 1000u /* in a row, that the contract does not allow any more */

struct dvsi_reader {
    dvsi_source *source;
    dvs_reader *reader;
    dvsi_arena arena;
    const char *stream;
    const dvs_column *const *columns;
    uint32_t n_columns;
    uint32_t n_empty; /* pulls in a row that put nothing */
    uint32_t ended;   /* the END checkpoint was put */
    uint32_t over;    /* DVS_END or a failure was returned */
    dvsi_progress *progress;
    _Atomic(const char *) slot; /* what runs now */
};

int32_t dvsi_source_start(dvsi_source *source, const dvs_read *read, const dvsi_schema *schema,
                          dvsi_progress *progress, dvsi_reader **reader, dvs_error *err)
{
    dvs_read request = *read;
    dvsi_reader *r = calloc(1, sizeof *r);
    dvsi_frame frame;
    int32_t status;

    *reader = NULL;
    if (r == NULL)
        return dvsi_error_no_memory(err);
    r->source = source;
    r->progress = progress;
    r->n_columns = schema->n_columns;
    atomic_init(&r->slot, NULL);
    r->stream = dvsi_arena_strdup(&r->arena, read->stream);
    request.struct_size = (uint32_t)sizeof request;
    request.n_columns = schema->n_columns;
    if (r->stream == NULL || dvsi_column_names(&r->arena, schema, &request.columns, &r->columns) != DVS_OK) {
        dvsi_reader_stop(r);
        return dvsi_error_no_memory(err);
    }
    dvsi_frame_enter(&frame, &source->guest, "start", NULL);
    status = source->api->start(source->source, &request, &r->reader, &frame.err);
    if (status != DVS_OK)
        r->reader = NULL;
    status = dvsi_frame_leave(&frame, status, err);
    if (status == DVS_OK)
        status = dvsi_made_object(source->guest.plugin, "start", r->reader, err);
    if (status != DVS_OK) {
        dvsi_reader_stop(r);
        return status;
    }
    *reader = r;
    return DVS_OK;
}

/* The rules of a whole read, which no single push can break. */
static void check_read(dvsi_reader *reader, dvsi_frame *frame, int32_t status)
{
    const dvs_out *out = frame->out;

    reader->n_empty = out->n_put == 0 ? reader->n_empty + 1 : 0;
    if (status == DVS_END && !out->ended)
        dvsi_frame_breach(frame, "of %s returned DVS_END without having put an END checkpoint", out->subject);
    else if (status == DVS_OK && reader->n_empty >= EMPTY_PULLS)
        dvsi_frame_breach(frame, "of %s put nothing %u times in a row", out->subject, EMPTY_PULLS);
}

int32_t dvsi_reader_pull(dvsi_reader *reader, dvsi_batch *batch, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_ROWS, .is_pull = 1};
    dvsi_frame frame;
    int32_t status;

    if (reader->over || batch->n_columns != reader->n_columns)
        return dvsi_error_set(err, DVS_E_INTERNAL, "read of %s: %s", reader->stream,
                              reader->over ? "pulled behind its end"
                                           : "batch with a wrong number of columns");
    out.subject = reader->stream;
    out.batch = batch;
    out.columns = reader->columns;
    out.n_columns = reader->n_columns;
    out.ended = reader->ended;
    out.progress = reader->progress;
    dvsi_frame_enter(&frame, &reader->source->guest, "pull", &out);
    frame.may_end = 1;
    atomic_store(&reader->slot, "pull");
    status = reader->source->api->pull(reader->reader, &out, &frame.err);
    atomic_store(&reader->slot, NULL);
    if (status == DVS_OK || status == DVS_END)
        check_read(reader, &frame, status);
    reader->ended = out.ended;
    status = dvsi_frame_leave(&frame, status, err);
    reader->over = status != DVS_OK;
    return status;
}

void dvsi_reader_interrupt(dvsi_reader *reader)
{
    dvsi_frame frame;

    dvsi_frame_enter(&frame, &reader->source->guest, "interrupt", NULL);
    reader->source->api->interrupt(reader->reader);
    dvsi_frame_leave_void(&frame);
}

void dvsi_reader_stop(dvsi_reader *reader)
{
    dvsi_frame frame;

    if (reader == NULL)
        return;
    if (reader->reader != NULL) {
        dvsi_frame_enter(&frame, &reader->source->guest, "stop", NULL);
        atomic_store(&reader->slot, "stop");
        reader->source->api->stop(reader->reader);
        dvsi_frame_leave_void(&frame);
    }
    dvsi_arena_free(&reader->arena);
    free(reader);
}

const char *dvsi_reader_slot(const dvsi_reader *reader)
{
    return atomic_load(&reader->slot);
}

int32_t dvsi_reader_overdue(const dvsi_reader *reader, int64_t waited_us, dvs_error *err)
{
    const dvsi_guest *guest = &reader->source->guest;
    const char *slot = dvsi_reader_slot(reader);
    int32_t status;

    if (slot == NULL)
        return DVS_OK;
    status =
        dvsi_error_set(err, DVS_E_ABI,
                       "plugin %s: slot %s of source %s, stream %s, has not returned %lld ms after it "
                       "was asked to stop; its thread was left behind (a slot that waits polls "
                       "host->cancelled)",
                       guest->plugin->name, slot, guest->name, reader->stream, (long long)(waited_us / 1000));
    if (err != NULL)
        err->scope = DVS_SCOPE_SOURCE;
    return status;
}
