/* A source table that ends in the middle of an optional slot: the half of it is no slot (accepted). */
#include "bad.h"
static int32_t check(dvs_source *source, dvs_error *err)
{
    (void)source;
    return dvs_fail(err, DVS_E_INTERNAL, 0, "half a pointer was called");
}
BAD_SOURCE(.struct_size = offsetof(dvs_source_api, check) + 4, .check = check)
