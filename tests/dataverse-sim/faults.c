#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "api.h"
#include "clock.h"
#include "faults.h"
#include "text.h"

#define PHASE_ANY (SIM_PHASE_CHALLENGE | SIM_PHASE_TOKEN | SIM_PHASE_METADATA | SIM_PHASE_ROWS)
#define PHASE_API (SIM_PHASE_METADATA | SIM_PHASE_ROWS)

/* Which pages of a read a fault is for. */
enum where { ANYWHERE, FIRST, MIDDLE, LAST, NUMBERED };

struct armed {
    unsigned id;
    struct sim_fault fault;
    unsigned phases;
    enum where where;
    uint64_t page;
    char table[128];      /* "": any */
    char retry_after[64]; /* as given: seconds, "date:N", or any text */
    int64_t times;        /* left; -1: for ever */
    uint64_t after;       /* to be skipped yet */
    uint64_t happened;
};

struct sim_faults {
    pthread_mutex_t lock;
    struct armed *armed;
    size_t n, capacity;
    unsigned last_id;
};

static const struct {
    const char *name;
    enum sim_fault_kind kind;
    unsigned phases;
    enum sim_manner manner;
    uint32_t page_fault;
} kinds[] = {
    {"reset", SIM_FAULT_MANNER, PHASE_ANY, SIM_SEND_RESET, 0},
    {"truncate", SIM_FAULT_MANNER, PHASE_ANY, SIM_SEND_TRUNCATE, 0},
    {"truncate_chunked", SIM_FAULT_MANNER, PHASE_ANY, SIM_SEND_TRUNCATE_CHUNKED, 0},
    {"slow", SIM_FAULT_MANNER, PHASE_ANY, SIM_SEND_SLOW, 0},
    {"stall", SIM_FAULT_MANNER, PHASE_ANY, SIM_SEND_STALL, 0},
    {"timeout", SIM_FAULT_MANNER, PHASE_ANY, SIM_SEND_NEVER, 0},
    {"latency", SIM_FAULT_LATENCY, PHASE_ANY, SIM_SEND, 0},
    {"unauthorized", SIM_FAULT_UNAUTHORIZED, PHASE_API, SIM_SEND, 0},
    {"html", SIM_FAULT_HTML, PHASE_ANY, SIM_SEND, 0},
    {"empty_body", SIM_FAULT_EMPTY_BODY, PHASE_ANY, SIM_SEND, 0},
    {"cut_json", SIM_FAULT_CUT_JSON, SIM_PHASE_TOKEN | PHASE_API, SIM_SEND, 0},
    {"badgzip", SIM_FAULT_BADGZIP, PHASE_API, SIM_SEND, 0},
    {"gzipbomb", SIM_FAULT_GZIPBOMB, PHASE_API, SIM_SEND, 0},
    {"redirect", SIM_FAULT_REDIRECT, PHASE_ANY, SIM_SEND, 0},
    {"loop", SIM_FAULT_PAGE, SIM_PHASE_ROWS, SIM_SEND, SIM_PAGE_LOOP},
    {"foreign", SIM_FAULT_PAGE, SIM_PHASE_ROWS, SIM_SEND, SIM_PAGE_FOREIGN},
    {"duplicates", SIM_FAULT_PAGE, SIM_PHASE_ROWS, SIM_SEND, SIM_PAGE_DUPLICATES},
    {"empty_last", SIM_FAULT_PAGE, SIM_PHASE_ROWS, SIM_SEND, SIM_PAGE_EMPTY_LAST},
    {"error_in_body", SIM_FAULT_PAGE, SIM_PHASE_ROWS, SIM_SEND, SIM_PAGE_ERROR},
};

/* Names of statuses, for the log: a fault's name is static. */
static const struct {
    int status;
    const char *name;
    const char *code;
    const char *message;
} statuses[] = {
    {400, "400", "0x80060888", "Could not find a property named 'x' on type 'Microsoft.Dynamics.CRM.y'."},
    {403, "403", "0x80072560", "The user is not a member of the organization."},
    {404, "404", "0x80060888", "Resource not found for the segment 'x'."},
    {408, "408", "", "Request timed out."},
    {410, "410", "0x80044352",
     "Version stamp associated with the client has expired. Please perform a full sync."},
    {412, "412", "0x80060882",
     "The version of the existing record doesn't match the RowVersion property provided."},
    {413, "413", "", "Payload too large."},
    {429, "429", "0x80072322",
     "Number of requests exceeded the limit of 6000 over time window of 300 seconds."},
    {500, "500", "0x80044150", "Generic SQL error."},
    {501, "501", "", "Not implemented."},
    {502, "502", "", "Bad gateway."},
    {503, "503", "", "Service unavailable."},
    {504, "504", "", "Gateway timeout."},
};

