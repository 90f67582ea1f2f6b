/*
 * passed.h - what a read remembers of what it has seen: keys of a page's records, addresses of pages.
 */
#ifndef DATAVERSE_PASSED_H
#define DATAVERSE_PASSED_H

#include <stddef.h>
#include <stdint.h>

/* Keys in the order of their coming; the first `sorted` of them are sorted and can be looked up. */
struct dataverse_keys {
    uint8_t (*keys)[16];
    size_t n;
    size_t capacity;
    size_t sorted;
};

/* 0, or -1 when memory is out. */
int dataverse_keys_add(struct dataverse_keys *keys, const uint8_t *key);
/* From now on dataverse_keys_have() knows all that were added so far. */
void dataverse_keys_sort(struct dataverse_keys *keys);
int dataverse_keys_have(const struct dataverse_keys *keys, const uint8_t *key);
void dataverse_keys_clear(struct dataverse_keys *keys);
void dataverse_keys_free(struct dataverse_keys *keys);

/* 64-bit hashes of addresses, in an open hash table. */
struct dataverse_links {
    uint64_t *slots; /* 0: free */
    size_t n;
    size_t capacity;
};

int dataverse_links_add(struct dataverse_links *links, const char *url);
int dataverse_links_has(const struct dataverse_links *links, const char *url);
void dataverse_links_free(struct dataverse_links *links);

#endif
