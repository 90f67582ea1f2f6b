/* Returns -1, as so many functions do. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)reader;
    (void)out;
    return -1;
}
BAD_SOURCE(.pull = pull)
