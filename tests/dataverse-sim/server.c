#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "send.h"
#include "server.h"
#include "text.h"

#define BODY_MAX ((size_t)512 << 20)
/* Room for the request line and headers of a connection: addresses beyond what is allowed are to get our
 * 414. */
#define CONNECTION_MEMORY ((size_t)256 << 10)
#define CONNECTIONS 2000u

struct sim_server {
    struct sim *sim;
    struct MHD_Daemon *daemon;
    uint16_t port;
    atomic_int stopping;
};

/* One request, from its first line to the end of its answer. */
struct exchange {
    struct sim_server *server;
    char *uri;
    uint64_t number;
    int64_t arrived_ms;
    int64_t time;
    struct sim_text body;
    int begun;
    int web;  /* below /api/data */
    int stop; /* the program is to end when the answer is out */
};

int sim_init(struct sim *sim, const struct sim_options *options)
{
    sim->options = options;
    if (options->time != INT64_MIN)
        sim_clock_set(&sim->clock, options->time);
    sim->started_ms = sim_clock_mono_ms();
    sim->auth = sim_auth_new(options, &sim->clock);
    sim->faults = sim_faults_new();
    sim->log = sim_log_new();
    sim->watch = sim->log == NULL ? NULL : sim_watch_new(sim->log);
    sim->gzip = options->gzip ? sim_gzip_new() : NULL;
    return sim->auth == NULL || sim->faults == NULL || sim->watch == NULL ||
                   (options->gzip && sim->gzip == NULL)
               ? -1
               : 0;
}

void sim_free(struct sim *sim)
{
    sim_gzip_free(sim->gzip);
    sim_watch_free(sim->watch);
    sim_log_free(sim->log);
    sim_faults_free(sim->faults);
    sim_auth_free(sim->auth);
    sim_store_free(sim->store);
}

static int begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The address as received: what libmicrohttpd gives later is decoded. */
static void *first_line(void *closure, const char *uri, struct MHD_Connection *connection)
{
    (void)connection;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    char *copy = strdup(uri);
    if (exchange == NULL || copy == NULL) {
        free(exchange);
        free(copy);
        return NULL;
    }
    exchange->server = closure;
    struct sim *sim = exchange->server->sim;
    exchange->uri = copy;
    exchange->web = begins_with(uri, "/api/data");
    exchange->number = begins_with(uri, "/sim/") ? 0 : sim_log_number(sim->log);
    exchange->arrived_ms = sim_clock_mono_ms();
    exchange->time = sim_clock_now(&sim->clock);
    if (exchange->web)
        sim_watch_enter(sim->watch);
    return exchange;
}

static void completed(void *closure, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code)
{
    (void)closure;
    (void)connection;
    (void)code;
    struct exchange *exchange = *context;
    *context = NULL;
    if (exchange == NULL)
        return;
    if (exchange->web)
        sim_watch_leave(exchange->server->sim->watch);
    if (exchange->stop)
        kill(getpid(), SIGTERM);
    sim_text_free(&exchange->body);
    free(exchange->uri);
    free(exchange);
}

static enum MHD_Result join_prefer(void *closure, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    if (strcasecmp(name, "Prefer") == 0 && value != NULL)
        sim_text_printf(closure, "%s%s", ((struct sim_text *)closure)->length == 0 ? "" : ", ", value);
    return MHD_YES;
}

struct secret_search {
    const char *secret;
    int found;
};

static enum MHD_Result search_secret(void *closure, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    (void)kind;
    (void)name;
    struct secret_search *search = closure;
    if (value != NULL && strstr(value, search->secret) != NULL)
        search->found = 1;
    return MHD_YES;
}

/* Who calls the organisation "localhost" gets links of that name: a client keeps to the origin that it was
 * given. */
static void origin_of(const struct sim_server *server, const char *host, char *origin, size_t size)
{
    int local = host != NULL && begins_with(host, "localhost:");
    snprintf(origin, size, "http://%s:%u", local ? "localhost" : "127.0.0.1", (unsigned)server->port);
}

