/* Does not say what it is. */
#include "bad.h"
static int32_t identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    (void)source;
    (void)out;
    (void)err;
    return DVS_OK;
}
BAD_SOURCE(.identity = identity)
