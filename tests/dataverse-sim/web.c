/*
 * web.c - answers below /api/data: who may ask, the organisation's reply, the headers around it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "server.h"

#define URI_MAX 32768

struct turn {
    struct sim *sim;
    const struct sim_request *request;
    struct sim_answer *answer;
    struct sim_log_entry *entry;
};

static int good_bearer(const struct turn *turn)
{
    const struct sim_request *request = turn->request;
    struct sim_auth *auth = turn->sim->auth;
    int64_t number;
    int worth = sim_auth_check(auth, request->bearer, &number);
    turn->entry->bearer = number;
    if (worth == SIM_BEARER_GOOD)
        return 1;
    if (sim_auth_misused(auth, number, request->uri, request->arrived_ms))
        sim_log_violation(turn->sim->log, request->number, "token %" PRId64 " was used again after its 401",
                          number);
    sim_auth_refuse(auth, number, request->uri);
    sim_auth_deny(auth, request->origin, turn->answer);
    return 0;
}

/* Applies what faults the moment has. Returns the page's fault, which needs another page to be made, or 0. */
static uint32_t faults(const struct turn *turn, const char *table, uint64_t page, int last_page)
{
    struct sim *sim = turn->sim;
    struct sim_fault fault;
    struct sim_occasion occasion = {.table = table, .page = page, .last_page = last_page};
    const char *phase = turn->entry->phase;
    occasion.phase = strcmp(phase, "challenge") == 0  ? SIM_PHASE_CHALLENGE
                     : strcmp(phase, "metadata") == 0 ? SIM_PHASE_METADATA
                                                      : SIM_PHASE_ROWS;
    occasion.now = sim_clock_now(&sim->clock);
    if (!sim_faults_next(sim->faults, &occasion, &fault, &turn->answer->delay_ms))
        return 0;
    turn->entry->fault = fault.name;
    if (fault.kind == SIM_FAULT_PAGE)
        return fault.page_fault;
    if (fault.kind == SIM_FAULT_UNAUTHORIZED) {
        int64_t delay = turn->answer->delay_ms;
        sim_answer_clear(turn->answer);
        turn->answer->delay_ms = delay;
        sim_auth_refuse(sim->auth, turn->entry->bearer, turn->request->uri);
        sim_auth_deny(sim->auth, turn->request->origin, turn->answer);
        return 0;
    }
    sim_fault_apply(&fault, turn->request, turn->answer);
    if (fault.retry_after_ms >= 0)
        sim_watch_pause(sim->watch, fault.retry_after_ms);
    return 0;
}

static void reply_headers(struct sim_answer *answer, const struct sim_request *request,
                          const struct sim_prefer *prefer)
{
    sim_answer_header(answer, "OData-Version", "4.0");
    sim_answer_header(answer, "Cache-Control", "no-cache");
    sim_answer_header(answer, "Vary", "Accept-Encoding");
    if (prefer->applied[0] != '\0')
        sim_answer_header(answer, "Preference-Applied", "%s", prefer->applied);
    sim_answer_header(answer, "x-ms-service-request-id", "0dda7a5e-51a1-4000-8000-%012" PRIx64,
                      request->number);
    /* The second one as recorded from the service, thousands separator included. */
    sim_answer_header(answer, "x-ms-ratelimit-burst-remaining-xrm-requests", "%" PRIu64,
                      7999 - request->number % 4000);
    sim_answer_header(answer, "x-ms-ratelimit-time-remaining-xrm-requests", "1,160.42");
    sim_answer_header(answer, "x-ms-dop-hint", "4");
}

