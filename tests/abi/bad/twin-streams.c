/* Two streams of one name. */
#include "bad.h"
static int32_t streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    static const dvs_stream things = {sizeof things, 0, -1, "Things", NULL, NULL};
    good_streams(source, out, err);
    source->host->put_stream(source->host, out, &things);
    return DVS_OK;
}
BAD_SOURCE(.streams = streams)
