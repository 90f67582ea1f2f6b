/* Says that it was built for another major version. */
#include "bad.h"
BAD_TABLE(.reserved = 0)
BAD_PLUGIN(.abi_major = 2)
