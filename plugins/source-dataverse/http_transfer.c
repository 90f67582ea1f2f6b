/*
 * http_transfer.c - one request under way. Nobody else drives a transfer: bytes move only inside start(),
 * read(), headers() and nudge(), so that a reader that does not read keeps nothing but what the kernel holds,
 * and the connection slows down by itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "http_internal.h"

/* Kept of a body that nobody reads yet. */
#define EARLY_BYTES ((size_t)262144)

/* A read that could go on without waiting returns after so much. */
#define READ_BYTES ((size_t)65536)

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "memory is out");
}

/* ---- The end ---- */

/* Gives slot and line back. */
static void release(struct dataverse_transfer *t)
{
    if (t->line == NULL)
        return;
    curl_multi_remove_handle(t->line->multi, t->line->easy);
    /* Nothing of this transfer may be reached through the handle any more. */
    curl_easy_reset(t->line->easy);
    dataverse_line_give(t->http, t->line);
    t->line = NULL;
    dataverse_slot_give(t->http, t);
}

static void finish(struct dataverse_transfer *t, CURLcode code)
{
    if (code == CURLE_OK && dataverse_request_is_bomb(t, 0)) {
        t->broken = DATAVERSE_BROKEN_BOMB;
        code = CURLE_WRITE_ERROR;
    }
    if (code == CURLE_OK && !t->headers_done)
        code = CURLE_WEIRD_SERVER_REPLY;
    if (code != CURLE_OK)
        dataverse_http_explain(t, code);
    release(t);
}

static void time_out(struct dataverse_transfer *t)
{
    dataverse_http_explain_silence(t);
    release(t);
}

/* ---- Going on ---- */

void dataverse_transfer_driven(struct dataverse_transfer *t)
{
    atomic_store_explicit(&t->driven_ms, dataverse_clock_ms(), memory_order_relaxed);
    atomic_store_explicit(&t->driver, pthread_self(), memory_order_relaxed);
}

/* Lets libcurl do what it can without waiting. */
static void drive(struct dataverse_transfer *t)
{
    int running = 0;
    int left = 0;
    CURLMcode code = CURLM_OK;
    CURLMsg *message;
    dataverse_transfer_driven(t);
    if (t->paused) {
        CURLcode unpaused;
        t->paused = 0;
        unpaused = curl_easy_pause(t->line->easy, CURLPAUSE_CONT);
        if (unpaused != CURLE_OK) {
            finish(t, unpaused);
            return;
        }
        if (t->paused)
            return;
    }
    code = curl_multi_perform(t->line->multi, &running);
    if (code != CURLM_OK) {
        finish(t, CURLE_OUT_OF_MEMORY);
        return;
    }
    if (running > 0)
        return;
    message = curl_multi_info_read(t->line->multi, &left);
    finish(t, message != NULL && message->msg == CURLMSG_DONE ? message->data.result : CURLE_SEND_ERROR);
}

static void receive_into(struct dataverse_transfer *t, struct dataverse_buffer *body, size_t limit)
{
    t->body = body;
    t->limit = limit;
}

/* What of the transfer has come; for telling whether it goes on. */
static uint64_t progress(const struct dataverse_transfer *t)
{
    return t->inflated + t->header_bytes;
}

/* Waits until `body` holds more than `before` bytes (SIZE_MAX: until the headers are in), or the transfer is
 * complete. */
static int32_t drive_until(struct dataverse_transfer *t, size_t before, dvs_error *err)
{
    int64_t since = dataverse_clock_ms();
    uint64_t had = progress(t);
    while (t->line != NULL && !(before == SIZE_MAX ? t->headers_done : t->body->length > before)) {
        if (dataverse_check_cancelled(t->http->host, t->interrupted, err) != DVS_OK)
            return DVS_E_CANCELLED;
        drive(t);
        if (progress(t) != had) {
            had = progress(t);
            since = dataverse_clock_ms();
        } else if (t->line != NULL && dataverse_clock_ms() - since >= t->http->timeout_ms) {
            time_out(t);
        } else if (t->line != NULL) {
            curl_multi_poll(t->line->multi, NULL, 0, DATAVERSE_POLL_MS, NULL);
        }
    }
    return DVS_OK;
}

static int32_t fail_with(const dvs_error *failure, dvs_error *err)
{
    uint32_t size = err->struct_size;
    *err = *failure;
    err->struct_size = size;
    return err->status;
}

int32_t dataverse_transfer_headers(struct dataverse_transfer *t, dvs_error *err)
{
    int32_t status = drive_until(t, SIZE_MAX, err);
    if (status != DVS_OK)
        return status;
    return t->headers_done ? DVS_OK : fail_with(&t->failure, err);
}

static int32_t take_early(struct dataverse_transfer *t, struct dataverse_buffer *body, dvs_error *err)
{
    if (t->early.length == 0)
        return DVS_OK;
    if (dataverse_buffer_add(body, t->early.data + t->early.start, t->early.length) != 0)
        return no_memory(err);
    dataverse_buffer_free(&t->early);
    return DVS_OK;
}

