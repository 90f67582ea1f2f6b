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
};

#endif
