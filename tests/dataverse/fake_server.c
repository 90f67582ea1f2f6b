/* fake_server.c - see fake_server.h. A thread accepts, one thread serves each connection. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fake_server.h"

#define REQUESTS_MAX 256
#define CONNECTIONS_MAX 128
#define REQUEST_SIZE 65536

struct connection {
    struct fake_server *server;
    int fd;
    pthread_t thread;
};

struct fake_server {
    int fd;
    char url[64];
    pthread_t thread;
    atomic_int stop;
    pthread_mutex_t mutex;
    struct fake_reply *replies;
    size_t n_replies;
    char *requests[REQUESTS_MAX];
    size_t n_requests;
    struct connection connections[CONNECTIONS_MAX];
    size_t n_connections;
    size_t at_once, most_at_once;
    _Atomic size_t written;
};

static void nap(struct fake_server *server, int ms)
{
    while (ms > 0 && !atomic_load(&server->stop)) {
        struct timespec time = {0, (ms < 10 ? ms : 10) * 1000000L};
        nanosleep(&time, NULL);
        ms -= 10;
    }
}

/* 0 when there is something to do within a while, -1 to end. */
static int wait_for(struct fake_server *server, int fd, short events)
{
    struct pollfd at = {fd, events, 0};
    while (!atomic_load(&server->stop)) {
        if (poll(&at, 1, 20) > 0)
            return 0;
    }
    return -1;
}

static int send_all(struct fake_server *server, int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n;
        if (wait_for(server, fd, POLLOUT) != 0)
            return -1;
        n = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return -1;
        atomic_fetch_add(&server->written, (size_t)n);
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

static size_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\nContent-Length:");
    return at != NULL ? (size_t)strtoul(at + 16, NULL, 10) : 0;
}

/* Reads one request into `text`; -1 when the peer is gone. */
static int read_request(struct fake_server *server, int fd, char *text)
{
    size_t n = 0;
    for (;;) {
        const char *end;
        ssize_t got;
        if (n + 1 >= REQUEST_SIZE || wait_for(server, fd, POLLIN) != 0)
            return -1;
        got = recv(fd, text + n, REQUEST_SIZE - 1 - n, 0);
        if (got <= 0)
            return -1;
        n += (size_t)got;
        text[n] = '\0';
        end = strstr(text, "\r\n\r\n");
        if (end != NULL && n >= (size_t)(end + 4 - text) + content_length(text))
            return 0;
    }
}

static int reply(struct fake_server *server, int fd, const struct fake_reply *reply)
{
    size_t length = reply->body == NULL ? 0 : reply->length != 0 ? reply->length : strlen(reply->body);
    size_t piece = reply->piece != 0 ? reply->piece : length;
    char head[512];
    nap(server, reply->delay_ms);
    if (reply->head != NULL && send_all(server, fd, reply->head, strlen(reply->head)) != 0)
        return -1;
    if (reply->head != NULL && !reply->no_length) {
        snprintf(head, sizeof head, "Content-Length: %ld\r\n\r\n",
                 reply->claim != 0 ? reply->claim : (long)length);
        if (send_all(server, fd, head, strlen(head)) != 0)
            return -1;
    }
    for (size_t at = 0; at < length; at += piece) {
        nap(server, reply->pause_ms);
        if (send_all(server, fd, reply->body + at, length - at < piece ? length - at : piece) != 0)
            return -1;
    }
    return 0;
}

