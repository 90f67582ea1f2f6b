/* A source table without any slot. */
#include "bad.h"
BAD_SOURCE(.struct_size = 4)
