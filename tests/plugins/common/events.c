/* events.c - the list of events, and when one is due. */
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dvsync/plugin_util.h"
#include "values.h"

#define PATH_SIZE 4096

typedef struct counter {
    int64_t matched;
    int64_t fired;
} counter;

struct testkit_events {
    pthread_mutex_t mutex;
    char *directory;
    json_t *list; /* array or NULL; replaced under the mutex */
    counter *counters;
    int wants_rows;
    int log_fd;
};

testkit_events *testkit_events_new(const char *directory)
{
    testkit_events *events = calloc(1, sizeof *events);
    if (events == NULL)
        return NULL;
    events->log_fd = -1;
    events->directory = strdup(directory);
    if (events->directory == NULL || pthread_mutex_init(&events->mutex, NULL) != 0) {
        free(events->directory);
        free(events);
        return NULL;
    }
    return events;
}

void testkit_events_free(testkit_events *events)
{
    if (events == NULL)
        return;
    if (events->log_fd >= 0)
        close(events->log_fd);
    json_decref(events->list);
    free(events->counters);
    free(events->directory);
    pthread_mutex_destroy(&events->mutex);
    free(events);
}

int32_t testkit_events_log_to(testkit_events *events, const char *path, dvs_error *err)
{
    if (path == NULL)
        return DVS_OK;
    events->log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (events->log_fd < 0)
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "setting log: cannot open %s: %s", path,
                        strerror(errno));
    return DVS_OK;
}

void testkit_log(testkit_events *events, json_t *line)
{
    char *text, *whole;
    size_t length;
    if (line == NULL || events->log_fd < 0) {
        json_decref(line);
        return;
    }
    json_object_set_new(line, "pid", json_integer(getpid()));
    text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (text == NULL)
        return;
    length = strlen(text);
    whole = realloc(text, length + 2);
    if (whole != NULL) {
        ssize_t done;
        whole[length] = '\n';
        done = write(events->log_fd, whole, length + 1);
        (void)done; /* a lost line makes the test that looks for it fail */
        text = whole;
    }
    free(text);
}

int32_t testkit_log_status(testkit_events *events, json_t *line, int32_t status, const dvs_error *err)
{
    if (line != NULL) {
        json_object_set_new(line, "status", json_string(testkit_status_name(status)));
        if (status >= DVS_E_BASE)
            json_object_set_new(line, "message", testkit_text_json(err->message, strlen(err->message)));
    }
    testkit_log(events, line);
    return status;
}

static int64_t member_int(const json_t *event, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(event, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static const char *member_text(const json_t *event, const char *name)
{
    return json_string_value(json_object_get(event, name));
}

/* DVS_OK when the event has none; -1 when it is none. */
static int32_t event_status(const json_t *event)
{
    const json_t *value = json_object_get(event, "status");
    if (value == NULL)
        return DVS_OK;
    if (json_is_integer(value))
        return (int32_t)json_integer_value(value);
    return json_is_string(value) ? testkit_status_from_name(json_string_value(value)) : -1;
}

static int32_t event_scope(const json_t *event)
{
    static const char *const NAMES[] = {"", "row", "batch", "stream", "source"};
    const char *name = member_text(event, "scope");
    int32_t i;
    if (name == NULL)
        return DVS_SCOPE_STREAM;
    for (i = 1; i <= 4; i++) {
        if (strcmp(NAMES[i], name) == 0)
            return i;
    }
    return -1;
}

static int one_of(const char *text, const char *const *names, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++) {
        if (strcmp(text, names[i]) == 0)
            return 1;
    }
    return 0;
}

/* A misspelt event would let a test pass for nothing, so all of it is checked. */
static const char *event_problem(json_t *event)
{
    static const char *const KNOWN[] = {"slot",  "stream",   "table",       "mode",           "when",
                                        "nth",   "times",    "times_file",  "after_rows",     "touch",
                                        "row",   "delay_ms", "hang",        "kill",           "status",
                                        "scope", "message",  "native_code", "retry_after_ms", "wait_for"};
    static const char *const HANGS[] = {"interrupt", "cancel", "forever"};
    static const char *const WHENS[] = {"before", "after"};
    const char *key, *hang = member_text(event, "hang"), *when = member_text(event, "when");
    json_t *value;
    if (!json_is_object(event) || member_text(event, "slot") == NULL)
        return "is no object with a slot";
    json_object_foreach(event, key, value)
    {
        if (key[0] != '#' && !one_of(key, KNOWN, sizeof KNOWN / sizeof KNOWN[0]))
            return "has an unknown member";
    }
    if (event_status(event) < 0)
        return "has an unknown status";
    if (event_scope(event) < 0)
        return "has an unknown scope";
    if (hang != NULL && !one_of(hang, HANGS, 3))
        return "has an unknown hang (interrupt, cancel or forever)";
    if (when != NULL && !one_of(when, WHENS, 2))
        return "has an unknown when (before or after)";
    return NULL;
}

int32_t testkit_events_set(testkit_events *events, json_t *list, dvs_error *err)
{
    json_t *copy = NULL;
    counter *counters = NULL;
    size_t i, n = json_array_size(list);
    int wants_rows = 0, same;
    if (list != NULL && !json_is_array(list))
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "faults is no array");
    for (i = 0; i < n; i++) {
        const char *problem = event_problem(json_array_get(list, i));
        if (problem != NULL)
            return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "faults[%zu] %s", i, problem);
        wants_rows |= json_object_get(json_array_get(list, i), "after_rows") != NULL;
    }
    pthread_mutex_lock(&events->mutex);
    same = list == NULL ? events->list == NULL : events->list != NULL && json_equal(events->list, list);
    pthread_mutex_unlock(&events->mutex);
    if (same)
        return DVS_OK;
    copy = list != NULL ? json_deep_copy(list) : NULL;
    counters = calloc(n + 1, sizeof *counters);
    if ((list != NULL && copy == NULL) || counters == NULL) {
        json_decref(copy);
        free(counters);
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    }
    pthread_mutex_lock(&events->mutex);
    json_decref(events->list);
    free(events->counters);
    events->list = copy;
    events->counters = counters;
    events->wants_rows = wants_rows;
    pthread_mutex_unlock(&events->mutex);
    return DVS_OK;
}

