/* A required slot is NULL. */
#include "bad_sink.h"
BAD_SINK(.rollback_to = NULL)
