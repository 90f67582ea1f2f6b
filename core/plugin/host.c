/* host.c - the host table: what a plugin may call, besides pushing (out.c, columns.c, rows.c). */
#include "plugin/guest.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "plugin/out.h"

#define LOG_LINE 4096u       /* bytes of one line of a plugin */
#define STATE_MAX (1u << 20) /* bytes that state_put takes */
#define STATE_KEY_MAX 200u   /* bytes of its key */
#define SECRET_MIN 4u        /* shorter secrets would turn every message into asterisks */

int dvsi_guest_cancelled(const dvsi_guest *guest)
{
    const atomic_int *cancelled = guest->services->cancelled;

    return cancelled != NULL && atomic_load_explicit(cancelled, memory_order_relaxed) != 0;
}

/* Replaces every occurrence of `secret` in `text` by "***". */
static void mask(char *text, const char *secret, size_t length)
{
    size_t left = strlen(text);
    char *at = text;

    while ((at = memmem(at, left, secret, length)) != NULL) {
        left = strlen(at);
        memcpy(at, "***", 3);
        memmove(at + 3, at + length, left - length + 1);
        at += 3;
        left -= length;
    }
}

void dvsi_guest_show(const dvsi_guest *guest, dvsi_buf *out, const char *text, size_t length, size_t most)
{
    const dvs_settings *settings = guest->settings;
    char *copy = strndup(text, length);

    if (copy == NULL) {
        out->failed = 1;
        return;
    }
    for (uint32_t i = 0; settings != NULL && i < settings->n_settings; i++) {
        const dvs_cell *value = &settings->settings[i].value;
        if (value->kind == DVS_TEXT && (value->flags & DVS_CELL_SECRET) != 0 && value->length >= SECRET_MIN)
            mask(copy, value->v.text, value->length);
    }
    dvsi_utf8_show(out, copy, strlen(copy), most);
    free(copy);
}

static void host_log(const dvs_host *host, int32_t level, const char *message)
{
    const dvsi_frame *frame = dvsi_frame_of(host, "log");
    const dvsi_log *log;
    dvsi_buf text = {0};

    if (frame == NULL || message == NULL)
        return;
    log = frame->guest->services->log;
    if (level < DVS_LOG_ERROR)
        level = DVS_LOG_ERROR;
    else if (level > DVS_LOG_DEBUG)
        level = DVS_LOG_DEBUG;
    if (log == NULL || log->write == NULL || level > log->level)
        return;
    dvsi_guest_show(frame->guest, &text, message, strlen(message), LOG_LINE);
    if (!text.failed)
        dvsi_log_printf(log, level, "%s: %s", frame->guest->plugin->name, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static int32_t host_cancelled(const dvs_host *host)
{
    const dvsi_frame *frame = dvsi_frame_of(host, "cancelled");

    /* A foreign thread had better stop. */
    return frame == NULL || dvsi_guest_cancelled(frame->guest);
}

static int64_t host_now(const dvs_host *host)
{
    (void)dvsi_frame_of(host, "now");
    return dvsi_clock_now();
}

static int32_t host_once(const dvs_host *host, const char *name, int32_t (*init)(void))
{
    dvsi_frame *frame = dvsi_frame_of(host, "once");

    if (frame == NULL)
        return DVS_E_ABI;
    if (name == NULL || name[0] == '\0' || init == NULL) {
        dvsi_frame_breach(frame, "called host->once without a name or a function");
        return DVS_E_ABI;
    }
    return dvsi_once(name, init);
}

static int key_is_good(dvsi_frame *frame, const char *key, const char *function)
{
    size_t length = key != NULL ? strnlen(key, STATE_KEY_MAX + 1) : 0;

    if (length > 0 && length <= STATE_KEY_MAX && dvsi_utf8_valid(key, length) == length)
        return 1;
    dvsi_frame_breach(frame, "called host->%s with a key that is not 1 to %u bytes of UTF-8", function,
                      STATE_KEY_MAX);
    return 0;
}

static int32_t host_state_get(const dvs_host *host, const char *key, dvs_bytes *value)
{
    dvsi_frame *frame = dvsi_frame_of(host, "state_get");
    const dvsi_services *services;

    if (value != NULL) {
        value->data = NULL;
        value->length = 0;
    }
    if (frame == NULL)
        return DVS_E_ABI;
    if (value == NULL) {
        dvsi_frame_breach(frame, "called host->state_get without a place for the value");
        return DVS_E_ABI;
    }
    if (!key_is_good(frame, key, "state_get"))
        return DVS_E_ABI;
    services = frame->guest->services;
    if (services->state_get == NULL)
        return DVS_OK;
    dvsi_arena_reset(&frame->kept);
    return services->state_get(services->state, frame->guest->name, key, &frame->kept, value);
}

static int32_t host_state_put(const dvs_host *host, const char *key, const void *data, uint64_t length)
{
    dvsi_frame *frame = dvsi_frame_of(host, "state_put");
    const dvsi_services *services;

    if (frame == NULL)
        return DVS_E_ABI;
    if (!key_is_good(frame, key, "state_put"))
        return DVS_E_ABI;
    if (data != NULL && length > STATE_MAX)
        return DVS_E_USAGE;
    services = frame->guest->services;
    if (services->state_put == NULL)
        return DVS_OK;
    return services->state_put(services->state, frame->guest->name, key, data,
                               data != NULL ? (size_t)length : 0);
}

void dvsi_guest_init(dvsi_guest *guest, const dvsi_plugin *plugin, const char *role, const char *name,
                     const dvs_settings *settings, const dvsi_services *services)
{
    static const dvsi_services nothing;

    memset(guest, 0, sizeof *guest);
    guest->host = (dvs_host){.struct_size = (uint32_t)sizeof(dvs_host),
                             .abi_minor = DVS_ABI_MINOR,
                             .log = host_log,
                             .cancelled = host_cancelled,
                             .now = host_now,
                             .once = host_once,
                             .state_get = host_state_get,
                             .state_put = host_state_put,
                             .put_text = dvsi_put_text,
                             .put_stream = dvsi_put_stream,
                             .put_column = dvsi_put_column,
                             .put_row = dvsi_put_row,
                             .put_error = dvsi_put_error,
                             .put_checkpoint = dvsi_put_checkpoint,
                             .put_progress = dvsi_put_progress};
    guest->self = guest;
    guest->plugin = plugin;
    guest->role = role;
    guest->name = name;
    guest->settings = settings;
    guest->services = services != NULL ? services : &nothing;
    atomic_init(&guest->foreign, NULL);
}
