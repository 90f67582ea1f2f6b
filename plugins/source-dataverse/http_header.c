/* http_header.c - the head of an answer, line by line. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"

#define HEADERS_MAX ((size_t)65536)
#define CHALLENGE_MAX ((size_t)16384)
#define SECONDS_MAX ((int64_t)1000000000)
#define DATE_MAX ((int64_t)253402300799) /* the last second of the year 9999 */

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void forget(struct dataverse_transfer *t)
{
    free(t->answer.challenge);
    free(t->retry_after);
    t->retry_after = NULL;
    memset(&t->answer, 0, sizeof t->answer);
    t->answer.date = INT64_MIN;
    t->answer.retry_after_ms = -1;
    t->headers_done = 0;
}

static int is_name(const char *line, size_t length, const char *name, const char **value,
                   size_t *value_length)
{
    size_t n = strlen(name);
    if (length <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return 0;
    line += n + 1;
    length -= n + 1;
    while (length > 0 && is_space(*line)) {
        line++;
        length--;
    }
    while (length > 0 && is_space(line[length - 1]))
        length--;
    *value = line;
    *value_length = length;
    return 1;
}

static void copy_shown(char *to, size_t size, const char *value, size_t length)
{
    size_t i;
    for (i = 0; i < length && i + 1 < size; i++) {
        unsigned char c = (unsigned char)value[i];
        to[i] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
    }
    to[i] = '\0';
}

/* An HTTP date as DVS_TIMESTAMP; INT64_MIN when it is none. curl_getdate() knows nothing of the locale. */
static int64_t read_date(const char *text)
{
    time_t seconds = curl_getdate(text, NULL);
    return seconds < 0 || seconds > DATE_MAX ? INT64_MIN : (int64_t)seconds * 1000000;
}

/* Seconds, whole or, as some gateways write them, decimal; in milliseconds rounded up. -1: no number. */
static int64_t read_seconds(const char *text)
{
    int64_t seconds = 0;
    int64_t unit = 100;
    int64_t ms = 0;
    if (*text < '0' || *text > '9')
        return -1;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (seconds < SECONDS_MAX)
            seconds = seconds * 10 + (*text - '0');
    }
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++) {
            ms += unit * (*text - '0');
            if (unit == 0 && *text != '0')
                ms++;
            unit /= 10;
        }
    }
    return *text == '\0' ? seconds * 1000 + (ms > 1000 ? 1000 : ms) : -1;
}

/* A date is taken against the answer's own Date: the clocks may differ. */
static int64_t read_retry_after(struct dataverse_transfer *t)
{
    int64_t ms = read_seconds(t->retry_after);
    int64_t date;
    int64_t now;
    if (ms >= 0)
        return ms;
    date = read_date(t->retry_after);
    if (date == INT64_MIN)
        return -1;
    now = t->answer.date != INT64_MIN ? t->answer.date : t->http->host->now(t->http->host);
    return date > now ? (date - now + 999) / 1000 : 0;
}

static int set_text(char **to, const char *value, size_t length)
{
    char *copy = strndup(value, length);
    if (copy == NULL)
        return -1;
    free(*to);
    *to = copy;
    return 0;
}

static int add_challenge(struct dataverse_answer *answer, const char *value, size_t length)
{
    size_t had = answer->challenge != NULL ? strlen(answer->challenge) : 0;
    char *joined;
    if (had + length > CHALLENGE_MAX)
        return 0;
    joined = realloc(answer->challenge, had + length + 3);
    if (joined == NULL)
        return -1;
    if (had != 0) {
        memcpy(joined + had, ", ", 2);
        had += 2;
    }
    memcpy(joined + had, value, length);
    joined[had + length] = '\0';
    answer->challenge = joined;
    return 0;
}

static void begin(struct dataverse_transfer *t, const char *line, size_t length)
{
    size_t at = 0;
    int digits = 0;
    long status = 0;
    forget(t);
    while (at < length && line[at] != ' ')
        at++;
    for (at++; at < length && line[at] >= '0' && line[at] <= '9' && digits < 3; at++, digits++)
        status = status * 10 + (line[at] - '0');
    t->answer.status = status;
}

static void end(struct dataverse_transfer *t)
{
    if (t->retry_after != NULL)
        t->answer.retry_after_ms = read_retry_after(t);
    /* 100 Continue and its like come before the answer. */
    t->headers_done = t->answer.status >= 200;
}

int dataverse_header_line(struct dataverse_transfer *t, const char *line, size_t length)
{
    const char *value;
    size_t n;
    int failed = 0;
    if (length > HEADERS_MAX - t->header_bytes) {
        t->broken = DATAVERSE_BROKEN_HEADERS;
        return -1;
    }
    t->header_bytes += length;
    if (t->headers_done)
        return 0; /* trailers of a chunked body */
    if (length > 5 && memcmp(line, "HTTP/", 5) == 0) {
        begin(t, line, length);
    } else if (length == 0 || line[0] == '\r' || line[0] == '\n') {
        end(t);
    } else if (is_name(line, length, "Date", &value, &n)) {
        char date[64];
        copy_shown(date, sizeof date, value, n);
        t->answer.date = read_date(date);
    } else if (is_name(line, length, "Retry-After", &value, &n)) {
        failed = set_text(&t->retry_after, value, n > 100 ? 100 : n);
    } else if (is_name(line, length, "WWW-Authenticate", &value, &n)) {
        failed = add_challenge(&t->answer, value, n);
    } else if (is_name(line, length, "x-ms-service-request-id", &value, &n) ||
               (is_name(line, length, "REQ_ID", &value, &n) && t->answer.request_id[0] == '\0')) {
        copy_shown(t->answer.request_id, sizeof t->answer.request_id, value, n);
    } else if (is_name(line, length, "Location", &value, &n)) {
        char location[1024];
        copy_shown(location, sizeof location, value, n);
        dataverse_url_for_message(location, t->answer.redirect, sizeof t->answer.redirect);
    }
    if (failed) {
        t->broken = DATAVERSE_BROKEN_MEMORY;
        return -1;
    }
    return 0;
}
