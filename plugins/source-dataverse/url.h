/*
 * url.h - addresses: taking apart, comparing origins, the rule about where a secret may go. Pure functions.
 */
#ifndef DATAVERSE_URL_H
#define DATAVERSE_URL_H

#include <stddef.h>

#define DATAVERSE_HOST_MAX 256

struct dataverse_origin {
    int https;
    unsigned port;                 /* the scheme's own when the address names none */
    char host[DATAVERSE_HOST_MAX]; /* lower case; an IPv6 address without brackets */
};

/* The origin of an absolute http or https address; -1 when it is none, or has user info. */
int dataverse_url_origin(const char *url, struct dataverse_origin *origin);
int dataverse_url_same_origin(const struct dataverse_origin *a, const struct dataverse_origin *b);
/* 127.0.0.0/8, ::1 and localhost. */
int dataverse_url_is_loopback(const struct dataverse_origin *origin);
/* 1 when a request may go there at all: https, or http to loopback. */
int dataverse_url_is_allowed(const struct dataverse_origin *origin);
/* 1 when a client secret may go there: loopback, a known Microsoft login host (https, port 443), or the
 * origin of the setting `authority` (NULL: not set). */
int dataverse_url_may_get_secret(const struct dataverse_origin *origin,
                                 const struct dataverse_origin *authority);

/* `link`, absolute or relative to `base` (RFC 3986, section 5), byte for byte but for raw spaces and quotes,
 * which are encoded. New, or NULL when memory is out or it is no address. */
char *dataverse_url_resolve(const char *base, const char *link);
/* The address without query and fragment, for messages. At most `size` bytes with the NUL. */
void dataverse_url_for_message(const char *url, char *text, size_t size);
/* Percent-encoded for a value in a query. New, or NULL. */
char *dataverse_url_encode(const char *text, size_t length);

#endif
