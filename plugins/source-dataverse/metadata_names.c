/* metadata_names.c - tables by set name and by logical name, and what somebody may have meant who misspelt
 * one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "metadata_internal.h"

struct dataverse_entity *dataverse_entity_new(const char *logical_name, const char *set_name, const char *key,
                                              int hidden)
{
    struct dataverse_entity *entity = calloc(1, sizeof *entity);
    if (entity == NULL)
        return NULL;
    entity->logical_name = strdup(logical_name);
    entity->set_name = strdup(set_name);
    entity->key = key == NULL ? NULL : strdup(key);
    entity->hidden = hidden;
    if (entity->logical_name == NULL || entity->set_name == NULL || (key != NULL && entity->key == NULL)) {
        dataverse_entity_free(entity);
        return NULL;
    }
    return entity;
}

void dataverse_entity_free(struct dataverse_entity *entity)
{
    if (entity == NULL)
        return;
    free(entity->logical_name);
    free(entity->set_name);
    free(entity->key);
    free(entity);
}

int dataverse_entities_add(struct dataverse_entities *entities, struct dataverse_entity *entity)
{
    if (entity == NULL)
        return -1;
    if ((entities->n & (entities->n + 1)) == 0) { /* room for 1, 3, 7, ... is used up */
        struct dataverse_entity **list =
            reallocarray(entities->list, entities->n * 2 + 1, sizeof(struct dataverse_entity *));
        if (list == NULL) {
            dataverse_entity_free(entity);
            return -1;
        }
        entities->list = list;
    }
    entities->list[entities->n++] = entity;
    return 0;
}

static const struct dataverse_entity *at(const void *p)
{
    const struct dataverse_entity *const *entity = p;
    return *entity;
}

static int by_set(const void *a, const void *b)
{
    return strcasecmp(at(a)->set_name, at(b)->set_name);
}

static int by_logical(const void *a, const void *b)
{
    return strcasecmp(at(a)->logical_name, at(b)->logical_name);
}

/* Sorts and drops all but one of equals. Returns how many are left. */
static size_t sort_unique(struct dataverse_entity **list, size_t n,
                          int (*compare)(const void *, const void *))
{
    size_t kept = 0;
    if (n == 0)
        return 0;
    qsort(list, n, sizeof *list, compare);
    for (size_t i = 1; i < n; i++) {
        if (compare(&list[kept], &list[i]) != 0)
            list[++kept] = list[i];
        else
            dataverse_entity_free(list[i]);
    }
    return kept + 1;
}

int dataverse_entities_sort(struct dataverse_entities *entities)
{
    entities->n = sort_unique(entities->list, entities->n, by_logical);
    entities->n = sort_unique(entities->list, entities->n, by_set);
    free(entities->by_logical);
    entities->by_logical = calloc(entities->n + 1, sizeof(struct dataverse_entity *));
    if (entities->by_logical == NULL)
        return -1;
    if (entities->n > 0) {
        memcpy(entities->by_logical, entities->list, entities->n * sizeof *entities->list);
        qsort(entities->by_logical, entities->n, sizeof *entities->by_logical, by_logical);
    }
    return 0;
}

static int name_to_set(const void *name, const void *entity)
{
    return strcasecmp(name, at(entity)->set_name);
}

static int name_to_logical(const void *name, const void *entity)
{
    return strcasecmp(name, at(entity)->logical_name);
}

struct dataverse_entity *dataverse_entities_find(const struct dataverse_entities *entities, const char *name)
{
    struct dataverse_entity **found = NULL;
    if (entities->n > 0) {
        found = bsearch(name, entities->list, entities->n, sizeof *found, name_to_set);
        if (found == NULL)
            found = bsearch(name, entities->by_logical, entities->n, sizeof *found, name_to_logical);
    }
    return found == NULL ? NULL : *found;
}

const char *dataverse_entities_set(const struct dataverse_entities *entities, const char *logical_name)
{
    struct dataverse_entity **found = NULL;
    if (entities->n > 0)
        found = bsearch(logical_name, entities->by_logical, entities->n, sizeof *found, name_to_logical);
    return found == NULL ? NULL : (*found)->set_name;
}

/* ---- near names ---- */

#define NEAR_MAX 40u /* longer names are compared by their beginning */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* How many letters have to be changed, added or taken away to make one name of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NEAR_MAX + 1];
    size_t n = strnlen(a, NEAR_MAX);
    size_t m = strnlen(b, NEAR_MAX);
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            row[j] = least(row[j] + 1, row[j - 1] + 1, diagonal + (lower(a[i - 1]) != lower(b[j - 1])));
            diagonal = above;
        }
    }
    return row[m];
}

void dataverse_entities_near(const struct dataverse_entities *entities, const char *name, char *text,
                             size_t size)
{
    enum { SHOWN = 3 };
    const char *best[SHOWN] = {NULL};
    size_t far[SHOWN];
    size_t enough = strlen(name) / 3 + 1; /* a misspelt name, not another one */
    text[0] = '\0';
    for (size_t k = 0; k < SHOWN; k++)
        far[k] = enough + 1;
    for (size_t i = 0; i < entities->n; i++) {
        const struct dataverse_entity *entity = entities->list[i];
        size_t set = distance(name, entity->set_name);
        size_t logical = distance(name, entity->logical_name);
        size_t d = set < logical ? set : logical;
        for (size_t k = 0; k < SHOWN; k++) {
            if (d >= far[k])
                continue;
            for (size_t move = SHOWN - 1; move > k; move--) {
                far[move] = far[move - 1];
                best[move] = best[move - 1];
            }
            far[k] = d;
            best[k] = entity->set_name;
            break;
        }
    }
    size_t used = 0;
    for (size_t k = 0; k < SHOWN && best[k] != NULL; k++) {
        int n = snprintf(text + used, size - used, "%s%s", k == 0 ? "" : ", ", best[k]);
        if (n < 0 || (size_t)n >= size - used)
            break;
        used += (size_t)n;
    }
    text[used] = '\0';
}

void dataverse_entities_free(struct dataverse_entities *entities)
{
    for (size_t i = 0; i < entities->n; i++)
        dataverse_entity_free(entities->list[i]);
    free(entities->list);
    free(entities->by_logical);
    memset(entities, 0, sizeof *entities);
}
