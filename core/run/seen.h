/* seen.h - which rows a read has met: a bitmap over row ids, kept in the sink with the position. */
#ifndef DVSI_RUN_SEEN_H
#define DVSI_RUN_SEEN_H

#include "run/books.h"

/* All zero is an empty set. It costs about a bit for each id up to the highest; ids far apart cost 8 KB
 * each. */
typedef struct dvsi_seen {
    struct dvsi_seen_chunk *chunks; /* a hash table by chunk number */
    struct dvsi_seen_chunk *last;   /* the chunk added to last: ids mostly come in order */
} dvsi_seen;

/* Adds an id (above 0): 1 when it was not there, 0 when it was, -1 when memory is out. */
int dvsi_seen_add(dvsi_seen *seen, int64_t id);
int dvsi_seen_has(const dvsi_seen *seen, int64_t id);
void dvsi_seen_clear(dvsi_seen *seen);
/* The lowest ids above `after`, in ascending order, at most `most`; how many. */
uint32_t dvsi_seen_list(dvsi_seen *seen, int64_t after, int64_t *ids, uint32_t most);

/* Writes the parts that changed since the last call, or reads what is stored, of one `from` entry. */
int32_t dvsi_seen_store(dvsi_seen *seen, dvsi_books *books, const char *entity, const char *source,
                        dvs_error *err);
int32_t dvsi_seen_load(dvsi_seen *seen, dvsi_books *books, const char *entity, const char *source,
                       dvs_error *err);
/* Removes what is stored. */
int32_t dvsi_seen_forget(dvsi_books *books, const char *entity, const char *source, dvs_error *err);

#endif
