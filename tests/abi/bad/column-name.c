/* A column whose name is not UTF-8. */
#include "bad.h"
static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)stream;
    (void)err;
    put_column(source, out, "\xff\xfe", DVS_TEXT, 0);
    return DVS_OK;
}
BAD_SOURCE(.describe = describe)
