/*
 * api.h - authorised GETs below the organisation's address, with everything that can be done about failures
 * done: retries, the pause gate, one new token after a 401. Never follows an address of another origin.
 */
#ifndef DATAVERSE_API_H
#define DATAVERSE_API_H

#include <stdatomic.h>

#include "auth.h"

struct dataverse_api {
    struct dataverse_http *http;
    struct dataverse_gate *gate;
    struct dataverse_auth *auth;
    const struct dataverse_settings *settings;
    char *base; /* https://org.crm.dynamics.com/api/data/v9.2/ */
    struct dataverse_origin origin;
};

/* Makes http, gate and auth from settings. Connects to nothing. */
int32_t dataverse_api_init(struct dataverse_api *api, const dvs_host *host,
                           const struct dataverse_settings *settings, dvs_error *err);
void dataverse_api_free(struct dataverse_api *api);

/* GETs a document, whole: `path` below the base, or an absolute address of the same origin. `body` is cleared
 * first. At most `max_bytes`. `check` (NULL: none) looks at the body of a 200; a non-zero answer counts as
 * unreadable: it is tried again and, in the end, reported. *outcome (DATAVERSE_FAIL, ...) says why it failed;
 * may be NULL. */
int32_t dataverse_api_get(struct dataverse_api *api, const char *path, const char *accept, const char *what,
                          size_t max_bytes, int (*check)(const char *body, size_t length),
                          const atomic_int *interrupted, struct dataverse_buffer *body, int *outcome,
                          dvs_error *err);

/*
 * One page of records as it arrives. All zero is closed.
 *     open → read … → DVS_END → close
 * When an attempt fails, read() answers DATAVERSE_PAGE_AGAIN (no status of the host's): the page begins once
 * more from its first byte; the caller clears its buffer, forgets what it knew of the page but the records
 * that it has passed on, and calls read() again. Waiting and counting has been done then.
 */
#define DATAVERSE_PAGE_AGAIN 1000

struct dataverse_pull {
    struct dataverse_api *api;
    struct dataverse_transfer *transfer;
    char *url;
    char *accept;
    char *prefer;
    char *what;
    char *token; /* the one that the transfer carries */
    const atomic_int *interrupted;
    struct dataverse_retry retry;
    int headers;  /* the headers of this attempt were looked at: it is a 200 */
    int renewed;  /* a 401 was answered with a new token once */
    int64_t date; /* of the first answer; INT64_MIN: none yet */
};

/* Begins to ask for a page. `ahead`: only if that needs no waiting (a free slot, an open gate, a good token);
 * else it begins with the first read(). Does not fail for reasons of the network. */
int32_t dataverse_pull_open(struct dataverse_pull *pull, struct dataverse_api *api, const char *url,
                            const char *prefer, const char *what, const atomic_int *interrupted, int ahead,
                            dvs_error *err);
/* As dataverse_transfer_read(), and DATAVERSE_PAGE_AGAIN. Only bodies of a 200 come out; *outcome as
 * above. */
int32_t dataverse_pull_read(struct dataverse_pull *pull, struct dataverse_buffer *body, size_t limit,
                            int *outcome, dvs_error *err);
/* As dataverse_pull_read() for what is there already, but never waits; a failure shows at the next read. For
 * letting the download run ahead of the parser. */
void dataverse_pull_fill(struct dataverse_pull *pull, struct dataverse_buffer *body, size_t limit);
/* 1 when the last byte of the body is in `body`. */
int dataverse_pull_complete(const struct dataverse_pull *pull);
/* The body of a 200 was no page (cut JSON, an error inside, HTML): counts as a failed attempt.
 * DATAVERSE_PAGE_AGAIN after waiting, or the error that stands. `problem` in words. */
int32_t dataverse_pull_unreadable(struct dataverse_pull *pull, const char *problem, dvs_error *err);
void dataverse_pull_close(struct dataverse_pull *pull);

#endif
