/* Nothing is bad here. */
#include "bad_sink.h"
BAD_SINK(.reserved = 0)
