/*
 * history.h - the times of versions (history: scd2): pure functions of when a record was modified, when it
 * was read and which version it had. A version holds from valid_from up to, but without, valid_to. Of one key
 * they never overlap, invert or are empty, whatever the clocks say. All times are those of DVS_TIMESTAMP.
 */
#ifndef DVSI_RECONCILE_HISTORY_H
#define DVSI_RECONCILE_HISTORY_H

#include <stdint.h>

#define DVSI_TIME_NONE INT64_MIN /* modified: not known; valid_from: since ever; valid_to: it still holds */

/* `modified`: the newest modification time among the changed offers. `read_at`: the time of reading. */

/* valid_from of a record's first version. */
int64_t dvsi_history_first(int64_t modified, int64_t read_at);
/* valid_from of the version that follows the one given, which is the record's last. A version that still
 * holds ends where the new one begins. */
int64_t dvsi_history_next(int64_t modified, int64_t read_at, int64_t valid_from, int64_t valid_to);
/* valid_to of a version that a delete closes. */
int64_t dvsi_history_close(int64_t read_at, int64_t valid_from);

#endif
