/*
 * auth.h - the access token of a source: where to get it (the challenge of the organisation, or the setting
 * `authority`), client credentials, renewal. Thread-safe: one thread gets a new one, the others wait for it.
 */
#ifndef DATAVERSE_AUTH_H
#define DATAVERSE_AUTH_H

#include <stdatomic.h>

#include "retry.h"
#include "settings.h"

struct dataverse_auth;

#define DATAVERSE_TOKEN_MAX 16384

int32_t dataverse_auth_new(struct dataverse_http *http, struct dataverse_gate *gate,
                           const struct dataverse_settings *settings, struct dataverse_auth **auth,
                           dvs_error *err);
void dataverse_auth_free(struct dataverse_auth *auth);

/*
 * Copies a token that is good for five minutes at least (or for half its life if that is shorter) to `token`
 * (DATAVERSE_TOKEN_MAX bytes), getting one when there is none; while the login host does not answer, one that
 * is good for a minute will do. `refused`: a token that the service has just
 * answered 401 to, NULL at first; then a newer one than that is got. Fails at once with the same error for
 * 401 answers when the login host says no (invalid_client and the like: not tried again). `interrupted` as in
 * struct dataverse_request.
 */
int32_t dataverse_auth_token(struct dataverse_auth *auth, const char *refused, const atomic_int *interrupted,
                             char *token, dvs_error *err);
/* 1 and a copy of a token that is good in that sense, if one is there and nobody is renewing it; 0 else.
 * Never waits, asks nobody. */
int dataverse_auth_try_token(struct dataverse_auth *auth, char *token);
/* The service refused a token that was got for this very request: nobody is given it again. */
void dataverse_auth_drop(struct dataverse_auth *auth, const char *token);

/* For tests and the fuzzer: what a WWW-Authenticate header says, tolerant: scheme and keys without regard to
 * case, with or without quotes, parts in any order. 0, or -1 when there is no authorization_uri in a Bearer
 * challenge. The texts are NUL-ended; resource is "" when there is none. */
int dataverse_challenge_parse(const char *header, char *authorization_uri, char *resource, size_t size);

#endif
