/* A token of more than 1 MB. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    void *token = calloc(1, (1u << 20) + 1);
    put_point(reader, out, DVS_CHECKPOINT_POSITION, token, (1u << 20) + 1);
    free(token);
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
