#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "auth.h"
#include "percent.h"
#include "text.h"

#define REFUSED_MAX 16
#define GRACE_MS 1000

struct token {
    char text[128];
    int64_t expires; /* of the simulator's clock */
    int64_t refused_ms;
    size_t n_refused;
    uint64_t refused[REFUSED_MAX]; /* hashes of the addresses that had a 401 */
};

struct sim_auth {
    const struct sim_options *options;
    struct sim_clock *clock;
    pthread_mutex_t lock;
    struct token *tokens;
    size_t n_tokens, capacity;
};

struct sim_auth *sim_auth_new(const struct sim_options *options, struct sim_clock *clock)
{
    struct sim_auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL || pthread_mutex_init(&auth->lock, NULL) != 0) {
        free(auth);
        return NULL;
    }
    auth->options = options;
    auth->clock = clock;
    return auth;
}

void sim_auth_free(struct sim_auth *auth)
{
    if (auth == NULL)
        return;
    pthread_mutex_destroy(&auth->lock);
    free(auth->tokens);
    free(auth);
}

/* Recorded from the service (an issue of Microsoft's authentication library): values stand without quotes
 * although they hold ":" and "/"; older organisations leave resource_id out. */
void sim_auth_challenge(struct sim_auth *auth, const char *origin, struct sim_answer *answer)
{
    static const char header[] = "WWW-Authenticate";
    const char *tenant = auth->options->tenant;
    switch (auth->options->challenge) {
    case SIM_CHALLENGE_SEVERAL:
        sim_answer_header(answer, header, "Negotiate");
        /* fall through */
    case SIM_CHALLENGE_PLAIN:
        sim_answer_header(answer, header, "Bearer authorization_uri=%s/%s/oauth2/authorize, resource_id=%s/",
                          origin, tenant, origin);
        break;
    case SIM_CHALLENGE_QUOTED:
        sim_answer_header(answer, header,
                          "Bearer authorization_uri=\"%s/%s/oauth2/authorize\", resource_id=\"%s/\"", origin,
                          tenant, origin);
        break;
    case SIM_CHALLENGE_NO_RESOURCE:
        sim_answer_header(answer, header, "Bearer authorization_uri=%s/%s/oauth2/authorize", origin, tenant);
        break;
    case SIM_CHALLENGE_MIXED:
        sim_answer_header(answer, header,
                          "bEARER Resource_ID = %s/ ,AUTHORIZATION_URI=\"%s/%s/oauth2/authorize\"", origin,
                          origin, tenant);
        break;
    case SIM_CHALLENGE_NONE:
        break;
    }
    sim_answer_text(answer, 401, "text/html", "<html><body>HTTP Error 401 - Unauthorized</body></html>");
}

void sim_auth_deny(struct sim_auth *auth, const char *origin, struct sim_answer *answer)
{
    sim_answer_header(answer, "WWW-Authenticate",
                      "Bearer error=invalid_token, error_description=Error during token validation!, "
                      "authorization_uri=%s/%s/oauth2/authorize, resource_id=%s/",
                      origin, auth->options->tenant, origin);
    sim_answer_text(answer, 401, "text/html", "<html><body>HTTP Error 401 - Unauthorized</body></html>");
}

char *sim_form_field(const char *form, size_t length, const char *name)
{
    const char *end = form + length;
    while (form < end) {
        const char *stop = memchr(form, '&', (size_t)(end - form));
        if (stop == NULL)
            stop = end;
        const char *equals = memchr(form, '=', (size_t)(stop - form));
        if (equals != NULL && (size_t)(equals - form) == strlen(name) &&
            memcmp(form, name, strlen(name)) == 0)
            return sim_percent_decode(equals + 1, (size_t)(stop - equals - 1), 1, NULL);
        form = stop + 1;
    }
    return NULL;
}

/* Microsoft's documentation of the client credentials flow: the error's body. */
static void refuse(struct sim_auth *auth, struct sim_answer *answer, int status, const char *error, int code,
                   const char *text)
{
    struct sim_text body = {0};
    char now[SIM_TIME_MAX];
    sim_clock_iso(sim_clock_now(auth->clock), now);
    now[10] = ' ';
    now[19] = 'Z';
    now[20] = '\0';
    static const char id[] = "0a11f500-7c5c-4f3a-8e5a-3f3b1f5d2a00";
    sim_text_printf(
        &body,
        "{\"error\":\"%s\",\"error_description\":\"AADSTS%d: %s\\r\\nTrace ID: %s\\r\\nCorrelation ID: "
        "%s\\r\\nTimestamp: %s\",\"error_codes\":[%d],\"timestamp\":\"%s\",\"trace_id\":\"%s\","
        "\"correlation_id\":\"%s\",\"error_uri\":\"https://login.microsoftonline.com/error?code=%d\"}",
        error, code, text, id, id, now, code, now, id, id, code);
    size_t length = 0;
    char *data = sim_text_take(&body, &length);
    sim_answer_take(answer, status, "application/json; charset=utf-8", data, length);
}

/* Makes a token, under the lock. */
static const struct token *issue(struct sim_auth *auth)
{
    if (auth->n_tokens == auth->capacity) {
        size_t capacity = auth->capacity == 0 ? 16 : auth->capacity * 2;
        struct token *tokens = realloc(auth->tokens, capacity * sizeof *tokens);
        if (tokens == NULL)
            return NULL;
        auth->tokens = tokens;
        auth->capacity = capacity;
    }
    uint64_t random[3] = {0};
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return NULL;
    struct token *token = &auth->tokens[auth->n_tokens];
    memset(token, 0, sizeof *token);
    snprintf(token->text, sizeof token->text,
             "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.%016" PRIx64 "%016" PRIx64 "%016" PRIx64 ".%zu", random[0],
             random[1], random[2], auth->n_tokens + 1);
    token->expires = sim_clock_now(auth->clock) + auth->options->token_seconds * 1000000;
    auth->n_tokens++;
    return token;
}

