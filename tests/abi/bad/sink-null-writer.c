/* writer succeeds without a writer. */
#include "bad_sink.h"
static int32_t writer(dvs_sink *sink, dvs_writer **writer, dvs_error *err)
{
    (void)sink;
    (void)writer;
    (void)err;
    return DVS_OK;
}
BAD_SINK(.writer = writer)
