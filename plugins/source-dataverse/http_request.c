/* http_request.c - a request as options of libcurl. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <dvsync/plugin_util.h>
#include <dvsync/version.h>

#include "http_internal.h"

/* What libcurl receives at a time unless told otherwise; when a transfer pauses, it still inflates so much
 * into memory of its own. (CURLOPT_BUFFERSIZE fails on a handle whose last transfer found no host.) */
#define RECEIVE_BYTES ((uint64_t)CURL_MAX_WRITE_SIZE)

/* An answer may inflate to so many times what came, or to so many bytes. */
#define INFLATE_RATIO 200u
#define INFLATE_FREE 1048576u

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "memory is out");
}

/* ---- Callbacks ---- */

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
    return dataverse_header_line(context, line, size * n) == 0 ? size * n : 0;
}

int dataverse_request_is_bomb(const struct dataverse_transfer *t, uint64_t uncounted)
{
    curl_off_t received = 0;
    curl_easy_getinfo(t->line->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    return t->inflated > INFLATE_FREE && t->inflated / INFLATE_RATIO > (uint64_t)received + uncounted;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct dataverse_transfer *t = context;
    size_t length = size * n;
    if (t->body->length >= t->limit) {
        t->paused = 1; /* these bytes come once more */
        return CURL_WRITEFUNC_PAUSE;
    }
    t->inflated += length;
    /* libcurl may count what it holds in its hands only after we have seen it. */
    if (dataverse_request_is_bomb(t, RECEIVE_BYTES)) {
        t->broken = DATAVERSE_BROKEN_BOMB;
        return 0;
    }
    if (dataverse_buffer_add(t->body, bytes, length) != 0) {
        t->broken = DATAVERSE_BROKEN_MEMORY;
        return 0;
    }
    return length;
}

/* ---- Headers ---- */

static int is_header_value(const char *value)
{
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < 0x20 || *value == 0x7f)
            return 0;
    }
    return 1;
}

static int32_t add_header(struct curl_slist **list, const char *name, const char *value, dvs_error *err)
{
    struct curl_slist *longer;
    char *line = NULL;
    if (!is_header_value(value))
        return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
                        "a value for the header %s holds control characters", name);
    if (asprintf(&line, "%s: %s", name, value) < 0)
        return no_memory(err);
    longer = curl_slist_append(*list, line);
    explicit_bzero(line, strlen(line));
    free(line);
    if (longer == NULL)
        return no_memory(err);
    *list = longer;
    return DVS_OK;
}

/* A random GUID (RFC 4122, version 4), so that Microsoft's support can find the request in their logs. */
static int32_t add_request_id(struct curl_slist **list, dvs_error *err)
{
    unsigned char b[16];
    char text[40];
    ssize_t got;
    do
        got = getrandom(b, sizeof b, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof b)
        return DVS_OK;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return add_header(list, "x-ms-client-request-id", text, err);
}

/* Microsoft's documentation: compose HTTP requests. "If-None-Match: null" keeps caches away. */
static int32_t add_web_api_headers(struct curl_slist **list, const struct dataverse_request *request,
                                   dvs_error *err)
{
    int32_t status = add_header(list, "OData-Version", "4.0", err);
    if (status == DVS_OK)
        status = add_header(list, "OData-MaxVersion", "4.0", err);
    if (status == DVS_OK)
        status = add_header(list, "If-None-Match", "null", err);
    if (status == DVS_OK && request->prefer != NULL)
        status = add_header(list, "Prefer", request->prefer, err);
    if (status == DVS_OK)
        status = add_request_id(list, err);
    if (status == DVS_OK && request->bearer != NULL) {
        char *value = NULL;
        if (asprintf(&value, "Bearer %s", request->bearer) < 0)
            return no_memory(err);
        status = add_header(list, "Authorization", value, err);
        explicit_bzero(value, strlen(value));
        free(value);
    }
    return status;
}

static int32_t add_headers(struct dataverse_transfer *t, const struct dataverse_request *request,
                           dvs_error *err)
{
    const char *accept = request->accept != NULL ? request->accept : "application/json";
    int32_t status = add_header(&t->headers, "Accept", accept, err);
    if (status == DVS_OK && request->form == NULL)
        status = add_web_api_headers(&t->headers, request, err);
    return status;
}

/* ---- Options ---- */

/* From the slash behind the host to the fragment: sent byte for byte, where libcurl might spell it in its own
 * way. */
static int32_t set_target(CURL *easy, const char *url, dvs_error *err)
{
    const char *host = strstr(url, "://");
    const char *target = host + 3 + strcspn(host + 3, "/?#");
    size_t length = strcspn(target, "#");
    char *copy = NULL;
    CURLcode code;
    if (asprintf(&copy, "%s%.*s", *target == '/' ? "" : "/", (int)length, target) < 0)
        return no_memory(err);
    code = curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, copy);
    free(copy);
    return code == CURLE_OK ? DVS_OK : no_memory(err);
}

static CURLcode set_limits(CURL *e, const struct dataverse_http *http)
{
    CURLcode code = CURLE_OK;
    code |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(e, CURLOPT_SHARE, http->share);
    code |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    code |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code |= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    code |= curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    code |= curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    code |= curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    code |= curl_easy_setopt(e, CURLOPT_USERAGENT, "dvsync/" DVS_VERSION_STRING);
    /* No other timeout of libcurl's: they run on while a thread that parses does not look, and the reader's
     * clock counts instead. This one is divided among the addresses of a host, of which some may be dead. */
    code |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)http->timeout_ms);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Else libcurl would wait for a name that is being looked up when the transfer ends. */
    code |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
#endif
    if (http->ca_file != NULL)
        code |= curl_easy_setopt(e, CURLOPT_CAINFO, http->ca_file);
    return code;
}

static CURLcode set_callbacks(CURL *e, struct dataverse_transfer *t)
{
    CURLcode code = CURLE_OK;
    code |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->detail);
    code |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    code |= curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    code |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    code |= curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    code |= curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    return code;
}

int32_t dataverse_request_prepare(struct dataverse_transfer *t, const struct dataverse_request *request,
                                  dvs_error *err)
{
    CURL *e = t->line->easy;
    struct dataverse_origin origin;
    CURLcode code;
    int32_t status;
    if (dataverse_url_origin(t->url, &origin) != 0 || strlen(t->url) > INT32_MAX)
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_STREAM, "%s: the address is no http or https address",
                        t->what);
    if (!dataverse_url_is_allowed(&origin))
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_STREAM,
                        "%s: http://%s is not asked without encryption; use https", t->what, origin.host);
    status = add_headers(t, request, err);
    if (status != DVS_OK)
        return status;
    curl_easy_reset(e);
    code = set_limits(e, t->http);
    code |= set_callbacks(e, t);
    code |= curl_easy_setopt(e, CURLOPT_URL, t->url);
    code |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    if (dataverse_url_is_loopback(&origin))
        code |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (t->form != NULL) {
        code |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->form);
        code |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(t->form));
    }
    if (code != CURLE_OK)
        return dvs_fail(err, DVS_E_INTERNAL, DVS_SCOPE_STREAM, "%s: libcurl does not take the request",
                        t->what);
    return set_target(e, t->url, err);
}
