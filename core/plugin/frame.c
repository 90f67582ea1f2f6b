/* frame.c - setting the stage for a slot, and judging what it answered. */
#include "plugin/guest.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

/* The innermost slot that runs on this thread. A plugin is handed nothing by which the host could tell
 * threads apart, so this is where a call from a foreign one is noticed. */
static _Thread_local dvsi_frame *top;

void dvsi_frame_enter(dvsi_frame *frame, dvsi_guest *guest, const char *slot, dvs_out *out)
{
    memset(frame, 0, sizeof *frame);
    frame->guest = guest;
    frame->slot = slot;
    frame->out = out;
    frame->err.struct_size = (uint32_t)sizeof frame->err;
    frame->breach.struct_size = (uint32_t)sizeof frame->breach;
    frame->outer = top;
    top = frame;
}

dvsi_frame *dvsi_frame_of(const dvs_host *host, const char *function)
{
    const dvsi_guest *guest = (const dvsi_guest *)(const void *)host;
    const char *none = NULL;

    if (host == NULL)
        return NULL;
    if (top != NULL && top->guest == guest)
        return top;
    atomic_compare_exchange_strong(&guest->self->foreign, &none, function);
    return NULL;
}

int32_t dvsi_frame_breach(dvsi_frame *frame, const char *format, ...)
{
    dvsi_buf text = {0};
    va_list args;

    if (frame->breach.status != DVS_OK)
        return DVS_PUT_FATAL;
    va_start(args, format);
    dvsi_buf_vprintf(&text, format, args);
    va_end(args);
    dvsi_error_set(&frame->breach, DVS_E_ABI, "plugin %s: slot %s %s", frame->guest->plugin->name,
                   frame->slot, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
    return DVS_PUT_FATAL;
}

int32_t dvsi_frame_no_memory(dvsi_frame *frame)
{
    if (frame->breach.status == DVS_OK)
        dvsi_error_no_memory(&frame->breach);
    return DVS_PUT_FATAL;
}

/* Takes the frame off; what the plugin broke outside of its frames is put into it. */
static void take_down(dvsi_frame *frame)
{
    top = frame->outer;
    dvsi_arena_free(&frame->kept);
}

static int32_t hand_on(const dvs_error *from, dvs_error *err)
{
    if (err != NULL) {
        dvsi_error_set(err, from->status, "%s", from->message);
        err->scope = from->scope;
        err->retry_after_ms = from->retry_after_ms;
        err->native_code = from->native_code;
        err->row = from->row;
    }
    return from->status;
}

/* A failure that the plugin reports: its message made one line, its scope made one that exists. */
static int32_t put_in_order(dvsi_frame *frame, int32_t status, dvs_error *err)
{
    dvs_error *e = &frame->err;
    size_t length = strnlen(e->message, sizeof e->message);
    dvsi_buf text = {0};

    dvsi_guest_show(frame->guest, &text, e->message, length, sizeof e->message - 8);
    if (text.failed || text.length == 0)
        snprintf(e->message, sizeof e->message, "plugin %s: slot %s failed without a message (status %d)",
                 frame->guest->plugin->name, frame->slot, (int)status);
    else
        snprintf(e->message, sizeof e->message, "%s", dvsi_buf_text(&text));
    dvsi_buf_free(&text);

    /* Statuses of a later minor version are defects to us; error.h says so. */
    e->status = status <= DVS_E_INTERNAL ? status : DVS_E_INTERNAL;
    if (e->scope < DVS_SCOPE_ROW || e->scope > DVS_SCOPE_SOURCE ||
        (e->scope == DVS_SCOPE_ROW && frame->n_row_errors == 0))
        e->scope = DVS_SCOPE_STREAM;
    if (e->scope == DVS_SCOPE_ROW && e->row >= frame->n_row_errors)
        return dvsi_error_set(
            err, DVS_E_ABI,
            "plugin %s: slot %s failed for row %llu of %llu: there is no such row; it said: %s",
            frame->guest->plugin->name, frame->slot, (unsigned long long)e->row,
            (unsigned long long)frame->n_row_errors, e->message);
    if (e->scope != DVS_SCOPE_ROW)
        e->row = 0;
    if (e->retry_after_ms < 0)
        e->retry_after_ms = 0;
    return hand_on(e, err);
}

static int32_t foreign_error(const dvsi_guest *guest, const char *function, dvs_error *err)
{
    return dvsi_error_set(err, DVS_E_ABI,
                          "plugin %s: host function %s was called from a foreign thread or outside of any "
                          "slot; a plugin calls the host only inside a slot, on the thread that runs it",
                          guest->plugin->name, function);
}

int32_t dvsi_frame_leave(dvsi_frame *frame, int32_t status, dvs_error *err)
{
    const char *foreign = atomic_exchange(&frame->guest->foreign, NULL);

    take_down(frame);
    if (foreign != NULL)
        return foreign_error(frame->guest, foreign, err);
    if (frame->breach.status != DVS_OK)
        return hand_on(&frame->breach, err);
    if (status == DVS_OK || (status == DVS_END && frame->may_end))
        return status;
    if (status == DVS_END)
        return dvsi_error_set(err, DVS_E_ABI, "plugin %s: slot %s returned DVS_END, which only pull may",
                              frame->guest->plugin->name, frame->slot);
    if (status < DVS_E_BASE)
        return dvsi_error_set(err, DVS_E_ABI, "plugin %s: slot %s returned %d, which is no status",
                              frame->guest->plugin->name, frame->slot, (int)status);
    return put_in_order(frame, status, err);
}

void dvsi_frame_leave_void(dvsi_frame *frame)
{
    take_down(frame);
    if (frame->breach.status != DVS_OK && frame->guest->services->log != NULL)
        dvsi_log_printf(frame->guest->services->log, DVS_LOG_ERROR, "%s", frame->breach.message);
}

void dvsi_guest_last_word(dvsi_guest *guest)
{
    const char *foreign = atomic_exchange(&guest->foreign, NULL);
    dvs_error err = DVS_ERROR_INIT;

    if (foreign == NULL || guest->services->log == NULL)
        return;
    foreign_error(guest, foreign, &err);
    dvsi_log_printf(guest->services->log, DVS_LOG_ERROR, "%s", err.message);
}
