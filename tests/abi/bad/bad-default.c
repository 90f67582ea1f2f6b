/* An option whose default it would not accept itself. */
#include "bad.h"
static const dvs_option options[] = {{.struct_size = sizeof(dvs_option),
                                      .type = DVS_OPTION_INT,
                                      .min = 1,
                                      .max = 10,
                                      .name = "size",
                                      .default_value = "11"}};
BAD_SOURCE(.n_options = 1, .options = options)
