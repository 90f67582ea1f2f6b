/* follow_parts.h - what the files that follow references share. */
#ifndef DVSI_RUN_FOLLOW_PARTS_H
#define DVSI_RUN_FOLLOW_PARTS_H

#include "run/follow.h"
#include "run/references.h"

#define DVSI_FOLLOW_KEYS 100 /* in one request */

/* One feed that reads what is referred to. */
typedef struct dvsi_followed {
    dvsi_feed *feed;
    uint32_t kind;   /* of the source's key */
    uint64_t *asked; /* hashes of the keys that were wanted once; 0: free */
    size_t room;     /* a power of two */
    size_t n_asked;
    dvsi_arena arena; /* of the keys */
    dvs_cell *keys;   /* in the order in which they were found */
    size_t n_keys;
    size_t keys_room;
    size_t next;   /* the first that was not asked for yet */
    uint32_t busy; /* an answer is on its way */
    uint32_t over;
    dvs_cell *request_next; /* what will be asked for, as far as the table does not have it */
    uint32_t n_request_next;

    /* The thread's, before its first answer: where a read that tells what changed can start. */
    uint8_t *cursor;
    size_t cursor_length;
    int64_t watermark;

    /* Under the queue's lock: what the thread is to ask for. */
    const dvs_cell *request;
    uint32_t n_request;
    uint32_t gone_as_tombstones; /* keys that do not come back are put as deleted */
    uint32_t end;                /* no more */
} dvsi_followed;

/* A field of a feed's records that refers to what is followed. */
typedef struct dvsi_follow_link {
    const dvsi_feed *feed;
    uint32_t field; /* of its mapping */
    dvsi_followed *to;
} dvsi_follow_link;

struct dvsi_follow {
    dvsi_followed *followed;
    uint32_t n_followed;
    uint32_t begun;  /* all entities are prepared: feeds may read */
    uint32_t rooted; /* the first keys are known: what is followed may be read */
    uint32_t ended;
    uint32_t complete; /* every entity that refers was read completely */
    uint32_t whole;    /* every one that takes part in this run; the others are told by their tables */
    dvsi_arena arena;
    dvsi_run all; /* every entity of the project, for finding references */
    dvsi_reference *references;
    uint32_t n_references;
    dvsi_follow_link *links;
    uint32_t n_links;
};

/* follow.c: a value that refers to a record of the feed. A value that cannot be a key refers to nothing. */
int32_t dvsi_follow_want(dvsi_followed *f, const dvs_cell *value, dvs_error *err);
/* What the fields of a record refer to is wanted. In the order of the feed's mapping. */
int32_t dvsi_follow_fields(const dvsi_feed *feed, const dvs_cell *fields, dvs_error *err);
/* follow_roots.c: the first keys, when all entities that are not followed have ended. Without them what is
 * followed fails. */
void dvsi_follow_roots(dvsi_run *run);
/* follow_table.c: of request_next only what the table does not have stays; what the others refer to is
 * wanted. */
int32_t dvsi_follow_known(dvsi_followed *followed);

/* follow_find.c: who refers to what, when all entities are prepared. A feed that cannot be followed fails. */
int32_t dvsi_follow_find(dvsi_run *run, dvs_error *err);
dvsi_followed *dvsi_follow_of(const dvsi_run *run, const dvsi_feed *feed); /* NULL: it is not one */
/* The entity in this run; NULL: it was not selected. */
dvsi_target *dvsi_follow_target(const dvsi_run *run, const dvsi_entity *entity);
/* Which feed follows this side of a reference; NULL: none. */
dvsi_followed *dvsi_follow_to(const dvsi_run *run, const dvsi_reference_to *to);

#endif
