/*
 * options.h - the command line of dvsync-sim.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#define SIM_TENANT_DEFAULT "a1b2c3d4-0000-4000-8000-5157a70b1e55"

/* How the 401 to a call without a token says where to get one. */
enum sim_challenge {
    SIM_CHALLENGE_PLAIN, /* values without quotes, as recorded from the service */
    SIM_CHALLENGE_QUOTED,
    SIM_CHALLENGE_NO_RESOURCE, /* older organisations */
    SIM_CHALLENGE_MIXED,       /* odd case, order and spaces */
    SIM_CHALLENGE_SEVERAL,     /* another scheme's header first, as on premises */
    SIM_CHALLENGE_NONE         /* a 401 without the header */
};

struct sim_rows {
    const char *name; /* of the entity set; not NUL-ended: name_length */
    size_t name_length;
    uint64_t rows;
    unsigned columns; /* 0: the table's own */
};

/* Strings are the command line's. */
struct sim_options {
    uint16_t port;
    struct sim_rows *rows;
    size_t n_rows;
    const char **data;
    size_t n_data;
    const char **faults;
    size_t n_faults;
    uint64_t seed;
    int gzip;
    int64_t token_seconds;
    int64_t latency_ms;
    unsigned max_concurrent;
    const char *client_id;
    const char *client_secret;
    const char *tenant;
    const char *ready_file;
    int64_t time; /* INT64_MIN: the machine's */
    enum sim_challenge challenge;
    int expires_in_string;
    int help;
};

#define SIM_EXIT_USAGE 64

/* 0, or -1 with a line in `message`. What --rows and --columns say of one set is one entry. Free in both
 * cases. */
int sim_options_read(struct sim_options *options, int argc, char *const *argv, char *message, size_t size);
void sim_options_free(struct sim_options *options);
extern const char sim_options_help[];

#endif
