/* A row behind the END checkpoint, in the next pull. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    if (reader->n_pulls++ == 0)
        put_point(reader, out, DVS_CHECKPOINT_END, NULL, 0);
    else
        put_thing(reader, out, 1, "one");
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
