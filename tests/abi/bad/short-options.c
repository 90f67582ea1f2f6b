/* Options that are shorter than an option. */
#include "bad.h"
static const dvs_option options[] = {{.struct_size = 8, .type = DVS_OPTION_TEXT, .name = "url"}};
BAD_SOURCE(.n_options = 1, .options = options, .option_stride = 8)
