/* DVS_END from a slot that has no end. */
#include "bad.h"
static int32_t streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    (void)source;
    (void)out;
    (void)err;
    return DVS_END;
}
BAD_SOURCE(.streams = streams)
