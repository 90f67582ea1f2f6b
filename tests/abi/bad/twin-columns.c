/* Two columns of one name, but for the case. */
#include "bad.h"
static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)stream;
    (void)err;
    put_column(source, out, "id", DVS_INT64, 1);
    put_column(source, out, "ID", DVS_TEXT, 0);
    return DVS_OK;
}
BAD_SOURCE(.describe = describe)
