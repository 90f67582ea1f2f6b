/*
 * http.h - requests over libcurl: one attempt each. Redirects are never followed, TLS 1.2 or newer, HTTP/1.1
 * (an HTTP/2 window would be buffered for every stream that waits for the sink), gzip, headers at most 64 KB.
 * What to do after a failure is the business of retry.h.
 *
 * struct dataverse_http belongs to a source and is thread-safe; a transfer belongs to one thread.
 */
#ifndef DATAVERSE_HTTP_H
#define DATAVERSE_HTTP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <dvsync/plugin.h>

#include "buffer.h"

struct dataverse_http;
struct dataverse_transfer;

struct dataverse_http_options {
    int64_t timeout_seconds; /* no byte, or no connection, for so long: the attempt failed; 0: 60 */
    uint32_t max_concurrent; /* requests of this source that may be under way at once */
    const char *ca_file;     /* NULL: the system's */
};

int32_t dataverse_http_new(const dvs_host *host, const struct dataverse_http_options *options,
                           struct dataverse_http **http, dvs_error *err);
void dataverse_http_free(struct dataverse_http *http);
const dvs_host *dataverse_http_host(const struct dataverse_http *http);

struct dataverse_gate;
/* The pause gate that every request passes from now on; NULL: none. Before the first request. */
void dataverse_http_use_gate(struct dataverse_http *http, struct dataverse_gate *gate);

struct dataverse_request {
    const char *url;
    const char *form;              /* body of a POST, application/x-www-form-urlencoded; NULL: GET */
    const char *accept;            /* NULL: application/json */
    const char *prefer;            /* NULL: none */
    const char *bearer;            /* access token; NULL: none */
    const char *what;              /* for messages: "page 3 of accounts", "the token" */
    const atomic_int *interrupted; /* not 0: waits end, as if the host had cancelled; NULL: none */
};

/* What came back of one attempt, body aside. */
struct dataverse_answer {
    long status;  /* 0: no answer */
    int64_t date; /* header Date, as DVS_TIMESTAMP; INT64_MIN: none */
    int64_t
        retry_after_ms;  /* header Retry-After, in seconds or as a date (less Date, else our clock); or -1 */
    char *challenge;     /* WWW-Authenticate, several joined with ", "; NULL: none */
    char request_id[80]; /* x-ms-service-request-id or REQ_ID; "" */
    char redirect[256];  /* Location without its query, for messages; "" */
};

/*
 * Begins a request: connects and sends as far as that goes without waiting. Passes the pause gate and takes a
 * slot of max_concurrent, waiting for both (polls host->cancelled) unless `try_only`: then *transfer is NULL
 * with DVS_OK when the gate is closed, no slot is free or somebody waits for one. Copies what it needs of the
 * request. A slot is held until the transfer is complete or freed; slots are given in the order in which they
 * were waited for. So that nobody waits for ever for transfers whose threads wait for something else, a
 * transfer is not counted whose thread waits for a slot itself, or that nobody has driven for ten seconds.
 */
int32_t dataverse_transfer_start(struct dataverse_http *http, const struct dataverse_request *request,
                                 int try_only, struct dataverse_transfer **transfer, dvs_error *err);
/* Waits until the headers are in; what comes of the body stays inside. Errors as of read(). */
int32_t dataverse_transfer_headers(struct dataverse_transfer *transfer, dvs_error *err);
/* Ends it, finished or not. NULL is fine. */
void dataverse_transfer_free(struct dataverse_transfer *transfer);

/*
 * Lets the transfer go on: waits until `body` holds more bytes than before, or the body is complete. Not more
 * than about `limit` bytes are kept in `body` (but always at least one more byte than there is): then the
 * connection is paused. DVS_OK: there is more; DVS_END: the body is complete, all of it is in `body`. Any
 * other status: the attempt failed (network, timeout, body cut short, inflated to over 200 times what came);
 * err->status is DVS_E_NETWORK or DVS_E_TIMEOUT for what may be tried again, answer() tells the rest. A
 * status of 400 and more is no failure here: the body is the error's. DVS_E_CANCELLED when host->cancelled()
 * says so.
 */
int32_t dataverse_transfer_read(struct dataverse_transfer *transfer, struct dataverse_buffer *body,
                                size_t limit, dvs_error *err);
/* As read() for what is there already: never waits; a failure shows at the next read(). */
void dataverse_transfer_fill(struct dataverse_transfer *transfer, struct dataverse_buffer *body,
                             size_t limit);
/* Lets it go on without waiting; for a page that is requested while the one before is parsed. */
void dataverse_transfer_nudge(struct dataverse_transfer *transfer);
/* 1 when the body came whole and all of it was given out. Then no slot is held any more. */
int dataverse_transfer_is_given(const struct dataverse_transfer *transfer);
/* Valid as long as the transfer; the headers are in as soon as read() has given a byte or DVS_END. */
const struct dataverse_answer *dataverse_transfer_answer(const struct dataverse_transfer *transfer);

#endif
