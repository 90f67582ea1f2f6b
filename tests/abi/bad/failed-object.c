/* start fails, but leaves a pointer to nowhere behind. */
#include "bad.h"
static int32_t start(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err)
{
    (void)source;
    (void)read;
    *reader = (dvs_reader *)(void *)err;
    return dvs_fail(err, DVS_E_NETWORK, DVS_SCOPE_SOURCE, "the line is dead");
}
BAD_SOURCE(.start = start)
