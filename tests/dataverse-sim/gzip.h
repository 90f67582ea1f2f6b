/*
 * gzip.h - compressed bodies, kept for as long as there is room.
 */
#ifndef SIM_GZIP_H
#define SIM_GZIP_H

#include <stddef.h>

#include "answer.h"

struct sim_gzip;

struct sim_gzip *sim_gzip_new(void);
void sim_gzip_free(struct sim_gzip *gzip);
/* 1 when the header Accept-Encoding (NULL: none) allows gzip. */
int sim_gzip_accepted(const char *accept_encoding);
/* Compresses the body of the answer and says so in its headers. `gzip` may be NULL: nothing is kept then. */
void sim_gzip_answer(struct sim_gzip *gzip, struct sim_answer *answer);

#endif
