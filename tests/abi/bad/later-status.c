/* A status that a later minor version may have. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)reader;
    (void)out;
    return dvs_fail(err, 99, DVS_SCOPE_STREAM, "something new went wrong");
}
BAD_SOURCE(.pull = pull)
