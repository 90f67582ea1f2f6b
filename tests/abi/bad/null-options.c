/* Says that it has options, but has no table of them. */
#include "bad.h"
BAD_SOURCE(.n_options = 3)
