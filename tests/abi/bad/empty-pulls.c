/* Puts nothing, for ever. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)reader;
    (void)out;
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
