/* Exports the entry of another major version only. */
#include "bad.h"
DVS_EXPORT const dvs_plugin *dvs_plugin_v2(void);
const dvs_plugin *dvs_plugin_v2(void)
{
    static const dvs_plugin plugin = {GOOD_PLUGIN};
    return &plugin;
}
