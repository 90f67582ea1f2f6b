/* options.h - option structs of callers that may be older or newer than this library. */
#ifndef DVSI_API_OPTIONS_H
#define DVSI_API_OPTIONS_H

#include "dvsync/dvsync.h"

/* A full-sized copy with defaults for what the caller's struct does not have; NULL: all defaults. */
int32_t dvsi_api_sync_options(const dvs_sync_options *options, dvs_sync_options *all, dvs_error *err);

#endif
