/*
 * log.h - which requests came, and what was wrong with them.
 */
#ifndef SIM_LOG_H
#define SIM_LOG_H

#include <stddef.h>
#include <stdint.h>

struct sim_log;

struct sim_log_entry {
    uint64_t number;   /* in the order of arrival */
    int64_t time;      /* the simulator's, at arrival */
    int64_t ms;        /* since the simulator started, at arrival */
    const char *phase; /* static: challenge, token, metadata, rows, other */
    const char *method;
    const char *path;
    const char *query; /* NULL: none */
    uint64_t page;     /* rows; 0: none */
    int status;        /* 0: no answer was given */
    const char *fault; /* static; NULL: none */
    size_t bytes;      /* of the body, as sent (or meant to be sent) */
    int64_t bearer;    /* the how manieth token; 0: none, -1: no token of ours */
};

struct sim_log *sim_log_new(void);
void sim_log_free(struct sim_log *log);
uint64_t sim_log_number(struct sim_log *log);
/* Copies the entry. Only the newest 20,000 are kept. */
void sim_log_add(struct sim_log *log, const struct sim_log_entry *entry);
__attribute__((format(printf, 3, 4))) void sim_log_violation(struct sim_log *log, uint64_t number,
                                                             const char *format, ...);
/* JSON Lines and a JSON array, to be freed; NULL when memory is out. */
char *sim_log_requests(struct sim_log *log, size_t *length);
char *sim_log_violations(struct sim_log *log, size_t *length);
/* Forgets both; numbers go on. */
void sim_log_clear(struct sim_log *log);

#endif