struct sim_faults *sim_faults_new(void)
{
    struct sim_faults *faults = calloc(1, sizeof *faults);
    if (faults == NULL || pthread_mutex_init(&faults->lock, NULL) != 0) {
        free(faults);
        return NULL;
    }
    return faults;
}

void sim_faults_free(struct sim_faults *faults)
{
    if (faults == NULL)
        return;
    pthread_mutex_destroy(&faults->lock);
    free(faults->armed);
    free(faults);
}

void sim_faults_clear(struct sim_faults *faults)
{
    pthread_mutex_lock(&faults->lock);
    faults->n = 0;
    pthread_mutex_unlock(&faults->lock);
}

/* ---- reading ---- */

struct complaint {
    char *message;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int complain(struct complaint *complaint, const char *format,
                                                          ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(complaint->message, complaint->size, format, args);
    va_end(args);
    return -1;
}

static int read_kind(struct armed *armed, const char *name, struct complaint *complaint)
{
    struct sim_fault *fault = &armed->fault;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        fault->name = kinds[i].name;
        fault->kind = kinds[i].kind;
        fault->manner = kinds[i].manner;
        fault->page_fault = kinds[i].page_fault;
        armed->phases = kinds[i].phases;
        return 0;
    }
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (strcmp(name, statuses[i].name) != 0)
            continue;
        fault->name = statuses[i].name;
        fault->kind = SIM_FAULT_STATUS;
        fault->status = statuses[i].status;
        snprintf(fault->code, sizeof fault->code, "%s", statuses[i].code);
        snprintf(fault->message, sizeof fault->message, "%s", statuses[i].message);
        armed->phases = PHASE_ANY;
        if (fault->status == 429)
            snprintf(armed->retry_after, sizeof armed->retry_after, "1");
        return 0;
    }
    return complain(complaint, "there is no fault \"%s\"", name);
}

static int read_phase(struct armed *armed, const char *name, struct complaint *complaint)
{
    static const struct {
        const char *name;
        unsigned phases;
    } phases[] = {{"challenge", SIM_PHASE_CHALLENGE},
                  {"token", SIM_PHASE_TOKEN},
                  {"metadata", SIM_PHASE_METADATA},
                  {"rows", SIM_PHASE_ROWS},
                  {"any", PHASE_ANY}};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        if (strcmp(name, phases[i].name) != 0)
            continue;
        armed->phases &= phases[i].phases;
        if (armed->phases == 0)
            return complain(complaint, "the fault \"%s\" cannot happen in the phase \"%s\"",
                            armed->fault.name, name);
        return 0;
    }
    return complain(complaint, "\"phase\" is challenge, token, metadata, rows or any, not \"%s\"", name);
}

static int rows_only(struct armed *armed, const char *what, struct complaint *complaint)
{
    armed->phases &= SIM_PHASE_ROWS;
    if (armed->phases == 0)
        return complain(complaint, "\"%s\" is for the phase \"rows\" only", what);
    return 0;
}

static int read_page(struct armed *armed, const json_t *value, struct complaint *complaint)
{
    const char *name = json_string_value(value);
    if (json_is_integer(value) && json_integer_value(value) > 0) {
        armed->where = NUMBERED;
        armed->page = (uint64_t)json_integer_value(value);
    } else if (name != NULL && strcmp(name, "first") == 0) {
        armed->where = FIRST;
    } else if (name != NULL && strcmp(name, "middle") == 0) {
        armed->where = MIDDLE;
    } else if (name != NULL && strcmp(name, "last") == 0) {
        armed->where = LAST;
    } else {
        return complain(complaint, "\"page\" is first, middle, last or a number from 1");
    }
    return rows_only(armed, "page", complaint);
}

