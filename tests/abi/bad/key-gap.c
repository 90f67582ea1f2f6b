/* Key positions 1 and 3. */
#include "bad.h"
static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)stream;
    (void)err;
    put_column(source, out, "a", DVS_INT64, 1);
    put_column(source, out, "b", DVS_INT64, 3);
    return DVS_OK;
}
BAD_SOURCE(.describe = describe)
