/* twice.h - keys that come more than once in a complete read of a streaming entity. */
#ifndef DVSI_RUN_TWICE_H
#define DVSI_RUN_TWICE_H

#include "run/feed.h"
#include "run/work.h"

/* At the start of such a read; when one goes on, with the records that waited for its end. */
int32_t dvsi_twice_load(dvsi_feed *feed, int resume, dvs_error *err);
/* Keeps the records of such keys until the end, and marks them. */
int32_t dvsi_twice_defer(dvsi_feed *feed, dvsi_record *records, uint32_t n, dvs_error *err);
int32_t dvsi_twice_store(dvsi_feed *feed, dvs_error *err); /* with the position: what waits */
/* At the end: what has waited. */
int32_t dvsi_twice_records(dvsi_feed *feed, dvsi_work *work, dvs_error *err);
int32_t dvsi_twice_finish(dvsi_feed *feed, dvs_error *err);
/* Such a key was met: one warning a run, and remembered for the next. */
int32_t dvsi_twice_note(dvsi_feed *feed, const char *key, uint64_t number, dvs_error *err);
void dvsi_twice_clear(dvsi_feed *feed);

#endif
