/*
 * request.h - a request as it came, and what its Prefer says.
 */
#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include <stddef.h>
#include <stdint.h>

/* Borrowed texts, NULL where there is none. */
struct sim_request {
    uint64_t number;
    int64_t arrived_ms; /* monotonic */
    const char *method;
    const char *uri;  /* as received */
    const char *path; /* up to the ?, as received */
    const char *query;
    char origin[64]; /* http://127.0.0.1:PORT */
    const char *accept;
    const char *accept_encoding;
    const char *authorization;
    const char *bearer; /* the token within authorization */
    const char *content_type;
    const char *odata_version;
    const char *odata_max_version;
    const char *prefer;   /* all of its lines, joined with ", " */
    int secret_in_header; /* some header holds the client secret */
    const char *body;
    size_t length;
};

struct sim_prefer {
    uint32_t max_page_size; /* 0: none, or one that the service ignores */
    int has_page_size;      /* one was asked for, whatever it was */
    int annotations;        /* any were asked for */
    char applied[1024];     /* what Preference-Applied echoes */
};

/* Microsoft's documentation: page results (sizes above 5000 are ignored) and include-annotations. `text` may
 * be NULL. */
void sim_prefer_read(const char *text, struct sim_prefer *prefer);
/* 1 when the query has this option ("$select"), its name percent-encoded or not. */
int sim_query_has(const char *query, const char *name);
/* The path below /api/data/v9.x/, percent-decoded, to be freed; *known is 0 when it is not below that. NULL
 * when memory is out or !*known. */
char *sim_path_below(const char *path, int *known);
/* 1 when the text holds `secret` as it is or percent-encoded. */
int sim_holds_secret(const char *text, size_t length, const char *secret);

#endif