static void end_connection(struct fake_server *server, int fd, int end)
{
    struct linger linger = {1, 0};
    if (end == FAKE_HANG) {
        while (!atomic_load(&server->stop))
            nap(server, 20);
    }
    if (end == FAKE_RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

static void *serve(void *context)
{
    struct connection *own = context;
    struct fake_server *server = own->server;
    char *text = malloc(REQUEST_SIZE);
    int end = FAKE_CLOSE;
    while (text != NULL && read_request(server, own->fd, text) == 0) {
        struct fake_reply now;
        int failed;
        pthread_mutex_lock(&server->mutex);
        now = server->replies[server->n_requests < server->n_replies ? server->n_requests
                                                                     : server->n_replies - 1];
        if (server->n_requests < REQUESTS_MAX)
            server->requests[server->n_requests++] = strdup(text);
        if (++server->at_once > server->most_at_once)
            server->most_at_once = server->at_once;
        pthread_mutex_unlock(&server->mutex);
        failed = reply(server, own->fd, &now);
        pthread_mutex_lock(&server->mutex);
        server->at_once--;
        pthread_mutex_unlock(&server->mutex);
        end = failed ? FAKE_CLOSE : now.end;
        if (failed || now.end != FAKE_KEEP)
            break;
    }
    free(text);
    end_connection(server, own->fd, end);
    return NULL;
}

static void *accept_all(void *context)
{
    struct fake_server *server = context;
    while (wait_for(server, server->fd, POLLIN) == 0) {
        int fd = accept(server->fd, NULL, NULL);
        struct connection *own;
        if (fd < 0)
            continue;
        pthread_mutex_lock(&server->mutex);
        if (server->n_connections == CONNECTIONS_MAX)
            abort();
        own = &server->connections[server->n_connections];
        own->server = server;
        own->fd = fd;
        if (pthread_create(&own->thread, NULL, serve, own) != 0)
            abort();
        server->n_connections++;
        pthread_mutex_unlock(&server->mutex);
    }
    return NULL;
}

struct fake_server *fake_server_new(const struct fake_reply *replies, size_t n)
{
    struct fake_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    if (server == NULL)
        abort();
    server->replies = calloc(n, sizeof *replies);
    if (server->replies == NULL)
        abort();
    memcpy(server->replies, replies, n * sizeof *replies);
    server->n_replies = n;
    pthread_mutex_init(&server->mutex, NULL);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, size) != 0 ||
        listen(server->fd, 64) != 0 || getsockname(server->fd, (struct sockaddr *)&address, &size) != 0)
        abort();
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    if (pthread_create(&server->thread, NULL, accept_all, server) != 0)
        abort();
    return server;
}

void fake_server_free(struct fake_server *server)
{
    if (server == NULL)
        return;
    atomic_store(&server->stop, 1);
    pthread_join(server->thread, NULL);
    for (size_t i = 0; i < server->n_connections; i++)
        pthread_join(server->connections[i].thread, NULL);
    close(server->fd);
    for (size_t i = 0; i < server->n_requests; i++)
        free(server->requests[i]);
    pthread_mutex_destroy(&server->mutex);
    free(server->replies);
    free(server);
}

const char *fake_server_url(const struct fake_server *server)
{
    return server->url;
}

static size_t look(struct fake_server *server, const size_t *at)
{
    size_t value;
    pthread_mutex_lock(&server->mutex);
    value = *at;
    pthread_mutex_unlock(&server->mutex);
    return value;
}

size_t fake_server_requests(struct fake_server *server)
{
    return look(server, &server->n_requests);
}

const char *fake_server_request(struct fake_server *server, size_t i)
{
    const char *text;
    pthread_mutex_lock(&server->mutex);
    text = i < server->n_requests ? server->requests[i] : "";
    pthread_mutex_unlock(&server->mutex);
    return text;
}

size_t fake_server_connections(struct fake_server *server)
{
    return look(server, &server->n_connections);
}

size_t fake_server_most_at_once(struct fake_server *server)
{
    return look(server, &server->most_at_once);
}

size_t fake_server_written(struct fake_server *server)
{
    return atomic_load(&server->written);
}

/* ---- gzip ---- */

static uint32_t crc32_of(const char *bytes, size_t length)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
    }
    return ~crc;
}

static size_t put32(char *to, size_t at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[at++] = (char)(value >> (8 * i) & 0xff);
    return at;
}

char *fake_gzip(const char *text, size_t length, size_t *gzip_length)
{
    static const char head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    char *gzip = malloc(length + length / 65535 * 5 + 64);
    size_t n = sizeof head;
    size_t at = 0;
    if (gzip == NULL)
        abort();
    memcpy(gzip, head, sizeof head);
    do {
        size_t block = length - at > 65535 ? 65535 : length - at;
        gzip[n++] = at + block == length;
        gzip[n++] = (char)(block & 0xff);
        gzip[n++] = (char)(block >> 8);
        gzip[n++] = (char)(~block & 0xff);
        gzip[n++] = (char)(~block >> 8 & 0xff);
        memcpy(gzip + n, text + at, block);
        n += block;
        at += block;
    } while (at < length);
    n = put32(gzip, n, crc32_of(text, length));
    n = put32(gzip, n, (uint32_t)length);
    *gzip_length = n;
    return gzip;
}

char *fake_gzip_bomb(size_t length)
{
    /* The head of 20 MB of zeros as zlib writes them; each zero byte that follows stands for 1032 more. */
    static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0,    0,    0,    2,    3,    0xec, 0xc1,
                                         1,    1,    0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8,    0x0a};
    char *gzip = calloc(1, length < sizeof head ? sizeof head : length);
    if (gzip == NULL)
        abort();
    memcpy(gzip, head, sizeof head);
    return gzip;
}
