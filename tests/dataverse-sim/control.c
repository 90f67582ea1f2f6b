/*
 * control.c - answers below /sim/, for tests: changes of rows and columns, faults, the log, the clock.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "text.h"

#define JSON_TYPE "application/json"

struct place {
    const char *method;
    const char *path;
    void (*answer)(struct sim *sim, const struct sim_request *request, struct sim_answer *answer);
};

static void complain(struct sim_answer *answer, const char *message)
{
    sim_answer_error(answer, 400, "simulator", message);
}

static void change(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    struct sim_error error = {{0}};
    char *report = sim_store_change(sim->store, request->body, sim_clock_now(&sim->clock), &error);
    if (report == NULL)
        complain(answer, error.message);
    else
        sim_answer_take(answer, 200, JSON_TYPE, report, strlen(report));
}

static void add_faults(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    char message[256];
    char *ids = sim_faults_add(sim->faults, request->body, request->length, message, sizeof message);
    if (ids == NULL)
        complain(answer, message);
    else
        sim_answer_take(answer, 200, JSON_TYPE, ids, strlen(ids));
}

static void list_faults(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    (void)request;
    size_t length = 0;
    char *list = sim_faults_list(sim->faults, &length);
    sim_answer_take(answer, 200, JSON_TYPE, list, length);
}

static void drop_faults(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    (void)request;
    sim_faults_clear(sim->faults);
    sim_answer_text(answer, 200, JSON_TYPE, "{}");
}

static void requests(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    (void)request;
    size_t length = 0;
    char *lines = sim_log_requests(sim->log, &length);
    sim_answer_take(answer, 200, "application/jsonl", lines, length);
}

static void violations(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    (void)request;
    size_t length = 0;
    char *array = sim_log_violations(sim->log, &length);
    sim_answer_take(answer, 200, JSON_TYPE, array, length);
}

static void drop_log(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    (void)request;
    sim_log_clear(sim->log);
    sim_watch_reset(sim->watch);
    sim_answer_text(answer, 200, JSON_TYPE, "{}");
}

/* The object that the body is; NULL after a complaint. */
static json_t *object_of(const struct sim_request *request, struct sim_answer *answer)
{
    char message[320];
    json_error_t error;
    json_t *object = json_loadb(request->body, request->length, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(object))
        return object;
    snprintf(message, sizeof message, "the body is no JSON object: %s",
             object == NULL ? error.text : "another value");
    json_decref(object);
    complain(answer, message);
    return NULL;
}

static void move_clock(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    json_t *object = object_of(request, answer);
    if (object == NULL)
        return;
    json_t *seconds = json_object_get(object, "advance_seconds");
    if (json_object_size(object) != 1 || !json_is_number(seconds) ||
        fabs(json_number_value(seconds)) > 1e10) {
        complain(answer, "the body is to be {\"advance_seconds\": number}");
    } else {
        char now[SIM_TIME_MAX], body[SIM_TIME_MAX + 16];
        sim_clock_advance(&sim->clock, (int64_t)(json_number_value(seconds) * 1e6));
        sim_clock_iso(sim_clock_now(&sim->clock), now);
        snprintf(body, sizeof body, "{\"now\":\"%s\"}", now);
        sim_answer_text(answer, 200, JSON_TYPE, body);
    }
    json_decref(object);
}

static void columns(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    json_t *object = object_of(request, answer);
    if (object == NULL)
        return;
    struct sim_error error = {{0}};
    const char *table = NULL, *drop = NULL, *add = NULL, *type = NULL;
    int rc = -1;
    if (json_unpack(object, "{s:s,s:s!}", "table", &table, "drop", &drop) == 0)
        rc = sim_store_drop_column(sim->store, table, drop, &error);
    else if (json_unpack(object, "{s:s,s:s,s:s!}", "table", &table, "add", &add, "type", &type) == 0)
        rc = sim_store_add_column(sim->store, table, add, type, &error);
    else
        snprintf(error.message, sizeof error.message,
                 "the body is to be {\"table\":SET,\"drop\":COLUMN} or "
                 "{\"table\":SET,\"add\":COLUMN,\"type\":TYPE}");
    if (rc == 0)
        sim_answer_text(answer, 200, JSON_TYPE, "{}");
    else
        complain(answer, error.message);
    json_decref(object);
}

static void stop_answer(struct sim *sim, const struct sim_request *request, struct sim_answer *answer)
{
    (void)sim;
    (void)request;
    sim_answer_text(answer, 200, JSON_TYPE, "{}");
}

static const struct place places[] = {
    {"POST", "/sim/change", change},     {"POST", "/sim/faults", add_faults},
    {"GET", "/sim/faults", list_faults}, {"DELETE", "/sim/faults", drop_faults},
    {"GET", "/sim/requests", requests},  {"GET", "/sim/violations", violations},
    {"DELETE", "/sim/log", drop_log},    {"POST", "/sim/clock", move_clock},
    {"POST", "/sim/columns", columns},   {"POST", "/sim/stop", stop_answer},
};

void sim_control_answer(struct sim *sim, const struct sim_request *request, struct sim_answer *answer,
                        int *stop)
{
    int path_known = 0;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(places[i].path, request->path) != 0)
            continue;
        path_known = 1;
        if (strcmp(places[i].method, request->method) != 0)
            continue;
        places[i].answer(sim, request, answer);
        *stop = places[i].answer == stop_answer;
        return;
    }
    sim_answer_error(answer, path_known ? 405 : 404, "simulator",
                     path_known ? "the control interface has no such method here"
                                : "the control interface has no such place; docs/simulator.md lists them");
}
