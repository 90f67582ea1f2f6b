/*
 * api.h - what the organisation answers to a GET, without HTTP: metadata, rows, pages. Pure functions over
 * the store.
 */
#ifndef SIM_API_H
#define SIM_API_H

#include <stddef.h>
#include <stdint.h>

#include "store.h"

/* Faults inside a page, for tests of clients. */
#define SIM_PAGE_LOOP 1u       /* the nextLink is the page's own address              */
#define SIM_PAGE_FOREIGN 2u    /* the nextLink points to another host                 */
#define SIM_PAGE_DUPLICATES 4u /* the page begins with the last rows of the one before */
#define SIM_PAGE_EMPTY_LAST 8u /* behind the last page comes an empty one             */
#define SIM_PAGE_ERROR 16u     /* an {"error":…} object stands behind half of the rows */

struct sim_call {
    const char *path;       /* below /api/data/v9.2/, percent-decoded: accounts,
                               EntityDefinitions(LogicalName='account')/Attributes, $metadata, WhoAmI */
    const char *query;      /* behind the ?, as received; NULL: none */
    const char *base;       /* http://127.0.0.1:8080/api/data/v9.2/, for links in the answer */
    uint32_t max_page_size; /* of Prefer; 0: none */
    int annotations;        /* Prefer asked for annotations */
    uint32_t faults;        /* SIM_PAGE_ */
};

struct sim_reply {
    int status;               /* HTTP */
    const char *content_type; /* static */
    char *body;               /* to be freed */
    size_t length;
    uint64_t page;       /* rows: which page of its read this is, from 1; 0: no page of rows */
    int last_page;       /* rows: no nextLink follows */
    char violation[256]; /* what the client did against the protocol; "": nothing (a skiptoken that was
                            tampered with, …) */
};

/* Always gives a reply (errors as the service words them: {"error":{"code":"0x…","message":…}}); -1 only when
 * memory is out. */
int sim_api_get(struct sim_store *store, const struct sim_call *call, struct sim_reply *reply);

#endif
