/* Pushes into nothing. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)out;
    put_thing(reader, NULL, 1, "one");
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
