/*
 * watch.h - whether the client keeps to the protocol. What it does wrong goes to the log as violations. (What
 * concerns links to further pages is seen by those who make them: sim_reply.violation.)
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "request.h"

struct sim_watch;

struct sim_watch *sim_watch_new(struct sim_log *log);
void sim_watch_free(struct sim_watch *watch);

/* A request to the Web API begins and ends. */
void sim_watch_enter(struct sim_watch *watch);
void sim_watch_leave(struct sim_watch *watch);
/* 1 when more than `max` are under way. Waits a moment before it says so: an answer that the client has in
 * full may not be counted as ended yet. */
int sim_watch_crowded(struct sim_watch *watch, unsigned max);

/* An answer with Retry-After is about to be sent: nothing is to come for `ms` milliseconds. */
void sim_watch_pause(struct sim_watch *watch, int64_t ms);
/* Forgets a pause (with the log). */
void sim_watch_reset(struct sim_watch *watch);

/* Any request: the pause; the secret and bearers where they do not belong; lengths. `web`: it is below
 * /api/data. */
void sim_watch_any(struct sim_watch *watch, const struct sim_request *request, const char *secret, int web,
                   int token);
/* A GET with a good token: headers and query. `rows`: `below` is an entity set. */
void sim_watch_get(struct sim_watch *watch, const struct sim_request *request, const char *below, int rows);

#endif
