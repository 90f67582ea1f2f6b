/*
 * auth_internal.h - shared by the files auth*.c: what is known of the login host, and requests to it.
 */
#ifndef DATAVERSE_AUTH_INTERNAL_H
#define DATAVERSE_AUTH_INTERNAL_H

#include "auth.h"
#include "flight.h"

/* Times of clock_ms(). */
struct dataverse_lease {
    int64_t renew_at_ms;
    int64_t ends_at_ms;
};

struct dataverse_auth {
    struct dataverse_http *http;
    struct dataverse_gate *gate;
    const struct dataverse_settings *settings;
    const dvs_host *host;
    int64_t (*clock_ms)(void); /* never set back, and goes on while the machine sleeps */

    struct dataverse_flights flights;
    struct dataverse_flight flight;
    /* Guarded by the mutex of flights. */
    char *token;                  /* DATAVERSE_TOKEN_MAX bytes; "": none */
    struct dataverse_lease lease; /* of the token */
    int refused;                  /* the login host said no, and will say so again: */
    dvs_error refusal;            /* with these words */

    /* Belong to the thread whose turn it is to get a token. */
    int hurried;    /* there is a good token yet: a failed attempt is not repeated */
    char *endpoint; /* where tokens are given; NULL: not known yet */
    char *scope;
    char login_host[DATAVERSE_HOST_MAX];
    char tenant[256];
};

/* Looks at one answer, any status. DVS_OK: it is what was wanted. Else *err, and in *outcome DATAVERSE_AGAIN
 * or DATAVERSE_FAIL. */
typedef int32_t (*dataverse_auth_judge)(void *context, const struct dataverse_request *request,
                                        const struct dataverse_answer *answer, const char *body,
                                        size_t length, int *outcome, dvs_error *err);

/* Asks until the judge is content, the error stands or the attempts are used up (one, when auth->hurried).
 * Bodies are read up to `max_bytes` and wiped afterwards. */
int32_t dataverse_auth_ask(struct dataverse_auth *auth, const struct dataverse_request *request,
                           size_t max_bytes, dataverse_auth_judge judge, void *context, dvs_error *err);

/* Finds out endpoint and scope, from the settings or by asking the organisation. Sends no secret. */
int32_t dataverse_auth_discover(struct dataverse_auth *auth, const atomic_int *interrupted, dvs_error *err);

/* Gets a token from the endpoint. *refused: the login host's answer will stay no. */
int32_t dataverse_auth_request(struct dataverse_auth *auth, const atomic_int *interrupted, char *token,
                               int64_t *life_ms, int *refused, dvs_error *err);

/* Out of memory, in the words of this plugin. */
int32_t dataverse_auth_no_memory(dvs_error *err);

#endif
