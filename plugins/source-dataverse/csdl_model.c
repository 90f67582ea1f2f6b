/* csdl_model.c - names, each kept once, and the lists of the model. */
#include <stdlib.h>
#include <string.h>

#include "csdl_internal.h"

#define NAMES_MAX ((size_t)64 * 1024 * 1024)

static size_t hash_of(const char *text, size_t length)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ (h >> 32));
}

/* The slot in which the name is, or would be. */
static size_t slot_of(const struct dataverse_csdl *csdl, const char *text, size_t length)
{
    size_t mask = csdl->hash_size - 1;
    size_t slot = hash_of(text, length) & mask;
    while (csdl->hash[slot] != 0) {
        const char *name = csdl->names + csdl->hash[slot];
        if (strncmp(name, text, length) == 0 && name[length] == '\0')
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

static int grow_hash(struct dataverse_csdl *csdl)
{
    uint32_t *old = csdl->hash;
    size_t old_size = csdl->hash_size;
    size_t size = old_size == 0 ? 1024 : old_size * 2;
    uint32_t *hash = calloc(size, sizeof *hash);
    if (hash == NULL)
        return -1;
    csdl->hash = hash;
    csdl->hash_size = size;
    for (size_t i = 0; i < old_size; i++) {
        const char *name = csdl->names + old[i];
        if (old[i] != 0)
            hash[slot_of(csdl, name, strlen(name))] = old[i];
    }
    free(old);
    return 0;
}

static int grow_names(struct dataverse_csdl *csdl, size_t more)
{
    size_t capacity = csdl->names_capacity == 0 ? 16384 : csdl->names_capacity;
    size_t length = csdl->names_length == 0 ? 1 : csdl->names_length; /* the first is "" */
    while (capacity - length < more)
        capacity *= 2;
    if (capacity > NAMES_MAX)
        return -1;
    if (capacity != csdl->names_capacity) {
        char *names = realloc(csdl->names, capacity);
        if (names == NULL)
            return -1;
        csdl->names = names;
        csdl->names_capacity = capacity;
    }
    csdl->names[0] = '\0';
    csdl->names_length = length;
    return 0;
}

csdl_name dataverse_csdl_lookup(const struct dataverse_csdl *csdl, const char *text, size_t length)
{
    return csdl->hash_size == 0 || length == 0 ? 0 : csdl->hash[slot_of(csdl, text, length)];
}

csdl_name dataverse_csdl_intern(struct dataverse_csdl *csdl, const char *text, size_t length)
{
    if (length == 0)
        return 0;
    if (csdl->n_names >= csdl->hash_size / 2 && grow_hash(csdl) != 0)
        return 0;
    size_t slot = slot_of(csdl, text, length);
    if (csdl->hash[slot] != 0)
        return csdl->hash[slot];
    if (grow_names(csdl, length + 1) != 0)
        return 0;
    csdl_name name = (csdl_name)csdl->names_length;
    memcpy(csdl->names + name, text, length);
    csdl->names[name + length] = '\0';
    csdl->names_length += length + 1;
    csdl->hash[slot] = name;
    csdl->n_names++;
    return name;
}

void *dataverse_csdl_grow(void **list, size_t *n, size_t *capacity, size_t size, size_t max)
{
    if (*n >= max)
        return NULL;
    if (*n == *capacity) {
        size_t more = *capacity == 0 ? 64 : *capacity * 2;
        void *bigger = reallocarray(*list, more, size);
        if (bigger == NULL)
            return NULL;
        *list = bigger;
        *capacity = more;
    }
    void *item = (char *)*list + *n * size;
    memset(item, 0, size);
    ++*n;
    return item;
}

const struct csdl_type *dataverse_csdl_type(const struct dataverse_csdl *csdl, csdl_name name)
{
    size_t low = 0;
    size_t high = csdl->n_types;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (csdl->types[middle].name < name)
            low = middle + 1;
        else
            high = middle;
    }
    return low < csdl->n_types && csdl->types[low].name == name && name != 0 ? &csdl->types[low] : NULL;
}

void dataverse_csdl_free(struct dataverse_csdl *csdl)
{
    if (csdl == NULL)
        return;
    free(csdl->names);
    free(csdl->hash);
    free(csdl->types);
    free(csdl->properties);
    free(csdl->references);
    free(csdl->sets);
    free(csdl);
}
