/*
 * retry.h - what an answer means, how often and when to try again, and the pause gate that all requests of a
 * source pass.
 */
#ifndef DATAVERSE_RETRY_H
#define DATAVERSE_RETRY_H

#include <stdatomic.h>
#include <stdint.h>

#include <dvsync/plugin.h>

#include "http.h"

/* What to do after a failed attempt. */
#define DATAVERSE_FAIL 0  /* give up: the error stands */
#define DATAVERSE_AGAIN 1 /* the same once more: network, timeout, unreadable, 408, 429, 5xx but 501, 505 */
#define DATAVERSE_UNAUTHORIZED 2 /* 401: once more with a new token */
#define DATAVERSE_NO_PROPERTY 3  /* 400, a column that is no more: read the schema anew */
#define DATAVERSE_NO_RESUME 4    /* a link or token is refused (0x80044352, 410): read in full */

/*
 * Classifies an answer with status >= 300 and fills *err for the user: what was asked, status, the service's
 * own code (hexadecimal or signed decimal; into err->native_code, which has the status if there is none) and
 * message (JSON or not; HTML is not shown, nor what may repeat a secret: an answer to a form, or one with
 * the bearer token in it), request id, and what to do: a role for 403 0x80072560, and so on. `body` is the
 * error's body, any bytes.
 */
int dataverse_failure(const struct dataverse_request *request, const struct dataverse_answer *answer,
                      const char *body, size_t length, dvs_error *err);

/* Counts attempts of one thing. All zero is fresh; reset it after success. */
struct dataverse_retry {
    uint32_t attempts;
    int64_t waited_ms;
};

struct dataverse_gate;
/* One gate per source: `max_retries` for each thing that is tried. Thread-safe. */
struct dataverse_gate *dataverse_gate_new(const dvs_host *host, uint32_t max_retries);
void dataverse_gate_free(struct dataverse_gate *gate);
/* Waits until no pause is on; DVS_E_CANCELLED. dataverse_transfer_start() calls it. */
int32_t dataverse_gate_pass(struct dataverse_gate *gate, const atomic_int *interrupted, dvs_error *err);
/* 1 when no pause is on. */
int dataverse_gate_is_open(const struct dataverse_gate *gate);
/*
 * After DATAVERSE_AGAIN: decides whether there is another attempt, and waits for it: Retry-After in full for
 * 429 and 503 (it closes the gate for everybody so long), else exponential with jitter (from 0.5 s to 30 s),
 * polling host->cancelled(), with no slot held. DVS_OK: try again. Else the error that stands: *err with the
 * number of attempts added, or DVS_E_CANCELLED. All waiting for one thing together is capped (an hour; a
 * Retry-After beyond that is an error).
 */
int32_t dataverse_retry_wait(struct dataverse_gate *gate, struct dataverse_retry *retry,
                             const struct dataverse_answer *answer, const atomic_int *interrupted,
                             dvs_error *err);

#endif
