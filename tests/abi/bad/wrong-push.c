/* Pushes a text where columns are wanted. */
#include "bad.h"
static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)stream;
    (void)err;
    source->host->put_text(source->host, out, "columns");
    return DVS_OK;
}
BAD_SOURCE(.describe = describe)
