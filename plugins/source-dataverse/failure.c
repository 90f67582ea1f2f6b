/*
 * failure.c - what an answer of 300 and more means, in words and for the program (Microsoft's documentation:
 * compose HTTP requests and handle errors; web service error codes; Microsoft identity platform: error
 * codes).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <dvsync/plugin_util.h>
#include <jansson.h>

#include "http_internal.h"

#define SERVICE_TEXT_MAX 420

#define CODE_EXPIRED_STAMP 0x80044352u
#define CODE_BAD_QUERY 0x80060888u

/* What the service says about an error. */
struct report {
    uint32_t code; /* 0: none */
    char text[SERVICE_TEXT_MAX + 1];
    int html;
};

/* ---- Text ---- */

/* Bytes of the UTF-8 character at `s`, at most n; 0 when it is none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : 4;
    size_t i;
    if (length == 1)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || length > n)
        return 0;
    for (i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] >= 0x90))
        return 0;
    return length;
}

/* Copies text for a message: one line, valid UTF-8, control characters and runs of spaces become one space,
 * cut with "...". */
static void copy_clean(char *to, size_t size, const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = 0;
    size_t i = 0;
    while (i < length) {
        size_t step = utf8_length(s + i, length - i);
        int space = s[i] <= ' ' || s[i] == 0x7f;
        if (space && (n == 0 || to[n - 1] == ' ')) {
            i++;
            continue;
        }
        if (n + (step == 0 ? 1 : step) + 4 > size) {
            memcpy(to + n, "...", 3);
            n += 3;
            break;
        }
        if (space || step == 0)
            to[n++] = space ? ' ' : '?';
        else {
            memcpy(to + n, s + i, step);
            n += step;
        }
        i += step == 0 ? 1 : step;
    }
    while (n > 0 && (to[n - 1] == ' ' || to[n - 1] == '.') && !(n >= 3 && memcmp(to + n - 3, "...", 3) == 0))
        n--;
    to[n] = '\0';
}

/* The Web API writes codes as "0x80072322", the SDK as "-2147015902"; 0 when the text is neither. */
static uint32_t read_code(const char *text)
{
    char *end = NULL;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        unsigned long long value = strtoull(text + 2, &end, 16);
        return *end == '\0' && end != text + 2 && value <= UINT32_MAX ? (uint32_t)value : 0;
    }
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < INT32_MIN || value > UINT32_MAX)
        return 0;
    return (uint32_t)value;
}

/* ---- Bodies ---- */

static void read_error_object(const json_t *error, struct report *report)
{
    const json_t *code = json_object_get(error, "code");
    const json_t *message = json_object_get(error, "message");
    if (json_is_string(code))
        report->code = read_code(json_string_value(code));
    else if (json_is_integer(code) && json_integer_value(code) >= INT32_MIN &&
             json_integer_value(code) <= UINT32_MAX)
        report->code = (uint32_t)json_integer_value(code);
    if (json_is_string(message))
        copy_clean(report->text, sizeof report->text, json_string_value(message),
                   json_string_length(message));
}

static void read_body(const char *body, size_t length, struct report *report)
{
    json_t *root;
    const json_t *error;
    while (length > 0 && strchr(" \t\r\n", body[0]) != NULL && body[0] != '\0') {
        body++;
        length--;
    }
    if (length == 0)
        return;
    if (body[0] == '<') {
        report->html = 1;
        return;
    }
    root = json_loadb(body, length, JSON_ALLOW_NUL, NULL);
    error = json_object_get(root, "error");
    if (json_is_object(error))
        read_error_object(error, report);
    else if (json_is_string(json_object_get(root, "Message"))) {
        const json_t *message = json_object_get(root, "Message");
        copy_clean(report->text, sizeof report->text, json_string_value(message),
                   json_string_length(message));
    } else if (root == NULL && body[0] != '{' && body[0] != '[')
        copy_clean(report->text, sizeof report->text, body, length > 200 ? 200 : length);
    json_decref(root);
}

/* What an error repeats of the request may be the secret of a form, or the token: whole, or cut somewhere
 * behind its beginning. */
static int repeats_secret(const struct dataverse_request *request, const char *body, size_t length)
{
    if (request->form != NULL)
        return 1;
    return request->bearer != NULL &&
           memmem(body, length, request->bearer, strnlen(request->bearer, 24)) != NULL;
}

/* ---- Judgement ---- */

struct verdict {
    int outcome;
    int32_t status;
    const char *advice; /* NULL: none */
};

