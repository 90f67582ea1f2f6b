/* Ends without an END checkpoint. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_thing(reader, out, 1, "one");
    return DVS_END;
}
BAD_SOURCE(.pull = pull)
