/* error.h (base) - filling in a dvs_error. */
#ifndef DVSI_BASE_ERROR_H
#define DVSI_BASE_ERROR_H

#include "dvsync/error.h"

/* Fills *err (may be NULL) and returns `status`, so that `return dvsi_error_set(...)` reads well. */
int32_t dvsi_error_set(dvs_error *err, int32_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "context: " before the message of *err. Returns its status. */
int32_t dvsi_error_prefix(dvs_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int32_t dvsi_error_no_memory(dvs_error *err);
/* A short name for a status ("authentication failed"), for messages and JSON. Never NULL. */
const char *dvsi_error_name(int32_t status);
/* Makes *err empty, ready to be filled. */
void dvsi_error_clear(dvs_error *err);

#endif