static int has_text(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static struct verdict judge_bad_request(const struct report *report)
{
    switch (report->code) {
    case CODE_EXPIRED_STAMP:
        return (struct verdict){DATAVERSE_NO_RESUME, DVS_E_RESUME, "it has to be read in full"};
    case 0x80072491u:
        return (struct verdict){DATAVERSE_FAIL, DVS_E_UNSUPPORTED, "turn on change tracking for the table"};
    case 0x80072492u:
        return (struct verdict){DATAVERSE_FAIL, DVS_E_UNSUPPORTED,
                                "turn on change tracking for both tables that it relates"};
    case 0: /* frequently empty */
    case CODE_BAD_QUERY:
        if (has_text(report->text, "Could not find a property named"))
            return (struct verdict){
                DATAVERSE_NO_PROPERTY, DVS_E_SCHEMA,
                "the column was removed or renamed: take it out of the project or rename it"};
        if (has_text(report->text, "Resource not found for the segment"))
            return (struct verdict){DATAVERSE_FAIL, DVS_E_NOT_FOUND, "check the table's name"};
        break;
    default:
        break;
    }
    return (struct verdict){DATAVERSE_FAIL, DVS_E_PROTOCOL, NULL};
}

static struct verdict judge_forbidden(const struct report *report)
{
    switch (report->code) {
    case 0x80072560u:
        return (struct verdict){DATAVERSE_FAIL, DVS_E_PERMISSION,
                                "add the application user to the environment and give it a security role"};
    case 0x80095ffcu:
        return (struct verdict){
            DATAVERSE_FAIL, DVS_E_PERMISSION,
            "an administrator's policy blocks the app: have it allowed for the environment"};
    default:
        return (struct verdict){DATAVERSE_FAIL, DVS_E_PERMISSION,
                                "give the application user a security role that may read it"};
    }
}

static struct verdict judge(const struct dataverse_request *request, long status, const struct report *report)
{
    if (status < 400)
        return (struct verdict){DATAVERSE_FAIL, DVS_E_PROTOCOL,
                                request->form != NULL ? "redirects are not followed: check authority"
                                                      : "redirects are not followed: check url"};
    if (status == 429)
        return (struct verdict){DATAVERSE_AGAIN, DVS_E_THROTTLED, NULL};
    if (status == 408 || status == 504)
        return (struct verdict){DATAVERSE_AGAIN, DVS_E_TIMEOUT, NULL};
    if (status == 501 || status == 505)
        return (struct verdict){DATAVERSE_FAIL, DVS_E_UNSUPPORTED, NULL};
    if (status >= 500)
        return (struct verdict){DATAVERSE_AGAIN, DVS_E_NETWORK, NULL};
    if (request->form != NULL)
        return (struct verdict){DATAVERSE_FAIL, DVS_E_AUTH,
                                status == 404 ? "check authority and tenant_id" : NULL};
    switch (status) {
    case 400:
        return judge_bad_request(report);
    case 401:
        return (struct verdict){
            DATAVERSE_UNAUTHORIZED, DVS_E_AUTH,
            "the token is not accepted: check url, scope and that the app is a user of this environment"};
    case 403:
        return judge_forbidden(report);
    case 404:
        return (struct verdict){DATAVERSE_FAIL, DVS_E_NOT_FOUND, "check the table's name and url"};
    case 410:
        return (struct verdict){DATAVERSE_NO_RESUME, DVS_E_RESUME, "it has to be read in full"};
    case 414:
        return (struct verdict){DATAVERSE_FAIL, DVS_E_PROTOCOL,
                                "the address is too long: ask for fewer columns"};
    default:
        return (struct verdict){DATAVERSE_FAIL, DVS_E_PROTOCOL, NULL};
    }
}

int dataverse_failure(const struct dataverse_request *request, const struct dataverse_answer *answer,
                      const char *body, size_t length, dvs_error *err)
{
    struct report report = {0};
    struct verdict verdict;
    char where[200];
    char code[20] = "";
    char extra[400] = "";
    read_body(body, length, &report);
    verdict = judge(request, answer->status, &report);
    if (repeats_secret(request, body, length))
        report.text[0] = '\0';
    dataverse_url_for_message(request->url, where, sizeof where);
    if (report.code != 0)
        snprintf(code, sizeof code, ", 0x%08x", (unsigned)report.code);
    if (answer->status < 400 && answer->redirect[0] != '\0')
        snprintf(extra, sizeof extra, " (redirected to %s)", answer->redirect);
    else if (answer->request_id[0] != '\0')
        snprintf(extra, sizeof extra, " (request id %s)", answer->request_id);
    dvs_fail(err, verdict.status, DVS_SCOPE_STREAM, "%s (%s): HTTP %ld%s%s%s%s%s%s", request->what, where,
             answer->status, code, report.text[0] != '\0' ? ": " : "", report.text,
             report.html ? ", with a page of HTML" : "", extra, verdict.advice != NULL ? "; " : "");
    if (verdict.advice != NULL)
        strncat(err->message, verdict.advice, sizeof err->message - strlen(err->message) - 1);
    err->native_code = report.code != 0 ? (int64_t)report.code : answer->status;
    err->retry_after_ms = 0;
    if (answer->retry_after_ms > 0)
        err->retry_after_ms =
            answer->retry_after_ms > INT32_MAX ? INT32_MAX : (int32_t)answer->retry_after_ms;
    return verdict.outcome;
}
