/* A checkpoint of a type that does not exist. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_point(reader, out, 9, "x", 1);
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
