/*
 * send.h - gives an answer to libmicrohttpd, in the manner that it asks for.
 */
#ifndef SIM_SEND_H
#define SIM_SEND_H

#include <stdatomic.h>

#include <microhttpd.h>

#include "answer.h"

/* Queues the answer, after its delay; takes its body. Waits end early when *stopping is set or the client
 * goes away. */
enum MHD_Result sim_send(struct MHD_Connection *connection, struct sim_answer *answer,
                         const atomic_int *stopping);

#endif
