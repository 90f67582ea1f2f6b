#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "percent.h"
#include "request.h"

#define PAGE_SIZE_MAX 5000

/* The end of a preference: the next comma outside quotes. */
static const char *preference_end(const char *text)
{
    int quoted = 0;
    for (; *text != '\0' && (quoted || *text != ','); text++)
        if (*text == '"')
            quoted = !quoted;
    return text;
}

static void apply(struct sim_prefer *prefer, const char *text, size_t length)
{
    size_t used = strlen(prefer->applied);
    if (used + length + 2 < sizeof prefer->applied)
        snprintf(prefer->applied + used, sizeof prefer->applied - used, "%s%.*s", used == 0 ? "" : ",",
                 (int)length, text);
}

void sim_prefer_read(const char *text, struct sim_prefer *prefer)
{
    static const char size[] = "odata.maxpagesize=";
    static const char annotations[] = "odata.include-annotations=";
    memset(prefer, 0, sizeof *prefer);
    while (text != NULL && *text != '\0') {
        text += strspn(text, " \t,");
        const char *end = preference_end(text);
        size_t length = (size_t)(end - text);
        while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
            length--;
        if (strncasecmp(text, size, sizeof size - 1) == 0) {
            unsigned long wanted = strtoul(text + sizeof size - 1, NULL, 10);
            prefer->has_page_size = 1;
            if (wanted >= 1 && wanted <= PAGE_SIZE_MAX) {
                prefer->max_page_size = (uint32_t)wanted;
                apply(prefer, text, length);
            }
        } else if (strncasecmp(text, annotations, sizeof annotations - 1) == 0) {
            prefer->annotations = 1;
            apply(prefer, text, length);
        }
        text = end;
    }
}

int sim_query_has(const char *query, const char *name)
{
    size_t n = strlen(name);
    while (query != NULL && *query != '\0') {
        const char *at = query;
        if (name[0] == '$' && strncmp(at, "%24", 3) == 0)
            at += 2; /* the 4 stands where the $ would */
        if ((at != query || *at == name[0]) && strncmp(at + 1, name + 1, n - 1) == 0 && at[n] == '=')
            return 1;
        query = strchr(query, '&');
        if (query != NULL)
            query++;
    }
    return 0;
}

char *sim_path_below(const char *path, int *known)
{
    static const char base[] = "/api/data/v9.";
    *known = strncmp(path, base, sizeof base - 1) == 0 && strchr("012", path[sizeof base - 1]) != NULL &&
             path[sizeof base - 1] != '\0' && path[sizeof base] == '/';
    if (!*known)
        return NULL;
    path += sizeof base + 1;
    return sim_percent_decode(path, strlen(path), 0, NULL);
}

int sim_holds_secret(const char *text, size_t length, const char *secret)
{
    if (text == NULL || memchr(text, secret[0], length) == NULL)
        if (text == NULL || memchr(text, '%', length) == NULL)
            return 0;
    int found = memmem(text, length, secret, strlen(secret)) != NULL;
    char *decoded = found ? NULL : sim_percent_decode(text, length, 1, NULL);
    if (decoded != NULL)
        found = strstr(decoded, secret) != NULL;
    free(decoded);
    return found;
}
