/* dvsync/version.h - the version of libdvsync. */
#ifndef DVSYNC_VERSION_H
#define DVSYNC_VERSION_H

#define DVS_VERSION_MAJOR 0
#define DVS_VERSION_MINOR 1
#define DVS_VERSION_PATCH 0
#define DVS_VERSION_STRING "0.1.0"

#endif
