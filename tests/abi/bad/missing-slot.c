/* A required slot is NULL. */
#include "bad.h"
BAD_SOURCE(.describe = NULL)