int testkit_events_want_rows(testkit_events *events)
{
    int wants;
    pthread_mutex_lock(&events->mutex);
    wants = events->wants_rows;
    pthread_mutex_unlock(&events->mutex);
    return wants;
}

static void path_of(const testkit_events *events, const char *name, char out[PATH_SIZE])
{
    if (name[0] == '/')
        snprintf(out, PATH_SIZE, "%s", name);
    else
        snprintf(out, PATH_SIZE, "%s/%s", events->directory, name);
}

/* Counters that survive the process: "MATCHED FIRED". */
static void counter_load(const testkit_events *events, const char *name, counter *c)
{
    char path[PATH_SIZE];
    FILE *file;
    path_of(events, name, path);
    c->matched = c->fired = 0;
    file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fscanf(file, "%ld %ld", &c->matched, &c->fired) != 2)
        c->matched = c->fired = 0;
    fclose(file);
}

static void counter_store(const testkit_events *events, const char *name, const counter *c)
{
    char path[PATH_SIZE], temporary[PATH_SIZE + 8];
    FILE *file;
    path_of(events, name, path);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    file = fopen(temporary, "we");
    if (file == NULL)
        return;
    fprintf(file, "%ld %ld\n", c->matched, c->fired);
    if (fclose(file) == 0)
        rename(temporary, path);
}

static int names_match(const char *wanted, const char *name)
{
    return wanted == NULL || (name != NULL && strcasecmp(wanted, name) == 0);
}

static int event_matches(const json_t *event, const testkit_call *call)
{
    const char *when = member_text(event, "when");
    return strcmp(member_text(event, "slot"), call->slot) == 0 &&
           names_match(member_text(event, "stream"), call->name) &&
           names_match(member_text(event, "table"), call->name) &&
           names_match(member_text(event, "mode"), call->mode) &&
           (when != NULL && strcmp(when, "after") == 0) == call->after &&
           member_int(event, "after_rows", -1) == call->rows;
}

/* Adds to the event's counter, and returns it as it is then. */
static counter event_count(testkit_events *events, size_t index, int matched, int fired)
{
    const char *file = member_text(json_array_get(events->list, index), "times_file");
    counter *c = &events->counters[index];
    if (file != NULL)
        counter_load(events, file, c);
    c->matched += matched;
    c->fired += fired;
    if (file != NULL && matched + fired > 0)
        counter_store(events, file, c);
    return *c;
}

/* Counts the call for all events that it concerns, whichever of them happen then. */
static void count_call(testkit_events *events, const testkit_call *call)
{
    size_t i;
    for (i = 0; i < json_array_size(events->list); i++) {
        if (event_matches(json_array_get(events->list, i), call))
            event_count(events, i, 1, 0);
    }
}

