/*
 * http_failure.c - why a request got no answer, or not all of it, in words and for the program. What an
 * answer of 300 and more means is in failure.c.
 */
#include <stdio.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "http_internal.h"

/* What libcurl passes on of the certificate, by <openssl/x509_vfy.h>. It looks at the host's name itself,
 * after OpenSSL found nothing wrong: then it says 0, or still the 1 that it began with. */
#define VERIFY_OK 0
#define VERIFY_UNSPECIFIED 1
#define VERIFY_NOT_YET_VALID 9
#define VERIFY_EXPIRED 10
#define VERIFY_WRONG_HOST 62

struct finding {
    int32_t status; /* only DVS_E_NETWORK and DVS_E_TIMEOUT are tried again */
    const char *advice;
};

static struct finding judge_certificate(const struct dataverse_transfer *t)
{
    long verified = -1;
    curl_easy_getinfo(t->line->easy, CURLINFO_SSL_VERIFYRESULT, &verified);
    switch (verified) {
    case VERIFY_OK:
    case VERIFY_UNSPECIFIED:
    case VERIFY_WRONG_HOST:
        return (struct finding){DVS_E_PROTOCOL, "; check url and authority"};
    case VERIFY_NOT_YET_VALID:
    case VERIFY_EXPIRED:
        return (struct finding){DVS_E_PROTOCOL, "; have it renewed, or check this machine's clock"};
    default:
        return (struct finding){
            DVS_E_PROTOCOL,
            "; if the certificate is of a CA of your own, or of a proxy's, name that CA in ca_file"};
    }
}

/* By the words of OpenSSL: a handshake that failed for other reasons may have been cut off. */
static struct finding judge_handshake(const struct dataverse_transfer *t)
{
    /* The other side's version is too old, or that is its word on ours. */
    if (strstr(t->detail, "unsupported protocol") != NULL || strstr(t->detail, "protocol version") != NULL)
        return (struct finding){DVS_E_PROTOCOL, "; TLS 1.2 or newer is needed"};
    if (strstr(t->detail, "wrong version number") != NULL)
        return (struct finding){DVS_E_PROTOCOL, "; what answers there does not speak TLS: check the address"};
    return (struct finding){DVS_E_NETWORK, ""};
}

static struct finding judge(const struct dataverse_transfer *t, CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return judge_certificate(t);
    case CURLE_SSL_CACERT_BADFILE:
        return (struct finding){
            DVS_E_CONFIG,
            "; check ca_file; without it, the system's certificates (package ca-certificates) are needed"};
    case CURLE_SSL_CONNECT_ERROR:
        return judge_handshake(t);
    case CURLE_URL_MALFORMAT:
        return (struct finding){DVS_E_CONFIG, ""};
    case CURLE_COULDNT_RESOLVE_PROXY:
        return (struct finding){DVS_E_CONFIG, "; check the environment's https_proxy"};
    case CURLE_COULDNT_RESOLVE_HOST:
        return (struct finding){DVS_E_NETWORK, "; check the name and the network"};
    case CURLE_COULDNT_CONNECT:
        return (struct finding){DVS_E_NETWORK,
                                "; check the address, firewalls, and the environment's https_proxy"};
    case CURLE_OPERATION_TIMEDOUT:
        return (struct finding){DVS_E_TIMEOUT, ""};
    default:
        return (struct finding){DVS_E_NETWORK, ""};
    }
}

static void fail(struct dataverse_transfer *t, struct finding finding, const char *reason)
{
    char where[300];
    char *c;
    dataverse_url_for_message(t->url, where, sizeof where);
    dvs_fail(&t->failure, finding.status, DVS_SCOPE_STREAM, "asking %s for %s: %s%s", where, t->what, reason,
             finding.advice);
    for (c = t->failure.message; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = ' ';
    }
}

void dataverse_http_explain(struct dataverse_transfer *t, CURLcode code)
{
    if (t->broken == DATAVERSE_BROKEN_HEADERS)
        fail(t, (struct finding){DVS_E_PROTOCOL, ""}, "the answer has more than 64 KB of headers");
    else if (t->broken == DATAVERSE_BROKEN_BOMB)
        fail(t, (struct finding){DVS_E_PROTOCOL, ""},
             "the compressed answer inflates to more than 200 times its size");
    else if (t->broken == DATAVERSE_BROKEN_MEMORY || code == CURLE_OUT_OF_MEMORY)
        dvs_fail(&t->failure, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "memory is out");
    else
        fail(t, judge(t, code), t->detail[0] != '\0' ? t->detail : curl_easy_strerror(code));
}

void dataverse_http_explain_silence(struct dataverse_transfer *t)
{
    char reason[80];
    snprintf(reason, sizeof reason, "%s for %lld seconds",
             t->header_bytes == 0 ? "no answer" : "the answer stopped, nothing came",
             (long long)(t->http->timeout_ms / 1000));
    fail(t, (struct finding){DVS_E_TIMEOUT, ""}, reason);
}
