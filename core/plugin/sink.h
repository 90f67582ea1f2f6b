/* sink.h - inside of a sink. */
#ifndef DVSI_PLUGIN_SINK_H
#define DVSI_PLUGIN_SINK_H

#include "plugin/source.h"

struct dvsi_sink {
    dvsi_guest guest;
    const dvs_sink_api *api;
    dvs_sink *sink;
    dvs_writer *writer; /* NULL until the first call that needs it */
    dvsi_arena scratch; /* of one call */
    _Atomic(const char *) slot;
};

/* dvsi_frame_enter and _leave, with the slot's name where dvsi_sink_slot finds it. */
void dvsi_sink_enter(dvsi_sink *sink, dvsi_frame *frame, const char *slot, dvs_out *out);
int32_t dvsi_sink_leave(dvsi_sink *sink, dvsi_frame *frame, int32_t status, dvs_error *err);

#endif
