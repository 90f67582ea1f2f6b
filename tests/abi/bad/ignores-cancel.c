/* Waits without asking whether to stop, and has no interrupt. */
#include <time.h>

#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    struct timespec wait = {0, 800000000};

    nanosleep(&wait, NULL);
    return good_pull(reader, out, err);
}
BAD_SOURCE(.pull = pull)
