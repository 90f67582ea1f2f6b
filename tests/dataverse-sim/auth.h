/*
 * auth.h - sign-in: the challenge, the token endpoint, which tokens are good.
 */
#ifndef SIM_AUTH_H
#define SIM_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "clock.h"
#include "options.h"

struct sim_auth;

struct sim_auth *sim_auth_new(const struct sim_options *options, struct sim_clock *clock);
void sim_auth_free(struct sim_auth *auth);

/* The 401 to a call without a token. `origin`: http://127.0.0.1:PORT, without a slash. */
void sim_auth_challenge(struct sim_auth *auth, const char *origin, struct sim_answer *answer);
/* The token endpoint at `path`: `form` is the body of the POST, `content_type` its header or NULL. */
void sim_auth_token(struct sim_auth *auth, const char *origin, const char *path, const char *content_type,
                    const char *form, size_t length, struct sim_answer *answer);

/* What a token that came as a bearer is worth. */
#define SIM_BEARER_GOOD 0
#define SIM_BEARER_UNKNOWN 1
#define SIM_BEARER_EXPIRED 2
#define SIM_BEARER_REFUSED 3
/* *number: the how manieth token it is, from 1; -1 for one that is not ours. */
int sim_auth_check(struct sim_auth *auth, const char *bearer, int64_t *number);
/* A 401 was given to this token, at a request of this address: from now on it is refused. */
void sim_auth_refuse(struct sim_auth *auth, int64_t number, const char *uri);
/*
 * Whether a request that arrived at `arrived_ms` (monotonic) uses a token against the rules: the same address
 * again although it had its 401, or any address when the 401 is a while ago (what other threads had under way
 * is fine).
 */
int sim_auth_misused(struct sim_auth *auth, int64_t number, const char *uri, int64_t arrived_ms);
/* The 401 to a token that is not good. */
void sim_auth_deny(struct sim_auth *auth, const char *origin, struct sim_answer *answer);

/* The value of a field of an application/x-www-form-urlencoded text, decoded, to be freed; NULL when it is
 * not there (or memory is out). For tests. */
char *sim_form_field(const char *form, size_t length, const char *name);

#endif
