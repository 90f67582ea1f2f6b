/*
 * server.h - the HTTP server: takes requests apart, gives them to those who answer, sends the answers.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "auth.h"
#include "clock.h"
#include "faults.h"
#include "gzip.h"
#include "log.h"
#include "options.h"
#include "request.h"
#include "store.h"
#include "watch.h"

/* What all answerers share. */
struct sim {
    const struct sim_options *options;
    struct sim_store *store;
    struct sim_clock clock;
    struct sim_auth *auth;
    struct sim_faults *faults;
    struct sim_log *log;
    struct sim_watch *watch;
    struct sim_gzip *gzip;
    int64_t started_ms;
};

/* The parts that need no network; NULL fields when memory is out: -1. The store is added by the caller. */
int sim_init(struct sim *sim, const struct sim_options *options);
void sim_free(struct sim *sim);

struct sim_server;

/* Listens on 127.0.0.1. NULL with a line in `message`. */
struct sim_server *sim_server_start(struct sim *sim, char *message, size_t size);
uint16_t sim_server_port(const struct sim_server *server);
/* Ends answers that wait, and all connections. */
void sim_server_stop(struct sim_server *server);

/* The answerers; each fills what it knows of the log entry, whose other fields are set already. */
void sim_web_answer(struct sim *sim, const struct sim_request *request, struct sim_answer *answer,
                    struct sim_log_entry *entry);
void sim_token_answer(struct sim *sim, const struct sim_request *request, struct sim_answer *answer,
                      struct sim_log_entry *entry);
/* Below /sim/. *stop is set to 1 when the program is to end after this answer. */
void sim_control_answer(struct sim *sim, const struct sim_request *request, struct sim_answer *answer,
                        int *stop);

#endif
