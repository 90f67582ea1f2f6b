/* saved_parts.h - shared by the files that make a plan. */
#ifndef DVSI_RUN_SAVED_PARTS_H
#define DVSI_RUN_SAVED_PARTS_H

#include "run/saved.h"

/* The parts of DVSI_BOOK_KEPT. */
enum {
    DVSI_KEPT_RECORDS, /* of entities that stream: what the source said */
    DVSI_KEPT_LOOKS,   /* keys to look at: deleted ones, and all changed ones of entities that gather */
    DVSI_KEPT_CLOSES,  /* of entities that stream: keys whose conflicts are settled */
    DVSI_KEPT_FAILED   /* records that failed, under the source's key, else their own */
};

/* {"entity":"..." */
void dvsi_saved_line(dvsi_buf *line, const char *entity);

/* A file that appears as a whole, mode 0600, with the digest of what was written at its end (saved_out.c). */
typedef struct dvsi_saved_out dvsi_saved_out;
int32_t dvsi_saved_out_open(const char *path, dvsi_saved_out **out, dvs_error *err);
int32_t dvsi_saved_out_add(dvsi_saved_out *out, const void *data, size_t length, dvs_error *err);
int32_t dvsi_saved_out_end(dvsi_saved_out *out, dvs_error *err); /* it is there now */
void dvsi_saved_out_free(dvsi_saved_out *out); /* NULL is fine; what was not ended is removed */

/* The offers of a feed that differ from those in the sink (saved_offers.c). */
int32_t dvsi_saved_offers(dvsi_feed *feed, dvsi_saved_out *out, dvs_error *err);

#endif
