/* Nothing is bad here: what the others are measured by. */
#include "bad.h"
BAD_SOURCE(.reserved = 0)