/* The first event from *index on that is due at this call, with *index behind it; NULL: no more. */
static json_t *next_due(testkit_events *events, const testkit_call *call, size_t *index)
{
    while (*index < json_array_size(events->list)) {
        json_t *event = json_array_get(events->list, (*index)++);
        int64_t times = member_int(event, "times", 1);
        counter c;
        if (!event_matches(event, call))
            continue;
        c = event_count(events, *index - 1, 0, 0);
        if (c.matched < member_int(event, "nth", 1) || (times != 0 && c.fired >= times))
            continue;
        event_count(events, *index - 1, 0, 1);
        return json_incref(event);
    }
    return NULL;
}

static int wait_over(const testkit_patience *patience, int interrupt_only)
{
    if (patience->interrupted != NULL && atomic_load(patience->interrupted) != 0)
        return !patience->ignore_cancel;
    return !interrupt_only && !patience->ignore_cancel && patience->host->cancelled(patience->host) != 0;
}

static void nap(int64_t ms)
{
    struct timespec pause;
    pause.tv_sec = (time_t)(ms / 1000);
    pause.tv_nsec = (long)(ms % 1000 * 1000000);
    nanosleep(&pause, NULL);
}

static int32_t cut_short(dvs_error *err)
{
    return dvs_fail(err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
}

int32_t testkit_wait_ms(const testkit_patience *patience, int64_t ms, dvs_error *err)
{
    while (ms > 0) {
        int64_t slice = ms < 5 ? ms : 5;
        if (wait_over(patience, 0))
            return cut_short(err);
        nap(slice);
        ms -= slice;
    }
    return DVS_OK;
}

static int32_t wait_for_file(const char *path, const testkit_patience *patience, dvs_error *err)
{
    struct stat unused;
    while (stat(path, &unused) != 0) {
        if (wait_over(patience, 0))
            return cut_short(err);
        nap(5);
    }
    return DVS_OK;
}

static int32_t hang(const char *how, const testkit_patience *patience, dvs_error *err)
{
    while (strcmp(how, "forever") == 0 || !wait_over(patience, strcmp(how, "interrupt") == 0))
        nap(5);
    return cut_short(err);
}

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

/* What the event does, in this order: touch, wait, delay, hang, kill, fail. */
static int32_t event_happens(testkit_events *events, const json_t *event, const testkit_call *call,
                             const testkit_patience *patience, dvs_error *err)
{
    const char *file, *message = member_text(event, "message");
    char path[PATH_SIZE];
    int32_t status;
    if ((file = member_text(event, "touch")) != NULL) {
        path_of(events, file, path);
        touch(path);
    }
    if ((file = member_text(event, "wait_for")) != NULL) {
        path_of(events, file, path);
        if ((status = wait_for_file(path, patience, err)) != DVS_OK)
            return status;
    }
    if ((status = testkit_wait_ms(patience, member_int(event, "delay_ms", 0), err)) != DVS_OK)
        return status;
    if ((file = member_text(event, "hang")) != NULL)
        return hang(file, patience, err);
    if (json_is_true(json_object_get(event, "kill")))
        kill(getpid(), SIGKILL);
    status = event_status(event);
    if (status == DVS_OK)
        return DVS_OK;
    err->row = (uint64_t)member_int(event, "row", 0);
    err->native_code = member_int(event, "native_code", 0);
    err->retry_after_ms = (int32_t)member_int(event, "retry_after_ms", 0);
    if (message != NULL)
        return dvs_fail(err, status, event_scope(event), "%s", message);
    return dvs_fail(err, status, event_scope(event), "a fault was injected into %s%s%s", call->slot,
                    call->name != NULL ? " of " : "", call->name != NULL ? call->name : "");
}

int32_t testkit_events_fire(testkit_events *events, const testkit_call *call,
                            const testkit_patience *patience, dvs_error *err)
{
    int32_t status = DVS_OK;
    size_t i = 0;
    pthread_mutex_lock(&events->mutex);
    count_call(events, call);
    pthread_mutex_unlock(&events->mutex);
    while (status == DVS_OK) {
        json_t *event;
        pthread_mutex_lock(&events->mutex);
        event = next_due(events, call, &i);
        pthread_mutex_unlock(&events->mutex);
        if (event == NULL)
            break;
        testkit_log(events, json_pack("{s:s,s:s,s:I,s:s?,s:I}", "event", "fault", "slot", call->slot, "index",
                                      (json_int_t)i - 1, "name", call->name, "rows", (json_int_t)call->rows));
        status = event_happens(events, event, call, patience, err);
        pthread_mutex_lock(&events->mutex); /* jansson's check before counting is no atomic one */
        json_decref(event);
        pthread_mutex_unlock(&events->mutex);
    }
    return status;
}