int32_t dataverse_transfer_read(struct dataverse_transfer *t, struct dataverse_buffer *body, size_t limit,
                                dvs_error *err)
{
    size_t before = body->length;
    int32_t status = take_early(t, body, err);
    if (status != DVS_OK)
        return status;
    if (limit > before + READ_BYTES)
        limit = before + READ_BYTES;
    receive_into(t, body, limit > before ? limit : before + 1);
    status = drive_until(t, before, err);
    while (status == DVS_OK && t->line != NULL && body->length < t->limit) {
        size_t had = body->length;
        drive(t);
        if (body->length == had)
            break;
    }
    receive_into(t, &t->early, EARLY_BYTES);
    if (status != DVS_OK)
        return status;
    if (t->line == NULL && t->failure.status == DVS_OK)
        return DVS_END;
    /* What came before a failure is given out first. */
    if (body->length > before)
        return DVS_OK;
    return fail_with(&t->failure, err);
}

void dataverse_transfer_nudge(struct dataverse_transfer *t)
{
    uint64_t had = progress(t) + 1;
    while (t->line != NULL && t->body->length < t->limit && progress(t) != had) {
        had = progress(t);
        drive(t);
    }
}

void dataverse_transfer_fill(struct dataverse_transfer *t, struct dataverse_buffer *body, size_t limit)
{
    dvs_error ignored = DVS_ERROR_INIT;
    if (take_early(t, body, &ignored) != DVS_OK)
        return;
    receive_into(t, body, limit);
    dataverse_transfer_nudge(t);
    receive_into(t, &t->early, EARLY_BYTES);
}

int dataverse_transfer_is_given(const struct dataverse_transfer *t)
{
    return t->line == NULL && t->failure.status == DVS_OK && t->early.length == 0;
}

const struct dataverse_answer *dataverse_transfer_answer(const struct dataverse_transfer *t)
{
    return &t->answer;
}

/* ---- Beginning and freeing ---- */

static int32_t copy_request(struct dataverse_transfer *t, const struct dataverse_request *request,
                            dvs_error *err)
{
    t->url = strdup(request->url);
    t->what = strdup(request->what);
    if (request->form != NULL)
        t->form = strdup(request->form);
    return t->url == NULL || t->what == NULL || (request->form != NULL && t->form == NULL) ? no_memory(err)
                                                                                           : DVS_OK;
}

/* Slot and gate together: a pause may begin while we wait for the slot. *got: 0 when try_only found none. */
static int32_t enter(struct dataverse_transfer *t, int try_only, int *got, dvs_error *err)
{
    struct dataverse_http *http = t->http;
    int32_t status;
    *got = 0;
    for (;;) {
        if (try_only) {
            if ((http->gate != NULL && !dataverse_gate_is_open(http->gate)) || !dataverse_slot_try(http, t))
                return DVS_OK;
        } else {
            if (http->gate != NULL &&
                (status = dataverse_gate_pass(http->gate, t->interrupted, err)) != DVS_OK)
                return status;
            if ((status = dataverse_slot_wait(http, t, err)) != DVS_OK)
                return status;
        }
        if (http->gate == NULL || dataverse_gate_is_open(http->gate)) {
            *got = 1;
            return DVS_OK;
        }
        dataverse_slot_give(http, t);
        if (try_only)
            return DVS_OK;
    }
}

int32_t dataverse_transfer_start(struct dataverse_http *http, const struct dataverse_request *request,
                                 int try_only, struct dataverse_transfer **transfer, dvs_error *err)
{
    struct dataverse_transfer *t = calloc(1, sizeof *t);
    int32_t status;
    int got = 0;
    *transfer = NULL;
    if (t == NULL)
        return no_memory(err);
    t->http = http;
    receive_into(t, &t->early, EARLY_BYTES);
    t->failure.struct_size = (uint32_t)sizeof t->failure;
    t->answer.date = INT64_MIN;
    t->answer.retry_after_ms = -1;
    t->interrupted = request->interrupted;
    status = copy_request(t, request, err);
    if (status == DVS_OK)
        status = enter(t, try_only, &got, err);
    if (status == DVS_OK && got) {
        t->line = dataverse_line_take(http);
        if (t->line == NULL) {
            dataverse_slot_give(http, t);
            status = no_memory(err);
        } else {
            status = dataverse_request_prepare(t, request, err);
        }
        if (status == DVS_OK && curl_multi_add_handle(t->line->multi, t->line->easy) != CURLM_OK)
            status = no_memory(err);
        if (status == DVS_OK)
            drive(t);
    }
    if (status != DVS_OK || !got) {
        dataverse_transfer_free(t);
        return status;
    }
    *transfer = t;
    return DVS_OK;
}

void dataverse_transfer_free(struct dataverse_transfer *t)
{
    if (t == NULL)
        return;
    release(t);
    for (struct curl_slist *header = t->headers; header != NULL; header = header->next)
        explicit_bzero(header->data, strlen(header->data));
    curl_slist_free_all(t->headers);
    if (t->form != NULL)
        explicit_bzero(t->form, strlen(t->form));
    free(t->form);
    free(t->url);
    free(t->what);
    free(t->retry_after);
    free(t->answer.challenge);
    dataverse_buffer_free(&t->early);
    free(t);
}
