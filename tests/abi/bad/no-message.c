/* Fails without a message. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)reader;
    (void)out;
    return DVS_E_NETWORK;
}
BAD_SOURCE(.pull = pull)
