/* out.c - descriptions that a plugin pushes: texts and streams. Columns are in columns.c, rows in rows.c. */
#include "plugin/out.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define TEXT_MAX 4096u /* bytes of an identity */
#define STREAMS_MAX 100000u

dvsi_frame *dvsi_out_frame(const dvs_host *host, const dvs_out *out, dvsi_out_kind kind, const char *function)
{
    dvsi_frame *frame = dvsi_frame_of(host, function);

    if (frame == NULL)
        return NULL;
    if (out == NULL || out != frame->out || out->kind != kind) {
        dvsi_frame_breach(frame, "called host->%s, which is not for this slot%s", function,
                          out != NULL && out != frame->out ? " (an out object of another call)" : "");
        return NULL;
    }
    return frame->breach.status == DVS_OK ? frame : NULL;
}

/* NULL, or what is wrong with a text that must be there. */
static const char *text_problem(const char *text, size_t most)
{
    size_t length;

    if (text == NULL)
        return "is NULL";
    length = strnlen(text, most + 1);
    if (length == 0)
        return "is empty";
    if (length > most)
        return "is too long";
    return dvsi_utf8_valid(text, length) == length ? NULL : "is not valid UTF-8";
}

int32_t dvsi_put_text(const dvs_host *host, dvs_out *out, const char *text)
{
    dvsi_frame *frame = dvsi_out_frame(host, out, DVSI_OUT_TEXT, "put_text");
    const char *problem = text_problem(text, TEXT_MAX);

    if (frame == NULL)
        return DVS_PUT_FATAL;
    if (problem != NULL)
        return dvsi_frame_breach(frame, "put a text that %s", problem);
    if (out->n_texts++ > 0)
        return dvsi_frame_breach(frame, "put more than one text");
    out->text = dvsi_arena_strdup(out->arena, text);
    return out->text != NULL ? DVS_PUT_OK : dvsi_frame_no_memory(frame);
}

void dvsi_out_check_text(dvsi_frame *frame)
{
    if (frame->out->n_texts == 0)
        dvsi_frame_breach(frame, "returned without putting its text");
}

static char *copy_text(dvsi_arena *arena, const char *text, int *failed)
{
    char *copy = text != NULL ? dvsi_arena_strdup(arena, text) : NULL;

    if (text != NULL && copy == NULL)
        *failed = 1;
    return copy;
}

int32_t dvsi_put_stream(const dvs_host *host, dvs_out *out, const dvs_stream *stream)
{
    dvsi_frame *frame = dvsi_out_frame(host, out, DVSI_OUT_STREAMS, "put_stream");
    dvsi_out_stream *added;
    const char *problem;
    int failed = 0;

    if (frame == NULL)
        return DVS_PUT_FATAL;
    if (stream == NULL || !DVS_HAS(stream, dvs_stream, doc))
        return dvsi_frame_breach(frame, "put a dvs_stream that is %s",
                                 stream == NULL ? "NULL" : "too short (struct_size)");
    problem = text_problem(stream->name, TEXT_MAX);
    if (problem != NULL)
        return dvsi_frame_breach(frame, "put stream %u, whose name %s", (unsigned)out->n_streams + 1,
                                 problem);
    if ((stream->alias != NULL && (problem = text_problem(stream->alias, TEXT_MAX)) != NULL) ||
        (stream->doc != NULL && stream->doc[0] != '\0' &&
         (problem = text_problem(stream->doc, TEXT_MAX)) != NULL))
        return dvsi_frame_breach(frame, "put stream %s, whose alias or doc %s", stream->name, problem);
    if (out->n_streams == STREAMS_MAX)
        return dvsi_frame_breach(frame, "put more than %u streams", STREAMS_MAX);
    if (dvsi_guest_cancelled(frame->guest))
        return DVS_PUT_CANCELLED;

    added = dvsi_arena_calloc(out->arena, 1, sizeof *added);
    if (added == NULL)
        return dvsi_frame_no_memory(frame);
    added->stream.flags = stream->flags;
    added->stream.rows = stream->rows >= 0 ? stream->rows : -1;
    added->stream.name = copy_text(out->arena, stream->name, &failed);
    added->stream.alias = copy_text(out->arena, stream->alias, &failed);
    added->stream.doc = copy_text(out->arena, stream->doc, &failed);
    if (failed)
        return dvsi_frame_no_memory(frame);
    if (out->last_stream != NULL)
        out->last_stream->next = added;
    else
        out->first_stream = added;
    out->last_stream = added;
    out->n_streams++;
    return DVS_PUT_OK;
}

static int by_name(const void *a, const void *b)
{
    return dvsi_utf8_casecmp(*(const char *const *)a, *(const char *const *)b);
}

void dvsi_out_check_streams(dvsi_frame *frame)
{
    const dvs_out *out = frame->out;
    const char **names;
    uint32_t n = 0;

    if (out->n_streams < 2)
        return;
    names = calloc(out->n_streams, sizeof *names);
    if (names == NULL) {
        dvsi_frame_no_memory(frame);
        return;
    }
    for (const dvsi_out_stream *s = out->first_stream; s != NULL; s = s->next)
        names[n++] = s->stream.name;
    qsort(names, n, sizeof *names, by_name);
    for (uint32_t i = 1; i < n; i++) {
        if (by_name(&names[i - 1], &names[i]) == 0) {
            dvsi_frame_breach(frame, "put two streams of the name %s", names[i]);
            break;
        }
    }
    free(names);
}

void dvsi_put_progress(const dvs_host *host, dvs_out *out, uint64_t done, uint64_t total)
{
    const dvsi_frame *frame = dvsi_out_frame(host, out, DVSI_OUT_ROWS, "put_progress");

    if (frame == NULL || out->progress == NULL)
        return;
    atomic_store_explicit(&out->progress->done, done, memory_order_relaxed);
    atomic_store_explicit(&out->progress->total, total, memory_order_relaxed);
}
