#include <stdlib.h>
#include <string.h>

#include "passed.h"

int dataverse_keys_add(struct dataverse_keys *keys, const uint8_t *key)
{
    if (keys->n == keys->capacity) {
        size_t capacity = keys->capacity == 0 ? 512 : keys->capacity * 2;
        uint8_t(*grown)[16] = reallocarray(keys->keys, capacity, sizeof *grown);
        if (grown == NULL)
            return -1;
        keys->keys = grown;
        keys->capacity = capacity;
    }
    memcpy(keys->keys[keys->n++], key, 16);
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

void dataverse_keys_sort(struct dataverse_keys *keys)
{
    if (keys->n > 1)
        qsort(keys->keys, keys->n, sizeof *keys->keys, by_bytes);
    keys->sorted = keys->n;
}

int dataverse_keys_have(const struct dataverse_keys *keys, const uint8_t *key)
{
    return keys->sorted != 0 && bsearch(key, keys->keys, keys->sorted, sizeof *keys->keys, by_bytes) != NULL;
}

void dataverse_keys_clear(struct dataverse_keys *keys)
{
    keys->n = 0;
    keys->sorted = 0;
}

void dataverse_keys_free(struct dataverse_keys *keys)
{
    free(keys->keys);
    memset(keys, 0, sizeof *keys);
}

/* FNV-1a; never 0. */
static uint64_t hash_of(const char *url)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *url != '\0'; url++)
        hash = (hash ^ (unsigned char)*url) * UINT64_C(0x100000001b3);
    return hash == 0 ? 1 : hash;
}

static void place(uint64_t *slots, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (capacity - 1);
    slots[at] = hash;
}

int dataverse_links_add(struct dataverse_links *links, const char *url)
{
    if (links->n * 2 >= links->capacity) {
        size_t capacity = links->capacity == 0 ? 64 : links->capacity * 2;
        uint64_t *slots = calloc(capacity, sizeof *slots);
        if (slots == NULL)
            return -1;
        for (size_t i = 0; i < links->capacity; i++) {
            if (links->slots[i] != 0)
                place(slots, capacity, links->slots[i]);
        }
        free(links->slots);
        links->slots = slots;
        links->capacity = capacity;
    }
    place(links->slots, links->capacity, hash_of(url));
    links->n++;
    return 0;
}

int dataverse_links_has(const struct dataverse_links *links, const char *url)
{
    uint64_t hash = hash_of(url);
    if (links->capacity == 0)
        return 0;
    size_t at = (size_t)hash & (links->capacity - 1);
    while (links->slots[at] != 0 && links->slots[at] != hash)
        at = (at + 1) & (links->capacity - 1);
    return links->slots[at] == hash;
}

void dataverse_links_free(struct dataverse_links *links)
{
    free(links->slots);
    memset(links, 0, sizeof *links);
}
