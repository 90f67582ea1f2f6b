/* Pushes into the out object of the call before. */
#include "bad.h"
static dvs_out *kept; /* a mutable global: bad as well */
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    if (reader->n_pulls++ == 0) {
        kept = (dvs_out *)(void *)((char *)(void *)out + 8);
        put_thing(reader, out, 1, "one");
        return DVS_OK;
    }
    put_thing(reader, kept, 2, "two");
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
