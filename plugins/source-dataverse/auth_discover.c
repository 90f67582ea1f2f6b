/*
 * auth_discover.c - where tokens are to be had: a request without a token makes the organisation name its
 * login host and tenant (Microsoft's documentation: "tenant discovery" of its client; the path is the root of
 * the Web API). The settings authority and tenant_id go before what it says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <dvsync/plugin_util.h>

#include "auth_internal.h"

#define CHALLENGE_MAX 4096
#define BODY_MAX 65536

struct challenge {
    const struct dataverse_settings *settings;
    char uri[CHALLENGE_MAX];
    char resource[CHALLENGE_MAX];
};

static int32_t no_organisation(const struct challenge *challenge, long http_status, dvs_error *err)
{
    char url[200];
    dataverse_url_for_message(challenge->settings->url, url, sizeof url);
    err->native_code = http_status;
    return dvs_fail(
        err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
        "%s is no Dataverse organisation: its Web API (%s) answered HTTP %ld instead of asking for a token; "
        "check the settings url and api_version",
        url, challenge->settings->api_version, http_status);
}

static int32_t judge_challenge(void *context, const struct dataverse_request *request,
                               const struct dataverse_answer *answer, const char *body, size_t length,
                               int *outcome, dvs_error *err)
{
    struct challenge *challenge = context;
    *outcome = DATAVERSE_FAIL;
    if (answer->status == 401) {
        if (answer->challenge != NULL && dataverse_challenge_parse(answer->challenge, challenge->uri,
                                                                   challenge->resource, CHALLENGE_MAX) == 0)
            return DVS_OK;
        char url[200];
        dataverse_url_for_message(challenge->settings->url, url, sizeof url);
        return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
                        "%s asked for a token, but did not say which login host gives it; set authority to "
                        "https://<login host>/<tenant>, or check url",
                        url);
    }
    if (answer->status < 400 || answer->status == 400 || answer->status == 404)
        return no_organisation(challenge, answer->status, err);
    *outcome = dataverse_failure(request, answer, body, length, err);
    err->scope = DVS_SCOPE_SOURCE;
    return err->status;
}

static int32_t ask_organisation(struct dataverse_auth *auth, const atomic_int *interrupted,
                                struct challenge *challenge, dvs_error *err)
{
    const struct dataverse_settings *settings = auth->settings;
    char *url = NULL;
    size_t length = strlen(settings->url);
    while (length > 0 && settings->url[length - 1] == '/')
        length--;
    if (length > CHALLENGE_MAX ||
        asprintf(&url, "%.*s/api/data/%s/", (int)length, settings->url, settings->api_version) < 0)
        return dataverse_auth_no_memory(err);
    challenge->settings = settings;
    struct dataverse_request request = {
        .url = url, .what = "the name of its login host", .interrupted = interrupted};
    int32_t status = dataverse_auth_ask(auth, &request, BODY_MAX, judge_challenge, challenge, err);
    free(url);
    return status;
}

/* The first segment of an address' path; "" when there is none. -1: it cannot be a tenant. */
static int first_segment(const char *url, char *segment, size_t size)
{
    segment[0] = '\0';
    const char *p = strstr(url, "://");
    if (p == NULL)
        return -1;
    p += strlen("://");
    p += strcspn(p, "/?#");
    if (*p != '/')
        return 0;
    p++;
    size_t length = strcspn(p, "/?#");
    if (length >= size)
        return -1;
    memcpy(segment, p, length);
    segment[length] = '\0';
    return 0;
}

/* A tenant becomes part of a path: a GUID, a domain, or a word like "organizations". */
static int is_tenant(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t length = strlen(text);
    return length > 0 && strspn(text, allowed) == length && text[0] != '.';
}

static int is_set(const char *setting)
{
    return setting != NULL && setting[0] != '\0';
}

/* The tenant that the settings name: "" when none. */
static int32_t tenant_of_settings(const struct dataverse_settings *settings, char *tenant, size_t size,
                                  dvs_error *err)
{
    tenant[0] = '\0';
    if (is_set(settings->tenant_id)) {
        if (snprintf(tenant, size, "%s", settings->tenant_id) >= (int)size || !is_tenant(tenant))
            return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                            "the setting tenant_id is no tenant: a GUID or a domain name is expected");
    } else if (is_set(settings->authority)) {
        if (first_segment(settings->authority, tenant, size) != 0 ||
            (tenant[0] != '\0' && !is_tenant(tenant)))
            return dvs_fail(
                err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                "the setting authority must look like https://<login host> or https://<login host>/<tenant>");
    }
    return DVS_OK;
}

/* Takes what the organisation said for what the settings leave open. */
static int32_t take_challenge(const struct challenge *challenge, int with_authority,
                              struct dataverse_origin *origin, char *tenant, size_t size, dvs_error *err)
{
    char shown[200];
    dataverse_url_for_message(challenge->uri, shown, sizeof shown);
    if (!with_authority && dataverse_url_origin(challenge->uri, origin) != 0)
        return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
                        "the organisation named a login host that is no address (%s); set authority to "
                        "https://<login host>/<tenant>",
                        shown);
    if (tenant[0] == '\0' && (first_segment(challenge->uri, tenant, size) != 0 || !is_tenant(tenant)))
        return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
                        "the organisation named a login address without a tenant (%s); set tenant_id", shown);
    return DVS_OK;
}

