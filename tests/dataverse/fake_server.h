/*
 * fake_server.h - an HTTP server for unit tests, on a port of 127.0.0.1, that answers from a script, well or
 * badly. The n-th request that it gets, on whatever connection, is answered with the n-th reply; the last
 * reply stands for all that follow.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <stddef.h>

#define FAKE_KEEP 0  /* the connection stays open for the next request */
#define FAKE_CLOSE 1 /* closed in the orderly way */
#define FAKE_RESET 2 /* the peer gets a reset */
#define FAKE_HANG 3  /* stays open, and nothing more is sent or read */

struct fake_reply {
    const char *head; /* NULL: nothing is sent */
    const char *body;
    size_t length; /* of the body; 0: strlen */
    size_t piece;  /* bytes of the body per write; 0: all at once */
    int pause_ms;  /* before each piece */
    int delay_ms;  /* before the head */
    int end;       /* FAKE_ */
    int no_length; /* 0: "Content-Length" and the empty line are added to the head */
    long claim;    /* not 0: what Content-Length says */
};

struct fake_server;

/* The script is copied, its texts are not. Fails by abort(). */
struct fake_server *fake_server_new(const struct fake_reply *replies, size_t n);
void fake_server_free(struct fake_server *server);

/* "http://127.0.0.1:PORT" */
const char *fake_server_url(const struct fake_server *server);
size_t fake_server_requests(struct fake_server *server);
/* Head and body of the i-th request, as received. Valid until free. */
const char *fake_server_request(struct fake_server *server, size_t i);
size_t fake_server_connections(struct fake_server *server);
/* The most requests that were being answered at one time. */
size_t fake_server_most_at_once(struct fake_server *server);
/* Bytes that the server could write so far, of all replies. */
size_t fake_server_written(struct fake_server *server);

/* gzip data that inflates to the text (stored blocks); malloc'd. */
char *fake_gzip(const char *text, size_t length, size_t *gzip_length);
/* gzip data of `length` bytes that inflates to about 1000 times as much. */
char *fake_gzip_bomb(size_t length);

#endif
