/* Not bad: built with a later header, whose dvs_option is longer. */
#include "bad.h"
typedef struct later_option {
    dvs_option option;
    uint64_t added;
} later_option;
static const later_option options[] = {
    {{.struct_size = sizeof(later_option), .type = DVS_OPTION_TEXT, .name = "url", .doc = "where"}, 1},
    {{.struct_size = sizeof(later_option), .type = DVS_OPTION_INT, .name = "size", .default_value = "7"}, 2}};
BAD_SOURCE(.n_options = 2, .options = (const dvs_option *)(const void *)options,
           .option_stride = sizeof *options)
