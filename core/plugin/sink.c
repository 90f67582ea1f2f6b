/* sink.c - sinks: life, lock, inspection; what goes through the writer is in writer.c. */
#include "plugin/sink.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int32_t dvsi_sink_open(const dvsi_plugin *plugin, const char *project, const dvs_settings *settings,
                       uint32_t flags, const dvsi_services *services, dvsi_sink **sink, dvs_error *err)
{
    dvs_sink_open request = {(uint32_t)sizeof request, flags, project, settings};
    dvsi_sink *s;
    dvsi_frame frame;
    int32_t status;

    *sink = NULL;
    if ((plugin->offers & DVSI_PLUGIN_SINK) == 0)
        return dvsi_error_set(err, DVS_E_UNSUPPORTED, "plugin %s offers no sink", plugin->name);
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return dvsi_error_no_memory(err);
    s->api = &plugin->sink;
    dvsi_guest_init(&s->guest, plugin, "sink", "sink", settings, services);
    dvsi_frame_enter(&frame, &s->guest, "open", NULL);
    status = s->api->open(&s->guest.host, &request, &s->sink, &frame.err);
    if (status != DVS_OK)
        s->sink = NULL; /* whatever it left there */
    status = dvsi_frame_leave(&frame, status, err);
    if (status == DVS_OK)
        status = dvsi_made_object(plugin, "open", s->sink, err);
    if (status != DVS_OK) {
        dvsi_sink_close(s);
        return status;
    }
    *sink = s;
    return DVS_OK;
}

void dvsi_sink_close(dvsi_sink *sink)
{
    dvsi_frame frame;

    if (sink == NULL)
        return;
    if (sink->writer != NULL) {
        dvsi_frame_enter(&frame, &sink->guest, "close_writer", NULL);
        sink->api->close_writer(sink->writer);
        dvsi_frame_leave_void(&frame);
    }
    if (sink->sink != NULL) {
        dvsi_frame_enter(&frame, &sink->guest, "close", NULL);
        sink->api->close(sink->sink);
        dvsi_frame_leave_void(&frame);
    }
    dvsi_guest_last_word(&sink->guest);
    dvsi_arena_free(&sink->scratch);
    free(sink);
}

int32_t dvsi_sink_identity(dvsi_sink *sink, dvsi_arena *arena, const char **identity, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_TEXT, .is_sink = 1, .arena = arena};
    dvsi_frame frame;
    int32_t status;

    *identity = NULL;
    dvsi_frame_enter(&frame, &sink->guest, "identity", &out);
    status = sink->api->identity(sink->sink, &out, &frame.err);
    if (status == DVS_OK)
        dvsi_out_check_text(&frame);
    status = dvsi_frame_leave(&frame, status, err);
    if (status == DVS_OK)
        *identity = out.text;
    return status;
}

int32_t dvsi_sink_lock(dvsi_sink *sink, dvs_error *err)
{
    dvsi_frame frame;

    dvsi_frame_enter(&frame, &sink->guest, "lock", NULL);
    return dvsi_frame_leave(&frame, sink->api->lock(sink->sink, &frame.err), err);
}

void dvsi_sink_unlock(dvsi_sink *sink)
{
    dvsi_frame frame;

    dvsi_frame_enter(&frame, &sink->guest, "unlock", NULL);
    sink->api->unlock(sink->sink);
    dvsi_frame_leave_void(&frame);
}

int32_t dvsi_sink_lock_probe(dvsi_sink *sink, dvs_error *err)
{
    dvsi_frame frame;

    dvsi_frame_enter(&frame, &sink->guest, "lock_probe", NULL);
    return dvsi_frame_leave(&frame, sink->api->lock_probe(sink->sink, &frame.err), err);
}

int32_t dvsi_sink_inspect(dvsi_sink *sink, const char *table, dvsi_schema *schema, dvs_error *err)
{
    dvs_out out = {.kind = DVSI_OUT_COLUMNS, .is_sink = 1, .subject = table, .schema = schema};
    dvsi_frame frame;
    int32_t status;

    dvsi_frame_enter(&frame, &sink->guest, "inspect", &out);
    status = sink->api->inspect(sink->sink, table, &out, &frame.err);
    if (status == DVS_OK)
        dvsi_out_check_columns(&frame);
    return dvsi_frame_leave(&frame, status, err);
}

int32_t dvsi_sink_clock(dvsi_sink *sink, int64_t *now, dvs_error *err)
{
    dvsi_frame frame;

    dvsi_frame_enter(&frame, &sink->guest, "clock", NULL);
    return dvsi_frame_leave(&frame, sink->api->clock(sink->sink, now, &frame.err), err);
}

void dvsi_sink_interrupt(dvsi_sink *sink)
{
    dvsi_frame frame;

    dvsi_frame_enter(&frame, &sink->guest, "interrupt", NULL);
    sink->api->interrupt(sink->sink);
    dvsi_frame_leave_void(&frame);
}