static int read_text(char *place, size_t size, const char *name, const json_t *value,
                     struct complaint *complaint)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) >= size || strpbrk(text, "\r\n") != NULL)
        return complain(complaint, "\"%s\" is a line of text of less than %zu bytes", name, size);
    snprintf(place, size, "%s", text);
    return 0;
}

static int read_number(int64_t *place, const char *name, const json_t *value, int64_t min,
                       struct complaint *complaint)
{
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > 1000000000)
        return complain(complaint, "\"%s\" is a whole number from %" PRId64 " to 1000000000", name, min);
    *place = json_integer_value(value);
    return 0;
}

static int read_member(struct armed *armed, const char *name, const json_t *value,
                       struct complaint *complaint)
{
    struct sim_fault *fault = &armed->fault;
    int64_t after = 0;
    if (strcmp(name, "fault") == 0)
        return 0; /* was read first */
    if (strcmp(name, "phase") == 0)
        return read_phase(armed, json_is_string(value) ? json_string_value(value) : "", complaint);
    if (strcmp(name, "page") == 0)
        return read_page(armed, value, complaint);
    if (strcmp(name, "table") == 0)
        return read_text(armed->table, sizeof armed->table, name, value, complaint) != 0
                   ? -1
                   : rows_only(armed, name, complaint);
    if (strcmp(name, "times") == 0)
        return read_number(&armed->times, name, value, -1, complaint);
    if (strcmp(name, "ms") == 0)
        return read_number(&fault->ms, name, value, 0, complaint);
    if (strcmp(name, "after") == 0) {
        int rc = read_number(&after, name, value, 0, complaint);
        armed->after = (uint64_t)after;
        return rc;
    }
    if (fault->kind == SIM_FAULT_STATUS) {
        if (strcmp(name, "retry_after") == 0)
            return read_text(armed->retry_after, sizeof armed->retry_after, name, value, complaint);
        if (strcmp(name, "code") == 0)
            return read_text(fault->code, sizeof fault->code, name, value, complaint);
        if (strcmp(name, "message") == 0)
            return read_text(fault->message, sizeof fault->message, name, value, complaint);
    }
    return complain(complaint, "the fault \"%s\" has no member \"%s\"", fault->name, name);
}

static int read_fault(struct armed *armed, json_t *object, struct complaint *complaint)
{
    memset(armed, 0, sizeof *armed);
    armed->times = 1;
    armed->fault.ms = 1000;
    const char *kind = json_string_value(json_object_get(object, "fault"));
    if (kind == NULL)
        return complain(complaint, "a fault is an object with the text member \"fault\"");
    if (read_kind(armed, kind, complaint) != 0)
        return -1;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (read_member(armed, name, value, complaint) != 0)
            return -1;
    }
    return 0;
}

static int room_for(struct sim_faults *faults, size_t more)
{
    if (faults->n + more <= faults->capacity)
        return 0;
    size_t capacity = faults->capacity * 2 + more;
    struct armed *armed = realloc(faults->armed, capacity * sizeof *armed);
    if (armed == NULL)
        return -1;
    faults->armed = armed;
    faults->capacity = capacity;
    return 0;
}

char *sim_faults_add(struct sim_faults *faults, const char *json, size_t length, char *message, size_t size)
{
    struct complaint complaint = {message, size};
    struct sim_text ids = {0};
    json_error_t error;
    json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        complain(&complaint, "no JSON: %s", error.text);
        return NULL;
    }
    size_t n = json_is_array(root) ? json_array_size(root) : 1;
    pthread_mutex_lock(&faults->lock);
    int rc = room_for(faults, n);
    if (rc != 0)
        complain(&complaint, "out of memory");
    sim_text_puts(&ids, "[");
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct armed *armed = &faults->armed[faults->n + i];
        rc = read_fault(armed, json_is_array(root) ? json_array_get(root, i) : root, &complaint);
        armed->id = faults->last_id + 1 + (unsigned)i;
        sim_text_printf(&ids, "%s%u", i == 0 ? "" : ",", armed->id);
    }
    sim_text_puts(&ids, "]");
    char *answer = rc == 0 ? sim_text_take(&ids, NULL) : NULL;
    if (answer != NULL) {
        faults->n += n;
        faults->last_id += (unsigned)n;
    } else if (rc == 0) {
        complain(&complaint, "out of memory");
    }
    pthread_mutex_unlock(&faults->lock);
    sim_text_free(&ids);
    json_decref(root);
    return answer;
}