static void dispatch(struct exchange *exchange, const struct sim_request *request, struct sim_answer *answer)
{
    static const char token_path[] = "/oauth2/v2.0/token";
    struct sim *sim = exchange->server->sim;
    size_t n = strlen(request->path);
    struct sim_log_entry entry = {.number = exchange->number,
                                  .time = exchange->time,
                                  .ms = exchange->arrived_ms - sim->started_ms,
                                  .phase = "other",
                                  .method = request->method,
                                  .path = request->path,
                                  .query = request->query};
    int token =
        n >= sizeof token_path && strcmp(request->path + n - (sizeof token_path - 1), token_path) == 0;
    sim_watch_any(sim->watch, request, sim->options->client_secret, exchange->web, token);
    if (begins_with(request->path, "/sim/")) {
        sim_control_answer(sim, request, answer, &exchange->stop);
        return;
    }
    if (token) {
        entry.phase = "token";
        sim_token_answer(sim, request, answer, &entry);
    } else if (exchange->web) {
        sim_web_answer(sim, request, answer, &entry);
    } else {
        sim_answer_text(answer, 404, "text/html", "<html><body>Not Found</body></html>");
    }
    if (exchange->web && !answer->failed && answer->status == 200 && !answer->compressed &&
        sim->options->gzip && sim_gzip_accepted(request->accept_encoding))
        sim_gzip_answer(sim->gzip, answer);
    entry.status = answer->failed || answer->manner == SIM_SEND_NEVER ? 0 : answer->status;
    entry.bytes = answer->length;
    sim_log_add(sim->log, &entry);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result respond(struct exchange *exchange, struct MHD_Connection *connection,
                               const char *method)
{
    struct sim *sim = exchange->server->sim;
    struct sim_text prefer = {0};
    struct secret_search search = {sim->options->client_secret, 0};
    char *path = strdup(exchange->uri);
    if (path == NULL)
        return MHD_NO;
    char *query = strchr(path, '?');
    if (query != NULL)
        *query++ = '\0';
    MHD_get_connection_values(connection, MHD_HEADER_KIND, join_prefer, &prefer);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, search_secret, &search);
    struct sim_request request = {.number = exchange->number,
                                  .arrived_ms = exchange->arrived_ms,
                                  .method = method,
                                  .uri = exchange->uri,
                                  .path = path,
                                  .query = query,
                                  .accept = header(connection, "Accept"),
                                  .accept_encoding = header(connection, "Accept-Encoding"),
                                  .authorization = header(connection, "Authorization"),
                                  .content_type = header(connection, "Content-Type"),
                                  .odata_version = header(connection, "OData-Version"),
                                  .odata_max_version = header(connection, "OData-MaxVersion"),
                                  .prefer = prefer.data,
                                  .body = exchange->body.data == NULL ? "" : exchange->body.data,
                                  .length = exchange->body.length,
                                  .secret_in_header = search.found};
    if (request.authorization != NULL && strncasecmp(request.authorization, "Bearer ", 7) == 0)
        request.bearer = request.authorization + 7;
    origin_of(exchange->server, header(connection, "Host"), request.origin, sizeof request.origin);
    struct sim_answer answer = {0};
    char now[SIM_TIME_MAX];
    dispatch(exchange, &request, &answer);
    /* Given here, libmicrohttpd adds none of its own. */
    sim_clock_http(sim_clock_now(&sim->clock), now);
    sim_answer_header(&answer, "Date", "%s", now);
    enum MHD_Result result =
        prefer.failed ? MHD_NO : sim_send(connection, &answer, &exchange->server->stopping);
    sim_answer_clear(&answer);
    sim_text_free(&prefer);
    free(path);
    return result;
}

static enum MHD_Result handle(void *closure, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **context)
{
    (void)closure;
    (void)url;
    (void)version;
    struct exchange *exchange = *context;
    if (exchange == NULL)
        return MHD_NO;
    if (!exchange->begun) {
        exchange->begun = 1;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        if (exchange->body.length + *upload_size > BODY_MAX)
            return MHD_NO;
        sim_text_add(&exchange->body, upload, *upload_size);
        *upload_size = 0;
        return exchange->body.failed ? MHD_NO : MHD_YES;
    }
    return respond(exchange, connection, method);
}

/* Made here and not by libmicrohttpd: the port is to be known before the first request can come. */
static int listening_socket(uint16_t wanted, uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(wanted), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 511) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

struct sim_server *sim_server_start(struct sim *sim, char *message, size_t size)
{
    struct sim_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        snprintf(message, size, "out of memory");
        return NULL;
    }
    server->sim = sim;
    errno = 0;
    int fd = listening_socket(sim->options->port, &server->port);
    if (fd >= 0)
        server->daemon = MHD_start_daemon(
            MHD_USE_POLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL,
            handle, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, first_line, server,
            MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_END);
    if (server->daemon == NULL) {
        snprintf(message, size, "cannot listen on 127.0.0.1:%u: %s", (unsigned)sim->options->port,
                 errno == 0 ? "unknown reason" : strerror(errno));
        if (fd >= 0)
            close(fd);
        free(server);
        return NULL;
    }
    return server;
}

uint16_t sim_server_port(const struct sim_server *server)
{
    return server->port;
}

void sim_server_stop(struct sim_server *server)
{
    if (server == NULL)
        return;
    atomic_store(&server->stopping, 1);
    MHD_stop_daemon(server->daemon);
    free(server);
}
