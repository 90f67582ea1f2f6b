/* url.c - addresses. What is no plain address is refused: libcurl shall not read another host out of it. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

static int is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Length of "scheme" in "scheme:..."; 0 when the text does not begin with one. */
static size_t scheme_length(const char *text)
{
    size_t n = 0;
    if (!is_alpha(text[0]))
        return 0;
    while (is_alpha(text[n]) || is_digit(text[n]) || text[n] == '+' || text[n] == '-' || text[n] == '.')
        n++;
    return text[n] == ':' ? n : 0;
}

static int scheme_is(const char *text, size_t length, const char *name)
{
    size_t i;
    for (i = 0; i < length; i++) {
        if (to_lower(text[i]) != name[i])
            return 0;
    }
    return name[length] == '\0';
}

static int host_character(char c, int ipv6)
{
    if (ipv6)
        return is_digit(c) || c == ':' || c == '.' || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
    return is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
}

static const char *read_host(const char *at, struct dataverse_origin *origin)
{
    size_t n = 0;
    int ipv6 = *at == '[';
    at += ipv6;
    while (host_character(*at, ipv6)) {
        if (n + 1 >= sizeof origin->host)
            return NULL;
        origin->host[n++] = to_lower(*at++);
    }
    origin->host[n] = '\0';
    if (n == 0)
        return NULL;
    if (ipv6) {
        struct in6_addr address;
        if (*at++ != ']' || inet_pton(AF_INET6, origin->host, &address) != 1)
            return NULL;
    }
    return at;
}

static const char *read_port(const char *at, struct dataverse_origin *origin)
{
    unsigned port = 0;
    const char *digits = at;
    while (is_digit(*at)) {
        port = port * 10 + (unsigned)(*at - '0');
        if (port > 65535)
            return NULL;
        at++;
    }
    /* "host:" is the default port, RFC 3986, 6.2.3. */
    if (at == digits)
        return at;
    if (port == 0)
        return NULL;
    origin->port = port;
    return at;
}

int dataverse_url_origin(const char *url, struct dataverse_origin *origin)
{
    struct dataverse_origin found = {0};
    size_t scheme = scheme_length(url);
    const char *at;
    if (scheme == 0)
        return -1;
    if (scheme_is(url, scheme, "https"))
        found.https = 1;
    else if (!scheme_is(url, scheme, "http"))
        return -1;
    found.port = found.https ? 443 : 80;
    at = url + scheme + 1;
    if (at[0] != '/' || at[1] != '/')
        return -1;
    at = read_host(at + 2, &found);
    if (at == NULL)
        return -1;
    if (*at == ':') {
        at = read_port(at + 1, &found);
        if (at == NULL)
            return -1;
    }
    /* User info ends here too: '@' may not follow a host. */
    if (*at != '\0' && *at != '/' && *at != '?' && *at != '#')
        return -1;
    *origin = found;
    return 0;
}

