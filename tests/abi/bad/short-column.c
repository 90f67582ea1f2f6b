/* A dvs_column that is too short. */
#include "bad.h"
static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)stream;
    (void)err;
    static const dvs_column column = {.struct_size = 8, .kind = DVS_TEXT, .name = "id"};
    source->host->put_column(source->host, out, &column);
    return DVS_OK;
}
BAD_SOURCE(.describe = describe)
