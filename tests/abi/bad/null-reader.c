/* start succeeds without a reader. */
#include "bad.h"
static int32_t start(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err)
{
    (void)source;
    (void)read;
    (void)reader;
    (void)err;
    return DVS_OK;
}
BAD_SOURCE(.start = start)
