#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "text.h"

#define REQUESTS_MAX 20000
#define VIOLATIONS_MAX 1000
#define VIOLATION_TEXT 400

struct violation {
    uint64_t request;
    char text[VIOLATION_TEXT];
};

struct sim_log {
    pthread_mutex_t lock;
    uint64_t number;
    char **requests; /* rendered; a ring from `first` on */
    size_t first, n_requests;
    struct violation *violations;
    size_t n_violations;
};

struct sim_log *sim_log_new(void)
{
    struct sim_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    log->requests = calloc(REQUESTS_MAX, sizeof *log->requests);
    log->violations = calloc(VIOLATIONS_MAX, sizeof *log->violations);
    if (log->requests == NULL || log->violations == NULL || pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log->requests);
        free(log->violations);
        free(log);
        return NULL;
    }
    return log;
}

static void forget(struct sim_log *log)
{
    for (size_t i = 0; i < log->n_requests; i++)
        free(log->requests[(log->first + i) % REQUESTS_MAX]);
    log->n_requests = log->first = log->n_violations = 0;
}

void sim_log_free(struct sim_log *log)
{
    if (log == NULL)
        return;
    forget(log);
    pthread_mutex_destroy(&log->lock);
    free(log->requests);
    free(log->violations);
    free(log);
}

uint64_t sim_log_number(struct sim_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t number = ++log->number;
    pthread_mutex_unlock(&log->lock);
    return number;
}

static void field(struct sim_text *text, const char *name, const char *value)
{
    sim_text_printf(text, ",\"%s\":", name);
    if (value == NULL)
        sim_text_puts(text, "null");
    else
        sim_text_json(text, value, strlen(value));
}

static char *render(const struct sim_log_entry *entry)
{
    struct sim_text text = {0};
    char time[SIM_TIME_MAX];
    sim_clock_iso(entry->time, time);
    sim_text_printf(&text, "{\"number\":%" PRIu64 ",\"time\":\"%s\",\"ms\":%" PRId64, entry->number, time,
                    entry->ms);
    field(&text, "phase", entry->phase);
    field(&text, "method", entry->method);
    field(&text, "path", entry->path);
    field(&text, "query", entry->query);
    sim_text_printf(&text, ",\"page\":%" PRIu64 ",\"status\":%d", entry->page, entry->status);
    field(&text, "fault", entry->fault);
    sim_text_printf(&text, ",\"bytes\":%zu,\"bearer\":%" PRId64 "}\n", entry->bytes, entry->bearer);
    return sim_text_take(&text, NULL);
}

void sim_log_add(struct sim_log *log, const struct sim_log_entry *entry)
{
    char *line = render(entry);
    if (line == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    char **place = &log->requests[(log->first + log->n_requests) % REQUESTS_MAX];
    if (log->n_requests < REQUESTS_MAX) {
        log->n_requests++;
    } else {
        free(*place);
        log->first = (log->first + 1) % REQUESTS_MAX;
    }
    *place = line;
    pthread_mutex_unlock(&log->lock);
}

void sim_log_violation(struct sim_log *log, uint64_t number, const char *format, ...)
{
    pthread_mutex_lock(&log->lock);
    if (log->n_violations < VIOLATIONS_MAX) {
        struct violation *violation = &log->violations[log->n_violations++];
        violation->request = number;
        va_list args;
        va_start(args, format);
        vsnprintf(violation->text, sizeof violation->text, format, args);
        va_end(args);
    }
    pthread_mutex_unlock(&log->lock);
}

char *sim_log_requests(struct sim_log *log, size_t *length)
{
    struct sim_text text = {0};
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->n_requests; i++)
        sim_text_puts(&text, log->requests[(log->first + i) % REQUESTS_MAX]);
    pthread_mutex_unlock(&log->lock);
    return sim_text_take(&text, length);
}

char *sim_log_violations(struct sim_log *log, size_t *length)
{
    struct sim_text text = {0};
    sim_text_puts(&text, "[");
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->n_violations; i++) {
        const struct violation *violation = &log->violations[i];
        sim_text_printf(&text, "%s{\"request\":%" PRIu64 ",\"text\":", i == 0 ? "" : ",\n",
                        violation->request);
        sim_text_json(&text, violation->text, strlen(violation->text));
        sim_text_puts(&text, "}");
    }
    pthread_mutex_unlock(&log->lock);
    sim_text_puts(&text, "]\n");
    return sim_text_take(&text, length);
}

void sim_log_clear(struct sim_log *log)
{
    pthread_mutex_lock(&log->lock);
    forget(log);
    pthread_mutex_unlock(&log->lock);
}
