/*
 * answer.h - what is going to be sent, and in which manner.
 */
#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include <stddef.h>
#include <stdint.h>

enum sim_manner {
    SIM_SEND,                  /* as it should be */
    SIM_SEND_RESET,            /* half of the body, then a TCP reset */
    SIM_SEND_TRUNCATE,         /* half of what Content-Length promises, then the end of the connection */
    SIM_SEND_TRUNCATE_CHUNKED, /* half of the body in chunks, no last chunk */
    SIM_SEND_SLOW,             /* in small pieces over `ms` */
    SIM_SEND_STALL,            /* half of the body, then nothing, until the client goes away */
    SIM_SEND_NEVER             /* no answer, until the client goes away */
};

#define SIM_HEADERS_MAX 20

/* All zero is empty. */
struct sim_answer {
    int status;
    struct {
        const char *name; /* static */
        char *value;
    } headers[SIM_HEADERS_MAX];
    size_t n_headers;
    char *body;
    size_t length;
    enum sim_manner manner;
    int64_t delay_ms; /* before the first byte */
    int64_t ms;       /* of SIM_SEND_SLOW */
    int compressed;   /* the body is gzip already, or pretends to be */
    int failed;       /* memory was out */
};

void sim_answer_clear(struct sim_answer *answer);
__attribute__((format(printf, 3, 4))) void sim_answer_header(struct sim_answer *answer, const char *name,
                                                             const char *format, ...);
/* Takes `body`; NULL counts as out of memory. */
void sim_answer_take(struct sim_answer *answer, int status, const char *content_type, char *body,
                     size_t length);
void sim_answer_text(struct sim_answer *answer, int status, const char *content_type, const char *body);
/* {"error":{"code":…,"message":…}}, as the Web API words its errors. */
void sim_answer_error(struct sim_answer *answer, int status, const char *code, const char *message);

#endif
