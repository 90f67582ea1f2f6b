/* The entry returns NULL. */
#include "bad.h"
const dvs_plugin *dvs_plugin_v1(void)
{
    return NULL;
}
