/* Has no name. */
#include "bad.h"
BAD_TABLE(.reserved = 0)
BAD_PLUGIN(.name = NULL)
