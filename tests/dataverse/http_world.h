/* http_world.h - a host, a server with a script and the http object between them; for test_http*.c. */
#ifndef HTTP_WORLD_H
#define HTTP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "fake_server.h"
#include "http.h"
#include "retry.h"

#define HEAD "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 15:00:00 GMT\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define GZIP HEAD "Content-Encoding: gzip\r\n"
#define DATE INT64_C(1795273200000000)

#define MAYBE_UNUSED __attribute__((unused))

struct world {
    struct fake_host *host;
    struct fake_server *server;
    struct dataverse_http *http;
    struct dataverse_buffer body;
    dvs_error err;
};

MAYBE_UNUSED static int open_servers(struct world *w, const struct fake_reply *replies, size_t n,
                                     uint32_t max_concurrent)
{
    struct dataverse_http_options options = {1, 0, NULL};
    memset(w, 0, sizeof *w);
    options.max_concurrent = max_concurrent;
    w->err.struct_size = (uint32_t)sizeof w->err;
    w->host = fake_host_new();
    w->server = fake_server_new(replies, n);
    return dataverse_http_new(&w->host->host, &options, &w->http, &w->err);
}

MAYBE_UNUSED static void open_world(struct world *w, const struct fake_reply *replies, size_t n)
{
    assert_int_equal(open_servers(w, replies, n, 4), DVS_OK);
}

MAYBE_UNUSED static void close_world(struct world *w)
{
    dataverse_http_free(w->http);
    dataverse_buffer_free(&w->body);
    fake_server_free(w->server);
    fake_host_free(w->host);
}

MAYBE_UNUSED static struct dataverse_transfer *start(struct world *w)
{
    struct dataverse_request request = {0};
    struct dataverse_transfer *transfer = NULL;
    char url[100];
    snprintf(url, sizeof url, "%s/x?secret=1", fake_server_url(w->server));
    request.url = url;
    request.what = "the test";
    assert_int_equal(dataverse_transfer_start(w->http, &request, 0, &transfer, &w->err), DVS_OK);
    assert_non_null(transfer);
    return transfer;
}

/* Reads to the end; the status that was not DVS_OK. */
MAYBE_UNUSED static int32_t read_all(struct world *w, struct dataverse_transfer *transfer)
{
    int32_t status;
    do
        status = dataverse_transfer_read(transfer, &w->body, 1000000000, &w->err);
    while (status == DVS_OK);
    return status;
}

/* One request to a server with this one reply. */
MAYBE_UNUSED static int32_t once(struct world *w, struct fake_reply reply)
{
    struct dataverse_transfer *transfer;
    int32_t status;
    open_world(w, &reply, 1);
    transfer = start(w);
    status = read_all(w, transfer);
    dataverse_transfer_free(transfer);
    return status;
}

MAYBE_UNUSED static void assert_body(const struct world *w, const char *text, size_t length)
{
    assert_int_equal(w->body.length, length);
    assert_memory_equal(w->body.data + w->body.start, text, length);
}

MAYBE_UNUSED static void assert_message(const struct world *w, const char *part)
{
    if (strstr(w->err.message, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, w->err.message);
    assert_null(strstr(w->err.message, "secret"));
}

#endif
