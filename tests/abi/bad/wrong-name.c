/* Calls itself something else than its file does. */
#include "bad.h"
BAD_TABLE(.reserved = 0)
BAD_PLUGIN(.name = "somebody-else")
