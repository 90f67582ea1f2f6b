/* A table that ends before delete_where, which is required. */
#include "bad_sink.h"
BAD_SINK(.struct_size = offsetof(dvs_sink_api, delete_where))
