/*
 * faults.h - what goes wrong, and when.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "request.h"

#define SIM_PHASE_CHALLENGE 1u
#define SIM_PHASE_TOKEN 2u
#define SIM_PHASE_METADATA 4u
#define SIM_PHASE_ROWS 8u

enum sim_fault_kind {
    SIM_FAULT_STATUS, /* an HTTP status of 400 and more */
    SIM_FAULT_MANNER, /* reset, truncate, …: the right answer, sent wrongly */
    SIM_FAULT_LATENCY,
    SIM_FAULT_UNAUTHORIZED,
    SIM_FAULT_HTML,
    SIM_FAULT_EMPTY_BODY,
    SIM_FAULT_CUT_JSON,
    SIM_FAULT_BADGZIP,
    SIM_FAULT_GZIPBOMB,
    SIM_FAULT_REDIRECT,
    SIM_FAULT_PAGE /* of SIM_PAGE_ */
};

/* What a fault does, once it is decided that it happens. */
struct sim_fault {
    const char *name; /* static */
    enum sim_fault_kind kind;
    unsigned phase;
    int status;
    enum sim_manner manner;
    uint32_t page_fault;
    int64_t ms;
    char retry_after[96];   /* the header; "": none */
    int64_t retry_after_ms; /* how long nothing may come; -1: no pause */
    char code[32];
    char message[256];
};

/* A request for which faults are looked up. */
struct sim_occasion {
    unsigned phase;
    const char *table; /* rows: the entity set */
    uint64_t page;     /* rows: 0 when it is no page */
    int last_page;
    int64_t now; /* the simulator's time */
};

struct sim_faults;

struct sim_faults *sim_faults_new(void);
void sim_faults_free(struct sim_faults *faults);
/* `json`: one fault or an array; all of them or none. Their ids as JSON, to be freed; NULL with a line in
 * `message`. */
char *sim_faults_add(struct sim_faults *faults, const char *json, size_t length, char *message, size_t size);
char *sim_faults_list(struct sim_faults *faults, size_t *length);
void sim_faults_clear(struct sim_faults *faults);
/* 1 when a fault happens now (and is used up by one): the first in their order that fits. *latency_ms: what
 * faults of that kind, which never stand in the way of others, add. */
int sim_faults_next(struct sim_faults *faults, const struct sim_occasion *occasion, struct sim_fault *fault,
                    int64_t *latency_ms);

/* Puts the fault in place of the answer, or into it. SIM_FAULT_PAGE and _UNAUTHORIZED are the caller's. */
void sim_fault_apply(const struct sim_fault *fault, const struct sim_request *request,
                     struct sim_answer *answer);

#endif
