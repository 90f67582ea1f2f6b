/* Neither source nor sink. */
#include "bad.h"
const dvs_plugin *dvs_plugin_v1(void)
{
    static const dvs_plugin plugin = {GOOD_PLUGIN};
    return &plugin;
}
