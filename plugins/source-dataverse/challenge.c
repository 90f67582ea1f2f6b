/*
 * challenge.c - what a WWW-Authenticate header says. Dataverse writes
 *     Bearer authorization_uri=https://login.microsoftonline.com/<tenant>/oauth2/authorize,
 * resource_id=https://…/ with values that are neither quoted nor tokens, so a parser by RFC 7235 finds
 * nothing in it (seen in a recorded header of a live organisation). This one takes what it can understand.
 */
#include <string.h>
#include <strings.h>

#include "auth.h"

struct found {
    char *uri;
    char *resource;
    size_t size;
    int bearer; /* inside a Bearer challenge */
};

static int is_space(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_space(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

/* A value in quotes, \" and \\ undone; behind it, or at the end when the quote is not closed. A value that
 * does not fit is as good as none: "". */
static const char *quoted_value(const char *p, char *value, size_t size)
{
    char quote = *p++;
    size_t n = 0;
    while (*p != '\0' && *p != quote) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        if (n < size)
            value[n] = *p;
        n++;
        p++;
    }
    value[n < size ? n : 0] = '\0';
    return *p == '\0' ? p : p + 1;
}

static const char *plain_value(const char *p, char *value, size_t size)
{
    size_t n = strcspn(p, ", \t");
    size_t kept = n < size ? n : 0;
    memcpy(value, p, kept);
    value[kept] = '\0';
    return p + n;
}

/* Reads the value behind "key=" and keeps it when the key is one of ours; the first of two stands. */
static const char *take_value(const char *p, const char *key, size_t key_length, struct found *found)
{
    char ignored[1];
    char *value = ignored;
    if (found->bearer && key_length == strlen("authorization_uri") &&
        strncasecmp(key, "authorization_uri", key_length) == 0 && found->uri[0] == '\0')
        value = found->uri;
    else if (found->bearer && key_length == strlen("resource_id") &&
             strncasecmp(key, "resource_id", key_length) == 0 && found->resource[0] == '\0')
        value = found->resource;
    size_t size = value == ignored ? sizeof ignored : found->size;
    return *p == '"' || *p == '\'' ? quoted_value(p, value, size) : plain_value(p, value, size);
}

/* One word of the header: a key with its value, or the name of a scheme, with which a challenge begins. */
static const char *take_word(const char *p, struct found *found, int *done)
{
    const char *word = p;
    size_t length = strcspn(p, ", \t=\"'");
    const char *behind = skip_space(p + length);
    if (*behind == '=')
        return take_value(skip_space(behind + 1), word, length, found);
    if (length == 0) /* a quote that belongs to nothing */
        return p + 1;
    /* Several challenges stand in one header: the first that names a login host is the one. */
    if (found->uri[0] != '\0')
        *done = 1;
    else
        found->resource[0] = '\0';
    found->bearer = length == strlen("Bearer") && strncasecmp(word, "Bearer", length) == 0;
    return p + length;
}

static int is_text(const char *value)
{
    for (; *value != '\0'; value++)
        if ((unsigned char)*value <= ' ' || (unsigned char)*value >= 0x7f)
            return 0;
    return 1;
}

int dataverse_challenge_parse(const char *header, char *authorization_uri, char *resource, size_t size)
{
    struct found found = {.uri = authorization_uri, .resource = resource, .size = size};
    if (size == 0)
        return -1;
    authorization_uri[0] = '\0';
    resource[0] = '\0';
    int done = 0;
    const char *p = header;
    while (!done) {
        p += strspn(p, ", \t");
        if (*p == '\0')
            break;
        p = take_word(p, &found, &done);
    }
    if (!is_text(resource))
        resource[0] = '\0';
    if (!is_text(authorization_uri))
        authorization_uri[0] = '\0';
    return authorization_uri[0] == '\0' ? -1 : 0;
}
