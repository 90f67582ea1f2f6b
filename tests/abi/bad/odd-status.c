/* Returns a number that is no status. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)reader;
    (void)out;
    return 7;
}
BAD_SOURCE(.pull = pull)