/* The rule about the secret: asked before anything is sent. */
static int32_t may_send_secret(const struct dataverse_auth *auth, const struct dataverse_origin *origin,
                               int with_authority, dvs_error *err)
{
    char url[200];
    dataverse_url_for_message(auth->settings->url, url, sizeof url);
    if (!dataverse_url_is_allowed(origin))
        return dvs_fail(err, with_authority ? DVS_E_CONFIG : DVS_E_AUTH, DVS_SCOPE_SOURCE,
                        "the client secret was not sent to %s: plain http is for the own machine only; %s",
                        origin->host,
                        with_authority ? "set authority to an https address"
                                       : "check url, or set authority to https://<login host>/<tenant>");
    if (!dataverse_url_may_get_secret(origin, with_authority ? &auth->settings->authority_origin : NULL))
        return dvs_fail(
            err, DVS_E_AUTH, DVS_SCOPE_SOURCE,
            "the client secret was not sent to %s, which %s names as its login host but which is none of "
            "Microsoft's; check url, and if the host is right, set authority: https://%s/<tenant>",
            origin->host, url, origin->host);
    return DVS_OK;
}

/* The host without its label "api": org.api.crm.dynamics.com and org.crm.dynamics.com are one
 * organisation. */
static void plain_host(const char *host, char *plain, size_t size)
{
    const char *api = strstr(host, ".api.");
    if (api == NULL)
        snprintf(plain, size, "%s", host);
    else
        snprintf(plain, size, "%.*s%s", (int)(api - host), host, api + strlen(".api"));
}

/*
 * Whether the organisation may name the resource that tokens are for. Only itself: what it is sent is a token
 * for that resource, and with one for another it could act there in our name.
 */
static int is_own_resource(const struct dataverse_settings *settings, const char *resource)
{
    struct dataverse_origin origin;
    char a[DATAVERSE_HOST_MAX];
    char b[DATAVERSE_HOST_MAX];
    if (dataverse_url_origin(resource, &origin) != 0)
        return 0;
    if (dataverse_url_is_loopback(&origin) && dataverse_url_is_loopback(&settings->origin))
        return 1;
    plain_host(origin.host, a, sizeof a);
    plain_host(settings->origin.host, b, sizeof b);
    return strcmp(a, b) == 0 && origin.https == settings->origin.https &&
           origin.port == settings->origin.port;
}

static int32_t make_scope(struct dataverse_auth *auth, const char *resource, dvs_error *err)
{
    const struct dataverse_settings *settings = auth->settings;
    if (is_set(settings->scope)) {
        auth->scope = strdup(settings->scope);
    } else {
        if (resource[0] != '\0' && !is_own_resource(settings, resource)) {
            char shown[200];
            char line[400];
            dataverse_url_for_message(resource, shown, sizeof shown);
            snprintf(line, sizeof line,
                     "dataverse: the organisation asks for tokens for %s, which is another host; asking for "
                     "tokens for "
                     "the setting url instead (set scope if this is wrong)",
                     shown);
            auth->host->log(auth->host, DVS_LOG_WARN, line);
            resource = "";
        }
        if (resource[0] == '\0')
            resource = settings->url;
        size_t length = strlen(resource);
        while (length > 0 && resource[length - 1] == '/')
            length--; /* "//.default" would give a token for an audience with a slash at its end */
        if (length > CHALLENGE_MAX || asprintf(&auth->scope, "%.*s/.default", (int)length, resource) < 0)
            auth->scope = NULL;
    }
    return auth->scope == NULL ? dataverse_auth_no_memory(err) : DVS_OK;
}

/* Written from the parts, so that what is asked for is what was checked. */
static int32_t make_endpoint(struct dataverse_auth *auth, const struct dataverse_origin *origin,
                             const char *tenant, dvs_error *err)
{
    int ipv6 = strchr(origin->host, ':') != NULL;
    char port[16] = "";
    if (origin->port != (origin->https ? 443u : 80u))
        snprintf(port, sizeof port, ":%u", origin->port);
    snprintf(auth->login_host, sizeof auth->login_host, "%s", origin->host);
    /* A client has no tenant in "common"; Microsoft's client asks "organizations" then. */
    snprintf(auth->tenant, sizeof auth->tenant, "%s",
             strcasecmp(tenant, "common") == 0 ? "organizations" : tenant);
    if (asprintf(&auth->endpoint, "%s://%s%s%s%s/%s/oauth2/v2.0/token", origin->https ? "https" : "http",
                 ipv6 ? "[" : "", origin->host, ipv6 ? "]" : "", port, auth->tenant) < 0) {
        auth->endpoint = NULL;
        return dataverse_auth_no_memory(err);
    }
    return DVS_OK;
}

int32_t dataverse_auth_discover(struct dataverse_auth *auth, const atomic_int *interrupted, dvs_error *err)
{
    const struct dataverse_settings *settings = auth->settings;
    int with_authority = is_set(settings->authority);
    struct dataverse_origin origin = settings->authority_origin;
    char tenant[sizeof auth->tenant];
    struct challenge *challenge = calloc(1, sizeof *challenge);
    if (challenge == NULL)
        return dataverse_auth_no_memory(err);
    int32_t status = tenant_of_settings(settings, tenant, sizeof tenant, err);
    if (status == DVS_OK && (!with_authority || tenant[0] == '\0')) {
        status = ask_organisation(auth, interrupted, challenge, err);
        if (status == DVS_OK)
            status = take_challenge(challenge, with_authority, &origin, tenant, sizeof tenant, err);
    }
    if (status == DVS_OK)
        status = may_send_secret(auth, &origin, with_authority, err);
    if (status == DVS_OK)
        status = make_scope(auth, challenge->resource, err);
    if (status == DVS_OK)
        status = make_endpoint(auth, &origin, tenant, err);
    if (status != DVS_OK) {
        free(auth->scope);
        auth->scope = NULL;
    }
    free(challenge);
    return status;
}
