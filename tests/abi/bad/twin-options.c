/* Two options of one name. */
#include "bad.h"
static const dvs_option options[] = {
    {.struct_size = sizeof(dvs_option), .type = DVS_OPTION_TEXT, .name = "url"},
    {.struct_size = sizeof(dvs_option), .type = DVS_OPTION_INT, .name = "url"}};
BAD_SOURCE(.n_options = 2, .options = options)
