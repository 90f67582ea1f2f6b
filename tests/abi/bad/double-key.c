/* A key of a kind that cannot be one. */
#include "bad.h"
static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)stream;
    (void)err;
    put_column(source, out, "id", DVS_DOUBLE, 1);
    return DVS_OK;
}
BAD_SOURCE(.describe = describe)
