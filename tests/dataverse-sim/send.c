#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "send.h"

#define PIECES 20
#define WAIT_STEP_MS 50
#define BLOCK 65536

/* A body that is sent in a manner of its own. */
struct parcel {
    char *body;
    size_t length; /* of the body */
    size_t upto;   /* where it ends badly; length: it does not */
    enum sim_manner manner;
    int64_t step_ms; /* of SIM_SEND_SLOW: before each of PIECES */
    size_t waited;   /* how many pieces have been waited for */
    int socket;
    const atomic_int *stopping;
};

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

/* Waits; -1 when the client went away or the simulator stops. ms < 0: for ever. */
static int pause_for(int socket, int64_t ms, const atomic_int *stopping)
{
    int64_t end = sim_clock_mono_ms() + ms;
    for (;;) {
        int64_t left = ms < 0 ? WAIT_STEP_MS : end - sim_clock_mono_ms();
        if (left <= 0)
            return 0;
        struct pollfd watched = {.fd = socket, .events = POLLRDHUP};
        if (poll(&watched, 1, left > WAIT_STEP_MS ? WAIT_STEP_MS : (int)left) > 0 || atomic_load(stopping))
            return -1;
    }
}

/* On Linux, connecting a TCP socket to no family breaks the connection at once: the peer gets a reset, and
 * the descriptor stays valid for libmicrohttpd to close. */
static void reset(int socket)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    (void)connect(socket, &nobody, sizeof nobody);
}

static ssize_t read_parcel(void *closure, uint64_t position, char *buffer, size_t size)
{
    struct parcel *parcel = closure;
    size_t from = (size_t)position;
    size_t until = parcel->upto;
    if (from >= parcel->upto) {
        if (parcel->manner == SIM_SEND_STALL)
            (void)pause_for(parcel->socket, -1, parcel->stopping);
        if (parcel->manner == SIM_SEND_RESET)
            reset(parcel->socket);
        return parcel->manner == SIM_SEND_SLOW ? MHD_CONTENT_READER_END_OF_STREAM
                                               : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (parcel->manner == SIM_SEND_SLOW) {
        size_t piece = parcel->length / PIECES + 1;
        while (parcel->waited <= from / piece) {
            parcel->waited++;
            if (pause_for(parcel->socket, parcel->step_ms, parcel->stopping) != 0)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (until > (from / piece + 1) * piece)
            until = (from / piece + 1) * piece;
    }
    size_t n = until - from < size ? until - from : size;
    memcpy(buffer, parcel->body + from, n);
    return (ssize_t)n;
}

static void free_parcel(void *closure)
{
    struct parcel *parcel = closure;
    free(parcel->body);
    free(parcel);
}

static struct MHD_Response *odd_response(struct MHD_Connection *connection, struct sim_answer *answer,
                                         const atomic_int *stopping)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);
    if (parcel == NULL)
        return NULL;
    parcel->body = answer->body;
    parcel->length = answer->length;
    parcel->upto = answer->manner == SIM_SEND_SLOW ? answer->length : answer->length / 2;
    parcel->manner = answer->manner;
    parcel->step_ms = answer->ms / PIECES;
    parcel->socket = socket_of(connection);
    parcel->stopping = stopping;
    answer->body = NULL;
    uint64_t size = answer->manner == SIM_SEND_TRUNCATE_CHUNKED ? MHD_SIZE_UNKNOWN : answer->length;
    struct MHD_Response *response =
        MHD_create_response_from_callback(size, BLOCK, read_parcel, parcel, free_parcel);
    if (response == NULL)
        free_parcel(parcel);
    return response;
}

static struct MHD_Response *plain_response(struct sim_answer *answer)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->length, answer->body, MHD_RESPMEM_MUST_FREE);
    if (response != NULL)
        answer->body = NULL;
    return response;
}

enum MHD_Result sim_send(struct MHD_Connection *connection, struct sim_answer *answer,
                         const atomic_int *stopping)
{
    int64_t wait = answer->manner == SIM_SEND_NEVER ? -1 : answer->delay_ms;
    if (answer->failed || pause_for(socket_of(connection), wait, stopping) != 0)
        return MHD_NO;
    struct MHD_Response *response = answer->manner == SIM_SEND || answer->body == NULL
                                        ? plain_response(answer)
                                        : odd_response(connection, answer, stopping);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_YES;
    for (size_t i = 0; i < answer->n_headers && result == MHD_YES; i++)
        result = MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    if (result == MHD_YES)
        result = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}