static void organisation(const struct turn *turn, const char *below)
{
    struct sim *sim = turn->sim;
    struct sim_prefer prefer;
    char base[128], table[128];
    sim_prefer_read(turn->request->prefer, &prefer);
    snprintf(base, sizeof base, "%s%.*s", turn->request->origin, (int)sizeof "/api/data/v9.2",
             turn->request->path);
    snprintf(table, sizeof table, "%.*s", (int)strcspn(below, "(/"), below);
    struct sim_call call = {.path = below,
                            .query = turn->request->query,
                            .base = base,
                            .max_page_size = prefer.max_page_size,
                            .annotations = prefer.annotations};
    struct sim_reply reply = {0};
    int rc = sim_api_get(sim->store, &call, &reply);
    if (rc == 0) {
        if (reply.violation[0] != '\0')
            sim_log_violation(sim->log, turn->request->number, "%s", reply.violation);
        turn->entry->page = reply.page;
        sim_answer_take(turn->answer, reply.status, reply.content_type, reply.body, reply.length);
        reply_headers(turn->answer, turn->request, &prefer);
        call.faults = faults(turn, table, reply.page, reply.last_page);
        if (call.faults != 0) {
            memset(&reply, 0, sizeof reply);
            rc = sim_api_get(sim->store, &call, &reply);
            free(turn->answer->body);
            turn->answer->status = reply.status;
            turn->answer->body = reply.body;
            turn->answer->length = reply.length;
        }
    }
    if (rc != 0)
        turn->answer->failed = 1;
}

/* Before anything is looked at: whether the service would listen at all. */
static int let_in(const struct turn *turn)
{
    struct sim *sim = turn->sim;
    const struct sim_request *request = turn->request;
    if (strlen(request->uri) > URI_MAX) {
        sim_answer_text(turn->answer, 414, "text/html", "<html><body>Request URL Too Long</body></html>");
        return 0;
    }
    if (sim_watch_crowded(sim->watch, sim->options->max_concurrent)) {
        char message[128];
        snprintf(message, sizeof message, "Number of concurrent requests exceeded the limit of %u.",
                 sim->options->max_concurrent);
        sim_log_violation(sim->log, request->number, "more than %u requests at once",
                          sim->options->max_concurrent);
        sim_answer_error(turn->answer, 429, "0x80072326", message);
        sim_answer_header(turn->answer, "Retry-After", "1");
        sim_watch_pause(sim->watch, 1000);
        return 0;
    }
    return 1;
}

void sim_web_answer(struct sim *sim, const struct sim_request *request, struct sim_answer *answer,
                    struct sim_log_entry *entry)
{
    const struct turn turn = {sim, request, answer, entry};
    int known;
    char *below = sim_path_below(request->path, &known);
    int rows = below != NULL && below[0] >= 'a' && below[0] <= 'z';
    entry->phase = request->bearer == NULL ? "challenge" : (rows ? "rows" : "metadata");
    answer->delay_ms = sim->options->latency_ms;
    if (!let_in(&turn)) {
        /* answered */
    } else if (request->bearer == NULL) {
        sim_auth_challenge(sim->auth, request->origin, answer);
        faults(&turn, NULL, 0, 0);
    } else if (!good_bearer(&turn)) {
        /* answered */
    } else if (strcmp(request->method, "GET") != 0) {
        sim_answer_error(answer, 405, "0x80060888", "The simulator only reads: the method is not allowed.");
    } else if (!known) {
        sim_answer_error(answer, 404, "0x80060888", "Resource not found: the Web API is at /api/data/v9.2/.");
    } else if (below == NULL) {
        answer->failed = 1;
    } else {
        sim_watch_get(sim->watch, request, below, rows);
        organisation(&turn, below);
    }
    free(below);
}

void sim_token_answer(struct sim *sim, const struct sim_request *request, struct sim_answer *answer,
                      struct sim_log_entry *entry)
{
    struct sim_fault fault;
    struct sim_occasion occasion = {.phase = SIM_PHASE_TOKEN, .now = sim_clock_now(&sim->clock)};
    answer->delay_ms = sim->options->latency_ms;
    if (strcmp(request->method, "POST") != 0) {
        sim_answer_text(answer, 405, "text/html", "<html><body>Method Not Allowed</body></html>");
        return;
    }
    int happens = sim_faults_next(sim->faults, &occasion, &fault, &answer->delay_ms);
    if (happens)
        entry->fault = fault.name;
    if (!happens || fault.kind != SIM_FAULT_STATUS)
        sim_auth_token(sim->auth, request->origin, request->path, request->content_type, request->body,
                       request->length, answer);
    if (happens)
        sim_fault_apply(&fault, request, answer);
}
