/* error.h (base) - filling in a dvs_error. */
#ifndef DVSI_BASE_ERROR_H
#define DVSI_BASE_ERROR_H

#include "dvsync/error.h"

/* Fills *err (may be NULL) and returns `status`, so that `return dvsi_error_set(...)` reads well. */
int32_t dvsi_error_set(dvs_error *err, int32_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int32_t dvsi_error_no_memory(dvs_error *err);
/* Makes *err empty, ready to be filled. */
void dvsi_error_clear(dvs_error *err);

#endif
