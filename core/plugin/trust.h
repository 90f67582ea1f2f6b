/* trust.h - whether a file may be loaded into this process at all. */
#ifndef DVSI_PLUGIN_TRUST_H
#define DVSI_PLUGIN_TRUST_H

#include "dvsync/error.h"

/*
 * `path` is a real path. DVS_E_PERMISSION when the file or its directory can be written by anybody but root
 * and the user of this process; DVS_E_NOT_FOUND, DVS_E_IO, or DVS_E_CORRUPT for a file that is no whole ELF
 * object (the dynamic linker does not survive one that was cut off).
 */
int32_t dvsi_trust_file(const char *path, dvs_error *err);
/* The same for the folder of `path` alone, which may be a link. */
int32_t dvsi_trust_folder_of(const char *path, dvs_error *err);

#endif
