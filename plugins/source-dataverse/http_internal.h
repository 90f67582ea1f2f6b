/* http_internal.h - what http.c, http_transfer.c and http_header.c share. */
#ifndef DATAVERSE_HTTP_INTERNAL_H
#define DATAVERSE_HTTP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <curl/curl.h>

#include "http.h"
#include "retry.h"
#include "url.h"
#include "wait.h"

/* An easy and a multi handle with the connections that they keep. One transfer uses it at a time. */
struct dataverse_line {
    CURL *easy;
    CURLM *multi;
    struct dataverse_line *next;
};

struct dataverse_http {
    const dvs_host *host;
    struct dataverse_gate *gate;
    int64_t timeout_ms;
    uint32_t max_concurrent;
    char *ca_file;
    CURLSH *share; /* names and TLS sessions */
    pthread_mutex_t share_mutex[CURL_LOCK_DATA_LAST];
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t slot_free;
    struct dataverse_line *idle;
    struct dataverse_transfer *running; /* those that hold a slot */
    struct dataverse_slot_waiter *waiters;
};

#define DATAVERSE_BROKEN_MEMORY 1
#define DATAVERSE_BROKEN_HEADERS 2 /* more than 64 KB of them */
#define DATAVERSE_BROKEN_BOMB 3    /* inflates too much */

struct dataverse_transfer {
    struct dataverse_http *http;
    struct dataverse_line *line;                /* NULL: complete */
    struct dataverse_transfer *next, *previous; /* in http->running */
    _Atomic int64_t driven_ms;                  /* when somebody drove it last, and who */
    _Atomic pthread_t driver;
    struct curl_slist *headers;
    char *url;
    char *form;
    char *what;
    struct dataverse_buffer early; /* what comes while nobody reads */
    struct dataverse_buffer *body; /* where bytes go now: early, or the reader's */
    size_t limit;                  /* above so many in it the transfer pauses */
    int paused;
    struct dataverse_answer answer;
    char *retry_after;
    size_t header_bytes;
    int headers_done;
    int broken; /* DATAVERSE_BROKEN_: why a callback ended the transfer; 0: none did */
    const atomic_int *interrupted;
    uint64_t inflated; /* bytes of the body so far */
    dvs_error failure; /* of a transfer that is complete; status DVS_OK: it went well */
    char detail[CURL_ERROR_SIZE];
};

/* http_transfer.c: this thread drives it now. */
void dataverse_transfer_driven(struct dataverse_transfer *t);

/* http.c: lines and slots. Taking a slot: 1 when the transfer has one. */
struct dataverse_line *dataverse_line_take(struct dataverse_http *http);
void dataverse_line_give(struct dataverse_http *http, struct dataverse_line *line);
int dataverse_slot_try(struct dataverse_http *http, struct dataverse_transfer *transfer);
int32_t dataverse_slot_wait(struct dataverse_http *http, struct dataverse_transfer *transfer, dvs_error *err);
void dataverse_slot_give(struct dataverse_http *http, struct dataverse_transfer *transfer);

/* http_header.c: one line of the answer's head, with its end. 0, or -1 to end the transfer (t->broken). */
int dataverse_header_line(struct dataverse_transfer *t, const char *line, size_t length);

/* http_failure.c: why the transfer failed goes to t->failure. It still has its line. */
void dataverse_http_explain(struct dataverse_transfer *t, CURLcode code);
void dataverse_http_explain_silence(struct dataverse_transfer *t);

/* http_request.c: sets the line's easy handle up for the request. */
int32_t dataverse_request_prepare(struct dataverse_transfer *t, const struct dataverse_request *request,
                                  dvs_error *err);
/* 1 when the body has inflated to too much for what was received and what libcurl has not counted yet. */
int dataverse_request_is_bomb(const struct dataverse_transfer *t, uint64_t uncounted);

#endif
