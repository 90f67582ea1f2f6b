/* open fails, but leaves a pointer to nowhere behind. */
#include "bad.h"
static int32_t open_source(const dvs_host *host, const dvs_settings *settings, dvs_source **source,
                           dvs_error *err)
{
    (void)host;
    (void)settings;
    *source = (dvs_source *)(void *)err;
    return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "url and path are both set; give one of them");
}
BAD_SOURCE(.open = open_source)
