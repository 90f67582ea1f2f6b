/* A failure for a row, in a slot that has no rows. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)reader;
    (void)out;
    return dvs_fail(err, DVS_E_DATA, DVS_SCOPE_ROW, "row 7 is bad");
}
BAD_SOURCE(.pull = pull)
