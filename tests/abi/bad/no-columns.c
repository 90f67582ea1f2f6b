/* A stream without columns, and no error. */
#include "bad.h"
static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)stream;
    (void)err;
    (void)source;
    (void)out;
    return DVS_OK;
}
BAD_SOURCE(.describe = describe)
