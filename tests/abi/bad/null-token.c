/* A token of 5 bytes at NULL. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_point(reader, out, DVS_CHECKPOINT_POSITION, NULL, 5);
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
