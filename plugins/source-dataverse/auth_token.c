/*
 * auth_token.c - client credentials at the v2 endpoint (Microsoft's documentation: "OAuth 2.0 client
 * credentials flow"): the request, the token in the answer, and what the login host says when it gives none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include <dvsync/plugin_util.h>

#include "auth_internal.h"

#define ANSWER_MAX (4 * DATAVERSE_TOKEN_MAX)
/* When the answer does not say how long the token is good for: what the endpoint gives unless configured
 * otherwise. A token that ends sooner costs a 401 and a new one, no more. */
#define LIFE_ASSUMED_S 3599
#define LIFE_MAX_S (INT64_C(28) * 86400)

struct wanted {
    struct dataverse_auth *auth;
    char *token;
    int64_t life_ms;
    int refused;
};

/* ---- the request ---- */

static void free_secret(char *text)
{
    if (text == NULL)
        return;
    explicit_bzero(text, strlen(text));
    free(text);
}

static char *make_form(const struct dataverse_auth *auth)
{
    const struct dataverse_settings *settings = auth->settings;
    char *id = dataverse_url_encode(settings->client_id, strlen(settings->client_id));
    char *scope = dataverse_url_encode(auth->scope, strlen(auth->scope));
    char *secret = dataverse_url_encode(settings->client_secret, strlen(settings->client_secret));
    char *form = NULL;
    if (id == NULL || scope == NULL || secret == NULL ||
        asprintf(&form, "client_id=%s&scope=%s&client_secret=%s&grant_type=client_credentials", id, scope,
                 secret) < 0)
        form = NULL;
    free(id);
    free(scope);
    free_secret(secret);
    return form;
}

/* ---- a token ---- */

static int is_token(const char *token, size_t length)
{
    if (length == 0 || length >= DATAVERSE_TOKEN_MAX)
        return 0;
    for (size_t i = 0; i < length; i++) /* it becomes part of a header */
        if ((unsigned char)token[i] <= ' ' || (unsigned char)token[i] >= 0x7f)
            return 0;
    return 1;
}

/* A number in v2, a string of digits in v1 and at managed identities. -1: neither. */
static int64_t seconds_of(const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return LIFE_ASSUMED_S;
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_real(value)) {
        double seconds = json_real_value(value);
        return seconds > 0 && seconds < (double)LIFE_MAX_S ? (int64_t)seconds : seconds > 0 ? LIFE_MAX_S : -1;
    }
    if (!json_is_string(value))
        return -1;
    const char *text = json_string_value(value);
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || (text[digits] != '\0' && text[digits] != '.'))
        return -1;
    int64_t seconds = 0;
    for (size_t i = 0; i < digits && seconds < LIFE_MAX_S; i++)
        seconds = seconds * 10 + (text[i] - '0');
    return seconds;
}

static int32_t bad_answer(const struct wanted *wanted, const char *problem, dvs_error *err)
{
    return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
                    "the login host %s gave no usable access token: %s; check authority and tenant_id",
                    wanted->auth->login_host, problem);
}

static int32_t take_token(struct wanted *wanted, const json_t *answer, dvs_error *err)
{
    const json_t *token = json_object_get(answer, "access_token");
    const json_t *type = json_object_get(answer, "token_type");
    if (!json_is_string(token))
        return bad_answer(wanted, "the answer has no access_token", err);
    if (type != NULL && (!json_is_string(type) || strcasecmp(json_string_value(type), "Bearer") != 0))
        return bad_answer(wanted, "the token's type is not Bearer", err);
    if (!is_token(json_string_value(token), json_string_length(token)))
        return bad_answer(wanted, "the token is empty, longer than 16 KB, or not printable ASCII", err);
    int64_t seconds = seconds_of(json_object_get(answer, "expires_in"));
    if (seconds <= 0)
        return bad_answer(wanted, "expires_in is no number of seconds above 0", err);
    wanted->life_ms = (seconds < LIFE_MAX_S ? seconds : LIFE_MAX_S) * 1000;
    memcpy(wanted->token, json_string_value(token), json_string_length(token) + 1);
    return DVS_OK;
}

/* ---- no token ---- */

/* What to do, by `error`: Microsoft's documentation of the error codes asks clients not to go by the AADSTS
 * numbers. */
