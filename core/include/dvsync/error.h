/*
 * dvsync/error.h - status codes and the error struct, shared by plugins, the core and embedders.
 *
 * Every function that can fail returns a status (int32_t). DVS_OK is zero; every other value up to
 * DVS_E_BASE - 1 is a success with a meaning, everything from DVS_E_BASE on is a failure. A failure
 * fills the dvs_error that the caller passed; a success leaves it alone.
 *
 * Statuses may be added in a later minor version; treat an unknown one like DVS_E_INTERNAL.
 */
#ifndef DVSYNC_ERROR_H
#define DVSYNC_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DVS_OK 0  /* done; from pull: call again                                     */
#define DVS_END 1 /* from pull only: the read has ended, its last checkpoint is given */

#define DVS_E_BASE 16
#define DVS_E_CONFIG 16      /* a setting or a project file is wrong: the user's to mend           */
#define DVS_E_AUTH 17        /* the system refused who we are                                      */
#define DVS_E_PERMISSION 18  /* we are known, but may not do this                                  */
#define DVS_E_NOT_FOUND 19   /* the stream, table, file or record does not exist                   */
#define DVS_E_NETWORK 20     /* connection failed or broke; trying again may help                  */
#define DVS_E_TIMEOUT 21     /* no answer in time; trying again may help                           */
#define DVS_E_THROTTLED 22   /* the system asked us to wait; see retry_after_ms                    */
#define DVS_E_PROTOCOL 23    /* the system answered something that its protocol does not allow     */
#define DVS_E_DATA 24        /* a record or value cannot be used; with scope DVS_SCOPE_ROW: go on  */
#define DVS_E_SCHEMA 25      /* columns or types are not what was agreed                           */
#define DVS_E_RESUME 26      /* position or cursor refused: read in full                           */
#define DVS_E_CHANGED 27     /* the source changed under a read that needs it unchanged            */
#define DVS_E_LOCKED 28      /* another run of this project is going on                            */
#define DVS_E_BUSY 29        /* somebody else holds the system; trying again may help              */
#define DVS_E_FENCED 30      /* another run took over: this one may not write any more             */
#define DVS_E_DUPLICATE 31   /* a unique index would be violated                                   */
#define DVS_E_READ_ONLY 32   /* the sink cannot be written                                         */
#define DVS_E_DISK_FULL 33   /* no space left                                                      */
#define DVS_E_IO 34          /* reading or writing a file failed                                   */
#define DVS_E_CORRUPT 35     /* the file or database is damaged, or is no database                 */
#define DVS_E_UNSUPPORTED 36 /* not offered by this plugin or version                              */
#define DVS_E_CANCELLED 37   /* somebody asked us to stop                                          */
#define DVS_E_NO_MEMORY 38   /* an allocation failed                                               */
#define DVS_E_ABI 39         /* the plugin or the host broke the contract of plugin.h              */
#define DVS_E_GUARD 40       /* refused by a guard: too many deletes, stale plan                   */
#define DVS_E_USAGE 41       /* a function was called with arguments that make no sense            */
#define DVS_E_INTERNAL 42    /* a defect of the code that reports it                               */

/* How far the failure reaches. The core decides by it: drop the row, the stream, or everything that
 * comes from this source or goes to this sink. */
#define DVS_SCOPE_ROW 1    /* one record; `row` says which           */
#define DVS_SCOPE_BATCH 2  /* this call; the same call may be tried again */
#define DVS_SCOPE_STREAM 3 /* this stream; others go on (the default: 0 means the same) */
#define DVS_SCOPE_SOURCE 4 /* the whole source or sink               */

#define DVS_ERROR_MESSAGE_SIZE 1024

/*
 * A failure, filled by the callee in storage of the caller. It holds no pointers, so it may be copied
 * and outlives everything. The caller sets struct_size (DVS_ERROR_INIT does) and the callee writes no
 * byte past it. `message` is one line of UTF-8 without secrets: what failed, where, why, what to do.
 */
typedef struct dvs_error {
    uint32_t struct_size;
    int32_t status;
    int32_t scope;
    int32_t retry_after_ms; /* milliseconds to wait before another try makes sense; 0: not known */
    int64_t native_code;    /* the system's own code (errno, HTTP status, SQLite code); 0: none   */
    uint64_t row;           /* with DVS_SCOPE_ROW: index of the row in the call; see the slot     */
    char message[DVS_ERROR_MESSAGE_SIZE];
} dvs_error;

#define DVS_ERROR_INIT {(uint32_t)sizeof(dvs_error), 0, 0, 0, 0, 0, {0}}

#ifdef __cplusplus
}
#endif

#endif
