/* Never listens to the answer. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    for (int64_t i = 0; i < 1000000; i++)
        put_thing(reader, out, i, "one");
    put_point(reader, out, DVS_CHECKPOINT_END, NULL, 0);
    return DVS_END;
}
BAD_SOURCE(.pull = pull)