static const char *hint_for(const char *error)
{
    static const struct {
        const char *error;
        const char *hint;
    } hints[] = {
        {"invalid_client",
         "check client_id and client_secret: the secret's value, not its id; it may have expired"},
        {"unauthorized_client", "the application is not known in this tenant: check client_id and tenant_id"},
        {"invalid_scope", "check url and scope: a scope ends in /.default"},
        {"invalid_resource", "check url and scope: the organisation is not known in this tenant"},
        {"invalid_target", "check url and scope: the organisation is not known in this tenant"},
        {"invalid_request", "check tenant_id and authority"},
        {"invalid_tenant", "check tenant_id and authority"},
        {"unsupported_grant_type", "the login host does not offer client credentials: check authority"},
        {"access_denied", "ask an administrator of the tenant to let the application in"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strcmp(error, hints[i].error) == 0)
            return hints[i].hint;
    return "check client_id, client_secret and tenant_id";
}

static int is_temporary(const char *error, long http_status)
{
    if (strcmp(error, "temporarily_unavailable") == 0 || strcmp(error, "server_error") == 0)
        return 1;
    if (strcmp(error, "invalid_client") == 0 || strcmp(error, "unauthorized_client") == 0)
        return 0;
    return http_status == 408 || http_status == 429 ||
           (http_status >= 500 && http_status != 501 && http_status != 505);
}

/* As it is, or as it stood in the form. 1 also when memory is out. */
static int quotes_secret(const struct dataverse_auth *auth, const char *description)
{
    const char *secret = auth->settings->client_secret;
    char *encoded = dataverse_url_encode(secret, strlen(secret));
    int quoted =
        encoded == NULL || strstr(description, secret) != NULL || strcasestr(description, encoded) != NULL;
    free_secret(encoded);
    return secret[0] != '\0' && quoted;
}

/*
 * The first line of a description, without the ids that follow on it or behind it. Cut between two
 * characters; control characters become spaces. A description that quotes the secret is not shown.
 */
static void short_description(const struct dataverse_auth *auth, const char *description, char *text,
                              size_t size)
{
    text[0] = '\0';
    if (quotes_secret(auth, description))
        return;
    size_t length = strcspn(description, "\r\n");
    const char *ids = strstr(description, "Trace ID:");
    if (ids != NULL && (size_t)(ids - description) < length)
        length = (size_t)(ids - description);
    if (length >= size)
        length = size - 1;
    while (length > 0 && ((unsigned char)description[length] & 0xc0) == 0x80)
        length--;
    while (length > 0 && (description[length - 1] == ' ' || description[length - 1] == '.'))
        length--; /* the message goes on behind it */
    for (size_t i = 0; i < length; i++)
        text[i] = description[i];
    text[length] = '\0';
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
}

/* A word of the answer that may be shown: letters, digits, - and _; else "". */
static const char *plain_word(const json_t *value, size_t max)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    size_t length = strlen(text);
    return length <= max && strspn(text, allowed) == length ? text : "";
}

static int32_t refusal(struct wanted *wanted, const json_t *answer, const char *error, long http_status,
                       int *outcome, dvs_error *err)
{
    struct dataverse_auth *auth = wanted->auth;
    char description[320] = "";
    const json_t *text = json_object_get(answer, "error_description");
    const json_t *number = json_array_get(json_object_get(answer, "error_codes"), 0);
    const char *trace = plain_word(json_object_get(answer, "trace_id"), 40);
    int temporary = is_temporary(error, http_status);
    if (json_is_string(text))
        short_description(auth, json_string_value(text), description, sizeof description);
    *outcome = temporary ? DATAVERSE_AGAIN : DATAVERSE_FAIL;
    wanted->refused = !temporary;
    err->native_code = json_is_integer(number) ? json_integer_value(number) : http_status;
    char code[40] = "";
    if (json_is_integer(number))
        snprintf(code, sizeof code, ", code %lld", (long long)json_integer_value(number));
    return dvs_fail(err, temporary ? DVS_E_THROTTLED : DVS_E_AUTH, DVS_SCOPE_SOURCE,
                    "the login host %s gave no access token for tenant %s: %s (HTTP %ld%s)%s%s%s%s; %s",
                    auth->login_host, auth->tenant, error, http_status, code,
                    description[0] != '\0' ? ": " : "", description, trace[0] != '\0' ? ", trace " : "",
                    trace, temporary ? "try again later" : hint_for(error));
}

static int32_t judge_token(void *context, const struct dataverse_request *request,
                           const struct dataverse_answer *answer, const char *body, size_t length,
                           int *outcome, dvs_error *err)
{
    struct wanted *wanted = context;
    json_error_t problem;
    json_t *json = json_loadb(body, length, 0, &problem);
    const char *error = plain_word(json_object_get(json, "error"), 64);
    int32_t status;
    *outcome = DATAVERSE_FAIL;
    if (answer->status >= 300 && error[0] != '\0') {
        status = refusal(wanted, json, error, answer->status, outcome, err);
    } else if (answer->status >= 300) { /* a gateway, or another kind of server */
        *outcome = dataverse_failure(request, answer, body, length, err);
        wanted->refused = *outcome != DATAVERSE_AGAIN;
        err->scope = DVS_SCOPE_SOURCE;
        status = err->status;
    } else if (json == NULL) {
        *outcome = DATAVERSE_AGAIN; /* cut, or the page of a gateway */
        status = bad_answer(wanted, "the answer is no JSON", err);
    } else {
        status = take_token(wanted, json, err);
    }
    json_decref(json);
    return status;
}

int32_t dataverse_auth_request(struct dataverse_auth *auth, const atomic_int *interrupted, char *token,
                               int64_t *life_ms, int *refused, dvs_error *err)
{
    struct wanted wanted = {.auth = auth, .token = token};
    char *form = make_form(auth);
    if (form == NULL)
        return dataverse_auth_no_memory(err);
    struct dataverse_request request = {
        .url = auth->endpoint, .form = form, .what = "the access token", .interrupted = interrupted};
    int32_t status = dataverse_auth_ask(auth, &request, ANSWER_MAX, judge_token, &wanted, err);
    free_secret(form);
    *life_ms = wanted.life_ms;
    *refused = status != DVS_OK && wanted.refused;
    return status;
}
