/* Fails with a message of 1,024 bytes, not text and without an end. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)reader;
    (void)out;
    memset(err->message, 0xfe, sizeof err->message);
    memcpy(err->message, "two\nlines \x1b[31m", 15);
    err->scope = 99;
    err->retry_after_ms = -5;
    return DVS_E_THROTTLED;
}
BAD_SOURCE(.pull = pull)