char *sim_faults_list(struct sim_faults *faults, size_t *length)
{
    struct sim_text text = {0};
    sim_text_puts(&text, "[");
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->n; i++) {
        const struct armed *armed = &faults->armed[i];
        sim_text_printf(&text,
                        "%s{\"id\":%u,\"fault\":\"%s\",\"happened\":%" PRIu64 ",\"left\":%" PRId64
                        ",\"after\":%" PRIu64 "}",
                        i == 0 ? "" : ",\n", armed->id, armed->fault.name, armed->happened, armed->times,
                        armed->after);
    }
    pthread_mutex_unlock(&faults->lock);
    sim_text_puts(&text, "]\n");
    return sim_text_take(&text, length);
}

/* ---- happening ---- */

static int fits(const struct armed *armed, const struct sim_occasion *occasion)
{
    uint64_t page = occasion->page;
    if ((armed->phases & occasion->phase) == 0)
        return 0;
    if (armed->table[0] != '\0' && (occasion->table == NULL || strcmp(armed->table, occasion->table) != 0))
        return 0;
    if (armed->where == FIRST      ? page != 1
        : armed->where == MIDDLE   ? page < 2 || occasion->last_page
        : armed->where == LAST     ? page == 0 || !occasion->last_page
        : armed->where == NUMBERED ? page != armed->page
                                   : 0)
        return 0;
    switch (armed->fault.page_fault) {
    case SIM_PAGE_LOOP:
    case SIM_PAGE_FOREIGN: /* a link to be spoilt */
        return page > 0 && !occasion->last_page;
    case SIM_PAGE_DUPLICATES: /* a page before */
        return page > 1;
    case SIM_PAGE_EMPTY_LAST:
        return page > 0 && occasion->last_page;
    case SIM_PAGE_ERROR:
        return page > 0;
    default:
        return 1;
    }
}

/* "1.5" in milliseconds; -1 for another text. */
static int64_t seconds_of(const char *text)
{
    int64_t ms = 0;
    size_t i = strspn(text, "0123456789");
    if (i == 0 || i > 9)
        return -1;
    for (size_t k = 0; k < i; k++)
        ms = ms * 10 + (text[k] - '0') * 1000;
    if (text[i] == '.') {
        int64_t unit = 100;
        for (i++; text[i] >= '0' && text[i] <= '9'; i++, unit /= 10)
            ms += (text[i] - '0') * unit;
    }
    return text[i] == '\0' ? ms : -1;
}

/* The header of this moment, and how long it makes the client wait. A date has whole seconds: it comes early
 * by the fraction. */
static void set_retry_after(struct sim_fault *fault, const char *given, int64_t now)
{
    fault->retry_after_ms = -1;
    fault->retry_after[0] = '\0';
    if (given[0] == '\0' || strcmp(given, "none") == 0)
        return;
    if (strncmp(given, "date:", 5) == 0 && seconds_of(given + 5) >= 0) {
        char date[SIM_TIME_MAX];
        int64_t at = now + seconds_of(given + 5) * 1000;
        at -= at % 1000000;
        sim_clock_http(at, date);
        snprintf(fault->retry_after, sizeof fault->retry_after, "%s", date);
        fault->retry_after_ms = at < now ? 0 : (at - now) / 1000;
        return;
    }
    snprintf(fault->retry_after, sizeof fault->retry_after, "%s", given);
    fault->retry_after_ms = seconds_of(given);
}

int sim_faults_next(struct sim_faults *faults, const struct sim_occasion *occasion, struct sim_fault *fault,
                    int64_t *latency_ms)
{
    int happens = 0;
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->n && !happens; i++) {
        struct armed *armed = &faults->armed[i];
        if (armed->times == 0 || !fits(armed, occasion))
            continue;
        if (armed->after > 0) {
            armed->after--;
            continue;
        }
        if (armed->times > 0)
            armed->times--;
        armed->happened++;
        if (armed->fault.kind == SIM_FAULT_LATENCY) {
            *latency_ms += armed->fault.ms;
            continue;
        }
        *fault = armed->fault;
        fault->phase = occasion->phase;
        set_retry_after(fault, armed->retry_after, occasion->now);
        happens = 1;
    }
    pthread_mutex_unlock(&faults->lock);
    return happens;
}
