/* A dvs_plugin that ends before its tables. */
#include "bad.h"
BAD_TABLE(.reserved = 0)
BAD_PLUGIN(.struct_size = offsetof(dvs_plugin, source))
