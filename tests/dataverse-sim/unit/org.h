/*
 * org.h - what the tests of the organisation share: asking it, and reading what it says.
 */
#ifndef SIM_UNIT_ORG_H
#define SIM_UNIT_ORG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api.h"
#include "guid.h"

#define ORG_NOW INT64_C(1795000000000000) /* 2026-11-18 */
#define ORG_BASE "http://127.0.0.1:8080/api/data/v9.2/"

struct org_ask {
    uint32_t page_size;
    int annotations;
    uint32_t faults;
};

static inline struct sim_reply org_get_with(struct sim_store *store, const char *path, const char *query,
                                            struct org_ask ask)
{
    struct sim_call call = {.path = path,
                            .query = query,
                            .base = ORG_BASE,
                            .max_page_size = ask.page_size,
                            .annotations = ask.annotations,
                            .faults = ask.faults};
    struct sim_reply reply;
    assert_int_equal(sim_api_get(store, &call, &reply), 0);
    assert_non_null(reply.body);
    assert_int_equal(reply.body[reply.length], '\0');
    return reply;
}

static inline json_t *org_parse(struct sim_reply *reply)
{
    json_error_t error;
    json_t *document = json_loadb(reply->body, reply->length, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL)
        print_error("%s in %s\n", error.text, reply->body);
    assert_non_null(document);
    free(reply->body);
    reply->body = NULL;
    return document;
}

/* The document of a 200. */
static inline json_t *org_get(struct sim_store *store, const char *path, const char *query)
{
    struct sim_reply reply = org_get_with(store, path, query, (struct org_ask){0});
    if (reply.status != 200)
        print_error("%s?%s: %d %s\n", path, query == NULL ? "" : query, reply.status, reply.body);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.violation, "");
    return org_parse(&reply);
}

/* Asks for something that is refused: the status, and a part of the message. */
static inline void org_refused(struct sim_store *store, const char *path, const char *query, int status,
                               const char *code, const char *message)
{
    struct sim_reply reply = org_get_with(store, path, query, (struct org_ask){0});
    if (reply.status != status || strstr(reply.body, message) == NULL || strstr(reply.body, code) == NULL)
        print_error("%s?%s: %d %s\n", path, query == NULL ? "" : query, reply.status, reply.body);
    assert_int_equal(reply.status, status);
    json_t *document = org_parse(&reply);
    const json_t *error = json_object_get(document, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    assert_non_null(strstr(json_string_value(json_object_get(error, "message")), message));
    json_decref(document);
}

/* How many rows a read gives (one page of 5000). */
static inline size_t org_count(struct sim_store *store, const char *path, const char *query)
{
    json_t *document = org_get(store, path, query);
    size_t n = json_array_size(json_object_get(document, "value"));
    json_decref(document);
    return n;
}

static inline struct sim_store *org_new(void)
{
    struct sim_store *store = sim_store_new(7, ORG_NOW);
    assert_non_null(store);
    return store;
}

static inline void org_generate(struct sim_store *store, const char *set_name, uint64_t rows,
                                unsigned columns)
{
    struct sim_error error = {""};
    if (sim_store_generate(store, set_name, rows, columns, &error) != 0)
        fail_msg("%s", error.message);
}

/* Makes a change that must work. The report, new. */
static inline json_t *org_change(struct sim_store *store, const char *json)
{
    struct sim_error error = {""};
    char *report = sim_store_change(store, json, ORG_NOW + INT64_C(3600500000), &error);
    if (report == NULL)
        fail_msg("%s", error.message);
    json_t *document = json_loads(report, 0, NULL);
    assert_non_null(document);
    free(report);
    return document;
}

/* All `parts`, which a NULL ends, stand in an answer's text. */
static inline void org_contains(const char *body, const char *const *parts)
{
    for (; *parts != NULL; parts++)
        if (strstr(body, *parts) == NULL)
            fail_msg("%s is not in %.2000s", *parts, body);
}

/* Loads a file of this name that holds `text`: what sim_store_load() answers. */
static inline int org_try_load(struct sim_store *store, const char *file_name, const char *text,
                               struct sim_error *error)
{
    char folder[] = "/tmp/sim-unit-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, file_name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    int answer = sim_store_load(store, path, error);
    remove(path);
    remove(folder);
    return answer;
}

/* A table things(thingid,…) from rows in JSON, loaded from a file. */
static inline void org_load(struct sim_store *store, const char *file_name, const char *text)
{
    struct sim_error error = {""};
    if (org_try_load(store, file_name, text, &error) != 0)
        fail_msg("%s", error.message);
}

#endif