int dataverse_url_same_origin(const struct dataverse_origin *a, const struct dataverse_origin *b)
{
    return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

int dataverse_url_is_loopback(const struct dataverse_origin *origin)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (strcmp(origin->host, "localhost") == 0)
        return 1;
    if (inet_pton(AF_INET, origin->host, &ipv4) == 1)
        return (ntohl(ipv4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, origin->host, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

int dataverse_url_is_allowed(const struct dataverse_origin *origin)
{
    return origin->https || dataverse_url_is_loopback(origin);
}

/* The public cloud under its names, US government, China (Microsoft's documentation: national clouds). */
static const char *const login_hosts[] = {
    "login.microsoftonline.com",        "login.windows.net",       "login.microsoft.com",
    "login.microsoftonline.us",         "login.usgovcloudapi.net", "login-us.microsoftonline.com",
    "login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
};

int dataverse_url_may_get_secret(const struct dataverse_origin *origin,
                                 const struct dataverse_origin *authority)
{
    size_t i;
    if (!dataverse_url_is_allowed(origin))
        return 0;
    if (dataverse_url_is_loopback(origin))
        return 1;
    if (authority != NULL && dataverse_url_same_origin(origin, authority))
        return 1;
    if (origin->port != 443)
        return 0;
    for (i = 0; i < sizeof login_hosts / sizeof login_hosts[0]; i++) {
        if (strcmp(origin->host, login_hosts[i]) == 0)
            return 1;
    }
    return 0;
}

/* ---- Resolving ---- */

struct text {
    char *data;
    size_t length;
};

static void put(struct text *text, const char *bytes, size_t n)
{
    memcpy(text->data + text->length, bytes, n);
    text->length += n;
}

static void put_encoded(struct text *text, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    char hex[3];
    hex[0] = '%';
    hex[1] = digits[c >> 4];
    hex[2] = digits[c & 15];
    put(text, hex, sizeof hex);
}

/* Adds part of a link byte for byte; only what may not stand in a request line is encoded. */
static void put_link(struct text *text, const char *bytes, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == ' ' || c == '"' || c >= 0x80)
            put_encoded(text, c);
        else
            put(text, bytes + i, 1);
    }
}

/* RFC 3986, 5.2.4, in place, on the path that begins at `from`. */
static void remove_dots(struct text *text, size_t from)
{
    size_t in = from;
    size_t out = from;
    while (in < text->length) {
        const char *slash = memchr(text->data + in + 1, '/', text->length - in - 1);
        size_t end = slash != NULL ? (size_t)(slash - text->data) : text->length;
        size_t length = end - in - 1; /* of the segment behind the slash at `in` */
        int one = length == 1 && text->data[in + 1] == '.';
        int two = length == 2 && memcmp(text->data + in + 1, "..", 2) == 0;
        if (two) {
            while (out > from && text->data[--out] != '/') {
            }
        }
        if (!one && !two) {
            memmove(text->data + out, text->data + in, end - in);
            out += end - in;
        } else if (end == text->length) {
            text->data[out++] = '/';
        }
        in = end;
    }
    text->length = out;
}

struct parts {
    size_t scheme;    /* with ':' */
    size_t authority; /* end of "scheme://host:port" */
    size_t path;      /* end of the path */
    size_t query;     /* end of "?query" */
};

static void take_apart(const char *url, struct parts *parts)
{
    parts->scheme = scheme_length(url) + 1;
    parts->authority = parts->scheme + 2 + strcspn(url + parts->scheme + 2, "/?#");
    parts->path = parts->authority + strcspn(url + parts->authority, "?#");
    parts->query = parts->path + strcspn(url + parts->path, "#");
}

static void merge(struct text *text, const char *base, const struct parts *parts, const char *link)
{
    size_t path = strcspn(link, "?");
    size_t directory = parts->path;
    if (path == 0) {
        put(text, base, parts->path);
        if (parts->path == parts->authority)
            put(text, "/", 1);
        if (link[0] == '\0')
            put_link(text, base + parts->path, parts->query - parts->path);
    } else {
        put(text, base, parts->authority);
        if (link[0] != '/') {
            while (directory > parts->authority && base[directory - 1] != '/')
                directory--;
            put_link(text, base + parts->authority, directory - parts->authority);
            if (directory == parts->authority)
                put(text, "/", 1);
        }
        put_link(text, link, path);
        remove_dots(text, parts->authority);
    }
    put_link(text, link + path, strlen(link + path));
}

char *dataverse_url_resolve(const char *base, const char *link)
{
    struct dataverse_origin origin;
    struct text text = {0};
    struct parts parts;
    const char *hash = strchr(link, '#');
    size_t length = hash != NULL ? (size_t)(hash - link) : strlen(link);
    size_t base_length = strlen(base);
    size_t i;
    char *copy;
    for (i = 0; i < length; i++) {
        if ((unsigned char)link[i] < 0x20 || link[i] == 0x7f)
            return NULL;
    }
    if (dataverse_url_origin(base, &origin) != 0 || length > SIZE_MAX / 8 || base_length > SIZE_MAX / 8)
        return NULL;
    copy = strndup(link, length);
    text.data = malloc((length + base_length) * 3 + 2);
    if (copy == NULL || text.data == NULL) {
        free(copy);
        free(text.data);
        return NULL;
    }
    take_apart(base, &parts);
    if (scheme_length(copy) != 0) {
        put_link(&text, copy, length);
    } else if (copy[0] == '/' && copy[1] == '/') {
        put(&text, base, parts.scheme);
        put_link(&text, copy, length);
    } else {
        merge(&text, base, &parts, copy);
    }
    text.data[text.length] = '\0';
    free(copy);
    if (dataverse_url_origin(text.data, &origin) != 0) {
        free(text.data);
        return NULL;
    }
    return text.data;
}

void dataverse_url_for_message(const char *url, char *text, size_t size)
{
    size_t length = strcspn(url, "?#");
    size_t scheme = scheme_length(url);
    size_t start = 0;
    size_t n = 0;
    size_t i;
    if (size == 0)
        return;
    /* User info may be a password. */
    if (scheme != 0 && url[scheme + 1] == '/' && url[scheme + 2] == '/') {
        size_t end = scheme + 3 + strcspn(url + scheme + 3, "/?#");
        for (i = scheme + 3; i < end; i++) {
            if (url[i] == '@')
                start = i + 1;
        }
    }
    for (i = start; i < length && n + 1 < size; i++) {
        unsigned char c = (unsigned char)url[i];
        text[n++] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
    }
    text[n] = '\0';
}

char *dataverse_url_encode(const char *bytes, size_t length)
{
    struct text text = {0};
    size_t i;
    if (length > SIZE_MAX / 4)
        return NULL;
    text.data = malloc(length * 3 + 1);
    if (text.data == NULL)
        return NULL;
    for (i = 0; i < length; i++) {
        char c = bytes[i];
        if (is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
            put(&text, &c, 1);
        else
            put_encoded(&text, (unsigned char)c);
    }
    text.data[text.length] = '\0';
    return text.data;
}
