/* open succeeds without a source. */
#include "bad.h"
static int32_t open_source(const dvs_host *host, const dvs_settings *settings, dvs_source **source,
                           dvs_error *err)
{
    (void)host;
    (void)settings;
    (void)err;
    *source = NULL;
    return DVS_OK;
}
BAD_SOURCE(.open = open_source)
