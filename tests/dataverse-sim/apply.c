/*
 * apply.c - what faults make of an answer (faults.h: sim_fault_apply).
 */
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "gzip.h"
#include "text.h"

#define BOMB_LENGTH ((size_t)64 << 20)

/* Removes all but what decides about the sending. */
static void start_anew(struct sim_answer *answer)
{
    int64_t delay = answer->delay_ms;
    int failed = answer->failed;
    sim_answer_clear(answer);
    answer->delay_ms = delay;
    answer->failed = failed;
}

/* Sign-in and Web API word their errors differently (Microsoft's documentation of the client credentials
 * flow). */
static void status_answer(const struct sim_fault *fault, struct sim_answer *answer)
{
    start_anew(answer);
    if (fault->phase == SIM_PHASE_TOKEN) {
        struct sim_text text = {0};
        sim_text_printf(&text, "{\"error\":\"%s\",\"error_description\":",
                        fault->status == 429 || fault->status >= 500 ? "temporarily_unavailable"
                                                                     : "invalid_request");
        sim_text_json(&text, fault->message, strlen(fault->message));
        sim_text_puts(&text, ",\"error_codes\":[90000]}");
        size_t length = 0;
        char *body = sim_text_take(&text, &length);
        sim_answer_take(answer, fault->status, "application/json; charset=utf-8", body, length);
    } else if (fault->status >= 502 && fault->code[0] == '\0') { /* gateways do not speak JSON */
        sim_answer_text(answer, fault->status, "text/html",
                        "<html><body><h2>Our services aren't available right "
                        "now</h2></body></html>");
    } else {
        sim_answer_error(answer, fault->status, fault->code, fault->message);
    }
    if (fault->retry_after[0] != '\0')
        sim_answer_header(answer, "Retry-After", "%s", fault->retry_after);
}

/* To another origin, so that a bearer that follows is seen there. */
static void redirect_answer(const struct sim_request *request, struct sim_answer *answer)
{
    const char *port = strrchr(request->origin, ':');
    int local = strstr(request->origin, "localhost") != NULL;
    start_anew(answer);
    sim_answer_header(answer, "Location", "http://%s%s/login", local ? "127.0.0.1" : "localhost", port);
    sim_answer_text(answer, 302, "text/html", "<html><body>Object moved</body></html>");
}

static void spoil_gzip(struct sim_answer *answer)
{
    if (answer->body == NULL)
        return;
    sim_gzip_answer(NULL, answer);
    for (size_t i = answer->length / 2; i < answer->length && !answer->failed; i++)
        answer->body[i] = (char)(answer->body[i] ^ 0x5a);
}

static void bomb(struct sim_answer *answer)
{
    free(answer->body);
    answer->body = malloc(BOMB_LENGTH);
    answer->length = BOMB_LENGTH;
    if (answer->body == NULL) {
        answer->failed = 1;
        return;
    }
    memset(answer->body, ' ', BOMB_LENGTH);
    answer->body[0] = '{';
    sim_gzip_answer(NULL, answer);
}

void sim_fault_apply(const struct sim_fault *fault, const struct sim_request *request,
                     struct sim_answer *answer)
{
    switch (fault->kind) {
    case SIM_FAULT_STATUS:
        status_answer(fault, answer);
        break;
    case SIM_FAULT_MANNER:
        answer->manner = fault->manner;
        answer->ms = fault->ms;
        break;
    case SIM_FAULT_HTML:
        start_anew(answer);
        sim_answer_text(
            answer, 200, "text/html; charset=utf-8",
            "<!DOCTYPE html><html><head><title>Sign in to your account</title></head><body></body></html>");
        break;
    case SIM_FAULT_EMPTY_BODY:
        answer->length = 0;
        break;
    case SIM_FAULT_CUT_JSON:
        answer->length /= 2;
        break;
    case SIM_FAULT_BADGZIP:
        spoil_gzip(answer);
        break;
    case SIM_FAULT_GZIPBOMB:
        bomb(answer);
        break;
    case SIM_FAULT_REDIRECT:
        redirect_answer(request, answer);
        break;
    case SIM_FAULT_LATENCY:
    case SIM_FAULT_UNAUTHORIZED:
    case SIM_FAULT_PAGE:
        break;
    }
}