static void grant(struct sim_auth *auth, struct sim_answer *answer)
{
    const char *quote = auth->options->expires_in_string ? "\"" : "";
    struct sim_text body = {0};
    pthread_mutex_lock(&auth->lock);
    const struct token *token = issue(auth);
    if (token == NULL)
        body.failed = 1;
    else
        sim_text_printf(&body,
                        "{\"token_type\":\"Bearer\",\"expires_in\":%s%" PRId64
                        "%s,\"ext_expires_in\":%s%" PRId64 "%s,\"access_token\":\"%s\"}",
                        quote, auth->options->token_seconds, quote, quote, auth->options->token_seconds,
                        quote, token->text);
    pthread_mutex_unlock(&auth->lock);
    size_t length = 0;
    char *data = sim_text_take(&body, &length);
    sim_answer_header(answer, "Cache-Control", "no-store, no-cache");
    sim_answer_take(answer, 200, "application/json; charset=utf-8", data, length);
}

static int is(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

static int is_tenant(const char *path, const char *tenant)
{
    size_t n = strlen(tenant);
    return path[0] == '/' && strncmp(path + 1, tenant, n) == 0 && path[n + 1] == '/';
}

void sim_auth_token(struct sim_auth *auth, const char *origin, const char *path, const char *content_type,
                    const char *form, size_t length, struct sim_answer *answer)
{
    static const char type[] = "application/x-www-form-urlencoded";
    char *grant_type = sim_form_field(form, length, "grant_type");
    char *id = sim_form_field(form, length, "client_id");
    char *secret = sim_form_field(form, length, "client_secret");
    char *scope = sim_form_field(form, length, "scope");
    size_t n = strlen(origin);
    if (content_type == NULL || strncasecmp(content_type, type, sizeof type - 1) != 0)
        refuse(auth, answer, 400, "invalid_request", 900144,
               "The request body must contain the following parameter: 'grant_type'.");
    else if (!is_tenant(path, auth->options->tenant))
        refuse(auth, answer, 400, "invalid_request", 90002,
               "Tenant not found. Check that this is the right cloud.");
    else if (!is(grant_type, "client_credentials"))
        refuse(auth, answer, 400, "unsupported_grant_type", 70003,
               "The app requested an unsupported grant type.");
    else if (!is(id, auth->options->client_id))
        refuse(auth, answer, 400, "unauthorized_client", 700016,
               "Application with this identifier was not found in the directory 'Simulator'.");
    else if (!is(secret, auth->options->client_secret))
        refuse(auth, answer, 401, "invalid_client", 7000215,
               "Invalid client secret provided. Ensure the secret being sent in the request is the client "
               "secret "
               "value, not the client secret ID, for a secret added to app.");
    else if (scope == NULL || strncmp(scope, origin, n) != 0 || strcmp(scope + n, "/.default") != 0)
        refuse(auth, answer, 400, "invalid_scope", 70011,
               "The provided value for the input parameter 'scope' is not valid.");
    else
        grant(auth, answer);
    free(grant_type);
    free(id);
    free(secret);
    free(scope);
}

/* FNV-1a */
static uint64_t hash(const char *text)
{
    uint64_t value = 14695981039346656037u;
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * 1099511628211u;
    return value;
}

/* Under the lock. */
static struct token *token_of(struct sim_auth *auth, int64_t number)
{
    return number < 1 || (uint64_t)number > auth->n_tokens ? NULL : &auth->tokens[number - 1];
}

int sim_auth_check(struct sim_auth *auth, const char *bearer, int64_t *number)
{
    const char *dot = strrchr(bearer, '.');
    char *end = NULL;
    long long claimed = dot == NULL ? 0 : strtoll(dot + 1, &end, 10);
    pthread_mutex_lock(&auth->lock);
    const struct token *token = token_of(auth, claimed);
    int result = SIM_BEARER_GOOD;
    *number = claimed;
    if (token == NULL || strcmp(token->text, bearer) != 0) {
        *number = -1;
        result = SIM_BEARER_UNKNOWN;
    } else if (token->n_refused > 0) {
        result = SIM_BEARER_REFUSED;
    } else if (token->expires <= sim_clock_now(auth->clock)) {
        result = SIM_BEARER_EXPIRED;
    }
    pthread_mutex_unlock(&auth->lock);
    return result;
}

void sim_auth_refuse(struct sim_auth *auth, int64_t number, const char *uri)
{
    pthread_mutex_lock(&auth->lock);
    struct token *token = token_of(auth, number);
    if (token != NULL) {
        if (token->n_refused == 0)
            token->refused_ms = sim_clock_mono_ms();
        if (token->n_refused < REFUSED_MAX)
            token->refused[token->n_refused++] = hash(uri);
    }
    pthread_mutex_unlock(&auth->lock);
}

int sim_auth_misused(struct sim_auth *auth, int64_t number, const char *uri, int64_t arrived_ms)
{
    int misused = 0;
    pthread_mutex_lock(&auth->lock);
    const struct token *token = token_of(auth, number);
    if (token != NULL && token->n_refused > 0) {
        misused = arrived_ms > token->refused_ms + GRACE_MS;
        for (size_t i = 0; i < token->n_refused; i++)
            misused |= token->refused[i] == hash(uri);
    }
    pthread_mutex_unlock(&auth->lock);
    return misused;
}
