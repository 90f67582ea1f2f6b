/* A source table that ends before its required slots do. */
#include "bad.h"
BAD_SOURCE(.struct_size = offsetof(dvs_source_api, pull))
